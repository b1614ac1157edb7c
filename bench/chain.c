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

/* --- what it costs --- */

struct cost {
    int64_t began_ms, ms;
    double cpu_s;
    uint64_t written;
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes that this process has passed to write(2): the system's count. 0 if it tells none. */
static uint64_t written(void)
{
    uint64_t bytes = 0;
    char line[80];
    FILE *f = fopen("/proc/self/io", "r");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "wchar: %" SCNu64, &bytes) != 1) {
    }
    if (f) {
        fclose(f);
    }
    return bytes;
}

static struct cost begin_cost(void)
{
    return (struct cost){.began_ms = clock_ms(), .cpu_s = cpu_s(), .written = written()};
}

static void end_cost(struct cost *c)
{
    c->ms = clock_ms() - c->began_ms;
    c->cpu_s = cpu_s() - c->cpu_s;
    c->written = written() - c->written;
}

static void print_cost(const char *who, const struct cost *c, size_t blocks)
{
    printf("%s: %.0f blocks/s; for each, %.1f us of a processor and %.1f KiB written\n", who,
           (double)blocks * 1e3 / (double)c->ms, c->cpu_s * 1e6 / (double)blocks,
           (double)c->written / 1024 / (double)blocks);
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

static struct cost sqlite_alone(const char *path, const struct packs *p)
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
    struct cost cost = begin_cost();
    for (size_t i = 0; i < p->n; i++) {
        insert(db, st, p->items[i]);
    }
    end_cost(&cost);
    sqlite3_finalize(st);
    sqlite3_close(db);
    remove_database(path);
    return cost;
}

/* --- the chain --- */

static int64_t wall_ms(void)
{
    return time(NULL) * INT64_C(1000);
}

static struct cost chain(const char *path, const struct packs *p)
{
    char error[200];
    const struct store_place place = {.path = path, .network = "LOCAL", .wall_ms = wall_ms};
    void *d = calloc(1, chain_schema.size);
    remove_database(path);
    if (!chain_schema.open(d, &place, error, sizeof error)) {
        fail(error);
    }
    struct cost cost = begin_cost();
    for (size_t i = 0; i < p->n; i++) {
        struct store_answer a = {0};
        chain_schema.answer(d, &(struct store_request){.kind = CHAIN_ADD_BLOCKS, .parcel = p->items[i]}, &a);
        const struct chain_added *added = a.parcel ? (const void *)a.parcel->bytes : NULL;
        if (a.kind != CHAIN_ADDED || added->verdicts[added->n - 1] != CHAIN_EXTENDS) {
            fail("a block was not taken");
        }
        parcel_release(a.parcel);
    }
    end_cost(&cost);
    chain_schema.close(d);
    free(d);
    remove_database(path);
    return cost;
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
    struct cost alone = sqlite_alone(path, &p), ours = chain(path, &p);
    print_cost("SQLite alone", &alone, p.blocks);
    print_cost("the chain", &ours, p.blocks);
    printf("%.2f of its rate\n", (double)alone.ms / (double)ours.ms);
    for (size_t i = 0; i < p.n; i++) {
        parcel_release(p.items[i]);
    }
    free(p.items);
    return EXIT_SUCCESS;
}
