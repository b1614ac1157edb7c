/* Sessions against each other, in all versions; handshakes that fail; what the service does. */
#include "protocol/varint.h"
#include "tests/unit/factom_fixture.h"

#include "protocol/factom/crc32k.h"
#include "protocol/factom/service.h"
#include "protocol/factom/v10.h"
#include "protocol/factom/v11.h"
#include "protocol/factom/v9.h"
#include "protocol/factom/wire.pb-c.h"
#include "tests/unit/gob_streams.h"
#include "tests/unit/promise.h"

static struct parcel *text_parcel(const char *text)
{
    return parcel_new(text, strlen(text));
}

static void say_text(struct side *s, const char *text, enum scope scope)
{
    struct parcel *p = text_parcel(text);
    assert_int_equal(side_say(s, FACTOM_MESSAGE, scope, p), 0);
    parcel_release(p);
}

static void expect_text(const struct side *s, const char *text)
{
    assert_non_null(s->message);
    assert_int_equal(s->message->size, strlen(text));
    assert_memory_equal(s->message->bytes, text, strlen(text));
}

/* --- all versions --- */

static const size_t chunks[] = {1, 7, SIZE_MAX};

struct pair {
    struct side dialer, listener;
};

static void pair_start(struct pair *p, uint32_t dials, uint32_t listens)
{
    side_start(&p->dialer, dials, DIRECTION_OUTGOING, 1);
    side_start(&p->listener, listens, DIRECTION_INCOMING, 2);
    assert_int_equal(buffer_left(&p->listener.out), 0); /* a listener waits */
}

static void pair_close(struct pair *p)
{
    side_close(&p->dialer);
    side_close(&p->listener);
}

/* What a listener set to `listens` makes of a request in `dials`. */
static uint32_t spoken(uint32_t dials, uint32_t listens)
{
    return dials == 10 && listens == 9 ? 9 : dials;
}

/* Through a proxy: where the peer is, is known if the proxy was given an IP address. */
static void test_proxied(void **state)
{
    (void)state;
    struct address to = {.port = 258};
    for (uint32_t i = 0; i < 9; i++) {
        struct pair p;
        const size_t lengths[] = {20, 61, 250};
        memset(to.host, 'a', sizeof to.host - 1);
        strcpy(to.host + lengths[i % 3], ".x");
        pair_start(&p, 9 + i / 3, 9 + i / 3);
        side_close(&p.dialer);
        p.dialer = (struct side){.protocol = &factom_protocol, .node = test_node(9 + i / 3), .now_ms = 1000};
        p.dialer.node.nonce = 1;
        struct session_config config = test_config(&p.dialer, DIRECTION_OUTGOING);
        config.proxied = &to;
        config.remote = (struct endpoint){.port = 0};
        side_open(&p.dialer, &config);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        assert_int_equal(p.dialer.ready, 1);
        assert_int_equal(p.dialer.peer.endpoint.port, 0);
        char wanted[PEER_HASH_MAX];
        snprintf(wanted, sizeof wanted, "%.142s", to.host);
        assert_memory_equal(p.dialer.peer.hash, wanted, strlen(wanted));
        if (lengths[i % 3] < 100) {
            snprintf(wanted, sizeof wanted, "%.100s:258 %08llx", to.host,
                     (unsigned long long)p.listener.node.node_id);
            assert_string_equal(p.dialer.peer.hash, wanted);
        }
        pair_close(&p);
    }
}

static void exchange(struct pair *p, size_t chunk)
{
    say_text(&p->dialer, "to the listener", SCOPE_BROADCAST);
    say_text(&p->listener, "to the dialer", SCOPE_PEER);
    converse(&p->dialer, &p->listener, chunk);
    expect_text(&p->listener, "to the listener");
    expect_text(&p->dialer, "to the dialer");
    uint32_t good = p->listener.good;
    factom_protocol.session->alive(&p->dialer.session, p->dialer.now_ms, &p->dialer.out);
    converse(&p->dialer, &p->listener, chunk);
    assert_int_equal(p->listener.good, good + 1);
    p->dialer.now_ms += 15000;
    side_tick(&p->dialer, 0);
    uint32_t dialer_good = p->dialer.good, listener_good = p->listener.good;
    converse(&p->dialer, &p->listener, chunk);
    assert_int_equal(p->listener.good, listener_good + 1); /* the ping */
    assert_int_equal(p->dialer.good, dialer_good + 1);     /* the pong */
}

static void exchange_shares(struct pair *p, uint32_t version, size_t chunk)
{
    struct endpoint e[3];
    assert_true(endpoint_parse(&e[0], "1.2.3.4:5678"));
    assert_true(endpoint_parse(&e[1], "[2001:db8::1]:8108"));
    assert_true(endpoint_parse(&e[2], "9.9.9.9:1"));
    uint32_t requests = p->listener.requests;
    assert_int_equal(side_say(&p->dialer, FACTOM_PEER_REQUEST, SCOPE_NONE, NULL), 0);
    struct parcel *share = share_of(e, 3);
    assert_int_equal(side_say(&p->listener, FACTOM_PEER_SHARE, SCOPE_NONE, share), 0);
    parcel_release(share);
    converse(&p->dialer, &p->listener, chunk);
    assert_int_equal(p->listener.requests, requests + 1);
    assert_int_equal(p->dialer.shares, 1);
    /* V9 says IPv4 only. */
    size_t n = version == 9 ? 2 : 3;
    struct known_peers told = known_peers_of(p->dialer.share);
    assert_int_equal(told.n, n);
    assert_true(endpoint_equal(&told.list[0].endpoint, &e[0]));
    assert_true(endpoint_equal(&told.list[n - 1].endpoint, &e[2]));
}

static void test_every_pair_of_versions(void **state)
{
    (void)state;
    for (uint32_t dials = 9; dials <= 11; dials++) {
        for (uint32_t listens = 9; listens <= 11; listens++) {
            for (size_t c = 0; c < 3; c++) {
                struct pair p;
                uint32_t version = spoken(dials, listens);
                pair_start(&p, dials, listens);
                converse(&p.dialer, &p.listener, chunks[c]);
                assert_int_equal(p.dialer.ready, 1);
                assert_int_equal(p.listener.ready, 1);
                assert_int_equal(p.dialer.peer.version, version);
                assert_int_equal(p.listener.peer.version, version);
                /* Each V9 handshake is a peer request, and asks for an answer. */
                assert_int_equal(p.dialer.peer.asked, dials == 9);
                assert_int_equal(p.listener.requests, dials == 9);
                assert_int_equal(p.listener.peer.asked, version == 9);
                assert_int_equal(p.dialer.requests, version == 9);
                exchange(&p, chunks[c]);
                exchange_shares(&p, version, chunks[c]);
                pair_close(&p);
            }
        }
    }
}

static void test_minimum_version(void **state)
{
    (void)state;
    for (uint32_t dials = 9; dials <= 11; dials++) {
        for (uint32_t minimum = 9; minimum <= 11; minimum++) {
            struct pair p;
            pair_start(&p, dials, 10);
            p.listener.node.version_minimum = minimum;
            converse(&p.dialer, &p.listener, SIZE_MAX);
            assert_int_equal(p.listener.ready, dials >= minimum);
            if (dials < minimum) {
                assert_int_equal(p.listener.last.end.reason, END_VERSION);
                assert_int_equal(p.dialer.ready, 0);
            }
            pair_close(&p);
        }
    }
    struct pair p;
    pair_start(&p, 10, 9);
    p.dialer.node.version_minimum = 10;
    converse(&p.dialer, &p.listener, SIZE_MAX);
    assert_int_equal(p.dialer.last.end.reason, END_VERSION);
    pair_close(&p);
}

/* A dialer continues in the version of the reply, whatever it began with. */
static void test_reply_in_another_encoding(void **state)
{
    (void)state;
    for (uint32_t dials = 10; dials <= 11; dials++) {
        struct side dialer;
        uint32_t replies = 21 - dials;
        side_start(&dialer, dials, DIRECTION_OUTGOING, 1);
        struct side other;
        side_start(&other, replies, DIRECTION_OUTGOING, 2);
        size_t first = buffer_left(&dialer.out);
        carry(&other, &dialer, SIZE_MAX);
        assert_int_equal(dialer.peer.version, replies);
        buffer_consume(&dialer.out, first);
        say_text(&dialer, "hello", SCOPE_NONE);
        size_t size;
        uint8_t *flat = flatten(&dialer.out, &size);
        if (replies == 11) {
            assert_memory_equal(flat, V11_MAGIC, 4);
        } else {
            assert_int_equal(flat[0], 0x29); /* the definition of V10's struct */
        }
        free(flat);
        side_close(&dialer);
        side_close(&other);
    }
}

