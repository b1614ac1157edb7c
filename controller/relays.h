/* Outgoing connections that only relay (PURPOSE_RELAY), beside the ordinary ones, in protocols that have
 * them: so that who fills the ordinary places by telling of addresses does not cut the node off from the
 * chain.
 *
 * limits.relays of them stand, once all ordinary places are filled. Now and then one more is dialed. Then one
 * of those goes that have been there for two minutes: the youngest that never brought anything new, else the
 * one that did so least lately. If there are any, they are the anchors: dialed first after a start, before
 * all others. None if only special peers are dialed. */
#ifndef KITH_CONTROLLER_RELAYS_H
#define KITH_CONTROLLER_RELAYS_H

#include "controller/state.h"

/* Dials the anchors; before all ordinary dials. */
void relays_begin(struct controller *c);
void relays_run(struct controller *c);
int64_t relays_deadline(const struct controller *c);

/* Whether s, which we dialed, is to be dialed first after a restart. */
bool relays_make_anchor(const struct controller *c, const struct slot *s);

/* The connection has ended, whatever it was. */
void relay_ended(struct controller *c, const struct slot *s);

#endif
