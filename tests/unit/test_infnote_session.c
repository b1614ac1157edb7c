/* Sessions that meet, talk and part: each row of docs/protocols/infnote.md. */
#include "tests/unit/ledger_fixture.h"
#include "tests/unit/promise.h"

#include "protocol/infnote/infnote.h"

#define ID                                                                                                   \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                                       \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
/* The SHA-256 of {"number":0,"prev":"00..","time":0,"transactions":[{"message":["genesis","MAIN"],...}]}:
 * made by Python. */
#define GENESIS      "800b1f266814fac4844af5e16340af1a015d3d16088c3768cbbfe7c6c192d3df"
#define GENESIS_TEST "6bd4eacfe7e8f9d5375423103cd940e52d1a46e5237f59a38327c17612928069"
#define HELLO        "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':'" ID "'}"
#define STATUS       "{'type':'Status','height':7,'genesisHash':'" GENESIS "','network_id':'MAIN'}"

static void start(struct side *s, enum direction direction)
{
    side_start(s, &infnote_protocol, direction, 1);
}

/* One that has dialed us, and is met; what we have said so far is taken. */
static void start_open(struct side *s)
{
    start(s, DIRECTION_INCOMING);
    feed(s, HELLO);
    feed(s, STATUS);
    assert_int_equal(s->ready, 1);
    free(take_line(s));
    free(take_line(s));
    expect_silence(s);
}

static void expect_bad(struct side *s)
{
    expect_ended(s, END_BAD_INPUT);
    expect_line(s, "{'type':'Disconnect','reason':6}");
    expect_silence(s);
}

/* --- meeting --- */

static void two_nodes_meet(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 100, SIZE_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct side a, b;
        char hex[PEER_ID_TEXT_MAX];
        side_start(&a, &infnote_protocol, DIRECTION_OUTGOING, 1);
        side_start(&b, &infnote_protocol, DIRECTION_INCOMING, 2);
        expect_silence(&b);
        converse(&a, &b, steps[i]);
        assert_int_equal(a.ready, 1);
        assert_int_equal(b.ready, 1);
        assert_string_equal(a.peer.hash, peer_id_format(&b.node.id, hex, sizeof hex));
        assert_string_equal(b.peer.hash, peer_id_format(&a.node.id, hex, sizeof hex));
        assert_true(peer_id_equal(&a.peer.id, &b.node.id));
        assert_int_equal(a.peer.endpoint.port, 4000); /* where it was dialed */
        assert_int_equal(b.peer.endpoint.port, 8208); /* where it says that it listens */
        assert_int_equal(a.peer.height, 5);
        assert_int_equal(a.peer.version, 1);
        side_close(&a);
        side_close(&b);
    }
}

/* The dialer's lines come first, Hello and then Status. */
static void hello_and_status_are_the_first_lines(void **state)
{
    (void)state;
    struct side a, b;
    char id[PEER_ID_TEXT_MAX];
    start(&a, DIRECTION_OUTGOING);
    peer_id_format(&a.node.id, id, sizeof id);
    assert_int_equal(strlen(id), 128);
    expect_line(&a,
                "{'type':'Hello','p2pVersion':'1','clientId':'kith/" KITH_VERSION
                " full','listenPort':'8208','nodeId':'%s'}",
                id);
    expect_line(&a, "{'type':'Status','height':5,'genesisHash':'" GENESIS "','network_id':'MAIN'}");
    expect_silence(&a);
    side_prepare(&b, &infnote_protocol, 1);
    b.node.hidden = true;
    struct session_config config = side_config(&b, DIRECTION_INCOMING);
    side_start_as(&b, &config);
    expect_silence(&b);
    feed(&b, HELLO);
    expect_line(&b,
                "{'type':'Hello','p2pVersion':'1','clientId':'kith/" KITH_VERSION
                " full','listenPort':'0','nodeId':'%s'}",
                id);
    expect_line(&b, "{'type':'Status','height':5,'genesisHash':'" GENESIS "','network_id':'MAIN'}");
    assert_int_equal(b.ready, 0);
    feed(&b, STATUS);
    assert_int_equal(b.ready, 1);
    assert_string_equal(b.peer.hash, ID);
    assert_int_equal(b.peer.endpoint.port, 4001);
    assert_int_equal(b.peer.height, 7);
    expect_silence(&b);
    side_close(&a);
    side_close(&b);
}

/* The SHA-512 of the public key of RFC 8032's first test. */
static void the_node_id_is_the_hash_of_the_public_key(void **state)
{
    (void)state;
    struct buffer secret = {0};
    struct peer_id id;
    char hex[PEER_ID_TEXT_MAX];
    add_hex(&secret, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    assert_int_equal(infnote_protocol.identity_size, secret.used);
    assert_true(infnote_protocol.identity(secret.data, &id));
    assert_int_equal(id.size, infnote_protocol.id_size);
    assert_string_equal(peer_id_format(&id, hex, sizeof hex),
                        "0e02a50225b4baaa18a0470ed9bfc7dc032f1724e819e47a23c4f2c32f7506094709688293c479c0534d"
                        "efd3a98b4302187806511b83f12ab575d4144770a9c3");
    buffer_fini(&secret);
}

static const char *const bad_hellos[] = {
    "{'type':'Hello'}",
    "{'type':'Hello','clientId':'other','listenPort':'4001','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':1,'clientId':'other','listenPort':'4001','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','listenPort':'4001','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':null,'listenPort':'4001','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':4001,'nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'65536','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'-1','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'000001','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':' 1','nodeId':'" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':''}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':'" ID "00'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':'0" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001',"
    "'nodeId':'000102030405060708090a0b0c0d0e0f'}", /* a UUID */
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':'g" ID "'}",
    "{'type':'Hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':[]}",
    "{'type':'hello','p2pVersion':'1','clientId':'other','listenPort':'4001','nodeId':'" ID "'}",
};

static void a_hello_with_a_bad_field_is_a_bad_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_hellos / sizeof bad_hellos[0]; i++) {
        struct side s;
        start(&s, DIRECTION_INCOMING);
        feed(&s, "%s", bad_hellos[i]);
        expect_bad(&s);
        side_close(&s);
        start(&s, DIRECTION_OUTGOING);
        free(take_line(&s));
        free(take_line(&s));
        feed(&s, "%s", bad_hellos[i]);
        expect_bad(&s);
        side_close(&s);
    }
}

