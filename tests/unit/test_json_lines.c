/* The program's own readers and writers of JSON, each beside a library that does the same slower. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/base64.h"
#include "app/json_id.h"
#include "app/json_send.h"
#include "app/json_text.h"
#include "app/pieces.h"
#include "base/utf8.h"

enum { LENGTHS = 200, ROUNDS = 20000 };

/* A block of just that size: a sanitizer sees who reads or writes beyond it. */
static char *block(const void *bytes, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    return copy;
}

static uint32_t below(uint32_t n)
{
    return randombytes_uniform(n);
}

/* --- base64 --- */

static void assert_decodes_as_sodium(const char *text, size_t length)
{
    char *exact = block(text, length), *bytes = malloc(BASE64_BYTES_MAX(length));
    unsigned char wanted[2 * LENGTHS];
    size_t size = 0, wanted_size = 0;
    bool good = utf8_ascii(text, length) == length && /* it takes some bytes beyond ASCII for digits */
                sodium_base642bin(wanted, sizeof wanted, text, length, NULL, &wanted_size, NULL,
                                  sodium_base64_VARIANT_ORIGINAL) == 0;
    if (base64_decode(exact, length, bytes, &size) != good) {
        fail_msg("%.*s is %s", (int)length, text, good ? "base64" : "no base64");
    }
    if (good) {
        assert_int_equal(size, wanted_size);
        assert_memory_equal(bytes, wanted, size);
    }
    free(exact);
    free(bytes);
}

static void base64_is_what_sodium_makes(void **state)
{
    (void)state;
    for (size_t size = 0; size < LENGTHS; size++) {
        unsigned char bytes[LENGTHS];
        char wanted[BASE64_TEXT_MAX(LENGTHS)];
        randombytes_buf(bytes, size);
        sodium_bin2base64(wanted, sizeof wanted, bytes, size, sodium_base64_VARIANT_ORIGINAL);
        char *exact = block(bytes, size), *text = malloc(BASE64_TEXT_MAX(size));
        assert_int_equal(base64_encode(exact, size, text), strlen(wanted));
        assert_string_equal(text, wanted);
        assert_decodes_as_sodium(text, strlen(text));
        free(exact);
        free(text);
    }
}

static void text_that_sodium_refuses_is_no_base64(void **state)
{
    (void)state;
    static const char some[] = "ABEZagw048+/=-_ \n\0\xff";
    for (int round = 0; round < ROUNDS; round++) {
        char text[12];
        size_t length = below(sizeof text + 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = below(5) == 0 ? some[below(sizeof some - 1)] : "AQgw"[below(4)];
        }
        for (size_t i = length; i > 0 && below(2) == 0; i--) {
            text[i - 1] = '=';
        }
        assert_decodes_as_sodium(text, length);
    }
}

/* --- strings --- */

/* Random UTF-8 of every sort, with many bytes that need care. */
static size_t make_text(char *text, size_t most)
{
    static const char *const parts[] = {"\"",
                                        "\\",
                                        "\n",
                                        "\x01",
                                        "\x1f",
                                        "\x7f",
                                        "/",
                                        "\xc3\xa9",
                                        "a",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "\b\f\r\t",
                                        "plain text",
                                        " 8 bytes"};
    size_t size = 0, wanted = below((uint32_t)most - 16);
    while (size < wanted) {
        const char *part = parts[below(sizeof parts / sizeof parts[0])];
        memcpy(text + size, part, strlen(part));
        size += strlen(part);
        if (below(20) == 0) {
            text[size++] = '\0';
        }
    }
    return size;
}

static size_t escape_all(const char *bytes, size_t size, char *text)
{
    struct pieces p = {.bytes = bytes, .size = size};
    size_t length = 0;
    for (size_t n; (n = pieces_json(&p, text + length)) > 0;) {
        length += n;
    }
    return length;
}

