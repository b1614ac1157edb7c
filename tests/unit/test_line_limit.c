/* How many lines of the log strangers get, whatever addresses they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/line_limit.h"
#include "tests/unit/parsed.h"

enum { KIND = 3, OTHER_KIND = 4, CAUSE = 1, OTHER_CAUSE = 2 };

static uint8_t key[LINE_LIMIT_KEY_BYTES];

struct limited {
    struct line_limit limit;
    struct line_bound bound;
};

static struct limited *limited_new(int64_t most)
{
    struct limited *l = malloc(sizeof *l);
    assert_non_null(l);
    randombytes_buf(key, sizeof key);
    line_limit_begin(&l->limit, key);
    line_bound_begin(&l->bound, most, 2000, 0);
    return l;
}

static struct ip numbered(unsigned n)
{
    char text[32];
    snprintf(text, sizeof text, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
    return ip_of(text);
}

static bool comes(struct limited *l, unsigned kind, unsigned cause, struct ip ip, int64_t now_ms)
{
    return line_limit_allows(&l->limit, &l->bound, kind, cause, &ip, now_ms);
}

static void an_address_has_one_line_of_a_kind_and_cause_in_ten_seconds(void **state)
{
    struct limited *l = limited_new(1000);
    struct ip one = ip_of("10.0.0.1");
    (void)state;
    assert_true(comes(l, KIND, CAUSE, one, 0));
    assert_false(comes(l, KIND, CAUSE, one, 0));
    assert_false(comes(l, KIND, CAUSE, one, LINE_LIMIT_ADDRESS_MS - 1));
    assert_true(comes(l, KIND, OTHER_CAUSE, one, 0));
    assert_true(comes(l, OTHER_KIND, CAUSE, one, 0));
    assert_true(comes(l, KIND, CAUSE, ip_of("10.0.0.2"), 0));
    assert_true(comes(l, KIND, CAUSE, one, LINE_LIMIT_ADDRESS_MS));
    free(l);
}

/* Who has one address of it has all of them. */
static void a_64_of_ipv6_is_one_address(void **state)
{
    struct limited *l = limited_new(1000);
    (void)state;
    assert_true(comes(l, KIND, CAUSE, ip_of("2001:db8:0:1::1"), 0));
    assert_false(comes(l, KIND, CAUSE, ip_of("2001:db8:0:1:ffff::2"), 1));
    assert_true(comes(l, KIND, CAUSE, ip_of("2001:db8:0:2::1"), 1));
    assert_int_equal(l->bound.left_out, 1);
    free(l);
}

static void all_addresses_together_have_a_bound(void **state)
{
    struct limited *l = limited_new(50);
    unsigned n = 0;
    (void)state;
    for (unsigned i = 0; i < 100000; i++) { /* in a hundred seconds */
        n += comes(l, KIND, CAUSE, numbered(i), i);
    }
    assert_in_range(n, 50 + 49, 50 + 50);
    assert_int_equal(l->bound.left_out, 100000 - n);
    free(l);
}

static void lines_that_were_left_out_are_counted_with_their_addresses(void **state)
{
    struct limited *l = limited_new(1);
    (void)state;
    assert_true(line_bound_due(&l->bound) == INT64_MAX);
    for (unsigned i = 0; i < 100; i++) {
        comes(l, KIND, i % 2, numbered(i % 17), 500);
    }
    assert_int_equal(l->bound.left_out, 99);
    assert_int_equal(l->bound.holders, 17);
    assert_false(line_limit_is_rough(&l->limit, &l->bound));
    assert_int_equal(line_bound_due(&l->bound), 500 + LINE_LIMIT_TELL_MS);
    line_bound_told(&l->bound);
    assert_true(line_bound_due(&l->bound) == INT64_MAX);
    assert_false(comes(l, KIND, 0, numbered(1), 600));
    assert_int_equal(l->bound.left_out, 1);
    assert_int_equal(l->bound.holders, 1);
    free(l);
}

static void more_addresses_than_are_remembered_are_said_to_be_counted_roughly(void **state)
{
    struct limited *l = limited_new(1);
    (void)state;
    for (unsigned i = 0; i < 4 * LINE_LIMIT_CELLS; i++) {
        comes(l, KIND, CAUSE, numbered(i), 1);
    }
    assert_true(line_limit_is_rough(&l->limit, &l->bound));
    assert_true(l->bound.holders >= 4 * LINE_LIMIT_CELLS - 1);
    line_bound_told(&l->bound);
    comes(l, KIND, CAUSE, numbered(1), 60000);
    comes(l, KIND, CAUSE, numbered(1), 60001);
    assert_false(line_limit_is_rough(&l->limit, &l->bound));
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_one_line_of_a_kind_and_cause_in_ten_seconds),
        cmocka_unit_test(a_64_of_ipv6_is_one_address),
        cmocka_unit_test(all_addresses_together_have_a_bound),
        cmocka_unit_test(lines_that_were_left_out_are_counted_with_their_addresses),
        cmocka_unit_test(more_addresses_than_are_remembered_are_said_to_be_counted_roughly),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
