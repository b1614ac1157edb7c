#include "node/actor.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "node/actor_private.h"
#include "peers/file.h"
#include "queue/thread.h"

enum {
    YIELDS = 16, /* looks at its queues before it sleeps */
    CONTROLS_AT_ONCE = 64,
    APP_AT_ONCE = 256,
    COMMANDS = 4096,     /* commands of the application that may wait */
    ANSWERS = 64,        /* of the fetcher, which rests longer after each, and the keeper's one */
    EVENTS = 16384,      /* events that may wait for the application */
    QUIT_DRAIN_MS = 300, /* ToNetwork has so long to empty before the connections are told to end */
    SEED_CONNECT_MS = 5000,
    SEED_TOTAL_MS = 15000,
    MISSED_RETRY_MS = 50, /* the application does not say when it has taken events */
};

#define NEVER_MS INT64_MAX

void actor_release(void *context, struct message *m)
{
    (void)context;
    parcel_release(m->parcel);
}

struct moment actor_now(void)
{
    return (struct moment){.ms = clock_ms(), .wall_ms = clock_wall_ms()};
}

/* --- the loop --- */

static bool take_controls(struct actor *a, struct queue *from, struct moment now)
{
    struct message m;
    int n = 0;

    for (; n < CONTROLS_AT_ONCE && queue_take_one(from, &m); n++) {
        a->n_naming -= m.type == MSG_NAMES;
        controller_handle(a->core, now, &m);
    }
    return n > 0;
}

/* A send asks for an event as often as not: while the application does not take those, nothing is sent for
 * it. */
static bool wants_app(const struct actor *a)
{
    return controller_takes_sends(a->core) && a->missed == 0;
}

static bool take_app(struct actor *a, struct moment now)
{
    const struct message *m;
    uint32_t n = 0;

    while (n < APP_AT_ONCE && wants_app(a) && (m = batch_look(&a->app, a->to_network))) {
        controller_handle(a->core, now, m);
        batch_pass(&a->app, a->to_network);
        n++;
    }
    return n > 0;
}

static bool app_is_quiet(const struct actor *a)
{
    return batch_is_empty(&a->app) && queue_empty(a->to_network);
}

static void drop_at_end(void *context, struct message *m)
{
    struct actor *a = context;

    controller_abandon(a->core, m);
}

/* The queue is closed first: a thread that found the node open and is about to post gets in before that, and
 * is counted here, or is told that the node is closed. What was taken and not dealt with is given back, as
 * the rest is: else whoever waits for room would never hear that there is some. */
static void drain_to_network(struct actor *a)
{
    struct message m;
    uint32_t left;
    uint64_t bytes;

    queue_close(a->to_network);
    batch_drop(&a->app, a->to_network, drop_at_end, a);
    for (;;) {
        queue_fill(a->to_network, &left, &bytes);
        if (left == 0)
            return;
        if (queue_drop_oldest(a->to_network, &m))
            drop_at_end(a, &m);
        else
            sched_yield(); /* it was let in, and is not yet there: its writer is between its two steps */
    }
}

/* The fence in bell_ring, and the one that the thread makes before it looks again, see to it that either the
 * thread reads the flag or the bell wakes it. Acquire: what was sent before the quit is then seen in the
 * queues. With a relaxed load try_quit could find them empty, and drop it. */
static bool asked_to_end(const struct actor *a)
{
    return atomic_load_explicit(&a->closing, memory_order_acquire);
}

/* The application's last messages and commands go before the connections are told to end. */
static void try_quit(struct actor *a, struct moment now)
{
    struct message m = {.type = MSG_COMMAND};
    struct command *quit;

    if (!asked_to_end(a) || a->quit_told)
        return;
    if (!a->quitting)
        a->quit_by = now.ms + QUIT_DRAIN_MS;
    a->quitting = true;
    if (now.ms < a->quit_by &&
        !(app_is_quiet(a) && queue_empty(a->commands) && wants_app(a) && !controller_has_sends(a->core)))
        return;
    quit = calloc(1, sizeof *quit);
    if (!quit) {
        a->quit_by = now.ms + QUIT_DRAIN_MS;
        return;
    }
    quit->type = COMMAND_QUIT;
    m.command = quit;
    a->quit_told = true;
    drain_to_network(a);
    controller_handle(a->core, now, &m);
}

