/* A worker: the thread of an actor and the bell that it sleeps on. There is one way to sleep, to stop and to
 * join, and the reasons for their memory order stand in worker.c and bell.h alone.
 *
 *     the thread                                       the others
 *     while (!worker_stopped(w)) {                     put into a queue of the actor
 *         do what there is to do                       bell_ring(&w->bell)
 *         worker_sleep(w, busy, NULL, 0, WORKER_NEVER)
 *     }                                                worker_stop(w), worker_join(w), worker_fini(w)
 *
 * Its memory is the actor's, which starts it as zeros. queue/bell.pml is the model of how it sleeps. */
#ifndef KITH_QUEUE_WORKER_H
#define KITH_QUEUE_WORKER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/bell.h"

#define WORKER_NEVER INT64_MAX /* a deadline that does not come */

struct worker {
    struct bell bell;
    pthread_t thread;
    void (*run)(void *self);
    void *self;
    bool is_open; /* the bell is made */
    _Atomic bool stop;
};

/* Any thread, before another knows of the worker; does not block. Makes the bell, so that others may ring it
 * before the thread starts. Only an actor whose producers start first needs it: worker_start does the same.
 * 0, or an error number. */
int worker_open(struct worker *w);

/* The thread that made the worker, once; does not block. Starts a thread that calls run(self), with all
 * signals blocked. `name` is copied, at most 15 bytes; stack_bytes is the size of its stack, 0 for the
 * system's default. `self` is borrowed until the thread is joined. 0, or an error number: there is no thread
 * then, and worker_fini alone may follow. */
int worker_start(struct worker *w, const char *name, size_t stack_bytes, void (*run)(void *self), void *self);

/* The worker's thread. Sleeps until the bell rings, one of `fds` is ready, or deadline_ms (of clock_ms) has
 * come. It does not sleep if busy(self) is true once the bell is armed, or after worker_stop; `busy` must not
 * block, and NULL is never busy. It may return early: the thread looks at all that it serves again.
 *
 * fds[0] is left for the bell, and n counts it; NULL and 0 for the bell alone. Without sleep all `revents`
 * are 0. 0, or an error number of poll(2) if no memory was to be had: a caller that has descriptors ready
 * must not try again in a tight loop. */
int worker_sleep(struct worker *w, bool (*busy)(const void *self), struct pollfd *fds, nfds_t n,
                 int64_t deadline_ms);

/* The worker's thread. As worker_sleep, on the bell alone, for an actor whose last look may change its state
 * and with it its deadline: look(self), called once the bell is armed, says when to wake, or WORKER_BUSY not
 * to sleep. */
#define WORKER_BUSY INT64_MIN
void worker_sleep_until(struct worker *w, int64_t (*look)(void *self));

/* Any thread; never blocks. True after worker_stop. A thread that reads true also sees all that the stopping
 * thread had done before. So a thread that is to finish what was posted looks here first, then at its queues.
 */
bool worker_stopped(const struct worker *w);

/* Any thread, several times if need be; never blocks. Wakes the thread, which is to return from `run`. */
void worker_stop(struct worker *w);

/* One thread, once, and only after worker_start has succeeded; blocks until the thread has returned from
 * `run`. */
void worker_join(struct worker *w);

/* After worker_stop, as thread_join_within. */
bool worker_join_within(struct worker *w, int ms);

/* The worker's thread, if nobody will join it. It calls worker_fini itself, and ends. */
void worker_leave(struct worker *w);

/* The same as worker_stop and worker_join, for a thread that writes (queue/writing.h): waits as thread_end
 * says. False if a system call holds the thread for good: the worker and its actor must then stay. */
bool worker_end(struct worker *w, int ms);

/* One thread, when no other rings the bell any more and the thread, if there was one, is joined; does not
 * block. Closes the bell. A worker of zeros is allowed. */
void worker_fini(struct worker *w);

#endif
