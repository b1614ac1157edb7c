/* Messages that are taken from a queue together, which costs less than one by one, and handled one by one. If
 * the core does not take the next one yet, it and those behind it wait here. The queue's budget is given back
 * when all of them are handled. If that takes long and the queue's writer waits for room, it is given back
 * one by one. Its functions are for the reader of the queue; none blocks. */
#ifndef KITH_NODE_BATCH_H
#define KITH_NODE_BATCH_H

#include "queue/queue.h"

#define BATCH_MAX 32
struct batch {
    struct message *messages; /* room for BATCH_MAX, from the pool; NULL before the first */
    uint32_t *sizes;          /* of their payloads; in the same block, behind them */
    uint32_t n, at;           /* how many were taken, and how many of them are handled */
    uint64_t bytes;           /* of the payloads whose budget has not been given back */
    uint32_t returned;        /* the messages whose budget has */
    int64_t returned_ms;      /* when budget was last given back, of this batch or of the one before, by
                                 clock_coarse_ms */
};

/* Gets the memory for the messages; false if it is short. Without this call batch_look gets it. */
bool batch_open(struct batch *b);

/* The next message, which stays in its place until batch_pass. NULL if there is none, or memory is short. */
struct message *batch_look(struct batch *b, struct queue *from);

/* The message is handled: the queue's writer sees progress, or that there is room. The next of those that
 * were taken; NULL if batch_look has to take more. */
struct message *batch_pass(struct batch *b, struct queue *from);

bool batch_is_empty(const struct batch *b); /* no message that was taken waits to be handled */
void batch_trim(struct batch *b);           /* gives its memory back, if it is empty */

/* Passes what is left to `discard`, which owns it, and gives the batch's memory back. `from`, the queue that
 * the messages came from, gets all of their budget back; NULL if that queue is not used any more. */
void batch_drop(struct batch *b, struct queue *from, void (*discard)(void *context, struct message *m),
                void *context);

#endif
