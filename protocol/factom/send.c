/* From messages to bytes. */
#include <stdlib.h>

#include "protocol/factom/factom.h"
#include "protocol/factom/session.h"
#include "protocol/factom/share.h"
#include "protocol/factom/v10.h"
#include "protocol/factom/v11.h"
#include "protocol/factom/v9.h"

static void send_v9(struct session *s, uint32_t type, const char *target, const struct load *load,
                    struct buffer *out)
{
    struct v9_header header = {.network = s->terms.node->network.id,
                               .version = 9,
                               .type = (uint16_t)type,
                               .target = target,
                               .node_id = s->terms.node->node_id,
                               .peer_port = s->terms.node->listen_port};
    if (!s->v9_defined) {
        v9_write_definitions(out);
    }
    v9_write(out, &header, load);
    s->v9_defined = s->v9_defined || !out->failed;
}

static void send_v10(struct session *s, uint32_t type, const struct load *load, struct buffer *out)
{
    if (!s->v10_defined) {
        v10_write_definitions(out);
    }
    v10_write(out, (enum parcel_type)type, load);
    s->v10_defined = s->v10_defined || !out->failed;
}

static void send_v11(struct session *s, uint32_t type, const struct load *load, struct buffer *out)
{
    if (!s->magic_sent) {
        buffer_add(out, V11_MAGIC, strlen(V11_MAGIC));
    }
    v11_write_msg(out, (enum parcel_type)type, load);
    s->magic_sent = s->magic_sent || !out->failed;
}

bool session_send(struct session *s, uint32_t type, const char *target, const struct load *load,
                  struct buffer *out)
{
    if (load->size == 0 || load->size > s->terms.node->limits.parcel_bytes ||
        load->size > FRAME_MAX - FRAME_OVERHEAD) {
        return false;
    }
    size_t before = out->total;
    if (s->version == 9) {
        send_v9(s, type, target, load, out);
    } else if (s->version == 10) {
        send_v10(s, type, load, out);
    } else {
        send_v11(s, type, load, out);
    }
    if (out->failed) {
        buffer_cut(out, before);
        return false;
    }
    return true;
}

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
    share_write(s->version, s->terms.node->network.id, endpoints, peers.n, &text);
    free(endpoints);
    if (!text.failed) {
        struct load load = {.bytes = text.data, .size = text.used};
        sent = session_send(s, TYPE_PEER_RESPONSE, s->peer.hash, &load, out);
    }
    buffer_fini(&text);
    return sent;
}

int factom_session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    struct session *s = session;
    bool sent = false;
    (void)now_ms;
    if (s->stage != STAGE_OPEN || (m->parcel == NULL && m->kind != FACTOM_PEER_REQUEST)) {
        return -1;
    }
    switch (m->kind) {
    case FACTOM_MESSAGE: {
        struct load load = load_parcel(m->parcel);
        sent = session_send(s, TYPE_MESSAGE, target_of(s, m->scope), &load, out);
        break;
    }
    case FACTOM_PEER_REQUEST: {
        struct load load = load_text("Peer Request");
        sent = session_send(s, TYPE_PEER_REQUEST, "", &load, out);
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
    struct load heartbeat = load_text("H");
    (void)now_ms;
    session_send(session, TYPE_HEARTBEAT, "", &heartbeat, out);
}
