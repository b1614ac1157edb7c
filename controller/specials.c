/* Special peers: their lists, where their names lead, and the dialing of them, which never ends. */
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

enum {
    NAME_MS = 60 * 1000,  /* between two look-ups of one name */
    NAME_LEAST_MS = 1000, /* the same, however often it is dialed in vain */
    VAIN_MOST_MS =
        3600 * 1000,  /* who leads to ourselves, or to a peer that is connected, is dialed once in so long */
    RETURN_MS = 1000, /* the connections that a peer loses together are not all dialed in one moment */
};

/* --- which they are --- */

static struct special *special_of_address(struct controller *c, const struct address *a)
{
    for (size_t i = 0; i < c->n_specials; i++)
        if (address_equal(&c->specials[i].address, a))
            return &c->specials[i];
    return NULL;
}

struct special *special_of_slot(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = slot_ref(c, s);

    for (size_t i = 0; i < c->n_specials; i++)
        if (peer_ref_equal(c->specials[i].slot, ref))
            return &c->specials[i];
    return NULL;
}

static bool special_is(const struct special *p, const struct endpoint *e)
{
    for (size_t i = 0; i < p->n_known; i++)
        if (endpoint_equal(&p->known[i], e))
            return true;
    return false;
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
        const struct special *p = &c->specials[i];
        bool has = false;

        for (size_t j = 0; j < p->n_known && !has; j++)
            has = ip_equal(&p->known[j].ip, ip);
        n += has;
    }
    return n;
}

/* --- the lists --- */

static struct special *special_add(struct controller *c, const struct address *a)
{
    struct special *grown = realloc(c->specials, (c->n_specials + 1) * sizeof *grown), *p;

    if (!grown)
        return NULL;
    c->specials = grown;
    p = &c->specials[c->n_specials++];
    *p = (struct special){.address = *a, .dial_ms = c->now.ms, .look_ms = c->now.ms};
    p->n_known = address_is_ip(a, &p->known[0]);
    p->named = p->n_known == 0;
    return p;
}

static int specials_merge(struct controller *c, const struct address_list *list, bool flags)
{
    for (size_t i = 0; list && i < list->n; i++) {
        struct special *p = special_of_address(c, &list->items[i]);

        if (!p)
            p = special_add(c, &list->items[i]);
        if (!p)
            return -1;
        /* A list that names nobody does not take back whom the other one insists on. */
        if (list->items[i].id.size > 0)
            p->address.id = list->items[i].id;
        if (flags)
            p->from_flags = true;
        else
            p->from_file = true;
    }
    return 0;
}

/* A peer that we have dialed already, as an ordinary one, needs no second connection. */
static void special_adopt(struct controller *c, struct special *p)
{
    for (uint32_t i = 0; i < c->n_slots && !p->slot.generation; i++) {
        const struct slot *s = &c->slots[i];

        if ((s->state == SLOT_DIALING || s->state == SLOT_ONLINE) && s->direction == DIRECTION_OUTGOING &&
            (address_equal(&s->to, &p->address) || (s->remote.port && special_is(p, &s->remote))) &&
            !special_of_slot(c, s))
            p->slot = slot_ref(c, s);
    }
}

/* What is special is said of connections that stand already, too. */
static void slot_mark(struct controller *c, struct slot *s)
{
    s->special =
        special_of_slot(c, s) || (s->terms.endpoint.port && special_has_endpoint(c, &s->terms.endpoint));
}

static void specials_mark(struct controller *c)
{
    for (size_t i = 0; i < c->n_specials; i++)
        special_adopt(c, &c->specials[i]);
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].state != SLOT_FREE)
            slot_mark(c, &c->slots[i]);
}

/* Only one has moved: there may be a thousand others, which have nothing to do with it. */
static void special_mark(struct controller *c, struct special *p, const struct special *was)
{
    special_adopt(c, p);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];

        if (s->state != SLOT_FREE &&
            (peer_ref_equal(slot_ref(c, s), p->slot) || special_is(p, &s->terms.endpoint) ||
             special_is(was, &s->terms.endpoint)))
            slot_mark(c, s);
    }
}

/* Peers that stay keep their connection, peers that go keep it too, as ordinary ones. */
int specials_set(struct controller *c, const struct address_list *flags, const struct address_list *file)
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

/* --- where their names lead --- */

static void special_look_up(struct controller *c, struct special *p)
{
    bool asked = c->act->look_up(c->world, &p->address);

    p->asked_ms = c->now.ms;
    /* Also if no answer ever comes. */
    p->look_ms = c->now.ms + (asked ? core_between(c, NAME_MS * 3 / 4, NAME_MS * 5 / 4) : NAME_LEAST_MS);
}

