/* The local IPv4 networks that this system is on, and can broadcast to. The thread of the UDP sockets asks
 * for them. */
#ifndef KITH_CONNECTION_LAN_H
#define KITH_CONNECTION_LAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

enum { LANS_MOST = 16 /* further ones are left out */ };

struct lan {
    struct ip own, broadcast; /* our address there, and that of everybody */
};

/* All zero at first. */
struct lans {
    struct lan list[LANS_MOST];
    size_t n;
    int64_t again_ms; /* the system is not asked again before; 0: it was never asked */
};

/* Asks the system for the networks, unless it was asked in the last ten seconds. Of several that have one
 * broadcast address it takes one; no loopback, and only interfaces that are up. With an address to which the
 * sockets are bound, not 0.0.0.0: only the network of that address. It does not block for more than the few
 * calls that it makes. If the system gives no answer there are none. */
void lans_look(struct lans *l, const struct ip *bound, int64_t now_ms);

/* Whether that address is ours in one of them. */
bool lans_have(const struct lans *l, const struct ip *own);

#endif
