/* The chain's file: whose it is, and what happens if it cannot be written or read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/chain_fixture.h"

static char folder[64], path[128];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/kith-chain-XXXXXX");
    fixture_now_s = NOW_S;
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/peers.json.store", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void assert_does_not_open(const char *where, const char *network, const char *why)
{
    char error[300] = "", wanted[300];
    assert_null(chain_open_at(where, network, error, sizeof error));
    snprintf(wanted, sizeof wanted, "cannot open the chain at '%s': %s", where, why);
    assert_string_equal(error, wanted);
}

/* Runs SQL on the file, as another program would. */
static void change_file(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        print_error("%s\n", message);
        fail();
    }
    sqlite3_close(db);
}

/* A main of three with a side branch of two, and one transaction that waits. */
static void fill(void *d, struct chain_item blocks[3], struct chain_item branch[2], struct chain_item *waits)
{
    struct chain_item genesis = genesis_block();
    struct parcel *parcel;
    make_branch(&genesis, NOW_S, 0, 3, blocks);
    make_branch(&genesis, NOW_S, 10, 2, branch);
    *waits = make_transaction(20, 100);
    chain_add(d, CHAIN_ADD_BLOCKS, blocks, 3, &parcel);
    parcel_release(parcel);
    chain_add(d, CHAIN_ADD_BLOCKS, branch, 2, &parcel);
    parcel_release(parcel);
    assert_int_equal(add_transaction(d, waits), CHAIN_POOLED);
    chain_item_free(&genesis);
}

static void what_was_kept_is_there_after_a_restart(void **state)
{
    (void)state;
    struct chain_item blocks[3], branch[2], waits, more[2];
    void *d = chain_open(path);
    fill(d, blocks, branch, &waits);
    const struct chain_state before = chain_look(d);
    assert_int_equal(before.side, 2);
    assert_int_equal(before.pool, 1);
    chain_close(d);
    struct stat log;
    char beside[160];
    snprintf(beside, sizeof beside, "%s-wal", path);
    assert_int_equal(stat(beside, &log), -1);

    d = chain_open(path);
    const struct chain_state after = chain_look(d);
    assert_memory_equal(&before, &after, sizeof before);
    assert_main(d, blocks, 3);
    assert_true(knows_transaction(d, &waits));
    make_branch(&branch[1], NOW_S + 9, 30, 2, more);
    assert_int_equal(add_block(d, &more[0]), CHAIN_BESIDE);
    assert_int_equal(add_block(d, &more[1]), CHAIN_SWITCHES);
    chain_close(d);

    d = chain_open(path);
    assert_main(d, (struct chain_item[]){branch[0], branch[1], more[0], more[1]}, 4);
    assert_int_equal(chain_look(d).pool, 4);
    chain_close(d);
    free_items(blocks, 3);
    free_items(branch, 2);
    free_items(more, 2);
    chain_item_free(&waits);
}

/* SQLite finds these before the C library's. */
static unsigned syncs;
int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

/* The power may go at any moment, not the process alone. */
static void what_is_acknowledged_was_synced_before(void **state)
{
    (void)state;
    struct chain_item blocks[20], genesis = genesis_block();
    make_branch(&genesis, NOW_S, 0, 20, blocks);
    void *d = chain_open(path);
    for (int i = 0; i < 20; i++) {
        syncs = 0;
        struct store_answer a = chain_ask(d, CHAIN_ADD_BLOCKS, chain_pack_one(&blocks[i]));
        assert_true(syncs > 0);
        parcel_release(a.parcel);
        syncs = 0;
        assert_int_equal(add_block(d, &blocks[i]), CHAIN_KNOWN_BEFORE);
        assert_int_equal(syncs, 0); /* nothing was written */
    }
    chain_close(d);
    chain_item_free(&genesis);
    free_items(blocks, 20);
}

static void a_file_is_one_networks(void **state)
{
    (void)state;
    chain_close(chain_open(path));
    assert_does_not_open(path, "MAIN", "it is of the network LOCAL");
    chain_close(chain_open(path));
}

static void a_file_is_one_nodes(void **state)
{
    (void)state;
    void *d = chain_open(path);
    assert_does_not_open(path, "LOCAL", "another program has it open");
    chain_close(d);
    chain_close(chain_open(path));
}

static void a_newer_version_is_refused(void **state)
{
    (void)state;
    chain_close(chain_open(path));
    change_file("PRAGMA user_version = 2");
    assert_does_not_open(path, "LOCAL", "it has version 2, and this kith knows version 1");
}

static void another_programs_database_is_not_touched(void **state)
{
    (void)state;
    change_file("CREATE TABLE notes(text)");
    assert_does_not_open(path, "LOCAL", "it is another program's database");
    change_file("INSERT INTO notes VALUES('mine'); PRAGMA user_version = 7; PRAGMA application_id = 99");
    assert_does_not_open(path, "LOCAL", "it is another program's database");
    change_file("SELECT * FROM notes");
}

static void write_file(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text);
    write_file(text, sizeof text);
    assert_does_not_open(path, "LOCAL", "it is no SQLite database");
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_size, sizeof text);
    assert_does_not_open("/nowhere/at/all", "LOCAL", "unable to open database file");
    assert_does_not_open(folder, "LOCAL", "unable to open database file");
}

