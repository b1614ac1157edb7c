#include "protocol/ledger/adding.h"

#include <stdlib.h>

#include "base/array.h"
#include "protocol/ledger/asks.h"

void adding_put(struct adding *a, struct chain_pack *pack, const struct chain_item *item,
                struct peer_ref from, uint32_t plan)
{
    const struct run *last = a->n_runs > 0 ? &a->runs[a->n_runs - 1] : NULL;
    if (!last || !peer_ref_equal(last->from, from) || last->plan != plan) {
        if (!array_reserve(a->runs, a->room, a->n_runs + 1)) {
            pack->failed = true;
            return;
        }
        a->runs[a->n_runs++] = (struct run){.from = from, .plan = plan};
    }
    a->runs[a->n_runs - 1].n++;
    chain_pack_add(pack, item);
}

static struct ledger_peer *behind(const struct ledger *l, const struct ledger_peer *p)
{
    return p && p->next ? p->next : l->first;
}

static void put_message(struct adding *a, struct chain_pack *pack, struct inbox *inbox, struct peer_ref from)
{
    struct inbox_item next = inbox_take(inbox);
    struct chain_item item;
    for (size_t at = 0; chain_pack_next(next.parcel, &at, &item);) {
        adding_put(a, pack, &item, from, 0);
    }
    parcel_release(next.parcel);
}

void adding_collect(struct ledger *l, struct adding *a, struct chain_pack *pack,
                    struct inbox *(*inbox_of)(struct ledger_peer *p), size_t most)
{
    struct ledger_peer *p = behind(l, ledger_peer_of(l, a->turn)), *idle = NULL;
    while (p && p != idle && pack->size < most && !pack->failed) {
        struct inbox *inbox = inbox_of(p);
        if (inbox->n > 0) {
            put_message(a, pack, inbox, p->ref);
            ledger_hold(l, p);
            a->turn = p->ref;
            idle = NULL;
        } else if (!idle) {
            idle = p; /* once round from here, and nobody has any */
        }
        p = behind(l, p);
    }
}

void adding_retry(struct ledger *l, struct adding *a)
{
    const struct ask what = {.purpose = a->purpose};
    if (!a->is_refused) {
        return;
    }
    if (asks_put(l, &what, a->kind, parcel_hold(a->pack))) {
        a->is_refused = false;
    } else {
        parcel_release(a->pack);
    }
}

bool adding_start(struct ledger *l, struct adding *a, struct chain_pack *pack, enum ask_purpose purpose,
                  uint32_t kind)
{
    a->pack = chain_pack_end(pack);
    a->purpose = purpose;
    a->kind = kind;
    a->is_refused = a->pack;
    adding_retry(l, a);
    if (!a->pack) {
        adding_end(a);
    }
    return a->pack;
}

bool adding_walk(const struct adding *a, const struct parcel *added, struct added_walk *w)
{
    const struct chain_added *head = added ? (const void *)added->bytes : NULL;
    if (!chain_pack_next(a->pack, &w->at, &w->item)) {
        return false;
    }
    while (w->in_run == a->runs[w->run].n) {
        w->run++;
        w->in_run = 0;
    }
    w->from = a->runs[w->run].from;
    w->plan = a->runs[w->run].plan;
    w->in_run++;
    w->verdict = head && w->n < head->n ? head->verdicts[w->n] : 0;
    w->n++;
    return true;
}

void adding_end(struct adding *a)
{
    parcel_release(a->pack);
    free(a->runs);
    *a = (struct adding){.turn = a->turn};
}
