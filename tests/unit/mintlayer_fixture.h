/* What tests of Mintlayer share: sessions that talk in memory, under clocks that the test turns. */
#ifndef KITH_TESTS_MINTLAYER_FIXTURE_H
#define KITH_TESTS_MINTLAYER_FIXTURE_H

#include "tests/unit/wire_fixture.h"

#include "base/budget.h"
#include "protocol/mintlayer/session.h"

#define NOW_S INT64_C(1700000000)

/* One end of a connection. */
struct side {
    const struct protocol *protocol;
    struct mintlayer_settings own;
    struct node_config node;
    struct mintlayer_session session;
    struct buffer in, out;
    int64_t now_ms, wall_ms;
    uint64_t random;
    uint32_t met, ready, messages, good, bad, ignored;
    bool alive;
    struct peer_info peer;
    struct session_event last;
    struct parcel *parcel;
    struct budget_account account;
    bool over;
};

#include "tests/unit/side_fixture.h"

static inline uint64_t side_random(void *context)
{
    struct side *s = context;
    return s->random += 0x0101;
}

static inline void side_prepare(struct side *s, uint32_t services)
{
    const struct protocol *p = &mintlayer_protocol;
    *s = (struct side){.protocol = p, .own = mintlayer_setting_defaults, .now_ms = 5000, .random = 0x1000};
    s->own.services = services;
    s->node = (struct node_config){.timings = p->timings,
                                   .limits = p->limits,
                                   .settings = &s->own,
                                   .listen_port = 3031,
                                   .version = p->version_default,
                                   .version_minimum = p->version_lowest};
    assert_true(protocol_network(p, "MAIN", NULL, &s->node.network));
    s->wall_ms = NOW_S * 1000;
}

static inline struct session_config side_config(struct side *s, enum direction direction)
{
    struct session_config config = {.protocol = s->protocol,
                                    .node = &s->node,
                                    .direction = direction,
                                    .begun_ms = s->now_ms,
                                    .facts.nonce = 0x0123456789abcdef,
                                    .random = side_random,
                                    .wall_ms = side_wall_ms,
                                    .context = s};
    assert_true(endpoint_parse(&config.remote, "203.0.113.7:3031"));
    return config;
}

static inline void side_begin(struct side *s)
{
    s->protocol->session->begin(&s->session, s->now_ms, &s->out);
}

/* The stream below is open at once. */
static inline void side_start_as(struct side *s, const struct session_config *config)
{
    side_open(s, config);
    side_begin(s);
}

static inline void side_start(struct side *s, enum direction direction, uint32_t services)
{
    side_prepare(s, services);
    struct session_config config = side_config(s, direction);
    side_start_as(s, &config);
}

static inline void side_event(struct side *s, const struct session_event *ev)
{
    side_note(s, ev);
}

static inline int side_say(struct side *s, uint32_t kind, struct parcel *parcel)
{
    struct message m = {.kind = kind, .scope = SCOPE_NONE, .parcel = parcel};
    return s->protocol->session->write(&s->session, s->now_ms, &m, &s->out);
}

/* a has dialed b, and both are ready. */
static inline void side_pair(struct side *a, struct side *b, uint32_t services)
{
    side_start(a, DIRECTION_OUTGOING, services);
    side_start(b, DIRECTION_INCOMING, services);
    converse(a, b, SIZE_MAX);
    assert_int_equal(a->ready, 1);
    assert_int_equal(b->ready, 1);
}

/* A message that no session would write. */
static inline void side_feed_message(struct side *s, const char *body_hex)
{
    struct buffer body = {0};
    add_hex(&body, body_hex);
    scale_put_uint(&s->in, body.used, 4);
    buffer_add(&s->in, body.data, body.used);
    buffer_fini(&body);
    side_read(s);
}

/* --- what was said --- */

/* Takes the next message that the side has written. False if there is none. What *m points to is valid until
 * something is written or taken again. */
static inline bool side_takes(struct side *s, struct mintlayer_message *m)
{
    static uint8_t body[MINTLAYER_FRAME_MAX];
    size_t size;
    uint8_t *flat = flatten(&s->out, &size);
    struct bytes frame;
    bool any = mintlayer_frame_read((struct bytes){.data = flat, .size = size}, MINTLAYER_FRAME_MAX,
                                    &frame) == FRAME_WHOLE;
    if (any) {
        memcpy(body, frame.data, frame.size);
        assert_true(mintlayer_message_read((struct bytes){.data = body, .size = frame.size}, m));
        buffer_consume(&s->out, MINTLAYER_LENGTH_BYTES + frame.size);
    } else {
        assert_int_equal(size, 0);
    }
    free(flat);
    return any;
}

static inline void expect_said(struct side *s, uint32_t kind)
{
    struct mintlayer_message m;
    assert_true(side_takes(s, &m));
    assert_int_equal(m.kind, kind);
}

static inline void expect_words(struct side *s, const char *words)
{
    struct mintlayer_message m;
    assert_true(side_takes(s, &m));
    assert_int_equal(m.kind, MINTLAYER_WILL_DISCONNECT);
    assert_int_equal(m.text.size, strlen(words));
    assert_memory_equal(m.text.data, words, m.text.size);
}

static inline void expect_silence(struct side *s)
{
    assert_int_equal(buffer_left(&s->out), 0);
}

#endif
