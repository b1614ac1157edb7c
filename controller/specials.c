#include "controller/specials.h"

#include <errno.h>

#include "base/array.h"
#include "controller/slots.h"
#include "controller/special_index.h"
#include "controller/state.h"

/* --- which they are --- */

/* By the index, as a list of all of them is looked up address by address; those that were added since it was
 * sorted are looked at one by one. */
static struct special *special_at(struct controller *c, const struct endpoint *e)
{
    size_t n;
    const struct special_place *places = special_index_find(c, &e->ip, &n);
    for (size_t i = 0; i < n; i++) {
        struct special *p = &c->specials[places[i].special];
        if (places[i].at.port == e->port && !p->named) {
            return p;
        }
    }
    for (size_t i = c->n_indexed; i < c->n_specials; i++) {
        struct special *p = &c->specials[i];
        if (!p->named && !p->proxied && endpoint_equal(&p->known[0], e)) {
            return p;
        }
    }
    return NULL;
}

struct special *special_of_address(struct controller *c, const struct address *a)
{
    struct endpoint e;
    if (address_is_ip(a, &e)) {
        return special_at(c, &e);
    }
    for (size_t i = 0; i < c->n_specials; i++) {
        if (address_equal(&c->specials[i].address, a)) {
            return &c->specials[i];
        }
    }
    return NULL;
}

struct special *special_of_slot(struct controller *c, const struct slot *s)
{
    struct peer_ref ref = s->ref;
    for (size_t i = 0; i < c->n_specials; i++) {
        if (peer_ref_equal(c->specials[i].slot, ref)) {
            return &c->specials[i];
        }
    }
    return NULL;
}

bool special_is_at(const struct special *p, const struct endpoint *e)
{
    for (size_t i = 0; i < p->n_known; i++) {
        if (endpoint_equal(&p->known[i], e)) {
            return true;
        }
    }
    return false;
}

bool special_has_endpoint(const struct controller *c, const struct endpoint *e)
{
    size_t n;
    const struct special_place *places = special_index_find(c, &e->ip, &n);
    for (size_t i = 0; i < n; i++) {
        if (places[i].at.port == e->port) {
            return true;
        }
    }
    return false;
}

bool special_is_peer(const struct controller *c, const struct endpoint *e, const struct peer_id *id)
{
    size_t n;
    const struct special_place *places = special_index_find(c, &e->ip, &n);
    for (size_t i = 0; i < n; i++) {
        const struct peer_id *demanded = &c->specials[places[i].special].address.id;
        if (places[i].at.port == e->port && (demanded->size == 0 || peer_id_equal(demanded, id))) {
            return true;
        }
    }
    return false;
}

uint32_t specials_of_ip(const struct controller *c, const struct ip *ip)
{
    size_t n;
    special_index_find(c, ip, &n);
    return (uint32_t)n; /* all addresses of one special peer have its port, and none is there twice */
}

/* --- which connections are theirs --- */

/* A peer that we have dialed already, as an ordinary one, needs no second connection. */
static void special_adopt(struct controller *c, struct special *p)
{
    for (uint32_t i = 0; i < c->n_slots && !p->slot.generation; i++) {
        const struct slot *s = &c->slots[i];
        if ((s->state == SLOT_DIALING || s->state == SLOT_ONLINE) && s->direction == DIRECTION_OUTGOING &&
            (address_equal(&s->to, &p->address) || (s->remote.port && special_is_at(p, &s->remote))) &&
            !special_of_slot(c, s)) {
            p->slot = s->ref;
        }
    }
}

/* The connection may stand already: from now on it is special, or no longer. */
static void slot_mark(struct controller *c, struct slot *s)
{
    s->special = special_of_slot(c, s) ||
                 (s->info.endpoint.port && special_is_peer(c, &s->info.endpoint, &s->info.id));
}

static void specials_mark(struct controller *c)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        special_adopt(c, &c->specials[i]);
    }
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_FREE) {
            slot_mark(c, &c->slots[i]);
        }
    }
}

void special_moved(struct controller *c, struct special *p, const struct special *was)
{
    special_index_sort(c);
    special_adopt(c, p);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        if (s->state != SLOT_FREE &&
            (peer_ref_equal(s->ref, p->slot) || special_is_at(p, &s->info.endpoint) ||
             special_is_at(was, &s->info.endpoint))) {
            slot_mark(c, s);
        }
    }
}

/* --- the lists --- */

static struct special *special_add(struct controller *c, const struct address *a)
{
    if (!array_reserve(c->specials, c->specials_capacity, c->n_specials + 1) ||
        !special_index_reserve(c, c->n_specials + 1)) {
        return NULL;
    }
    struct special *p = &c->specials[c->n_specials++];
    *p = (struct special){.address = *a, .dial_ms = c->now.ms, .look_ms = c->now.ms};
    p->n_known = address_is_ip(a, &p->known[0]);
    p->proxied = p->n_known == 0 && config_has_proxy(c->config);
    p->named = p->n_known == 0 && !p->proxied;
    return p;
}

static int specials_merge(struct controller *c, const struct address_list *list, bool flags)
{
    for (size_t i = 0; list && i < list->n; i++) {
        struct special *p = special_of_address(c, &list->items[i]);
        if (!p) {
            p = special_add(c, &list->items[i]);
        }
        if (!p) {
            return ENOMEM;
        }
        /* An address without an id in one list does not take back the id that the other list demands. */
        if (list->items[i].id.size > 0) {
            p->address.id = list->items[i].id;
        }
        p->address.scheme = list->items[i].scheme;
        if (flags) {
            p->from_flags = true;
        } else {
            p->from_file = true;
        }
    }
    return 0;
}

/* Those that no list names any more go. */
static void settle(struct controller *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n_specials; i++) {
        if (c->specials[i].from_flags || c->specials[i].from_file) {
            c->specials[kept++] = c->specials[i];
        }
    }
    c->n_specials = kept;
    special_index_sort(c);
    specials_mark(c);
    c->dial_wanted = true;
}

int specials_set(struct controller *c, const struct address_list *flags, const struct address_list *file)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        if (flags) {
            c->specials[i].from_flags = false;
        }
        if (file) {
            c->specials[i].from_file = false;
        }
    }
    if (specials_merge(c, flags, true) || specials_merge(c, file, false)) {
        special_index_sort(c);
        return ENOMEM;
    }
    settle(c);
    return 0;
}

static size_t count_from_flags(const struct controller *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_specials; i++) {
        n += c->specials[i].from_flags;
    }
    return n;
}

int specials_add(struct controller *c, const struct address_list *more)
{
    size_t n = count_from_flags(c);
    for (size_t i = 0; i < more->n; i++) {
        const struct special *p = special_of_address(c, &more->items[i]);
        n += !p || !p->from_flags;
    }
    if (n > SPECIAL_MAX) {
        return ENOSPC;
    }
    int error = specials_merge(c, more, true);
    settle(c);
    return error;
}

int specials_remove(struct controller *c, const struct address_list *less)
{
    for (size_t i = 0; i < less->n; i++) {
        if (!special_of_address(c, &less->items[i])) {
            return ENOENT;
        }
    }
    for (size_t i = 0; i < less->n; i++) {
        struct special *p = special_of_address(c, &less->items[i]);
        if (p) {
            p->from_flags = p->from_file = false;
        }
    }
    settle(c);
    return 0;
}
