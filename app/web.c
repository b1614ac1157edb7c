#include "app/web.h"

#include <errno.h>
#include <unistd.h>

#include "app/text.h"

#ifdef KITH_WITH_HTTP

#include "app/http/server.h"

int web_check(const struct options *o, char *error, size_t error_size)
{
    struct http_place place;
    if (!o->http[0] || http_place_parse(&place, o->http)) {
        return 0;
    }
    return text_fail(error, error_size, "-http: \"%s\" is no port and no ADDRESS:PORT", o->http);
}

static bool is_loopback(const struct ip *ip)
{
    static const struct ip one = {.bytes = {[15] = 1}}; /* ::1 */
    return ip_is_v4(ip) ? ip->bytes[12] == 127 : ip_equal(ip, &one);
}

/* There is no password: who reaches it sees the peers and the log. */
static void tell(const struct endpoint *e, const struct log_sink *log)
{
    char at[ENDPOINT_TEXT_MAX];
    endpoint_format(e, at, sizeof at);
    log_line(log, LOG_LEVEL_INFO, "HTTP: http://%s/", at);
    if (!is_loopback(&e->ip)) {
        log_line(log, LOG_LEVEL_WARNING,
                 "HTTP: whoever reaches %s sees this node's peers and log, without a password", at);
    }
}

int web_open(struct http **web, struct desk *d, const struct options *o, const struct own_log *log,
             char *error, size_t error_size)
{
    struct http_place place;
    char bad[512];
    *web = NULL;
    if (!o->http[0] || !http_place_parse(&place, o->http)) {
        return web_check(o, error, error_size);
    }
    *web = http_open(d, &place, log->tail, log->writer, bad, sizeof bad);
    if (!*web) {
        return text_fail(error, error_size, "-http: %s", bad);
    }
    tell(http_listening(*web), log->sink);
    return 0;
}

int web_try(const struct options *o, struct ip *ip, bool *has_ip, uint16_t *port, char *error,
            size_t error_size)
{
    struct http_place place;
    struct endpoint at;
    *has_ip = false;
    *port = 0;
    if (!o->http[0] || !http_place_parse(&place, o->http)) {
        return 0; /* web_check has refused the latter */
    }
    *has_ip = ip_parse(ip, place.host);
    *port = place.port;
    int fd = http_place_listen(&place, &at, error, error_size);
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

void web_bounds(struct bounds *b, const struct options *o, uint64_t places)
{
    if (o->http[0]) {
        http_bounds(b, places);
    }
}

void web_close(struct http *web)
{
    http_close(web);
}

#else

int web_check(const struct options *o, char *error, size_t error_size)
{
    return o->http[0] ? text_fail(error, error_size, "-http: this kith was built without libmicrohttpd") : 0;
}

int web_open(struct http **web, struct desk *d, const struct options *o, const struct own_log *log,
             char *error, size_t error_size)
{
    (void)d;
    (void)log;
    *web = NULL;
    return web_check(o, error, error_size);
}

int web_try(const struct options *o, struct ip *ip, bool *has_ip, uint16_t *port, char *error,
            size_t error_size)
{
    (void)o;
    (void)ip;
    (void)error;
    (void)error_size;
    *has_ip = false;
    *port = 0;
    return 0;
}

void web_bounds(struct bounds *b, const struct options *o, uint64_t places)
{
    (void)b;
    (void)o;
    (void)places;
}

void web_close(struct http *web)
{
    (void)web;
}

#endif
