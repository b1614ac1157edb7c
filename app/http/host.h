/* Where HTTP is served, and by which names it may be asked. Any thread. */
#ifndef KITH_APP_HTTP_HOST_H
#define KITH_APP_HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

struct http_place {
    char host[HOST_MAX + 1]; /* an IP address or a host name, without brackets */
    uint16_t port;           /* 0 for any free one */
};

/* Reads "9110" or ":9110", which mean 127.0.0.1, "1.2.3.4:9110", "[::1]:9110", "name:9110". Does not block.
 * False for anything else; *place is then untouched. */
bool http_place_parse(struct http_place *place, const char *text);

/* Opens the socket that listens there. Blocks on the look-up if the host is a name. Returns the descriptor,
 * which is the caller's, and the address in *at; or -1 with the reason in `bad` and in errno, ENOENT if the
 * look-up failed. */
int http_place_listen(const struct http_place *place, struct endpoint *at, char *bad, size_t bad_size);

/* Whether a request may name this host ("127.0.0.1:9110"): an IP address, "localhost", or the name that was
 * given. A page of somebody else, whose name was made to lead here, names its own. Does not block. */
bool http_host_is_ours(const char *host, const char *given);

#endif
