/* Whose messages make room in a full queue that several senders fill: those of the senders that have the most
 * in it, their oldest first. So a sender that floods the queue pushes out its own messages, and no others'.
 *
 * A sender is a place in the table of connections: the index of message.peer. There is a level, the highest
 * that will do, above which nobody may stay. A sender that has no more than the level in the queue loses
 * nothing; the level is never below an even part, for each sender, of 31/32 of what lay in the queue. It is
 * found in messages if those are short, in bytes if those are, and the message that is to come counts as its
 * sender's newest. If it is more than anybody else has there, and its sender's older ones would not make room
 * for it, nothing is dropped: it is the one to go. So it is if the reader holds what is in the way.
 *
 * What stays keeps its order. A run takes a step for each message of the queue, so it drops a 32nd part of
 * what is there if a sender is that much above the level: the cost for each message that comes is bounded by
 * some tens of such steps. */
#ifndef KITH_QUEUE_FAIR_DROP_H
#define KITH_QUEUE_FAIR_DROP_H

#include <stdint.h>

#include "queue/message.h"

struct fair_drop;
struct queue;

/* Any thread; does not block. For a queue with one writer, of `messages` and `bytes` as its config has them,
 * whose messages all bear an index below `senders`. The memory, 32 bytes a message, is not touched before it
 * is used. NULL if memory is short. */
struct fair_drop *fair_drop_new(uint32_t messages, uint64_t bytes, uint32_t senders);
uint64_t fair_drop_memory(uint32_t messages, uint32_t senders); /* of one */
void fair_drop_free(struct fair_drop *f);                       /* NULL is allowed */

/* The thread of the only writer; never blocks. The queue has no room for `coming`, which stays the caller's:
 * makes room as said above. What has to go goes to `dropped`, which owns it and must not use the queue.
 * Afterwards the caller posts, and wakes the reader also if it drops the message. */
void fair_drop_for(struct fair_drop *f, struct queue *q, const struct message *coming,
                   void (*dropped)(void *context, struct message *message), void *context);

#endif
