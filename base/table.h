/* A table of rows of one size, kept in one array without gaps and found by the bytes that each row begins
 * with.
 *
 * The hash is keyed with random bytes, because the keys are addresses that strangers choose. The order of
 * rows depends on the calls alone, never on the hash. Owned by one thread; none of the functions blocks or
 * does I/O. Keys are copied. */
#ifndef KITH_BASE_TABLE_H
#define KITH_BASE_TABLE_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table {
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    size_t row_size;
    size_t key_size; /* a row's first bytes are its key */
    size_t
        hash_size; /* the first bytes of the key, which are hashed: rows that agree in them share a chain */
    size_t n;
    size_t room; /* memory is there for this many rows and buckets; 0 or a power of two */
    unsigned char *rows;
    uint32_t *next;    /* per row: the next of its chain */
    uint32_t *buckets; /* the first row of each chain */
};

/* An empty table without memory of its own. sodium_init must have been called. */
void table_init(struct table *t, size_t row_size, size_t key_size, size_t hash_size);
uint64_t table_memory(size_t rows, size_t row_size); /* of a table of so many rows */
void table_clear(struct table *t);                   /* frees the memory; the table is empty then */

/* Row `i` of `t->n`. It stays where it is until the next table_add, table_remove or table_evict. */
void *table_row(const struct table *t, size_t i);
void *table_find(const struct table *t, const void *key);   /* NULL if there is none */
size_t table_index(const struct table *t, const void *row); /* the i of table_row */

/* Walk the rows whose keys begin with the same hash_size bytes as `key`: row numbers, TABLE_NONE at the end.
 * Rows of other keys may be among them. */
uint32_t table_chain_first(const struct table *t, const void *key);
uint32_t table_chain_next(const struct table *t, uint32_t row);

/* A new row with that key, the rest zero. The key must not be in the table. NULL if memory is short. */
void *table_add(struct table *t, const void *key);
void table_remove(struct table *t, size_t i); /* the last row takes its place */

/* The worth of a row: the lower, the sooner it is removed. Compared from worth[0] on, then by key. */
struct table_rank {
    int64_t worth[3];
    uint32_t row;
};

/* Removes the `count` worst of the `n` ranked rows (count <= n). Reorders `ranks`. */
void table_evict(struct table *t, struct table_rank *ranks, size_t n, size_t count);

#endif
