#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "seed/list.h"
#include "tests/unit/promise.h"

#define BAD_MAX 16

struct bad {
    size_t n;
    size_t lines[BAD_MAX];
    char why[BAD_MAX][160];
};

static void remember(void *context, size_t line, const char *why)
{
    struct bad *b = context;
    if (b->n < BAD_MAX) {
        b->lines[b->n] = line;
        snprintf(b->why[b->n], sizeof b->why[0], "%s", why);
    }
    b->n++;
}

static void parse(struct address_list *list, struct bad *bad, const char *text, size_t size)
{
    *bad = (struct bad){0};
    assert_int_equal(seed_list_parse(list, text, size, remember, bad), 0);
}

static void parse_text(struct address_list *list, struct bad *bad, const char *text)
{
    parse(list, bad, text, strlen(text));
}

static void assert_address(const struct address *a, const char *text)
{
    char shown[ENDPOINT_TEXT_MAX];
    assert_string_equal(address_format(a, shown, sizeof shown), text);
}

static void good_lines_are_read_in_order(void **state)
{
    (void)state;
    struct address_list list;
    struct bad bad;

    parse_text(&list, &bad, "1.2.3.4:8108\nseed.example.com:8109\n[2001:db8::1]:8110");
    assert_int_equal(list.n, 3);
    assert_int_equal(bad.n, 0);
    assert_address(&list.items[0], "1.2.3.4:8108");
    assert_address(&list.items[1], "seed.example.com:8109");
    assert_address(&list.items[2], "[2001:db8::1]:8110");
    address_list_free(&list);
}

static void white_space_is_tolerated(void **state)
{
    (void)state;
    struct address_list list;
    struct bad bad;

    parse_text(&list, &bad, "\xef\xbb\xbf 1.2.3.4:1\t\r\n\r\n   \n\t\n\v1.2.3.5:2 \f\r\n");
    assert_int_equal(list.n, 2);
    assert_int_equal(bad.n, 0);
    assert_address(&list.items[0], "1.2.3.4:1");
    assert_address(&list.items[1], "1.2.3.5:2");
    address_list_free(&list);
}

static void bad_lines_are_told_with_their_number(void **state)
{
    (void)state;
    struct address_list list;
    struct bad bad;

    parse_text(&list, &bad, "! seeds\n1.2.3.4:1\n\nno port\n1.2.3.4:0\n1.2.3.4:65536\r\n1.2.3.4:2\n. end");
    assert_int_equal(list.n, 2);
    assert_int_equal(bad.n, 5);
    const size_t lines[] = {1, 4, 5, 6, 8};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(bad.lines[i], lines[i]);
    }
    assert_string_equal(bad.why[0], "\"! seeds\" is not host:port");
    assert_string_equal(bad.why[3], "\"1.2.3.4:65536\" is not host:port");
    address_list_free(&list);
}

static void comments_are_left_out(void **state)
{
    (void)state;
    struct address_list list;
    struct bad bad;

    parse_text(&list, &bad,
               "\xef\xbb\xbf# seeds\r\n1.2.3.4:1 # one\r\n  ; two\n[::1]:2\t; three\n\n"
               "one.test:3# four\n#\n1.2.3 # five\n#1.2.3.4:5\n1.2.3.4:6 # six # seven");
    assert_int_equal(list.n, 4);
    assert_address(&list.items[0], "1.2.3.4:1");
    assert_address(&list.items[1], "[::1]:2");
    assert_address(&list.items[2], "one.test:3");
    assert_address(&list.items[3], "1.2.3.4:6");
    assert_int_equal(bad.n, 1);
    assert_int_equal(bad.lines[0], 8);
    assert_string_equal(bad.why[0], "\"1.2.3\" is not host:port");
    address_list_free(&list);
}

static void a_comment_may_hold_any_byte(void **state)
{
    (void)state;
    static const char text[] = "1.2.3.4:1 # \0\xff\r:\n1.2.3.4\0# no\n1.2.3.4:2";
    struct address_list list;
    struct bad bad;

    parse(&list, &bad, text, sizeof text - 1);
    assert_int_equal(list.n, 2);
    assert_address(&list.items[1], "1.2.3.4:2");
    assert_int_equal(bad.n, 1);
    assert_string_equal(bad.why[0], "\"1.2.3.4?\" is not host:port");
    address_list_free(&list);
}

