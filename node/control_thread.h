/* The thread that runs the core. */
#ifndef KITH_NODE_CONTROL_THREAD_H
#define KITH_NODE_CONTROL_THREAD_H

#include "node/state.h"

/* Runs the core until it has ended. `node` is a struct node. */
void control_thread_run(void *node);

#endif
