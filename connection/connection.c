#include "connection/connection.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/descriptor.h"
#include "connection/private.h"
#include "queue/pool.h"
#include "queue/thread.h"

enum {
    STACK_BYTES = 256 * 1024, /* touched as far as used; no frame of ours is large */
    YIELDS = 16,    /* looks at its queues before it sleeps: waking an idle core costs more than they do */
    LEAVE_MS = 700, /* a graceful end waits so long for the peer to take what is queued */
    DRAIN_MS = 300, /* and so long for it to close its side */
    WATCH_MS = 50,  /* one that waits for room looks again so often: small steps ring no bell */
    REST_MS = 1000, /* with nothing to do for so long, it gives back the memory that it can do without */
    DRAIN_BYTES = 4096,
    OUTBOUND_CONTROLS = 5, /* to go on, to look for signs of life, to end, and to end at once */
    INBOUND_CONTROLS = 5,  /* MSG_MET, MSG_ONLINE, MSG_ALIVE, MSG_RESTS and MSG_ENDED at most */
    PROBE_SLACK_MS = 1000, /* a ping may be so late */
    INBOUND_PARCELS = 1024,
    INBOUND_BYTES = 4 * 1024 * 1024,
};

void connection_end(struct connection *c, enum end_reason reason, const char *text)
{
    if (c->over)
        return;
    c->over = true;
    c->why = reason;
    c->ending = calloc(1, sizeof *c->ending);
    if (!c->ending)
        return;
    snprintf(c->ending->text, sizeof c->ending->text, "%s", text && *text ? text : end_reason_text(reason));
}

void connection_broke(struct connection *c, int error)
{
    enum end_reason why = error == ECONNRESET ? END_CLOSED : END_ERROR;

    connection_end(c, connection_error_is_ours(error) ? END_LOCAL : why, strerror(error));
}

static void consent(struct connection *c, int64_t now)
{
    struct session_event ev = {.type = SESSION_NOTHING};

    c->terms.protocol->session->consent(c->session, now, &ev, &c->out);
    inflow_event(c, &ev);
    c->backlog = true; /* what has come meanwhile was left unread */
}

bool connection_controls(struct connection *c, int64_t now)
{
    struct message m;
    bool any = false;

    while (mailbox_take_control(c->outbound, &m, 1) == 1) {
        any = true;
        switch ((enum connection_control)m.type) {
        case CONNECTION_CLOSE:
            c->asked = (enum end_reason)m.end.reason;
            c->leaving = true;
            c->leave_by = m.end.at_once ? now : now + LEAVE_MS;
            break;
        case CONNECTION_CONSENT:
            if (!c->over)
                consent(c, now);
            break;
        case CONNECTION_PROBE:
            c->heard = false;
            c->probe_by = now + c->terms.node->timings.ping + PROBE_SLACK_MS;
            break;
        }
    }
    return any;
}

/* Whether signs of life have come, if that was asked. Whom we do not read may well have said something. */
static void judge(struct connection *c, int64_t now)
{
    struct message m = {.type = MSG_ALIVE, .peer = c->terms.ref};

    if (c->probe_by == 0 || (!c->heard && now < c->probe_by))
        return;
    if (c->heard || !inflow_wants(c))
        mailbox_post_control(c->inbound, &m);
    else
        connection_end(c, END_SILENT, "no sign of life, and its peer has come by another connection");
    c->probe_by = 0;
}

/* A graceful end: what the controller had queued goes first, while the peer takes it. */
static void leave(struct connection *c, int64_t now)
{
    if (now < c->leave_by && c->ready && !c->mute && (!mailbox_empty(c->outbound) || outflow_blocked(c)))
        return;
    c->polite = now < c->leave_by;
    connection_end(c, c->asked, NULL);
}

static bool tick(struct connection *c, int64_t now)
{
    const struct protocol *p = c->terms.protocol;
    struct session_event ev = {.type = SESSION_NOTHING};

    if (now < p->session->deadline(c->session))
        return false;
    p->session->tick(c->session, now, c->deaf, &ev, &c->out);
    c->deaf = false;
    inflow_event(c, &ev);
    return true;
}

static bool nothing_to_do(const struct connection *c)
{
    return mailbox_empty_control(c->outbound) &&
           (!c->ready || c->mute || outflow_blocked(c) || mailbox_empty(c->outbound));
}

