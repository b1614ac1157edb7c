/* From messages through the session to bytes. */
#include <stdlib.h>
#include <string.h>

#include "wire/private.h"

enum {
    RELEASE_AHEAD = 8, /* parcels */
    CACHE_LINE = 64,
};

/* Before anything is given: what lies in a queue is not lost if there is no memory. */
static bool room_in_flight(struct wire *w)
{
    if (!w->in_flight) {
        w->in_flight = malloc(IN_FLIGHT_MAX * sizeof w->in_flight[0]);
    }
    if (!w->in_flight) {
        wire_end(w, END_RESOURCES, "no memory to send");
    }
    return w->in_flight;
}

bool wire_takes(struct wire *w)
{
    return w->is_ready && !w->is_over && !w->output_stopped && buffer_left(&w->out) < OUT_ENOUGH &&
           w->n_in_flight + WIRE_SEND_MAX <= IN_FLIGHT_MAX && room_in_flight(w);
}

/* The session can't say it. */
static void give_up(struct wire *w, const struct message *m, struct wire_done *done)
{
    w->unsayable += m->scope != SCOPE_NONE; /* the node's own answers are nobody's loss */
    done->messages++;
    done->bytes += m->parcel ? m->parcel->size : 0;
    parcel_release(m->parcel);
}

/* Another processor's cache has what is about to be copied: it comes while the message before it is written.
 */
static inline void fetch_payload(const struct parcel *p)
{
    if (p && p->size < BUFFER_INLINE_MAX) {
        for (size_t at = CACHE_LINE; at < sizeof *p + p->size; at += CACHE_LINE) {
            __builtin_prefetch((const char *)p + at);
        }
    }
}

struct wire_done wire_send(struct wire *w, int64_t now, const struct message *m, size_t n)
{
    struct wire_done done = {0};
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(m[i].parcel); /* another thread wrote them */
    }
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n) {
            fetch_payload(m[i + 1].parcel);
        }
        if (w->ops->write(w->session, now, &m[i], w->session_out) != 0) {
            give_up(w, &m[i], &done);
            continue;
        }
        w->in_flight[w->n_in_flight++] = (struct in_flight){
            .end = w->session_out->total, .parcel = m[i].parcel, .kind = m[i].kind, .scope = m[i].scope};
        wire_wrap(w);
    }
    return done;
}

/* The first n are through. */
static struct wire_done release(struct wire *w, size_t n)
{
    struct wire_done done = {.messages = (uint32_t)n};
    if (n == 0) {
        return done;
    }
    /* Others may have had the parcels meanwhile: some come while those before them are released. */
    for (size_t i = 0; i < n; i++) {
        if (i + RELEASE_AHEAD < n) {
            __builtin_prefetch(w->in_flight[i + RELEASE_AHEAD].parcel, 1);
        }
        struct parcel *p = w->in_flight[i].parcel;
        done.bytes += p ? p->size : 0;
        parcel_release(p);
    }
    w->n_in_flight -= n;
    memmove(w->in_flight, w->in_flight + n, w->n_in_flight * sizeof w->in_flight[0]);
    return done;
}

int wire_output(const struct wire *w, struct iovec *iov, int most)
{
    return w->output_stopped ? 0 : buffer_iovec(&w->out, iov, most);
}

struct wire_done wire_written(struct wire *w, size_t n)
{
    size_t through = 0, n_out = w->stream ? w->n_wrapped : w->n_in_flight;
    buffer_consume(&w->out, n);
    if (buffer_left(&w->out) == 0) {
        /* The buffer starts anew from 0 once it is empty, so an empty one means all of them. */
        through = n_out;
    } else {
        while (through < n_out && w->in_flight[through].end <= w->out.sent) {
            through++;
        }
    }
    if (w->plain_answers_end == 0 && (buffer_left(&w->out) == 0 || w->out.sent >= w->answers_end)) {
        w->answer_bytes = 0;
    }
    struct wire_done done = release(w, through);
    if (w->stream) {
        w->n_wrapped -= through;
        wire_wrap_all(w);
    }
    return done;
}

bool wire_has_output(const struct wire *w)
{
    return buffer_left(&w->out) > 0 && !w->output_stopped;
}

bool wire_carries(const struct wire *w)
{
    return w->n_in_flight > 0;
}
