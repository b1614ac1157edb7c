/* The dialing of special peers. It never ends: one that is not connected is dialed again and again, whatever
 * it has earned, besides all other connections. */
#ifndef KITH_CONTROLLER_SPECIAL_DIALS_H
#define KITH_CONTROLLER_SPECIAL_DIALS_H

#include "controller/state.h"

/* Dials the special peers that are due, and has names looked up. */
void special_dials_run(struct controller *c);
int64_t special_dials_deadline(const struct controller *c);

/* An outgoing connection, or a dial, has ended: of a special peer or of another. */
void special_dials_ended(struct controller *c, struct slot *s, enum end_reason reason);

#endif
