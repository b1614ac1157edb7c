/* Feelers: dials that only see if anybody answers. They make addresses that others told us of tried ones
 * before they are needed, and find those that are no good. One at a time, every two minutes or so, once all
 * outgoing slots are filled; none if only special peers are dialed. They take none of the slots. */
#ifndef KITH_CONTROLLER_FEELERS_H
#define KITH_CONTROLLER_FEELERS_H

#include "controller/state.h"

void feelers_begin(struct controller *c);
void feelers_run(struct controller *c);
int64_t feelers_deadline(const struct controller *c);

/* It is known who is at the other end of s. True if s is a feeler: that was all that it was for, and it ends.
 */
bool feeler_met(struct controller *c, struct slot *s);

/* The connection has ended, whatever it was. */
void feeler_ended(struct controller *c, const struct slot *s);

#endif
