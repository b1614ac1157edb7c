#include "protocol/ledger/serve.h"

#include <string.h>

#include "protocol/ledger/asks.h"

enum { SERVE_MAX = 100 }; /* requests of peers that the store works on: the others are our own */

/* --- lists --- */

/* By number: who has more lists what it has, who has less asks what there is, who has the same says nothing.
 * It is known without the store. The hashes are all zero. */
static void answer_by_number(struct ledger *l, struct ledger_peer *p, const struct chain_range *asked)
{
    int64_t n = l->chain.height - asked->from + 1;
    if (!l->knows_chain || n == 0) {
        return;
    }
    if (n < 0) {
        const struct chain_range own = {.from = l->chain.height + 1, .count = CHAIN_LIST_MAX};
        ledger_send(l, p->ref, LEDGER_GET_LIST, parcel_new(&own, sizeof own));
        return;
    }
    n = n < CHAIN_LIST_MAX ? n : CHAIN_LIST_MAX;
    size_t size = sizeof(struct chain_hashes) + (size_t)n * sizeof(struct chain_hash);
    struct parcel *list = parcel_new(NULL, size);
    if (list) {
        struct chain_hashes head = {.from = asked->from, .n = (uint32_t)n};
        memset(list->bytes, 0, size);
        memcpy(list->bytes, &head, sizeof head);
        ledger_send(l, p->ref, LEDGER_LIST, list);
    }
}

/* --- blocks --- */

static const struct chain_wanted *wanted_of(const struct parcel *p)
{
    return (const void *)p->bytes;
}

/* All that it asks for at the head of its queue goes in one request: many ask for one block at a time. */
static struct parcel *gather(struct ledger_peer *p)
{
    struct chain_wanted *w;
    const struct inbox_item *next = inbox_look(&p->wishes);
    struct parcel *all = chain_wanted_new(CHAIN_WANTED_MAX, wanted_of(next->parcel)->by_hash, &w);
    if (!all) {
        return NULL;
    }
    w->n = 0;
    while (next && next->kind == LEDGER_GET_BLOCKS) {
        const struct chain_wanted *one = wanted_of(next->parcel);
        if (one->by_hash != w->by_hash || w->n + one->n > CHAIN_WANTED_MAX) {
            break;
        }
        memcpy(&w->items[w->n], one->items, one->n * sizeof one->items[0]);
        w->n += one->n;
        parcel_release(inbox_take(&p->wishes).parcel);
        next = inbox_look(&p->wishes);
    }
    return all;
}

/* Those that were not looked at yet. */
static struct parcel *rest_of(const struct ledger_peer *p)
{
    const struct chain_wanted *all = wanted_of(p->wanted);
    uint32_t n = all->n - p->wanted_at;
    struct chain_wanted *w;
    struct parcel *rest = chain_wanted_new(n, all->by_hash, &w);
    if (rest) {
        memcpy(w->items, &all->items[p->wanted_at], n * sizeof w->items[0]);
    }
    return rest;
}

static void end_blocks(struct ledger_peer *p)
{
    parcel_release(p->wanted);
    p->wanted = NULL;
    p->wanted_at = p->n_found = 0;
}

static void note_given(struct ledger_peer *p, const struct parcel *pack)
{
    struct chain_item item;
    size_t at = 0;
    while (chain_pack_next(pack, &at, &item)) {
        p->given = item.number > p->given ? item.number : p->given;
    }
}

/* Who asked by hash is told that there are no further ones: it would wait for them in vain. */
static void give_none(struct ledger *l, struct ledger_peer *p)
{
    if (wanted_of(p->wanted)->by_hash) {
        ledger_send(l, p->ref, LEDGER_BLOCKS, parcel_new("", 0));
    }
    end_blocks(p);
}

static void give_blocks(struct ledger *l, struct ledger_peer *p, const struct parcel *found)
{
    const struct chain_found *head = (const void *)found->bytes;
    size_t at = chain_found_pack(found);
    if (head->n > 0) {
        struct parcel *pack = parcel_new(found->bytes + at, found->size - at);
        if (pack) {
            note_given(p, pack);
            ledger_send(l, p->ref, LEDGER_BLOCKS, pack);
        }
    }
    p->wanted_at += head->looked;
    p->n_found += head->n;
    const struct chain_wanted *w = wanted_of(p->wanted);
    if (p->wanted_at < w->n && head->looked > 0) {
        return;
    }
    if (p->n_found < w->n) {
        give_none(l, p);
    } else {
        end_blocks(p);
    }
}

