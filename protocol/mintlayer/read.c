/* From bytes to messages. */
#include <inttypes.h>

#include "protocol/mintlayer/session.h"

/* What a WillDisconnect in a HelloAck's place may hold. */
enum { WORDS_MAX = 4096 };

static size_t larger(uint64_t a, uint64_t b)
{
    return (size_t)(a > b ? a : b);
}

/* How much the frame that begins `in` may hold. What an application may not send says nothing about what
 * nodes tell each other. */
static size_t longest(const struct mintlayer_session *s, struct bytes in)
{
    const struct limits *l = &s->config.node->limits;
    if (s->stage == STAGE_OPEN) {
        size_t most = MINTLAYER_KIND_BYTES + larger(l->parcel_bytes, l->control_bytes);
        return most < MINTLAYER_FRAME_MAX ? most : MINTLAYER_FRAME_MAX;
    }
    if (s->config.direction == DIRECTION_INCOMING) {
        return MINTLAYER_HELLO_MAX;
    }
    bool is_ack = in.size > MINTLAYER_LENGTH_BYTES && in.data[MINTLAYER_LENGTH_BYTES] == MINTLAYER_HANDSHAKE;
    return is_ack ? MINTLAYER_HELLO_ACK_MAX : WORDS_MAX;
}

/* In the handshake. The last words of whom we have dialed are for us; those of whom we do not know are not.
 */
static void on_first(struct mintlayer_session *s, int64_t now_ms, const struct mintlayer_message *m,
                     struct session_event *ev, struct buffer *out)
{
    bool dials = s->config.direction == DIRECTION_OUTGOING;
    if (dials && m->kind == MINTLAYER_WILL_DISCONNECT) {
        mintlayer_on_message(s, now_ms, m, ev, out);
    } else if (m->kind == MINTLAYER_HANDSHAKE && m->hello.is_ack == dials) {
        mintlayer_on_hello(s, now_ms, &m->hello, ev, out);
    } else {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT_FATAL, "%s in place of %s", m->row->name,
                        dials ? "HelloAck" : "Hello");
    }
}

static void on_body(struct mintlayer_session *s, int64_t now_ms, struct bytes body, struct session_event *ev,
                    struct buffer *out)
{
    struct mintlayer_message m;
    if (!mintlayer_message_read(body, &m)) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT_FATAL, "a message of %zu bytes can't be read", body.size);
        return;
    }
    if (s->stage == STAGE_HELLO) {
        on_first(s, now_ms, &m, ev, out);
        return;
    }
    s->ping.heard_ms = now_ms;
    mintlayer_on_message(s, now_ms, &m, ev, out);
}

size_t mintlayer_session_read(void *session, int64_t now_ms, struct bytes in, struct session_event *ev,
                              struct buffer *out)
{
    struct mintlayer_session *s = session;
    if (s->stage == STAGE_STREAM || s->stage == STAGE_OVER) {
        return 0;
    }
    if (s->stage == STAGE_MET) {
        mintlayer_set_ready(s, now_ms, ev);
        return 0;
    }
    struct bytes body;
    size_t most = longest(s, in);
    switch (mintlayer_frame_read(in, most, &body)) {
    case FRAME_WHOLE:
        on_body(s, now_ms, body, ev, out);
        return MINTLAYER_LENGTH_BYTES + body.size;
    case FRAME_LONG:
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT_FATAL, "a message of more than %zu bytes", most);
        return 0;
    case FRAME_PART:
        break;
    }
    return 0;
}
