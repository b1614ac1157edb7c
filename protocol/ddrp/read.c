/* From bytes to events. */
#include <inttypes.h>

#include "protocol/ddrp/session.h"

/* Two make a handshake; the others are of kinds that we do not know, and ignore. */
enum { HANDSHAKE_ENVELOPES = 8 };

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_payload(const struct ddrp_session *s, struct bytes in)
{
    uint32_t type;
    return ddrp_envelope_type(s->revision, in, &type) && ddrp_kind_of(s->revision, type) <= DDRP_UPDATE_REQ;
}

/* How long the message of the envelope that begins `in` may be. What an application may not send says nothing
 * about what nodes tell each other. */
static uint64_t longest(const struct ddrp_session *s, struct bytes in)
{
    const struct limits *l = &s->config.node->limits;
    if (s->stage == STAGE_OPEN) {
        return smaller(is_payload(s, in) ? l->parcel_bytes : l->control_bytes, DDRP_MESSAGE_MAX);
    }
    return smaller(l->handshake_bytes - smaller(l->handshake_bytes, s->handshake_used), DDRP_MESSAGE_MAX);
}

static void give(struct ddrp_session *s, enum ddrp_kind kind, struct parcel *parcel, struct session_event *ev)
{
    if (!parcel) {
        ddrp_end(s, ev, END_RESOURCES, "no memory for a message");
        return;
    }
    ev->type = SESSION_MESSAGE;
    ev->message.kind = kind;
    ev->message.parcel = parcel;
}

static void receive(struct ddrp_session *s, const struct ddrp_received *a, struct session_event *ev)
{
    switch (a->kind) {
    case DDRP_PING:
        ev->alive = true;
        ev->good = 1;
        break;
    case DDRP_PEER_REQ:
        ev->type = SESSION_MESSAGE;
        ev->message.kind = DDRP_PEER_REQ;
        ev->message.parcel = NULL;
        break;
    case DDRP_PEER_RES:
        give(s, a->kind, ddrp_share_parcel(s->revision, s->config.node, &a->entries), ev);
        break;
    case DDRP_UPDATE:
    case DDRP_NIL_UPDATE:
    case DDRP_TREE_BASE_REQ:
    case DDRP_TREE_BASE_RES:
    case DDRP_SECTOR_REQ:
    case DDRP_SECTOR_RES:
    case DDRP_UPDATE_REQ:
        give(s, a->kind, parcel_new(a->envelope.message.data, a->envelope.message.size), ev);
        break;
    case DDRP_HELLO:
    case DDRP_HELLO_ACK:
    case DDRP_KINDS:
        ev->ignored = 1; /* too late, which is no fault */
        break;
    }
}

static void act(struct ddrp_session *s, int64_t now_ms, const struct ddrp_received *a,
                struct session_event *ev, struct buffer *out)
{
    switch (s->stage) {
    case STAGE_HELLO:
        ddrp_on_hello(s, &a->hello, ev, out);
        break;
    case STAGE_ACK:
        ddrp_on_hello_ack(s, now_ms, a->nonce, ev);
        break;
    case STAGE_OPEN:
        receive(s, a, ev);
        break;
    case STAGE_MET:
    case STAGE_OVER:
        break;
    }
}

static size_t read_envelope(struct ddrp_session *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                            struct buffer *out)
{
    struct ddrp_received a = {.kind = DDRP_KINDS};
    enum end_reason fault = s->stage == STAGE_OPEN ? END_BAD_INPUT : END_HANDSHAKE;
    uint64_t most = longest(s, in);
    switch (ddrp_envelope_read(s->revision, in, most, &a.envelope)) {
    case FRAMING_WHOLE:
        break;
    case FRAMING_PART:
        return 0;
    case FRAMING_BAD_MAGIC:
        ddrp_end(s, ev, fault, "wrong magic");
        return 0;
    case FRAMING_BAD_LENGTH:
        ddrp_end(s, ev, fault, "malformed length, or one above %" PRIu64, most);
        return 0;
    }
    a.kind = ddrp_kind_of(s->revision, a.envelope.type);
    if (s->stage != STAGE_OPEN) {
        s->handshake_used += a.envelope.size;
        if (++s->handshake_envelopes > HANDSHAKE_ENVELOPES) {
            ddrp_end(s, ev, END_HANDSHAKE, "more than %d envelopes in the handshake", HANDSHAKE_ENVELOPES);
            return a.envelope.size;
        }
    }
    if (ddrp_check_received(s, now_ms, &a, ev)) {
        act(s, now_ms, &a, ev, out);
    }
    return a.envelope.size;
}

size_t ddrp_session_read(void *session, int64_t now_ms, struct bytes in, struct session_event *ev,
                         struct buffer *out)
{
    struct ddrp_session *s = session;
    /* Whom we refuse we do not listen to; session_tick, which is due at once, says so. Who has yet to be told
     * that we talk with it has nothing to say before. */
    if (s->stage == STAGE_OVER || s->stage == STAGE_MET || s->config.refuse) {
        return 0;
    }
    return read_envelope(s, now_ms, in, ev, out);
}
