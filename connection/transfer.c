/* Between the socket, the wire and the queues. */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "connection/dial.h"
#include "connection/private.h"

enum {
    IOVECS = 64,
    UNSENT_MAX = 512 * 1024, /* bytes */
    SIGNS_LAST = 20,         /* stall times in which signs of life count, though the peer takes no byte */
    SIGNS_MOST = 1200,       /* and at most, if it was given many messages before: one for each of those */
    FINISH_STALLS = 4,       /* stall times in which one that has closed its side is answered */
};

void transfer_tune(int fd)
{
    int on = 1, unsent = UNSENT_MAX;
    /* Batches are made in the out buffer; the kernel must not hold them back. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* And not much more than the peer's window is to wait there: what is in the queue can still be dropped,
     * and what a growing buffer of ours takes would pass for a sign that a stalled peer moves. */
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

/* One of the counters. A load and a store, as this thread alone writes it: an atomic addition would wait
 * until the payload that was just copied has reached the cache. */
static inline void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static inline uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* --- out --- */

static void give_back(struct connection *c, struct wire_done done)
{
    if (done.messages > 0) {
        queue_done(c->outbound, done.messages, done.bytes);
    }
}

bool transfer_flush(struct connection *c)
{
    struct iovec iov[IOVECS];
    struct msghdr header = {.msg_iov = iov};
    header.msg_iovlen = (size_t)wire_output(c->wire, iov, IOVECS);
    if (header.msg_iovlen == 0) {
        return false;
    }
    ssize_t n = sendmsg(c->fd, &header, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            wire_stop_output(c->wire);
        }
        return false;
    }
    count(&c->bytes_out, (uint64_t)n);
    if (wire_carries(c->wire)) {
        queue_getting_on(c->outbound, (uint64_t)n);
    }
    struct wire_done done = wire_written(c->wire, (size_t)n);
    count(&c->parcels_out, done.messages);
    give_back(c, done);
    return true;
}

/* Only what the socket takes is taken from the queue: what stays there can still be dropped if the peer
 * stalls. */
static bool take(struct connection *c, int64_t now)
{
    struct message messages[WIRE_SEND_MAX];
    bool any = false;
    while (!queue_empty(c->outbound) && wire_takes(c->wire)) {
        size_t n = queue_take(c->outbound, messages, WIRE_SEND_MAX);
        if (n == 0) {
            break;
        }
        any = c->outbound_used = true;
        give_back(c, wire_send(c->wire, now, messages, n));
    }
    return any;
}

bool transfer_out(struct connection *c, int64_t now)
{
    bool any = take(c, now);
    return transfer_flush(c) || any;
}

/* The system calls a socket writable only once it has much room, though the peer may have taken a little at a
 * time all the while. */
void transfer_watch(struct connection *c)
{
    int left;
    if (!wire_has_output(c->wire) || ioctl(c->fd, SIOCOUTQ, &left) != 0) {
        return;
    }
    if (left < c->unacknowledged) {
        queue_getting_on(c->outbound, 1);
    }
    c->unacknowledged = left;
}

/* --- in --- */

static void end_broken(struct connection *c, int error)
{
    enum end_reason why = error == ECONNRESET ? END_CLOSED : END_ERROR;
    wire_end(c->wire, dial_error_is_ours(error) ? END_LOCAL : why, strerror(error));
}

/* The peer has closed its side. Never inlined: bytes that come do not pay for it. */
static __attribute__((noinline)) void finish(struct connection *c)
{
    if (wire_finish(c->wire)) {
        c->finish_by = c->step_ms + FINISH_STALLS * c->node->timings.stall;
        transfer_events(c, c->step_ms);
        queue_wake(c->inbound);
    }
}

/* How many bytes came. */
static size_t receive(struct connection *c, uint8_t *to, size_t most)
{
    ssize_t n = recv(c->fd, to, most, 0);
    if (n > 0) {
        count(&c->bytes_in, (uint64_t)n);
        return (size_t)n;
    }
    if (n == 0) {
        finish(c);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        end_broken(c, errno);
    }
    return 0;
}

/* How many messages lie in the first `taken` bytes of all. Looked at with each sign: between two looks that
 * are a socket full of bytes apart, all of them count as equally long. */
