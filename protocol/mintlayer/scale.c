#include "protocol/mintlayer/scale.h"

/* How a compact number is written: the low two bits of its first byte. */
enum { MODE_1 = 0, MODE_2 = 1, MODE_4 = 2, MODE_LONG = 3 };

enum {
    LONG_LEAST = 4, /* bytes of the long mode */
    UINT_MAX_BYTES = 8,
};

/* --- reading --- */

struct scale_reader scale_reader(struct bytes in)
{
    /* No arithmetic on NULL, which an empty stretch may be. */
    const uint8_t *end = in.size > 0 ? in.data + in.size : in.data;
    return (struct scale_reader){.at = in.data, .end = end};
}

static size_t left(const struct scale_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

void scale_fail(struct scale_reader *r)
{
    r->failed = true;
}

const uint8_t *scale_take(struct scale_reader *r, size_t n)
{
    const uint8_t *taken = r->at;
    if (r->failed || n > left(r)) {
        r->failed = true;
        return NULL;
    }
    if (n > 0) {
        r->at += n;
    }
    return taken;
}

uint64_t scale_take_uint(struct scale_reader *r, size_t n)
{
    const uint8_t *bytes = scale_take(r, n);
    uint64_t value = 0;
    for (size_t i = bytes ? n : 0; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* The long mode: its first byte, which was not taken yet, says how many follow. */
static uint64_t take_long(struct scale_reader *r, size_t n)
{
    size_t size = (size_t)(scale_take_uint(r, 1) >> 2) + LONG_LEAST;
    if (size > n) {
        r->failed = true;
        return 0;
    }
    uint64_t value = scale_take_uint(r, size);
    if (size == LONG_LEAST ? value < 1U << 30 : value >> (8 * (size - 1)) == 0) {
        r->failed = true;
    }
    return r->failed ? 0 : value;
}

uint64_t scale_take_compact(struct scale_reader *r, size_t n)
{
    if (left(r) == 0) {
        r->failed = true;
        return 0;
    }
    unsigned mode = *r->at & 3;
    if (mode == MODE_LONG) {
        return take_long(r, n);
    }
    uint64_t value = scale_take_uint(r, (size_t)1 << mode) >> 2;
    if ((mode == MODE_2 && value < 1U << 6) || (mode == MODE_4 && value < 1U << 14)) {
        r->failed = true;
    }
    return r->failed ? 0 : value;
}

size_t scale_take_count(struct scale_reader *r, size_t least)
{
    uint64_t n = scale_take_compact(r, 4);
    if (n > left(r) / least) {
        r->failed = true;
    }
    return r->failed ? 0 : (size_t)n;
}

struct bytes scale_take_vec(struct scale_reader *r)
{
    size_t n = scale_take_count(r, 1);
    const uint8_t *data = scale_take(r, n);
    return (struct bytes){.data = data, .size = data ? n : 0};
}

/* How many bytes the character has that begins there; 0 for none that is valid. */
static size_t utf8_length(const uint8_t *at, size_t size)
{
    static const struct {
        uint8_t mask, is;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    size_t n = 0;
    while (n < 4 && (at[0] & forms[n].mask) != forms[n].is) {
        n++;
    }
    if (n == 4 || n >= size) {
        return 0;
    }
    uint32_t point = at[0] & (uint8_t)~forms[n].mask;
    for (size_t i = 1; i <= n; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (at[i] & 0x3f);
    }
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < forms[n].least || point > 0x10ffff || is_surrogate ? 0 : n + 1;
}

struct bytes scale_take_string(struct scale_reader *r)
{
    struct bytes text = scale_take_vec(r);
    for (size_t at = 0; at < text.size;) {
        size_t n = utf8_length(text.data + at, text.size - at);
        if (n == 0) {
            r->failed = true;
            return (struct bytes){.data = NULL};
        }
        at += n;
    }
    return text;
}

bool scale_take_some(struct scale_reader *r)
{
    uint64_t tag = scale_take_uint(r, 1);
    if (tag > 1) {
        r->failed = true;
    }
    return !r->failed && tag == 1;
}

bool scale_is_read(const struct scale_reader *r)
{
    return !r->failed && r->at == r->end;
}

/* --- writing --- */

void scale_put_uint(struct buffer *out, uint64_t value, size_t n)
{
    uint8_t bytes[UINT_MAX_BYTES];
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    buffer_add(out, bytes, n);
}

void scale_put_compact(struct buffer *out, uint64_t value)
{
    if (value < 1U << 6) {
        scale_put_uint(out, value << 2 | MODE_1, 1);
    } else if (value < 1U << 14) {
        scale_put_uint(out, value << 2 | MODE_2, 2);
    } else if (value < 1U << 30) {
        scale_put_uint(out, value << 2 | MODE_4, 4);
    } else {
        size_t size = LONG_LEAST;
        while (size < UINT_MAX_BYTES && value >> (8 * size) > 0) {
            size++;
        }
        scale_put_uint(out, (size - LONG_LEAST) << 2 | MODE_LONG, 1);
        scale_put_uint(out, value, size);
    }
}

void scale_put_vec(struct buffer *out, struct bytes bytes)
{
    scale_put_compact(out, bytes.size);
    buffer_add(out, bytes.data, bytes.size);
}
