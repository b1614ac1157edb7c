/* Blocks of peers: to the store, and a new end of the chain to everybody else. */
#ifndef KITH_PROTOCOL_LEDGER_BLOCKS_H
#define KITH_PROTOCOL_LEDGER_BLOCKS_H

#include "protocol/ledger/state.h"

/* That peer sends a LEDGER_BLOCKS or LEDGER_NEW_BLOCK; the parcel is taken. */
void blocks_take(struct ledger *l, struct ledger_peer *p, uint32_t kind, struct parcel *pack);

/* The peer goes: what waits of it is dropped. */
void blocks_leave(struct ledger *l, struct ledger_peer *p);

/* What the store says to an ASK_BLOCKS; the parcel stays the caller's. */
void blocks_answer(struct ledger *l, const struct store_answer *a);

/* Has the store add what waits, unless it is busy with that. */
void blocks_next(struct ledger *l);

/* The chain is as the store says it is now. */
void blocks_chain(struct ledger *l, const struct chain_state *state);

/* The chain ends with that block, which was not its end before; how many peers were told. */
uint64_t blocks_grown(struct ledger *l, const struct chain_item *tip);

#endif
