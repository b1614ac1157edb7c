/* Transactions of peers: to the store, and those that are new to everybody else.
 *
 * They wait in each peer's inbox. While the store adds one pack the next collects, a message of each peer in
 * turn: so one that sends ten thousand a second is slowed down by TCP, and delays nobody else. */
#ifndef KITH_PROTOCOL_LEDGER_RELAY_H
#define KITH_PROTOCOL_LEDGER_RELAY_H

#include "protocol/ledger/state.h"

/* That peer sends a pack; the parcel is taken. */
void relay_take(struct ledger *l, struct ledger_peer *p, struct parcel *pack);

/* The peer goes: what waits of it is dropped. */
void relay_leave(struct ledger *l, struct ledger_peer *p);

/* What the store says to an ASK_TRANSACTIONS; the parcel stays the caller's. */
void relay_answer(struct ledger *l, const struct store_answer *a);

/* Has the store add what waits, unless it is busy with that. */
void relay_next(struct ledger *l);

#endif
