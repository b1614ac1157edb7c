/* Sessions that meet, talk and part: each row of docs/protocols/mintlayer.md, sections 3, 6, 7 and 9. */
#include "tests/unit/dice.h"
#include "tests/unit/mintlayer_fixture.h"
#include "tests/unit/promise.h"

enum {
    ALL = MINTLAYER_TRANSACTIONS | MINTLAYER_BLOCKS | MINTLAYER_ADDRESSES,
    ADDRESSES = MINTLAYER_ADDRESSES
};

#define ID "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* --- meeting --- */

static struct mintlayer_hello a_hello(bool is_ack)
{
    return (struct mintlayer_hello){.is_ack = is_ack,
                                    .version = 3,
                                    .network = 0xb0075fa0,
                                    .services = ALL,
                                    .agent = "other",
                                    .time_s = NOW_S,
                                    .nonce = is_ack ? 0 : 77};
}

static void side_feed_hello(struct side *s, const struct mintlayer_hello *h)
{
    mintlayer_put_handshake(&s->in, h);
    side_read(s);
}

static void test_meeting(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 100, SIZE_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct side a, b;
        side_start(&a, DIRECTION_OUTGOING, ALL);
        side_start(&b, DIRECTION_INCOMING, ALL);
        expect_silence(&b);
        converse(&a, &b, steps[i]);
        assert_int_equal(a.ready, 1);
        assert_int_equal(b.ready, 1);
        assert_int_equal(a.met, 0);
        assert_int_equal(b.met, 1);
        assert_string_equal(a.peer.hash, "203.0.113.7:3031");
        assert_int_equal(a.peer.endpoint.port, 3031);
        assert_int_equal(b.peer.endpoint.port, 0); /* nobody says where a dialer listens */
        assert_int_equal(a.peer.version, 3);
        assert_true(a.peer.offers == ALL && b.peer.offers == ALL);
        assert_int_equal(a.peer.sees.port, 3031);
        assert_true(b.peer.nonce == 0x0123456789abcdef);
        assert_true(a.peer.nonce == 0);
        side_close(&a);
        side_close(&b);
    }
}

static void test_hello(void **state)
{
    (void)state;
    struct side a, b;
    struct mintlayer_message m;
    side_start(&a, DIRECTION_OUTGOING, ALL);
    a.wall_ms += 999;
    assert_true(side_takes(&a, &m));
    assert_int_equal(m.kind, MINTLAYER_HANDSHAKE);
    assert_false(m.hello.is_ack);
    assert_int_equal(m.hello.version, 3);
    assert_int_equal(m.hello.network, 0xb0075fa0);
    assert_true(m.hello.services == ALL);
    assert_string_equal(m.hello.agent, "kith");
    assert_true(m.hello.has_receiver);
    assert_true(endpoint_equal(&m.hello.receiver, &a.session.config.remote));
    assert_true(m.hello.time_s == NOW_S);
    assert_true(m.hello.nonce == 0x0123456789abcdef);
    char software[32];
    snprintf(software, sizeof software, "%d.%d.%d", m.hello.major, m.hello.minor, m.hello.patch);
    assert_string_equal(software, KITH_VERSION);
    expect_silence(&a);
    side_start(&b, DIRECTION_INCOMING, ADDRESSES);
    struct mintlayer_hello h = a_hello(false);
    side_feed_hello(&b, &h);
    assert_true(side_takes(&b, &m));
    assert_true(m.hello.is_ack);
    assert_int_equal(m.hello.version, 3);
    assert_true(m.hello.services == ADDRESSES);
    expect_silence(&b);
    assert_int_equal(b.ready, 1);
    side_close(&a);
    side_close(&b);
}

