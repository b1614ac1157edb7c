/* What a node asks its peers, answers, passes on and learns, with actions that only take notes:
 * docs/protocols/mintlayer.md, section 8. */
#include "tests/unit/wire_fixture.h"

#include <sodium.h>

#include "protocol/mintlayer/message.h"
#include "protocol/mintlayer/service.h"
#include "protocol/mintlayer/setting.h"
#include "tests/unit/dice.h"
#include "tests/unit/parsed.h"
#include "tests/unit/promise.h"

enum { PEERS = 8, MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

struct noted {
    bool online;
    enum direction direction;
    enum purpose purpose;
    struct peer_info info;
    struct mintlayer_peer state;
    uint32_t requests, lists, announcements;
    size_t shared;             /* addresses that it was told of, as the log has it */
    struct endpoint announced; /* the last one */
};

/* The node around the service. */
static struct world {
    struct mintlayer_settings own;
    struct node_config node;
    struct mintlayer_service service;
    struct noted peers[PEERS];
    int64_t now_ms;
    struct parcel *list;     /* the last that was sent */
    size_t shareable, drawn; /* drawn: how often */
    struct known_peer shared[2000];
    size_t learned;
    struct endpoint learned_last;
    struct ip unwelcome;
    uint32_t delivered, delivered_kind, brought;
    struct peer_ref brought_by;
    uint64_t random;
} w;

static struct service_peer peer(size_t i)
{
    return (struct service_peer){.ref = {.index = (uint32_t)i, .generation = 1},
                                 .direction = w.peers[i].direction,
                                 .purpose = w.peers[i].purpose,
                                 .info = &w.peers[i].info,
                                 .state = &w.peers[i].state};
}

static void on_send(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct noted *p = &w.peers[to.index];
    (void)world;
    switch (kind) {
    case MINTLAYER_ADDR_LIST_REQUEST:
        assert_null(parcel);
        p->requests++;
        return;
    case MINTLAYER_ADDR_LIST_RESPONSE:
        p->lists++;
        parcel_release(w.list);
        w.list = parcel;
        return;
    case MINTLAYER_ANNOUNCE_ADDR_REQUEST:
        p->announcements++;
        assert_int_equal(known_peers_of(parcel).n, 1);
        p->announced = known_peers_of(parcel).list[0].endpoint;
        parcel_release(parcel);
        return;
    default:
        fail_msg("kind %u", kind);
    }
}

static void on_deliver(void *world, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    (void)world;
    (void)from;
    w.delivered++;
    w.delivered_kind = kind;
    parcel_release(parcel);
}

static void on_brought(void *world, struct peer_ref by)
{
    (void)world;
    w.brought++;
    w.brought_by = by;
}

static size_t on_share(void *world, struct peer_ref asker, struct known_peer *out, size_t most)
{
    (void)world;
    (void)asker;
    size_t n = w.shareable < most ? w.shareable : most;
    w.drawn++;
    memcpy(out, w.shared, n * sizeof *out);
    return n;
}

static void on_shared(void *world, struct peer_ref with, size_t n)
{
    (void)world;
    w.peers[with.index].shared += n;
}

static void on_learn(void *world, struct peer_ref from, const struct known_peer *peers, size_t n)
{
    (void)world;
    (void)from;
    w.learned += n;
    w.learned_last = n > 0 ? peers[n - 1].endpoint : w.learned_last;
}

static bool is_welcome(void *world, const struct ip *ip)
{
    (void)world;
    return !ip_equal(ip, &w.unwelcome);
}

static bool on_next_peer(void *world, struct peer_ref after, struct service_peer *next)
{
    (void)world;
    for (size_t i = after.generation != 0 ? after.index + 1 : 0; i < PEERS; i++) {
        if (w.peers[i].online) {
            *next = peer(i);
            return true;
        }
    }
    return false;
}

static uint64_t on_random(void *world)
{
    (void)world;
    return dice_throw(&w.random) >> 33;
}

static const struct service_actions actions = {.send = on_send,
                                               .deliver = on_deliver,
                                               .brought = on_brought,
                                               .share = on_share,
                                               .shared = on_shared,
                                               .learn = on_learn,
                                               .is_welcome = is_welcome,
                                               .next_peer = on_next_peer,
                                               .random = on_random};
static const struct service_ops *const ops = &mintlayer_service_ops;

static void start(void)
{
    w = (struct world){.own = mintlayer_setting_defaults, .now_ms = 1000, .random = 5};
    w.node = (struct node_config){.timings = mintlayer_protocol.timings,
                                  .limits = mintlayer_protocol.limits,
                                  .settings = &w.own,
                                  .listen_port = 3031};
    struct service_config config = {.protocol = &mintlayer_protocol, .node = &w.node, .actions = &actions};
    assert_int_equal(ops->open(&w.service, &config, w.now_ms), 0);
}

static void stop(void)
{
    ops->close(&w.service);
    parcel_release(w.list);
    w.list = NULL;
}

static void come_as(size_t i, enum direction direction, uint64_t offers, const char *sees)
{
    struct noted *p = &w.peers[i];
    *p = (struct noted){.online = true, .direction = direction, .info.offers = offers};
    if (sees) {
        p->info.sees = at(sees);
    }
    struct service_peer s = peer(i);
    ops->online(&w.service, w.now_ms, &s);
}

/* We have dialed it for its blocks alone. */
static void come_to_relay(size_t i)
{
    struct noted *p = &w.peers[i];
    *p = (struct noted){.online = true,
                        .direction = DIRECTION_OUTGOING,
                        .purpose = PURPOSE_RELAY,
                        .info = {.offers = MINTLAYER_BLOCKS, .sees = at("5.6.7.8:1")}};
    struct service_peer s = peer(i);
    ops->online(&w.service, w.now_ms, &s);
}

static void come(size_t i, enum direction direction)
{
    come_as(i, direction, MINTLAYER_ADDRESSES, NULL);
}

static void say(size_t from, uint32_t kind, struct parcel *parcel)
{
    struct service_peer p = peer(from);
    ops->message(&w.service, w.now_ms, &p, kind, parcel);
}

static void wait(int64_t ms)
{
    int64_t until = w.now_ms + ms, due;
    while ((due = ops->deadline(&w.service)) <= until) {
        w.now_ms = due > w.now_ms ? due : w.now_ms;
        ops->tick(&w.service, w.now_ms);
    }
    w.now_ms = until;
}

static void announce(size_t from, const char *endpoint)
{
    struct known_peers peers;
    struct parcel *p = known_peers_new(1, &peers);
    peers.list[0].endpoint = at(endpoint);
    say(from, MINTLAYER_ANNOUNCE_ADDR_REQUEST, p);
}

static void add_shareable(const char *text)
{
    w.shared[w.shareable++].endpoint = at(text);
}

/* --- lists --- */

static void test_asks_whom_it_dials(void **state)
{
    (void)state;
    start();
    come(0, DIRECTION_OUTGOING);
    come(1, DIRECTION_INCOMING);
    wait(2 * DAY);
    assert_int_equal(w.peers[0].requests, 1);
    assert_int_equal(w.peers[1].requests, 0);
    struct known_peers peers;
    struct parcel *p = known_peers_new(3, &peers);
    peers.list[2].endpoint = at("1.2.3.4:3031");
    say(0, MINTLAYER_ADDR_LIST_RESPONSE, p);
    assert_int_equal(w.learned, 3);
    struct endpoint last = at("1.2.3.4:3031");
    assert_true(endpoint_equal(&w.learned_last, &last));
    stop();
}

static void test_answers_with_what_is_discoverable(void **state)
{
    (void)state;
    start();
    come(0, DIRECTION_INCOMING);
    add_shareable("1.2.3.4:3031");
    add_shareable("10.2.3.4:3031");
    add_shareable("127.0.0.1:3031");
    add_shareable("[2001:4860::1]:3031");
    say(0, MINTLAYER_ADDR_LIST_REQUEST, NULL);
    assert_int_equal(w.peers[0].lists, 1);
    struct known_peers list = known_peers_of(w.list);
    assert_int_equal(list.n, 2);
    assert_true(endpoint_equal(&list.list[0].endpoint, &w.shared[0].endpoint));
    assert_true(endpoint_equal(&list.list[1].endpoint, &w.shared[3].endpoint));
    stop();
}

static size_t list_of(size_t i)
{
    uint32_t before = w.peers[i].lists;
    say(i, MINTLAYER_ADDR_LIST_REQUEST, NULL);
    assert_int_equal(w.peers[i].lists, before + 1);
    return known_peers_of(w.list).n;
}

/* All are told the same for an hour, unless there is more to tell than a list of few. */
static void test_lists_are_kept(void **state)
{
    (void)state;
    start();
    come(0, DIRECTION_INCOMING);
    come(1, DIRECTION_INCOMING);
    assert_int_equal(list_of(0), 0);
    for (int i = 0; i < 1500; i++) {
        char text[64];
        snprintf(text, sizeof text, "1.2.%d.%d:3031", i / 250, 1 + i % 250);
        add_shareable(text);
    }
    w.shareable = 5;
    assert_int_equal(list_of(0), 5);
    struct endpoint first = known_peers_of(w.list).list[0].endpoint;
    w.shared[0].endpoint = at("9.9.9.9:1");
    w.shareable = 4;
    assert_int_equal(list_of(1), 5);
    assert_true(endpoint_equal(&known_peers_of(w.list).list[0].endpoint, &first));
    wait(53 * MINUTE);
    assert_int_equal(list_of(1), 5);
    wait(14 * MINUTE);
    assert_int_equal(list_of(1), 4);
    w.shareable = 1500;
    assert_int_equal(list_of(1), 1000);
    struct parcel *full = w.list;
    w.shareable = 1400;
    w.drawn = 0;
    assert_int_equal(list_of(0), 1000);
    assert_int_equal(w.drawn, 0); /* there is nothing longer */
    assert_ptr_equal(w.list, full);
    stop();
    start();
    come(0, DIRECTION_INCOMING);
    w.node.limits.share = 10;
    while (w.shareable < 20) {
        add_shareable("1.2.3.4:3031");
    }
    assert_int_equal(list_of(0), 10);
    stop();
}

/* --- what is owed --- */

/* Who asked too early is told of one address at a time, as fast as it takes them. */
static void test_short_lists_are_made_up_for(void **state)
{
    (void)state;
    start();
    come(0, DIRECTION_INCOMING);
    add_shareable("1.2.3.1:3031");
    assert_int_equal(list_of(0), 1);
    wait(60000);
    assert_int_equal(w.peers[0].announcements, 0); /* there is nothing new */
    assert_int_equal(w.peers[0].shared, 1);
    add_shareable("10.2.3.2:3031");
    add_shareable("1.2.3.3:3031");
    add_shareable("1.2.3.4:3031");
    wait(2000);
    assert_int_equal(w.peers[0].announcements, 1);
    assert_true(endpoint_equal(&w.peers[0].announced, &w.shared[2].endpoint));
    wait(9999);
    assert_int_equal(w.peers[0].announcements, 1);
    wait(1);
    assert_int_equal(w.peers[0].announcements, 2);
    assert_true(endpoint_equal(&w.peers[0].announced, &w.shared[3].endpoint));
    wait(60000);
    assert_int_equal(w.peers[0].announcements, 2);
    for (int i = 0; i < 50; i++) {
        char text[64];
        snprintf(text, sizeof text, "1.2.4.%d:3031", i);
        w.shareable = 0;
        add_shareable(text);
        wait(20000);
    }
    assert_int_equal(w.peers[0].announcements, 31); /* then it knows enough */
    assert_int_equal(w.peers[0].shared, 32);
    assert_true(ops->deadline(&w.service) == INT64_MAX);
    come(1, DIRECTION_INCOMING);
    come_as(2, DIRECTION_INCOMING, MINTLAYER_BLOCKS, NULL); /* has not said that it wants any */
    for (w.shareable = 0; w.shareable < 32;) {
        char text[64];
        snprintf(text, sizeof text, "1.2.5.%zu:3031", w.shareable);
        add_shareable(text);
    }
    wait(2 * HOUR);
    assert_int_equal(list_of(1), 32);              /* long enough */
    assert_int_equal(w.peers[1].state.known.n, 0); /* nothing has to be remembered */
    w.shareable = 0;
    wait(2 * HOUR);
    assert_int_equal(list_of(2), 0);
    assert_true(ops->deadline(&w.service) == INT64_MAX);
    stop();
}

/* --- announcements --- */

static uint32_t announcements(void)
{
    uint32_t n = 0;
    for (size_t i = 0; i < PEERS; i++) {
        n += w.peers[i].announcements;
    }
    return n;
}

static void test_passes_on_to_two(void **state)
{
    (void)state;
    uint32_t told[PEERS] = {0};
    for (uint32_t round = 0; round < 300; round++) {
        start();
        w.random = round * 7919;
        for (size_t i = 0; i < 6; i++) {
            come(i, i % 2 ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        }
        come_as(6, DIRECTION_INCOMING, MINTLAYER_BLOCKS, NULL); /* has nothing to do with addresses */
        announce(0, "1.2.3.4:3031");
        assert_int_equal(w.learned, 1);
        assert_int_equal(w.peers[0].announcements, 0); /* it knows */
        assert_int_equal(w.peers[6].announcements, 0);
        assert_in_range(announcements(), 1, 2); /* one less if the sender is drawn */
        for (size_t i = 0; i < PEERS; i++) {
            assert_in_range(w.peers[i].announcements, 0, 1);
            told[i] += w.peers[i].announcements;
        }
        stop();
    }
    for (size_t i = 1; i < 6; i++) {
        assert_in_range(told[i], 60, 140); /* a third each */
    }
}

static void test_nobody_is_told_twice(void **state)
{
    (void)state;
    start();
    for (size_t i = 0; i < 3; i++) {
        come(i, DIRECTION_OUTGOING);
    }
    for (int i = 0; i < 100; i++) {
        wait(10000);
        announce((size_t)i % 3, "1.2.3.4:3031");
    }
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(w.peers[i].announcements, 0, 1);
    }
    uint32_t before = announcements();
    wait(10000);
    announce(0, "1.2.3.4:3032"); /* another port is another address */
    assert_true(announcements() > before);
    stop();
}

/* One at once, then one in ten seconds, up to ten that were saved. */
static void test_token_bucket(void **state)
{
    (void)state;
    start();
    come(0, DIRECTION_OUTGOING);
    announce(0, "1.2.3.1:3031");
    announce(0, "1.2.3.2:3031");
    assert_int_equal(w.learned, 1);
    wait(9999);
    announce(0, "1.2.3.3:3031");
    assert_int_equal(w.learned, 1);
    wait(1);
    announce(0, "1.2.3.4:3031");
    announce(0, "1.2.3.5:3031");
    assert_int_equal(w.learned, 2);
    wait(DAY);
    for (int i = 0; i < 20; i++) {
        announce(0, "1.2.3.6:3031");
    }
    assert_int_equal(w.learned, 12);
    come(1, DIRECTION_OUTGOING); /* each peer for itself */
    announce(1, "1.2.3.7:3031");
    assert_int_equal(w.learned, 13);
    stop();
}

/* Who is banned or discouraged is remembered, and not talked of. */
static void test_unwelcome(void **state)
{
    (void)state;
    start();
    for (size_t i = 0; i < 4; i++) {
        come(i, DIRECTION_OUTGOING);
    }
    w.unwelcome = at("1.2.3.4:1").ip;
    announce(0, "1.2.3.4:3031");
    assert_int_equal(w.learned, 1);
    assert_int_equal(announcements(), 0);
    stop();
}

static void test_known(void **state)
{
    (void)state;
    struct mintlayer_known k = {.n = 0};
    for (uint32_t i = 0; i < MINTLAYER_KNOWN_MAX; i++) {
        assert_false(mintlayer_known_has(&k, i));
        mintlayer_known_add(&k, i);
        mintlayer_known_add(&k, i);
        assert_int_equal(k.n, i + 1);
        assert_true(k.capacity <= MINTLAYER_KNOWN_MAX && k.capacity < 2 * k.n + 8);
    }
    for (uint32_t i = 0; i < MINTLAYER_KNOWN_MAX; i += 500) {
        assert_true(mintlayer_known_has(&k, i));
    }
    mintlayer_known_add(&k, 100000); /* the oldest are forgotten */
    mintlayer_known_add(&k, 100001);
    assert_int_equal(k.n, MINTLAYER_KNOWN_MAX);
    assert_false(mintlayer_known_has(&k, 0));
    assert_false(mintlayer_known_has(&k, 1));
    assert_true(mintlayer_known_has(&k, 2));
    assert_true(mintlayer_known_has(&k, 100000));
    mintlayer_known_free(&k);
    assert_false(mintlayer_known_has(&k, 2));
}

/* --- ourselves --- */

static void test_announces_itself(void **state)
{
    (void)state;
    start();
    come_as(0, DIRECTION_OUTGOING, MINTLAYER_ADDRESSES, "1.2.3.4:40000");
    assert_int_equal(w.peers[0].announcements, 1);
    struct endpoint own = at("1.2.3.4:3031");
    assert_true(endpoint_equal(&w.peers[0].announced, &own));
    come_as(1, DIRECTION_INCOMING, MINTLAYER_ADDRESSES, "1.2.3.4:40000");
    come_as(2, DIRECTION_OUTGOING, MINTLAYER_BLOCKS, "1.2.3.4:40000");
    come_as(3, DIRECTION_OUTGOING, MINTLAYER_ADDRESSES, "10.2.3.4:40000");
    come_as(4, DIRECTION_OUTGOING, MINTLAYER_ADDRESSES, NULL);
    assert_int_equal(announcements(), 1);
    wait(12 * HOUR - 1);
    assert_int_equal(announcements(), 1);
    wait(INT64_C(88) * DAY);
    assert_in_range(w.peers[0].announcements, 75, 105); /* a day on average */
    assert_int_equal(announcements(), w.peers[0].announcements);
    uint32_t before = w.peers[0].announcements;
    announce(1, "1.2.3.4:3031"); /* we have told it so */
    assert_int_equal(w.peers[0].announcements, before);
    struct service_peer p = peer(0);
    ops->offline(&w.service, w.now_ms, &p);
    w.peers[0].online = false;
    ops->tick(&w.service, w.now_ms);
    assert_true(ops->deadline(&w.service) == INT64_MAX);
    stop();
    start();
    w.node.listen_port = 0;
    come_as(0, DIRECTION_OUTGOING, MINTLAYER_ADDRESSES, "1.2.3.4:40000");
    assert_int_equal(announcements(), 0);
    stop();
    start();
    w.own.services = MINTLAYER_BLOCKS;
    come_as(0, DIRECTION_OUTGOING, MINTLAYER_ADDRESSES, "1.2.3.4:40000");
    assert_int_equal(announcements(), 0);
    stop();
}

/* By a connection that only relays no addresses are asked for, told or passed on. */
static void test_no_addresses_by_relays(void **state)
{
    (void)state;
    start();
    w.own.services = MINTLAYER_BLOCKS | MINTLAYER_ADDRESSES;
    come(0, DIRECTION_OUTGOING);
    come_to_relay(1);
    come_to_relay(2);
    announce(0, "1.2.3.4:3031");
    wait(2 * DAY);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(w.peers[i].requests + w.peers[i].lists + w.peers[i].announcements, 0);
    }
    assert_int_equal(w.peers[0].requests, 1);
    say(1, MINTLAYER_HEADER_LIST, parcel_new("\0", 1));
    assert_int_equal(w.brought, 0);
    say(1, MINTLAYER_BLOCK_RESPONSE, parcel_new("x", 1));
    assert_int_equal(w.brought, 1);
    assert_int_equal(w.brought_by.index, 1);
    assert_int_equal(w.delivered, 2);
    stop();
}

