/* What Infnote and coin have in common: peers that pass on transactions and blocks of one chain. Their
 * sessions turn what the wire says into these messages and back; the service (protocol/ledger/service.h) is
 * one for both, and does not see which JSON they came in.
 *
 * Sessions have read and checked what is in a message: packs hold items that are well formed (chain/item.h).
 * Structs lie in parcels of our own threads. */
#ifndef KITH_PROTOCOL_LEDGER_MESSAGE_H
#define KITH_PROTOCOL_LEDGER_MESSAGE_H

#include "chain/request.h"
#include "protocol/known_peers.h"
#include "protocol/protocol.h"

enum ledger_kind {
    /* The application's kinds: the canonical text of one, both ways. */
    LEDGER_TRANSACTION = 1, /* "Transaction" */
    LEDGER_BLOCK,           /* "Block" */

    /* From session to service, and from service to session. In brackets how Infnote and coin say it. */
    LEDGER_TRANSACTIONS,     /* a pack [Transactions; PUSHTRANSACTION] */
    LEDGER_BLOCKS,           /* a pack: an answer; empty if there are no further ones [Blocks, also an empty
                                one; BLOCK, one for each] */
    LEDGER_NEW_BLOCK,        /* a pack of one [NewBlock; never: coin announces] */
    LEDGER_HAVE_BLOCK,       /* struct ledger_block [never; BROADCASTBLOCK, the number alone] */
    LEDGER_HAVE_TRANSACTION, /* struct chain_hash, one or several [never; BROADCASTTRANSACTION, one for each]
                              */
    LEDGER_GET_LIST,         /* struct chain_range [GetBlockHashes; GETLISTOFBLOCKS of from - 1] */
    LEDGER_LIST,       /* struct chain_hashes; of coin all zero, as it names numbers: from .. from + n - 1
                          [BlockHashes; LISTOFBLOCKS] */
    LEDGER_GET_BLOCKS, /* struct chain_wanted [GetBlocks, by hash; GETBLOCK, by number, one for each] */
    LEDGER_GET_TRANSACTION, /* from a session: struct chain_hash; to it: one or several [never; GETBLOCK with
                               an id] */
    LEDGER_GET_ADDRESSES,   /* from a session: struct ledger_asker; to it: none [getaddr; GETADDR] */
    LEDGER_ADDRESSES,       /* known peers; LEDGER_NOW in heard_s: the session writes the time [addr; ADDR] */
    LEDGER_HEIGHT, /* struct ledger_block. From a session: the peer has so many, which is told if it changes
                      and once after a call. To it: we do; it is stated with the next HELLO, and nothing is
                      said now [Status, once; HELLO, HEY] */
    LEDGER_CALL,   /* to a session: calls the peer now, who answers: LEDGER_HEIGHT tells [never; HELLO] */
    LEDGER_FAULT,  /* from a session: struct ledger_fault. What does not end it */
};

#define LEDGER_NOW INT64_MAX

/* A block that is not well formed costs 50 points: so many times merits.bad, beside the one of the end. */
enum { LEDGER_BAD_BLOCK = 4 };

struct ledger_block {
    int64_t number;         /* of the last block of a chain, or of the block that is announced */
    struct chain_hash hash; /* zero if that is not said */
};

struct ledger_asker {
    uint16_t port; /* where it says that it listens; 0: not said or not listening */
};

struct ledger_fault {
    int32_t demerit; /* points, above 0 */
    char text[92];   /* for the log */
};

/* What sessions and the service have to agree on; struct protocol's `variant` is one. */
struct ledger_variant {
    bool announces; /* ids and numbers are announced, and bodies fetched (coin); else bodies are sent
                       (Infnote) */
    bool by_hash;   /* lists hold hashes, and blocks are asked for by hash (Infnote); else by number (coin) */
};

extern const struct ledger_variant ledger_infnote, ledger_coin;

/* For struct protocol: what the application may send and is given. */
extern const struct protocol_kind ledger_kinds[];

#endif
