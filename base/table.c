#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

void table_init(struct table *t, size_t row_size, size_t key_size, size_t hash_size)
{
    *t = (struct table){.row_size = row_size, .key_size = key_size, .hash_size = hash_size};
    crypto_shorthash_keygen(t->hash_key);
}

uint64_t table_memory(size_t rows, size_t row_size)
{
    uint64_t room = FIRST_ROOM;
    while (room < rows) {
        room *= 2;
    }
    return room * (row_size + 2 * sizeof(uint32_t));
}

void table_clear(struct table *t)
{
    free(t->rows);
    free(t->next);
    free(t->buckets);
    t->rows = NULL;
    t->next = t->buckets = NULL;
    t->n = t->room = 0;
}

void *table_row(const struct table *t, size_t i)
{
    return t->rows + i * t->row_size;
}

size_t table_index(const struct table *t, const void *row)
{
    return (size_t)((const unsigned char *)row - t->rows) / t->row_size;
}

static uint32_t *bucket_of(const struct table *t, const void *key)
{
    unsigned char hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, key, t->hash_size, t->hash_key);
    uint64_t number;
    memcpy(&number, hash, sizeof number);
    return &t->buckets[number & (t->room - 1)];
}

uint32_t table_chain_first(const struct table *t, const void *key)
{
    return t->room == 0 ? TABLE_NONE : *bucket_of(t, key);
}

uint32_t table_chain_next(const struct table *t, uint32_t row)
{
    return t->next[row];
}

void *table_find(const struct table *t, const void *key)
{
    for (uint32_t i = table_chain_first(t, key); i != TABLE_NONE; i = t->next[i]) {
        void *row = table_row(t, i);
        if (memcmp(row, key, t->key_size) == 0) {
            return row;
        }
    }
    return NULL;
}

static void chain(struct table *t, size_t i)
{
    uint32_t *bucket = bucket_of(t, table_row(t, i));
    t->next[i] = *bucket;
    *bucket = (uint32_t)i;
}

/* If the number of row `i` is written: in its bucket or in the row before it. */
static uint32_t *link_to(const struct table *t, size_t i)
{
    uint32_t *link = bucket_of(t, table_row(t, i));
    while (*link != i) {
        link = &t->next[*link];
    }
    return link;
}

/* On failure the table is as it was, whichever of the arrays has grown already. */
static bool grow(struct table *t)
{
    size_t room = t->room == 0 ? FIRST_ROOM : t->room * 2;
    if (room > TABLE_NONE) {
        return false;
    }
    unsigned char *rows = reallocarray(t->rows, room, t->row_size);
    if (!rows) {
        return false;
    }
    t->rows = rows;
    uint32_t *next = reallocarray(t->next, room, sizeof *next);
    if (!next) {
        return false;
    }
    t->next = next;
    uint32_t *buckets = reallocarray(t->buckets, room, sizeof *buckets);
    if (!buckets) {
        return false;
    }
    t->buckets = buckets;
    t->room = room;
    memset(buckets, 0xff, room * sizeof *buckets); /* TABLE_NONE */
    for (size_t i = 0; i < t->n; i++) {
        chain(t, i);
    }
    return true;
}

void *table_add(struct table *t, const void *key)
{
    if (t->n == t->room && !grow(t)) {
        return NULL;
    }
    size_t i = t->n++;
    unsigned char *row = table_row(t, i);
    memcpy(row, key, t->key_size);
    memset(row + t->key_size, 0, t->row_size - t->key_size);
    chain(t, i);
    return row;
}

void table_remove(struct table *t, size_t i)
{
    *link_to(t, i) = t->next[i];
    size_t last = --t->n;
    if (i == last) {
        return;
    }
    *link_to(t, last) = (uint32_t)i;
    memcpy(table_row(t, i), table_row(t, last), t->row_size);
    t->next[i] = t->next[last];
}

static int compare_ranks(const void *a, const void *b, void *table)
{
    const struct table_rank *x = a, *y = b;
    for (size_t i = 0; i < sizeof x->worth / sizeof x->worth[0]; i++) {
        if (x->worth[i] != y->worth[i]) {
            return x->worth[i] < y->worth[i] ? -1 : 1;
        }
    }
    const struct table *t = table;
    return memcmp(table_row(t, x->row), table_row(t, y->row), t->key_size);
}

static int compare_rows_downward(const void *a, const void *b)
{
    const struct table_rank *x = a, *y = b;
    return x->row < y->row ? 1 : x->row > y->row ? -1 : 0;
}

void table_evict(struct table *t, struct table_rank *ranks, size_t n, size_t count)
{
    qsort_r(ranks, n, sizeof *ranks, compare_ranks, t);
    /* The last rows go first, so that the row that fills a gap is none of those that still have to go. */
    qsort(ranks, count, sizeof *ranks, compare_rows_downward);
    for (size_t i = 0; i < count; i++) {
        table_remove(t, ranks[i].row);
    }
}
