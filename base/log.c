#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

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
    utf8_make_harmless(text); /* names and reasons may be a peer's words */
    sink->line(sink->context, level, text);
}