static uint64_t messages_in(struct connection *c, uint64_t taken)
{
    struct stretch *s = &c->stretch;
    if (taken >= s->end.bytes) {
        s->begin = s->end;
        s->end = (struct gone){.bytes = load(&c->bytes_out), .messages = load(&c->parcels_out)};
    }
    uint64_t bytes = s->end.bytes - s->begin.bytes, messages = s->end.messages - s->begin.messages;
    double part = bytes ? (double)(taken - s->begin.bytes) / (double)bytes : 0;
    return s->begin.messages + (uint64_t)(part * (double)messages);
}

/* What the peer's system has taken since the last sign pays for signs to come. */
static void note_taken(struct connection *c, uint64_t taken, int64_t now)
{
    int64_t stall = c->node->timings.stall, left = c->credit_ms - (now - c->taken_ms);
    uint64_t messages = messages_in(c, taken), more = messages - c->messages_taken;
    left = (left > 0 ? left : 0) + (int64_t)(more < SIGNS_MOST ? more : SIGNS_MOST) * stall;
    c->credit_ms = left < SIGNS_MOST * stall ? left : SIGNS_MOST * stall;
    c->messages_taken = messages;
    c->taken = taken;
    c->taken_ms = now;
}

/* TCP shows in large steps what a slow reader takes: between two of them the peer's word must do. But a word
 * costs nothing. Who reads as slowly as may be takes a message in half a stall time, and was given all those
 * that it reads between two steps. So it is believed for a stall time for each message that it was given, and
 * for SIGNS_LAST of them whatever it was given; not for ever. */
static bool is_believed(struct connection *c, int64_t now)
{
    int64_t stall = c->node->timings.stall;
    int left;
    if (ioctl(c->fd, SIOCOUTQ, &left) != 0) {
        return true;
    }
    uint64_t out = load(&c->bytes_out), taken = out - (uint64_t)left;
    if (taken != c->taken && out > 0) {
        note_taken(c, taken, now);
    } else if (left == 0) {
        c->taken_ms = now; /* there is nothing to take */
    }
    int64_t gone = now - c->taken_ms;
    return gone <= SIGNS_LAST * stall || gone <= c->credit_ms;
}

/* The peer has shown that it reads. The controller may have to pass it on, and rings for none of its own
 * would tell it. */
static void note_signs(struct connection *c, int64_t now)
{
    if (!is_believed(c, now)) {
        return;
    }
    queue_sign(c->outbound);
    if (queue_wants_room(c->outbound)) {
        queue_wake(c->inbound);
    }
}

void transfer_shrink_inbound(struct connection *c, uint64_t bytes)
{
    if (bytes < c->inbound_bytes) {
        budget_give(&c->inbound_account, c->inbound_bytes - bytes);
        c->inbound_bytes = bytes;
        queue_set_bytes(c->inbound, bytes);
    }
}

/* One parcel that was longer than most made inbound large. */
static void shrink_inbound(struct connection *c)
{
    uint32_t messages;
    uint64_t bytes;
    queue_fill(c->inbound, &messages, &bytes);
    if (bytes <= INBOUND_BYTES) {
        transfer_shrink_inbound(c, INBOUND_BYTES);
    }
}

static bool pay_for_inbound(struct connection *c, uint64_t more, bool needed, int64_t now)
{
    if (!needed) {
        return budget_take_spare(&c->inbound_account, now, more);
    }
    if (budget_take(&c->inbound_account, now, more)) {
        budget_ask(&c->account, 0);
        return true;
    }
    /* The session is over, and what paid for the parcel then pays for it now. */
    if (c->account.keeps && budget_held(&c->account) >= (int64_t)more) {
        budget_move(&c->account, &c->inbound_account, more);
        return true;
    }
    budget_ask(&c->account, more);
    return false;
}

/* Inbound is full, or the parcel is longer than all that it may hold. An empty queue takes any parcel, so
 * that one must be paid for before. A queue that is full need not grow, as its reader makes room. Never
 * inlined: a parcel that finds room does not pay for this. */