/* Through a proxy: no handshake tells how we see the peer, and what it sees is the proxy. */
static void test_proxied(void **state)
{
    (void)state;
    const struct address to = {.host = "abc.onion", .port = 258};
    struct mintlayer_message m;
    struct side a, b;
    side_prepare(&a, ALL);
    a.node.proxied = true;
    struct session_config config = side_config(&a, DIRECTION_OUTGOING);
    config.proxied = &to;
    config.remote = (struct endpoint){.port = 0};
    side_start_as(&a, &config);
    side_start(&b, DIRECTION_INCOMING, ALL);
    converse(&a, &b, SIZE_MAX);
    assert_int_equal(a.ready, 1);
    assert_string_equal(a.peer.hash, "abc.onion:258");
    assert_int_equal(a.peer.endpoint.port, 0);
    assert_int_equal(a.peer.sees.port, 0);
    side_close(&a);
    side_close(&b);
    for (int i = 0; i < 2; i++) { /* nor if the address is known, or the peer has come to us */
        side_prepare(&a, ALL);
        a.node.proxied = true;
        config = side_config(&a, i == 0 ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
        config.proxied = i == 0 ? &to : NULL;
        side_start_as(&a, &config);
        if (i == 1) {
            struct mintlayer_hello h = a_hello(false);
            side_feed_hello(&a, &h);
        }
        assert_true(side_takes(&a, &m));
        assert_int_equal(m.kind, MINTLAYER_HANDSHAKE);
        assert_false(m.hello.has_receiver);
        side_close(&a);
    }
}

/* Nothing is said, and nothing read, before the stream below is open. */
static void test_begin(void **state)
{
    (void)state;
    struct side a;
    side_prepare(&a, ADDRESSES);
    struct session_config config = side_config(&a, DIRECTION_OUTGOING);
    side_open(&a, &config);
    expect_silence(&a);
    side_wait(&a, 9999);
    side_feed_hex(&a, "00000000");
    assert_false(a.over);
    buffer_consume(&a.in, buffer_left(&a.in));
    side_begin(&a);
    expect_said(&a, MINTLAYER_HANDSHAKE);
    side_wait(&a, 9999);
    assert_false(a.over);
    side_wait(&a, 1);
    expect_ended(&a, END_HANDSHAKE_TIMEOUT);
    expect_silence(&a);
    side_close(&a);
    for (int direction = 0; direction < 2; direction++) {
        side_prepare(&a, ADDRESSES);
        config = side_config(&a, direction ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        side_open(&a, &config);
        side_wait(&a, 10000);
        expect_ended(&a, END_HANDSHAKE_TIMEOUT);
        side_close(&a);
    }
}

/* Of whom we dial, the connect and the stream have ten seconds together. */
static void test_stream_shares_the_time_of_the_dial(void **state)
{
    (void)state;
    for (int direction = 0; direction < 2; direction++) {
        struct side a;
        side_prepare(&a, ADDRESSES);
        a.node.timings.handshake = 20000;
        struct session_config config = side_config(&a, direction ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        config.begun_ms = a.now_ms - 7000;
        side_open(&a, &config);
        int64_t left = direction ? 20000 : 3000;
        side_wait(&a, left - 1);
        assert_false(a.over);
        side_wait(&a, 1);
        expect_ended(&a, END_HANDSHAKE_TIMEOUT);
        side_close(&a);
        side_prepare(&a, ADDRESSES); /* the handshake has its own */
        config = side_config(&a, direction ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        config.begun_ms = a.now_ms - 7000;
        side_start_as(&a, &config);
        side_wait(&a, 9999);
        assert_false(a.over);
        side_wait(&a, 1);
        expect_ended(&a, END_HANDSHAKE_TIMEOUT);
        side_close(&a);
    }
}

/* --- the checks of a handshake, in their order --- */

struct verdict {
    bool acked; /* HelloAck was said */
    const char *words;
    enum end_reason reason; /* END_NONE: it is ready */
};

/* What a node that was dialed does about that Hello. */
static void expect_answer(const struct mintlayer_hello *h, const struct verdict *v)
{
    struct side b;
    side_start(&b, DIRECTION_INCOMING, ADDRESSES);
    side_feed_hello(&b, h);
    if (v->acked) {
        expect_said(&b, MINTLAYER_HANDSHAKE);
    }
    if (v->words) {
        expect_words(&b, v->words);
    }
    expect_silence(&b);
    if (v->reason == END_NONE) {
        assert_int_equal(b.ready, 1);
    } else {
        expect_ended(&b, v->reason);
        assert_int_equal(b.met + b.ready, 0);
    }
    side_close(&b);
}

/* What a node that has dialed does about that HelloAck. */
static void expect_judgement(const struct mintlayer_hello *h, uint32_t services, bool special,
                             const struct verdict *v)
{
    struct side a;
    side_prepare(&a, services);
    struct session_config config = side_config(&a, DIRECTION_OUTGOING);
    config.special = special;
    side_start_as(&a, &config);
    expect_said(&a, MINTLAYER_HANDSHAKE);
    side_feed_hello(&a, h);
    if (v->words) {
        expect_words(&a, v->words);
    }
    expect_silence(&a);
    if (v->reason == END_NONE) {
        assert_int_equal(a.ready, 1);
    } else {
        expect_ended(&a, v->reason);
        assert_int_equal(a.ready, 0);
    }
    side_close(&a);
}

static const char clock_words[] = "Your clock differs too much from ours";
static const char network_words[] = "Wrong network; our network is 'MAIN'";
static const char version_words[] = "Your protocol version is too low";
static const char service_words[] = "Insufficient services, we need Services(4)";
static const struct verdict fine = {.acked = true};

static void test_versions(void **state)
{
    (void)state;
    static const struct verdict refused = {.reason = END_VERSION};
    for (uint32_t version = 0; version < 6; version++) {
        for (int ack = 0; ack < 2; ack++) {
            struct mintlayer_hello h = a_hello(ack);
            h.version = version;
            const struct verdict *v = version < 2 ? &refused : &fine;
            if (ack) {
                expect_judgement(&h, ADDRESSES, false, v);
            } else {
                expect_answer(&h, v);
            }
        }
    }
    struct side b;
    side_start(&b, DIRECTION_INCOMING, ADDRESSES);
    b.node.version_minimum = 3;
    struct mintlayer_hello h = a_hello(false);
    h.version = 2;
    side_feed_hello(&b, &h);
    expect_ended(&b, END_VERSION);
    expect_silence(&b); /* it cannot read WillDisconnect */
    side_close(&b);
    side_start(&b, DIRECTION_INCOMING, ADDRESSES);
    b.node.version_minimum = 4;
    h.version = 3;
    side_feed_hello(&b, &h);
    expect_words(&b, version_words);
    expect_silence(&b);
    side_close(&b);
}

static void expect_version(uint32_t ours, uint32_t theirs, uint32_t common)
{
    struct side b;
    side_prepare(&b, ADDRESSES);
    b.node.version = ours;
    struct session_config config = side_config(&b, DIRECTION_INCOMING);
    side_start_as(&b, &config);
    struct mintlayer_hello h = a_hello(false);
    h.version = theirs;
    side_feed_hello(&b, &h);
    struct mintlayer_message m;
    assert_true(side_takes(&b, &m));
    assert_int_equal(m.hello.version, ours);
    assert_int_equal(b.peer.version, common);
    side_feed_message(&b, "ff");
    expect_ended(&b, END_MISCONDUCT);
    if (common >= 3) {
        expect_words(&b, "Your address is discouraged");
    }
    expect_silence(&b);
    side_close(&b);
}

/* The lower version is spoken, and only from the third on there are last words. */
static void test_common_version(void **state)
{
    (void)state;
    expect_version(3, 3, 3);
    expect_version(3, 4, 3);
    expect_version(3, 2, 2);
    expect_version(2, 3, 2);
}

/* The stream was open at start_ms, the Hello came at now_ms. */
static void expect_time(int64_t start_ms, int64_t now_ms, int64_t time_s, bool right)
{
    for (int ack = 0; ack < 2; ack++) {
        struct side s;
        side_prepare(&s, ADDRESSES);
        s.wall_ms = start_ms - 5000;
        struct session_config config = side_config(&s, ack ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
        side_open(&s, &config);
        s.wall_ms = start_ms;
        side_begin(&s);
        if (ack) {
            expect_said(&s, MINTLAYER_HANDSHAKE);
        }
        s.wall_ms = now_ms;
        struct mintlayer_hello h = a_hello(ack);
        h.time_s = (uint64_t)time_s;
        side_feed_hello(&s, &h);
        if (right != (s.ready == 1)) {
            fail_msg("%lld from %lld to %lld", (long long)time_s, (long long)start_ms, (long long)now_ms);
        }
        const struct peer_clock *told = right ? &s.peer.clock : &s.last.end.clock;
        assert_true(told->is_told);
        assert_int_equal(told->ahead_ms, peer_clock_read((uint64_t)time_s, now_ms).ahead_ms);
        if (!right) {
            expect_words(&s, clock_words);
            expect_silence(&s);
            expect_ended(&s, END_CLOCK);
        }
        side_close(&s);
    }
}

/* The bounds have parts of seconds, what is announced has none. */
static void test_times(void **state)
{
    (void)state;
    const int64_t s = NOW_S, ms = NOW_S * 1000;
    expect_time(ms, ms, s, true);
    expect_time(ms, ms, s - 10, true);
    expect_time(ms, ms, s - 11, false);
    expect_time(ms, ms, s + 10, true);
    expect_time(ms, ms, s + 11, false);
    expect_time(ms + 1, ms + 1, s - 10, false);
    expect_time(ms + 999, ms + 999, s - 10, false);
    expect_time(ms + 999, ms + 999, s - 9, true);
    expect_time(ms + 999, ms + 999, s + 10, true);
    expect_time(ms + 999, ms + 999, s + 11, false);
    expect_time(ms + 500, ms + 9500, s - 9, true); /* it may have spoken when we could */
    expect_time(ms + 500, ms + 9500, s - 10, false);
    expect_time(ms + 500, ms + 9500, s + 19, true);
    expect_time(ms + 500, ms + 9500, s + 20, false);
    expect_time(ms, ms, 0, false);
    expect_time(ms, ms, INT64_MAX, false);
    expect_time(ms, ms, -1, false); /* 2^64-1 */
    expect_time(5000, 5000, 0, true);
    expect_time(-20000, -20000, 0, false);
}

static void test_networks(void **state)
{
    (void)state;
    static const struct verdict refused = {.acked = true, .words = network_words, .reason = END_NETWORK};
    for (int ack = 0; ack < 2; ack++) {
        struct mintlayer_hello h = a_hello(ack);
        h.network = 0x2b7e19f8;
        if (ack) {
            expect_judgement(&h, ADDRESSES, false, &refused);
        } else {
            expect_answer(&h, &refused);
        }
    }
}

/* A dialer needs all that it offers itself, if the operator does not want that very peer; who was dialed
 * needs something. */
static void test_services(void **state)
{
    (void)state;
    static const struct verdict none = {.acked = true, .words = service_words, .reason = END_HANDSHAKE};
    static const struct verdict few = {.words = "Insufficient services, we need Services(7)",
                                       .reason = END_HANDSHAKE};
    struct mintlayer_hello hello = a_hello(false), ack = a_hello(true);
    hello.services = 3;
    expect_answer(&hello, &none);
    hello.services = 0;
    expect_answer(&hello, &none);
    hello.services = UINT64_MAX; /* bits that nobody knows mean nothing */
    expect_answer(&hello, &fine);
    hello.services = 4;
    expect_answer(&hello, &fine);
    ack.services = 3;
    expect_judgement(&ack, ADDRESSES, false, &none);
    expect_judgement(&ack, ADDRESSES, true, &none);
    ack.services = 6;
    expect_judgement(&ack, ALL, false, &few);
    expect_judgement(&ack, ALL, true, &fine);
    ack.services = 7;
    expect_judgement(&ack, ALL, false, &fine);
}

/* What a dial for that purpose does about a HelloAck with those services, if we offer all; what it says. */
static void expect_purpose(enum purpose purpose, uint64_t offers, uint64_t says, const char *words)
{
    struct side a;
    struct mintlayer_message m;
    struct mintlayer_hello ack = a_hello(true);
    ack.services = offers;
    side_prepare(&a, ALL);
    struct session_config config = side_config(&a, DIRECTION_OUTGOING);
    config.purpose = purpose;
    side_start_as(&a, &config);
    assert_true(side_takes(&a, &m));
    assert_int_equal(m.hello.services, says);
    side_feed_hello(&a, &ack);
    assert_int_equal(a.ready, !words);
    if (words) {
        expect_ended(&a, END_HANDSHAKE);
        expect_words(&a, words);
    }
    side_close(&a);
}

/* Who only relays blocks offers and needs nothing else; to a feeler any service in common will do. */
static void test_purposes(void **state)
{
    (void)state;
    expect_purpose(PURPOSE_PEER, 7, 7, NULL);
    expect_purpose(PURPOSE_PEER, 6, 7, "Insufficient services, we need Services(7)");
    expect_purpose(PURPOSE_FEELER, 4, 7, NULL);
    expect_purpose(PURPOSE_FEELER, 8, 7, "Insufficient services, we need Services(7)");
    expect_purpose(PURPOSE_RELAY, 7, 2, NULL);
    expect_purpose(PURPOSE_RELAY, 2, 2, NULL);
    expect_purpose(PURPOSE_RELAY, 5, 2, "Insufficient services, we need Services(2)");
}

/* A list of addresses is a fault there, as nobody asked for it; an announcement is ignored. */
static void test_no_addresses_by_relays(void **state)
{
    (void)state;
    struct side a, b;
    side_prepare(&a, ALL);
    struct session_config config = side_config(&a, DIRECTION_OUTGOING);
    config.purpose = PURPOSE_RELAY;
    side_start_as(&a, &config);
    side_start(&b, DIRECTION_INCOMING, ALL);
    converse(&a, &b, SIZE_MAX);
    assert_int_equal(a.ready + b.ready, 2);
    assert_int_equal(b.peer.offers, MINTLAYER_BLOCKS);
    side_feed_message(&a, "080001020304d70b");
    assert_int_equal(a.messages, 0);
    assert_int_equal(a.session.faults, 0);
    side_feed_message(&a, "0a00");
    assert_int_equal(a.messages, 0);
    assert_int_equal(a.session.faults, 20);
    side_feed_message(&a, "0300000000000000000000000000000000000000000000000000000000000000"
                          "00"); /* a transaction, which it does not offer here */
    assert_int_equal(a.session.faults, 40);
    side_close(&a);
    side_close(&b);
}

/* A wrong version, time or network: which of them is told first. */
static void test_order(void **state)
{
    (void)state;
    static const struct verdict first = {.words = clock_words, .reason = END_CLOCK};
    static const struct verdict second = {.reason = END_VERSION};
    static const struct verdict third = {.acked = true, .words = network_words, .reason = END_NETWORK};
    struct mintlayer_hello h = a_hello(false);
    h.time_s = 0;
    h.network = 1;
    h.services = 0;
    expect_answer(&h, &first);
    h.time_s = NOW_S;
    h.version = 1;
    expect_answer(&h, &second);
    h.version = 3;
    expect_answer(&h, &third);
}

static void test_no_room(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct side b;
        side_prepare(&b, ADDRESSES);
        struct session_config config = side_config(&b, DIRECTION_INCOMING);
        config.refuse = true;
        side_start_as(&b, &config);
        struct mintlayer_hello h = a_hello(false);
        h.version = version;
        side_feed_hello(&b, &h);
        expect_ended(&b, END_REFUSED);
        expect_said(&b, MINTLAYER_HANDSHAKE);
        if (version == 3) {
            expect_words(&b, "We have too many peers");
        }
        expect_silence(&b);
        side_close(&b);
    }
}

/* --- bad beginnings --- */

static void expect_bad_beginning(enum direction direction, const char *hex)
{
    struct side s;
    side_start(&s, direction, ADDRESSES);
    if (direction == DIRECTION_OUTGOING) {
        expect_said(&s, MINTLAYER_HANDSHAKE);
    }
    side_feed_hex(&s, hex);
    if (!s.over || s.last.end.reason != END_MISCONDUCT) {
        fail_msg("%s", hex);
    }
    expect_silence(&s); /* no last words */
    assert_int_equal(s.met + s.ready, 0);
    side_close(&s);
}

static void test_bad_beginnings(void **state)
{
    (void)state;
    static const char hello[] =
        "32000000000003000000b0075fa00700000000000000344d696e746c61796572436f726501040000000300"
        "f15365efcdab8967452301";
    static const char ack[] =
        "2a000000000103000000b0075fa00700000000000000344d696e746c61796572436f726501040000000300f1"
        "5365";
    static const char *const both[] = {"00000000",   /* nothing */
                                       "01000000ff", /* no kind */
                                       "01000000"
                                       "00", /* a handshake cut short */
                                       "09000000"
                                       "01"
                                       "0000000000000000",
                                       "01000000"
                                       "09",
                                       "02000000"
                                       "0500",
                                       "ffffffff", /* by its length alone */
                                       "0000a000"};
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        expect_bad_beginning(DIRECTION_INCOMING, both[i]);
        expect_bad_beginning(DIRECTION_OUTGOING, both[i]);
    }
    expect_bad_beginning(DIRECTION_INCOMING, "02000000"
                                             "0d00");     /* WillDisconnect, too */
    expect_bad_beginning(DIRECTION_INCOMING, "55000000"); /* above 84 */
    expect_bad_beginning(DIRECTION_INCOMING, ack);
    expect_bad_beginning(DIRECTION_OUTGOING, hello);
    expect_bad_beginning(DIRECTION_OUTGOING, "4d000000"
                                             "00"); /* above 76 */
    expect_bad_beginning(DIRECTION_OUTGOING, "01100000");
    struct side s;
    side_start(&s, DIRECTION_INCOMING, ADDRESSES);
    side_feed_hex(&s, "54000000"
                      "00"); /* the longest that there is may yet come */
    assert_false(s.over);
    side_close(&s);
    side_start(&s, DIRECTION_OUTGOING, ADDRESSES);
    side_feed_hex(&s, "4d000000"); /* perhaps it says why not */
    assert_false(s.over);
    side_feed_hex(&s, "0d");
    assert_false(s.over);
    side_close(&s);
}

/* What a peer says in place of HelloAck is told, and costs nothing. Nobody's terminal is at its mercy. */
static void test_refused_by_peer(void **state)
{
    (void)state;
    struct side s;
    side_start(&s, DIRECTION_OUTGOING, ADDRESSES);
    expect_said(&s, MINTLAYER_HANDSHAKE);
    mintlayer_put_text(&s.in, "No \x1b[31mroom\x7f\xc2\x9b");
    side_read(&s);
    expect_ended(&s, END_CLOSED);
    assert_string_equal(s.last.end.text, "the peer says: No ?[31mroom???");
    expect_silence(&s);
    side_close(&s);
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    mintlayer_put_text(&a.in, longest);
    side_read(&a);
    expect_ended(&a, END_CLOSED);
    assert_int_equal(strlen(a.last.end.text), REASON_MAX - 1);
    expect_silence(&a);
    side_close(&a);
    side_close(&b);
}

static void test_no_hello(void **state)
{
    (void)state;
    struct side b;
    side_start(&b, DIRECTION_INCOMING, ADDRESSES);
    side_feed_hex(&b, "32000000"
                      "0000");
    side_wait(&b, 9999);
    assert_false(b.over);
    side_wait(&b, 1);
    expect_ended(&b, END_HANDSHAKE_TIMEOUT);
    expect_silence(&b);
    side_close(&b);
}

/* --- faults --- */

/* What that message costs a peer of a node that offers `services`. */
static uint32_t cost_of(const char *body, uint32_t services, enum direction direction)
{
    struct side a, b;
    side_pair(&a, &b, services);
    struct side *s = direction == DIRECTION_OUTGOING ? &a : &b;
    side_feed_message(s, body);
    uint32_t cost = s->session.faults;
    if (cost >= MINTLAYER_FAULT_FATAL) {
        expect_ended(s, END_MISCONDUCT);
        expect_words(s, "Your address is discouraged");
    } else {
        assert_false(s->over);
        assert_int_equal(s->bad, cost > 0);
    }
    side_close(&a);
    side_close(&b);
    return cost;
}

static void put_repeated(struct buffer *hex, const char *piece, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buffer_add(hex, piece, strlen(piece));
    }
}

/* A list of so many pieces, behind its kind and count. */
static uint32_t cost_of_many(const char *head, const char *piece, size_t n, uint32_t services,
                             enum direction direction)
{
    struct buffer hex = {0};
    put_repeated(&hex, head, 1);
    put_repeated(&hex, piece, n);
    buffer_add(&hex, "", 1);
    uint32_t cost = cost_of((const char *)hex.data, services, direction);
    buffer_fini(&hex);
    return cost;
}

static void test_costs(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint32_t with_all, without;
    } rows[] = {
        {"", 100, 100},
        {"0e", 100, 100},
        {"0900", 100, 100},
        {"0100000000000000", 100, 100},
        {"000003000000b0075fa00700000000000000046b0104000000fc0000000000000000", 20, 20}, /* a second Hello */
        {"000103000000b0075fa00700000000000000046b0104000000fc", 20, 20},
        {"0000", 100, 100},
        {"010000000000000000", 0, 0},
        {"020000000000000000", 0, 0},
        {"03" ID, 0, 20},
        {"0400", 0, 0},
        {"0500", 0, 0},
        {"050400", 0, 0},
        {"0600", 20, 20},
        {"0604" ID, 0, 0},
        {"0700", 20, 20},
        {"0800cb007107d70b", 0, 0},
        {"080001020304d70b", 0, 0},
        {"0b" ID, 0, 20},
        {"0c00" ID, 0, 0},
        {"0c0100", 0, 0},
        {"0c02", 100, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int direction = 0; direction < 2; direction++) {
            uint32_t with = cost_of(rows[i].body, ALL, (enum direction)direction);
            uint32_t without = cost_of(rows[i].body, ADDRESSES, (enum direction)direction);
            if (with != rows[i].with_all || without != rows[i].without) {
                fail_msg("%s costs %u, or %u", rows[i].body, with, without);
            }
        }
    }
    assert_int_equal(cost_of("0a00", ALL, DIRECTION_OUTGOING), 0);
    assert_int_equal(cost_of("0a00", ALL, DIRECTION_INCOMING), 20);
    assert_int_equal(cost_of_many("0aa10f", "0001020304d70b", 1000, ALL, DIRECTION_OUTGOING), 0);
    assert_int_equal(cost_of_many("0aa50f", "0001020304d70b", 1001, ALL, DIRECTION_OUTGOING), 100);
    assert_int_equal(cost_of_many("0aa50f", "0001020304d70b", 1001, ALL, DIRECTION_INCOMING), 100);
    assert_int_equal(cost_of_many("06d107", ID, 500, ALL, DIRECTION_OUTGOING), 20); /* for the same */
    assert_int_equal(cost_of_many("06d507", ID, 501, ALL, DIRECTION_OUTGOING), 20);
    assert_int_equal(cost_of_many("06d507", ID, 501, ADDRESSES, DIRECTION_OUTGOING), 0);
    assert_int_equal(cost_of_many("05411f", "00", 2000, ALL, DIRECTION_OUTGOING), 0);
    assert_int_equal(cost_of_many("05451f", "00", 2001, ALL, DIRECTION_OUTGOING), 20);
}

/* Who has said that the application answers gets requests within their bounds. */
static void test_header_requests(void **state)
{
    (void)state;
    for (int answers = 0; answers < 2; answers++) {
        struct side a, b;
        side_pair(&a, &b, ALL);
        b.own.answers_headers = answers;
        side_feed_message(&b, "0404" ID);
        assert_int_equal(b.messages, answers);
        if (answers) {
            expect_silence(&b);
            struct buffer many = {0};
            scale_put_uint(&b.in, 1 + 2 + 102 * 32, 4);
            add_hex(&b.in, "049901");
            for (int i = 0; i < 102; i++) {
                add_hex(&b.in, ID);
            }
            side_read(&b);
            assert_int_equal(b.session.faults, 20);
            assert_int_equal(b.messages, 1);
            buffer_fini(&many);
        } else {
            struct mintlayer_message m;
            assert_true(side_takes(&b, &m));
            assert_int_equal(m.kind, MINTLAYER_HEADER_LIST);
            assert_int_equal(m.body.size, 1);
            assert_int_equal(m.n, 0);
        }
        side_close(&a);
        side_close(&b);
    }
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    b.own.answers_headers = true; /* of what is not offered nothing is asked in earnest */
    side_feed_message(&b, "0400");
    expect_said(&b, MINTLAYER_HEADER_LIST);
    side_close(&a);
    side_close(&b);
}

/* Small faults add up, and do not fade. Whom the operator had us dial is spared them, but not what nobody can
 * read. */
static void test_faults_add_up(void **state)
{
    (void)state;
    for (int special = 0; special < 2; special++) {
        struct side a, b;
        side_pair(&a, &b, ADDRESSES);
        a.session.config.special = special;
        for (int i = 0; i < 4; i++) {
            side_feed_message(&a, "03" ID);
            for (int minute = 0; minute < 60; minute++) {
                side_wait(&a, 60000);
                converse(&a, &b, SIZE_MAX);
            }
            assert_false(a.over);
        }
        side_feed_message(&a, "03" ID);
        assert_int_equal(a.bad, 5);
        if (special) {
            assert_false(a.over);
            side_feed_message(&a, "03");
        }
        expect_ended(&a, END_MISCONDUCT);
        expect_words(&a, "Your address is discouraged");
        expect_silence(&a);
        side_close(&a);
        side_close(&b);
    }
}

/* A length is judged before what it counts has come. */
static void test_long_frames(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ALL);
    side_feed_hex(&a, "0000a000");
    assert_false(a.over);
    side_close(&a);
    side_close(&b);
    side_pair(&a, &b, ALL);
    side_feed_hex(&a, "0100a000");
    expect_ended(&a, END_MISCONDUCT);
    expect_words(&a, "Your address is discouraged");
    side_close(&a);
    side_close(&b);
    side_pair(&a, &b, ALL);
    a.node.limits.parcel_bytes = 10;
    a.session.blocks.due = 2;
    side_feed_message(&a, "07"
                          "00010203040506070809");
    assert_int_equal(a.messages, 1);
    side_feed_message(&a, "07"
                          "0001020304050607080910");
    expect_ended(&a, END_MISCONDUCT);
    side_close(&a);
    side_close(&b);
}

