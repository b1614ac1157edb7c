#include "controller/slots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "controller/notes.h"
#include "controller/places.h"
#include "controller/state.h"

struct slot *slot_find(struct controller *c, struct peer_ref ref)
{
    if (ref.index >= c->n_slots) {
        return NULL;
    }
    struct slot *s = &c->slots[ref.index];
    return s->state != SLOT_FREE && s->ref.generation == ref.generation ? s : NULL;
}

struct service_peer as_service_peer(struct slot *s)
{
    return (struct service_peer){
        .ref = s->ref,
        .direction = s->direction,
        .purpose = s->purpose,
        .special = s->special,
        .info = &s->info,
        .state = s->service_state,
    };
}

/* --- which of the connections with one peer --- */

static bool is_open(const struct slot *s)
{
    return s->state == SLOT_ONLINE && !s->closing;
}

bool slot_we_are_above(const struct controller *c, const struct peer_id *id)
{
    return memcmp(c->config->node.id.bytes, id->bytes, sizeof id->bytes) > 0;
}

bool slot_is_double(const struct controller *c, const struct slot *s, const struct slot *reverse)
{
    return c->config->protocol->one_connection && slot_same_ip(s, &reverse->remote.ip);
}

bool slot_is_preferred(struct controller *c, const struct slot *s)
{
    const struct slot *reverse = slot_find(c, s->reverse);
    bool dialed = s->direction == DIRECTION_OUTGOING;
    return reverse && slot_is_double(c, s, reverse) ? dialed == slot_we_are_above(c, &s->info.id) : dialed;
}

struct slot *slot_to_peer(struct controller *c, struct peer_ref ref)
{
    if (ref.index >= c->n_slots) {
        return NULL;
    }
    struct slot *s = &c->slots[ref.index];
    if (s->ref.generation != ref.generation) {
        return NULL;
    }
    if (is_open(s)) {
        struct slot *reverse =
            !s->reverse.generation || slot_is_preferred(c, s) ? NULL : slot_find(c, s->reverse);
        return reverse && is_open(reverse) ? reverse : s;
    }
    for (size_t i = 0; s->was_online && i < c->n_online; i++) {
        struct slot *other = &c->slots[c->online[i]];
        if (is_open(other) && strcmp(other->info.hash, s->info.hash) == 0) {
            return other;
        }
    }
    return NULL;
}

void slot_find_reverse(struct controller *c, struct slot *s)
{
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *other = &c->slots[c->online[i]];
        if (other->direction != s->direction && strcmp(other->info.hash, s->info.hash) == 0) {
            s->reverse = other->ref;
            other->reverse = s->ref;
        }
    }
}

uint32_t slots_of_peer(const struct controller *c, const struct slot *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        n += c->slots[i].state != SLOT_FREE && c->slots[i].was_online &&
             strcmp(c->slots[i].info.hash, s->info.hash) == 0;
    }
    return n;
}

/* --- the table --- */

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
    c->online[c->n_online++] = s->ref.index;
}

static void online_remove(struct controller *c, struct slot *s)
{
    uint32_t last = c->online[--c->n_online];
    c->online[s->online_at] = last;
    c->slots[last].online_at = s->online_at;
}

void slot_set_state(struct controller *c, struct slot *s, enum slot_state state)
{
    uint32_t *before = slot_count(c, s, s->state), *after = slot_count(c, s, state);
    if (before) {
        (*before)--;
    }
    if (after) {
        (*after)++;
    }
    if (s->state == SLOT_ONLINE) {
        online_remove(c, s);
    }
    s->state = state;
    if (state == SLOT_ONLINE) {
        online_add(c, s);
    }
}

static bool slots_grow(struct controller *c)
{
    uint32_t n = c->n_slots ? c->n_slots * 2 : 64;
    if (n > c->max_slots) {
        n = c->max_slots;
    }
    if (n <= c->n_slots) {
        return false;
    }
    uint32_t *online = realloc(c->online, n * sizeof *online);
    if (!online) {
        return false;
    }
    c->online = online;
    struct slot *slots = realloc(c->slots, n * sizeof *slots);
    if (!slots) {
        return false;
    }
    memset(slots + c->n_slots, 0, (n - c->n_slots) * sizeof *slots);
    c->slots = slots;
    c->n_slots = n;
    return true;
}

void slots_make_room(struct controller *c)
{
    if (c->config->protocol->service->dialed && c->n_slots - c->n_busy < c->config->node.limits.dials) {
        slots_grow(c); /* without room or memory, the next that need a place go without */
    }
}

bool slots_have_room(const struct controller *c)
{
    return c->n_busy < c->n_slots;
}

struct slot *slot_take(struct controller *c, enum slot_state state, enum direction direction)
{
    if (c->n_busy >= controller_places(c->config, c->n_specials) ||
        (c->n_busy == c->n_slots && !slots_grow(c))) {
        return NULL;
    }
    uint32_t i = 0;
    while (c->slots[i].state != SLOT_FREE) {
        i++;
    }
    struct slot *s = &c->slots[i];
    uint32_t generation = s->ref.generation + 1;
    memset(s, 0, sizeof *s);
    s->ref = (struct peer_ref){.index = i, .generation = generation ? generation : 1}; /* 0 is nobody's */
    s->number = ++c->n_begun;
    s->direction = direction;
    s->begun_ms = c->now.ms;
    c->n_busy++;
    slot_set_state(c, s, state);
    return s;
}

