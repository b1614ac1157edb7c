/* Bad input, row by row of docs/protocols/ddrp.md, section 6, in both revisions. */
#include <secp256k1.h>

#include "tests/unit/ddrp_fixture.h"
#include "tests/unit/promise.h"

enum outcome {
    NEVER,    /* the revision has no such thing */
    ACCEPTED, /* one message, or one good parcel */
    IGNORED,
    COUNTED, /* ignored, and counted as bad */
    ENDED,
};

struct row {
    const char *name;
    void (*feed)(struct side *s); /* what the peer, alice, says to bob */
    enum outcome pip, fnd;
};

static enum outcome outcome_of(const struct side *s, enum end_reason fault)
{
    if (s->over) {
        expect_ended(s, fault);
        return ENDED;
    }
    assert_int_equal(s->good + s->messages + s->ignored + s->bad, 1);
    return s->bad ? COUNTED : s->ignored ? IGNORED : ACCEPTED;
}

static void expect_row(const struct row *row, struct side *s, enum end_reason fault)
{
    enum outcome want = s->protocol == &fnd_protocol ? row->fnd : row->pip;
    if (want == NEVER) {
        return;
    }
    row->feed(s);
    enum outcome was = outcome_of(s, fault);
    if (was != want) {
        fail_msg("%s, %s: outcome %d in place of %d", s->protocol->name, row->name, was, want);
    }
}

/* --- how to say it --- */

static void feed(struct side *s, enum ddrp_kind kind, const void *message, size_t size)
{
    struct forgery f = forgery(s->protocol, alice, kind);
    f.message = (struct bytes){.data = message, .size = size};
    side_feed_forgery(s, &f);
}

/* A ping of which one byte is another. */
static void feed_changed(struct side *s, size_t at, uint8_t byte)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_PING);
    struct buffer b = {0};
    forge(&f, &b);
    b.data[at] = byte;
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static size_t ping_signature(const struct side *s)
{
    return s->protocol == &fnd_protocol ? 11 : 10;
}

static const uint8_t zero[32];

/* A ping with that header byte, and bytes of its r and s replaced. */
static void feed_signature(struct side *s, uint8_t header, size_t at, const uint8_t *bytes, size_t size)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_PING);
    struct buffer b = {0};
    forge(&f, &b);
    uint8_t *signature = b.data + ping_signature(s);
    signature[0] = header;
    memcpy(signature + 1 + at, bytes, size);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static void feed_at(struct side *s, uint32_t timestamp)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_PING);
    f.timestamp = timestamp;
    side_feed_forgery(s, &f);
}

static void feed_type(struct side *s, uint16_t type, const char *secret)
{
    struct forgery f = forgery(s->protocol, secret, DDRP_PING);
    f.type = type;
    side_feed_forgery(s, &f);
}

/* An envelope's first bytes, then those. */
static void feed_length(struct side *s, const char *length)
{
    side_feed_hex(s, s->protocol == &fnd_protocol ? "cafecafe00025f5e1000" : "cafecafe035f5e1000");
    side_feed_hex(s, length);
}

/* A share of n entries that says it has `count`, and `said` by its array's own length. */
static void feed_share(struct side *s, size_t n, size_t count, size_t said)
{
    bool ports = revision_of(s->protocol)->share_has_ports;
    struct buffer b = {0};
    if (ports) {
        ddrp_put_uint(&b, (uint32_t)count, 1);
    }
    ddrp_put_uvarint(&b, said);
    for (size_t i = 0; i < n; i++) {
        add_hex(&b, "00000000000000000000ffff01020304");
        add_hex(&b, ports ? "2389" : "");
        add_hex(&b, bob);
    }
    feed(s, DDRP_PEER_RES, b.data, b.used);
    buffer_fini(&b);
}

/* --- later input --- */

static void wrong_magic(struct side *s)
{
    feed_changed(s, 3, 0xff);
}

static void first_byte_wrong(struct side *s)
{
    side_feed(s, "\xcb", 1);
}

static void length_over_limit(struct side *s)
{
    feed_length(s, "818010"); /* 262145, of which no byte is there */
}

