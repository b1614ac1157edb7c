/* What the core tells the log, and that no peer can have it say as much as it likes. */
#include "tests/unit/core_fixture.h"

#include "controller/notes.h"
#include "controller/service_actions.h"

enum { TELL_MS = 10000 };

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
    w->config.node.limits.incoming = 1;
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
    expect_line(w, "10.1.0.1:8110 00000001 told us of 3 addresses: 2 new, 0 of no public network");
    forget_lines(w);
    struct known_peer room[8];
    size_t n = controller_service_actions.share(w->core, peer, room, 8);
    assert_int_equal(count_of(w, "was told of"), 0); /* not yet */
    controller_service_actions.shared(w->core, peer, n);
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
    assert_in_range(controller_deadline(w->core), w->now_ms, w->now_ms + TELL_MS);
    forget_lines(w);
    pass(w, TELL_MS);
    expect_line(w, "900 more lines about refusals were left out");
    pass(w, 1);
    assert_int_equal(w->n_lines, 1); /* told once */
    forget_lines(w);
    for (int i = 0; i < 150; i++) {
        knock(w, "10.9.0.1:40000");
    }
    assert_int_equal(count_of(w, "closed unanswered"), 100); /* ten seconds later */
    world_free(w);
}

static void knock_and_fail(struct world *w, int n)
{
    char text[ENDPOINT_TEXT_MAX];
    snprintf(text, sizeof text, "10.%d.%d.1:40000", 100 + n / 250, n % 250);
    w->n_accepted = w->n_closed = 0; /* more than the world remembers */
    ended(w, knock(w, text), END_RESOURCES);
}

/* At the default level an address has one line of a kind in ten seconds, and one more for another reason. */
static void a_stranger_has_one_line_of_a_kind_in_a_time(void **state)
{
    struct world *w = open_at(LOG_LEVEL_INFO);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    for (int i = 0; i < 300; i++) {
        ended(w, knock(w, "10.3.0.1:40000"), END_RESOURCES);
    }
    assert_int_equal(count_of(w, "ended, incoming"), 1);
    ended(w, knock(w, "10.3.0.1:40000"), END_CLOSED);
    ended(w, knock(w, "10.4.0.1:40000"), END_RESOURCES);
    ended(w, knock(w, "10.4.0.1:40000"), END_RESOURCES);
    assert_int_equal(count_of(w, "ended, incoming"), 3);
    pass(w, TELL_MS);
    expect_line(w, "300 more lines about connections that ended were left out, from 2 addresses");
    forget_lines(w);
    ended(w, knock(w, "10.3.0.1:40000"), END_RESOURCES);
    expect_line(w, "10.3.0.1:40000 ended, incoming: ");
    world_free(w);
}

/* Who looks for something sees each of them, up to the bound of that level. */
static void at_level_debug_an_address_has_more_lines(void **state)
{
    struct world *w = open_at(LOG_LEVEL_DEBUG);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    for (int i = 0; i < 150; i++) {
        ended(w, knock(w, "10.3.0.1:40000"), END_RESOURCES);
    }
    assert_int_equal(count_of(w, "ended, incoming"), 100);
    world_free(w);
}

/* Of a million addresses, too: fifty lines at once, and one in two seconds. */
static void strangers_of_many_addresses_are_bounded_together(void **state)
{
    struct world *w = open_at(LOG_LEVEL_INFO);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    for (int i = 0; i < 100; i++) {
        knock_and_fail(w, i);
    }
    assert_int_equal(count_of(w, "ended, incoming"), 50);
    struct peer_ref peer = incoming(w, 1);
    expect_line(w, "10.1.0.1:8110 00000001 online");
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    ended(w, peer, END_SHUTDOWN);
    for (int i = 0; i < 3 && !w->ended; i++) {
        pass(w, 0);
        handle(w, (struct message){.type = MSG_SAVED});
    }
    expect_line(w, "51 more lines about connections that ended were left out, from 51 addresses");
    world_free(w);
}

static void a_flood_for_a_minute_is_a_few_lines(void **state)
{
    struct world *w = open_at(LOG_LEVEL_INFO);
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    for (int i = 0; i < 600; i++) {
        knock_and_fail(w, i);
        knock_and_fail(w, 0);
        pass(w, 100);
    }
    assert_in_range(w->n_lines, 50 + 25, 50 + 30 + 6 + 2);
    world_free(w);
}

/* Whom the operator named is told of all the same, and what the operator does. */
static void no_stranger_hides_what_the_operator_brings_about(void **state)
{
    struct world *w = open_at(LOG_LEVEL_INFO);
    (void)state;
    w->config.exclusive = true;
    special_flag(w, "10.0.0.1:8110");
    world_open(w);
    for (int i = 0; i < 300; i++) {
        knock_and_fail(w, i);
    }
    for (int i = 0; i < 3; i++) {
        incoming(w, 1);
        forget_lines(w);
        ended(w, w->dialed[w->n_dialed - 1], END_DIAL_FAILED);
        expect_line(w, "10.0.0.1:8110 ended, outgoing: ");
        pass(w, 60000);
        for (int j = 0; j < 300; j++) {
            knock_and_fail(w, j);
        }
    }
    struct peer_ref peer = incoming(w, 7);
    forget_lines(w);
    ban(w, "10.7.0.1");
    ended(w, peer, END_BANNED);
    expect_line(w, "10.7.0.1 banned for ");
    expect_line(w, "10.7.0.1:8110 00000007 ended, incoming: ");
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
        cmocka_unit_test(a_stranger_has_one_line_of_a_kind_in_a_time),
        cmocka_unit_test(at_level_debug_an_address_has_more_lines),
        cmocka_unit_test(strangers_of_many_addresses_are_bounded_together),
        cmocka_unit_test(a_flood_for_a_minute_is_a_few_lines),
        cmocka_unit_test(no_stranger_hides_what_the_operator_brings_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
