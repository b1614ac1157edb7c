#include "controller/route.h"

#include <stdlib.h>

#include "controller/directed.h"
#include "controller/drops.h"
#include "controller/merits.h"
#include "controller/owed.h"
#include "controller/relayed.h"
#include "controller/report.h"
#include "controller/sending.h"
#include "controller/slots.h"
#include "controller/state.h"
#include "controller/verdicts.h"

/* The most messages of the service that may wait for one peer: if it asks on without reading, it gets no
 * more.
 */
enum { BACKLOG_MAX = 16 };

/* --- from peers --- */

/* Whether such a message was passed on already. If not, it is noted. */
static bool is_repeated(struct controller *c, struct peer_ref from, uint64_t digest)
{
    struct slot *s = slot_find(c, from);
    if (!seen_cache_has(c->heard_from_anyone, PEER_NOBODY, digest, c->now.ms)) {
        seen_cache_add(c->heard_from_anyone, PEER_NOBODY, digest, c->now.ms);
        return false;
    }
    c->repeated++;
    if (s) {
        s->repeated++;
    }
    return true;
}

/* Who is of use keeps its place (evict.c), and earns something now and then. */
static void note_delivered(struct controller *c, struct slot *s)
{
    s->delivered_ms = c->now.ms;
    if (c->now.ms >= s->useful_ms) {
        slot_earns(c, s, c->config->merits.good);
    }
}

/* Deliveries stay in order. While one waits, the peers' next messages are not taken (controller_takes): so at
 * most the deliveries of one message are in the list. */
void route_deliver(void *core, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    struct controller *c = core;
    struct message m = {.type = MSG_PEER, .kind = kind, .peer = from, .parcel = parcel};
    bool as_it_came = parcel == c->arrived && kind == c->arrived_kind;
    uint64_t digest = as_it_came ? c->arrived_digest : seen_cache_digest(&c->digest_key, kind, parcel);
    if (c->heard_from_peer) {
        seen_cache_add(c->heard_from_peer, from, digest, c->now.ms);
    }
    if (c->heard_from_anyone && is_repeated(c, from, digest)) {
        parcel_release(parcel);
        return;
    }
    struct slot *s = slot_find(c, from);
    if (s) {
        note_delivered(c, s);
    }
    if (c->heard_from_anyone && !c->verdicts) {
        relayed_start(c, SCOPE_FULL, from, kind, parcel);
    }
    if (c->deliveries.n == 0 &&
        (c->verdicts ? verdicts_deliver(c, &m) : c->act->deliver(c->host, c->now, &m)) != GATE_WAIT) {
        return;
    }
    if (!c->quitting && waiting_add(&c->deliveries, &m)) {
        return;
    }
    parcel_release(parcel);
    drops_count(c, from, DROP_SHUTDOWN, 1);
}

static void retry_deliveries(struct controller *c)
{
    struct waiting_list *l = &c->deliveries;
    size_t n = 0;
    while (n < l->n && (c->verdicts ? verdicts_deliver(c, &l->items[n])
                                    : c->act->deliver(c->host, c->now, &l->items[n])) != GATE_WAIT) {
        n++;
    }
    waiting_remove(l, n);
}

/* --- from the service --- */

static bool backlog_add(struct controller *c, const struct message *m)
{
    uint64_t bytes = waiting_bytes(m);
    if (!c->act->take_room(c->host, c->now, bytes)) {
        return false;
    }
    if (!waiting_add(&c->service_backlog, m)) {
        c->act->give_room(c->host, bytes);
        return false;
    }
    return true;
}

/* If the peer's queue is full the message waits beside the others' and keeps none of them back. Otherwise
 * two nodes that flood each other would each wait for the other to read, and a slow reader would keep back
 * everybody. */
