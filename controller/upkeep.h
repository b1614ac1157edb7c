/* What a node does from time to time: has the seeds asked, saves its peers, forgets old addresses, says what
 * a full address book has lost, and drops ordinary peers for others. */
#ifndef KITH_CONTROLLER_UPKEEP_H
#define KITH_CONTROLLER_UPKEEP_H

#include "controller/state.h"

/* Once, when the node starts. */
void upkeep_begin(struct controller *c);

void upkeep_run(struct controller *c);
int64_t upkeep_deadline(const struct controller *c);

/* Has the peers saved, if anything has changed or unchanged_too is set. Does nothing while a save is under
 * way. */
void upkeep_save(struct controller *c, bool unchanged_too);
void upkeep_saved(struct controller *c, bool failed); /* MSG_SAVED */

#endif
