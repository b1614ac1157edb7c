#include "controller/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "controller/addresses.h"
#include "controller/chance.h"
#include "controller/lately.h"
#include "controller/own_network.h"
#include "controller/slots.h"
#include "controller/specials.h"
#include "controller/state.h"

/* The endpoints and network groups in use, gathered once per look and sorted: the book asks about each
 * candidate. */
struct met {
    struct peer_id id;
    struct ip ip;
    bool elsewhere; /* it is that peer, and not somebody from that IP address alone who says so (meet.h) */
};

struct used {
    struct controller *c;
    struct endpoint *endpoints; /* of every connection: what we dialed, or the remote end of one that came */
    uint64_t *groups;           /* of the outgoing ones */
    struct met *ids;            /* who is online */
    size_t n, n_groups, n_ids;
    bool incoming_too, outages_too; /* see candidates_find */
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

/* In the order of ids; a key has no more than an id. */
static int compare_ids(const void *a, const void *b)
{
    const struct met *x = a, *y = b;
    return memcmp(&x->id, &y->id, sizeof x->id);
}

static void gather_ids(struct used *u)
{
    const struct controller *c = u->c;
    for (size_t i = 0; i < c->n_online; i++) {
        const struct slot *s = &c->slots[c->online[i]];
        if (s->info.id.size > 0 && (s->direction == DIRECTION_OUTGOING || u->incoming_too)) {
            bool elsewhere = s->direction == DIRECTION_OUTGOING || s->is_vouched;
            u->ids[u->n_ids++] = (struct met){.id = s->info.id, .ip = s->remote.ip, .elsewhere = elsewhere};
        }
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
    if (!u->endpoints || !u->groups || !u->ids) {
        return false;
    }
    gather_ids(u);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        if (s->state == SLOT_FREE || s->state == SLOT_ENDED) {
            continue;
        }
        if (s->direction == DIRECTION_OUTGOING && s->remote.port) {
            u->endpoints[u->n++] = s->remote;
            u->groups[u->n_groups++] = ip_group(&s->remote.ip);
        } else if (s->direction == DIRECTION_INCOMING && u->incoming_too && s->info.endpoint.port) {
            u->endpoints[u->n++] = s->info.endpoint;
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

/* On public networks one port of an IP is dialed per redial interval, so that a peer cannot make us scan the
 * ports of a third party. */
static bool was_dialed_lately(const struct controller *c, const struct ip *ip)
{
    int64_t last = book_ip_dialed_ms(c->book, ip), since = book_time(c) - last;
    bool known = last != 0 && since >= 0 && since < c->config->node.timings.redial;
    return !c->config->node.network.open && (known || lately_has(c, ip));
}

bool candidate_ip_has_enough(const struct controller *c, const struct ip *ip)
{
    uint32_t max = c->config->node.limits.per_ip;
    return was_dialed_lately(c, ip) || (max && slots_of_holder(c, ip) >= max);
}

/* Whether the peer that was found at e is connected by another address. It counts only if that peer has
 * proved its id to us: hearsay must not keep us from anybody. */
static bool is_online(const struct used *u, const struct endpoint *e)
{
    const struct book_entry *known = u->n_ids > 0 ? book_find(u->c->book, e) : NULL;
    if (!known || !known->id_proved) {
        return false;
    }
    const struct met key = {.id = known->id}, *end = u->ids + u->n_ids;
    const struct met *at = bsearch(&key, u->ids, u->n_ids, sizeof *u->ids, compare_ids);
    while (at && at > u->ids && compare_ids(at - 1, &key) == 0) {
        at--;
    }
    for (; at && at < end && compare_ids(at, &key) == 0; at++) {
        if (at->elsewhere || ip_equal(&at->ip, &e->ip)) {
            return true;
        }
    }
    return false;
}

static bool skip(void *context, const struct endpoint *e)
{
    const struct used *u = context;
    if (!own_network_reaches(u->c, &e->ip) || (!u->outages_too && own_network_is_out(u->c, &e->ip))) {
        return true;
    }
    if (bsearch(e, u->endpoints, u->n, sizeof *e, compare_endpoints) || is_online(u, e)) {
        return true;
    }
    if (special_has_endpoint(u->c, e) || !addresses_allow(u->c, &e->ip)) {
        return true;
    }
    return candidate_ip_has_enough(u->c, &e->ip);
}

static uint32_t group_use(void *context, uint64_t group)
{
    const struct used *u = context;
    size_t low = 0, high = u->n_groups;
    uint32_t n = 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (u->groups[middle] < group) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low < u->n_groups && u->groups[low++] == group) {
        n++;
    }
    return n;
}

static uint64_t draw(void *context)
{
    const struct used *u = context;
    return chance_draw(u->c);
}

/* How many more than there are may be of that trust or less: a quarter of the outgoing slots, one at least.
 */
static size_t most_of_trust(const struct controller *c, enum book_trust trust)
{
    size_t most = c->config->outgoing < 4 ? 1 : c->config->outgoing / 4, n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        n += s->is_picked && s->trust <= trust && (s->state == SLOT_DIALING || s->state == SLOT_ONLINE);
    }
    return n < most ? most - n : 0;
}

bool candidates_find_feeler(struct controller *c, struct endpoint *found)
{
    struct used u;
    struct book_choice choice = {.skip = skip, .group_use = group_use, .random = draw, .context = &u};
    bool is_found = used_gather(&u, c, true, false) && book_feeler(c->book, &choice, found, book_time(c));
    used_free(&u);
    return is_found;
}

size_t candidates_find_anchors(struct controller *c, struct book_pick *found, size_t want)
{
    struct used u;
    struct book_choice choice = {
        .skip = skip, .group_use = group_use, .random = draw, .context = &u, .only_anchors = true};
    size_t n =
        used_gather(&u, c, true, false) ? book_candidates(c->book, &choice, found, want, book_time(c)) : 0;
    used_free(&u);
    return n;
}

size_t candidates_find(struct controller *c, bool incoming_too, bool outages_too, struct book_pick *found,
                       size_t want)
{
    struct used u;
    struct book_choice choice = {.skip = skip,
                                 .group_use = group_use,
                                 .random = draw,
                                 .context = &u,
                                 .most_new = most_of_trust(c, TRUST_NEW),
                                 .most_unfamiliar = most_of_trust(c, TRUST_ACQUAINTANCE)};
    size_t n = 0;
    if (used_gather(&u, c, incoming_too, outages_too)) {
        n = book_candidates(c->book, &choice, found, want, book_time(c));
    }
    used_free(&u);
    return n;
}
