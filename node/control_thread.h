/* The thread that runs the core. */
#ifndef KITH_NODE_CONTROL_THREAD_H
#define KITH_NODE_CONTROL_THREAD_H

#include "node/state.h"

/* The thread itself: runs the core until that has ended, and sleeps while there is nothing to do. `node` is a
 * struct node. */
void control_thread_run(void *node);

#endif
