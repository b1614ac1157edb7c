/* Where transactions lie: in memory first, then in the table; after a restart, a switch, and a write that
 * fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <unistd.h>

#include "chain/found.h"
#include "tests/unit/chain_fixture.h"

enum {
    BIG = 8000,                      /* transactions of a block */
    ENOUGH = FOUND_LATEST / BIG + 1, /* so many of those go into the table */
    BEHIND = 3,
};

static char folder[64], path[128];
static struct chain_item genesis;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/kith-chain-XXXXXX");
    fixture_now_s = NOW_S;
    genesis = genesis_block();
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/store", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    chain_item_free(&genesis);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* The transaction with that number as its message, alone. */
static struct chain_item small(int number)
{
    struct chain_item item;
    const char *why;
    json_t *value = json_pack("{s:s,s:s,s:[i]}", "sender", "abababababababababababababababababababab",
                              "receiver", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "message", number);
    assert_true(chain_transaction_read(value, &item, &why));
    json_decref(value);
    return item;
}

/* Of n of those, from that number on. */
static struct chain_item big_block(const struct chain_item *prev, int first, int n)
{
    struct chain_item *all = calloc((size_t)n, sizeof *all);
    for (int i = 0; i < n; i++) {
        all[i] = small(first + i);
    }
    struct chain_item block = make_block(prev, NOW_S, all, (size_t)n);
    free_items(all, (size_t)n);
    free(all);
    return block;
}

static bool knows(void *d, int number)
{
    struct chain_item t = small(number);
    bool is_known = knows_transaction(d, &t);
    assert_int_equal(add_transaction(d, &t), is_known ? CHAIN_KNOWN_BEFORE : CHAIN_POOLED);
    chain_item_free(&t);
    return is_known;
}

static int64_t ask_file(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return number;
}

static struct chain_item blocks[ENOUGH + BEHIND];

/* Big ones, until they are in the table, and small ones behind them. */
static void *fill(void)
{
    void *d = chain_open(path);
    for (int i = 0; i < ENOUGH + BEHIND; i++) {
        blocks[i] = big_block(i == 0 ? &genesis : &blocks[i - 1], i * BIG, i < ENOUGH ? BIG : 5);
        assert_int_equal(add_block(d, &blocks[i]), CHAIN_EXTENDS);
    }
    return d;
}

static void assert_all_known(void *d)
{
    for (int i = 0; i < ENOUGH + BEHIND; i++) {
        assert_true(knows(d, i * BIG));
        assert_true(knows(d, i * BIG + 4));
    }
    assert_int_equal(chain_look(d).pool, 0);
}

static void a_transaction_is_found_wherever_it_lies(void **state)
{
    (void)state;
    void *d = fill();
    assert_all_known(d);
    chain_close(d);
    assert_int_equal(ask_file("SELECT indexed FROM about"), ENOUGH);
    assert_int_equal(ask_file("SELECT count(*) FROM found"), ENOUGH * BIG + 1); /* and the genesis */
    d = chain_open(path);
    assert_all_known(d);
    assert_false(knows(d, 5 + (ENOUGH + 1) * BIG));
    chain_close(d);
    free_items(blocks, ENOUGH + BEHIND);
}

/* Two blocks leave main whose transactions are in the table, and all that are not. */
static void a_switch_takes_them_out_of_the_table_and_of_memory(void **state)
{
    (void)state;
    void *d = fill();
    struct chain_item other[BEHIND + 3];
    for (int i = 0; i < BEHIND + 3; i++) {
        other[i] = big_block(i == 0 ? &blocks[ENOUGH - 3] : &other[i - 1], -100 * (i + 1), 1);
        assert_int_equal(add_block(d, &other[i]), i < BEHIND + 2 ? CHAIN_BESIDE : CHAIN_SWITCHES);
    }
    assert_int_equal(chain_look(d).pool, 2 * BIG + BEHIND * 5);
    for (int i = 0; i < BEHIND + 3; i++) {
        assert_true(knows(d, -100 * (i + 1)));
    }
    chain_close(d);
    assert_int_equal(ask_file("SELECT indexed FROM about"), ENOUGH - 2);
    assert_int_equal(ask_file("SELECT count(*) FROM found"), (ENOUGH - 2) * BIG + 1);

    /* And back. What main has is not in the pool. */
    d = chain_open(path);
    struct chain_item more = big_block(&blocks[ENOUGH + BEHIND - 1], 1000000, 1);
    struct chain_item last = big_block(&more, 1000001, 1);
    assert_int_equal(add_block(d, &more), CHAIN_BESIDE);
    assert_int_equal(add_block(d, &last), CHAIN_SWITCHES);
    assert_int_equal(chain_look(d).pool, BEHIND + 3);
    for (int i = 0; i < ENOUGH + BEHIND; i++) {
        assert_true(knows(d, i * BIG));
    }
    assert_int_equal(chain_look(d).pool, BEHIND + 3);
    chain_close(d);
    chain_item_free(&more);
    chain_item_free(&last);
    free_items(other, BEHIND + 3);
    free_items(blocks, ENOUGH + BEHIND);
}

static void what_was_not_kept_is_not_found(void **state)
{
    (void)state;
    void *d = chain_open(path);
    struct chain_item first = big_block(&genesis, 0, 5), next = big_block(&first, 10, 5);
    assert_int_equal(add_block(d, &first), CHAIN_EXTENDS);
    limit_files(4096);
    struct store_answer a = chain_ask(d, CHAIN_ADD_BLOCKS, chain_pack_one(&next));
    assert_int_equal(a.kind, CHAIN_FAILED);
    parcel_release(a.parcel);
    limit_files(RLIM_INFINITY);
    assert_true(knows(d, 0));
    assert_false(knows(d, 10));
    assert_int_equal(add_block(d, &next), CHAIN_EXTENDS);
    assert_true(knows(d, 14));
    chain_close(d);
    chain_item_free(&first);
    chain_item_free(&next);
}

/* Blocks without transactions do not make a start longer and longer. */
static void a_start_reads_a_bounded_number_of_blocks(void **state)
{
    (void)state;
    void *d = chain_open(path);
    struct chain_item prev = genesis_block();
    for (int number = 1; number <= FOUND_BLOCKS;) {
        struct chain_pack pack = {0};
        for (int i = 0; i < 4096 && number <= FOUND_BLOCKS; i++, number++) {
            struct chain_item block = make_block(&prev, NOW_S, NULL, 0);
            chain_item_free(&prev);
            chain_pack_add(&pack, &block);
            prev = block;
        }
        struct store_answer a = chain_ask(d, CHAIN_ADD_BLOCKS, chain_pack_end(&pack));
        assert_int_equal(a.kind, CHAIN_ADDED);
        parcel_release(a.parcel);
    }
    chain_item_free(&prev);
    assert_int_equal(chain_look(d).height, FOUND_BLOCKS);
    chain_close(d);
    assert_true(ask_file("SELECT indexed FROM about") >= FOUND_BLOCKS - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_transaction_is_found_wherever_it_lies),
        TEST(a_switch_takes_them_out_of_the_table_and_of_memory),
        TEST(what_was_not_kept_is_not_found),
        TEST(a_start_reads_a_bounded_number_of_blocks),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
