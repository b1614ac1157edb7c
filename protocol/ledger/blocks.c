#include "protocol/ledger/blocks.h"

#include "protocol/ledger/adding.h"
#include "protocol/ledger/announce.h"
#include "protocol/ledger/room.h"
#include "protocol/ledger/told.h"

enum {
    PACK_BYTES = 4 << 20, /* a pack that has so many is full */
    PACK_BLOCKS = 1000,   /* or so many */
    OWN_BYTES = 1 << 20,  /* of it, those that nobody asked for */
};

/* --- what comes --- */

/* Takes the parcel. */
static void lose(struct ledger *l, const struct ledger_peer *p, struct parcel *pack)
{
    l->config.actions->lost(l->config.host, p->ref, chain_pack_count(pack));
    parcel_release(pack);
}

void blocks_leave(struct ledger *l, struct ledger_peer *p)
{
    while (p->blocks.n > 0) {
        lose(l, p, inbox_take(&p->blocks).parcel);
    }
}

/* Late answers are of no use; by numbers nobody can tell them from news. */
static void take_unasked(struct ledger *l, struct ledger_peer *p, struct chain_pack *unasked)
{
    struct parcel *pack = unasked->size > 0 ? chain_pack_end(unasked) : NULL;
    chain_pack_free(unasked);
    if (!pack) {
        return;
    }
    if (!inbox_put(&p->blocks, LEDGER_NEW_BLOCK, pack)) {
        lose(l, p, pack);
    }
    ledger_hold(l, p);
}

void blocks_take(struct ledger *l, struct ledger_peer *p, uint32_t kind, struct parcel *pack)
{
    bool may_be_news = kind == LEDGER_NEW_BLOCK || !l->variant->by_hash;
    struct chain_pack unasked = {0};
    struct chain_item item;
    if (pack->size == 0) {
        catchup_none(&l->catchup, l->now_ms, &p->catchup);
    }
    for (size_t at = 0; chain_pack_next(pack, &at, &item);) {
        p->given = item.number > p->given ? item.number : p->given; /* it has it, whatever it is */
        if (!catchup_block(&l->catchup, l->now_ms, &p->catchup, &item) && may_be_news) {
            chain_pack_add(&unasked, &item);
        }
    }
    parcel_release(pack);
    take_unasked(l, p, &unasked);
    blocks_next(l);
}

/* --- to the store --- */

static struct inbox *blocks_of(struct ledger_peer *p)
{
    return &p->blocks;
}

static void add_planned(struct ledger *l, struct chain_pack *pack)
{
    struct catchup_taken t;
    for (uint32_t n = 0; n < PACK_BLOCKS && pack->size < PACK_BYTES; n++) {
        struct chain_item item;
        size_t at = 0;
        if (!catchup_take(&l->catchup, l->now_ms, &t)) {
            return;
        }
        if (chain_pack_next(t.pack, &at, &item)) {
            const struct run of = {.from = t.from, .plan = t.plan};
            adding_put(&l->blocks, pack, &item, &of);
        }
        parcel_release(t.pack);
    }
}

/* Those that were planned are fetched again. */
static void lose_unasked(struct ledger *l)
{
    for (size_t i = 0; i < l->blocks.n_runs; i++) {
        const struct run *r = &l->blocks.runs[i];
        if (r->plan == 0) {
            l->config.actions->lost(l->config.host, r->from, r->n);
        }
    }
}

void blocks_next(struct ledger *l)
{
    struct chain_pack pack = {0};
    if (l->blocks.pack || !l->knows_chain || l->retry_ms != NEVER) {
        return;
    }
    adding_collect(l, &l->blocks, &pack, blocks_of, OWN_BYTES);
    add_planned(l, &pack);
    if ((pack.size > 0 || pack.failed) && !adding_start(l, &l->blocks, &pack, ASK_BLOCKS, CHAIN_ADD_BLOCKS)) {
        lose_unasked(l);
        adding_end(&l->blocks);
        catchup_lost(&l->catchup, l->now_ms);
    }
}

/* --- what became of it --- */