static void test_large_payload_is_not_copied(void **state)
{
    (void)state;
    for (uint32_t version = 9; version <= 11; version++) {
        struct pair p;
        pair_start(&p, version, version);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        struct parcel *big = parcel_new(NULL, 100000);
        memset(big->bytes, 'x', big->size);
        assert_int_equal(side_say(&p.dialer, FACTOM_MESSAGE, SCOPE_FULL, big), 0);
        assert_int_equal(atomic_load(&big->references), 2);
        converse(&p.dialer, &p.listener, 1000);
        assert_int_equal(atomic_load(&big->references), 1);
        assert_int_equal(p.listener.message->size, big->size);
        assert_memory_equal(p.listener.message->bytes, big->bytes, big->size);
        parcel_release(big);
        pair_close(&p);
    }
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        enum scope scope;
        const char *text;
    } targets[] = {{SCOPE_BROADCAST, "<BROADCAST>"},
                   {SCOPE_FULL, "<FULLBORADCAST>"},
                   {SCOPE_RANDOM, "<RANDOMPEER>"},
                   {SCOPE_PEER, "10.0.0.7:8110 0001a2b3"}};
    struct pair p;
    pair_start(&p, 9, 9);
    converse(&p.dialer, &p.listener, SIZE_MAX);
    for (size_t i = 0; i < 4; i++) {
        say_text(&p.dialer, "m", targets[i].scope);
        size_t size;
        uint8_t *flat = flatten(&p.dialer.out, &size);
        assert_non_null(memmem(flat, size, targets[i].text, strlen(targets[i].text)));
        buffer_consume(&p.dialer.out, size);
        free(flat);
    }
    pair_close(&p);
}

static void test_what_cannot_be_said(void **state)
{
    (void)state;
    struct pair p;
    struct parcel *one = text_parcel("x");
    struct parcel *none = text_parcel("");
    pair_start(&p, 11, 11);
    assert_int_equal(side_say(&p.listener, FACTOM_MESSAGE, SCOPE_NONE, one), -1); /* too early */
    converse(&p.dialer, &p.listener, SIZE_MAX);
    assert_int_equal(side_say(&p.dialer, FACTOM_MESSAGE, SCOPE_NONE, none), -1);
    assert_int_equal(side_say(&p.dialer, FACTOM_MESSAGE, SCOPE_NONE, NULL), -1);
    assert_int_equal(side_say(&p.dialer, FACTOM_PEER_SHARE, SCOPE_NONE, none), -1);
    assert_int_equal(side_say(&p.dialer, 77, SCOPE_NONE, one), -1);
    p.dialer.node.limits.parcel_bytes = 1;
    assert_int_equal(side_say(&p.dialer, FACTOM_MESSAGE, SCOPE_NONE, one), 0);
    p.dialer.node.limits.parcel_bytes = 0;
    assert_int_equal(side_say(&p.dialer, FACTOM_MESSAGE, SCOPE_NONE, one), -1);
    parcel_release(one);
    parcel_release(none);
    pair_close(&p);
}

/* --- handshakes that fail --- */

struct gob_case {
    const char *what;
    enum end_reason reason; /* END_NONE for a handshake that is good */
    uint32_t network, version, type;
    uint16_t port;
    const char *payload;
    size_t payload_size;
};

#define NONCE "\x09\0\0\0\0\0\0\0"
#define OWN   "\x07\0\0\0\0\0\0\0"
#define LOCAL 0x00beaded

static const struct gob_case gob_cases[] = {
    {"V10", END_NONE, LOCAL, 10, 8, 8110, NONCE, 8},
    {"V9", END_NONE, LOCAL, 9, 3, 8110, NONCE, 8},
    {"without nonce", END_NONE, LOCAL, 9, 3, 8110, "Peer Request", 12},
    {"type 8 without nonce", END_HANDSHAKE, LOCAL, 10, 8, 8110, "Peer Request", 12},
    {"network", END_NETWORK, LOCAL + 1, 10, 8, 8110, NONCE, 8},
    {"network's high bits", END_NETWORK, LOCAL | 0x80000000, 10, 8, 8110, NONCE, 8},
    {"network of a refusal", END_NETWORK, LOCAL ^ 0x10000, 10, 9, 8110, "[]", 2},
    {"network before version", END_NETWORK, LOCAL + 1, 8, 8, 8110, NONCE, 8},
    {"version", END_VERSION, LOCAL, 8, 8, 8110, NONCE, 8},
    {"version before port", END_VERSION, LOCAL, 8, 8, 0, NONCE, 8},
    {"version 11 in gob", END_HANDSHAKE, LOCAL, 11, 8, 8110, NONCE, 8},
    {"port", END_HANDSHAKE, LOCAL, 10, 8, 0, NONCE, 8},
    {"port before nonce", END_HANDSHAKE, LOCAL, 10, 8, 0, OWN, 8},
    {"our own", END_LOOPBACK, LOCAL, 10, 8, 8110, OWN, 8},
    {"type", END_HANDSHAKE, LOCAL, 10, 6, 8110, NONCE, 8},
    {"no type", END_HANDSHAKE, LOCAL, 9, 10, 8110, NONCE, 8},
    {"type 8 in V9 without nonce", END_HANDSHAKE, LOCAL, 9, 8, 8110, "message", 7},
    {"a message's network", END_NETWORK, LOCAL + 1, 9, 6, 8110, "message", 7},
    {"a message's port", END_HANDSHAKE, LOCAL, 9, 6, 0, "message", 7},
    {"alternatives", END_HANDSHAKE, LOCAL, 9, 9, 8110, "[{\"ip\":\"1.2.3.4\"}]", 18},
    {"alternatives' port", END_HANDSHAKE, LOCAL, 9, 9, 8110, "[{\"ip\":\"1.2.3.4\",\"port\":\"0\"}]", 29},
    {"not JSON", END_HANDSHAKE, LOCAL, 9, 9, 8110, "12345678", 7},
    {"rejected with none", END_REJECTED, LOCAL, 9, 9, 8110, "\0\0\0\0\0\0\0\0", 8},
    {"rejected with null", END_REJECTED, LOCAL, 9, 9, 8110, "null", 4},
    {"empty", END_HANDSHAKE, LOCAL, 9, 3, 8110, "", 0},
};

static void write_case(struct buffer *b, const struct gob_case *c)
{
    struct v9_header h = {.network = c->network,
                          .version = (uint16_t)c->version,
                          .type = (uint16_t)c->type,
                          .target = "",
                          .node_id = 5,
                          .peer_port = c->port};
    struct payload load = {.bytes = c->payload, .size = c->payload_size};
    factom_v9_write_definitions(b);
    factom_v9_write(b, &h, &load);
}

static void expect_case(const struct gob_case *c, enum direction direction)
{
    struct side s;
    struct buffer b = {0};
    side_start(&s, 10, direction, 7);
    size_t before = buffer_left(&s.out);
    write_case(&b, c);
    side_feed(&s, b.data, b.used);
    if (c->reason == END_NONE) {
        assert_int_equal(s.ready, 1);
    } else {
        assert_true(s.over);
        if (s.last.end.reason != c->reason) {
            fail_msg("%s: %s (%s)", c->what, end_reason_text(s.last.end.reason), s.last.end.text);
        }
        assert_int_equal(s.last.type, c->reason == END_REJECTED ? SESSION_REJECTED : SESSION_ENDED);
        assert_true(s.last.end.text[0] != '\0');
        /* Silence is the answer, but for ourselves, who need one to know which address is ours. */
        bool answers = c->reason == END_LOOPBACK && direction == DIRECTION_INCOMING;
        assert_int_equal(buffer_left(&s.out) > before, answers);
    }
    buffer_fini(&b);
    side_close(&s);
}

static void test_gob_handshakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gob_cases / sizeof gob_cases[0]; i++) {
        expect_case(&gob_cases[i], DIRECTION_INCOMING);
        expect_case(&gob_cases[i], DIRECTION_OUTGOING);
    }
}

static void feed_part(struct side *s, uint32_t no, uint32_t total, const char *name, const char *payload);

