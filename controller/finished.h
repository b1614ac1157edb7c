/* Peers that have closed their side, and may read on: as `printf ... | nc -N` does. Each ends once the
 * service owes it nothing more and what it was answered has left the core. Its connection ends by itself if
 * that takes too long (connection/connection.h). */
#ifndef KITH_CONTROLLER_FINISHED_H
#define KITH_CONTROLLER_FINISHED_H

#include "controller/state.h"

/* MSG_FINISHED. */
void finished_peer(struct controller *c, struct slot *s);

/* Ends those that are owed nothing any more. To be called whenever that may have changed. */
void finished_run(struct controller *c);

#endif
