/* The last lines of a log, for one reader beside the log writer: the page that shows them. Threads that log
 * put each line into a bounded queue of its own, so the reader has the lines also while nobody drains the
 * log's descriptor, and holds up nobody. A line that finds no room is counted. */
#ifndef KITH_QUEUE_LOG_TAIL_H
#define KITH_QUEUE_LOG_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/log_record.h"

#define LOG_TAIL_LINES 256 /* that the reader keeps, and again as many that may wait for it */
#define LOG_TAIL_BYTES ((size_t)128 * 1024) /* the most bytes of those that wait */

struct parcel;
struct log_tail;

/* Any thread; does not block. NULL if memory or a descriptor is short. */
struct log_tail *log_tail_new(void);

/* One thread, when no other uses it any more; does not block. NULL is allowed. */
void log_tail_free(struct log_tail *t);

/* Any thread; does not block. The most memory of one. */
uint64_t log_tail_memory(void);

/* Any thread, several at once; never blocks. Adds a line, a parcel of log_record_new, which stays the
 * caller's. */
void log_tail_add(struct log_tail *t, struct parcel *line);

/* --- the reader: one thread at a time; none of its functions blocks --- */

/* Takes the lines that came since the last call, the oldest first, and keeps the last LOG_TAIL_LINES of all.
 * Returns the number of lines that were ever taken: the newest has this number, the first had 1. Afterwards
 * log_tail_fd becomes readable once there are more. */
uint64_t log_tail_take(struct log_tail *t);

/* The line of that number. False if it is not kept any more, or has not come. Its text is valid until
 * log_tail_take. */
bool log_tail_line(const struct log_tail *t, uint64_t number, struct log_record *line);

/* How many lines found no room so far, because none were taken. */
uint64_t log_tail_missed(const struct log_tail *t);

/* A descriptor to poll for readability; not to be read or closed. */
int log_tail_fd(const struct log_tail *t);

#endif
