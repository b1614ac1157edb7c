#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connection/ip_limit.h"
#include "tests/unit/promise.h"

#define GAP  1000
#define MOST 64

static struct ip_limit limit;

static int set_up(void **state)
{
    (void)state;
    ip_limit_init(&limit, GAP, MOST);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ip_limit_clear(&limit);
    return 0;
}

static struct ip numbered(unsigned n)
{
    return (struct ip){{[0] = 0x20, [6] = (uint8_t)(n >> 8), [7] = (uint8_t)n}};
}

static void an_unknown_ip_is_allowed(void **state)
{
    (void)state;
    struct ip ip = numbered(1);
    assert_true(ip_limit_allows(&limit, &ip, 0));
}

static void the_gap_counts_from_the_last_accepted_one(void **state)
{
    (void)state;
    struct ip ip = numbered(1), other = numbered(2);
    assert_true(ip_limit_accepted(&limit, &ip, 5000));
    assert_false(ip_limit_allows(&limit, &ip, 5000));
    assert_false(ip_limit_allows(&limit, &ip, 5000 + GAP - 1));
    assert_true(ip_limit_allows(&limit, &other, 5000));
    assert_true(ip_limit_allows(&limit, &ip, 5000 + GAP));
    assert_true(ip_limit_accepted(&limit, &ip, 5000 + GAP));
    assert_false(ip_limit_allows(&limit, &ip, 5000 + GAP + 1));
}

static void the_memory_is_bounded_and_the_oldest_go_first(void **state)
{
    (void)state;
    struct ip returning = numbered(0);
    for (unsigned i = 0; i < MOST; i++) {
        struct ip ip = numbered(i);
        assert_true(ip_limit_accepted(&limit, &ip, i));
    }
    assert_true(ip_limit_accepted(&limit, &returning, MOST));
    for (unsigned i = MOST; i < MOST + 10; i++) {
        struct ip ip = numbered(i);
        assert_true(ip_limit_accepted(&limit, &ip, i + 1));
        assert_in_range(limit.seen.n, 1, MOST);
    }
    struct ip oldest = numbered(1), late = numbered(MOST - 1), newest = numbered(MOST + 9);
    assert_true(ip_limit_allows(&limit, &oldest, MOST + 10));
    assert_false(ip_limit_allows(&limit, &returning, MOST + 10));
    assert_false(ip_limit_allows(&limit, &late, MOST + 10));
    assert_false(ip_limit_allows(&limit, &newest, MOST + 10));
}

/* Whoever has one address of it has all. */
static void a_64_is_one_address(void **state)
{
    (void)state;
    struct ip a = numbered(1), b = numbered(1);
    b.bytes[15] = 7;
    assert_true(ip_limit_accepted(&limit, &a, 1));
    assert_false(ip_limit_allows(&limit, &b, 1));
    for (uint8_t i = 0; i < 100; i++) {
        b.bytes[8] = i;
        assert_true(ip_limit_accepted(&limit, &b, 1));
    }
    assert_int_equal(limit.seen.n, 1);
}

static void a_memory_of_one_is_enough(void **state)
{
    (void)state;
    struct ip_limit one;
    ip_limit_init(&one, GAP, 1);
    struct ip a = numbered(1), b = numbered(2);
    assert_true(ip_limit_accepted(&one, &a, 1));
    assert_true(ip_limit_accepted(&one, &b, 2));
    assert_true(ip_limit_allows(&one, &a, 3));
    assert_false(ip_limit_allows(&one, &b, 3));
    assert_int_equal(one.seen.n, 1);
    ip_limit_clear(&one);
}

static void without_a_gap_nothing_is_remembered(void **state)
{
    (void)state;
    struct ip_limit none;
    ip_limit_init(&none, 0, MOST);
    struct ip ip = numbered(1);
    assert_true(ip_limit_accepted(&none, &ip, 1));
    assert_true(ip_limit_allows(&none, &ip, 1));
    assert_int_equal(none.seen.n, 0);
    ip_limit_clear(&none);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_ip_is_allowed),
        TEST(the_gap_counts_from_the_last_accepted_one),
        promise_test_setup_teardown("P58", the_memory_is_bounded_and_the_oldest_go_first, set_up, tear_down),
        TEST(a_64_is_one_address),
        TEST(a_memory_of_one_is_enough),
        TEST(without_a_gap_nothing_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
