#include "connection/connection.h"

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "connection/private.h"
#include "connection/route.h"
#include "queue/pool.h"
#include "queue/thread.h"

enum {
    YIELDS = 16,    /* looks at its queues before it sleeps: waking an idle core costs more than they do */
    YIELD_MS = 20,  /* and looks no longer, if others keep the processor and ticks begin the looks anew */
    LEAVE_MS = 700, /* a graceful end waits so long for the peer to take what is queued */
    DRAIN_MS = 300, /* and so long for it to close its side */
    WATCH_MS = 50,  /* one that waits for room looks again so often: small steps ring no bell */
    MUCH = 1024 * 1024, /* who held so much gives back to the system what the allocator keeps of it */
    TRIM_MS = 1000,     /* with nothing to do for so long, it gives back the memory that it can do without */
    DRAIN_BYTES = 4096,
};

/* --- what the controller asks --- */

/* True if it asked anything. */
static bool take_controls(struct connection *c, int64_t now)
{
    struct message m;
    bool any = false;
    while (queue_take_one(c->outbound_control, &m)) {
        any = true;
        switch ((enum connection_control)m.type) {
        case CONNECTION_CLOSE:
            c->asked = (enum end_reason)m.end.reason;
            c->is_leaving = true;
            c->leave_by = m.end.at_once ? now : now + LEAVE_MS;
            break;
        case CONNECTION_CONSENT:
            wire_consent(c->wire, now);
            break;
        case CONNECTION_PROBE:
            wire_probe(c->wire, now);
            break;
        }
    }
    return any;
}

/* A graceful end: what the controller had queued goes first, while the peer takes it. */
static void leave(struct connection *c, int64_t now)
{
    bool sends = wire_is_ready(c->wire) && !wire_output_stopped(c->wire);
    if (now < c->leave_by && sends && (!queue_empty(c->outbound) || wire_has_output(c->wire))) {
        return;
    }
    bool said = wire_leave(c->wire, now, c->asked);
    c->flushes = now < c->leave_by || (said && c->asked != END_SHUTDOWN);
}

/* One that has closed its side is answered, but not for ever. */
static void finish(struct connection *c, int64_t now)
{
    if (c->finish_by > 0 && now >= c->finish_by) {
        wire_end(c->wire, END_CLOSED, NULL);
    }
}

/* --- the socket --- */

static bool is_asked(const void *self)
{
    const struct connection *c = self;
    return !queue_empty(c->outbound_control);
}

static void start_route(const struct connection *c, struct route *r)
{
    struct route_config config = {.proxy = c->proxy,
                                  .to = c->to,
                                  .dial = {.bind = c->bind,
                                           .targets = c->targets,
                                           .n_targets = c->n_targets,
                                           .timeout_ms = c->node->timings.dial}};
    route_start(r, &config, clock_ms());
}

/* Sets fd and remote, or the wire is over. Never inlined: the route would lie in the frame under all that the
 * thread does. */
static __attribute__((noinline)) void dial(struct connection *c)
{
    struct route r;
    size_t n = 0;
    start_route(c, &r);
    struct pollfd fds[1 + TARGETS_MAX];
    struct dial_result result;
    enum dial_state state;
    while ((state = route_step(&r, fds + 1, n, clock_ms(), &result)) == DIAL_RUNS && !c->is_leaving) {
        n = route_poll(&r, fds + 1);
        worker_sleep(&c->worker, is_asked, fds, 1 + n, route_deadline(&r));
        take_controls(c, clock_ms());
    }
    if (state == DIAL_CONNECTED) {
        c->fd = result.fd;
        c->remote = result.remote;
    } else if (state == DIAL_FAILED) {
        wire_end(c->wire, result.why, result.text);
    } else {
        wire_end(c->wire, c->asked, NULL);
    }
    route_stop(&r);
}

/* --- while it lives --- */

/* The last look before it sleeps. An event that found no room is tried once more: the bell rings only for
 * room that comes after that. */
static bool is_busy(const void *self)
{
    struct connection *c = ((const struct connection *)self)->worker.self;
    const struct wire *w = c->wire;
    if (transfer_held(c) || is_asked(c)) {
        return true;
    }
    return wire_is_ready(w) && !wire_output_stopped(w) && !wire_has_output(w) && !queue_empty(c->outbound);
}

static int64_t deadline_of(const struct connection *c)
{
    int64_t at = wire_deadline(c->wire), watch = clock_ms() + WATCH_MS;
    if (!c->is_trimmed && c->busy_ms + TRIM_MS < at) {
        at = c->busy_ms + TRIM_MS;
    }
    if (c->is_leaving && c->leave_by < at) {
        at = c->leave_by;
    }
    if (c->finish_by > 0 && c->finish_by < at) {
        at = c->finish_by;
    }
    if ((wire_is_held(c->wire) || wire_has_output(c->wire)) && watch < at) {
        at = watch;
    }
    return at;
}

