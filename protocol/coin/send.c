/* From messages to bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/coin/session.h"
#include "protocol/ledger/items.h"
#include "protocol/ledger/message.h"

enum {
    PACK_MAX = 1 << 20,   /* bytes of one PUSHTRANSACTION */
    NO_BOUND = INT32_MAX, /* on how many transactions it has */
};

static const struct items_form transaction = {
    .head = "{\"PUSHTRANSACTION\":", .tail = "}", .line_bytes = PACK_MAX, .line_items = 1};
static const struct items_form transactions = {
    .head = "{\"PUSHTRANSACTION\":[", .tail = "]}", .line_bytes = PACK_MAX, .line_items = NO_BOUND};
static const struct items_form block = {
    .head = "{\"BLOCK\":", .tail = "}", .line_bytes = PACK_MAX, .line_items = 1};

static void put(struct buffer *out, const char *text)
{
    buffer_add(out, text, strlen(text));
}

static bool put_number(struct buffer *out, const char *method, int64_t number)
{
    char line[80];
    snprintf(line, sizeof line, "{\"%s\":%" PRId64 "}\n", method, number);
    put(out, line);
    return true;
}

/* --- hashes --- */

static bool put_hashes(struct buffer *out, const char *method, const struct parcel *p)
{
    const struct chain_hash *h = (const void *)p->bytes;
    char hex[CHAIN_HASH_TEXT_MAX], line[120];
    for (size_t i = 0; i < p->size / sizeof *h; i++) {
        snprintf(line, sizeof line, "{\"%s\":\"%s\"}\n", method, chain_hash_format(&h[i], hex, sizeof hex));
        put(out, line);
    }
    return true;
}

/* --- addresses --- */

/* What means nothing to the peer is left out. */
static bool put_addresses(struct parcel *parcel, struct buffer *out)
{
    struct known_peers peers = known_peers_of(parcel);
    json_t *list = json_array();
    char text[ENDPOINT_TEXT_MAX];
    for (size_t i = 0; i < peers.n && json_array_size(list) < COIN_ADDRESSES_MAX; i++) {
        const struct endpoint *e = &peers.list[i].endpoint;
        if (e->port != 0 && ip_scope(&e->ip) == 0) {
            json_array_append_new(list, json_string(endpoint_format(e, text, sizeof text)));
        }
    }
    line_put(out, json_pack("{s:o}", "ADDR", list));
    return true;
}

/* --- items --- */

static bool put_transactions(struct buffer *out, struct parcel *pack)
{
    struct chain_item item;
    size_t at = 0, n = 0;
    while (n < 2 && chain_pack_next(pack, &at, &item)) {
        n++;
    }
    if (n > 0) {
        items_put(out, n == 1 ? &transaction : &transactions, pack);
    }
    return n > 0;
}

/* Who has none of the blocks says nothing. */
static bool put_blocks(struct buffer *out, struct parcel *pack)
{
    if (pack->size > 0) {
        items_put(out, &block, pack);
    }
    return true;
}

/* --- lists --- */

static bool put_wanted(struct buffer *out, const struct parcel *parcel)
{
    const struct chain_wanted *w = (const void *)parcel->bytes;
    for (uint32_t i = 0; i < w->n && !w->by_hash; i++) {
        put_number(out, "GETBLOCK", w->items[i].number);
    }
    return !w->by_hash;
}

static bool put_list(struct buffer *out, const struct parcel *parcel)
{
    const struct chain_hashes *h = (const void *)parcel->bytes;
    char number[32];
    if (h->n > COIN_NUMBERS_MAX) {
        return false;
    }
    put(out, "{\"LISTOFBLOCKS\":[");
    for (uint32_t i = 0; i < h->n; i++) {
        snprintf(number, sizeof number, i == 0 ? "%" PRId64 : ",%" PRId64, h->from + i);
        put(out, number);
    }
    put(out, "]}\n");
    return true;
}

/* --- which is which --- */

static bool append(struct coin_session *s, const struct message *m, struct buffer *out)
{
    const void *bytes = m->parcel ? m->parcel->bytes : NULL;
    if (m->kind == LEDGER_GET_ADDRESSES) {
        return put_number(out, "GETADDR", coin_port(s->config.node));
    }
    if (m->kind == LEDGER_CALL) {
        s->is_called = true;
        coin_put_hello(s, out);
        return true;
    }
    if (!bytes) {
        return false;
    }
    switch ((int)m->kind) {
    case LEDGER_TRANSACTIONS:
        return put_transactions(out, m->parcel);
    case LEDGER_BLOCKS:
        return put_blocks(out, m->parcel);
    case LEDGER_HAVE_BLOCK:
        return put_number(out, "BROADCASTBLOCK", ((const struct ledger_block *)bytes)->number);
    case LEDGER_HAVE_TRANSACTION:
        return put_hashes(out, "BROADCASTTRANSACTION", m->parcel);
    case LEDGER_GET_LIST:
        return put_number(out, "GETLISTOFBLOCKS", ((const struct chain_range *)bytes)->from - 1);
    case LEDGER_LIST:
        return put_list(out, m->parcel);
    case LEDGER_GET_BLOCKS:
        return put_wanted(out, m->parcel);
    case LEDGER_GET_TRANSACTION:
        return put_hashes(out, "GETBLOCK", m->parcel);
    case LEDGER_ADDRESSES:
        return put_addresses(m->parcel, out);
    case LEDGER_HEIGHT:
        s->height = ((const struct ledger_block *)bytes)->number;
        return true;
    default:
        return false;
    }
}

int coin_session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    struct coin_session *s = session;
    size_t before = out->total;
    (void)now_ms;
    return s->stage == STAGE_OPEN && append(s, m, out) && buffer_holds(out, before) ? 0 : -1;
}

/* The peer does not answer it. */
void coin_session_alive(void *session, int64_t now_ms, struct buffer *out)
{
    (void)now_ms;
    coin_put_hey(session, out);
}
