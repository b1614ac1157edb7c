/* The answers that the application waits for: of requests that it was told KITH_OK for, until it has taken
 * their events. There is a place for each in the queue `events`, so that none is lost: who does not take
 * answers is let ask for no more. None of these blocks. */
#ifndef KITH_NODE_AWAITED_H
#define KITH_NODE_AWAITED_H

#include "node/state.h"

/* Any thread. Whether the request's answer goes to the application. */
static inline bool awaited_is(const struct node *n, uint64_t id)
{
    return id != 0 && !(n->watch && (id & WATCH_ID));
}

/* Any thread. A request is to be posted. False if `most` answers are awaited: then room_bell rings once fewer
 * than ANSWERS_TO_SENDS are, and command_bell once fewer than ANSWERS_MOST are. */
bool awaited_add(struct node *n, uint32_t most);

/* Any thread. The queue had no room for that request, and rings the bell of who waits for some. `most`: as
 * above. */
void awaited_undo(struct node *n, uint32_t most);

/* The application's thread has taken an event: `id` is its request's. */
void awaited_taken(struct node *n, uint64_t id);

/* The controller's thread. Whether one more event that answers nothing may wait. */
bool awaited_leave_room(const struct node *n);

#endif
