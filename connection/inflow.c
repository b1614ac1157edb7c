/* From the socket through the session to the inbound mailbox. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection/private.h"

enum {
    IN_LITTLE = 4 * 1024,    /* is received without a buffer, where none is kept; and the smallest one */
    IN_SMALL = 64 * 1024,    /* the buffer of a peer that sends more, while no parcel is larger */
    IN_COMFORT = 512 * 1024, /* and while large ones come one after the other */
    SIGNS = 8,               /* of life that are sent in a stall time, at most */
    OWED_MAX = 64 * 1024,    /* unsent answers above which nothing more is read */
    IN_SLACK = 64 * 1024,    /* what a frame may be longer than its payload */
};

/* The most that may wait in the receive buffer: what one frame can need, before and after the handshake. */
static size_t in_limit(const struct connection *c)
{
    const struct limits *l = &c->terms.node->limits;

    if (!c->ready)
        return (size_t)l->handshake_bytes + IN_SLACK;
    return (size_t)(l->parcel_bytes > l->control_bytes ? l->parcel_bytes : l->control_bytes) + IN_SLACK;
}

/* Takes from, or gives back to, what the buffers of all connections share. Relaxed: nothing but the number
 * itself is agreed upon. Without the atomic step two connections could both take the last of it, and a change
 * could be lost for ever; a subtraction that is undone if it was too much would meanwhile show the others
 * less than there is. */
static bool take_room(struct connection *c, size_t capacity)
{
    int64_t wanted = capacity > IN_SMALL ? (int64_t)(capacity - IN_SMALL) : 0, more = wanted - c->in_taken;
    int64_t room = atomic_load_explicit(c->terms.receive_room, memory_order_relaxed);

    do {
        if (more > 0 && room < more)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(c->terms.receive_room, &room, room - more,
                                                    memory_order_relaxed, memory_order_relaxed));
    c->in_taken = wanted;
    return true;
}

static void drop_buffer(struct connection *c)
{
    take_room(c, 0);
    free(c->in);
    c->in = NULL;
    c->in_start = c->in_end = c->in_capacity = 0;
}

/* False if memory is short, or what all buffers share; the buffer is then as it was. */
static bool grow(struct connection *c, size_t capacity)
{
    uint8_t *in;

    if (!take_room(c, capacity))
        return false;
    in = realloc(c->in, capacity);
    if (!in) {
        take_room(c, c->in_capacity);
        return false;
    }
    c->in = in;
    c->in_capacity = capacity;
    return true;
}

static bool resize(struct connection *c, size_t capacity)
{
    if (grow(c, capacity))
        return true;
    connection_end(c, END_RESOURCES, "no memory, or no share of what all receive buffers have");
    return false;
}

/* The buffer was full. A small one grows at once; a larger one where much of it is the beginning of a parcel
 * that must be moved to its front: then it is filled by several parcels at a time, and less is moved. */
static void stretch(struct connection *c, size_t held)
{
    size_t capacity = c->in_capacity < IN_SMALL ? IN_SMALL : 2 * c->in_capacity;

    if (c->in_end == c->in_capacity && (capacity == IN_SMALL || held > c->in_capacity / 8) &&
        capacity <= IN_COMFORT && capacity <= in_limit(c))
        grow(c, capacity);
}

/* Room to receive into. The buffer doubles only when it is full of bytes that really came, so that no length
 * that a peer merely claims costs memory. */
static bool make_room(struct connection *c)
{
    size_t limit = in_limit(c);
    size_t held = c->in_end - c->in_start;

    if (c->in_start > 0 && (c->in_end == c->in_capacity || held == 0)) {
        stretch(c, held);
        memmove(c->in, c->in + c->in_start, held);
        c->in_start = 0;
        c->in_end = held;
    }
    if (c->in_end < c->in_capacity)
        return true;
    if (c->in_capacity < IN_SMALL)
        return resize(c, IN_SMALL);
    if (c->in_capacity >= limit) {
        connection_end(c, c->ready ? END_BAD_INPUT : END_HANDSHAKE, "frame longer than the limit");
        return false;
    }
    return resize(c, c->in_capacity * 2 < limit ? c->in_capacity * 2 : limit);
}

/* How many bytes came. */
static size_t receive(struct connection *c, uint8_t *to, size_t most)
{
    ssize_t n = recv(c->fd, to, most, 0);

    if (n > 0) {
        c->heard = true;
        connection_count(&c->bytes_in, (uint64_t)n);
        return (size_t)n;
    }
    if (n == 0)
        connection_end(c, END_CLOSED, NULL);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        connection_broke(c, errno);
    return 0;
}

/* True if bytes came. */
static bool receive_more(struct connection *c)
{
    size_t n = make_room(c) ? receive(c, c->in + c->in_end, c->in_capacity - c->in_end) : 0;

    c->in_end += n;
    return n > 0;
}