/* Upper-case digits, a port of 0, and fields that nobody knows. */
static void a_hello_may_be_spelt_otherwise(void **state)
{
    (void)state;
    struct side s;
    start(&s, DIRECTION_INCOMING);
    feed(&s,
         " { "
         "'nodeId':'%.126sFE','x':[1.5,{}],'listenPort':'0','clientId':'','p2pVersion':'1','type':'Hello'}\r",
         ID);
    feed(&s, "{'network_id':'MAIN','genesisHash':'" GENESIS "','height':0,'type':'Status','type2':null}");
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.peer.endpoint.port, 0);
    assert_string_equal(s.peer.hash + 126, "fe");
    side_close(&s);
}

static const char *const bad_statuses[] = {
    "{'type':'Status'}",
    "{'type':'Status','genesisHash':'" GENESIS "','network_id':'MAIN'}",
    "{'type':'Status','height':'7','genesisHash':'" GENESIS "','network_id':'MAIN'}",
    "{'type':'Status','height':7.0,'genesisHash':'" GENESIS "','network_id':'MAIN'}",
    "{'type':'Status','height':-1,'genesisHash':'" GENESIS "','network_id':'MAIN'}",
    "{'type':'Status','height':9007199254740992,'genesisHash':'" GENESIS "','network_id':'MAIN'}",
    "{'type':'Status','height':7,'network_id':'MAIN'}",
    "{'type':'Status','height':7,'genesisHash':'00','network_id':'MAIN'}",
    "{'type':'Status','height':7,'genesisHash':7,'network_id':'MAIN'}",
    "{'type':'Status','height':7,'genesisHash':'" GENESIS "'}",
    "{'type':'Status','height':7,'genesisHash':'" GENESIS "','network_id':1}",
};

static void a_status_with_a_bad_field_is_a_bad_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_statuses / sizeof bad_statuses[0]; i++) {
        struct side s;
        start(&s, DIRECTION_INCOMING);
        feed(&s, HELLO);
        free(take_line(&s));
        free(take_line(&s));
        feed(&s, "%s", bad_statuses[i]);
        expect_bad(&s);
        side_close(&s);
    }
}

/* --- who does not fit --- */

struct misfit {
    const char *hello, *status;
    enum end_reason why;
    int reason;
};

static void who_does_not_fit_is_told_why(void **state)
{
    (void)state;
    static const struct misfit rows[] = {
        {"{'type':'Hello','p2pVersion':'2','clientId':'','listenPort':'0','nodeId':'" ID "'}", NULL,
         END_VERSION, 3},
        {"{'type':'Hello','p2pVersion':'01','clientId':'','listenPort':'0','nodeId':'" ID "'}", NULL,
         END_VERSION, 3},
        {HELLO, "{'type':'Status','height':7,'genesisHash':'" GENESIS "','network_id':'TEST'}", END_NETWORK,
         4},
        {HELLO, "{'type':'Status','height':7,'genesisHash':'" GENESIS "','network_id':'main'}", END_NETWORK,
         4},
        {HELLO, "{'type':'Status','height':7,'genesisHash':'" GENESIS_TEST "','network_id':'MAIN'}",
         END_NETWORK, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        start(&s, DIRECTION_INCOMING);
        feed(&s, "%s", rows[i].hello);
        free(take_line(&s)); /* it learns who we are all the same */
        free(take_line(&s));
        if (rows[i].status) {
            feed(&s, "%s", rows[i].status);
        }
        expect_ended(&s, rows[i].why);
        expect_line(&s, "{'type':'Disconnect','reason':%d}", rows[i].reason);
        expect_silence(&s);
        assert_int_equal(s.ready, 0);
        side_close(&s);
    }
}

/* Both ends know it, since the dialed one says who it is before it goes. */
static void we_know_ourselves_by_the_node_id(void **state)
{
    (void)state;
    struct side a, b;
    start(&a, DIRECTION_OUTGOING);
    start(&b, DIRECTION_INCOMING);
    carry(&a, &b, SIZE_MAX);
    expect_ended(&b, END_LOOPBACK);
    carry(&b, &a, SIZE_MAX);
    expect_ended(&a, END_LOOPBACK);
    expect_line(&a, "{'type':'Disconnect','reason':8}");
    side_close(&a);
    side_close(&b);
}

/* Only whom the operator named by it. */
static void an_id_is_expected_of_special_peers(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct side a;
        side_prepare(&a, &infnote_protocol, 1);
        struct session_config config = side_config(&a, DIRECTION_OUTGOING);
        assert_true(peer_id_parse(&config.expected, ID, 128));
        config.expected.bytes[9] ^= i != 2;
        config.special = i != 1;
        side_start_as(&a, &config);
        feed(&a, HELLO);
        feed(&a, STATUS);
        if (i == 0) {
            expect_ended(&a, END_IDENTITY);
        } else {
            assert_int_equal(a.ready, 1);
        }
        side_close(&a);
    }
}

static void who_is_refused_is_told_so(void **state)
{
    (void)state;
    struct side a, b;
    side_start(&a, &infnote_protocol, DIRECTION_OUTGOING, 2);
    side_prepare(&b, &infnote_protocol, 1);
    struct session_config config = side_config(&b, DIRECTION_INCOMING);
    config.refuse = true;
    side_start_as(&b, &config);
    carry(&a, &b, SIZE_MAX);
    expect_ended(&b, END_REFUSED);
    carry(&b, &a, SIZE_MAX);
    assert_true(a.over);
    assert_int_equal(a.last.type, SESSION_REJECTED);
    assert_int_equal(a.last.end.n_alternatives, 0);
    expect_silence(&b);
    side_close(&a);
    side_close(&b);
}

