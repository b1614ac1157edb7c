/* Special peers: where their names lead, when they are dialed again, and what is held against whom. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

enum { REDIAL = 20 * 1000, DAY = 24 * 3600 * 1000 };

/* Special peers alone, and what the log says of them. */
static struct world *world_with(const char *specials)
{
    struct world *w = world_new();
    special_flag(w, specials);
    w->config.exclusive = true;
    w->config.log_level = LOG_LEVEL_INFO;
    world_open(w);
    return w;
}

/* Lets that much time pass as the actor does: tick by tick. */
static void live(struct world *w, int64_t ms)
{
    int64_t until = w->now_ms + ms, at;
    while ((at = controller_deadline(w->core)) <= until) {
        pass(w, at > w->now_ms ? at - w->now_ms : 0);
    }
    pass(w, until - w->now_ms);
}

static struct peer_ref last_dialed(const struct world *w)
{
    return w->dialed[w->n_dialed - 1];
}

static void ended_at(struct world *w, struct peer_ref slot, enum end_reason reason, const char *where)
{
    struct ending e = {.remote = endpoint_of(where)};
    ended_as(w, slot, reason, &e);
    handle(w, (struct message){.type = MSG_GONE, .peer = slot});
}

/* --- names --- */

static void a_name_is_looked_up_and_then_dialed(void **state)
{
    struct world *w = world_with("peer.example:8110");
    (void)state;
    assert_int_equal(w->n_looked_up, 1);
    assert_int_equal(w->n_dialed, 0);
    named(w, "PEER.example:8110",
          "10.1.0.1:8110 10.2.0.1:8110 [2001:db8::1]:8110 10.1.0.1:8110 0.0.0.0:8110");
    pass(w, 0);
    assert_int_equal(w->n_dialed, 1);
    assert_string_equal(w->dialed_to[0], "peer.example:8110");
    assert_int_equal(w->dialed_targets[0],
                     3); /* one that comes twice, and one that is nowhere, are left out */
    assert_string_equal(w->dialed_first[0], "10.1.0.1:8110");
    world_free(w);
}

/* Whether or not the peer can be dialed, and while it is connected. */
static void a_name_is_looked_up_again_and_again(void **state)
{
    struct world *w = world_with("peer.example:8110");
    (void)state;
    named(w, "peer.example:8110", "10.1.0.1:8110");
    pass(w, 0);
    online(w, last_dialed(w), "10.1.0.1:8110", 1);
    w->n_looked_up = 0;
    live(w, 600 * 1000); /* unanswered, too */
    assert_in_range(w->n_looked_up, 8, 14);
    world_free(w);
}

static void a_name_that_cannot_be_asked_for_is_asked_for_soon(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "peer.example:8110");
    w->look_up_fails = true;
    world_open(w);
    assert_int_equal(w->n_looked_up, 0);
    w->look_up_fails = false;
    live(w, 1000);
    assert_int_equal(w->n_looked_up, 1);
    world_free(w);
}

static void a_lost_connection_has_its_name_looked_up_at_once(void **state)
{
    struct world *w = world_with("peer.example:8110");
    (void)state;
    named(w, "peer.example:8110", "10.1.0.1:8110");
    pass(w, 0);
    online(w, last_dialed(w), "10.1.0.1:8110", 1);
    live(w, 5 * 1000);
    w->n_looked_up = 0;
    ended(w, last_dialed(w), END_CLOSED);
    pass(w, 0);
    assert_int_equal(w->n_looked_up, 1);
    named(w, "peer.example:8110", "10.2.0.1:8110");
    pass(w, 0);
    assert_string_equal(w->dialed_first[w->n_dialed - 1], "10.2.0.1:8110");
    world_free(w);
}