static void judge_unasked(struct ledger *l, const struct added_walk *w, const char *reason)
{
    struct ledger_peer *p = ledger_peer_of(l, w->from);
    if (!p || w->verdict == 0) {
        return;
    }
    if (w->verdict != CHAIN_INVALID) {
        catchup_heard(&l->catchup, l->now_ms, &p->catchup, w->item.number);
    } else if (!p->is_condemned) { /* it has sent one; what follows of it does not count */
        p->is_condemned = true;
        ledger_condemn(l, w->from, DEMERIT_BLOCK, reason);
    }
}

static void judge(struct ledger *l, const struct added_walk *w, const char *reason)
{
    if (w->plan == 0) {
        judge_unasked(l, w, reason);
        return;
    }
    const struct catchup_taken t = {.from = w->from, .plan = w->plan};
    catchup_added(&l->catchup, l->now_ms, &t, w->verdict);
}

static void tell_height(struct ledger *l)
{
    const struct ledger_block own = {.number = l->chain.height, .hash = l->chain.tip};
    struct parcel *height = l->variant->announces ? parcel_new(&own, sizeof own) : NULL;
    for (struct ledger_peer *p = l->first; p && height; p = p->next) {
        ledger_send(l, p->ref, LEDGER_HEIGHT, parcel_hold(height));
    }
    parcel_release(height);
}

void blocks_chain(struct ledger *l, const struct chain_state *state)
{
    bool grew = !l->knows_chain || state->height != l->chain.height;
    room_pool(l, state);
    if (!l->knows_chain) {
        l->told = state->height; /* what was there before is no news */
    }
    l->chain = *state;
    l->knows_chain = true;
    if (grew) {
        tell_height(l);
    }
    catchup_chain(&l->catchup, l->now_ms, state->height, &state->tip);
}

/* By numbers, it is asked for more as well: so a peer that has less asks in turn. Not while there is more to
 * fetch. */
static void ask_for_more(struct ledger *l)
{
    const struct chain_range next = {.from = l->chain.height + 1, .count = CHAIN_LIST_MAX};
    if (!l->variant->announces || l->catchup.phase != CATCHUP_IDLE) {
        return;
    }
    for (struct ledger_peer *p = l->first; p; p = p->next) {
        ledger_send(l, p->ref, LEDGER_GET_LIST, parcel_new(&next, sizeof next));
    }
}

uint64_t blocks_grown(struct ledger *l, const struct chain_item *tip)
{
    uint64_t told = announce_block(l, tip);
    ask_for_more(l);
    return told;
}

static bool is_tip(const struct added_walk *w, const struct chain_state *state)
{
    return (w->verdict == CHAIN_EXTENDS || w->verdict == CHAIN_SWITCHES) && w->item.number == state->height &&
           chain_hash_equal(&w->item.id, &state->tip);
}

static void on_added(struct ledger *l, const struct parcel *added)
{
    const struct chain_added *head = (const void *)added->bytes;
    struct added_walk w = {0}, tip = {0};
    told_added(l, added, &l->blocks);
    blocks_chain(l, &head->state); /* before it is judged: what is fetched next begins there */
    while (adding_walk(&l->blocks, added, &w)) {
        judge(l, &w, head->reason);
        if (is_tip(&w, &head->state)) {
            tip = w;
        }
    }
    if (tip.n > 0) {
        blocks_grown(l, &tip.item);
    }
    told_next(l);
}

static void on_failed(struct ledger *l)
{
    struct catchup_taken t = {0};
    lose_unasked(l);
    for (size_t i = 0; i < l->blocks.n_runs; i++) {
        t.from = l->blocks.runs[i].from;
        t.plan = l->blocks.runs[i].plan;
        for (uint32_t n = 0; t.plan != 0 && n < l->blocks.runs[i].n; n++) {
            catchup_added(&l->catchup, l->now_ms, &t, 0);
        }
    }
}

void blocks_answer(struct ledger *l, const struct store_answer *a)
{
    if (a->kind == CHAIN_ADDED) {
        on_added(l, a->parcel);
    } else {
        on_failed(l);
    }
    adding_end(&l->blocks);
}
