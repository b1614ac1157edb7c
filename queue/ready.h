/* The writers' side of a ready list (queue/mailbox.h has the reader's). Internal to the mailbox. */
#ifndef KITH_QUEUE_READY_H
#define KITH_QUEUE_READY_H

#include <stdbool.h>

#include "queue/mailbox.h"

/* Any thread; never blocks. False if the list is full. */
bool ready_put(struct ready *r, struct peer_ref name);

#endif
