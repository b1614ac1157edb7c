#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/configfile.h"

/* What was handed out, as "key=value|" for each entry. */
struct taken {
    char text[4096];
    const char *refuse; /* a key that is answered with an error */
};

static int take(void *context, size_t line, const char *key, const char *value, char *bad, size_t bad_size)
{
    struct taken *t = context;
    (void)line;
    if (t->refuse && strcmp(key, t->refuse) == 0) {
        snprintf(bad, bad_size, "%s: no", key);
        return -1;
    }
    size_t n = strlen(t->text);
    snprintf(t->text + n, sizeof t->text - n, "%s=%s|", key, value);
    return 0;
}

/* The text sits in a block of its own size, so that a read past it is seen. */
static enum configfile_result parse_bytes(struct taken *t, const char *text, size_t size, char *error,
                                          size_t error_size)
{
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    copy[size] = '\0';
    enum configfile_result result = configfile_parse("f", copy, size, take, t, error, error_size);
    free(copy);
    return result;
}

static void assert_entries(const char *text, const char *entries)
{
    struct taken t = {.refuse = NULL};
    char error[256] = "";
    enum configfile_result result = parse_bytes(&t, text, strlen(text), error, sizeof error);
    assert_string_equal(error, "");
    assert_int_equal(result, CONFIGFILE_READ);
    assert_string_equal(t.text, entries);
}

static void assert_bad(const char *text, const char *message)
{
    struct taken t = {.refuse = "refused"};
    char error[256] = "";
    assert_int_equal(parse_bytes(&t, text, strlen(text), error, sizeof error), CONFIGFILE_BAD);
    assert_string_equal(error, message);
}

static void entries(void **state)
{
    (void)state;
    assert_entries("", "");
    assert_entries("\n\n  \t\n", "");
    assert_entries("a=b", "a=b|");
    assert_entries("  a \t =  b c  \n", "a=b c|");
    assert_entries("a=\nb = \nc = \"\"\n", "a=|b=|c=|");
    assert_entries("a = b = c\n", "a=b = c|");
    assert_entries("\xef\xbb\xbf"
                   "a=b\r\nc=d\r\n",
                   "a=b|c=d|");
    assert_entries("[app]\na=b\n  [log] ; section\nc=d", "a=b|c=d|");
}

static void comments(void **state)
{
    (void)state;
    assert_entries("; a = b\n# c = d\n  ;e=f\n", "");
    assert_entries("a = b ; c\nd = e\t# f\n", "a=b|d=e|");
    assert_entries("u = http://h/a;b#c ; d\n", "u=http://h/a;b#c|");
    assert_entries("a = ; nothing\nb=;\n", "a=|b=|");
    assert_entries("a = \"b ; c\" ; d\n", "a=b ; c|");
}

static void quotes(void **state)
{
    (void)state;
    assert_entries("a = \" b \"\n", "a= b |");
    assert_entries("a = \"x\\\"y\\\\z\"\n", "a=x\"y\\z|");
    assert_entries("a = \"C:\\dir\"\n", "a=C:\\dir|");
    assert_entries("a = b\"c\"\n", "a=b\"c\"|");
    assert_bad("a = \"b", "f:1: the closing quote is missing");
    assert_bad("x = y\na = \"b\\\"\nc = \"d\"\n", "f:2: the closing quote is missing");
    assert_bad("a = \"b\\", "f:1: the closing quote is missing");
    assert_bad("a = \"b\" c\n", "f:1: something follows the closing quote");
}

static void bad_lines(void **state)
{
    (void)state;
    assert_bad("\n\nnonsense\n", "f:3: no '=' in 'nonsense'");
    assert_bad("proxy me:secret@127.0.0.1:1\n", "f:1: no '=' in 'proxy'");
    assert_bad("a=b\n = c\n", "f:2: no key before '=' in '='");
    assert_bad("[app\n", "f:1: the section's ']' is missing");
    assert_bad("a=b\nrefused = 1\nc=d\n", "f:2: refused: no");
    assert_bad("esc\x1b[2J\n", "f:1: no '=' in 'esc?[2J'");
}

static void nul_bytes(void **state)
{
    (void)state;
    struct taken t = {.refuse = NULL};
    char error[256] = "";
    assert_int_equal(parse_bytes(&t, "a=b\nc=d\0e\n", 10, error, sizeof error), CONFIGFILE_BAD);
    assert_string_equal(error, "f:2: a NUL byte");
    assert_string_equal(t.text, "a=b|");
    assert_int_equal(parse_bytes(&t, "\0", 1, error, sizeof error), CONFIGFILE_BAD);
}

