#include "controller/merits.h"

#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/state.h"

static void note_score(struct controller *c, const struct ip *ip, int32_t points)
{
    char text[IP_TEXT_MAX];
    if (note_is_wanted(c, NOTE_SCORE)) {
        note(c, NOTE_SCORE, "%s: %+d points, quality %d", ip_format(ip, text, sizeof text), (int)points,
             (int)book_quality(c->book, ip, book_time(c)));
    }
}

void slot_earns(struct controller *c, struct slot *s, int32_t points)
{
    if (points == 0 || c->now.ms < s->useful_ms || !s->remote.port) {
        return;
    }
    s->useful_ms = c->now.ms + EARN_MS;
    book_earn(c->book, &s->remote.ip, points, s->direction == DIRECTION_OUTGOING, book_time(c));
    note_score(c, &s->remote.ip, points);
}

void ip_loses(struct controller *c, const struct ip *ip, int64_t merit)
{
    int32_t points = (int32_t)(merit < QUALITY_MIN ? QUALITY_MIN : merit > QUALITY_MAX ? QUALITY_MAX : merit);
    if (points == 0) {
        return;
    }
    book_merit(c->book, ip, points, book_time(c));
    note_score(c, ip, points);
}

void slot_loses(struct controller *c, struct slot *s, int64_t merit)
{
    if (s->remote.port) {
        ip_loses(c, &s->remote.ip, merit);
    }
}

void slot_is_heard(struct controller *c, struct slot *s)
{
    s->heard_ms = c->now.ms;
    if (s->direction == DIRECTION_OUTGOING) {
        book_answered(c->book, slot_listens_at(s), book_time(c));
    } else {
        book_heard(c->book, slot_listens_at(s), book_time(c));
    }
}