static void length_overflow(struct side *s)
{
    feed_length(s, "80808080808080808002"); /* 2^64, of which 64 bits would be 0 */
}

static void length_endless(struct side *s)
{
    feed_length(s, "80808080808080808080");
}

static void share_cut(struct side *s)
{
    feed_share(s, 1, 2, 2);
}

static void share_empty(struct side *s)
{
    feed(s, DDRP_PEER_RES, NULL, 0);
}

static void ack_cut(struct side *s)
{
    feed(s, DDRP_HELLO_ACK, alice, 31);
}

static void hello_cut(struct side *s)
{
    feed(s, DDRP_HELLO, alice, 40);
}

static void unknown_type(struct side *s)
{
    feed_type(s, s->protocol == &fnd_protocol ? 0x000c : 0x02, alice);
}

static void unknown_high_type(struct side *s)
{
    feed_type(s, s->protocol == &fnd_protocol ? 0x0103 : 0xff, alice);
}

static void nil_update(struct side *s)
{
    feed_type(s, 0x0004, alice);
}

static void opaque(struct side *s)
{
    feed(s, DDRP_SECTOR_RES, "\x80\xff whatever", 11);
}

static void opaque_empty(struct side *s)
{
    feed(s, DDRP_UPDATE_REQ, NULL, 0);
}

static void old_31_s(struct side *s)
{
    feed_at(s, NOW_S - 31);
}

static void old_30_s(struct side *s)
{
    feed_at(s, NOW_S - 30);
}

static void early_31_s(struct side *s)
{
    feed_at(s, NOW_S + 31);
}

static void early_30_s(struct side *s)
{
    feed_at(s, NOW_S + 30);
}

static void old_two_hours(struct side *s)
{
    feed_at(s, NOW_S - 7200);
}

static void older_than_two_hours(struct side *s)
{
    feed_at(s, NOW_S - 7201);
}

static void early_two_hours(struct side *s)
{
    feed_at(s, NOW_S + 7200);
}

static void earlier_than_two_hours(struct side *s)
{
    feed_at(s, NOW_S + 7201);
}

static void time_zero(struct side *s)
{
    feed_at(s, 0);
}

static void header_29(struct side *s)
{
    feed_signature(s, 29, 0, zero, 0); /* r would be above the field's order */
}

static const uint8_t group_order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                                        0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};

static void r_zero(struct side *s)
{
    feed_signature(s, 27, 0, zero, sizeof zero);
}

static void s_zero(struct side *s)
{
    feed_signature(s, 27, 32, zero, sizeof zero);
}

static void r_order(struct side *s)
{
    feed_signature(s, 27, 0, group_order, sizeof group_order);
}

static void s_order(struct side *s)
{
    feed_signature(s, 28, 32, group_order, sizeof group_order);
}

/* A valid signature in its other forms: header + 4, and -s with the other parity. */
static void feed_form(struct side *s, uint8_t more, bool high)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_PING);
    struct buffer b = {0};
    forge(&f, &b);
    uint8_t *signature = b.data + ping_signature(s);
    if (high) {
        assert_int_equal(secp256k1_ec_seckey_negate(secp256k1_context_static, signature + 33), 1);
        signature[0] = (uint8_t)(27 + ((signature[0] - 27) ^ 1));
    }
    signature[0] = (uint8_t)(signature[0] + more);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static void header_of_compressed(struct side *s)
{
    feed_form(s, 4, false);
}

static void header_too_low(struct side *s)
{
    feed_form(s, (uint8_t)-4, false);
}

static void header_too_high(struct side *s)
{
    feed_form(s, 8, false);
}

static void high_s(struct side *s)
{
    feed_form(s, 0, true);
}

static void signed_by_another(struct side *s)
{
    feed_type(s, (uint16_t)revision_of(s->protocol)->types[DDRP_PING], carol);
}

static void unknown_by_another(struct side *s)
{
    feed_type(s, 0x77, carol);
}

