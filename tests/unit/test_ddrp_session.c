/* Sessions that talk with each other, in both revisions, under a clock that the test turns. */
#include "tests/unit/ddrp_fixture.h"
#include "tests/unit/promise.h"

/* --- meeting --- */

static void expect_peer(const struct side *s, const char *secret, uint16_t port)
{
    uint8_t bytes[DDRP_SECRET_BYTES];
    hex_to(bytes, secret);
    struct peer_id id;
    assert_true(ddrp_identity(bytes, &id));
    assert_true(peer_id_equal(&s->peer.id, &id));
    char hex[PEER_ID_TEXT_MAX];
    assert_string_equal(s->peer.hash, peer_id_format(&id, hex, sizeof hex));
    hex[16] = '\0';
    assert_true(s->peer.node_id == strtoull(hex, NULL, 16));
    assert_int_equal(s->peer.version, 1);
    assert_false(s->peer.asked);
    struct endpoint at;
    assert_true(endpoint_parse(&at, "10.0.0.7:1"));
    at.port = port;
    assert_true(endpoint_equal(&s->peer.endpoint, &at));
}

static void test_meeting(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 100, SIZE_MAX};
    for (size_t i = 0; i < 8; i++) {
        struct side a;
        side_start(&a, both[i % 2], DIRECTION_OUTGOING, alice);
        struct side b;
        side_start(&b, both[i % 2], DIRECTION_INCOMING, bob);
        converse(&a, &b, steps[i / 2]);
        assert_int_equal(a.ready, 1);
        assert_int_equal(b.ready, 1);
        expect_peer(&a, bob, 40123); /* where it was dialed */
        expect_peer(&b, alice, 9097);
        side_close(&a);
        side_close(&b);
    }
}

/* A port that is claimed counts only if a Hello has one. */
static void test_claimed_port(void **state)
{
    (void)state;
    static const uint16_t ports[] = {0, 1234};
    for (size_t i = 0; i < 4; i++) {
        struct side a;
        side_prepare(&a, both[i % 2], alice);
        a.node.listen_port = ports[i / 2];
        struct session_config config = test_config(&a, DIRECTION_OUTGOING);
        side_open(&a, &config);
        struct side b;
        side_start(&b, both[i % 2], DIRECTION_INCOMING, bob);
        converse(&a, &b, SIZE_MAX);
        expect_peer(&b, alice, both[i % 2] == &fnd_protocol ? 9097 : ports[i / 2]);
        side_close(&a);
        side_close(&b);
    }
}

/* A proxy was given a host name: nobody knows where the peer is. */
static void test_proxied(void **state)
{
    (void)state;
    const struct address to = {.host = "abc.onion", .port = 258};
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_prepare(&a, both[i], alice);
        struct session_config config = test_config(&a, DIRECTION_OUTGOING);
        config.proxied = &to;
        config.remote = (struct endpoint){.port = 0};
        side_open(&a, &config);
        side_start(&b, both[i], DIRECTION_INCOMING, bob);
        converse(&a, &b, SIZE_MAX);
        assert_int_equal(a.met, 1);
        assert_int_equal(a.peer.endpoint.port, 0);
        side_close(&a);
        side_close(&b);
    }
}

/* Nobody believes the address that a Hello claims: a peer is where its socket is. */
static void test_claimed_address(void **state)
{
    (void)state;
    struct side a, b;
    struct ddrp_envelope e;
    struct ddrp_hello h;
    struct forgery f = forgery(&ddrp_protocol, alice, DDRP_HELLO);
    struct buffer message = {0};
    side_start(&a, &ddrp_protocol, DIRECTION_OUTGOING, alice);
    side_start(&b, &ddrp_protocol, DIRECTION_INCOMING, bob);
    struct bytes said = bytes_of(&a.out);
    assert_int_equal(ddrp_envelope_read(&ddrp_pip, said, DDRP_MESSAGE_MAX, &e), FRAMING_WHOLE);
    assert_true(ddrp_hello_read(&ddrp_pip, e.message, &h));
    assert_true(ip_parse(&h.external_ip, "192.0.2.99"));
    h.external_port = 1234;
    ddrp_hello_write(&ddrp_pip, &h, "test", &message);
    f.message = bytes_of(&message);
    side_feed_forgery(&b, &f);
    carry(&b, &a, SIZE_MAX);
    buffer_consume(&a.out, said.size); /* the Hello that made no claim */
    carry(&a, &b, SIZE_MAX);
    assert_int_equal(b.ready, 1);
    expect_peer(&b, alice, 1234);
    buffer_fini(&message);
    side_close(&a);
    side_close(&b);
}

