/* Where in main each transaction lies. A row of an index for each, written with its block, would make SQLite
 * write a page for each: they come in no order. So those of the latest blocks are in memory; they go into the
 * table together, sorted. At a start main has them.
 *
 * A transaction is known by a mark of 64 bits, under a key that the file alone has: nobody can make two with
 * the same. As chain/sql.h says: failures are sticky. */
#ifndef KITH_CHAIN_FOUND_H
#define KITH_CHAIN_FOUND_H

#include "chain/item.h"
#include "chain/sql.h"

enum {
    FOUND_LATEST = 65536, /* with so many they go into the table; a power of two */
    FOUND_BLOCKS = 16384, /* or those of so many blocks: a start reads no more */
};

struct found_at {
    int64_t number;    /* of the block */
    uint32_t at, size; /* of its text there */
};

struct found_row {
    int64_t mark;
    struct found_at where;
    uint32_t before; /* another of the same place in `heads`: its index and 1; 0 for none */
};

/* In memory at most: as many as are kept and those of a block, in an array that has just doubled, beside the
 * one before; and `heads`. */
#define FOUND_BYTES_MAX                                                                                      \
    (3 * (FOUND_LATEST + CHAIN_TRANSACTIONS_OF_BLOCK_MAX) * sizeof(struct found_row) +                       \
     FOUND_LATEST * sizeof(uint32_t))

/* Zeroed before found_open. */
struct found {
    unsigned char key[16];
    struct found_row *rows; /* in the order of their blocks */
    uint32_t *heads;        /* the last of each place, as `before` */
    size_t n, room;
    bool is_stale; /* what it holds is not what the file says: it is filled anew */
};

/* Reads the key; it holds nothing then. *indexed: the last block whose transactions are in the table. */
void found_open(struct sql *s, struct found *f, int64_t *indexed);
void found_close(struct found *f); /* idempotent */
void found_clear(struct found *f);

/* Those of the block behind the last. */
void found_add(struct sql *s, struct found *f, const struct chain_item *block);
/* Of the last block, which goes. */
void found_remove(struct sql *s, struct found *f, const struct chain_item *last, int64_t *indexed);
/* Moves all into the table if they are many enough; `last` is the number of the last block. */
void found_settle(struct sql *s, struct found *f, int64_t last, int64_t *indexed);

bool found_has(struct sql *s, struct found *f, const struct chain_hash *id);
/* The text of that transaction; valid until the next call. */
bool found_text(struct sql *s, struct found *f, const struct chain_hash *id, const char **text, size_t *size);

#endif