/* --- the session is active only once Status has come --- */

static const char *const messages[] = {
    "{'type':'Ping'}",
    "{'type':'Pong'}",
    "{'type':'getaddr'}",
    "{'type':'addr','peers':[]}",
    "{'type':'Transactions','transactions':[{'sender':'" SENDER "','receiver':'" RECEIVER "','message':[]}]}",
    "{'type':'GetBlockHashes','from':0,'count':1}",
    "{'type':'BlockHashes','from':0,'hashes':[]}",
    "{'type':'GetBlocks','hashes':[]}",
    "{'type':'Blocks','blocks':[]}",
    "{'type':'nonsense'}",
    "{}",
};

static void nothing_but_disconnect_may_come_before_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        for (int stage = 0; stage < 2; stage++) {
            struct side s;
            start(&s, DIRECTION_INCOMING);
            if (stage == 1) {
                feed(&s, HELLO);
                free(take_line(&s));
                free(take_line(&s));
            }
            feed(&s, "%s", messages[i]);
            expect_bad(&s);
            assert_int_equal(s.ready + s.messages, 0);
            side_close(&s);
        }
    }
    struct side s;
    start(&s, DIRECTION_INCOMING);
    feed(&s, STATUS);
    expect_bad(&s);
    side_close(&s);
    start(&s, DIRECTION_INCOMING);
    feed(&s, HELLO);
    feed(&s, HELLO);
    expect_ended(&s, END_BAD_INPUT);
    side_close(&s);
}

static void hello_and_status_come_once(void **state)
{
    (void)state;
    static const char *const again[] = {HELLO, STATUS};
    for (int i = 0; i < 2; i++) {
        struct side s;
        start_open(&s);
        feed(&s, "%s", again[i]);
        expect_bad(&s);
        side_close(&s);
    }
}

static void a_handshake_has_its_time(void **state)
{
    (void)state;
    struct side s;
    for (int stage = 0; stage < 2; stage++) {
        start(&s, DIRECTION_OUTGOING);
        free(take_line(&s));
        free(take_line(&s));
        if (stage == 1) {
            feed(&s, HELLO);
        }
        side_wait(&s, 14999);
        assert_false(s.over);
        side_wait(&s, 1);
        expect_ended(&s, END_HANDSHAKE_TIMEOUT);
        expect_line(&s, "{'type':'Disconnect','reason':0}");
        side_close(&s);
    }
    side_prepare(&s, &infnote_protocol, 1); /* the stream has as much before */
    struct session_config config = side_config(&s, DIRECTION_OUTGOING);
    side_open(&s, &config);
    feed(&s, HELLO);
    side_wait(&s, 14999);
    assert_false(s.over);
    side_wait(&s, 1);
    expect_ended(&s, END_HANDSHAKE_TIMEOUT);
    expect_silence(&s);
    side_close(&s);
}

/* --- parting --- */

static const char *const reasons[] = {
    "TCP error",        "too many peers",  "already connected", "incompatible protocol version",
    "wrong network",    "another genesis", "bad message",       "quitting",
    "connected to self"};

static void a_disconnect_is_told_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++) {
        for (int stage = 0; stage < 2; stage++) {
            struct side s;
            if (stage == 1) {
                start_open(&s);
            } else {
                start(&s, DIRECTION_INCOMING);
            }
            feed(&s, "{'type':'Disconnect','reason':%d}", i);
            assert_true(s.over);
            if (stage == 0 && i == 1) {
                assert_int_equal(s.last.type, SESSION_REJECTED);
            } else {
                expect_ended(&s, END_CLOSED);
            }
            assert_non_null(strstr(s.last.end.text, reasons[i]));
            expect_silence(&s);
            side_close(&s);
        }
    }
}

static void a_disconnect_may_have_no_reason(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{'type':'Disconnect'}", "{'type':'Disconnect','reason':9}", "{'type':'Disconnect','reason':-1}",
        "{'type':'Disconnect','reason':'x'}", "{'type':'Disconnect','reason':null}"};
    for (size_t i = 0; i < 5; i++) {
        struct side s;
        start_open(&s);
        feed(&s, "%s", rows[i]);
        if (i < 3) {
            expect_ended(&s, END_CLOSED);
            assert_non_null(strstr(s.last.end.text, i == 0 ? "no reason" : "an unknown reason"));
            expect_silence(&s);
        } else {
            expect_bad(&s);
        }
        side_close(&s);
    }
}