/* What the application of generation 1 has sent while its node dialed comes before the peer request. */
static void test_a_message_comes_first(void **state)
{
    (void)state;
    static const struct gob_case first = {"first", END_NONE, LOCAL, 9, TYPE_MESSAGE, 8110, "first", 5},
                                 ping = {"ping", END_NONE, LOCAL, 9, TYPE_PING, 8110, "Ping", 4};
    for (size_t way = 0; way < 2; way++) {
        for (size_t chunk = 1; chunk < 400; chunk += 133) {
            struct side s;
            struct buffer b = {0};
            side_start(&s, 10, way ? DIRECTION_INCOMING : DIRECTION_OUTGOING, 7);
            write_case(&b, &first);
            for (size_t at = 0; at < b.used; at += chunk) {
                side_feed(&s, b.data + at, b.used - at < chunk ? b.used - at : chunk);
            }
            assert_int_equal(s.ready, 1);
            assert_int_equal(s.peer.version, 9);
            assert_int_equal(s.messages, 1);
            expect_text(&s, "first");
            assert_int_equal(s.requests, 0);
            feed_part(&s, 0, 1, "name", "second");
            assert_int_equal(s.messages, 2);
            buffer_fini(&b);
            side_close(&s);
        }
        struct side s;
        struct buffer b = {0};
        side_start(&s, 10, way ? DIRECTION_INCOMING : DIRECTION_OUTGOING, 7);
        write_case(&b, &ping);
        side_feed(&s, b.data, b.used);
        assert_int_equal(s.ready, 1);
        assert_int_equal(s.messages, 0);
        assert_int_equal(s.good, 1);
        buffer_fini(&b);
        side_close(&s);
    }
}

static void test_handshake_with_a_wrong_checksum(void **state)
{
    (void)state;
    struct side s;
    struct buffer b = {0};
    side_start(&s, 10, DIRECTION_INCOMING, 7);
    write_case(&b, &gob_cases[0]);
    b.data[b.used - 2] ^= 1;
    side_feed(&s, b.data, b.used);
    assert_int_equal(s.last.end.reason, END_HANDSHAKE);
    buffer_fini(&b);
    side_close(&s);
}

static void test_dialing_ourselves(void **state)
{
    (void)state;
    for (uint32_t version = 9; version <= 11; version++) {
        struct side dialer;
        side_start(&dialer, version, DIRECTION_OUTGOING, 42);
        struct side listener;
        side_start(&listener, version, DIRECTION_INCOMING, 42);
        converse(&dialer, &listener, SIZE_MAX);
        assert_int_equal(listener.last.end.reason, END_LOOPBACK);
        assert_int_equal(dialer.last.end.reason, END_LOOPBACK);
        side_close(&dialer);
        side_close(&listener);
    }
}

