/* The wall clock leaps while a node runs, in either direction: nothing that a node knows or does depends on
 * it. */
#include "tests/unit/core_fixture.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

/* As the fixture's wall clock begins in 2023: from 1970, if a clock begins that has no battery; and so on. */
static const int64_t leaps[] = {54 * YEAR, YEAR, DAY, -HOUR, -YEAR, -50 * YEAR};
#define N_LEAPS (sizeof leaps / sizeof leaps[0])

static void live(struct world *w, int64_t ms)
{
    int64_t until = w->now_ms + ms, at;
    while ((at = controller_deadline(w->core)) <= until) {
        pass(w, at > w->now_ms ? at - w->now_ms : 0);
    }
    pass(w, until - w->now_ms);
}

static bool turned_away(struct world *w, const char *from)
{
    size_t before = w->n_shed;
    knock(w, from);
    return w->n_shed > before;
}

static void nobody_is_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_LEAPS; i++) {
        struct world *w = world_new();
        world_open(w);
        incoming(w, 1);
        incoming(w, 2);
        ended(w, w->accepted[1], END_CLOSED);
        seed(w, "10.3.0.1:8110");
        w->wall_ahead_ms = leaps[i];
        live(w, HOUR);
        assert_int_equal(known(w), 3);
        world_free(w);
    }
}

/* However silent it is. */
static void who_is_connected_is_not_forgotten(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.outgoing = 0;
    world_open(w);
    incoming(w, 1);
    incoming(w, 2);
    ended(w, w->accepted[1], END_CLOSED);
    live(w, 8 * DAY);
    assert_int_equal(known(w), 1);
    ended(w, w->accepted[0], END_CLOSED);
    live(w, 2 * 60 * SECOND);
    assert_int_equal(known(w), 0);
    world_free(w);
}

static void a_ban_lasts_as_long_as_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_LEAPS; i++) {
        struct world *w = world_new();
        struct command *c = command(COMMAND_BAN);
        c->ip = endpoint_of("10.1.0.1:1").ip;
        c->ms = HOUR;
        world_open(w);
        handle(w, (struct message){.type = MSG_COMMAND, .command = c});
        w->wall_ahead_ms = leaps[i];
        live(w, HOUR - SECOND);
        assert_true(turned_away(w, "10.1.0.1:40000"));
        live(w, SECOND);
        assert_false(turned_away(w, "10.1.0.1:40000"));
        world_free(w);
    }
}

static void a_ban_of_any_length_can_be_said(void **state)
{
    struct world *w = world_new();
    struct command *c = command(COMMAND_BAN);
    (void)state;
    c->ip = endpoint_of("10.1.0.1:1").ip;
    c->ms = INT64_MAX;
    world_open(w);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    live(w, DAY);
    assert_true(turned_away(w, "10.1.0.1:40000"));
    world_free(w);
}

/* Neither sooner nor never. */
static void dials_keep_their_distance(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_LEAPS; i++) {
        struct world *w = internet_world();
        int64_t redial = w->config.node.timings.redial;
        world_open(w);
        seed(w, "11.1.0.1:8110");
        pass(w, SECOND);
        assert_int_equal(w->n_dialed, 1);
        ended(w, w->dialed[0], END_DIAL_FAILED);
        w->wall_ahead_ms = leaps[i];
        live(w, redial - 2 * SECOND);
        assert_int_equal(w->n_dialed, 1);
        live(w, 2 * SECOND + redial / 8);
        assert_int_equal(w->n_dialed, 2);
        world_free(w);
    }
}

/* So early in 1970 that "never" and "lately" look alike. */
static void a_clock_that_begins_in_1970_bars_nobody(void **state)
{
    struct world *w = internet_world();
    (void)state;
    w->wall_ahead_ms = -INT64_C(1700000000000);
    world_open(w);
    seed(w, "11.1.0.1:8110");
    pass(w, SECOND);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* What outlives the process bears the time of the clock as it is when it is saved. */
static void what_is_saved_has_the_new_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_LEAPS; i++) {
        struct world *w = world_new();
        struct command *c = command(COMMAND_BAN);
        c->ip = endpoint_of("10.9.0.1:1").ip;
        c->ms = HOUR;
        world_open(w);
        handle(w, (struct message){.type = MSG_COMMAND, .command = c});
        incoming(w, 1);
        w->wall_ahead_ms = leaps[i];
        live(w, w->config.node.timings.save);
        assert_true(w->n_saved > 0);
        assert_in_range(now(w).wall_ms - w->saved_heard, 0, 60 * SECOND);
        assert_in_range(w->saved_banned_until - now(w).wall_ms, HOUR - 60 * SECOND, HOUR);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_forgotten),
        cmocka_unit_test(who_is_connected_is_not_forgotten),
        cmocka_unit_test(a_ban_lasts_as_long_as_it_should),
        cmocka_unit_test(a_ban_of_any_length_can_be_said),
        cmocka_unit_test(dials_keep_their_distance),
        cmocka_unit_test(a_clock_that_begins_in_1970_bars_nobody),
        cmocka_unit_test(what_is_saved_has_the_new_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
