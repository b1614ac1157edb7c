/* What the tests of DDRP share: keys, envelopes of any kind, and sessions that talk in memory. */
#ifndef KITH_TESTS_DDRP_FIXTURE_H
#define KITH_TESTS_DDRP_FIXTURE_H

#include <sodium.h>

#include "base/budget.h"
#include "protocol/ddrp/session.h"
#include "tests/unit/wire_fixture.h"

#define NOW_S 1600000000

/* The keys of tests/vectors/ddrp.json. */
static const char *const alice = "86d4da79175bf6984ef62676a20069d35527c45ccc398d46b7fdb9b0783cccf7";
static const char *const bob = "1111111111111111111111111111111111111111111111111111111111111111";
static const char *const carol = "2222222222222222222222222222222222222222222222222222222222222222";

static const struct protocol *const both[] = {&ddrp_protocol, &fnd_protocol};

static inline void hex_to(uint8_t *to, const char *hex)
{
    for (; hex[0] != '\0'; hex += 2) {
        *to++ = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
    }
}

static inline const struct ddrp_revision *revision_of(const struct protocol *p)
{
    return p == &fnd_protocol ? &ddrp_fnd : &ddrp_pip;
}

/* --- a session with all that belongs to it --- */

struct side {
    const struct protocol *protocol;
    struct node_config node;
    struct ddrp_session session;
    struct buffer in, out;
    struct session_event last; /* the last event that was not SESSION_NOTHING */
    bool hesitates;            /* does not consent by itself */
    uint32_t met, ready, good, bad, ignored, messages;
    struct parcel *parcel; /* of the last message */
    struct budget_account account;
    bool alive;
    struct peer_info peer;
    int64_t now_ms, wall_ms;
    uint8_t nonce[DDRP_NONCE_BYTES]; /* what its session will draw */
    size_t drawn;
    bool over;
};

#include "tests/unit/side_fixture.h"

static inline uint64_t side_random(void *context)
{
    struct side *s = context;
    uint64_t n;
    memcpy(&n, s->nonce + s->drawn, sizeof n);
    s->drawn = (s->drawn + sizeof n) % sizeof s->nonce;
    return n;
}

/* They stay. */
static inline const uint8_t *secret_bytes(const char *secret)
{
    static struct {
        char hex[2 * IDENTITY_MAX + 1];
        uint8_t bytes[IDENTITY_MAX];
    } known[8];
    size_t i = 0;
    while (known[i].hex[0] && strcmp(known[i].hex, secret) != 0) {
        assert_true(++i < sizeof known / sizeof known[0]);
    }
    snprintf(known[i].hex, sizeof known[i].hex, "%s", secret);
    hex_to(known[i].bytes, secret);
    return known[i].bytes;
}

/* A node of that protocol, on its LOCAL network. */
static inline struct node_config test_node(const struct protocol *p, const char *secret)
{
    struct node_config node = {.network = p->networks[1],
                               .timings = p->timings,
                               .limits = p->limits,
                               .settings = p->setting_defaults,
                               .listen_port = 9097,
                               .version = 1,
                               .version_minimum = 1};
    node.secret = secret_bytes(secret);
    assert_true(p->identity(node.secret, &node.id));
    return node;
}

static inline struct session_config test_config(struct side *s, enum direction direction)
{
    struct session_config config = {.protocol = s->protocol,
                                    .node = &s->node,
                                    .direction = direction,
                                    .random = side_random,
                                    .wall_ms = side_wall_ms,
                                    .context = s};
    assert_true(endpoint_parse(&config.remote, "10.0.0.7:40123"));
    return config;
}

static inline void side_prepare(struct side *s, const struct protocol *p, const char *secret)
{
    *s = (struct side){.protocol = p, .node = test_node(p, secret), .now_ms = 1000};
    s->wall_ms = (int64_t)NOW_S * 1000;
    memset(s->nonce, secret[0], sizeof s->nonce);
}

static inline void side_start(struct side *s, const struct protocol *p, enum direction direction,
                              const char *secret)
{
    side_prepare(s, p, secret);
    struct session_config config = test_config(s, direction);
    side_open(s, &config);
}

static inline void side_consent(struct side *s)
{
    struct session_event ev;
    session_event_clear(&ev);
    s->protocol->session->consent(&s->session, s->now_ms, &ev, &s->out);
    side_event(s, &ev);
}

static inline void side_event(struct side *s, const struct session_event *ev)
{
    side_note(s, ev);
    if (ev->type == SESSION_MET && s->session.config.direction == DIRECTION_OUTGOING && !s->hesitates) {
        side_consent(s);
    }
}

static inline int side_say(struct side *s, uint32_t kind, struct parcel *parcel)
{
    struct message m = {.kind = kind, .scope = SCOPE_NONE, .parcel = parcel};
    return s->protocol->session->write(&s->session, s->now_ms, &m, &s->out);
}

/* Alice has dialed bob, and both are ready. */
static inline void side_pair(struct side *a, struct side *b, const struct protocol *p)
{
    side_start(a, p, DIRECTION_OUTGOING, alice);
    side_start(b, p, DIRECTION_INCOMING, bob);
    converse(a, b, SIZE_MAX);
    assert_int_equal(a->ready, 1);
    assert_int_equal(b->ready, 1);
}

/* --- envelopes that no session would write --- */

struct forgery {
    const struct ddrp_revision *revision;
    const char *secret;
    uint32_t timestamp;
    uint16_t type;
    struct bytes message;
};

static inline struct forgery forgery(const struct protocol *p, const char *secret, enum ddrp_kind kind)
{
    const struct ddrp_revision *r = revision_of(p);
    return (struct forgery){
        .revision = r, .secret = secret, .timestamp = NOW_S, .type = (uint16_t)r->types[kind]};
}

/* The signature of those bytes, whatever they are. */
static inline void sign_as(const struct ddrp_revision *r, const char *secret, struct bytes head,
                           struct bytes message, uint8_t *signature)
{
    uint8_t bytes[DDRP_SECRET_BYTES];
    hex_to(bytes, secret);
    struct ddrp_key key;
    assert_true(ddrp_key_open(&key, bytes));
    uint8_t digest[DDRP_DIGEST_BYTES];
    ddrp_digest(r, head, message, digest);
    ddrp_sign(&key, digest, signature);
    ddrp_key_close(&key);
}

static inline void forge(const struct forgery *f, struct buffer *out)
{
    struct ddrp_revision numbers = *f->revision;
    numbers.types[0] = (int16_t)f->type;
    uint8_t head[DDRP_HEAD_MAX];
    size_t size = ddrp_head_write(&numbers, (enum ddrp_kind)0, f->timestamp, f->message.size, head);
    uint8_t signature[DDRP_SIGNATURE_BYTES];
    sign_as(f->revision, f->secret, (struct bytes){.data = head, .size = size}, f->message, signature);
    buffer_add(out, head, size);
    buffer_add(out, f->message.data, f->message.size);
    buffer_add(out, signature, sizeof signature);
}

static inline void side_feed_forgery(struct side *s, const struct forgery *f)
{
    forge(f, &s->in);
    side_read(s);
}

#endif