static void feed_v11(struct side *s, const char *hex)
{
    struct buffer b = {0};
    uint8_t head[8] = {'p', 'b', 'u', 'f', 0, 0, 0, (uint8_t)(strlen(hex) / 2)};
    buffer_add(&b, head, sizeof head);
    add_hex(&b, hex);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static void test_v11_handshakes(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum end_reason reason;
    } cases[] = {
        {"080810eddbfa05180b20092a04383131303009", END_NONE},
        {"080610eddbfa05180b20092a04383131303009", END_HANDSHAKE}, /* not a handshake */
        {"080810eedbfa05180b20092a04383131303009", END_NETWORK},
        {"080810eddbfa05180820092a04383131303009", END_VERSION},
        {"080810eddbfa05180b20092a04383171303009", END_HANDSHAKE}, /* port 81q0 */
        {"080810eddbfa05180b20093009", END_HANDSHAKE},             /* no port */
        {"080810eddbfa05180b20092a04383131303007", END_LOOPBACK},
        {"080910eddbfa05180b20092a04383131303a040a023a3a", END_HANDSHAKE}, /* an alternative without a port */
        {"080910eddbfa05180b20092a0438313130", END_REJECTED},
        {"", END_HANDSHAKE},
        {"0808ff", END_HANDSHAKE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side s;
        side_start(&s, 10, DIRECTION_INCOMING, 7);
        feed_v11(&s, cases[i].hex);
        if (cases[i].reason == END_NONE) {
            assert_int_equal(s.ready, 1);
        } else if (!s.over || s.last.end.reason != cases[i].reason) {
            fail_msg("%s: %s", cases[i].hex, s.over ? s.last.end.text : "no end");
        }
        side_close(&s);
    }
}

static void test_handshake_too_long(void **state)
{
    (void)state;
    struct side s;
    side_start(&s, 10, DIRECTION_INCOMING, 7);
    side_feed(&s, "\xfd\x01\x00\x01", 4); /* 65537 bytes */
    assert_int_equal(s.last.end.reason, END_HANDSHAKE);
    side_close(&s);
    side_start(&s, 10, DIRECTION_INCOMING, 7);
    side_feed(&s, "pbuf\0\x01\0\x01", 8);
    assert_int_equal(s.last.end.reason, END_HANDSHAKE);
    side_close(&s);
}

/* --- a value of many pieces --- */

static void put_uint(struct buffer *b, uint64_t value)
{
    uint8_t bytes[GOB_UINT_MAX];
    buffer_add(b, bytes, factom_gob_encode_uint(bytes, value));
}

static void put_id(struct buffer *b, int id)
{
    put_uint(b, id < 0 ? (uint64_t)(-1 - id) << 1 | 1 : (uint64_t)id << 1);
}

/* "a", the name of an interface's type, and the definition of a slice of integers that ends the message. */
static void put_joint(struct buffer *b, int id)
{
    buffer_add(b, "\1a", 2);
    put_id(b, -id);
    buffer_add(b, "\2\1\2", 3);
    put_id(b, id);
    buffer_add(b, "\0\1\4\0\0", 5);
}

static void feed_message(struct side *s, const struct buffer *message)
{
    struct buffer length = {0};
    put_uint(&length, message->used);
    side_feed(s, length.data, length.used);
    side_feed(s, message->data, message->used);
    buffer_fini(&length);
}

/* A value that is a list of `nils` interfaces and one that goes on in the next message, and so on. Returns
 * how many messages of it were read. */
static int feed_pieces(struct side *s, size_t nils, int pieces)
{
    enum { FIRST_ID = 100 };
    struct buffer b = {0};
    side_feed_hex(s, "16ff81030101015401ff8200010101015801ff84000000"); /* 65: struct T { X 66 } */
    side_feed_hex(s, "0fff83020101017301ff840001100000");               /* 66: a list of interfaces */
    put_id(&b, 65);
    put_uint(&b, 1);
    put_uint(&b, nils + 1000);
    for (size_t i = 0; i < nils; i++) {
        put_uint(&b, 0);
    }
    put_joint(&b, FIRST_ID);
    feed_message(s, &b);
    int n = 1;
    for (; n < pieces && !s->over; n++) {
        b.used = b.total = 0;
        put_id(&b, FIRST_ID + n - 1);
        buffer_add(&b, "\2\0\0", 3);
        put_joint(&b, FIRST_ID + n);
        feed_message(s, &b);
    }
    buffer_fini(&b);
    return n;
}

/* It is read anew for each piece, which is work that the peer pays nothing for. */
static void test_value_in_too_many_pieces(void **state)
{
    static const struct {
        size_t nils;
        int fewest, most; /* pieces that are read */
    } cases[] = {{10, 10, 50}, {1000, 5, 20}, {15000, 2, 2}, {50000, 1, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side s;
        side_start(&s, 10, DIRECTION_INCOMING, 7);
        int n = feed_pieces(&s, cases[i].nils, 60);
        assert_true(s.over);
        assert_int_equal(s.last.end.reason, END_HANDSHAKE);
        assert_string_equal(s.last.end.text, "a value in too many pieces");
        assert_in_range(n, cases[i].fewest, cases[i].most);
        side_close(&s);
    }
}

/* Of many messages, none of which is too long. */
static void test_handshake_of_pieces_too_long(void **state)
{
    (void)state;
    struct side dialer, s;
    size_t size;
    side_start(&dialer, 10, DIRECTION_OUTGOING, 8);
    uint8_t *hello = flatten(&dialer.out, &size);
    for (int too_long = 0; too_long < 2; too_long++) {
        s = (struct side){.protocol = &factom_protocol, .node = test_node(10), .now_ms = 1000};
        s.node.limits.handshake_bytes = too_long ? size * 3 / 4 : size;
        struct session_config config = test_config(&s, DIRECTION_INCOMING);
        side_open(&s, &config);
        side_feed(&s, hello, size);
        assert_int_equal(s.ready, !too_long);
        assert_true(!too_long || s.last.end.reason == END_HANDSHAKE);
        side_close(&s);
    }
    /* A definition with a byte too many. */
    assert_in_range(hello[0], 2, 126);
    side_start(&s, 10, DIRECTION_INCOMING, 7);
    uint8_t length = (uint8_t)(hello[0] + 1);
    side_feed(&s, &length, 1);
    side_feed(&s, hello + 1, hello[0]);
    side_feed(&s, "", 1);
    assert_int_equal(s.last.end.reason, END_HANDSHAKE);
    side_close(&s);
    side_close(&dialer);
    free(hello);
}

static void test_handshake_timeout(void **state)
{
    (void)state;
    struct side s;
    side_start(&s, 10, DIRECTION_INCOMING, 7);
    assert_true(factom_protocol.session->deadline(&s.session) == 6000);
    s.now_ms = 5999;
    side_tick(&s, 0);
    assert_false(s.over);
    s.now_ms = 6000;
    side_tick(&s, TICK_DEAF);
    assert_int_equal(s.last.end.reason, END_HANDSHAKE_TIMEOUT);
    assert_true(factom_protocol.session->deadline(&s.session) == INT64_MAX);
    side_close(&s);
}

/* --- refusing --- */

static void test_refusals(void **state)
{
    (void)state;
    struct endpoint others[40];
    for (size_t i = 0; i < 40; i++) {
        assert_true(endpoint_parse(&others[i], i % 2 != 0 ? "10.1.2.3:8108" : "[2001:db8::7]:8109"));
    }
    for (uint32_t dials = 9; dials <= 11; dials++) {
        for (size_t n = 0; n <= 40; n += 20) {
            struct side dialer, full = {.protocol = &factom_protocol, .node = test_node(10), .now_ms = 1000};
            side_start(&dialer, dials, DIRECTION_OUTGOING, 1);
            struct session_config config = test_config(&full, DIRECTION_INCOMING);
            config.refuse = true;
            config.alternatives = others;
            config.n_alternatives = n;
            side_open(&full, &config);
            converse(&dialer, &full, 11);
            size_t told = n < ALTERNATIVES_MAX ? n : ALTERNATIVES_MAX;
            assert_int_equal(full.last.type, SESSION_ENDED);
            assert_int_equal(full.last.end.reason, END_REFUSED);
            assert_int_equal(dialer.last.type, SESSION_REJECTED);
            assert_int_equal(dialer.last.end.reason, END_REJECTED);
            assert_int_equal(dialer.last.end.n_alternatives, told);
            assert_memory_equal(dialer.last.end.alternatives, others, told * sizeof others[0]);
            side_close(&dialer);
            side_close(&full);
        }
    }
}

/* --- parcels --- */

static void ready_v9(struct side *s)
{
    struct buffer b = {0};
    side_start(s, 10, DIRECTION_INCOMING, 7);
    write_case(&b, &gob_cases[1]);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
    assert_int_equal(s->ready, 1);
    assert_int_equal(s->requests, 1);
}

/* A V9 parcel with parts, which our own writer never sends. */
static void feed_part(struct side *s, uint32_t no, uint32_t total, const char *name, const char *payload)
{
    struct gob_writer w = {.used = 0};
    factom_gob_put_int(&w, 65);
    struct gob_struct_writer outer = {.w = &w};
    factom_gob_put_field_step(&outer);
    struct gob_struct_writer h = {.w = &w};
    factom_gob_put_field_uint(&h, LOCAL);
    factom_gob_put_field_uint(&h, 9);
    factom_gob_put_field_uint(&h, TYPE_MESSAGE_PART);
    factom_gob_put_field_uint(&h, strlen(payload));
    factom_gob_put_field_string(&h, "");
    factom_gob_put_field_uint(&h, factom_crc32k(payload, strlen(payload)));
    factom_gob_put_field_uint(&h, no);
    factom_gob_put_field_uint(&h, total);
    factom_gob_put_field_uint(&h, 0);
    factom_gob_put_field_string(&h, "");
    factom_gob_put_field_string(&h, "8110");
    factom_gob_put_field_string(&h, name);
    factom_gob_put_end(&w);
    factom_gob_put_field_step(&outer);
    factom_gob_put_bytes(&w, payload, strlen(payload));
    factom_gob_put_end(&w);
    struct buffer b = {0};
    factom_gob_write_message(&b, &w);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static void test_parts_in_any_order(void **state)
{
    (void)state;
    static const uint32_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
    static const char *const payloads[] = {"one ", "two ", "three"};
    struct side s;
    ready_v9(&s);
    for (size_t o = 0; o < 3; o++) {
        feed_part(&s, 0, 2, "other", "unfinished");
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(s.messages, o);
            feed_part(&s, orders[o][i], 3, "name", payloads[orders[o][i]]);
            if (i == 0) {
                feed_part(&s, orders[o][0], 3, "name", "again, and ignored");
            }
        }
        assert_int_equal(s.messages, o + 1);
        expect_text(&s, "one two three");
    }
    feed_part(&s, 1, 2, "other", " and finished");
    expect_text(&s, "unfinished and finished");
    feed_part(&s, 0, 1, "other", "single");
    expect_text(&s, "single");
    assert_int_equal(s.dropped, 0);
    assert_true(s.session.fragments.used == 0);
    side_close(&s);
}

static void test_bad_parts(void **state)
{
    (void)state;
    static const uint32_t bad[][2] = {{0, 0}, {1, 1}, {3, 3}, {9, 3}};
    struct side s;
    for (size_t i = 0; i < 4; i++) {
        ready_v9(&s);
        feed_part(&s, bad[i][0], bad[i][1], "name", "x");
        assert_int_equal(s.last.end.reason, END_BAD_INPUT);
        side_close(&s);
    }
    for (uint32_t total = 1; total <= 4; total += total == 2 ? 2 : 1) {
        ready_v9(&s);
        feed_part(&s, 0, 3, "name", "x");
        feed_part(&s, 0, 1, "another", "single");
        expect_text(&s, "single");
        assert_false(s.over);
        feed_part(&s, 0, total, "name", "x");
        assert_int_equal(s.last.end.reason, END_BAD_INPUT);
        side_close(&s);
    }
}

static void test_parts_over_the_budget(void **state)
{
    (void)state;
    struct side s;
    char big[401];
    memset(big, 'x', 400);
    big[400] = '\0';
    ready_v9(&s);
    s.session.fragments.most = 2000;
    feed_part(&s, 0, 3, "a", big);
    feed_part(&s, 0, 3, "b", big);
    feed_part(&s, 0, 3, "c", big);
    assert_int_equal(s.dropped, 0);
    feed_part(&s, 0, 3, "d", big); /* pushes out a */
    assert_int_equal(s.dropped, 1);
    feed_part(&s, 1, 3, "d", big); /* b and then, with the last part, none */
    assert_int_equal(s.dropped, 2);
    feed_part(&s, 2, 3, "d", big);
    assert_int_equal(s.messages, 1);
    assert_int_equal(s.message->size, 1200);
    assert_true(s.session.fragments.used <= 2000);
    for (uint32_t i = 0; i < 8; i++) {
        feed_part(&s, i, 9, "e", big); /* alone too much */
    }
    assert_true(s.session.fragments.used <= 2000);
    assert_false(s.over);
    assert_int_equal(s.dropped, 4); /* c, and e */
    s.session.fragments.most = 450;
    feed_part(&s, 0, 2, "f", "a small one"); /* instead of e */
    assert_int_equal(s.dropped, 5);
    feed_part(&s, 0, 2, "g", big); /* too much at once, and nobody else's fault */
    assert_int_equal(s.dropped, 6);
    feed_part(&s, 1, 2, "f", " stays");
    assert_int_equal(s.messages, 2);
    expect_text(&s, "a small one stays");
    side_close(&s);
}

static enum fragments_result add_large(struct side *s, uint32_t no, struct parcel **whole)
{
    static uint8_t bytes[40000];
    uint64_t wants = 0;
    uint32_t dropped = 0;
    const struct fragment f = {.name = {.data = (const uint8_t *)"a", .size = 1},
                               .no = no,
                               .total = 4,
                               .payload = {.data = bytes, .size = sizeof bytes}};
    enum fragments_result result =
        factom_fragments_add(&s->session.fragments, s->now_ms, &f, whole, &dropped, &wants);
    assert_int_equal(dropped, 0);
    assert_int_equal(result == FRAGMENTS_NO_ROOM,
                     wants > 0 && budget_room(s->session.fragments.account->budget) == 0);
    return result;
}

/* Beyond what every connection has, parts are paid for; so is the message, while it waits for room. */
static void test_parts_are_paid_for(void **state)
{
    (void)state;
    struct side s;
    struct parcel *whole = NULL;
    struct budget b;
    budget_init(&b, 1 << 20);
    struct budget_account own = {.budget = &b}, other = {.budget = &b};
    ready_v9(&s);
    s.session.fragments.account = &own;
    assert_int_equal(add_large(&s, 0, &whole), FRAGMENTS_KEPT);
    assert_int_equal(budget_held(&own), 0);
    assert_int_equal(add_large(&s, 1, &whole), FRAGMENTS_KEPT);
    assert_int_equal(budget_held(&own), 65536);
    assert_int_equal(add_large(&s, 2, &whole), FRAGMENTS_KEPT);
    uint64_t used = s.session.fragments.used;
    assert_true(budget_take(&other, 0, (uint64_t)budget_room(&b)));
    assert_int_equal(add_large(&s, 3, &whole), FRAGMENTS_NO_ROOM);
    assert_true(s.session.fragments.used == used);
    budget_close(&other);
    assert_int_equal(add_large(&s, 3, &whole), FRAGMENTS_WHOLE);
    assert_int_equal(whole->size, 160000);
    parcel_release(whole);
    assert_true(budget_held(&own) >= 160000 - 65536);
    s.now_ms = factom_fragments_deadline(&s.session.fragments);
    factom_fragments_expire(&s.session.fragments, s.now_ms, true);
    assert_true(budget_held(&own) >= 160000 - 65536);
    s.now_ms = factom_fragments_deadline(&s.session.fragments);
    factom_fragments_expire(&s.session.fragments, s.now_ms, false);
    assert_int_equal(budget_held(&own), 0);
    assert_true(factom_fragments_deadline(&s.session.fragments) == INT64_MAX);
    assert_int_equal(add_large(&s, 0, &whole), FRAGMENTS_KEPT);
    assert_int_equal(add_large(&s, 1, &whole), FRAGMENTS_KEPT);
    assert_true(budget_held(&own) > 0);
    side_close(&s);
    assert_int_equal(budget_room(&b), 1 << 20);
}

/* Nothing of a part that finds no room is taken: the same bytes come again. */
static void test_a_part_without_room_is_not_taken(void **state)
{
    (void)state;
    struct side s;
    char piece[401];
    struct budget b;
    budget_init(&b, 100000);
    struct budget_account own = {.budget = &b}, other = {.budget = &b};
    memset(piece, 'x', 400);
    piece[400] = '\0';
    ready_v9(&s);
    s.session.fragments.account = &own;
    assert_true(budget_take(&other, 0, 100000));
    for (uint32_t no = 0; no < 200 && s.last.type != SESSION_STARVED; no++) {
        feed_part(&s, no, 1000, "a", piece);
    }
    assert_int_equal(s.last.type, SESSION_STARVED);
    assert_in_range(s.session.fragments.used, 60000, 65536);
    assert_true(s.last.wants > 0);
    assert_int_equal(s.session.fragments.oldest ? s.session.fragments.n : 0, 1);
    uint64_t used = s.session.fragments.used;
    side_read(&s);
    assert_true(s.session.fragments.used == used);
    budget_close(&other);
    side_read(&s);
    assert_true(s.session.fragments.used > used);
    assert_int_equal(buffer_left(&s.in), 0);
    side_close(&s);
    assert_int_equal(budget_room(&b), 100000);
}

static void test_too_many_unfinished(void **state)
{
    (void)state;
    struct side s;
    ready_v9(&s);
    for (int i = 0; i < 300; i++) {
        char name[12];
        snprintf(name, sizeof name, "%d", i);
        feed_part(&s, 0, 2, name, "x");
    }
    assert_int_equal(s.session.fragments.n, 256);
    assert_int_equal(s.dropped, 44);
    side_close(&s);
}

static void test_message_of_parts_too_long(void **state)
{
    (void)state;
    struct side s;
    ready_v9(&s);
    s.session.fragments.message_most = 10;
    feed_part(&s, 0, 3, "name", "123456");
    feed_part(&s, 1, 3, "name", "123456");
    assert_int_equal(s.dropped, 1);
    assert_true(s.session.fragments.used == 0);
    side_close(&s);
}

static void test_parts_time_out(void **state)
{
    (void)state;
    struct side s;
    ready_v9(&s);
    s.session.liveness.silence_ms = s.session.liveness.ping_ms = INT32_MAX;
    feed_part(&s, 0, 2, "a", "x");
    s.now_ms += 1000;
    feed_part(&s, 0, 2, "b", "x");
    assert_true(factom_protocol.session->deadline(&s.session) == 601000);
    s.now_ms = 600999;
    side_tick(&s, 0);
    assert_int_equal(s.dropped, 0);
    s.now_ms = 601000;
    side_tick(&s, 0);
    assert_int_equal(s.dropped, 1);
    assert_true(factom_protocol.session->deadline(&s.session) == 602000);
    side_close(&s);
}

/* Each of these ends the connection as bad input. */
static void test_bad_v9_parcels(void **state)
{
    (void)state;
    static const struct gob_case cases[] = {
        {"good", END_NONE, LOCAL, 9, 6, 8110, "x", 1},
        {"network", END_BAD_INPUT, LOCAL + 1, 9, 6, 8110, "x", 1},
        {"network's high bits", END_BAD_INPUT, LOCAL | 0x80000000, 9, 6, 8110, "x", 1},
        {"version", END_BAD_INPUT, LOCAL, 10, 6, 8110, "x", 1},
        {"type", END_BAD_INPUT, LOCAL, 9, 10, 8110, "x", 1},
        {"handshake", END_BAD_INPUT, LOCAL, 9, 8, 8110, NONCE, 8},
        {"reject", END_BAD_INPUT, LOCAL, 9, 9, 8110, "[]", 2},
        {"empty", END_BAD_INPUT, LOCAL, 9, 6, 8110, "", 0},
        {"heartbeat", END_NONE, LOCAL, 9, 0, 8110, "x", 1},
        {"alert", END_NONE, LOCAL, 9, 5, 8110, "x", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side s;
        struct buffer b = {0};
        ready_v9(&s);
        write_case(&b, &cases[i]);
        /* The definitions have been sent with the handshake. */
        size_t definitions = 0x2c + 0xb7;
        side_feed(&s, b.data + definitions, b.used - definitions);
        assert_int_equal(s.over, cases[i].reason != END_NONE);
        if (s.over) {
            assert_int_equal(s.last.end.reason, cases[i].reason);
        } else {
            assert_int_equal(s.messages + s.good, 1);
        }
        buffer_fini(&b);
        side_close(&s);
    }
}

/* The checksum fits, the length does not. */
static void test_v9_length(void **state)
{
    (void)state;
    static const struct gob_case message = {"", END_NONE, LOCAL, 9, 6, 8110, NONCE, 8};
    static const uint8_t type_and_length[] = {1, TYPE_MESSAGE, 1, 8};
    for (uint8_t length = 7; length <= 9; length++) {
        struct side s;
        struct buffer b = {0};
        ready_v9(&s);
        write_case(&b, &message);
        size_t definitions = 0x2c + 0xb7;
        uint8_t *at = memmem(b.data + definitions, b.used - definitions, type_and_length, 4);
        assert_non_null(at);
        at[3] = length;
        side_feed(&s, b.data + definitions, b.used - definitions);
        assert_int_equal(s.over, length != 8);
        buffer_fini(&b);
        side_close(&s);
    }
}

static void ready(struct side *s, uint32_t version)
{
    side_start(s, version, DIRECTION_INCOMING, 7);
    struct side dialer;
    side_start(&dialer, version, DIRECTION_OUTGOING, 8);
    carry(&dialer, s, SIZE_MAX);
    assert_int_equal(s->ready, 1);
    side_close(&dialer);
    buffer_consume(&s->out, buffer_left(&s->out));
}

static void feed_v10(struct side *s, uint32_t type, const char *payload, bool define)
{
    struct buffer b = {0};
    struct payload load = factom_payload_of_text(payload);
    if (define) {
        factom_v10_write_definitions(&b);
    }
    factom_v10_write(&b, (enum parcel_type)type, &load);
    side_feed(s, b.data, b.used);
    buffer_fini(&b);
}

static void test_v10_parcels(void **state)
{
    (void)state;
    struct side s;
    ready(&s, 10);
    feed_v10(&s, 7, "a part is a message here", true);
    expect_text(&s, "a part is a message here");
    feed_v10(&s, 4, "[{\"ip\":\"1.2.3.4\",\"port\":\"70000\"}]", false);
    assert_int_equal(s.bad, 1);
    assert_int_equal(s.shares, 0);
    feed_v10(&s, 4, "[{\"ip\":\"1.2.3.4\",\"port\":\"7000\"},{\"ip\":\"node.example.org\",\"port\":\"1\"}]",
             false);
    assert_int_equal(s.shares, 1);
    assert_int_equal(s.share->size, sizeof(struct known_peer));
    feed_v10(&s, 4, "null", false);
    assert_int_equal(s.shares, 2);
    assert_int_equal(s.share->size, 0);
    assert_false(s.over);
    feed_v10(&s, 10, "x", false);
    assert_int_equal(s.last.end.reason, END_BAD_INPUT);
    side_close(&s);
    ready(&s, 10);
    feed_v10(&s, 6, "", true);
    assert_int_equal(s.last.end.reason, END_BAD_INPUT);
    side_close(&s);
}

/* Structs with fields of every kind, in the handshake too; values that go on in the next message. */
static void test_strange_structs(void **state)
{
    (void)state;
    struct buffer b = {0};
    add_hex(&b, stream_session);
    for (size_t c = 0; c < 3; c++) {
        struct side s;
        side_start(&s, 10, DIRECTION_INCOMING, 7);
        for (size_t at = 0; at < b.used; at += chunks[c] < b.used ? chunks[c] : b.used) {
            side_feed(&s, b.data + at, chunks[c] < b.used - at ? chunks[c] : b.used - at);
        }
        assert_false(s.over);
        assert_int_equal(s.ready, 1);
        assert_string_equal(s.peer.hash, "10.0.0.7:8110 4000000000000000");
        assert_int_equal(s.messages, 5);
        assert_int_equal(s.good, 1); /* one of them is a ping */
        expect_text(&s, "reordered");
        side_close(&s);
    }
    buffer_fini(&b);
}

/* While the rest of such a value is missing, what has come is not read again and again. */
static void test_waits_for_the_rest(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct side s;
    add_hex(&b, stream_session);
    side_start(&s, 10, DIRECTION_INCOMING, 7);
    size_t waits = 0;
    for (size_t at = 0; at < b.used; at++) {
        size_t need = s.session.need;
        bool too_few = buffer_left(&s.in) + 1 < need;
        side_feed(&s, b.data + at, 1);
        if (too_few) {
            assert_int_equal(s.session.need, need);
            waits++;
        }
    }
    assert_true(waits > 90);
    buffer_fini(&b);
    side_close(&s);
}

static void expect_share(uint32_t version, const char *text, int n)
{
    struct parcel *p;
    struct bytes payload = {.data = (const uint8_t *)text, .size = strlen(text)};
    static const struct node_config node = {.network.id = 77};
    enum share_result r = factom_share_read(version, &node, payload, &p);
    if ((r == SHARE_OK) != (n >= 0)) {
        fail_msg("%s", text);
    }
    if (r == SHARE_OK) {
        assert_int_equal(p->size, (size_t)n * sizeof(struct known_peer));
    }
    parcel_release(p);
}

static void test_shares(void **state)
{
    (void)state;
    expect_share(10, "[]", 0);
    expect_share(10, "", -1);
    expect_share(10, "{}", -1);
    expect_share(10, "[1]", -1);
    expect_share(10, "[{}]", -1);
    expect_share(10, "[{\"ip\":\"1.2.3.4\",\"port\":5}]", -1);
    expect_share(10, "[{\"ip\":\"1.2.3.4\",\"port\":\"5\"}] x", -1);
    expect_share(10, "[{\"ip\":\"1.2.3.4\",\"port\":\"5\",\"more\":[[[]]]}]", 1);
    expect_share(10, "[{\"ip\":\"1.2.3.4\",\"port\":\"5\",\"more\":[[[[[[[]]]]]]]}]", -1); /* too deep */
    expect_share(10, "[{\"ip\":\"1.2.3.4\",\"port\":\"5\",\"more\":\"[[[[\\\"[[[[[[[[[[[[\"}]", 1);
    expect_share(10, "[{\"ip\":\"1.2.3.4\\u0000\",\"port\":\"5\"}]", -1);
    expect_share(9, "[{\"Network\":77,\"Address\":\"1.2.3.4\",\"Port\":\"5\"}]", 1);
    expect_share(9, "[{\"Network\":78,\"Address\":\"?\",\"Port\":\"5\"}]", 0);
    expect_share(9, "[{\"Network\":77,\"Address\":\"?\",\"Port\":\"5\"}]", -1);
    expect_share(9, "[{\"Network\":\"77\",\"Address\":\"1.2.3.4\",\"Port\":\"5\"}]", -1);
    expect_share(9, "[{\"Network\":77,\"Address\":\"1.2.3.4\",\"Port\":\"5\"},{\"Network\":77}]", -1);
    expect_share(
        9, "[{\"Network\":77,\"Address\":\"1.2.3.4\",\"Port\":\"5\",\"NodeID\":18446744073709551615}]", 1);
    expect_share(9, "[3]", -1);
    expect_share(11,
                 "\x0a\x07\x0a\x02::\x12\x01"
                 "1",
                 1);
    expect_share(11, "\x0a\x04\x0a\x02::", -1);
    expect_share(11, "\x0a\x07\x0a\x02::\x12\x01", -1);
}

/* A share of ever so many addresses costs the controller no more than one of 256, which are not always the
 * same. */
static void test_share_of_many(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct buffer b = {0};
    struct endpoint all[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = (struct endpoint){
            .ip.bytes = {[10] = 0xff, [11] = 0xff, [12] = 11, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i},
            .port = 8108};
    }
    factom_share_write(11, 77, all, MANY, &b);
    struct parcel *p[2];
    unsigned late = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct node_config node = {.network.id = 77, .nonce = i + 1};
        struct bytes payload = {.data = b.data, .size = b.used};
        assert_int_equal(factom_share_read(11, &node, payload, &p[i]), SHARE_OK);
        assert_int_equal(p[i]->size, KNOWN_PEERS_TAKEN * sizeof(struct known_peer));
    }
    const struct known_peers taken = known_peers_of(p[0]);
    for (size_t i = 0; i < taken.n; i++) {
        late += taken.list[i].endpoint.ip.bytes[14] >= MANY / 2 >> 8;
    }
    assert_in_range(late, KNOWN_PEERS_TAKEN / 3, KNOWN_PEERS_TAKEN * 2 / 3);
    assert_memory_not_equal(p[0]->bytes, p[1]->bytes, p[0]->size);
    parcel_release(p[0]);
    parcel_release(p[1]);
    buffer_fini(&b);
}

static void test_share_too_long(void **state)
{
    (void)state;
    static const struct node_config node;
    struct parcel *p;
    char *text = malloc(SHARE_BYTES_MAX + 1);
    memset(text, ' ', SHARE_BYTES_MAX + 1);
    text[0] = '[';
    text[SHARE_BYTES_MAX - 1] = ']';
    struct bytes payload = {.data = (const uint8_t *)text, .size = SHARE_BYTES_MAX};
    assert_int_equal(factom_share_read(10, &node, payload, &p), SHARE_OK);
    parcel_release(p);
    payload.size++;
    assert_int_equal(factom_share_read(10, &node, payload, &p), SHARE_INVALID);
    /* In V11 one with a long field that means nothing. */
    size_t head = 1 + varint_write((uint8_t *)text + 1, SHARE_BYTES_MAX - 4);
    text[0] = 15 << 3 | 2;
    payload.size = head + SHARE_BYTES_MAX - 4;
    assert_int_equal(payload.size, SHARE_BYTES_MAX);
    assert_int_equal(factom_share_read(11, &node, payload, &p), SHARE_OK);
    parcel_release(p);
    varint_write((uint8_t *)text + 1, SHARE_BYTES_MAX - 3);
    payload.size++;
    assert_int_equal(factom_share_read(11, &node, payload, &p), SHARE_INVALID);
    free(text);
}

/* --- limits of length, judged before the bytes come --- */

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        const char *hex;
        bool bad;
    } cases[] = {
        {10, "fc08000001", true}, {10, "fc08000000", false}, {10, "f7", true},       {10, "00", true},
        {11, "08000001", true},   {11, "08000000", false},   {11, "ffffffff", true}, {11, "00000000", true},
        {10, "fe100181", true}, /* a definition of 4097 bytes (its id is not even whole) */
        {10, "fe1001ff87", true}, {10, "fe1000ff87", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side s;
        struct buffer b = {0};
        ready(&s, cases[i].version);
        add_hex(&b, cases[i].hex);
        side_feed(&s, b.data, b.used);
        if (s.over != cases[i].bad) {
            fail_msg("%s: %s", cases[i].hex, s.over ? s.last.end.text : "accepted");
        }
        if (s.over) {
            assert_int_equal(s.last.end.reason, END_BAD_INPUT);
        }
        buffer_fini(&b);
        side_close(&s);
    }
}

static void test_payload_limit(void **state)
{
    (void)state;
    for (uint32_t version = 9; version <= 11; version++) {
        struct pair p;
        pair_start(&p, version, version);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        p.listener.node.limits.parcel_bytes = 10;
        say_text(&p.dialer, "ten bytes!", SCOPE_NONE);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        assert_int_equal(p.listener.messages, 1);
        say_text(&p.dialer, "ten bytes!!", SCOPE_NONE);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        assert_int_equal(p.listener.last.end.reason, END_BAD_INPUT);
        pair_close(&p);
    }
}

/* How long the application's messages may be says nothing about the node's own. */
static void test_control_parcels_have_their_own_limit(void **state)
{
    (void)state;
    for (uint32_t version = 9; version <= 11; version++) {
        struct pair p;
        pair_start(&p, version, version);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        p.listener.node.limits.parcel_bytes = 10;
        struct endpoint list[120];
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
            assert_true(endpoint_parse(&list[i], "10.0.0.1:8110"));
            list[i].port = (uint16_t)(8110 + i);
        }
        struct parcel *share = share_of(list, sizeof list / sizeof list[0]);
        assert_int_equal(side_say(&p.dialer, FACTOM_PEER_SHARE, SCOPE_NONE, share), 0);
        converse(&p.dialer, &p.listener, SIZE_MAX);
        assert_false(p.listener.over);
        assert_int_equal(p.listener.shares, 1);
        assert_int_equal(known_peers_of(p.listener.share).n, sizeof list / sizeof list[0]);
        parcel_release(share);
        pair_close(&p);
    }
}