/* A name server that fails, or forgets a name, is no reason to forget where the peer was. */
static void special_not_found(struct controller *c, struct special *p, const char *why)
{
    int64_t pause = c->config->terms.timings.redial_special;
    char text[ENDPOINT_TEXT_MAX];

    report_log(c, p->lost ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
               "special peer %s: its name was not found, and is looked up again: %s",
               address_format(&p->address, text, sizeof text), why);
    p->lost = true;
    pause = core_retry(c, pause < NAME_MS ? pause : NAME_MS);
    p->look_ms = c->now.ms + (pause > NAME_LEAST_MS ? pause : NAME_LEAST_MS);
}

static bool has_all(const struct special *p, const struct endpoint *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!special_is(p, &list[i]))
            return false;
    return true;
}

static void special_found(struct controller *c, struct special *p, const struct endpoint *list, size_t n)
{
    char name[ENDPOINT_TEXT_MAX], first[ENDPOINT_TEXT_MAX];
    const struct special was = *p;

    if (n == p->n_known && has_all(p, list, n) && !p->lost)
        return;
    report_log(c, p->n_known || p->lost ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "special peer %s is at %s%s",
               address_format(&p->address, name, sizeof name), endpoint_format(&list[0], first, sizeof first),
               n > 1 ? ", and at other addresses" : "");
    p->lost = false;
    memcpy(p->known, list, n * sizeof *list);
    p->n_known = n;
    p->first = 0;
    p->in_vain = 0;
    p->unfit = NULL;
    p->dial_ms = c->now.ms;
    special_mark(c, p, &was);
}

/* "0.0.0.0" is what a name server says that blocks a name; to a socket it would be ourselves. */
static bool is_nowhere(const struct ip *ip)
{
    static const struct ip v4 = {{[10] = 0xff, [11] = 0xff}};

    return ip_equal(ip, &v4) || ip_is_unspecified_v6(ip);
}

void specials_named(struct controller *c, const struct names_found *f)
{
    struct special *p = special_of_address(c, &f->name);
    struct endpoint list[NAME_ADDRESSES_MAX];
    size_t n = 0;

    if (!p || !p->named)
        return;
    for (size_t i = 0; i < f->n; i++) {
        bool twice = is_nowhere(&f->endpoints[i].ip);

        for (size_t j = 0; j < n; j++)
            twice |= endpoint_equal(&list[j], &f->endpoints[i]);
        if (!twice)
            list[n++] = f->endpoints[i];
    }
    if (n > 0)
        special_found(c, p, list, n);
    else
        special_not_found(c, p, f->n ? "it stands for no address" : f->error);
}

/* --- dialing --- */

/* Whether it has dialed us, and one connection with it is enough. Who it is counts from its own address
 * alone: not every protocol proves an id so well that somebody else could not keep us from our special peers.
 */
static bool has_come(const struct controller *c, const struct special *p, const struct endpoint *e)
{
    const struct peer_id *id = p->address.id.size > 0 ? &p->address.id : &p->found;

    for (size_t i = 0; i < c->n_online && c->config->protocol->one_connection; i++) {
        const struct slot *s = &c->slots[c->online[i]];

        if (!s->closing && slot_same_ip(s, &e->ip) &&
            (endpoint_equal(&s->terms.endpoint, e) || (id->size > 0 && peer_id_equal(&s->terms.id, id))))
            return true;
    }
    return false;
}

/* Somebody else's connection, or dial, to that endpoint. */
static bool is_taken(struct controller *c, const struct special *p, const struct endpoint *e)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];

        if (s->direction == DIRECTION_OUTGOING && (s->state == SLOT_DIALING || s->state == SLOT_ONLINE) &&
            s->remote.port && endpoint_equal(&s->remote, e))
            return true;
    }
    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *other = &c->specials[i];
        struct slot *s = other == p ? NULL : slot_find(c, other->slot);

        if (s && s->state == SLOT_DIALING && special_is(other, e))
            return true;
    }
    return false;
}

/* NULL if it may be dialed; a literal. */
static const char *why_unfit(struct controller *c, const struct special *p, const struct endpoint *e)
{
    if (book_is_self(c->book, e))
        return "it is ourselves";
    if (!dialing_can_reach(c, &e->ip))
        return "-bind is of the other family";
    return is_taken(c, p, e) || has_come(c, p, e) ? "there is a connection already" : NULL;
}

/* The addresses that may be dialed, into terms; if there is none, why of the last. */
static const char *choose_targets(struct controller *c, const struct special *p, struct dial_terms *terms)
{
    const char *unfit = NULL;

    for (size_t i = 0; i < p->n_known && terms->n < TARGETS_MAX; i++) {
        const struct endpoint *e = &p->known[(p->first + i) % p->n_known];
        const char *why = why_unfit(c, p, e);

        if (why)
            unfit = why;
        else
            terms->targets[terms->n++] = *e;
    }
    return terms->n > 0 ? NULL : unfit;
}

