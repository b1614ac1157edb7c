/* From messages to bytes. */
#include "protocol/ddrp/session.h"

bool ddrp_send(struct ddrp_session *s, enum ddrp_kind kind, struct bytes message, struct parcel *whole,
               struct buffer *out)
{
    uint8_t head[DDRP_HEAD_MAX], digest[DDRP_DIGEST_BYTES];
    size_t before = out->total;
    uint32_t now_s = (uint32_t)(s->config.wall_ms(s->config.context) / 1000);
    size_t head_size = ddrp_head_write(s->revision, kind, now_s, message.size, head);
    ddrp_digest(s->revision, (struct bytes){.data = head, .size = head_size}, message, digest);
    uint8_t signature[DDRP_SIGNATURE_BYTES];
    ddrp_sign(&s->key, digest, signature);
    buffer_add(out, head, head_size);
    if (whole) {
        buffer_add_parcel(out, whole);
    } else {
        buffer_add(out, message.data, message.size);
    }
    buffer_add(out, signature, sizeof signature);
    return buffer_holds(out, before);
}

static bool send_share(struct ddrp_session *s, struct parcel *parcel, struct buffer *out)
{
    struct known_peers peers = known_peers_of(parcel);
    struct buffer message = {0};
    if (peers.n > DDRP_SHARE_MAX) {
        return false;
    }
    ddrp_share_write(s->revision, &peers, &message);
    struct bytes bytes = {.data = message.data, .size = message.used};
    bool said = !message.failed && ddrp_send(s, DDRP_PEER_RES, bytes, NULL, out);
    buffer_fini(&message);
    return said;
}

static bool send_payload(struct ddrp_session *s, uint32_t kind, struct parcel *parcel, struct buffer *out)
{
    struct bytes message = {.size = 0};
    if (parcel) {
        message = (struct bytes){.data = parcel->bytes, .size = parcel->size};
    }
    if (message.size > DDRP_MESSAGE_MAX || message.size > s->config.node->limits.parcel_bytes ||
        s->revision->types[kind] < 0) {
        return false;
    }
    return ddrp_send(s, (enum ddrp_kind)kind, message, parcel, out);
}

int ddrp_session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    struct ddrp_session *s = session;
    bool said = false;
    (void)now_ms;
    if (s->stage != STAGE_OPEN) {
        return -1;
    }
    if (m->kind <= DDRP_UPDATE_REQ || (m->kind == DDRP_PEER_REQ && !m->parcel)) {
        said = send_payload(s, m->kind, m->parcel, out);
    } else if (m->kind == DDRP_PEER_RES && m->parcel) {
        said = send_share(s, m->parcel, out);
    }
    return said ? 0 : -1;
}

void ddrp_session_alive(void *session, int64_t now_ms, struct buffer *out)
{
    struct ddrp_session *s = session;
    liveness_pinged(&s->liveness, now_ms);
    ddrp_send(s, DDRP_PING, (struct bytes){.size = 0}, NULL, out);
}