/* --- liveness --- */

static void test_silence(void **state)
{
    (void)state;
    struct side s;
    ready(&s, 10);
    assert_true(factom_protocol.session->deadline(&s.session) == 16000);
    for (int i = 1; i <= 3; i++) {
        s.now_ms = 1000 + i * 15000 - 1;
        side_tick(&s, 0);
        assert_int_equal(buffer_left(&s.out), 0);
        s.now_ms++;
        side_tick(&s, 0);
        assert_true(buffer_left(&s.out) > 0);
        buffer_consume(&s.out, buffer_left(&s.out));
    }
    s.now_ms = 60999;
    side_tick(&s, 0);
    assert_false(s.over);
    assert_true(factom_protocol.session->deadline(&s.session) == 61000);
    s.now_ms = 61000;
    side_tick(&s, 0);
    assert_int_equal(s.last.end.reason, END_SILENT);
    side_close(&s);
    ready(&s, 10);
    s.session.liveness.ping_ms = 100000; /* longer than a silence may be */
    assert_true(factom_protocol.session->deadline(&s.session) == 61000);
    side_close(&s);
}

/* It does not answer pings, but it speaks. */
static void test_busy_peer_is_alive(void **state)
{
    (void)state;
    struct side s;
    ready(&s, 10);
    for (int i = 0; i < 10; i++) {
        s.now_ms += 50000;
        feed_v10(&s, 6, "busy", i == 0);
        side_tick(&s, 0);
        assert_false(s.over);
    }
    side_close(&s);
}

