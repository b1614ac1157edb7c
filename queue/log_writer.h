/* Writes log lines on a thread of its own, to a descriptor or by a function. So a thread that logs is never
 * held up by an output that nobody drains. A line that finds no room is counted, and the count is written as
 * soon as there is room again. */
#ifndef KITH_QUEUE_LOG_WRITER_H
#define KITH_QUEUE_LOG_WRITER_H

#include "base/log.h"
#include "queue/log_record.h"

#define LOG_WRITER_LINES 1024              /* the most lines that may wait */
#define LOG_WRITER_BYTES ((size_t)1 << 18) /* the most bytes of them */

struct log_tail;
struct log_writer;

struct log_output {
    int fd; /* the caller's; its mode is not changed */
    enum log_format format;
    /* Instead of fd and format; NULL for these. Writes a line, on the writer's thread, and may block. If it
     * blocks for long it lets the thread be cancelled meanwhile, as writing_write does. 0, or an error
     * number. */
    int (*send)(const struct log_record *line);
    struct log_tail *tail; /* has each line too, and stays until log_writer_end has returned; NULL for none */
};

/* Any thread; does not block. Copies *to. NULL if memory or a thread is short. */
struct log_writer *log_writer_start(const struct log_output *to);

/* Any thread, several at once; never blocks. Writes the line with the date, the time (ISO 8601, UTC) and the
 * level. `writer` is a struct log_writer: this is the `line` of a struct log_sink. */
void log_writer_line(void *writer, enum log_level level, const char *text);

/* The same, with whom it is about: the `line_about` of a struct log_sink. Lines of text do not show it. */
void log_writer_line_about(void *writer, enum log_level level, const struct log_about *about,
                           const char *text);

/* The same for a line that stands by itself: as text it is written as it is. */
void log_writer_plain(struct log_writer *w, const char *text);

/* Any thread; never blocks. How many lines were lost so far, because they found no room or were not taken. */
uint64_t log_writer_lost(const struct log_writer *w);

/* Any thread, when no other uses the writer. Waits up to `ms` for the lines that are left, and up to a tenth
 * of a second more if nobody drains the descriptor; frees the writer. NULL is allowed. */
void log_writer_end(struct log_writer *w, int ms);

#endif