static void what_is_written_as_a_string_is_read_as_it_was(void **state)
{
    (void)state;
    static char bytes[3000], text[6 * sizeof bytes + PIECE_BYTES];
    for (int round = 0; round < 500; round++) {
        size_t size = make_text(bytes, round < 400 ? 64 : sizeof bytes);
        text[0] = '"';
        char *exact = block(bytes, size);
        size_t length = escape_all(exact, size, text + 1);
        free(exact);
        text[length + 1] = '"';
        json_t *read = json_loadb(text, length + 2, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        assert_int_equal(json_string_length(read), size);
        assert_memory_equal(json_string_value(read), bytes, size);
        json_decref(read);
    }
}

static void utf8_is_found_at_any_place(void **state)
{
    (void)state;
    for (size_t size = 0; size < 40; size++) {
        for (size_t bad = 0; bad <= size; bad++) {
            char text[40];
            memset(text, 'x', size);
            struct pieces p = {.bytes = text, .size = size, .at = size};
            if (bad < size) {
                text[bad] = '\xe9';
            }
            char *exact = block(text, size);
            assert_int_equal(utf8_ascii(exact, size), bad);
            assert_int_equal(utf8_is_valid(exact, size), bad == size);
            p.bytes = exact;
            assert_int_equal(pieces_are_text(&p), bad == size);
            assert_int_equal(json_text_plain(exact, size), size);
            free(exact);
        }
    }
}

/* --- send requests --- */

static json_t *whole_parser(const char *line, size_t size)
{
    return json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

static void assert_name(const json_t *o, const char *key, const char *name)
{
    json_t *v = json_object_get(o, key);
    assert_true(v || strcmp(key, "kind") == 0);
    assert_string_equal(name, v ? json_string_value(v) : "");
}

static void assert_payload(const json_t *o, const struct json_send *s)
{
    json_t *text = json_object_get(o, "text"), *base64 = json_object_get(o, "base64");
    assert_true(!text != !base64);
    char bytes[4096];
    size_t size = text ? json_string_length(text) : 0;
    if (base64) {
        assert_true(base64_decode(json_string_value(base64), json_string_length(base64), bytes, &size));
    }
    assert_int_equal(s->size, size);
    assert_memory_equal(s->bytes, text ? json_string_value(text) : bytes, size);
}

/* Whether the line was read; if so, the whole parser makes the same of it. */
static bool reads(const char *line, size_t size)
{
    char *exact = block(line, size);
    struct json_send s;
    bool good = json_send_read(&s, exact, size, NULL, 0);
    if (good) {
        json_t *o = whole_parser(line, size);
        if (!json_is_object(o)) {
            fail_msg("no JSON: %.*s", (int)size, line);
        }
        assert_name(o, "send", s.target);
        assert_name(o, "kind", s.kind);
        assert_payload(o, &s);
        json_t *id = json_object_get(o, "id");
        assert_int_equal(id != NULL, s.id != NULL);
        if (id) {
            char *text = json_dumps(id, JSON_ENCODE_ANY);
            assert_int_equal(strlen(text), s.id_length);
            assert_memory_equal(text, s.id, s.id_length);
            free(text);
        }
        json_decref(o);
        free(s.buffer);
    }
    free(exact);
    return good;
}

static void usual_requests_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"send\":\"<BROADCAST>\",\"text\":\"hello\"}",
        " { \"text\" : \"a\" , \"send\" : \"p\" , \"id\" : -7 } \r\n",
        "{\"id\":12345678901234,\"send\":\"p\",\"kind\":\"Message\",\"base64\":\"AAEC\"}",
        "{\"send\":\"\xc3\xa9\",\"text\":\"\xc3\xa9\"}",
        "{\"send\":\"p\",\"text\":\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20AC\\ud83d\\ude00z\"}",
        "{\"send\":\"p\",\"text\":\"\\u0041\"}",
        "{\"send\":\"\",\"text\":\"a\"}", /* the node says that nobody is called so */
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!reads(good[i], strlen(good[i]))) {
            fail_msg("%s", good[i]);
        }
    }
}

