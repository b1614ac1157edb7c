/* The application's side of the two queues. */
#include <stdlib.h>
#include <string.h>

#include "node/actor_private.h"

/* --- ToNetwork and commands --- */

/* True if the message was posted. */
typedef bool post_function(struct actor *a, const struct message *m);

/* Not while what is sent to its peer alone has to wait: the others' messages go on meanwhile. */
static bool post_send(struct actor *a, const struct message *m)
{
    bool is_directed = m->type == MSG_SEND && m->scope == SCOPE_PEER;

    return !(is_directed && roster_is_full(a->roster, m->peer)) && queue_post(a->to_network, m);
}

static bool post_command(struct actor *a, const struct message *m)
{
    return queue_post_and_wake(a->commands, m);
}

/* A writer that finds its queue full arms that queue's bell and tries once more. Whoever gets in afterwards
 * passes the wake on, as several threads may wait on the one descriptor and only one ring comes. */
static enum send_result post_or_arm(struct actor *a, struct bell *room, post_function *post,
                                    const struct message *m)
{
    if (post(a, m))
        return SEND_QUEUED;
    bell_get_up(room);
    bell_lie_down(room);
    if (post(a, m)) {
        bell_ring(room);
        return SEND_QUEUED;
    }
    /* Looked at after the post. Before it, the node could close the queue in between: its ring would be for
     * nobody, and no other comes. The ring is passed on here too, since bell_get_up may have taken one that
     * was meant for another thread. */
    if (!atomic_load_explicit(&a->closing, memory_order_relaxed))
        return SEND_WOULD_BLOCK;
    bell_ring(room);
    return SEND_CLOSED;
}

static enum send_result post_to_network(struct actor *a, const struct message *m)
{
    enum send_result r;

    if (atomic_load_explicit(&a->closing, memory_order_relaxed))
        return SEND_CLOSED;
    r = post_or_arm(a, &a->room_bell, post_send, m);
    if (r == SEND_QUEUED)
        queue_wake(a->to_network);
    return r;
}

enum send_result actor_send(struct actor *a, enum scope scope, struct peer_ref peer, uint32_t kind,
                            struct parcel *parcel, uint64_t id)
{
    struct message m = {
        .type = MSG_SEND, .scope = scope, .kind = kind, .peer = peer, .id = id, .parcel = parcel};

    return post_to_network(a, &m);
}

enum send_result actor_disconnect(struct actor *a, struct peer_ref peer, uint64_t id)
{
    struct message m = {.type = MSG_LEAVE, .peer = peer, .id = id};

    return post_to_network(a, &m);
}

bool actor_find(struct actor *a, const char *hash, struct peer_ref *peer)
{
    return roster_find(a->roster, hash, peer);
}

int actor_room_fd(const struct actor *a)
{
    return a->room_bell.fd;
}

int actor_command_fd(const struct actor *a)
{
    return a->command_bell.fd;
}

enum send_result actor_command(struct actor *a, struct command *command, uint64_t id)
{
    struct message m = {.type = MSG_COMMAND, .id = id, .command = command};
    enum send_result r;

    if (atomic_load_explicit(&a->closing, memory_order_relaxed))
        return SEND_CLOSED;
    r = post_or_arm(a, &a->command_bell, post_command, &m);
    return r == SEND_WOULD_BLOCK ? SEND_BUSY : r;
}

void actor_quit(struct actor *a)
{
    /* Release: see asked_to_end in actor.c. */
    atomic_store_explicit(&a->closing, true, memory_order_release);
    bell_ring(&a->bell);
}

/* --- FromNetwork --- */

static const struct message *held_parcel(struct actor *a)
{
    return batch_look(&a->held_parcels, a->from_network);
}

static const struct message *fill_held(struct actor *a)
{
    const struct message *parcel = held_parcel(a);

    if (a->has_event)
        return parcel;
    /* Events second: whatever was posted before that parcel is seen now. */
    a->has_event = queue_take_one(a->events, &a->held_event);
    /* And where there is an event, parcels once more: one may have come before it. Without this look a peer's
     * OFFLINE could overtake its last parcel. If there is none this look must not be: an event and then a
     * parcel may have come meanwhile, and a peer's first parcel would overtake its ONLINE. */
    return a->has_event && !parcel ? held_parcel(a) : parcel;
}

/* The order of the two queues is the order of their stamps. */
static enum take_result give(struct actor *a, const struct message *parcel, struct taken *t)
{
    if (a->has_event && (!parcel || a->held_event.order < parcel->order)) {
        a->has_event = false;
        t->event = a->held_event.event;
        return TAKE_EVENT;
    }
    if (!parcel)
        return TAKE_NOTHING;
    t->peer = parcel->peer;
    t->kind = parcel->kind;
    t->parcel = parcel->parcel;
    batch_pass(&a->held_parcels, a->from_network);
    return TAKE_PARCEL;
}

/* After everything else: what found no room at the end, and the end itself. They are not posted, since a
 * queue that the application has let fill up would have no room for them, and it would wait for ever. */
static enum take_result give_last(struct actor *a, struct taken *t)
{
    if (!a->last_event)
        return TAKE_NOTHING;
    if (a->missed > 0)
        t->event = actor_missed_event(a);
    else
        t->event = NULL;
    if (!t->event) {
        t->event = a->last_event;
        a->last_event = NULL;
    }
    return TAKE_EVENT;
}

enum take_result actor_take(struct actor *a, struct taken *t)
{
    const struct message *parcel = fill_held(a);
    bool ended;

    if (parcel || a->has_event)
        return give(a, parcel, t);
    bell_get_up(&a->app_bell);
    bell_lie_down(&a->app_bell);
    /* Acquire, and before the queue is looked at again: what was posted last is found there first. */
    ended = atomic_load_explicit(&a->ended, memory_order_acquire);
    parcel = fill_held(a); /* once more: what came before the bell was armed did not ring it */
    if (ended && !parcel && !a->has_event)
        return give_last(a, t);
    return give(a, parcel, t);
}

int actor_fd(const struct actor *a)
{
    return a->app_bell.fd;
}

void actor_getting_on(struct actor *a)
{
    queue_getting_on(a->from_network, 1);
}
