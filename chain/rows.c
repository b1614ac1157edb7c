#include "chain/rows.h"

#include <string.h>

/* What is left of a row from `column` on: time, n, weight, text. */
static void read_rest(sqlite3_stmt *st, int column, struct chain_item *block)
{
    block->time_s = sqlite3_column_int64(st, column);
    block->n_transactions = (uint32_t)sqlite3_column_int64(st, column + 1);
    block->weight = (uint32_t)sqlite3_column_int64(st, column + 2);
    block->text = sqlite3_column_blob(st, column + 3);
    block->size = (size_t)sqlite3_column_bytes(st, column + 3);
}

static void bind_rest(struct sql *s, sqlite3_stmt *st, int at, const struct chain_item *block)
{
    sql_bind_number(s, st, at, block->time_s);
    sql_bind_number(s, st, at + 1, block->n_transactions);
    sql_bind_number(s, st, at + 2, block->weight);
    sql_bind_bytes(s, st, at + 3, block->text, block->size);
}

static bool find(struct sql *s, enum sql_statement which, const struct chain_hash *hash, sqlite3_stmt **st)
{
    *st = sql_get(s, which);
    sql_bind_hash(s, *st, 1, hash);
    return sql_row(s, *st);
}

/* --- main --- */

static void set_tip(struct chain_database *d, const struct chain_item *last)
{
    d->sums.state.tip = last->id;
    d->sums.state.height = last->number;
    d->sums.state.tip_time_s = last->time_s;
}

/* After a start, and after a transaction of the database that has failed. */
static void found_anew(struct chain_database *d)
{
    struct chain_item block;
    if (!d->found.is_stale) {
        return;
    }
    found_clear(&d->found);
    for (int64_t n = d->sums.indexed + 1; n <= d->sums.state.height && main_at(d, n, &block); n++) {
        found_add(&d->sql, &d->found, &block);
    }
    d->found.is_stale = sql_failed(&d->sql);
}

/* Nothing if it is not there. */
static void pool_remove(struct chain_database *d, const struct chain_hash *id)
{
    sqlite3_stmt *st;
    if (d->sums.state.pool > 0 && find(&d->sql, SQL_POOL_REMOVE, id, &st)) {
        d->sums.state.pool--;
        d->sums.state.pool_bytes -= (uint64_t)sqlite3_column_int64(st, 0);
        sql_run(&d->sql, st);
    }
}

static void note_transactions(struct chain_database *d, const struct chain_item *block)
{
    struct chain_item transaction;
    found_add(&d->sql, &d->found, block);
    found_settle(&d->sql, &d->found, block->number, &d->sums.indexed);
    for (size_t at = 0; d->sums.state.pool > 0 && chain_block_transaction(block, &at, &transaction);) {
        pool_remove(d, &transaction.id);
    }
}

void main_push(struct chain_database *d, const struct chain_item *block)
{
    struct sql *s = &d->sql;
    found_anew(d);
    sqlite3_stmt *st = sql_get(s, SQL_MAIN_ADD);
    sql_bind_number(s, st, 1, block->number);
    sql_bind_hash(s, st, 2, &block->id);
    bind_rest(s, st, 3, block);
    sql_run(s, st);
    note_transactions(d, block);
    set_tip(d, block);
}

void main_pop(struct chain_database *d, const struct chain_item *last)
{
    struct sql *s = &d->sql;
    struct chain_item before;
    found_anew(d);
    found_remove(s, &d->found, last, &d->sums.indexed);
    sqlite3_stmt *st = sql_get(s, SQL_MAIN_REMOVE);
    sql_bind_number(s, st, 1, last->number);
    sql_run(s, st);
    if (main_at(d, last->number - 1, &before)) {
        set_tip(d, &before);
    }
}

bool main_at(struct chain_database *d, int64_t number, struct chain_item *block)
{
    struct sql *s = &d->sql;
    *block = (struct chain_item){.number = number};
    sqlite3_stmt *st = sql_get(s, SQL_MAIN_AT);
    sql_bind_number(s, st, 1, number);
    if (!sql_row(s, st) || !sql_hash(s, st, 0, &block->id) ||
        (number > 0 && !sql_hash(s, st, 1, &block->prev))) {
        return false;
    }
    read_rest(st, 2, block);
    return true;
}

bool main_find(struct chain_database *d, const struct chain_hash *hash, int64_t *number)
{
    sqlite3_stmt *st;
    if (!find(&d->sql, SQL_MAIN_FIND, hash, &st)) {
        return false;
    }
    *number = sqlite3_column_int64(st, 0);
    sql_end_rows(st);
    return true;
}

bool main_has_transaction(struct chain_database *d, const struct chain_hash *id)
{
    found_anew(d);
    return found_has(&d->sql, &d->found, id);
}

bool main_transaction(struct chain_database *d, const struct chain_hash *id, struct chain_item *transaction)
{
    found_anew(d);
    *transaction = (struct chain_item){.id = *id};
    if (!found_text(&d->sql, &d->found, id, &transaction->text, &transaction->size)) {
        return false;
    }
    chain_transaction_weigh(transaction);
    return true;
}

/* --- side branches --- */

static void count_child(struct chain_database *d, const struct chain_hash *parent, int more)
{
    sqlite3_stmt *st = sql_get(&d->sql, SQL_SIDE_CHILDREN);
    sql_bind_hash(&d->sql, st, 1, parent);
    sql_bind_number(&d->sql, st, 2, more);
    sql_run(&d->sql, st); /* changes nothing if the parent is in main */
}