/* A peer behind NAT, that can only dial us. */
static void a_name_is_recognised_where_it_cannot_be_dialed(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "peer.example:8110");
    w->config.exclusive = w->config.exclusive_in = true;
    w->config.log_level = LOG_LEVEL_INFO;
    world_open(w);
    knock(w, "10.1.0.1:40000");
    assert_int_equal(w->n_shed, 1);
    assert_non_null(strstr(w->last_line, "10.1.0.1:40000 closed unanswered: with -exclusiveIn"));
    named(w, "peer.example:8110", "10.1.0.1:8110");
    pass(w, 0);
    ended(w, last_dialed(w), END_DIAL_FAILED);
    online(w, knock(w, "10.1.0.1:40001"), "10.1.0.1:8110", 1);
    assert_int_equal(w->n_online, 1);
    named(w, "peer.example:8110", ""); /* the name server fails: nothing changes */
    assert_true(knock(w, "10.1.0.1:40002").generation != 0);
    named(w, "peer.example:8110", "10.2.0.1:8110");
    assert_false(knock(w, "10.1.0.1:40003").generation != 0);
    assert_true(knock(w, "10.2.0.1:40000").generation != 0);
    world_free(w);
}

/* Whoever dials us again and again must not fill the log. */
static void refusals_fill_no_log(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.exclusive = w->config.exclusive_in = true;
    w->config.log_level = LOG_LEVEL_INFO;
    world_open(w);
    w->n_lines = 0;
    for (int i = 0; i < 100; i++) {
        knock(w, "10.1.0.1:40000");
    }
    assert_int_equal(w->n_lines, 1);
    pass(w, 10000);
    assert_int_equal(w->n_lines, 2); /* how many there would have been */
    assert_non_null(strstr(w->last_line, "99 more lines about peers that are not special were left out"));
    knock(w, "10.1.0.1:40000");
    assert_int_equal(w->n_lines, 3);
    world_free(w);
}

