/* The report of the seed fetcher to the core. */
#ifndef KITH_SEED_REPORT_H
#define KITH_SEED_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

/* The result of one fetch. One block from malloc, freed with free. */
struct seed_report {
    int64_t next_try_ms; /* milliseconds until the next try, as this one failed; 0: it succeeded */
    size_t bad_lines;    /* lines of the list that were reported as bad */
    size_t unresolved;   /* host names that gave nothing */
    char error[544]; /* the failure, without control characters; also if only the URL or only DNS failed; ""
                      * for none
                      */
    size_t n;
    struct endpoint endpoints[]; /* may name one endpoint twice */
};

#endif
