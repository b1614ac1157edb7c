/* The end of the node, in this order: what is queued goes, connections end, the peers are saved,
 * controller_actions.ended is called. */
#ifndef KITH_CONTROLLER_QUIT_H
#define KITH_CONTROLLER_QUIT_H

#include "controller/state.h"

/* COMMAND_QUIT. Does nothing the second time. */
void quit_begin(struct controller *c);

/* While controller.quitting: goes on with the end, instead of all upkeep. */
void quit_run(struct controller *c);
int64_t quit_deadline(const struct controller *c);

#endif
