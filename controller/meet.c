#include "controller/meet.h"

#include <inttypes.h>
#include <string.h>

#include "controller/dialing.h"
#include "controller/feelers.h"
#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/state.h"

/* If both connections came online all the same, a peer that keeps what it had first closes one of them within
 * this time. */
enum { SPARE_MS = 2000 };

static bool is_same_peer(const struct slot *a, const struct slot *b)
{
    return a != b && (b->met || b->ready) && strcmp(a->info.hash, b->info.hash) == 0;
}

/* A connection with the same peer that is online; one of the same direction, unless either_way. */
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

/* A connection with the same peer in that state, whose handshake has said who is there. */
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

/* The connection by which that peer is dialing us at the same time. Who dials us may be a lie as yet. So it
 * counts only from the address that we have dialed: nobody else can keep us from connecting. */
static struct slot *find_crossing(struct controller *c, const struct slot *s)
{
    struct slot *other = c->config->protocol->one_connection ? find_under_way(c, s, SLOT_PENDING) : NULL;
    return other && slot_same_ip(other, &s->remote.ip) ? other : NULL;
}

/* Whether s, which we dial, has nothing to fear of that one: it has come from elsewhere, and perhaps under an
 * id that is not its own. Who we found where we have dialed him is more likely the one. Without this, whoever
 * can pass for a peer, or passes its bytes on, keeps us from it. */
static bool is_hearsay(const struct slot *s, const struct slot *older)
{
    return older->direction == DIRECTION_INCOMING && !older->is_vouched &&
           !slot_same_ip(older, &s->remote.ip);
}

static void give_way(struct controller *c, struct slot *s)
{
    note_peer(c, NOTE_REFUSAL, s, "connection %" PRIu64 ", %s: refused, %s", s->number, s->info.hash,
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
    c->act->probe(c->host, s->ref);
}

static void wait_for(struct controller *c, struct slot *s, struct slot *rival)
{
    note_peer(c, NOTE_HANDSHAKE, s,
              "connection %" PRIu64 ", %s: waits for what becomes of connection %" PRIu64, s->number,
              s->info.hash, rival->number);
    s->rival = rival->ref;
    if (rival->state == SLOT_ONLINE) {
        probe(c, rival);
    }
}

void meet_decide(struct controller *c, struct slot *s)
{
    struct slot *older = find_older(c, s, c->config->protocol->one_connection);
    struct slot *crossing = find_crossing(c, s);
    if (older && is_hearsay(s, older)) {
        older = NULL;
    }
    if (find_under_way(c, s, SLOT_DIALING) || (crossing && !older && !slot_we_are_above(c, &s->info.id))) {
        give_way(c, s);
    } else if (older || crossing) {
        wait_for(c, s, older ? older : crossing);
    } else {
        c->act->consent(c->host, s->ref);
    }
}

/* The dial by which we have come to ourselves; NULL if it is somebody else who comes. It may be online
 * already: its end hears of the handshake's success about as soon as the other one tells of its start. */
static struct slot *find_own_dial(struct controller *c, const struct peer_info *info)
{
    for (uint32_t i = 0; info->nonce != 0 && i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        bool is_there = s->state == SLOT_DIALING || s->state == SLOT_ONLINE;
        if (is_there && s->direction == DIRECTION_OUTGOING && s->nonce == info->nonce) {
            return s;
        }
    }
    return NULL;
}

/* `incoming` is the other end of `outgoing`. */
static void part_from_ourselves(struct controller *c, struct slot *outgoing, struct slot *incoming)
{
    outgoing->is_ourselves = true;
    slot_close(c, incoming, END_LOOPBACK, true);
    slot_close(c, outgoing, END_LOOPBACK, true);
}

bool meet_is_ourselves(struct controller *c, struct slot *s)
{
    const struct endpoint *local = &s->info.local;
    for (uint32_t i = 0; s->direction == DIRECTION_OUTGOING && local->port != 0 && i < c->n_slots; i++) {
        struct slot *other = &c->slots[i];
        bool is_there = other->state == SLOT_PENDING || other->state == SLOT_ONLINE;
        if (is_there && other->direction == DIRECTION_INCOMING && endpoint_equal(&other->remote, local)) {
            part_from_ourselves(c, s, other);
            return true;
        }
    }
    return false;
}

void meet_peer(struct controller *c, struct slot *s, const struct peer_info *info)
{
    s->info = *info;
    s->met = true;
    struct slot *own = s->direction == DIRECTION_INCOMING ? find_own_dial(c, info) : NULL;
    if (own) {
        part_from_ourselves(c, own, s);
    }
    if (s->closing || s->direction == DIRECTION_INCOMING) {
        return;
    }
    dialing_met(c, s);
    if (!feeler_met(c, s)) {
        meet_decide(c, s);
    }
}

/* Whether another connection waits to take the place of that one. */
static bool has_heir(const struct controller *c, struct peer_ref ref)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *heir = &c->slots[i];
        bool is_there = heir->state != SLOT_FREE && heir->state != SLOT_ENDED;
        if (is_there && heir->ready && peer_ref_equal(heir->rival, ref)) {
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
    if (s->info.id.size == 0 || has_heir(c, older->ref)) {
        give_way(c, s);
    } else {
        wait_for(c, s, older);
    }
    return false;
}

/* Those that wait for s are not needed. */
static void refuse_heirs(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = s->ref;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_FREE && peer_ref_equal(c->slots[i].rival, ref)) {
            give_way(c, &c->slots[i]);
        }
    }
}

/* One of the two is one too many: the one that is not preferred. The node that has dialed it closes it, once
 * what was sent by it has gone. So both nodes agree, and nothing is lost. */
void meet_came(struct controller *c, struct slot *s)
{
    struct slot *reverse = slot_find(c, s->reverse);
    refuse_heirs(c, s);
    if (!reverse || reverse->state != SLOT_ONLINE || !slot_is_double(c, s, reverse)) {
        return;
    }
    probe(c, reverse);
    struct slot *spare = slot_is_preferred(c, s) ? reverse : s;
    if (spare->direction == DIRECTION_INCOMING) {
        return;
    }
    spare->spare_ms = c->now.ms + SPARE_MS;
    c->next_spare_ms = earlier(c->next_spare_ms, spare->spare_ms);
}

void meet_alive(struct controller *c, struct slot *s)
{
    s->probed = false;
    refuse_heirs(c, s);
}

void meet_ended(struct controller *c, struct slot *s)
{
    bool stayed = s->was_online && c->now.ms - s->online_ms >= SPARE_MS;
    if (stayed || s->direction == DIRECTION_INCOMING || !c->config->protocol->one_connection) {
        return;
    }
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *other = &c->slots[c->online[i]];
        if (is_same_peer(other, s) && other->direction == DIRECTION_INCOMING) {
            other->is_vouched = s->was_double = true;
        }
    }
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
            c->next_spare_ms = earlier(c->next_spare_ms, s->spare_ms);
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
