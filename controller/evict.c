#include "controller/evict.h"

#include <inttypes.h>
#include <stdlib.h>

#include <sodium.h>

#include "controller/chance.h"
#include "controller/crowd.h"
#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/specials.h"

enum {
    SPARED_SHARE = 25,         /* of so many places one is kept by each of three qualities: 8 of 200 */
    SPARED_MAX = 8,            /* and no more */
    YOUNG_MS = 5 * 1000,       /* without crowds, one that came later is not evicted */
    USEFUL_MS = 5 * 60 * 1000, /* nor one that was useful within */
    LOOK_SHARE = 200,          /* a look at so many connections takes some 20 microseconds */
    LOOKS_A_MS = 2,            /* so many of those are allowed: 4 % of a processor at most, whoever knocks */
    LOOKS_MAX = 256,           /* at once */

    HOLDER_SHARE = 25, /* one address may have a place of so many: 8 of 200. Enough for a few nodes behind one
                          router; to take all places takes 25 addresses */
    HOLDER_LEAST = 4,
    GROUP_SHARE = 8, /* one group: 25 of 200. A provider's /16 has some honest nodes; to take all places takes
                        8 such groups */
    GROUP_LEAST = 8,
};

/* --- who keeps its place --- */

static int by_worth(const void *one, const void *other)
{
    const struct crowd_member *a = one, *b = other;
    if (a->spared != b->spared) {
        return a->spared ? 1 : -1;
    }
    return a->worth < b->worth ? -1 : a->worth > b->worth;
}

/* The first ones are those that are worth least in `worth`, which the caller has set. */
static void spare_first(struct crowd *w, size_t n)
{
    qsort(w->members, w->n, sizeof *w->members, by_worth);
    for (size_t i = 0; i < n && i < w->n && !w->members[i].spared && w->members[i].worth < NEVER; i++) {
        w->members[i].spared = true;
    }
}

_Static_assert(sizeof((struct controller *)0)->crowd_key == crypto_shorthash_KEYBYTES, "the length of a key");

static int64_t keyed(struct controller *c, uint64_t group)
{
    if (!c->has_crowd_key) {
        c->crowd_key[0] = chance_draw(c);
        c->crowd_key[1] = chance_draw(c);
        c->has_crowd_key = true;
    }
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)&group, sizeof group,
                     (const unsigned char *)c->crowd_key);
    return (int64_t)(hash >> 2); /* below NEVER */
}

/* One of each: the oldest of the group. The members are in the order of their groups. */
static void spare_groups(struct controller *c, struct crowd *w, size_t n)
{
    for (size_t from = 0, to; from < w->n; from = to) {
        struct crowd_member *oldest = NULL;
        for (to = from; to < w->n && w->members[to].group == w->members[from].group; to++) {
            struct crowd_member *m = &w->members[to];
            m->worth = NEVER;
            if (!m->spared && (!oldest || c->slots[m->index].number < c->slots[oldest->index].number)) {
                oldest = m;
            }
        }
        if (oldest) {
            oldest->worth = keyed(c, oldest->group);
        }
    }
    spare_first(w, n);
}

static int64_t handshake_time(const struct slot *s)
{
    return s->online_ms - s->begun_ms;
}

static int64_t since_useful(const struct slot *s)
{
    return s->delivered_ms ? INT64_MAX / 2 - s->delivered_ms : NEVER;
}

static int64_t began(const struct slot *s)
{
    return (int64_t)s->number;
}

static void spare_by(struct controller *c, struct crowd *w, int64_t (*worth)(const struct slot *s), size_t n)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!w->members[i].spared) {
            w->members[i].worth = worth(&c->slots[w->members[i].index]);
        }
    }
    spare_first(w, n);
}

static size_t left(const struct crowd *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        n += !w->members[i].spared;
    }
    return n;
}

static void spare(struct controller *c, struct crowd *w)
{
    size_t few = 1 + c->config->node.limits.incoming / SPARED_SHARE;
    few = few < SPARED_MAX ? few : SPARED_MAX;
    spare_groups(c, w, few);
    spare_by(c, w, handshake_time, few);
    spare_by(c, w, since_useful, few);
    spare_by(c, w, began, (left(w) + 1) / 2);
}

/* --- who goes --- */

/* False if memory is short. The newcomer counts, and is spared. */
static bool gather(const struct controller *c, struct crowd *w, const struct ip *newcomer, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < c->n_online; i++) {
        const struct slot *s = &c->slots[c->online[i]];
        if (s->direction != DIRECTION_INCOMING || s->closing) {
            continue;
        }
        if (!crowd_add(w, s)) {
            return false;
        }
        w->members[w->n - 1].spared = s->special || specials_of_ip(c, &s->remote.ip) > 0;
        ++*n;
    }
    if (!crowd_add_newcomer(w, newcomer)) {
        return false;
    }
    w->members[w->n - 1].spared = true;
    crowd_count(w);
    return true;
}