/* If the signature covers the message, another message makes it somebody else's. */
static void message_replaced(struct side *s)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_UPDATE);
    struct buffer b = {0};
    f.message = (struct bytes){.data = (const uint8_t *)"abc", .size = 3};
    forge(&f, &b);
    b.data[ping_signature(s)] = 'x';
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static void ping_and_a_byte(struct side *s)
{
    feed(s, DDRP_PING, "", 1);
}

static void request_and_a_byte(struct side *s)
{
    feed(s, DDRP_PEER_REQ, "", 1);
}

static void share_and_more(struct side *s)
{
    feed(s, DDRP_PEER_RES, "\0\0\0", 3);
}

static void long_length(struct side *s)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_PING);
    struct buffer b = {0};
    uint8_t digits[2] = {0x80, 0x00};
    forge(&f, &b);
    size_t at = ping_signature(s) - 1;
    buffer_add(&s->in, b.data, at);
    buffer_add(&s->in, digits, sizeof digits);
    side_feed(s, b.data + at + 1, b.used - at - 1);
    buffer_fini(&b);
}

static void long_count(struct side *s)
{
    const char *text = s->protocol == &fnd_protocol ? "8000" : "008000";
    struct buffer b = {0};
    add_hex(&b, text);
    feed(s, DDRP_PEER_RES, b.data, b.used);
    buffer_fini(&b);
}

static void count_too_low(struct side *s)
{
    feed_share(s, 2, 1, 2);
}

static void count_too_high(struct side *s)
{
    feed_share(s, 1, 2, 1);
}

static void count_of_256(struct side *s)
{
    feed_share(s, 256, 0, 256);
}

static void share_of_255(struct side *s)
{
    feed_share(s, 255, 255, 255);
}

static void share_of_1024(struct side *s)
{
    feed_share(s, 1024, 0, 1024);
}

static void share_of_1025(struct side *s)
{
    feed_share(s, 1025, 1, 1025);
}

static void share_of_all(struct side *s)
{
    struct buffer b = {0};
    ddrp_put_uint(&b, 0xff, s->protocol == &ddrp_protocol);
    ddrp_put_uvarint(&b, UINT64_MAX);
    feed(s, DDRP_PEER_RES, b.data, b.used);
    buffer_fini(&b);
}

static void feed_hello(struct side *s, const char *secret, uint32_t version, const uint8_t *remote_nonce)
{
    struct forgery f = forgery(s->protocol, secret, DDRP_HELLO);
    uint8_t bytes[DDRP_SECRET_BYTES], nonce[DDRP_NONCE_BYTES] = {1, 2, 3};
    struct buffer b = {0};
    hex_to(bytes, alice);
    struct ddrp_key key;
    assert_true(ddrp_key_open(&key, bytes));
    struct ddrp_hello h = {.version = version,
                           .local_nonce = nonce,
                           .remote_nonce = remote_nonce,
                           .public_key = key.public_key,
                           .external_port = 9097};
    ddrp_hello_write(f.revision, &h, "test", &b);
    f.message = bytes_of(&b);
    side_feed_forgery(s, &f);
    buffer_fini(&b);
    ddrp_key_close(&key);
}

static void hello(struct side *s)
{
    feed_hello(s, alice, 1, zero);
}

static void hello_by_another(struct side *s)
{
    feed_hello(s, carol, 1, zero);
}

/* All that is wrong with it is its key: it is no point of the curve. */
static void hello_of_no_key(struct side *s)
{
    struct forgery f = forgery(s->protocol, alice, DDRP_HELLO);
    uint8_t nonce[DDRP_NONCE_BYTES] = {1, 2, 3}, no_point[DDRP_PUBLIC_KEY_BYTES] = {0x02};
    struct buffer b = {0};
    memset(no_point + 1, 0xff, sizeof no_point - 1);
    struct ddrp_hello h = {.version = 1,
                           .local_nonce = nonce,
                           .remote_nonce = zero,
                           .public_key = no_point,
                           .external_port = 9097};
    ddrp_hello_write(f.revision, &h, "test", &b);
    f.message = bytes_of(&b);
    side_feed_forgery(s, &f);
    buffer_fini(&b);
}

static void acknowledgement(struct side *s)
{
    feed(s, DDRP_HELLO_ACK, s->nonce, sizeof s->nonce);
}

