#include "controller/feelers.h"

#include "controller/candidates.h"
#include "controller/chance.h"
#include "controller/dialing.h"
#include "controller/lately.h"
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

/* Whoever is there will do: that it is somebody else than before is found out when it is dialed in earnest.
 */
static void dial(struct controller *c, const struct endpoint *e)
{
    struct dial_request request = {.to.port = e->port};
    ip_format(&e->ip, request.to.host, sizeof request.to.host);
    book_dialed(c->book, e, book_time(c));
    lately_dialed(c, &e->ip);
    struct slot *s = slot_dial(c, &request, "to see if anybody answers");
    if (s) {
        s->feeler = true;
        c->n_feelers++;
    }
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
    if (may_feel(c) && candidates_find_feeler(c, &found)) {
        dial(c, &found);
    }
}

int64_t feelers_deadline(const struct controller *c)
{
    return c->quitting ? NEVER : c->feeler_ms;
}

bool feeler_met(struct controller *c, struct slot *s)
{
    if (!s->feeler) {
        return false;
    }
    if (!s->closing) {
        book_answered(c->book, &s->remote, book_time(c));
        slot_close(c, s, END_DISCONNECT, true);
    }
    return true;
}

void feeler_ended(struct controller *c, struct slot *s)
{
    c->n_feelers -= s->feeler;
    s->feeler = false;
}
