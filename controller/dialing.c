/* Whom to dial, and when: ordinary peers until enough outgoing connections stand; controller/specials.c dials
 * the others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

enum {
    REFILL_MS = 200, /* between two looks for candidates: a burst of endings is one look */
    LOST_MS = 500,   /* a lost peer is dialed again within, so that not all who lost it come at once */
    HERE_FIRST_MS =
        1000, /* our own network failed: so long until the next dial, and twice as long each time, */
    HERE_MOST_MS = 30000, /* up to this */
};

/* --- when again --- */

int64_t core_between(struct controller *c, int64_t low, int64_t high)
{
    return high > low ? low + (int64_t)(c->act->random(c->world) % (uint64_t)(high - low + 1)) : low;
}

/* Nodes that lose a peer together would else all be back in the same moments, and get in each other's way for
 * ever. */
int64_t core_retry(struct controller *c, int64_t most)
{
    return core_between(c, most / 4, most);
}

int64_t dialing_soon(struct controller *c, uint32_t times, int64_t most)
{
    int64_t pause = times < 5 ? (int64_t)HERE_FIRST_MS << times : HERE_MOST_MS;

    return core_between(c, (pause < most ? pause : most) / 2, pause < most ? pause : most);
}

/* --- our own network --- */

bool dialing_failed_here(enum end_reason reason)
{
    return reason == END_LOCAL || reason == END_RESOURCES;
}

bool dialing_can_reach(const struct controller *c, const struct ip *ip)
{
    return !c->config->has_bind || ip_is_v4(&c->config->bind) == ip_is_v4(ip);
}

static struct outage *outage_of(struct controller *c, const struct ip *ip)
{
    return &c->outages[ip_is_v4(ip)];
}

static bool is_out(struct controller *c, const struct ip *ip)
{
    return outage_of(c, ip)->until_ms > c->now.ms;
}

/* Somebody is connected by that family. */
static bool is_used(const struct controller *c, const struct ip *ip)
{
    for (size_t i = 0; i < c->n_online; i++)
        if (ip_is_v4(&c->slots[c->online[i]].remote.ip) == ip_is_v4(ip))
            return true;
    return false;
}

/* The dial never left this system, which is no fault of the peer's. It is repeated soon, unless the network
 * works and leads to others. Until then the family's other addresses are dialed after all else, and not in
 * haste: there may be thousands of them. */
static void note_outage(struct controller *c, const struct endpoint *e)
{
    struct outage *o = outage_of(c, &e->ip);

    if (!is_out(c, &e->ip)) {
        o->until_ms = c->now.ms + dialing_soon(c, o->times, HERE_MOST_MS);
        o->times += o->times < 16;
    }
    if (!is_used(c, &e->ip))
        book_spared(c->book, e, c->now.wall_ms + dialing_soon(c, o->times - 1, HERE_MOST_MS), c->now.wall_ms);
    c->refill_ms = c->now.ms + core_between(c, HERE_FIRST_MS / 2, HERE_FIRST_MS);
}

/* --- dialing --- */

struct slot *dialing_start(struct controller *c, const struct dial_terms *terms, const char *why)
{
    struct slot *s = slot_take(c, SLOT_DIALING, DIRECTION_OUTGOING);
    char text[ENDPOINT_TEXT_MAX];

    if (!s)
        return NULL;
    note(c, NOTE_DIAL, "connection %" PRIu64 ": dials %s, %s", s->number,
         address_format(&terms->to, text, sizeof text), why);
    s->special = terms->special;
    s->to = terms->to;
    if (terms->n == 1)
        s->remote = terms->targets[0];
    else if (!address_is_ip(&terms->to, &s->remote))
        s->remote.port = 0;
    if (c->act->dial(c->world, slot_ref(c, s), terms))
        return s;
    note(c, NOTE_DIAL, "connection %" PRIu64 ": %s", s->number, end_reason_text(END_RESOURCES));
    slot_free(c, s);
    return NULL;
}

/* The endpoints and network groups in use, gathered once per look and sorted: the book asks about each
 * candidate. */
struct used {
    struct controller *c;
    struct endpoint
        *endpoints;      /* of every connection: what we dialed, or where the one that dialed us listens */
    uint64_t *groups;    /* of the outgoing ones */
    struct peer_id *ids; /* who is online */
    size_t n, n_groups, n_ids;
    bool incoming_too; /* whoever has dialed us counts as connected */
    bool outages_too;  /* also by a family that our network fails for */
};

