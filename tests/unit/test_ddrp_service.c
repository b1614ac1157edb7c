/* What a node asks its peers, what it answers, and what it learns, with actions that only take notes. */
#include "tests/unit/ddrp_fixture.h"
#include "tests/unit/dice.h"
#include "tests/unit/promise.h"

#include "protocol/ddrp/service.h"

#define PEERS 20

/* The node around the service. */
static struct world {
    const struct protocol *protocol;
    struct node_config node;
    struct ddrp_service service;
    struct exchange_peer states[PEERS];
    size_t n_online;
    int64_t now_ms;
    uint32_t wanted;
    uint32_t requests[PEERS]; /* sent to each */
    uint32_t answers;
    struct parcel *answer; /* the last one */
    size_t told;           /* addresses that the last one was told of, as the log has it */
    size_t shareable;      /* of the list below */
    struct known_peer shared[300];
    size_t learned, learned_with_id;
    struct endpoint learned_last;
    uint32_t delivered, delivered_kind;
    uint64_t random;
} w;

static struct service_peer peer(size_t i)
{
    static const struct peer_info info;
    return (struct service_peer){
        .ref = {.index = (uint32_t)i, .generation = 1}, .info = &info, .state = &w.states[i]};
}

static void on_send(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    (void)world;
    if (kind == DDRP_PEER_REQ) {
        assert_null(parcel);
        w.requests[to.index]++;
        return;
    }
    assert_int_equal(kind, DDRP_PEER_RES);
    parcel_release(w.answer);
    w.answer = parcel;
    w.answers++;
}

static void on_deliver(void *world, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    (void)world;
    (void)from;
    w.delivered++;
    w.delivered_kind = kind;
    parcel_release(parcel);
}

static size_t on_share(void *world, struct peer_ref asker, struct known_peer *out, size_t most)
{
    (void)world;
    (void)asker;
    size_t n = w.shareable < most ? w.shareable : most;
    memcpy(out, w.shared, n * sizeof *out);
    return n;
}

static void on_shared(void *world, struct peer_ref with, size_t n)
{
    (void)world;
    (void)with;
    w.told = n;
}

static void on_learn(void *world, struct peer_ref from, const struct known_peer *peers, size_t n)
{
    (void)world;
    (void)from;
    w.learned += n;
    for (size_t i = 0; i < n; i++) {
        w.learned_last = peers[i].endpoint;
        w.learned_with_id += peers[i].id.size == DDRP_ID_BYTES;
    }
}

static uint32_t on_wanted(void *world)
{
    (void)world;
    return w.wanted;
}

static bool on_next_peer(void *world, struct peer_ref after, struct service_peer *next)
{
    (void)world;
    size_t i = after.generation != 0 ? after.index + 1 : 0;
    if (i >= w.n_online) {
        return false;
    }
    *next = peer(i);
    return true;
}

static uint64_t on_random(void *world)
{
    (void)world;
    return dice_throw(&w.random) >> 33;
}

static const struct service_actions actions = {.send = on_send,
                                               .deliver = on_deliver,
                                               .share = on_share,
                                               .shared = on_shared,
                                               .learn = on_learn,
                                               .wanted = on_wanted,
                                               .next_peer = on_next_peer,
                                               .random = on_random};

static void start(const struct protocol *p)
{
    w = (struct world){.protocol = p, .node = test_node(p, bob), .now_ms = 1000, .wanted = 8};
    struct service_config config = {.protocol = p, .node = &w.node, .actions = &actions};
    assert_int_equal(p->service->open(&w.service, &config, w.now_ms), 0);
}

static void stop(void)
{
    parcel_release(w.answer);
    w.answer = NULL;
}

static void come_online(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct service_peer p = peer(w.n_online++);
        w.protocol->service->online(&w.service, w.now_ms, &p);
    }
}

static void wait(int64_t ms)
{
    w.now_ms += ms;
    while (w.protocol->service->deadline(&w.service) <= w.now_ms) {
        w.protocol->service->tick(&w.service, w.now_ms);
    }
}

static void say(size_t from, uint32_t kind, struct parcel *parcel)
{
    struct service_peer p = peer(from);
    w.protocol->service->message(&w.service, w.now_ms, &p, kind, parcel);
}

/* How many peers were asked since the last call. */
static size_t count_asked(void)
{
    size_t n = 0;
    for (size_t i = 0; i < PEERS; i++) {
        assert_true(w.requests[i] <= 1);
        n += w.requests[i];
        w.requests[i] = 0;
    }
    return n;
}

