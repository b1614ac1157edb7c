/* Parcels that were dropped: nothing is lost silently. They are counted by peer and cause, and the
 * application is told of them at most once a second. */
#ifndef KITH_CONTROLLER_DROPS_H
#define KITH_CONTROLLER_DROPS_H

#include "controller/state.h"

/* Once, when the node starts. */
void drops_begin(struct controller *c);

/* Counts parcels of or for that peer as dropped. The caller releases them. */
void drops_count(struct controller *c, struct peer_ref peer, enum drop_cause cause, uint64_t parcels);

/* Tell the application of the drops since the last time: of one peer, or of all. A peer loses merit for drops
 * because it stood still. */
void drops_report_slot(struct controller *c, struct slot *s);
void drops_report(struct controller *c);

/* drops_report, if it is due. */
void drops_run(struct controller *c);
int64_t drops_deadline(const struct controller *c);

#endif
