/* The configuration of a fetch, and its result. */
#ifndef KITH_SEED_RESULT_H
#define KITH_SEED_RESULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/log.h"
#include "base/proxy.h"

struct seed_config {
    int64_t connect_timeout_ms; /* 5,000 */
    int64_t total_timeout_ms;   /* 15,000: a transfer, redirects included; and as much again for look-ups */
    const _Atomic bool *stop;   /* looked at at least every 100 ms; true ends it with an error. NULL: none */
    const struct log_sink *log; /* not NULL */
    /* What transfers go through, with the names in their URLs; host names in lists are then not looked up.
     * NULL for none. */
    const struct proxy *proxy;
};

/* Starts as {0}. One thread at a time. */
struct seed_result {
    size_t n;
    size_t room;                /* endpoints that there is memory for */
    struct endpoint *endpoints; /* from malloc; host names are already looked up */
    size_t bad_lines;           /* lines that were reported as bad */
    size_t unresolved;          /* host names that gave nothing */
    char error[256];            /* why it failed, without control characters; "" if it did not */
};

/* Any thread; does not block. -1 if memory is short; then the result is as it was. */
int seed_result_add(struct seed_result *result, const struct endpoint *endpoints, size_t n);

/* Any thread; does not block. Sets the error, made harmless and cut to its room, and removes every endpoint.
 * Returns -1. */
int seed_result_fail(struct seed_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Any thread; does not block. Idempotent. */
void seed_result_free(struct seed_result *result);

/* Any thread; does not block. True if the fetch is to end now. */
bool seed_stopped(const struct seed_config *config);

#endif
