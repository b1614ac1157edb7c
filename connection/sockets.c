#include "connection/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"

/* How often a free port of one family may turn out to be taken in the other. */
#define PORT_TRIES 32

static int set_option(int fd, int level, int option)
{
    const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

static bool prepare(int fd, int type, const struct endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(at, &address);
    /* Without SO_REUSEADDR a restarted node could not have its port back while old connections linger in
     * TIME_WAIT. With it two sockets for datagrams could have one port. */
    if (type == SOCK_STREAM && set_option(fd, SOL_SOCKET, SO_REUSEADDR) != 0) {
        return false;
    }
    /* Else [::] would take the IPv4 port as well, and the socket for 0.0.0.0 could not have it. */
    if (address.ss_family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) {
        return false;
    }
    return bind(fd, (const struct sockaddr *)&address, size) == 0 &&
           (type == SOCK_DGRAM || listen(fd, SOMAXCONN) == 0);
}

/* -1 with errno. */
static int open_one(int type, const struct endpoint *at)
{
    int family = ip_is_v4(&at->ip) ? AF_INET : AF_INET6;
    int fd = descriptor_own(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0 || prepare(fd, type, at)) {
        return fd;
    }
    int error = errno;
    descriptor_close(fd);
    errno = error;
    return -1;
}

/* False with errno. */
static bool add(struct sockets *s, int type, const struct endpoint *at)
{
    int fd = open_one(type, at);
    if (fd < 0) {
        return false;
    }
    s->fds[s->n++] = fd;
    return true;
}

/* If the port was left to the system, it says which one only now. */
static bool learn_endpoint(struct sockets *s)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(s->fds[0], (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    return endpoint_from_sockaddr(&s->endpoint, (const struct sockaddr *)&address);
}

static bool system_lacks_ipv6(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* False with errno, and `failed` the endpoint that could not be had. */
static bool try_open(struct sockets *s, int type, const struct ip *bind, uint16_t port,
                     struct endpoint *failed)
{
    static const struct ip any_v6 = {{0}};
    s->n = 0;
    *failed = (struct endpoint){!bind ? ip_any_v4 : *bind, port};
    if (!add(s, type, failed)) {
        return false;
    }
    if (!learn_endpoint(s)) {
        return false;
    }
    if (bind) {
        return true;
    }
    *failed = (struct endpoint){any_v6, s->endpoint.port};
    return add(s, type, failed) || system_lacks_ipv6(errno);
}

bool sockets_open(struct sockets *s, int type, const struct ip *bind, uint16_t port, char *error,
                  size_t error_size)
{
    struct endpoint failed;
    for (int tries = 0; !try_open(s, type, bind, port, &failed); tries++) {
        int why = errno;
        sockets_close(s);
        if (port == 0 && why == EADDRINUSE && tries < PORT_TRIES) {
            continue;
        }
        char text[ENDPOINT_TEXT_MAX];
        snprintf(error, error_size, "cannot %s %s: %s%s",
                 type == SOCK_STREAM ? "listen on" : "take datagrams on",
                 endpoint_format(&failed, text, sizeof text), strerror(why),
                 why == EADDRINUSE && port != 0 ? "; -networkPort chooses another" : "");
        return false;
    }
    return true;
}

void sockets_close(struct sockets *s)
{
    for (size_t i = 0; i < s->n; i++) {
        descriptor_close(s->fds[i]);
    }
    s->n = 0;
}
