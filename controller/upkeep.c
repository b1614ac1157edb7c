#include "controller/upkeep.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/plural.h"
#include "controller/chance.h"
#include "controller/clocks.h"
#include "controller/discovery.h"
#include "controller/notes.h"
#include "controller/risk.h"
#include "controller/slots.h"
#include "controller/specials.h"
#include "controller/state.h"

enum { EXPIRE_MS = 60 * 1000 };

void upkeep_begin(struct controller *c)
{
    const struct timings *t = &c->config->node.timings;
    c->save_ms = c->now.ms + t->save;
    c->saved_ms = c->took_ms = -1;
    c->expire_ms = c->now.ms + EXPIRE_MS;
    if (t->cat > 0) {
        c->drop_round_ms = c->now.ms + t->cat;
    }
    discovery_begin(c);
}

/* --- the peers file --- */

void upkeep_save(struct controller *c, bool unchanged_too)
{
    if (c->saving || (!unchanged_too && book_version(c->book) == c->saved_version)) {
        return;
    }
    struct book_snapshot *s = book_snapshot(c->book);
    if (!s) {
        return;
    }
    book_snapshot_shift(s, c->now.wall_ms - book_time(c));
    if (c->config->peers_file[0]) {
        note(c, NOTE_UPKEEP, "peers file %s: %zu %s and %zu %s to write", c->config->peers_file, s->n_entries,
             plural(s->n_entries, "address", "addresses"), s->n_scores + s->n_ids,
             plural(s->n_scores + s->n_ids, "score", "scores"));
    }
    c->saving = true;
    c->saving_ms = c->now.ms;
    c->saving_version = book_version(c->book);
    c->act->save_peers(c->host, s);
}

static void count_save(struct controller *c, bool failed)
{
    c->took_ms = c->now.ms - c->saving_ms;
    if (failed) {
        c->saves_failed++;
    } else {
        c->saves++;
        c->saved_ms = c->now.ms;
    }
}

void upkeep_saved(struct controller *c, bool failed)
{
    c->saving = false;
    if (!failed) {
        c->saved_version = c->saving_version;
    }
    if (c->config->peers_file[0]) {
        count_save(c, failed);
        note(c, NOTE_UPKEEP, "peers file %s: %s", c->config->peers_file, failed ? "not written" : "written");
    }
}

/* --- rounds --- */

/* Drops ordinary peers at random, down to cat_keep (docs/protocols/factom.md, "CAT rounds"). */
static void drop_round(struct controller *c)
{
    size_t max = c->config->node.limits.cat_keep, ordinary = 0;
    for (size_t i = 0; i < c->n_online; i++) {
        ordinary += !c->slots[c->online[i]].special && !c->slots[c->online[i]].closing;
    }
    if (ordinary <= max) {
        return;
    }
    note(c, NOTE_UPKEEP, "round: %zu ordinary peers, all but %zu are disconnected", ordinary, max);
    size_t candidates = ordinary;
    for (size_t i = 0; i < c->n_online && ordinary > max; i++) {
        struct slot *s = &c->slots[c->online[i]];
        if (s->special || s->closing) {
            continue;
        }
        /* Each candidate that is left is equally likely to be dropped. */
        if (chance_draw(c) % candidates < ordinary - max) {
            slot_close(c, s, END_CAT, false);
            ordinary--;
        }
        candidates--;
    }
}

/* Says what the book's bounds have cost since the node started, if that is more than was said before. */
static void tell_losses(struct controller *c)
{
    struct book_losses now = book_losses(c->book), *told = &c->losses_told;
    if (now.endpoints_refused == told->endpoints_refused &&
        now.endpoints_evicted == told->endpoints_evicted && now.scores_refused == told->scores_refused &&
        now.scores_evicted == told->scores_evicted && c->untaught == c->untaught_told) {
        return;
    }
    *told = now;
    c->untaught_told = c->untaught;
    note(c, NOTE_UPKEEP,
         "bounds of the address book: %" PRIu64 " addresses refused, %" PRIu64 " replaced, %" PRIu64
         " more than a peer may tell; %" PRIu64 " scores refused, %" PRIu64 " replaced; %" PRIu64
         " places looked at",
         now.endpoints_refused, now.endpoints_evicted, c->untaught, now.scores_refused, now.scores_evicted,
         now.places_looked_at);
}

/* A peer that is connected, or special, is not forgotten, however long it was silent. */
static bool must_stay(void *controller, const struct endpoint *e)
{
    struct controller *c = controller;
    for (size_t i = 0; i < c->n_online; i++) {
        if (endpoint_equal(slot_listens_at(&c->slots[c->online[i]]), e)) {
            return true;
        }
    }
    return special_has_endpoint(c, e);
}

void upkeep_run(struct controller *c)
{
    const struct timings *t = &c->config->node.timings;
    if (c->seed_ms <= c->now.ms && !c->seeding) {
        discovery_run(c);
    }
    if (c->save_ms <= c->now.ms) {
        c->save_ms = c->now.ms + t->save;
        upkeep_save(c, false);
    }
    if (c->expire_ms <= c->now.ms) {
        c->expire_ms = c->now.ms + EXPIRE_MS;
        book_expire(c->book, must_stay, c, book_time(c));
        tell_losses(c);
        risk_tell(c);
        clocks_tell(c);
        c->dial_wanted = true;
    }
    if (c->drop_round_ms <= c->now.ms) {
        c->drop_round_ms = c->now.ms + t->cat;
        drop_round(c);
    }
}

int64_t upkeep_deadline(const struct controller *c)
{
    int64_t at = c->seeding ? NEVER : c->seed_ms;
    at = earlier(at, c->save_ms);
    at = earlier(at, c->expire_ms);
    return earlier(at, c->drop_round_ms);
}
