/* How fast the chain takes blocks, beside what SQLite alone inserts on the same disk: a row with its index
 * for each block, in transactions of as many.
 *
 * usage: chain FOLDER [BLOCKS [PACK [TRANSACTIONS]]]   blocks of so many transactions each, PACK of them at
 * once It writes two files into the folder, removes them, and prints one line for each and one that compares
 * them. */
#include <inttypes.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "chain/request.h"

struct packs {
    struct parcel **items;
    size_t n, blocks, bytes;
};

static void fail(const char *what)
{
    fprintf(stderr, "chain: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct chain_item make_block(const struct chain_item *prev, int transactions)
{
    char *list = malloc(256 * (size_t)(transactions + 1));
    size_t size = 0;
    for (int i = 0; i < transactions; i++) {
        size +=
            (size_t)sprintf(list + size,
                            "%s{\"message\":[\"a message of some length, as people write them %08x%08x\"],"
                            "\"receiver\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\","
                            "\"sender\":\"abababababababababababababababababababab\"}",
                            i > 0 ? "," : "", randombytes_random(), randombytes_random());
    }
    struct chain_item block;
    if (!chain_block_make(prev, prev->number + 1, list, size, &block)) {
        fail("a block cannot be made");
    }
    free(list);
    return block;
}

static struct packs make_packs(size_t blocks, size_t pack_size, int transactions)
{
    struct packs p = {.items = calloc(blocks / pack_size + 1, sizeof *p.items)};
    struct chain_item prev;
    struct chain_pack pack = {0};
    if (!chain_genesis("LOCAL", &prev)) {
        fail("there is no genesis");
    }
    while (p.blocks < blocks) {
        struct chain_item block = make_block(&prev, transactions);
        chain_item_free(&prev);
        chain_pack_add(&pack, &block);
        p.bytes += block.size;
        prev = block;
        if (++p.blocks % pack_size == 0 || p.blocks == blocks) {
            p.items[p.n++] = chain_pack_end(&pack);
        }
    }
    chain_item_free(&prev);
    return p;
}

static void remove_database(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char name[600];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* --- SQLite alone --- */

static void run_sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fail(sqlite3_errmsg(db));
    }
}

static void insert(sqlite3 *db, sqlite3_stmt *st, const struct parcel *pack)
{
    struct chain_item block;
    run_sql(db, "BEGIN");
    for (size_t at = 0; chain_pack_next(pack, &at, &block);) {
        sqlite3_bind_int64(st, 1, block.number);
        sqlite3_bind_blob(st, 2, block.id.bytes, sizeof block.id.bytes, SQLITE_STATIC);
        sqlite3_bind_blob64(st, 3, block.text, block.size, SQLITE_STATIC);
        if (sqlite3_step(st) != SQLITE_DONE) {
            fail(sqlite3_errmsg(db));
        }
        sqlite3_reset(st);
    }
    run_sql(db, "COMMIT");
}

static double sqlite_alone(const char *path, const struct packs *p)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    remove_database(path);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        fail(sqlite3_errmsg(db));
    }
    run_sql(db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE blocks(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, text BLOB NOT NULL)");
    sqlite3_prepare_v2(db, "INSERT INTO blocks VALUES(?1, ?2, ?3)", -1, &st, NULL);
    int64_t began = clock_ms();
    for (size_t i = 0; i < p->n; i++) {
        insert(db, st, p->items[i]);
    }
    double seconds = (double)(clock_ms() - began) / 1e3;
    sqlite3_finalize(st);
    sqlite3_close(db);
    remove_database(path);
    return (double)p->blocks / seconds;
}

/* --- the chain --- */

static int64_t wall_ms(void)
{
    return time(NULL) * INT64_C(1000);
}

static double chain(const char *path, const struct packs *p)
{
    char error[200];
    const struct store_place place = {.path = path, .network = "LOCAL", .wall_ms = wall_ms};
    void *d = calloc(1, chain_schema.size);
    remove_database(path);
    if (!chain_schema.open(d, &place, error, sizeof error)) {
        fail(error);
    }
    int64_t began = clock_ms();
    for (size_t i = 0; i < p->n; i++) {
        struct store_answer a = {0};
        chain_schema.answer(d, &(struct store_request){.kind = CHAIN_ADD_BLOCKS, .parcel = p->items[i]}, &a);
        const struct chain_added *added = a.parcel ? (const void *)a.parcel->bytes : NULL;
        if (a.kind != CHAIN_ADDED || added->verdicts[added->n - 1] != CHAIN_EXTENDS) {
            fail("a block was not taken");
        }
        parcel_release(a.parcel);
    }
    double seconds = (double)(clock_ms() - began) / 1e3;
    chain_schema.close(d);
    free(d);
    remove_database(path);
    return (double)p->blocks / seconds;
}

int main(int argc, char **argv)
{
    char path[512];
    size_t blocks = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
    size_t pack_size = argc > 3 ? strtoul(argv[3], NULL, 10) : 128;
    int transactions = argc > 4 ? atoi(argv[4]) : 1;
    if (argc < 2 || sodium_init() < 0 || blocks == 0 || pack_size == 0 || transactions < 0) {
        fail("usage: chain FOLDER [BLOCKS [PACK [TRANSACTIONS]]]");
    }
    snprintf(path, sizeof path, "%s/kith-bench-chain", argv[1]);
    struct packs p = make_packs(blocks, pack_size, transactions);
    printf("%zu blocks of %d transactions, %zu bytes each, %zu at once\n", p.blocks, transactions,
           p.bytes / p.blocks, pack_size);
    double alone = sqlite_alone(path, &p), ours = chain(path, &p);
    printf("SQLite alone: %.0f blocks/s\n", alone);
    printf("the chain: %.0f blocks/s, %.2f of that\n", ours, ours / alone);
    for (size_t i = 0; i < p.n; i++) {
        parcel_release(p.items[i]);
    }
    free(p.items);
    return EXIT_SUCCESS;
}
