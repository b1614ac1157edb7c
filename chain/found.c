#include "chain/found.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

_Static_assert(sizeof((struct found *)0)->key == crypto_shorthash_KEYBYTES, "the length of a key");

static int64_t mark_of(const struct found *f, const struct chain_hash *id)
{
    int64_t mark;
    crypto_shorthash((unsigned char *)&mark, id->bytes, sizeof id->bytes, f->key);
    return mark;
}

static uint32_t *head_of(const struct found *f, int64_t mark)
{
    return &f->heads[(uint64_t)mark % FOUND_LATEST];
}

/* --- opening and closing --- */

void found_open(struct sql *s, struct found *f, int64_t *indexed)
{
    sqlite3_stmt *st = sql_get(s, SQL_ABOUT);
    f->heads = calloc(FOUND_LATEST, sizeof *f->heads);
    if (!f->heads) {
        sql_fail(s, "out of memory");
    }
    if (sql_row(s, st) && sqlite3_column_bytes(st, 0) == sizeof f->key) {
        memcpy(f->key, sqlite3_column_blob(st, 0), sizeof f->key);
        *indexed = sqlite3_column_int64(st, 1);
    } else {
        sql_fail(s, "it is damaged");
    }
    sql_end_rows(st);
    f->is_stale = true;
}

void found_close(struct found *f)
{
    free(f->rows);
    free(f->heads);
    *f = (struct found){0};
}

void found_clear(struct found *f)
{
    memset(f->heads, 0, FOUND_LATEST * sizeof *f->heads);
    f->n = 0;
    f->is_stale = false;
}

/* --- blocks come and go --- */

static void add_row(struct sql *s, struct found *f, const struct found_row *row)
{
    if (!array_reserve(f->rows, f->room, f->n + 1)) {
        sql_fail(s, "out of memory");
        return;
    }
    uint32_t *head = head_of(f, row->mark);
    f->rows[f->n] = *row;
    f->rows[f->n].before = *head;
    *head = (uint32_t)++f->n;
}

void found_add(struct sql *s, struct found *f, const struct chain_item *block)
{
    struct chain_item transaction;
    for (size_t at = 0; !sql_failed(s) && chain_block_transaction(block, &at, &transaction);) {
        const struct found_row row = {.mark = mark_of(f, &transaction.id),
                                      .where = {.number = block->number,
                                                .at = (uint32_t)(transaction.text - block->text),
                                                .size = (uint32_t)transaction.size}};
        add_row(s, f, &row);
    }
}

static void set_indexed(struct sql *s, int64_t number, int64_t *indexed)
{
    sqlite3_stmt *st = sql_get(s, SQL_ABOUT_INDEXED);
    sql_bind_number(s, st, 1, number);
    sql_run(s, st);
    *indexed = number;
}

static void remove_from_table(struct sql *s, const struct found *f, const struct chain_item *block)
{
    struct chain_item transaction;
    for (size_t at = 0; !sql_failed(s) && chain_block_transaction(block, &at, &transaction);) {
        sqlite3_stmt *st = sql_get(s, SQL_FOUND_REMOVE);
        sql_bind_number(s, st, 1, mark_of(f, &transaction.id));
        sql_bind_number(s, st, 2, block->number);
        sql_run(s, st);
    }
}

void found_remove(struct sql *s, struct found *f, const struct chain_item *last, int64_t *indexed)
{
    if (last->number <= *indexed) {
        remove_from_table(s, f, last);
        set_indexed(s, last->number - 1, indexed);
        return;
    }
    /* A later row of the same place has gone before, so that the head is always this one. */
    for (; f->n > 0 && f->rows[f->n - 1].where.number == last->number; f->n--) {
        *head_of(f, f->rows[f->n - 1].mark) = f->rows[f->n - 1].before;
    }
}

static int compare(const void *one, const void *other)
{
    const struct found_row *a = one, *b = other;
    if (a->mark != b->mark) {
        return a->mark < b->mark ? -1 : 1;
    }
    return a->where.number < b->where.number ? -1 : a->where.number > b->where.number;
}

void found_settle(struct sql *s, struct found *f, int64_t last, int64_t *indexed)
{
    if (f->n < FOUND_LATEST && last - *indexed < FOUND_BLOCKS) {
        return;
    }
    qsort(f->rows, f->n, sizeof *f->rows, compare);
    for (size_t i = 0; i < f->n && !sql_failed(s); i++) {
        const struct found_row *row = &f->rows[i];
        sqlite3_stmt *st = sql_get(s, SQL_FOUND_ADD);
        sql_bind_number(s, st, 1, row->mark);
        sql_bind_number(s, st, 2, row->where.number);
        sql_bind_number(s, st, 3, row->where.at);
        sql_bind_number(s, st, 4, row->where.size);
        sql_run(s, st);
    }
    set_indexed(s, last, indexed);
    found_clear(f);
}

/* --- looking --- */

/* NULL if it is not in memory. */
static const struct found_row *row_of(const struct found *f, int64_t mark)
{
    for (uint32_t at = *head_of(f, mark); at > 0; at = f->rows[at - 1].before) {
        if (f->rows[at - 1].mark == mark) {
            return &f->rows[at - 1];
        }
    }
    return NULL;
}

static bool where_is(struct sql *s, struct found *f, int64_t mark, struct found_at *where)
{
    const struct found_row *row = row_of(f, mark);
    if (row) {
        *where = row->where;
        return true;
    }
    sqlite3_stmt *st = sql_get(s, SQL_FOUND_FIND);
    sql_bind_number(s, st, 1, mark);
    bool has = sql_row(s, st);
    if (has) {
        *where = (struct found_at){.number = sqlite3_column_int64(st, 0),
                                   .at = (uint32_t)sqlite3_column_int64(st, 1),
                                   .size = (uint32_t)sqlite3_column_int64(st, 2)};
    }
    sql_end_rows(st);
    return has;
}

bool found_has(struct sql *s, struct found *f, const struct chain_hash *id)
{
    struct found_at unused;
    return where_is(s, f, mark_of(f, id), &unused);
}

bool found_text(struct sql *s, struct found *f, const struct chain_hash *id, const char **text, size_t *size)
{
    struct found_at where;
    struct chain_hash hash;
    if (!where_is(s, f, mark_of(f, id), &where)) {
        return false;
    }
    sqlite3_stmt *st = sql_get(s, SQL_FOUND_TEXT);
    sql_bind_number(s, st, 1, where.number);
    sql_bind_number(s, st, 2, where.at);
    sql_bind_number(s, st, 3, where.size);
    if (!sql_row(s, st)) {
        return false;
    }
    *text = sqlite3_column_blob(st, 0);
    *size = (size_t)sqlite3_column_bytes(st, 0);
    crypto_hash_sha256(hash.bytes, (const unsigned char *)*text, *size);
    return chain_hash_equal(&hash, id);
}
