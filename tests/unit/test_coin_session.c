/* Sessions that meet and talk: each row of docs/protocols/coin.md. */
#include "tests/unit/ledger_fixture.h"
#include "tests/unit/promise.h"

#include "protocol/coin/coin.h"

#define GENESIS      "800b1f266814fac4844af5e16340af1a015d3d16088c3768cbbfe7c6c192d3df"
#define GENESIS_TEST "6bd4eacfe7e8f9d5375423103cd940e52d1a46e5237f59a38327c17612928069"
#define HELLO        "{'HELLO':{'blocks':8,'time':1700000000,'port':4001,'genesis':'" GENESIS "'}}"
#define HEY          "{'HEY':{'blocks':8,'time':1700000000}}"
#define OUR_HELLO    "{'HELLO':{'blocks':6,'time':1700000000,'port':8208,'genesis':'" GENESIS "'}}"
#define OUR_HEY      "{'HEY':{'blocks':6,'time':1700000000}}"
#define HASH         "0000000000000000000000000000000000000000000000000000000000000001"

static void start(struct side *s, enum direction direction)
{
    side_start(s, &coin_protocol, direction, 1);
}

/* One that has dialed us, and is met; what we have said so far is taken. */
static void start_open(struct side *s)
{
    start(s, DIRECTION_INCOMING);
    feed(s, HELLO);
    feed(s, HEY);
    assert_int_equal(s->ready, 1);
    free(take_line(s));
    free(take_line(s));
    expect_silence(s);
}

/* There is no word for it. */
static void expect_bad(struct side *s)
{
    expect_ended(s, END_BAD_INPUT);
    expect_silence(s);
}

/* --- meeting --- */

static void two_members_meet(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 100, SIZE_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct side a, b;
        start(&a, DIRECTION_OUTGOING);
        start(&b, DIRECTION_INCOMING);
        expect_silence(&b);
        converse(&a, &b, steps[i]);
        assert_int_equal(a.ready, 1);
        assert_int_equal(b.ready, 1);
        assert_string_equal(a.peer.hash, "203.0.113.7:4000");
        assert_string_equal(b.peer.hash, "203.0.113.7:4000");
        assert_int_equal(a.peer.endpoint.port, 4000); /* where it was dialed */
        assert_int_equal(b.peer.endpoint.port, 8208); /* where it says that it listens */
        assert_int_equal(a.peer.height, 5);
        assert_int_equal(a.peer.id.size, 0);
        side_close(&a);
        side_close(&b);
    }
}

static void the_dialer_says_hello_and_both_say_hey(void **state)
{
    (void)state;
    struct side a, b;
    start(&a, DIRECTION_OUTGOING);
    expect_line(&a, OUR_HELLO);
    expect_silence(&a);
    feed(&a, HEY);
    expect_silence(&a);
    assert_int_equal(a.ready, 0);
    feed(&a, HELLO);
    expect_line(&a, OUR_HEY);
    assert_int_equal(a.ready, 1);
    assert_int_equal(a.peer.height, 7); /* the number of the last of eight blocks */
    start(&b, DIRECTION_INCOMING);
    feed(&b, HELLO);
    expect_line(&b, OUR_HEY);
    expect_line(&b, OUR_HELLO);
    expect_silence(&b);
    assert_int_equal(b.ready, 0);
    feed(&b, HEY);
    expect_silence(&b);
    assert_int_equal(b.ready, 1);
    assert_int_equal(b.peer.endpoint.port, 4001);
    side_close(&a);
    side_close(&b);
}

static void who_does_not_listen_says_port_0(void **state)
{
    (void)state;
    struct side s;
    side_prepare(&s, &coin_protocol, 1);
    s.node.hidden = true;
    struct session_config config = side_config(&s, DIRECTION_OUTGOING);
    side_start_as(&s, &config);
    expect_line(&s, "{'HELLO':{'blocks':6,'time':1700000000,'port':0,'genesis':'" GENESIS "'}}");
    feed(&s, HELLO);
    feed(&s, HEY);
    free(take_line(&s));
    assert_int_equal(side_say(&s, LEDGER_GET_ADDRESSES, NULL), 0);
    expect_line(&s, "{'GETADDR':0}");
    side_close(&s);
}

