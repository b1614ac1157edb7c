/* From the outbound mailbox through the session to the socket. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "connection/private.h"

enum {
    TAKE_AT_ONCE = 32,       /* messages taken from the mailbox at a time */
    OUT_ENOUGH = 256 * 1024, /* bytes in the out buffer above which nothing more is taken */
    IOVECS = 64,
    RELEASE_AHEAD = 8, /* parcels */
};

static uint32_t size_of(const struct parcel *p)
{
    return p ? p->size : 0;
}

static void done(struct connection *c, size_t n)
{
    uint64_t bytes = 0;

    if (n == 0)
        return;
    /* Others may have had the parcels meanwhile: some come while those before them are released. */
    for (size_t i = 0; i < n; i++) {
        if (i + RELEASE_AHEAD < n)
            __builtin_prefetch(c->flights[i + RELEASE_AHEAD].parcel, 1);
        bytes += size_of(c->flights[i].parcel);
        parcel_release(c->flights[i].parcel);
    }
    memmove(c->flights, c->flights + n, (c->n_flights - n) * sizeof c->flights[0]);
    c->n_flights -= n;
    connection_count(&c->parcels_out, n);
    mailbox_done(c->outbound, (uint32_t)n, bytes);
}

/* Gives back the budget of the parcels that are through. The buffer starts anew from 0 once it is empty, so
 * an empty buffer means all of them. */
static void settle(struct connection *c)
{
    size_t n = 0;

    if (buffer_left(&c->out) == 0)
        n = c->n_flights;
    else
        while (n < c->n_flights && c->flights[n].end <= c->out.sent)
            n++;
    done(c, n);
}

bool outflow_flush(struct connection *c)
{
    struct iovec iov[IOVECS];
    struct msghdr header = {.msg_iov = iov};
    ssize_t n;

    if (buffer_left(&c->out) == 0 || c->mute)
        return false;
    header.msg_iovlen = (size_t)buffer_iovec(&c->out, iov, IOVECS);
    n = sendmsg(c->fd, &header, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return false;
        c->mute = true;
        return false;
    }
    buffer_consume(&c->out, (size_t)n);
    connection_count(&c->bytes_out, (uint64_t)n);
    if (c->n_flights > 0)
        mailbox_getting_on(c->outbound, (uint64_t)n);
    if (buffer_left(&c->out) == 0 || c->out.sent >= c->owed_end)
        c->owed = 0;
    settle(c);
    return true;
}

static void say(struct connection *c, int64_t now, struct message *m)
{
    if (c->terms.protocol->session->write(c->session, now, m, &c->out) == 0) {
        c->flights[c->n_flights++] =
            (struct flight){.end = c->out.total, .parcel = m->parcel, .kind = m->kind, .scope = m->scope};
        return;
    }
    c->unsaid += m->scope != SCOPE_NONE; /* the node's own answers are nobody's loss */
    mailbox_done(c->outbound, 1, size_of(m->parcel));
    parcel_release(m->parcel);
}

/* Before anything is taken: what is in the mailbox is not lost where there is no memory. */
static bool room_for_flights(struct connection *c)
{
    if (!c->flights)
        c->flights = malloc(FLIGHT_MAX * sizeof c->flights[0]);
    if (!c->flights)
        connection_end(c, END_RESOURCES, "no memory to send");
    return c->flights;
}

/* Another processor's cache has what is about to be copied: it comes while the message before it is written.
 */
static inline void fetch_payload(const struct parcel *p)
{
    enum { LINE = 64 };

    if (p && p->size < BUFFER_INLINE_MAX)
        for (size_t at = LINE; at < sizeof *p + p->size; at += LINE)
            __builtin_prefetch((const char *)p + at);
}

static bool take(struct connection *c, int64_t now)
{
    struct message messages[TAKE_AT_ONCE];
    bool any = false;

    if (mailbox_empty(c->outbound) || !room_for_flights(c))
        return false;
    while (buffer_left(&c->out) < OUT_ENOUGH && c->n_flights + TAKE_AT_ONCE <= FLIGHT_MAX) {
        size_t n = mailbox_take(c->outbound, messages, TAKE_AT_ONCE);

        if (n == 0)
            break;
        any = c->used = true;
        for (size_t i = 0; i < n; i++)
            __builtin_prefetch(messages[i].parcel); /* another thread wrote them */
        for (size_t i = 0; i < n; i++) {
            if (i + 1 < n)
                fetch_payload(messages[i + 1].parcel);
            say(c, now, &messages[i]);
        }
    }
    return any;
}

bool outflow_run(struct connection *c, int64_t now)
{
    bool any = false;

    /* Only what the socket takes is taken from the mailbox: what stays there can still be dropped if the peer
     * stalls. */
    if (c->ready && !c->mute && buffer_left(&c->out) < OUT_ENOUGH)
        any = take(c, now);
    if (outflow_flush(c))
        any = true;
    return any;
}

/* The system calls a socket writable only once it has much room, though the peer may have taken a little at a
 * time all the while. */
void outflow_watch(struct connection *c)
{
    int left;

    if (!outflow_blocked(c) || ioctl(c->fd, SIOCOUTQ, &left) != 0)
        return;
    if (left < c->unacknowledged)
        mailbox_getting_on(c->outbound, 1);
    c->unacknowledged = left;
}

bool outflow_blocked(const struct connection *c)
{
    return buffer_left(&c->out) > 0 && !c->mute;
}

void outflow_rest(struct connection *c)
{
    if (c->n_flights == 0) {
        free(c->flights);
        c->flights = NULL;
    }
    if (!outflow_blocked(c))
        buffer_trim(&c->out);
}

void outflow_close(struct connection *c)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < c->n_flights; i++)
        bytes += size_of(c->flights[i].parcel);
    mailbox_done(c->outbound, (uint32_t)c->n_flights, bytes);
    buffer_fini(&c->out);
}

void outflow_return(struct connection *c, void (*discard)(void *context, struct message *m), void *context)
{
    for (size_t i = 0; i < c->n_flights; i++) {
        const struct flight *f = &c->flights[i];
        struct message m = {.kind = f->kind, .scope = f->scope, .peer = c->terms.ref, .parcel = f->parcel};

        discard(context, &m);
    }
    free(c->flights);
    c->flights = NULL;
    c->n_flights = 0;
}
