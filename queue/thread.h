/* An actor's thread: its start, its end, and what it costs while it sleeps. */
#ifndef KITH_QUEUE_THREAD_H
#define KITH_QUEUE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Any thread; does not block. Starts a joinable thread of that name (copied; at most 15 bytes) with every
 * signal blocked, so that the application's handlers run on the application's own threads. stack_bytes is the
 * size of its stack, 0 for the system's default. 0, or an error number, as pthread_create. */
int thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*run)(void *argument),
                 void *argument);

/* Any thread, once. Waits up to `ms` for a thread that was told to end; then cancels it, and waits a tenth of
 * a second more. False if it has not ended even so, as a system call holds it that nothing interrupts: it
 * goes on by itself, so what it uses must stay for as long as the process lives. */
bool thread_end(pthread_t thread, int ms);

/* Any thread; waits up to `ms` for a thread that was told to end. True: it has, and is joined. */
bool thread_join_within(pthread_t thread, int ms);

/* On a thread started by thread_start; does not block. Gives back the pages of its stack below those in use:
 * they stay resident once a deep call has touched them, however rarely it is made. It costs a system call, so
 * it is for a thread that is about to sleep for long. */
void thread_trim_stack(void);

#endif
