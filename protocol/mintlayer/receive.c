/* What a message does once the handshake is done: docs/protocols/mintlayer.md, sections 6 to 9. */
#include <string.h>

#include "protocol/mintlayer/session.h"

static const uint8_t no_headers[] = {0}; /* a list of none */

static void give(struct mintlayer_session *s, uint32_t kind, struct parcel *parcel, struct session_event *ev)
{
    if (!parcel) {
        mintlayer_end(s, ev, END_RESOURCES, "no memory for a message");
        return;
    }
    ev->type = SESSION_MESSAGE;
    ev->message.kind = kind;
    ev->message.parcel = parcel;
}

/* --- the session's own --- */

static void on_ping(struct mintlayer_session *s, int64_t now_ms, uint64_t nonce, struct session_event *ev,
                    struct buffer *out)
{
    ev->good = 1;
    ev->alive = true;
    mintlayer_put_nonce(out, MINTLAYER_PING_RESPONSE, nonce);
    s->ping.said_ms = now_ms;
}

/* An answer that nobody asked for is how a slow reader says that it gets on. */
static void on_pong(struct mintlayer_session *s, uint64_t nonce, struct session_event *ev)
{
    if (mintlayer_ping_answered(&s->ping, nonce)) {
        ev->good = 1;
    } else {
        ev->ignored = 1;
        ev->alive = true;
    }
}

/* The peer's words are for people, who may read them at a terminal. */
static void on_last_words(struct mintlayer_session *s, struct bytes text, struct session_event *ev)
{
    char words[REASON_MAX];
    size_t n = text.size < sizeof words - 1 ? text.size : sizeof words - 1;
    for (size_t i = 0; i < n; i++) {
        words[i] = text.data[i] >= 0x20 && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    }
    words[n] = '\0';
    mintlayer_end(s, ev, END_CLOSED, "the peer says: %s", words);
}

/* --- addresses --- */

static void on_list_request(struct mintlayer_session *s, struct session_event *ev)
{
    if (s->config.direction == DIRECTION_OUTGOING || s->has_asked) {
        ev->ignored = 1;
        return;
    }
    s->has_asked = true;
    ev->type = SESSION_MESSAGE;
    ev->message.kind = MINTLAYER_ADDR_LIST_REQUEST;
    ev->message.parcel = NULL;
}

static void on_list(struct mintlayer_session *s, const struct mintlayer_addresses *list,
                    struct session_event *ev, struct buffer *out)
{
    if (list->n > MINTLAYER_LIST_MAX) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT_FATAL, "a list of %zu addresses", list->n);
    } else if (s->config.direction == DIRECTION_INCOMING || s->config.purpose != PURPOSE_PEER ||
               s->has_answered) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT, "a list of addresses that nobody asked for");
    } else {
        s->has_answered = true;
        give(s, MINTLAYER_ADDR_LIST_RESPONSE, mintlayer_addresses_parcel(list), ev);
    }
}

static void on_announcement(struct mintlayer_session *s, const struct mintlayer_address *a,
                            struct session_event *ev)
{
    struct known_peers peers;
    if (s->config.purpose != PURPOSE_PEER || !mintlayer_is_told_of(a)) {
        ev->ignored = 1;
        return;
    }
    struct parcel *p = known_peers_new(1, &peers);
    if (p) {
        peers.list[0] = (struct known_peer){.endpoint = a->endpoint, .mapped = a->mapped};
    }
    give(s, MINTLAYER_ANNOUNCE_ADDR_REQUEST, p, ev);
}

/* --- the application's --- */

/* Who has no chain has no headers, and says so: a peer that waits for them in vain goes away. */
static void say_no_headers(struct mintlayer_session *s, int64_t now_ms, struct session_event *ev,
                           struct buffer *out)
{
    ev->good = 1;
    mintlayer_frame_head(out, MINTLAYER_HEADER_LIST, sizeof no_headers);
    buffer_add(out, no_headers, sizeof no_headers);
    s->ping.said_ms = now_ms;
}

/* What a fault is about blocks that are asked for; NULL for none. */
static const char *block_fault(struct mintlayer_session *s, const struct mintlayer_message *m)
{
    if (m->kind == MINTLAYER_BLOCK_RESPONSE && !mintlayer_blocks_take(&s->blocks.due)) {
        return "a block that nobody asked for";
    }
    if (m->kind == MINTLAYER_BLOCK_LIST_REQUEST && !mintlayer_blocks_asked(&s->blocks, m->ids, m->n)) {
        return "the same block is asked for again";
    }
    return NULL;
}

static void on_offered(struct mintlayer_session *s, const struct mintlayer_message *m,
                       struct session_event *ev, struct buffer *out)
{
    if (!mintlayer_is_within_bounds(m)) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT, "a %s of %zu", m->row->name, m->n);
        return;
    }
    const char *fault = block_fault(s, m);
    if (fault) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT, "%s", fault);
        return;
    }
    give(s, m->kind, parcel_new(m->body.data, m->body.size), ev);
}

static void on_payload(struct mintlayer_session *s, int64_t now_ms, const struct mintlayer_message *m,
                       struct session_event *ev, struct buffer *out)
{
    bool is_offered = (s->common & m->row->service) != 0;
    if (m->body.size > s->config.node->limits.parcel_bytes) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT_FATAL, "a %s of %zu bytes", m->row->name, m->body.size);
    } else if (m->row->least > 0 && m->n < m->row->least) {
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT, "an empty %s", m->row->name);
    } else if (m->kind == MINTLAYER_HEADER_LIST_REQUEST && !(is_offered && s->own->answers_headers)) {
        say_no_headers(s, now_ms, ev, out);
    } else if (!is_offered && m->row->without > 0) {
        mintlayer_fault(s, ev, out, m->row->without, "a %s, which we do not offer", m->row->name);
    } else if (!is_offered) {
        ev->ignored = 1;
    } else {
        on_offered(s, m, ev, out);
    }
}

void mintlayer_on_message(struct mintlayer_session *s, int64_t now_ms, const struct mintlayer_message *m,
                          struct session_event *ev, struct buffer *out)
{
    switch (m->kind) {
    case MINTLAYER_HANDSHAKE:
        mintlayer_fault(s, ev, out, MINTLAYER_FAULT, "a second handshake");
        break;
    case MINTLAYER_PING_REQUEST:
        on_ping(s, now_ms, m->nonce, ev, out);
        break;
    case MINTLAYER_PING_RESPONSE:
        on_pong(s, m->nonce, ev);
        break;
    case MINTLAYER_WILL_DISCONNECT:
        on_last_words(s, m->text, ev);
        break;
    case MINTLAYER_ADDR_LIST_REQUEST:
        on_list_request(s, ev);
        break;
    case MINTLAYER_ADDR_LIST_RESPONSE:
        on_list(s, &m->addresses, ev, out);
        break;
    case MINTLAYER_ANNOUNCE_ADDR_REQUEST:
        on_announcement(s, &m->address, ev);
        break;
    default:
        on_payload(s, now_ms, m, ev, out);
        break;
    }
}