static void each_end_is_told_the_peer(void **state)
{
    (void)state;
    static const struct {
        enum end_reason why;
        int reason;
    } rows[] = {
        {END_REFUSED, 1},   {END_EVICTED, 1},  {END_CROWDED, 1},    {END_CAT, 1},    {END_DUPLICATE, 2},
        {END_VERSION, 3},   {END_NETWORK, 4},  {END_BAD_INPUT, 6},  {END_JUDGED, 6}, {END_MISCONDUCT, 6},
        {END_SHUTDOWN, 7},  {END_LOOPBACK, 8}, {END_DISCONNECT, 0}, {END_BANNED, 0}, {END_SILENT, 0},
        {END_RESOURCES, 0}, {END_HOARDED, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        start_open(&s);
        infnote_protocol.session->leave(&s.session, s.now_ms, rows[i].why, &s.out);
        expect_line(&s, "{'type':'Disconnect','reason':%d}", rows[i].reason);
        expect_silence(&s);
        side_close(&s);
    }
    struct side s;
    start_open(&s);
    feed(&s, "{'type':'Disconnect'}");
    infnote_protocol.session->leave(&s.session, s.now_ms, END_SHUTDOWN, &s.out);
    expect_silence(&s);
    side_close(&s);
}

/* --- is it there? --- */

static void a_ping_is_answered_at_once(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed(&s, "{'type':'Ping'}");
    expect_line(&s, "{'type':'Pong'}");
    assert_int_equal(s.good, 1);
    assert_true(s.alive);
    feed(&s, "{'type':'Pong'}");
    expect_silence(&s);
    infnote_protocol.session->alive(&s.session, s.now_ms, &s.out);
    expect_line(&s, "{'type':'Pong'}");
    side_close(&s);
}

static void silence_causes_a_ping_and_then_the_end(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    side_wait(&s, 14999);
    expect_silence(&s);
    side_wait(&s, 1);
    expect_line(&s, "{'type':'Ping'}");
    side_wait(&s, 14000);
    feed(&s, "{'type':'Pong'}");
    side_wait(&s, 14999);
    expect_silence(&s);
    side_wait(&s, 45000);
    for (int i = 0; i < 3; i++) {
        expect_line(&s, "{'type':'Ping'}");
    }
    assert_false(s.over);
    side_wait(&s, 1);
    expect_ended(&s, END_SILENT);
    expect_line(&s, "{'type':'Disconnect','reason':0}");
    side_close(&s);
}

/* --- addresses --- */

static void getaddr_asks_for_addresses(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed(&s, "{'type':'getaddr'}");
    assert_int_equal(((const struct ledger_asker *)expect_message(&s, LEDGER_GET_ADDRESSES))->port, 4001);
    feed(&s, "{'type':'getaddr','pad':'xxxxxxxxxxxxxxxxxxx'}");
    expect_message(&s, LEDGER_GET_ADDRESSES);
    assert_int_equal(side_say(&s, LEDGER_GET_ADDRESSES, NULL), 0);
    expect_line(&s, "{'type':'getaddr'}");
    feed(&s, "{'type':'getaddr','pad':1}");
    expect_bad(&s);
    side_close(&s);
}

static struct parcel *addresses(size_t n)
{
    struct known_peers peers;
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; i < n; i++) {
        char text[80];
        snprintf(text, sizeof text, "203.0.%zu.%zu:%zu", i / 200, i % 200 + 1, i + 1);
        assert_true(endpoint_parse(&peers.list[i].endpoint, text));
        peers.list[i].heard_s = NOW_S - (int64_t)i;
    }
    return p;
}

static void addr_tells_of_addresses(void **state)
{
    (void)state;
    struct side a, b;
    start_open(&a);
    start_open(&b);
    struct parcel *p = addresses(3);
    struct known_peers peers = known_peers_of(p);
    peers.list[0].heard_s = LEDGER_NOW;
    assert_true(endpoint_parse(&peers.list[1].endpoint, "[2001:db8::1]:9"));
    assert_int_equal(side_say(&a, LEDGER_ADDRESSES, p), 0);
    expect_line(&a, "{'type':'addr','peers':[{'ip':'203.0.0.1','port':1,'timestamp':1700000000},"
                    "{'ip':'2001:db8::1','port':9,'timestamp':1699999999},"
                    "{'ip':'203.0.0.3','port':3,'timestamp':1699999998}]}");
    assert_int_equal(side_say(&a, LEDGER_ADDRESSES, addresses(0)), 0);
    expect_line(&a, "{'type':'addr','peers':[]}");
    say_to(&a, &b, LEDGER_ADDRESSES, addresses(150)); /* a hundred go, the first ones */
    expect_message(&b, LEDGER_ADDRESSES);
    struct known_peers got = known_peers_of(b.parcel);
    assert_int_equal(got.n, 100);
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(got.list[i].endpoint.port, i + 1);
        assert_true(got.list[i].heard_s == NOW_S - (int64_t)i);
    }
    side_close(&a);
    side_close(&b);
}

/* What comes from the future counts as now. A port may be text, as in Hello. */
static void addresses_are_read(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed(&s, "{'type':'addr','peers':[{'ip':'203.0.113.9','port':'8208','timestamp':1800000000},"
             "{'ip':'::1','port':65535,'timestamp':0,'x':1}]}");
    expect_message(&s, LEDGER_ADDRESSES);
    struct known_peers got = known_peers_of(s.parcel);
    assert_int_equal(got.n, 2);
    assert_true(got.list[0].heard_s == NOW_S && got.list[0].endpoint.port == 8208);
    assert_true(got.list[1].heard_s == 0 && got.list[1].endpoint.port == 65535);
    assert_int_equal(got.list[0].id.size, 0);
    side_close(&s);
}

/* A link-local address means nothing elsewhere, and nobody listens on port 0. */
static void addresses_that_mean_nothing_are_not_told(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    struct parcel *p = addresses(3);
    struct known_peers peers = known_peers_of(p);
    peers.list[0].endpoint.port = 0;
    assert_true(ip_parse(&peers.list[1].endpoint.ip, "fe80::1%2"));
    assert_int_equal(side_say(&s, LEDGER_ADDRESSES, p), 0);
    expect_line(&s, "{'type':'addr','peers':[{'ip':'203.0.0.3','port':3,'timestamp':1699999998}]}");
    side_close(&s);
}

/* --- transactions and blocks --- */

static void packs_pass(uint32_t kind, struct parcel *pack)
{
    struct side a, b;
    start_open(&a);
    start_open(&b);
    say_to(&a, &b, kind, parcel_hold(pack));
    expect_message(&b, kind);
    expect_same_pack(pack, b.parcel);
    parcel_release(pack);
    side_close(&a);
    side_close(&b);
}

static void transactions_and_blocks_pass(void **state)
{
    (void)state;
    packs_pass(LEDGER_TRANSACTIONS, pack_of_transactions(1, 10));
    packs_pass(LEDGER_TRANSACTIONS, pack_of_transactions(7, 5000));
    packs_pass(LEDGER_BLOCKS, pack_of_blocks(0, 0));
    packs_pass(LEDGER_BLOCKS, pack_of_blocks(1, 10));
    packs_pass(LEDGER_BLOCKS, pack_of_blocks(9, 20000));
    packs_pass(LEDGER_NEW_BLOCK, pack_of_blocks(1, 100));
}

