#include "protocol/ledger/adding.h"

#include <stdlib.h>

#include "base/array.h"
#include "protocol/ledger/asks.h"
#include "protocol/ledger/room.h"

/* Where the next item of that peer and plan is counted; NULL without memory. */
static struct run *run_of(struct adding *a, const struct run *of)
{
    struct run *last = a->n_runs > 0 ? &a->runs[a->n_runs - 1] : NULL;
    if (last && peer_ref_equal(last->from, of->from) && last->plan == of->plan) {
        return last;
    }
    if (!array_reserve(a->runs, a->room, a->n_runs + 1)) {
        return NULL;
    }
    a->runs[a->n_runs] = (struct run){.from = of->from, .group = of->group, .plan = of->plan};
    return &a->runs[a->n_runs++];
}

void adding_put(struct adding *a, struct chain_pack *pack, const struct chain_item *item,
                const struct run *of)
{
    struct run *run = run_of(a, of);
    if (!run) {
        pack->failed = true;
        return;
    }
    run->n++;
    run->bytes += item->size;
    chain_pack_add(pack, item);
}

static struct ledger_peer *behind(const struct ledger *l, const struct ledger_peer *p)
{
    return p && p->next ? p->next : l->first;
}

/* Without memory the message stays where it is. */
static void put_message(struct adding *a, struct chain_pack *pack, struct inbox *inbox,
                        const struct ledger_peer *p)
{
    const struct run of = {.from = p->ref, .group = room_group(p)};
    if (!run_of(a, &of)) {
        pack->failed = true;
        return;
    }
    struct inbox_item next = inbox_take(inbox);
    struct chain_item item;
    for (size_t at = 0; chain_pack_next(next.parcel, &at, &item);) {
        adding_put(a, pack, &item, &of);
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
            put_message(a, pack, inbox, p);
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
    return a->pack;
}

bool adding_walk(const struct adding *a, const struct parcel *added, struct added_walk *w)
{
    const struct chain_added *head = (const void *)added->bytes;
    if (!chain_pack_next(a->pack, &w->at, &w->item)) {
        return false;
    }
    while (w->in_run == a->runs[w->run].n) {
        w->run++;
        w->in_run = 0;
    }
    w->from = a->runs[w->run].from;
    w->group = a->runs[w->run].group;
    w->plan = a->runs[w->run].plan;
    w->in_run++;
    w->verdict = w->n < head->n ? head->verdicts[w->n] : 0;
    w->n++;
    return true;
}

void adding_end(struct adding *a)
{
    parcel_release(a->pack);
    free(a->runs);
    *a = (struct adding){.turn = a->turn};
}
