/* How much each connection carries a second, from one look at the node to the next. The desk's thread alone;
 * nothing blocks. */
#ifndef KITH_APP_HTTP_RATES_H
#define KITH_APP_HTTP_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "kith.h"

struct rate {
    uint64_t connection;                                   /* whose */
    uint64_t bytes_in, bytes_out, parcels_in, parcels_out; /* so far */
    double per_s[4];                                       /* the same four a second, since the look before */
};

/* All zero before the first look. */
struct rates {
    struct rate *now; /* in the order of the connections' numbers; from malloc */
    size_t n;
    int64_t at_ms;
};

/* Takes the peers of a look at at_ms, in milliseconds. False, and *r is empty, if memory is short. */
bool rates_look(struct rates *r, const struct kith_peer *peers, size_t n, int64_t at_ms);

/* Of a connection of the last look; all zero if it was not there. */
struct rate rates_of(const struct rates *r, uint64_t connection);

void rates_free(struct rates *r);

#endif