/* --- talking --- */

static struct parcel *parcel_of_hex(const char *hex)
{
    struct buffer b = {0};
    add_hex(&b, hex);
    struct parcel *p = parcel_new(b.data, b.used);
    buffer_fini(&b);
    return p;
}

static void expect_carried(struct side *from, struct side *to, uint32_t kind, struct parcel *p)
{
    uint32_t before = to->messages;
    assert_int_equal(side_say(from, kind, p), 0);
    converse(from, to, 60000);
    assert_int_equal(to->messages, before + 1);
    assert_int_equal(to->last.message.kind, kind);
    assert_int_equal(to->parcel->size, p->size);
    assert_memory_equal(to->parcel->bytes, p->bytes, p->size);
    parcel_release(p);
}

static void test_kinds(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ALL);
    a.own.answers_headers = b.own.answers_headers = true;
    expect_carried(&a, &b, MINTLAYER_NEW_TRANSACTION, parcel_of_hex(ID));
    expect_carried(&b, &a, MINTLAYER_HEADER_LIST_REQUEST, parcel_of_hex("08" ID ID));
    expect_carried(&a, &b, MINTLAYER_HEADER_LIST, parcel_of_hex("04aabbcc"));
    expect_carried(&a, &b, MINTLAYER_BLOCK_LIST_REQUEST, parcel_of_hex("04" ID));
    expect_carried(&b, &a, MINTLAYER_BLOCK_RESPONSE, parcel_of_hex("ff"));
    expect_carried(&b, &a, MINTLAYER_TRANSACTION_REQUEST, parcel_of_hex(ID));
    expect_carried(&b, &a, MINTLAYER_TRANSACTION_RESPONSE, parcel_of_hex("01ff"));
    static const size_t sizes[] = {1, 4095, 4096, 65536, MINTLAYER_PAYLOAD_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct parcel *p = parcel_new(NULL, sizes[i]), *request = parcel_of_hex("04" ID);
        memset(p->bytes, 7, p->size);
        request->bytes[1] = (uint8_t)(i + 1);
        expect_carried(&b, &a, MINTLAYER_BLOCK_LIST_REQUEST, request);
        expect_carried(&a, &b, MINTLAYER_BLOCK_RESPONSE, p);
    }
    side_close(&a);
    side_close(&b);
}

