/* The sockets of one port, for connections or for datagrams: one for each family. */
#ifndef KITH_CONNECTION_SOCKETS_H
#define KITH_CONNECTION_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/endpoint.h"

#define SOCKETS_MAX 2

struct sockets {
    size_t n;
    int fds[SOCKETS_MAX];     /* non-blocking, close-on-exec */
    struct endpoint endpoint; /* of fds[0], with the real port; all have the same port */
};

/* Any thread; blocks for no longer than bind(2) does. `type` is SOCK_STREAM to listen for connections, or
 * SOCK_DGRAM for datagrams. Opens `bind`, or, if it is NULL, 0.0.0.0 and [::], the latter only if the system
 * has IPv6. Port 0: one that is free for every socket. False, with `error` filled and nothing left open, if a
 * port is taken or an address is not the system's. */
bool sockets_open(struct sockets *s, int type, const struct ip *bind, uint16_t port, char *error,
                  size_t error_size);
void sockets_close(struct sockets *s); /* any thread; idempotent */

#endif