void route_answer(void *core, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct message m = {.type = MSG_SEND, .scope = SCOPE_NONE, .kind = kind, .peer = to, .parcel = parcel};
    struct controller *c = core;
    struct slot *s = slot_find(c, to);
    if (s && s->state == SLOT_ONLINE) {
        if (s->service_backlog == 0 && c->act->post(c->host, c->now, to, &m) != GATE_WAIT) {
            return;
        }
        if (!c->quitting && s->service_backlog < BACKLOG_MAX && backlog_add(c, &m)) {
            s->service_backlog++;
            return;
        }
    }
    parcel_release(parcel); /* not counted: the service asks anew, or is asked anew */
}

/* The service may route any number of messages for one that came: so the list has a bound, for each peer and
 * for all that comes from nobody. */
bool route_service(void *core, enum scope scope, struct peer_ref except, uint32_t kind, struct parcel *parcel)
{
    struct controller *c = core;
    const struct slot *from = slot_find(c, except);
    size_t waiting = from ? from->n_relayed : c->n_relayed;
    bool routed =
        waiting < c->config->node.limits.queue_parcels && relayed_start(c, scope, except, kind, parcel);
    parcel_release(parcel);
    return routed;
}

/* True if the answer is dealt with. */
static bool retry_answer(struct controller *c, const struct message *m, bool *relieved)
{
    struct slot *s = slot_find(c, m->peer);
    if (!s || s->state != SLOT_ONLINE) {
        parcel_release(m->parcel);
        return true;
    }
    /* Once one has to wait, so have those behind it: they stay in order. */
    s->backlog_blocked = s->backlog_blocked || c->act->post(c->host, c->now, m->peer, m) == GATE_WAIT;
    s->service_backlog -= !s->backlog_blocked;
    *relieved = *relieved || s->service_backlog == 0;
    return !s->backlog_blocked;
}

static void retry_answers(struct controller *c)
{
    struct waiting_list *l = &c->service_backlog;
    const struct service_ops *service = c->config->protocol->service;
    bool relieved = false;
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t bytes = waiting_bytes(&l->items[i]); /* once it is posted, its parcel is somebody else's */
        if (retry_answer(c, &l->items[i], &relieved)) {
            c->act->give_room(c->host, bytes);
        } else {
            l->items[kept++] = l->items[i];
        }
    }
    l->n = kept;
    for (size_t i = 0; i < kept; i++) {
        slot_find(c, l->items[i].peer)->backlog_blocked = false;
    }
    if (relieved && service->relieved) { /* now that the list is whole: it may send more */
        service->relieved(c->service, c->now.ms);
    }
}

/* --- from the application --- */

void route_send(struct controller *c, const struct message *m)
{
    if (c->heard_from_anyone) {
        seen_cache_add(c->heard_from_anyone, PEER_NOBODY,
                       seen_cache_digest(&c->digest_key, m->kind, m->parcel), c->now.ms);
    }
    if (c->config->protocol->service->send && owed_send(c, m)) {
        return;
    }
    if (m->scope == SCOPE_PEER) {
        directed_send(c, m);
    } else {
        sending_start(c, &c->sending, m);
    }
}

/* --- all of it --- */

void route_retry(struct controller *c)
{
    retry_deliveries(c);
    retry_answers(c);
    relayed_retry(c);
    directed_retry(c);
    sending_retry(c, &c->sending);
}

void route_abandon(struct controller *c)
{
    for (size_t i = 0; i < c->deliveries.n; i++) {
        parcel_release(c->deliveries.items[i].parcel);
        drops_count(c, c->deliveries.items[i].peer, DROP_SHUTDOWN, 1);
    }
    for (size_t i = 0; i < c->service_backlog.n; i++) {
        c->act->give_room(c->host, waiting_bytes(&c->service_backlog.items[i]));
        parcel_release(c->service_backlog.items[i].parcel);
    }
    c->deliveries.n = c->service_backlog.n = 0;
    verdicts_abandon(c);
    relayed_abandon(c);
    directed_abandon(c);
    sending_abandon(c, &c->sending);
}
