/* A line of the log between the thread that logs and those that write or show it: a parcel that holds the
 * time, the level and the text. Any thread; nothing blocks. */
#ifndef KITH_QUEUE_LOG_RECORD_H
#define KITH_QUEUE_LOG_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

struct parcel;

struct log_record {
    int64_t time_ms; /* when it was logged, since 1970 */
    /* LOG_LEVEL_SILENT: the line stands by itself, as it is. */
    enum log_level level;
    const char *text; /* without a newline; as the others, the parcel's */
    const char *peer; /* whom it is about (struct log_about); "" for nobody */
    const char *ip;   /* likewise */
};

/* The most bytes that a record has beside its text and the NUL. */
#define LOG_RECORD_HEAD  (16 + 2 * LOG_RECORD_ABOUT)
#define LOG_RECORD_ABOUT 192 /* a longer name is left out */

/* A parcel that holds copies of `text` and *about, and the time now; the caller owns it. NULL if memory is
 * short. */
struct parcel *log_record_new(enum log_level level, const struct log_about *about, const char *text);

/* What a parcel of log_record_new holds. The text is valid as long as the parcel. */
struct log_record log_record_of(const struct parcel *p);

enum log_format { LOG_FORMAT_UNSET, LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL };

/* Writes the line with its newline, and without a NUL: LOG_FORMAT_TEXT as
 * "2026-01-31T23:59:59.123Z info: what happened", LOG_FORMAT_JSON as an object with "time", "level",
 * "peer" and "ip" if it is about one, and "message". The end of a line that is longer than `size`,
 * LOG_RECORD_LEAST or more, is cut. Returns how many bytes it wrote. */
#define LOG_RECORD_LEAST 128
size_t log_record_write(const struct log_record *r, enum log_format format, char *out, size_t size);

/* "error", "warning", "info" or "debug"; for LOG_LEVEL_SILENT "error": only a last line stands by
 * itself, which says why the program ends. */
const char *log_level_name(enum log_level level);

#endif
