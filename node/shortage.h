/* What peers have the node keep is bounded by one budget. If it is short, those who hold the most have to
 * leave: not who came last and found no room. The controller's thread keeps the budget. */
#ifndef KITH_NODE_SHORTAGE_H
#define KITH_NODE_SHORTAGE_H

#include "node/state.h"

/* Bytes of the budget: what the limits say, and room for three of the longest parcels. One peer may need
 * that: its receive buffer, the parcel made of it, and the one before that waits for the application. */
uint64_t shortage_budget(const struct limits *l);

/* Half of the budget is for what waits in inbound and outbound, at most; a quarter for what waits in the
 * core. The last quarter is always there for whoever holds no more than its part of it. */
static inline uint64_t shortage_quarter(const struct budget *b)
{
    return (uint64_t)b->total / 4;
}

/* If somebody has found no room: asks those to end that hold the most, until what they give back is enough
 * for the one that wants least. Never blocks; looks at all connections, at most each 20 ms. */
void shortage_run(struct node *n, struct moment now);

#endif
