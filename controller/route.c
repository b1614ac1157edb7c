/* Where each message goes, and what happens where there is no room for it: progress waits, stall drops. */
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

enum { ANSWERS_MOST = 16 }; /* of one peer that may wait: one that asks on without reading gets no more */

/* --- from peers: deliveries to the application, answers of the service --- */

static bool waiting_add(struct waiting_list *l, const struct message *m)
{
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 16;
        struct message *items = realloc(l->items, capacity * sizeof *items);

        if (!items)
            return false;
        l->items = items;
        l->capacity = capacity;
    }
    l->items[l->n++] = *m;
    return true;
}

/* Deliveries stay in order; while one waits, the peers' next messages are not taken (appetite), so the list
 * holds no more than what one message can cause. */
static void deliver(struct controller *c, const struct message *m)
{
    if (c->deliveries.n == 0 && c->act->deliver(c->world, c->now, m) != OUTLET_WAIT)
        return;
    if (!c->quitting && waiting_add(&c->deliveries, m))
        return;
    parcel_release(m->parcel);
    controller_dropped(c, m->peer, DROP_SHUTDOWN, 1);
}

void route_deliver(struct controller *c, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    struct message m = {.type = MSG_PEER, .tag = kind, .peer = from, .parcel = parcel};

    if (c->echo)
        echo_note(c->echo, from, echo_digest(c->echo, parcel), c->now.ms);
    deliver(c, &m);
}

static void retry_deliveries(struct controller *c)
{
    struct waiting_list *l = &c->deliveries;
    size_t i = 0;

    while (i < l->n && c->act->deliver(c->world, c->now, &l->items[i]) != OUTLET_WAIT)
        i++;
    if (i == 0)
        return;
    memmove(l->items, l->items + i, (l->n - i) * sizeof *l->items);
    l->n -= i;
}

/* What the service says to a peer whose mailbox is full waits beside the others' messages and keeps none of
 * them back: two nodes that flood each other would else each wait for the other to read, and a peer that
 * reads slowly would keep back everybody. */
void route_post(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);

    if (s && s->state == SLOT_ONLINE) {
        if (s->n_answers == 0 && c->act->post(c->world, c->now, m->peer, m) != OUTLET_WAIT)
            return;
        if (!c->quitting && s->n_answers < ANSWERS_MOST && waiting_add(&c->answers, m)) {
            s->n_answers++;
            return;
        }
    }
    parcel_release(m->parcel); /* the service's own: it asks anew whoever comes next */
}

/* True where the answer is dealt with. */
static bool retry_answer(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);

    if (!s || s->state != SLOT_ONLINE) {
        parcel_release(m->parcel);
        return true;
    }
    /* Once one has to wait, so have those behind it: they stay in order. */
    s->answers_wait = s->answers_wait || c->act->post(c->world, c->now, m->peer, m) == OUTLET_WAIT;
    s->n_answers -= !s->answers_wait;
    return !s->answers_wait;
}

static void retry_answers(struct controller *c)
{
    struct waiting_list *l = &c->answers;
    size_t kept = 0;

    for (size_t i = 0; i < l->n; i++)
        if (!retry_answer(c, &l->items[i]))
            l->items[kept++] = l->items[i];
    l->n = kept;
    for (size_t i = 0; i < kept; i++)
        slot_find(c, l->items[i].peer)->answers_wait = false;
}

/* --- from the application --- */

/* By either connection, where it has one each way. */
static bool sent_it_to_us(struct controller *c, const struct slot *s, uint64_t digest)
{
    return echo_has(c->echo, slot_ref(c, s), digest, c->now.ms) ||
           (s->twin.generation && echo_has(c->echo, s->twin, digest, c->now.ms));
}

static bool is_target(struct controller *c, const struct slot *s, bool has_digest, uint64_t digest)
{
    const struct slot *twin;

    if (s->closing || (has_digest && sent_it_to_us(c, s, digest)))
        return false;
    /* A peer with a connection each way gets one copy, by the one that we dialed. */
    twin = s->direction == DIRECTION_INCOMING ? slot_find(c, s->twin) : NULL;
    return !twin || twin->state != SLOT_ONLINE || twin->closing;
}

static bool left_reserve(struct sending *s, size_t n)
{
    struct peer_ref *left;

    if (n <= s->capacity)
        return true;
    left = realloc(s->left, n * sizeof *left);
    if (!left)
        return false;
    s->left = left;
    s->capacity = n;
    return true;
}

