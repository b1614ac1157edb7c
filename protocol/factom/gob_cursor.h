/* The primitives of gob: integers, and runs of bytes. Values (gob_read.c) and definitions of types
 * (gob_types.c) are both made of them. */
#ifndef KITH_PROTOCOL_FACTOM_GOB_CURSOR_H
#define KITH_PROTOCOL_FACTOM_GOB_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"

/* Where reading has come to. A failure is sticky: from then on everything reads as 0 or empty, so that a
 * reader checks once, at its end. */
struct gob_cursor {
    const uint8_t *at, *end; /* of the message at hand */
    const uint8_t *start;    /* of the first message of the value */
    const uint8_t *come;     /* end of all bytes that have come */
    uint64_t most;           /* bytes that the value's messages may have together */
    bool failed;
    size_t missing; /* not 0: it failed only because so many bytes more must come */
};

static inline size_t factom_gob_left(const struct gob_cursor *c)
{
    return (size_t)(c->end - c->at);
}

void factom_gob_fail(struct gob_cursor *c);

/* True if an integer's bytes have all come, or enough to see that it is none. */
bool factom_gob_has_uint(const struct gob_cursor *c);

/* One of more than a byte; for factom_gob_uint alone. */
uint64_t factom_gob_long_uint(struct gob_cursor *c);

static inline uint64_t factom_gob_uint(struct gob_cursor *c)
{
    return c->at < c->end && *c->at < 0x80 ? *c->at++ : factom_gob_long_uint(c);
}

int64_t factom_gob_int(struct gob_cursor *c);

/* A string or byte slice, as a view into the cursor's bytes. */
struct bytes factom_gob_bytes(struct gob_cursor *c);

#endif
