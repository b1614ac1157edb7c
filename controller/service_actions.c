#include "controller/service_actions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/plural.h"
#include "controller/addresses.h"
#include "controller/chance.h"
#include "controller/dialing.h"
#include "controller/drops.h"
#include "controller/judge.h"
#include "controller/lessons.h"
#include "controller/merits.h"
#include "controller/notes.h"
#include "controller/owed.h"
#include "controller/route.h"
#include "controller/service_dials.h"
#include "controller/slots.h"
#include "controller/state.h"

static struct known_peer known_peer(const struct controller *c, const struct endpoint *e)
{
    const struct book_entry *entry = book_find(c->book, e);
    return (struct known_peer){.endpoint = *e, .id = entry->id, .heard_s = entry->heard_ms / 1000};
}

static size_t do_share(void *core, struct peer_ref asker, struct known_peer *out, size_t max)
{
    struct controller *c = core;
    const struct slot *s = slot_find(c, asker);
    bool has_gone = !s && !peer_ref_equal(asker, PEER_NOBODY);
    struct endpoint *chosen = has_gone ? NULL : calloc(max + 1, sizeof *chosen);
    if (!chosen) {
        return 0; /* without memory: the peer asks again */
    }
    size_t n = addresses_share(c, s ? &s->info.endpoint : NULL, chosen, max);
    for (size_t i = 0; i < n; i++) {
        out[i] = known_peer(c, &chosen[i]);
    }
    free(chosen);
    return n;
}

static void do_shared(void *core, struct peer_ref with, size_t n)
{
    struct controller *c = core;
    const struct slot *s = slot_find(c, with);
    if (s) {
        note_peer(c, NOTE_SHARE, s, "%s was told of %zu %s", s->info.hash, n,
                  plural(n, "address", "addresses"));
    }
}

static void note_learned(struct controller *c, const struct slot *s, const struct ip *teller, size_t n,
                         size_t added, size_t unfit)
{
    char ip[IP_TEXT_MAX], text[128];
    snprintf(text, sizeof text, "told us of %zu %s: %zu new, %zu of no public network", n,
             plural(n, "address", "addresses"), added, unfit);
    if (s) {
        note_peer(c, NOTE_SHARE, s, "%s %s", s->info.hash, text);
    } else {
        note(c, NOTE_SHARE, "%s %s", ip_format(teller, ip, sizeof ip), text);
    }
}

static void learn(struct controller *c, struct slot *s, const struct ip *teller,
                  const struct known_peer *peers, size_t n)
{
    const struct known_peer *drawn[KNOWN_PEERS_TAKEN];
    size_t added = 0, unfit = 0, n_drawn = lessons_draw(c, peers, n, drawn);
    for (size_t i = 0; i < n_drawn; i++) {
        const struct endpoint *e = &drawn[i]->endpoint;
        if (!addresses_allow(c, &e->ip)) {
            unfit++;
            continue;
        }
        added += lessons_learn(c, s, teller, e, SOURCE_PEER);
        if (drawn[i]->id.size > 0) {
            book_identify(c->book, e, &drawn[i]->id, teller);
        }
    }
    note_learned(c, s, teller, n, added, unfit);
    c->dial_wanted = true;
}

static void do_learn(void *core, struct peer_ref from, const struct known_peer *peers, size_t n)
{
    struct controller *c = core;
    struct slot *s = slot_find(c, from);
    if (s) {
        learn(c, s, &s->remote.ip, peers, n);
    }
}

static void do_hear(void *core, const struct ip *teller, const struct known_peer *peers, size_t n)
{
    learn(core, NULL, teller, peers, n);
}

static bool do_is_welcome(void *core, const struct ip *ip)
{
    const struct controller *c = core;
    return !book_is_banned(c->book, ip, book_time(c)) && !book_is_discouraged(c->book, ip, book_time(c));
}

static void do_merit(void *core, struct peer_ref about, int32_t merit)
{
    struct controller *c = core;
    struct slot *s = slot_find(c, about);
    if (s) {
        if (merit > 0) {
            slot_earns(c, s, merit);
        } else {
            judge_loses(c, s, merit);
        }
    }
}

static void do_fault(void *core, struct peer_ref about, int32_t demerit, const char *text)
{
    struct controller *c = core;
    struct slot *s = slot_find(c, about);
    if (s) {
        enum note_kind kind = demerit > 0 ? NOTE_CHARGED : NOTE_FAULT;
        note_slot(c, kind, 0, s, "%s: %s: %d %s", s->info.hash, text, -demerit,
                  plural((uint64_t)-demerit, "point", "points"));
        judge_loses(c, s, -(int64_t)demerit);
    }
}

static void do_brought(void *core, struct peer_ref by)
{
    struct controller *c = core;
    struct slot *s = slot_find(c, by);
    if (s) {
        s->brought_ms = c->now.ms;
    }
}

static void do_lost(void *core, struct peer_ref of, uint64_t n)
{
    drops_count(core, of, DROP_UNKEPT, n);
}

static void do_disconnect(void *core, struct peer_ref p, enum end_reason why, const char *text)
{
    struct controller *c = core;
    struct slot *s = slot_find(c, p);
    if (!s) {
        return;
    }
    note_slot(c, NOTE_SENT_AWAY, why, s, "%s: %s", s->info.hash, text);
    slot_close(c, s, why, false);
}

static bool do_next_peer(void *core, struct peer_ref after, struct service_peer *next)
{
    struct controller *c = core;
    for (uint32_t i = after.generation ? after.index + 1 : 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_ONLINE) {
            continue;
        }
        *next = as_service_peer(&c->slots[i]);
        return true;
    }
    return false;
}

static uint32_t do_wanted(void *core)
{
    return dialing_wanted(core);
}

static void do_hold(void *core, struct peer_ref p, bool held)
{
    struct slot *s = slot_find(core, p);
    if (s) {
        s->held = held;
    }
}

static bool do_ask(void *core, const struct store_request *q)
{
    struct controller *c = core;
    return c->act->ask(c->host, q);
}

static bool do_is_behind(void *core, struct peer_ref p)
{
    const struct slot *s = slot_find(core, p);
    return s && s->service_backlog > 0;
}

static void do_send_datagram(void *core, const struct endpoint *to, const void *bytes, size_t size)
{
    struct controller *c = core;
    if (!c->config->node.lan && ip_equal(&to->ip, &ip_everybody_v4)) {
        c->dropped_datagrams[DATAGRAM_UNSENT]++;
        return;
    }
    struct datagram *d = datagram_new(to, bytes, size);
    if (d) { /* without memory it is lost, as any may be */
        c->act->send_datagram(c->host, d);
    }
}

static void do_tell(void *core, const char *text)
{
    note_unbounded(core, LOG_LEVEL_INFO, "%s", text);
}

const struct service_actions controller_service_actions = {
    .send = route_answer,
    .deliver = route_deliver,
    .share = do_share,
    .shared = do_shared,
    .learn = do_learn,
    .hear = do_hear,
    .is_welcome = do_is_welcome,
    .wanted = do_wanted,
    .merit = do_merit,
    .fault = do_fault,
    .brought = do_brought,
    .lost = do_lost,
    .disconnect = do_disconnect,
    .next_peer = do_next_peer,
    .random = chance_draw,
    .tell = do_tell,
    .dial = service_dial,
    .route = route_service,
    .hold = do_hold,
    .is_behind = do_is_behind,
    .ask = do_ask,
    .send_datagram = do_send_datagram,
    .reply = owed_reply,
};
