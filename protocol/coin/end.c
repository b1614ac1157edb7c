/* How a session ends: without a word, as the protocol has none for it. */
#include "protocol/coin/session.h"

static __attribute__((format(printf, 4, 0))) void end(struct coin_session *s, struct session_event *ev,
                                                      enum end_reason why, const char *format,
                                                      va_list arguments)
{
    s->stage = STAGE_OVER;
    session_event_end(ev, why, format, arguments);
}

void coin_end(struct coin_session *s, struct session_event *ev, enum end_reason why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(s, ev, why, format, arguments);
    va_end(arguments);
}

void coin_fault(struct coin_session *s, struct session_event *ev, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(s, ev, END_BAD_INPUT, format, arguments);
    va_end(arguments);
}
