#include "seed/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

int seed_result_add(struct seed_result *result, const struct endpoint *endpoints, size_t n)
{
    if (n == 0) {
        return 0;
    }
    if (!array_reserve(result->endpoints, result->room, result->n + n)) {
        return -1;
    }
    memcpy(result->endpoints + result->n, endpoints, n * sizeof *endpoints);
    result->n += n;
    return 0;
}

int seed_result_fail(struct seed_result *result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->error, sizeof result->error, format, arguments);
    va_end(arguments);
    utf8_make_harmless(result->error);
    seed_result_free(result);
    return -1;
}

void seed_result_free(struct seed_result *result)
{
    free(result->endpoints);
    result->endpoints = NULL;
    result->n = 0;
    result->room = 0;
}

bool seed_stopped(const struct seed_config *config)
{
    /* Relaxed: the flag says "stop" and nothing else; no other memory is read because of it. */
    return config->stop && atomic_load_explicit(config->stop, memory_order_relaxed);
}
