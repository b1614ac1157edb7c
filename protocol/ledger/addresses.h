/* Addresses over connections: asking, answering, learning, and telling of ourselves.
 *
 * The controller's thread; nothing blocks. */
#ifndef KITH_PROTOCOL_LEDGER_ADDRESSES_H
#define KITH_PROTOCOL_LEDGER_ADDRESSES_H

#include "protocol/ledger/state.h"

void addresses_open(struct ledger *l);

/* That peer has come online: it is told of us, and perhaps asked. */
void addresses_online(struct ledger *l, struct ledger_peer *p, const struct service_peer *peer);

/* That peer asks: it is answered, unless it has asked within timings.request_limit. */
void addresses_asked(struct ledger *l, const struct service_peer *peer);

/* That peer tells known peers, which are learned: one list for each question of ours, and one address alone
 * from time to time, which is how a peer tells of itself. The parcel stays the caller's. */
void addresses_told(struct ledger *l, const struct service_peer *peer, struct parcel *told);

/* Newest first, as they are told to others. */
void addresses_sort(struct known_peer *peers, size_t n);

int64_t addresses_deadline(const struct ledger *l);
void addresses_tick(struct ledger *l);

#endif
