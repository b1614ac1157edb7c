/* A sink of log lines. The library prints nothing itself: the caller that starts a node passes the sink. */
#ifndef KITH_BASE_LOG_H
#define KITH_BASE_LOG_H

#define LOG_LINE_MAX 1024 /* bytes, the NUL included */

enum log_level { LOG_LEVEL_SILENT, LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Whom a line is about, if whoever logs it knows: for those who look for the lines about one peer. */
struct log_about {
    const char *peer; /* its name, as events have it; NULL for none */
    const char *ip;   /* likewise, its IP address */
};

/* `line` is called on any of the node's threads, several at once; it must not block for long. `text` has no
 * newline at its end and is valid until the function returns. */
struct log_sink {
    void (*line)(void *context, enum log_level level, const char *text);
    /* Likewise, in place of `line`; NULL if the sink has no use for whom it is about. */
    void (*line_about)(void *context, enum log_level level, const struct log_about *about, const char *text);
    void *context;
    enum log_level level; /* lines above it are not even made */
};

/* Formats one line and passes it to the sink, if the sink wants its level. A line longer than LOG_LINE_MAX is
 * cut. Bytes that are no UTF-8, and control characters, become '?': a peer's words cannot forge a second
 * line. Any thread; blocks only as long as the sink does. */
void log_line(const struct log_sink *sink, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same of a line that is made already. */
void log_line_about(const struct log_sink *sink, enum log_level level, const struct log_about *about,
                    const char *line);

#endif