/* Under the address sanitizer: nothing is read or written outside the text. */
static void garbage(void **state)
{
    (void)state;
    static const char alphabet[] = "ab=\"\\;# \t\r\n[]\0";
    uint32_t seed = 1;
    char text[24], error[256];
    for (int round = 0; round < 100000; round++) {
        struct taken t = {.refuse = NULL};
        size_t size = (seed >> 8) % sizeof text;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = alphabet[(seed >> 16) % sizeof alphabet];
        }
        seed = seed * 1664525 + 1013904223;
        error[0] = '\0';
        enum configfile_result result = parse_bytes(&t, text, size, error, sizeof error);
        assert_int_equal(result == CONFIGFILE_BAD, error[0] != '\0');
    }
}

static void write_file(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void files(void **state)
{
    (void)state;
    char folder[] = "/tmp/kith-configfile-XXXXXX", path[64], error[256] = "", wanted[256];
    struct taken t = {.refuse = NULL};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/f.conf", folder);
    assert_int_equal(configfile_read(path, take, &t, error, sizeof error), CONFIGFILE_MISSING);
    snprintf(wanted, sizeof wanted, "%s: No such file or directory", path);
    assert_string_equal(error, wanted);

    write_file(path, "a=b\nc", 5);
    assert_int_equal(configfile_read(path, take, &t, error, sizeof error), CONFIGFILE_BAD);
    snprintf(wanted, sizeof wanted, "%s:2: no '=' in 'c'", path);
    assert_string_equal(error, wanted);

    write_file(path, "c=d\n", 4);
    assert_int_equal(configfile_read(path, take, &t, error, sizeof error), CONFIGFILE_READ);
    assert_string_equal(t.text, "a=b|c=d|");
    assert_int_equal(configfile_read(folder, take, &t, error, sizeof error), CONFIGFILE_BAD);
    snprintf(wanted, sizeof wanted, "%s: Is a directory", folder);
    assert_string_equal(error, wanted);
    unlink(path);
    rmdir(folder);
}

static void what_is_no_regular_file_is_refused_at_once(void **state)
{
    (void)state;
    char folder[] = "/tmp/kith-configfile-XXXXXX", path[64], error[256] = "", wanted[256];
    struct taken t = {.refuse = NULL};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/f.conf", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(configfile_read(path, take, &t, error, sizeof error), CONFIGFILE_BAD);
    snprintf(wanted, sizeof wanted, "%s: Not a regular file", path);
    assert_string_equal(error, wanted);
    assert_int_equal(configfile_read("/dev/zero", take, &t, error, sizeof error), CONFIGFILE_BAD);
    assert_string_equal(error, "/dev/zero: Not a regular file");
    assert_int_equal(configfile_read("/dev/null", take, &t, error, sizeof error), CONFIGFILE_READ);
    assert_string_equal(t.text, "");
    unlink(path);
    rmdir(folder);
}

static void a_byte_order_mark_and_crlf_are_no_part_of_it(void **state)
{
    (void)state;
    struct taken t = {.refuse = NULL};
    char error[256] = "";
    static const char text[] = "\xef\xbb\xbf; head\r\n\r\n[x]\r\na = b\r\nc = \"d e\"\r\nf = g ; h\r\ni=j\r";
    assert_int_equal(parse_bytes(&t, text, sizeof text - 1, error, sizeof error), CONFIGFILE_READ);
    assert_string_equal(t.text, "a=b|c=d e|f=g|i=j|");
    /* What an editor may call "Unicode", in two bytes a letter. */
    assert_int_equal(parse_bytes(&t,
                                 "\xff\xfe"
                                 "a\0=\0b\0",
                                 8, error, sizeof error),
                     CONFIGFILE_BAD);
    assert_string_equal(error, "f:1: a NUL byte");
}

static void size_limit(void **state)
{
    (void)state;
    char folder[] = "/tmp/kith-configfile-XXXXXX", path[64], error[256] = "";
    struct taken t = {.refuse = NULL};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/f.conf", folder);
    char *text = malloc(CONFIGFILE_MAX + 1);
    assert_non_null(text);
    memset(text, '\n', CONFIGFILE_MAX + 1);
    write_file(path, text, CONFIGFILE_MAX);
    assert_int_equal(configfile_read(path, take, &t, error, sizeof error), CONFIGFILE_READ);
    write_file(path, text, CONFIGFILE_MAX + 1);
    assert_int_equal(configfile_read(path, take, &t, error, sizeof error), CONFIGFILE_BAD);
    assert_non_null(strstr(error, "File too large"));
    free(text);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),
        cmocka_unit_test(comments),
        cmocka_unit_test(quotes),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(garbage),
        cmocka_unit_test(what_is_no_regular_file_is_refused_at_once),
        cmocka_unit_test(a_byte_order_mark_and_crlf_are_no_part_of_it),
        cmocka_unit_test(files),
        cmocka_unit_test(size_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
