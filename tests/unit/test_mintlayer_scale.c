/* SCALE: every form but the shortest is refused, and no count is believed beyond the bytes that are there. */
#include "tests/unit/wire_fixture.h"

#include "protocol/mintlayer/scale.h"
#include "tests/unit/dice.h"

/* Bytes in memory that ends where they do. */
static uint8_t *exact(const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    if (n > 0) {
        memcpy(copy, bytes, n);
    }
    return copy;
}

/* What is read is written as it was; true if anything was read. */
static bool goes_both_ways(const uint8_t *in, size_t size, size_t of, uint64_t *value)
{
    struct scale_reader r = scale_reader((struct bytes){.data = in, .size = size});
    *value = scale_take_compact(&r, of);
    if (r.failed) {
        assert_int_equal(*value, 0);
        return false;
    }
    struct buffer out = {0};
    scale_put_compact(&out, *value);
    assert_int_equal(out.used, r.at - in);
    assert_memory_equal(out.data, in, out.used);
    buffer_fini(&out);
    return true;
}

static void expect_number(const char *hex, size_t of, bool valid, uint64_t expected)
{
    struct buffer b = {0};
    add_hex(&b, hex);
    uint8_t *in = exact(b.data, b.used);
    uint64_t value;
    if (goes_both_ways(in, b.used, of, &value) != valid || (valid && value != expected)) {
        fail_msg("%s as a number of %zu bytes", hex, of);
    }
    free(in);
    buffer_fini(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool in_4, in_8;
        uint64_t value;
    } rows[] = {
        {"00", true, true, 0},
        {"fc", true, true, 63},
        {"0101", true, true, 64},
        {"fdff", true, true, 16383},
        {"02000100", true, true, 16384},
        {"feffffff", true, true, (1U << 30) - 1},
        {"0300000040", true, true, 1U << 30},
        {"03ffffffff", true, true, UINT32_MAX},
        {"070000000001", false, true, UINT64_C(1) << 32},
        {"0b000000000001", false, true, UINT64_C(1) << 40},
        {"0f00000000000001", false, true, UINT64_C(1) << 48},
        {"130000000000000001", false, true, UINT64_C(1) << 56},
        {"13ffffffffffffffff", false, true, UINT64_MAX},
        {"17ffffffffffffffffff", false, false, 0},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false, false, 0},
        {"0100", false, false, 0}, /* 0 in two bytes */
        {"fd00", false, false, 0}, /* 63 in two bytes */
        {"02000000", false, false, 0},
        {"feff0000", false, false, 0}, /* 16383 in four bytes */
        {"0300000000", false, false, 0},
        {"03ffffff3f", false, false, 0}, /* 2^30-1 in the long mode */
        {"07ffffffff00", false, false, 0},
        {"0b000000000100", false, false, 0},
        {"13ffffffffffffff00", false, false, 0},
        {"", false, false, 0},
        {"01", false, false, 0},
        {"020001", false, false, 0},
        {"03000000", false, false, 0},
        {"03", false, false, 0},
        {"13ffffffffffffff", false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_number(rows[i].hex, 4, rows[i].in_4, rows[i].value);
        expect_number(rows[i].hex, 8, rows[i].in_8, rows[i].value);
    }
}

/* Each value has one form. So, of all inputs of up to two bytes, as many are read as there are values. */
static void test_every_short_input(void **state)
{
    (void)state;
    size_t read = 0;
    for (unsigned n = 0; n <= 2; n++) {
        for (uint32_t all = 0; all < 1U << (8 * n); all++) {
            uint8_t bytes[2] = {(uint8_t)all, (uint8_t)(all >> 8)};
            uint8_t *in = exact(bytes, n);
            uint64_t value;
            struct scale_reader r = scale_reader((struct bytes){.data = in, .size = n});
            scale_take_compact(&r, 4);
            read += goes_both_ways(in, n, 4, &value) && scale_is_read(&r);
            free(in);
        }
    }
    assert_int_equal(read, 1 << 14);
}

static uint64_t next_random(uint64_t *seed)
{
    return dice_throw(seed) >> 24;
}

