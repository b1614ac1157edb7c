/* The chain's rows: what one step on main, side branches and the pool is, with the sums that are kept of
 * them.
 *
 * The store's thread, which may block on the disk. As chain/sql.h says: failures are sticky, and the caller
 * looks at the end. Functions that find something are false if it is not there, or the disk has failed; what
 * they would fill is then garbage. */
#ifndef KITH_CHAIN_ROWS_H
#define KITH_CHAIN_ROWS_H

#include "chain/found.h"
#include "chain/request.h"
#include "chain/sql.h"

struct chain_sums {
    struct chain_state state;
    uint64_t side_bytes;
    int64_t indexed; /* the last block whose transactions are in the table of chain/found.h */
};

struct chain_database {
    struct sql sql;
    struct found found;
    struct store_place place; /* without its path */
    struct chain_sums sums;   /* as of the rows */
    struct chain_sums before; /* as of the begin of this transaction */
};

/* Reads the sums from the rows; writes the genesis first if there are none. */
void rows_load(struct chain_database *d, bool is_new);

/* Items whose text is in the database are valid until the next call that reads one of the same kind. */

/* --- main --- */

/* Puts the block behind the last, notes where its transactions lie, and takes them from the pool. */
void main_push(struct chain_database *d, const struct chain_item *block);
/* Removes the last block, which the caller has a copy of. */
void main_pop(struct chain_database *d, const struct chain_item *last);
bool main_at(struct chain_database *d, int64_t number, struct chain_item *block);
bool main_find(struct chain_database *d, const struct chain_hash *hash, int64_t *number);
bool main_has_transaction(struct chain_database *d, const struct chain_hash *id);
bool main_transaction(struct chain_database *d, const struct chain_hash *id, struct chain_item *transaction);

/* --- side branches --- */

void side_add(struct chain_database *d, const struct chain_item *block);
/* A block whose parent is in main, or that has no children. */
void side_remove(struct chain_database *d, const struct chain_item *block);
bool side_find(struct chain_database *d, const struct chain_hash *hash, struct chain_item *block);
/* Makes room until the bounds hold, by removing the oldest ends of branches other than `kept`. False: there
 * is none other. */
bool side_trim(struct chain_database *d, const struct chain_hash *kept);

/* --- the pool --- */

bool pool_has_room(const struct chain_database *d, const struct chain_item *transaction);
void pool_add(struct chain_database *d, const struct chain_item *transaction);
bool pool_find(struct chain_database *d, const struct chain_hash *id, struct chain_item *transaction);

#endif
