#include "protocol/factom/gob_cursor.h"

void factom_gob_fail(struct gob_cursor *c)
{
    c->failed = true;
    c->at = c->end;
}

/* How many bytes an unsigned integer takes that begins with this one; 0 if none begins so. */
static size_t uint_size(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    size_t n = 0x100 - (size_t)first;
    return n <= sizeof(uint64_t) ? 1 + n : 0;
}

bool factom_gob_has_uint(const struct gob_cursor *c)
{
    size_t left = factom_gob_left(c);
    return left > 0 && uint_size(*c->at) <= left;
}

uint64_t factom_gob_long_uint(struct gob_cursor *c)
{
    size_t left = factom_gob_left(c);
    size_t size = left > 0 ? uint_size(*c->at) : 0;
    if (size == 0 || size > left) {
        factom_gob_fail(c);
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 1; i < size; i++) {
        value = value << 8 | c->at[i];
    }
    c->at += size;
    return value;
}

int64_t factom_gob_int(struct gob_cursor *c)
{
    uint64_t value = factom_gob_uint(c);
    int64_t half = (int64_t)(value >> 1);
    return (value & 1) != 0 ? -1 - half : half;
}

struct bytes factom_gob_bytes(struct gob_cursor *c)
{
    uint64_t n = factom_gob_uint(c);
    if (n > factom_gob_left(c)) {
        factom_gob_fail(c);
        return (struct bytes){.data = c->at, .size = 0};
    }
    struct bytes b = {.data = c->at, .size = (size_t)n};
    c->at += n;
    return b;
}
