/* How a wire ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/private.h"

void wire_end(struct wire *w, enum end_reason reason, const char *text)
{
    if (w->is_over) {
        return;
    }
    w->is_over = true;
    w->reason = reason;
    if (w->stream) {
        w->stream_ends = w->is_open && w->stream->end;
        wire_wrap_all(w);
    }
    w->ending = calloc(1, sizeof *w->ending);
    if (w->ending) {
        snprintf(w->ending->text, sizeof w->ending->text, "%s",
                 text && *text ? text : end_reason_text(reason));
    }
}

bool wire_finish(struct wire *w)
{
    const struct service_ops *service = w->config.protocol->service;
    if (!service || !service->owes || !w->is_ready || w->is_over || w->output_stopped) {
        wire_end(w, END_CLOSED, NULL);
        return false;
    }
    w->has_finished = w->tells_finished = true;
    return true;
}

bool wire_leave(struct wire *w, int64_t now, enum end_reason reason)
{
    bool speaks = w->is_open && !w->is_over && w->stream_is_open && !w->stream_failed && !w->output_stopped &&
                  w->ops->leave && !wire_is_clogged(w);
    size_t before = w->out.total;
    if (speaks) {
        w->ops->leave(w->session, now, reason, w->session_out);
        wire_wrap(w);
    }
    bool said = w->out.total > before;
    wire_end(w, reason, NULL);
    return said;
}

void wire_end_by_session(struct wire *w, const struct session_event *ev)
{
    bool first = !w->is_over;
    wire_end(w, ev->type == SESSION_REJECTED ? END_REJECTED : ev->end.reason, ev->end.text);
    if (!first) {
        return;
    }
    w->flushes = true;
    if (w->ending) {
        w->ending->clock = ev->end.clock;
        w->ending->n_alternatives = ev->end.n_alternatives;
        memcpy(w->ending->alternatives, ev->end.alternatives,
               ev->end.n_alternatives * sizeof ev->end.alternatives[0]);
    }
}

void wire_end_by_stream(struct wire *w)
{
    struct stream_failure failure;
    if (w->stream->failure(w->stream_state, &failure)) {
        wire_end(w, failure.reason, failure.text);
        w->flushes = true;
    }
}

bool wire_is_over(const struct wire *w)
{
    return w->is_over;
}

bool wire_flushes(const struct wire *w)
{
    return w->flushes;
}

enum end_reason wire_end_reason(const struct wire *w)
{
    return w->reason;
}

struct ending *wire_take_ending(struct wire *w)
{
    struct ending *ending = w->ending;
    w->ending = NULL;
    return ending;
}
