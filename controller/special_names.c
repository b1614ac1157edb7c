#include "controller/special_names.h"

#include <string.h>

#include "controller/chance.h"
#include "controller/notes.h"
#include "controller/specials.h"
#include "controller/state.h"

enum {
    NAME_MS = 60 * 1000,  /* between two look-ups of one name */
    NAME_LEAST_MS = 1000, /* the same, however often its dials fail */
};

static void look_up(struct controller *c, struct special *p)
{
    bool asked = c->act->look_up(c->host, &p->address);
    p->asked_ms = c->now.ms;
    /* It is looked up again even if no answer ever comes. */
    p->look_ms = c->now.ms + (asked ? chance_between(c, NAME_MS * 3 / 4, NAME_MS * 5 / 4) : NAME_LEAST_MS);
}

void special_name_run(struct controller *c, struct special *p)
{
    if (p->named && p->look_ms <= c->now.ms) {
        look_up(c, p);
    }
}

int64_t special_name_deadline(const struct special *p)
{
    return p->named ? p->look_ms : NEVER;
}

void special_name_again(struct controller *c, struct special *p)
{
    int64_t at = p->asked_ms + NAME_LEAST_MS;
    if (at < c->now.ms) {
        at = c->now.ms;
    }
    if (p->named && p->look_ms > at) {
        p->look_ms = at;
    }
}

/* If a name server fails, or forgets a name, the addresses that are known stay. */
static void not_found(struct controller *c, struct special *p, const char *why)
{
    int64_t pause = c->config->node.timings.redial_special;
    char text[ENDPOINT_TEXT_MAX];
    note_unbounded(c, p->lost ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
                   "special peer %s: its name was not found, and is looked up again: %s",
                   address_format(&p->address, text, sizeof text), why);
    p->lost = true;
    pause = chance_retry(c, earlier(pause, NAME_MS));
    p->look_ms = c->now.ms + (pause > NAME_LEAST_MS ? pause : NAME_LEAST_MS);
}

static bool has_all(const struct special *p, const struct endpoint *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!special_is_at(p, &list[i])) {
            return false;
        }
    }
    return true;
}

static void found(struct controller *c, struct special *p, const struct endpoint *list, size_t n)
{
    const struct special was = *p;
    if (n == p->n_known && has_all(p, list, n) && !p->lost) {
        return;
    }
    char name[ENDPOINT_TEXT_MAX];
    char first[ENDPOINT_TEXT_MAX];
    note_unbounded(c, p->n_known || p->lost ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "special peer %s is at %s%s",
                   address_format(&p->address, name, sizeof name),
                   endpoint_format(&list[0], first, sizeof first), n > 1 ? ", and at other addresses" : "");
    p->lost = false;
    memcpy(p->known, list, n * sizeof *list);
    p->n_known = n;
    p->first = 0;
    p->redundant_dials = 0;
    p->unfit = NULL;
    p->dial_ms = c->now.ms;
    special_moved(c, p, &was);
}

/* "0.0.0.0" is what a name server says that blocks a name; to a socket it would be ourselves. */
static bool is_nowhere(const struct ip *ip)
{
    static const struct ip v4 = {{[10] = 0xff, [11] = 0xff}};
    return ip_equal(ip, &v4) || ip_is_unspecified_v6(ip);
}

size_t special_names_usable(const struct names_found *f, struct endpoint list[NAME_ADDRESSES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        bool twice = is_nowhere(&f->endpoints[i].ip);
        for (size_t j = 0; j < n; j++) {
            twice |= endpoint_equal(&list[j], &f->endpoints[i]);
        }
        if (!twice) {
            list[n++] = f->endpoints[i];
        }
    }
    return n;
}

void special_names_found(struct controller *c, const struct names_found *f)
{
    struct special *p = special_of_address(c, &f->name);
    if (!p || !p->named) {
        return;
    }
    struct endpoint list[NAME_ADDRESSES_MAX];
    size_t n = special_names_usable(f, list);
    if (n > 0) {
        found(c, p, list, n);
    } else {
        not_found(c, p, f->n ? "it stands for no address" : f->error);
    }
}
