/* A writer's view of one queue, with the rule of all queues: progress waits, stall drops. */
#ifndef KITH_QUEUE_STALL_GATE_H
#define KITH_QUEUE_STALL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/message.h"

struct queue;

/* A new one has its queue, maybe a least rate, and all else is zero. */
struct stall_gate {
    struct queue *queue;
    uint64_t least_rate; /* steps a second; below that a full queue counts as stalled; 0: none */
    uint64_t seen;       /* progress and signs when it last met a full queue */
    int64_t since_ms;    /* when that was first seen with the queue full */
    uint64_t taken;      /* progress alone, then */
    int64_t taken_ms;    /* when that last changed */
    uint64_t paced;      /* progress when the measuring of its rate began */
    int64_t paced_ms;    /* when that was */
    int64_t tried_ms;    /* the last post that met a full queue */
    int64_t pause_ms;    /* the longest pause of the reader of late, with the queue full */
    bool full;           /* the last post met a full queue and was told to wait */
    bool moved;   /* and the reader got on, as this post or another with the same now_ms was first to see */
    bool stalled; /* no progress for the stall time: posting drops the oldest until the reader moves */
    bool slow;    /* below the least rate: likewise, until it is measured again */
};

enum gate_result {
    GATE_POSTED,  /* the queue owns the message; older ones may have been dropped for it */
    GATE_WAIT,    /* still the caller's; to be tried again when the writer's bell rings, or at
                   * stall_gate_deadline
                   */
    GATE_DROPPED, /* stalled, and nothing older to drop: the message itself went to `dropped` */
};

/* The single writer's thread; never blocks. Posts, or says wait, or, if the reader has made no progress
 * for stall_ms since it was first met with a full queue, drops the oldest ones until there is room: each
 * goes to `dropped`, which owns it and must not use the gate. From then on each post drops just what it
 * needs, without waiting, until the reader moves. A reader that stood still before and went on is given twice
 * its longest pause of late, if that is more than stall_ms, up to STALL_GATE_PATIENCE times stall_ms: TCP
 * shows the progress of a slow one in large steps. A reader whose progress over a stall time is below
 * least_rate, while its queue is full again and again, is treated in the same way. now_ms is of a clock that
 * never goes back. Does not wake the reader: after a batch, call queue_wake. */
enum gate_result stall_gate_post(struct stall_gate *g, const struct message *message, int64_t now_ms,
                                 int64_t stall_ms, void (*dropped)(void *context, struct message *message),
                                 void *context);

#define STALL_GATE_PATIENCE 4

/* So many stall times after the last progress of the reader itself, its signs no longer show others that it
 * moves: nodes that relay each other's messages in a ring could otherwise keep each other waiting by signs
 * alone, for ever. */
#define STALL_GATE_SIGNS_LAST 20

/* The single writer's thread; never blocks. When a writer that was told to wait must try again at the latest;
 * INT64_MAX if it was not. That is after STALL_GATE_AGAIN_MS, though no bell may ring before half of the
 * queue is free: so what a slow reader does is passed on to whoever waits behind the writer. */
#define STALL_GATE_AGAIN_MS 50
int64_t stall_gate_deadline(const struct stall_gate *g, int64_t stall_ms);

#endif
