/* How the chain grows: what becomes of blocks and transactions that somebody has, and which chain is main.
 * Within a transaction of chain/sql.h. */
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

enum chain_verdict grow_by_block(struct chain_database *d, const struct chain_item *block, struct growth *g);
enum chain_verdict grow_by_transaction(struct chain_database *d, const struct chain_item *transaction,
                                       struct growth *g);
/* True if it is in main or on a side branch. */
bool block_is_known(struct chain_database *d, const struct chain_hash *hash);

void growth_free(struct growth *g);

#endif
