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
    const char *text; /* without a newline; the parcel's */
};

/* The most bytes that a record has beside its text and the NUL. */
#define LOG_RECORD_HEAD 16

/* A parcel that holds a copy of `text` and the time now; the caller owns it. NULL if memory is short. */
struct parcel *log_record_new(enum log_level level, const char *text);

/* What a parcel of log_record_new holds. The text is valid as long as the parcel. */
struct log_record log_record_of(const struct parcel *p);

/* "error", "warning", "info" or "debug"; "" for LOG_LEVEL_SILENT. */
const char *log_level_name(enum log_level level);

#endif
