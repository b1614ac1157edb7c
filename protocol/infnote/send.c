/* From messages to bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/infnote/session.h"
#include "protocol/ledger/items.h"
#include "protocol/ledger/message.h"

enum {
    ANSWER_MAX = 1 << 20, /* bytes of one Blocks or Transactions */
    NO_BOUND = INT32_MAX, /* on how many transactions one line has */
};

static const struct items_form transactions = {.head = "{\"type\":\"Transactions\",\"transactions\":[",
                                               .tail = "]}",
                                               .line_bytes = ANSWER_MAX,
                                               .line_items = NO_BOUND};
static const struct items_form blocks = {.head = "{\"type\":\"Blocks\",\"blocks\":[",
                                         .tail = "]}",
                                         .line_bytes = ANSWER_MAX,
                                         .line_items = INFNOTE_BLOCKS_MAX};
static const struct items_form new_block = {
    .head = "{\"type\":\"NewBlock\",\"block\":", .tail = "}", .line_bytes = ANSWER_MAX, .line_items = 1};

static void put(struct buffer *out, const char *text)
{
    buffer_add(out, text, strlen(text));
}

void infnote_put_bare(struct buffer *out, const char *type)
{
    line_put(out, json_pack("{s:s}", "type", type));
}

/* --- addresses --- */

static json_t *address_json(const struct known_peer *p, int64_t now_s)
{
    char ip[IP_TEXT_MAX];
    int64_t heard_s = p->heard_s == LEDGER_NOW ? now_s : p->heard_s;
    return json_pack("{s:s, s:i, s:I}", "ip", ip_format(&p->endpoint.ip, ip, sizeof ip), "port",
                     (int)p->endpoint.port, "timestamp", (json_int_t)heard_s);
}

/* What means nothing to the peer is left out. */
static bool put_addresses(const struct infnote_session *s, struct parcel *parcel, struct buffer *out)
{
    int64_t now_s = s->config.wall_ms(s->config.context) / 1000;
    struct known_peers peers = known_peers_of(parcel);
    json_t *list = json_array();
    for (size_t i = 0; i < peers.n && json_array_size(list) < INFNOTE_ADDRESSES_MAX; i++) {
        const struct endpoint *e = &peers.list[i].endpoint;
        if (e->port != 0 && ip_scope(&e->ip) == 0) {
            json_array_append_new(list, address_json(&peers.list[i], now_s));
        }
    }
    line_put(out, json_pack("{s:s, s:o}", "type", "addr", "peers", list));
    return true;
}

/* --- hashes --- */

static void put_hash(struct buffer *out, const struct chain_hash *h, bool is_first)
{
    char hex[CHAIN_HASH_TEXT_MAX];
    put(out, is_first ? "\"" : ",\"");
    put(out, chain_hash_format(h, hex, sizeof hex));
    put(out, "\"");
}

static bool put_list(const struct parcel *parcel, struct buffer *out)
{
    const struct chain_hashes *h = (const void *)parcel->bytes;
    char head[80];
    if (h->n > INFNOTE_HASHES_MAX) {
        return false;
    }
    snprintf(head, sizeof head, "{\"type\":\"BlockHashes\",\"from\":%" PRId64 ",\"hashes\":[", h->from);
    put(out, head);
    for (uint32_t i = 0; i < h->n; i++) {
        put_hash(out, &h->hashes[i], i == 0);
    }
    put(out, "]}\n");
    return true;
}

static bool put_get_list(const struct parcel *parcel, struct buffer *out)
{
    const struct chain_range *r = (const void *)parcel->bytes;
    if (r->from < 0 || r->count < 0 || r->count > INFNOTE_HASHES_MAX) {
        return false;
    }
    line_put(out, json_pack("{s:s, s:I, s:I}", "type", "GetBlockHashes", "from", (json_int_t)r->from, "count",
                            (json_int_t)r->count));
    return true;
}

static bool put_get_blocks(const struct parcel *parcel, struct buffer *out)
{
    const struct chain_wanted *w = (const void *)parcel->bytes;
    if (!w->by_hash) {
        return false;
    }
    for (uint32_t i = 0; i < w->n; i++) {
        bool is_first = i % INFNOTE_BLOCKS_MAX == 0;
        if (is_first) {
            put(out, i == 0 ? "" : "]}\n");
            put(out, "{\"type\":\"GetBlocks\",\"hashes\":[");
        }
        put_hash(out, &w->items[i].hash, is_first);
    }
    put(out, w->n > 0 ? "]}\n" : "");
    return true;
}

/* --- which is which --- */

static bool put_items(const struct items_form *form, struct parcel *pack, struct buffer *out)
{
    items_put(out, form, pack);
    return true;
}

/* What a protocol of announcements says is not said here, nor our new height. */
static bool append(const struct infnote_session *s, const struct message *m, struct buffer *out)
{
    if (m->kind == LEDGER_GET_ADDRESSES) {
        infnote_put_bare(out, "getaddr");
        return true;
    }
    if (!m->parcel) {
        return false;
    }
    switch ((int)m->kind) {
    case LEDGER_TRANSACTIONS:
        return put_items(&transactions, m->parcel, out);
    case LEDGER_BLOCKS:
        return put_items(&blocks, m->parcel, out);
    case LEDGER_NEW_BLOCK:
        return put_items(&new_block, m->parcel, out);
    case LEDGER_GET_LIST:
        return put_get_list(m->parcel, out);
    case LEDGER_LIST:
        return put_list(m->parcel, out);
    case LEDGER_GET_BLOCKS:
        return put_get_blocks(m->parcel, out);
    case LEDGER_ADDRESSES:
        return put_addresses(s, m->parcel, out);
    case LEDGER_HEIGHT:
        return true;
    default:
        return false;
    }
}

int infnote_session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    struct infnote_session *s = session;
    size_t before = out->total;
    (void)now_ms;
    return s->stage == STAGE_OPEN && append(s, m, out) && buffer_holds(out, before) ? 0 : -1;
}

/* A Pong, which the peer does not answer. */
void infnote_session_alive(void *session, int64_t now_ms, struct buffer *out)
{
    (void)session;
    (void)now_ms;
    infnote_put_bare(out, "Pong");
}
