/* What is known of our own network. If it fails, a dial never leaves this system: that is no fault of the
 * peer, and addresses of that family (IPv4 or IPv6) are dialed after all others for a while. */
#ifndef KITH_CONTROLLER_OWN_NETWORK_H
#define KITH_CONTROLLER_OWN_NETWORK_H

#include "controller/state.h"

/* True if a dial that ended for this reason, before it was online, says nothing of the peer. */
bool own_network_is_to_blame(enum end_reason reason);

/* Whether we can dial that IP at all: if we dial from one address, only IPs of its family. */
bool own_network_reaches(const struct controller *c, const struct ip *ip);

/* Whether the network fails now: for the family of that IP, or for either family. */
bool own_network_is_out(struct controller *c, const struct ip *ip);
bool own_network_is_out_anywhere(const struct controller *c);

/* A dial to e did not leave this system. If nobody is online by its family, e is dialed again soon: else the
 * usual time passes, as the network leads to others of that family. */
void own_network_failed(struct controller *c, const struct endpoint *e);

/* A dial to that IP did leave this system: its family works. */
void own_network_works(struct controller *c, const struct ip *ip);

/* How long to wait after the network has failed `times` + 1 times in a row: longer each time, at random,
 * `max` at the most. */
int64_t own_network_pause(struct controller *c, uint32_t times, int64_t max);

#endif
