/* From bytes through the session to events. */
#include <stdlib.h>

#include "wire/private.h"

/* --- how much one peer may send ---
 *
 * A bucket of limits.burst messages, into which limits.rate a second drip. While it is empty we do not read,
 * and TCP slows the peer down. */

enum { WHOLE = 1000 }; /* one message, in the units of rate_tokens */

static void refill(struct wire *w, int64_t now)
{
    const struct limits *l = &w->config.node->limits;
    int64_t most = (int64_t)l->burst * WHOLE, gone = now - w->rate_tokens_ms;
    w->rate_tokens_ms = now;
    w->rate_tokens = gone >= most / l->rate ? most : w->rate_tokens + gone * l->rate;
    if (w->rate_tokens > most) {
        w->rate_tokens = most;
    }
}

bool wire_is_within_rate(const struct wire *w)
{
    return w->config.node->limits.rate == 0 || w->rate_tokens >= WHOLE;
}

int64_t wire_rate_deadline(const struct wire *w)
{
    if (wire_is_within_rate(w)) {
        return INT64_MAX;
    }
    return w->rate_tokens_ms + (WHOLE - w->rate_tokens) / w->config.node->limits.rate + 1;
}

bool wire_may_read(const struct wire *w)
{
    return !w->is_held && w->answer_bytes < ANSWERS_MAX && wire_is_within_rate(w);
}

bool wire_wants_bytes(const struct wire *w)
{
    return w->is_open && !w->is_over && !w->backlog && !w->stream_failed && !w->is_starved &&
           !w->has_finished && wire_may_read(w);
}

/* --- what the session says --- */

/* Who reads slowly says so several times in a stall time. One sign alone is a ping as everybody sends it, and
 * says nothing of what the peer reads. */
static void note_sign(struct wire *w, int64_t now)
{
    int64_t gone = now - w->sign_ms;
    w->sign_ms = now;
    if (gone <= w->config.node->timings.stall) {
        w->has_signs = true;
    }
}

static void note_peer(struct wire *w, struct peer_info **told, const struct peer_info *peer)
{
    if (!*told) {
        *told = malloc(sizeof **told);
    }
    if (!*told) {
        wire_end(w, END_RESOURCES, "out of memory");
        return;
    }
    **told = *peer;
    w->is_urgent = true;
}

/* What comes once for a session, or now and then. Never inlined: a message does not pay for it. */
static __attribute__((noinline)) void note_change(struct wire *w, const struct session_event *ev)
{
    switch (ev->type) {
    case SESSION_NOTHING:
    case SESSION_MESSAGE:
        break;
    case SESSION_STARVED:
        wire_starve(w, ev->wants);
        break;
    case SESSION_MET:
        note_peer(w, &w->met, &ev->peer);
        break;
    case SESSION_READY:
        note_peer(w, &w->online, &ev->peer);
        if (w->online) {
            w->is_ready = true;
        }
        break;
    case SESSION_REJECTED:
    case SESSION_ENDED:
        wire_end_by_session(w, ev);
        break;
    }
}

void wire_note_event(struct wire *w, int64_t now, const struct session_event *ev)
{
    if (w->config.node->limits.rate != 0) {
        w->rate_tokens -= (int64_t)(ev->good + ev->bad + ev->ignored + (ev->type == SESSION_MESSAGE)) * WHOLE;
    }
    w->good += ev->good;
    w->bad += ev->bad;
    w->unfinished += ev->dropped;
    if (ev->alive) {
        note_sign(w, now);
    }
    if (ev->type != SESSION_NOTHING && ev->type != SESSION_MESSAGE) {
        note_change(w, ev);
    }
}

/* --- what the controller is told --- */

static bool tells_body(const struct wire *w, enum connection_message type, struct peer_info **body,
                       struct message *m)
{
    *m = (struct message){.type = (uint16_t)type, .peer = w->config.ref, .info = *body};
    *body = NULL;
    return m->info;
}

void wire_begin(struct wire *w, int64_t now)
{
    if (w->ops->begin) {
        w->ops->begin(w->session, now, w->session_out);
        wire_wrap(w);
    }
}

