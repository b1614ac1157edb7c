/* How the protocol's service acts on the node: the core's side of struct service_actions. `host` is the
 * core. */
#ifndef KITH_CONTROLLER_SERVICE_ACTIONS_H
#define KITH_CONTROLLER_SERVICE_ACTIONS_H

#include "protocol/protocol.h"

extern const struct service_actions controller_service_actions;

#endif
