/* Two nodes meet: each says Hello, and then Status; who has dialed says them first. */
#include <stdio.h>
#include <string.h>

#include "chain/item.h"
#include "protocol/infnote/identity.h"
#include "protocol/infnote/session.h"
#include "protocol/ledger/field.h"

static const char p2p_version[] = "1";

/* --- what we say --- */

static void put_hello(const struct infnote_session *s, struct buffer *out)
{
    const struct node_config *node = s->config.node;
    char id[PEER_ID_TEXT_MAX], port[8];
    snprintf(port, sizeof port, "%u", node->hidden ? 0 : (unsigned)node->listen_port);
    line_put(out, json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "Hello", "p2pVersion", p2p_version,
                            "clientId", "kith/" KITH_VERSION " full", "listenPort", port, "nodeId",
                            peer_id_format(&node->id, id, sizeof id)));
}

static void put_status(const struct infnote_session *s, struct buffer *out)
{
    char genesis[CHAIN_HASH_TEXT_MAX];
    line_put(out,
             json_pack("{s:s, s:I, s:s, s:s}", "type", "Status", "height", (json_int_t)s->config.facts.height,
                       "genesisHash", chain_hash_format(&s->genesis, genesis, sizeof genesis), "network_id",
                       s->config.node->network.name));
}

void infnote_greet(struct infnote_session *s, struct buffer *out)
{
    put_hello(s, out);
    put_status(s, out);
}

/* --- what the peer says --- */

static void note_peer(struct infnote_session *s, const struct peer_id *id, uint16_t port)
{
    struct peer_info *p = &s->peer;
    bool is_dialed = s->config.direction == DIRECTION_OUTGOING;
    *p = (struct peer_info){.version = s->config.node->version, .id = *id};
    for (size_t i = 0; i < sizeof p->node_id; i++) {
        p->node_id = p->node_id << 8 | id->bytes[i];
    }
    p->endpoint = s->config.remote;
    p->endpoint.port = is_dialed ? p->endpoint.port : port;
    peer_id_format(id, p->hash, sizeof p->hash);
}

/* Nobody proves an id. So only whom the operator names by an id must have it: else a node that has lost its
 * key could not be dialed any more. */
static bool is_expected(const struct infnote_session *s)
{
    return !s->config.special || s->config.expected.size == 0 ||
           peer_id_equal(&s->peer.id, &s->config.expected);
}

static bool is_fit(struct infnote_session *s, const char *version, struct session_event *ev,
                   struct buffer *out)
{
    if (strcmp(version, p2p_version) != 0) {
        char shown[FIELD_SHOWN_MAX];
        infnote_send_away(s, ev, out, END_VERSION, REASON_VERSION, "its p2pVersion is %s",
                          field_shown(version, shown));
    } else if (peer_id_equal(&s->peer.id, &s->config.node->id)) {
        infnote_send_away(s, ev, out, END_LOOPBACK, REASON_SELF, "it has our own nodeId");
    } else if (!is_expected(s)) {
        infnote_send_away(s, ev, out, END_IDENTITY, REASON_TCP_ERROR, "it is %s", s->peer.hash);
    } else if (s->config.refuse) {
        infnote_send_away(s, ev, out, END_REFUSED, REASON_TOO_MANY_PEERS, "refused");
    } else {
        return true;
    }
    return false;
}

/* Whoever has dialed us learns who we are also if it is ourselves: only then does it know which address that
 * was. Whom we refuse we tell nothing more. */
void infnote_on_hello(struct infnote_session *s, const json_t *object, struct session_event *ev,
                      struct buffer *out)
{
    const char *version = json_string_value(json_object_get(object, "p2pVersion"));
    struct peer_id id;
    uint16_t port;
    if (!version || !json_is_string(json_object_get(object, "clientId")) ||
        !field_port_text(json_object_get(object, "listenPort"), &port) ||
        !field_id(json_object_get(object, "nodeId"), INFNOTE_ID_BYTES, &id)) {
        infnote_fault(s, ev, out, "Hello without a fit p2pVersion, clientId, listenPort or nodeId");
        return;
    }
    note_peer(s, &id, port);
    if (s->config.direction == DIRECTION_INCOMING && !s->config.refuse) {
        infnote_greet(s, out);
    }
    if (is_fit(s, version, ev, out)) {
        s->stage = STAGE_STATUS;
    }
}

void infnote_on_status(struct infnote_session *s, int64_t now_ms, const json_t *object,
                       struct session_event *ev, struct buffer *out)
{
    const char *network = json_string_value(json_object_get(object, "network_id"));
    struct chain_hash genesis;
    int64_t height;
    char shown[FIELD_SHOWN_MAX], hex[CHAIN_HASH_TEXT_MAX];
    if (!network || !field_integer(json_object_get(object, "height"), 0, CHAIN_NUMBER_MAX, &height) ||
        !field_hash(json_object_get(object, "genesisHash"), &genesis)) {
        infnote_fault(s, ev, out, "Status without a fit height, genesisHash or network_id");
    } else if (strcmp(network, s->config.node->network.name) != 0) {
        infnote_send_away(s, ev, out, END_NETWORK, REASON_NETWORK, "its network is %s",
                          field_shown(network, shown));
    } else if (!chain_hash_equal(&genesis, &s->genesis)) {
        infnote_send_away(s, ev, out, END_NETWORK, REASON_GENESIS, "its genesis is %s",
                          chain_hash_format(&genesis, hex, sizeof hex));
    } else {
        s->stage = STAGE_OPEN;
        s->peer.height = (uint64_t)height;
        liveness_start(&s->liveness, now_ms);
        ev->type = SESSION_READY;
        ev->peer = s->peer;
    }
}
