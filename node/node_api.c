/* The application's side of the two queues. */
#include <stdlib.h>
#include <string.h>

#include "node/app_events.h"
#include "node/awaited.h"

/* --- ToNetwork and commands --- */

/* Of a request: its answer has to have room, too. */
static bool post_request(struct node *n, struct queue *q, const struct message *m)
{
    if (m->type == MSG_VERDICT || !awaited_is(n, m->id)) {
        return queue_post(q, m);
    }
    uint32_t most = q == n->commands ? ANSWERS_MOST : ANSWERS_TO_SENDS;
    if (!awaited_add(n, most)) {
        return false;
    }
    bool posted = queue_post(q, m);
    if (!posted) {
        awaited_undo(n, most);
    }
    return posted;
}

/* What is sent to one peer alone is not posted while it would have to wait: the others' messages go on
 * meanwhile.
 *
 * A writer that found its queue full arms that queue's bell and tries once more. A thread that finds room
 * afterwards passes the wake on, as several threads may wait on the one descriptor and only one ring comes.
 * The desk has no bell (NULL): it tries again by itself, and would take rings that are meant for others. */
static enum kith_result post(struct node *n, struct queue *q, struct bell *room, const struct message *m)
{
    if (atomic_load_explicit(&n->closing, memory_order_relaxed)) {
        return KITH_CLOSED;
    }
    bool is_directed = m->type == MSG_SEND && m->scope == SCOPE_PEER, is_armed = false;
    while ((is_directed && roster_is_full(n->roster, m->peer)) ||
           !(m->id ? post_request(n, q, m) : queue_post(q, m))) {
        if (room && !is_armed) {
            bell_arm(room);
            is_armed = true;
            continue;
        }
        /* Looked at after the post. Before it, the node could close the queue in between: its ring would be
         * for nobody, and no other comes. The ring is passed on here too, since bell_arm may have taken one
         * that was meant for another thread. */
        if (!atomic_load_explicit(&n->closing, memory_order_relaxed)) {
            return KITH_WOULD_BLOCK;
        }
        if (room) {
            bell_ring(room);
        }
        return KITH_CLOSED;
    }
    queue_wake(q);
    if (is_armed) {
        bell_ring(room);
    }
    return KITH_OK;
}

enum kith_result node_send(struct node *n, enum scope scope, struct peer_ref peer, uint32_t kind,
                           struct parcel *parcel, uint64_t id)
{
    struct message m = {
        .type = MSG_SEND, .scope = scope, .kind = kind, .peer = peer, .id = id, .parcel = parcel};
    return n->desk_sends && (id & WATCH_ID) ? post(n, n->desk_sends, NULL, &m)
                                            : post(n, n->to_network, &n->room_bell, &m);
}

/* What waits for its turn behind messages. */
static enum kith_result post_in_turn(struct node *n, const struct message *m)
{
    return n->desk_sends && (m->id & WATCH_ID) ? post(n, n->desk_sends, NULL, m)
                                               : post(n, n->to_network, &n->room_bell, m);
}

enum kith_result node_disconnect(struct node *n, struct peer_ref peer, uint64_t id)
{
    struct message m = {.type = MSG_LEAVE, .peer = peer, .id = id};
    return post_in_turn(n, &m);
}

enum kith_result node_ask(struct node *n, struct parcel *parcel, uint64_t id)
{
    struct message m = {.type = MSG_ASK, .parcel = parcel, .id = id};
    return post_in_turn(n, &m);
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

enum kith_result node_command(struct node *n, struct command *command, uint64_t id)
{
    struct message m = {.type = MSG_COMMAND, .id = id, .command = command};
    bool is_desks = n->desk_commands && (id & WATCH_ID);
    enum kith_result r =
        is_desks ? post(n, n->desk_commands, NULL, &m) : post(n, n->commands, &n->command_bell, &m);
    return r == KITH_WOULD_BLOCK ? KITH_BUSY : r;
}

enum kith_result node_verdict(struct node *n, uint64_t ticket, enum kith_verdict verdict)
{
    struct message m = {.type = MSG_VERDICT, .id = ticket, .kind = (uint32_t)verdict};
    enum kith_result r = post(n, n->commands, &n->command_bell, &m);
    return r == KITH_WOULD_BLOCK ? KITH_BUSY : r;
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

/* Looks at the parcels once more, and is certain if none is found that the controller has none in hand: it
 * may have claimed them all, to drop some (queue_claim). */
static bool is_certain(struct node *n, const struct message **parcel)
{
    uint32_t claims = queue_claims(n->from_network);
    *parcel = batch_look(&n->held_parcels, n->from_network);
    return *parcel || (claims % 2 == 0 && claims == queue_claims(n->from_network));
}

/* There is an event, and no parcel was found. Without this look the event could overtake parcels that the
 * controller has claimed: a peer's OFFLINE its last parcel. False if nobody knows. The controller rings once
 * it has put the parcels back; without the second look this thread could miss that ring, if it comes before
 * the bell is armed. */
static bool knows_parcel(struct node *n, const struct message **parcel)
{
    if (is_certain(n, parcel)) {
        return true;
    }
    bell_arm(&n->app_bell);
    return is_certain(n, parcel);
}

enum take_result node_take(struct node *n, struct taken *t)
{
    const struct message *parcel = fill_held(n);
    if (!parcel && !n->has_event) {
        bell_arm(&n->app_bell);
        /* Acquire, and before the queue is looked at again: what was posted last is found there first. */
        bool ended = atomic_load_explicit(&n->ended, memory_order_acquire);
        parcel = fill_held(n); /* once more: what came before the bell was armed did not ring it */
        if (!parcel && !n->has_event) {
            return ended ? give_last(n, t) : TAKE_NOTHING;
        }
    }
    if (!parcel && !knows_parcel(n, &parcel)) {
        return TAKE_NOTHING;
    }
    /* The order of the two queues is the order of their stamps. */
    if (!parcel || (n->has_event && n->held_event.order < parcel->order)) {
        n->has_event = false;
        t->event = n->held_event.event;
        t->asked = t->event ? t->event->public.id : app_events_no_memory(&n->held_event);
        awaited_taken(n, t->asked);
        return TAKE_EVENT;
    }
    t->peer = parcel->peer;
    t->kind = parcel->kind;
    t->parcel = parcel->parcel;
    t->ticket = parcel->order;
    batch_pass(&n->held_parcels, n->from_network);
    return TAKE_PARCEL;
}

int node_fd(const struct node *n)
{
    return n->app_bell.fd;
}

struct watch *node_watch(const struct node *n)
{
    return n->watch;
}

void node_getting_on(struct node *n)
{
    queue_getting_on(n->from_network, 1);
}