static void expect_hello(struct side *s, const uint8_t *remote_nonce, uint16_t port, const char *agent)
{
    const struct ddrp_revision *r = revision_of(s->protocol);
    struct ddrp_envelope e;
    struct buffer again = {0};
    struct bytes out = {.data = s->out.data, .size = s->out.used};
    assert_int_equal(ddrp_envelope_read(r, out, DDRP_MESSAGE_MAX, &e), FRAMING_WHOLE);
    assert_int_equal(e.size, out.size);
    struct ddrp_hello h;
    assert_true(ddrp_hello_read(r, e.message, &h));
    assert_memory_equal(h.local_nonce, s->nonce, DDRP_NONCE_BYTES);
    assert_memory_equal(h.remote_nonce, remote_nonce, DDRP_NONCE_BYTES);
    assert_true(sodium_is_zero(h.external_ip.bytes, sizeof h.external_ip.bytes));
    assert_int_equal(h.external_port, r->hello_has_endpoint ? port : 0);
    ddrp_hello_write(r, &h, agent, &again);
    assert_int_equal(again.used, e.message.size);
    assert_memory_equal(again.data, e.message.data, again.used);
    buffer_fini(&again);
}

static void test_hellos(void **state)
{
    (void)state;
    static const uint8_t zero[DDRP_NONCE_BYTES];
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_prepare(&a, both[i], alice);
        a.node.listen_port = 1234;
        struct session_config config = test_config(&a, DIRECTION_OUTGOING);
        side_open(&a, &config);
        expect_hello(&a, zero, 1234, "kith/" KITH_VERSION);
        struct side b;
        side_start(&b, both[i], DIRECTION_INCOMING, bob);
        assert_int_equal(buffer_left(&b.out), 0);
        carry(&a, &b, SIZE_MAX);
        expect_hello(&b, a.nonce, 9097, both[i] == &fnd_protocol ? "" : "kith/" KITH_VERSION);
        side_close(&a);
        side_close(&b);
    }
}

/* Alice, who has dialed, is so far ahead. */
static void expect_clocks(const struct protocol *p, int64_t ahead_s, bool fits)
{
    struct side a, b;
    side_start(&b, p, DIRECTION_INCOMING, bob);
    side_prepare(&a, p, alice);
    a.wall_ms += ahead_s * 1000;
    struct session_config config = test_config(&a, DIRECTION_OUTGOING);
    side_open(&a, &config);
    converse(&a, &b, SIZE_MAX);
    const struct peer_clock *told = fits ? &b.peer.clock : &b.last.end.clock;
    assert_true(told->is_told);
    assert_int_equal(told->ahead_ms, ahead_s * 1000 + 500);
    if (fits) {
        assert_true(a.peer.clock.is_told);
        assert_int_equal(a.peer.clock.ahead_ms, -ahead_s * 1000 + 500);
    } else {
        expect_ended(&b, END_CLOCK);
    }
    side_close(&a);
    side_close(&b);
}

static void each_learns_the_clock_of_the_other(void **state)
{
    (void)state;
    expect_clocks(&ddrp_protocol, 30, true);
    expect_clocks(&ddrp_protocol, 31, false);
    expect_clocks(&ddrp_protocol, -31, false);
    expect_clocks(&fnd_protocol, 7200, true);
    expect_clocks(&fnd_protocol, -7201, false);
}

static void test_revisions_do_not_meet(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_start(&a, both[i], DIRECTION_OUTGOING, alice);
        struct side b;
        side_start(&b, both[1 - i], DIRECTION_INCOMING, bob);
        converse(&a, &b, SIZE_MAX);
        expect_ended(&b, END_HANDSHAKE);
        side_close(&a);
        side_close(&b);
    }
}

static void expect_as(const struct protocol *p, const char *expected, bool is_there)
{
    struct side a;
    side_prepare(&a, p, alice);
    struct node_config other = test_node(p, expected);
    struct session_config config = test_config(&a, DIRECTION_OUTGOING);
    config.expected = other.id;
    side_open(&a, &config);
    struct side b;
    side_start(&b, p, DIRECTION_INCOMING, bob);
    converse(&a, &b, SIZE_MAX);
    if (is_there) {
        assert_int_equal(a.ready + b.ready, 2);
    } else {
        expect_ended(&a, END_IDENTITY);
        assert_int_equal(a.ready + b.ready, 0);
    }
    side_close(&a);
    side_close(&b);
}