/* A request for the n blocks whose ids begin with that number and the next ones. */
static struct parcel *blocks_request(uint16_t first, uint16_t n)
{
    struct buffer count = {0};
    scale_put_compact(&count, n);
    struct parcel *p = parcel_new(NULL, count.used + (size_t)n * 32);
    assert_non_null(p);
    memset(p->bytes, 0, p->size);
    memcpy(p->bytes, count.data, count.used);
    for (uint16_t i = 0; i < n; i++) {
        uint16_t id = (uint16_t)(first + i);
        memcpy(p->bytes + count.used + (size_t)i * 32, &id, sizeof id);
    }
    buffer_fini(&count);
    return p;
}

static void ask(struct side *from, struct side *to, uint16_t first, uint16_t n)
{
    struct parcel *p = blocks_request(first, n);
    assert_int_equal(side_say(from, MINTLAYER_BLOCK_LIST_REQUEST, p), 0);
    carry(from, to, SIZE_MAX);
    parcel_release(p);
}

/* As many blocks may come as were asked for. */
static void test_blocks_are_asked_for(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ALL);
    side_feed_message(&a, "0700");
    assert_int_equal(a.messages, 0);
    assert_int_equal(a.session.faults, 20);
    ask(&a, &b, 1, 3);
    for (int i = 0; i < 3; i++) {
        side_feed_message(&a, "0700");
    }
    assert_int_equal(a.messages, 3);
    assert_int_equal(a.session.faults, 20);
    side_feed_message(&a, "0700");
    assert_int_equal(a.messages, 3);
    assert_int_equal(a.session.faults, 40);
    struct parcel *block = parcel_of_hex("00"); /* we send no others, either */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(side_say(&b, MINTLAYER_BLOCK_RESPONSE, block), 0);
    }
    assert_int_equal(side_say(&b, MINTLAYER_BLOCK_RESPONSE, block), -1);
    parcel_release(block);
    side_close(&a);
    side_close(&b);
}

