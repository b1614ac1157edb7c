/* The controller's end of the connections. For its thread; none blocks. */
#ifndef KITH_NODE_INBOUND_H
#define KITH_NODE_INBOUND_H

#include "node/state.h"

/* Takes what they sent, a share from each in turn; true if there was anything. */
bool serve_connections(struct node *n);
bool connections_are_idle(const struct node *n);

#endif