/* Nothing has come for a while: others may have what this thread keeps. Outbound's memory is the controller's
 * to give back, as its writer. MSG_IDLE is posted only while the control queue is empty, so that MSG_ENDED
 * always has room. If the controller has left anything in inbound, all this is tried once more after a while.
 */
static void trim(struct connection *c)
{
    pool_trim();
    thread_trim_stack();
    if (!queue_trim(c->inbound) || !queue_empty(c->inbound_control)) {
        c->busy_ms = clock_ms();
        return;
    }
    transfer_shrink_inbound(c, INBOUND_FREE);
    if (c->outbound_used) {
        struct message m = {.type = MSG_IDLE, .peer = c->ref};
        queue_post_and_wake(c->inbound_control, &m);
    }
    c->outbound_used = false;
    c->is_trimmed = true;
}

/* The controller may have left what is in inbound for as long as it holds the peer back. */
static void tell_left(struct connection *c)
{
    struct message m = {.type = MSG_LEFT, .peer = c->ref};
    queue_post_and_wake(c->inbound_control, &m);
}

/* Sleeps until the socket, the controller or a deadline has something. */
static void sleep_until_ready(struct connection *c)
{
    struct pollfd fds[2] = {[1] = {.fd = c->fd}};
    wire_trim(c->wire);
    if (wire_is_starved(c->wire)) { /* the controller keeps the budget */
        queue_wake(c->inbound);
    }
    if (wire_wants_bytes(c->wire)) {
        fds[1].events |= POLLIN;
    }
    if (wire_has_output(c->wire)) {
        fds[1].events |= POLLOUT;
    }
    /* Whom we do not read may leave. */
    if (!wire_wants_bytes(c->wire) && !wire_has_left(c->wire) && c->finish_by == 0) {
        fds[1].events |= POLLRDHUP;
    }
    /* With nothing wanted, a hang-up would make poll return at once, for ever: the socket is left out. */
    if (!fds[1].events) {
        fds[1].fd = -1;
    }
    worker_sleep(&c->worker, is_busy, fds, 2, deadline_of(c));
    if ((fds[1].events & POLLRDHUP) && (fds[1].revents & (POLLRDHUP | POLLERR | POLLHUP))) {
        wire_left(c->wire, clock_ms());
        tell_left(c);
    }
    transfer_watch(c);
}

/* One round of all that there is to do. True if there was anything. */
static bool step(struct connection *c)
{
    int64_t now = c->step_ms = clock_ms();
    bool any = take_controls(c, now);
    any |= transfer_out(c, now);
    if (!wire_is_over(c->wire)) {
        any |= transfer_in(c, now);
    }
    if (any) {
        c->busy_ms = now;
        c->is_trimmed = false;
    }
    if (!wire_is_over(c->wire)) {
        any |= wire_tick(c->wire, now);
    }
    if (!wire_is_over(c->wire)) {
        any |= transfer_progress(c, now);
    }
    if (!wire_is_over(c->wire) && c->is_leaving) {
        leave(c, now);
    }
    if (!wire_is_over(c->wire)) {
        finish(c, now);
    }
    /* Here and not before the next sleep, when more of the stack would be in use. */
    if (!any && !c->is_trimmed && now - c->busy_ms >= TRIM_MS) {
        trim(c);
    }
    return any;
}

static void converse(struct connection *c)
{
    int idle = YIELDS;
    c->busy_ms = clock_ms();
    while (!wire_is_over(c->wire)) {
        if (step(c)) {
            idle = 0;
        } else if (idle < YIELDS && c->step_ms - c->busy_ms < YIELD_MS) {
            idle++;
            sched_yield();
        } else if (!wire_is_over(c->wire)) {
            sleep_until_ready(c);
        }
    }
}

/* --- its end --- */

/* What the peer still sends is read and thrown away until it closes too: closing a socket with unread bytes
 * resets the connection, and the peer could lose what we sent. Never inlined: its buffer would then be part
 * of the frame that lies under all that the thread does. */
static __attribute__((noinline)) void drain(struct connection *c)
{
    int64_t drain_by = clock_ms() + DRAIN_MS;
    char waste[DRAIN_BYTES];
    while (clock_ms() < drain_by) {
        struct pollfd fds[2] = {[1] = {.fd = c->fd, .events = POLLIN}};
        worker_sleep(&c->worker, NULL, fds, 2, drain_by);
        if (fds[1].revents && recv(c->fd, waste, sizeof waste, 0) <= 0) {
            return;
        }
    }
}

