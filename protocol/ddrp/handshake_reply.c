/* Two nodes meet: who is there, and does each answer the other now. */
#include <string.h>

#include "protocol/ddrp/session.h"

bool ddrp_send_hello(struct ddrp_session *s, const uint8_t *remote_nonce, struct buffer *out)
{
    struct buffer message = {0};
    struct ddrp_hello h = {.version = s->config.node->version,
                           .local_nonce = s->nonce,
                           .remote_nonce = remote_nonce,
                           .public_key = s->key.public_key,
                           .external_port = s->config.node->listen_port};
    ddrp_hello_write(s->revision, &h, s->revision->user_agents[s->config.direction], &message);
    struct bytes bytes = {.data = message.data, .size = message.used};
    bool said = !message.failed && ddrp_send(s, DDRP_HELLO, bytes, NULL, out);
    buffer_fini(&message);
    return said;
}

/* The port at which others can dial it: the one that we have dialed, or the one that it says, or, if it can
 * say none, the network's. */
static uint16_t port_of(const struct ddrp_session *s, const struct ddrp_hello *h)
{
    if (s->config.direction == DIRECTION_OUTGOING) {
        return s->config.remote.port;
    }
    return s->revision->hello_has_endpoint ? h->external_port : s->config.node->network.port;
}

static void note_peer(struct ddrp_session *s, const struct ddrp_hello *h)
{
    struct peer_info *p = &s->peer;
    memcpy(s->peer_public_key, h->public_key, sizeof s->peer_public_key);
    ddrp_peer_id(h->public_key, &p->id);
    peer_id_format(&p->id, p->hash, sizeof p->hash);
    for (size_t i = 0; i < sizeof p->node_id; i++) {
        p->node_id = p->node_id << 8 | p->id.bytes[i];
    }
    p->endpoint = (struct endpoint){.ip = s->config.remote.ip, .port = port_of(s, h)};
    p->version = h->version;
}

static bool is_version_fit(const struct ddrp_session *s, uint32_t version)
{
    uint32_t own = s->config.node->version;
    return version == own || (version < own && !s->revision->version_is_exact);
}

static bool is_answer(const struct ddrp_session *s, const struct ddrp_hello *h)
{
    return s->config.direction == DIRECTION_INCOMING ||
           memcmp(h->remote_nonce, s->nonce, sizeof s->nonce) == 0;
}

/* The checks after the signature's. True if the peer is to be talked with. */
static bool check_hello(struct ddrp_session *s, const struct ddrp_hello *h, struct session_event *ev)
{
    if (!is_version_fit(s, h->version)) {
        ddrp_end(s, ev, END_VERSION, "version %u", (unsigned)h->version);
    } else if (!is_answer(s, h)) {
        ddrp_end(s, ev, END_HANDSHAKE, "its Hello is no answer to ours");
    } else if (memcmp(h->public_key, s->key.public_key, sizeof s->key.public_key) == 0) {
        ddrp_end(s, ev, END_LOOPBACK, "it has our own key");
    } else if (s->config.expected.size > 0 && !peer_id_equal(&s->peer.id, &s->config.expected)) {
        ddrp_end(s, ev, END_IDENTITY, "it is %s", s->peer.hash);
    } else {
        return true;
    }
    return false;
}

static void tell_peer(struct ddrp_session *s, enum session_event_type type, struct session_event *ev)
{
    ev->type = type;
    ev->peer = s->peer;
}

static void set_ready(struct ddrp_session *s, int64_t now_ms, struct session_event *ev)
{
    s->stage = STAGE_OPEN;
    liveness_pinged(&s->liveness, now_ms);
    tell_peer(s, SESSION_READY, ev);
}

static void no_memory(struct ddrp_session *s, struct session_event *ev)
{
    ddrp_end(s, ev, END_RESOURCES, "no memory for a handshake");
}

/* If the peer has dialed us we answer its Hello. If we have dialed it we do not yet say HelloAck, from
 * which on it would take us for connected: perhaps it has dialed us, too, and one of the two connections is
 * enough. */
void ddrp_on_hello(struct ddrp_session *s, const struct ddrp_hello *h, struct session_event *ev,
                   struct buffer *out)
{
    bool is_dialed = s->config.direction == DIRECTION_INCOMING;
    note_peer(s, h);
    memcpy(s->peer_nonce, h->local_nonce, sizeof s->peer_nonce);
    bool goes_on = check_hello(s, h, ev);
    /* If the dialer is ourselves, only from our answer does it learn which address that was. */
    if (is_dialed && (goes_on || ev->end.reason == END_LOOPBACK) &&
        !ddrp_send_hello(s, h->local_nonce, out)) {
        no_memory(s, ev);
    } else if (goes_on) {
        s->stage = is_dialed ? STAGE_ACK : STAGE_MET;
        tell_peer(s, SESSION_MET, ev);
    }
}

void ddrp_session_consent(void *session, int64_t now_ms, struct session_event *ev, struct buffer *out)
{
    struct ddrp_session *s = session;
    struct bytes nonce = {.data = s->peer_nonce, .size = sizeof s->peer_nonce};
    if (s->stage != STAGE_MET) {
        return;
    }
    if (ddrp_send(s, DDRP_HELLO_ACK, nonce, NULL, out)) {
        set_ready(s, now_ms, ev);
    } else {
        no_memory(s, ev);
    }
}

void ddrp_on_hello_ack(struct ddrp_session *s, int64_t now_ms, const uint8_t *nonce, struct session_event *ev)
{
    if (memcmp(nonce, s->nonce, sizeof s->nonce) != 0) {
        ddrp_end(s, ev, END_HANDSHAKE, "its HelloAck is no answer to our Hello");
    } else {
        set_ready(s, now_ms, ev);
    }
}
