/* The chain as a store: requests and their answers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "chain/grow.h"
#include "chain/request.h"

/* --- opening and closing --- */

static bool open_database(void *state, const struct store_place *place, char *error, size_t error_size)
{
    struct chain_database *d = state;
    bool is_new;
    d->place = *place;
    d->place.path = NULL;
    if (sql_open(&d->sql, place->path, place->network, &is_new)) {
        if (!is_new) {
            sql_begin(&d->sql);
        }
        rows_load(d, is_new);
        if (sql_end(&d->sql)) {
            return true;
        }
    }
    snprintf(error, error_size, "cannot open the chain at '%s': %s", place->path, d->sql.failure);
    found_close(&d->found);
    sql_close(&d->sql);
    return false;
}

static void close_database(void *state)
{
    struct chain_database *d = state;
    found_close(&d->found);
    sql_close(&d->sql);
}

/* --- transactions of the database --- */

static void begin(struct chain_database *d)
{
    d->before = d->sums;
    sql_begin(&d->sql);
}

static bool end(struct chain_database *d)
{
    bool good = sql_end(&d->sql);
    if (!good) {
        d->sums = d->before;
        d->found.is_stale = true;
    }
    return good;
}

static void answer_with(struct store_answer *a, enum chain_answer kind, const void *bytes, size_t size)
{
    a->kind = kind;
    a->parcel = parcel_new(bytes, size);
    if (!a->parcel) {
        a->kind = CHAIN_FAILED; /* without a reason, for which there is no memory either */
    }
}

static void answer_text(struct store_answer *a, enum chain_answer kind, const char *text)
{
    answer_with(a, kind, text, strlen(text));
}

/* --- adding --- */

size_t chain_added_pack(const struct parcel *added)
{
    const struct chain_added *head = (const void *)added->bytes;
    return sizeof *head + head->n;
}

/* An answer with room for n verdicts, and with that item behind them if there is one. NULL and the failure
 * noted if memory is short: then nothing may be kept, as nobody could be told. */
static struct chain_added *make_added(struct chain_database *d, struct store_answer *a, size_t n,
                                      const struct chain_item *item)
{
    struct parcel *pack = item ? chain_pack_one(item) : NULL;
    size_t size = sizeof(struct chain_added) + n;
    if (!item || pack) {
        a->parcel = parcel_new(NULL, size + (pack ? pack->size : 0));
    }
    struct chain_added *added = NULL;
    if (a->parcel) {
        added = (void *)a->parcel->bytes;
        memset(added, 0, size);
        added->n = (uint32_t)n;
        if (pack) {
            memcpy(a->parcel->bytes + size, pack->bytes, pack->size);
        }
    } else {
        sql_fail(&d->sql, "out of memory");
    }
    parcel_release(pack);
    return added;
}

static void finish_added(struct chain_database *d, struct store_answer *a, struct chain_added *added,
                         struct growth *g)
{
    if (end(d)) {
        a->kind = CHAIN_ADDED;
        added->state = d->sums.state;
        added->fork = g->fork;
        added->lost = g->lost;
        snprintf(added->reason, sizeof added->reason, "%s", g->reason ? g->reason : "");
    } else {
        parcel_release(a->parcel);
        a->parcel = NULL;
        answer_text(a, CHAIN_FAILED, d->sql.failure);
    }
    growth_free(g);
}

typedef enum chain_verdict grow_function(struct chain_database *d, const struct chain_item *item,
                                         struct growth *g);

static void add_pack(struct chain_database *d, const struct parcel *pack, grow_function *grow,
                     struct store_answer *a)
{
    struct chain_item item;
    struct growth g = GROWTH_NONE;
    size_t n = 0;
    for (size_t at = 0; chain_pack_next(pack, &at, &item);) {
        n++;
    }
    begin(d);
    struct chain_added *added = make_added(d, a, n, NULL);
    size_t at = 0;
    for (size_t i = 0; i < n && !sql_failed(&d->sql) && chain_pack_next(pack, &at, &item); i++) {
        added->verdicts[i] = (uint8_t)grow(d, &item, &g);
    }
    finish_added(d, a, added, &g);
}

/* Why an application cannot have its own one kept; NULL if it can. */
static const char *refusal(enum chain_verdict verdict, const struct growth *g)
{
    switch (verdict) {
    case CHAIN_INVALID:
        return g->reason;
    case CHAIN_ORPHAN:
        return "the block's parent is not known";
    case CHAIN_FULL:
        return "there is no room for it";
    case CHAIN_EXTENDS:
    case CHAIN_SWITCHES:
    case CHAIN_BESIDE:
    case CHAIN_POOLED:
    case CHAIN_KNOWN_BEFORE:
        break;
    }
    return NULL;
}

