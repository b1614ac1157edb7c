/* What the peer asks for. Whoever asks and does not read is not read on, until its end shows. */
#include "wire/private.h"

void wire_note_answer(struct wire *w, struct buffer *b, size_t before)
{
    if (w->output_stopped) { /* who takes nothing any more is answered all the same: it is read to its end */
        buffer_fini(b);
        return;
    }
    w->answer_bytes += b->total - before;
    *(b == &w->plain ? &w->plain_answers_end : &w->answers_end) = b->total;
    if (w->has_left && w->answer_bytes >= ANSWERS_MAX) {
        wire_stop_output(w);
    }
}

void wire_stop_output(struct wire *w)
{
    w->output_stopped = true;
    w->answer_bytes = w->plain_answers_end = 0;
    buffer_fini(&w->out);
    buffer_fini(&w->plain);
}

bool wire_output_stopped(const struct wire *w)
{
    return w->output_stopped;
}

void wire_left(struct wire *w, int64_t now)
{
    w->has_left = true;
    w->left_ms = now;
    if (w->answer_bytes >= ANSWERS_MAX) {
        wire_stop_output(w);
    }
}

bool wire_has_left(const struct wire *w)
{
    return w->has_left;
}
