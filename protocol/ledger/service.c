#include "protocol/ledger/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/earlier.h"
#include "protocol/ledger/adding.h"
#include "protocol/ledger/addresses.h"
#include "protocol/ledger/asks.h"
#include "protocol/ledger/blocks.h"
#include "protocol/ledger/datagrams.h"
#include "protocol/ledger/fetch.h"
#include "protocol/ledger/look.h"
#include "protocol/ledger/own.h"
#include "protocol/ledger/relay.h"
#include "protocol/ledger/room.h"
#include "protocol/ledger/serve.h"
#include "protocol/ledger/told.h"
#include "protocol/ledger/tracker.h"
#include "protocol/protocol.h"

enum { RETRY_MS = 2000, DOUBLED_MAX = 5 }; /* after the store has failed; doubled so often at most */

/* --- what catching up asks for --- */

static void do_get_list(void *service, struct peer_ref to, int64_t from, int64_t count)
{
    const struct chain_range range = {.from = from, .count = count};
    ledger_send(service, to, LEDGER_GET_LIST, parcel_new(&range, sizeof range));
}

static void do_get_blocks(void *service, struct peer_ref to, const struct chain_wanted *wanted)
{
    size_t size = sizeof *wanted + wanted->n * sizeof wanted->items[0];
    ledger_send(service, to, LEDGER_GET_BLOCKS, parcel_new(wanted, size));
}

static bool do_locate(void *service, const struct chain_hash *hashes, uint32_t n)
{
    const struct ask what = {.purpose = ASK_LOCATE};
    struct chain_wanted *wanted;
    struct parcel *parcel = chain_wanted_new(n, true, &wanted);
    if (!parcel) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        wanted->items[i].hash = hashes[i];
    }
    if (!asks_put(service, &what, CHAIN_LOCATE, parcel)) {
        parcel_release(parcel);
        return false;
    }
    return true;
}

static void do_blame(void *service, struct peer_ref peer, int32_t points, bool ends, const char *why)
{
    struct ledger *l = service;
    if (ends) {
        ledger_condemn(l, peer, points, why);
    } else {
        l->config.actions->fault(l->config.host, peer, points, why);
    }
}

static uint64_t do_random(void *service)
{
    const struct ledger *l = service;
    return l->config.actions->random(l->config.host);
}

static const struct catchup_host catchup_host = {.get_list = do_get_list,
                                                 .get_blocks = do_get_blocks,
                                                 .locate = do_locate,
                                                 .blame = do_blame,
                                                 .random = do_random};

/* --- the store --- */

static void ask_state(struct ledger *l)
{
    const struct ask what = {.purpose = ASK_STATE};
    l->retry_ms = asks_put(l, &what, CHAIN_GET_STATE, NULL) ? NEVER : l->now_ms + RETRY_MS;
}

static void on_state(struct ledger *l, const struct store_answer *a)
{
    if (a->kind == CHAIN_STATE) { /* else it is asked again after the rest */
        blocks_chain(l, (const void *)a->parcel->bytes);
    }
}

static void on_located(struct ledger *l, const struct store_answer *a)
{
    if (a->kind == CHAIN_KNOWN && a->parcel) {
        catchup_located(&l->catchup, l->now_ms, a->parcel->bytes, a->parcel->size);
    } else {
        catchup_not_located(&l->catchup, l->now_ms);
    }
}

static void dispatch_answer(struct ledger *l, const struct ask *what, const struct store_answer *a)
{
    switch (what->purpose) {
    case ASK_STATE:
        on_state(l, a);
        break;
    case ASK_SERVE:
        serve_answer(l, what, a);
        break;
    case ASK_TRANSACTIONS:
        relay_answer(l, a);
        break;
    case ASK_BLOCKS:
        blocks_answer(l, a);
        break;
    case ASK_OWN:
        own_answer(l, what, a);
        break;
    case ASK_LOCATE:
        on_located(l, a);
        break;
    case ASK_TOLD:
        told_answer(l, a);
        break;
    }
}

static void tell_failure(struct ledger *l, const struct parcel *said)
{
    char text[256];
    snprintf(text, sizeof text, "the chain's store fails, and is tried again: %.*s",
             said ? (int)said->size : 0, said ? (const char *)said->bytes : "");
    l->config.actions->tell(l->config.host, text);
}

/* Its disk may be full: it is left alone for a while, and longer each time. What peers have sent meanwhile
 * would be fetched again and again. */
static void rest_after_failure(struct ledger *l, const struct ask *what, const struct store_answer *a)
{
    if (a->kind == CHAIN_FAILED && what->purpose != ASK_SERVE) {
        if (l->failures == 0) {
            tell_failure(l, a->parcel);
        }
        l->retry_ms = earlier(l->retry_ms, l->now_ms + ((int64_t)RETRY_MS << l->failures));
        l->failures += l->failures < DOUBLED_MAX;
    } else if (a->kind == CHAIN_ADDED && l->failures > 0) {
        l->failures = 0;
        l->config.actions->tell(l->config.host, "the chain's store works again");
    }
}

