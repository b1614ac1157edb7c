#include "controller/dialing.h"

#include <inttypes.h>
#include <stdio.h>

#include "controller/addresses.h"
#include "controller/candidates.h"
#include "controller/chance.h"
#include "controller/discovery.h"
#include "controller/lately.h"
#include "controller/lessons.h"
#include "controller/notes.h"
#include "controller/own_network.h"
#include "controller/slots.h"
#include "controller/special_dials.h"
#include "controller/specials.h"
#include "controller/state.h"

enum {
    /* Without any peer: between two tries of all that is known, and of the seeds. */
    ALONE_MS = 15 * 60 * 1000,
    ALONE_IN_TURN_MS = 60 * 1000, /* the same if the next source has not been asked before */
    REFILL_MS = 200,              /* between two looks for candidates: a burst of endings is one look */
    LOST_MS = 500,    /* the longest wait after a lost peer; random, so that nodes do not dial together */
    OUTAGE_MS = 1000, /* the longest wait for the next look if our own network fails */
};

static int64_t alone_time(const struct controller *c)
{
    return c->config->protocol->finds_in_turn ? ALONE_IN_TURN_MS : ALONE_MS;
}

void dialing_begin(struct controller *c)
{
    c->refill_ms = c->now.ms;
    c->alone_ms = c->now.ms + alone_time(c);
    c->dial_wanted = true;
}

/* --- ordinary peers --- */

/* The next look is not made at once: there may be thousands of addresses of that family. */
static void network_failed(struct controller *c, const struct endpoint *e)
{
    own_network_failed(c, e);
    lately_forget(c, &e->ip);
    c->refill_ms = c->now.ms + chance_between(c, OUTAGE_MS / 2, OUTAGE_MS);
}

/* For a feeler whoever is there will do: that it is somebody else than before is found out when it is dialed
 * in earnest. */
struct slot *dialing_dial(struct controller *c, const struct endpoint *e, enum purpose purpose,
                          const char *why)
{
    struct dial_request request = {.to.port = e->port, .purpose = purpose};
    ip_format(&e->ip, request.to.host, sizeof request.to.host);
    const struct book_entry *known = purpose == PURPOSE_FEELER ? NULL : book_find(c->book, e);
    if (known) {
        request.to.id = known->id;
    }
    book_dialed(c->book, e, book_time(c));
    lately_dialed(c, &e->ip);
    return slot_dial(c, &request, why);
}

static bool dial_picked(struct controller *c, const struct book_pick *picked)
{
    char why[64];
    snprintf(why, sizeof why, "for %u outgoing connections, %u there", c->config->outgoing, c->n_outgoing);
    struct slot *s = dialing_dial(c, &picked->endpoint, PURPOSE_PEER, why);
    if (!s) {
        network_failed(c, &picked->endpoint);
        return false;
    }
    s->is_picked = true;
    s->trust = picked->trust;
    return true;
}

/* Dials up to `want` endpoints of the book; returns how many dials began. */
static size_t dial_these(struct controller *c, size_t want, bool incoming_too, bool outages_too)
{
    struct book_pick found[DIALS_MAX];
    size_t n = candidates_find(c, incoming_too, outages_too, found, want), begun = 0;
    for (size_t i = 0; i < n; i++) {
        if (candidate_ip_has_enough(c, &found[i].endpoint.ip)) { /* since a moment ago, by another port */
            continue;
        }
        if (!dial_picked(c, &found[i])) {
            break;
        }
        begun++;
    }
    return begun;
}

static size_t dial_some(struct controller *c, size_t want, bool incoming_too)
{
    bool out = own_network_is_out_anywhere(c);
    size_t n = dial_these(c, want, incoming_too, false);
    return n < want && out ? n + dial_these(c, want - n, incoming_too, true) : n;
}

/* All that is taken off comes on top. */
uint32_t dialing_ordinary(const struct controller *c)
{
    uint32_t n = c->n_outgoing + c->n_dialing - c->n_service_dials - c->n_feelers - c->n_relays;
    for (size_t i = 0; i < c->n_specials; i++) {
        /* One that was made special afterwards may only relay, or be a feeler: then it is counted already. */
        struct peer_ref ref = c->specials[i].slot;
        n -= ref.generation != 0 && c->slots[ref.index].purpose == PURPOSE_PEER;
    }
    return n;
}

