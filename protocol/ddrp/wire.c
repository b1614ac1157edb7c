#include "protocol/ddrp/wire.h"

#include <string.h>

#include "protocol/varint.h"

static const uint8_t magic[4] = {0xca, 0xfe, 0xca, 0xfe};

/* --- reading --- */

enum uvarint_result { UVARINT_WHOLE, UVARINT_PART, UVARINT_MALFORMED };

static enum uvarint_result uvarint_read(struct bytes in, bool lax, uint64_t *value, size_t *length)
{
    uint64_t v = 0;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t byte = in.data[i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            return UVARINT_MALFORMED; /* above 2^64-1, or longer still */
        }
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value = v;
            *length = i + 1;
            return i > 0 && byte == 0 && !lax ? UVARINT_MALFORMED : UVARINT_WHOLE;
        }
    }
    return UVARINT_PART;
}

static uint32_t big_endian(const uint8_t *bytes, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | bytes[i];
    }
    return v;
}

struct ddrp_reader ddrp_reader(const struct ddrp_revision *r, struct bytes in)
{
    /* No arithmetic on NULL, which an empty message may be. */
    const uint8_t *end = in.size > 0 ? in.data + in.size : in.data;
    return (struct ddrp_reader){.at = in.data, .end = end, .lax = r->lax};
}

static size_t left(const struct ddrp_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

const uint8_t *ddrp_take(struct ddrp_reader *r, size_t n)
{
    const uint8_t *taken = r->at;
    if (r->failed || n > left(r)) {
        r->failed = true;
        return NULL;
    }
    r->at += n;
    return taken;
}

uint32_t ddrp_take_uint(struct ddrp_reader *r, size_t n)
{
    const uint8_t *bytes = ddrp_take(r, n);
    return bytes ? big_endian(bytes, n) : 0;
}

uint64_t ddrp_take_uvarint(struct ddrp_reader *r)
{
    uint64_t value;
    size_t length;
    struct bytes in = {.data = r->at, .size = left(r)};
    if (uvarint_read(in, r->lax, &value, &length) != UVARINT_WHOLE) {
        r->failed = true;
        return 0;
    }
    r->at += length;
    return value;
}

struct bytes ddrp_take_string(struct ddrp_reader *r)
{
    uint64_t size = ddrp_take_uvarint(r);
    if (size > left(r)) {
        r->failed = true;
    }
    if (r->failed) {
        return (struct bytes){.data = NULL};
    }
    return (struct bytes){.data = ddrp_take(r, (size_t)size), .size = (size_t)size};
}

bool ddrp_is_read(const struct ddrp_reader *r)
{
    return !r->failed && (r->lax || r->at == r->end);
}

bool ddrp_envelope_type(const struct ddrp_revision *r, struct bytes in, uint32_t *type)
{
    if (in.size < sizeof magic + r->type_bytes) {
        return false;
    }
    *type = big_endian(in.data + sizeof magic, r->type_bytes);
    return true;
}

enum ddrp_framing ddrp_envelope_read(const struct ddrp_revision *r, struct bytes in, uint64_t most,
                                     struct ddrp_envelope *e)
{
    size_t fixed = sizeof magic + r->type_bytes + 4, length_bytes;
    size_t n = in.size < sizeof magic ? in.size : sizeof magic;
    if (n > 0 && memcmp(in.data, magic, n) != 0) {
        return FRAMING_BAD_MAGIC;
    }
    if (in.size <= fixed) {
        return FRAMING_PART;
    }
    struct bytes rest = {.data = in.data + fixed, .size = in.size - fixed};
    uint64_t length;
    enum uvarint_result result = uvarint_read(rest, r->lax, &length, &length_bytes);
    if (result == UVARINT_PART) {
        return FRAMING_PART;
    }
    if (result == UVARINT_MALFORMED || length > most) {
        return FRAMING_BAD_LENGTH;
    }
    size_t head = fixed + length_bytes;
    if (length > in.size - head || in.size - head - length < DDRP_SIGNATURE_BYTES) {
        return FRAMING_PART;
    }
    e->head = (struct bytes){.data = in.data, .size = head};
    e->type = big_endian(in.data + sizeof magic, r->type_bytes);
    e->timestamp = big_endian(in.data + fixed - 4, 4);
    e->message = (struct bytes){.data = in.data + head, .size = (size_t)length};
    e->signature = e->message.data + length;
    e->size = head + (size_t)length + DDRP_SIGNATURE_BYTES;
    return FRAMING_WHOLE;
}

/* --- writing --- */

static size_t uint_write(uint8_t *to, uint32_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
    }
    return n;
}

void ddrp_put_uint(struct buffer *out, uint32_t value, size_t n)
{
    uint8_t bytes[4];
    buffer_add(out, bytes, uint_write(bytes, value, n));
}

void ddrp_put_uvarint(struct buffer *out, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    buffer_add(out, bytes, varint_write(bytes, value));
}

void ddrp_put_string(struct buffer *out, const char *text)
{
    size_t n = strlen(text);
    ddrp_put_uvarint(out, n);
    buffer_add(out, text, n);
}

size_t ddrp_head_write(const struct ddrp_revision *r, enum ddrp_kind kind, uint32_t timestamp,
                       size_t message_size, uint8_t *head)
{
    size_t n = sizeof magic;
    memcpy(head, magic, n);
    n += uint_write(head + n, (uint32_t)r->types[kind], r->type_bytes);
    n += uint_write(head + n, timestamp, 4);
    return n + varint_write(head + n, message_size);
}
