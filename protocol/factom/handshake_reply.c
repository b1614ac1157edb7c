/* Two nodes meet: which version the connection speaks, and whether there is one at all. */
#include <stdio.h>
#include <string.h>

#include "protocol/factom/session.h"

/* The definitions and the magic are part of a handshake. */
static void note_sent(struct session *s, uint32_t version)
{
    s->v9_defined = s->v9_defined || version < 11;
    s->magic_sent = s->magic_sent || version >= 11;
}

void factom_send_hello(struct session *s, uint32_t version, struct buffer *out)
{
    factom_handshake_write(out, version, s->config.node);
    note_sent(s, version);
    s->peer.asked = version == 9;
}

/* The version of a listener's reply: the request's, but for a node set to 9. */
static uint32_t reply_version(const struct session *s, uint32_t asked)
{
    return asked == 10 && s->config.node->version == 9 ? 9 : asked;
}

static void rejected(struct session *s, const struct handshake *h, struct session_event *ev)
{
    factom_end(s, ev, END_REJECTED, "peer is full, names %zu others and %zu that are not used",
               h->n_alternatives, h->n_left_out);
    ev->type = SESSION_REJECTED;
    ev->end.n_alternatives = h->n_alternatives;
    memcpy(ev->end.alternatives, h->alternatives, h->n_alternatives * sizeof h->alternatives[0]);
}

static void refuse(struct session *s, uint32_t version, struct session_event *ev, struct buffer *out)
{
    size_t n = s->config.n_alternatives < ALTERNATIVES_MAX ? s->config.n_alternatives : ALTERNATIVES_MAX;
    factom_handshake_write_reject(out, version, s->config.node, s->config.alternatives, n);
    factom_end(s, ev, END_REFUSED, "refused, with %zu others named", n);
}

/* How long a parcel may be on the wire, its length prefix aside. */
static uint64_t parcel_most(const struct limits *l)
{
    uint64_t payload = l->parcel_bytes > l->control_bytes ? l->parcel_bytes : l->control_bytes;
    uint64_t most = payload + FRAME_OVERHEAD;
    return most < FRAME_MAX ? most : FRAME_MAX;
}

static void set_ready(struct session *s, int64_t now_ms, const struct handshake *h, struct session_event *ev)
{
    factom_handshake_peer(h, &s->config, &s->peer);
    s->peer.version = s->version;
    s->stage = STAGE_OPEN;
    s->frame_most = parcel_most(&s->config.node->limits);
    liveness_start(&s->liveness, now_ms);
    s->must_answer = h->type == TYPE_PEER_REQUEST;
    ev->type = SESSION_READY;
    ev->peer = s->peer;
}

void factom_on_handshake(struct session *s, int64_t now_ms, const struct handshake *h,
                         struct session_event *ev, struct buffer *out)
{
    bool is_gob = s->encoding == ENCODING_GOB;
    bool replies = s->config.direction == DIRECTION_INCOMING && h->type != TYPE_REJECT;
    uint32_t version = is_gob ? h->version : 11;
    if (replies) {
        version = reply_version(s, version);
    }
    char text[REASON_MAX];
    enum end_reason fault = factom_handshake_check(h, s->config.node, is_gob, text, sizeof text);
    if (fault == END_LOOPBACK && replies) {
        /* The dialer is ourselves. Only if it gets to read its own nonce does it learn which address that
         * was. */
        factom_send_hello(s, version, out);
    }
    if (fault != END_NONE) {
        factom_end(s, ev, fault, "%s", text);
    } else if (h->type == TYPE_REJECT) {
        rejected(s, h, ev);
    } else if (replies && s->config.refuse) {
        refuse(s, version, ev, out);
    } else {
        if (replies) {
            factom_send_hello(s, version, out);
        }
        s->version = version;
        set_ready(s, now_ms, h, ev);
    }
    if (out->failed) {
        factom_end(s, ev, END_RESOURCES, "no memory for a handshake");
    }
}