/* Who answers may say HELLO before HEY. */
static void the_answer_may_come_in_both_orders(void **state)
{
    (void)state;
    struct side a;
    start(&a, DIRECTION_OUTGOING);
    free(take_line(&a));
    feed(&a, HELLO);
    expect_line(&a, OUR_HEY);
    assert_int_equal(a.ready, 0);
    feed(&a, HEY);
    assert_int_equal(a.ready, 1);
    expect_silence(&a);
    side_close(&a);
}

static void other_orders_are_rejected(void **state)
{
    (void)state;
    static const struct {
        enum direction direction;
        const char *first, *second;
    } rows[] = {
        {DIRECTION_INCOMING, HEY, NULL},
        {DIRECTION_INCOMING, HELLO, HELLO},
        {DIRECTION_OUTGOING, HEY, HEY},
        {DIRECTION_OUTGOING, HELLO, HELLO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        start(&s, rows[i].direction);
        feed(&s, "%s", rows[i].first);
        if (rows[i].second) {
            assert_false(s.over);
            feed(&s, "%s", rows[i].second);
        }
        expect_ended(&s, END_BAD_INPUT);
        assert_int_equal(s.ready, 0);
        side_close(&s);
    }
}

static const char *const messages[] = {
    "{'GETADDR':0}",
    "{'ADDR':[]}",
    "{'BROADCASTBLOCK':1}",
    "{'GETBLOCK':1}",
    "{'GETBLOCK':'" HASH "'}",
    "{'GETLISTOFBLOCKS':1}",
    "{'LISTOFBLOCKS':[1,2]}",
    "{'PUSHTRANSACTION':{'sender':'" SENDER "','receiver':'" RECEIVER "','message':[]}}",
    "{'PUSHTRANSACTION':[{'sender':'" SENDER "','receiver':'" RECEIVER "','message':[1,'x']}]}",
    "{'BROADCASTTRANSACTION':'" HASH "'}",
};
enum { MESSAGES = sizeof messages / sizeof messages[0] };

static void nothing_else_may_come_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGES; i++) {
        for (int stage = 0; stage < 4; stage++) {
            struct side s;
            start(&s, stage < 2 ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
            if (stage == 1 || stage == 2) {
                feed(&s, HELLO);
            } else if (stage == 3) {
                feed(&s, HEY);
            }
            feed(&s, "%s", messages[i]);
            expect_ended(&s, END_BAD_INPUT);
            assert_int_equal(s.ready + s.messages, 0);
            side_close(&s);
        }
    }
}

