/* What the book keeps, as the application is told it: bans, addresses, a score. Each function makes one event
 * that answers the request `id`; without memory for a list it is told that there is none of it. */
#ifndef KITH_CONTROLLER_LISTS_H
#define KITH_CONTROLLER_LISTS_H

#include "controller/state.h"

void lists_bans(struct controller *c, uint64_t id);

/* The `most` that were heard from last; 0 for all. */
void lists_known(struct controller *c, size_t most, uint64_t id);

/* Of a command that names a peer, an IP address or a node id, as COMMAND_SCORE does. */
void lists_score(struct controller *c, const struct command *command, uint64_t id);

#endif