static void special_dial(struct controller *c, struct special *p)
{
    struct dial_terms terms = {.to = p->address, .special = true};
    const char *unfit = choose_targets(c, p, &terms);
    char text[ENDPOINT_TEXT_MAX];
    struct slot *s;

    p->dial_ms = c->now.ms + core_retry(c, c->config->terms.timings.redial_special);
    if (unfit && unfit != p->unfit)
        report_log(c, LOG_LEVEL_INFO, "special peer %s is not dialed: %s",
                   address_format(&p->address, text, sizeof text), unfit);
    p->unfit = unfit;
    if (unfit)
        return;
    s = dialing_start(c, &terms, "a special peer");
    if (s)
        p->slot = slot_ref(c, s);
    else
        p->dial_ms = c->now.ms + dialing_soon(c, p->spared++, c->config->terms.timings.redial_special);
}

void specials_run(struct controller *c)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *p = &c->specials[i];

        if (p->named && p->look_ms <= c->now.ms)
            special_look_up(c, p);
        if (p->n_known > 0 && !p->slot.generation && p->dial_ms <= c->now.ms)
            special_dial(c, p);
    }
}

int64_t specials_deadline(const struct controller *c)
{
    int64_t at = NEVER;

    for (size_t i = 0; i < c->n_specials; i++) {
        const struct special *p = &c->specials[i];

        if (p->named && p->look_ms < at)
            at = p->look_ms;
        if (p->n_known > 0 && !p->slot.generation && p->dial_ms < at)
            at = p->dial_ms;
    }
    return at;
}

/* --- what came of it --- */

/* The address that failed is the last to be tried again, and the one that was good the first. If none could
 * be reached, it is the turn of those that there was no room for. */
static void choose_first(struct special *p, const struct endpoint *e, bool good)
{
    if (e->port == 0 && p->n_known > TARGETS_MAX)
        p->first = (p->first + TARGETS_MAX) % p->n_known;
    for (size_t i = 0; i < p->n_known; i++)
        if (endpoint_equal(&p->known[i], e))
            p->first = good ? i : (i + 1) % p->n_known;
}

static void dial_later(struct controller *c, struct special *p, int64_t ms)
{
    if (p->dial_ms < c->now.ms + ms)
        p->dial_ms = c->now.ms + ms;
}

/* It is ourselves, or a double under another name: a handshake each time would be noise to both. */
static void dialed_in_vain(struct controller *c, struct special *p, enum end_reason reason)
{
    int64_t redial = c->config->terms.timings.redial_special;
    int64_t most = redial > VAIN_MOST_MS ? redial : VAIN_MOST_MS;
    char text[ENDPOINT_TEXT_MAX];

    if (p->in_vain++ == 0)
        report_log(c, LOG_LEVEL_INFO, "special peer %s is dialed less and less often: %s",
                   address_format(&p->address, text, sizeof text), end_reason_text(reason));
    redial = p->in_vain < 16 ? redial << p->in_vain : most;
    dial_later(c, p, core_retry(c, redial < most ? redial : most));
}

/* Whoever was in the way of a double may have been this one. */
static void try_doubles(struct controller *c)
{
    int64_t redial = c->config->terms.timings.redial_special;

    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *p = &c->specials[i];

        if (p->in_vain > 0 && p->dial_ms > c->now.ms + redial)
            p->dial_ms = c->now.ms + core_retry(c, redial);
    }
}

static void look_again(struct controller *c, struct special *p)
{
    int64_t at = p->asked_ms + NAME_LEAST_MS;

    if (at < c->now.ms)
        at = c->now.ms;
    if (p->named && p->look_ms > at)
        p->look_ms = at;
}

void specials_ended(struct controller *c, struct slot *s, enum end_reason reason)
{
    struct special *p = special_of_slot(c, s);
    int64_t redial = c->config->terms.timings.redial_special;
    char text[ENDPOINT_TEXT_MAX];

    if (s->was_online)
        try_doubles(c);
    if (!p)
        return;
    p->slot = PEER_NOBODY;
    choose_first(p, &s->remote, s->was_online);
    look_again(c, p);
    if (s->was_online) {
        p->in_vain = p->spared = 0;
        dial_later(c, p, core_between(c, 0, redial / 4 < RETURN_MS ? redial / 4 : RETURN_MS));
    } else if (dialing_failed_here(reason)) {
        p->dial_ms = c->now.ms + dialing_soon(c, p->spared++, redial);
    } else if (reason == END_LOOPBACK || reason == END_DUPLICATE) {
        dialed_in_vain(c, p, reason);
    } else {
        p->spared = 0;
        dial_later(c, p, 0);
    }
    note(c, NOTE_DIAL, "special peer %s: next dial in %lld ms",
         address_format(&p->address, text, sizeof text),
         (long long)(p->dial_ms > c->now.ms ? p->dial_ms - c->now.ms : 0));
}
