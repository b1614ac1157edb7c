/* How near the node is to being surrounded by one attacker: how much is in one hand, as far as can be told.
 */
#ifndef KITH_CONTROLLER_RISK_H
#define KITH_CONTROLLER_RISK_H

struct controller;

/* Looks anew, unless it did within five seconds, and puts the result into controller.risk: the greatest
 * share, in percent, that one network group has of the outgoing ordinary peers (if there are four or more),
 * that one group has told us of among them, or that one group has told us of in the book (if there are 32 or
 * more; what seeds and the operator named is left out). 0 if there are too few of all to tell. */
void risk_look(struct controller *c);

/* The same, and a line in the log if the risk has risen to 60 per cent or more; not on a network that may be
 * of one house alone (network_config.open). */
void risk_tell(struct controller *c);

#endif