/* Not even in one request; until 1,024 others have been asked for. */
static void test_blocks_are_asked_for_once(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ALL);
    ask(&a, &b, 1, 2);
    assert_int_equal(b.messages, 1);
    ask(&a, &b, 3, 1);
    ask(&a, &b, 2, 1);
    assert_int_equal(b.messages, 2);
    assert_int_equal(b.session.faults, 20);
    assert_int_equal(b.session.blocks.owed, 3);
    side_feed_message(&b, "06"
                          "08" ID ID);
    assert_int_equal(b.messages, 2);
    assert_int_equal(b.session.faults, 40);
    ask(&a, &b, 1000, 500);
    ask(&a, &b, 1500, 500);
    ask(&a, &b, 2000, 24);
    assert_int_equal(b.messages, 2 + 3);
    assert_int_equal(b.session.blocks.n, MINTLAYER_ASKED_MAX);
    ask(&a, &b, 1000, 1);
    assert_int_equal(b.session.faults, 60);
    ask(&a, &b, 1, 3);
    assert_int_equal(b.session.faults, 60);
    side_close(&a);
    side_close(&b);
}

static void expect_unsayable(struct side *s, uint32_t kind, struct parcel *p)
{
    assert_int_equal(side_say(s, kind, p), -1);
    expect_silence(s);
    parcel_release(p);
}

