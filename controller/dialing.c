/* Whom to dial: the special peers for ever, and ordinary ones until enough outgoing connections stand. */
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

enum {
    REFILL_MS = 200, /* between two looks for candidates: a burst of endings is one look */
};

/* --- special peers --- */

static struct special *special_of_address(struct controller *c, const struct address *a)
{
    for (size_t i = 0; i < c->n_specials; i++)
        if (address_equal(&c->specials[i].address, a))
            return &c->specials[i];
    return NULL;
}

static struct special *special_of_slot(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = slot_ref(c, s);

    for (size_t i = 0; i < c->n_specials; i++)
        if (peer_ref_equal(c->specials[i].slot, ref))
            return &c->specials[i];
    return NULL;
}

static bool special_is(const struct special *s, const struct endpoint *e)
{
    struct endpoint own;

    if (address_is_ip(&s->address, &own))
        return endpoint_equal(&own, e);
    return s->known.port && endpoint_equal(&s->known, e);
}

bool special_has_endpoint(void *controller, const struct endpoint *e)
{
    const struct controller *c = controller;

    for (size_t i = 0; i < c->n_specials; i++)
        if (special_is(&c->specials[i], e))
            return true;
    return false;
}

uint32_t specials_of_ip(const struct controller *c, const struct ip *ip)
{
    uint32_t n = 0;

    for (size_t i = 0; i < c->n_specials; i++) {
        struct endpoint own;

        n += address_is_ip(&c->specials[i].address, &own)
                 ? ip_equal(&own.ip, ip)
                 : c->specials[i].known.port && ip_equal(&c->specials[i].known.ip, ip);
    }
    return n;
}

static int specials_merge(struct controller *c, const struct address_list *list, bool flags)
{
    for (size_t i = 0; list && i < list->n; i++) {
        struct special *s = special_of_address(c, &list->items[i]);

        if (!s) {
            struct special *grown = realloc(c->specials, (c->n_specials + 1) * sizeof *grown);

            if (!grown)
                return -1;
            c->specials = grown;
            s = &c->specials[c->n_specials++];
            *s = (struct special){.address = list->items[i], .dial_ms = c->now.ms};
        }
        /* A list that names nobody does not take back whom the other one insists on. */
        if (list->items[i].id.size > 0)
            s->address.id = list->items[i].id;
        if (flags)
            s->from_flags = true;
        else
            s->from_file = true;
    }
    return 0;
}

/* A peer that we have dialed already, as an ordinary one, needs no second connection. */
static void special_adopt(struct controller *c, struct special *p)
{
    for (uint32_t i = 0; i < c->n_slots && !p->slot.generation; i++) {
        const struct slot *s = &c->slots[i];

        if ((s->state == SLOT_DIALING || s->state == SLOT_ONLINE) && s->direction == DIRECTION_OUTGOING &&
            (address_equal(&s->to, &p->address) || (s->remote.port && special_is(p, &s->remote))))
            p->slot = slot_ref(c, s);
    }
}

/* What is special is said of connections that stand already, too. */
static void specials_mark(struct controller *c)
{
    for (size_t i = 0; i < c->n_specials; i++)
        special_adopt(c, &c->specials[i]);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];

        if (s->state != SLOT_FREE)
            s->special = special_of_slot(c, s) ||
                         (s->terms.endpoint.port && special_has_endpoint(c, &s->terms.endpoint));
    }
}

/* Replaces the lists that are given; NULL leaves that origin as it is. Peers that stay keep their connection,
 * peers that go keep it too, as ordinary ones. */
int dialing_specials(struct controller *c, const struct address_list *flags, const struct address_list *file)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n_specials; i++) {
        if (flags)
            c->specials[i].from_flags = false;
        if (file)
            c->specials[i].from_file = false;
    }
    if (specials_merge(c, flags, true) < 0 || specials_merge(c, file, false) < 0)
        return -1;
    for (size_t i = 0; i < c->n_specials; i++)
        if (c->specials[i].from_flags || c->specials[i].from_file)
            c->specials[kept++] = c->specials[i];
    c->n_specials = kept;
    specials_mark(c);
    c->dial_wanted = true;
    return 0;
}

/* --- dialing --- */

static struct slot *dial(struct controller *c, const struct dial_terms *terms)
{
    struct slot *s = slot_take(c, SLOT_DIALING, DIRECTION_OUTGOING);

    if (!s)
        return NULL;
    s->special = terms->special;
    s->to = terms->to;
    if (!address_is_ip(&terms->to, &s->remote))
        s->remote.port = 0;
    if (c->act->dial(c->world, slot_ref(c, s), terms))
        return s;
    slot_free(c, s);
    return NULL;
}

static void dial_specials(struct controller *c)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *p = &c->specials[i];
        struct dial_terms terms = {.to = p->address, .special = true};
        struct endpoint e;
        struct slot *s;

        if (p->slot.generation || p->dial_ms > c->now.ms)
            continue;
        p->dial_ms = c->now.ms + c->config->terms.timings.redial_special;
        if (address_is_ip(&p->address, &e) && book_is_self(c->book, &e))
            continue;
        s = dial(c, &terms);
        if (s)
            p->slot = slot_ref(c, s);
    }
}

/* The endpoints and network groups in use, gathered once per look and sorted: the book asks about each
 * candidate. */
struct used {
    struct controller *c;
    struct endpoint
        *endpoints;   /* of every connection: what we dialed, or where the one that dialed us listens */
    uint64_t *groups; /* of the outgoing ones */
    size_t n, n_groups;
    bool incoming_too; /* whoever has dialed us counts as connected */
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

static bool used_gather(struct used *u, struct controller *c, bool incoming_too)
{
    *u = (struct used){.c = c, .incoming_too = incoming_too};
    u->endpoints = calloc(c->n_busy + 1, sizeof *u->endpoints);
    u->groups = calloc(c->n_busy + 1, sizeof *u->groups);
    if (!u->endpoints || !u->groups)
        return false;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];

