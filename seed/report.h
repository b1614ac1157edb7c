/* What the seed fetcher tells. */
#ifndef KITH_SEED_REPORT_H
#define KITH_SEED_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

/* What one fetch came to. One block from malloc, freed with free. */
struct seed_report {
    int64_t next_try_ms; /* it failed, and is tried again in so many milliseconds; 0: it succeeded */
    size_t bad_lines;    /* lines of the list that were reported as bad */
    size_t unresolved;   /* host names that gave nothing */
    char error[544]; /* what went wrong, printable; also if only the URL or only DNS failed; "" for nothing
                      */
    size_t n;
    struct endpoint endpoints[]; /* may name one endpoint twice */
};

#endif
