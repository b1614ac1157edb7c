/* Writes log lines to a descriptor on a thread of its own. So a thread that logs is never held up by a
 * descriptor that nobody drains. A line that finds no room is counted, and the count is written as soon as
 * there is room again. */
#ifndef KITH_QUEUE_LOG_WRITER_H
#define KITH_QUEUE_LOG_WRITER_H

#include "base/log.h"

#define LOG_WRITER_LINES 1024              /* the most lines that may wait */
#define LOG_WRITER_BYTES ((size_t)1 << 18) /* the most bytes of them */

struct log_tail;
struct log_writer;

/* Any thread; does not block. `fd` stays the caller's, and its mode is not changed. Each line also goes to
 * `tail`, which the caller keeps until log_writer_end has returned; NULL for none. NULL if memory or a thread
 * is short. */
struct log_writer *log_writer_start(int fd, struct log_tail *tail);

/* Any thread, several at once; never blocks. Writes the line after the date, the time (ISO 8601, UTC) and the
 * level. `writer` is a struct log_writer: this is the `line` of a struct log_sink. */
void log_writer_line(void *writer, enum log_level level, const char *text);

/* The same for a line that stands by itself, as it is. */
void log_writer_plain(struct log_writer *w, const char *text);

/* Any thread, when no other uses the writer. Waits up to `ms` for the lines that are left, and up to a tenth
 * of a second more if nobody drains the descriptor; frees the writer. NULL is allowed. */
void log_writer_end(struct log_writer *w, int ms);

#endif
