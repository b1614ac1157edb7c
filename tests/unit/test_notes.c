/* What the core tells the log, and that no peer can have it say as much as it likes. */
#include "tests/unit/core_fixture.h"

#include "controller/notes.h"
#include "controller/service_actions.h"

static struct world *open_at(enum log_level level)
{
    struct world *w = world_new();
    w->config.log_level = level;
    return w;
}

static void forget_lines(struct world *w)
{
    w->n_lines = w->log_used = 0;
    w->log[0] = '\0';
}

static void expect_line(const struct world *w, const char *part)
{
    if (!strstr(w->log, part)) {
        fail_msg("no \"%s\" in:\n%s", part, w->log);
    }
}

static size_t count_of(const struct world *w, const char *part)
{
    size_t n = 0;
    for (const char *at = w->log; (at = strstr(at, part)); at++) {
        n++;
    }
    return n;
}

static void a_dial_says_whom_and_why_and_what_came_of_it(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    (void)state;
    special_flag(w, "10.0.0.1:8110");
    world_open(w);
    expect_line(w, "connection 1: dials 10.0.0.1:8110, a special peer");
    seed(w, "10.0.0.2:8110");
    pass(w, 1000);
    expect_line(w, "connection 2: dials 10.0.0.2:8110, for 8 outgoing connections, 0 there");
    ended(w, w->dialed[0], END_DIAL_FAILED);
    expect_line(w, "connection 1: came to nothing, ");
    expect_line(w, "special peer 10.0.0.1:8110: next dial in ");
    ended(w, w->dialed[1], END_DIAL_FAILED);
    expect_line(w, "connection 2: came to nothing, ");
    expect_line(w, ", 1 failures in a row\n");
    world_free(w);
}

static void a_handshake_says_from_where_and_of_whom(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    incoming(w, 7);
    expect_line(w, "connection 1, from 10.7.0.1:40000: handshake of 10.7.0.1:8110 00000007, version 10, "
                   "node id 00000007, to be dialed at 10.7.0.1:8110");
    world_free(w);
}

static void a_refusal_says_why(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    (void)state;
    w->config.exclusive = true;
    w->config.incoming = 1;
    world_open(w);
    ban(w, "10.9.0.1");
    knock(w, "10.9.0.1:40000");
    expect_line(w, "10.9.0.1:40000 closed unanswered: banned");
    incoming(w, 1);
    knock(w, "10.2.0.1:40000");
    expect_line(w, "connection 2, from 10.2.0.1:40000: refused, all 1 places for incoming ones are taken; 0 "
                   "others named");
    world_free(w);
}

static void a_second_connection_of_a_peer_is_refused_by_name(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    incoming(w, 1);
    incoming(w, 1);
    expect_line(w, "connection 2, 10.1.0.1:8110 00000001: refused, ");
    world_free(w);
}

static void shared_addresses_are_counted_with_the_new_ones_among_them(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    struct known_peer told[3] = {{.endpoint = endpoint_of("10.5.0.1:1")},
                                 {.endpoint = endpoint_of("10.5.0.2:1")},
                                 {.endpoint = endpoint_of("10.1.0.1:8110")}};
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    struct peer_ref peer = incoming(w, 1);
    controller_service_actions.learn(w->core, peer, told, 3);
    expect_line(w,
                "10.1.0.1:8110 00000001 told us of 3 addresses: 2 are new, 0 are none of a public network");
    forget_lines(w);
    struct known_peer room[8];
    controller_service_actions.share(w->core, peer, room, 8);
    expect_line(w, "10.1.0.1:8110 00000001 was told of ");
    world_free(w);
}

static void points_are_told_with_the_quality_that_they_make(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    struct message faults = {.type = MSG_CREDIT, .credit.bad = 2};
    (void)state;
    w->config.exclusive = true;
    w->config.merits.bad = -10;
    world_open(w);
    struct peer_ref peer = incoming(w, 1);
    faults.peer = peer;
    controller_handle(w->core, now(w), &faults);
    expect_line(w, "10.1.0.1:8110 00000001: 2 faults that do not end its session");
    expect_line(w, "10.1.0.1: -20 points, quality -20");
    world_free(w);
}

