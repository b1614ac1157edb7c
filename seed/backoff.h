/* How long to wait before the next try. */
#ifndef KITH_SEED_BACKOFF_H
#define KITH_SEED_BACKOFF_H

#include <stdint.h>

/* The wait after `failures` failed tries in a row, in milliseconds: 2 s, doubling to 10 min, and up to a half
 * more or less. `random` decides how much more or less, so that nodes which failed together do not come back
 * together: they spread over two seconds at the first retry, and over ten minutes in the end. 0 after no
 * failure. Any thread; pure. */
int64_t seed_backoff_ms(uint32_t failures, uint64_t random);

#endif