        if (s->state == SLOT_FREE || s->state == SLOT_ENDED)
            continue;
        if (s->direction == DIRECTION_OUTGOING && s->remote.port) {
            u->endpoints[u->n++] = s->remote;
            u->groups[u->n_groups++] = ip_group(&s->remote.ip);
        } else if (s->direction == DIRECTION_INCOMING && incoming_too && s->terms.endpoint.port) {
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
}

/* On the internet an IP address is dialed at one of its ports in a while: whoever names many ports of
 * somebody must not make us knock at them all. */
static bool is_knocked_at(const struct controller *c, const struct ip *ip)
{
    int64_t since = c->now.wall_ms - book_ip_dialed_ms(c->book, ip);

    return !c->config->terms.network.open && since >= 0 && since < c->config->terms.timings.redial;
}

static bool has_enough(const struct controller *c, const struct ip *ip)
{
    uint32_t most = c->config->terms.limits.per_ip;

    return is_knocked_at(c, ip) || (most && slots_of_ip(c, ip) >= most);
}

static bool skip(void *context, const struct endpoint *e)
{
    const struct used *u = context;

    if (bsearch(e, u->endpoints, u->n, sizeof *e, compare_endpoints))
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

    ip_format(&e->ip, terms.to.host, sizeof terms.to.host);
    known = book_find(c->book, e);
    if (known)
        terms.to.id = known->id;
    book_dialed(c->book, e, c->now.wall_ms);
    return dial(c, &terms) != NULL;
}

/* Dials up to `want` endpoints of the book; returns how many dials began. */
static size_t dial_some(struct controller *c, size_t want, bool incoming_too)
{
    struct used u;
    struct book_choice choice = {.skip = skip, .group_use = group_use, .random = draw, .context = &u};
    struct endpoint found[DIALS_MAX];
    size_t n = 0, begun = 0;

    if (used_gather(&u, c, incoming_too))
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
    c->alone_ms = c->now.ms + ALONE_MS;
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
    /* Who has dialed us is a peer already; only where there is nobody else left are they dialed as well. */
    want -= dial_some(c, want, true);
    if (want > 0)
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

/* When somebody in the book may be dialed again, if nothing happens before. */
static int64_t next_dial(const struct controller *c)
{
    int64_t at = book_next_candidate(c->book, c->now.wall_ms);

    if (at != INT64_MAX)
        at += c->now.ms - c->now.wall_ms;
    if (c->n_online == 0 && c->n_dialing == 0 && c->alone_ms < at)
        at = c->alone_ms;
    return at;
}

void dialing_run(struct controller *c)
{
    if (c->quitting)
        return;
    dial_specials(c);
    if (!wants_ordinary(c) || c->refill_ms > c->now.ms || (!c->dial_wanted && c->dial_ms > c->now.ms))
        return;
    c->dial_wanted = false;
    dial_ordinary(c);
    c->refill_ms = c->now.ms + REFILL_MS;
    c->dial_ms = next_dial(c);
}

int64_t dialing_deadline(const struct controller *c)
{
    int64_t at = NEVER, next;

    if (c->quitting)
        return NEVER;
    for (size_t i = 0; i < c->n_specials; i++)
        if (!c->specials[i].slot.generation && c->specials[i].dial_ms < at)
            at = c->specials[i].dial_ms;
    if (!wants_ordinary(c))
        return at;
    next = c->dial_wanted || c->dial_ms < c->refill_ms ? c->refill_ms : c->dial_ms;
    return next < at ? next : at;
}

/* --- what came of it --- */

static void special_ended(struct controller *c, struct special *p, const struct ending *e)
{
    p->slot = PEER_NOBODY;
    if (e->remote.port)
        p->known = e->remote;
    if (p->dial_ms < c->now.ms)
        p->dial_ms = c->now.ms;
}

static void learn_alternatives(struct controller *c, const struct ending *e)
{
    for (size_t i = 0; i < e->n_alternatives; i++)
        if (c->config->terms.network.open || ip_is_routable(&e->alternatives[i].ip))
            book_learn(c->book, &e->alternatives[i], SOURCE_PEER, c->now.wall_ms);
}

/* Whether the dialed address is as good as before: it was us who ended it, or had no memory; whoever is a
 * duplicate answers; and whoever is not who others said it was may be anybody, so that the next dial takes
 * whoever is there. */
static bool is_no_fault(struct controller *c, const struct slot *s, enum end_reason reason)
{
    return reason == END_SHUTDOWN || reason == END_DISCONNECT || reason == END_BANNED ||
           reason == END_RESOURCES || reason == END_DUPLICATE ||
           (reason == END_IDENTITY && book_misled(c->book, &s->remote));
}

/* A dialed connection has ended, or never was one. */
void dialing_ended(struct controller *c, struct slot *s, enum end_reason reason, const struct ending *e)
{
    struct special *p = special_of_slot(c, s);

    if (e->remote.port)
        s->remote = e->remote;
    if (p)
        special_ended(c, p, e);
    if (reason == END_LOOPBACK)
        book_self(c->book, &s->remote, c->now.wall_ms);
    else if (!s->was_online && s->remote.port && !is_no_fault(c, s, reason))
        book_failed(c->book, &s->remote, c->now.wall_ms);
    learn_alternatives(c, e);
    c->dial_wanted = true;
}

void dialing_online(struct controller *c, struct slot *s)
{
    struct special *p = special_of_slot(c, s);

    if (p)
        p->known = s->terms.endpoint;
    c->dial_wanted = true; /* there may be more to dial than may be dialed at once */
}
