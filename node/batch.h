/* Messages taken from a queue together, which costs less than one by one, and handled one by one: if the core
 * will not have the next, the others wait here. The queue's budget is given back when all of them are
 * through; or one by one, if they take long and the queue's writer waits for room. Its functions are for the
 * reader of the queue; none blocks. */
#ifndef KITH_NODE_BATCH_H
#define KITH_NODE_BATCH_H

#include "queue/queue.h"

#define BATCH_MAX 32
struct batch {
    struct message *messages; /* room for BATCH_MAX, from the pool; NULL before the first */
    uint32_t *sizes;          /* of their payloads; behind them */
    uint32_t n, at;
    uint64_t bytes;      /* of the payloads whose budget has not been given back */
    uint32_t returned;   /* the budget of so many has */
    int64_t returned_ms; /* when that was, for this batch or the one before; of clock_coarse_ms */
};

/* Memory for the messages, which batch_look otherwise gets with the first; false if it is short. */
bool batch_open(struct batch *b);
/* The next message, which stays in its place until batch_pass; NULL if there is none, or no memory for
 * any. */
struct message *batch_look(struct batch *b, struct queue *from);
/* It is dealt with: the queue's writer is told that we get on, or that there is room. */
void batch_pass(struct batch *b, struct queue *from);
bool batch_is_empty(const struct batch *b); /* nothing taken waits to be handled */
void batch_trim(struct batch *b);           /* gives its memory back while it is empty */
/* Releases what is left, through `discard`; gives its memory back, and all of its budget to the queue that
 * it came from (NULL if that is not used any more). */
void batch_drop(struct batch *b, struct queue *from, void (*discard)(void *context, struct message *m),
                void *context);

#endif
