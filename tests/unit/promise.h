/* A cmocka test that shows promises of docs/checklist.md, or that what docs/pitfalls.md tells of does not
 * happen here: promise_test("F9 F10", name_of_function) instead of cmocka_unit_test(name_of_function).
 * scripts/checklist finds the numbers in the sources, and in the log whether the test passed. */
#ifndef KITH_TESTS_PROMISE_H
#define KITH_TESTS_PROMISE_H

#define promise_test_setup_teardown(numbers, f, setup, teardown)                                             \
    {                                                                                                        \
        .name = #f " [" numbers "]", .test_func = (f), .setup_func = (setup), .teardown_func = (teardown)    \
    }
#define promise_test(numbers, f) promise_test_setup_teardown(numbers, f, NULL, NULL)

#endif