static __attribute__((noinline)) bool grow_inbound(struct connection *c, uint64_t size, int64_t now)
{
    bool needed = size > c->inbound_bytes;
    uint64_t bytes = 2 * c->inbound_bytes < INBOUND_BYTES ? 2 * c->inbound_bytes : INBOUND_BYTES;
    if (needed) {
        bytes = size;
    }
    if (bytes <= c->inbound_bytes || !pay_for_inbound(c, bytes - c->inbound_bytes, needed, now)) {
        return false;
    }
    c->inbound_bytes = bytes;
    queue_set_bytes(c->inbound, bytes);
    return true;
}

static bool post_parcel(struct connection *c, const struct message *m, int64_t now)
{
    uint64_t size = m->parcel ? m->parcel->size : 0;
    if (size > c->inbound_bytes && !grow_inbound(c, size, now)) {
        return false;
    }
    return queue_post(c->inbound, m) || (grow_inbound(c, size, now) && queue_post(c->inbound, m));
}

static __attribute__((noinline)) void note_local(const struct connection *c, struct endpoint *local)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(c->fd, (struct sockaddr *)&address, &size) == 0) {
        endpoint_from_sockaddr(local, (const struct sockaddr *)&address);
    }
}

/* There is always room for the few of the control queue. */
static bool post(struct connection *c, const struct message *m, int64_t now)
{
    if (m->type == MSG_PEER) {
        if (!post_parcel(c, m, now)) {
            return false;
        }
        count(&c->parcels_in, 1);
        return true;
    }
    if (m->type == MSG_CREDIT || m->type == MSG_LOST || m->type == MSG_FINISHED) {
        return queue_post(c->inbound, m);
    }
    if (m->type == MSG_ONLINE && !c->to) {
        note_local(c, &m->info->local);
    }
    queue_post_and_wake(c->inbound_control, m);
    return true;
}

bool transfer_events(struct connection *c, int64_t now)
{
    struct message m;
    bool any = false;
    while (wire_event(c->wire, now, &m)) {
        if (!post(c, &m, now)) {
            wire_put_back(c->wire, &m);
            break;
        }
        any = true;
    }
    if (wire_take_signs(c->wire)) {
        note_signs(c, now);
    }
    return any;
}

bool transfer_held(struct connection *c)
{
    if (!wire_is_held(c->wire) || !transfer_events(c, clock_ms())) {
        return false;
    }
    queue_wake(c->inbound);
    return true;
}

/* Most peers say little, and seldom: what they say is dealt with on the stack. Never inlined: its buffer
 * would then be part of the frame that lies under all that the thread does. */
static __attribute__((noinline)) bool receive_little(struct connection *c, int64_t now)
{
    uint8_t little[WIRE_LEND_MAX];
    size_t n = receive(c, little, sizeof little);
    if (n == 0) {
        return false;
    }
    wire_lend_bytes(c->wire, little, n);
    transfer_events(c, now);
    wire_return_bytes(c->wire);
    return true;
}

static bool receive_more(struct connection *c, int64_t now)
{
    size_t size;
    uint8_t *to = wire_room(c->wire, &size);
    size_t n = to ? receive(c, to, size) : 0;
    if (n == 0) {
        return false;
    }
    wire_filled(c->wire, n);
    transfer_events(c, now);
    return true;
}

bool transfer_in(struct connection *c, int64_t now)
{
    bool any = transfer_events(c, now);
    if (c->inbound_bytes > INBOUND_BYTES) {
        shrink_inbound(c);
    }
    if (wire_wants_bytes(c->wire)) {
        any |= wire_has_buffer(c->wire) ? receive_more(c, now) : receive_little(c, now);
    }
    if (any) {
        queue_wake(c->inbound);
    }
    return any;
}

/* While inbound waits behind the application, the application's steps are the peer's as well. */
static uint64_t progress_of(const struct connection *c)
{
    const struct queue *destination = c->destination;
    return queue_progress(c->inbound) + queue_signs(c->inbound) +
           (destination ? queue_progress(destination) : 0);
}

bool transfer_progress(struct connection *c, int64_t now)
{
    return wire_owes_sign(c->wire, now) && wire_show_progress(c->wire, now, progress_of(c)) &&
           transfer_flush(c);
}