/* --- asking --- */

static void test_pip_asks_some(void **state)
{
    (void)state;
    uint32_t ever[PEERS] = {0};
    start(&ddrp_protocol);
    come_online(PEERS);
    assert_int_equal(count_asked(), 3);
    for (int round = 0; round < 60; round++) {
        wait(9999);
        assert_int_equal(count_asked(), 0);
        wait(1);
        for (size_t i = 0; i < PEERS; i++) {
            ever[i] += w.requests[i];
        }
        assert_int_equal(count_asked(), 3);
    }
    for (size_t i = 0; i < PEERS; i++) {
        assert_in_range(ever[i], 1, 30);
    }
    w.wanted = 0;
    wait(10000);
    assert_int_equal(count_asked(), 0);
    w.wanted = 1;
    wait(10000);
    assert_int_equal(count_asked(), 3);
    stop();
}

static void test_pip_asks_the_first_at_once(void **state)
{
    (void)state;
    start(&ddrp_protocol);
    come_online(1);
    assert_int_equal(count_asked(), 1);
    come_online(1);
    assert_int_equal(count_asked(), 1);
    wait(10000);
    assert_int_equal(count_asked(), 2);
    come_online(5);
    assert_int_equal(count_asked(), 1); /* the third of this round */
    stop();
    start(&ddrp_protocol);
    w.wanted = 0;
    come_online(1);
    assert_int_equal(count_asked(), 0);
    stop();
}

static void test_fnd_asks_everybody(void **state)
{
    (void)state;
    start(&fnd_protocol);
    w.wanted = 0;
    come_online(PEERS);
    wait(3599999);
    assert_int_equal(count_asked(), 0);
    wait(1);
    assert_int_equal(count_asked(), PEERS);
    wait(3600000);
    assert_int_equal(count_asked(), PEERS);
    stop();
}

/* As often as a node of the other revision while it lacks connections: an hour is for those that have enough.
 */
static void test_fnd_asks_while_it_lacks_peers(void **state)
{
    (void)state;
    start(&fnd_protocol);
    come_online(1);
    assert_int_equal(count_asked(), 1);
    for (int round = 0; round < 5; round++) {
        wait(9999);
        assert_int_equal(count_asked(), 0);
        wait(1);
        assert_int_equal(count_asked(), 1);
    }
    come_online(PEERS - 1);
    assert_int_equal(count_asked(), 2); /* the others of this round */
    wait(10000);
    assert_int_equal(count_asked(), 3);
    w.wanted = 0;
    wait(20000);
    assert_int_equal(count_asked(), 0);
    stop();
}

static void test_fnd_asks_as_often_as_it_is_told(void **state)
{
    (void)state;
    start(&fnd_protocol);
    stop();
    w.node.timings.request = 1000;
    struct service_config config = {.protocol = &fnd_protocol, .node = &w.node, .actions = &actions};
    assert_int_equal(fnd_protocol.service->open(&w.service, &config, w.now_ms), 0);
    come_online(1);
    assert_int_equal(count_asked(), 1);
    wait(1000);
    assert_int_equal(count_asked(), 1);
    stop();
}

/* --- answering --- */

static void add_shareable(const char *endpoint, uint8_t id_size)
{
    assert_true(endpoint_parse(&w.shared[w.shareable].endpoint, endpoint));
    w.shared[w.shareable].id.size = id_size;
    memset(w.shared[w.shareable].id.bytes, 7, id_size);
    w.shareable++;
}

static size_t shared(void)
{
    assert_int_equal(w.told, known_peers_of(w.answer).n);
    return w.told;
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start(both[i]);
        come_online(2);
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(w.answers, 1);
        assert_int_equal(shared(), 0);
        add_shareable("1.2.3.4:9097", 32);
        say(0, DDRP_PEER_REQ, NULL);
        wait(4999);
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(w.answers, 1);
        say(1, DDRP_PEER_REQ, NULL); /* each peer for itself */
        assert_int_equal(w.answers, 2);
        wait(1);
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(w.answers, 3);
        assert_int_equal(shared(), 1);
        assert_true(endpoint_equal(&known_peers_of(w.answer).list[0].endpoint, &w.shared[0].endpoint));
        assert_true(peer_id_equal(&known_peers_of(w.answer).list[0].id, &w.shared[0].id));
        w.node.timings.request_limit = 0;
        say(0, DDRP_PEER_REQ, NULL);
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(w.answers, 5);
        stop();
    }
}

