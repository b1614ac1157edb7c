#include "controller/clocks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/state.h"

enum {
    TELLERS_LEAST = 5, /* of fewer, one that is wrong or lies counts for too much to warn by */
    KEPT_MS = 24 * 3600 * 1000,
};

/* The clock of the day runs ahead of the monotonic one by that much: it changes if the operator, or whatever
 * keeps the clock, sets it. */
static int64_t own_ms(const struct controller *c)
{
    return c->now.wall_ms - c->now.ms;
}

/* The place for what that one tells: the one that its holder has, one that is free, or the oldest. Through a
 * proxy nobody knows who holds what. */
static struct clock_told *place_for(struct clocks_told *t, const struct ip *holder, bool is_known)
{
    for (uint32_t i = 0; is_known && i < t->n; i++) {
        if (t->list[i].has_holder && ip_equal(&t->list[i].holder, holder)) {
            return &t->list[i];
        }
    }
    if (t->n < CLOCKS_MOST) {
        return &t->list[t->n++];
    }
    struct clock_told *oldest = &t->list[0];
    for (uint32_t i = 1; i < t->n; i++) {
        oldest = t->list[i].told_ms < oldest->told_ms ? &t->list[i] : oldest;
    }
    return oldest;
}

void clocks_note(struct controller *c, struct slot *s, const struct peer_clock *clock)
{
    if (!clock->is_told) {
        return;
    }
    s->has_clock = true;
    s->clock_ms = clock->ahead_ms + own_ms(c);
    if (s->purpose == PURPOSE_FEELER || s->for_service) {
        return;
    }
    bool is_known = s->remote.port != 0;
    struct ip holder = is_known ? ip_holder(&s->remote.ip) : (struct ip){{0}};
    *place_for(&c->clocks[s->direction], &holder, is_known) = (struct clock_told){
        .has_holder = is_known,
        .holder = holder,
        .ref = s->ref,
        .clock_ms = s->clock_ms,
        .told_ms = c->now.ms,
    };
}

void clocks_forget(struct controller *c, const struct slot *s)
{
    struct clocks_told *t = &c->clocks[s->direction];
    for (uint32_t i = 0; i < t->n; i++) {
        if (peer_ref_equal(t->list[i].ref, s->ref)) {
            t->list[i] = t->list[--t->n];
            return;
        }
    }
}

bool clocks_ahead(const struct controller *c, const struct slot *s, int64_t *ahead_ms)
{
    *ahead_ms = s->clock_ms - own_ms(c);
    return s->has_clock;
}

static bool counts(struct controller *c, const struct clock_told *t)
{
    const struct slot *s = slot_find(c, t->ref);
    return (s && s->state == SLOT_ONLINE) || c->now.ms - t->told_ms < KEPT_MS;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

uint32_t clocks_median(struct controller *c, enum direction direction, int64_t *ahead_ms)
{
    const struct clocks_told *t = &c->clocks[direction];
    int64_t clocks[CLOCKS_MOST];
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        if (counts(c, &t->list[i])) {
            clocks[n++] = t->list[i].clock_ms;
        }
    }
    qsort(clocks, n, sizeof clocks[0], compare);
    *ahead_ms = n > 0 ? clocks[n / 2] - own_ms(c) : 0;
    return n;
}

void clocks_tell(struct controller *c)
{
    int64_t ahead_ms, most_ms = protocol_clock_doubt_s(c->config->protocol) * 1000;
    uint32_t n = clocks_median(c, DIRECTION_OUTGOING, &ahead_ms);
    bool is_off = n >= TELLERS_LEAST && (ahead_ms >= most_ms || ahead_ms <= -most_ms);
    if (is_off && !c->clock_is_told) {
        note_unbounded(c, LOG_LEVEL_WARNING,
                       "our clock is %" PRId64 " s %s those of %" PRIu32
                       " peers that we dialed, in the median",
                       (ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000, ahead_ms < 0 ? "ahead of" : "behind", n);
    }
    c->clock_is_told = is_off;
}
