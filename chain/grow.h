/* How the chain grows: what becomes of blocks and transactions that somebody has, and which chain is main.
 *
 * The store's thread, which may block on the disk, within a transaction of chain/sql.h. A failure of the disk
 * is sticky there: the verdict then means nothing, and the caller takes the transaction back. */
#ifndef KITH_CHAIN_GROW_H
#define KITH_CHAIN_GROW_H

#include "chain/rows.h"

/* What came of one request. Starts as GROWTH_NONE; ends with growth_free. */
struct growth {
    int64_t fork; /* as struct chain_added has these */
    uint32_t lost;
    const char *reason;         /* a literal, or NULL */
    struct chain_hash *invalid; /* blocks that were, for those that continue them */
    size_t n_invalid, room;
};
#define GROWTH_NONE                                                                                          \
    (struct growth)                                                                                          \
    {                                                                                                        \
        .fork = -1                                                                                           \
    }

/* Adds a well formed item, if it fits. The verdict says what became of it; *g collects the rest. */
enum chain_verdict grow_by_block(struct chain_database *d, const struct chain_item *block, struct growth *g);
enum chain_verdict grow_by_transaction(struct chain_database *d, const struct chain_item *transaction,
                                       struct growth *g);
/* True if it is in main or on a side branch. */
bool block_is_known(struct chain_database *d, const struct chain_hash *hash);

void growth_free(struct growth *g); /* idempotent */

#endif