static void they_are_spelt_as_the_page_says(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    char *t = transaction_text("hi");
    struct chain_item item = a_transaction("hi"), block = a_block(NULL, "hi");
    assert_int_equal(side_say(&s, LEDGER_TRANSACTIONS, chain_pack_one(&item)), 0);
    expect_line(&s, "{'type':'Transactions','transactions':[%s]}", t);
    assert_int_equal(side_say(&s, LEDGER_NEW_BLOCK, chain_pack_one(&block)), 0);
    expect_line(&s, "{'type':'NewBlock','block':%.*s}", (int)block.size, block.text);
    assert_int_equal(side_say(&s, LEDGER_BLOCKS, chain_pack_one(&block)), 0);
    expect_line(&s, "{'type':'Blocks','blocks':[%.*s]}", (int)block.size, block.text);
    assert_int_equal(side_say(&s, LEDGER_BLOCKS, pack_of_blocks(0, 0)), 0);
    expect_line(&s, "{'type':'Blocks','blocks':[]}");
    chain_item_free(&item);
    chain_item_free(&block);
    free(t);
    side_close(&s);
}

/* Each line has at most 1 MiB, and at most 128 blocks. */
static void long_packs_are_split(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        size_t n, bytes, lines;
    } rows[] = {
        {LEDGER_BLOCKS, 128, 10, 1},         {LEDGER_BLOCKS, 129, 10, 2},       {LEDGER_BLOCKS, 6, 200000, 2},
        {LEDGER_TRANSACTIONS, 6, 200000, 2}, {LEDGER_TRANSACTIONS, 200, 10, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        start_open(&s);
        struct parcel *pack = rows[i].kind == LEDGER_BLOCKS ? pack_of_blocks(rows[i].n, rows[i].bytes)
                                                            : pack_of_transactions(rows[i].n, rows[i].bytes);
        assert_int_equal(side_say(&s, rows[i].kind, pack), 0);
        size_t lines = 0;
        for (; buffer_left(&s.out) > 0; lines++) {
            char *line = take_line(&s);
            assert_true(strlen(line) < 1 << 20);
            free(line);
        }
        assert_int_equal(lines, rows[i].lines);
        side_close(&s);
    }
}

/* A number takes two bytes of text, and much more once it is read. */
static void a_line_weighs_no_more_than_may_be_read(void **state)
{
    (void)state;
    struct side a, b;
    struct chain_pack pack = {0};
    char *numbers = malloc(60000 + 1);
    for (size_t i = 0; i < 30000; i++) {
        memcpy(numbers + 2 * i, "1,", 2);
    }
    numbers[60000 - 1] = '\0';
    for (int i = 0; i < 9; i++) {
        char *text;
        const char *why;
        struct chain_item item;
        assert_true(asprintf(&text,
                             "{\"message\":[%d,%s],\"receiver\":\"" RECEIVER "\",\"sender\":\"" SENDER "\"}",
                             i, numbers) > 0);
        json_t *value = json_loads(text, 0, NULL);
        assert_true(chain_transaction_read(value, &item, &why));
        chain_pack_add(&pack, &item);
        chain_item_free(&item);
        json_decref(value);
        free(text);
    }
    start_open(&a);
    start_open(&b);
    say_to(&a, &b, LEDGER_TRANSACTIONS, chain_pack_end(&pack));
    assert_false(b.over);
    assert_int_equal(b.messages, 3);
    assert_int_equal(chain_pack_count(b.parcel), 1);
    free(numbers);
    side_close(&a);
    side_close(&b);
}

static void hashes_pass(void **state)
{
    (void)state;
    struct side a, b;
    start_open(&a);
    start_open(&b);
    say_to(&a, &b, LEDGER_GET_LIST, a_range(3, 2000));
    const struct chain_range *r = expect_message(&b, LEDGER_GET_LIST);
    assert_true(r->from == 3 && r->count == 2000);
    struct parcel *p = parcel_new(NULL, sizeof(struct chain_hashes) + 2000 * sizeof(struct chain_hash));
    struct chain_hashes *h = (struct chain_hashes *)(void *)p->bytes;
    *h = (struct chain_hashes){.from = 3, .n = 2000};
    for (unsigned i = 0; i < 2000; i++) {
        h->hashes[i] = a_hash(i);
    }
    say_to(&a, &b, LEDGER_LIST, parcel_hold(p));
    expect_message(&b, LEDGER_LIST);
    assert_int_equal(b.parcel->size, p->size);
    assert_memory_equal(b.parcel->bytes, p->bytes, p->size);
    h->n = 1;
    h->hashes[0] = a_hash(9);
    assert_int_equal(side_say(&a, LEDGER_LIST, p), 0);
    expect_line(&a, "{'type':'BlockHashes','from':3,'hashes':['%s']}", hash_text(9));
    assert_int_equal(side_say(&a, LEDGER_GET_LIST, a_range(7, 1)), 0);
    expect_line(&a, "{'type':'GetBlockHashes','from':7,'count':1}");
    side_close(&a);
    side_close(&b);
}

static struct parcel *wanted(unsigned n)
{
    struct chain_wanted *w;
    struct parcel *p = chain_wanted_new(n, true, &w);
    for (unsigned i = 0; i < n; i++) {
        w->items[i].hash = a_hash(i);
    }
    return p;
}

