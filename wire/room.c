/* The receive buffer: it follows the bytes that came, and nothing that a peer merely claims. */
#include <stdlib.h>
#include <string.h>

#include "wire/private.h"

enum {
    LITTLE = WIRE_LEND_MAX, /* the smallest buffer */
    SMALL = 64 * 1024,      /* the buffer of a peer that sends more, while no parcel is larger */
    COMFORT = 512 * 1024,   /* and while large ones come one after the other */
    SLACK = 64 * 1024,      /* what a frame may be longer than its payload */
};

/* The most that may wait in the receive buffer: what one frame can need, before and after the handshake. */
static size_t limit_of(const struct wire *w)
{
    const struct limits *l = &w->config.node->limits;
    size_t slack = SLACK + (w->stream ? w->stream->hold_max : 0);
    if (!w->is_ready) {
        return (size_t)l->handshake_bytes + slack;
    }
    return (size_t)(l->parcel_bytes > l->control_bytes ? l->parcel_bytes : l->control_bytes) + slack;
}

/* Takes from, or gives back to, what the buffers of all wires share. Relaxed: nothing but the number itself
 * is agreed upon. Without the atomic step two threads could both take the last of it, and a change could be
 * lost for ever; a subtraction that is undone if it was too much would meanwhile show the others less than
 * there is. */
static bool take_share(struct wire *w, size_t capacity)
{
    int64_t wanted = capacity > SMALL ? (int64_t)(capacity - SMALL) : 0, more = wanted - w->in.taken;
    int64_t room = atomic_load_explicit(w->config.receive_room, memory_order_relaxed);
    do {
        if (more > 0 && room < more) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(w->config.receive_room, &room, room - more,
                                                    memory_order_relaxed, memory_order_relaxed));
    w->in.taken = wanted;
    return true;
}

void wire_drop_buffer(struct wire *w)
{
    take_share(w, 0);
    free(w->in.data);
    w->in = (struct receive_buffer){0};
}

/* False if memory is short, or what all buffers share; the buffer is then as it was. */
static bool grow(struct wire *w, size_t capacity)
{
    if (!take_share(w, capacity)) {
        return false;
    }
    uint8_t *data = realloc(w->in.data, capacity);
    if (!data) {
        take_share(w, w->in.capacity);
        return false;
    }
    w->in.data = data;
    w->in.capacity = capacity;
    return true;
}

static bool resize(struct wire *w, size_t capacity)
{
    if (grow(w, capacity)) {
        return true;
    }
    wire_end(w, END_RESOURCES, "no memory, or no share of what all receive buffers have");
    return false;
}

/* The buffer was full. A small one grows at once; a larger one if much of it is the beginning of a parcel
 * that must be moved to its front: then it is filled by several parcels at a time, and less is moved. */
static void stretch(struct wire *w, size_t held)
{
    size_t capacity = w->in.capacity < SMALL ? SMALL : 2 * w->in.capacity;
    if (w->in.filled == w->in.capacity && (capacity == SMALL || held > w->in.capacity / 8) &&
        capacity <= COMFORT && capacity <= limit_of(w)) {
        grow(w, capacity);
    }
}

/* Moves what is held to the front of the buffer. */
static void close_gaps(struct receive_buffer *in, uint8_t *to)
{
    size_t plain = in->end - in->start, raw = in->filled - in->raw;
    memmove(to, in->data + in->start, plain);
    memmove(to + plain, in->data + in->raw, raw);
    in->start = 0;
    in->end = in->raw = plain;
    in->filled = plain + raw;
}

static size_t held_by(const struct receive_buffer *in)
{
    return in->end - in->start + in->filled - in->raw;
}

/* The buffer doubles only when it is full of bytes that really came, so that no length that a peer merely
 * claims costs memory. */
static bool make_room(struct wire *w)
{
    struct receive_buffer *in = &w->in;
    size_t held = held_by(in);
    if (held < in->filled && (in->filled == in->capacity || held == 0)) {
        stretch(w, held);
        close_gaps(in, in->data);
    }
    if (in->filled < in->capacity) {
        return true;
    }
    if (in->capacity < SMALL) {
        return resize(w, SMALL);
    }
    size_t limit = limit_of(w);
    if (in->capacity >= limit) {
        wire_end(w, w->is_ready ? END_BAD_INPUT : END_HANDSHAKE, "frame longer than the limit");
        return false;
    }
    return resize(w, in->capacity * 2 < limit ? in->capacity * 2 : limit);
}

uint8_t *wire_room(struct wire *w, size_t *size)
{
    if (!make_room(w)) {
        return NULL;
    }
    *size = w->in.capacity - w->in.filled;
    return w->in.data + w->in.filled;
}

void wire_filled(struct wire *w, size_t n)
{
    w->in.filled += n;
    w->heard = w->backlog = true;
    wire_unwrap(w);
}

bool wire_has_buffer(const struct wire *w)
{
    return w->in.data;
}

void wire_lend_bytes(struct wire *w, uint8_t *bytes, size_t n)
{
    w->in.data = bytes;
    w->in.capacity = n;
    wire_filled(w, n);
}

void wire_return_bytes(struct wire *w)
{
    struct receive_buffer lent = w->in;
    size_t held = held_by(&lent);
    bool more = lent.capacity == WIRE_LEND_MAX;
    w->in = (struct receive_buffer){.taken = lent.taken};
    if (!w->is_over && (held > 0 || more) && resize(w, more ? SMALL : LITTLE)) {
        close_gaps(&lent, w->in.data);
        w->in.end = w->in.raw = lent.end;
        w->in.filled = lent.filled;
    }
}
