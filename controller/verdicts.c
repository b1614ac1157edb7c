#include "controller/verdicts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/earlier.h"
#include "controller/drops.h"
#include "controller/judge.h"
#include "controller/merits.h"
#include "controller/relayed.h"
#include "controller/slots.h"

enum { PART_OF_PEER = 8 }; /* no peer has more than that part of the places and, beside one, of the payload */

#define NONE UINT32_MAX

/* A place in two lists, from the oldest to the newest: of all, and of one peer. */
struct links {
    uint32_t older, newer;
};

struct awaited {
    struct message message; /* as it was delivered; one reference to its parcel */
    uint64_t ticket;
    int64_t until_ms;
    struct ip ip; /* the sender's, who may go meanwhile */
    bool has_ip;
    struct links all, of_peer;
    uint32_t next; /* of the same bucket; or of the free places */
};

struct verdicts {
    struct awaited *items;
    uint32_t *buckets; /* by ticket; a power of two of them */
    uint32_t most, n_buckets, n, free, oldest, newest;
    uint64_t bytes;      /* of payload */
    int64_t progress_ms; /* the last verdict, or the first message after a time without any */
    bool stalled;        /* and since then the stall time has gone by */
};

/* --- the table --- */

static uint32_t buckets_of(uint32_t most)
{
    uint32_t n = 1;
    while (n < most) {
        n *= 2;
    }
    return n;
}

uint64_t verdicts_memory(uint32_t most)
{
    return sizeof(struct verdicts) + (uint64_t)most * sizeof(struct awaited) +
           (uint64_t)buckets_of(most) * sizeof(uint32_t);
}

static void table_clear_all(struct verdicts *v)
{
    v->oldest = v->newest = NONE;
    v->free = 0;
    for (uint32_t i = 0; i < v->most; i++) {
        v->items[i].next = i + 1 < v->most ? i + 1 : NONE;
    }
    for (uint32_t i = 0; i < v->n_buckets; i++) {
        v->buckets[i] = NONE;
    }
}

int verdicts_open(struct controller *c)
{
    if (c->config->relay != RELAY_VALIDATED) {
        return 0;
    }
    struct verdicts *v = calloc(1, sizeof *v);
    if (!v) {
        return ENOMEM;
    }
    c->verdicts = v;
    v->most = c->config->verdicts;
    v->n_buckets = buckets_of(v->most);
    v->items = calloc(v->most, sizeof *v->items);
    v->buckets = calloc(v->n_buckets, sizeof *v->buckets);
    if (!v->items || !v->buckets) {
        return ENOMEM; /* verdicts_close frees them */
    }
    table_clear_all(v);
    return 0;
}

void verdicts_close(struct controller *c)
{
    if (!c->verdicts) {
        return;
    }
    free(c->verdicts->items);
    free(c->verdicts->buckets);
    free(c->verdicts);
    c->verdicts = NULL;
}

/* Tickets are numbers that grow, so that their last bits spread them. */
static uint32_t *bucket_of(const struct verdicts *v, uint64_t ticket)
{
    return &v->buckets[ticket & (v->n_buckets - 1)];
}

static uint32_t find(const struct verdicts *v, uint64_t ticket)
{
    uint32_t i = *bucket_of(v, ticket);
    while (i != NONE && v->items[i].ticket != ticket) {
        i = v->items[i].next;
    }
    return i;
}

static void unchain(struct verdicts *v, uint32_t i)
{
    uint32_t *at = bucket_of(v, v->items[i].ticket);
    while (*at != i) {
        at = &v->items[*at].next;
    }
    *at = v->items[i].next;
}

static void link_newest(struct controller *c, struct slot *s, uint32_t i)
{
    struct verdicts *v = c->verdicts;
    struct awaited *a = &v->items[i];
    a->all = (struct links){.older = v->newest, .newer = NONE};
    *(v->newest == NONE ? &v->oldest : &v->items[v->newest].all.newer) = i;
    v->newest = i;
    a->of_peer = (struct links){.older = NONE, .newer = NONE};
    if (!s) {
        return;
    }
    s->awaited_bytes = (s->n_awaited > 0 ? s->awaited_bytes : 0) + a->message.parcel->size;
    if (s->n_awaited++ > 0) {
        a->of_peer.older = s->newest_awaited;
        v->items[s->newest_awaited].of_peer.newer = i;
    } else {
        s->oldest_awaited = i;
    }
    s->newest_awaited = i;
}

static void unlink_one(struct controller *c, uint32_t i)
{
    struct verdicts *v = c->verdicts;
    struct links l = v->items[i].all, p = v->items[i].of_peer;
    *(l.older == NONE ? &v->oldest : &v->items[l.older].all.newer) = l.newer;
    *(l.newer == NONE ? &v->newest : &v->items[l.newer].all.older) = l.older;
    if (p.older != NONE) {
        v->items[p.older].of_peer.newer = p.newer;
    }
    if (p.newer != NONE) {
        v->items[p.newer].of_peer.older = p.older;
    }
    struct slot *s = slot_find(c, v->items[i].message.peer);
    if (!s) {
        return;
    }
    s->n_awaited--;
    s->awaited_bytes -= v->items[i].message.parcel->size;
    s->oldest_awaited = p.older == NONE ? p.newer : s->oldest_awaited;
    s->newest_awaited = p.newer == NONE ? p.older : s->newest_awaited;
}

