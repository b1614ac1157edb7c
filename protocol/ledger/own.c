#include "protocol/ledger/own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "protocol/ledger/announce.h"
#include "protocol/ledger/asks.h"
#include "protocol/ledger/blocks.h"
#include "protocol/ledger/fetch.h"
#include "protocol/ledger/told.h"

static void refuse(struct ledger *l, uint64_t number, const char *why)
{
    l->config.actions->reply(l->config.host, number, false, 0, why);
}

/* Takes the parcel. */
static bool ask(struct ledger *l, const struct ask *what, uint32_t kind, struct parcel *parcel)
{
    bool asked = asks_put(l, what, kind, parcel);
    if (!asked) {
        parcel_release(parcel);
    }
    return asked;
}

int64_t own_send(struct ledger *l, uint64_t number, uint32_t kind, struct parcel *parcel)
{
    const struct ask what = {.purpose = ASK_OWN, .number = number};
    bool is_block = kind == LEDGER_BLOCK;
    if (!ask(l, &what, is_block ? CHAIN_SUBMIT_BLOCK : CHAIN_SUBMIT_TRANSACTION, parcel)) {
        refuse(l, number, "the store is busy: send it again");
    }
    return SERVICE_TELLS_LATER;
}

/* --- verbs --- */

static void tell_chain(struct ledger *l, uint64_t number)
{
    char tip[CHAIN_HASH_TEXT_MAX], fetching[160], refused[64] = "", lost[96] = "", text[512];
    catchup_describe(&l->catchup, fetching, sizeof fetching);
    if (l->room.refused > 0) {
        snprintf(refused, sizeof refused, ", %" PRIu64 " %s of peers refused", l->room.refused,
                 plural(l->room.refused, "transaction", "transactions"));
    }
    if (l->lost > 0) {
        snprintf(lost, sizeof lost, ", %" PRIu64 " %s left the chain and %s lost", l->lost,
                 plural(l->lost, "transaction", "transactions"), plural(l->lost, "is", "are"));
    }
    snprintf(
        text, sizeof text,
        "block %" PRId64 " %s, %" PRIu64 " %s (%" PRIu64 " bytes), %" PRIu64 " %s beside the chain%s%s%s%s",
        l->chain.height, chain_hash_format(&l->chain.tip, tip, sizeof tip), l->chain.pool,
        plural(l->chain.pool, "transaction waits", "transactions wait"), l->chain.pool_bytes, l->chain.side,
        plural(l->chain.side, "block", "blocks"), refused, lost, fetching[0] ? ", " : "", fetching);
    l->config.actions->reply(l->config.host, number, true, 0, text);
}

bool own_command(struct ledger *l, uint64_t number, const char *verb, const char *argument, char *error,
                 size_t error_size)
{
    const struct ask what = {.purpose = ASK_OWN, .number = number, .is_command = true};
    bool is_block = strcmp(verb, "block") == 0;
    if (!is_block && strcmp(verb, "chain") != 0) {
        snprintf(error, error_size, "there are the verbs block and chain");
        return false;
    }
    if (argument && argument[0]) {
        snprintf(error, error_size, "%s takes no argument", verb);
        return false;
    }
    if (!l->knows_chain) {
        refuse(l, number, "the chain is being opened");
    } else if (!is_block) {
        tell_chain(l, number);
    } else if (!ask(l, &what, CHAIN_MAKE_BLOCK, NULL)) {
        refuse(l, number, "the store is busy: ask again");
    }
    return true;
}

/* --- what came of it --- */

static void refuse_as_said(struct ledger *l, uint64_t number, const struct parcel *said)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", said ? (int)said->size : 0, said ? (const char *)said->bytes : "");
    refuse(l, number, text[0] ? text : "the store has failed");
}

static uint64_t tell_peers(struct ledger *l, const struct chain_added *added, const struct chain_item *item)
{
    if (added->verdicts[0] == CHAIN_POOLED) {
        struct parcel *pack = chain_pack_one(item);
        uint64_t told = pack ? announce_transactions(l, pack) : 0;
        fetch_came(l, &item->id);
        parcel_release(pack);
        return told;
    }
    return blocks_grown(l, item);
}

static void on_added(struct ledger *l, const struct ask *what, const struct parcel *parcel)
{
    const struct chain_added *added = (const void *)parcel->bytes;
    size_t at = chain_added_pack(parcel);
    uint8_t verdict = added->n > 0 ? added->verdicts[0] : 0;
    struct chain_item item;
    bool is_there = chain_pack_next(parcel, &at, &item);
    if (is_there && (verdict == CHAIN_EXTENDS || verdict == CHAIN_SWITCHES)) {
        told_own(l, added, &item);
    }
    blocks_chain(l, &added->state);
    if (!is_there || (verdict != CHAIN_POOLED && verdict != CHAIN_EXTENDS && verdict != CHAIN_SWITCHES)) {
        refuse(l, what->number,
               verdict == CHAIN_BESIDE ? "it is kept, but another chain is longer" : "it is known already");
        return;
    }
    uint64_t told = tell_peers(l, added, &item);
    if (what->is_command) {
        char hash[CHAIN_HASH_TEXT_MAX], text[256];
        snprintf(text, sizeof text, "block %" PRId64 " %s: %" PRIu32 " %s, %" PRIu64 " %s told", item.number,
                 chain_hash_format(&item.id, hash, sizeof hash), item.n_transactions,
                 plural(item.n_transactions, "transaction", "transactions"), told,
                 plural(told, "peer was", "peers were"));
        l->config.actions->reply(l->config.host, what->number, true, 0, text);
    } else {
        l->config.actions->reply(l->config.host, what->number, true, told, NULL);
    }
    told_next(l);
}

void own_answer(struct ledger *l, const struct ask *what, const struct store_answer *a)
{
    if (a->kind == CHAIN_ADDED) {
        on_added(l, what, a->parcel);
    } else {
        refuse_as_said(l, what->number, a->parcel);
    }
}
