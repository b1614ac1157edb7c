#include "controller/merits.h"

#include "controller/ids.h"
#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/state.h"
#include "peers/ids.h"

static void note_score(struct controller *c, const struct ip *ip, int32_t points)
{
    char text[IP_TEXT_MAX];
    if (note_is_wanted(c, NOTE_SCORE)) {
        note(c, NOTE_SCORE, "%s: %+d points, quality %d", ip_format(ip, text, sizeof text), (int)points,
             (int)book_quality(c->book, ip, book_time(c)));
    }
}

static void note_id_score(struct controller *c, const struct slot *s, int32_t points)
{
    if (note_is_wanted(c, NOTE_SCORE)) {
        note_peer(c, NOTE_SCORE, s, "%s: %+d points for its node id, quality %d", s->info.hash, (int)points,
                  (int)book_id_quality(c->book, &s->info.id, book_time(c)));
    }
}

/* All zero if a proxy alone knows it. */
static struct ip ip_of(const struct slot *s)
{
    return s->remote.port ? s->remote.ip : (struct ip){{0}};
}

void slot_earns(struct controller *c, struct slot *s, int32_t points)
{
    if (points == 0 || c->now.ms < s->useful_ms) {
        return;
    }
    s->useful_ms = c->now.ms + EARN_MS;
    if (s->remote.port) {
        book_earn(c->book, &s->remote.ip, points, s->direction == DIRECTION_OUTGOING, book_time(c));
        note_score(c, &s->remote.ip, points);
    }
    const struct peer_id *id = id_charged(c, s);
    if (id) {
        const struct ip from = ip_of(s);
        book_id_earn(c->book, id, &from, points, book_time(c));
        note_id_score(c, s, points);
    }
}

static int32_t points_of(int64_t merit)
{
    return (int32_t)(merit < QUALITY_MIN ? QUALITY_MIN : merit > QUALITY_MAX ? QUALITY_MAX : merit);
}

void ip_loses(struct controller *c, const struct ip *ip, int64_t merit)
{
    if (merit != 0) {
        book_merit(c->book, ip, points_of(merit), book_time(c));
        note_score(c, ip, points_of(merit));
    }
}

static void add_merit(struct controller *c, struct slot *s, int64_t merit)
{
    if (s->remote.port) {
        ip_loses(c, &s->remote.ip, merit);
    }
    const struct peer_id *id = merit == 0 ? NULL : id_charged(c, s);
    if (id) {
        const struct ip from = ip_of(s);
        book_id_merit(c->book, id, &from, points_of(merit), book_time(c));
        note_id_score(c, s, points_of(merit));
    }
}

void slot_loses(struct controller *c, struct slot *s, int64_t merit)
{
    add_merit(c, s, merit);
}

void slot_gains(struct controller *c, struct slot *s, int32_t points)
{
    add_merit(c, s, points);
}

void slot_is_heard(struct controller *c, struct slot *s)
{
    s->heard_ms = c->now.ms;
    s->has_spoken = true;
    if (s->direction == DIRECTION_OUTGOING) {
        book_answered(c->book, slot_listens_at(s), book_time(c));
    } else {
        book_heard(c->book, slot_listens_at(s), book_time(c));
    }
}