static void hostile_lines_are_shown_harmless(void **state)
{
    (void)state;
    static const char escape[] = "\x1b[2J\0\xff hidden";
    struct address_list list;
    struct bad bad;
    char longest[5000];

    parse(&list, &bad, escape, sizeof escape - 1);
    assert_int_equal(list.n, 0);
    assert_string_equal(bad.why[0], "\"?[2J?? hidden\" is not host:port");
    address_list_free(&list);

    memset(longest, 'a', sizeof longest);
    parse(&list, &bad, longest, sizeof longest);
    assert_int_equal(bad.n, 1);
    assert_true(strlen(bad.why[0]) < 128);
    assert_non_null(strstr(bad.why[0], "...\" is not host:port"));
    address_list_free(&list);
}

static void an_address_with_a_nul_is_none(void **state)
{
    (void)state;
    struct address_list list;
    struct bad bad;

    parse(&list, &bad, "1.2.3.4\0:80", 11);
    assert_int_equal(list.n, 0);
    assert_int_equal(bad.n, 1);
    address_list_free(&list);
}

static void an_empty_text_is_an_empty_list(void **state)
{
    (void)state;
    struct address_list list;
    struct bad bad;

    parse(&list, &bad, NULL, 0);
    assert_int_equal(list.n, 0);
    parse_text(&list, &bad, "\xef\xbb\xbf");
    assert_int_equal(list.n, 0);
    parse_text(&list, &bad, "\n\r\n\n");
    assert_int_equal(list.n, 0);
    assert_int_equal(bad.n, 0);
    address_list_free(&list);
    address_list_free(&list);
}

static void entries_are_bounded(void **state)
{
    (void)state;
    const size_t lines = SEED_LIST_MAX_ENTRIES + 50;
    struct address_list list;
    struct bad bad;
    char *text = malloc(lines * 16);
    size_t size = 0;

    assert_non_null(text);
    for (size_t i = 0; i < lines; i++) {
        size += (size_t)sprintf(text + size, "1.2.3.4:%zu\n", i + 1);
    }
    parse(&list, &bad, text, size);
    assert_int_equal(list.n, SEED_LIST_MAX_ENTRIES);
    assert_int_equal(list.items[SEED_LIST_MAX_ENTRIES - 1].port, SEED_LIST_MAX_ENTRIES);
    assert_int_equal(bad.n, 1);
    assert_int_equal(bad.lines[0], SEED_LIST_MAX_ENTRIES + 1);
    assert_non_null(strstr(bad.why[0], "more than 10000 entries"));
    address_list_free(&list);
    free(text);
}

/* Reads only what it was given: the text ends at the end of a block from malloc, without a NUL. */
static void a_text_without_an_end_is_not_overread(void **state)
{
    (void)state;
    static const char text[] = "1.2.3.4:1\n5.6.7.8:22";
    for (size_t size = 1; size < sizeof text; size++) {
        char *exact = malloc(size);
        assert_non_null(exact);
        memcpy(exact, text, size);
        struct address_list list;
        assert_int_equal(seed_list_parse(&list, exact, size, NULL, NULL), 0);
        address_list_free(&list);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F27", good_lines_are_read_in_order),
        promise_test("F27", white_space_is_tolerated),
        promise_test("F27", bad_lines_are_told_with_their_number),
        cmocka_unit_test(comments_are_left_out),
        cmocka_unit_test(a_comment_may_hold_any_byte),
        cmocka_unit_test(hostile_lines_are_shown_harmless),
        cmocka_unit_test(an_address_with_a_nul_is_none),
        cmocka_unit_test(an_empty_text_is_an_empty_list),
        cmocka_unit_test(entries_are_bounded),
        cmocka_unit_test(a_text_without_an_end_is_not_overread),
    };
    return cmocka_run_group_tests_name("seed list", tests, NULL, NULL);
}
