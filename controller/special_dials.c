#include "controller/special_dials.h"

#include "controller/chance.h"
#include "controller/notes.h"
#include "controller/own_network.h"
#include "controller/slots.h"
#include "controller/special_names.h"
#include "controller/specials.h"
#include "controller/state.h"

enum {
    /* The longest pause if a dial leads to ourselves, or to a peer that is connected. */
    REDUNDANT_MAX_MS = 3600 * 1000,
    RETURN_MS = 1000, /* the connections that a peer loses together are not all dialed in one moment */
};

/* --- dialing --- */

/* Whether p has dialed us, and one connection with it is enough. Its id counts only from its own address: not
 * every protocol proves an id so well that nobody else could keep us from our special peers. */
static bool has_come(const struct controller *c, const struct special *p, const struct endpoint *e)
{
    const struct peer_id *id = p->address.id.size > 0 ? &p->address.id : &p->found;
    for (size_t i = 0; i < c->n_online && c->config->protocol->one_connection; i++) {
        const struct slot *s = &c->slots[c->online[i]];
        if (!s->closing && slot_same_ip(s, &e->ip) &&
            (endpoint_equal(&s->info.endpoint, e) || (id->size > 0 && peer_id_equal(&s->info.id, id)))) {
            return true;
        }
    }
    return false;
}

/* Whether there is a connection, or a dial, to e already; p itself has none. */
static bool is_taken(struct controller *c, const struct special *p, const struct endpoint *e)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        if (s->direction == DIRECTION_OUTGOING && (s->state == SLOT_DIALING || s->state == SLOT_ONLINE) &&
            s->remote.port && endpoint_equal(&s->remote, e)) {
            return true;
        }
    }
    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *other = &c->specials[i];
        struct slot *s = other == p ? NULL : slot_find(c, other->slot);
        if (s && s->state == SLOT_DIALING && special_is_at(other, e)) {
            return true;
        }
    }
    return false;
}

/* Why e is not to be dialed now, a literal; NULL if it may be. */
static const char *why_unfit(struct controller *c, const struct special *p, const struct endpoint *e)
{
    if (book_is_self(c->book, e)) {
        return "it is ourselves";
    }
    if (!own_network_reaches(c, &e->ip)) {
        return "-bind is of the other family";
    }
    return is_taken(c, p, e) || has_come(c, p, e) ? "there is a connection already" : NULL;
}

/* Puts the addresses that may be dialed into the request. If there are some, and none may: why the last one
 * is not; else NULL. */
static const char *choose_targets(struct controller *c, const struct special *p, struct dial_request *request)
{
    const char *unfit = NULL;
    for (size_t i = 0; i < p->n_known && request->n < TARGETS_MAX; i++) {
        const struct endpoint *e = &p->known[(p->first + i) % p->n_known];
        const char *why = why_unfit(c, p, e);
        if (why) {
            unfit = why;
        } else {
            request->targets[request->n++] = *e;
        }
    }
    return request->n > 0 ? NULL : unfit;
}

static void special_dial(struct controller *c, struct special *p)
{
    struct dial_request request = {.to = p->address, .special = true};
    const char *unfit = choose_targets(c, p, &request);
    p->dial_ms = c->now.ms + chance_retry(c, c->config->node.timings.redial_special);
    char text[ENDPOINT_TEXT_MAX];
    if (unfit && unfit != p->unfit) {
        note_unbounded(c, LOG_LEVEL_INFO, "special peer %s is not dialed: %s",
                       address_format(&p->address, text, sizeof text), unfit);
    }
    p->unfit = unfit;
    if (unfit) {
        return;
    }
    struct slot *s = slot_dial(c, &request, "a special peer");
    if (s) {
        p->slot = s->ref;
    } else {
        p->dial_ms =
            c->now.ms + own_network_pause(c, p->local_failures++, c->config->node.timings.redial_special);
    }
}

/* Whether it is known where it is, and it is not connected. */
static bool waits_for_dial(const struct special *p)
{
    return (p->n_known > 0 || p->proxied) && !p->slot.generation;
}

