/* The core's actions in a running node. For the controller's thread; none blocks. */
#ifndef KITH_NODE_CONTROLLER_ACTIONS_H
#define KITH_NODE_CONTROLLER_ACTIONS_H

#include "node/state.h"

extern const struct controller_actions node_actions; /* `host` is a struct node */
void node_flush(struct node *n);                     /* wakes the readers of the queues they have posted to */

#endif
