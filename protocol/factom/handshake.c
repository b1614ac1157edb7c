#include "protocol/factom/handshake.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/factom/v11.h"

enum { NODE_ID_DIGITS = 16 };

/* Generation 2 sends eight zero bytes if it has no alternatives. */
static void read_alternatives(struct handshake *h, struct bytes payload)
{
    static const uint8_t none[8];
    if (payload.size == sizeof none && memcmp(payload.data, none, sizeof none) == 0) {
        return;
    }
    struct harvest harvest = {.to = h->alternatives, .most = ALTERNATIVES_MAX};
    enum share_result result = factom_share_json_read_v10(payload, &harvest);
    factom_handshake_set_alternatives(h, &harvest, result);
}

static void read_nonce(struct handshake *h, struct bytes payload)
{
    uint64_t nonce;
    if (payload.size == sizeof nonce) {
        memcpy(&nonce, payload.data, sizeof nonce);
        h->nonce = le64toh(nonce);
        h->has_nonce = true;
    }
}

const char *factom_handshake_from_gob(struct handshake *h, const struct v9_parcel *p)
{
    *h = (struct handshake){
        .network = p->network, .version = p->version, .type = p->type, .node_id = p->node_id};
    h->port = factom_harvest_port(p->peer_port.data, p->peer_port.size);
    if (!factom_v9_is_intact(p)) {
        return "handshake with a wrong length or checksum";
    }
    switch (p->type) {
    case TYPE_REJECT:
        read_alternatives(h, p->payload);
        return NULL;
    case TYPE_HANDSHAKE:
        read_nonce(h, p->payload);
        return h->has_nonce ? NULL : "handshake without a nonce";
    case TYPE_PEER_REQUEST:
        read_nonce(h, p->payload);
        return NULL;
    default:
        return factom_handshake_is_message(h) ? NULL : "first parcel is no handshake";
    }
}

enum end_reason factom_handshake_check(const struct handshake *h, const struct node_config *node, bool is_gob,
                                       char *text, size_t size)
{
    if (h->network != node->network.id) {
        snprintf(text, size, "network %08" PRIx32 ", ours is %08" PRIx32, h->network, node->network.id);
        return END_NETWORK;
    }
    if (h->version < node->version_minimum) {
        snprintf(text, size, "version %" PRIu32 ", at least %" PRIu32 " is wanted", h->version,
                 node->version_minimum);
        return END_VERSION;
    }
    if (is_gob && h->version != 9 && h->version != 10) {
        snprintf(text, size, "version %" PRIu32 " in a gob handshake", h->version);
        return END_HANDSHAKE;
    }
    if (h->port == 0) {
        snprintf(text, size, "bad listen port");
        return END_HANDSHAKE;
    }
    if (h->alternatives_are_bad) {
        snprintf(text, size, "bad alternatives");
        return END_HANDSHAKE;
    }
    if (h->has_nonce && h->nonce == node->nonce) {
        snprintf(text, size, "the handshake is our own");
        return END_LOOPBACK;
    }
    return END_NONE;
}

void factom_handshake_peer(const struct handshake *h, const struct session_config *config,
                           struct peer_info *peer)
{
    const struct endpoint *remote = &config->remote;
    peer->endpoint = (struct endpoint){.ip = remote->ip, .port = remote->port ? h->port : 0};
    peer->node_id = h->node_id;
    char name[PEER_HASH_MAX - NODE_ID_DIGITS - 1]; /* an IP address and a port take far less */
    session_peer_name(config, h->port, name, sizeof name);
    snprintf(peer->hash, sizeof peer->hash, "%s %08" PRIx64, name, h->node_id);
}

static void write_gob(struct buffer *out, uint32_t version, enum parcel_type type,
                      const struct node_config *node, const struct payload *payload)
{
    struct v9_header header = {.network = node->network.id,
                               .version = (uint16_t)version,
                               .type = (uint16_t)type,
                               .target = "",
                               .node_id = node->node_id,
                               .peer_port = node->listen_port};
    factom_v9_write_definitions(out);
    factom_v9_write(out, &header, payload);
}

void factom_handshake_write(struct buffer *out, uint32_t version, const struct node_config *node)
{
    if (version >= 11) {
        factom_v11_write_handshake(out, TYPE_HANDSHAKE, node, NULL, 0);
        return;
    }
    uint64_t nonce = htole64(node->nonce);
    struct payload payload = {.bytes = &nonce, .size = sizeof nonce};
    write_gob(out, version, version == 9 ? TYPE_PEER_REQUEST : TYPE_HANDSHAKE, node, &payload);
}

void factom_handshake_write_reject(struct buffer *out, uint32_t version, const struct node_config *node,
                                   const struct endpoint *alternatives, size_t n)
{
    if (version >= 11) {
        factom_v11_write_handshake(out, TYPE_REJECT, node, alternatives, n);
        return;
    }
    struct buffer list = {0};
    factom_share_json_write_v10(&list, alternatives, n);
    struct payload payload = {.bytes = list.data, .size = list.used};
    if (list.failed) {
        out->failed = true;
    } else {
        write_gob(out, version, TYPE_REJECT, node, &payload);
    }
    buffer_fini(&list);
}