static void a_name_that_is_not_found_is_said_once(void **state)
{
    struct world *w = world_with("peer.example:8110");
    (void)state;
    for (int i = 0; i < 5; i++) {
        named(w, "peer.example:8110", "");
        live(w, REDIAL);
        assert_true(w->n_looked_up >= (size_t)i + 2);
    }
    assert_int_equal(w->n_lines, 1);
    assert_non_null(strstr(w->last_line, "Name or service not known"));
    named(w, "peer.example:8110", "10.1.0.1:8110");
    assert_int_equal(w->n_lines, 2);
    pass(w, 0);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* One that takes connections and never says a word must not be in the way of the others for ever. */
static void each_address_of_a_name_has_its_turn(void **state)
{
    static const char *const addresses[] = {"10.1.0.1:8110", "10.2.0.1:8110", "10.3.0.1:8110"};
    struct world *w = world_with("peer.example:8110");

    (void)state;
    named(w, "peer.example:8110", "10.1.0.1:8110 10.2.0.1:8110 10.3.0.1:8110");
    for (size_t i = 0; i < 6; i++) {
        live(w, REDIAL);
        assert_int_equal(w->n_dialed, i + 1);
        assert_string_equal(w->dialed_first[i], addresses[i % 3]);
        ended_at(w, w->dialed[i], END_HANDSHAKE_TIMEOUT, addresses[i % 3]);
    }
    live(w, REDIAL);
    online(w, w->dialed[6], "10.1.0.1:8110", 1);
    ended(w, w->dialed[6], END_CLOSED);
    live(w, REDIAL);
    assert_string_equal(w->dialed_first[7], "10.1.0.1:8110"); /* the good one stays the first */
    world_free(w);
}

/* --- ourselves, and doubles --- */

static void a_name_that_leads_to_ourselves_is_dialed_once(void **state)
{
    struct world *w = world_with("self.example:8110");
    (void)state;
    named(w, "self.example:8110", "10.1.0.1:8110");
    pass(w, 0);
    ended_at(w, w->dialed[0], END_LOOPBACK, "10.1.0.1:8110");
    w->n_lines = 0;
    for (int i = 0; i < 600; i++) {
        live(w, 60 * 1000);
        named(w, "self.example:8110", "10.1.0.1:8110");
    }
    assert_int_equal(w->n_dialed, 1);
    assert_true(w->n_lines <= 1);
    named(w, "self.example:8110", "10.2.0.1:8110"); /* it is somebody else's now */
    pass(w, 0);
    assert_int_equal(w->n_dialed, 2);
    online(w, w->dialed[1], "10.2.0.1:8110", 1);
    assert_int_equal(w->n_online, 1);
    world_free(w);
}

/* Of a name that is ourselves and another, the other is dialed. */
static void only_what_is_not_ourselves_is_dialed(void **state)
{
    struct world *w = world_with("all.example:8110");
    (void)state;
    named(w, "all.example:8110", "10.1.0.1:8110 10.2.0.1:8110");
    pass(w, 0);
    ended_at(w, w->dialed[0], END_LOOPBACK, "10.1.0.1:8110");
    live(w, 2 * REDIAL);
    assert_int_equal(w->n_dialed, 2);
    assert_int_equal(w->dialed_targets[1], 1);
    assert_string_equal(w->dialed_first[1], "10.2.0.1:8110");
    world_free(w);
}

/* By name and by address. */
static void the_same_peer_twice_is_dialed_once(void **state)
{
    struct world *w = world_with("10.1.0.1:8110 peer.example:8110 alias.example:8110");
    (void)state;
    assert_int_equal(w->n_dialed, 1);
    named(w, "peer.example:8110", "10.1.0.1:8110");
    named(w, "alias.example:8110", "10.1.0.1:8110");
    live(w, 2 * REDIAL);
    assert_int_equal(w->n_dialed, 1); /* also while it is still being dialed */
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    w->n_lines = 0;
    live(w, 3600 * 1000);
    assert_int_equal(w->n_dialed, 1);
    assert_int_equal(w->n_lines, 0);
    ended(w, w->dialed[0], END_CLOSED);
    live(w, REDIAL);
    assert_int_equal(w->n_dialed, 2); /* by one of its names, but not by all */
    online(w, w->dialed[1], "10.1.0.1:8110", 1);
    named(w, "peer.example:8110", "10.2.0.1:8110"); /* no double any more */
    pass(w, 0);
    assert_int_equal(w->n_dialed, 3);
    world_free(w);
}

static void two_names_of_one_peer_are_not_dialed_at_once(void **state)
{
    struct world *w = world_with("peer.example:8110 alias.example:8110");
    (void)state;
    named(w, "peer.example:8110", "10.1.0.1:8110 10.2.0.1:8110");
    named(w, "alias.example:8110", "10.2.0.1:8110");
    live(w, 2 * REDIAL);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* At two addresses: only the handshake tells. */
static void a_double_is_dialed_less_and_less(void **state)
{
    struct world *w = world_with("10.1.0.1:8110 10.2.0.1:8110");
    (void)state;
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    for (int i = 0; i < 24 * 60; i++) {
        live(w, 60 * 1000);
        if (w->n_dialed > 1) {
            ended_at(w, last_dialed(w), END_DUPLICATE, "10.2.0.1:8110");
        }
    }
    assert_in_range(w->n_dialed, 24, 110); /* 24 hours; it would be 4,000 and more */
    size_t first = w->n_dialed;
    ended(w, w->dialed[0], END_CLOSED);
    live(w, REDIAL);
    assert_true(w->n_dialed >= first + 2); /* the one, and the other at its usual pace */
    world_free(w);
}

/* --- jitter --- */

/* Nodes that lose a peer in one moment must not come back in one moment, for ever. */
/* A moment is enough to spread them, and no more than a moment passes. */
static void what_is_lost_together_is_not_dialed_in_one_moment(void **state)
{
    enum { PEERS = 8 };
    struct world *w = world_with("10.0.0.1:8108 10.0.0.2:8108 10.0.0.3:8108 10.0.0.4:8108 10.0.0.5:8108 "
                                 "10.0.0.6:8108 10.0.0.7:8108 10.0.0.8:8108");
    (void)state;
    live(w, 1000);
    assert_int_equal(w->n_dialed, PEERS);
    for (uint64_t i = 0; i < PEERS; i++) {
        online(w, w->dialed[i], w->dialed_to[i], i + 1);
    }
    live(w, 10 * REDIAL);
    for (size_t i = 0; i < PEERS; i++) {
        ended(w, w->dialed[i], END_CLOSED);
    }
    pass(w, 0);
    assert_in_range(w->n_dialed, PEERS, PEERS + 2);
    live(w, 1000);
    assert_int_equal(w->n_dialed, 2 * PEERS);
    world_free(w);
}

static void nodes_do_not_keep_step(void **state)
{
    (void)state;
    int64_t at[2][10];
    for (uint64_t node = 0; node < 2; node++) {
        struct world *w = world_new();
        w->random = node;
        special_flag(w, "10.1.0.1:8110");
        w->config.exclusive = true;
        world_open(w);
        online(w, w->dialed[0], "10.1.0.1:8110", 1);
        live(w, 60 * 1000);
        ended(w, w->dialed[0], END_CLOSED);
        for (size_t i = 0; i < 10; i++) {
            while (w->n_dialed < i + 2) {
                pass(w, controller_deadline(w->core) - w->now_ms);
            }
            at[node][i] = w->now_ms;
            assert_true(i == 0 || at[node][i] - at[node][i - 1] <= REDIAL);
            ended(w, last_dialed(w), END_DIAL_FAILED);
        }
        world_free(w);
    }
    for (size_t i = 1; i < 10; i++) { /* not even with a distance that stays the same */
        assert_int_not_equal(at[0][i] - at[0][i - 1], at[1][i] - at[1][i - 1]);
    }
}

/* --- our own network --- */

static void our_own_failure_is_retried_soon(void **state)
{
    static const enum end_reason reasons[] = {END_LOCAL, END_RESOURCES};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_with("10.1.0.1:8110");
        for (size_t dials = 1; dials <= 3; dials++) { /* within 1, 2, 4 s */
            assert_int_equal(w->n_dialed, dials);
            ended(w, last_dialed(w), reasons[i]);
            live(w, 1000 << (dials - 1));
        }
        w->dial_fails = true;
        ended(w, last_dialed(w), reasons[i]);
        live(w, 120 * 1000);
        w->dial_fails = false;
        live(w, REDIAL);
        assert_int_equal(w->n_dialed, 5);
        world_free(w);
    }
}

/* However long our network was away, nobody is given up, and all are dialed as soon as it is back. */
static void our_own_failure_is_no_peers_fault(void **state)
{
    struct world *w = world_new();
    size_t dials = 0, last;
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    seed(w, "10.2.0.1:8110");
    for (int i = 0; i < 600; i++) {
        live(w, 1000);
        for (; dials < w->n_dialed; dials++) {
            ended(w, w->dialed[dials], END_LOCAL);
        }
    }
    assert_in_range(dials, 30, 100); /* two, about every 22 s */
    last = w->n_dialed;
    live(w, 30 * 1000);
    assert_int_equal(w->n_dialed, last + 2);
    world_free(w);
}

/* As on a host without IPv6: the others are dialed meanwhile. */
static void a_family_that_leads_nowhere_is_not_in_the_way(void **state)
{
    struct world *w = world_new();
    size_t v6 = 0, v4 = 0;
    (void)state;
    w->config.node.limits.dials = 4;
    world_open(w);
    seed_ports(w, "[fd00::1]:1000", 200);
    for (int i = 1; i <= 6; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.0.1:8110", i);
        seed(w, text);
    }
    for (int i = 0; i < 60; i++) {
        size_t n = w->n_dialed;
        live(w, 1000);
        for (; n < w->n_dialed; n++) {
            bool is_v6 = w->dialed_to[n][0] == '[';
            v6 += is_v6;
            v4 += !is_v6;
            if (is_v6) {
                ended(w, w->dialed[n], END_LOCAL);
            } else {
                online(w, w->dialed[n], w->dialed_to[n], n);
            }
        }
    }
    assert_int_equal(v4, 6);
    assert_in_range(v6, 1, 400);
    world_free(w);
}

/* In a network of its own, whose nodes have heard of thousands elsewhere. */
static void places_that_cannot_be_reached_are_not_in_the_way(void **state)
{
    struct world *w = world_new();
    size_t n = 0, there = 0;
    (void)state;
    world_open(w);
    for (int i = 0; i < 400; i++) {
        char text[64];
        snprintf(text, sizeof text, "11.%d.%d.1:8110", i / 200, i % 200);
        seed(w, text);
    }
    for (int i = 1; i <= 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.0.1:8110", i);
        seed(w, text);
    }
    for (int i = 0; i < 90; i++) {
        live(w, 1000);
        for (; n < w->n_dialed && n < MOST - 64; n++) {
            if (memcmp(w->dialed_to[n], "10.", 3) != 0) {
                ended(w, w->dialed[n], END_LOCAL);
                continue;
            }
            there++;
            online(w, w->dialed[n], w->dialed_to[n], n);
        }
        if (there == 3) {
            break;
        }
    }
    assert_int_equal(there, 3);
    world_free(w);
}

static void all_addresses_of_a_name_are_tried(void **state)
{
    char list[1024] = "";
    (void)state;
    for (int i = 1; i <= 20; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), "10.%d.0.1:8110 ", i);
    }
    struct world *w = world_with("many.example:8110");
    named(w, "many.example:8110", list);
    pass(w, 0);
    for (size_t i = 0; i < 3; i++) {
        live(w, i == 0 ? 0 : REDIAL);
        assert_int_equal(w->n_dialed, i + 1);
        char first[64];
        snprintf(first, sizeof first, "10.%d.0.1:8110", (int)(i * TARGETS_MAX % 20 + 1));
        assert_string_equal(w->dialed_first[i], first);
        assert_int_equal(w->dialed_targets[i], TARGETS_MAX);
        ended(w, w->dialed[i], END_DIAL_FAILED);
    }
    world_free(w);
}

