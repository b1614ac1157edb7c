/* From messages to bytes. */
#include <stdlib.h>

#include "protocol/factom/factom.h"
#include "protocol/factom/session.h"
#include "protocol/factom/share.h"
#include "protocol/factom/v10.h"
#include "protocol/factom/v11.h"
#include "protocol/factom/v9.h"

/* V9 tells the receiver whom the message was meant for. */
static const char *target_of(const struct session *s, enum scope scope)
{
    switch (scope) {
    case SCOPE_BROADCAST:
        return "<BROADCAST>";
    case SCOPE_FULL:
        return "<FULLBORADCAST>"; /* its spelling on the wire */
    case SCOPE_RANDOM:
        return "<RANDOMPEER>";
    case SCOPE_PEER:
        return s->peer.hash;
    case SCOPE_NONE:
        break;
    }
    return "";
}

static void send_v9(struct session *s, uint32_t type, enum scope scope, const struct payload *payload,
                    struct buffer *out)
{
    struct v9_header header = {.network = s->config.node->network.id,
                               .version = 9,
                               .type = (uint16_t)type,
                               .target = target_of(s, scope),
                               .node_id = s->config.node->node_id,
                               .peer_port = s->config.node->listen_port};
    if (!s->v9_defined) {
        factom_v9_write_definitions(out);
    }
    factom_v9_write(out, &header, payload);
    s->v9_defined = s->v9_defined || !out->failed;
}

bool factom_send_parcel(struct session *s, uint32_t type, enum scope scope, const struct payload *payload,
                        struct buffer *out)
{
    if (payload->size == 0 || payload->size > s->config.node->limits.parcel_bytes ||
        payload->size > FRAME_MAX - FRAME_OVERHEAD) {
        return false;
    }
    size_t before = out->total;
    if (s->version == 9) {
        send_v9(s, type, scope, payload, out);
    } else if (s->version == 10) {
        if (!s->v10_defined) {
            factom_v10_write_definitions(out);
        }
        factom_v10_write(out, (enum parcel_type)type, payload);
        s->v10_defined = s->v10_defined || !out->failed;
    } else {
        if (!s->magic_sent) {
            buffer_add(out, V11_MAGIC, strlen(V11_MAGIC));
        }
        factom_v11_write_msg(out, (enum parcel_type)type, payload);
        s->magic_sent = s->magic_sent || !out->failed;
    }
    return buffer_holds(out, before);
}

static bool send_share(struct session *s, struct parcel *parcel, struct buffer *out)
{
    struct known_peers peers = known_peers_of(parcel);
    struct endpoint *endpoints = calloc(peers.n + 1, sizeof *endpoints);
    struct buffer text = {0};
    bool sent = false;
    if (!endpoints) {
        return false;
    }
    for (size_t i = 0; i < peers.n; i++) {
        endpoints[i] = peers.list[i].endpoint;
    }
    factom_share_write(s->version, s->config.node->network.id, endpoints, peers.n, &text);
    free(endpoints);
    if (!text.failed) {
        struct payload payload = {.bytes = text.data, .size = text.used};
        sent = factom_send_parcel(s, TYPE_PEER_RESPONSE, SCOPE_PEER, &payload, out);
    }
    buffer_fini(&text);
    return sent;
}

int factom_session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    struct session *s = session;
    bool sent = false;
    (void)now_ms;
    if (s->stage != STAGE_OPEN || (!m->parcel && m->kind != FACTOM_PEER_REQUEST)) {
        return -1;
    }
    switch (m->kind) {
    case FACTOM_MESSAGE: {
        struct payload payload = {.bytes = m->parcel->bytes, .size = m->parcel->size, .parcel = m->parcel};
        sent = factom_send_parcel(s, TYPE_MESSAGE, m->scope, &payload, out);
        break;
    }
    case FACTOM_PEER_REQUEST: {
        struct payload payload = factom_payload_of_text("Peer Request");
        sent = factom_send_parcel(s, TYPE_PEER_REQUEST, SCOPE_NONE, &payload, out);
        break;
    }
    case FACTOM_PEER_SHARE:
        sent = send_share(s, m->parcel, out);
        break;
    default:
        break;
    }
    return sent ? 0 : -1;
}

/* A heartbeat: every node accepts it, and none answers it. */
void factom_session_alive(void *session, int64_t now_ms, struct buffer *out)
{
    struct payload heartbeat = factom_payload_of_text("H");
    (void)now_ms;
    factom_send_parcel(session, TYPE_HEARTBEAT, SCOPE_NONE, &heartbeat, out);
}
