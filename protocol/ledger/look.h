/* Looking for what nobody has told us: news is told once, and may be dropped on the way, or fall between a
 * handshake and the moment at which the peer is online. So each peer is asked once, soon after it has come,
 * and afterwards one by lot from time to time, for the block behind our last one. */
#ifndef KITH_PROTOCOL_LEDGER_LOOK_H
#define KITH_PROTOCOL_LEDGER_LOOK_H

#include "protocol/ledger/state.h"

enum { LOOK_FIRST_MS = 5000, LOOK_MS = 30000 };

/* A peer has come; `is_asked`: it was asked already. */
void look_online(struct ledger *l, struct ledger_peer *p, bool is_asked);

/* True if that list is the answer, and then nothing that catching up has asked for. */
bool look_answered(const struct ledger *l, struct ledger_peer *p, const struct chain_hashes *list);

int64_t look_deadline(const struct ledger *l);
void look_tick(struct ledger *l);

#endif