void side_add(struct chain_database *d, const struct chain_item *block)
{
    struct sql *s = &d->sql;
    sqlite3_stmt *st = sql_get(s, SQL_SIDE_ADD);
    sql_bind_hash(s, st, 1, &block->id);
    sql_bind_hash(s, st, 2, &block->prev);
    sql_bind_number(s, st, 3, block->number);
    bind_rest(s, st, 4, block);
    sql_run(s, st);
    count_child(d, &block->prev, 1);
    d->sums.state.side++;
    d->sums.side_bytes += block->size;
}

static void remove_row(struct chain_database *d, const struct chain_hash *hash, const struct chain_hash *prev,
                       size_t size)
{
    sqlite3_stmt *st = sql_get(&d->sql, SQL_SIDE_REMOVE);
    sql_bind_hash(&d->sql, st, 1, hash);
    sql_run(&d->sql, st);
    count_child(d, prev, -1);
    d->sums.state.side--;
    d->sums.side_bytes -= size;
}

void side_remove(struct chain_database *d, const struct chain_item *block)
{
    remove_row(d, &block->id, &block->prev, block->size);
}

bool side_find(struct chain_database *d, const struct chain_hash *hash, struct chain_item *block)
{
    sqlite3_stmt *st;
    if (d->sums.state.side == 0 || !find(&d->sql, SQL_SIDE_FIND, hash, &st)) {
        return false;
    }
    *block = (struct chain_item){.id = *hash, .number = sqlite3_column_int64(st, 1)};
    read_rest(st, 2, block);
    return sql_hash(&d->sql, st, 0, &block->prev);
}

bool side_trim(struct chain_database *d, const struct chain_hash *kept)
{
    while (!sql_failed(&d->sql) &&
           (d->sums.state.side > CHAIN_SIDE_MAX || d->sums.side_bytes > CHAIN_SIDE_BYTES_MAX)) {
        sqlite3_stmt *st;
        struct chain_hash hash, prev;
        if (!find(&d->sql, SQL_SIDE_OLDEST, kept, &st) || !sql_hash(&d->sql, st, 0, &hash) ||
            !sql_hash(&d->sql, st, 1, &prev)) {
            return false;
        }
        size_t size = (size_t)sqlite3_column_int64(st, 2);
        sql_end_rows(st);
        remove_row(d, &hash, &prev, size);
    }
    return true;
}

/* --- the pool --- */

bool pool_has_room(const struct chain_database *d, const struct chain_item *transaction)
{
    return d->sums.state.pool < CHAIN_POOL_MAX &&
           d->sums.state.pool_bytes + transaction->size <= CHAIN_POOL_BYTES_MAX;
}

void pool_add(struct chain_database *d, const struct chain_item *transaction)
{
    struct sql *s = &d->sql;
    sqlite3_stmt *st = sql_get(s, SQL_POOL_ADD);
    sql_bind_hash(s, st, 1, &transaction->id);
    sql_bind_number(s, st, 2, transaction->weight);
    sql_bind_bytes(s, st, 3, transaction->text, transaction->size);
    sql_run(s, st);
    d->sums.state.pool++;
    d->sums.state.pool_bytes += transaction->size;
}

bool pool_find(struct chain_database *d, const struct chain_hash *id, struct chain_item *transaction)
{
    sqlite3_stmt *st;
    if (d->sums.state.pool == 0 || !find(&d->sql, SQL_POOL_FIND, id, &st)) {
        return false;
    }
    *transaction = (struct chain_item){.id = *id,
                                       .weight = (uint32_t)sqlite3_column_int64(st, 0),
                                       .text = sqlite3_column_blob(st, 1),
                                       .size = (size_t)sqlite3_column_bytes(st, 1)};
    return true;
}

/* --- the sums --- */

static void load_sum(struct chain_database *d, enum sql_statement which, uint64_t *n, uint64_t *bytes)
{
    sqlite3_stmt *st = sql_get(&d->sql, which);
    if (sql_row(&d->sql, st)) {
        *n = (uint64_t)sqlite3_column_int64(st, 0);
        *bytes = (uint64_t)sqlite3_column_int64(st, 1);
    }
    sql_end_rows(st);
}

static int64_t last_number(struct chain_database *d)
{
    sqlite3_stmt *st = sql_get(&d->sql, SQL_MAIN_LAST);
    int64_t number = sql_row(&d->sql, st) ? sqlite3_column_int64(st, 0) : -1;
    sql_end_rows(st);
    return number;
}

void rows_load(struct chain_database *d, bool is_new)
{
    struct chain_item genesis, block;
    if (!chain_genesis(d->place.network, &genesis)) {
        sql_fail(&d->sql, "the network's name makes no genesis block, or memory is short");
        return;
    }
    d->sums = (struct chain_sums){.state = {.genesis = genesis.id, .height = -1}};
    found_open(&d->sql, &d->found, &d->sums.indexed);
    if (is_new) {
        main_push(d, &genesis);
    }
    chain_item_free(&genesis);
    load_sum(d, SQL_SIDE_SUM, &d->sums.state.side, &d->sums.side_bytes);
    load_sum(d, SQL_POOL_SUM, &d->sums.state.pool, &d->sums.state.pool_bytes);
    if (!main_at(d, 0, &block) || !chain_hash_equal(&block.id, &d->sums.state.genesis) ||
        !main_at(d, last_number(d), &block)) {
        sql_fail(&d->sql, "it is damaged: a block is missing");
        return;
    }
    set_tip(d, &block);
}
