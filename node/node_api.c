/* The application's side of the two queues. */
#include <stdlib.h>
#include <string.h>

#include "node/app_events.h"

/* --- ToNetwork and commands --- */

/* True if the message was posted. */
typedef bool post_function(struct node *n, const struct message *m);

/* Not while what is sent to its peer alone has to wait: the others' messages go on meanwhile. */
static bool post_send(struct node *n, const struct message *m)
{
    bool is_directed = m->type == MSG_SEND && m->scope == SCOPE_PEER;
    return !(is_directed && roster_is_full(n->roster, m->peer)) && queue_post(n->to_network, m);
}

static bool post_command(struct node *n, const struct message *m)
{
    return queue_post_and_wake(n->commands, m);
}

/* A writer that found its queue full arms that queue's bell and tries once more. Whoever gets in afterwards
 * passes the wake on, as several threads may wait on the one descriptor and only one ring comes. Never
 * inlined: a message that finds room does not pay for it. */
static __attribute__((noinline)) enum send_result arm_and_post(struct node *n, struct bell *room,
                                                               post_function *post, const struct message *m)
{
    bell_arm(room);
    if (post(n, m)) {
        bell_ring(room);
        return SEND_QUEUED;
    }
    /* Looked at after the post. Before it, the node could close the queue in between: its ring would be for
     * nobody, and no other comes. The ring is passed on here too, since bell_arm may have taken one that
     * was meant for another thread. */
    if (!atomic_load_explicit(&n->closing, memory_order_relaxed)) {
        return SEND_WOULD_BLOCK;
    }
    bell_ring(room);
    return SEND_CLOSED;
}

static enum send_result post_to_network(struct node *n, const struct message *m)
{
    if (atomic_load_explicit(&n->closing, memory_order_relaxed)) {
        return SEND_CLOSED;
    }
    enum send_result r = post_send(n, m) ? SEND_QUEUED : arm_and_post(n, &n->room_bell, post_send, m);
    if (r == SEND_QUEUED) {
        queue_wake(n->to_network);
    }
    return r;
}

enum send_result node_send(struct node *n, enum scope scope, struct peer_ref peer, uint32_t kind,
                           struct parcel *parcel, uint64_t id)
{
    struct message m = {
        .type = MSG_SEND, .scope = scope, .kind = kind, .peer = peer, .id = id, .parcel = parcel};
    return post_to_network(n, &m);
}

enum send_result node_disconnect(struct node *n, struct peer_ref peer, uint64_t id)
{
    struct message m = {.type = MSG_LEAVE, .peer = peer, .id = id};
    return post_to_network(n, &m);
}

bool node_find(struct node *n, const char *hash, struct peer_ref *peer)
{
    return roster_find(n->roster, hash, peer);
}

int node_room_fd(const struct node *n)
{
    return n->room_bell.fd;
}

int node_command_fd(const struct node *n)
{
    return n->command_bell.fd;
}

enum send_result node_command(struct node *n, struct command *command, uint64_t id)
{
    struct message m = {.type = MSG_COMMAND, .id = id, .command = command};
    if (atomic_load_explicit(&n->closing, memory_order_relaxed)) {
        return SEND_CLOSED;
    }
    enum send_result r =
        post_command(n, &m) ? SEND_QUEUED : arm_and_post(n, &n->command_bell, post_command, &m);
    return r == SEND_WOULD_BLOCK ? SEND_BUSY : r;
}

void node_quit(struct node *n)
{
    /* Release: see node_is_closing. */
    atomic_store_explicit(&n->closing, true, memory_order_release);
    bell_ring(&n->worker.bell);
}

/* --- FromNetwork --- */

/* An event whose turn is before a held parcel's was posted before it, so it is seen once that parcel has
 * come: events are looked for with each new batch of parcels, and after each event, until none is found. */
static const struct message *fill_held(struct node *n)
{
    const struct message *parcel = batch_look(&n->held_parcels, n->from_network);
    if (n->has_event || (parcel && n->held_parcels.at > 0 && n->no_event_before)) {
        return parcel;
    }
    /* Events second: whatever was posted before that parcel is seen now. */
    n->has_event = queue_take_one(n->events, &n->held_event);
    n->no_event_before = !n->has_event;
    /* And if there is an event, parcels once more: one may have come before it. Without this look a peer's
     * OFFLINE could overtake its last parcel. If there is none this look must not be: an event and then a
     * parcel may have come meanwhile, and a peer's first parcel would overtake its ONLINE. */
    return n->has_event && !parcel ? batch_look(&n->held_parcels, n->from_network) : parcel;
}

/* The order of the two queues is the order of their stamps. */
static enum take_result give(struct node *n, const struct message *parcel, struct taken *t)
{
    if (n->has_event && (!parcel || n->held_event.order < parcel->order)) {
        n->has_event = false;
        t->event = n->held_event.event;
        return TAKE_EVENT;
    }
    if (!parcel) {
        return TAKE_NOTHING;
    }
    t->peer = parcel->peer;
    t->kind = parcel->kind;
    t->parcel = parcel->parcel;
    batch_pass(&n->held_parcels, n->from_network);
    return TAKE_PARCEL;
}

/* After everything else: what found no room at the end, and the end itself. They are not posted, since a
 * queue that the application has let fill up would have no room for them, and it would wait for ever. */
static enum take_result give_last(struct node *n, struct taken *t)
{
    if (!n->last_event) {
        return TAKE_NOTHING;
    }
    if (n->missed > 0) {
        t->event = app_events_missed(n);
    } else {
        t->event = NULL;
    }
    if (!t->event) {
        t->event = n->last_event;
        n->last_event = NULL;
    }
    return TAKE_EVENT;
}

enum take_result node_take(struct node *n, struct taken *t)
{
    const struct message *parcel = fill_held(n);
    if (parcel || n->has_event) {
        return give(n, parcel, t);
    }
    bell_arm(&n->app_bell);
    /* Acquire, and before the queue is looked at again: what was posted last is found there first. */
    bool ended = atomic_load_explicit(&n->ended, memory_order_acquire);
    parcel = fill_held(n); /* once more: what came before the bell was armed did not ring it */
    if (ended && !parcel && !n->has_event) {
        return give_last(n, t);
    }
    return give(n, parcel, t);
}

int node_fd(const struct node *n)
{
    return n->app_bell.fd;
}

void node_getting_on(struct node *n)
{
    queue_getting_on(n->from_network, 1);
}