static int compare_endpoints(const void *a, const void *b)
{
    const struct endpoint *x = a, *y = b;
    int order = memcmp(&x->ip, &y->ip, sizeof x->ip);

    return order ? order : (x->port > y->port) - (x->port < y->port);
}

static int compare_groups(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct peer_id));
}

static void gather_ids(struct used *u)
{
    const struct controller *c = u->c;

    for (size_t i = 0; i < c->n_online; i++) {
        const struct slot *s = &c->slots[c->online[i]];

        if (s->terms.id.size > 0 && (s->direction == DIRECTION_OUTGOING || u->incoming_too))
            u->ids[u->n_ids++] = s->terms.id;
    }
    qsort(u->ids, u->n_ids, sizeof *u->ids, compare_ids);
}

static bool used_gather(struct used *u, struct controller *c, bool incoming_too, bool outages_too)
{
    *u = (struct used){.c = c,
                       .incoming_too = incoming_too || c->config->protocol->one_connection,
                       .outages_too = outages_too};
    u->endpoints = calloc(c->n_busy + 1, sizeof *u->endpoints);
    u->groups = calloc(c->n_busy + 1, sizeof *u->groups);
    u->ids = calloc(c->n_online + 1, sizeof *u->ids);
    if (!u->endpoints || !u->groups || !u->ids)
        return false;
    gather_ids(u);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];

        if (s->state == SLOT_FREE || s->state == SLOT_ENDED)
            continue;
        if (s->direction == DIRECTION_OUTGOING && s->remote.port) {
            u->endpoints[u->n++] = s->remote;
            u->groups[u->n_groups++] = ip_group(&s->remote.ip);
        } else if (s->direction == DIRECTION_INCOMING && u->incoming_too && s->terms.endpoint.port) {
            u->endpoints[u->n++] = s->terms.endpoint;
        }
    }
    qsort(u->endpoints, u->n, sizeof *u->endpoints, compare_endpoints);
    qsort(u->groups, u->n_groups, sizeof *u->groups, compare_groups);
    return true;
}

static void used_free(struct used *u)
{
    free(u->endpoints);
    free(u->groups);
    free(u->ids);
}

/* On the internet an IP address is dialed at one of its ports in a while: whoever names many ports of
 * somebody must not make us knock at them all. */
static bool is_knocked_at(const struct controller *c, const struct ip *ip)
{
    int64_t last = book_ip_dialed_ms(c->book, ip), since = c->now.wall_ms - last;

    return !c->config->terms.network.open && last != 0 && since >= 0 &&
           since < c->config->terms.timings.redial;
}

static bool has_enough(const struct controller *c, const struct ip *ip)
{
    uint32_t most = c->config->terms.limits.per_ip;

    return is_knocked_at(c, ip) || (most && slots_of_ip(c, ip) >= most);
}

/* Who is there has proved it when we dialed it last; hearsay must not keep us from anybody. */
static bool is_online(const struct used *u, const struct endpoint *e)
{
    const struct book_entry *known = u->n_ids > 0 ? book_find(u->c->book, e) : NULL;

    return known && known->id_proved &&
           bsearch(&known->id, u->ids, u->n_ids, sizeof *u->ids, compare_ids) != NULL;
}

static bool skip(void *context, const struct endpoint *e)
{
    const struct used *u = context;

    if (!dialing_can_reach(u->c, &e->ip) || (!u->outages_too && is_out(u->c, &e->ip)))
        return true;
    if (bsearch(e, u->endpoints, u->n, sizeof *e, compare_endpoints) || is_online(u, e))
        return true;
    if (special_has_endpoint(u->c, e) || (!u->c->config->terms.network.open && !ip_is_routable(&e->ip)))
        return true;
    return has_enough(u->c, &e->ip);
}

