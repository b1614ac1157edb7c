/* Where a node finds its first peers: in the book, by the seeds, or at the addresses of -bootstrap, or of the
 * network. protocol.finds_in_turn says in which order. */
#ifndef KITH_CONTROLLER_DISCOVERY_H
#define KITH_CONTROLLER_DISCOVERY_H

#include "controller/state.h"

/* Once, when the node starts. */
void discovery_begin(struct controller *c);

/* At seed_ms, unless c->seeding. */
void discovery_run(struct controller *c);

/* Nobody is online, and nobody is left to dial: asks the source that comes next. */
void discovery_alone(struct controller *c);

/* MSG_SEEDS; takes r. A fetch that failed is no empty list: the fetcher tries again by itself. */
void discovery_seeds(struct controller *c, struct seed_report *r);

#endif
