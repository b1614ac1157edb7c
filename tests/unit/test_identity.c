/* The file with the node's secret: made once, the same ever after, and never one that others may know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/identity.h"
#include "app/options.h"

enum { SECRET = 32, PROCESSES = 16, ROUNDS = 8 };

/* Three in four secrets are none, so that drawing one takes several tries. */
static bool fake_identity(const uint8_t *secret, struct peer_id *id)
{
    if (secret[0] >= 0x40) {
        return false;
    }
    id->size = SECRET;
    return crypto_generichash(id->bytes, SECRET, secret, SECRET, NULL, 0) == 0;
}

static const struct protocol fake = {
    .name = "fake", .identity_size = SECRET, .identity = fake_identity, .id_size = SECRET};
static const struct protocol plain = {.name = "plain"};

static char folder[] = "/tmp/kith-identity-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    if (sodium_init() < 0 || !mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/id.key", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(path);
    return rmdir(folder);
}

static void write_file(const char *text, mode_t mode)
{
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void read_file(char text[256])
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, 255, f)] = '\0';
    fclose(f);
}

static void load_good(struct node_config *config)
{
    char error[OPTIONS_ERROR_MAX] = "";
    *config = (struct node_config){.node_id = 0};
    int result = identity_load(path, &fake, config, error, sizeof error);
    assert_string_equal(error, "");
    assert_int_equal(result, 0);
}

/* Refused, with the file as it was and nothing filled in. */
static void load_bad(const char *what)
{
    static const struct node_config untouched;
    struct node_config config = untouched;
    char error[OPTIONS_ERROR_MAX] = "", wanted[256];
    snprintf(wanted, sizeof wanted, "-identityFile: '%s' %s", path, what);
    assert_int_equal(identity_load(path, &fake, &config, error, sizeof error), -1);
    assert_memory_equal(error, wanted, strlen(wanted));
    assert_null(config.secret);
    assert_int_equal(config.id.size, 0);
}

static size_t files_in_folder(void)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    return n;
}

static void made_once(void **state)
{
    (void)state;
    struct node_config first, again;
    struct stat s;
    char text[256], hex[2 * SECRET + 1];
    load_good(&first);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 07777, 0600);
    assert_int_equal(files_in_folder(), 1);
    read_file(text);
    assert_int_equal(strlen(text), 2 * SECRET + 1);
    assert_int_equal(text[2 * SECRET], '\n');
    text[2 * SECRET] = '\0';
    assert_string_equal(text, sodium_bin2hex(hex, sizeof hex, first.secret, SECRET));
    assert_int_equal(first.id.size, SECRET);
    load_good(&again);
    assert_memory_equal(again.secret, first.secret, SECRET);
    assert_true(peer_id_equal(&again.id, &first.id));
    unlink(path);
    load_good(&again);
    assert_false(peer_id_equal(&again.id, &first.id)); /* and drawn at random */
}

/* A path that was mistyped is told, not followed. */
static void no_folder_is_made(void **state)
{
    (void)state;
    char deep[96], error[OPTIONS_ERROR_MAX] = "", wanted[256];
    struct node_config config = {.node_id = 0};
    snprintf(deep, sizeof deep, "%s/a/id.key", folder);
    assert_int_equal(identity_load(deep, &fake, &config, error, sizeof error), -1);
    snprintf(wanted, sizeof wanted,
             "-identityFile: '%s' lies in a folder that cannot be opened: No such file or directory", deep);
    assert_string_equal(error, wanted);
    assert_int_equal(files_in_folder(), 0);
}

