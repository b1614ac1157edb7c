/* The limit per IP: how soon after one accepted connection an IP address (IPv6: a /64, ip_holder) may have
 * the next.
 *
 * A bounded memory of addresses and of when each was last accepted. Owned by one thread; never blocks and
 * reads no clock. */
#ifndef KITH_CONNECTION_IP_LIMIT_H
#define KITH_CONNECTION_IP_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/table.h"

struct ip_limit {
    int64_t gap_ms;
    size_t most;
    struct table seen;
};

/* Once sodium_init was called. gap_ms: least time between two connections of one IP; 0: no limit, and nothing
 * is remembered. `most` (at least 1): addresses that are remembered; beyond it the oldest quarter is
 * forgotten. */
void ip_limit_init(struct ip_limit *l, int64_t gap_ms, size_t most);
void ip_limit_clear(struct ip_limit *l); /* frees the memory */

/* False within gap_ms of the last ip_limit_accepted of that address. `now_ms` is monotonic, here and below.
 */
bool ip_limit_allows(const struct ip_limit *l, const struct ip *ip, int64_t now_ms);

/* A connection of that address is accepted now. False if memory is too short to remember it; then the
 * limit can't be kept, and the caller should not accept it. */
bool ip_limit_accepted(struct ip_limit *l, const struct ip *ip, int64_t now_ms);

#endif
