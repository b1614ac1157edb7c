#include "controller/drops.h"

#include "controller/judge.h"
#include "controller/report.h"
#include "controller/slots.h"
#include "controller/state.h"

enum { REPORT_MS = 1000 };

void drops_begin(struct controller *c)
{
    c->report_ms = c->now.ms + REPORT_MS;
}

void drops_count(struct controller *c, struct peer_ref peer, enum drop_cause cause, uint64_t parcels)
{
    struct slot *s = slot_find(c, peer);
    c->dropped[cause] += parcels;
    c->has_unreported_drops = true;
    if (s) {
        s->dropped[cause] += parcels;
        s->unreported_drops[cause] += parcels;
    } else {
        c->unreported_drops[cause] += parcels;
    }
}

/* Of a peer, or of those that have gone if s is NULL. Without memory, the rest is told with the next drops.
 */
static void report_each(struct controller *c, struct slot *s, uint64_t *unreported)
{
    for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++) {
        if (unreported[cause] == 0) {
            continue;
        }
        if (!report_dropped(c, s, (enum drop_cause)cause, unreported[cause])) {
            return;
        }
        unreported[cause] = 0;
    }
}

void drops_report_slot(struct controller *c, struct slot *s)
{
    if (s->unreported_drops[DROP_STALLED]) {
        judge_stalled(c, s);
    }
    report_each(c, s, s->unreported_drops);
}

void drops_report(struct controller *c)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_FREE) {
            drops_report_slot(c, &c->slots[i]);
        }
    }
    report_each(c, NULL, c->unreported_drops);
    c->has_unreported_drops = false;
}

void drops_run(struct controller *c)
{
    if (!c->has_unreported_drops || c->report_ms > c->now.ms) {
        return;
    }
    c->report_ms = c->now.ms + REPORT_MS;
    drops_report(c);
}

int64_t drops_deadline(const struct controller *c)
{
    return c->has_unreported_drops ? c->report_ms : NEVER;
}