static void test_deaf_ourselves(void **state)
{
    (void)state;
    struct side s;
    ready(&s, 10);
    s.now_ms += 100000;
    side_tick(&s, TICK_DEAF);
    assert_false(s.over);
    s.now_ms += 60000;
    side_tick(&s, 0);
    assert_int_equal(s.last.end.reason, END_SILENT);
    side_close(&s);
}

static void trickle(struct side *s, size_t n, int64_t each_ms)
{
    static const uint8_t zeros[32768];
    side_feed(s, "\xfd\x10\x00\x00\xff\x86", 6); /* a value of 1 MiB */
    for (int i = 0; i < 10 && !s->over; i++) {
        s->now_ms += each_ms;
        side_feed(s, zeros, n);
        side_tick(s, 0);
    }
}

static void test_progress_is_life(void **state)
{
    (void)state;
    struct side s;
    ready(&s, 10);
    feed_v10(&s, 6, "x", true);
    trickle(&s, 16384, 50000);
    assert_false(s.over);
    side_close(&s);
    ready(&s, 10);
    feed_v10(&s, 6, "x", true);
    trickle(&s, 100, 50000);
    assert_int_equal(s.last.end.reason, END_SILENT);
    side_close(&s);
    /* A message of 160 KiB, that comes as slowly, and then the next. */
    ready(&s, 11);
    for (int i = 0; i < 2; i++) {
        static const uint8_t zeros[16384];
        side_feed(&s, "\0\2\x80\6\x08\6\x12\x80\x80\x0a", 10);
        for (int k = 0; k < 10 && !s.over; k++) {
            s.now_ms += 50000;
            side_feed(&s, zeros, sizeof zeros);
            side_tick(&s, 0);
        }
        assert_int_equal(s.messages, i + 1);
    }
    side_close(&s);
}

