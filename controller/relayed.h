/* Messages of peers that are passed on, and those that come back from a connection that has ended: they wait
 * in a list of their own for room in others' queues. */
#ifndef KITH_CONTROLLER_RELAYED_H
#define KITH_CONTROLLER_RELAYED_H

#include "controller/state.h"

/* Passes on a message of `from`; takes a reference of its own. False if it goes to nobody, as the node ends
 * or memory is short. */
bool relayed_start(struct controller *c, enum scope scope, struct peer_ref from, uint32_t kind,
                   struct parcel *parcel);

/* A message that was posted to m->peer, and did not go before its connection ended; takes it. */
void relayed_return(struct controller *c, const struct message *m);

/* Tries again what waits for room; gives it up. */
void relayed_retry(struct controller *c);
void relayed_abandon(struct controller *c);

#endif