static void post(struct connection *c, const struct message *m)
{
    if (mailbox_post(c->inbound, m) == MAILBOX_OK)
        return;
    c->held = *m;
    c->has_held = c->held_back = true;
}

static void post_terms(struct connection *c, enum connection_message type, const struct peer_terms *peer)
{
    struct message m = {.type = (uint16_t)type, .peer = c->terms.ref};
    struct peer_terms *body = malloc(sizeof *body);

    if (!body) {
        connection_end(c, END_RESOURCES, "out of memory");
        return;
    }
    *body = *peer;
    m.terms = body;
    c->ready |= type == MSG_ONLINE;
    mailbox_post_control(c->inbound, &m);
}

static void end_from_event(struct connection *c, const struct session_event *ev)
{
    bool first = !c->over;

    connection_end(c, ev->type == SESSION_REJECTED ? END_REJECTED : ev->end.reason, ev->end.text);
    if (!first)
        return;
    c->polite = true;
    if (!c->ending)
        return;
    c->ending->n_alternatives = ev->end.n_alternatives;
    memcpy(c->ending->alternatives, ev->end.alternatives,
           ev->end.n_alternatives * sizeof ev->end.alternatives[0]);
}

/* --- how much one peer may send ---
 *
 * A bucket of limits.burst messages, into which limits.rate a second drip. While it is empty we do not read,
 * and TCP slows the peer down. */

enum { WHOLE = 1000 }; /* one message, in the units of `allowed` */

static void refill(struct connection *c, int64_t now)
{
    const struct limits *l = &c->terms.node->limits;
    int64_t most = (int64_t)l->burst * WHOLE, gone = now - c->allowed_ms;

    if (l->rate == 0)
        return;
    c->allowed_ms = now;
    c->allowed = gone >= most / l->rate ? most : c->allowed + gone * l->rate;
    if (c->allowed > most)
        c->allowed = most;
}

static bool is_allowed(const struct connection *c)
{
    return c->terms.node->limits.rate == 0 || c->allowed >= WHOLE;
}

int64_t inflow_deadline(const struct connection *c)
{
    if (is_allowed(c))
        return INT64_MAX;
    return c->allowed_ms + (WHOLE - c->allowed) / c->terms.node->limits.rate + 1;
}

/* Who reads slowly says so several times in a stall time. One sign alone is a ping as everybody sends it, and
 * says nothing of what the peer reads. Never inlined, for the reason given with take_change. */
static __attribute__((noinline)) void note_sign(struct connection *c)
{
    int64_t now = clock_coarse_ms(), gone = now - c->sign_ms;

    c->sign_ms = now;
    if (gone > c->terms.node->timings.stall)
        return;
    mailbox_sign(c->outbound);
    /* The controller may have to pass it on, and rings for none of its own would tell it. */
    if (mailbox_wants_room(c->outbound))
        mailbox_wake(c->inbound);
}

static inline void take_message(struct connection *c, const struct session_event *ev)
{
    struct message m = {
        .type = MSG_PEER, .kind = ev->message.kind, .peer = c->terms.ref, .parcel = ev->message.parcel};

    if (m.parcel && c->terms.digest)
        m.digest = c->terms.digest(c->terms.digest_context, m.kind, m.parcel);
    connection_count(&c->parcels_in, 1);
    post(c, &m);
}

/* What comes once for a session, or now and then. Never inlined: a message does not pay for it. */
static __attribute__((noinline)) void take_change(struct connection *c, const struct session_event *ev)
{
    switch (ev->type) {
    case SESSION_NOTHING:
    case SESSION_MESSAGE:
        break;
    case SESSION_MET:
        post_terms(c, MSG_MET, &ev->peer);
        break;
    case SESSION_READY:
        post_terms(c, MSG_ONLINE, &ev->peer);
        break;
    case SESSION_REJECTED:
    case SESSION_ENDED:
        end_from_event(c, ev);
        break;
    }
}

static inline void take_event(struct connection *c, const struct session_event *ev)
{
    c->allowed -= (int64_t)(ev->good + ev->bad + ev->ignored + (ev->type == SESSION_MESSAGE)) * WHOLE;
    c->good += ev->good;
    c->bad += ev->bad;
    c->unfinished += ev->dropped;
    if (ev->alive)
        note_sign(c);
    if (ev->type == SESSION_MESSAGE)
        take_message(c, ev);
    else if (ev->type != SESSION_NOTHING)
        take_change(c, ev);
}

void inflow_event(struct connection *c, struct session_event *ev)
{
    take_event(c, ev);
}