/* Takes it out of the table; the caller releases the parcel. */
static struct awaited take_out(struct controller *c, uint32_t i)
{
    struct verdicts *v = c->verdicts;
    struct awaited a = v->items[i];
    unlink_one(c, i);
    unchain(v, i);
    v->items[i].next = v->free;
    v->free = i;
    c->judged.awaiting = --v->n;
    v->bytes -= a.message.parcel->size;
    return a;
}

static void give_up(struct controller *c, uint32_t i, enum drop_cause cause)
{
    struct awaited a = take_out(c, i);
    c->judged.unjudged++;
    drops_count(c, a.message.peer, cause, 1);
    parcel_release(a.message.parcel);
}

/* --- what comes, and waits --- */

static uint32_t most_of_peer(const struct verdicts *v)
{
    return v->most < PART_OF_PEER ? 1 : v->most / PART_OF_PEER;
}

/* One message fits always. */
static bool has_part(const struct controller *c, const struct slot *s)
{
    return s->n_awaited == 0 || (s->n_awaited < most_of_peer(c->verdicts) &&
                                 s->awaited_bytes < c->config->node.limits.queue_bytes / PART_OF_PEER);
}

static bool has_room(const struct controller *c, const struct slot *s)
{
    const struct verdicts *v = c->verdicts;
    return v->n < v->most && v->bytes < c->config->node.limits.queue_bytes && (!s || has_part(c, s));
}

bool verdicts_hold(const struct controller *c, const struct slot *s)
{
    return !c->verdicts->stalled && !has_room(c, s);
}

/* The oldest of that peer goes first: who sends much pushes out his own. */
static void make_room(struct controller *c, const struct slot *s)
{
    while (c->verdicts->n > 0 && !has_room(c, s)) {
        give_up(c, s && s->n_awaited > 0 ? s->oldest_awaited : c->verdicts->oldest, DROP_UNJUDGED);
    }
}

static void await(struct controller *c, const struct message *m, uint64_t ticket)
{
    struct verdicts *v = c->verdicts;
    struct slot *s = slot_find(c, m->peer);
    make_room(c, s);
    uint32_t i = v->free;
    if (i == NONE) { /* not after make_room */
        parcel_release(m->parcel);
        return;
    }
    v->free = v->items[i].next;
    v->items[i] = (struct awaited){.message = *m,
                                   .ticket = ticket,
                                   .until_ms = c->now.ms + c->config->verdict_ms,
                                   .ip = s ? s->remote.ip : (struct ip){{0}},
                                   .has_ip = s && s->remote.port,
                                   .next = *bucket_of(v, ticket)};
    *bucket_of(v, ticket) = i;
    link_newest(c, s, i);
    if (v->n++ == 0 && !v->stalled) {
        v->progress_ms = c->now.ms;
    }
    c->judged.awaiting = v->n;
    v->bytes += m->parcel->size;
}

enum gate_result verdicts_deliver(struct controller *c, const struct message *m)
{
    uint64_t ticket = c->act->next_ticket(c->host);
    parcel_hold(m->parcel);
    enum gate_result r = c->act->deliver(c->host, c->now, m);
    if (r == GATE_POSTED && !c->quitting) {
        await(c, m, ticket);
    } else {
        parcel_release(m->parcel);
    }
    return r;
}

/* --- verdicts --- */

/* The sender may have gone; then its IP address pays. */
static void charge(struct controller *c, const struct awaited *a)
{
    struct slot *s = slot_find(c, a->message.peer);
    if (s) {
        judge_loses(c, s, c->config->merit_rejected);
    } else if (a->has_ip) {
        ip_loses(c, &a->ip, c->config->merit_rejected);
    }
}

void verdicts_give(struct controller *c, uint64_t ticket, enum kith_verdict verdict)
{
    struct verdicts *v = c->verdicts;
    uint32_t i = v ? find(v, ticket) : NONE;
    if (i == NONE) {
        return;
    }
    v->progress_ms = c->now.ms;
    v->stalled = false;
    struct awaited a = take_out(c, i);
    switch (verdict) {
    case KITH_ACCEPT:
        c->judged.accepted++;
        relayed_start(c, SCOPE_FULL, a.message.peer, a.message.kind, a.message.parcel);
        break;
    case KITH_IGNORE:
        c->judged.ignored++;
        break;
    case KITH_REJECT:
        c->judged.rejected++;
        charge(c, &a);
        break;
    }
    parcel_release(a.message.parcel);
}

/* --- time --- */

void verdicts_run(struct controller *c)
{
    struct verdicts *v = c->verdicts;
    while (v && v->n > 0 && v->items[v->oldest].until_ms <= c->now.ms) {
        give_up(c, v->oldest, DROP_UNJUDGED);
    }
    if (v && v->n > 0 && v->progress_ms + c->config->node.timings.stall <= c->now.ms) {
        v->stalled = true;
    }
}

int64_t verdicts_deadline(const struct controller *c)
{
    const struct verdicts *v = c->verdicts;
    if (!v || v->n == 0) {
        return NEVER;
    }
    int64_t stall = v->stalled ? NEVER : v->progress_ms + c->config->node.timings.stall;
    return earlier(v->items[v->oldest].until_ms, stall);
}

void verdicts_abandon(struct controller *c)
{
    while (c->verdicts && c->verdicts->n > 0) {
        give_up(c, c->verdicts->oldest, DROP_SHUTDOWN);
    }
}
