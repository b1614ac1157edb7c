#include "seed/backoff.h"

#define FIRST_MS INT64_C(2000)
#define MOST_MS  INT64_C(600000)

int64_t seed_backoff_ms(uint32_t failures, uint64_t random)
{
    if (failures == 0) {
        return 0;
    }
    int64_t wait = FIRST_MS;
    for (uint32_t i = 1; i < failures && wait < MOST_MS; i++) {
        wait *= 2;
    }
    if (wait > MOST_MS) {
        wait = MOST_MS;
    }
    return wait / 2 + (int64_t)(random % (uint64_t)(wait + 1));
}