/* --- the application, and the tables --- */

static void test_delivers(void **state)
{
    (void)state;
    start();
    come(0, DIRECTION_INCOMING);
    uint32_t n = 0;
    for (const struct protocol_kind *k = mintlayer_protocol.kinds; k->name; k++) {
        say(0, k->kind, parcel_new("x", 1));
        assert_int_equal(w.delivered, ++n);
        assert_int_equal(w.delivered_kind, k->kind);
        assert_string_equal(k->name, mintlayer_row(k->kind)->name);
        assert_true(mintlayer_row(k->kind)->is_payload);
    }
    assert_int_equal(n, 7);
    say(0, MINTLAYER_ADDR_LIST_RESPONSE, NULL); /* none of these has any effect */
    say(0, MINTLAYER_ANNOUNCE_ADDR_REQUEST, NULL);
    say(0, MINTLAYER_PING_REQUEST, NULL);
    say(0, UINT32_MAX, NULL);
    assert_int_equal(w.delivered, n);
    stop();
}

static void expect_network(const char *name, const char *custom, uint32_t id, uint16_t port, bool open,
                           size_t seeds, size_t addresses)
{
    struct network_config n;
    assert_true(protocol_network(&mintlayer_protocol, name, custom, &n));
    assert_int_equal(n.id, id);
    assert_int_equal(n.port, port);
    assert_int_equal(n.open, open);
    size_t found = 0;
    while (n.dns_seeds[found]) {
        found++;
    }
    assert_int_equal(found, seeds);
    const char *list = n.bootstrap ? n.bootstrap : "";
    for (found = 0; *list != '\0'; found++) {
        struct address a;
        struct endpoint e;
        size_t length = strcspn(list, " ");
        assert_true(address_parse(&a, list, length));
        assert_true(address_is_ip(&a, &e));
        assert_int_equal(a.port, port);
        assert_true(mintlayer_is_discoverable(&e));
        list += length + (list[length] == ' ');
    }
    assert_int_equal(found, addresses);
}

