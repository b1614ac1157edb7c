/* When pings are due, and when a peer counts as gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/liveness.h"

static struct liveness started(bool steady)
{
    struct liveness l = {.ping_ms = 10, .silence_ms = 35, .steady = steady};
    liveness_start(&l, 1000);
    return l;
}

static void a_silent_peer_is_pinged_again_and_again_and_given_up(void **state)
{
    (void)state;
    struct liveness l = started(false);
    assert_int_equal(liveness_tick(&l, 1009, 0), LIVENESS_NOTHING);
    for (int64_t now = 1010; now <= 1030; now += 10) {
        assert_int_equal(liveness_deadline(&l), now);
        assert_int_equal(liveness_tick(&l, now, 0), LIVENESS_PING);
        assert_int_equal(liveness_tick(&l, now, 0), LIVENESS_NOTHING);
    }
    assert_int_equal(liveness_deadline(&l), 1035);
    assert_int_equal(liveness_tick(&l, 1034, 0), LIVENESS_NOTHING);
    assert_int_equal(liveness_tick(&l, 1035, 0), LIVENESS_SILENT);
}

static void what_is_heard_puts_a_ping_off(void **state)
{
    (void)state;
    struct liveness l = started(false);
    liveness_heard(&l, 1009);
    assert_int_equal(liveness_deadline(&l), 1019);
    assert_int_equal(liveness_tick(&l, 1018, 0), LIVENESS_NOTHING);
    assert_int_equal(liveness_tick(&l, 1019, 0), LIVENESS_PING);
    assert_int_equal(liveness_tick(&l, 1043, 0), LIVENESS_PING);
    assert_int_equal(liveness_tick(&l, 1044, 0), LIVENESS_SILENT);
}

static void steady_pings_come_whatever_is_heard(void **state)
{
    (void)state;
    struct liveness l = started(true);
    liveness_heard(&l, 1009);
    assert_int_equal(liveness_deadline(&l), 1010);
    assert_int_equal(liveness_tick(&l, 1010, 0), LIVENESS_PING);
    liveness_pinged(&l, 1015); /* by something else */
    assert_int_equal(liveness_deadline(&l), 1025);
    assert_int_equal(liveness_tick(&l, 1024, 0), LIVENESS_NOTHING);
}

static void a_deaf_node_blames_nobody(void **state)
{
    (void)state;
    struct liveness l = started(true);
    assert_int_equal(liveness_tick(&l, 1040, TICK_DEAF), LIVENESS_PING);
    assert_int_equal(liveness_tick(&l, 1074, 0), LIVENESS_PING);
    assert_int_equal(liveness_tick(&l, 1075, 0), LIVENESS_SILENT);
}

static void a_clogged_connection_is_not_pinged(void **state)
{
    (void)state;
    struct liveness l = started(true);
    assert_int_equal(liveness_tick(&l, 1010, TICK_CLOGGED), LIVENESS_NOTHING);
    assert_int_equal(liveness_deadline(&l), 1020); /* it does not fall due again at once */
    assert_int_equal(liveness_tick(&l, 1020, 0), LIVENESS_PING);
    assert_int_equal(liveness_tick(&l, 1035, TICK_CLOGGED), LIVENESS_SILENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_peer_is_pinged_again_and_again_and_given_up),
        cmocka_unit_test(what_is_heard_puts_a_ping_off),
        cmocka_unit_test(steady_pings_come_whatever_is_heard),
        cmocka_unit_test(a_deaf_node_blames_nobody),
        cmocka_unit_test(a_clogged_connection_is_not_pinged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