/* The last bytes go out: a refusal, a goodbye, what was queued. */
static void flush_and_close(struct connection *c)
{
    if (c->flushes || wire_flushes(c->wire)) {
        int64_t flush_by = clock_ms() + LEAVE_MS;
        while (wire_has_output(c->wire) && clock_ms() < flush_by) {
            struct pollfd fds[2] = {[1] = {.fd = c->fd, .events = POLLOUT}};
            worker_sleep(&c->worker, NULL, fds, 2, flush_by);
            transfer_flush(c);
        }
        shutdown(c->fd, SHUT_WR);
        drain(c);
    } else {
        transfer_flush(c); /* a stream may have told the peer that this is the end */
    }
    descriptor_close(c->fd);
}

static bool is_handed_over(const void *self)
{
    return transfer_held(((const struct connection *)self)->worker.self);
}

/* What inbound had no room for, and what is not yet accounted for, still goes to the controller before the
 * end does: nothing is lost on its account. */
static void hand_over(struct connection *c)
{
    transfer_events(c, clock_ms());
    queue_wake(c->inbound);
    while (wire_is_held(c->wire)) {
        worker_sleep(&c->worker, is_handed_over, NULL, 0, WORKER_NEVER);
        transfer_events(c, clock_ms());
    }
    queue_wake(c->inbound);
}

/* The last message: after it the controller may free the connection as soon as the thread has returned. */
static void post_ended(struct connection *c)
{
    struct ending *ending = wire_take_ending(c->wire);
    if (ending) {
        ending->remote = c->remote;
    }
    struct message m = {
        .type = MSG_ENDED, .peer = c->ref, .end.reason = wire_end_reason(c->wire), .ending = ending};
    queue_post_and_wake(c->inbound_control, &m);
}

static void run(void *self)
{
    struct connection *c = self;
    int64_t begun_ms = clock_ms();
    if (c->fd < 0) {
        dial(c);
    }
    if (c->fd >= 0) {
        transfer_tune(c->fd);
        wire_open(c->wire, clock_ms(), begun_ms, &c->remote);
        converse(c);
        flush_and_close(c);
    }
    int64_t held = budget_held(&c->account);
    struct wire_done unsent = wire_close(c->wire);
    if (held >= MUCH) {
        malloc_trim(0);
    }
    queue_done(c->outbound, unsent.messages, unsent.bytes);
    hand_over(c);
    post_ended(c);
}

/* --- what the controller does with it --- */

static uint64_t random_number(void *context)
{
    (void)context;
    uint64_t n;
    randombytes_buf(&n, sizeof n);
    return n;
}

