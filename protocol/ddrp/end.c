/* How a session ends. */
#include "protocol/ddrp/session.h"

void ddrp_end(struct ddrp_session *s, struct session_event *ev, enum end_reason reason, const char *format,
              ...)
{
    s->stage = STAGE_OVER;
    va_list arguments;
    va_start(arguments, format);
    session_event_end(ev, reason, format, arguments);
    va_end(arguments);
}