/* As into a volume that is empty at first. */
static void a_key_is_made_behind_a_link(void **state)
{
    (void)state;
    struct node_config first, again;
    struct stat s;
    char target[96];
    snprintf(target, sizeof target, "%s/real.key", folder);
    assert_int_equal(symlink("real.key", path), 0);
    load_good(&first);
    assert_int_equal(lstat(target, &s), 0);
    assert_true(S_ISREG(s.st_mode));
    assert_int_equal(s.st_mode & 07777, 0600);
    assert_int_equal(lstat(path, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    assert_int_equal(files_in_folder(), 2);
    load_good(&again);
    assert_true(peer_id_equal(&again.id, &first.id));
    unlink(target);
}

static bool no_links; /* as on a file system that has none */

int link(const char *from, const char *to)
{
    errno = EPERM;
    return no_links ? -1 : linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void a_file_system_without_links_keeps_a_key(void **state)
{
    (void)state;
    struct node_config first, again;
    no_links = true;
    load_good(&first);
    no_links = false;
    load_good(&again);
    assert_true(peer_id_equal(&again.id, &first.id));
    assert_int_equal(files_in_folder(), 1);
}

static const char good[] = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

static void what_a_file_may_hold(void **state)
{
    (void)state;
    struct node_config config;
    char text[256], kept[256];
    write_file(good, 0400);
    load_good(&config);
    assert_int_equal(config.secret[31], 0xff);
    snprintf(text, sizeof text, "%s\n", good);
    write_file(text, 0600);
    load_good(&config);

    static const char *const bad[] = {
        "",
        "\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddee\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\n",
        "00112233445566778899aabbccddeeff\n0112233445566778899aabbccddeeff\n",
        " 0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
        "0x112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
        "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", /* none of the protocol's */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(bad[i], 0600);
        load_bad("holds no secret of protocol fake");
        read_file(kept);
        assert_string_equal(kept, bad[i]);
    }
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_file(text, 0600);
    load_bad("holds no secret of protocol fake");
}

static void open_to_others(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file(good, modes[i]);
        char what[64];
        snprintf(what, sizeof what, "is open to others (mode %04o, not 0600)", (unsigned)modes[i]);
        load_bad(what);
        char kept[256];
        read_file(kept);
        assert_string_equal(kept, good);
    }
}

/* None of them blocks, or is replaced. */
static void no_regular_files(void **state)
{
    (void)state;
    struct stat s;
    assert_int_equal(mkdir(path, 0700), 0);
    load_bad("is not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    load_bad("is not a regular file");
    unlink(path);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    load_bad("lies in a folder that cannot be opened: No such file or directory");
    assert_int_equal(lstat(path, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    assert_int_equal(files_in_folder(), 1);
}

static void no_place_to_write(void **state)
{
    (void)state;
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"/proc/kith/id.key", "-identityFile: '/proc/kith/id.key' lies in a folder that cannot be opened: No "
                              "such file or directory"},
        {"/proc/id.key", "-identityFile: '/proc/id.key' cannot be written: No such file or directory"},
        {"/dev/null/id.key", "-identityFile: '/dev/null/id.key' cannot be read: Not a directory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct node_config config = {.node_id = 0};
        char error[OPTIONS_ERROR_MAX] = "";
        assert_int_equal(identity_load(cases[i].path, &fake, &config, error, sizeof error), -1);
        assert_string_equal(error, cases[i].error);
    }
}

/* --- where the secret lies --- */

/* How often the bytes occur in memory that this process may write or read; those in locked
 * memory alone, if so asked. They are given inverted, so that the caller has no copy. */
static size_t copies(const uint8_t inverted[SECRET], bool locked_alone)
{
    size_t n = 0;
    bool locked = false;
    char line[256];
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    uintptr_t from = 0, to = 0;
    while (fgets(line, sizeof line, f)) {
        char mode[5];
        uintptr_t begins, ends;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begins, &ends, mode) == 3) {
            to = ends;
            from = mode[0] == 'r' && !strstr(line, "[v") ? begins : ends;
            continue;
        }
        if (strncmp(line, "VmFlags:", 8) != 0) {
            continue;
        }
        locked = strstr(line, " lo") && strstr(line, " dd");
        for (const uint8_t *at = (const uint8_t *)from; at + SECRET <= (const uint8_t *)to; at++) {
            size_t same = 0;
            while (same < SECRET && (at[same] ^ inverted[same]) == 0xff) {
                same++;
            }
            n += same == SECRET && (locked || !locked_alone);
        }
    }
    fclose(f);
    return n;
}

static void there_is_one_copy_and_none_after_the_end(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* whose memory has no end */
#endif
    struct node_config config;
    uint8_t inverted[SECRET];
    load_good(&config);
    for (int i = 0; i < SECRET; i++) {
        inverted[i] = (uint8_t)~config.secret[i];
    }
    assert_int_equal(copies(inverted, false), 1);
    assert_int_equal(copies(inverted, true), 1);
    identity_forget(&config);
    assert_null(config.secret);
    assert_int_equal(copies(inverted, false), 0);
    identity_forget(&config);
    load_good(&config); /* read from the file, not made */
    assert_int_equal(copies(inverted, false), 1);
    identity_forget(&config);
    assert_int_equal(copies(inverted, false), 0);
}

static void no_identities(void **state)
{
    (void)state;
    struct node_config config = {.node_id = 0};
    char error[OPTIONS_ERROR_MAX] = "";
    assert_int_equal(identity_load("", &plain, &config, error, sizeof error), 0);
    assert_int_equal(config.id.size, 0);
}

/* A child of the process: waits until `start` is closed, and tells what it got. */
static void load_in_child(int start, int result)
{
    char byte, error[OPTIONS_ERROR_MAX];
    struct node_config config = {.node_id = 0};
    if (read(start, &byte, 1) == 0 && identity_load(path, &fake, &config, error, sizeof error) == 0 &&
        write(result, config.secret, SECRET) == SECRET) {
        _exit(0);
    }
    _exit(1);
}

/* All of them use the secret that stays on the disk. */
static void several_start_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int start[2];
        assert_int_equal(pipe(start), 0);
        int result[2];
        assert_int_equal(pipe(result), 0);
        for (int i = 0; i < PROCESSES; i++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                close(start[1]);
                load_in_child(start[0], result[1]);
            }
        }
        close(start[0]);
        close(start[1]);
        close(result[1]);
        int status;
        for (int i = 0; i < PROCESSES; i++) {
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        struct node_config config;
        load_good(&config);
        uint8_t got[SECRET];
        for (int i = 0; i < PROCESSES; i++) {
            assert_int_equal(read(result[0], got, SECRET), SECRET);
            assert_memory_equal(got, config.secret, SECRET);
        }
        close(result[0]);
        assert_int_equal(files_in_folder(), 1);
        unlink(path);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(made_once),
        TEST(no_folder_is_made),
        TEST(a_key_is_made_behind_a_link),
        TEST(a_file_system_without_links_keeps_a_key),
        TEST(what_a_file_may_hold),
        TEST(open_to_others),
        TEST(no_regular_files),
        TEST(no_place_to_write),
        TEST(there_is_one_copy_and_none_after_the_end),
        TEST(no_identities),
        TEST(several_start_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