static void whatever_is_unusual_is_left_to_the_whole_parser(void **state)
{
    (void)state;
    static const char *const left[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"send\":\"p\"}",
        "{\"text\":\"a\"}",
        "{\"send\":\"p\",\"text\":\"\"}",
        "{\"send\":\"p\",\"base64\":\"\"}",
        "{\"send\":\"p\",\"base64\":\"A\"}",
        "{\"send\":\"p\",\"base64\":\"\\u0041AAA\"}",
        "{\"send\":\"p\",\"text\":\"a\",\"base64\":\"AAAA\"}",
        "{\"send\":\"p\",\"text\":\"a\",\"text\":\"b\"}",
        "{\"send\":\"p\",\"text\":\"a\",\"id\":1,\"id\":1}",
        "{\"send\":\"p\",\"text\":\"a\",\"id\":\"x\"}",
        "{\"send\":\"p\",\"text\":\"a\",\"id\":01}",
        "{\"send\":\"p\",\"text\":\"a\",\"id\":1.5}",
        "{\"send\":\"p\",\"text\":\"a\",\"id\":-}",
        "{\"send\":\"p\",\"text\":\"a\",\"more\":1}",
        "{\"send\":\"p\",\"text\":7}",
        "{\"send\":\"p\",\"text\":\"a\"",
        "{\"send\":\"p\",\"text\":\"a\"}}",
        "{\"send\":\"p\",\"text\":\"a\",}",
        "{\"send\":\"p\" \"text\":\"a\"}",
        "{\"send\":\"p\",\"text\":\"a",
        "{\"send\":\"p\",\"text\":\"a\\",
        "{\"send\":\"p\",\"text\":\"a\\\"}",
        "{\"send\":\"p\",\"text\":\"\\x\"}",
        "{\"send\":\"p\",\"text\":\"\\u12\"}",
        "{\"send\":\"p\",\"text\":\"\\u12g4\"}",
        "{\"send\":\"p\",\"text\":\"\\ud800\"}",
        "{\"send\":\"p\",\"text\":\"\\ud800\\u0041\"}",
        "{\"send\":\"p\",\"text\":\"\\udc00\"}",
        "{\"send\":\"p\",\"text\":\"\xff\"}",
        "{\"send\":\"p\",\"text\":\"a\nb\"}",
        "{\"send\":\"p\\n\",\"text\":\"a\"}",
        "{\"s\\u0065nd\":\"p\",\"text\":\"a\"}",
        "{\"send\":\"p\",\"kind\":\"\",\"text\":\"a\"}",
        "{\"command\":\"peers\"}",
    };
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (reads(left[i], strlen(left[i]))) {
            fail_msg("%s", left[i]);
        }
    }
    char name[JSON_SEND_NAME_MAX + 1] = "", line[512];
    memset(name, 'n', sizeof name - 1);
    assert_false(reads(line, (size_t)snprintf(line, sizeof line, "{\"send\":\"%s\",\"text\":\"a\"}", name)));
    assert_true(
        reads(line, (size_t)snprintf(line, sizeof line, "{\"send\":\"%s\",\"text\":\"a\"}", name + 1)));
}

/* Lines of pieces that fit together now and then. */
static void garbage_is_read_as_the_whole_parser_reads_it(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "{",
        "}",
        "\"",
        ":",
        ",",
        "\\",
        "\\u00",
        "\\ud83d\\ude00",
        "\\u0000",
        "e9",
        "1",
        "-",
        "0",
        "\xc3\xa9",
        "\xc3",
        "\n",
        " ",
        "\"send\":\"p\",",
        "AAAA",
        "AA==",
        "\"text\":\"",
        "\"base64\":\"",
        "\"id\":",
        "\"id\":5,",
        "\"kind\":\"k\",",
        "\"send\":\"p\"",
        "\"}",
    };
    unsigned read = 0;
    for (int round = 0; round < ROUNDS; round++) {
        char line[512] = "{\"send\":\"p\",";
        size_t size = below(8) == 0 ? 0 : strlen(line);
        for (uint32_t n = below(10); n > 0; n--) {
            const char *part = parts[below(sizeof parts / sizeof parts[0])];
            memcpy(line + size, part, strlen(part));
            size += strlen(part);
        }
        if (below(2) == 0) {
            memcpy(line + size, "\"}", 2);
            size += 2;
        }
        read += reads(line, size);
    }
    assert_true(read > 20);
}

