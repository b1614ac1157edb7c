/* How long to wait before the next try. */
#ifndef KITH_SEED_BACKOFF_H
#define KITH_SEED_BACKOFF_H

#include <stdint.h>

/* After `failures` failed tries in a row: 2 s doubling to 10 min, with up to a half more or less taken from
 * `random`, so that nodes which failed together do not come back together: a thousand of them spread over two
 * seconds at the first retry, and over ten minutes in the end. 0 after no failure. Milliseconds. Any thread;
 * pure. */
int64_t seed_backoff_ms(uint32_t failures, uint64_t random);

#endif
