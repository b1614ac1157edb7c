#include "controller/merits.h"

#include "controller/notes.h"
#include "controller/state.h"

void slot_book_merits(struct controller *c, struct slot *s)
{
    if (s->credit == 0 || !s->remote.port) {
        return;
    }
    book_merit(c->book, &s->remote.ip, s->credit, book_time(c));
    char text[IP_TEXT_MAX];
    if (note_is_wanted(c, NOTE_SCORE)) {
        note(c, NOTE_SCORE, "%s: %+d points, quality %d", ip_format(&s->remote.ip, text, sizeof text),
             (int)s->credit, (int)book_quality(c->book, &s->remote.ip, book_time(c)));
    }
    s->credit = 0;
}

void slots_book_merits(struct controller *c)
{
    for (size_t i = 0; i < c->n_online; i++) {
        slot_book_merits(c, &c->slots[c->online[i]]);
    }
}

void slot_credit(struct controller *c, struct slot *s, int64_t merit)
{
    enum { HEARD_MS = 60 * 1000, CREDIT_MAX = 1000000 };
    int64_t sum = s->credit + merit;

    s->credit = (int32_t)(sum > QUALITY_MAX ? QUALITY_MAX : sum < QUALITY_MIN ? QUALITY_MIN : sum);
    if (merit < 0 || s->credit > CREDIT_MAX) {
        slot_book_merits(c, s);
    }
    if (merit > 0 && c->now.ms - s->heard_ms >= HEARD_MS) {
        s->heard_ms = c->now.ms;
        book_heard(c->book, &s->info.endpoint, book_time(c));
    }
}
