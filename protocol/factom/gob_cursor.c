#include "protocol/factom/gob_cursor.h"

void factom_gob_fail(struct gob_cursor *c)
{
    c->failed = true;
    c->at = c->end;
}

bool factom_gob_has_uint(const struct gob_cursor *c)
{
    if (c->at == c->end) {
        return false;
    }
    size_t more = *c->at < 0x80 ? 0 : 0x100 - (size_t)*c->at;
    return more > sizeof(uint64_t) || more < (size_t)(c->end - c->at);
}

uint64_t factom_gob_long_uint(struct gob_cursor *c)
{
    /* The first byte says how many more there are; one below 0x80 would say too many. */
    size_t more = c->at < c->end ? 0x100 - (size_t)*c->at : SIZE_MAX;
    if (more > sizeof(uint64_t) || more >= (size_t)(c->end - c->at)) {
        factom_gob_fail(c);
        return 0;
    }
    uint64_t value = 0;
    for (c->at++; more > 0; more--) {
        value = value << 8 | *c->at++;
    }
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
    if (n > (uint64_t)(c->end - c->at)) {
        factom_gob_fail(c);
        return (struct bytes){.data = c->at, .size = 0};
    }
    struct bytes b = {.data = c->at, .size = (size_t)n};
    c->at += n;
    return b;
}
