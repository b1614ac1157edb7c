/* What is done about each type of parcel. */
#include <inttypes.h>

#include "protocol/factom/factom.h"
#include "protocol/factom/session.h"
#include "protocol/factom/share.h"

static void no_memory(struct session *s, struct session_event *ev)
{
    factom_end(s, ev, END_RESOURCES, "no memory for a parcel");
}

static void give(struct session_event *ev, uint32_t kind, struct parcel *parcel)
{
    ev->type = SESSION_MESSAGE;
    ev->message.kind = kind;
    ev->message.parcel = parcel;
}

static void receive_message(struct session *s, struct bytes payload, struct session_event *ev)
{
    struct parcel *p = parcel_new(payload.data, payload.size);
    if (!p) {
        no_memory(s, ev);
    } else {
        give(ev, FACTOM_MESSAGE, p);
    }
}

static void receive_fragment(struct session *s, int64_t now_ms, const struct decoded_parcel *a,
                             struct session_event *ev)
{
    /* V10 and V11 have nowhere to put a part's number: what comes is the message. */
    if (!a->has_fragment) {
        receive_message(s, a->payload, ev);
        return;
    }
    struct parcel *whole;
    uint64_t wants;
    switch (factom_fragments_add(&s->fragments, now_ms, &a->fragment, &whole, &ev->dropped, &wants)) {
    case FRAGMENTS_KEPT: /* merit is earned by messages */
        ev->ignored = 1;
        break;
    case FRAGMENTS_NO_ROOM:
        ev->type = SESSION_STARVED;
        ev->wants = wants;
        break;
    case FRAGMENTS_WHOLE:
        give(ev, FACTOM_MESSAGE, whole);
        break;
    case FRAGMENTS_INVALID:
        factom_end(s, ev, END_BAD_INPUT, "part %" PRIu32 " of %" PRIu32 " does not fit", a->fragment.no,
                   a->fragment.total);
        break;
    case FRAGMENTS_NO_MEMORY:
        no_memory(s, ev);
        break;
    }
}

static void receive_share(struct session *s, struct bytes payload, struct session_event *ev)
{
    struct parcel *shared;
    switch (factom_share_read(s->version, s->config.node, payload, &shared)) {
    case SHARE_OK:
        give(ev, FACTOM_PEER_SHARE, shared);
        break;
    case SHARE_INVALID:
        ev->bad = 1;
        break;
    case SHARE_NO_MEMORY:
        no_memory(s, ev);
        break;
    }
}

static void receive_ping(struct session *s, struct session_event *ev, struct buffer *out)
{
    struct payload pong = factom_payload_of_text("Pong");
    if (factom_send_parcel(s, TYPE_PONG, SCOPE_NONE, &pong, out)) {
        ev->alive = true;
        ev->good = 1;
    } else {
        no_memory(s, ev);
    }
}

void factom_receive_parcel(struct session *s, int64_t now_ms, const struct decoded_parcel *a,
                           struct session_event *ev, struct buffer *out)
{
    /* What an application may not send says nothing about what nodes tell each other. */
    const struct limits *l = &s->config.node->limits;
    bool is_payload = a->type == TYPE_MESSAGE || a->type == TYPE_MESSAGE_PART || a->type == TYPE_ALERT;
    if (a->payload.size == 0 || a->payload.size > (is_payload ? l->parcel_bytes : l->control_bytes)) {
        factom_end(s, ev, END_BAD_INPUT, "payload of %zu bytes", a->payload.size);
        return;
    }
    liveness_heard(&s->liveness, now_ms);
    switch (a->type) {
    case TYPE_HEARTBEAT:
    case TYPE_PONG:
        ev->alive = true;
        ev->good = 1;
        break;
    case TYPE_ALERT:
        ev->good = 1;
        break;
    case TYPE_PING:
        receive_ping(s, ev, out);
        break;
    case TYPE_PEER_REQUEST:
        give(ev, FACTOM_PEER_REQUEST, NULL);
        break;
    case TYPE_PEER_RESPONSE:
        receive_share(s, a->payload, ev);
        break;
    case TYPE_MESSAGE:
        receive_message(s, a->payload, ev);
        break;
    case TYPE_MESSAGE_PART:
        receive_fragment(s, now_ms, a, ev);
        break;
    default:
        /* Handshakes and refusals come first or not at all: a later one contradicts what was agreed. */
        factom_end(s, ev, END_BAD_INPUT, "parcel of type %" PRIu32, a->type);
        break;
    }
}