void slot_free(struct controller *c, struct slot *s)
{
    slot_set_state(c, s, SLOT_FREE);
    c->n_busy--;
    free(s->service_state);
    free(s->ending);
    free(s->parked.items);
    s->service_state = NULL;
    s->ending = NULL;
    s->parked = (struct waiting_list){0};
}

/* --- what is asked of a connection --- */

/* Nobody can guess it: whoever knew that of a dial to another could make us take that other for ourselves. */
static uint64_t nonce_of(const struct controller *c, const struct slot *s)
{
    const struct {
        char purpose[8];
        uint64_t number;
    } of = {"nonce", s->number};
    uint64_t nonce;
    unsigned char hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const unsigned char *)&of, sizeof of, c->lesson_key);
    memcpy(&nonce, hash, sizeof nonce);
    return nonce ? nonce : 1;
}

struct slot *slot_dial(struct controller *c, const struct dial_request *request, const char *why)
{
    struct slot *s = slot_take(c, SLOT_DIALING, DIRECTION_OUTGOING);
    if (!s) {
        return NULL;
    }
    char text[ENDPOINT_TEXT_MAX];
    note(c, NOTE_DIAL, "connection %" PRIu64 ": dials %s, %s", s->number,
         address_format(&request->to, text, sizeof text), why);
    s->special = request->special;
    s->purpose = request->purpose;
    s->to = request->to;
    if (request->n == 1) {
        s->remote = request->targets[0];
    } else if (!address_is_ip(&request->to, &s->remote)) {
        s->remote.port = 0;
    }
    c->starting_nonce = s->nonce = nonce_of(c, s);
    bool begun = c->act->dial(c->host, s->ref, request);
    c->starting_nonce = 0;
    if (begun) {
        return s;
    }
    note(c, NOTE_DIAL, "connection %" PRIu64 ": %s", s->number, end_reason_text(END_RESOURCES));
    slot_free(c, s);
    return NULL;
}

void slot_close(struct controller *c, struct slot *s, enum end_reason why, bool at_once)
{
    if (s->state == SLOT_ENDED || (s->closing && !at_once)) {
        return;
    }
    s->closing = true;
    c->act->close(c->host, s->ref, why, at_once);
}

const struct endpoint *slot_listens_at(const struct slot *s)
{
    return s->direction == DIRECTION_OUTGOING && s->remote.port ? &s->remote : &s->info.endpoint;
}

const char *slot_format_remote(const struct slot *s, char buf[ENDPOINT_TEXT_MAX])
{
    return s->remote.port ? endpoint_format(&s->remote, buf, ENDPOINT_TEXT_MAX)
                          : address_format(&s->to, buf, ENDPOINT_TEXT_MAX);
}

/* --- how many --- */

bool slot_same_ip(const struct slot *s, const struct ip *ip)
{
    return s->remote.port && ip_equal(&s->remote.ip, ip);
}

static bool is_of_holder(const struct slot *s, const struct ip *ip)
{
    struct ip holder = ip_holder(ip), of_slot = ip_holder(&s->remote.ip);
    return s->remote.port && ip_equal(&of_slot, &holder);
}

static bool is_connection(const struct slot *s)
{
    return s->state != SLOT_FREE && s->state != SLOT_ENDED && s->state != SLOT_REFUSING;
}

uint32_t slots_of_holder(const struct controller *c, const struct ip *ip)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        n += is_connection(&c->slots[i]) && is_of_holder(&c->slots[i], ip);
    }
    return n;
}

void slots_close_ip(struct controller *c, const struct ip *ip, enum end_reason why, bool special_too)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        bool is_spared = !special_too && s->special && s->direction == DIRECTION_OUTGOING;
        if (s->state != SLOT_FREE && !is_spared && is_of_holder(s, ip)) {
            slot_close(c, s, why, true);
        }
    }
}

void slots_close_id(struct controller *c, const struct peer_id *id, enum end_reason why)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        if (s->state != SLOT_FREE && (s->met || s->ready) && peer_id_equal(&s->info.id, id)) {
            slot_close(c, s, why, true);
        }
    }
}

uint32_t slots_relaying(const struct controller *c)
{
    uint32_t n = 0;
    for (size_t i = 0; c->n_relays > 0 && i < c->n_online; i++) {
        n += c->slots[c->online[i]].purpose == PURPOSE_RELAY;
    }
    return n;
}

uint32_t slots_incoming_of_ip(const struct controller *c, const struct ip *ip)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        n += is_connection(s) && s->direction == DIRECTION_INCOMING && slot_same_ip(s, ip);
    }
    return n;
}

uint32_t slots_parked(const struct controller *c)
{
    size_t n = 0;
    for (size_t i = 0; c->n_parking > 0 && i < c->n_online; i++) {
        n += c->slots[c->online[i]].parked.n;
    }
    return (uint32_t)n;
}
