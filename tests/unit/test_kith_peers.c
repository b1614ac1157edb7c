/* Peers and their connections, as the application is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "tests/unit/kith_fixture.h"

enum { NAME = 200, ADDRESS = 300 };

/* Two nodes that have dialed each other, and what the first was told of its two connections. */
struct both_ways {
    struct kith *a, *b;
    struct kith_peer peers[2];
};

static void open_both_ways(struct both_ways *w)
{
    w->a = open_set("127.0.77.1", NULL, NULL);
    struct kith_item item;
    next_event(w->a, KITH_LISTENING, &item);
    char address_of_a[ADDRESS];
    snprintf(address_of_a, sizeof address_of_a, "%s", item.event.address);
    w->b = open_set("127.0.77.2", address_of_a, NULL);
    next_event(w->b, KITH_LISTENING, &item);
    char address_of_b[ADDRESS];
    snprintf(address_of_b, sizeof address_of_b, "%s", item.event.address);
    assert_int_equal(kith_set_special(w->a, address_of_b, 1), KITH_OK);
    for (int i = 0; i < 2; i++) {
        next_event(w->a, KITH_ONLINE, &item);
        w->peers[i] = *item.event.peer;
        assert_int_equal(item.event.count, i + 1);
    }
}

static void a_peer_online_in_both_directions_has_one_hash_and_two_connections(void **state)
{
    (void)state;
    struct both_ways w;
    open_both_ways(&w);
    uint64_t first = w.peers[0].connection;
    uint64_t second = w.peers[1].connection;
    assert_string_equal(w.peers[0].hash, w.peers[1].hash);
    assert_true(w.peers[0].outgoing != w.peers[1].outgoing);
    assert_true(first > 0 && second > 0 && first != second);

    assert_int_equal(kith_ask_peers(w.a, 2), KITH_OK);
    struct kith_item item;
    next_event(w.a, KITH_PEERS, &item);
    assert_int_equal(item.event.count, 2);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            assert_true((item.event.peers[i].connection == w.peers[j].connection) ==
                        (item.event.peers[i].outgoing == w.peers[j].outgoing));
        }
    }

    kith_close(w.b);
    for (int i = 0; i < 2; i++) { /* in either order, each once */
        next_event(w.a, KITH_OFFLINE, &item);
        assert_true(item.event.peer->connection == first || item.event.peer->connection == second);
        assert_int_equal(item.event.count, 1 - i);
        *(item.event.peer->connection == first ? &first : &second) = 0;
    }
    assert_true(first == 0 && second == 0);
    kith_close(w.a);
}

static void a_parcel_tells_over_which_connection_it_came(void **state)
{
    struct kith *a, *b = open_set("127.0.77.2", NULL, NULL);
    uint64_t last = 0;
    (void)state;
    struct kith_item item;
    next_event(b, KITH_LISTENING, &item);
    char address[ADDRESS];
    snprintf(address, sizeof address, "%s", item.event.address);
    for (int i = 0; i < 3; i++) { /* three peers in turn, which may get the same place in the node's table */
        a = open_set("127.0.77.1", address, NULL);
        next_event(a, KITH_ONLINE, &item);
        assert_int_equal(kith_send(a, item.event.peer->hash, "hello", 5, 0), KITH_OK);
        next_event(b, KITH_ONLINE, &item);
        assert_true(item.event.peer->connection > last);
        last = item.event.peer->connection;
        assert_int_equal(next(b, &item), KITH_PARCEL);
        assert_int_equal(item.parcel.connection, last);
        kith_close(a);
        next_event(b, KITH_OFFLINE, &item);
        assert_int_equal(item.event.peer->connection, last);
    }
    kith_close(b);
}

/* The second node's application takes nothing, so that what comes is dropped. */
static void a_drop_tells_on_which_connection(void **state)
{
    static const struct given_setting hasty[] = {{"queue", "20"}, {"stall", "50"}, {NULL, NULL}};
    struct kith *a, *b = open_set("127.0.77.2", NULL, hasty);
    (void)state;
    struct kith_item item;
    next_event(b, KITH_LISTENING, &item);
    char address[ADDRESS];
    snprintf(address, sizeof address, "%s", item.event.address);
    a = open_set("127.0.77.1", address, NULL);
    next_event(a, KITH_ONLINE, &item);
    next_event(b, KITH_ONLINE, &item);
    uint64_t connection = item.event.peer->connection;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(kith_send_wait(a, KITH_FULL_BROADCAST, "hello", 5, 0, WAIT_MS), KITH_OK);
    }
    usleep(500000); /* many times the stall time */
    do {
        next(b, &item);
    } while (item.event.type != KITH_DROPPED);
    assert_int_equal(item.event.peer->connection, connection);
    kith_close(a);
    kith_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_online_in_both_directions_has_one_hash_and_two_connections),
        cmocka_unit_test(a_parcel_tells_over_which_connection_it_came),
        cmocka_unit_test(a_drop_tells_on_which_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