static void a_handshake_has_five_seconds(void **state)
{
    (void)state;
    for (int stage = 0; stage < 3; stage++) {
        struct side s;
        start(&s, stage == 1 ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        if (stage > 0) {
            feed(&s, HELLO);
        }
        side_wait(&s, 4999);
        assert_false(s.over);
        side_wait(&s, 1);
        expect_ended(&s, END_HANDSHAKE_TIMEOUT);
        side_close(&s);
    }
    struct side s; /* the stream's is part of it */
    side_prepare(&s, &coin_protocol, 1);
    struct session_config config = side_config(&s, DIRECTION_INCOMING);
    side_open(&s, &config);
    side_wait(&s, 3000);
    coin_protocol.session->begin(&s.session, s.now_ms, &s.out);
    side_wait(&s, 1999);
    assert_false(s.over);
    side_wait(&s, 1);
    expect_ended(&s, END_HANDSHAKE_TIMEOUT);
    side_close(&s);
}

static void another_genesis_ends_it(void **state)
{
    (void)state;
    struct side s;
    start(&s, DIRECTION_INCOMING);
    feed(&s, "{'HELLO':{'blocks':8,'time':1700000000,'port':4001,'genesis':'" GENESIS_TEST "'}}");
    expect_ended(&s, END_NETWORK);
    expect_silence(&s);
    side_close(&s);
    start_open(&s);
    feed(&s, "{'HELLO':{'blocks':8,'time':1700000000,'port':4001,'genesis':'" GENESIS_TEST "'}}");
    expect_ended(&s, END_NETWORK);
    side_close(&s);
}

static void a_clock_more_than_two_hours_off_ends_it(void **state)
{
    (void)state;
    static const struct {
        int64_t ahead_s;
        bool fits;
    } rows[] = {{7200, true}, {7201, false}, {-7200, true}, {-7201, false}, {-1700000000, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct side s;
        start(&s, DIRECTION_INCOMING);
        feed(&s, "{'HELLO':{'blocks':8,'time':%lld,'port':4001,'genesis':'" GENESIS "'}}",
             (long long)(NOW_S + rows[i].ahead_s));
        if (rows[i].fits) {
            feed(&s, "{'HEY':{'blocks':8,'time':%lld}}", (long long)(NOW_S - rows[i].ahead_s));
            assert_int_equal(s.ready, 1);
            assert_true(s.peer.clock.is_told);
            assert_int_equal(s.peer.clock.ahead_ms, rows[i].ahead_s * 1000 + 500); /* as its HELLO says */
        } else {
            expect_ended(&s, END_CLOCK);
            assert_true(s.last.end.clock.is_told);
            assert_int_equal(s.last.end.clock.ahead_ms, rows[i].ahead_s * 1000 + 500);
            expect_silence(&s);
        }
        side_close(&s);
        start(&s, DIRECTION_OUTGOING);
        feed(&s, "{'HEY':{'blocks':8,'time':%lld}}", (long long)(NOW_S + rows[i].ahead_s));
        if (!rows[i].fits) {
            expect_ended(&s, END_CLOCK);
        }
        side_close(&s);
    }
}

static void who_is_refused_is_told_nothing(void **state)
{
    (void)state;
    struct side s;
    side_prepare(&s, &coin_protocol, 1);
    struct session_config config = side_config(&s, DIRECTION_INCOMING);
    config.refuse = true;
    side_start_as(&s, &config);
    feed(&s, HELLO);
    side_wait(&s, 0);
    expect_ended(&s, END_REFUSED);
    expect_silence(&s);
    side_close(&s);
}

/* --- is it there, and how long is its chain? --- */

static void hello_is_answered_by_hey_later_too(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed(&s, HELLO);
    expect_line(&s, OUR_HEY);
    expect_silence(&s);
    assert_int_equal(s.messages, 0); /* nothing new */
    assert_int_equal(s.good, 1);
    assert_true(s.alive);
    feed(&s, "{'HELLO':{'blocks':9,'time':0,'port':0,'genesis':'" GENESIS "'}}");
    expect_line(&s, OUR_HEY);
    assert_int_equal(((const struct ledger_block *)expect_message(&s, LEDGER_HEIGHT))->number, 8);
    feed(&s, "{'HEY':{'blocks':0,'time':1}}");
    assert_int_equal(((const struct ledger_block *)expect_message(&s, LEDGER_HEIGHT))->number, 0);
    feed(&s, "{'HEY':{'blocks':1,'time':1}}");
    assert_int_equal(s.messages, 0);
    expect_silence(&s);
    side_close(&s);
}

static void the_first_word_after_a_call_is_told(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    feed(&s, "{'HEY':{'blocks':1,'time':1}}");
    s.messages = 0;
    assert_int_equal(side_say(&s, LEDGER_CALL, NULL), 0);
    expect_line(&s, OUR_HELLO);
    feed(&s, "{'HEY':{'blocks':1,'time':1}}");
    assert_int_equal(((const struct ledger_block *)expect_message(&s, LEDGER_HEIGHT))->number, 0);
    feed(&s, "{'HEY':{'blocks':1,'time':1}}");
    assert_int_equal(s.messages, 0);
    side_close(&s);
}

static void our_height_is_stated_next_time(void **state)
{
    (void)state;
    struct side s;
    const struct ledger_block last = {.number = 41};
    start_open(&s);
    assert_int_equal(side_say(&s, LEDGER_HEIGHT, parcel_new(&last, sizeof last)), 0);
    expect_silence(&s);
    feed(&s, HELLO);
    expect_line(&s, "{'HEY':{'blocks':42,'time':1700000000}}");
    coin_protocol.session->alive(&s.session, s.now_ms, &s.out);
    expect_line(&s, "{'HEY':{'blocks':42,'time':1700000000}}");
    side_close(&s);
}

static void silence_causes_a_hello_and_then_the_end(void **state)
{
    (void)state;
    struct side s;
    start_open(&s);
    side_wait(&s, 59999);
    expect_silence(&s);
    side_wait(&s, 1);
    expect_line(&s, "{'HELLO':{'blocks':6,'time':1700000060,'port':8208,'genesis':'" GENESIS "'}}");
    feed(&s, "{'HEY':{'blocks':8,'time':1700000060}}");
    side_wait(&s, 59999);
    expect_silence(&s);
    side_wait(&s, 120000);
    for (int i = 0; i < 2; i++) {
        free(take_line(&s));
    }
    assert_false(s.over);
    side_wait(&s, 1);
    expect_ended(&s, END_SILENT);
    side_close(&s);
}

/* --- addresses --- */

static void addresses_pass(void **state)
{
    (void)state;
    struct side s;
    struct known_peers peers;
    start_open(&s);
    feed(&s, "{'GETADDR':8310}");
    assert_int_equal(((const struct ledger_asker *)expect_message(&s, LEDGER_GET_ADDRESSES))->port, 8310);
    assert_int_equal(side_say(&s, LEDGER_GET_ADDRESSES, NULL), 0);
    expect_line(&s, "{'GETADDR':8208}");
    feed(&s, "{'ADDR':['203.0.113.9:8308','[2001:db8::1]:1']}");
    expect_message(&s, LEDGER_ADDRESSES);
    struct known_peers got = known_peers_of(s.parcel);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.list[0].endpoint.port, 8308);
    assert_int_equal(got.list[1].endpoint.port, 1);
    struct parcel *p = known_peers_new(150, &peers);
    for (size_t i = 0; i < 150; i++) {
        assert_true(endpoint_parse(&peers.list[i].endpoint, i == 0 ? "[2001:db8::1]:9" : "203.0.113.9:8308"));
        peers.list[i].endpoint.port = (uint16_t)i; /* nobody listens on the first one's */
    }
    assert_int_equal(side_say(&s, LEDGER_ADDRESSES, p), 0);
    char *line = take_line(&s);
    assert_non_null(strstr(line, "{\"ADDR\":[\"203.0.113.9:1\",\"203.0.113.9:2\","));
    assert_non_null(strstr(line, ",\"203.0.113.9:100\"]}"));
    free(line);
    side_close(&s);
}

/* --- blocks and transactions --- */

static void blocks_are_announced_and_asked_for(void **state)
{
    (void)state;
    struct side a, b;
    struct ledger_block block = {.number = 12};
    start_open(&a);
    start_open(&b);
    assert_int_equal(side_say(&a, LEDGER_HAVE_BLOCK, parcel_new(&block, sizeof block)), 0);
    expect_line(&a, "{'BROADCASTBLOCK':12}");
    say_to(&a, &b, LEDGER_HAVE_BLOCK, parcel_new(&block, sizeof block));
    assert_int_equal(((const struct ledger_block *)expect_message(&b, LEDGER_HAVE_BLOCK))->number, 12);
    feed(&b, "{'GETBLOCK':12}");
    const struct chain_wanted *w = expect_message(&b, LEDGER_GET_BLOCKS);
    assert_true(w->n == 1 && !w->by_hash && w->items[0].number == 12);
    struct chain_item item = a_block(NULL, "hi");
    assert_int_equal(side_say(&a, LEDGER_BLOCKS, chain_pack_one(&item)), 0);
    expect_line(&a, "{'BLOCK':%.*s}", (int)item.size, item.text);
    say_to(&a, &b, LEDGER_BLOCKS, chain_pack_one(&item));
    expect_message(&b, LEDGER_BLOCKS);
    assert_int_equal(chain_pack_count(b.parcel), 1);
    say_to(&a, &b, LEDGER_BLOCKS, pack_of_blocks(5, 5000)); /* one by one */
    assert_int_equal(b.messages, 5);
    assert_int_equal(side_say(&a, LEDGER_BLOCKS, pack_of_blocks(0, 0)), 0); /* none: not a word */
    expect_silence(&a);
    chain_item_free(&item);
    side_close(&a);
    side_close(&b);
}

static struct parcel *wanted(uint32_t n)
{
    struct chain_wanted *w;
    struct parcel *p = chain_wanted_new(n, false, &w);
    for (uint32_t i = 0; i < n; i++) {
        w->items[i].number = 100 + i;
    }
    return p;
}

/* What lies there already is one message: the store is asked once. */
static void many_getblocks_in_a_row_are_one_request(void **state)
{
    (void)state;
    struct side a, b;
    start_open(&a);
    start_open(&b);
    say_to(&a, &b, LEDGER_GET_BLOCKS, wanted(128));
    const struct chain_wanted *w = expect_message(&b, LEDGER_GET_BLOCKS);
    assert_int_equal(w->n, 128);
    for (uint32_t i = 0; i < 128; i++) {
        assert_int_equal(w->items[i].number, 100 + i);
    }
    say_to(&a, &b, LEDGER_GET_BLOCKS, wanted(300));
    assert_int_equal(b.messages, 3);
    assert_int_equal(((const struct chain_wanted *)(const void *)b.parcel->bytes)->n, 44);
    b.messages = 0;
    /* Others in between, and half a line at the end. */
    static const char mixed[] = "{\"GETBLOCK\":1}\n{\"GETBLOCK\":2}\n{\"GETADDR\":0}\n{\"GETBLOCK\":3}\n"
                                "{\"GETBLOCK\":\"" HASH "\"}\n{\"GETBLOCK\":4}\n{\"GETBLOCK\":5";
    side_feed(&b, mixed, sizeof mixed - 1);
    assert_int_equal(b.messages, 5);
    assert_int_equal(((const struct chain_wanted *)(const void *)b.parcel->bytes)->n, 1);
    side_feed(&b, "0}\n", 3);
    assert_int_equal(b.messages, 6);
    assert_int_equal(((const struct chain_wanted *)(const void *)b.parcel->bytes)->items[0].number, 50);
    feed(&b, "{'GETBLOCK':1}\n{'GETBLOCK':-1}");
    assert_int_equal(b.messages, 7);
    expect_bad(&b);
    side_close(&a);
    side_close(&b);
}

static void transactions_pass_one_or_a_pack(void **state)
{
    (void)state;
    struct side a, b;
    start_open(&a);
    start_open(&b);
    char *t = transaction_text("hi");
    struct chain_item item = a_transaction("hi");
    assert_int_equal(side_say(&a, LEDGER_TRANSACTIONS, chain_pack_one(&item)), 0);
    expect_line(&a, "{'PUSHTRANSACTION':%s}", t);
    say_to(&a, &b, LEDGER_TRANSACTIONS, chain_pack_one(&item));
    expect_message(&b, LEDGER_TRANSACTIONS);
    struct parcel *pack = pack_of_transactions(50, 100);
    say_to(&a, &b, LEDGER_TRANSACTIONS, parcel_hold(pack));
    expect_message(&b, LEDGER_TRANSACTIONS);
    expect_same_pack(pack, b.parcel);
    parcel_release(pack);
    assert_int_equal(side_say(&a, LEDGER_TRANSACTIONS, pack_of_transactions(6, 200000)), 0);
    for (int i = 0; i < 2; i++) { /* each below 1 MiB */
        char *line = take_line(&a);
        assert_true(strlen(line) < 1 << 20);
        free(line);
    }
    expect_silence(&a);
    chain_item_free(&item);
    free(t);
    side_close(&a);
    side_close(&b);
}

static void transactions_are_announced_by_id(void **state)
{
    (void)state;
    struct side s;
    struct chain_hash ids[] = {a_hash(1), a_hash(2)};
    start_open(&s);
    assert_int_equal(side_say(&s, LEDGER_HAVE_TRANSACTION, parcel_new(ids, sizeof ids)), 0);
    expect_line(&s, "{'BROADCASTTRANSACTION':'%s'}", hash_text(1));
    expect_line(&s, "{'BROADCASTTRANSACTION':'%s'}", hash_text(2));
    assert_int_equal(side_say(&s, LEDGER_GET_TRANSACTION, parcel_new(ids, sizeof ids)), 0);
    expect_line(&s, "{'GETBLOCK':'%s'}", hash_text(1));
    expect_line(&s, "{'GETBLOCK':'%s'}", hash_text(2));
    feed(&s, "{'BROADCASTTRANSACTION':'%s'}", hash_text(2));
    assert_memory_equal(expect_message(&s, LEDGER_HAVE_TRANSACTION), &ids[1], sizeof ids[1]);
    feed(&s, "{'GETBLOCK':'%s'}", hash_text(1));
    assert_memory_equal(expect_message(&s, LEDGER_GET_TRANSACTION), &ids[0], sizeof ids[0]);
    side_close(&s);
}

static void lists_name_numbers(void **state)
{
    (void)state;
    struct side a, b;
    start_open(&a);
    start_open(&b);
    assert_int_equal(side_say(&a, LEDGER_GET_LIST, a_range(6, 2000)), 0);
    expect_line(&a, "{'GETLISTOFBLOCKS':5}");
    feed(&a, "{'GETLISTOFBLOCKS':5}");
    const struct chain_range *r = expect_message(&a, LEDGER_GET_LIST);
    assert_true(r->from == 6 && r->count == 2000);
    struct parcel *p = parcel_new(NULL, sizeof(struct chain_hashes) + 2000 * sizeof(struct chain_hash));
    memset(p->bytes, 0, p->size);
    *(struct chain_hashes *)(void *)p->bytes = (struct chain_hashes){.from = 6, .n = 2000};
    say_to(&a, &b, LEDGER_LIST, p);
    const struct chain_hashes *h = expect_message(&b, LEDGER_LIST);
    assert_true(h->from == 6 && h->n == 2000);
    feed(&b, "{'LISTOFBLOCKS':[]}");
    h = expect_message(&b, LEDGER_LIST);
    assert_int_equal(h->n, 0);
    feed(&b, "{'LISTOFBLOCKS':[7,8,9,11,12]}"); /* as far as they follow each other */
    h = expect_message(&b, LEDGER_LIST);
    assert_true(h->from == 7 && h->n == 3);
    side_close(&a);
    side_close(&b);
}

static void what_cannot_be_said_is_not_said(void **state)
{
    (void)state;
    struct side s;
    static const uint32_t kinds[] = {LEDGER_TRANSACTION, LEDGER_BLOCK, LEDGER_NEW_BLOCK, LEDGER_FAULT, 0, 99};
    start_open(&s);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct ledger_block block = {.number = 1};
        assert_int_equal(side_say(&s, kinds[i], parcel_new(&block, sizeof block)), -1);
    }
    assert_int_equal(side_say(&s, LEDGER_BLOCKS, NULL), -1);
    assert_int_equal(side_say(&s, LEDGER_TRANSACTIONS, pack_of_transactions(0, 0)), -1);
    struct parcel *by_hash = wanted(1);
    ((struct chain_wanted *)(void *)by_hash->bytes)->by_hash = true;
    assert_int_equal(side_say(&s, LEDGER_GET_BLOCKS, by_hash), -1);
    expect_silence(&s);
    side_close(&s);
    start(&s, DIRECTION_INCOMING);
    assert_int_equal(side_say(&s, LEDGER_GET_ADDRESSES, NULL), -1);
    side_close(&s);
}

