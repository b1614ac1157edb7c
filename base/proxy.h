/* A SOCKS5 proxy (RFC 1928) that a node dials through. Plain data; any thread reads it. */
#ifndef KITH_BASE_PROXY_H
#define KITH_BASE_PROXY_H

#include "base/endpoint.h"

#define PROXY_NAME_MAX 255 /* bytes of a user name, and of a password: RFC 1929 has no more */

/* The user's name and password. They lie in locked memory alone (app/proxy.h). Never logged or shown, nor
 * copied to where they stay. */
struct proxy_login {
    char user[PROXY_NAME_MAX + 1], password[PROXY_NAME_MAX + 1];
    size_t size;                             /* of `request` */
    uint8_t request[3 + 2 * PROXY_NAME_MAX]; /* the same as RFC 1929 has it on the wire */
};

struct proxy {
    struct address at;               /* port 0: there is no proxy */
    const struct proxy_login *login; /* NULL for none */
};

#endif