static void nobody_else_may_read_the_file_or_its_log(void **state)
{
    (void)state;
    void *d = chain_open(path);
    struct stat s;
    char log[160];
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(stat(log, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    chain_close(d);
}

/* An empty file is as none. */
static void an_empty_file_is_a_new_chain(void **state)
{
    (void)state;
    write_file("", 0);
    void *d = chain_open(path);
    assert_int_equal(chain_look(d).height, 0);
    chain_close(d);
}

static void a_damaged_file_is_told(void **state)
{
    (void)state;
    struct chain_item blocks[3], branch[2], waits;
    void *d = chain_open(path);
    fill(d, blocks, branch, &waits);
    chain_close(d);
    change_file("DELETE FROM main WHERE number = 0");
    assert_does_not_open(path, "LOCAL", "it is damaged: a block is missing");
    change_file("DELETE FROM main");
    assert_does_not_open(path, "LOCAL", "it is damaged: a block is missing");
    change_file("DROP TABLE main");
    assert_does_not_open(path, "LOCAL", "no such table: main");
    assert_int_equal(truncate(path, 4096), 0);
    assert_does_not_open(path, "LOCAL", "it is damaged");
    free_items(blocks, 3);
    free_items(branch, 2);
    chain_item_free(&waits);
}

/* Damage that is found later. */
static void a_page_that_is_garbage_fails_what_needs_it(void **state)
{
    (void)state;
    struct chain_item t[4], first, last, genesis = genesis_block();
    for (int i = 0; i < 4; i++) {
        t[i] = make_transaction(i, CHAIN_TRANSACTION_MAX - 1000);
    }
    void *d = chain_open(path);
    first = make_block(&genesis, NOW_S, t, 4);
    assert_int_equal(add_block(d, &first), CHAIN_EXTENDS);
    last = make_block(&first, NOW_S, NULL, 0);
    assert_int_equal(add_block(d, &last), CHAIN_EXTENDS);
    for (int i = 0; i < 4; i++) {
        struct chain_item more = make_transaction(10 + i, CHAIN_TRANSACTION_MAX - 1000);
        assert_int_equal(add_transaction(d, &more), CHAIN_POOLED);
        chain_item_free(&more);
    }
    chain_close(d);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (int page = 100; page < 320; page = page == 200 ? 300 : page + 1) { /* of the texts */
        char garbage[4096];
        randombytes_buf(garbage, sizeof garbage);
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, page * 4096), sizeof garbage);
    }
    close(fd);
    d = chain_open(path);
    for (int i = 0; i < 4; i++) {
        struct store_answer a = chain_ask(d, CHAIN_MAKE_BLOCK, NULL);
        assert_parcel_text(&a, CHAIN_FAILED, "it is damaged");
        assert_int_equal(chain_look(d).height, 2);
        a = chain_ask(d, CHAIN_GET_TRANSACTION, parcel_new(&t[3].id, sizeof t[3].id));
        assert_parcel_text(&a, CHAIN_FAILED, "it is damaged");
    }
    chain_close(d);
    chain_item_free(&genesis);
    chain_item_free(&first);
    chain_item_free(&last);
    free_items(t, 4);
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    struct chain_item blocks[3], branch[2], waits, more[2], large;
    void *d = chain_open(path);
    fill(d, blocks, branch, &waits);
    make_branch(&branch[1], NOW_S + 9, 30, 2, more);
    large = make_transaction(40, 200000);
    const struct chain_state before = chain_look(d);

    limit_files(100 * 1024);
    for (int i = 0; i < 3; i++) {
        struct store_answer a = chain_ask(d, CHAIN_ADD_TRANSACTIONS, chain_pack_one(&large));
        assert_int_equal(a.kind, CHAIN_FAILED);
        assert_true(a.parcel->size > 5);
        parcel_release(a.parcel);
        const struct chain_state after = chain_look(d);
        assert_memory_equal(&before, &after, sizeof before);
        assert_false(knows_transaction(d, &large));
        assert_main(d, blocks, 3);
    }
    limit_files(RLIM_INFINITY);

    assert_int_equal(add_transaction(d, &large), CHAIN_POOLED);
    assert_int_equal(add_block(d, &more[0]), CHAIN_BESIDE);
    limit_files(4096);
    struct store_answer a = chain_ask(d, CHAIN_ADD_BLOCKS, chain_pack_one(&more[1])); /* would switch */
    assert_int_equal(a.kind, CHAIN_FAILED);
    parcel_release(a.parcel);
    assert_main(d, blocks, 3);
    limit_files(RLIM_INFINITY);
    assert_int_equal(add_block(d, &more[1]), CHAIN_SWITCHES);
    chain_close(d);

    d = chain_open(path);
    assert_main(d, (struct chain_item[]){branch[0], branch[1], more[0], more[1]}, 4);
    chain_close(d);
    free_items(blocks, 3);
    free_items(branch, 2);
    free_items(more, 2);
    chain_item_free(&waits);
    chain_item_free(&large);
}

static void without_a_path_nothing_is_left(void **state)
{
    (void)state;
    struct chain_item blocks[3], branch[2], waits;
    for (int i = 0; i < 2; i++) {
        void *d = chain_open("");
        assert_int_equal(chain_look(d).height, 0);
        fill(d, blocks, branch, &waits);
        assert_main(d, blocks, 3);
        chain_close(d);
        free_items(blocks, 3);
        free_items(branch, 2);
        chain_item_free(&waits);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_kept_is_there_after_a_restart),
        TEST(what_is_acknowledged_was_synced_before),
        TEST(a_file_is_one_networks),
        TEST(a_file_is_one_nodes),
        TEST(a_newer_version_is_refused),
        TEST(another_programs_database_is_not_touched),
        TEST(what_is_no_database_is_refused),
        TEST(nobody_else_may_read_the_file_or_its_log),
        TEST(an_empty_file_is_a_new_chain),
        TEST(a_damaged_file_is_told),
        TEST(a_page_that_is_garbage_fails_what_needs_it),
        TEST(a_full_disk_changes_nothing),
        TEST(without_a_path_nothing_is_left),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