static void test_answers_with_some(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool any_port = i >= 2;
        start(both[i % 2]);
        w.node.any_port = any_port;
        w.node.timings.request_limit = 0;
        come_online(1);
        add_shareable("1.2.3.4:9097", 0);  /* who is there is not known */
        add_shareable("1.2.3.5:9999", 32); /* cannot be told at all in fnd */
        add_shareable("[2001:db8::1]:9097", 32);
        add_shareable("1.2.3.6:9097", 32);
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(shared(), any_port && both[i % 2] == &ddrp_protocol ? 2 : 1);
        assert_true(
            endpoint_equal(&known_peers_of(w.answer).list[shared() - 1].endpoint, &w.shared[3].endpoint));
        w.shareable = 0;
        while (w.shareable < 300) {
            add_shareable("1.2.3.4:9097", 32);
        }
        w.node.limits.share = 300; /* more than can be said */
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(shared(), 255);
        w.node.limits.share = 10;
        say(0, DDRP_PEER_REQ, NULL);
        assert_int_equal(shared(), 10);
        stop();
    }
}

/* --- learning --- */

static struct parcel *share_of_two(void)
{
    struct known_peers share;
    struct parcel *p = known_peers_new(2, &share);
    assert_true(endpoint_parse(&share.list[0].endpoint, "1.2.3.4:9097"));
    assert_true(endpoint_parse(&share.list[1].endpoint, "1.2.3.5:9097"));
    share.list[1].id.size = DDRP_ID_BYTES;
    return p;
}

static void test_learns_what_it_asked_for(void **state)
{
    (void)state;
    struct endpoint last;
    assert_true(endpoint_parse(&last, "1.2.3.5:9097"));
    for (size_t i = 0; i < 2; i++) {
        start(both[i]);
        w.wanted = 0;
        come_online(1);
        say(0, DDRP_PEER_RES, share_of_two());
        assert_int_equal(w.learned, 0);
        w.wanted = 1;
        wait(w.node.timings.request);
        assert_int_equal(count_asked(), 1);
        say(0, DDRP_PEER_RES, share_of_two());
        assert_int_equal(w.learned, 2);
        assert_int_equal(w.learned_with_id, 1);
        assert_true(endpoint_equal(&w.learned_last, &last));
        say(0, DDRP_PEER_RES, share_of_two());
        assert_int_equal(w.learned, 2);
        stop();
    }
}

static void test_delivers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start(both[i]);
        come_online(1);
        uint32_t n = 0;
        for (const struct protocol_kind *k = both[i]->kinds; k->name; k++) {
            say(0, k->kind, parcel_new("x", n % 2));
            assert_int_equal(w.delivered, ++n);
            assert_int_equal(w.delivered_kind, k->kind);
        }
        stop();
    }
}

/* --- the tables --- */

static void expect_bootstrap(const char *list)
{
    size_t n = 0;
    while (*list != '\0') {
        struct address a;
        size_t length = strcspn(list, " ");
        assert_true(address_parse_peer(&a, list, length));
        assert_int_equal(a.id.size, fnd_protocol.id_size);
        assert_int_equal(a.port, 9097);
        list += length + (list[length] == ' ');
        n++;
    }
    assert_int_equal(n, 2);
}

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct network_config *n = both[i]->networks;
        assert_string_equal(n[0].name, "MAIN");
        assert_string_equal(n[1].name, "LOCAL");
        assert_string_equal(n[2].name, "");
        assert_int_equal(n[0].port, 9097);
        assert_int_equal(n[1].port, 9097);
        assert_true(n[1].open && !n[0].open);
        assert_null(n[1].bootstrap);
        assert_null(both[i]->custom_id);
    }
    assert_null(ddrp_protocol.networks[0].bootstrap);
    expect_bootstrap(fnd_protocol.networks[0].bootstrap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("D5 D6 D9", test_pip_asks_some),
        promise_test("D5", test_pip_asks_the_first_at_once),
        promise_test("D5", test_fnd_asks_everybody),
        cmocka_unit_test(test_fnd_asks_while_it_lacks_peers),
        cmocka_unit_test(test_fnd_asks_as_often_as_it_is_told),
        promise_test("D7", test_answers),
        promise_test("D15", test_answers_with_some),
        cmocka_unit_test(test_learns_what_it_asked_for),
        cmocka_unit_test(test_delivers),
        promise_test("D17", test_networks),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
