/* A bell wakes one thread. Queue and sleep are separate: producers put something into a queue and then ring
 * the bell of the thread that reads it; that thread sleeps in poll(2) on the bell's descriptor, together with
 * its sockets.
 *
 *     producer                     sleeper
 *     put into the queue           bell_lie_down(b)
 *     bell_ring(b)                 if every queue is still empty: poll on b->fd, for POLLIN
 *                                  bell_get_up(b)
 *
 * An actor sleeps by worker_sleep (queue/worker.h), which takes these steps. A thread of the application that
 * waits sleeps in a poll of its own, after bell_arm. A writer that waits for room in a full queue posts once
 * more after it has armed the bell: that is its look at the queue.
 *
 * Ringing costs a fence and a load while the thread is awake, and one system call per sleep however many
 * ring. queue/bell.pml is the model of this step; the test suite checks it with spin, and that each of its
 * two fences is needed. */
#ifndef KITH_QUEUE_BELL_H
#define KITH_QUEUE_BELL_H

#include <stdatomic.h>
#include <stdbool.h>

struct bell {
    _Alignas(64) _Atomic bool asleep;
    int fd;
};

/* The thread that makes the bell, before any other knows it; does not block. 0, or -1 with errno if no
 * descriptor is to be had. */
int bell_init(struct bell *b);

/* After the last use by any thread. Idempotent once bell_init was called, whether that succeeded or not. */
void bell_fini(struct bell *b);

/* Any thread, after it has put something into a queue of the bell's owner; never blocks. */
void bell_ring(struct bell *b);

/* The owner only, if it sleeps in a poll that is not ours, on b->fd. Empties the descriptor and arms the
 * bell: the owner looks at its queues once more, and polls if all are empty. Never blocks. */
void bell_arm(struct bell *b);

/* The owner only. Between lie_down and get_up the owner looks at every one of its queues once more, and polls
 * b->fd only if all are empty. Neither blocks. get_up also empties the descriptor. After get_up the owner
 * looks at its queues again, whatever the poll said. */
void bell_lie_down(struct bell *b);
void bell_get_up(struct bell *b);

#endif
