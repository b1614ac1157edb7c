#include "controller/relayed.h"

#include <stdlib.h>

#include "base/array.h"
#include "controller/drops.h"
#include "controller/sending.h"
#include "controller/slots.h"
#include "controller/state.h"

static bool reserve(struct controller *c)
{
    return array_reserve(c->relayed, c->relayed_capacity, c->n_relayed + 1);
}

/* The sending just past the end of the list has begun. It is added to the list if some peers still wait for
 * it. */
static bool keep(struct controller *c)
{
    struct sending *r = &c->relayed[c->n_relayed];
    if (!r->active) {
        free(r->left);
        return false;
    }
    c->n_relayed++;
    return true;
}

static void unpay(struct controller *c, struct sending *r)
{
    c->act->give_room(c->host, r->paid);
    r->paid = 0;
}

/* The relay that has waited longest waits no more: it waits for the slowest peers, who lose their oldest for
 * it. If it were the newest that they lose, each of many slow peers could keep messages that nobody else has
 * any more. Its place in the list goes with the next try. False if none waits. */
static bool push_oldest(struct controller *c)
{
    for (size_t i = 0; i < c->n_relayed; i++) {
        struct sending *r = &c->relayed[i];
        if (r->active && r->paid > 0) {
            sending_push(c, r);
            unpay(c, r);
            return true;
        }
    }
    return false;
}

/* It waits because of a peer's message, so the budget pays. If that is used up, those pay that the others
 * have waited for longest, and neither who sent it nor who has just no room. */
static void pay_to_wait(struct controller *c, struct sending *r)
{
    uint64_t bytes = r->active ? waiting_bytes(&r->message) : 0;
    while (!c->act->take_room(c->host, c->now, bytes)) {
        if (!push_oldest(c)) {
            sending_push(c, r);
            return;
        }
    }
    r->paid = bytes;
}

/* If a queue has no room the message waits, and with it all that comes next from the same peer, but from no
 * other (controller_takes). If all peers were kept back, two nodes that relay each other's floods would wait
 * for each other. A peer has a message or two waiting, so the table of connections bounds the list. */
bool relayed_start(struct controller *c, enum scope scope, struct peer_ref from, uint32_t kind,
                   struct parcel *parcel)
{
    struct slot *s = slot_find(c, from);
    struct message m = {.type = MSG_SEND, .scope = scope, .kind = kind, .peer = from, .parcel = parcel};
    if (c->quitting) {
        return false;
    }
    if (!reserve(c)) {
        drops_count(c, from, DROP_GONE, 1);
        return false;
    }
    struct sending *to = &c->relayed[c->n_relayed];
    *to = (struct sending){0};
    parcel_hold(parcel);
    sending_start(c, to, &m);
    pay_to_wait(c, to);
    if (keep(c) && s) {
        s->n_relayed++;
    }
    return true;
}

/* Such messages may wait without keeping anybody back: no more of them can come than one connection had room
 * for. */
void relayed_return(struct controller *c, const struct message *m)
{
    if (m->scope != SCOPE_NONE && !c->quitting && slot_to_peer(c, m->peer) && reserve(c)) {
        sending_again(c, &c->relayed[c->n_relayed], m);
        keep(c);
        return;
    }
    if (m->scope != SCOPE_NONE) {
        drops_count(c, m->peer, DROP_LOST, 1);
    }
    parcel_release(m->parcel);
}

static void end(struct controller *c, struct sending *r)
{
    unpay(c, r);
    free(r->left);
}

void relayed_retry(struct controller *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n_relayed; i++) {
        struct sending *r = &c->relayed[i];
        struct slot *s = slot_find(c, r->message.peer);
        sending_retry(c, r);
        if (r->active) {
            c->relayed[kept++] = *r;
            continue;
        }
        end(c, r);
        if (s) {
            s->n_relayed--;
        }
    }
    c->n_relayed = kept;
}

void relayed_abandon(struct controller *c)
{
    for (size_t i = 0; i < c->n_relayed; i++) {
        struct slot *s = slot_find(c, c->relayed[i].message.peer);
        if (s) { /* what came from it is taken again: a connection is only gone once it is drained */
            s->n_relayed--;
        }
        sending_abandon(c, &c->relayed[i]);
        end(c, &c->relayed[i]);
    }
    c->n_relayed = 0;
}
