/* Who may stay: accepted sockets and finished handshakes. */
#ifndef KITH_CONTROLLER_ADMIT_H
#define KITH_CONTROLLER_ADMIT_H

#include "controller/state.h"

/* MSG_ACCEPTED: a socket, which is taken; *a stays the caller's. */
void admit_accepted(struct controller *c, struct accepted *a);

/* MSG_ONLINE: the handshake of s is done. It comes online, waits for another connection, or is sent away. */
void admit_handshake(struct controller *c, struct slot *s, const struct peer_info *info);

/* That connection has ended: those that waited for it go on. */
void admit_waiting(struct controller *c, const struct slot *ended);

#endif
