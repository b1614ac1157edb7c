/* The table of connections. */
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

struct slot *slot_find(struct controller *c, struct peer_ref ref)
{
    struct slot *s;

    if (ref.index >= c->n_slots)
        return NULL;
    s = &c->slots[ref.index];
    return s->state != SLOT_FREE && s->generation == ref.generation ? s : NULL;
}

static bool is_open(const struct slot *s)
{
    return s->state == SLOT_ONLINE && !s->closing;
}

static struct slot *preferred(struct controller *c, struct slot *s)
{
    struct slot *twin = !s->twin.generation || meet_prefers(c, s) ? NULL : slot_find(c, s->twin);

    return twin && is_open(twin) ? twin : s;
}

struct slot *slot_to_peer(struct controller *c, struct peer_ref ref)
{
    struct slot *s;

    if (ref.index >= c->n_slots)
        return NULL;
    s = &c->slots[ref.index];
    if (s->generation != ref.generation)
        return NULL;
    if (is_open(s))
        return preferred(c, s);
    for (size_t i = 0; s->was_online && i < c->n_online; i++) {
        struct slot *other = &c->slots[c->online[i]];

        if (is_open(other) && strcmp(other->terms.hash, s->terms.hash) == 0)
            return other;
    }
    return NULL;
}

struct peer_ref slot_ref(const struct controller *c, const struct slot *s)
{
    return (struct peer_ref){.index = (uint32_t)(s - c->slots), .generation = s->generation};
}

static uint32_t *slot_count(struct controller *c, const struct slot *s, enum slot_state state)
{
    switch (state) {
    case SLOT_DIALING:
        return &c->n_dialing;
    case SLOT_PENDING:
        return &c->n_pending;
    case SLOT_REFUSING:
        return &c->n_refusing;
    case SLOT_ONLINE:
        return s->direction == DIRECTION_OUTGOING ? &c->n_outgoing : &c->n_incoming;
    case SLOT_FREE:
    case SLOT_ENDED:
        break;
    }
    return NULL;
}

static void online_add(struct controller *c, struct slot *s)
{
    s->online_at = c->n_online;
    c->online[c->n_online++] = (uint32_t)(s - c->slots);
}

static void online_remove(struct controller *c, struct slot *s)
{
    uint32_t last = c->online[--c->n_online];

    c->online[s->online_at] = last;
    c->slots[last].online_at = s->online_at;
}

void slot_state(struct controller *c, struct slot *s, enum slot_state state)
{
    uint32_t *before = slot_count(c, s, s->state), *after = slot_count(c, s, state);

    if (before)
        (*before)--;
    if (after)
        (*after)++;
    if (s->state == SLOT_ONLINE)
        online_remove(c, s);
    s->state = state;
    if (state == SLOT_ONLINE)
        online_add(c, s);
}

static bool slots_grow(struct controller *c)
{
    uint32_t n = c->n_slots ? c->n_slots * 2 : 64;
    struct slot *slots;
    uint32_t *online;

    if (n > c->most_slots)
        n = c->most_slots;
    if (n <= c->n_slots)
        return false;
    online = realloc(c->online, n * sizeof *online);
    if (!online)
        return false;
    c->online = online;
    slots = realloc(c->slots, n * sizeof *slots);
    if (!slots)
        return false;
    memset(slots + c->n_slots, 0, (n - c->n_slots) * sizeof *slots);
    c->slots = slots;
    c->n_slots = n;
    return true;
}

struct slot *slot_take(struct controller *c, enum slot_state state, enum direction direction)
{
    struct slot *s;
    uint32_t generation, i = 0;

    if (c->n_busy == c->n_slots && !slots_grow(c))
        return NULL;
    while (c->slots[i].state != SLOT_FREE)
        i++;
    s = &c->slots[i];
    generation = s->generation + 1;
    memset(s, 0, sizeof *s);
    s->generation = generation ? generation : 1; /* 0 is nobody's */
    s->number = ++c->n_begun;
    s->direction = direction;
    c->n_busy++;
    slot_state(c, s, state);
    return s;
}

void slot_free(struct controller *c, struct slot *s)
{
    slot_settle(c, s);
    slot_state(c, s, SLOT_FREE);
    c->n_busy--;
    free(s->service_state);
    free(s->ending);
    free(s->parked.items);
    s->service_state = NULL;
    s->ending = NULL;
    s->parked = (struct waiting_list){0};
}

void slot_close(struct controller *c, struct slot *s, enum end_reason why, bool at_once)
{
    if (s->state == SLOT_ENDED || (s->closing && !at_once))
        return;
    s->closing = true;
    c->act->close(c->world, slot_ref(c, s), why, at_once);
}

bool slot_same_ip(const struct slot *s, const struct ip *ip)
{
    return s->remote.port && ip_equal(&s->remote.ip, ip);
}

static uint32_t count_of_ip(const struct controller *c, const struct ip *ip, bool outgoing_too)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];

        if (s->state != SLOT_FREE && s->state != SLOT_ENDED && s->state != SLOT_REFUSING &&
            (outgoing_too || s->direction == DIRECTION_INCOMING))
            n += slot_same_ip(s, ip);
    }
    return n;
}

uint32_t slots_of_ip(const struct controller *c, const struct ip *ip)
{
    return count_of_ip(c, ip, true);
}

uint32_t slots_incoming_of_ip(const struct controller *c, const struct ip *ip)
{
    return count_of_ip(c, ip, false);
}

void slot_find_twin(struct controller *c, struct slot *s)
{
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *other = &c->slots[c->online[i]];

        if (other->direction != s->direction && strcmp(other->terms.hash, s->terms.hash) == 0) {
            s->twin = slot_ref(c, other);
            other->twin = slot_ref(c, s);
        }
    }
}

void slot_credit(struct controller *c, struct slot *s, int64_t merit)
{
    enum { HEARD_MS = 60 * 1000, CREDIT_MOST = 1000000 };
    int64_t sum = s->credit + merit;

    s->credit = (int32_t)(sum > QUALITY_MAX ? QUALITY_MAX : sum < QUALITY_MIN ? QUALITY_MIN : sum);
    if (merit < 0 || s->credit > CREDIT_MOST)
        slot_settle(c, s);
    if (merit > 0 && c->now.ms - s->heard_ms >= HEARD_MS) {
        s->heard_ms = c->now.ms;
        book_heard(c->book, &s->terms.endpoint, c->now.wall_ms);
    }
}

void slot_settle(struct controller *c, struct slot *s)
{
    char text[IP_TEXT_MAX];

    if (s->credit == 0 || !s->remote.port)
        return;
    book_merit(c->book, &s->remote.ip, s->credit, c->now.wall_ms);
    if (note_is_wanted(c, NOTE_SCORE))
        note(c, NOTE_SCORE, "%s: %+d points, quality %d", ip_format(&s->remote.ip, text, sizeof text),
             (int)s->credit, (int)book_quality(c->book, &s->remote.ip, c->now.wall_ms));
    s->credit = 0;
}

void slots_settle(struct controller *c)
{
    for (size_t i = 0; i < c->n_online; i++)
        slot_settle(c, &c->slots[c->online[i]]);
}

struct service_peer slot_service_peer(struct controller *c, struct slot *s)
{
    return (struct service_peer){
        .ref = slot_ref(c, s),
        .direction = s->direction,
        .special = s->special,
        .terms = &s->terms,
        .state = s->service_state,
    };
}
