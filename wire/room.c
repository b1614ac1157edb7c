/* The receive buffer: it follows the bytes that came, and nothing that a peer merely claims. */
#include <stdlib.h>
#include <string.h>

#include "wire/private.h"

enum {
    COMFORT = 512 * 1024, /* the buffer while large parcels come one after the other */
    SLACK = 64 * 1024,    /* what a frame may be longer than its payload */
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

/* A small one is free: so floods of large parcels never stop small ones. */
static uint64_t charge_of(size_t capacity)
{
    return capacity > SMALL ? capacity - SMALL : 0;
}

void wire_drop_buffer(struct wire *w)
{
    budget_give(w->config.account, charge_of(w->in.capacity));
    free(w->in.data);
    w->in = (struct receive_buffer){0};
}

/* What it grows by is paid for. False if memory is short, and the buffer is as it was. */
static bool grow(struct wire *w, size_t capacity)
{
    uint8_t *data = realloc(w->in.data, capacity);
    if (!data) {
        budget_give(w->config.account, charge_of(capacity) - charge_of(w->in.capacity));
        return false;
    }
    w->in.data = data;
    w->in.capacity = capacity;
    return true;
}

/* False if the wire is over, or must wait for room. */
static bool resize(struct wire *w, size_t capacity)
{
    uint64_t more = charge_of(capacity) - charge_of(w->in.capacity);
    if (more > 0 && !budget_take(w->config.account, w->now_ms, more)) {
        wire_starve(w, more);
        return false;
    }
    if (!grow(w, capacity)) {
        wire_end(w, END_RESOURCES, "no memory for a receive buffer");
        return false;
    }
    return true;
}

/* The buffer was full. A small one grows at once; a larger one if much of it is the beginning of a parcel
 * that must be moved to its front: then it is filled by several parcels at a time, and less is moved. */
static void stretch(struct wire *w, size_t held)
{
    size_t capacity = w->in.capacity < SMALL ? SMALL : 2 * w->in.capacity;
    if (w->in.filled == w->in.capacity && (capacity == SMALL || held > w->in.capacity / 8) &&
        capacity <= COMFORT && capacity <= limit_of(w) &&
        budget_take_spare(w->config.account, w->now_ms, charge_of(capacity) - charge_of(w->in.capacity))) {
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
        budget_progress(w->config.account, w->now_ms);
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

void wire_starve(struct wire *w, uint64_t bytes)
{
    budget_ask(w->config.account, bytes);
    w->is_starved = w->left_unread = true;
    w->starved_until = w->now_ms + BUDGET_AGAIN_MS;
}

bool wire_is_starved(const struct wire *w)
{
    return w->is_starved;
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
    w->in = (struct receive_buffer){0};
    if (!w->is_over && (held > 0 || more) && resize(w, more ? SMALL : LITTLE)) {
        close_gaps(&lent, w->in.data);
        w->in.end = w->in.raw = lent.end;
        w->in.filled = lent.filled;
    }
}
