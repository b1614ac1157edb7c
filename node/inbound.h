/* What comes from the connections. For the controller's thread; none blocks. */
#ifndef KITH_NODE_INBOUND_H
#define KITH_NODE_INBOUND_H

#include "node/state.h"

/* Takes what the connections sent, a share from each in turn, and gives it to the core. True if there was
 * anything. */
bool serve_connections(struct node *n);

/* True if there is nothing that the core would take from any connection now. */
bool connections_are_idle(const struct node *n);

#endif
