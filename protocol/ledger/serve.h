/* What peers ask for, answered from the store. */
#ifndef KITH_PROTOCOL_LEDGER_SERVE_H
#define KITH_PROTOCOL_LEDGER_SERVE_H

#include "protocol/ledger/state.h"

/* A LEDGER_GET_LIST, LEDGER_GET_BLOCKS or LEDGER_GET_TRANSACTION of that peer; takes the parcel. */
void serve_take(struct ledger *l, struct ledger_peer *p, uint32_t kind, struct parcel *parcel);

/* What the store says to an ASK_SERVE; the parcel stays the caller's. */
void serve_answer(struct ledger *l, const struct ask *what, const struct store_answer *a);

/* The store has room again: peers that wait for it are served on. */
void serve_waiting(struct ledger *l);

/* Whether something that it asked for will be answered. */
bool serve_owes(const struct ledger_peer *p);

void serve_leave(struct ledger_peer *p); /* frees what is kept of what it asked for */

#endif