static void test_later(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"wrong magic", wrong_magic, ENDED, ENDED},
        {"first byte wrong", first_byte_wrong, ENDED, ENDED},
        {"length over the limit", length_over_limit, ENDED, ENDED},
        {"length above 2^64", length_overflow, ENDED, ENDED},
        {"length without end", length_endless, ENDED, ENDED},
        {"share cut", share_cut, ENDED, ENDED},
        {"share without a count", share_empty, ENDED, ENDED},
        {"HelloAck cut", ack_cut, ENDED, ENDED},
        {"Hello cut", hello_cut, ENDED, ENDED},
        {"unknown type", unknown_type, IGNORED, ENDED},
        {"unknown high type", unknown_high_type, IGNORED, ENDED},
        {"NilUpdate", nil_update, ACCEPTED, ACCEPTED}, /* 4 is an Update in pip */
        {"opaque", opaque, ACCEPTED, ACCEPTED},
        {"opaque and empty", opaque_empty, ACCEPTED, ACCEPTED},
        {"31 s old", old_31_s, ENDED, ACCEPTED},
        {"30 s old", old_30_s, ACCEPTED, ACCEPTED},
        {"31 s early", early_31_s, ENDED, ACCEPTED},
        {"30 s early", early_30_s, ACCEPTED, ACCEPTED},
        {"two hours old", old_two_hours, ENDED, ACCEPTED},
        {"older than two hours", older_than_two_hours, ENDED, ENDED},
        {"two hours early", early_two_hours, ENDED, ACCEPTED},
        {"earlier than two hours", earlier_than_two_hours, ENDED, ENDED},
        {"time 0", time_zero, ENDED, ENDED},
        {"header below 27", header_too_low, ENDED, ENDED},
        {"header above 34", header_too_high, ENDED, ENDED},
        {"header 29", header_29, ENDED, ENDED},
        {"r zero", r_zero, ENDED, ENDED},
        {"s zero", s_zero, ENDED, ENDED},
        {"r the order", r_order, ENDED, ENDED},
        {"s the order", s_order, ENDED, ENDED},
        {"header of a compressed key", header_of_compressed, ACCEPTED, ACCEPTED},
        {"high s", high_s, ACCEPTED, ACCEPTED},
        {"signed by another", signed_by_another, COUNTED, ENDED},
        {"unknown type, signed by another", unknown_by_another, COUNTED, ENDED},
        {"Hello signed by another", hello_by_another, COUNTED, ENDED},
        {"message replaced", message_replaced, COUNTED, ACCEPTED},
        {"bytes after a Ping", ping_and_a_byte, ENDED, ACCEPTED},
        {"bytes after a PeerReq", request_and_a_byte, ENDED, ACCEPTED},
        {"bytes after a PeerRes", share_and_more, ENDED, ACCEPTED},
        {"over-long length", long_length, ENDED, ACCEPTED},
        {"over-long count", long_count, ENDED, ACCEPTED},
        {"share of 255", share_of_255, ACCEPTED, ACCEPTED},
        {"share of 1024", share_of_1024, ENDED, ACCEPTED},
        {"share of 1025", share_of_1025, ENDED, ENDED},
        {"share of 2^64-1", share_of_all, ENDED, ENDED},
        {"Hello", hello, IGNORED, IGNORED},
        {"Hello of no key", hello_of_no_key, ENDED, ENDED},
        {"HelloAck", acknowledgement, IGNORED, IGNORED},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i % 2]);
        expect_row(&rows[i / 2], &b, END_BAD_INPUT);
        side_close(&a);
        side_close(&b);
    }
}

/* Timestamps are whole seconds, our clock is not: what is a part of a second beyond the window is beyond it.
 */
static void test_parts_of_a_second(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int64_t window_s = revision_of(both[i])->window_s;
        for (int64_t off_ms = -1; off_ms <= 1; off_ms++) {
            for (int early = 0; early < 2; early++) {
                struct side a, b;
                side_pair(&a, &b, both[i]);
                b.wall_ms = (int64_t)NOW_S * 1000 + off_ms;
                feed_at(&b, (uint32_t)(early ? NOW_S + window_s : NOW_S - window_s));
                assert_int_equal(b.over, early ? off_ms < 0 : off_ms > 0);
                side_close(&a);
                side_close(&b);
            }
        }
    }
}