static void blocks_are_asked_for(void **state)
{
    (void)state;
    struct side a, b;
    start_open(&a);
    start_open(&b);
    say_to(&a, &b, LEDGER_GET_BLOCKS, wanted(128));
    const struct chain_wanted *w = expect_message(&b, LEDGER_GET_BLOCKS);
    struct chain_hash last = a_hash(127);
    assert_true(w->n == 128 && w->by_hash && chain_hash_equal(&w->items[127].hash, &last));
    assert_int_equal(side_say(&a, LEDGER_GET_BLOCKS, wanted(1)), 0);
    expect_line(&a, "{'type':'GetBlocks','hashes':['%s']}", hash_text(0));
    say_to(&a, &b, LEDGER_GET_BLOCKS, wanted(300)); /* three messages */
    assert_int_equal(b.messages, 3);
    assert_int_equal(((const struct chain_wanted *)(const void *)b.parcel->bytes)->n, 44);
    struct parcel *by_number = wanted(1);
    ((struct chain_wanted *)(void *)by_number->bytes)->by_hash = false;
    assert_int_equal(side_say(&a, LEDGER_GET_BLOCKS, by_number), -1);
    side_close(&a);
    side_close(&b);
}

/* What coin alone says, and lists beyond the bounds. */
static void what_cannot_be_said_is_not_said(void **state)
{
    (void)state;
    struct side s;
    static const uint32_t kinds[] = {LEDGER_TRANSACTION,
                                     LEDGER_BLOCK,
                                     LEDGER_HAVE_BLOCK,
                                     LEDGER_HAVE_TRANSACTION,
                                     LEDGER_GET_TRANSACTION,
                                     LEDGER_FAULT,
                                     0,
                                     99};
    start_open(&s);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct ledger_block block = {.number = 1};
        assert_int_equal(side_say(&s, kinds[i], parcel_new(&block, sizeof block)), -1);
    }
    assert_int_equal(side_say(&s, LEDGER_BLOCKS, NULL), -1);
    assert_int_equal(side_say(&s, LEDGER_GET_LIST, a_range(0, 2001)), -1);
    assert_int_equal(side_say(&s, LEDGER_GET_LIST, a_range(-1, 1)), -1);
    struct ledger_block height = {.number = 9};
    assert_int_equal(side_say(&s, LEDGER_HEIGHT, parcel_new(&height, sizeof height)), 0);
    expect_silence(&s);
    side_close(&s);
    start(&s, DIRECTION_INCOMING); /* nor before the session is active */
    assert_int_equal(side_say(&s, LEDGER_GET_ADDRESSES, NULL), -1);
    side_close(&s);
}

/* --- what is none of the protocol's --- */

#define HASH "0000000000000000000000000000000000000000000000000000000000000001"

static const char *const bad_messages[] = {
    "{}",
    "{'Type':'Ping'}",
    "{'type':1}",
    "{'type':null}",
    "{'type':['Ping']}",
    "{'type':'addr'}",
    "{'type':'addr','peers':{}}",
    "{'type':'addr','peers':[1]}",
    "{'type':'addr','peers':[{'port':1,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'a.example','port':1,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'fe80::1%2','port':1,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3','port':1,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':16909060,'port':1,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':0,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':'0','timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':65536,'timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':'x','timestamp':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':1,'timestamp':-1}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':1,'timestamp':1.5}]}",
    "{'type':'addr','peers':[{'ip':'1.2.3.4','port':1,'timestamp':'1'}]}",
    "{'type':'addr','host':'1.2.3.4','port':1}", /* as early programs put it */
    "{'type':'Transactions'}",
    "{'type':'Transactions','transactions':[]}",
    "{'type':'Transactions','transactions':{}}",
    "{'type':'Transactions','transactions':[1]}",
    "{'type':'Transactions','transactions':[{'sender':'" SENDER "','receiver':'" RECEIVER "'}]}",
    "{'type':'Transactions','transactions':[{'sender':'aa','receiver':'" RECEIVER "','message':[]}]}",
    "{'type':'Transactions','transactions':[{'sender':'" SENDER "','receiver':'" RECEIVER
    "','message':'x'}]}",
    "{'type':'Transactions','transactions':[{'sender':'" SENDER "','receiver':'" RECEIVER
    "','message':[1.5]}]}",
    "{'type':'Transactions','sender':'" SENDER "','receiver':'" RECEIVER "','message':[]}",
    "{'type':'GetBlockHashes'}",
    "{'type':'GetBlockHashes','from':0}",
    "{'type':'GetBlockHashes','from':-1,'count':1}",
    "{'type':'GetBlockHashes','from':'0','count':1}",
    "{'type':'GetBlockHashes','from':0,'count':2001}",
    "{'type':'GetBlockHashes','from':0,'count':-1}",
    "{'type':'GetBlockHashes','from':9007199254740992,'count':1}",
    "{'type':'BlockHashes'}",
    "{'type':'BlockHashes','from':0}",
    "{'type':'BlockHashes','hashes':[]}",
    "{'type':'BlockHashes','from':0,'hashes':['00']}",
    "{'type':'BlockHashes','from':0,'hashes':['" HASH "',1]}",
    "{'type':'GetBlocks'}",
    "{'type':'GetBlocks','hashes':'" HASH "'}",
    "{'type':'GetBlocks','hashes':[1]}",
    "{'type':'GetBlocks','hashes':['" HASH "0']}",
    "{'type':'Blocks'}",
    "{'type':'Blocks','blocks':{}}",
    "{'type':'NewBlock'}",
    "{'type':'NewBlock','block':[]}",
};

static void a_missing_or_mistyped_field_ends_the_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_messages / sizeof bad_messages[0]; i++) {
        struct side s;
        start_open(&s);
        feed(&s, "%s", bad_messages[i]);
        if (!s.over) {
            fail_msg("nobody minds %s", bad_messages[i]);
        }
        expect_bad(&s);
        assert_int_equal(s.messages, 0);
        assert_int_equal(s.bad, 0); /* the end alone costs something: ten points */
        side_close(&s);
    }
}