/* In a transaction. */
static void add_own(struct chain_database *d, const struct chain_item *item, grow_function *grow,
                    struct store_answer *a)
{
    struct growth g = GROWTH_NONE;
    struct chain_added *added = make_added(d, a, 1, item);
    enum chain_verdict verdict = added ? grow(d, item, &g) : CHAIN_KNOWN_BEFORE;
    const char *why = refusal(verdict, &g);
    if (why && !sql_failed(&d->sql)) {
        end(d);
        parcel_release(a->parcel);
        a->parcel = NULL;
        answer_text(a, CHAIN_REFUSED, why);
        growth_free(&g);
        return;
    }
    if (added) {
        added->verdicts[0] = (uint8_t)verdict;
    }
    finish_added(d, a, added, &g);
}

typedef bool read_function(const json_t *value, struct chain_item *item, const char **why);

static void submit(struct chain_database *d, const struct parcel *text, read_function *read,
                   grow_function *grow, struct store_answer *a)
{
    struct chain_item item;
    const char *why = "";
    json_t *value = json_read(text->bytes, text->size, &why);
    bool good = value && read(value, &item, &why);
    json_decref(value);
    if (!good) {
        answer_text(a, CHAIN_REFUSED, why);
        return;
    }
    begin(d);
    add_own(d, &item, grow, a);
    chain_item_free(&item);
}

/* --- making a block from the pool --- */

/* Texts of the pool, the oldest first, with commas between them, as many as fit into a block. */
struct gathered {
    char *bytes;
    size_t size, room;
};

static bool gather(struct chain_database *d, struct gathered *g)
{
    enum { REST = 512 }; /* bytes and weight of a block beside its transactions */
    struct sql *s = &d->sql;
    sqlite3_stmt *st = sql_get(s, SQL_POOL_ALL);
    size_t weight = REST;
    for (size_t n = 0; n < CHAIN_TRANSACTIONS_OF_BLOCK_MAX && sql_row(s, st); n++) {
        size_t size = (size_t)sqlite3_column_bytes(st, 1);
        weight += (size_t)sqlite3_column_int64(st, 0);
        if (g->size + 1 + size > CHAIN_BLOCK_MAX - REST || weight > CHAIN_BLOCK_WEIGHT_MAX) {
            break;
        }
        if (!array_reserve(g->bytes, g->room, g->size + 1 + size)) {
            sql_fail(s, "out of memory");
            break;
        }
        if (n > 0) {
            g->bytes[g->size++] = ',';
        }
        memcpy(g->bytes + g->size, sqlite3_column_blob(st, 1), size);
        g->size += size;
    }
    sql_end_rows(st);
    return !sql_failed(s);
}

static void make_block(struct chain_database *d, struct store_answer *a)
{
    const struct chain_state *state = &d->sums.state;
    const struct chain_item prev = {.id = state->tip, .number = state->height};
    int64_t now_s = d->place.wall_ms() / 1000;
    struct gathered gathered = {0};
    struct chain_item block;
    begin(d);
    if (!gather(d, &gathered)) {
        finish_added(d, a, NULL, &GROWTH_NONE);
    } else if (!chain_block_make(&prev, now_s > state->tip_time_s ? now_s : state->tip_time_s, gathered.bytes,
                                 gathered.size, &block)) {
        end(d);
        answer_text(a, CHAIN_REFUSED,
                    "the block cannot be made: the chain is at its end, or memory is short");
    } else {
        add_own(d, &block, grow_by_block, a);
        chain_item_free(&block);
    }
    free(gathered.bytes);
}

/* --- asking --- */

static bool look_failed(struct chain_database *d, struct store_answer *a)
{
    if (sql_failed(&d->sql)) {
        parcel_release(a->parcel);
        a->parcel = NULL;
        answer_text(a, CHAIN_FAILED, d->sql.failure);
    }
    return sql_failed(&d->sql);
}

static void get_hashes(struct chain_database *d, const struct chain_range *range, struct store_answer *a)
{
    struct sql *s = &d->sql;
    int64_t from = range->from < 0 ? 0 : range->from;
    int64_t most = range->count < 0 ? 0 : range->count > CHAIN_LIST_MAX ? CHAIN_LIST_MAX : range->count;
    struct chain_hashes *list = calloc(1, sizeof *list + (size_t)most * sizeof list->hashes[0]);
    if (!list) {
        a->kind = CHAIN_FAILED;
        return;
    }
    list->from = from;
    sqlite3_stmt *st = sql_get(s, SQL_MAIN_HASHES);
    sql_bind_number(s, st, 1, from);
    sql_bind_number(s, st, 2, most);
    while (sql_row(s, st) && sql_hash(s, st, 0, &list->hashes[list->n])) {
        list->n++;
    }
    if (!look_failed(d, a)) {
        answer_with(a, CHAIN_HASHES, list, sizeof *list + list->n * sizeof list->hashes[0]);
    }
    free(list);
}

static bool find_block(struct chain_database *d, const struct chain_wanted *wanted, size_t i,
                       struct chain_item *block)
{
    int64_t number = wanted->items[i].number;
    if (wanted->by_hash) {
        const struct chain_hash hash = wanted->items[i].hash;
        if (!main_find(d, &hash, &number)) {
            return side_find(d, &hash, block);
        }
    }
    return main_at(d, number, block);
}