void special_dials_run(struct controller *c)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *p = &c->specials[i];
        special_name_run(c, p);
        if (waits_for_dial(p) && p->dial_ms <= c->now.ms) {
            special_dial(c, p);
        }
    }
}

int64_t special_dials_deadline(const struct controller *c)
{
    int64_t at = NEVER;
    for (size_t i = 0; i < c->n_specials; i++) {
        const struct special *p = &c->specials[i];
        at = earlier(at, special_name_deadline(p));
        if (waits_for_dial(p)) {
            at = earlier(at, p->dial_ms);
        }
    }
    return at;
}

/* --- what came of it --- */

/* The address that failed is tried last next time, and one that was good first. If none could be reached, it
 * is the turn of those for which the last dial had no room. */
static void choose_first(struct special *p, const struct endpoint *e, bool good)
{
    if (e->port == 0 && p->n_known > TARGETS_MAX) {
        p->first = (p->first + TARGETS_MAX) % p->n_known;
    }
    for (size_t i = 0; i < p->n_known; i++) {
        if (endpoint_equal(&p->known[i], e)) {
            p->first = good ? i : (i + 1) % p->n_known;
        }
    }
}

static void dial_later(struct controller *c, struct special *p, int64_t ms)
{
    if (p->dial_ms < c->now.ms + ms) {
        p->dial_ms = c->now.ms + ms;
    }
}

/* The dial led to ourselves, or to a connected peer under another name: a handshake at each redial would only
 * be a burden to both. */
static void note_redundant_dial(struct controller *c, struct special *p, enum end_reason reason)
{
    int64_t redial = c->config->node.timings.redial_special;
    int64_t max = redial > REDUNDANT_MAX_MS ? redial : REDUNDANT_MAX_MS;
    char text[ENDPOINT_TEXT_MAX];
    if (p->redundant_dials++ == 0) {
        note_unbounded(c, LOG_LEVEL_INFO, "special peer %s is dialed less and less often: %s",
                       address_format(&p->address, text, sizeof text), end_reason_text(reason));
    }
    redial = p->redundant_dials < 16 ? redial << p->redundant_dials : max;
    dial_later(c, p, chance_retry(c, earlier(redial, max)));
}

/* A connection has ended: it may have been the one that made other special peers redundant. */
static void try_doubles(struct controller *c)
{
    int64_t redial = c->config->node.timings.redial_special;
    for (size_t i = 0; i < c->n_specials; i++) {
        struct special *p = &c->specials[i];
        if (p->redundant_dials > 0 && p->dial_ms > c->now.ms + redial) {
            p->dial_ms = c->now.ms + chance_retry(c, redial);
        }
    }
}

void special_dials_ended(struct controller *c, struct slot *s, enum end_reason reason)
{
    struct special *p = special_of_slot(c, s);
    int64_t redial = c->config->node.timings.redial_special;
    if (s->was_online) {
        try_doubles(c);
    }
    if (!p) {
        return;
    }
    p->slot = PEER_NOBODY;
    choose_first(p, &s->remote, s->was_online);
    special_name_again(c, p);
    if (s->was_online) {
        p->redundant_dials = p->local_failures = 0;
        dial_later(c, p, chance_between(c, 0, earlier(redial / 4, RETURN_MS)));
    } else if (own_network_is_to_blame(reason)) {
        p->dial_ms = c->now.ms + own_network_pause(c, p->local_failures++, redial);
    } else if (reason == END_LOOPBACK || reason == END_DUPLICATE) {
        note_redundant_dial(c, p, reason);
    } else {
        p->local_failures = 0;
    }
    char text[ENDPOINT_TEXT_MAX];
    note(c, NOTE_DIAL, "special peer %s: next dial in %lld ms",
         address_format(&p->address, text, sizeof text),
         (long long)(p->dial_ms > c->now.ms ? p->dial_ms - c->now.ms : 0));
}
