#include "node/control_thread.h"

#include <sched.h>
#include <stdlib.h>

#include "base/earlier.h"
#include "node/answers.h"
#include "node/app_events.h"
#include "node/controller_actions.h"
#include "node/inbound.h"
#include "node/peer_thread.h"
#include "node/shortage.h"
#include "node/tidy.h"

enum {
    YIELDS = 16, /* looks at its queues before it sleeps */
    CONTROLS_AT_ONCE = 64,
    APP_AT_ONCE = 256,
    DESK_AT_ONCE = 32,
    DATAGRAMS_AT_ONCE = 64,
    ANSWERS_AT_ONCE = 64,
    QUIT_DRAIN_MS = 300,  /* how long ToNetwork may take to empty before the connections are told to end */
    MISSED_RETRY_MS = 50, /* the readers of events do not say when they have taken some */
    FIRST_ANSWERS_MS = 2000,
};

#define NEVER_MS INT64_MAX

static bool take_controls(struct node *n, struct queue *from, struct moment now)
{
    struct message m;
    int taken = 0;
    for (; taken < CONTROLS_AT_ONCE && queue_take_one(from, &m); taken++) {
        n->n_naming -= m.type == MSG_NAMES;
        controller_handle(n->core, now, &m);
    }
    return taken > 0;
}

static bool take_datagrams(struct node *n, struct moment now)
{
    struct message m = {.type = MSG_DATAGRAM};
    int taken = 0;
    while (n->udp && taken < DATAGRAMS_AT_ONCE && (m.datagram = udp_take(n->udp))) {
        controller_handle(n->core, now, &m);
        taken++;
    }
    return taken > 0;
}

static bool take_answers(struct node *n, struct moment now)
{
    struct store_answer a;
    int taken = 0;
    while (n->store && taken < ANSWERS_AT_ONCE && store_take(n->store, &a)) {
        const struct message m = {.type = MSG_ANSWER, .kind = a.kind, .id = a.token, .parcel = a.parcel};
        controller_handle(n->core, now, &m);
        taken++;
    }
    return taken > 0;
}

static bool take_app(struct node *n, struct moment now)
{
    const struct message *m = NULL;
    uint32_t taken = 0;
    for (; taken < APP_AT_ONCE && controller_takes_sends(n->core); taken++) {
        m = m ? m : batch_look(&n->app, n->to_network);
        if (!m) {
            break;
        }
        controller_handle(n->core, now, m);
        m = batch_pass(&n->app, n->to_network);
    }
    return taken > 0;
}

static bool take_desk(struct node *n, struct moment now)
{
    uint32_t taken = 0;
    for (; taken < DESK_AT_ONCE && controller_takes_sends(n->core); taken++) {
        const struct message *m = batch_look(&n->desk, n->desk_sends);
        if (!m) {
            break;
        }
        controller_handle(n->core, now, m);
        batch_pass(&n->desk, n->desk_sends);
    }
    return taken > 0;
}

/* If one has sent, the other has the first turn next. Each message may have to wait for room, and then the
 * core takes no other: whoever comes second each time would never send. */
static bool take_sends(struct node *n, struct moment now)
{
    bool desk = n->desk_sends && n->desk_first && take_desk(n, now);
    bool app = take_app(n, now);
    if (n->desk_sends && !n->desk_first) {
        desk = take_desk(n, now);
    }
    n->desk_first = desk || app ? app : n->desk_first;
    return desk || app;
}

static bool app_is_quiet(const struct node *n)
{
    return batch_is_empty(&n->app) && queue_empty(n->to_network);
}

static bool desk_is_quiet(const struct node *n)
{
    return !n->desk_sends || (batch_is_empty(&n->desk) && queue_empty(n->desk_sends));
}

static bool no_commands(const struct node *n)
{
    return queue_empty(n->commands) && (!n->desk_commands || queue_empty(n->desk_commands));
}

static void drop_at_end(void *context, struct message *m)
{
    struct node *n = context;
    controller_abandon(n->core, m);
}

/* The queue is closed first: a thread that found the node open and is about to post gets in before that, and
 * is counted here, or is told that the node is closed. The budget of what was taken and not handled is given
 * back too: else a thread that waits for room would never hear that there is some. */
static void drain(struct node *n, struct queue *q, struct batch *b)
{
    queue_close(q);
    batch_drop(b, q, drop_at_end, n);
    struct message m;
    uint32_t left;
    uint64_t bytes;
    for (;;) {
        queue_fill(q, &left, &bytes);
        if (left == 0) {
            return;
        }
        if (queue_drop_oldest(q, &m)) {
            drop_at_end(n, &m);
        } else {
            sched_yield(); /* it was let in, and is not yet there: its writer is between its two steps */
        }
    }
}

/* Nobody handles commands any more, and who asked still hears so. As above, no writer gets in behind this. */
static void drain_commands(struct node *n, struct queue *q)
{
    struct message m;
    uint32_t left;
    uint64_t bytes;
    queue_close(q);
    for (queue_fill(q, &left, &bytes); left > 0; queue_fill(q, &left, &bytes)) {
        if (queue_take_one(q, &m)) {
            drop_at_end(n, &m);
        } else {
            sched_yield(); /* as above */
        }
    }
}