struct parcel *chain_wanted_new(uint32_t n, bool by_hash, struct chain_wanted **w)
{
    struct parcel *p = parcel_new(NULL, sizeof **w + n * sizeof(*w)->items[0]);
    *w = p ? (void *)p->bytes : NULL;
    if (p) {
        memset(p->bytes, 0, p->size);
        (*w)->n = n;
        (*w)->by_hash = by_hash;
    }
    return p;
}

size_t chain_found_pack(const struct parcel *found)
{
    (void)found;
    return sizeof(struct chain_found);
}

static void get_blocks(struct chain_database *d, const struct chain_wanted *wanted, struct store_answer *a)
{
    struct chain_found found = {0};
    struct chain_pack pack = {0};
    size_t bytes = 0, weight = 0;
    pack.failed = !array_reserve(pack.bytes, pack.room, sizeof found);
    pack.size = sizeof found;
    for (; found.looked < wanted->n && !sql_failed(&d->sql); found.looked++) {
        struct chain_item block;
        if (!find_block(d, wanted, found.looked, &block)) {
            continue;
        }
        bytes += block.size + (found.n > 0);
        weight += block.weight;
        if (found.n > 0 && (bytes > CHAIN_BLOCKS_BYTES_MAX || weight > CHAIN_BLOCK_WEIGHT_MAX)) {
            break;
        }
        chain_pack_add(&pack, &block);
        found.n++;
    }
    if (!look_failed(d, a) && !pack.failed) {
        memcpy(pack.bytes, &found, sizeof found);
        a->parcel = chain_pack_end(&pack);
        a->kind = a->parcel ? CHAIN_BLOCKS : CHAIN_FAILED;
    } else {
        a->kind = CHAIN_FAILED;
    }
    chain_pack_free(&pack);
}

static void get_transaction(struct chain_database *d, const struct chain_hash *id, struct store_answer *a)
{
    struct chain_item transaction;
    bool has = pool_find(d, id, &transaction) || main_transaction(d, id, &transaction);
    if (look_failed(d, a)) {
        return;
    }
    a->parcel = has ? chain_pack_one(&transaction) : NULL;
    a->kind = has && !a->parcel ? CHAIN_FAILED : CHAIN_TRANSACTION;
}

static void locate(struct chain_database *d, const struct chain_wanted *wanted, struct store_answer *a)
{
    a->parcel = parcel_new(NULL, wanted->n);
    a->kind = a->parcel ? CHAIN_KNOWN : CHAIN_FAILED;
    for (size_t i = 0; i < wanted->n && a->parcel; i++) {
        a->parcel->bytes[i] = block_is_known(d, &wanted->items[i].hash);
    }
    look_failed(d, a);
}

/* --- requests --- */

static void answer(void *state, const struct store_request *q, struct store_answer *a)
{
    struct chain_database *d = state;
    const void *parcel = q->parcel ? q->parcel->bytes : NULL;
    d->sql.failure[0] = '\0';
    switch ((enum chain_request)q->kind) {
    case CHAIN_GET_STATE:
        answer_with(a, CHAIN_STATE, &d->sums.state, sizeof d->sums.state);
        break;
    case CHAIN_ADD_BLOCKS:
        add_pack(d, q->parcel, grow_by_block, a);
        break;
    case CHAIN_ADD_TRANSACTIONS:
        add_pack(d, q->parcel, grow_by_transaction, a);
        break;
    case CHAIN_SUBMIT_BLOCK:
        submit(d, q->parcel, chain_block_read, grow_by_block, a);
        break;
    case CHAIN_SUBMIT_TRANSACTION:
        submit(d, q->parcel, chain_transaction_read, grow_by_transaction, a);
        break;
    case CHAIN_MAKE_BLOCK:
        make_block(d, a);
        break;
    case CHAIN_GET_HASHES:
        get_hashes(d, parcel, a);
        break;
    case CHAIN_GET_BLOCKS:
        get_blocks(d, parcel, a);
        break;
    case CHAIN_GET_TRANSACTION:
        get_transaction(d, parcel, a);
        break;
    case CHAIN_LOCATE:
        locate(d, parcel, a);
        break;
    }
}

/* SQLite's pages, the latest transactions, in an array that may be twice as long and is copied when it grows,
 * and at the same time: a block that moves, with SQLite's copies of it; the texts that a block is made of;
 * the paths of two branches. */
#define MEMORY_MAX                                                                                           \
    (SQL_CACHE_BYTES + 8 * (uint64_t)CHAIN_BLOCK_MAX +                                                       \
     4 * (CHAIN_SIDE_MAX + 2) * sizeof(struct chain_hash) + FOUND_BYTES_MAX)

const struct store_schema chain_schema = {
    .size = sizeof(struct chain_database),
    .memory = MEMORY_MAX,
    .open = open_database,
    .answer = answer,
    .close = close_database,
};
