#include "controller/asked_dials.h"

#include <string.h>

#include "controller/dialing.h"
#include "controller/lately.h"
#include "controller/own_network.h"
#include "controller/places.h"
#include "controller/reasons.h"
#include "controller/report.h"
#include "controller/slots.h"
#include "controller/special_names.h"
#include "controller/specials.h"

/* Why an address is not dialed; of no reason if it may be. */
struct obstacle {
    enum kith_reason reason;
    const char *text; /* a literal */
};

static bool is_special(struct controller *c, const struct address *to, const struct endpoint *e)
{
    return special_of_address(c, to) || (e && special_has_endpoint(c, e));
}

static bool has_place(struct controller *c)
{
    return c->n_dialing < c->config->node.limits.dials &&
           dialing_ordinary(c) < c->config->outgoing + ASKED_PLACES;
}

/* Why a peer that is not special may not be dialed, whatever its address. */
static struct obstacle not_special(struct controller *c)
{
    if (c->config->exclusive) {
        return (struct obstacle){KITH_FAIL_EXCLUSIVE, "with -exclusive, and no special peer"};
    }
    if (!has_place(c)) {
        return (struct obstacle){KITH_FAIL_FULL, "too many outgoing connections, or dials"};
    }
    return (struct obstacle){KITH_REASON_NONE, ""};
}

static struct obstacle obstacle_at(struct controller *c, const struct endpoint *e, bool special)
{
    uint32_t per_ip = c->config->node.limits.per_ip;
    if (book_is_self(c->book, e)) {
        return (struct obstacle){KITH_FAIL_SELF, "it is ourselves"};
    }
    if (!own_network_reaches(c, &e->ip)) {
        return (struct obstacle){KITH_END_LOCAL, "-bind is of the other family"};
    }
    if (special ? book_is_banned(c->book, &e->ip, book_time(c))
                : book_refuses(c->book, &e->ip, book_time(c))) {
        return (struct obstacle){KITH_FAIL_BANNED, "banned, or of too low a quality"};
    }
    if (!special && per_ip && slots_of_holder(c, &e->ip) >= per_ip) {
        return (struct obstacle){KITH_FAIL_FULL, "too many connections with its IP address"};
    }
    return (struct obstacle){KITH_REASON_NONE, ""};
}

/* An outgoing connection, or dial, that leads there already; `e` is NULL if a proxy alone knows where. */
static struct slot *find_outgoing(struct controller *c, const struct address *to, const struct endpoint *e)
{
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        bool is_there = e && s->remote.port ? endpoint_equal(&s->remote, e) : address_equal(&s->to, to);
        if (s->direction == DIRECTION_OUTGOING && (s->state == SLOT_DIALING || s->state == SLOT_ONLINE) &&
            !s->closing && is_there) {
            return s;
        }
    }
    return NULL;
}

/* Whether there is one, which answers the request. */
static bool joins(struct controller *c, const struct address *to, const struct endpoint *e, uint64_t id)
{
    struct slot *s = find_outgoing(c, to, e);
    if (!s) {
        return false;
    }
    if (s->state == SLOT_ONLINE) {
        report_answer(c, id, KITH_REASON_NONE, "%s", s->info.hash);
    } else if (s->asked || s->for_service || s->purpose != PURPOSE_PEER) {
        report_answer(c, id, KITH_FAIL_UNDER_WAY, "dial: another one is under way there");
    } else {
        s->asked = true;
        s->asked_id = id;
    }
    return true;
}

static void begin(struct controller *c, const struct dial_request *request, uint64_t id)
{
    for (size_t i = 0; i < request->n; i++) {
        book_dialed(c->book, &request->targets[i], book_time(c));
        lately_dialed(c, &request->targets[i].ip);
    }
    struct slot *s = slot_dial(c, request, "as the application asks");
    if (!s) {
        report_answer(c, id, KITH_END_RESOURCES, "dial: %s", reason_text(KITH_END_RESOURCES));
        return;
    }
    struct special *p = request->special ? special_of_address(c, &request->to) : NULL;
    if (p && !p->slot.generation) {
        p->slot = s->ref;
    }
    s->asked = true;
    s->asked_id = id;
}

