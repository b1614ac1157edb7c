/* JSON within bounds, and canonical JSON, beside what Python makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static json_t *vectors;

static int load(void **state)
{
    (void)state;
    vectors = json_load_file(KITH_VECTORS_DIR "/chain.json", 0, NULL);
    return vectors ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static json_t *read_text(const char *text)
{
    const char *why = NULL;
    json_t *value = json_read(text, strlen(text), &why);
    if (!value) {
        print_error("%s: %s\n", why, text);
    }
    assert_non_null(value);
    return value;
}

static void canonical_text_is_what_python_makes(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "canonical"), i, vector)
    {
        const char *wanted = json_string_value(json_object_get(vector, "canonical"));
        json_t *value = read_text(json_string_value(json_object_get(vector, "text")));
        char *text;
        size_t size;
        assert_true(json_canonical(value, &text, &size));
        assert_int_equal(size, strlen(wanted));
        assert_memory_equal(text, wanted, size);
        json_decref(value);
        free(text);
    }
    assert_true(i > 150);
}

static void what_python_calls_wrong_is_refused(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "refused"), i, vector)
    {
        const char *hex = json_string_value(json_object_get(vector, "hex"));
        size_t size = strlen(hex) / 2;
        unsigned char *bytes = malloc(size + 1); /* a sanitizer sees who reads further */
        for (size_t k = 0; k < size; k++) {
            sscanf(hex + 2 * k, "%2hhx", &bytes[k]);
        }
        const char *why = NULL;
        json_t *value = json_read(bytes, size, &why);
        if (value) {
            print_error("accepted: %s\n", json_string_value(json_object_get(vector, "name")));
        }
        assert_null(value);
        assert_non_null(why);
        free(bytes);
    }
    assert_true(i > 50);
}

static void numbers_that_are_no_integers_have_no_canonical_text(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "not_canonical"), i, vector)
    {
        json_t *value = read_text(json_string_value(vector));
        char *text;
        size_t size;
        assert_false(json_canonical(value, &text, &size));
        json_decref(value);
    }
    assert_true(i > 3);
}

static void what_nests_too_deep_has_no_canonical_text(void **state)
{
    (void)state;
    json_t *value = json_array();
    for (int i = 1; i < JSON_NESTING_MAX; i++) {
        value = json_pack("[o]", value);
    }
    char *text;
    size_t size;
    assert_true(json_canonical(value, &text, &size));
    assert_int_equal(size, 2 * JSON_NESTING_MAX);
    free(text);
    value = json_pack("{s:o}", "a", value);
    assert_false(json_canonical(value, &text, &size));
    json_decref(value);
}

static void weight_counts_values_and_tables(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t nesting, weight;
    } cases[] = {
        {"", 0, 0},
        {" 1 ", 0, 1},
        {"[]", 1, 2},
        {"{}", 1, 4},
        {"[1,2,3]", 1, 5},
        {"{\"a\":\"b\"}", 1, 6},
        {"[[],[]]", 2, 6},
        {"[\"[{\\\"\",\"]\\\\\"]", 1, 4},
        {"[true,-1e5 ,null]", 1, 5},
        {"\"open", 0, 1},
        {"\"\\", 0, 1},
        {"\"", 0, 1},
        {"\"\\\"", 0, 1},
        {"[\"\\\\\",1]", 1, 4},
        {"[\"\\\\\\\",1]\"]", 1, 3},
        {"[\"\",\"\"]", 1, 4},
        {"]]]]", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json_shape shape = json_measure(cases[i].text, strlen(cases[i].text));
        assert_int_equal(shape.nesting, cases[i].nesting);
        assert_int_equal(shape.weight, cases[i].weight);
    }
}

/* A text of n times `each` in an array; the caller frees it. */
static char *repeat(const char *each, size_t n, size_t *size)
{
    size_t length = strlen(each);
    char *text = malloc(n * (length + 1) + 2);
    text[0] = '[';
    for (size_t i = 0; i < n; i++) {
        memcpy(text + 1 + i * (length + 1), each, length);
        text[1 + i * (length + 1) + length] = ',';
    }
    *size = n * (length + 1) + 1;
    text[*size - 1] = ']';
    return text;
}

/* Of each kind as many as the bound allows. */
static void a_unit_of_weight_takes_100_bytes_at_most(void **state)
{
    (void)state;
    static const char *const each[] = {
        "1",         "\"\"",
        "[]",        "{}",
        "{\"a\":1}", "[[[[]]]]",
        "1.5",       "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9}"};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        size_t weight = json_measure(each[i], strlen(each[i])).weight, n = (JSON_WEIGHT_MAX - 2) / weight;
        size_t size;
        char *text = repeat(each[i], n, &size);
        const char *why;
        struct mallinfo2 before = mallinfo2();
        json_t *value = json_read(text, size, &why);
        struct mallinfo2 after = mallinfo2();
        assert_non_null(value);
        size_t bytes = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        assert_true(bytes <= (size_t)JSON_WEIGHT_MAX * 100);
        json_decref(value);
        free(text);

        text = repeat(each[i], n + 1, &size);
        assert_null(json_read(text, size, &why));
        assert_string_equal(why, "JSON of too many values");
        free(text);
    }
}

static void *read_deep(void *argument)
{
    (void)argument;
    char text[512] = "";
    for (int i = 0; i < JSON_NESTING_MAX / 2; i++) {
        strcat(text, "{\"a\":[");
    }
    strcat(text, "1");
    for (int i = 0; i < JSON_NESTING_MAX / 2; i++) {
        strcat(text, "]}");
    }
    json_t *value = read_text(text);
    char *made;
    size_t size;
    assert_true(json_canonical(value, &made, &size));
    assert_int_equal(size, strlen(text));
    free(made);
    json_decref(value);
    return NULL;
}

/* A peer's thread has 256 KiB. */
static void the_deepest_text_fits_on_a_small_stack(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 64 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attributes, read_deep, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_text_is_what_python_makes),
        cmocka_unit_test(what_python_calls_wrong_is_refused),
        cmocka_unit_test(numbers_that_are_no_integers_have_no_canonical_text),
        cmocka_unit_test(what_nests_too_deep_has_no_canonical_text),
        cmocka_unit_test(weight_counts_values_and_tables),
        cmocka_unit_test(a_unit_of_weight_takes_100_bytes_at_most),
        cmocka_unit_test(the_deepest_text_fits_on_a_small_stack),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