/* What a peer would take for a fault of ours is not said. */
static void test_unsayable(void **state)
{
    (void)state;
    struct side a, b;
    side_start(&a, DIRECTION_INCOMING, ALL);
    expect_unsayable(&a, MINTLAYER_NEW_TRANSACTION, parcel_of_hex(ID)); /* not yet */
    side_close(&a);
    side_pair(&a, &b, ALL);
    expect_unsayable(&a, MINTLAYER_NEW_TRANSACTION, parcel_of_hex("00"));
    expect_unsayable(&a, MINTLAYER_NEW_TRANSACTION, NULL);
    expect_unsayable(&a, MINTLAYER_BLOCK_LIST_REQUEST, parcel_of_hex("00"));
    expect_unsayable(&a, MINTLAYER_HANDSHAKE, parcel_of_hex("00"));
    expect_unsayable(&a, MINTLAYER_PING_REQUEST, NULL);
    expect_unsayable(&a, MINTLAYER_WILL_DISCONNECT, NULL);
    expect_unsayable(&a, MINTLAYER_KINDS, parcel_of_hex("00"));
    expect_unsayable(&a, UINT32_MAX, parcel_of_hex("00"));
    expect_unsayable(&a, MINTLAYER_BLOCK_RESPONSE, parcel_new(NULL, MINTLAYER_PAYLOAD_MAX + 1));
    expect_unsayable(&a, MINTLAYER_ADDR_LIST_RESPONSE, NULL);
    struct known_peers peers;
    expect_unsayable(&a, MINTLAYER_ADDR_LIST_RESPONSE, known_peers_new(MINTLAYER_LIST_MAX + 1, &peers));
    expect_unsayable(&a, MINTLAYER_ANNOUNCE_ADDR_REQUEST, known_peers_new(0, &peers));
    expect_unsayable(&a, MINTLAYER_ANNOUNCE_ADDR_REQUEST, NULL);
    a.node.limits.parcel_bytes = 31;
    expect_unsayable(&a, MINTLAYER_NEW_TRANSACTION, parcel_of_hex(ID));
    side_close(&a);
    side_close(&b);
    side_pair(&a, &b, ADDRESSES);
    expect_unsayable(&a, MINTLAYER_NEW_TRANSACTION, parcel_of_hex(ID));
    side_close(&a);
    side_close(&b);
}

static void test_address_lists(void **state)
{
    (void)state;
    struct side a, b;
    struct known_peers peers;
    side_pair(&a, &b, ADDRESSES);
    assert_int_equal(side_say(&a, MINTLAYER_ADDR_LIST_REQUEST, NULL), 0);
    assert_int_equal(side_say(&a, MINTLAYER_ADDR_LIST_REQUEST, NULL), 0);
    carry(&a, &b, SIZE_MAX);
    assert_int_equal(b.messages, 1); /* answered once */
    assert_int_equal(b.ignored, 1);
    assert_int_equal(b.last.message.kind, MINTLAYER_ADDR_LIST_REQUEST);
    assert_null(b.parcel);
    assert_int_equal(side_say(&b, MINTLAYER_ADDR_LIST_REQUEST, NULL),
                     0); /* of whom was dialed nobody is asked */
    carry(&b, &a, SIZE_MAX);
    assert_int_equal(a.messages, 0);
    assert_int_equal(a.ignored, 1);
    struct parcel *p = known_peers_new(3, &peers);
    assert_true(endpoint_parse(&peers.list[0].endpoint, "1.2.3.4:3031"));
    assert_true(endpoint_parse(&peers.list[1].endpoint, "10.2.3.4:3031")); /* is not believed */
    assert_true(endpoint_parse(&peers.list[2].endpoint, "[2001:4860::1]:3031"));
    assert_int_equal(side_say(&b, MINTLAYER_ADDR_LIST_RESPONSE, p), 0);
    carry(&b, &a, SIZE_MAX);
    assert_int_equal(a.messages, 1);
    struct known_peers got = known_peers_of(a.parcel);
    assert_int_equal(got.n, 2);
    assert_true(endpoint_equal(&got.list[1].endpoint, &peers.list[2].endpoint));
    assert_int_equal(side_say(&b, MINTLAYER_ADDR_LIST_RESPONSE, p), 0); /* a second one */
    carry(&b, &a, SIZE_MAX);
    assert_int_equal(a.messages, 1);
    assert_int_equal(a.session.faults, 20);
    parcel_release(p);
    side_close(&a);
    side_close(&b);
}

