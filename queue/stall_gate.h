/* A writer's view of one queue, with the rule of all queues: progress waits, stall drops. */
#ifndef KITH_QUEUE_STALL_GATE_H
#define KITH_QUEUE_STALL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/message.h"

struct fair_drop;
struct queue;

/* A new one has its queue, perhaps a least rate, perhaps a fair_drop, and zeros. "Progress" is
 * queue_progress, "signs" are queue_signs; both are looked at only by a post that meets a full queue. */
struct stall_gate {
    struct queue *queue;
    struct fair_drop *fair; /* who loses if the reader has stalled; NULL: whoever sent the oldest messages */
    uint64_t least_rate;    /* steps a second; a reader below it counts as stalled; 0: none */
    uint64_t seen;          /* progress plus signs at the last look */
    int64_t since_ms;       /* the look at which `seen` had changed last */
    uint64_t taken;         /* progress at the last look */
    int64_t taken_ms;       /* the look at which `taken` had changed last */
    uint64_t paced;         /* progress when the current measuring of the rate began */
    int64_t paced_ms;       /* when it began */
    int64_t tried_ms;       /* the last look */
    int64_t pause_ms;       /* the longest pause of the reader of late, with the queue full */
    bool full;              /* the last post met a full queue and was told to wait */
    bool moved;             /* at the last look the reader had moved since a look with an earlier now_ms */
    bool stalled; /* no progress for the stall time: posting drops the oldest until the reader moves */
    bool slow;    /* below the least rate: likewise, until it is measured again */
};

enum gate_result {
    GATE_POSTED,  /* the queue owns the message; older ones may have been dropped for it */
    GATE_WAIT,    /* still the caller's; to be tried again when the writer's bell rings, or at
                   * stall_gate_deadline
                   */
    GATE_DROPPED, /* stalled, and nothing else to drop for it: the message itself went to `dropped` */
};

/* The single writer's thread; never blocks. Posts the message if there is room; else says wait while the
 * reader makes progress. If the reader has made none for stall_ms with the queue full, drops the oldest
 * messages until there is room: each goes to `dropped`, which owns it and must not use the gate nor its
 * queue. From then on each post drops just what it needs, without waiting, until the reader moves. With
 * `fair` it drops the oldest messages of those senders that have the most in the queue, and a few more than
 * it needs: queue/fair_drop.h says whose. The message itself may be the one to go (GATE_DROPPED).
 *
 * A reader that stood still before and went on gets twice its longest pause of late, if that is more than
 * stall_ms, up to STALL_GATE_PATIENCE times stall_ms: TCP shows the progress of a slow reader in large steps.
 * A reader whose progress over a stall time is below least_rate, while its queue is full again and again,
 * counts as stalled too. now_ms is of a clock that never goes back. Does not wake the reader: after a batch,
 * call queue_wake. */
enum gate_result stall_gate_post(struct stall_gate *g, const struct message *message, int64_t now_ms,
                                 int64_t stall_ms, void (*dropped)(void *context, struct message *message),
                                 void *context);

/* The same for a message that can't wait, whatever the reader does: never GATE_WAIT. */
enum gate_result stall_gate_push(struct stall_gate *g, const struct message *message,
                                 void (*dropped)(void *context, struct message *message), void *context);

#define STALL_GATE_PATIENCE 4

/* The number of stall times after the last progress of the reader itself for which its signs set `moved`.
 * Without a limit, nodes that relay each other's messages in a ring could keep each other waiting by signs
 * alone, for ever. */
#define STALL_GATE_SIGNS_LAST 20

/* The single writer's thread; never blocks. When a writer that was told to wait must try again at the latest;
 * INT64_MAX if it was not. It tries after STALL_GATE_AGAIN_MS even if no bell rings, as the bell may not ring
 * before half of the queue is free. So those that wait behind the writer learn that a slow reader moves. */
#define STALL_GATE_AGAIN_MS 50
int64_t stall_gate_deadline(const struct stall_gate *g, int64_t stall_ms);

#endif
