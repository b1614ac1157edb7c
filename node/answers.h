/* What the helpers of the controller tell it, on their threads: the listener, the seed fetcher, the namer and
 * the keeper. None blocks. `node` is a struct node. */
#ifndef KITH_NODE_ANSWERS_H
#define KITH_NODE_ANSWERS_H

#include "node/state.h"

bool node_on_accepted(void *node, struct accepted *accepted); /* false: it is still the caller's */
void node_on_seeds(void *node, struct seed_report *report);   /* this and the next take what they are given */
void node_on_names(void *node, struct names_found *answer);
void node_on_saved(void *node, bool failed);

/* Any thread. Posts to `control` what has its place there, as node.c makes that queue. Takes what it points
 * at. */
void node_answer(struct node *n, const struct message *m);

/* Any thread. The node was asked to end. */
bool node_is_closing(const struct node *n);

#endif
