/* What a message does once the session is active. */
#include <stdio.h>
#include <string.h>

#include "protocol/infnote/session.h"
#include "protocol/ledger/field.h"
#include "protocol/ledger/items.h"
#include "protocol/ledger/message.h"

enum { DEMERIT_UNKNOWN = 1 };

static void give(struct infnote_session *s, uint32_t kind, struct parcel *parcel, struct session_event *ev)
{
    if (!ledger_input_gives(ev, kind, parcel)) {
        infnote_end(s, ev, END_RESOURCES, "no memory for a message");
    }
}

static void on_hello_again(struct infnote_session *s, const json_t *object, struct session_event *ev,
                           struct buffer *out)
{
    infnote_fault(s, ev, out, "a second %s", json_string_value(json_object_get(object, "type")));
}

/* --- the session's own --- */

static void on_ping(struct infnote_session *s, const json_t *object, struct session_event *ev,
                    struct buffer *out)
{
    (void)s;
    (void)object;
    ev->good = 1;
    ev->alive = true;
    infnote_put_bare(out, "Pong");
}

/* One that nobody asked for is how a slow reader says that it gets on. */
static void on_pong(struct infnote_session *s, const json_t *object, struct session_event *ev,
                    struct buffer *out)
{
    (void)s;
    (void)object;
    (void)out;
    ev->good = 1;
    ev->alive = true;
}

/* --- addresses --- */

static void on_getaddr(struct infnote_session *s, const json_t *object, struct session_event *ev,
                       struct buffer *out)
{
    const json_t *pad = json_object_get(object, "pad");
    const struct ledger_asker asker = {
        .port = s->config.direction == DIRECTION_INCOMING ? s->peer.endpoint.port : s->config.remote.port};
    if (pad && !json_is_string(pad)) {
        infnote_fault(s, ev, out, "getaddr with a pad that is no string");
        return;
    }
    give(s, LEDGER_GET_ADDRESSES, parcel_new(&asker, sizeof asker), ev);
}

/* A time in the future counts as now. */
static bool read_known(const json_t *o, int64_t now_s, struct known_peer *p)
{
    int64_t heard_s;
    if (!field_ip(json_object_get(o, "ip"), &p->endpoint.ip) ||
        !field_port(json_object_get(o, "port"), &p->endpoint.port) ||
        !field_integer(json_object_get(o, "timestamp"), 0, INT64_MAX, &heard_s)) {
        return false;
    }
    p->heard_s = heard_s < now_s ? heard_s : now_s;
    return true;
}

static void on_addr(struct infnote_session *s, const json_t *object, struct session_event *ev,
                    struct buffer *out)
{
    const json_t *list = json_object_get(object, "peers");
    size_t n = json_array_size(list);
    int64_t now_s = s->config.wall_ms(s->config.context) / 1000;
    struct known_peers peers;
    if (!json_is_array(list) || n > INFNOTE_ADDRESSES_MAX) {
        infnote_fault(s, ev, out, "addr without an array of up to %d peers", INFNOTE_ADDRESSES_MAX);
        return;
    }
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; p && i < n; i++) {
        if (!read_known(json_array_get(list, i), now_s, &peers.list[i])) {
            parcel_release(p);
            infnote_fault(s, ev, out, "addr with a peer that has no fit ip, port or timestamp");
            return;
        }
    }
    give(s, LEDGER_ADDRESSES, p, ev);
}

/* --- transactions and blocks --- */

static void on_transactions(struct infnote_session *s, const json_t *object, struct session_event *ev,
                            struct buffer *out)
{
    const json_t *list = json_object_get(object, "transactions");
    const char *why = NULL;
    if (json_array_size(list) == 0) {
        infnote_fault(s, ev, out, "Transactions without any");
        return;
    }
    struct parcel *pack = items_read(list, chain_transaction_read, &why);
    if (!pack) {
        infnote_fault(s, ev, out, "Transactions with one that is not well formed: %s", why);
        return;
    }
    give(s, LEDGER_TRANSACTIONS, pack, ev);
}

static void on_pack_of_blocks(struct infnote_session *s, uint32_t kind, struct parcel *pack, const char *why,
                              struct session_event *ev, struct buffer *out)
{
    if (!pack) {
        ev->bad = LEDGER_BAD_BLOCK;
        infnote_fault(s, ev, out, "a block that is not well formed: %s", why);
        return;
    }
    give(s, kind, pack, ev);
}

static void on_new_block(struct infnote_session *s, const json_t *object, struct session_event *ev,
                         struct buffer *out)
{
    const json_t *block = json_object_get(object, "block");
    const char *why = NULL;
    if (!json_is_object(block)) {
        infnote_fault(s, ev, out, "NewBlock without a block");
        return;
    }
    struct parcel *pack = items_read_one(block, chain_block_read, &why);
    on_pack_of_blocks(s, LEDGER_NEW_BLOCK, pack, why, ev, out);
}

