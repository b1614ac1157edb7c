/* How a session ends. */
#include "protocol/factom/session.h"

void factom_end(struct session *s, struct session_event *ev, enum end_reason reason, const char *format, ...)
{
    s->stage = STAGE_OVER;
    va_list arguments;
    va_start(arguments, format);
    session_event_end(ev, reason, format, arguments);
    va_end(arguments);
}