static void bytes_behind_the_line_are_the_payload(void **state)
{
    (void)state;
    static const char good[] = "{\"send\":\"p\",\"bytes\":3,\"id\":1}",
                      both[] = "{\"send\":\"p\",\"bytes\":3,\"text\":\"a\"}", none[] = "{\"send\":\"p\"}",
                      text[] = "{\"send\":\"p\",\"text\":\"a\"}";
    struct json_send s;
    assert_true(json_send_read(&s, good, strlen(good), "abc", 3));
    assert_int_equal(s.size, 3);
    assert_memory_equal(s.bytes, "abc", 3);
    assert_null(s.buffer);
    assert_false(json_send_read(&s, good, strlen(good), NULL, 0)); /* without -json=binary */
    assert_false(json_send_read(&s, both, strlen(both), "abc", 3));
    assert_false(json_send_read(&s, none, strlen(none), "abc", 3));
    assert_false(json_send_read(&s, text, strlen(text), "abc", 3));
}

static int64_t bytes_of(const char *line)
{
    char *exact = block(line, strlen(line));
    int64_t n = json_bytes_find(exact, strlen(line));
    free(exact);
    return n;
}

static void a_line_says_how_many_bytes_follow_or_that_nobody_knows(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t bytes;
    } cases[] = {
        {"", 0},
        {" \t\r", 0},
        {"{}", 0},
        {" { } ", 0},
        {"{\"bytes\":0}", 0},
        {"{\"bytes\":123456789012345}", 123456789012345},
        {"{\"a\":{\"bytes\":7},\"b\":[\"}\",1],\"bytes\" : 5 , \"c\":\"\\\"bytes\\\":9\"}\r", 5},
        {"{\"text\":\"\\\\\",\"bytes\":2}", 2},
        {"{\"bytes\":1234567890123456}", -1},
        {"{\"bytes\":-1}", -1},
        {"{\"bytes\":01}", -1},
        {"{\"bytes\":1.0}", -1},
        {"{\"bytes\":1e2}", -1},
        {"{\"bytes\":\"1\"}", -1},
        {"{\"bytes\":null}", -1},
        {"{\"bytes\":[1]}", -1},
        {"{\"bytes\":}", -1},
        {"{\"bytes\":1,\"bytes\":1}", -1},
        {"{\"byt\\u0065s\":1}", -1},
        {"{\"bytes\":1", -1},
        {"{\"bytes\":1,}", -1},
        {"{\"bytes\":1}}", -1},
        {"{\"bytes\":1}x", -1},
        {"{\"bytes\":1 \"a\":2}", -1},
        {"{\"bytes", -1},
        {"{\"bytes\\", -1},
        {"{\"a\":\"\\\"}", -1},
        {"{\"a\":[}", -1},
        {"{,}", -1},
        {"[]", -1},
        {"7", -1},
        {"x{\"bytes\":1}", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (bytes_of(cases[i].line) != cases[i].bytes) {
            fail_msg("%s: %lld", cases[i].line, (long long)bytes_of(cases[i].line));
        }
    }
}

static void numbers_of_requests_tell_for_ever_whose_they_are(void **state)
{
    (void)state;
    const uint64_t mine = UINT64_C(0x80000005) << 32, last = mine | UINT32_MAX;
    assert_int_equal(json_number_after(mine), mine + 1);
    assert_int_equal(json_number_after(last), mine + 1);
    assert_int_equal(json_number_after(UINT32_MAX), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_what_sodium_makes),
        cmocka_unit_test(text_that_sodium_refuses_is_no_base64),
        cmocka_unit_test(what_is_written_as_a_string_is_read_as_it_was),
        cmocka_unit_test(utf8_is_found_at_any_place),
        cmocka_unit_test(usual_requests_are_read),
        cmocka_unit_test(whatever_is_unusual_is_left_to_the_whole_parser),
        cmocka_unit_test(bytes_behind_the_line_are_the_payload),
        cmocka_unit_test(a_line_says_how_many_bytes_follow_or_that_nobody_knows),
        cmocka_unit_test(numbers_of_requests_tell_for_ever_whose_they_are),
        cmocka_unit_test(garbage_is_read_as_the_whole_parser_reads_it),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