static void go_on(struct ledger *l)
{
    adding_retry(l, &l->transactions);
    adding_retry(l, &l->blocks);
    if (l->asks_refused) {
        l->asks_refused = false;
        serve_waiting(l);
        told_next(l);
    }
    relay_next(l);
    blocks_next(l);
}

static void ledger_answer(void *v, int64_t now_ms, const struct store_answer *a)
{
    struct ledger *l = v;
    struct ask what;
    l->now_ms = now_ms;
    if (asks_take(l, a->token, &what)) {
        rest_after_failure(l, &what, a);
        dispatch_answer(l, &what, a);
        go_on(l);
    }
    parcel_release(a->parcel);
}

/* --- peers --- */

static int ledger_open(void *v, const struct service_config *config, int64_t now_ms)
{
    struct ledger *l = v;
    uint64_t key[2];
    l->config = *config;
    l->variant = config->protocol->variant;
    l->now_ms = now_ms;
    l->retry_ms = l->fetch_ms = l->look_ms = NEVER;
    key[0] = config->actions->random(config->host);
    key[1] = config->actions->random(config->host);
    memcpy(l->key, key, sizeof l->key);
    catchup_open(&l->catchup, &catchup_host, l, l->variant->by_hash);
    fetch_open(l);
    room_open(l);
    addresses_open(l);
    datagrams_open(l);
    tracker_open(l);
    ask_state(l);
    return 0;
}

static void ledger_online(void *v, int64_t now_ms, const struct service_peer *peer)
{
    struct ledger *l = v;
    struct ledger_peer *p = peer->state;
    l->now_ms = now_ms;
    p->ref = peer->ref;
    p->given = -1;
    ledger_enter(l, p);
    catchup_join(&l->catchup, &p->catchup, peer->ref);
    p->catchup.is_dialed = peer->direction == DIRECTION_OUTGOING;
    p->listens = peer->info->endpoint;
    addresses_online(l, p, peer);
    tracker_online(l, p);
    bool is_asked = l->variant->announces && l->knows_chain;
    if (is_asked) {
        do_get_list(l, p->ref, l->chain.height + 1, CHAIN_LIST_MAX);
    }
    look_online(l, p, is_asked);
    catchup_heard(&l->catchup, now_ms, &p->catchup, (int64_t)(peer->info->height & INT64_MAX));
}

static void on_height(struct ledger *l, struct ledger_peer *p, uint32_t kind, const struct parcel *parcel)
{
    const struct ledger_block *has = (const void *)parcel->bytes;
    catchup_heard(&l->catchup, l->now_ms, &p->catchup, has->number);
    if (kind == LEDGER_HEIGHT) {
        tracker_heard(l, p);
    }
}

static void on_list(struct ledger *l, struct ledger_peer *p, const struct parcel *parcel)
{
    const struct chain_hashes *list = (const void *)parcel->bytes;
    if (look_answered(l, p, list)) {
        catchup_heard(&l->catchup, l->now_ms, &p->catchup, list->from + list->n - 1);
    } else {
        catchup_listed(&l->catchup, l->now_ms, &p->catchup, list->from, list->hashes, list->n);
    }
}

static void on_fault(struct ledger *l, struct ledger_peer *p, const struct parcel *parcel)
{
    const struct ledger_fault *fault = (const void *)parcel->bytes;
    l->config.actions->fault(l->config.host, p->ref, fault->demerit, fault->text);
}

/* By numbers, who asks says how many it has. */
static void on_get_list(struct ledger *l, struct ledger_peer *p, struct parcel *parcel)
{
    const struct chain_range *range = (const void *)parcel->bytes;
    if (!l->variant->by_hash) {
        catchup_heard(&l->catchup, l->now_ms, &p->catchup, range->from - 1);
    }
    serve_take(l, p, LEDGER_GET_LIST, parcel);
}

static void on_get_addresses(struct ledger *l, const struct service_peer *peer, const struct parcel *parcel)
{
    const struct ledger_asker *asker = (const void *)parcel->bytes;
    if (!tracker_asked(l, peer->state, asker->port)) {
        addresses_asked(l, peer);
    }
}

/* Takes the parcel. */
static void on_message(struct ledger *l, const struct service_peer *peer, uint32_t kind,
                       struct parcel *parcel)
{
    struct ledger_peer *p = peer->state;
    switch ((enum ledger_kind)kind) {
    case LEDGER_TRANSACTIONS:
        relay_take(l, p, parcel);
        return;
    case LEDGER_BLOCKS:
    case LEDGER_NEW_BLOCK:
        blocks_take(l, p, kind, parcel);
        return;
    case LEDGER_GET_LIST:
        on_get_list(l, p, parcel);
        return;
    case LEDGER_GET_BLOCKS:
    case LEDGER_GET_TRANSACTION:
        serve_take(l, p, kind, parcel);
        return;
    case LEDGER_HAVE_BLOCK:
    case LEDGER_HEIGHT:
        on_height(l, p, kind, parcel);
        break;
    case LEDGER_HAVE_TRANSACTION:
        fetch_announced(l, p, parcel);
        break;
    case LEDGER_LIST:
        on_list(l, p, parcel);
        break;
    case LEDGER_GET_ADDRESSES:
        on_get_addresses(l, peer, parcel);
        break;
    case LEDGER_ADDRESSES:
        if (!tracker_told(l, p, parcel)) {
            addresses_told(l, peer, parcel);
        }
        break;
    case LEDGER_FAULT:
        on_fault(l, p, parcel);
        break;
    case LEDGER_CALL:
    case LEDGER_TRANSACTION:
    case LEDGER_BLOCK:
        break; /* the application's: no peer says them */
    }
    parcel_release(parcel);
}

