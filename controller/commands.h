/* What the application asks for besides sending. */
#ifndef KITH_CONTROLLER_COMMANDS_H
#define KITH_CONTROLLER_COMMANDS_H

#include "controller/state.h"

/* MSG_COMMAND: takes the command. `id` is the number of the request, which an event answers. */
void command_run(struct controller *c, struct command *command, uint64_t id);

#endif
