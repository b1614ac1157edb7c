/* Sides with a wall clock that keep what events tell. It is included behind `struct side`, which has, beside
 * what session_fixture.h asks for, the members wall_ms, met, ready, messages, good, bad, ignored, alive,
 * peer, last, parcel and account; side_event() is the includer's. */
#ifndef KITH_TESTS_SIDE_FIXTURE_H
#define KITH_TESTS_SIDE_FIXTURE_H

#include "tests/unit/session_fixture.h"

static inline int64_t side_wall_ms(void *context)
{
    struct side *s = context;
    return s->wall_ms;
}

/* What side_event does at least. */
static inline void side_note(struct side *s, const struct session_event *ev)
{
    s->good += ev->good;
    s->bad += ev->bad;
    s->ignored += ev->ignored;
    s->alive |= ev->alive;
    switch (ev->type) {
    case SESSION_STARVED:
    case SESSION_NOTHING:
        return;
    case SESSION_MET:
        s->met++;
        s->peer = ev->peer;
        return;
    case SESSION_READY:
        s->ready++;
        s->peer = ev->peer;
        break;
    case SESSION_MESSAGE:
        s->messages++;
        parcel_release(s->parcel);
        s->parcel = ev->message.parcel;
        break;
    case SESSION_REJECTED:
    case SESSION_ENDED:
        assert_true(ev->end.text[0] != '\0');
        s->over = true;
        break;
    }
    s->last = *ev;
}

static inline void side_close(struct side *s)
{
    s->protocol->session->close(&s->session);
    assert_int_equal(budget_held(&s->account), 0);
    buffer_fini(&s->in);
    buffer_fini(&s->out);
    parcel_release(s->parcel);
}

static inline void side_pass(struct side *s, int64_t ms)
{
    s->now_ms += ms;
    s->wall_ms += ms;
}

/* Lets time pass, doing what is due when it is. */
static inline void side_wait(struct side *s, int64_t ms)
{
    int64_t until = s->now_ms + ms, due;
    while (!s->over && (due = s->protocol->session->deadline(&s->session)) <= until) {
        side_pass(s, due - s->now_ms);
        side_tick(s, 0);
    }
    side_pass(s, until - s->now_ms);
}

static inline void expect_ended(const struct side *s, enum end_reason reason)
{
    assert_true(s->over);
    assert_int_equal(s->last.type, SESSION_ENDED);
    if (s->last.end.reason != reason) {
        fail_msg("ended by \"%s\" (%s) in place of \"%s\"", end_reason_text(s->last.end.reason),
                 s->last.end.text, end_reason_text(reason));
    }
}

#endif
