#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

void log_line(const struct log_sink *sink, enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list arguments;

    if (level > sink->level)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    utf8_make_harmless(text); /* names and reasons may be a peer's words */
    sink->line(sink->context, level, text);
}
