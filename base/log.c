#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

static void pass(const struct log_sink *sink, enum log_level level, const struct log_about *about, char *text)
{
    utf8_make_harmless(text); /* names and reasons may be a peer's words */
    if (sink->line_about) {
        sink->line_about(sink->context, level, about, text);
    } else {
        sink->line(sink->context, level, text);
    }
}

void log_line(const struct log_sink *sink, enum log_level level, const char *format, ...)
{
    if (level > sink->level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    char text[LOG_LINE_MAX];
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pass(sink, level, &(struct log_about){.peer = NULL}, text);
}

void log_line_about(const struct log_sink *sink, enum log_level level, const struct log_about *about,
                    const char *line)
{
    if (level <= sink->level) {
        char text[LOG_LINE_MAX];
        snprintf(text, sizeof text, "%s", line);
        pass(sink, level, about, text);
    }
}
