#include "protocol/ledger/told.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "protocol/ledger/asks.h"

enum { AT_ONCE = 256 }; /* blocks that the store is asked for */

static void tell(struct ledger *l, struct peer_ref from, const struct chain_item *item)
{
    struct parcel *text = item->number == l->told + 1 ? parcel_new(item->text, item->size) : NULL;
    if (text) {
        l->config.actions->deliver(l->config.host, from, LEDGER_BLOCK, text);
        l->told = item->number;
    }
}

/* True if blocks of main are others now than before: what was told of them is void. */
static bool has_parted(struct ledger *l, const struct chain_added *added)
{
    if (added->fork >= 0 && added->fork <= l->told) {
        l->told = added->fork - 1;
    }
    return added->fork >= 0;
}

/* Of a switch alone: who brought the longer chain is named with it. */
static void note_lost(struct ledger *l, const struct chain_added *added)
{
    char text[96];
    l->lost += added->lost;
    if (added->lost > 0) {
        snprintf(text, sizeof text, "its chain is longer: %" PRIu32 " %s left main and %s lost", added->lost,
                 plural(added->lost, "transaction", "transactions"), plural(added->lost, "is", "are"));
        l->config.actions->fault(l->config.host, l->teller, 0, text);
    }
}

void told_added(struct ledger *l, const struct parcel *answer, const struct adding *from)
{
    const struct chain_added *added = (const void *)answer->bytes;
    bool has_switched = has_parted(l, added);
    struct added_walk w = {0};
    for (uint32_t i = 0; i < added->n; i++) {
        has_switched = has_switched || added->verdicts[i] == CHAIN_SWITCHES;
    }
    while (adding_walk(from, answer, &w)) {
        if (w.verdict == CHAIN_EXTENDS || w.verdict == CHAIN_SWITCHES) {
            l->teller = w.from;
        }
        if (w.verdict == CHAIN_EXTENDS && !has_switched) {
            tell(l, w.from, &w.item);
        }
    }
    note_lost(l, added);
}

void told_own(struct ledger *l, const struct chain_added *added, const struct chain_item *item)
{
    l->teller = PEER_NOBODY;
    if (!has_parted(l, added) && item->number == l->told + 1) {
        l->told = item->number;
    }
    note_lost(l, added);
}

void told_next(struct ledger *l)
{
    int64_t n = l->chain.height - l->told;
    if (l->tells || !l->knows_chain || n <= 0) {
        return;
    }
    n = n < AT_ONCE ? n : AT_ONCE;
    struct chain_wanted *wanted;
    struct parcel *parcel = chain_wanted_new((uint32_t)n, false, &wanted);
    const struct ask what = {.purpose = ASK_TOLD};
    if (!parcel) {
        asks_refuse(l);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        wanted->items[i].number = l->told + 1 + i;
    }
    l->tells = asks_put(l, &what, CHAIN_GET_BLOCKS, parcel);
    if (!l->tells) {
        parcel_release(parcel);
    }
}

void told_answer(struct ledger *l, const struct store_answer *a)
{
    struct chain_item item;
    l->tells = false;
    if (a->kind != CHAIN_BLOCKS) {
        return; /* the store has failed; it is tried again with the next block */
    }
    int64_t before = l->told;
    bool is_late = false;
    for (size_t at = chain_found_pack(a->parcel); chain_pack_next(a->parcel, &at, &item);) {
        is_late = is_late || item.number > l->told + 1;
        tell(l, l->teller, &item);
    }
    if (l->told > before || is_late) { /* late: main has changed below what was asked for */
        told_next(l);
    }
}