static void seeds_and_saves_are_told(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    struct message saved = {.type = MSG_SAVED};
    (void)state;
    snprintf(w->config.peers_file, sizeof w->config.peers_file, "/home/peers.json");
    world_open(w);
    expect_line(w, "seeds: asked for, 0 addresses known");
    seed_ports(w, "10.0.0.2:8110", 3);
    expect_line(w, "seeds: 3 of 3 addresses are new, next look in ");
    pass(w, w->config.node.timings.save);
    expect_line(w, "peers file /home/peers.json: 3 addresses and 0 scores to write");
    controller_handle(w->core, now(w), &saved);
    expect_line(w, "peers file /home/peers.json: written");
    world_free(w);
}

static void debug_lines_are_not_told_at_other_levels(void **state)
{
    struct world *w = open_at(LOG_LEVEL_INFO);
    (void)state;
    special_flag(w, "10.0.0.1:8110");
    world_open(w);
    ban(w, "10.9.0.1");
    forget_lines(w);
    for (int i = 0; i < 1000; i++) {
        knock(w, "10.9.0.1:40000");
    }
    pass(w, 5000);
    assert_int_equal(w->n_lines, 0); /* nor how many there would have been */
    world_free(w);
}

/* A stranger knocks as often as it can: a hundred lines, then ten a second, and how many there would have
 * been. What is to be said of others is said all the same. */
static void what_peers_have_the_log_say_is_bounded_and_counted(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    ban(w, "10.9.0.1");
    forget_lines(w);
    for (int i = 0; i < 1000; i++) {
        knock(w, "10.9.0.1:40000");
    }
    assert_int_equal(count_of(w, "closed unanswered"), 100);
    assert_int_equal(w->n_lines, 100);
    incoming(w, 1);
    expect_line(w, "10.1.0.1:8110 00000001 online");
    assert_in_range(controller_deadline(w->core), w->now_ms, w->now_ms + 1000);
    forget_lines(w);
    pass(w, 1000);
    expect_line(w, "900 more lines about refusals were left out");
    pass(w, 1);
    assert_int_equal(w->n_lines, 1); /* told once */
    forget_lines(w);
    for (int i = 0; i < 50; i++) {
        knock(w, "10.9.0.1:40000");
    }
    assert_int_equal(count_of(w, "closed unanswered"), 10);
    world_free(w);
}

/* At the default level too: connections that come to nothing. */
static void what_strangers_have_the_log_say_at_level_info_is_bounded(void **state)
{
    struct world *w = open_at(LOG_LEVEL_INFO);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    for (int i = 0; i < 300; i++) {
        ended(w, knock(w, "10.3.0.1:40000"), END_RESOURCES);
    }
    assert_int_equal(count_of(w, "ended, incoming"), 100);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    for (int i = 0; i < 3 && !w->ended; i++) {
        pass(w, 0);
        handle(w, (struct message){.type = MSG_SAVED});
    }
    assert_true(w->ended);
    expect_line(w, "200 more lines about connections that ended were left out"); /* not later than the end */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dial_says_whom_and_why_and_what_came_of_it),
        cmocka_unit_test(a_handshake_says_from_where_and_of_whom),
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(a_second_connection_of_a_peer_is_refused_by_name),
        cmocka_unit_test(shared_addresses_are_counted_with_the_new_ones_among_them),
        cmocka_unit_test(points_are_told_with_the_quality_that_they_make),
        cmocka_unit_test(seeds_and_saves_are_told),
        cmocka_unit_test(debug_lines_are_not_told_at_other_levels),
        cmocka_unit_test(what_peers_have_the_log_say_is_bounded_and_counted),
        cmocka_unit_test(what_strangers_have_the_log_say_at_level_info_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
