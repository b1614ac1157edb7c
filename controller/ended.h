/* The end of connections, in two steps. MSG_ENDED: the connection is over, but what it had read before may
 * still be on its way. MSG_GONE: that has come, and the slot is free for another. */
#ifndef KITH_CONTROLLER_ENDED_H
#define KITH_CONTROLLER_ENDED_H

#include "controller/state.h"

/* MSG_ENDED; takes m->ending. */
void ended_connection(struct controller *c, const struct message *m);

/* MSG_GONE: frees the slot. */
void ended_drained(struct controller *c, const struct message *m);

#endif