/* --- V11's hand-written reader against protobuf-c --- */

static uint32_t random_state = 12345;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

/* Field 0 does not exist. protobuf-c sees that only if it is written in one byte. */
static bool has_field_0(const FactomWire__Msg *m)
{
    for (size_t i = 0; i < m->base.n_unknown_fields; i++) {
        if (m->base.unknown_fields[i].tag == 0) {
            return true;
        }
    }
    return false;
}

static void expect_same_msg(const uint8_t *bytes, size_t n)
{
    uint32_t type;
    struct bytes payload;
    FactomWire__Msg *m = factom_wire__msg__unpack(NULL, n, bytes);
    bool read = factom_v11_read_msg((struct bytes){.data = bytes, .size = n}, &type, &payload);
    if (read != (m != NULL && !has_field_0(m))) {
        for (size_t i = 0; i < n; i++) {
            printf("%02x", bytes[i]);
        }
        fail_msg(": protobuf-c %s it", m != NULL ? "takes" : "refuses");
    }
    if (read) {
        assert_int_equal(type, m->type);
        assert_int_equal(payload.size, m->payload.len);
        if (payload.size > 0) {
            assert_memory_equal(payload.data, m->payload.data, payload.size);
        }
    }
    if (m) {
        factom_wire__msg__free_unpacked(m, NULL);
    }
}

/* Fields in any order, known ones and others, some broken. */
static size_t random_msg(uint8_t *to, size_t size)
{
    static const uint8_t tags[] = {0x08, 0x12, 0x08, 0x12, 0x0a, 0x10, 0x18,
                                   0x1a, 0x1d, 0x19, 0x1b, 0x00, 0x88};
    size_t n = 0;
    for (uint32_t fields = next_random() % 5; fields > 0 && n + 24 < size; fields--) {
        to[n++] = tags[next_random() % sizeof tags];
        uint32_t length = next_random() % 12;
        to[n++] = (uint8_t)(next_random() % 8 != 0 ? length : next_random());
        for (uint32_t i = 0; i < length; i++) {
            to[n++] = (uint8_t)(next_random() % 3 != 0 ? 0x80 | next_random() : next_random());
        }
    }
    return n;
}

static void test_msg_like_protobuf_c(void **state)
{
    (void)state;
    static const uint8_t whole[] = "\x08\x06\x12\x05hello\x1a\x02xy\x08\xff\xff\xff\xff\x0f\x12\x00";
    for (size_t n = 0; n < sizeof whole; n++) {
        expect_same_msg(whole, n);
    }
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[128];
        size_t n;
        if (i % 2 == 0) {
            n = random_msg(bytes, sizeof bytes);
        } else {
            n = sizeof whole - 1;
            memcpy(bytes, whole, n);
            for (uint32_t k = 0; k <= next_random() % 3; k++) {
                bytes[next_random() % n] = (uint8_t)next_random();
            }
        }
        expect_same_msg(bytes, n);
    }
}

