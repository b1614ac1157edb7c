#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

static void items_stay_while_it_grows(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t room = 0, moves = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        size_t before = room;
        assert_true(array_reserve(items, room, i + 1));
        moves += room != before;
        items[i] = i;
    }
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(items[i], i);
    }
    assert_true(room >= 10000 && moves < 20);
    free(items);
}

static void what_there_is_no_memory_for_changes_nothing(void **state)
{
    (void)state;
    uint64_t *items = NULL;
    size_t room = 0;
    assert_true(array_reserve(items, room, 3));
    items[2] = 7;
    size_t before = room;
    /* So many that their bytes do not fit a size_t. */
    assert_false(array_reserve(items, room, SIZE_MAX / 4));
    assert_int_equal(room, before);
    assert_int_equal(items[2], 7);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stay_while_it_grows),
        cmocka_unit_test(what_there_is_no_memory_for_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
