/* A schema that keeps everything in memory: values under names of one byte. */
#ifndef KITH_TESTS_MEMORY_STORE_H
#define KITH_TESTS_MEMORY_STORE_H

#include "store/schema.h"

enum memory_store_kind {
    MEMORY_PUT = 1, /* the first byte is the name, the others are the value; answered by MEMORY_KEPT */
    MEMORY_GET,     /* a name; answered by MEMORY_VALUE, with the value, or MEMORY_NONE */
    MEMORY_KEPT,
    MEMORY_VALUE,
    MEMORY_NONE,
    MEMORY_SLEEP, /* keeps the thread for MEMORY_SLEEP_MS; answered by MEMORY_KEPT */
};

enum { MEMORY_SLEEP_MS = 300 };

extern const struct store_schema memory_store;
extern const struct store_schema closed_store; /* fails to open */

#endif