/* So many elements, one above the bound. */
static void lists_have_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *head, *each, *tail;
        unsigned most;
    } rows[] = {
        {"{'type':'addr','peers':[", "{'ip':'1.2.3.4','port':1,'timestamp':1}", "]}", 100},
        {"{'type':'BlockHashes','from':0,'hashes':[", "'" HASH "'", "]}", 2000},
        {"{'type':'GetBlocks','hashes':[", "'" HASH "'", "]}", 128},
    };
    for (size_t i = 0; i < 3; i++) {
        for (unsigned more = 0; more < 2; more++) {
            struct side s;
            struct buffer line = {0};
            start_open(&s);
            buffer_add(&line, rows[i].head, strlen(rows[i].head));
            for (unsigned k = 0; k < rows[i].most + more; k++) {
                buffer_add(&line, ",", k > 0);
                buffer_add(&line, rows[i].each, strlen(rows[i].each));
            }
            buffer_add(&line, rows[i].tail, strlen(rows[i].tail) + 1);
            feed(&s, "%s", (char *)line.data);
            buffer_fini(&line);
            if (more) {
                expect_bad(&s);
            } else {
                assert_int_equal(s.messages, 1);
            }
            side_close(&s);
        }
    }
}

static void an_answer_has_128_blocks_at_most(void **state)
{
    (void)state;
    struct chain_item block = a_block(NULL, "hi");
    for (size_t more = 0; more < 2; more++) {
        struct side s;
        struct buffer line = {0};
        start_open(&s);
        buffer_add(&line, "{'type':'Blocks','blocks':[", 27);
        for (size_t i = 0; i < 128 + more; i++) {
            buffer_add(&line, ",", i > 0);
            buffer_add(&line, block.text, block.size);
        }
        buffer_add(&line, "]}", 3);
        feed(&s, "%s", (char *)line.data);
        buffer_fini(&line);
        if (more) {
            expect_bad(&s);
            assert_int_equal(s.bad, 0);
        } else {
            expect_message(&s, LEDGER_BLOCKS);
        }
        side_close(&s);
    }
    chain_item_free(&block);
}

/* A block that is not well formed costs 50 points, of which the end itself costs ten. */
static void a_block_that_is_not_well_formed_costs_more(void **state)
{
    (void)state;
    struct chain_item block = a_block(NULL, "hi");
    for (int i = 0; i < 4; i++) {
        struct side s;
        start_open(&s);
        char *text = strndup(block.text, block.size);
        if (i % 2 == 0) {
            char *number = strstr(text, "\"number\":1");
            number[9] = '2'; /* its hash is another's then */
        }
        feed(&s, i < 2 ? "{'type':'NewBlock','block':%s}" : "{'type':'Blocks','blocks':[%s]}", text);
        if (i % 2 == 0) {
            expect_bad(&s);
            assert_int_equal(s.bad, 4);
        } else {
            expect_message(&s, i < 2 ? LEDGER_NEW_BLOCK : LEDGER_BLOCKS);
        }
        free(text);
        side_close(&s);
    }
    assert_int_equal(infnote_protocol.merits.bad, -10);
    chain_item_free(&block);
}

static void an_unknown_type_costs_a_point_and_unknown_fields_nothing(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed(&s, "{'type':'Blah\\n\\u001b[31m','x':[]}");
    const struct ledger_fault *fault = expect_message(&s, LEDGER_FAULT);
    assert_int_equal(fault->demerit, 1);
    assert_non_null(strstr(fault->text, "Blah??[31m")); /* nothing of it reaches a terminal */
    feed(&s, "{'type':'ping'}");
    expect_message(&s, LEDGER_FAULT);
    feed(&s, "{'type':''}");
    expect_message(&s, LEDGER_FAULT);
    expect_silence(&s);
    feed(&s, "{'x':{'y':[null,true,1e9]},'type':'Ping','z':''}");
    expect_line(&s, "{'type':'Pong'}");
    assert_int_equal(s.bad, 0);
    side_close(&s);
}

static void a_line_that_is_no_object_ends_the_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_objects / sizeof no_objects[0] + LONG_LINES; i++) {
        struct side s;
        size_t own = sizeof no_objects / sizeof no_objects[0];
        start_open(&s);
        char *line = i < own ? strdup(no_objects[i]) : long_line((enum long_line)(i - own));
        feed(&s, "%s", line);
        if (!s.over) {
            fail_msg("nobody minds %.60s", line);
        }
        expect_bad(&s);
        free(line);
        side_close(&s);
    }
}

/* --- long lines --- */

/* A Ping of so many bytes, its newline included. */
static void feed_long(struct side *s, size_t size, bool with_end)
{
    static const char head[] = "{\"type\":\"Ping\",\"pad\":\"", tail[] = "\"}";
    char *line = malloc(size);
    memset(line, 'x', size);
    memcpy(line, head, sizeof head - 1);
    memcpy(line + size - sizeof tail, tail, sizeof tail - 1);
    line[size - 1] = with_end ? '\n' : 'x';
    side_feed(s, line, size);
    free(line);
}

/* Each byte is looked at once; what a line is does not depend on how much of it is there. */
static void lines_are_found(void **state)
{
    (void)state;
    struct line_reader r = {0};
    struct bytes line;
    size_t used = 0;
    uint8_t *many = malloc(LINE_MAX_BYTES + 1);
    memset(many, 'x', LINE_MAX_BYTES + 1);
    assert_int_equal(line_find(&r, (struct bytes){.data = many, .size = LINE_MAX_BYTES - 1}, &line, &used),
                     LINE_PART);
    assert_int_equal(r.searched, LINE_MAX_BYTES - 1);
    many[LINE_MAX_BYTES] = '\n';
    assert_int_equal(line_find(&r, (struct bytes){.data = many, .size = LINE_MAX_BYTES + 1}, &line, &used),
                     LINE_LONG);
    many[LINE_MAX_BYTES - 1] = '\n';
    r.searched = 7;
    assert_int_equal(line_find(&r, (struct bytes){.data = many, .size = LINE_MAX_BYTES + 1}, &line, &used),
                     LINE_WHOLE);
    assert_int_equal(line.size, LINE_MAX_BYTES - 1);
    assert_int_equal(used, LINE_MAX_BYTES);
    assert_int_equal(line_find(&r, (struct bytes){.data = many + used, .size = 1}, &line, &used), LINE_WHOLE);
    assert_int_equal(line.size, 0);
    free(many);
    struct side s; /* the second line is empty */
    start_open(&s);
    side_feed(&s, "{\"type\":\"Ping\"}\n\n", 17);
    expect_line(&s, "{'type':'Pong'}");
    expect_bad(&s);
    side_close(&s);
}