/* How long the application's messages may be says nothing about the node's own. */
static void test_control_messages_have_their_own_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i]);
        b.node.limits.parcel_bytes = 10;
        feed_share(&b, 120, 120, 120);
        assert_false(b.over);
        assert_int_equal(known_peers_of(b.parcel).n, 120);
        opaque(&b);
        expect_ended(&b, END_BAD_INPUT);
        side_close(&a);
        side_close(&b);
    }
}

static void test_counts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"peer_count below the array's", count_too_low, ENDED, NEVER},
        {"peer_count above the array's", count_too_high, ENDED, NEVER},
        {"peer_count of 256 entries", count_of_256, ENDED, ACCEPTED},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i % 2]);
        expect_row(&rows[i / 2], &b, END_BAD_INPUT);
        side_close(&a);
        side_close(&b);
    }
}

/* --- in the handshake --- */

static void test_instead_of_hello(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Ping", old_30_s, ENDED, ENDED},
        {"HelloAck", acknowledgement, ENDED, ENDED},
        {"opaque", opaque, ENDED, ENDED},
        {"unknown type", unknown_type, IGNORED, ENDED},
        {"Hello cut", hello_cut, ENDED, ENDED},
        {"signed by another", hello_by_another, ENDED, ENDED},
        {"Hello of no key", hello_of_no_key, ENDED, ENDED},
        {"wrong magic", wrong_magic, ENDED, ENDED},
        {"length over the limit", length_over_limit, ENDED, ENDED},
        {"time 0", time_zero, ENDED, ENDED},
        {"r zero", r_zero, ENDED, ENDED},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        side_start(&s, both[i % 2], DIRECTION_INCOMING, bob);
        expect_row(&rows[i / 2], &s, END_HANDSHAKE);
        assert_int_equal(buffer_left(&s.out), 0);
        side_close(&s);
        side_start(&s, both[i % 2], DIRECTION_OUTGOING, bob);
        expect_row(&rows[i / 2], &s, END_HANDSHAKE);
        side_close(&s);
    }
}

static void test_instead_of_ack(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Ping", old_30_s, ENDED, ENDED},
        {"Hello", hello, ENDED, ENDED},
        {"unknown type", unknown_type, IGNORED, ENDED},
        {"unknown type, signed by another", unknown_by_another, ENDED, ENDED},
        {"HelloAck cut", ack_cut, ENDED, ENDED},
        {"s zero", s_zero, ENDED, ENDED},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        side_start(&s, both[i % 2], DIRECTION_INCOMING, bob);
        hello(&s);
        assert_true(buffer_left(&s.out) > 0);
        expect_row(&rows[i / 2], &s, END_HANDSHAKE);
        assert_int_equal(s.ready, 0);
        side_close(&s);
    }
}

static void expect_version(const struct protocol *p, uint32_t version, bool fits)
{
    struct side s;
    side_start(&s, p, DIRECTION_INCOMING, bob);
    feed_hello(&s, alice, version, zero);
    if (!fits) {
        expect_ended(&s, END_VERSION);
    } else {
        assert_false(s.over);
    }
    assert_int_equal(buffer_left(&s.out) > 0, fits);
    side_close(&s);
}

static void test_versions(void **state)
{
    (void)state;
    expect_version(&ddrp_protocol, 0, false);
    expect_version(&ddrp_protocol, 1, true);
    expect_version(&ddrp_protocol, 2, false);
    expect_version(&fnd_protocol, 0, true);
    expect_version(&fnd_protocol, 1, true);
    expect_version(&fnd_protocol, 2, false);
    expect_version(&fnd_protocol, UINT32_MAX, false);
}

