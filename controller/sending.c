#include "controller/sending.h"

#include "base/array.h"
#include "controller/chance.h"
#include "controller/drops.h"
#include "controller/report.h"
#include "controller/slots.h"
#include "controller/state.h"

static bool is_target(struct controller *c, const struct slot *s, struct peer_ref except, uint64_t digest)
{
    if (s->closing) {
        return false;
    }
    /* Whether that peer has the message already: it came by s, or by the connection the other way. */
    if (c->heard_from_peer &&
        (seen_cache_has(c->heard_from_peer, s->ref, digest, c->now.ms) ||
         (s->reverse.generation && seen_cache_has(c->heard_from_peer, s->reverse, digest, c->now.ms)))) {
        return false;
    }
    if (except.generation && (peer_ref_equal(s->ref, except) || peer_ref_equal(s->reverse, except))) {
        return false;
    }
    if (!s->reverse.generation || slot_is_preferred(c, s)) {
        return true;
    }
    /* A peer with a connection each way gets one copy. */
    const struct slot *reverse = slot_find(c, s->reverse);
    return !reverse || reverse->state != SLOT_ONLINE || reverse->closing;
}

/* Keeps `max` of left[from ..], chosen at random. */
static void left_sample(struct controller *c, struct sending *s, size_t from, size_t max)
{
    struct peer_ref *pool = s->left + from;
    size_t n = s->n_left - from;
    if (n <= max) {
        return;
    }
    for (size_t i = 0; i < max; i++) {
        size_t j = i + (size_t)(chance_draw(c) % (n - i));
        struct peer_ref chosen = pool[j];
        pool[j] = pool[i];
        pool[i] = chosen;
    }
    s->n_left = from + max;
}

/* All special peers and `broadcast` random others; or everyone; or one of everyone. */
static void choose(struct controller *c, struct sending *s)
{
    enum scope scope = s->message.scope;
    struct peer_ref except = s->message.peer;
    uint64_t digest =
        c->heard_from_peer ? seen_cache_digest(&c->digest_key, s->message.kind, s->message.parcel) : 0;
    for (size_t i = 0; scope == SCOPE_BROADCAST && i < c->n_online; i++) {
        const struct slot *to = &c->slots[c->online[i]];
        if (to->special && is_target(c, to, except, digest)) {
            s->left[s->n_left++] = to->ref;
        }
    }
    size_t specials = s->n_left;
    for (size_t i = 0; i < c->n_online; i++) {
        const struct slot *to = &c->slots[c->online[i]];
        if (!(scope == SCOPE_BROADCAST && to->special) && is_target(c, to, except, digest)) {
            s->left[s->n_left++] = to->ref;
        }
    }
    if (scope == SCOPE_BROADCAST) {
        left_sample(c, s, specials, c->config->broadcast);
    } else if (scope == SCOPE_RANDOM) {
        left_sample(c, s, 0, 1);
    }
}

/* The peer has no room yet. If the message is relayed, the peer that sent it is shown whether this one makes
 * progress. */
static bool waits(struct controller *c, const struct sending *s, const struct message *m)
{
    if (m->scope != SCOPE_PEER && s->message.peer.generation) {
        c->act->waits(c->host, s->message.peer, m->peer);
    }
    return false;
}

/* True if that peer is dealt with, false if the message still waits for room in its queue. If this is the
 * last peer, it gets our own reference. */
static bool send_one(struct controller *c, struct sending *s, struct peer_ref to, bool last)
{
    const struct slot *slot = slot_to_peer(c, to);
    struct message m = s->message;
    if (!slot) {
        drops_count(c, to, DROP_GONE, 1);
        return true;
    }
    m.peer = slot->ref;
    if (slot->parked.n > 0) {
        return waits(c, s, &m);
    }
    if (!last) {
        parcel_hold(m.parcel);
    }
    switch (c->act->post(c->host, c->now, m.peer, &m)) {
    case GATE_POSTED:
        s->sent++;
        break;
    case GATE_DROPPED:
        break;
    case GATE_WAIT:
        if (!last) {
            parcel_release(m.parcel);
        }
        return waits(c, s, &m);
    }
    if (last) {
        s->message.parcel = NULL;
    }
    return true;
}

static void finish(struct controller *c, struct sending *s)
{
    s->active = false;
    parcel_release(s->message.parcel);
    if (s->message.id) {
        report_sent(c, s->message.id, s->sent);
    }
}

void sending_retry(struct controller *c, struct sending *s)
{
    size_t waiting = 0;
    if (!s->active) {
        return;
    }
    /* If one peer's queue is full, the next message waits, but this one still goes to the other peers. */
    for (size_t i = 0; i < s->n_left; i++) {
        if (!send_one(c, s, s->left[i], waiting == 0 && i + 1 == s->n_left)) {
            s->left[waiting++] = s->left[i];
        }
    }
    s->n_left = waiting;
    if (waiting == 0) {
        finish(c, s);
    }
}

void sending_start(struct controller *c, struct sending *s, const struct message *m)
{
    s->active = true;
    s->message = *m;
    s->n_left = 0;
    s->sent = 0;
    if (!array_reserve(s->left, s->capacity, c->n_online + 1)) {
        drops_count(c, m->peer, DROP_GONE, 1);
    } else if (m->scope == SCOPE_PEER) {
        s->left[s->n_left++] = m->peer;
    } else {
        choose(c, s);
    }
    sending_retry(c, s);
}

void sending_again(struct controller *c, struct sending *s, const struct message *m)
{
    struct message again = {.type = MSG_SEND, .scope = m->scope, .kind = m->kind, .parcel = m->parcel};
    *s = (struct sending){.active = true, .message = again};
    if (array_reserve(s->left, s->capacity, 1)) {
        s->left[s->n_left++] = m->peer;
    } else {
        drops_count(c, m->peer, DROP_LOST, 1);
    }
    sending_retry(c, s);
}

static void push_one(struct controller *c, struct sending *s, struct peer_ref to)
{
    const struct slot *slot = slot_to_peer(c, to);
    struct message m = s->message;
    if (!slot) {
        drops_count(c, to, DROP_GONE, 1);
        return;
    }
    if (slot->parked.n > 0) { /* it may not overtake those */
        drops_count(c, to, DROP_STALLED, 1);
        return;
    }
    m.peer = slot->ref;
    parcel_hold(m.parcel);
    s->sent += c->act->push(c->host, m.peer, &m) == GATE_POSTED;
}

void sending_push(struct controller *c, struct sending *s)
{
    for (size_t i = 0; i < s->n_left; i++) {
        push_one(c, s, s->left[i]);
    }
    s->n_left = 0;
    finish(c, s);
}

void sending_abandon(struct controller *c, struct sending *s)
{
    if (!s->active) {
        return;
    }
    for (size_t i = 0; i < s->n_left; i++) {
        drops_count(c, s->left[i], DROP_SHUTDOWN, 1);
    }
    s->n_left = 0;
    finish(c, s);
}
