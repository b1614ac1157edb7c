/* HELLO and HEY: how two members meet, and afterwards how each learns that the other is there, and how long
 * its chain is. */
#include <inttypes.h>

#include "chain/item.h"
#include "protocol/coin/session.h"
#include "protocol/ledger/field.h"
#include "protocol/ledger/message.h"

enum { HELLO_FIELDS = 4, HEY_FIELDS = 2 };

static int64_t now_s(const struct coin_session *s)
{
    return s->config.wall_ms(s->config.context) / 1000;
}

/* --- what we say --- */

int coin_port(const struct node_config *node)
{
    return node->hidden ? 0 : node->listen_port;
}

void coin_put_hello(struct coin_session *s, struct buffer *out)
{
    char genesis[CHAIN_HASH_TEXT_MAX];
    s->has_said_hello = true;
    line_put(out, json_pack("{s:{s:I, s:I, s:i, s:s}}", "HELLO", "blocks", (json_int_t)s->height + 1, "time",
                            (json_int_t)now_s(s), "port", coin_port(s->config.node), "genesis",
                            chain_hash_format(&s->genesis, genesis, sizeof genesis)));
}

void coin_put_hey(const struct coin_session *s, struct buffer *out)
{
    line_put(out, json_pack("{s:{s:I, s:I}}", "HEY", "blocks", (json_int_t)s->height + 1, "time",
                            (json_int_t)now_s(s)));
}

/* --- what the peer says --- */

static bool read_hey(const json_t *o, size_t fields, struct coin_greeting *g)
{
    return json_object_size(o) == fields &&
           field_integer(json_object_get(o, "blocks"), 0, CHAIN_NUMBER_MAX, &g->blocks) &&
           field_integer(json_object_get(o, "time"), 0, CHAIN_NUMBER_MAX, &g->time_s);
}

static bool read_hello(const json_t *o, struct coin_greeting *g)
{
    return read_hey(o, HELLO_FIELDS, g) &&
           field_integer(json_object_get(o, "port"), 0, UINT16_MAX, &g->port) &&
           field_hash(json_object_get(o, "genesis"), &g->genesis);
}

static struct peer_clock clock_of(const struct coin_session *s, const struct coin_greeting *g)
{
    return peer_clock_read((uint64_t)g->time_s, s->config.wall_ms(s->config.context));
}

static bool is_time_right(struct coin_session *s, const struct coin_greeting *g, struct session_event *ev)
{
    int64_t ahead = g->time_s - now_s(s);
    bool is_right = ahead >= -COIN_CLOCKS_DIFFER_S && ahead <= COIN_CLOCKS_DIFFER_S;
    if (!is_right) {
        coin_end(s, ev, END_CLOCK, "its clock is %" PRId64 " s ahead of ours", ahead);
        ev->end.clock = clock_of(s, g);
    }
    return is_right;
}

static bool is_genesis_ours(struct coin_session *s, const struct coin_greeting *g, struct session_event *ev)
{
    char hex[CHAIN_HASH_TEXT_MAX];
    bool is_ours = chain_hash_equal(&g->genesis, &s->genesis);
    if (!is_ours) {
        coin_end(s, ev, END_NETWORK, "its genesis is %s", chain_hash_format(&g->genesis, hex, sizeof hex));
    }
    return is_ours;
}

/* The number of the last block of so many. */
static int64_t height_of(int64_t blocks)
{
    return blocks > 0 ? blocks - 1 : 0;
}

/* The name of one that has dialed us has the port that it comes from: several members behind one address may
 * say that they listen on the same one. */
static void note_peer(struct coin_session *s, const struct coin_greeting *g)
{
    struct peer_info *p = &s->peer;
    *p = (struct peer_info){.version = s->config.node->version, .endpoint = s->config.remote};
    p->clock = clock_of(s, g);
    session_peer_name(&s->config, s->config.remote.port, p->hash, sizeof p->hash);
    if (s->config.direction == DIRECTION_INCOMING) {
        p->endpoint.port = (uint16_t)g->port;
    }
}

static void meet(struct coin_session *s, int64_t now_ms, struct session_event *ev)
{
    if (!s->is_known || !s->is_accepted) {
        return;
    }
    s->stage = STAGE_OPEN;
    liveness_start(&s->liveness, now_ms);
    ev->type = SESSION_READY;
    ev->peer = s->peer;
}

/* Later ones say only that the peer is there, and how long its chain is. The service hears of the first after
 * a call of its own, and of those that say something new. */
static void note_height(struct coin_session *s, int64_t blocks, struct session_event *ev)
{
    const struct ledger_block last = {.number = height_of(blocks)};
    ev->alive = true;
    if (s->peer.height == (uint64_t)last.number && !s->is_called) {
        ev->good = 1;
        return;
    }
    s->is_called = false;
    s->peer.height = (uint64_t)last.number;
    coin_give(s, LEDGER_HEIGHT, parcel_new(&last, sizeof last), ev);
}

void coin_on_hello(struct coin_session *s, int64_t now_ms, const json_t *payload, struct session_event *ev,
                   struct buffer *out)
{
    struct coin_greeting g = {0};
    if (!read_hello(payload, &g)) {
        coin_fault(s, ev, "HELLO without just a fit blocks, time, port and genesis");
    } else if (s->stage == STAGE_HANDSHAKE && s->is_known) {
        coin_fault(s, ev, "HELLO in place of HEY");
    } else if (!is_genesis_ours(s, &g, ev)) {
        return;
    } else if (s->stage == STAGE_OPEN) {
        coin_put_hey(s, out);
        note_height(s, g.blocks, ev);
    } else if (is_time_right(s, &g, ev)) {
        note_peer(s, &g);
        s->peer.height = (uint64_t)height_of(g.blocks);
        s->is_known = true;
        coin_put_hey(s, out);
        if (!s->has_said_hello) {
            coin_put_hello(s, out);
        }
        meet(s, now_ms, ev);
    }
}

void coin_on_hey(struct coin_session *s, int64_t now_ms, const json_t *payload, struct session_event *ev)
{
    struct coin_greeting g = {0};
    if (!read_hey(payload, HEY_FIELDS, &g)) {
        coin_fault(s, ev, "HEY without just a fit blocks and time");
    } else if (s->stage == STAGE_OPEN) {
        note_height(s, g.blocks, ev);
    } else if (!s->has_said_hello || s->is_accepted) {
        coin_fault(s, ev, "HEY in place of HELLO");
    } else if (is_time_right(s, &g, ev)) {
        s->is_accepted = true;
        meet(s, now_ms, ev);
    }
}