static void decode(struct connection *c, int64_t now)
{
    struct session_event ev;
    size_t used;

    while (!c->over && inflow_wants(c)) {
        struct bytes in = {.data = c->in ? c->in + c->in_start : NULL, .size = c->in_end - c->in_start};
        size_t before = c->out.total;

        ev.type = SESSION_NOTHING;
        ev.good = ev.bad = ev.ignored = ev.dropped = 0;
        ev.alive = false;
        used = c->terms.protocol->session->read(c->session, now, in, &ev, &c->out);
        if (c->out.total > before) {
            c->owed += c->out.total - before;
            c->owed_end = c->out.total;
        }
        c->in_start += used;
        take_event(c, &ev);
        if (used == 0 && ev.type == SESSION_NOTHING)
            return;
    }
    c->backlog = true; /* what is left in the buffer is read on before the socket is */
}

/* Most peers say little, and seldom: what they say is dealt with on the stack. What is left of it goes to a
 * buffer, and so does all that comes from one that has more to say. True if bytes came. Never inlined, for
 * the reason given with drain. */
static __attribute__((noinline)) bool receive_little(struct connection *c, int64_t now)
{
    uint8_t little[IN_LITTLE];
    size_t n = receive(c, little, sizeof little), left;

    if (n == 0)
        return false;
    c->in = little;
    c->in_end = n;
    decode(c, now);
    left = c->in_end - c->in_start;
    c->in = NULL;
    c->in_end = 0;
    if (!c->over && (left > 0 || n == sizeof little) &&
        resize(c, n == sizeof little ? IN_SMALL : IN_LITTLE)) {
        memcpy(c->in, little + c->in_start, left);
        c->in_end = left;
    }
    c->in_start = 0;
    return true;
}

static void post_loss(struct connection *c, enum loss why, uint32_t *count)
{
    struct message m = {.type = MSG_LOST, .peer = c->terms.ref, .lost = {.count = *count, .why = why}};

    if (*count == 0 || c->has_held)
        return;
    *count = 0;
    post(c, &m);
}

bool inflow_account(struct connection *c)
{
    struct message credit = {
        .type = MSG_CREDIT, .peer = c->terms.ref, .credit = {.good = c->good, .bad = c->bad}};
    bool any = c->good || c->bad || c->unsaid || c->unfinished;

    if ((c->good || c->bad) && !c->has_held) {
        c->good = c->bad = 0;
        post(c, &credit);
    }
    post_loss(c, LOSS_UNSAYABLE, &c->unsaid);
    post_loss(c, LOSS_UNFINISHED, &c->unfinished);
    return any;
}

bool inflow_retry(struct connection *c)
{
    if (!c->has_held || mailbox_post(c->inbound, &c->held) != MAILBOX_OK)
        return false;
    c->has_held = false;
    mailbox_wake(c->inbound);
    return true;
}

bool inflow_run(struct connection *c, int64_t now)
{
    bool any = inflow_retry(c);

    refill(c, now);
    c->deaf |= c->has_held || !is_allowed(c);
    c->held_back |= !is_allowed(c);
    if (!inflow_wants(c))
        return any;
    if (!c->in && !c->backlog) {
        any |= receive_little(c, now);
    } else if (c->backlog || receive_more(c)) {
        c->backlog = false;
        any = true;
        decode(c, now);
    }
    any |= inflow_account(c);
    if (any)
        mailbox_wake(c->inbound);
    return any;
}

/* While inbound waits behind the application, the application's steps are the peer's as well. */
static uint64_t progress_of(const struct connection *c)
{
    const struct mailbox *destination = c->terms.destination;

    return mailbox_progress(c->inbound) + mailbox_signs(c->inbound) +
           (destination ? mailbox_progress(destination) : 0);
}

/* At most SIGNS times in a stall time: some hops may each add such a share to the reader's own pause. Nothing
 * is added while what we wrote before waits: the peer does not read either, and would not find it. */
bool inflow_show_progress(struct connection *c, int64_t now)
{
    const struct protocol *p = c->terms.protocol;
    uint64_t progress;

    if (!c->held_back || now - c->alive_ms < c->terms.node->timings.stall / SIGNS || outflow_blocked(c))
        return false;
    progress = progress_of(c);
    if (!c->ready || !p->session->alive || progress == c->alive_progress)
        return false;
    c->held_back = c->has_held;
    c->alive_ms = now;
    c->alive_progress = progress;
    p->session->alive(c->session, now, &c->out);
    return outflow_flush(c);
}

bool inflow_wants(const struct connection *c)
{
    return !c->has_held && c->owed < OWED_MAX && is_allowed(c);
}

void inflow_rest(struct connection *c)
{
    if (c->in_start == c->in_end && c->in)
        drop_buffer(c);
}

void inflow_close(struct connection *c)
{
    drop_buffer(c);
}