static void ledger_message(void *v, int64_t now_ms, const struct service_peer *peer, uint32_t kind,
                           struct parcel *parcel)
{
    struct ledger *l = v;
    l->now_ms = now_ms;
    if (parcel) {
        on_message(l, peer, kind, parcel);
        blocks_next(l);
    }
}

static void leave(struct ledger *l, struct ledger_peer *p)
{
    serve_leave(p);
    inbox_free(&p->transactions);
    inbox_free(&p->blocks);
    marks_free(&p->marks);
    ledger_strike(l, p);
}

static void ledger_offline(void *v, int64_t now_ms, const struct service_peer *peer)
{
    struct ledger *l = v;
    struct ledger_peer *p = peer->state;
    l->now_ms = now_ms;
    catchup_leave(&l->catchup, now_ms, &p->catchup);
    relay_leave(l, p);
    blocks_leave(l, p);
    leave(l, p);
    tracker_offline(l, p);
    blocks_next(l);
}

static bool ledger_owes(const void *v, const struct service_peer *peer)
{
    const struct ledger_peer *p = peer->state;
    (void)v;
    return serve_owes(p) || p->transactions.n > 0 || p->blocks.n > 0;
}

/* --- time --- */

static int64_t ledger_deadline(const void *v)
{
    const struct ledger *l = v;
    int64_t due = earlier(l->retry_ms, earlier(fetch_deadline(l), addresses_deadline(l)));
    due = earlier(due, earlier(datagrams_deadline(l), tracker_deadline(l)));
    return earlier(due, earlier(look_deadline(l), catchup_deadline(&l->catchup)));
}

static void ledger_tick(void *v, int64_t now_ms)
{
    struct ledger *l = v;
    l->now_ms = now_ms;
    if (now_ms >= l->retry_ms) {
        l->retry_ms = NEVER;
        if (!l->knows_chain) {
            ask_state(l);
        }
        go_on(l);
    }
    fetch_tick(l);
    addresses_tick(l);
    datagrams_tick(l);
    tracker_tick(l);
    look_tick(l);
    catchup_tick(&l->catchup, now_ms);
    blocks_next(l);
}

/* --- the others --- */

static void ledger_facts(const void *v, struct facts *facts)
{
    const struct ledger *l = v;
    facts->height = l->knows_chain ? (uint64_t)l->chain.height : 0;
}

static int64_t ledger_service_send(void *v, int64_t now_ms, uint64_t number, enum scope scope,
                                   struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct ledger *l = v;
    (void)scope; /* what a ledger keeps goes to all */
    (void)to;
    l->now_ms = now_ms;
    return own_send(l, number, kind, parcel);
}

static bool ledger_command(void *v, int64_t now_ms, uint64_t number, const char *verb, const char *argument,
                           char *error, size_t error_size)
{
    struct ledger *l = v;
    l->now_ms = now_ms;
    return own_command(l, number, verb, argument, error, error_size);
}

static void ledger_relieved(void *v, int64_t now_ms)
{
    struct ledger *l = v;
    l->now_ms = now_ms;
    serve_waiting(l);
}

static bool ledger_dialed(void *v, int64_t now_ms, uint64_t token, enum end_reason result,
                          const struct peer_info *peer)
{
    struct ledger *l = v;
    (void)peer;
    l->now_ms = now_ms;
    return tracker_dialed(l, token, result);
}

static bool ledger_datagram(void *v, int64_t now_ms, const struct endpoint *from, struct bytes bytes)
{
    struct ledger *l = v;
    l->now_ms = now_ms;
    return datagrams_take(l, from, bytes);
}

static void ledger_close(void *v)
{
    struct ledger *l = v;
    while (l->first) {
        leave(l, l->first);
    }
    adding_end(&l->transactions);
    adding_end(&l->blocks);
    l->catchup.first = NULL;
    catchup_close(&l->catchup);
    fetch_close(l);
    room_close(l);
    datagrams_close(l);
    tracker_close(l);
    free(l->places);
}

const struct service_ops ledger_service_ops = {
    .size = sizeof(struct ledger),
    .peer_size = sizeof(struct ledger_peer),
    .open = ledger_open,
    .online = ledger_online,
    .message = ledger_message,
    .offline = ledger_offline,
    .owes = ledger_owes,
    .deadline = ledger_deadline,
    .tick = ledger_tick,
    .facts = ledger_facts,
    .relieved = ledger_relieved,
    .dialed = ledger_dialed,
    .answer = ledger_answer,
    .datagram = ledger_datagram,
    .send = ledger_service_send,
    .command = ledger_command,
    .bounds = ledger_bounds,
    .close = ledger_close,
};