/* --- what is none of the protocol's --- */

static const char *const bad_messages[] = {
    "{}",
    "{'GETADDR':0,'x':1}",
    "{'HEY':{'blocks':8,'time':1700000000},'HELLO':{}}",
    "{'getaddr':0}",
    "{'type':'Ping'}",
    "{'':0}",
    "{'HELLO':{}}",
    "{'HELLO':8}",
    "{'HELLO':{'time':1700000000,'port':4001,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'port':4001,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'time':1700000000,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'time':1700000000,'port':4001}}",
    "{'HELLO':{'blocks':-1,'time':1700000000,'port':4001,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':'8','time':1700000000,'port':4001,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'time':1700000000.5,'port':4001,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'time':1700000000,'port':65536,'genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'time':1700000000,'port':'4001','genesis':'" GENESIS "'}}",
    "{'HELLO':{'blocks':8,'time':1700000000,'port':4001,'genesis':'00'}}",
    "{'HELLO':{'blocks':8,'time':1700000000,'port':4001,'genesis':'" GENESIS "','x':1}}",
    "{'HEY':{}}",
    "{'HEY':{'blocks':8}}",
    "{'HEY':{'blocks':8,'time':null}}",
    "{'HEY':{'blocks':8,'time':1,'port':1}}",
    "{'GETADDR':-1}",
    "{'GETADDR':65536}",
    "{'GETADDR':'0'}",
    "{'GETADDR':null}",
    "{'ADDR':{}}",
    "{'ADDR':[1]}",
    "{'ADDR':['203.0.113.9']}",
    "{'ADDR':['203.0.113.9:0']}",
    "{'ADDR':['203.0.113.9:65536']}",
    "{'ADDR':['a.example:1']}",
    "{'ADDR':['[fe80::1%2]:1']}",
    "{'BROADCASTBLOCK':-1}",
    "{'BROADCASTBLOCK':1.0}",
    "{'BROADCASTBLOCK':'1'}",
    "{'BROADCASTBLOCK':9007199254740992}",
    "{'GETBLOCK':-1}",
    "{'GETBLOCK':'1'}",
    "{'GETBLOCK':'" HASH "0'}",
    "{'GETBLOCK':[1]}",
    "{'GETLISTOFBLOCKS':-1}",
    "{'GETLISTOFBLOCKS':'1'}",
    "{'GETLISTOFBLOCKS':9007199254740991}",
    "{'LISTOFBLOCKS':1}",
    "{'LISTOFBLOCKS':['1']}",
    "{'LISTOFBLOCKS':[-1]}",
    "{'LISTOFBLOCKS':[2,1]}",
    "{'LISTOFBLOCKS':[1,1]}",
    "{'PUSHTRANSACTION':[]}",
    "{'PUSHTRANSACTION':{}}",
    "{'PUSHTRANSACTION':1}",
    "{'PUSHTRANSACTION':[[]]}",
    "{'PUSHTRANSACTION':{'sender':'" SENDER "','receiver':'" RECEIVER "'}}",
    "{'PUSHTRANSACTION':{'sender':'" SENDER "','receiver':'" RECEIVER "','message':[],'x':1}}",
    "{'BROADCASTTRANSACTION':1}",
    "{'BROADCASTTRANSACTION':'00'}",
    "{'PING':0}",
};

