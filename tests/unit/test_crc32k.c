/* The checksum against its definition, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/factom/crc32k.h"

static uint32_t by_definition(const uint8_t *bytes, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xeb31d82e : crc >> 1;
        }
    }
    return ~crc;
}

static void test_known(void **state)
{
    (void)state;
    assert_int_equal(factom_crc32k("123456789", 9), 0x2d3dd0ae);
    assert_int_equal(factom_crc32k("Ping", 4), 0x9e0f7d5e);
    assert_int_equal(factom_crc32k("", 0), 0);
}

/* Every byte value at every place of the word that is taken at once: all entries of the table. */
static void test_every_entry(void **state)
{
    (void)state;
    uint8_t bytes[19] = {0};
    for (size_t at = 0; at < sizeof bytes; at++) {
        for (unsigned value = 0; value < 256; value++) {
            bytes[at] = (uint8_t)value;
            assert_int_equal(factom_crc32k(bytes, sizeof bytes), by_definition(bytes, sizeof bytes));
        }
    }
}

static void test_every_length_and_alignment(void **state)
{
    (void)state;
    uint8_t bytes[96];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof bytes; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(random >> 24);
    }
    for (size_t start = 0; start < 9; start++) {
        for (size_t n = 0; start + n <= sizeof bytes; n++) {
            assert_int_equal(factom_crc32k(bytes + start, n), by_definition(bytes + start, n));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_every_entry),
        cmocka_unit_test(test_every_length_and_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
