#include "controller/directed.h"

#include "controller/drops.h"
#include "controller/report.h"
#include "controller/sending.h"
#include "controller/slots.h"
#include "controller/state.h"

static void report_if_asked(struct controller *c, const struct message *m, uint64_t peers)
{
    if (m->id) {
        report_sent(c, m->id, peers);
    }
}

static void drop(struct controller *c, const struct message *m, enum drop_cause cause)
{
    if (m->type == MSG_LEAVE) {
        bool is_end = cause == DROP_SHUTDOWN;
        report_answer(c, m->id, is_end ? KITH_FAIL_ENDING : KITH_FAIL_NO_MEMORY, "disconnect: %s",
                      is_end ? "the node is ending" : "out of memory");
        return;
    }
    drops_count(c, m->peer, cause, 1);
    parcel_release(m->parcel);
    report_if_asked(c, m, 0);
}

/* False if there is no room. Otherwise the message is taken. */
static bool post(struct controller *c, struct slot *s, const struct message *m)
{
    struct message out = *m;
    out.peer = s->ref;
    switch (c->act->post(c->host, c->now, out.peer, &out)) {
    case GATE_POSTED:
        report_if_asked(c, m, 1);
        return true;
    case GATE_DROPPED:
        report_if_asked(c, m, 0);
        return true;
    case GATE_WAIT:
        break;
    }
    return false;
}

static void leave(struct controller *c, struct peer_ref peer, uint64_t id)
{
    struct slot *s = slot_find(c, peer);
    if (!s || s->state != SLOT_ONLINE) {
        report_answer(c, id, KITH_FAIL_NO_PEER, "disconnect: no such peer");
        return;
    }
    slot_close(c, s, END_DISCONNECT, false);
    report_answer(c, id, KITH_REASON_NONE, "disconnecting %s", s->info.hash);
}

static uint64_t size_of(const struct message *m)
{
    return m->parcel ? m->parcel->size : 0;
}

static bool may_park(const struct controller *c, const struct slot *s)
{
    const struct limits *l = &c->config->node.limits;
    return s->parked.n < l->queue_parcels && s->parked_bytes < l->queue_bytes;
}

/* Said of both connections with that peer: the application may know either, whichever its messages go by. */
static void tell_full(struct controller *c, const struct slot *s)
{
    const struct slot *reverse = slot_find(c, s->reverse);
    bool is_full = s->parked.n > 0 || (reverse && reverse->parked.n > 0);
    c->act->full(c->host, s->ref, is_full);
    if (reverse) {
        c->act->full(c->host, reverse->ref, is_full);
    }
}

static void park(struct controller *c, struct slot *s, const struct message *m)
{
    uint64_t size = size_of(m);
    if (!waiting_add(&s->parked, m)) {
        drop(c, m, DROP_GONE);
        return;
    }
    s->parked_bytes += size;
    if (s->parked.n > 1) {
        return;
    }
    c->n_parking++;
    tell_full(c, s);
}

void directed_came(struct controller *c, const struct slot *s)
{
    const struct slot *reverse = slot_find(c, s->reverse);
    if (reverse && reverse->parked.n > 0) {
        tell_full(c, s);
    }
}

void directed_send(struct controller *c, const struct message *m)
{
    struct slot *s = slot_to_peer(c, m->peer);
    if (!s) {
        drop(c, m, DROP_GONE);
    } else if (!may_park(c, s)) {
        sending_start(c, &c->sending, m);
    } else if (s->parked.n > 0 || !post(c, s, m)) {
        park(c, s, m);
    }
}

void directed_leave(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);
    if (s && s->parked.n > 0) {
        park(c, s, m);
    } else {
        leave(c, m->peer, m->id);
    }
}

/* Takes the first `n` off the list. */
static void unpark(struct controller *c, struct slot *s, size_t n)
{
    if (n == 0) {
        return;
    }
    waiting_remove(&s->parked, n);
    if (s->parked.n > 0) {
        return;
    }
    c->n_parking--;
    tell_full(c, s);
}

static void retry_slot(struct controller *c, struct slot *s)
{
    size_t n = 0;
    for (; n < s->parked.n && !s->closing; n++) {
        const struct message *m = &s->parked.items[n];
        uint64_t size = size_of(m); /* once it is posted, its parcel is somebody else's */
        if (m->type == MSG_LEAVE) {
            leave(c, m->peer, m->id);
        } else if (!post(c, s, m)) {
            break;
        }
        s->parked_bytes -= size;
    }
    unpark(c, s, n);
}

void directed_retry(struct controller *c)
{
    for (size_t i = 0; c->n_parking > 0 && i < c->n_online; i++) {
        retry_slot(c, &c->slots[c->online[i]]);
    }
}

void directed_close(struct controller *c, struct slot *s)
{
    for (size_t i = 0; i < s->parked.n; i++) {
        const struct message *m = &s->parked.items[i];
        if (m->type == MSG_LEAVE) {
            leave(c, m->peer, m->id);
        } else if (c->quitting) {
            drop(c, m, DROP_SHUTDOWN);
        } else {
            directed_send(c, m);
        }
    }
    s->parked_bytes = 0;
    unpark(c, s, s->parked.n);
    waiting_free(&s->parked);
    /* If the connection the other way is still full, nobody would tell of this one later. */
    c->act->full(c->host, s->ref, false);
}

void directed_abandon(struct controller *c)
{
    for (uint32_t i = 0; c->n_parking > 0 && i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        for (size_t k = 0; k < s->parked.n; k++) {
            drop(c, &s->parked.items[k], DROP_SHUTDOWN);
        }
        s->parked_bytes = 0;
        unpark(c, s, s->parked.n);
    }
}