static int poll_timeout(const struct connection *c, int64_t now)
{
    int64_t deadline = c->terms.protocol->session->deadline(c->session);

    if (!c->rested && c->busy_ms + REST_MS < deadline)
        deadline = c->busy_ms + REST_MS;
    if (c->leaving && c->leave_by < deadline)
        deadline = c->leave_by;
    if (c->probe_by > 0 && c->probe_by < deadline)
        deadline = c->probe_by;
    if (inflow_deadline(c) < deadline)
        deadline = inflow_deadline(c);
    if ((c->has_held || outflow_blocked(c)) && now + WATCH_MS < deadline)
        deadline = now + WATCH_MS;
    if (deadline == INT64_MAX)
        return -1;
    if (deadline <= now)
        return 0;
    return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

static bool may_give_back(const struct connection *c)
{
    return !c->rested && clock_ms() - c->busy_ms >= REST_MS;
}

/* Nothing has come for a while: others may have what this thread keeps. Outbound's memory is the controller's
 * to give back, as its writer. It is told where its lane is empty, so that there is always room for the end.
 * If it has left anything in inbound, all this is tried once more after a while. */
static void give_back(struct connection *c)
{
    struct message m = {.type = MSG_RESTS, .peer = c->terms.ref};

    pool_rest();
    thread_trim_stack();
    if (!mailbox_rest(c->inbound) || !mailbox_empty_control(c->inbound)) {
        c->busy_ms = clock_ms();
        return;
    }
    if (c->used)
        mailbox_post_control(c->inbound, &m);
    c->used = false;
    c->rested = true;
}

/* Sleeps until the socket, the controller or a deadline has something. */
static void rest(struct connection *c)
{
    struct pollfd fds[2] = {{.fd = c->fd}, {.fd = c->bell.fd, .events = POLLIN}};

    inflow_rest(c);
    outflow_rest(c);
    if (inflow_wants(c))
        fds[0].events |= POLLIN;
    if (outflow_blocked(c))
        fds[0].events |= POLLOUT;
    /* With neither wanted, a hang-up would make poll return at once, for ever: the socket is left out. */
    if (!fds[0].events)
        fds[0].fd = -1;
    bell_lie_down(&c->bell);
    while (!inflow_retry(c) && nothing_to_do(c) && poll(fds, 2, poll_timeout(c, clock_ms())) == 0 &&
           may_give_back(c))
        give_back(c);
    bell_get_up(&c->bell);
    outflow_watch(c);
}

static void converse(struct connection *c)
{
    int idle = YIELDS;

    c->busy_ms = clock_ms();
    while (!c->over) {
        int64_t now = clock_ms();
        bool any = connection_controls(c, now);

        any |= outflow_run(c, now);
        if (!c->over)
            any |= inflow_run(c, now);
        if (any) {
            c->busy_ms = now;
            c->rested = false;
        }
        if (!c->over)
            any |= tick(c, now);
        if (!c->over)
            any |= inflow_show_progress(c, now);
        if (!c->over)
            judge(c, now);
        if (!c->over && c->leaving)
            leave(c, now);
        if (any) {
            idle = 0;
        } else if (idle < YIELDS) {
            idle++;
            sched_yield();
        } else if (!c->over) {
            rest(c);
        }
    }
}

/* What the peer still sends is read and thrown away until it closes too: closing a socket with unread bytes
 * resets the connection, and the peer could lose what we sent. Never inlined: its buffer would then be part
 * of the frame that lies under all that the thread does. */
static __attribute__((noinline)) void drain(const struct connection *c)
{
    int64_t drain_by = clock_ms() + DRAIN_MS, now;
    struct pollfd fd = {.fd = c->fd, .events = POLLIN};
    char waste[DRAIN_BYTES];

    while ((now = clock_ms()) < drain_by && poll(&fd, 1, (int)(drain_by - now)) > 0)
        if (recv(c->fd, waste, sizeof waste, 0) <= 0)
            return;
}

/* The last bytes go out: a refusal, a goodbye, what was queued. */
static void part(struct connection *c)
{
    int64_t flush_by = clock_ms() + LEAVE_MS, now;
    struct pollfd fd = {.fd = c->fd, .events = POLLOUT};

    while (outflow_blocked(c) && c->polite && (now = clock_ms()) < flush_by) {
        poll(&fd, 1, (int)(flush_by - now));
        outflow_flush(c);
    }
    if (!c->polite)
        return;
    shutdown(c->fd, SHUT_WR);
    drain(c);
}

static uint64_t random_number(void *context)
{
    uint64_t n;

    (void)context;
    randombytes_buf(&n, sizeof n);
    return n;
}

static int64_t wall_clock(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static bool open_session(struct connection *c)
{
    const struct protocol *p = c->terms.protocol;
    struct session_terms terms = {
        .protocol = p,
        .expected = c->terms.to.id,
        .wall_ms = wall_clock,
        .node = c->terms.node,
        .direction = c->terms.fd >= 0 ? DIRECTION_INCOMING : DIRECTION_OUTGOING,
        .remote = c->remote,
        .refuse = c->terms.refuse,
        .alternatives = c->terms.alternatives,
        .n_alternatives = c->terms.n_alternatives,
        .random = random_number,
    };

    if (p->session->open(c->session, &terms, clock_ms(), &c->out) == 0)
        return true;
    connection_end(c, END_RESOURCES, "no memory for a session");
    return false;
}

/* The last message: after it the controller may free the connection as soon as the thread has returned. */
static void post_ended(struct connection *c)
{
    struct message m = {.type = MSG_ENDED, .peer = c->terms.ref, .end.reason = c->why, .ending = c->ending};

    if (c->ending)
        c->ending->remote = c->remote;
    mailbox_post_control(c->inbound, &m);
}

/* What inbound had no room for, and what is not yet accounted for, still goes to the controller before the
 * end does: nothing is lost on its account. */
static void hand_over(struct connection *c)
{
    inflow_account(c);
    mailbox_wake(c->inbound);
    while (c->has_held) {
        struct pollfd fd = {.fd = c->bell.fd, .events = POLLIN};

        bell_lie_down(&c->bell);
        if (!inflow_retry(c))
            poll(&fd, 1, -1);
        bell_get_up(&c->bell);
        inflow_account(c);
    }
    mailbox_wake(c->inbound);
}

static void *run(void *argument)
{
    struct connection *c = argument;

    c->fd = c->terms.fd >= 0 ? c->terms.fd : connection_dial(c);
    if (c->fd >= 0) {
        connection_tune(c->fd);
        if (open_session(c)) {
            converse(c);
            part(c);
            c->terms.protocol->session->close(c->session);
            sodium_memzero(c->session, c->terms.protocol->session->size);
        }
        descriptor_close(c->fd);
    }
    inflow_close(c);
    outflow_close(c);
    hand_over(c);
    post_ended(c);
    return NULL;
}

static bool make_mailboxes(struct connection *c)
{
    const struct limits *l = &c->terms.node->limits;
    struct mailbox_terms out = {
        .parcels = l->queue_parcels,
        .bytes = l->queue_bytes,
        .controls = OUTBOUND_CONTROLS,
        .reader_bell = &c->bell,
        .writer_bell = c->terms.controller_bell,
    };
    struct mailbox_terms in = {
        .parcels = INBOUND_PARCELS,
        .bytes = INBOUND_BYTES,
        .controls = INBOUND_CONTROLS,
        .reader_bell = c->terms.controller_bell,
        .writer_bell = &c->bell,
        .ready = c->terms.ready,
        .name = c->terms.ref,
    };

    c->outbound = mailbox_new(&out);
    c->inbound = mailbox_new(&in);
    return c->outbound && c->inbound;
}

static void destroy(struct connection *c)
{
    mailbox_free(c->outbound, NULL, NULL);
    mailbox_free(c->inbound, NULL, NULL);
    bell_fini(&c->bell);
    free(c);
}

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* The protocol's session, the alternatives and the targets lie behind the struct. */
static struct connection *make(const struct connection_terms *terms)
{
    size_t align = _Alignof(struct connection), session = terms->protocol->session->size;
    size_t at = round_up(sizeof(struct connection) + session, _Alignof(struct endpoint));
    size_t size = (terms->n_alternatives + terms->n_targets) * sizeof(struct endpoint);
    struct connection *c = aligned_alloc(align, round_up(at + size, align));
    struct endpoint *endpoints;

    if (!c)
        return NULL;
    *c = (struct connection){.terms = *terms, .fd = -1, .bell.fd = -1, .remote = terms->remote};
    memset(c->session, 0, session);
    endpoints = (struct endpoint *)(void *)((unsigned char *)c + at);
    c->terms.alternatives = endpoints;
    c->terms.targets = endpoints + terms->n_alternatives;
    if (terms->n_alternatives > 0)
        memcpy(endpoints, terms->alternatives, terms->n_alternatives * sizeof *endpoints);
    if (terms->n_targets > 0)
        memcpy(endpoints + terms->n_alternatives, terms->targets, terms->n_targets * sizeof *endpoints);
    return c;
}

struct connection *connection_start(const struct connection_terms *terms)
{
    struct connection *c = make(terms);

    if (c) {
        buffer_init(&c->out);
        if (bell_init(&c->bell) == 0 && make_mailboxes(c) &&
            thread_start(&c->thread, "kith-peer", STACK_BYTES, run, c) == 0)
            return c;
        destroy(c);
    }
    if (terms->fd >= 0)
        descriptor_close(terms->fd);
    return NULL;
}

struct mailbox *connection_outbound(struct connection *c)
{
    return c->outbound;
}

struct mailbox *connection_inbound(struct connection *c)
{
    return c->inbound;
}

struct connection_counts connection_counts(const struct connection *c)
{
    return (struct connection_counts){
        .bytes_in = atomic_load_explicit(&c->bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&c->bytes_out, memory_order_relaxed),
        .parcels_in = atomic_load_explicit(&c->parcels_in, memory_order_relaxed),
        .parcels_out = atomic_load_explicit(&c->parcels_out, memory_order_relaxed),
    };
}

void connection_free(struct connection *c, void (*discard)(void *context, struct message *m), void *context)
{
    struct message m;

    pthread_join(c->thread, NULL);
    outflow_return(c, discard, context);
    while (mailbox_drop_oldest(c->outbound, &m))
        discard(context, &m);
    destroy(c);
}
