/* The out buffer: what goes in comes out in order, copied or referred to, however it is consumed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/buffer.h"

static unsigned next_byte; /* its low eight bits */

static void fill(uint8_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)(next_byte++ & 0xff);
    }
}

static void add_bytes(struct buffer *b, size_t n)
{
    uint8_t bytes[300];
    assert_true(n <= sizeof bytes);
    fill(bytes, n);
    buffer_add(b, bytes, n);
}

static struct parcel *new_parcel(size_t n)
{
    struct parcel *p = parcel_new(NULL, n);
    assert_non_null(p);
    fill(p->bytes, n);
    return p;
}

static void add_parcel(struct buffer *b, size_t n)
{
    struct parcel *p = new_parcel(n);
    buffer_add_parcel(b, p);
    parcel_release(p);
}

/* Takes n bytes and holds them against the count. */
static void take(struct buffer *b, size_t n, unsigned *expect)
{
    while (n > 0) {
        struct iovec iov[3];
        int count = buffer_iovec(b, iov, 3);
        assert_true(count > 0);
        size_t step = 0;
        for (int i = 0; i < count && step < n; i++) {
            const uint8_t *at = iov[i].iov_base;
            assert_true(iov[i].iov_len > 0);
            for (size_t k = 0; k < iov[i].iov_len && step < n; k++, step++) {
                assert_int_equal(at[k], (*expect)++ & 0xff);
            }
        }
        buffer_consume(b, step);
        n -= step;
    }
}

static void test_order(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 3, 7, 100, 4096, 5000, 100000};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        struct buffer b;
        unsigned expect = next_byte = 0;
        buffer_init(&b);
        add_bytes(&b, 10);
        add_parcel(&b, 5000);
        add_parcel(&b, BUFFER_INLINE_MAX);
        add_parcel(&b, BUFFER_INLINE_MAX - 1);
        add_bytes(&b, 1);
        add_parcel(&b, 6000);
        assert_int_equal(b.n_parts, 3);
        while (buffer_left(&b) > 0) {
            take(&b, steps[s] < buffer_left(&b) ? steps[s] : buffer_left(&b), &expect);
        }
        assert_int_equal(b.total, 0);
        assert_int_equal(b.used, 0);
        buffer_fini(&b);
    }
}

/* Never quite empty: neither the copied bytes nor the parts may pile up. */
static void test_long_run(void **state)
{
    (void)state;
    struct buffer b = {0};
    unsigned expect = next_byte = 0;
    add_bytes(&b, 100);
    for (int i = 0; i < 5000; i++) {
        add_bytes(&b, 50 + (size_t)(i % 100));
        if (i % 3 == 0) {
            add_parcel(&b, BUFFER_INLINE_MAX + (size_t)(i % 50));
        }
        take(&b, buffer_left(&b) - 60, &expect);
        assert_true(b.capacity <= 16384);
        assert_true(b.parts_capacity <= 16);
    }
    take(&b, 60, &expect);
    assert_int_equal(buffer_left(&b), 0);
    buffer_fini(&b);
}

/* Half of what lies in each part may have gone before. */
static void all_bytes_move_to_another_buffer_in_order_and_parcels_without_a_copy(void **state)
{
    (void)state;
    for (size_t gone = 0; gone < 12000; gone += 500) {
        for (size_t before = 0; before <= 20; before += 20) {
            struct buffer from = {0}, to = {0};
            unsigned expect = next_byte = 0;
            add_bytes(&from, 10);
            struct parcel *p = new_parcel(5000);
            buffer_add_parcel(&from, p);
            add_bytes(&from, 10);
            add_parcel(&from, 7000);
            size_t left = buffer_left(&from) - gone;
            take(&from, gone, &expect);
            next_byte = expect - (unsigned)before;
            add_bytes(&to, before);
            expect -= (unsigned)before;
            const uint8_t *copied = from.data;
            buffer_move(&to, &from);
            assert_true(before > 0 || to.data == copied);
            assert_int_equal(buffer_left(&from), 0);
            assert_int_equal(buffer_left(&to), before + left);
            assert_int_equal(atomic_load(&p->references), gone < 5010 ? 2 : 1);
            assert_true(to.used < 100);
            take(&to, before + left, &expect);
            assert_int_equal(atomic_load(&p->references), 1);
            parcel_release(p);
            buffer_fini(&from);
            buffer_fini(&to);
        }
    }
}

static void test_references(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct parcel *p = new_parcel(5000);
    buffer_add_parcel(&b, p);
    buffer_add_parcel(&b, p);
    assert_int_equal(atomic_load(&p->references), 3);
    buffer_consume(&b, 4999);
    assert_int_equal(atomic_load(&p->references), 3);
    buffer_consume(&b, 1);
    assert_int_equal(atomic_load(&p->references), 2);
    buffer_fini(&b);
    buffer_fini(&b);
    assert_int_equal(atomic_load(&p->references), 1);
    parcel_release(p);
}

static void test_cut(void **state)
{
    (void)state;
    struct buffer b = {0};
    unsigned expect = next_byte = 0;
    add_bytes(&b, 20);
    add_parcel(&b, 5000);
    add_bytes(&b, 5);
    take(&b, 15, &expect);
    size_t before = b.total;
    unsigned counted = next_byte;
    struct parcel *p = new_parcel(7000);
    add_bytes(&b, 30);
    buffer_add_parcel(&b, p);
    add_bytes(&b, 40);
    b.failed = true;
    buffer_cut(&b, before);
    assert_false(b.failed);
    assert_int_equal(b.total, before);
    assert_int_equal(atomic_load(&p->references), 1);
    parcel_release(p);
    next_byte = counted;
    add_bytes(&b, 8);
    take(&b, 5000 + 5 + 5 + 8, &expect);
    assert_int_equal(buffer_left(&b), 0);
    buffer_fini(&b);
}

static void test_failure_sticks(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct parcel *p = new_parcel(5000);
    add_bytes(&b, 10);
    assert_null(buffer_reserve(&b, SIZE_MAX - 5));
    assert_true(b.failed);
    add_bytes(&b, 10);
    buffer_add_parcel(&b, p);
    buffer_commit(&b, 3);
    assert_int_equal(b.total, 10);
    assert_null(buffer_reserve(&b, 1));
    assert_int_equal(atomic_load(&p->references), 1);
    parcel_release(p);
    buffer_fini(&b);
}

static void test_reserve_and_trim(void **state)
{
    (void)state;
    struct buffer b = {0};
    uint8_t *at = buffer_reserve(&b, 1000);
    assert_non_null(at);
    memcpy(at, "abc", 3);
    buffer_commit(&b, 3);
    assert_int_equal(buffer_left(&b), 3);
    buffer_trim(&b);
    assert_non_null(b.data);
    buffer_consume(&b, 3);
    assert_non_null(b.data);
    buffer_trim(&b);
    assert_null(b.data);
    struct iovec iov;
    assert_int_equal(buffer_iovec(&b, &iov, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(all_bytes_move_to_another_buffer_in_order_and_parcels_without_a_copy),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_reserve_and_trim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