static void test_announcements(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    side_feed_message(&a, "080001020304d70b");
    assert_int_equal(a.messages, 1);
    assert_int_equal(known_peers_of(a.parcel).n, 1);
    struct parcel *p = parcel_hold(a.parcel);
    side_feed_message(&a, "08007f000001d70b");
    side_feed_message(&a, "0800010203040000");
    assert_int_equal(a.messages, 1);
    assert_int_equal(a.ignored, 2);
    assert_int_equal(side_say(&a, MINTLAYER_ANNOUNCE_ADDR_REQUEST, p), 0);
    carry(&a, &b, SIZE_MAX);
    assert_int_equal(b.last.message.kind, MINTLAYER_ANNOUNCE_ADDR_REQUEST);
    assert_memory_equal(b.parcel->bytes, p->bytes, p->size);
    parcel_release(p);
    /* Mapped IPv4 goes on as it came, a private one too. */
    side_feed_message(&a, "080100000000000000000000ffff0a000001d70b");
    assert_int_equal(a.messages, 2);
    assert_int_equal(side_say(&a, MINTLAYER_ANNOUNCE_ADDR_REQUEST, a.parcel), 0);
    size_t size;
    uint8_t *said = flatten(&a.out, &size);
    assert_int_equal(size, 4 + 20);
    assert_memory_equal(said + 4, "\x08\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01\xd7\x0b", 20);
    free(said);
    side_close(&a);
    side_close(&b);
}

/* --- parting --- */

static void expect_leave(enum end_reason why, const char *words)
{
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    a.protocol->session->leave(&a.session, a.now_ms, why, &a.out);
    expect_words(&a, words);
    expect_silence(&a);
    side_close(&a);
    side_close(&b);
}

static void test_leaving(void **state)
{
    (void)state;
    expect_leave(END_EVICTED, "You are evicted");
    expect_leave(END_MISCONDUCT, "Your address is discouraged");
    expect_leave(END_LOOPBACK, "We think you are a self-connection");
    expect_leave(END_BANNED, "Your address is banned");
    expect_leave(END_DISCONNECT, "We close this connection");
    struct side s;
    side_start(&s, DIRECTION_INCOMING, ADDRESSES);
    s.protocol->session->leave(&s.session, s.now_ms, END_BANNED, &s.out);
    expect_silence(&s); /* it has not said that it can read that */
    side_close(&s);
}

/* --- pings --- */

static void answer_pings(struct side *s, struct side *peer)
{
    converse(s, peer, SIZE_MAX);
}

/* Only after a minute without a word, from either side. */
static void test_idle_pings(void **state)
{
    (void)state;
    struct side a, b;
    struct mintlayer_message m;
    side_pair(&a, &b, ADDRESSES);
    side_wait(&a, 59999);
    expect_silence(&a);
    side_wait(&a, 1);
    assert_true(side_takes(&a, &m));
    assert_int_equal(m.kind, MINTLAYER_PING_REQUEST);
    uint64_t nonce = m.nonce;
    mintlayer_put_nonce(&a.in, MINTLAYER_PING_RESPONSE, nonce + 1); /* of no ping */
    side_read(&a);
    assert_int_equal(a.ignored, 1);
    assert_true(a.session.ping.waits);
    mintlayer_put_nonce(&a.in, MINTLAYER_PING_RESPONSE, nonce);
    side_read(&a);
    assert_false(a.session.ping.waits);
    for (int i = 0; i < 10; i++) { /* the peer talks: nothing has to be asked */
        side_wait(&a, 59000);
        side_feed_message(&a, "0800cb007107d70b");
        expect_silence(&a);
    }
    for (int i = 0; i < 3; i++) { /* we talk */
        side_wait(&a, 59000);
        assert_int_equal(side_say(&a, MINTLAYER_ADDR_LIST_REQUEST, NULL), 0);
        expect_said(&a, MINTLAYER_ADDR_LIST_REQUEST);
    }
    side_wait(&a, 210000 - 3 * 59000 - 1); /* but not for ever without a word of the peer's */
    assert_int_equal(side_say(&a, MINTLAYER_ADDR_LIST_REQUEST, NULL), 0);
    expect_said(&a, MINTLAYER_ADDR_LIST_REQUEST);
    expect_silence(&a);
    side_wait(&a, 1);
    expect_said(&a, MINTLAYER_PING_REQUEST);
    assert_false(a.over);
    side_close(&a);
    side_close(&b);
}

static void test_steady_pings(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    a.session.ping.always = true;
    mintlayer_ping_start(&a.session.ping, a.now_ms, 25000);
    side_wait(&a, 24999);
    expect_silence(&a);
    side_wait(&a, 1);
    for (int i = 0; i < 5; i++) {
        side_feed_message(&a, "0800cb007107d70b");
        carry(&a, &b, SIZE_MAX);
        assert_int_equal(buffer_left(&b.out), 13);
        carry(&b, &a, SIZE_MAX);
        assert_false(a.session.ping.waits);
        side_wait(&a, 59999);
        expect_silence(&a);
        side_wait(&a, 1);
        assert_int_equal(buffer_left(&a.out), 13);
    }
    side_close(&a);
    side_close(&b);
    side_prepare(&a, ADDRESSES);
    a.own.ping_always = true;
    struct session_config config = side_config(&a, DIRECTION_INCOMING);
    side_start_as(&a, &config);
    struct mintlayer_hello h = a_hello(false);
    side_feed_hello(&a, &h);
    expect_said(&a, MINTLAYER_HANDSHAKE);
    assert_true(a.session.ping.always);
    side_wait(&a, 60000);
    expect_said(&a, MINTLAYER_PING_REQUEST);
    side_close(&a);
}

static void expect_given_up(bool always, bool talks)
{
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    a.session.ping.always = always;
    mintlayer_ping_start(&a.session.ping, a.now_ms, 60000);
    side_wait(&a, 60000);
    expect_said(&a, MINTLAYER_PING_REQUEST);
    for (int i = 0; i < 179; i++) {
        side_wait(&a, 1000);
        if (talks) {
            side_feed_message(&a, "0800cb007107d70b");
        }
        assert_false(a.over);
        expect_silence(&a);
    }
    side_wait(&a, 999);
    assert_false(a.over);
    side_wait(&a, 1);
    expect_ended(&a, END_SILENT);
    expect_words(&a, "You ignore our ping requests");
    expect_silence(&a);
    side_close(&a);
    side_close(&b);
}

static void test_unanswered_pings(void **state)
{
    (void)state;
    expect_given_up(false, false);
    expect_given_up(true, false);
    expect_given_up(false, true); /* whatever else it says */
    expect_given_up(true, true);
}

