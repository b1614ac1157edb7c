/* What the tests of the Factom protocol share: recorded streams, and sessions that talk in memory. */
#ifndef KITH_TESTS_FACTOM_FIXTURE_H
#define KITH_TESTS_FACTOM_FIXTURE_H

#include "protocol/factom/factom.h"
#include "protocol/factom/session.h"
#include "tests/unit/wire_fixture.h"

/* --- recorded bytes --- */

static inline json_t *load_vectors(void)
{
    return load_vectors_of("factom.json");
}

static inline json_t *frames_of(json_t *root, const char *stream)
{
    json_t *streams = json_object_get(root, "streams");
    for (size_t i = 0; i < json_array_size(streams); i++) {
        json_t *s = json_array_get(streams, i);
        if (strcmp(json_string_value(json_object_get(s, "name")), stream) == 0) {
            return json_object_get(s, "frames");
        }
    }
    fail_msg("no stream %s", stream);
    return NULL;
}

static inline void add_frame(struct buffer *b, json_t *frames, size_t i)
{
    add_hex(b, json_string_value(json_object_get(json_array_get(frames, i), "hex")));
}

/* --- a session with all that belongs to it --- */

struct side {
    const struct protocol *protocol;
    struct node_config node;
    struct session session;
    struct buffer in, out;
    struct session_event last; /* the last event that was not SESSION_NOTHING */
    uint32_t ready, good, bad, dropped, requests, shares, messages;
    struct parcel *message, *share; /* the last ones */
    struct peer_info peer;
    int64_t now_ms;
    bool over;
};

#include "tests/unit/session_fixture.h"

static inline struct node_config test_node(uint32_t version)
{
    struct node_config node = {.timings = factom_protocol.timings,
                               .limits = factom_protocol.limits,
                               .settings = factom_protocol.setting_defaults,
                               .node_id = 0x1a2b3,
                               .nonce = 0x1122334455667788,
                               .listen_port = 8110,
                               .version = version,
                               .version_minimum = 9};
    assert_true(protocol_network(&factom_protocol, "LOCAL", NULL, &node.network));
    return node;
}

static inline struct session_config test_config(struct side *s, enum direction direction)
{
    struct session_config config = {.protocol = &factom_protocol, .node = &s->node, .direction = direction};
    assert_true(endpoint_parse(&config.remote, "10.0.0.7:40123"));
    return config;
}

static inline void side_start(struct side *s, uint32_t version, enum direction direction, uint64_t nonce)
{
    *s = (struct side){.protocol = &factom_protocol, .node = test_node(version), .now_ms = 1000};
    s->node.nonce = nonce;
    struct session_config config = test_config(s, direction);
    side_open(s, &config);
}

/* A known_peers parcel of those endpoints. */
static inline struct parcel *share_of(const struct endpoint *e, size_t n)
{
    struct known_peers peers;
    struct parcel *p = known_peers_new(n, &peers);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        peers.list[i].endpoint = e[i];
    }
    return p;
}

static inline void side_close(struct side *s)
{
    s->protocol->session->close(&s->session);
    buffer_fini(&s->in);
    buffer_fini(&s->out);
    parcel_release(s->message);
    parcel_release(s->share);
}

static inline void replace_parcel(struct parcel **old, struct parcel *new)
{
    parcel_release(*old);
    *old = new;
}

static inline void side_event(struct side *s, const struct session_event *ev)
{
    s->good += ev->good;
    s->bad += ev->bad;
    s->dropped += ev->dropped;
    switch (ev->type) {
    case SESSION_NOTHING:
        return;
    case SESSION_STARVED:
        break;
    case SESSION_MET:
        fail_msg("there is nothing to consent to");
        break;
    case SESSION_READY:
        s->ready++;
        s->peer = ev->peer;
        break;
    case SESSION_MESSAGE:
        if (ev->message.kind == FACTOM_MESSAGE) {
            s->messages++;
            replace_parcel(&s->message, ev->message.parcel);
        } else if (ev->message.kind == FACTOM_PEER_SHARE) {
            s->shares++;
            replace_parcel(&s->share, ev->message.parcel);
        } else {
            assert_int_equal(ev->message.kind, FACTOM_PEER_REQUEST);
            assert_null(ev->message.parcel);
            s->requests++;
        }
        break;
    case SESSION_REJECTED:
    case SESSION_ENDED:
        s->over = true;
        break;
    }
    s->last = *ev;
}

static inline void side_feed_frame(struct side *s, json_t *frames, size_t i)
{
    struct buffer b = {0};
    add_frame(&b, frames, i);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static inline int side_say(struct side *s, uint32_t kind, enum scope scope, struct parcel *parcel)
{
    struct message m = {.kind = kind, .scope = scope, .parcel = parcel};
    return s->protocol->session->write(&s->session, s->now_ms, &m, &s->out);
}

#endif
