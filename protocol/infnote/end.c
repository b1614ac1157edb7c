/* How a session ends, and what comes before it. */
#include "protocol/infnote/session.h"

#include <inttypes.h>

#include "protocol/ledger/field.h"

static const char *const names[REASON_COUNT] = {
    [REASON_TCP_ERROR] = "TCP error",
    [REASON_TOO_MANY_PEERS] = "too many peers",
    [REASON_ALREADY_CONNECTED] = "already connected",
    [REASON_VERSION] = "incompatible protocol version",
    [REASON_NETWORK] = "wrong network",
    [REASON_GENESIS] = "another genesis",
    [REASON_BAD_MESSAGE] = "bad message",
    [REASON_QUITTING] = "quitting",
    [REASON_SELF] = "connected to self",
};

static __attribute__((format(printf, 4, 0))) void end(struct infnote_session *s, struct session_event *ev,
                                                      enum end_reason why, const char *format,
                                                      va_list arguments)
{
    s->stage = STAGE_OVER;
    session_event_end(ev, why, format, arguments);
}

static void say(enum infnote_reason reason, struct buffer *out)
{
    size_t before = out->total;
    line_put(out, json_pack("{s:s, s:i}", "type", "Disconnect", "reason", (int)reason));
    buffer_holds(out, before);
}

void infnote_end(struct infnote_session *s, struct session_event *ev, enum end_reason why, const char *format,
                 ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(s, ev, why, format, arguments);
    va_end(arguments);
}

void infnote_send_away(struct infnote_session *s, struct session_event *ev, struct buffer *out,
                       enum end_reason why, enum infnote_reason reason, const char *format, ...)
{
    va_list arguments;
    say(reason, out);
    va_start(arguments, format);
    end(s, ev, why, format, arguments);
    va_end(arguments);
}

void infnote_fault(struct infnote_session *s, struct session_event *ev, struct buffer *out,
                   const char *format, ...)
{
    va_list arguments;
    say(REASON_BAD_MESSAGE, out);
    va_start(arguments, format);
    end(s, ev, END_BAD_INPUT, format, arguments);
    va_end(arguments);
}

/* --- the peer ends it --- */

/* Before the session is active the peer has not taken us. */
static void end_named(struct infnote_session *s, int64_t reason, struct session_event *ev)
{
    bool rejects = s->stage < STAGE_OPEN && reason == REASON_TOO_MANY_PEERS;
    infnote_end(s, ev, rejects ? END_REJECTED : END_CLOSED, "the peer says: %s", names[reason]);
    if (rejects) {
        ev->type = SESSION_REJECTED;
    }
}

void infnote_on_disconnect(struct infnote_session *s, const json_t *object, struct session_event *ev,
                           struct buffer *out)
{
    const json_t *value = json_object_get(object, "reason");
    int64_t reason;
    if (!value) {
        infnote_end(s, ev, END_CLOSED, "the peer says no reason");
    } else if (!field_integer(value, INT64_MIN, INT64_MAX, &reason)) {
        infnote_fault(s, ev, out, "Disconnect with a reason that is no integer");
    } else if (reason < 0 || reason >= REASON_COUNT) {
        infnote_end(s, ev, END_CLOSED, "the peer says an unknown reason, %" PRId64, reason);
    } else {
        end_named(s, reason, ev);
    }
}

/* --- the node ends it --- */

static enum infnote_reason reason_of(enum end_reason why)
{
    switch ((int)why) {
    case END_REFUSED:
    case END_CROWDED:
    case END_EVICTED:
    case END_CAT:
        return REASON_TOO_MANY_PEERS;
    case END_DUPLICATE:
        return REASON_ALREADY_CONNECTED;
    case END_VERSION:
        return REASON_VERSION;
    case END_NETWORK:
        return REASON_NETWORK;
    case END_BAD_INPUT:
    case END_MISCONDUCT:
    case END_JUDGED:
        return REASON_BAD_MESSAGE;
    case END_SHUTDOWN:
        return REASON_QUITTING;
    case END_LOOPBACK:
        return REASON_SELF;
    default:
        return REASON_TCP_ERROR;
    }
}

void infnote_session_leave(void *session, int64_t now_ms, enum end_reason why, struct buffer *out)
{
    const struct infnote_session *s = session;
    (void)now_ms;
    if (s->stage != STAGE_OVER && why != END_CLOSED) { /* who has closed its side knows why */
        say(reason_of(why), out);
    }
}
