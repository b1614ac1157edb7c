#include "controller/feelers.h"

#include "controller/candidates.h"
#include "controller/chance.h"
#include "controller/dialing.h"
#include "controller/slots.h"

enum { FEELER_MS = 2 * 60 * 1000 }; /* between two, on average */

static void schedule(struct controller *c)
{
    c->feeler_ms = c->now.ms + chance_between(c, FEELER_MS / 2, FEELER_MS + FEELER_MS / 2);
}

static bool may_feel(struct controller *c)
{
    return !c->quitting && dialing_wanted(c) == 0 && c->n_feelers == 0 &&
           c->n_dialing < c->config->node.limits.dials;
}

void feelers_begin(struct controller *c)
{
    c->feeler_ms = NEVER;
    if (!c->config->exclusive && c->config->outgoing > 0) {
        schedule(c);
    }
}

void feelers_run(struct controller *c)
{
    if (c->feeler_ms > c->now.ms) {
        return;
    }
    schedule(c);
    struct endpoint found;
    if (may_feel(c) && candidates_find_feeler(c, &found) &&
        dialing_dial(c, &found, PURPOSE_FEELER, "to see if anybody answers")) {
        c->n_feelers++;
    }
}

int64_t feelers_deadline(const struct controller *c)
{
    return c->quitting ? NEVER : c->feeler_ms;
}

bool feeler_met(struct controller *c, struct slot *s)
{
    if (s->purpose != PURPOSE_FEELER) {
        return false;
    }
    if (!s->closing) {
        book_answered(c->book, &s->remote, book_time(c));
        slot_close(c, s, END_DISCONNECT, true);
    }
    return true;
}

void feeler_ended(struct controller *c, const struct slot *s)
{
    c->n_feelers -= s->purpose == PURPOSE_FEELER;
}
