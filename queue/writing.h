/* Writing to a descriptor that the process shares with others: standard output, standard error.
 *
 * Nothing tells beforehand whether such a write blocks. POLLOUT promises nothing of a terminal, and nothing
 * if another process writes as well; O_NONBLOCK would change the descriptor for all who share it. So these
 * writes are made on a thread that has nothing else to do, and that can be ended while it waits. */
#ifndef KITH_QUEUE_WRITING_H
#define KITH_QUEUE_WRITING_H

#include <stddef.h>

/* On a thread started by thread_start that has nothing else to do; blocks for as long as nobody drains `fd`.
 * Writes all of the bytes. 0, or an error number if not all could be written. thread_end ends the thread
 * in here, and nowhere else if writing_begin was called but after writing_may_end. */
int writing_write(int fd, const char *bytes, size_t size);

/* On such a thread, around a call that may block like a write: in between thread_end ends it. The function
 * that calls them holds nothing then that would have to be given back. */
void writing_may_end(void);
void writing_must_not_end(void);

/* On such a thread, before all else. */
void writing_begin(void);

#endif
