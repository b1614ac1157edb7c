/* Nodes of one process that would use one home, or one peers file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/kith_fixture.h"

static char folder[64], home[80], other[80];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/kith-lock-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(home, sizeof home, "%s/home", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* NULL with the error. */
static struct kith *open_at(const char *where, const char *peers_file, char error[KITH_ERROR_MAX])
{
    const struct given_setting all[] = {{"home", where},      {"network", "LOCAL"}, {"bind", "127.0.78.1"},
                                        {"networkPort", "0"}, {"seedURL", ""},      {"exclusive", "true"}};
    struct kith_config *c = kith_config_new();
    assert_non_null(c);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(kith_config_set(c, all[i].option, all[i].value, error, KITH_ERROR_MAX), 0);
    }
    if (peers_file) {
        assert_int_equal(kith_config_set(c, "peersFile", peers_file, error, KITH_ERROR_MAX), 0);
    }
    struct kith *node = kith_open(c, quiet, NULL, error, KITH_ERROR_MAX);
    kith_config_free(c);
    return node;
}

static struct kith *open_good(const char *where, const char *peers_file)
{
    char error[KITH_ERROR_MAX];
    struct kith *node = open_at(where, peers_file, error);
    if (!node) {
        fail_msg("%s", error);
    }
    return node;
}

/* Refused, with a line that names the option, this process and what is in use. */
static void open_bad(const char *where, const char *peers_file, const char *option, const char *what)
{
    char wanted[256];
    snprintf(wanted, sizeof wanted, "-%s: another node (process %ld) uses '%s'", option, (long)getpid(),
             what);
    char error[KITH_ERROR_MAX];
    assert_null(open_at(where, peers_file, error));
    assert_string_equal(error, wanted);
}

static void a_home_is_for_one_node(void **state)
{
    (void)state;
    struct kith *first = open_good(home, NULL), *second;

    open_bad(home, NULL, "home", home);
    open_bad(home, "others.json", "home", home);
    second = open_good(other, NULL);
    kith_close(first);
    first = open_good(home, NULL);
    kith_close(second);
    kith_close(first);
}

static void a_peers_file_is_for_one_node(void **state)
{
    (void)state;
    char shared[96], link[96];
    struct kith *first, *second;

    snprintf(shared, sizeof shared, "%s/shared.json", folder);
    snprintf(link, sizeof link, "%s/link.json", folder);
    assert_int_equal(symlink("shared.json", link), 0);
    first = open_good(home, shared);
    open_bad(other, shared, "peersFile", shared);
    open_bad(other, link, "peersFile", shared);
    second = open_good(other, NULL);
    kith_close(first);
    kith_close(second);
    first = open_good(other, link);
    open_bad(home, shared, "peersFile", shared);
    kith_close(first);
}

/* The node whose home it is has it already, or comes second. */
static void a_peers_file_in_its_home_is_locked_for_others(void **state)
{
    (void)state;
    char theirs[128];
    struct kith *node = open_good(home, NULL);

    snprintf(theirs, sizeof theirs, "%s/peers-LOCAL.json", home);
    open_bad(other, theirs, "peersFile", theirs);
    kith_close(node);
    node = open_good(other, theirs);
    open_bad(home, NULL, "peersFile", theirs);
    kith_close(node);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Kith keeps its own beside an older one, and somebody may name that. */
static void the_file_that_is_written_is_locked_too(void **state)
{
    (void)state;
    char older[96], own[112];
    struct kith *node;

    snprintf(older, sizeof older, "%s/older.json", folder);
    snprintf(own, sizeof own, "%s.kith", older);
    write_text(older, "{\"bans\":{},\"peers\":[]}");
    node = open_good(other, own);
    open_bad(home, older, "peersFile", own);
    kith_close(node);
    node = open_good(home, older);
    open_bad(other, own, "peersFile", own);
    kith_close(node);
    /* What is there goes before what is not. */
    assert_int_equal(access(own, F_OK), 0);
    assert_int_equal(unlink(older), 0);
    node = open_good(home, older);
    open_bad(other, own, "peersFile", own);
    kith_close(node);
    /* One and the same, and no sense in it. */
    assert_int_equal(symlink("older.json.kith", older), 0);
    write_text(own, "{");
    kith_close(open_good(home, older));
    /* Two files. */
    assert_int_equal(unlink(older), 0);
    write_text(older, "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[],\"scores\":[]}");
    node = open_good(home, older);
    kith_close(open_good(other, own));
    kith_close(node);
}

/* A home that another home's node keeps its peers file in. */
static void a_peers_file_in_another_home_is_locked_too(void **state)
{
    (void)state;
    char theirs[128];
    struct kith *first = open_good(home, "own.json"), *second;

    snprintf(theirs, sizeof theirs, "%s/theirs.json", home);
    second = open_good(other, theirs);
    kith_close(first);
    open_bad(folder, theirs, "peersFile", theirs);
    kith_close(second);
}

static void who_keeps_no_files_needs_no_lock(void **state)
{
    (void)state;
    struct stat s;
    struct kith *first = open_good(home, ""), *second = open_good(home, "");

    assert_int_equal(stat(home, &s), -1);
    kith_close(first);
    kith_close(second);
}

/* The child of a program that forks does not hold what its parent has left. */
static void a_forked_child_holds_no_lock(void **state)
{
    (void)state;
    struct kith *node = open_good(home, NULL);
    int gate[2], status;
    char byte;
    pid_t child;

    assert_int_equal(pipe(gate), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(gate[0]);
    kith_close(node);
    kith_close(open_good(home, NULL));
    close(gate[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void assert_no_folder(const char *where, const char *peers_file, const char *wanted)
{
    char error[KITH_ERROR_MAX];
    assert_null(open_at(where, peers_file, error));
    if (strstr(error, wanted) != error) {
        fail_msg("\"%s\" is not \"%s\"", error, wanted);
    }
}

static void only_the_home_and_its_own_folder_are_made(void **state)
{
    (void)state;
    char deep[96], deeper[112], lost[128];
    struct stat s;

    snprintf(deep, sizeof deep, "%s/a/b", folder);
    snprintf(deeper, sizeof deeper, "%s/x/y/z", folder);
    kith_close(open_good(deep, NULL));
    assert_int_equal(stat(deep, &s), 0);
    assert_int_equal(s.st_mode & 07777, 0700);
    assert_no_folder(deeper, NULL, "-home: '");
    snprintf(lost, sizeof lost, "%s/lost/peers.json", folder);
    assert_no_folder(home, lost, "-peersFile: '");
    assert_no_folder(home, "lost/peers.json", "-peersFile: '");
    snprintf(lost, sizeof lost, "%s/lost", folder);
    assert_int_equal(stat(lost, &s), -1);
    snprintf(lost, sizeof lost, "%s/lost", home);
    assert_int_equal(stat(lost, &s), -1);
    snprintf(lost, sizeof lost, "%s/x", folder);
    assert_int_equal(stat(lost, &s), -1);
    assert_no_folder("/dev/null", NULL, "-home: '/dev/null' is not a folder");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_home_is_for_one_node),
        TEST(a_peers_file_is_for_one_node),
        TEST(a_peers_file_in_its_home_is_locked_for_others),
        TEST(the_file_that_is_written_is_locked_too),
        TEST(a_peers_file_in_another_home_is_locked_too),
        TEST(who_keeps_no_files_needs_no_lock),
        TEST(a_forked_child_holds_no_lock),
        TEST(only_the_home_and_its_own_folder_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