/* What goes ahead of others, and what was put back. */
static bool tells_first(struct wire *w, int64_t now, struct message *m)
{
    if (w->begins && !w->is_over) {
        w->begins = false;
        wire_begin(w, now);
    }
    if (tells_body(w, MSG_MET, &w->met, m) || tells_body(w, MSG_ONLINE, &w->online, m)) {
        return true;
    }
    if (w->is_alive) {
        w->is_alive = false;
        *m = (struct message){.type = MSG_ALIVE, .peer = w->config.ref};
        return true;
    }
    if (w->is_held) {
        w->is_held = false;
        *m = w->held;
        return true;
    }
    w->is_urgent = false;
    return false;
}

static bool tells_loss(struct wire *w, enum loss why, uint32_t *count, struct message *m)
{
    *m = (struct message){.type = MSG_LOST, .peer = w->config.ref, .lost = {.count = *count, .why = why}};
    *count = 0;
    return m->lost.count > 0;
}

/* What was dealt with and given up, told once the session has nothing more. */
static bool tells_counts(struct wire *w, struct message *m)
{
    if (w->good || w->bad) {
        *m = (struct message){
            .type = MSG_CREDIT, .peer = w->config.ref, .credit = {.good = w->good, .bad = w->bad}};
        w->good = w->bad = 0;
        return true;
    }
    return tells_loss(w, LOSS_UNSAYABLE, &w->unsayable, m) ||
           tells_loss(w, LOSS_UNFINISHED, &w->unfinished, m);
}

/* Behind all that the peer has said. */
static bool tells_finish(struct wire *w, struct message *m)
{
    bool tells = w->tells_finished;
    w->tells_finished = false;
    *m = (struct message){.type = MSG_FINISHED, .peer = w->config.ref};
    return tells;
}

/* The session consumes bytes up to one event. True if it may have more to say without other bytes. */
static inline bool read_one(struct wire *w, int64_t now, struct session_event *ev)
{
    struct receive_buffer *in = &w->in;
    struct bytes bytes = {.data = in->data ? in->data + in->start : NULL, .size = in->end - in->start};
    size_t before = w->session_out->total;
    session_event_clear(ev);
    size_t used = w->ops->read(w->session, now, bytes, ev, w->session_out);
    if (w->session_out->total > before) {
        wire_note_answer(w, w->session_out, before);
    }
    wire_wrap(w);
    in->start += used;
    return used > 0 || (ev->type != SESSION_NOTHING && ev->type != SESSION_STARVED);
}

/* The session has nothing more, or may not go on. */
static bool finish_reading(struct wire *w, struct message *m)
{
    if (w->stream_failed && !w->is_over && wire_is_within_rate(w)) {
        wire_end_by_stream(w);
    }
    if (!wire_is_within_rate(w)) {
        w->left_unread = w->held_back = true;
    }
    return tells_counts(w, m) || tells_finish(w, m);
}

bool wire_event(struct wire *w, int64_t now, struct message *m)
{
    if (w->is_urgent && tells_first(w, now, m)) {
        return true;
    }
    if (w->config.node->limits.rate != 0) {
        refill(w, now);
    }
    struct session_event ev;
    while (w->backlog && !w->is_over && wire_may_read(w)) {
        w->backlog = read_one(w, now, &ev);
        wire_note_event(w, now, &ev);
        if (ev.type == SESSION_MESSAGE) {
            *m = (struct message){.type = MSG_PEER,
                                  .kind = ev.message.kind,
                                  .peer = w->config.ref,
                                  .parcel = ev.message.parcel};
            if (m->parcel && w->config.digest) {
                m->digest = w->config.digest(w->config.digest_context, m->kind, m->parcel);
            }
            return true;
        }
        if (w->is_urgent) {
            return tells_first(w, now, m);
        }
    }
    return finish_reading(w, m);
}

void wire_put_back(struct wire *w, const struct message *m)
{
    w->held = *m;
    w->is_urgent = w->is_held = w->left_unread = w->held_back = true;
}

bool wire_is_held(const struct wire *w)
{
    return w->is_held;
}

bool wire_take_signs(struct wire *w)
{
    bool any = w->has_signs;
    w->has_signs = false;
    return any;
}