static void test_nonces(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side s;
        side_start(&s, both[i], DIRECTION_OUTGOING, bob);
        feed_hello(&s, alice, 1, zero);
        expect_ended(&s, END_HANDSHAKE);
        side_close(&s);
        side_start(&s, both[i], DIRECTION_OUTGOING, bob);
        feed_hello(&s, alice, 1, s.nonce);
        assert_int_equal(s.ready, 1);
        side_close(&s);
        side_start(&s, both[i], DIRECTION_INCOMING, bob);
        hello(&s);
        feed(&s, DDRP_HELLO_ACK, zero, sizeof zero);
        expect_ended(&s, END_HANDSHAKE);
        side_close(&s);
        side_start(&s, both[i], DIRECTION_INCOMING, bob);
        hello(&s);
        acknowledgement(&s);
        assert_int_equal(s.ready, 1);
        side_close(&s);
    }
}

/* Each takes as long as a signature. */
static void test_handshake_envelopes(void **state)
{
    struct side s;
    (void)state;
    side_start(&s, &ddrp_protocol, DIRECTION_INCOMING, bob);
    for (int i = 0; i < 3; i++) {
        unknown_type(&s);
    }
    hello(&s);
    for (int i = 0; i < 4; i++) {
        unknown_type(&s);
    }
    assert_int_equal(s.ignored, 7);
    assert_false(s.over);
    unknown_type(&s);
    assert_int_equal(s.ignored, 7);
    expect_ended(&s, END_HANDSHAKE);
    side_close(&s);
}

/* What comes before the session is open is bounded, though each part of it may be ignored. */
static void test_handshake_bytes(void **state)
{
    (void)state;
    struct side s;
    side_start(&s, &ddrp_protocol, DIRECTION_INCOMING, bob);
    s.node.limits.handshake_bytes = 200;
    unknown_type(&s);
    unknown_type(&s);
    assert_int_equal(s.ignored, 2);
    hello(&s);
    expect_ended(&s, END_HANDSHAKE);
    side_close(&s);
}

/* --- entries of shares --- */

static void feed_entry(struct side *s, const char *ip, const char *port, const char *id)
{
    bool ports = revision_of(s->protocol)->share_has_ports;
    struct buffer b = {0};
    add_hex(&b, ports ? "0101" : "01");
    add_hex(&b, ip);
    add_hex(&b, ports ? port : "");
    add_hex(&b, id);
    feed(s, DDRP_PEER_RES, b.data, b.used);
    buffer_fini(&b);
}

/* How many entries are handed on: bit 0 for pip, bit 1 for fnd, both with any_port or without. */
static void expect_entry(const char *ip, const char *port, const char *id, bool any_port, unsigned taken)
{
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i]);
        b.node.any_port = any_port;
        feed_entry(&b, ip, port, id);
        assert_false(b.over);
        assert_int_equal(known_peers_of(b.parcel).n, taken >> i & 1);
        side_close(&a);
        side_close(&b);
    }
}

#define IP_GOOD "00000000000000000000ffff01020304"
#define ID_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

static void test_zero_fields(void **state)
{
    (void)state;
    expect_entry(IP_GOOD, "2389", bob, false, 3);
    expect_entry("00000000000000000000000000000000", "2389", bob, false, 0);
    expect_entry("00000000000000000000ffff00000000", "2389", bob, false, 0);
    expect_entry(IP_GOOD, "0000", bob, false, 2);
    expect_entry(IP_GOOD, "0000", bob, true, 2);
    expect_entry(IP_GOOD, "2389", ID_ZERO, false, 2);
    expect_entry("20010db8000000000000000000000001", "2389", bob, true, 0);
}

static void test_other_ports(void **state)
{
    (void)state;
    expect_entry(IP_GOOD, "270f", bob, false, 2);
    expect_entry(IP_GOOD, "270f", bob, true, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_parts_of_a_second),
        cmocka_unit_test(test_control_messages_have_their_own_limit),
        promise_test("D11", test_counts),
        cmocka_unit_test(test_instead_of_hello),
        cmocka_unit_test(test_instead_of_ack),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_nonces),
        cmocka_unit_test(test_handshake_bytes),
        cmocka_unit_test(test_handshake_envelopes),
        promise_test("D14", test_zero_fields),
        promise_test("D16", test_other_ports),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
