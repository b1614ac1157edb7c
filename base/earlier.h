/* The earlier of two times, of one clock and unit. Any thread. */
#ifndef KITH_BASE_EARLIER_H
#define KITH_BASE_EARLIER_H

#include <stdint.h>

static inline int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