/* Nobody is online and nobody is left to dial: perhaps our own network failed, and no peer is to blame. */
static void try_everything_again(struct controller *c)
{
    c->alone_ms = c->now.ms + chance_between(c, alone_time(c), alone_time(c) + alone_time(c) / 8);
    book_forget_failures(c->book);
    c->dial_wanted = true;
    discovery_alone(c);
}

static void dial_ordinary(struct controller *c)
{
    size_t want = c->config->outgoing - dialing_ordinary(c), max = c->config->node.limits.dials;
    max -= c->n_dialing < max ? c->n_dialing : max;
    if (want > max) {
        want = max;
    }
    /* A peer that has dialed us is a peer already: it is dialed as well only if nobody else is left. */
    want -= dial_some(c, want, true);
    if (want > 0 && !c->config->protocol->one_connection) {
        dial_some(c, want, false);
    }
    if (c->n_online == 0 && c->n_dialing == 0 && c->alone_ms <= c->now.ms) {
        try_everything_again(c);
    }
}

static bool wants_ordinary(const struct controller *c)
{
    return !c->config->exclusive && dialing_ordinary(c) < c->config->outgoing;
}

uint32_t dialing_wanted(struct controller *c)
{
    uint32_t n = c->n_outgoing - slots_relaying(c), max = c->config->exclusive ? 0 : c->config->outgoing;
    for (size_t i = 0; i < c->n_specials; i++) {
        struct slot *s = slot_find(c, c->specials[i].slot);
        n -= s && s->state == SLOT_ONLINE && s->purpose != PURPOSE_RELAY;
    }
    return n < max ? max - n : 0;
}

/* When somebody in the book may be dialed again, if nothing happens before. At random a little later, for the
 * reason that chance_retry gives. */
static int64_t next_dial(struct controller *c)
{
    int64_t at = book_next_candidate(c->book, book_time(c));
    int64_t wait = at - book_time(c), max = c->config->node.timings.redial / 8;
    if (at != INT64_MAX) {
        at = c->now.ms + wait + chance_between(c, 0, earlier(wait / 4, max));
    }
    if (c->n_online == 0 && c->n_dialing == 0 && c->alone_ms < at) {
        at = c->alone_ms;
    }
    return at;
}

/* --- when --- */

void dialing_run(struct controller *c)
{
    if (c->quitting) {
        return;
    }
    special_dials_run(c);
    if (!wants_ordinary(c) || c->refill_ms > c->now.ms || (!c->dial_wanted && c->dial_ms > c->now.ms)) {
        return;
    }
    c->dial_wanted = false;
    dial_ordinary(c);
    if (c->refill_ms < c->now.ms + REFILL_MS) {
        c->refill_ms = c->now.ms + REFILL_MS;
    }
    c->dial_ms = next_dial(c);
}

int64_t dialing_deadline(const struct controller *c)
{
    int64_t at = special_dials_deadline(c);
    if (c->quitting) {
        return NEVER;
    }
    if (!wants_ordinary(c)) {
        return at;
    }
    return earlier(at, c->dial_wanted || c->dial_ms < c->refill_ms ? c->refill_ms : c->dial_ms);
}

/* --- what came of it --- */

static void learn_alternatives(struct controller *c, struct slot *s, const struct ending *e)
{
    size_t added = 0;
    for (size_t i = 0; i < e->n_alternatives; i++) {
        if (s->remote.port && addresses_allow(c, &e->alternatives[i].ip)) {
            added += lessons_learn(c, s, &s->remote.ip, &e->alternatives[i], SOURCE_PEER);
        }
    }
    if (e->n_alternatives > 0) {
        note(c, NOTE_SHARE, "connection %" PRIu64 ": named %zu others, %zu are new", s->number,
             e->n_alternatives, added);
    }
}