/* --- the service --- */

struct world {
    struct node_config node;
    struct factom_service service;
    struct service_peer peers[2];
    struct exchange_peer states[2];
    struct peer_info info[2];
    uint32_t sent[3], learned, delivered;
    size_t shared, to_share;
};

static void world_send(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct world *w = world;
    assert_true(to.index < 2);
    w->sent[kind]++;
    w->shared = parcel ? parcel->size / sizeof(struct known_peer) : 0;
    parcel_release(parcel);
}

static void world_deliver(void *world, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    struct world *w = world;
    assert_int_equal(from.generation, 1);
    assert_int_equal(kind, FACTOM_MESSAGE);
    w->delivered++;
    parcel_release(parcel);
}

static size_t world_share(void *world, struct peer_ref asker, struct known_peer *out, size_t most)
{
    const struct world *w = world;
    assert_int_equal(asker.generation, 1);
    assert_int_equal(most, 32);
    for (size_t i = 0; i < w->to_share; i++) {
        assert_true(endpoint_parse(&out[i].endpoint, "1.2.3.4:5"));
    }
    return w->to_share;
}

static void world_learn(void *world, struct peer_ref from, const struct known_peer *peers, size_t n)
{
    struct world *w = world;
    (void)from;
    assert_int_equal(peers[n - 1].endpoint.port, 9);
    w->learned += (uint32_t)n;
}

static void world_shared(void *world, struct peer_ref with, size_t n)
{
    struct world *w = world;
    (void)with;
    assert_int_equal(n, w->to_share);
}

static bool world_next(void *world, struct peer_ref after, struct service_peer *next)
{
    const struct world *w = world;
    size_t i = after.generation == 0 ? 0 : after.index + 1;
    if (i >= 2) {
        return false;
    }
    *next = w->peers[i];
    return true;
}

static const struct service_actions actions = {.send = world_send,
                                               .deliver = world_deliver,
                                               .share = world_share,
                                               .shared = world_shared,
                                               .learn = world_learn,
                                               .next_peer = world_next};

static void world_start(struct world *w, uint32_t version, bool asked)
{
    *w = (struct world){.node = test_node(10), .to_share = 2};
    struct service_config config = {.node = &w->node, .actions = &actions, .host = w};
    assert_int_equal(factom_protocol.service->open(&w->service, &config, 1000), 0);
    for (uint32_t i = 0; i < 2; i++) {
        w->info[i] = (struct peer_info){.version = version, .asked = asked};
        w->peers[i] = (struct service_peer){
            .ref = {.index = i, .generation = 1}, .info = &w->info[i], .state = &w->states[i]};
        factom_protocol.service->online(&w->service, 1000, &w->peers[i]);
    }
}

static void world_hears(struct world *w, int64_t now_ms, uint32_t kind, struct parcel *parcel)
{
    factom_protocol.service->message(&w->service, now_ms, &w->peers[0], kind, parcel);
}

static struct parcel *one_share(void)
{
    struct endpoint e;
    assert_true(endpoint_parse(&e, "2.3.4.5:9"));
    return share_of(&e, 1);
}

static void test_service_asks(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 10, false);
    assert_int_equal(w.sent[FACTOM_PEER_REQUEST], 2);
    assert_true(factom_protocol.service->deadline(&w.service) == 181000);
    factom_protocol.service->tick(&w.service, 180999);
    assert_int_equal(w.sent[FACTOM_PEER_REQUEST], 2);
    factom_protocol.service->tick(&w.service, 181000);
    assert_int_equal(w.sent[FACTOM_PEER_REQUEST], 4);
    assert_true(factom_protocol.service->deadline(&w.service) == 361000);
    world_start(&w, 9, true); /* the handshake has asked */
    assert_int_equal(w.sent[FACTOM_PEER_REQUEST], 0);
    world_hears(&w, 1000, FACTOM_PEER_SHARE, one_share());
    assert_int_equal(w.learned, 1);
}

static void test_service_learns_only_where_it_asked(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 10, false);
    world_hears(&w, 1000, FACTOM_PEER_SHARE, one_share());
    assert_int_equal(w.learned, 1);
    world_hears(&w, 1001, FACTOM_PEER_SHARE, one_share());
    assert_int_equal(w.learned, 1);
    factom_protocol.service->tick(&w.service, 181000);
    world_hears(&w, 181001, FACTOM_PEER_SHARE, one_share());
    assert_int_equal(w.learned, 2);
}

static void test_service_answers(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 10, false);
    world_hears(&w, 1000, FACTOM_PEER_REQUEST, NULL);
    assert_int_equal(w.sent[FACTOM_PEER_SHARE], 1);
    assert_int_equal(w.shared, 2);
    world_hears(&w, 5999, FACTOM_PEER_REQUEST, NULL); /* too early */
    assert_int_equal(w.sent[FACTOM_PEER_SHARE], 1);
    w.to_share = 0;
    world_hears(&w, 6000, FACTOM_PEER_REQUEST, NULL);
    assert_int_equal(w.sent[FACTOM_PEER_SHARE], 2);
    assert_int_equal(w.shared, 0);
    world_start(&w, 11, false);
    w.to_share = 0;
    world_hears(&w, 1000, FACTOM_PEER_REQUEST, NULL); /* V11 can't say nothing */
    assert_int_equal(w.sent[FACTOM_PEER_SHARE], 0);
}

static void test_service_delivers(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, 10, false);
    world_hears(&w, 1000, FACTOM_MESSAGE, text_parcel("m"));
    assert_int_equal(w.delivered, 1);
    world_hears(&w, 1000, 99, text_parcel("?"));
    assert_int_equal(w.delivered, 1);
}

/* --- the table --- */

static void test_table(void **state)
{
    (void)state;
    assert_ptr_equal(protocol_find("factom"), &factom_protocol);
    assert_null(protocol_find("nothing"));
    assert_non_null(protocol_at(0));
    assert_null(protocol_at(1000));
    assert_string_equal(end_reason_text(END_BAD_INPUT), "bad parcel");
    assert_int_equal(end_reason_merit(END_BAD_INPUT), MERIT_BAD);
    assert_int_equal(end_reason_merit(END_SILENT), MERIT_LOST);
    for (int r = 0; r < END_REASON_COUNT; r++) {
        assert_non_null(end_reason_text((enum end_reason)r));
    }
    assert_non_null(end_reason_text(END_REASON_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_versions),
        cmocka_unit_test(test_proxied),
        promise_test("F10", test_minimum_version),
        cmocka_unit_test(test_reply_in_another_encoding),
        cmocka_unit_test(test_large_payload_is_not_copied),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_what_cannot_be_said),
        promise_test("F9 F10", test_gob_handshakes),
        cmocka_unit_test(test_a_message_comes_first),
        cmocka_unit_test(test_handshake_with_a_wrong_checksum),
        cmocka_unit_test(test_dialing_ourselves),
        promise_test("F9 F10", test_v11_handshakes),
        cmocka_unit_test(test_handshake_too_long),
        cmocka_unit_test(test_handshake_of_pieces_too_long),
        promise_test("P3", test_value_in_too_many_pieces),
        cmocka_unit_test(test_handshake_timeout),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_parts_in_any_order),
        cmocka_unit_test(test_bad_parts),
        cmocka_unit_test(test_parts_over_the_budget),
        cmocka_unit_test(test_parts_are_paid_for),
        cmocka_unit_test(test_a_part_without_room_is_not_taken),
        cmocka_unit_test(test_too_many_unfinished),
        cmocka_unit_test(test_message_of_parts_too_long),
        cmocka_unit_test(test_parts_time_out),
        promise_test("F9 F10 P34", test_bad_v9_parcels),
        promise_test("F10 P33", test_v9_length),
        cmocka_unit_test(test_v10_parcels),
        cmocka_unit_test(test_strange_structs),
        cmocka_unit_test(test_waits_for_the_rest),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_share_of_many),
        cmocka_unit_test(test_share_too_long),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_payload_limit),
        cmocka_unit_test(test_control_parcels_have_their_own_limit),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_busy_peer_is_alive),
        cmocka_unit_test(test_deaf_ourselves),
        cmocka_unit_test(test_progress_is_life),
        cmocka_unit_test(test_msg_like_protobuf_c),
        promise_test("F7 F8", test_service_asks),
        cmocka_unit_test(test_service_learns_only_where_it_asked),
        promise_test("F7 F8", test_service_answers),
        cmocka_unit_test(test_service_delivers),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
