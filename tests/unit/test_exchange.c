/* Whom a node asks for addresses, whom it answers and what it learns, with actions that only take notes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "protocol/exchange.h"
#include "tests/unit/dice.h"

enum { PEERS = 10, REQUEST = 7, ROUND = 3, LIMIT_MS = 50 };

static struct fixture {
    struct exchange exchange;
    struct node_config node;
    struct peer_info info; /* of every peer */
    struct exchange_peer states[PEERS];
    uint32_t n_online, wanted, requests[PEERS];
    size_t shareable, shared, learned;
    uint64_t drawn;
} f;

static struct service_peer peer(uint32_t i)
{
    return (struct service_peer){
        .ref = {.index = i, .generation = 1}, .info = &f.info, .state = &f.states[i]};
}

static void on_send(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    assert_ptr_equal(world, &f);
    assert_int_equal(kind, REQUEST);
    assert_null(parcel);
    f.requests[to.index]++;
}

/* Endpoints with the ports 1, 2, 3 ... */
static size_t on_share(void *world, struct peer_ref asker, struct known_peer *out, size_t most)
{
    (void)world;
    (void)asker;
    size_t n = f.shareable < most ? f.shareable : most;
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct known_peer){.endpoint.port = (uint16_t)(i + 1), .heard_s = (int64_t)i};
    }
    return n;
}

static void on_shared(void *world, struct peer_ref with, size_t n)
{
    (void)world;
    (void)with;
    f.shared = n;
}

static void on_learn(void *world, struct peer_ref from, const struct known_peer *peers, size_t n)
{
    (void)world;
    (void)from;
    assert_int_equal(peers[n - 1].endpoint.port, n);
    f.learned += n;
}

static uint32_t on_wanted(void *world)
{
    (void)world;
    return f.wanted;
}

static bool on_next_peer(void *world, struct peer_ref after, struct service_peer *next)
{
    (void)world;
    uint32_t i = after.generation != 0 ? after.index + 1 : 0;
    if (i >= f.n_online) {
        return false;
    }
    *next = peer(i);
    return true;
}

static uint64_t on_random(void *world)
{
    (void)world;
    return dice_throw(&f.drawn) >> 33;
}

static bool has_even_port(const struct service_config *config, const struct known_peer *p)
{
    assert_ptr_equal(config->node, &f.node);
    return p->endpoint.port % 2 == 0;
}

static void start(int64_t everybody_ms, int64_t round_ms)
{
    static const struct service_actions actions = {.send = on_send,
                                                   .share = on_share,
                                                   .shared = on_shared,
                                                   .learn = on_learn,
                                                   .wanted = on_wanted,
                                                   .next_peer = on_next_peer,
                                                   .random = on_random};
    f = (struct fixture){.wanted = 1, .node.limits.share = 6, .node.timings.request_limit = LIMIT_MS};
    struct exchange_config config = {.service = {.node = &f.node, .actions = &actions, .host = &f},
                                     .request_kind = REQUEST,
                                     .everybody_ms = everybody_ms,
                                     .round_ms = round_ms,
                                     .round_max = ROUND,
                                     .share_max = 8};
    exchange_open(&f.exchange, &config, 1000);
}

static void come_online(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct service_peer p = peer(f.n_online++);
        exchange_online(&f.exchange, &p);
    }
}

/* How many requests went out since the last call. */
static uint32_t count_requests(void)
{
    uint32_t n = 0;
    for (size_t i = 0; i < PEERS; i++) {
        n += f.requests[i];
        f.requests[i] = 0;
    }
    return n;
}

static void without_rounds_each_peer_is_asked_at_once_and_all_are_asked_again(void **state)
{
    (void)state;
    start(100, 0);
    f.wanted = 0;
    come_online(5);
    assert_int_equal(count_requests(), 5);
    assert_int_equal(exchange_deadline(&f.exchange), 1100);
    exchange_tick(&f.exchange, 1099);
    assert_int_equal(count_requests(), 0);
    exchange_tick(&f.exchange, 1100);
    assert_int_equal(count_requests(), 5);
    assert_int_equal(exchange_deadline(&f.exchange), 1200);
}

static void a_round_asks_so_many_and_no_more_and_nobody_if_no_peer_is_wanted(void **state)
{
    (void)state;
    start(0, 100);
    come_online(6);
    assert_int_equal(count_requests(), ROUND);
    exchange_tick(&f.exchange, 1100);
    assert_int_equal(count_requests(), ROUND);
    assert_int_equal(exchange_deadline(&f.exchange), 1200);
    f.wanted = 0;
    exchange_tick(&f.exchange, 1200);
    come_online(1);
    assert_int_equal(count_requests(), 0);
    f.wanted = 1;
    come_online(1); /* the round has asked nobody yet */
    assert_int_equal(count_requests(), 1);
}

