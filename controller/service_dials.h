/* Connections that the service asked for, to find out if somebody answers at an address. */
#ifndef KITH_CONTROLLER_SERVICE_DIALS_H
#define KITH_CONTROLLER_SERVICE_DIALS_H

#include "controller/state.h"

/* service_actions.dial. `core` is a controller. */
bool service_dial(void *core, const struct endpoint *to, uint64_t token);

/* The handshake of s is done. Returns s if it may come online: the service did not ask for it, or keeps it.
 * NULL if it is closed. */
struct slot *service_dial_answered(struct controller *c, struct slot *s);

/* s has ended: if the service waits for it, it is told. */
void service_dial_ended(struct controller *c, struct slot *s, enum end_reason reason);

#endif
