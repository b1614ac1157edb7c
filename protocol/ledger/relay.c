#include "protocol/ledger/relay.h"

#include <inttypes.h>
#include <stdio.h>

#include "protocol/ledger/adding.h"
#include "protocol/ledger/announce.h"
#include "protocol/ledger/fetch.h"
#include "protocol/ledger/room.h"

enum { PACK_BYTES = 1 << 20 }; /* a pack that has so many is full */

/* --- what comes --- */

/* It costs nothing: who passes on what others flood it with cannot know. */
static void refuse(struct ledger *l, struct ledger_peer *p, uint32_t n)
{
    char text[128];
    p->n_refused += n;
    l->room.refused += n;
    snprintf(text, sizeof text,
             "the pool has no room for more of its network's: %" PRIu64 " transactions of it refused",
             p->n_refused);
    l->config.actions->fault(l->config.host, p->ref, 0, text);
}

/* They may be fetched from others. */
static void lose(struct ledger *l, struct peer_ref of, uint64_t group, const struct ledger_amount *lost)
{
    marks_free(&l->known);
    room_settle(l, group, lost, false);
    l->config.actions->lost(l->config.host, of, lost->n);
}

/* Without those that the peer has sent before, each of which is a fault, and without those that have no room,
 * of which nothing is remembered: another peer may bring them. The parcel is taken; NULL if none is left. */
static struct parcel *sift(struct ledger *l, struct ledger_peer *p, struct parcel *pack)
{
    struct chain_pack fresh = {0};
    struct chain_item item;
    struct ledger_amount taken = {0};
    uint32_t repeated = 0, refused = 0;
    for (size_t at = 0; chain_pack_next(pack, &at, &item);) {
        if (!l->variant->announces && announce_has_heard(l, p, &item.id)) {
            repeated++;
        } else if (!room_take(l, p, &item)) {
            refused++;
        } else {
            announce_hears(l, p, &item.id);
            fetch_came(l, &item.id);
            chain_pack_add(&fresh, &item);
            taken = (struct ledger_amount){taken.n + 1, taken.bytes + item.size};
        }
    }
    if (repeated > 0) {
        l->config.actions->fault(l->config.host, p->ref, (int32_t)repeated * DEMERIT_REPEATED,
                                 "sent a transaction again");
    }
    if (refused > 0) {
        refuse(l, p, refused);
    }
    if (repeated + refused == 0) {
        chain_pack_free(&fresh);
        return pack;
    }
    parcel_release(pack);
    struct parcel *left = taken.n > 0 ? chain_pack_end(&fresh) : NULL;
    chain_pack_free(&fresh);
    if (!left && taken.n > 0) { /* memory was short */
        lose(l, p->ref, room_group(p), &taken);
    }
    return left;
}

/* What the store was not asked to add; takes the parcel. */
static void lose_pack(struct ledger *l, const struct ledger_peer *p, struct parcel *pack)
{
    struct ledger_amount all = {0};
    struct chain_item item;
    for (size_t at = 0; chain_pack_next(pack, &at, &item);) {
        all = (struct ledger_amount){all.n + 1, all.bytes + item.size};
    }
    lose(l, p->ref, room_group(p), &all);
    parcel_release(pack);
}

/* What it was to add, and could not. */
static void lose_added(struct ledger *l)
{
    for (size_t i = 0; i < l->transactions.n_runs; i++) {
        const struct run *r = &l->transactions.runs[i];
        lose(l, r->from, r->group, &(struct ledger_amount){r->n, r->bytes});
    }
}

void relay_leave(struct ledger *l, struct ledger_peer *p)
{
    while (p->transactions.n > 0) {
        lose_pack(l, p, inbox_take(&p->transactions).parcel);
    }
}

void relay_take(struct ledger *l, struct ledger_peer *p, struct parcel *pack)
{
    struct parcel *fresh = sift(l, p, pack);
    if (!fresh) {
        return;
    }
    if (!inbox_put(&p->transactions, LEDGER_TRANSACTIONS, fresh)) {
        lose_pack(l, p, fresh);
    }
    relay_next(l);
    ledger_hold(l, p);
}

/* --- to the store --- */

static struct inbox *transactions_of(struct ledger_peer *p)
{
    return &p->transactions;
}

void relay_next(struct ledger *l)
{
    struct chain_pack pack = {0};
    if (l->transactions.pack || !l->knows_chain || l->retry_ms != NEVER) {
        return;
    }
    adding_collect(l, &l->transactions, &pack, transactions_of, PACK_BYTES);
    if (pack.size > 0 || pack.failed) {
        if (!adding_start(l, &l->transactions, &pack, ASK_TRANSACTIONS, CHAIN_ADD_TRANSACTIONS)) {
            lose_added(l);
            adding_end(&l->transactions);
        }
    }
}

/* --- what became of it --- */

static void deliver(struct ledger *l, const struct added_walk *w)
{
    struct parcel *text = parcel_new(w->item.text, w->item.size);
    if (text) {
        l->config.actions->deliver(l->config.host, w->from, LEDGER_TRANSACTION, text);
    }
}

/* Announces those that are new. */
static void take_verdicts(struct ledger *l, const struct parcel *parcel)
{
    const struct chain_added *added = (const void *)parcel->bytes;
    struct chain_pack fresh = {0};
    struct added_walk w = {0};
    room_pool(l, &added->state);
    l->chain.pool = added->state.pool;
    l->chain.pool_bytes = added->state.pool_bytes;
    while (adding_walk(&l->transactions, parcel, &w)) {
        room_settle(l, w.group, &(struct ledger_amount){1, w.item.size}, w.verdict == CHAIN_POOLED);
        if (w.verdict == CHAIN_POOLED) {
            deliver(l, &w);
            chain_pack_add(&fresh, &w.item);
        } else if (w.verdict == CHAIN_INVALID) {
            l->config.actions->fault(l->config.host, w.from, DEMERIT_TRANSACTION,
                                     "sent a transaction that is refused");
        }
    }
    struct parcel *news = fresh.size > 0 ? chain_pack_end(&fresh) : NULL;
    if (news) {
        announce_transactions(l, news);
    }
    parcel_release(news);
    chain_pack_free(&fresh);
}

void relay_answer(struct ledger *l, const struct store_answer *a)
{
    if (a->kind == CHAIN_ADDED) {
        take_verdicts(l, a->parcel);
    } else {
        lose_added(l);
    }
    adding_end(&l->transactions);
}
