#include "protocol/buffer.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 512
#define FIRST_PARTS    4

void buffer_init(struct buffer *b)
{
    *b = (struct buffer){0};
}

static void release_parts(struct buffer *b, size_t from)
{
    for (size_t i = from; i < b->n_parts; i++) {
        parcel_release(b->parts[i].parcel);
    }
    b->n_parts = from;
}

void buffer_fini(struct buffer *b)
{
    release_parts(b, b->first_part);
    free(b->parts);
    free(b->data);
    buffer_init(b);
}

/* Forgets copied bytes that have gone, once they are the larger half: each byte is then moved at most once on
 * average. */
static void compact_data(struct buffer *b)
{
    if (b->data_sent == 0 || b->data_sent < b->used - b->data_sent) {
        return;
    }
    b->used -= b->data_sent;
    memmove(b->data, b->data + b->data_sent, b->used);
    b->data_sent = 0;
}

static bool grow_data(struct buffer *b, size_t n)
{
    if (n > SIZE_MAX / 2 - b->used) {
        return false;
    }
    size_t capacity = b->capacity == 0 ? FIRST_CAPACITY : b->capacity;
    while (capacity < b->used + n) {
        capacity *= 2;
    }
    uint8_t *data = realloc(b->data, capacity);
    if (!data) {
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

uint8_t *buffer_reserve(struct buffer *b, size_t n)
{
    if (b->failed) {
        return NULL;
    }
    if (n > b->capacity - b->used) {
        compact_data(b);
    }
    if ((!b->data || n > b->capacity - b->used) && !grow_data(b, n)) {
        b->failed = true;
        return NULL;
    }
    return b->data + b->used;
}

void buffer_commit(struct buffer *b, size_t n)
{
    if (!b->failed) {
        b->used += n;
        b->total += n;
    }
}

void buffer_add(struct buffer *b, const void *bytes, size_t n)
{
    if (n == 0) {
        return;
    }
    uint8_t *to = buffer_reserve(b, n);
    if (to) {
        memcpy(to, bytes, n);
        buffer_commit(b, n);
    }
}

static bool room_for_part(struct buffer *b)
{
    if (b->n_parts < b->parts_capacity) {
        return true;
    }
    if (b->first_part > b->n_parts / 2) {
        b->n_parts -= b->first_part;
        memmove(b->parts, b->parts + b->first_part, b->n_parts * sizeof *b->parts);
        b->first_part = 0;
        return true;
    }
    size_t capacity = b->parts_capacity == 0 ? FIRST_PARTS : b->parts_capacity * 2;
    struct buffer_part *parts = reallocarray(b->parts, capacity, sizeof *parts);
    if (!parts) {
        return false;
    }
    b->parts = parts;
    b->parts_capacity = capacity;
    return true;
}

void buffer_add_range(struct buffer *b, struct parcel *p, size_t offset, size_t length)
{
    if (length < BUFFER_INLINE_MAX) {
        buffer_add(b, p->bytes + offset, length);
        return;
    }
    if (b->failed) {
        return;
    }
    if (!room_for_part(b)) {
        b->failed = true;
        return;
    }
    b->parts[b->n_parts++] =
        (struct buffer_part){.at = b->total, .offset = offset, .length = length, .parcel = parcel_hold(p)};
    b->total += length;
}

void buffer_cut(struct buffer *b, size_t total)
{
    size_t keep = b->n_parts;
    size_t referred = 0;
    while (keep > b->first_part && b->parts[keep - 1].at >= total) {
        referred += b->parts[--keep].length;
    }
    release_parts(b, keep);
    b->used -= b->total - total - referred;
    b->total = total;
    b->failed = false;
}

int buffer_iovec(const struct buffer *b, struct iovec *iov, int most)
{
    int n = 0;
    size_t at = b->sent;
    size_t data = b->data_sent;
    size_t part = b->first_part;
    while (n < most && at < b->total) {
        const struct buffer_part *p = part < b->n_parts ? &b->parts[part] : NULL;
        if (p && p->at <= at) {
            size_t gone = at - p->at;
            iov[n].iov_base = p->parcel->bytes + p->offset + gone;
            iov[n].iov_len = p->length - gone;
            part++;
        } else {
            iov[n].iov_base = b->data + data;
            iov[n].iov_len = (p ? p->at : b->total) - at;
            data += iov[n].iov_len;
        }
        at += iov[n++].iov_len;
    }
    return n;
}

static void start_anew(struct buffer *b)
{
    b->used = b->data_sent = 0;
    b->n_parts = b->first_part = 0;
    b->total = b->sent = 0;
}

void buffer_consume(struct buffer *b, size_t n)
{
    while (n > 0) {
        struct buffer_part *p = b->first_part < b->n_parts ? &b->parts[b->first_part] : NULL;
        size_t step;
        if (p && p->at <= b->sent) {
            size_t left = p->at + p->length - b->sent;
            step = n < left ? n : left;
            if (step == left) {
                parcel_release(p->parcel);
                b->first_part++;
            }
        } else {
            size_t left = (p ? p->at : b->total) - b->sent;
            step = n < left ? n : left;
            b->data_sent += step;
        }
        b->sent += step;
        n -= step;
    }
    if (b->sent == b->total) {
        start_anew(b);
    }
}

/* The first unconsumed bytes, which lie in a parcel. */
static void move_part(struct buffer *to, const struct buffer *from)
{
    const struct buffer_part *p = &from->parts[from->first_part];
    size_t gone = from->sent - p->at;
    if (!room_for_part(to)) {
        to->failed = true;
        return;
    }
    to->parts[to->n_parts++] = (struct buffer_part){.at = to->total,
                                                    .offset = p->offset + gone,
                                                    .length = p->length - gone,
                                                    .parcel = parcel_hold(p->parcel)};
    to->total += p->length - gone;
}

void buffer_move(struct buffer *to, struct buffer *from)
{
    struct iovec piece;
    if (buffer_left(to) == 0 && !to->failed) {
        struct buffer empty = *to;
        *to = *from;
        *from = empty;
        return;
    }
    while (!to->failed && buffer_iovec(from, &piece, 1) == 1) {
        if (from->first_part < from->n_parts && from->parts[from->first_part].at <= from->sent) {
            move_part(to, from);
        } else {
            buffer_add(to, piece.iov_base, piece.iov_len);
        }
        if (!to->failed) {
            buffer_consume(from, piece.iov_len);
        }
    }
}

void buffer_trim(struct buffer *b)
{
    if (buffer_left(b) != 0) {
        return;
    }
    bool failed = b->failed;
    buffer_fini(b);
    b->failed = failed;
}