static void a_line_has_two_mib_at_most(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed_long(&s, 2 << 20, true);
    expect_line(&s, "{'type':'Pong'}");
    feed_long(&s, (2 << 20) - 1, false);
    assert_false(s.over);
    side_feed(&s, "x", 1);
    expect_bad(&s);
    side_close(&s);
    start(&s, DIRECTION_INCOMING); /* less, in the handshake */
    feed_long(&s, (64 << 10) + 1, true);
    expect_bad(&s);
    side_close(&s);
    start(&s, DIRECTION_INCOMING);
    feed_long(&s, (64 << 10) - 1, false);
    assert_false(s.over);
    side_feed(&s, "x", 1);
    expect_bad(&s);
    side_close(&s);
}

/* What a long line takes while it is read is paid for, or it waits. */
static void what_reading_takes_is_paid_for(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    struct budget_account other = {.budget = &s.budget};
    assert_true(budget_take(&other, s.now_ms, 64U << 20));
    feed_long(&s, 512, true);
    expect_line(&s, "{'type':'Pong'}");
    feed_long(&s, 513, true);
    assert_int_equal(s.starved, 1);
    assert_true(s.wants >= 513);
    expect_silence(&s);
    budget_give(&other, s.wants);
    side_read(&s);
    expect_line(&s, "{'type':'Pong'}");
    feed_long(&s, 2000, true);
    assert_int_equal(s.starved, 2);
    budget_close(&other);
    side_read(&s);
    expect_line(&s, "{'type':'Pong'}");
    side_close(&s);
}

/* --- bytes in any pieces, and of any kind --- */

static char *everything(void)
{
    struct chain_item block = a_block(NULL, "hi");
    char *text;
    assert_true(asprintf(&text, "{\"type\":\"NewBlock\",\"block\":%.*s}\n", (int)block.size, block.text) > 0);
    char *all = lines_of(messages, sizeof messages / sizeof messages[0] - 2, text);
    free(text);
    chain_item_free(&block);
    return all;
}

static void bytes_may_come_in_any_pieces(void **state)
{
    (void)state;
    char *all = everything();
    static const size_t steps[] = {1, 2, 3, 17, 64, 1000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct side s;
        start_open(&s);
        feed_in_pieces(&s, all, steps[i]);
        assert_int_equal(s.messages, 8);
        assert_int_equal(s.good, 2);
        side_close(&s);
    }
    free(all);
}

static void begin(struct side *s, bool is_open)
{
    if (is_open) {
        start_open(s);
    } else {
        start(s, DIRECTION_INCOMING);
    }
}

static void garbage_ends_the_session_or_does_nothing(void **state)
{
    (void)state;
    char *all = everything();
    expect_no_harm_by_garbage(all, begin);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("I12 I14 I15", two_nodes_meet),
        promise_test("I12 I14", hello_and_status_are_the_first_lines),
        promise_test("I13", the_node_id_is_the_hash_of_the_public_key),
        promise_test("I12 I13", a_hello_with_a_bad_field_is_a_bad_message),
        cmocka_unit_test(a_hello_may_be_spelt_otherwise),
        promise_test("I14", a_status_with_a_bad_field_is_a_bad_message),
        promise_test("I14 I16", who_does_not_fit_is_told_why),
        promise_test("I16", we_know_ourselves_by_the_node_id),
        cmocka_unit_test(an_id_is_expected_of_special_peers),
        promise_test("I16", who_is_refused_is_told_so),
        promise_test("I15", nothing_but_disconnect_may_come_before_status),
        cmocka_unit_test(hello_and_status_come_once),
        cmocka_unit_test(a_handshake_has_its_time),
        promise_test("I16", a_disconnect_is_told_by_name),
        promise_test("I16", a_disconnect_may_have_no_reason),
        promise_test("I16", each_end_is_told_the_peer),
        promise_test("I17", a_ping_is_answered_at_once),
        promise_test("I17", silence_causes_a_ping_and_then_the_end),
        promise_test("I7", getaddr_asks_for_addresses),
        promise_test("I7 I8", addr_tells_of_addresses),
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(addresses_that_mean_nothing_are_not_told),
        promise_test("I18 I21 I22", transactions_and_blocks_pass),
        promise_test("I18 I21 I22", they_are_spelt_as_the_page_says),
        promise_test("I21", long_packs_are_split),
        cmocka_unit_test(a_line_weighs_no_more_than_may_be_read),
        promise_test("I20", hashes_pass),
        promise_test("I21", blocks_are_asked_for),
        cmocka_unit_test(what_cannot_be_said_is_not_said),
        promise_test("I11 I18", a_missing_or_mistyped_field_ends_the_session),
        cmocka_unit_test(lists_have_bounds),
        promise_test("I21", an_answer_has_128_blocks_at_most),
        cmocka_unit_test(a_block_that_is_not_well_formed_costs_more),
        promise_test("I11", an_unknown_type_costs_a_point_and_unknown_fields_nothing),
        cmocka_unit_test(a_line_that_is_no_object_ends_the_session),
        cmocka_unit_test(lines_are_found),
        cmocka_unit_test(a_line_has_two_mib_at_most),
        cmocka_unit_test(what_reading_takes_is_paid_for),
        cmocka_unit_test(bytes_may_come_in_any_pieces),
        cmocka_unit_test(garbage_ends_the_session_or_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
