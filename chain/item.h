/* Blocks and transactions as the networks of docs/protocols/infnote.md and coin.md have them: what makes one
 * well formed, whatever the chain. Whether a block continues a chain is the database's to say
 * (chain/request.h).
 *
 * Any thread. No function blocks. sodium_init must have been called. */
#ifndef KITH_CHAIN_ITEM_H
#define KITH_CHAIN_ITEM_H

#include <jansson.h>

#include "base/json.h"
#include "chain/hash.h"
#include "queue/parcel.h"

enum {
    CHAIN_BLOCK_MAX = (1 << 20) - 1024, /* bytes of canonical text: with its envelope it fits into 1 MiB */
    CHAIN_TRANSACTION_MAX = 256 << 10,  /* the same of a transaction */
    CHAIN_TRANSACTIONS_OF_BLOCK_MAX = 8192,
    /* As JSON (base/json.h), so that whoever reads a block can read the message that it comes in, too; and
     * whoever reads a transaction, the block that it goes into. */
    CHAIN_BLOCK_WEIGHT_MAX = JSON_WEIGHT_MAX - 1024,
    CHAIN_TRANSACTION_WEIGHT_MAX = 32 << 10,
    CHAIN_TRANSACTION_NESTING_MAX = 24, /* itself included */
    CHAIN_AHEAD_S = 2 * 60 * 60,        /* a block's time may be so far ahead of the clock */
};
#define CHAIN_NUMBER_MAX                                                                                     \
    ((INT64_C(1) << 53) - 1) /* of block numbers and times: every JSON reader has those */

/* A block or a transaction with its canonical text. */
struct chain_item {
    struct chain_hash id; /* a block's hash, or a transaction's id */
    /* Of a block. */
    struct chain_hash prev;
    int64_t number, time_s;
    uint32_t n_transactions;
    uint32_t weight;  /* of the text, as JSON */
    const char *text; /* not the item's; of a block with its "hash" */
    size_t size;
};

/* What a reader makes of a JSON value: the item, with text from malloc that the caller frees by
 * chain_item_free. False, with a literal in *why, if it is not well formed: a field is missing or of another
 * type, unknown fields of a block or transaction (they would be in its hash, and each node has to agree on
 * them), a text beyond its maximum, a number that is no integer, a hash that is not the block's own. Hex
 * digits may be of either case. A block's "hash" is lower case in its text; the others stay as they are, as
 * they are part of what is hashed. */
bool chain_block_read(const json_t *value, struct chain_item *item, const char **why);
bool chain_transaction_read(const json_t *value, struct chain_item *item, const char **why);

/* Frees the text of what a function above or chain_block_make made; idempotent. */
void chain_item_free(struct chain_item *item);

/* The next transaction of a block that was read or made; *at is 0 for the first. Its text is the block's.
 * Its weight is 0: to measure it takes as long as to hash it, and few want it. False at the end. */
bool chain_block_transaction(const struct chain_item *block, size_t *at, struct chain_item *transaction);
/* Sets its weight. */
void chain_transaction_weigh(struct chain_item *transaction);

/* The block on top of `prev` with those transactions, JSON texts in canonical form one after the other with
 * commas between them; as chain_block_read. prev NULL: the genesis, whose number and time are 0. False if it
 * does not fit or memory is short. */
bool chain_block_make(const struct chain_item *prev, int64_t time_s, const char *transactions, size_t size,
                      struct chain_item *item);

/* The genesis of the network of that name (MAIN, TEST, LOCAL or a custom one); as chain_block_make. False
 * also if the name is not UTF-8. Sender and receiver of its transaction are all zero. */
bool chain_genesis(const char *network, struct chain_item *item);
/* Its hash alone. False as above. */
bool chain_genesis_hash(const char *network, struct chain_hash *hash);

/* --- packs: a parcel with any number of items, texts included, as sessions, service and database pass them
 * on. The text of an item that was read lies in the pack. --- */

struct chain_pack {
    uint8_t *bytes;
    size_t size, room;
    bool failed; /* memory was short, or it went above PARCEL_MAX: sticky */
};

/* Appends a copy. */
void chain_pack_add(struct chain_pack *p, const struct chain_item *item);
/* The parcel, whose reference is the caller's, and *p is empty again; NULL if it had failed. */
struct parcel *chain_pack_end(struct chain_pack *p);
void chain_pack_free(struct chain_pack *p); /* idempotent */

/* Reads the item at *at (0 for the first) and moves *at behind it; false at the end. Packs are our own
 * threads', and well formed. */
bool chain_pack_next(const struct parcel *pack, size_t *at, struct chain_item *item);
size_t chain_pack_count(const struct parcel *pack); /* of its items */
/* One item alone, as a pack; NULL if memory is short. */
struct parcel *chain_pack_one(const struct chain_item *item);

#endif