static int64_t wall_clock(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static bool make_queues(struct connection *c, const struct connection_config *t)
{
    const struct limits *l = &t->node->limits;
    struct bell *own = &c->worker.bell, *controllers = t->controller_bell;
    struct queue_config out = {.messages = l->queue_parcels,
                               .bytes = l->queue_bytes,
                               .reader_bell = own,
                               .writer_bell = controllers};
    struct queue_config out_control = {.messages = OUTBOUND_CONTROLS, .reader_bell = own};
    struct queue_config in = {.messages = INBOUND_PARCELS,
                              .bytes = INBOUND_FREE,
                              .reader_bell = controllers,
                              .writer_bell = own,
                              .list = t->nonempty,
                              .ref = t->ref};
    struct queue_config in_control = {
        .messages = INBOUND_CONTROLS, .reader_bell = controllers, .list = t->nonempty, .ref = t->ref};
    c->outbound = queue_new(&out);
    c->outbound_control = queue_new(&out_control);
    c->inbound = queue_new(&in);
    c->inbound_control = queue_new(&in_control);
    return c->outbound && c->outbound_control && c->inbound && c->inbound_control;
}

static void free_told(void *context, struct message *m)
{
    (void)context;
    if (m->type == MSG_MET || m->type == MSG_ONLINE) {
        free(m->info);
    } else if (m->type == MSG_ENDED) {
        free(m->ending);
    }
}

static void destroy(struct connection *c)
{
    queue_free(c->outbound, NULL, NULL);
    queue_free(c->outbound_control, NULL, NULL);
    queue_free(c->inbound, NULL, NULL);
    queue_free(c->inbound_control, free_told, NULL);
    budget_close(&c->account);
    budget_close(&c->inbound_account);
    worker_fini(&c->worker);
    free(c);
}

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static bool is_proxied(const struct connection_config *t)
{
    return t->proxy && t->fd < 0;
}

static bool has_scheme(const struct connection_config *t)
{
    return t->fd < 0 && t->to.scheme != SCHEME_PLAIN;
}

/* `to` outlives the wire. */
static struct wire *make_wire(void *memory, const struct connection_config *t,
                              const struct endpoint *alternatives, const struct address *to,
                              struct budget_account *account)
{
    struct wire_config config = {
        .ref = t->ref,
        .protocol = t->protocol,
        .node = t->node,
        .direction = t->fd >= 0 ? DIRECTION_INCOMING : DIRECTION_OUTGOING,
        .facts = t->facts,
        .special = t->special,
        .purpose = t->purpose,
        .proxied = is_proxied(t) ? to : NULL,
        .dialed = has_scheme(t) ? to : NULL,
        .expected = t->to.id,
        .refuse = t->refuse,
        .alternatives = alternatives,
        .n_alternatives = t->n_alternatives,
        .digest = t->digest,
        .digest_context = t->digest_context,
        .account = account,
        .random = random_number,
        .wall_ms = wall_clock,
    };
    return wire_init(memory, &config);
}

static void copy_endpoints(struct endpoint *to, const struct endpoint *from, size_t n)
{
    if (n > 0) {
        memcpy(to, from, n * sizeof *to);
    }
}

/* Whom to dial. `only` is used if that is an IP address. */
static const struct endpoint *targets_of(const struct connection_config *t, struct endpoint *only, size_t *n)
{
    *n = is_proxied(t) ? 0 : t->n_targets;
    if (*n > 0 || t->fd >= 0 || t->proxy || !address_is_ip(&t->to, only)) {
        return t->targets;
    }
    *n = 1;
    return only;
}

/* The wire, the targets, the alternatives and the address as it was written lie behind the struct, and not in
 * the thread's own heap, where each would lie alone on its page. */
static struct connection *make(const struct connection_config *t)
{
    struct endpoint only;
    size_t n_targets;
    const struct endpoint *targets = targets_of(t, &only, &n_targets);
    size_t align = _Alignof(struct connection);
    size_t wire_at = round_up(sizeof(struct connection), _Alignof(max_align_t));
    size_t at = round_up(wire_at + wire_size(t->protocol), _Alignof(struct endpoint));
    size_t n_endpoints = n_targets + t->n_alternatives;
    size_t to_at = round_up(at + n_endpoints * sizeof(struct endpoint), _Alignof(struct address));
    bool has_to = is_proxied(t) || has_scheme(t);
    size_t size = to_at + (has_to ? sizeof(struct address) : 0);
    unsigned char *memory = aligned_alloc(align, round_up(size, align));
    if (!memory) {
        return NULL;
    }
    struct connection *c = (struct connection *)(void *)memory;
    struct endpoint *endpoints = (struct endpoint *)(void *)(memory + at);
    *c = (struct connection){.ref = t->ref,
                             .node = t->node,
                             .bind = t->bind,
                             .proxy = t->proxy,
                             .targets = endpoints,
                             .n_targets = n_targets,
                             .destination = t->destination,
                             .fd = t->fd,
                             .remote = t->remote,
                             .account.budget = t->budget,
                             .inbound_account.budget = t->budget,
                             .inbound_bytes = INBOUND_FREE};
    copy_endpoints(endpoints, targets, n_targets);
    copy_endpoints(endpoints + n_targets, t->alternatives, t->n_alternatives);
    if (has_to) {
        c->to = (struct address *)(void *)(memory + to_at);
        *c->to = t->to;
    }
    c->wire = make_wire(memory + wire_at, t, endpoints + n_targets, c->to, &c->account);
    return c;
}

struct connection *connection_start(const struct connection_config *config)
{
    struct connection *c = make(config);
    if (c) {
        if (worker_open(&c->worker) == 0 && make_queues(c, config) &&
            worker_start(&c->worker, "kith-peer", STACK_BYTES, run, c) == 0) {
            return c;
        }
        destroy(c);
    }
    if (config->fd >= 0) {
        descriptor_close(config->fd);
    }
    return NULL;
}

struct queue *connection_outbound(struct connection *c)
{
    return c->outbound;
}

struct queue *connection_outbound_control(struct connection *c)
{
    return c->outbound_control;
}

struct queue *connection_inbound(struct connection *c)
{
    return c->inbound;
}

struct queue *connection_inbound_control(struct connection *c)
{
    return c->inbound_control;
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

const struct budget_account *connection_account(const struct connection *c)
{
    return &c->account;
}

void connection_free(struct connection *c, void (*discard)(void *context, struct message *m), void *context)
{
    worker_join(&c->worker);
    wire_fini(c->wire, discard, context);
    struct message m;
    while (queue_drop_oldest(c->outbound, &m)) {
        discard(context, &m);
    }
    destroy(c);
}
