/* Messages of the application to one peer. If that peer's queue is full they wait in its slot, in order, and
 * nothing else waits for them; the application is told that this peer's queue is full. What it had sent
 * before it learned of that fits into ToNetwork, and so much may wait. */
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

static void report_if_asked(struct controller *c, const struct message *m, uint64_t peers)
{
    if (m->id)
        report_sent(c, m->id, peers);
}

static void drop(struct controller *c, const struct message *m, enum drop_cause cause)
{
    if (m->type == MSG_LEAVE)
        return;
    controller_dropped(c, m->peer, cause, 1);
    parcel_release(m->parcel);
    report_if_asked(c, m, 0);
}

/* False if there is no room. Otherwise the message is taken. */
static bool post(struct controller *c, struct slot *s, const struct message *m)
{
    struct message out = *m;

    out.peer = slot_ref(c, s);
    switch (c->act->post(c->world, c->now, out.peer, &out)) {
    case OUTLET_POSTED:
        report_if_asked(c, m, 1);
        return true;
    case OUTLET_DROPPED:
        report_if_asked(c, m, 0);
        return true;
    case OUTLET_WAIT:
        break;
    }
    return false;
}

static uint64_t size_of(const struct message *m)
{
    return m->parcel ? m->parcel->size : 0;
}

static bool may_park(const struct controller *c, const struct slot *s)
{
    const struct limits *l = &c->config->terms.limits;

    return s->parked.n < l->queue_parcels && s->parked_bytes < l->queue_bytes;
}

/* Of both connections with that peer: the application may have found either, whichever its messages go by. */
static void tell_full(struct controller *c, const struct slot *s)
{
    const struct slot *twin = slot_find(c, s->twin);
    bool is_full = directed_waits(s) || (twin && directed_waits(twin));

    c->act->full(c->world, slot_ref(c, s), is_full);
    if (twin)
        c->act->full(c->world, slot_ref(c, twin), is_full);
}

static void park(struct controller *c, struct slot *s, const struct message *m)
{
    uint64_t size = size_of(m);

    if (!waiting_add(&s->parked, m)) {
        drop(c, m, DROP_GONE);
        return;
    }
    s->parked_bytes += size;
    if (s->parked.n > 1)
        return;
    c->n_parking++;
    tell_full(c, s);
}

void directed_came(struct controller *c, const struct slot *s)
{
    const struct slot *twin = slot_find(c, s->twin);

    if (twin && directed_waits(twin))
        tell_full(c, s);
}

uint32_t directed_count(const struct controller *c)
{
    size_t n = 0;

    for (size_t i = 0; c->n_parking > 0 && i < c->n_online; i++)
        n += c->slots[c->online[i]].parked.n;
    return (uint32_t)n;
}

bool directed_waits(const struct slot *s)
{
    return s->parked.n > 0;
}

void directed_send(struct controller *c, const struct message *m)
{
    struct slot *s = slot_to_peer(c, m->peer);

    if (!s)
        drop(c, m, DROP_GONE);
    else if (!may_park(c, s))
        sending_start(c, &c->sending, m);
    else if (directed_waits(s) || !post(c, s, m))
        park(c, s, m);
}

void directed_leave(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);

    if (s && directed_waits(s))
        park(c, s, m);
    else
        command_leave(c, m->peer, m->id);
}

/* Takes the first `n` off the list. */
static void unpark(struct controller *c, struct slot *s, size_t n)
{
    if (n == 0)
        return;
    s->parked.n -= n;
    memmove(s->parked.items, s->parked.items + n, s->parked.n * sizeof *s->parked.items);
    if (s->parked.n > 0)
        return;
    c->n_parking--;
    tell_full(c, s);
}

static void retry_slot(struct controller *c, struct slot *s)
{
    size_t n = 0;

    for (; n < s->parked.n && !s->closing; n++) {
        const struct message *m = &s->parked.items[n];
        uint64_t size = size_of(m); /* once it is posted, its parcel is somebody else's */

        if (m->type == MSG_LEAVE)
            command_leave(c, m->peer, m->id);
        else if (!post(c, s, m))
            break;
        s->parked_bytes -= size;
    }
    unpark(c, s, n);
}

void directed_retry(struct controller *c)
{
    for (size_t i = 0; c->n_parking > 0 && i < c->n_online; i++)
        retry_slot(c, &c->slots[c->online[i]]);
}

/* By another connection with the same peer, if there is one. */
void directed_close(struct controller *c, struct slot *s)
{
    for (size_t i = 0; i < s->parked.n; i++) {
        const struct message *m = &s->parked.items[i];

        if (m->type == MSG_LEAVE)
            command_leave(c, m->peer, m->id);
        else if (c->quitting)
            drop(c, m, DROP_SHUTDOWN);
        else
            directed_send(c, m);
    }
    s->parked_bytes = 0;
    unpark(c, s, s->parked.n);
    free(s->parked.items);
    s->parked = (struct waiting_list){0};
    /* If its twin is still full, nobody would tell of this one later. */
    c->act->full(c->world, slot_ref(c, s), false);
}

void directed_abandon(struct controller *c)
{
    for (uint32_t i = 0; c->n_parking > 0 && i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];

        for (size_t k = 0; k < s->parked.n; k++)
            drop(c, &s->parked.items[k], DROP_SHUTDOWN);
        s->parked_bytes = 0;
        unpark(c, s, s->parked.n);
    }
}