/* The application's last messages and commands go before the connections are told to end. */
static void try_quit(struct node *n, struct moment now)
{
    struct message m = {.type = MSG_COMMAND};
    if (!node_is_closing(n) || n->quit_told) {
        return;
    }
    if (!n->quitting) {
        n->quit_by = now.ms + QUIT_DRAIN_MS;
    }
    n->quitting = true;
    if (now.ms < n->quit_by && !(app_is_quiet(n) && desk_is_quiet(n) && no_commands(n) &&
                                 controller_takes_sends(n->core) && !controller_has_sends(n->core))) {
        return;
    }
    struct command *quit = calloc(1, sizeof *quit);
    if (!quit) {
        n->quit_by = now.ms + QUIT_DRAIN_MS;
        return;
    }
    quit->type = COMMAND_QUIT;
    m.command = quit;
    n->quit_told = true;
    drain(n, n->to_network, &n->app);
    if (n->desk_sends) {
        drain(n, n->desk_sends, &n->desk);
    }
    controller_handle(n->core, now, &m);
}

/* Tries again what waits for room. Resets the deadline first: if nothing waits any more, a deadline in the
 * past would keep the thread from ever sleeping again. */
static void retry(struct node *n, struct moment now)
{
    n->retry_ms = NEVER_MS;
    controller_retry(n->core, now);
}

static bool tick(struct node *n, struct moment now)
{
    bool any = false;
    if (controller_deadline(n->core) <= now.ms) {
        controller_tick(n->core, now);
        any = true;
    }
    /* What waits for room is tried whenever we are up: the reader that made room has rung. */
    if (controller_waits(n->core)) {
        retry(n, now);
    }
    if (n->missed > 0) {
        app_events_report_missed(n);
    }
    if (n->watch && n->watch->missed > 0) {
        watch_report_missed(n->watch);
    }
    return any;
}

static bool nothing_to_do(struct node *n)
{
    return connections_are_idle(n) && (!n->udp || udp_empty(n->udp)) &&
           (!n->store || store_empty(n->store)) && queue_empty(n->control) && no_commands(n) &&
           (!controller_takes_sends(n->core) || (app_is_quiet(n) && desk_is_quiet(n))) &&
           (n->quitting || !node_is_closing(n));
}

static int64_t deadline_of(const struct node *n)
{
    int64_t at = earlier(earlier(controller_deadline(n->core), n->retry_ms), tidy_deadline(n));
    if (n->quitting && !n->quit_told) {
        at = earlier(at, n->quit_by);
    }
    bool owes_missed = n->missed > 0 || (n->watch && n->watch->missed > 0);
    return owes_missed ? earlier(at, node_now().ms + MISSED_RETRY_MS) : at;
}

/* The last look before the thread sleeps. The readers that we wait for may have made room just before the
 * bell was armed: what waits is tried once more, and when it is tried next is only known then. */
static int64_t look_again(void *node)
{
    struct node *n = node;
    retry(n, node_now());
    node_flush(n);
    tidy_run(n, node_now().ms);
    return nothing_to_do(n) ? deadline_of(n) : WORKER_BUSY;
}

static void loop(struct node *n)
{
    int idle = 0;
    while (!n->over) {
        struct moment now = node_now();
        bool any = take_controls(n, n->control, now);
        any |= take_controls(n, n->commands, now);
        any |= n->desk_commands && take_controls(n, n->desk_commands, now);
        any |= take_datagrams(n, now);
        any |= take_answers(n, now);
        any |= serve_connections(n);
        any |= take_sends(n, now);
        any |= tick(n, now);
        shortage_run(n, now);
        try_quit(n, now);
        node_flush(n);
        if (n->over) {
            break;
        }
        if (any) {
            idle = 0;
        } else if (idle < YIELDS) {
            idle++;
            sched_yield();
        } else {
            worker_sleep_until(&n->worker, look_again);
        }
    }
}

static bool has_answers(const void *node)
{
    const struct node *n = node;
    return !store_empty(n->store) || node_is_closing(n);
}

/* What sessions state of the store is asked for at the start, and stated once, in a handshake. So the first
 * connections wait for it; there is nobody yet whom this thread could delay. A disk that hangs is not waited
 * for longer. */
static void hear_the_store(struct node *n)
{
    int64_t by = node_now().ms + FIRST_ANSWERS_MS;
    while (n->store && store_owes(n->store) && !node_is_closing(n) && node_now().ms < by) {
        if (!take_answers(n, node_now())) {
            worker_sleep(&n->worker, has_answers, NULL, 0, by);
        }
    }
}

void control_thread_run(void *node)
{
    struct node *n = node;
    hear_the_store(n);
    controller_start(n->core, node_now());
    loop(n);
    drain_commands(n, n->commands);
    if (n->desk_commands) {
        drain_commands(n, n->desk_commands);
    }
    /* Release: a thread that sees the flag sees everything that was posted before, and may read `missed`.
     * With a relaxed store the application could take the end for the next event while others are still to
     * come. */
    atomic_store_explicit(&n->ended, true, memory_order_release);
    bell_ring(&n->app_bell);
    if (n->watch) {
        watch_end(n->watch);
    }
}
