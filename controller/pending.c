#include "controller/pending.h"

#include <inttypes.h>

#include "controller/chance.h"
#include "controller/crowd.h"
#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/specials.h"

enum {
    PATIENCE_MS = 1000, /* halved by the first newcomer that is turned away in a second, and so on */
    SILENCE_MS = 1000,  /* several round trips, and the loss of a packet */
    LOOK_MS = 100,      /* between two looks for silent ones */
    WINDOW_MS = 1000,   /* in which those turned away are counted */
    DROPS_MAX = 64,     /* at once, and one in each millisecond: a thread ends and another one starts */
};

/* Whether its handshake is under way. One that is being dropped takes no place any more. */
static bool is_under_way(const struct slot *s)
{
    return s->state == SLOT_PENDING && !s->ready && !s->closing;
}

static uint32_t count_under_way(const struct controller *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        n += is_under_way(&c->slots[i]);
    }
    return n;
}

static bool gather(const struct controller *c, struct crowd *w, const struct ip *newcomer)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        if (is_under_way(s) && !specials_of_ip(c, &s->remote.ip) && !crowd_add(w, s)) {
            return false;
        }
    }
    if (!crowd_add_newcomer(w, newcomer)) {
        return false;
    }
    crowd_count(w);
    return true;
}

static int64_t patience(struct controller *c)
{
    if (c->now.ms - c->turned_away_ms >= WINDOW_MS) {
        c->turned_away = c->now.ms - c->turned_away_ms < 2 * WINDOW_MS ? c->turned_away / 2 : 0;
        c->turned_away_ms = c->now.ms;
    }
    return PATIENCE_MS / (1 + (int64_t)c->turned_away);
}

/* A flood that displaces itself leaves half of the drops to those that displace it. */
static bool may_drop(struct controller *c, bool gives_way)
{
    int64_t used = c->drops_used - (c->now.ms - c->drops_ms);
    c->drops_used = used > 0 ? used : 0;
    c->drops_ms = c->now.ms;
    return c->drops_used < (gives_way ? DROPS_MAX : DROPS_MAX / 2);
}

/* One of the most crowded, at random; NULL if all of them, the newcomer among them, are to be waited for. */
static struct slot *choose(struct controller *c, struct crowd *w, bool special)
{
    const struct crowd_member *newcomer = crowd_newcomer(w), *most = NULL;
    for (size_t i = 0; i < w->n; i++) {
        const struct crowd_member *m = &w->members[i];
        if (m != newcomer && (!most || crowd_compare(m, most) > 0)) {
            most = m;
        }
    }
    if (!most) {
        return NULL;
    }
    bool gives_way = special || crowd_compare(most, newcomer) > 0;
    if (!may_drop(c, gives_way)) {
        return NULL;
    }
    int64_t begun_by = gives_way ? c->now.ms : c->now.ms - patience(c);
    uint32_t n = 0, chosen = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct crowd_member *m = &w->members[i];
        if (m == newcomer || crowd_compare(m, most) != 0 || c->slots[m->index].begun_ms > begun_by) {
            continue;
        }
        n++;
        chosen = chance_between(c, 1, n) == 1 ? m->index : chosen;
    }
    return n > 0 ? &c->slots[chosen] : NULL;
}

bool pending_has_room(struct controller *c, const struct ip *from)
{
    uint32_t most = c->config->node.limits.pending;
    if (c->n_pending < most || count_under_way(c) < most) {
        return true;
    }
    struct crowd w = {0};
    struct slot *s = NULL;
    if (gather(c, &w, from)) {
        s = choose(c, &w, specials_of_ip(c, from) > 0);
    }
    crowd_free(&w);
    if (!s) {
        c->turned_away++;
        return false;
    }
    c->drops_used++;
    note(c, NOTE_REFUSAL, "connection %" PRIu64 ": %s", s->number, end_reason_text(END_CROWDED));
    slot_close(c, s, END_CROWDED, true);
    return true;
}

/* --- those that say nothing --- */

static bool is_scarce(const struct controller *c)
{
    return c->n_pending > c->config->node.limits.pending / 2;
}

void pending_began(struct controller *c)
{
    if (is_scarce(c)) {
        c->silence_ms = earlier(c->silence_ms, c->now.ms + LOOK_MS);
    }
}

static bool is_silent(struct controller *c, const struct slot *s)
{
    struct kith_peer counts = {0};
    c->act->measure(c->host, s->ref, &counts);
    return counts.bytes_in == 0;
}

bool pending_was_silent(struct controller *c, const struct slot *s)
{
    return s->state == SLOT_PENDING && c->now.ms - s->begun_ms >= SILENCE_MS && is_silent(c, s);
}

void pending_run(struct controller *c)
{
    if (c->silence_ms > c->now.ms) {
        return;
    }
    c->silence_ms = NEVER;
    if (!is_scarce(c)) {
        return;
    }
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        if (is_under_way(s) && c->now.ms - s->begun_ms >= SILENCE_MS && is_silent(c, s)) {
            slot_close(c, s, END_HANDSHAKE_TIMEOUT, true);
        }
    }
    c->silence_ms = c->now.ms + LOOK_MS;
}

int64_t pending_deadline(const struct controller *c)
{
    return c->silence_ms;
}