static void what_does_not_obey_is_rejected(void **state)
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
    assert_int_equal(coin_protocol.merits.bad, -10);
}

static void a_line_that_is_no_dictionary_is_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_objects / sizeof no_objects[0] + LONG_LINES; i++) {
        struct side s;
        size_t own = sizeof no_objects / sizeof no_objects[0];
        start_open(&s);
        char *line = i < own ? strdup(no_objects[i]) : long_line((enum long_line)(i - own));
        feed(&s, "%s", line);
        assert_non_null(strstr(s.last.end.text, "a line that is no JSON dictionary"));
        expect_bad(&s);
        free(line);
        side_close(&s);
    }
}

static void lists_have_bounds(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct side s;
        struct buffer line = {0};
        start_open(&s);
        unsigned n = i < 2 ? 100 : 2000;
        buffer_add(&line, i < 2 ? "{'ADDR':[" : "{'LISTOFBLOCKS':[", i < 2 ? 9 : 17);
        for (unsigned k = 0; k < n + (unsigned)i % 2; k++) {
            char each[32];
            int size = i < 2 ? snprintf(each, sizeof each, "%s'1.2.3.4:%u'", k > 0 ? "," : "", k + 1)
                             : snprintf(each, sizeof each, "%s%u", k > 0 ? "," : "", k);
            buffer_add(&line, each, (size_t)size);
        }
        buffer_add(&line, "]}", 3);
        feed(&s, "%s", (char *)line.data);
        buffer_fini(&line);
        if (i % 2) {
            expect_bad(&s);
        } else {
            assert_int_equal(s.messages, 1);
        }
        side_close(&s);
    }
}

