/* How a session ends, and what comes before it. */
#include "protocol/mintlayer/session.h"

#include <stdio.h>

static __attribute__((format(printf, 4, 0))) void end(struct mintlayer_session *s, struct session_event *ev,
                                                      enum end_reason reason, const char *format,
                                                      va_list arguments)
{
    s->stage = STAGE_OVER;
    session_event_end(ev, reason, format, arguments);
}

static void say(const struct mintlayer_session *s, const char *words, struct buffer *out)
{
    size_t before = out->total;
    if (s->version < MINTLAYER_LAST_WORDS_SINCE) {
        return;
    }
    mintlayer_put_text(out, words);
    buffer_holds(out, before);
}

void mintlayer_end(struct mintlayer_session *s, struct session_event *ev, enum end_reason reason,
                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(s, ev, reason, format, arguments);
    va_end(arguments);
}

void mintlayer_send_away(struct mintlayer_session *s, struct session_event *ev, struct buffer *out,
                         enum end_reason reason, const char *words, const char *format, ...)
{
    va_list arguments;
    say(s, words, out);
    va_start(arguments, format);
    end(s, ev, reason, format, arguments);
    va_end(arguments);
}

void mintlayer_fault(struct mintlayer_session *s, struct session_event *ev, struct buffer *out, uint32_t cost,
                     const char *format, ...)
{
    bool is_spared = s->config.special && s->config.direction == DIRECTION_OUTGOING;
    ev->bad = 1;
    if (!is_spared || cost >= MINTLAYER_FAULT_FATAL) {
        s->faults += cost;
    }
    if (s->faults < MINTLAYER_FAULT_FATAL) {
        return;
    }
    say(s, "Your address is discouraged", out); /* in the handshake it has not told what it can read */
    va_list arguments;
    va_start(arguments, format);
    end(s, ev, END_MISCONDUCT, format, arguments);
    va_end(arguments);
}

static const char *words_of(enum end_reason why)
{
    switch ((int)why) {
    case END_MISCONDUCT:
        return "Your address is discouraged";
    case END_BANNED:
        return "Your address is banned";
    case END_EVICTED:
        return "You are evicted";
    case END_LOOPBACK:
        return "We think you are a self-connection";
    case END_DUPLICATE:
        return "We are connected already";
    case END_REFUSED:
        return "We have too many peers";
    case END_SHUTDOWN:
        return "We are shutting down";
    default:
        return "We close this connection";
    }
}

void mintlayer_session_leave(void *session, int64_t now_ms, enum end_reason why, struct buffer *out)
{
    const struct mintlayer_session *s = session;
    (void)now_ms;
    if (s->stage != STAGE_OVER) {
        say(s, words_of(why), out);
    }
}
