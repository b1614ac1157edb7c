/* What the chain is asked, and what it answers: kinds and parcels of store requests (store/schema.h).
 *
 * The chain keeps every block that continues one that it has: the longest chain, of two as long the one seen
 * first, is *main*; the others are side branches, bounded by CHAIN_SIDE_MAX blocks and CHAIN_SIDE_BYTES_MAX.
 * The oldest ends of branches make room; so a branch that left main longer ago than that cannot become main.
 * It keeps the *pool*, transactions that no main block has; if main changes, those that have left it come
 * back to the pool. An answer to an ADD, SUBMIT or MAKE comes after what it says has reached the disk, for
 * good. One request is one transaction of the database: who adds many blocks adds them together.
 *
 * Numbers are block numbers. Structs lie in parcels of our own threads; reserved bytes are 0. */
#ifndef KITH_CHAIN_REQUEST_H
#define KITH_CHAIN_REQUEST_H

#include "chain/item.h"
#include "store/schema.h"

enum {
    CHAIN_SIDE_MAX = 4096,            /* blocks of side branches */
    CHAIN_SIDE_BYTES_MAX = 256 << 20, /* of their texts together */
    CHAIN_POOL_MAX = 20000,           /* transactions of the pool; beyond it new ones are refused */
    CHAIN_POOL_BYTES_MAX = 64 << 20,  /* of their texts together */
    CHAIN_LIST_MAX = 2000,            /* hashes of one answer */
    CHAIN_WANTED_MAX = 2000,          /* blocks asked for at once */
    /* Texts of one CHAIN_BLOCKS, their commas included: with an envelope they fit into 1 MiB. Their weight is
     * at most CHAIN_BLOCK_WEIGHT_MAX. */
    CHAIN_BLOCKS_BYTES_MAX = CHAIN_BLOCK_MAX,
};

enum chain_request {
    CHAIN_GET_STATE = 1,    /* no parcel -> CHAIN_STATE */
    CHAIN_ADD_BLOCKS,       /* a pack, in any order, but a block comes after its parent -> CHAIN_ADDED */
    CHAIN_ADD_TRANSACTIONS, /* a pack, to the pool -> CHAIN_ADDED */
    CHAIN_SUBMIT_BLOCK,     /* JSON text of an application's -> CHAIN_ADDED, or CHAIN_REFUSED */
    CHAIN_SUBMIT_TRANSACTION,
    CHAIN_MAKE_BLOCK,      /* from the pool, as many as fit, oldest first -> CHAIN_ADDED, or CHAIN_REFUSED */
    CHAIN_GET_HASHES,      /* struct chain_range -> CHAIN_HASHES */
    CHAIN_GET_BLOCKS,      /* struct chain_wanted -> CHAIN_BLOCKS */
    CHAIN_GET_TRANSACTION, /* struct chain_hash -> CHAIN_TRANSACTION */
    CHAIN_LOCATE,          /* struct chain_wanted by hash -> CHAIN_KNOWN: which of them it has */
};

enum chain_answer {
    CHAIN_STATE = 1,   /* struct chain_state */
    CHAIN_ADDED,       /* struct chain_added */
    CHAIN_REFUSED,     /* text, no NUL: why */
    CHAIN_HASHES,      /* struct chain_hashes */
    CHAIN_BLOCKS,      /* struct chain_found, then a pack behind it: chain_found_pack */
    CHAIN_TRANSACTION, /* a pack of one, or no parcel: nobody knows it */
    CHAIN_KNOWN,       /* a byte, 0 or 1, for each that was asked */
    CHAIN_FAILED,      /* text, no NUL: the disk failed; nothing was changed */
};

struct chain_state {
    int64_t height; /* number of the last main block; the genesis is 0 */
    struct chain_hash tip, genesis;
    int64_t tip_time_s;
    uint64_t side, pool, pool_bytes; /* blocks beside main; transactions that wait, and their bytes */
};

enum chain_verdict {
    CHAIN_EXTENDS = 1,  /* main ends with it now */
    CHAIN_SWITCHES,     /* its branch is longer than main was, and is main now */
    CHAIN_BESIDE,       /* it is on a side branch */
    CHAIN_POOLED,       /* of a transaction: it waits in the pool */
    CHAIN_KNOWN_BEFORE, /* it was there already; of a transaction, in main or the pool */
    CHAIN_ORPHAN,       /* its parent is not there; not kept */
    CHAIN_INVALID,      /* not kept; nothing behind it in the same pack was looked at if it continues it */
    CHAIN_FULL,         /* the pool, or the side branches, have no room for it; not kept */
};

struct chain_added {
    struct chain_state state; /* afterwards */
    int64_t fork;    /* the number of the lowest main block that is another now than before; -1 if main
                        has only grown */
    char reason[96]; /* of the first that is invalid, or "" */
    uint32_t n;
    uint32_t lost;      /* transactions that left main, and for which the pool had no room */
    uint8_t verdicts[]; /* n of enum chain_verdict, in the order of the pack */
};
/* The block or transaction of a SUBMIT or MAKE lies behind it, as a pack. Returns where that begins: the
 * first *at of chain_pack_next. */
size_t chain_added_pack(const struct parcel *added);

struct chain_range {
    int64_t from, count; /* up to CHAIN_LIST_MAX; of main */
};

struct chain_hashes {
    int64_t from;
    uint32_t n; /* fewer if the chain ends */
    uint32_t reserved;
    struct chain_hash hashes[];
};

struct chain_wanted {
    uint32_t n; /* up to CHAIN_WANTED_MAX */
    bool by_hash;
    uint8_t reserved[3];
    union {
        int64_t number;         /* of main */
        struct chain_hash hash; /* of main or a side branch */
    } items[];
};

/* A parcel with n of them, all 0, whose reference is the caller's; *w points into it. Both are NULL without
 * memory. */
struct parcel *chain_wanted_new(uint32_t n, bool by_hash, struct chain_wanted **w);

struct chain_found {
    uint32_t looked; /* so many of those asked for were looked at; the rest did not fit: ask again */
    uint32_t n;      /* and so many were found */
};
/* Returns where the pack of a CHAIN_BLOCKS begins, in the same way. */
size_t chain_found_pack(const struct parcel *found);

/* The schema. It checks, besides what chain_block_read has checked before, number, parent and time, and asks
 * store_place.valid. An application's texts it reads itself. If the file is of another network or of a
 * schema that this version does not know, open fails and says so. */
extern const struct store_schema chain_schema;

#endif
