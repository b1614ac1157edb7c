/* What the helpers of the controller tell it: the listener, the seed fetcher, the namer and the keeper, each
 * on its own thread. None of these functions blocks. `node` is a struct node. */
#ifndef KITH_NODE_ANSWERS_H
#define KITH_NODE_ANSWERS_H

#include "node/state.h"

/* Takes `accepted` if it returns true. False: no room, or the node is ending; it is still the caller's. */
bool node_on_accepted(void *node, struct accepted *accepted);
void node_on_seeds(void *node, struct seed_report *report); /* takes the report */
void node_on_names(void *node, struct names_found *answer); /* takes the answer */
void node_on_saved(void *node, bool failed);

/* Any thread. Posts a message for which node.c has reserved a place in `control`. Takes what the message
 * points at. */
void node_answer(struct node *n, const struct message *m);

/* Any thread. True once the node was asked to end. */
bool node_is_closing(const struct node *n);

#endif