static void on_blocks(struct infnote_session *s, const json_t *object, struct session_event *ev,
                      struct buffer *out)
{
    const json_t *list = json_object_get(object, "blocks");
    const char *why = NULL;
    if (!json_is_array(list) || json_array_size(list) > INFNOTE_BLOCKS_MAX) {
        infnote_fault(s, ev, out, "Blocks without an array of up to %d", INFNOTE_BLOCKS_MAX);
        return;
    }
    struct parcel *pack = items_read(list, chain_block_read, &why);
    on_pack_of_blocks(s, LEDGER_BLOCKS, pack, why, ev, out);
}

/* --- asking for them --- */

static void on_get_block_hashes(struct infnote_session *s, const json_t *object, struct session_event *ev,
                                struct buffer *out)
{
    struct chain_range range;
    if (!field_integer(json_object_get(object, "from"), 0, CHAIN_NUMBER_MAX, &range.from) ||
        !field_integer(json_object_get(object, "count"), 0, INFNOTE_HASHES_MAX, &range.count)) {
        infnote_fault(s, ev, out, "GetBlockHashes without a fit from, or a count up to %d",
                      INFNOTE_HASHES_MAX);
        return;
    }
    give(s, LEDGER_GET_LIST, parcel_new(&range, sizeof range), ev);
}

static void on_block_hashes(struct infnote_session *s, const json_t *object, struct session_event *ev,
                            struct buffer *out)
{
    const json_t *list = json_object_get(object, "hashes");
    size_t n = json_array_size(list);
    int64_t from;
    if (!field_integer(json_object_get(object, "from"), 0, CHAIN_NUMBER_MAX, &from) || !json_is_array(list) ||
        n > INFNOTE_HASHES_MAX) {
        infnote_fault(s, ev, out, "BlockHashes without a fit from, or up to %d hashes", INFNOTE_HASHES_MAX);
        return;
    }
    struct parcel *p = parcel_new(NULL, sizeof(struct chain_hashes) + n * sizeof(struct chain_hash));
    struct chain_hashes *h = p ? (struct chain_hashes *)(void *)p->bytes : NULL;
    if (h) {
        *h = (struct chain_hashes){.from = from, .n = (uint32_t)n};
    }
    for (size_t i = 0; h && i < n; i++) {
        if (!field_hash(json_array_get(list, i), &h->hashes[i])) {
            parcel_release(p);
            infnote_fault(s, ev, out, "BlockHashes with a hash that has no 64 hex digits");
            return;
        }
    }
    give(s, LEDGER_LIST, p, ev);
}

static void on_get_blocks(struct infnote_session *s, const json_t *object, struct session_event *ev,
                          struct buffer *out)
{
    const json_t *list = json_object_get(object, "hashes");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > INFNOTE_BLOCKS_MAX) {
        infnote_fault(s, ev, out, "GetBlocks without an array of up to %d hashes", INFNOTE_BLOCKS_MAX);
        return;
    }
    struct chain_wanted *w;
    struct parcel *p = chain_wanted_new((uint32_t)n, true, &w);
    for (size_t i = 0; p && i < n; i++) {
        if (!field_hash(json_array_get(list, i), &w->items[i].hash)) {
            parcel_release(p);
            infnote_fault(s, ev, out, "GetBlocks with a hash that has no 64 hex digits");
            return;
        }
    }
    give(s, LEDGER_GET_BLOCKS, p, ev);
}

/* --- which is which --- */

static const struct {
    const char *type;
    void (*on)(struct infnote_session *s, const json_t *object, struct session_event *ev, struct buffer *out);
} rows[] = {
    {"Hello", on_hello_again},
    {"Status", on_hello_again},
    {"Ping", on_ping},
    {"Pong", on_pong},
    {"getaddr", on_getaddr},
    {"addr", on_addr},
    {"Transactions", on_transactions},
    {"GetBlockHashes", on_get_block_hashes},
    {"BlockHashes", on_block_hashes},
    {"GetBlocks", on_get_blocks},
    {"Blocks", on_blocks},
    {"NewBlock", on_new_block},
};

static void on_unknown(struct infnote_session *s, const char *type, struct session_event *ev)
{
    struct ledger_fault fault = {.demerit = DEMERIT_UNKNOWN};
    char shown[FIELD_SHOWN_MAX];
    snprintf(fault.text, sizeof fault.text, "a message of unknown type %s", field_shown(type, shown));
    give(s, LEDGER_FAULT, parcel_new(&fault, sizeof fault), ev);
}

void infnote_on_message(struct infnote_session *s, const char *type, const json_t *object,
                        struct session_event *ev, struct buffer *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(type, rows[i].type) == 0) {
            rows[i].on(s, object, ev, out);
            return;
        }
    }
    on_unknown(s, type, ev);
}