/* Of those that are not spared: of the most crowded the youngest. */
static const struct crowd_member *most_crowded(const struct controller *c, const struct crowd *w)
{
    const struct crowd_member *most = NULL;
    for (size_t i = 0; i < w->n; i++) {
        const struct crowd_member *m = &w->members[i];
        if (m->spared) {
            continue;
        }
        int order = most ? crowd_compare(m, most) : 1;
        if (order > 0 || (order == 0 && c->slots[m->index].number > c->slots[most->index].number)) {
            most = m;
        }
    }
    return most;
}

/* At random: who comes last must not be the only one to go, or who comes often would push it out. */
static struct slot *of_no_use(struct controller *c, const struct crowd *w)
{
    struct slot *chosen = NULL;
    uint32_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct slot *s = w->members[i].spared ? NULL : &c->slots[w->members[i].index];
        if (!s || c->now.ms - s->online_ms < YOUNG_MS ||
            (s->delivered_ms && c->now.ms - s->delivered_ms < USEFUL_MS)) {
            continue;
        }
        n++;
        chosen = chance_between(c, 1, n) == 1 ? s : chosen;
    }
    return chosen;
}

/* One of those at random; NULL if there is none. */
static struct slot *discouraged(struct controller *c, const struct crowd *w)
{
    struct slot *chosen = NULL;
    uint32_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct slot *s = w->members[i].spared ? NULL : &c->slots[w->members[i].index];
        if (s && book_is_discouraged(c->book, &s->remote.ip, book_time(c))) {
            n++;
            chosen = chance_between(c, 1, n) == 1 ? s : chosen;
        }
    }
    return chosen;
}

static struct slot *choose(struct controller *c, struct crowd *w)
{
    const struct crowd_member newcomer = *crowd_newcomer(w);
    struct slot *first = discouraged(c, w);
    if (first || book_is_discouraged(c->book, &newcomer.holder, book_time(c))) {
        return first;
    }
    spare(c, w);
    const struct crowd_member *most = most_crowded(c, w);
    if (!most) {
        return NULL;
    }
    bool gains = most->group == newcomer.group ? most->in_holder > newcomer.in_holder
                                               : most->in_group > newcomer.in_group;
    if (gains) {
        return &c->slots[most->index];
    }
    return most->group != newcomer.group && most->in_group == 1 && newcomer.in_group == 1 ? of_no_use(c, w)
                                                                                          : NULL;
}

/* Sets *has_room if a place is free. Otherwise returns who is to go; NULL for nobody. */
static struct slot *look(struct controller *c, const struct ip *newcomer, bool *has_room)
{
    struct crowd w = {0};
    struct slot *s = NULL;
    size_t n;
    bool gathered = gather(c, &w, newcomer, &n);
    *has_room = gathered && n < c->config->node.limits.incoming;
    if (gathered && !*has_room) {
        s = choose(c, &w);
    }
    crowd_free(&w);
    return s;
}

static bool may_look(struct controller *c)
{
    int64_t used = c->looks_used - LOOKS_A_MS * (c->now.ms - c->looks_ms);
    c->looks_used = used > 0 ? used : 0;
    c->looks_ms = c->now.ms;
    if (c->looks_used >= LOOKS_MAX) {
        return false;
    }
    c->looks_used += 1 + c->n_incoming / LOOK_SHARE;
    return true;
}

bool evict_may(struct controller *c, const struct ip *from)
{
    bool has_room;
    return may_look(c) && look(c, from, &has_room);
}

bool evict_for(struct controller *c, const struct slot *s)
{
    if (c->n_incoming < c->config->node.limits.incoming || specials_of_ip(c, &s->remote.ip) > 0) {
        return true;
    }
    bool has_room;
    struct slot *victim = look(c, &s->remote.ip, &has_room);
    if (!victim) {
        return has_room;
    }
    note_slot(c, NOTE_SENT_AWAY, END_EVICTED, victim, "%s: makes room for %s", victim->info.hash,
              s->info.hash);
    slot_close(c, victim, END_EVICTED, false);
    return true;
}

/* --- bounds --- */

static uint32_t bound(const struct controller *c, uint32_t share, uint32_t least)
{
    uint32_t n = c->config->node.limits.incoming / share;
    return n > least ? n : least;
}

const char *evict_bound(const struct controller *c, const struct ip *from)
{
    if (c->config->node.network.open || !ip_is_routable(from) || specials_of_ip(c, from) > 0) {
        return NULL;
    }
    const struct ip holder = ip_holder(from);
    uint32_t of_holder = 0, of_group = 0, per_ip = c->config->node.limits.per_ip;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        if ((s->state != SLOT_PENDING && s->state != SLOT_ONLINE) || s->closing ||
            s->direction != DIRECTION_INCOMING) {
            continue;
        }
        struct ip other = ip_holder(&s->remote.ip);
        of_holder += ip_equal(&holder, &other);
        of_group += ip_group(&s->remote.ip) == ip_group(from);
    }
    if (!per_ip && of_holder >= bound(c, HOLDER_SHARE, HOLDER_LEAST)) {
        return "too many connections of its IP";
    }
    uint32_t group_most = bound(c, GROUP_SHARE, GROUP_LEAST);
    return of_group >= (per_ip > group_most ? per_ip : group_most) ? "too many connections of its network"
                                                                   : NULL;
}