static void rounds_are_fair(void **state)
{
    (void)state;
    start(0, 100);
    come_online(PEERS);
    count_requests();
    enum { ROUNDS = 2000 };
    for (int64_t i = 1; i <= ROUNDS; i++) {
        exchange_tick(&f.exchange, 1000 + 100 * i);
    }
    for (size_t i = 0; i < PEERS; i++) {
        assert_in_range(f.requests[i], ROUNDS * ROUND / PEERS * 3 / 4, ROUNDS * ROUND / PEERS * 5 / 4);
    }
}

static void asking_everybody_counts_as_a_round(void **state)
{
    (void)state;
    start(150, 100);
    come_online(5);
    count_requests();
    exchange_tick(&f.exchange, 1100);
    assert_int_equal(count_requests(), ROUND);
    assert_int_equal(exchange_deadline(&f.exchange), 1150);
    exchange_tick(&f.exchange, 1150);
    assert_int_equal(count_requests(), 5);
    come_online(1);
    assert_int_equal(count_requests(), 0);
    assert_int_equal(exchange_deadline(&f.exchange), 1250);
}

static size_t answer(int64_t now_ms, uint32_t asker)
{
    struct service_peer p = peer(asker);
    struct parcel *parcel = exchange_answer(&f.exchange, now_ms, &p);
    if (!parcel) {
        return SIZE_MAX;
    }
    struct known_peers told = known_peers_of(parcel);
    size_t n = told.n;
    assert_int_equal(f.shared, n);
    for (size_t i = 1; i < n; i++) {
        assert_true(told.list[i].endpoint.port > told.list[i - 1].endpoint.port);
        assert_int_equal(told.list[i].heard_s, told.list[i].endpoint.port - 1);
    }
    parcel_release(parcel);
    return n;
}

static void each_peer_is_answered_once_in_a_while(void **state)
{
    (void)state;
    start(100, 0);
    assert_int_equal(answer(0, 0), 0);
    f.shareable = 4;
    assert_int_equal(answer(LIMIT_MS - 1, 0), SIZE_MAX);
    assert_int_equal(answer(LIMIT_MS - 1, 1), 4);
    assert_int_equal(answer(LIMIT_MS, 0), 4);
}

static void an_answer_holds_what_may_be_told_and_has_room(void **state)
{
    (void)state;
    start(100, 0);
    f.shareable = 100;
    assert_int_equal(answer(0, 0), 6); /* limits.share */
    f.node.limits.share = 1000;
    assert_int_equal(answer(0, 1), 8); /* share_max */
    f.exchange.config.may_share = has_even_port;
    assert_int_equal(answer(0, 2), 4);
}

static void learn(uint32_t from)
{
    struct service_peer p = peer(from);
    struct known_peers told;
    struct parcel *parcel = known_peers_new(2, &told);
    assert_non_null(parcel);
    told.list[1].endpoint.port = 2;
    exchange_learn(&f.exchange, &p, parcel);
    parcel_release(parcel);
}

static void one_share_is_learned_for_each_request(void **state)
{
    (void)state;
    start(100, 0);
    learn(0);
    assert_int_equal(f.learned, 0);
    come_online(1);
    learn(0);
    learn(0);
    assert_int_equal(f.learned, 2);
    exchange_tick(&f.exchange, 1100);
    learn(0);
    assert_int_equal(f.learned, 4);
}

static void a_handshake_that_has_asked_counts_as_a_request(void **state)
{
    (void)state;
    start(100, 0);
    f.info.asked = true;
    come_online(1);
    assert_int_equal(count_requests(), 0);
    learn(0);
    assert_int_equal(f.learned, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rounds_each_peer_is_asked_at_once_and_all_are_asked_again),
        cmocka_unit_test(a_round_asks_so_many_and_no_more_and_nobody_if_no_peer_is_wanted),
        cmocka_unit_test(rounds_are_fair),
        cmocka_unit_test(asking_everybody_counts_as_a_round),
        cmocka_unit_test(each_peer_is_answered_once_in_a_while),
        cmocka_unit_test(an_answer_holds_what_may_be_told_and_has_room),
        cmocka_unit_test(one_share_is_learned_for_each_request),
        cmocka_unit_test(a_handshake_that_has_asked_counts_as_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