static void the_other_family_of_bind_is_not_dialed(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "[fd00::2]:8110 peer.example:8110");
    w->config.has_bind = ip_parse(&w->config.bind, "10.9.0.1");
    w->config.log_level = LOG_LEVEL_INFO;
    world_open(w);
    assert_int_equal(w->n_lines, 1);
    assert_non_null(strstr(w->last_line, "-bind"));
    named(w, "peer.example:8110", "[fd00::3]:8110 10.1.0.1:8110");
    seed(w, "[fd00::1]:8110");
    seed(w, "10.2.0.1:8110");
    live(w, 5 * 1000);
    assert_int_equal(w->n_dialed, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_not_equal(w->dialed_to[i], "[fd00::1]:8110");
        if (w->dialed_targets[i] > 0 && w->dialed_to[i][0] == 'p') {
            assert_int_equal(w->dialed_targets[i], 1);
            assert_string_equal(w->dialed_first[i], "10.1.0.1:8110");
        }
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_looked_up_and_then_dialed),
        cmocka_unit_test(a_name_is_looked_up_again_and_again),
        cmocka_unit_test(a_name_that_cannot_be_asked_for_is_asked_for_soon),
        cmocka_unit_test(a_lost_connection_has_its_name_looked_up_at_once),
        cmocka_unit_test(a_name_is_recognised_where_it_cannot_be_dialed),
        cmocka_unit_test(refusals_fill_no_log),
        cmocka_unit_test(a_name_that_is_not_found_is_said_once),
        cmocka_unit_test(each_address_of_a_name_has_its_turn),
        cmocka_unit_test(a_name_that_leads_to_ourselves_is_dialed_once),
        cmocka_unit_test(only_what_is_not_ourselves_is_dialed),
        cmocka_unit_test(the_same_peer_twice_is_dialed_once),
        cmocka_unit_test(two_names_of_one_peer_are_not_dialed_at_once),
        cmocka_unit_test(a_double_is_dialed_less_and_less),
        cmocka_unit_test(what_is_lost_together_is_not_dialed_in_one_moment),
        cmocka_unit_test(nodes_do_not_keep_step),
        cmocka_unit_test(our_own_failure_is_retried_soon),
        cmocka_unit_test(our_own_failure_is_no_peers_fault),
        cmocka_unit_test(a_family_that_leads_nowhere_is_not_in_the_way),
        cmocka_unit_test(places_that_cannot_be_reached_are_not_in_the_way),
        cmocka_unit_test(all_addresses_of_a_name_are_tried),
        cmocka_unit_test(the_other_family_of_bind_is_not_dialed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
