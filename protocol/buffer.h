/* Bytes on their way to a socket: small pieces are copied into one run of memory, large payloads stay where
 * they lie and are only referred to, so that one writev sends both.
 *
 * One thread owns a buffer. None of the functions blocks. A failure (memory, limit) is sticky: later
 * additions do nothing, so that a writer checks once, at its end. */
#ifndef KITH_PROTOCOL_BUFFER_H
#define KITH_PROTOCOL_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "queue/parcel.h"

/* Payloads from this size on are referred to, not copied: below it, a copy is cheaper than one more iovec. */
#define BUFFER_INLINE_MAX 4096

struct buffer_part {
    size_t at;             /* offset in the byte stream at which the parcel's bytes come */
    size_t offset, length; /* which of its bytes */
    struct parcel *parcel; /* a reference of the buffer's own */
};

struct buffer {
    uint8_t *data;             /* the copied bytes */
    size_t used, capacity;     /* of data */
    struct buffer_part *parts; /* in the order of `at` */
    size_t n_parts, parts_capacity, first_part;
    size_t total;     /* stream length: data and parts */
    size_t sent;      /* how much of the stream has been consumed */
    size_t data_sent; /* how much of `data` that was */
    bool failed;
};

void buffer_init(struct buffer *b); /* all zero is a valid empty buffer too */
void buffer_fini(struct buffer *b); /* releases everything; idempotent */

/* Makes room for n more bytes and returns where they go, until the next call that changes the buffer; NULL
 * if memory is short (then failed is set) or failed was set before. What was written becomes part of the
 * stream by buffer_commit, which may commit less than n. */
uint8_t *buffer_reserve(struct buffer *b, size_t n);
void buffer_commit(struct buffer *b, size_t n);

/* Adds a copy. */
void buffer_add(struct buffer *b, const void *bytes, size_t n);

/* Adds that range of a parcel's payload: a copy below BUFFER_INLINE_MAX, else with a new reference of its
 * own; the caller's reference stays the caller's. */
void buffer_add_range(struct buffer *b, struct parcel *p, size_t offset, size_t length);

/* The same with the whole payload. */
static inline void buffer_add_parcel(struct buffer *b, struct parcel *p)
{
    buffer_add_range(b, p, 0, p->size);
}

/* Takes back everything that was added after the stream was `total` bytes long (a value of b->total that the
 * caller remembered, nothing of it sent yet), and clears failed: undoes a message that could not be
 * completed. */
void buffer_cut(struct buffer *b, size_t total);

/* True if all that was added since then is there; else it is undone, as buffer_cut does. */
static inline bool buffer_holds(struct buffer *b, size_t total)
{
    bool failed = b->failed;
    if (failed) {
        buffer_cut(b, total);
    }
    return !failed;
}

/* Bytes not consumed yet. */
static inline size_t buffer_left(const struct buffer *b)
{
    return b->total - b->sent;
}

/* Describes the first unconsumed bytes for writev: fills up to `most` entries, returns how many.
 * They point into the buffer, until the next call that changes it. */
int buffer_iovec(const struct buffer *b, struct iovec *iov, int most);

/* The first n unconsumed bytes (n <= buffer_left) have gone; parcels that are through are released. Once
 * everything is consumed the buffer starts anew from 0, its memory kept. */
void buffer_consume(struct buffer *b, size_t n);

/* Moves all unconsumed bytes of `from` to the end of `to`: without a copy if `to` is empty, and parcels
 * always. If memory is short, to->failed is set, and `from` keeps the rest. */
void buffer_move(struct buffer *to, struct buffer *from);

/* Gives the memory back if the buffer is empty. */
void buffer_trim(struct buffer *b);

#endif