/* It costs 50 points, of which the end itself costs ten. */
static void a_block_that_is_not_well_formed_costs_more(void **state)
{
    (void)state;
    static const char *const rows[] = {"{'BLOCK':{}}", "{'BLOCK':1}", "{'BLOCK':{'number':1}}"};
    for (size_t i = 0; i < 3; i++) {
        struct side s;
        start_open(&s);
        feed(&s, "%s", rows[i]);
        expect_bad(&s);
        assert_int_equal(s.bad, 4);
        side_close(&s);
    }
}

/* --- bytes in any pieces, and of any kind --- */

static char *everything(void)
{
    struct chain_item block = a_block(NULL, "hi");
    char *text;
    assert_true(asprintf(&text, "{\"BLOCK\":%.*s}\n", (int)block.size, block.text) > 0);
    char *all = lines_of(messages, MESSAGES, text);
    free(text);
    chain_item_free(&block);
    return all;
}

static void bytes_may_come_in_any_pieces(void **state)
{
    (void)state;
    char *all = everything();
    static const size_t steps[] = {1, 2, 3, 17, 64, 1000, 100000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct side s;
        start_open(&s);
        feed_in_pieces(&s, all, steps[i]);
        assert_int_equal(s.messages, MESSAGES + 1);
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
        promise_test("C3 C4 C5", two_members_meet),
        promise_test("C3 C4 C5", the_dialer_says_hello_and_both_say_hey),
        promise_test("C18", who_does_not_listen_says_port_0),
        promise_test("C5", the_answer_may_come_in_both_orders),
        promise_test("C5", other_orders_are_rejected),
        promise_test("C5", nothing_else_may_come_before),
        cmocka_unit_test(a_handshake_has_five_seconds),
        promise_test("C3", another_genesis_ends_it),
        promise_test("C3", a_clock_more_than_two_hours_off_ends_it),
        cmocka_unit_test(who_is_refused_is_told_nothing),
        promise_test("C4", hello_is_answered_by_hey_later_too),
        promise_test("C16", the_first_word_after_a_call_is_told),
        promise_test("C3", our_height_is_stated_next_time),
        cmocka_unit_test(silence_causes_a_hello_and_then_the_end),
        promise_test("C6 C18", addresses_pass),
        promise_test("C7 C8", blocks_are_announced_and_asked_for),
        promise_test("C8", many_getblocks_in_a_row_are_one_request),
        promise_test("C10", transactions_pass_one_or_a_pack),
        promise_test("C11", transactions_are_announced_by_id),
        promise_test("C9", lists_name_numbers),
        cmocka_unit_test(what_cannot_be_said_is_not_said),
        promise_test("C1 C2", what_does_not_obey_is_rejected),
        promise_test("C1 C2", a_line_that_is_no_dictionary_is_rejected),
        cmocka_unit_test(lists_have_bounds),
        promise_test("C2", a_block_that_is_not_well_formed_costs_more),
        cmocka_unit_test(bytes_may_come_in_any_pieces),
        promise_test("C2", garbage_ends_the_session_or_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
