/* What a method does once both members are connected. */
#include <string.h>

#include "protocol/coin/session.h"
#include "protocol/ledger/field.h"
#include "protocol/ledger/items.h"
#include "protocol/ledger/message.h"

void coin_give(struct coin_session *s, uint32_t kind, struct parcel *parcel, struct session_event *ev)
{
    if (!ledger_input_gives(ev, kind, parcel)) {
        coin_end(s, ev, END_RESOURCES, "no memory for a message");
    }
}

/* --- addresses --- */

static void on_getaddr(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    struct ledger_asker asker = {.port = 0};
    int64_t port;
    if (!field_integer(payload, 0, UINT16_MAX, &port)) {
        coin_fault(s, ev, "GETADDR without a port");
        return;
    }
    asker.port = (uint16_t)port;
    coin_give(s, LEDGER_GET_ADDRESSES, parcel_new(&asker, sizeof asker), ev);
}

static bool read_endpoint(const json_t *value, struct endpoint *e)
{
    const char *text = json_string_value(value);
    return text && !strchr(text, '%') && endpoint_parse(e, text);
}

static void on_addr(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    size_t n = json_array_size(payload);
    struct known_peers peers;
    if (!json_is_array(payload) || n > COIN_ADDRESSES_MAX) {
        coin_fault(s, ev, "ADDR without an array of up to %d addresses", COIN_ADDRESSES_MAX);
        return;
    }
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; p && i < n; i++) {
        if (!read_endpoint(json_array_get(payload, i), &peers.list[i].endpoint)) {
            parcel_release(p);
            coin_fault(s, ev, "ADDR with one that is no IP:port");
            return;
        }
    }
    coin_give(s, LEDGER_ADDRESSES, p, ev);
}

/* --- transactions --- */

static void on_push_transaction(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    const char *why = NULL;
    if (json_is_array(payload) && json_array_size(payload) == 0) {
        coin_fault(s, ev, "PUSHTRANSACTION without any");
        return;
    }
    struct parcel *pack = json_is_array(payload) ? items_read(payload, chain_transaction_read, &why)
                                                 : items_read_one(payload, chain_transaction_read, &why);
    if (!pack) {
        coin_fault(s, ev, "a transaction that is not well formed: %s", why);
        return;
    }
    coin_give(s, LEDGER_TRANSACTIONS, pack, ev);
}

static void on_broadcast_transaction(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    struct chain_hash id;
    if (!field_hash(payload, &id)) {
        coin_fault(s, ev, "BROADCASTTRANSACTION without an id of 64 hex digits");
        return;
    }
    coin_give(s, LEDGER_HAVE_TRANSACTION, parcel_new(&id, sizeof id), ev);
}

/* --- blocks --- */

static void on_block(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    const char *why = NULL;
    struct parcel *pack = items_read_one(payload, chain_block_read, &why);
    if (!pack) {
        ev->bad = LEDGER_BAD_BLOCK;
        coin_fault(s, ev, "a block that is not well formed: %s", why);
        return;
    }
    coin_give(s, LEDGER_BLOCKS, pack, ev);
}

static void on_broadcast_block(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    struct ledger_block block = {.number = 0};
    if (!field_integer(payload, 0, CHAIN_NUMBER_MAX, &block.number)) {
        coin_fault(s, ev, "BROADCASTBLOCK without a block number");
        return;
    }
    coin_give(s, LEDGER_HAVE_BLOCK, parcel_new(&block, sizeof block), ev);
}

struct parcel *coin_wanted(const int64_t *numbers, uint32_t n)
{
    struct chain_wanted *w;
    struct parcel *p = chain_wanted_new(n, false, &w);
    for (uint32_t i = 0; p && i < n; i++) {
        w->items[i].number = numbers[i];
    }
    return p;
}

bool coin_is_get_block(const json_t *object, int64_t *number)
{
    return json_object_size(object) == 1 &&
           field_integer(json_object_get(object, "GETBLOCK"), 0, CHAIN_NUMBER_MAX, number);
}

static void on_get_block(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    int64_t number;
    struct chain_hash id;
    if (field_integer(payload, 0, CHAIN_NUMBER_MAX, &number)) {
        coin_give(s, LEDGER_GET_BLOCKS, coin_wanted(&number, 1), ev);
    } else if (field_hash(payload, &id)) {
        coin_give(s, LEDGER_GET_TRANSACTION, parcel_new(&id, sizeof id), ev);
    } else {
        coin_fault(s, ev, "GETBLOCK without a block number, or an id of 64 hex digits");
    }
}

/* --- lists of blocks --- */

static void on_get_list(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    struct chain_range range = {.count = COIN_NUMBERS_MAX};
    int64_t latest;
    if (!field_integer(payload, 0, CHAIN_NUMBER_MAX - 1, &latest)) {
        coin_fault(s, ev, "GETLISTOFBLOCKS without a block number");
        return;
    }
    range.from = latest + 1;
    coin_give(s, LEDGER_GET_LIST, parcel_new(&range, sizeof range), ev);
}

/* False if they do not ascend. *run is how many come one after the other from the first on. */
static bool read_numbers(const json_t *list, int64_t *from, uint32_t *run)
{
    int64_t last = -1, number;
    *from = 0;
    *run = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!field_integer(json_array_get(list, i), last + 1, CHAIN_NUMBER_MAX, &number)) {
            return false;
        }
        *from = i == 0 ? number : *from;
        *run += number - *from == (int64_t)i;
        last = number;
    }
    return true;
}

/* Of a list with gaps, what comes before the first: who has that asks again. */
static void on_list(struct coin_session *s, const json_t *payload, struct session_event *ev)
{
    int64_t from;
    uint32_t n;
    if (!json_is_array(payload) || json_array_size(payload) > COIN_NUMBERS_MAX ||
        !read_numbers(payload, &from, &n)) {
        coin_fault(s, ev, "LISTOFBLOCKS without an array of up to %d ascending block numbers",
                   COIN_NUMBERS_MAX);
        return;
    }
    struct parcel *p = parcel_new(NULL, sizeof(struct chain_hashes) + n * sizeof(struct chain_hash));
    if (p) {
        memset(p->bytes, 0, p->size);
        *(struct chain_hashes *)(void *)p->bytes = (struct chain_hashes){.from = from, .n = n};
    }
    coin_give(s, LEDGER_LIST, p, ev);
}

/* --- which is which --- */

static const struct {
    const char *method;
    void (*on)(struct coin_session *s, const json_t *payload, struct session_event *ev);
} rows[] = {
    {"GETADDR", on_getaddr},
    {"ADDR", on_addr},
    {"BROADCASTBLOCK", on_broadcast_block},
    {"GETBLOCK", on_get_block},
    {"BLOCK", on_block},
    {"GETLISTOFBLOCKS", on_get_list},
    {"LISTOFBLOCKS", on_list},
    {"PUSHTRANSACTION", on_push_transaction},
    {"BROADCASTTRANSACTION", on_broadcast_transaction},
};

void coin_on_message(struct coin_session *s, const char *method, const json_t *payload,
                     struct session_event *ev)
{
    char shown[FIELD_SHOWN_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(method, rows[i].method) == 0) {
            rows[i].on(s, payload, ev);
            return;
        }
    }
    coin_fault(s, ev, "a method that there is not: %s", field_shown(method, shown));
}
