#include "controller/discovery.h"

#include <stdlib.h>

#include "base/plural.h"
#include "controller/addresses.h"
#include "controller/chance.h"
#include "controller/notes.h"

static bool finds_in_turn(const struct controller *c)
{
    return c->config->protocol->finds_in_turn;
}

/* Whether the addresses of `bootstrap` are known only once the seeds have led to nobody. */
static bool bootstrap_is_last(const struct controller *c)
{
    return finds_in_turn(c) && !c->config->bootstrap_given;
}

/* They have room in the book before what seed lists name. Returns how many were not known. */
static size_t learn_bootstrap(struct controller *c)
{
    const struct address_list *list = &c->config->bootstrap;
    size_t added = 0;
    for (size_t i = 0; i < list->n && !c->config->exclusive; i++) {
        struct endpoint e;
        if (!address_is_ip(&list->items[i], &e)) {
            continue;
        }
        added += addresses_learn_seed(c, &e, SOURCE_OPERATOR);
        if (list->items[i].id.size > 0) {
            book_identify(c->book, &e, &list->items[i].id, NULL);
        }
    }
    return added;
}

/* The seeds have led to nobody. Those that are known already, and were given up, are dialed once more. */
static void fall_back(struct controller *c)
{
    size_t added = bootstrap_is_last(c) ? learn_bootstrap(c) : 0;
    if (added > 0) {
        note_unbounded(c, LOG_LEVEL_INFO, "seeds: they led to nobody; %zu %s of the network's own follow",
                       added, plural(added, "address", "addresses"));
        c->dial_wanted = true;
    }
}

static bool knows_few(const struct controller *c)
{
    return book_count_tried(c->book) < c->config->node.limits.few_peers;
}

static void plan_next(struct controller *c)
{
    int64_t reseed = c->config->node.timings.reseed;
    c->seed_ms = c->now.ms + chance_between(c, reseed - reseed / 8, reseed);
}

static void fetch(struct controller *c)
{
    c->seed_ms = NEVER;
    c->seeding = c->act->fetch_seeds(c->host);
    if (c->seeding) {
        note(c, NOTE_UPKEEP, "seeds: asked for, %zu %s known", book_count(c->book),
             plural(book_count(c->book), "address", "addresses"));
    } else {
        fall_back(c);
    }
}

void discovery_begin(struct controller *c)
{
    if (!bootstrap_is_last(c)) {
        learn_bootstrap(c);
    }
    if (!c->config->exclusive) {
        c->seed_ms = c->now.ms + (knows_few(c) ? 0 : c->config->node.timings.reseed);
    }
}

void discovery_run(struct controller *c)
{
    if (finds_in_turn(c) && !knows_few(c)) {
        plan_next(c);
    } else {
        fetch(c);
    }
}

void discovery_alone(struct controller *c)
{
    if (c->seeds_came) {
        fall_back(c);
    }
    if (!c->seeding) {
        fetch(c);
    }
}

void discovery_seeds(struct controller *c, struct seed_report *r)
{
    size_t added = 0;
    if (r->error[0]) {
        note_unbounded(c, LOG_LEVEL_WARNING, "seeds: %s", r->error);
    }
    c->seeded += r->n > 0;
    c->seeds_failed += r->n == 0;
    c->seed_addresses = r->n;
    for (size_t i = 0; i < r->n; i++) {
        added += addresses_learn_seed(c, &r->endpoints[i], SOURCE_SEED);
    }
    note(c, NOTE_UPKEEP, "seeds: %zu of %zu addresses are new, next %s in %lld s", added, r->n,
         r->next_try_ms ? "try" : "look",
         (long long)(r->next_try_ms ? r->next_try_ms : c->config->node.timings.reseed) / 1000);
    if (r->next_try_ms == 0) {
        note_unbounded(c, LOG_LEVEL_INFO, "seeds: %zu %s, %zu bad %s, %zu %s not found", r->n,
                       plural(r->n, "address", "addresses"), r->bad_lines,
                       plural(r->bad_lines, "line", "lines"), r->unresolved,
                       plural(r->unresolved, "name", "names"));
        c->seeding = false;
        plan_next(c);
    }
    if (r->n == 0) {
        fall_back(c);
    }
    c->seeds_came = true;
    c->dial_wanted = true;
    free(r);
}