static void dial(struct controller *c, const struct address *to, const struct endpoint *targets, size_t n,
                 uint64_t id)
{
    struct dial_request request = {.to = *to, .special = is_special(c, to, n > 0 ? targets : NULL)};
    struct obstacle o = {KITH_REASON_NONE, ""};
    for (size_t i = 0; i < n; i++) {
        if (joins(c, to, &targets[i], id)) {
            return;
        }
        struct obstacle here = obstacle_at(c, &targets[i], request.special);
        if (here.reason) {
            o = here;
        } else if (request.n < TARGETS_MAX) {
            request.targets[request.n++] = targets[i];
        }
    }
    if (n == 0 && joins(c, to, NULL, id)) {
        return;
    }
    if (n == 0 || request.n > 0) {
        o = request.special ? (struct obstacle){KITH_REASON_NONE, ""} : not_special(c);
    }
    if (o.reason) {
        report_answer(c, id, o.reason, "dial: %s", o.text);
    } else {
        begin(c, &request, id);
    }
}

/* --- names --- */

static void ask_name(struct controller *c, const struct address *name, uint64_t id)
{
    if (c->n_asked_names == ASKED_NAMES || !c->act->look_up(c->host, name)) {
        report_answer(c, id, KITH_FAIL_FULL, "dial: too many names are looked up, or memory is short");
        return;
    }
    c->asked_names[c->n_asked_names++] = (struct asked_name){.name = *name, .id = id};
}

void asked_dial_found(struct controller *c, const struct names_found *f)
{
    struct endpoint targets[NAME_ADDRESSES_MAX];
    size_t n = special_names_usable(f, targets), kept = 0;
    struct asked_name found[ASKED_NAMES];
    size_t n_found = 0;
    for (size_t i = 0; i < c->n_asked_names; i++) {
        if (address_equal(&c->asked_names[i].name, &f->name)) {
            found[n_found++] = c->asked_names[i];
        } else {
            c->asked_names[kept++] = c->asked_names[i];
        }
    }
    c->n_asked_names = kept;
    for (size_t i = 0; i < n_found; i++) {
        if (n > 0) {
            dial(c, &found[i].name, targets, n, found[i].id);
        } else {
            report_answer(c, found[i].id, KITH_FAIL_NAME, "dial: the name was not found: %s",
                          f->n ? "it stands for no address" : f->error);
        }
    }
}

void asked_dials_abandon(struct controller *c)
{
    for (size_t i = 0; i < c->n_asked_names; i++) {
        report_answer(c, c->asked_names[i].id, KITH_FAIL_ENDING, "dial: the node is ending");
    }
    c->n_asked_names = 0;
}

/* --- the request, and what came of it --- */

void asked_dial(struct controller *c, const struct address *to, uint64_t id)
{
    struct endpoint e;
    if (c->quitting) {
        report_answer(c, id, KITH_FAIL_ENDING, "dial: the node is ending");
    } else if (address_is_ip(to, &e)) {
        dial(c, to, &e, 1, id);
    } else if (config_has_proxy(c->config)) {
        dial(c, to, NULL, 0, id);
    } else {
        ask_name(c, to, id);
    }
}

void asked_dial_online(struct controller *c, struct slot *s)
{
    if (s->asked) {
        s->asked = false;
        report_answer(c, s->asked_id, KITH_REASON_NONE, "%s", s->info.hash);
    }
}

void asked_dial_ended(struct controller *c, struct slot *s)
{
    if (s->asked) {
        s->asked = false;
        report_answer(c, s->asked_id, reason_of_end(s->why), "dial: %s",
                      s->ending ? s->ending->text : reason_text(reason_of_end(s->why)));
    }
}
