/* A peer that is met again: which of its connections stays.
 *
 * Without identities anybody may claim to be somebody: of one direction the older connection stays, always.
 * Whoever proves to be the same peer may have lost its old connection without a word: the new one waits until
 * the old one has given a sign of life, or has ended.
 *
 * If a protocol has two nodes keep one connection, two that dial each other at the same time must not both
 * give way, nor both insist. So who has dialed does not say that it is connected before it knows that it may:
 * it waits for what becomes of the connection by which that peer has dialed us or, if its own id is the lower
 * one, gives way to it. A node that does not compare ids, and keeps whatever it had first, is served as well:
 * what it keeps comes online. */
#include <inttypes.h>
#include <string.h>

#include "controller/private.h"

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

        if (is_same_peer(s, other) && (either_way || other->direction == s->direction))
            return other;
    }
    return NULL;
}

/* One whose handshake is under way, and has gone as far as saying who is there. */
static struct slot *find_under_way(struct controller *c, const struct slot *s, enum slot_state state)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *other = &c->slots[i];

        if (other->state == state && !other->closing && is_same_peer(s, other))
            return other;
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

static bool is_above(const struct controller *c, const struct peer_id *id)
{
    return memcmp(c->config->terms.id.bytes, id->bytes, sizeof id->bytes) > 0;
}

bool meet_prefers(const struct controller *c, const struct slot *s)
{
    bool dialed = s->direction == DIRECTION_OUTGOING;

    return c->config->protocol->one_connection ? dialed == is_above(c, &s->terms.id) : dialed;
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
    if (s->probed || s->closing)
        return;
    s->probed = true;
    c->act->probe(c->world, slot_ref(c, s));
}

static void wait_for(struct controller *c, struct slot *s, struct slot *rival)
{
    note(c, NOTE_HANDSHAKE, "connection %" PRIu64 ", %s: waits for what becomes of connection %" PRIu64,
         s->number, s->terms.hash, rival->number);
    s->rival = slot_ref(c, rival);
    if (rival->state == SLOT_ONLINE)
        probe(c, rival);
}

/* Of one that we dial. */
static void decide(struct controller *c, struct slot *s)
{
    struct slot *older = find_older(c, s, c->config->protocol->one_connection);
    struct slot *crossing = find_crossing(c, s);

    if (find_under_way(c, s, SLOT_DIALING) || (crossing && !older && !is_above(c, &s->terms.id)))
        give_way(c, s);
    else if (older || crossing)
        wait_for(c, s, older ? older : crossing);
    else
        c->act->consent(c->world, slot_ref(c, s));
}

void meet_peer(struct controller *c, struct slot *s, const struct peer_terms *terms)
{
    s->terms = *terms;
    s->met = true;
    if (s->closing || s->direction == DIRECTION_INCOMING)
        return;
    dialing_met(c, s);
    decide(c, s);
}

/* Whether another one waits to take its place. */
static bool has_heir(const struct controller *c, struct peer_ref ref)
{
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].ready && c->slots[i].state != SLOT_ENDED && peer_ref_equal(c->slots[i].rival, ref))
            return true;
    return false;
}

bool meet_online(struct controller *c, struct slot *s)
{
    struct slot *older = find_older(c, s, false);

    if (!older)
        return true;
    if (s->terms.id.size == 0 || has_heir(c, slot_ref(c, older)))
        give_way(c, s);
    else
        wait_for(c, s, older);
    return false;
}

/* Those that wait for s are not needed. */
static void refuse_heirs(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = slot_ref(c, s);

    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].state != SLOT_FREE && peer_ref_equal(c->slots[i].rival, ref))
            give_way(c, &c->slots[i]);
}

/* Of two that are one too many, whoever has dialed the one that is not preferred closes it, once what was
 * sent by it has gone: so both agree, and nothing is lost. */
void meet_came(struct controller *c, struct slot *s)
{
    struct slot *twin = slot_find(c, s->twin), *spare;

    refuse_heirs(c, s);
    if (!c->config->protocol->one_connection || !twin || twin->state != SLOT_ONLINE)
        return;
    probe(c, twin);
    spare = meet_prefers(c, s) ? twin : s;
    if (spare->direction == DIRECTION_INCOMING)
        return;
    spare->spare_ms = c->now.ms + SPARE_MS;
    if (spare->spare_ms < c->spare_ms)
        c->spare_ms = spare->spare_ms;
}

void meet_alive(struct controller *c, struct slot *s)
{
    s->probed = false;
    refuse_heirs(c, s);
}

void meet_ended(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = slot_ref(c, s);

    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *heir = &c->slots[i];

        if (heir->state == SLOT_FREE || heir->state == SLOT_ENDED || !peer_ref_equal(heir->rival, ref))
            continue;
        heir->rival = PEER_NOBODY;
        if (heir->ready)
            admit_online(c, heir);
        else
            decide(c, heir);
    }
}

void meet_tick(struct controller *c)
{
    c->spare_ms = NEVER;
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *s = &c->slots[c->online[i]], *twin = slot_find(c, s->twin);

        if (s->spare_ms == 0)
            continue;
        if (s->spare_ms > c->now.ms) {
            c->spare_ms = s->spare_ms < c->spare_ms ? s->spare_ms : c->spare_ms;
            continue;
        }
        s->spare_ms = 0;
        if (twin && twin->state == SLOT_ONLINE && !twin->closing)
            slot_close(c, s, END_DUPLICATE, false);
    }
}
