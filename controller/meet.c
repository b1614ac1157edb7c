#include "controller/meet.h"

#include <inttypes.h>
#include <string.h>

#include "controller/chance.h"
#include "controller/dialing.h"
#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/state.h"

/* If both connections came online all the same, whoever keeps what it had first closes one of them by
 * then. */
enum { SPARE_MS = 2000 };

static bool is_same_peer(const struct slot *a, const struct slot *b)
{
    return a != b && (b->met || b->ready) && strcmp(a->terms.hash, b->terms.hash) == 0;
}

/* The one that is online, beside which there is to be no other like s. */
static struct slot *find_older(struct controller *c, const struct slot *s, bool either_way)
{
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *other = &c->slots[c->online[i]];
        if (is_same_peer(s, other) && (either_way || other->direction == s->direction)) {
            return other;
        }
    }
    return NULL;
}

/* One whose handshake is under way, and has gone as far as saying who is there. */
static struct slot *find_under_way(struct controller *c, const struct slot *s, enum slot_state state)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *other = &c->slots[i];
        if (other->state == state && !other->closing && is_same_peer(s, other)) {
            return other;
        }
    }
    return NULL;
}

/* The peer has dialed us meanwhile. Who that is may be a lie as yet: it counts from the address that we have
 * dialed alone, so that nobody else can keep us from connecting. */
static struct slot *find_crossing(struct controller *c, const struct slot *s)
{
    struct slot *other = c->config->protocol->one_connection ? find_under_way(c, s, SLOT_PENDING) : NULL;
    return other && slot_same_ip(other, &s->remote.ip) ? other : NULL;
}

static void give_way(struct controller *c, struct slot *s)
{
    note(c, NOTE_REFUSAL, "connection %" PRIu64 ", %s: refused, %s", s->number, s->terms.hash,
         end_reason_text(END_DUPLICATE));
    s->rival = PEER_NOBODY;
    slot_close(c, s, END_DUPLICATE, true);
}

static void probe(struct controller *c, struct slot *s)
{
    if (s->probed || s->closing) {
        return;
    }
    s->probed = true;
    c->act->probe(c->host, slot_ref(c, s));
}

static void wait_for(struct controller *c, struct slot *s, struct slot *rival)
{
    note(c, NOTE_HANDSHAKE, "connection %" PRIu64 ", %s: waits for what becomes of connection %" PRIu64,
         s->number, s->terms.hash, rival->number);
    s->rival = slot_ref(c, rival);
    if (rival->state == SLOT_ONLINE) {
        probe(c, rival);
    }
}

void meet_decide(struct controller *c, struct slot *s)
{
    struct slot *older = find_older(c, s, c->config->protocol->one_connection);
    struct slot *crossing = find_crossing(c, s);
    if (find_under_way(c, s, SLOT_DIALING) || (crossing && !older && !slot_we_are_above(c, &s->terms.id))) {
        give_way(c, s);
    } else if (older || crossing) {
        wait_for(c, s, older ? older : crossing);
    } else {
        c->act->consent(c->host, slot_ref(c, s));
    }
}

void meet_peer(struct controller *c, struct slot *s, const struct peer_terms *terms)
{
    s->terms = *terms;
    s->met = true;
    if (s->closing || s->direction == DIRECTION_INCOMING) {
        return;
    }
    dialing_met(c, s);
    meet_decide(c, s);
}

/* Whether another one waits to take its place. */
static bool has_heir(const struct controller *c, struct peer_ref ref)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].ready && c->slots[i].state != SLOT_ENDED && peer_ref_equal(c->slots[i].rival, ref)) {
            return true;
        }
    }
    return false;
}

bool meet_online(struct controller *c, struct slot *s)
{
    struct slot *older = find_older(c, s, false);
    if (!older) {
        return true;
    }
    if (s->terms.id.size == 0 || has_heir(c, slot_ref(c, older))) {
        give_way(c, s);
    } else {
        wait_for(c, s, older);
    }
    return false;
}

/* Those that wait for s are not needed. */
static void refuse_heirs(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = slot_ref(c, s);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_FREE && peer_ref_equal(c->slots[i].rival, ref)) {
            give_way(c, &c->slots[i]);
        }
    }
}

/* Of two that are one too many, whoever has dialed the one that is not preferred closes it, once what was
 * sent by it has gone: so both agree, and nothing is lost. */
void meet_came(struct controller *c, struct slot *s)
{
    struct slot *reverse = slot_find(c, s->reverse), *spare;
    refuse_heirs(c, s);
    if (!c->config->protocol->one_connection || !reverse || reverse->state != SLOT_ONLINE) {
        return;
    }
    probe(c, reverse);
    spare = slot_is_preferred(c, s) ? reverse : s;
    if (spare->direction == DIRECTION_INCOMING) {
        return;
    }
    spare->spare_ms = c->now.ms + SPARE_MS;
    if (spare->spare_ms < c->next_spare_ms) {
        c->next_spare_ms = spare->spare_ms;
    }
}

void meet_alive(struct controller *c, struct slot *s)
{
    s->probed = false;
    refuse_heirs(c, s);
}

void meet_run(struct controller *c)
{
    if (c->next_spare_ms > c->now.ms) {
        return;
    }
    c->next_spare_ms = NEVER;
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *s = &c->slots[c->online[i]], *reverse = slot_find(c, s->reverse);
        if (s->spare_ms == 0) {
            continue;
        }
        if (s->spare_ms > c->now.ms) {
            c->next_spare_ms = s->spare_ms < c->next_spare_ms ? s->spare_ms : c->next_spare_ms;
            continue;
        }
        s->spare_ms = 0;
        if (reverse && reverse->state == SLOT_ONLINE && !reverse->closing) {
            slot_close(c, s, END_DUPLICATE, false);
        }
    }
}

int64_t meet_deadline(const struct controller *c)
{
    return c->next_spare_ms;
}