/* What we did not read is not the peer's fault, and who does not read us is not pinged. */
static void test_marks(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    side_pass(&a, 60000);
    side_tick(&a, TICK_CLOGGED);
    expect_silence(&a);
    side_pass(&a, 60000);
    side_tick(&a, TICK_DEAF);
    expect_silence(&a);
    side_pass(&a, 60000);
    side_tick(&a, 0);
    expect_said(&a, MINTLAYER_PING_REQUEST);
    side_pass(&a, 180000);
    side_tick(&a, TICK_DEAF);
    assert_false(a.over);
    side_wait(&a, 179999);
    assert_false(a.over);
    side_wait(&a, 1);
    expect_ended(&a, END_SILENT);
    side_close(&a);
    side_close(&b);
}

static void test_answers_pings(void **state)
{
    (void)state;
    struct side a, b;
    struct mintlayer_message m;
    side_pair(&a, &b, ADDRESSES);
    for (uint64_t i = 0; i < 3; i++) {
        mintlayer_put_nonce(&a.in, MINTLAYER_PING_REQUEST, UINT64_MAX - i);
        side_read(&a);
        assert_true(side_takes(&a, &m));
        assert_int_equal(m.kind, MINTLAYER_PING_RESPONSE);
        assert_true(m.nonce == UINT64_MAX - i);
    }
    assert_int_equal(a.good, 3);
    assert_true(a.alive);
    side_close(&a);
    side_close(&b);
}

/* A sign of life costs the peer no answer, and no node minds it. */
static void test_signs_of_life(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    a.protocol->session->alive(&a.session, a.now_ms, &a.out);
    carry(&a, &b, SIZE_MAX);
    assert_true(b.alive);
    assert_int_equal(b.session.faults, 0);
    expect_silence(&b);
    side_close(&a);
    side_close(&b);
}

static void test_hours_of_idling(void **state)
{
    (void)state;
    struct side a, b;
    side_pair(&a, &b, ADDRESSES);
    for (int i = 0; i < 7200; i++) {
        side_wait(&a, 1000);
        side_wait(&b, 1000);
        answer_pings(&a, &b);
    }
    assert_false(a.over || b.over);
    assert_true(a.good + b.good >= 120);
    side_close(&a);
    side_close(&b);
}

/* --- recordings and garbage --- */

/* A whole conversation, as it was recorded: what of it is ours to say is the same, but for what names us. */
static void test_recorded_conversation(void **state)
{
    (void)state;
    json_t *root = load_vectors_of("mintlayer_session.json"), *packet;
    size_t i;
    struct side s;
    side_start(&s, DIRECTION_INCOMING, ALL);
    json_array_foreach(json_object_get(root, "packets"), i, packet)
    {
        const char *plain = json_string_value(json_object_get(packet, "plain"));
        if (strcmp(json_string_value(json_object_get(packet, "from")), "initiator") == 0) {
            side_feed_hex(&s, plain);
        }
    }
    assert_false(s.over);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.messages, 1); /* it asks for addresses, and then again */
    assert_int_equal(s.ignored, 2);  /* an answer to no ping of ours */
    expect_said(&s, MINTLAYER_HANDSHAKE);
    expect_said(&s, MINTLAYER_PING_RESPONSE);
    expect_said(&s, MINTLAYER_PING_RESPONSE);
    expect_silence(&s);
    side_close(&s);
    side_start(&s, DIRECTION_OUTGOING, ALL);
    json_array_foreach(json_object_get(root, "packets"), i, packet)
    {
        const char *plain = json_string_value(json_object_get(packet, "plain"));
        if (strcmp(json_string_value(json_object_get(packet, "from")), "responder") == 0) {
            side_feed_hex(&s, plain);
        }
    }
    expect_ended(&s, END_CLOSED);
    assert_string_equal(s.last.end.text, "the peer says: Your address is discouraged");
    assert_int_equal(s.messages, 1);
    assert_int_equal(known_peers_of(s.parcel).n, 0); /* they are of networks for books */
    side_close(&s);
    json_decref(root);
}

static uint64_t next_random(uint64_t *seed)
{
    return dice_throw(seed) >> 32;
}

/* Whatever comes, in pieces of any size: it ends in order, or goes on. */
static void test_garbage(void **state)
{
    (void)state;
    uint64_t seed = 99;
    size_t ended = 0;
    for (int round = 0; round < 3000; round++) {
        struct side a, b;
        side_pair(&a, &b, round % 2 ? ALL : ADDRESSES);
        for (int i = 0; i < 20 && !b.over; i++) {
            uint8_t body[64];
            size_t n = 1 + next_random(&seed) % sizeof body;
            for (size_t k = 0; k < n; k++) {
                body[k] = (uint8_t)(next_random(&seed) >> (next_random(&seed) % 8));
            }
            body[0] = (uint8_t)(next_random(&seed) % MINTLAYER_KINDS);
            struct buffer frame = {0};
            scale_put_uint(&frame, n - (next_random(&seed) % 20 == 0), 4);
            buffer_add(&frame, body, n);
            side_dribble(&b, frame.data, frame.used);
            buffer_fini(&frame);
            side_wait(&b, 1000);
        }
        ended += b.over;
        assert_true(!b.over || b.last.end.reason == END_MISCONDUCT || b.last.end.reason == END_CLOSED);
        side_close(&a);
        side_close(&b);
    }
    assert_true(ended > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("M4 M9", test_meeting),
        promise_test("M9 M10", test_hello),
        cmocka_unit_test(test_stream_shares_the_time_of_the_dial),
        cmocka_unit_test(test_purposes),
        cmocka_unit_test(test_no_addresses_by_relays),
        cmocka_unit_test(test_blocks_are_asked_for),
        cmocka_unit_test(test_blocks_are_asked_for_once),
        cmocka_unit_test(test_proxied),
        promise_test("M7", test_begin),
        promise_test("M8 M11", test_versions),
        cmocka_unit_test(test_common_version),
        promise_test("M11", test_times),
        promise_test("M8 M11", test_networks),
        promise_test("M9", test_services),
        promise_test("M11", test_order),
        promise_test("M11 M15", test_no_room),
        promise_test("M7", test_bad_beginnings),
        cmocka_unit_test(test_refused_by_peer),
        cmocka_unit_test(test_no_hello),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_header_requests),
        cmocka_unit_test(test_faults_add_up),
        cmocka_unit_test(test_long_frames),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_unsayable),
        promise_test("M2", test_address_lists),
        cmocka_unit_test(test_announcements),
        cmocka_unit_test(test_leaving),
        promise_test("M12 M13", test_idle_pings),
        cmocka_unit_test(test_steady_pings),
        promise_test("M14", test_unanswered_pings),
        cmocka_unit_test(test_marks),
        promise_test("M13", test_answers_pings),
        cmocka_unit_test(test_signs_of_life),
        cmocka_unit_test(test_hours_of_idling),
        cmocka_unit_test(test_recorded_conversation),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
