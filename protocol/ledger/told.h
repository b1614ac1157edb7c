/* What the application is told of blocks: each block of the longest chain, in order. If another branch
 * becomes the longest, the blocks of that follow, from where it parts on. */
#ifndef KITH_PROTOCOL_LEDGER_TOLD_H
#define KITH_PROTOCOL_LEDGER_TOLD_H

#include "protocol/ledger/adding.h"

/* The store has added that pack (a struct chain_added): it hands those on that continue what was told. */
void told_added(struct ledger *l, const struct parcel *answer, const struct adding *from);

/* The application itself has brought that block, and knows it. */
void told_own(struct ledger *l, const struct chain_added *added, const struct chain_item *item);

/* Asks the store for what is left to be told. */
void told_next(struct ledger *l);

/* What the store says to an ASK_TOLD; the parcel stays the caller's. */
void told_answer(struct ledger *l, const struct store_answer *a);

#endif
