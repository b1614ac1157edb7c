/* The stream between the wire's bytes and its session. */
#include "wire/private.h"

static void note_failure(struct wire *w)
{
    struct stream_failure failure;
    w->stream_failed = w->stream->failure(w->stream_state, &failure);
}

/* The session hears of it with the next event, which has the time. */
static void note_handshake(struct wire *w)
{
    if (!w->stream_is_open && w->stream->is_open(w->stream_state)) {
        w->stream_is_open = w->begins = w->is_urgent = true;
    }
}

bool wire_open_stream(struct wire *w, const struct endpoint *remote)
{
    if (!w->stream) {
        return true;
    }
    struct stream_config config = {.direction = w->config.direction,
                                   .remote = *remote,
                                   .dialed = w->config.dialed,
                                   .node = w->config.node,
                                   .random = w->config.random,
                                   .context = w->config.context};
    return w->stream->open(w->stream_state, &config, &w->out) == 0;
}

/* What the stream has taken ends where `out` does now. Plain starts anew from 0 once it is empty. */
static void note_wrapped(struct wire *w)
{
    size_t taken = buffer_left(&w->plain) == 0 ? SIZE_MAX : w->plain.sent;
    while (w->n_wrapped < w->n_in_flight && w->in_flight[w->n_wrapped].end <= taken) {
        w->in_flight[w->n_wrapped++].end = w->out.total;
    }
    if (w->plain_answers_end > 0 && w->plain_answers_end <= taken) {
        w->plain_answers_end = 0;
        w->answers_end = w->out.total;
    }
}

void wire_wrap_all(struct wire *w)
{
    if (w->output_stopped) {
        return;
    }
    if (!w->stream_failed && buffer_left(&w->plain) > 0) {
        w->stream->write(w->stream_state, &w->plain, &w->out, OUT_ENOUGH);
        note_failure(w);
        note_wrapped(w);
    }
    if (w->stream_ends && !w->stream_failed && buffer_left(&w->plain) == 0) {
        w->stream_ends = false;
        w->stream->end(w->stream_state, w->reason, &w->out);
    }
}

void wire_unwrap(struct wire *w)
{
    struct receive_buffer *in = &w->in;
    if (!w->stream) {
        in->raw = in->end = in->filled;
        return;
    }
    size_t before = w->out.total, plain = 0;
    struct stream_input input = {
        .raw = in->data + in->raw, .size = in->filled - in->raw, .plain = in->data + in->end};
    in->raw += w->stream->read(w->stream_state, &input, &plain, &w->out);
    in->end += plain;
    note_handshake(w);
    if (in->raw == in->filled) {
        in->raw = in->filled = in->end;
    }
    note_failure(w);
    if (w->out.total > before) {
        wire_note_answer(w, &w->out, before);
    }
}
