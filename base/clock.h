/* The clocks. Any thread; nothing blocks. Threads read them; the core, wires, sessions and services are
 * passed the time. */
#ifndef KITH_BASE_CLOCK_H
#define KITH_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Milliseconds of a clock that never goes back: for deadlines. */
static inline int64_t clock_ms(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* The same to within some milliseconds (the kernel's tick), several times cheaper. */
static inline int64_t clock_coarse_ms(void)
{
    return clock_read(CLOCK_MONOTONIC_COARSE);
}

/* Milliseconds since 1970: for what outlives the process. */
static inline int64_t clock_wall_ms(void)
{
    return clock_read(CLOCK_REALTIME);
}

#endif