/* Tries again what waits for room. A deadline that the last try has left would, once nothing waits any more,
 * lie in the past for ever, and the thread would never sleep again. */
static void retry(struct actor *a, struct moment now)
{
    a->retry_ms = NEVER_MS;
    controller_retry(a->core, now);
}

static bool tick(struct actor *a, struct moment now)
{
    bool any = false;

    if (controller_deadline(a->core) <= now.ms) {
        controller_tick(a->core, now);
        any = true;
    }
    /* What waits for room is tried whenever we are up: the reader that made room has rung. */
    if (controller_waits(a->core))
        retry(a, now);
    if (a->missed > 0)
        actor_missed(a);
    return any;
}

static bool nothing_to_do(const struct actor *a)
{
    return links_idle(a) && queue_empty(a->control) && queue_empty(a->commands) &&
           (!wants_app(a) || app_is_quiet(a)) && (a->quitting || !asked_to_end(a));
}

static int poll_timeout(const struct actor *a)
{
    int64_t at = controller_deadline(a->core), now = actor_now().ms;

    if (a->retry_ms < at)
        at = a->retry_ms;
    if (a->quitting && !a->quit_told && a->quit_by < at)
        at = a->quit_by;
    if (a->missed > 0 && now + MISSED_RETRY_MS < at)
        at = now + MISSED_RETRY_MS;
    if (at == NEVER_MS)
        return -1;
    if (at <= now)
        return 0;
    return at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static void rest(struct actor *a)
{
    struct pollfd fd = {.fd = a->bell.fd, .events = POLLIN};

    bell_lie_down(&a->bell);
    /* The readers that we wait for may have made room just before the bell was armed: look once more. */
    retry(a, actor_now());
    actor_flush(a);
    if (nothing_to_do(a))
        poll(&fd, 1, poll_timeout(a));
    bell_get_up(&a->bell);
}

static void loop(struct actor *a)
{
    int idle = 0;

    while (!a->over) {
        struct moment now = actor_now();
        bool any = take_controls(a, a->control, now);

        any |= take_controls(a, a->commands, now);
        any |= links_run(a);
        any |= take_app(a, now);
        any |= tick(a, now);
        try_quit(a, now);
        actor_flush(a);
        if (a->over)
            break;
        if (any) {
            idle = 0;
        } else if (idle < YIELDS) {
            idle++;
            sched_yield();
        } else {
            rest(a);
        }
    }
}

static void *run(void *argument)
{
    struct actor *a = argument;

    controller_start(a->core, actor_now());
    loop(a);
    /* Release: whoever sees the flag sees everything that was posted before, and may read `missed`. With a
     * relaxed store the application could take the end for the next event while others are still to come. */
    atomic_store_explicit(&a->ended, true, memory_order_release);
    bell_ring(&a->app_bell);
    return NULL;
}

/* --- what the other actors call, on their threads --- */

static bool on_accepted(void *context, struct accepted *accepted)
{
    struct actor *a = context;
    struct message m = {.type = MSG_ACCEPTED, .accepted = accepted};

    return !asked_to_end(a) && queue_post_and_wake(a->control, &m);
}

void actor_answer(struct actor *a, const struct message *m)
{
    bool posted = queue_post_and_wake(a->control, m);

    /* The core waits for each: one that was lost would keep it from saving, or from ending, for ever. */
    assert(posted);
    (void)posted;
}

static void on_seeds(void *context, struct seed_report *report)
{
    struct message m = {.type = MSG_SEEDS, .seeds = report};

    actor_answer(context, &m);
}

void actor_on_names(void *context, struct names_found *answer)
{
    struct message m = {.type = MSG_NAMES, .names = answer};

    actor_answer(context, &m);
}

static void on_saved(void *context, bool failed)
{
    struct message m = {.type = MSG_SAVED, .failed = failed};

    actor_answer(context, &m);
}

/* --- start and end --- */

static bool make_queues(struct actor *a)
{
    const struct limits *l = &a->config.terms.limits;
    /* Room for all that may be under way: the listener, the actor and the core see to it that there is no
     * more of each. */
    struct queue_config control = {
        .messages = l->pending + ANSWERS + NAMES_MOST, .many_writers = true, .reader_bell = &a->bell};
    struct queue_config commands = {
        .messages = COMMANDS, .many_writers = true, .reader_bell = &a->bell, .writer_bell = &a->command_bell};
    struct queue_config to = {.messages = l->queue_parcels,
                              .bytes = l->queue_bytes,
                              .many_writers = true,
                              .reader_bell = &a->bell,
                              .writer_bell = &a->room_bell};
    struct queue_config from = {.messages = l->queue_parcels,
                                .bytes = l->queue_bytes,
                                .reader_bell = &a->app_bell,
                                .writer_bell = &a->bell};
    struct queue_config events = {.messages = EVENTS, .reader_bell = &a->app_bell, .writer_bell = &a->bell};

    if (bell_init(&a->bell) < 0 || bell_init(&a->app_bell) < 0 || bell_init(&a->room_bell) < 0 ||
        bell_init(&a->command_bell) < 0)
        return false;
    atomic_init(&a->receive_room, (int64_t)l->receive_bytes);
    a->most_links = controller_most_slots(&a->config);
    a->links = calloc(a->most_links, sizeof *a->links);
    a->control = queue_new(&control);
    a->commands = queue_new(&commands);
    a->to_network = queue_new(&to);
    a->from_network = queue_new(&from);
    a->events = queue_new(&events);
    a->from_gate.queue = a->from_network;
    /* Room for all, and for the names of those that have gone, so that to queue one can't fail: a name that
     * was taken off the list and not queued would never be listed again. */
    a->run_queue.items = calloc(2 * (size_t)a->most_links, sizeof *a->run_queue.items);
    a->run_queue.capacity = 2 * (size_t)a->most_links;
    a->nonempty = nonempty_list_new(4 * a->most_links); /* two queues each; and of those that have gone */
    a->roster = roster_new(a->most_links);
    a->last_event = node_event_new(KITH_ENDED, 0, 0);
    return batch_open(&a->app) && batch_open(&a->held_parcels) && a->links && a->run_queue.items &&
           a->control && a->commands && a->to_network && a->from_network && a->events && a->nonempty &&
           a->roster && a->last_event;
}

static bool start_listener(struct actor *a, char *error, size_t error_size)
{
    const struct config *c = &a->config;
    struct listener_terms terms = {
        .bind = c->has_bind ? &c->bind : NULL,
        .port = c->terms.listen_port,
        .accept_ms = c->terms.timings.accept,
        .pending = c->terms.limits.pending,
        .accepted = on_accepted,
        .context = a,
        .log = a->sink,
    };
    struct message m = {.type = MSG_LISTENING, .endpoint = malloc(sizeof(struct endpoint))};

    if (m.endpoint)
        a->listener = listener_start(&terms, error, error_size);
    if (!a->listener) {
        free(m.endpoint);
        return false;
    }
    *m.endpoint = listener_endpoint(a->listener);
    a->config.terms.listen_port = listener_endpoint(a->listener).port;
    actor_answer(a, &m);
    return true;
}

static bool read_peers(struct actor *a, struct peers_file_start *found, char *error, size_t error_size)
{
    const struct network_terms *n = &a->config.terms.network;

    if (!a->config.peers_file[0])
        return true;
    peers_file_start(found, a->config.peers_file, n->name, n->id, clock_wall_ms());
    if (found->result == PEERS_FILE_UNREADABLE) {
        snprintf(error, error_size, "-peersFile: %s", found->message);
        return false;
    }
    if (found->message[0])
        log_line(a->sink, found->result == PEERS_FILE_CORRUPT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
                 found->message);
    return true;
}

static bool start_fetcher(struct actor *a)
{
    const struct network_terms *n = &a->config.terms.network;
    struct address dns[DNS_SEEDS_MAX];
    struct seed_fetcher_terms terms = {
        .url = n->seed_url[0] ? n->seed_url : NULL,
        .dns = dns,
        .connect_timeout_ms = SEED_CONNECT_MS,
        .total_timeout_ms = SEED_TOTAL_MS,
        .backoff_percent = 100,
        .found = on_seeds,
        .context = a,
        .log = *a->sink,
    };

    for (; terms.n_dns < DNS_SEEDS_MAX && n->dns_seeds[terms.n_dns]; terms.n_dns++) {
        snprintf(dns[terms.n_dns].host, sizeof dns[0].host, "%s", n->dns_seeds[terms.n_dns]);
        dns[terms.n_dns].port = n->port;
    }
    if (!terms.url && terms.n_dns == 0)
        return true;
    a->fetcher = seed_fetcher_start(&terms);
    return a->fetcher != NULL;
}

static bool start_keeper(struct actor *a, const char *path)
{
    struct keeper_terms terms = {.path = path,
                                 .network = a->config.terms.network.name,
                                 .saved = on_saved,
                                 .context = a,
                                 .log = a->sink};

    if (!path)
        return true;
    a->keeper = keeper_start(&terms);
    return a->keeper != NULL;
}

static void discard_command(void *context, struct message *m)
{
    (void)context;
    command_free(m->command);
}

static void discard_control(void *context, struct message *m)
{
    (void)context;
    switch (m->type) {
    case MSG_ACCEPTED:
        descriptor_close(m->accepted->fd);
        free(m->accepted);
        break;
    case MSG_LISTENING:
        free(m->endpoint);
        break;
    case MSG_SEEDS:
        free(m->seeds);
        break;
    case MSG_NAMES:
        free(m->names);
        break;
    }
}

static void discard_event(void *context, struct message *m)
{
    (void)context;
    node_event_free(m->event);
}

static void destroy(struct actor *a)
{
    if (a->has_event)
        node_event_free(a->held_event.event);
    controller_free(a->core);
    batch_drop(&a->app, NULL, actor_release, NULL);
    batch_drop(&a->held_parcels, NULL, actor_release, NULL);
    queue_free(a->control, discard_control, NULL);
    queue_free(a->commands, discard_command, NULL);
    queue_free(a->to_network, NULL, NULL);
    queue_free(a->from_network, NULL, NULL);
    queue_free(a->events, discard_event, NULL);
    nonempty_list_free(a->nonempty);
    roster_free(a->roster);
    bell_fini(&a->bell);
    bell_fini(&a->app_bell);
    bell_fini(&a->room_bell);
    bell_fini(&a->command_bell);
    free(a->links);
    free(a->run_queue.items);
    free(a->dirty.items);
    node_event_free(a->last_event);
    sodium_memzero(a->config.terms.secret, sizeof a->config.terms.secret);
    free(a);
}

/* Everything that runs beside the controller's thread; in the order in which nothing is told to what has
 * ended. */
static void stop_helpers(struct actor *a)
{
    listener_stop(a->listener);
    if (a->fetcher) {
        seed_fetcher_stop(a->fetcher);
        seed_fetcher_join(a->fetcher);
    }
    if (a->keeper)
        keeper_stop(a->keeper);
    namer_stop(a->namer);
}

static void draw_identity(struct actor *a)
{
    if (a->config.terms.node_id == 0)
        a->config.terms.node_id = randombytes_random() | 1u;
    do
        randombytes_buf(&a->config.terms.nonce, sizeof a->config.terms.nonce);
    while (a->config.terms.nonce == 0);
}

static bool start_parts(struct actor *a, const struct peers_file_start *found, char *error, size_t error_size)
{
    a->core = controller_new(&a->config, &actor_actions, a, found->snapshot, actor_now());
    return a->core && start_listener(a, error, error_size) && start_fetcher(a) &&
           start_keeper(a, found->write_path) && thread_start(&a->thread, "kith-control", 0, run, a) == 0;
}

struct actor *actor_start(const struct config *config, const struct log_sink *sink, char *error,
                          size_t error_size)
{
    struct actor *a = aligned_alloc(_Alignof(struct actor), sizeof *a);
    struct peers_file_start found = {0};
    bool ok;

    snprintf(error, error_size, "out of memory, threads or descriptors");
    if (!a)
        return NULL;
    *a = (struct actor){.config = *config,
                        .sink = sink,
                        .retry_ms = NEVER_MS,
                        .bell.fd = -1,
                        .app_bell.fd = -1,
                        .room_bell.fd = -1,
                        .command_bell.fd = -1};
    draw_identity(a);
    ok = make_queues(a) && read_peers(a, &found, error, error_size) &&
         start_parts(a, &found, error, error_size);
    peers_file_start_clear(&found);
    if (ok)
        return a;
    stop_helpers(a);
    destroy(a);
    return NULL;
}

void actor_free(struct actor *a)
{
    actor_quit(a);
    pthread_join(a->thread, NULL);
    stop_helpers(a);
    destroy(a);
}