static void test_expected_identity(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_as(both[i], bob, true);
        expect_as(both[i], carol, false);
    }
}

/* Both ends see it: the one that dialed is the one that can remember the address. */
static void test_ourselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_start(&a, both[i], DIRECTION_OUTGOING, alice);
        struct side b;
        side_start(&b, both[i], DIRECTION_INCOMING, alice);
        converse(&a, &b, SIZE_MAX);
        expect_ended(&a, END_LOOPBACK);
        expect_ended(&b, END_LOOPBACK);
        assert_int_equal(a.ready + b.ready, 0);
        side_close(&a);
        side_close(&b);
    }
}

static void test_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_start(&a, both[i], DIRECTION_OUTGOING, alice);
        struct side b;
        side_prepare(&b, both[i], bob);
        struct session_config config = test_config(&b, DIRECTION_INCOMING);
        config.refuse = true;
        side_open(&b, &config);
        carry(&a, &b, SIZE_MAX);
        assert_int_equal(b.protocol->session->deadline(&b.session), b.now_ms);
        side_tick(&b, 0);
        expect_ended(&b, END_REFUSED);
        assert_int_equal(buffer_left(&b.out), 0);
        side_close(&a);
        side_close(&b);
    }
}

static void test_no_identity(void **state)
{
    (void)state;
    struct side s;
    side_prepare(&s, &ddrp_protocol, alice);
    static const uint8_t none[IDENTITY_MAX];
    s.node.secret = none;
    struct session_config config = test_config(&s, DIRECTION_OUTGOING);
    assert_int_equal(ddrp_protocol.session->open(&s.session, &config, 0, &s.out), -1);
    buffer_fini(&s.out);
}

/* --- talking --- */

static struct parcel *payload(size_t size)
{
    struct parcel *p = parcel_new(NULL, size);
    for (size_t i = 0; i < size; i++) {
        p->bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    return p;
}

/* Whom we have dialed we tell nothing before somebody consents, for the time of a handshake. */
static void test_consent(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_prepare(&a, both[i], alice);
        a.hesitates = true;
        struct session_config config = test_config(&a, DIRECTION_OUTGOING);
        side_open(&a, &config);
        struct side b;
        side_start(&b, both[i], DIRECTION_INCOMING, bob);
        converse(&a, &b, SIZE_MAX);
        assert_int_equal(a.met, 1);
        assert_int_equal(b.met, 1);
        assert_true(peer_id_equal(&a.peer.id, &b.node.id));
        assert_true(peer_id_equal(&b.peer.id, &a.node.id));
        side_wait(&a, 4000);
        assert_int_equal(buffer_left(&a.out), 0);
        assert_int_equal(a.ready + b.ready, 0);
        side_consent(&a);
        converse(&a, &b, SIZE_MAX);
        assert_int_equal(a.ready, 1);
        assert_int_equal(b.ready, 1);
        side_close(&a);
        side_close(&b);
    }
}

static void test_consent_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct side a, b;
    side_prepare(&a, &fnd_protocol, alice);
    a.hesitates = true;
    struct session_config config = test_config(&a, DIRECTION_OUTGOING);
    side_open(&a, &config);
    side_start(&b, &fnd_protocol, DIRECTION_INCOMING, bob);
    converse(&a, &b, SIZE_MAX);
    side_wait(&a, 14999);
    assert_false(a.over);
    side_wait(&a, 1);
    expect_ended(&a, END_HANDSHAKE_TIMEOUT);
    side_close(&a);
    side_close(&b);
}

static void expect_carried(struct side *from, struct side *to, uint32_t kind, size_t size)
{
    struct parcel *p = payload(size);
    uint32_t before = to->messages;
    assert_int_equal(side_say(from, kind, p), 0);
    converse(from, to, 60000);
    assert_int_equal(to->messages, before + 1);
    assert_int_equal(to->last.message.kind, kind);
    assert_int_equal(to->parcel->size, size);
    assert_memory_equal(to->parcel->bytes, p->bytes, size);
    parcel_release(p);
}

