#include "queue/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_line(const struct log_sink *sink, enum log_level level, const char *format, ...)
{
    char text[512];
    va_list arguments;

    if (level > sink->level)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sink->line(sink->context, level, text);
}
