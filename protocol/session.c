#include "protocol/session.h"

#include <stdio.h>

void session_event_end(struct session_event *ev, enum end_reason reason, const char *format,
                       va_list arguments)
{
    ev->type = SESSION_ENDED;
    ev->end.reason = reason;
    ev->end.n_alternatives = 0;
    vsnprintf(ev->end.text, sizeof ev->end.text, format, arguments);
}