/* --- one after the other --- */

static bool ask(struct ledger *l, struct ledger_peer *p, uint32_t kind, struct parcel *parcel)
{
    const struct ask what = {.purpose = ASK_SERVE, .peer = p->ref};
    if (!parcel || l->asks.n >= SERVE_MAX || !asks_put(l, &what, kind, parcel)) {
        asks_refuse(l);
        parcel_release(parcel);
        return false;
    }
    p->is_served = true;
    return true;
}

/* False if it has to wait. */
static bool serve_one(struct ledger *l, struct ledger_peer *p, const struct inbox_item *next)
{
    if (next->kind == LEDGER_GET_LIST) {
        if (!ask(l, p, CHAIN_GET_HASHES, parcel_hold(next->parcel))) {
            return false;
        }
    } else if (!ask(l, p, CHAIN_GET_TRANSACTION, parcel_hold(next->parcel))) {
        return false;
    }
    parcel_release(inbox_take(&p->wishes).parcel);
    return true;
}

static void serve_next(struct ledger *l, struct ledger_peer *p)
{
    const struct inbox_item *next = inbox_look(&p->wishes);
    /* For one that does not read the store would read in vain, and without end. */
    if (p->is_served || (!next && !p->wanted) || l->config.actions->is_behind(l->config.host, p->ref)) {
        return;
    }
    if (!p->wanted && next->kind == LEDGER_GET_BLOCKS) {
        p->wanted = gather(p);
    }
    if (p->wanted) {
        ask(l, p, CHAIN_GET_BLOCKS, rest_of(p));
    } else if (next->kind == LEDGER_GET_BLOCKS) {
        asks_refuse(l); /* no memory to gather them */
    } else {
        serve_one(l, p, next);
    }
    ledger_hold(l, p);
}

/* Takes the parcel. Beyond a full inbox only one that has left asks, and nobody is there to be answered. */
static void put_wish(struct ledger *l, struct ledger_peer *p, uint32_t kind, struct parcel *parcel)
{
    if (inbox_put(&p->wishes, kind, parcel)) {
        return;
    }
    parcel_release(parcel);
    if (!inbox_is_full(&p->wishes)) {
        l->config.actions->lost(l->config.host, p->ref, 1);
    }
}

void serve_take(struct ledger *l, struct ledger_peer *p, uint32_t kind, struct parcel *parcel)
{
    if (kind == LEDGER_GET_LIST && !l->variant->by_hash) {
        answer_by_number(l, p, (const void *)parcel->bytes);
        parcel_release(parcel);
        return;
    }
    if (kind == LEDGER_GET_BLOCKS && wanted_of(parcel)->n == 0) {
        parcel_release(parcel);
        ledger_send(l, p->ref, LEDGER_BLOCKS, parcel_new("", 0));
    } else {
        put_wish(l, p, kind, parcel);
    }
    serve_next(l, p);
    ledger_hold(l, p);
}

void serve_answer(struct ledger *l, const struct ask *what, const struct store_answer *a)
{
    struct ledger_peer *p = ledger_peer_of(l, what->peer);
    if (!p) {
        return;
    }
    p->is_served = false;
    if (a->kind == CHAIN_BLOCKS && p->wanted) {
        give_blocks(l, p, a->parcel);
    } else if (a->kind == CHAIN_HASHES) {
        ledger_send(l, p->ref, LEDGER_LIST, parcel_hold(a->parcel));
    } else if (a->kind == CHAIN_TRANSACTION && a->parcel) {
        ledger_send(l, p->ref, LEDGER_TRANSACTIONS, parcel_hold(a->parcel));
    } else if (p->wanted) {
        give_none(l, p); /* the store has failed */
    }
    serve_next(l, p);
    ledger_hold(l, p);
}

void serve_waiting(struct ledger *l)
{
    for (struct ledger_peer *p = l->first; p; p = p->next) {
        serve_next(l, p);
        ledger_hold(l, p);
    }
}

bool serve_owes(const struct ledger_peer *p)
{
    return p->is_served || p->wanted || p->wishes.n > 0;
}

void serve_leave(struct ledger_peer *p)
{
    end_blocks(p);
    inbox_free(&p->wishes);
}
