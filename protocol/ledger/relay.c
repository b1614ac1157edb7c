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

/* Without those that the peer has sent before, each of which is a fault, and without those that have no room,
 * of which nothing is remembered: another peer may bring them. The parcel is taken; NULL if none is left. */
static struct parcel *sift(struct ledger *l, struct ledger_peer *p, struct parcel *pack)
{
    struct chain_pack fresh = {0};
    struct chain_item item;
    uint32_t repeated = 0, refused = 0;
    for (size_t at = 0; chain_pack_next(pack, &at, &item);) {
        if (!l->variant->announces && !announce_hears(l, p, &item.id)) {
            repeated++;
            continue;
        }
        announce_hears(l, p, &item.id);
        if (!room_take(l, p, &item)) {
            refused++;
            continue;
        }
        fetch_came(l, &item.id);
        chain_pack_add(&fresh, &item);
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
    struct parcel *left = fresh.size > 0 ? chain_pack_end(&fresh) : NULL;
    chain_pack_free(&fresh);
    return left;
}

static void give_back(struct ledger *l, const struct ledger_peer *p, struct parcel *pack)
{
    struct chain_item item;
    for (size_t at = 0; chain_pack_next(pack, &at, &item);) {
        room_settle(l, p, &item, false);
    }
    parcel_release(pack);
}

void relay_leave(struct ledger *l, struct ledger_peer *p)
{
    if (p->transactions.n > 0) {
        marks_free(&l->known); /* what is lost here may be fetched from others */
    }
    while (p->transactions.n > 0) {
        give_back(l, p, inbox_take(&p->transactions).parcel);
    }
}

void relay_take(struct ledger *l, struct ledger_peer *p, struct parcel *pack)
{
    struct parcel *fresh = sift(l, p, pack);
    if (fresh) {
        inbox_put(&p->transactions, LEDGER_TRANSACTIONS, fresh);
        relay_next(l);
        ledger_hold(l, p);
    }
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
        adding_start(l, &l->transactions, &pack, ASK_TRANSACTIONS, CHAIN_ADD_TRANSACTIONS);
    } else {
        room_rest(l);
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

void relay_answer(struct ledger *l, const struct store_answer *a)
{
    struct chain_pack fresh = {0};
    struct added_walk w = {0};
    if (a->kind == CHAIN_ADDED) {
        const struct chain_added *added = (const void *)a->parcel->bytes;
        room_pool(l, &added->state);
        l->chain.pool = added->state.pool;
        l->chain.pool_bytes = added->state.pool_bytes;
    } else {
        marks_free(&l->known); /* nothing was kept: what is lost may be fetched from others */
    }
    while (adding_walk(&l->transactions, a->kind == CHAIN_ADDED ? a->parcel : NULL, &w)) {
        room_settle(l, ledger_peer_of(l, w.from), &w.item, w.verdict == CHAIN_POOLED);
        if (w.verdict == CHAIN_POOLED) {
            deliver(l, &w);
            chain_pack_add(&fresh, &w.item);
        } else if (w.verdict == CHAIN_INVALID) {
            l->config.actions->fault(l->config.host, w.from, DEMERIT_TRANSACTION,
                                     "sent a transaction that is refused");
        }
    }
    adding_end(&l->transactions);
    struct parcel *news = fresh.size > 0 ? chain_pack_end(&fresh) : NULL;
    if (news) {
        announce_transactions(l, news);
    }
    parcel_release(news);
    chain_pack_free(&fresh);
}
