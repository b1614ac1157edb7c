/* Where each message goes, and what happens if there is no room for it: progress waits, stall drops. All of
 * these take the messages and parcels that they are given. */
#ifndef KITH_CONTROLLER_ROUTE_H
#define KITH_CONTROLLER_ROUTE_H

#include "controller/state.h"

/* A MSG_SEND of the application. */
void route_send(struct controller *c, const struct message *m);

/* service_actions.deliver: to the application and, if we relay, to other peers. `core` is a controller. */
void route_deliver(void *core, struct peer_ref from, uint32_t kind, struct parcel *parcel);

/* service_actions.send: the service's own words to a peer. `core` is a controller. */
void route_answer(void *core, struct peer_ref to, uint32_t kind, struct parcel *parcel);

/* Tries again all that waits for room. */
void route_retry(struct controller *c);

/* The node ends: gives up what still waits, and counts the application's parcels as dropped. */
void route_abandon(struct controller *c);

/* service_actions.route, which says what becomes of the parcel. `core` is a controller. */
bool route_service(void *core, enum scope scope, struct peer_ref except, uint32_t kind,
                   struct parcel *parcel);

#endif
