/* Live connections are judged by what they cost. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

/* With points of Factom: a fault costs 5, below -200 nobody is let in. */
static void faults(struct world *w, struct peer_ref of, uint32_t n)
{
    handle(w, (struct message){.type = MSG_CREDIT, .peer = of, .credit.bad = n});
}

static struct world *world_open_now(void)
{
    struct world *w = world_new();
    world_open(w);
    return w;
}

static bool was_judged(const struct world *w, struct peer_ref slot)
{
    for (size_t i = 0; i < w->n_closed; i++) {
        if (peer_ref_equal(w->closed[i], slot)) {
            assert_int_equal(w->closed_why[i], END_JUDGED);
            assert_true(w->closed_at_once[i]);
            return true;
        }
    }
    return false;
}

static void who_costs_too_much_has_to_go(void **state)
{
    struct world *w = world_open_now();
    (void)state;
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    faults(w, a, 40);
    assert_int_equal(quality(w), 0); /* of the other */
    assert_false(was_judged(w, a));
    faults(w, a, 1);
    assert_true(was_judged(w, a));
    assert_false(was_judged(w, b));
    faults(w, a, 1);
    assert_int_equal(w->n_closed, 1); /* asked once */
    ended(w, a, END_JUDGED);
    assert_false(knock(w, "10.1.0.1:40001").generation);
    world_free(w);
}

/* It is gone before it can buy anything back. */
static void a_flood_of_faults_ends_at_the_first_look(void **state)
{
    struct world *w = world_open_now();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    faults(w, a, 20000);
    assert_true(was_judged(w, a));
    world_free(w);
}

/* Also if we have dialed it, and it is not dialed again. */
static void so_does_one_that_we_have_dialed(void **state)
{
    struct world *w = world_open_now();
    (void)state;
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    faults(w, w->dialed[0], 41);
    assert_true(was_judged(w, w->dialed[0]));
    ended(w, w->dialed[0], END_JUDGED);
    for (int i = 0; i < 100; i++) {
        pass(w, 10 * 1000);
    }
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* What another does behind the same address, alive or at a handshake, is not its fault; nor is a single one
 * enough after that. */
static void nobody_pays_with_its_place_for_another(void **state)
{
    struct world *w = world_open_now();
    (void)state;
    struct peer_ref good = incoming(w, 1), bad = knock(w, "10.1.0.1:40001");
    online(w, bad, "10.1.0.1:8111", 2);
    faults(w, bad, 10000);
    assert_true(was_judged(w, bad));
    faults(w, good, 1);
    controller_dropped(w->core, good, DROP_STALLED, 100);
    pass(w, 2000);
    assert_false(was_judged(w, good));
    faults(w, good, 3);
    assert_true(was_judged(w, good)); /* a tenth of what is too much is its own */
    world_free(w);
}

/* However many parcels are dropped: an application that hangs for minutes is one fault a minute. */
static void a_long_stall_is_no_crime(void **state)
{
    enum { MINUTES = 10 };
    struct world *w = world_open_now();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    for (int i = 0; i < MINUTES * 60; i++) {
        controller_dropped(w->core, a, DROP_STALLED, 1000);
        pass(w, 1000);
    }
    assert_false(was_judged(w, a));
    assert_int_equal(quality(w), -MINUTES);
    world_free(w);
}

/* Whom the operator has pinned stays, by whichever way it is connected; a ban ends it. */
static void a_special_peer_is_exempt(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    world_open(w);
    pass(w, 1000);
    struct peer_ref out = w->dialed[0], in = knock(w, "10.1.0.1:40001");
    online(w, out, "10.1.0.1:8110", 1);
    online(w, in, "10.1.0.1:9999", 2);
    faults(w, out, 10000);
    faults(w, in, 10000);
    assert_false(was_judged(w, out) || was_judged(w, in));
    world_free(w);
}

/* If a service finds faults, they count the same. */
static void a_protocol_without_demerits_judges_nobody(void **state)
{
    struct world *w = world_of("ddrp");
    (void)state;
    world_open(w);
    faults(w, incoming(w, 1), 10000);
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F11", who_costs_too_much_has_to_go),
        cmocka_unit_test(a_flood_of_faults_ends_at_the_first_look),
        cmocka_unit_test(so_does_one_that_we_have_dialed),
        cmocka_unit_test(nobody_pays_with_its_place_for_another),
        cmocka_unit_test(a_long_stall_is_no_crime),
        cmocka_unit_test(a_special_peer_is_exempt),
        cmocka_unit_test(a_protocol_without_demerits_judges_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
