/* The budget of bytes: who gets room, who is asked to leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/budget.h"

enum { TOTAL = 1000, THREADS = 4, ROUNDS = 20000 };

static void what_is_taken_is_given_back(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, TOTAL);
    struct budget_account a = {.budget = &b}, other = {.budget = &b};
    assert_true(budget_take(&a, 5, 600));
    assert_false(budget_take(&other, 5, 401));
    assert_int_equal(budget_held(&other), 0);
    assert_true(budget_take(&other, 5, 400));
    assert_int_equal(budget_room(&b), 0);
    assert_true(budget_take(&a, 5, 0));
    budget_give(&a, 100);
    assert_int_equal(budget_room(&b), 100);
    budget_close(&a);
    budget_close(&a);
    assert_int_equal(budget_room(&b), 600);
    budget_close(&other);
    assert_int_equal(budget_room(&b), TOTAL);
}

static void half_stays_for_those_who_need_it(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, TOTAL);
    struct budget_account a = {.budget = &b};
    assert_true(budget_take_spare(&a, 0, TOTAL / 2));
    assert_false(budget_take_spare(&a, 0, 1));
    assert_true(budget_take(&a, 0, 1));
    assert_false(budget_take_spare(&a, 0, 1));
    budget_close(&a);
}

static void who_finds_no_room_asks(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, TOTAL);
    struct budget_account a = {.budget = &b};
    assert_false(budget_was_asked(&b));
    budget_ask(&a, 2000);
    assert_int_equal(budget_wanted(&a), 2000);
    assert_true(budget_was_asked(&b));
    assert_false(budget_was_asked(&b));
    assert_true(budget_take(&a, 0, 10));
    assert_int_equal(budget_wanted(&a), 0);
    budget_close(&a);
}

static void the_largest_and_the_slowest_weigh_most(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 1000000);
    struct budget_account large = {.budget = &b}, small = {.budget = &b}, old = {.budget = &b};
    assert_true(budget_take(&old, 0, 100000));
    assert_true(budget_take(&large, 10000, 400000));
    assert_true(budget_take(&small, 10000, 5000));
    uint64_t weight = budget_weight(&large, 10000, 0);
    assert_true(weight > budget_weight(&small, 10000, 0));
    assert_true(budget_weight(&old, 10000, 0) > weight);
    /* Who gets something done is not old. */
    budget_progress(&old, 10000);
    assert_true(budget_weight(&old, 10000, 0) < weight);
    assert_int_equal(budget_weight(&small, 10000, 5000), 0);
    /* What it holds anew is not as old as what it held before. */
    budget_give(&old, 100000);
    assert_true(budget_take(&old, 20000, 100000));
    assert_int_equal(budget_weight(&old, 20000, 0), 100 * 1000);
}

static void what_is_kept_can_be_moved(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, TOTAL);
    struct budget_account a = {.budget = &b}, other = {.budget = &b};
    assert_true(budget_take(&a, 0, 700));
    a.keeps = true;
    budget_give(&a, 700);
    assert_int_equal(budget_held(&a), 700);
    budget_move(&a, &other, 600);
    budget_close(&a);
    assert_int_equal(budget_room(&b), TOTAL - 600);
    budget_close(&other);
    assert_int_equal(budget_room(&b), TOTAL);
}

/* --- from many threads --- */

static struct budget shared;
static _Atomic bool went_below;

static void *take_and_give(void *nothing)
{
    struct budget_account a = {.budget = &shared};
    for (int i = 0; i < ROUNDS; i++) {
        if (!budget_take(&a, i, 400)) {
            budget_ask(&a, 400);
        }
        if (budget_room(&shared) < 0) {
            went_below = true;
        }
        budget_give(&a, (uint64_t)budget_held(&a));
    }
    budget_close(&a);
    return nothing;
}

static void threads_never_take_more_than_there_is(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    budget_init(&shared, TOTAL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_false(went_below);
    assert_int_equal(budget_room(&shared), TOTAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_given_back),
        cmocka_unit_test(half_stays_for_those_who_need_it),
        cmocka_unit_test(who_finds_no_room_asks),
        cmocka_unit_test(the_largest_and_the_slowest_weigh_most),
        cmocka_unit_test(what_is_kept_can_be_moved),
        cmocka_unit_test(threads_never_take_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