static void left_add(struct controller *c, const struct slot *s)
{
    c->sending.left[c->sending.n_left++] = slot_ref(c, s);
}

/* Keeps `most` of left[from ..], chosen at random. */
static void left_sample(struct controller *c, size_t from, size_t most)
{
    struct peer_ref *pool = c->sending.left + from;
    size_t n = c->sending.n_left - from;

    if (n <= most)
        return;
    for (size_t i = 0; i < most; i++) {
        size_t j = i + (size_t)(c->act->random(c->world) % (n - i));
        struct peer_ref chosen = pool[j];

        pool[j] = pool[i];
        pool[i] = chosen;
    }
    c->sending.n_left = from + most;
}

/* All special peers and `broadcast` random others; or everyone; or one of everyone. */
static void choose(struct controller *c, enum scope scope, const struct parcel *parcel)
{
    uint64_t digest = c->echo && parcel ? echo_digest(c->echo, parcel) : 0;
    size_t specials;

    for (size_t i = 0; scope == SCOPE_BROADCAST && i < c->n_online; i++) {
        const struct slot *s = &c->slots[c->online[i]];

        if (s->special && is_target(c, s, c->echo, digest))
            left_add(c, s);
    }
    specials = c->sending.n_left;
    for (size_t i = 0; i < c->n_online; i++) {
        const struct slot *s = &c->slots[c->online[i]];

        if (!(scope == SCOPE_BROADCAST && s->special) && is_target(c, s, c->echo, digest))
            left_add(c, s);
    }
    if (scope == SCOPE_BROADCAST)
        left_sample(c, specials, c->config->broadcast);
    else if (scope == SCOPE_RANDOM)
        left_sample(c, 0, 1);
}

static void sent(struct controller *c)
{
    struct sending *s = &c->sending;

    s->active = false;
    parcel_release(s->message.parcel);
    if (s->message.id)
        report_sent(c, s->message.id, s->sent);
}

static bool send_one(struct controller *c, struct peer_ref to)
{
    struct sending *s = &c->sending;
    const struct slot *slot = slot_find(c, to);
    struct message m = {.type = SEND_KIND(s->message.tag),
                        .tag = SEND_SCOPE(s->message.tag),
                        .peer = to,
                        .parcel = s->message.parcel};

    if (!slot || slot->state != SLOT_ONLINE || slot->closing) {
        controller_dropped(c, to, DROP_GONE, 1);
        return true;
    }
    parcel_hold(m.parcel);
    switch (c->act->post(c->world, c->now, to, &m)) {
    case OUTLET_POSTED:
        s->sent++;
        return true;
    case OUTLET_DROPPED:
        return true;
    case OUTLET_WAIT:
        break;
    }
    parcel_release(m.parcel);
    return false;
}

static void send_on(struct controller *c)
{
    struct sending *s = &c->sending;
    size_t waiting = 0;

    /* One full mailbox keeps the next message back, but not this one from the others. */
    for (size_t i = 0; i < s->n_left; i++)
        if (!send_one(c, s->left[i]))
            s->left[waiting++] = s->left[i];
    s->n_left = waiting;
    if (waiting == 0)
        sent(c);
}

void route_send(struct controller *c, const struct message *m)
{
    struct sending *s = &c->sending;
    enum scope scope = SEND_SCOPE(m->tag);

    s->active = true;
    s->message = *m;
    s->n_left = 0;
    s->sent = 0;
    if (!left_reserve(s, c->n_online + 1)) {
        controller_dropped(c, m->peer, DROP_GONE, 1);
    } else if (scope == SCOPE_PEER) {
        s->left[s->n_left++] = m->peer;
    } else {
        choose(c, scope, m->parcel);
    }
    send_on(c);
}

void route_retry(struct controller *c)
{
    retry_deliveries(c);
    retry_answers(c);
    if (c->sending.active)
        send_on(c);
}

void route_abandon(struct controller *c)
{
    for (size_t i = 0; i < c->deliveries.n; i++) {
        parcel_release(c->deliveries.items[i].parcel);
        controller_dropped(c, c->deliveries.items[i].peer, DROP_SHUTDOWN, 1);
    }
    for (size_t i = 0; i < c->answers.n; i++)
        parcel_release(c->answers.items[i].parcel);
    c->deliveries.n = c->answers.n = 0;
    if (!c->sending.active)
        return;
    for (size_t i = 0; i < c->sending.n_left; i++)
        controller_dropped(c, c->sending.left[i], DROP_SHUTDOWN, 1);
    c->sending.n_left = 0;
    sent(c);
}
