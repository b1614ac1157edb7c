#include "app/http/host.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/text.h"

enum { BACKLOG = 256 };

/* Decimal digits alone, up to 65535. */
static bool parse_port(const char *text, uint16_t *port)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 5 || text[n] != '\0' || strtoul(text, NULL, 10) > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)strtoul(text, NULL, 10);
    return true;
}

bool http_place_parse(struct http_place *place, const char *text)
{
    uint16_t port;
    if (parse_port(text + (*text == ':'), &port)) {
        *place = (struct http_place){.host = "127.0.0.1", .port = port};
        return true;
    }
    const char *colon = strrchr(text, ':');
    if (!colon || !parse_port(colon + 1, &port) || colon - text > HOST_MAX + 2) {
        return false;
    }
    /* Its own rules hold for names and brackets. It knows no port 0. */
    char with_port[HOST_MAX + 16];
    struct address a;
    int n = snprintf(with_port, sizeof with_port, "%.*s:1", (int)(colon - text), text);
    if (!address_parse(&a, with_port, (size_t)n)) {
        return false;
    }
    *place = (struct http_place){.port = port};
    memcpy(place->host, a.host, sizeof place->host);
    return true;
}

static int listen_at(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int http_place_listen(const struct http_place *place, struct endpoint *at, char *bad, size_t bad_size)
{
    char port[8];
    snprintf(port, sizeof port, "%u", place->port);
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int failed = getaddrinfo(place->host, port, &hints, &found);
    if (failed) {
        text_fail(bad, bad_size, "%s: %s", place->host, gai_strerror(failed));
        errno = ENOENT;
        return -1;
    }
    int fd = listen_at(found);
    int error = errno;
    freeaddrinfo(found);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&bound, &size) == 0 &&
        endpoint_from_sockaddr(at, (struct sockaddr *)&bound)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    text_fail(bad, bad_size, "cannot listen on %s port %u: %s", place->host, place->port, strerror(error));
    errno = error;
    return -1;
}

/* The host without its port and brackets; false if it is none. */
static bool cut_host(const char *host, char name[HOST_MAX + 2])
{
    const char *end = host + strlen(host), *colon = strrchr(host, ':');
    if (*host == '[') {
        host++;
        end = strchr(host, ']');
    } else if (colon) {
        end = colon;
    }
    if (!end || end == host || end - host > HOST_MAX) {
        return false;
    }
    memcpy(name, host, (size_t)(end - host));
    name[end - host] = '\0';
    return true;
}

bool http_host_is_ours(const char *host, const char *given)
{
    char name[HOST_MAX + 2];
    struct ip ip;
    return host && cut_host(host, name) &&
           (ip_parse(&ip, name) || strcasecmp(name, "localhost") == 0 || strcasecmp(name, given) == 0);
}
