/* What is known of our own network. If it fails, a dial never leaves this system: that is no fault of the
 * peer, and addresses of that family (IPv4 or IPv6) are dialed after all others for a while. */
#ifndef KITH_CONTROLLER_OWN_NETWORK_H
#define KITH_CONTROLLER_OWN_NETWORK_H

#include "controller/state.h"

/* A dial ended so before it was online: it says nothing of the peer. */
bool own_network_is_to_blame(enum end_reason reason);

/* Whether that IP is of the family that we dial from. */
bool own_network_reaches(const struct controller *c, const struct ip *ip);

/* Whether the network fails for the family of that IP now; for any family. */
bool own_network_is_out(struct controller *c, const struct ip *ip);
bool own_network_is_out_anywhere(const struct controller *c);

/* A dial to e failed here; or one of that family did leave this system. After a failure e is dialed again
 * soon, unless the network leads to others of its family. */
void own_network_failed(struct controller *c, const struct endpoint *e);
void own_network_works(struct controller *c, const struct ip *ip);

/* How long to wait after the network has failed `times` + 1 times in a row: longer each time, at random,
 * `max` at the most. */
int64_t own_network_pause(struct controller *c, uint32_t times, int64_t max);

#endif
