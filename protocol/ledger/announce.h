/* Telling peers of what is new here: each thing once over each connection at most. */
#ifndef KITH_PROTOCOL_LEDGER_ANNOUNCE_H
#define KITH_PROTOCOL_LEDGER_ANNOUNCE_H

#include "protocol/ledger/state.h"

/* The peer has sent a transaction. */
void announce_hears(struct ledger *l, struct ledger_peer *p, const struct chain_hash *id);

/* Whether it has sent that one before, as far as that is remembered. */
bool announce_has_heard(const struct ledger *l, const struct ledger_peer *p, const struct chain_hash *id);

/* Tells of transactions every peer that neither sent them nor was told of them; how many that were. */
uint64_t announce_transactions(struct ledger *l, const struct parcel *pack);

/* Our chain ends with that block now: tells every peer whose chain, as far as we know, is shorter, and that
 * was not given the block. How many that were. */
uint64_t announce_block(struct ledger *l, const struct chain_item *tip);

#endif
