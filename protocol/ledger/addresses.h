/* Addresses over connections: asking, answering, learning, and telling of ourselves. */
#ifndef KITH_PROTOCOL_LEDGER_ADDRESSES_H
#define KITH_PROTOCOL_LEDGER_ADDRESSES_H

#include "protocol/ledger/state.h"

void addresses_open(struct ledger *l);
void addresses_online(struct ledger *l, struct ledger_peer *p, const struct service_peer *peer);

void addresses_asked(struct ledger *l, const struct service_peer *peer);
void addresses_told(struct ledger *l, const struct service_peer *peer, struct parcel *told); /* not taken */

/* Newest first, as they are told to others. */
void addresses_sort(struct known_peer *peers, size_t n);

int64_t addresses_deadline(const struct ledger *l);
void addresses_tick(struct ledger *l);

#endif
