/* One message to several peers: who gets it, and who still waits for it. */
#ifndef KITH_CONTROLLER_SENDING_H
#define KITH_CONTROLLER_SENDING_H

#include "controller/state.h"

/* Begins to send m, which it takes: to the peers of its scope. m->peer is the one of SCOPE_PEER; in the other
 * scopes it is one that is left out. s must not be active; afterwards it is, while the message still waits
 * for room. */
void sending_start(struct controller *c, struct sending *s, const struct message *m);

/* The same with a message that was posted to m->peer and did not go, for that peer alone. */
void sending_again(struct controller *c, struct sending *s, const struct message *m);

/* Tries those that wait. Nothing if s is not active. */
void sending_retry(struct controller *c, struct sending *s);

/* Waits no longer, and ends: the peers that have no room make some, as if they had stalled. s is active. */
void sending_push(struct controller *c, struct sending *s);

/* Gives up: counts as dropped what still waits, and ends. */
void sending_abandon(struct controller *c, struct sending *s);

#endif
