#include "controller/quit.h"

#include "controller/asked_dials.h"
#include "controller/drops.h"
#include "controller/notes.h"
#include "controller/owed.h"
#include "controller/route.h"
#include "controller/slots.h"
#include "controller/state.h"
#include "controller/upkeep.h"

enum {
    QUIT_MS = 1050, /* connections that have not ended by then are ended at once */
    SAVE_MS = 1300, /* nor does anybody wait for the disk any longer */
};

static void close_all(struct controller *c, bool at_once)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_FREE) {
            slot_close(c, &c->slots[i], END_SHUTDOWN, at_once);
        }
    }
}

void quit_begin(struct controller *c)
{
    if (c->quitting) {
        return;
    }
    c->quitting = true;
    c->quit_ms = c->now.ms;
    asked_dials_abandon(c);
    route_abandon(c);
    close_all(c, false);
}

static bool waits_for_disk(const struct controller *c)
{
    return c->saving && c->now.ms < c->quit_ms + SAVE_MS;
}

void quit_run(struct controller *c)
{
    if (c->done) {
        return;
    }
    if (c->n_busy > 0) {
        if (c->closed_at_once || c->now.ms < c->quit_ms + QUIT_MS) {
            return;
        }
        c->closed_at_once = true;
        close_all(c, true);
        return;
    }
    if (waits_for_disk(c)) {
        return;
    }
    if (!c->saved_at_end && !c->saving) {
        c->saved_at_end = true;
        owed_abandon(c);
        drops_report(c);
        upkeep_save(c, true);
    }
    if (waits_for_disk(c)) {
        return;
    }
    if (!c->saved_at_end) { /* a save from before hangs */
        owed_abandon(c);
        drops_report(c);
    }
    if (c->saving) {
        note_unbounded(c, LOG_LEVEL_WARNING,
                       "peers file %s: the disk does not answer; it is as it was, or new",
                       c->config->peers_file);
    }
    c->done = true;
    notes_run(c, true);
    c->act->ended(c->host);
}

int64_t quit_deadline(const struct controller *c)
{
    if (c->done) {
        return NEVER;
    }
    if (c->n_busy > 0) {
        return c->closed_at_once ? NEVER : c->quit_ms + QUIT_MS;
    }
    return c->saving ? c->quit_ms + SAVE_MS : c->now.ms;
}
