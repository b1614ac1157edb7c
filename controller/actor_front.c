/* The application's side of the two queues. */
#include <stdlib.h>
#include <string.h>

#include "controller/actor_private.h"

/* --- ToNetwork --- */

/* A writer that finds ToNetwork full arms room_bell and tries once more. Whoever gets in afterwards passes
 * the wake on, as several threads may wait on the one descriptor and only one ring comes. */
static enum mailbox_result post_or_arm(struct actor *a, const struct message *m)
{
    if (mailbox_post(a->to_network, m) == MAILBOX_OK)
        return MAILBOX_OK;
    bell_get_up(&a->room_bell);
    bell_lie_down(&a->room_bell);
    if (mailbox_post(a->to_network, m) == MAILBOX_FULL)
        return MAILBOX_FULL;
    bell_ring(&a->room_bell);
    return MAILBOX_OK;
}

enum send_result actor_send(struct actor *a, enum scope scope, struct peer_ref peer, uint32_t kind,
                            struct parcel *parcel, uint64_t id)
{
    struct message m = {
        .type = MSG_SEND, .tag = SEND_TAG(kind, scope), .peer = peer, .id = id, .parcel = parcel};

    if (atomic_load_explicit(&a->closing, memory_order_relaxed))
        return SEND_CLOSED;
    if (post_or_arm(a, &m) == MAILBOX_FULL)
        return SEND_WOULD_BLOCK;
    mailbox_wake(a->to_network);
    return SEND_QUEUED;
}

bool actor_find(struct actor *a, const char *hash, struct peer_ref *peer)
{
    return roster_find(a->roster, hash, peer);
}

int actor_room_fd(const struct actor *a)
{
    return a->room_bell.fd;
}

enum send_result actor_command(struct actor *a, struct command *command, uint64_t id)
{
    struct message m = {.type = MSG_COMMAND, .id = id, .body = command};

    if (command->type == COMMAND_QUIT)
        atomic_store_explicit(&a->closing, true, memory_order_relaxed);
    return mailbox_post_control(a->commands, &m) == MAILBOX_OK ? SEND_QUEUED : SEND_WOULD_BLOCK;
}

/* --- FromNetwork --- */

static void fill_held(struct actor *a)
{
    if (!a->has_parcel)
        a->has_parcel = mailbox_take(a->from_network, &a->held_parcel, 1) == 1;
    /* Events second: whatever was posted before that parcel is seen now. */
    if (!a->has_event)
        a->has_event = mailbox_take_control(a->from_network, &a->held_event, 1) == 1;
}

/* The order of the two lanes is the order of their stamps. */
static enum take_result give(struct actor *a, struct taken *t)
{
    if (a->has_event && (!a->has_parcel || a->held_event.id < a->held_parcel.id)) {
        a->has_event = false;
        t->event = a->held_event.body;
        return TAKE_EVENT;
    }
    if (!a->has_parcel)
        return TAKE_NOTHING;
    a->has_parcel = false;
    t->peer = a->held_parcel.peer;
    t->kind = a->held_parcel.tag;
    t->parcel = a->held_parcel.parcel;
    mailbox_done(a->from_network, 1, t->parcel->size);
    return TAKE_PARCEL;
}

enum take_result actor_take(struct actor *a, struct taken *t)
{
    fill_held(a);
    if (!a->has_parcel && !a->has_event) {
        bell_get_up(&a->app_bell);
        bell_lie_down(&a->app_bell);
        fill_held(a); /* once more: what came before the bell was armed did not ring it */
    }
    return give(a, t);
}

int actor_fd(const struct actor *a)
{
    return a->app_bell.fd;
}
