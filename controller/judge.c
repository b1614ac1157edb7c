#include "controller/judge.h"

#include "controller/ids.h"
#include "controller/merits.h"
#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/specials.h"

enum {
    OWN_PART = 10, /* of refuse_below that it must have lost itself */
    STALL_MS = 60 * 1000,
};

static bool is_exempt(const struct controller *c, const struct slot *s)
{
    return s->state != SLOT_ONLINE || s->closing || s->special || specials_of_ip(c, &s->remote.ip) > 0;
}

static void judge(struct controller *c, struct slot *s)
{
    int32_t least = c->config->merits.refuse_below;
    int32_t quality = slot_quality(c, s);
    if (quality >= least || s->lost > least / OWN_PART) {
        return;
    }
    note_peer(c, NOTE_SENT_AWAY, s, "%s: its quality is %d, below %d", s->info.hash, (int)quality,
              (int)least);
    slot_close(c, s, END_JUDGED, true);
}

void judge_loses(struct controller *c, struct slot *s, int64_t merit)
{
    if (merit == 0 || (!s->remote.port && !id_of(c, s))) {
        return;
    }
    slot_loses(c, s, merit);
    s->lost = merit < QUALITY_MIN - s->lost ? QUALITY_MIN : s->lost + merit;
    if (!is_exempt(c, s)) {
        judge(c, s);
    }
}

void judge_reported(struct controller *c, struct slot *s, int32_t points)
{
    if (points > 0) {
        slot_gains(c, s, points);
    } else {
        judge_loses(c, s, points);
    }
}

void judge_stalled(struct controller *c, struct slot *s)
{
    if (s->state != SLOT_ONLINE || c->now.ms < s->stalled_ms) {
        return;
    }
    s->stalled_ms = c->now.ms + STALL_MS;
    judge_loses(c, s, c->config->merits.lost);
}