static void test_values_and_garbage(void **state)
{
    (void)state;
    uint64_t seed = 13, got;
    for (int i = 0; i < 100000; i++) {
        uint64_t random = next_random(&seed) << 32 ^ next_random(&seed);
        uint64_t value = random >> (next_random(&seed) % 64);
        struct buffer out = {0};
        scale_put_compact(&out, value);
        assert_true(goes_both_ways(out.data, out.used, 8, &got));
        assert_true(got == value);
        assert_int_equal(goes_both_ways(out.data, out.used, 4, &got), value <= UINT32_MAX);
        buffer_fini(&out);
        uint8_t bytes[10];
        size_t n = next_random(&seed) % sizeof bytes;
        for (size_t k = 0; k < n; k++) {
            bytes[k] = (uint8_t)next_random(&seed);
        }
        if (n > 1 && i % 2 == 0) {
            bytes[n - 1] = 0;
        }
        uint8_t *in = exact(bytes, n);
        goes_both_ways(in, n, i % 3 ? 8 : 4, &got);
        free(in);
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct scale_reader r = scale_reader((struct bytes){.data = bytes, .size = sizeof bytes});
    assert_true(scale_take_uint(&r, 8) == 0x0807060504030201);
    assert_int_equal(scale_take_uint(&r, 4), 0x0c0b0a09);
    assert_int_equal(scale_take_uint(&r, 2), 0x0e0d);
    assert_false(scale_is_read(&r));
    assert_int_equal(scale_take_uint(&r, 1), 15);
    assert_true(scale_is_read(&r));
    assert_int_equal(scale_take_uint(&r, 1), 0);
    assert_true(r.failed);
    struct buffer out = {0};
    scale_put_uint(&out, 0x0807060504030201, 8);
    scale_put_uint(&out, 0xff0c0b0a09, 4);
    assert_memory_equal(out.data, bytes, 12);
    buffer_fini(&out);
}

/* After a failure nothing is read any more, though bytes are left. */
static void test_failure_sticks(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {2, 4, 'x', 8, 'y'};
    struct scale_reader r = scale_reader((struct bytes){.data = bytes, .size = sizeof bytes});
    assert_false(scale_take_some(&r));
    assert_true(r.failed);
    assert_int_equal(scale_take_uint(&r, 1), 0);
    assert_null(scale_take(&r, 1));
    assert_int_equal(scale_take_compact(&r, 4), 0);
    assert_int_equal(scale_take_count(&r, 1), 0);
    assert_int_equal(scale_take_vec(&r).size, 0);
    assert_int_equal(scale_take_string(&r).size, 0);
    assert_false(scale_take_some(&r));
    assert_false(scale_is_read(&r));
    r = scale_reader((struct bytes){.data = bytes, .size = sizeof bytes});
    scale_fail(&r);
    assert_null(scale_take(&r, 0));
    r = scale_reader((struct bytes){.size = 0});
    assert_true(scale_is_read(&r));
    assert_int_equal(scale_take_uint(&r, 1), 0);
    assert_false(scale_is_read(&r));
}

static void expect_count(const char *hex, size_t least, bool valid, size_t n)
{
    struct buffer b = {0};
    add_hex(&b, hex);
    struct scale_reader r = scale_reader(bytes_of(&b));
    assert_int_equal(scale_take_count(&r, least), n);
    assert_int_equal(!r.failed, valid);
    buffer_fini(&b);
}

static void test_counts(void **state)
{
    (void)state;
    expect_count("00", 7, true, 0);
    expect_count("0401020304050607", 7, true, 1);
    expect_count("04010203040506", 7, false, 0);
    expect_count("0801020304050607", 7, false, 0);
    expect_count("0401020304050607", 32, false, 0);
    expect_count("03ffffffff", 1, false, 0); /* 2^32-1, and nothing behind it */
    expect_count("0100", 1, false, 0);
}

static void expect_text(const char *hex, bool valid)
{
    struct buffer b = {0}, again = {0};
    add_hex(&b, hex);
    uint8_t *in = exact(b.data, b.used);
    struct scale_reader r = scale_reader((struct bytes){.data = in, .size = b.used});
    struct bytes text = scale_take_string(&r);
    if (scale_is_read(&r) != valid) {
        fail_msg("%s", hex);
    }
    if (valid) {
        scale_put_vec(&again, text);
        assert_int_equal(again.used, b.used);
        assert_memory_equal(again.data, b.data, b.used);
    }
    free(in);
    buffer_fini(&b);
    buffer_fini(&again);
}

static void test_texts(void **state)
{
    (void)state;
    expect_text("00", true);
    expect_text("0441", true);
    expect_text("1048692021", true);
    expect_text("08c3a9", true);
    expect_text("0ce28094", true);
    expect_text("10f09f9880", true);
    expect_text("10f48fbfbf", true);
    expect_text("0cefbfbf", true);
    expect_text("0ced9fbf", true);
    expect_text("08c080", false);     /* 0 in two bytes */
    expect_text("08c1bf", false);     /* 7f in two */
    expect_text("0ce09fbf", false);   /* 7ff in three */
    expect_text("10f08fbfbf", false); /* ffff in four */
    expect_text("0ceda080", false);   /* half of a surrogate pair */
    expect_text("0cedbfbf", false);
    expect_text("10f4908080", false); /* above 10ffff */
    expect_text("14f888808080", false);
    expect_text("0480", false);
    expect_text("04ff", false);
    expect_text("04c3", false);
    expect_text("08e280", false);
    expect_text("08c341", false);
    expect_text("0ce28041", false);
    expect_text("08414141", false); /* a byte too many */
    expect_text("0841", false);
    expect_text("", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_every_short_input),
        cmocka_unit_test(test_values_and_garbage),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