static void test_networks(void **state)
{
    (void)state;
    expect_network("MAIN", NULL, 0xb0075fa0, 3031, false, 2, 5);
    expect_network("TEST", NULL, 0x2b7e19f8, 13031, false, 1, 2);
    expect_network("LOCAL", NULL, 0xaabbccdd, 23031, true, 0, 0);
    expect_network("CUSTOM", "signet", 0xf3f77b45, 33031, true, 0, 0);
    struct network_config a, b;
    assert_true(protocol_network(&mintlayer_protocol, "CUSTOM", "one", &a));
    assert_true(protocol_network(&mintlayer_protocol, "CUSTOM", "two", &b));
    assert_int_not_equal(a.id, b.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("M1 M3", test_asks_whom_it_dials),
        promise_test("M2", test_answers_with_what_is_discoverable),
        cmocka_unit_test(test_lists_are_kept),
        promise_test("M1", test_short_lists_are_made_up_for),
        cmocka_unit_test(test_passes_on_to_two),
        cmocka_unit_test(test_nobody_is_told_twice),
        cmocka_unit_test(test_token_bucket),
        cmocka_unit_test(test_unwelcome),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_announces_itself),
        cmocka_unit_test(test_no_addresses_by_relays),
        cmocka_unit_test(test_delivers),
        promise_test("M8", test_networks),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
