#include "controller/relays.h"

#include "controller/candidates.h"
#include "controller/chance.h"
#include "controller/dialing.h"
#include "controller/notes.h"
#include "controller/slots.h"

enum {
    ROTATE_MS = 5 * 60 * 1000, /* between two dials of one more, on average */
    GRACE_MS = 2 * 60 * 1000,  /* in which a newcomer may bring something */
};

static bool are_kept(const struct controller *c)
{
    const struct protocol *p = c->config->protocol;
    return p->has_relays && p->has_relays(&c->config->node) && c->config->node.limits.relays > 0 &&
           c->config->outgoing > 0 && !c->config->exclusive;
}

/* --- dials --- */

static uint32_t left_of(uint32_t most, uint32_t used)
{
    return used < most ? most - used : 0;
}

static uint32_t missing(const struct controller *c)
{
    return left_of(c->config->node.limits.relays, c->n_relays);
}

/* How many of them may be dialed now. */
static uint32_t may_dial(const struct controller *c, uint32_t want)
{
    uint32_t dials = left_of(c->config->node.limits.dials, c->n_dialing);
    want = want < dials ? want : dials;
    return want < DIALS_MAX ? want : DIALS_MAX;
}

static void dial(struct controller *c, const struct book_pick *found, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct slot *s = dialing_dial(c, &found[i].endpoint, PURPOSE_RELAY, "to relay");
        if (!s) {
            return;
        }
        s->is_picked = true;
        s->trust = found[i].trust;
        c->n_relays++;
    }
}

static void dial_some(struct controller *c, uint32_t want)
{
    struct book_pick found[DIALS_MAX];
    dial(c, found, candidates_find(c, true, false, found, want));
}

/* --- one too many --- */

/* Whether a goes before b. */
static bool is_worth_less(const struct slot *a, const struct slot *b)
{
    if (a->brought_ms == 0 && b->brought_ms == 0) {
        return a->number > b->number;
    }
    return a->brought_ms < b->brought_ms;
}

static void drop_one(struct controller *c)
{
    struct slot *least = NULL;
    uint32_t n = 0;
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *s = &c->slots[c->online[i]];
        if (s->purpose != PURPOSE_RELAY || s->closing) {
            continue;
        }
        n++;
        if (!s->special && c->now.ms - s->online_ms >= GRACE_MS && (!least || is_worth_less(s, least))) {
            least = s;
        }
    }
    if (least && n > c->config->node.limits.relays) {
        note_slot(c, NOTE_SENT_AWAY, END_EVICTED, least, "%s: another one relays in its place",
                  least->info.hash);
        slot_close(c, least, END_EVICTED, false);
    }
}

/* --- when --- */

void relays_begin(struct controller *c)
{
    struct book_pick found[DIALS_MAX];
    c->relay_ms = NEVER;
    if (!are_kept(c)) {
        return;
    }
    dial(c, found, candidates_find_anchors(c, found, may_dial(c, missing(c))));
    c->relay_ms = c->now.ms;
    c->rotate_ms = c->now.ms + chance_between(c, ROTATE_MS / 2, ROTATE_MS + ROTATE_MS / 2);
}

void relays_run(struct controller *c)
{
    if (c->relay_ms > c->now.ms || c->quitting) {
        return;
    }
    int64_t redial = c->config->node.timings.redial;
    c->relay_ms = c->now.ms + chance_between(c, redial / 2, 3 * redial);
    drop_one(c);
    uint32_t want = missing(c);
    if (want == 0 && c->rotate_ms <= c->now.ms && c->n_relays == c->config->node.limits.relays) {
        c->rotate_ms = c->now.ms + chance_between(c, ROTATE_MS / 2, ROTATE_MS + ROTATE_MS / 2);
        want = 1;
    }
    if (dialing_wanted(c) == 0 && may_dial(c, want) > 0) {
        dial_some(c, may_dial(c, want));
    }
}

int64_t relays_deadline(const struct controller *c)
{
    return c->quitting ? NEVER : c->relay_ms;
}

bool relays_make_anchor(const struct controller *c, const struct slot *s)
{
    return !s->special && s->purpose == (are_kept(c) ? PURPOSE_RELAY : PURPOSE_PEER);
}

void relay_ended(struct controller *c, const struct slot *s)
{
    c->n_relays -= s->purpose == PURPOSE_RELAY;
}