static void test_kinds(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 127, 128, BUFFER_INLINE_MAX, 20000, DDRP_MESSAGE_MAX};
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i]);
        for (const struct protocol_kind *k = both[i]->kinds; k->name; k++) {
            expect_carried(&a, &b, k->kind, 100);
            expect_carried(&b, &a, k->kind, 100);
        }
        for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
            expect_carried(&a, &b, DDRP_UPDATE, sizes[n]);
        }
        side_close(&a);
        side_close(&b);
    }
}

static void expect_unsayable(struct side *s, uint32_t kind, size_t size)
{
    struct parcel *p = payload(size);
    assert_int_equal(side_say(s, kind, p), -1);
    assert_int_equal(buffer_left(&s->out), 0);
    parcel_release(p);
}

/* Whatever the protocol allows. */
static void test_payload_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t size = 10; size <= 11; size++) {
            struct side a, b;
            side_pair(&a, &b, both[i]);
            b.node.limits.parcel_bytes = 10;
            struct parcel *p = parcel_new("hello, bob!", size);
            assert_int_equal(side_say(&a, DDRP_UPDATE, p), 0);
            parcel_release(p);
            converse(&a, &b, SIZE_MAX);
            if (size == 10) {
                assert_int_equal(b.messages, 1);
            } else {
                expect_ended(&b, END_BAD_INPUT);
            }
            side_close(&a);
            side_close(&b);
        }
    }
}

static void test_unsayable(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_start(&a, both[i], DIRECTION_INCOMING, alice);
        expect_unsayable(&a, DDRP_UPDATE, 1); /* not yet */
        side_close(&a);
        struct side b;
        side_pair(&a, &b, both[i]);
        expect_unsayable(&a, DDRP_UPDATE, DDRP_MESSAGE_MAX + 1);
        expect_unsayable(&a, DDRP_PEER_REQ, 1);
        expect_unsayable(&a, DDRP_PING, 1);
        expect_unsayable(&a, DDRP_KINDS, 1);
        expect_unsayable(&a, UINT32_MAX, 1);
        a.node.limits.parcel_bytes = 10;
        expect_unsayable(&a, DDRP_UPDATE, 11);
        assert_int_equal(side_say(&a, DDRP_PEER_RES, NULL), -1);
        side_close(&a);
        side_close(&b);
    }
    struct side a, b;
    side_pair(&a, &b, &ddrp_protocol);
    expect_unsayable(&a, DDRP_NIL_UPDATE, 1);
    side_close(&a);
    side_close(&b);
}

static void add_peer(struct known_peers *share, size_t i, const char *endpoint)
{
    assert_true(endpoint_parse(&share->list[i].endpoint, endpoint));
    share->list[i].id.size = DDRP_ID_BYTES;
    memset(share->list[i].id.bytes, (int)i + 1, DDRP_ID_BYTES);
}

static void test_shares(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct known_peers share;
        struct parcel *p = known_peers_new(2, &share);
        add_peer(&share, 0, "1.2.3.4:9097");
        add_peer(&share, 1, "5.6.7.8:9097");
        struct side a;
        struct side b;
        side_pair(&a, &b, both[i]);
        assert_int_equal(side_say(&a, DDRP_PEER_REQ, NULL), 0);
        assert_int_equal(side_say(&b, DDRP_PEER_RES, p), 0);
        carry(&a, &b, SIZE_MAX);
        assert_int_equal(b.last.message.kind, DDRP_PEER_REQ);
        assert_null(b.parcel);
        carry(&b, &a, SIZE_MAX);
        assert_int_equal(a.last.message.kind, DDRP_PEER_RES);
        assert_int_equal(a.parcel->size, p->size);
        assert_memory_equal(a.parcel->bytes, p->bytes, p->size);
        parcel_release(p);
        p = known_peers_new(DDRP_SHARE_MAX + 1, &share);
        assert_int_equal(side_say(&a, DDRP_PEER_RES, p), -1);
        parcel_release(p);
        side_close(&a);
        side_close(&b);
    }
}

/* --- time --- */

static size_t count_pings(struct side *s)
{
    size_t pings = buffer_left(&s->out) / (s->protocol == &fnd_protocol ? 76 : 75);
    buffer_consume(&s->out, buffer_left(&s->out));
    return pings;
}

static void expect_pings_alive(struct side *s)
{
    for (int second = 1; second <= 60; second++) {
        struct forgery f = forgery(s->protocol, alice, DDRP_PING);
        side_wait(s, 1000);
        assert_int_equal(count_pings(s), second % 5 == 0);
        f.timestamp = NOW_S + (uint32_t)second;
        side_feed_forgery(s, &f);
    }
    assert_false(s->over);
    assert_int_equal(s->good, 60);
    assert_int_equal(count_pings(s), 0); /* nothing answers a ping */
}