bool dialing_was_misled(const struct controller *c, const struct slot *s, enum end_reason reason)
{
    const struct book_entry *e =
        reason == END_IDENTITY && !s->special && s->remote.port ? book_find(c->book, &s->remote) : NULL;
    return e && e->id.size > 0 && !e->id_proved && peer_id_equal(&e->id, &s->to.id);
}

/* The next dial expects nobody then; and it was a lie, if this one expected whom we had been told of. */
static bool was_hearsay(struct controller *c, const struct slot *s)
{
    struct ip told_by;
    bool misled = dialing_was_misled(c, s, END_IDENTITY);
    if (!book_was_hearsay(c->book, &s->remote, &told_by)) {
        return false;
    }
    if (misled && !ip_is_unspecified_v6(&told_by)) {
        lessons_lied(c, &told_by);
    }
    return true;
}

/* Whether the dialed address is as good as before. It is if we ended the connection, made it wait or had no
 * memory, and if it was a duplicate, or one beside a connection that the peer keeps, or has only no room for
 * a feeler, as its peer does answer. It also is if somebody else was there than others had told us: then the
 * next dial takes whoever is there. */
static bool is_no_fault(struct controller *c, const struct slot *s, enum end_reason reason)
{
    return reason == END_SHUTDOWN || reason == END_DISCONNECT || reason == END_BANNED ||
           reason == END_RESOURCES || reason == END_DUPLICATE || s->rival.generation || s->was_double ||
           (s->purpose == PURPOSE_FEELER && reason == END_REJECTED) ||
           (reason == END_IDENTITY && was_hearsay(c, s));
}

static void note_dialed(struct controller *c, const struct slot *s, enum end_reason reason)
{
    if (!s->was_online && own_network_is_to_blame(reason)) {
        network_failed(c, &s->remote);
        return;
    }
    own_network_works(c, &s->remote.ip);
    if (!c->quitting) {
        book_set_anchor(c->book, &s->remote, false);
    }
    if (reason == END_LOOPBACK) {
        book_self(c->book, &s->remote, book_time(c));
    } else if (!s->was_online && !is_no_fault(c, s, reason)) {
        book_failed(c->book, &s->remote, book_time(c));
    }
}

static void note_failed(struct controller *c, const struct slot *s, enum end_reason reason)
{
    const struct book_entry *known = s->special || !s->remote.port ? NULL : book_find(c->book, &s->remote);
    char failures[48] = "";
    if (known) {
        snprintf(failures, sizeof failures, ", %u failures in a row", known->failures);
    }
    note(c, NOTE_DIAL, "connection %" PRIu64 ": came to nothing, %s%s", s->number, end_reason_text(reason),
         failures);
}

void dialing_ended(struct controller *c, struct slot *s, enum end_reason reason, const struct ending *e)
{
    if (e->remote.port) {
        s->remote = e->remote;
    }
    if (s->remote.port) {
        note_dialed(c, s, reason);
    }
    special_dials_ended(c, s, reason);
    learn_alternatives(c, s, e);
    if (!s->was_online) {
        note_failed(c, s, reason);
    }
    c->dial_wanted = true;
    if (s->was_online && c->refill_ms <= c->now.ms) {
        c->refill_ms = c->now.ms + chance_between(c, 0, LOST_MS);
    }
}

void dialing_drained(struct controller *c, const struct slot *s)
{
    /* Whom we sent away may have had no time to speak; not so one that has closed its side. */
    bool is_known = s->has_spoken || !s->closing || s->has_finished;
    if (s->direction == DIRECTION_OUTGOING && s->remote.port && is_known) {
        book_conversed(c->book, &s->remote, s->has_spoken);
    }
}

void dialing_met(struct controller *c, struct slot *s)
{
    struct special *p = special_of_slot(c, s);
    if (!s->remote.port) {
        s->remote = s->info.endpoint;
    }
    if (p) {
        p->found = s->info.id;
    }
    book_identify(c->book, &s->remote, &s->info.id, NULL);
}

void dialing_online(struct controller *c, struct slot *s)
{
    if (s->remote.port) {
        own_network_works(c, &s->remote.ip);
    }
    c->dial_wanted = true; /* there may be more to dial than may be dialed at once */
}