static uint32_t group_use(void *context, uint64_t group)
{
    const struct used *u = context;
    size_t low = 0, high = u->n_groups;
    uint32_t n = 0;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (u->groups[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < u->n_groups && u->groups[low++] == group)
        n++;
    return n;
}

static uint64_t draw(void *context)
{
    const struct used *u = context;

    return u->c->act->random(u->c->world);
}

static bool dial_endpoint(struct controller *c, const struct endpoint *e)
{
    struct dial_terms terms = {.to.port = e->port};
    const struct book_entry *known;
    char why[64];

    ip_format(&e->ip, terms.to.host, sizeof terms.to.host);
    known = book_find(c->book, e);
    if (known)
        terms.to.id = known->id;
    book_dialed(c->book, e, c->now.wall_ms);
    snprintf(why, sizeof why, "for %u outgoing connections, %u there", c->config->outgoing, c->n_outgoing);
    if (dialing_start(c, &terms, why))
        return true;
    note_outage(c, e);
    return false;
}

/* Dials up to `want` endpoints of the book; returns how many dials began. */
static size_t dial_these(struct controller *c, size_t want, bool incoming_too, bool outages_too)
{
    struct used u;
    struct book_choice choice = {.skip = skip, .group_use = group_use, .random = draw, .context = &u};
    struct endpoint found[DIALS_MAX];
    size_t n = 0, begun = 0;

    if (used_gather(&u, c, incoming_too, outages_too))
        n = book_candidates(c->book, &choice, found, want, c->now.wall_ms);
    for (size_t i = 0; i < n; i++) {
        if (has_enough(c, &found[i].ip)) /* since a moment ago, by another port */
            continue;
        if (!dial_endpoint(c, &found[i]))
            break;
        begun++;
    }
    used_free(&u);
    return begun;
}

static size_t dial_some(struct controller *c, size_t want, bool incoming_too)
{
    bool out = c->outages[0].until_ms > c->now.ms || c->outages[1].until_ms > c->now.ms;
    size_t n = dial_these(c, want, incoming_too, false);

    return n < want && out ? n + dial_these(c, want - n, incoming_too, true) : n;
}

/* Outgoing connections and dials that special peers do not account for: those come on top. */
static uint32_t ordinary(const struct controller *c)
{
    uint32_t n = c->n_outgoing + c->n_dialing;

    for (size_t i = 0; i < c->n_specials; i++)
        n -= c->specials[i].slot.generation != 0;
    return n;
}

/* Nobody is there and nobody is left to dial: perhaps the network was away, and it was no peer's fault. */
static void reach_out(struct controller *c)
{
    c->alone_ms = c->now.ms + core_between(c, ALONE_MS, ALONE_MS + ALONE_MS / 8);
    book_second_chance(c->book);
    c->dial_wanted = true;
    if (!c->seeding && c->seed_ms > c->now.ms)
        c->seed_ms = c->now.ms;
}

static void dial_ordinary(struct controller *c)
{
    size_t want = c->config->outgoing - ordinary(c), most = c->config->terms.limits.dials;

    most -= c->n_dialing < most ? c->n_dialing : most;
    if (want > most)
        want = most;
    /* Who has dialed us is a peer already; only if there is nobody else left are they dialed as well. */
    want -= dial_some(c, want, true);
    if (want > 0 && !c->config->protocol->one_connection)
        dial_some(c, want, false);
    if (c->n_online == 0 && c->n_dialing == 0 && c->alone_ms <= c->now.ms)
        reach_out(c);
}

static bool wants_ordinary(const struct controller *c)
{
    return !c->config->exclusive && ordinary(c) < c->config->outgoing;
}

uint32_t dialing_wanted(struct controller *c)
{
    uint32_t n = c->n_outgoing, most = c->config->exclusive ? 0 : c->config->outgoing;

    for (size_t i = 0; i < c->n_specials; i++) {
        struct slot *s = slot_find(c, c->specials[i].slot);

        n -= s && s->state == SLOT_ONLINE;
    }
    return n < most ? most - n : 0;
}

/* When somebody in the book may be dialed again, if nothing happens before. A little later, and each time
 * another little: see core_retry. */
static int64_t next_dial(struct controller *c)
{
    int64_t at = book_next_candidate(c->book, c->now.wall_ms);
    int64_t wait = at - c->now.wall_ms, most = c->config->terms.timings.redial / 8;

    if (at != INT64_MAX)
        at = c->now.ms + wait + core_between(c, 0, wait / 4 < most ? wait / 4 : most);
    if (c->n_online == 0 && c->n_dialing == 0 && c->alone_ms < at)
        at = c->alone_ms;
    return at;
}

void dialing_run(struct controller *c)
{
    if (c->quitting)
        return;
    specials_run(c);
    if (!wants_ordinary(c) || c->refill_ms > c->now.ms || (!c->dial_wanted && c->dial_ms > c->now.ms))
        return;
    c->dial_wanted = false;
    dial_ordinary(c);
    if (c->refill_ms < c->now.ms + REFILL_MS)
        c->refill_ms = c->now.ms + REFILL_MS;
    c->dial_ms = next_dial(c);
}

int64_t dialing_deadline(const struct controller *c)
{
    int64_t at = specials_deadline(c), next;

    if (c->quitting)
        return NEVER;
    if (!wants_ordinary(c))
        return at;
    next = c->dial_wanted || c->dial_ms < c->refill_ms ? c->refill_ms : c->dial_ms;
    return next < at ? next : at;
}

/* --- what came of it --- */

static void learn_alternatives(struct controller *c, const struct slot *s, const struct ending *e)
{
    size_t added = 0;

    for (size_t i = 0; i < e->n_alternatives; i++) {
        if (!c->config->terms.network.open && !ip_is_routable(&e->alternatives[i].ip))
            continue;
        added += !book_find(c->book, &e->alternatives[i]);
        book_learn(c->book, &e->alternatives[i], SOURCE_PEER, c->now.wall_ms);
    }
    if (e->n_alternatives > 0)
        note(c, NOTE_SHARE, "connection %" PRIu64 ": named %zu others, %zu are new", s->number,
             e->n_alternatives, added);
}

/* Whether the dialed address is as good as before: it was us who ended it, or made it wait, or had no memory;
 * whoever is a duplicate answers; and whoever is not who others said it was may be anybody, so that the next
 * dial takes whoever is there. */
static bool is_no_fault(struct controller *c, const struct slot *s, enum end_reason reason)
{
    return reason == END_SHUTDOWN || reason == END_DISCONNECT || reason == END_BANNED ||
           reason == END_RESOURCES || reason == END_DUPLICATE || s->rival.generation ||
           (reason == END_IDENTITY && book_misled(c->book, &s->remote));
}

static void note_dialed(struct controller *c, const struct slot *s, enum end_reason reason)
{
    if (!s->was_online && dialing_failed_here(reason)) {
        note_outage(c, &s->remote);
        return;
    }
    *outage_of(c, &s->remote.ip) = (struct outage){0};
    if (reason == END_LOOPBACK)
        book_self(c->book, &s->remote, c->now.wall_ms);
    else if (!s->was_online && !is_no_fault(c, s, reason))
        book_failed(c->book, &s->remote, c->now.wall_ms);
}

/* Why it failed says the line about its end, too. */
static void note_failed(struct controller *c, const struct slot *s, enum end_reason reason)
{
    const struct book_entry *known = s->special || !s->remote.port ? NULL : book_find(c->book, &s->remote);
    char failures[48] = "";

    if (known)
        snprintf(failures, sizeof failures, ", %u failures in a row", known->failures);
    note(c, NOTE_DIAL, "connection %" PRIu64 ": came to nothing, %s%s", s->number, end_reason_text(reason),
         failures);
}

/* A dialed connection has ended, or never was one. */
void dialing_ended(struct controller *c, struct slot *s, enum end_reason reason, const struct ending *e)
{
    if (e->remote.port)
        s->remote = e->remote;
    if (s->remote.port)
        note_dialed(c, s, reason);
    specials_ended(c, s, reason);
    learn_alternatives(c, s, e);
    if (!s->was_online)
        note_failed(c, s, reason);
    c->dial_wanted = true;
    if (s->was_online && c->refill_ms <= c->now.ms)
        c->refill_ms = c->now.ms + core_between(c, 0, LOST_MS);
}

void dialing_met(struct controller *c, struct slot *s)
{
    struct special *p = special_of_slot(c, s);

    if (!s->remote.port)
        s->remote = s->terms.endpoint;
    if (p)
        p->found = s->terms.id;
    book_identify(c->book, &s->remote, &s->terms.id, true);
}

void dialing_online(struct controller *c, struct slot *s)
{
    *outage_of(c, &s->remote.ip) = (struct outage){0};
    c->dial_wanted = true; /* there may be more to dial than may be dialed at once */
}