/* Pings go out each five seconds, however much the other side says, and keep it from giving us up. */
static void test_pings(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i]);
        expect_pings_alive(&b);
        side_close(&a);
        side_close(&b);
        side_pair(&a, &b, both[i]);
        for (int second = 0; second < 300; second++) {
            side_wait(&a, 1000);
            side_wait(&b, 1000);
            converse(&a, &b, SIZE_MAX);
        }
        assert_int_equal(a.good, 60);
        assert_int_equal(b.good, 60);
        assert_false(a.over || b.over);
        side_close(&a);
        side_close(&b);
    }
}

static void expect_silent_after(struct side *s, int64_t ms)
{
    side_wait(s, ms - 1);
    assert_false(s->over);
    side_wait(s, 1);
    expect_ended(s, END_SILENT);
}

static void test_silence(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i]);
        side_wait(&a, 20000);
        expect_silent_after(&b, 30000);
        carry(&a, &b, SIZE_MAX); /* too late */
        side_close(&b);
        side_close(&a);
        side_pair(&a, &b, both[i]);
        side_wait(&a, 5000);
        side_wait(&b, 20000);
        carry(&a, &b, SIZE_MAX);
        expect_silent_after(&b, 30000);
        side_close(&a);
        side_close(&b);
    }
}

/* What is ignored is a sign of life only if it is the peer's own. */
static void test_silence_and_ignored(void **state)
{
    (void)state;
    for (int forged = 0; forged < 2; forged++) {
        struct forgery f = forgery(&ddrp_protocol, forged ? carol : alice, DDRP_PING);
        f.type = 0x77;
        struct side a;
        struct side b;
        side_pair(&a, &b, &ddrp_protocol);
        side_wait(&b, 20000);
        f.timestamp += 20;
        side_feed_forgery(&b, &f);
        assert_int_equal(forged ? b.bad : b.ignored, 1);
        expect_silent_after(&b, forged ? 10000 : 30000);
        side_close(&a);
        side_close(&b);
    }
}

static void test_deaf(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, &ddrp_protocol);
    b.now_ms += 29999;
    side_tick(&b, TICK_DEAF);
    assert_false(b.over);
    expect_silent_after(&b, 30000);
    side_close(&a);
    side_close(&b);
}

static void expect_timeout(struct side *s, int64_t ms)
{
    side_wait(s, ms - 1);
    assert_false(s->over);
    side_wait(s, 1);
    expect_ended(s, END_HANDSHAKE_TIMEOUT);
    assert_int_equal(s->ready, 0);
}

static void test_handshake_timeouts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side a;
        side_start(&a, both[i], DIRECTION_OUTGOING, alice);
        struct side b;
        side_start(&b, both[i], DIRECTION_INCOMING, bob);
        expect_timeout(&b, 5000);
        side_close(&b);
        side_start(&b, both[i], DIRECTION_INCOMING, bob);
        side_wait(&b, 1500);
        carry(&a, &b, SIZE_MAX);
        expect_timeout(&b, 3500); /* its Hello gives it no more time for the HelloAck */
        expect_timeout(&a, 2000);
        side_close(&a);
        side_close(&b);
        side_prepare(&b, both[i], bob);
        b.node.timings.handshake = 700;
        struct session_config config = test_config(&b, DIRECTION_INCOMING);
        side_open(&b, &config);
        expect_timeout(&b, 700);
        side_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_consent_is_not_waited_for_for_ever),
        cmocka_unit_test(test_meeting),
        cmocka_unit_test(test_claimed_port),
        cmocka_unit_test(test_proxied),
        promise_test("D12", test_claimed_address),
        promise_test("D12", test_hellos),
        cmocka_unit_test(each_learns_the_clock_of_the_other),
        cmocka_unit_test(test_revisions_do_not_meet),
        cmocka_unit_test(test_expected_identity),
        cmocka_unit_test(test_ourselves),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_no_identity),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_payload_limit),
        cmocka_unit_test(test_unsayable),
        promise_test("D7", test_shares),
        promise_test("D1 D4", test_pings),
        promise_test("D3", test_silence),
        promise_test("D3", test_silence_and_ignored),
        cmocka_unit_test(test_deaf),
        cmocka_unit_test(test_handshake_timeouts),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
