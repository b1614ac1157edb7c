/* Live connections are judged: whoever costs more than it is worth has to go, and not only if it comes again.
 *
 * A connection ends if the quality of its IP, or of its node id if those are rated, is below refuse_below and
 * it has lost at least a tenth of that itself. So others behind the same IP, or under the same id, whose
 * faults are not its own, do not end it, and neither does a single fault. A special peer is exempt: a ban
 * alone keeps it out. */
#ifndef KITH_CONTROLLER_JUDGE_H
#define KITH_CONTROLLER_JUDGE_H

#include "controller/state.h"

/* A demerit of a connection that lives, for each of its faults. It may be asked to end, with END_JUDGED. */
void judge_loses(struct controller *c, struct slot *s, int64_t merit);

/* The application's word on a peer: points of either sign, as often as it says so. As above if they are below
 * 0. */
void judge_reported(struct controller *c, struct slot *s, int32_t points);

/* Parcels for it were dropped, as it is stalled. One cause counts once a minute, however many there are: an
 * application that hangs for a while is one fault. */
void judge_stalled(struct controller *c, struct slot *s);

#endif
