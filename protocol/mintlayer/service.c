#include "protocol/mintlayer/service.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/earlier.h"
#include "protocol/mintlayer/address.h"
#include "protocol/mintlayer/message.h"
#include "protocol/mintlayer/setting.h"

#define NEVER INT64_MAX

enum {
    ANNOUNCEMENT_MS = 10 * 1000, /* credit that one announcement of a peer costs: one in ten seconds */
    CREDIT_FIRST = 1,            /* so many at once of a new peer */
    CREDIT_MOST = 10,            /* and of any */
    RELAYED_TO = 2,              /* peers that an announcement is passed on to */
    LIST_LEAST_MS = 54 * 60 * 1000,
    LIST_MOST_MS = 66 * 60 * 1000,
    FEW = 32,                     /* who was told of fewer addresses is owed more */
    OWED_MS = 2000,               /* between two looks for one */
    OWN_MS = 24 * 60 * 60 * 1000, /* between two announcements of ourselves to one peer, on average */
};

static uint64_t draw(const struct mintlayer_service *s)
{
    return s->config.actions->random(s->config.host);
}

static int64_t between(const struct mintlayer_service *s, int64_t least, int64_t most)
{
    return least + (int64_t)(draw(s) % (uint64_t)(most - least + 1));
}

static bool shares_addresses(const struct mintlayer_service *s, const struct service_peer *p)
{
    const struct mintlayer_settings *own = s->config.node->settings;
    return (p->info->offers & own->services & MINTLAYER_ADDRESSES) != 0;
}

/* --- announcements --- */

_Static_assert(sizeof((struct mintlayer_service *)0)->key == crypto_shorthash_KEYBYTES,
               "the length of a key");

static uint32_t mark_of(const struct mintlayer_service *s, const struct endpoint *e)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)e, sizeof *e,
                     (const unsigned char *)s->key);
    return (uint32_t)hash;
}

/* Nothing if the peer knows that address. */
static void announce(struct mintlayer_service *s, const struct service_peer *p, const struct endpoint *e,
                     struct parcel *parcel)
{
    struct mintlayer_peer *state = p->state;
    uint32_t mark = mark_of(s, e);
    if (mintlayer_known_has(&state->known, mark)) {
        return;
    }
    mintlayer_known_add(&state->known, mark);
    s->config.actions->send(s->config.host, p->ref, MINTLAYER_ANNOUNCE_ADDR_REQUEST, parcel_hold(parcel));
}

/* Two are drawn, who sent it among them; those who know it already are not replaced. So an address spreads as
 * far as it is new. */
static void pass_on(struct mintlayer_service *s, const struct endpoint *e, struct parcel *parcel)
{
    struct service_peer chosen[RELAYED_TO], p;
    uint64_t n = 0;
    for (struct peer_ref after = PEER_NOBODY; s->config.actions->next_peer(s->config.host, after, &p);
         after = p.ref) {
        if (!shares_addresses(s, &p)) {
            continue;
        }
        /* Each of the n + 1 so far is chosen with the same chance. */
        uint64_t at = n < RELAYED_TO ? n : draw(s) % (n + 1);
        if (at < RELAYED_TO) {
            chosen[at] = p;
        }
        n++;
    }
    for (uint64_t i = 0; i < n && i < RELAYED_TO; i++) {
        announce(s, &chosen[i], e, parcel);
    }
}

static bool has_credit(struct mintlayer_peer *p, int64_t now_ms)
{
    p->credit_ms = earlier(p->credit_ms + now_ms - p->credited_ms, CREDIT_MOST * ANNOUNCEMENT_MS);
    p->credited_ms = now_ms;
    if (p->credit_ms < ANNOUNCEMENT_MS) {
        return false;
    }
    p->credit_ms -= ANNOUNCEMENT_MS;
    return true;
}

static void on_announcement(struct mintlayer_service *s, int64_t now_ms, const struct service_peer *p,
                            struct parcel *parcel)
{
    struct mintlayer_peer *state = p->state;
    struct known_peers told = known_peers_of(parcel);
    if (told.n != 1 || !has_credit(state, now_ms)) {
        return;
    }
    const struct endpoint e = told.list[0].endpoint;
    mintlayer_known_add(&state->known, mark_of(s, &e));
    s->config.actions->learn(s->config.host, p->ref, told.list, 1);
    if (s->config.actions->is_welcome(s->config.host, &e.ip)) {
        pass_on(s, &e, parcel);
    }
}

/* --- ourselves --- */

/* Where whom we have dialed sees us, somebody may dial us if we listen there. */
static struct endpoint own_address(const struct mintlayer_service *s, const struct service_peer *p)
{
    struct endpoint own = {.ip = p->info->sees.ip, .port = s->config.node->listen_port};
    bool goes = p->direction == DIRECTION_OUTGOING && p->info->sees.port != 0 && shares_addresses(s, p) &&
                mintlayer_is_discoverable(&own);
    return goes ? own : (struct endpoint){.port = 0};
}

/* It may be told what it knows: that we are still there. */
static void announce_one(struct mintlayer_service *s, const struct service_peer *p, const struct endpoint *e)
{
    struct mintlayer_peer *state = p->state;
    struct known_peers peers;
    struct parcel *parcel = known_peers_new(1, &peers);
    if (parcel) {
        peers.list[0].endpoint = *e;
        mintlayer_known_add(&state->known, mark_of(s, e));
        s->config.actions->send(s->config.host, p->ref, MINTLAYER_ANNOUNCE_ADDR_REQUEST, parcel);
        s->config.actions->shared(s->config.host, p->ref, 1);
    }
}

static void announce_ourselves(struct mintlayer_service *s, int64_t now_ms, const struct service_peer *p)
{
    struct mintlayer_peer *state = p->state;
    announce_one(s, p, &state->own);
    state->own_at_ms = now_ms + between(s, OWN_MS / 2, OWN_MS + OWN_MS / 2);
}

/* --- what is owed to newcomers --- */

/* A list is told once, and may have come too early: who asked the first node of a network was told of nobody.
 * Now that there is somebody, one address at a time is announced to it, as fast as it takes them: one is
 * enough to get the list of whoever is there. */
static void pay(struct mintlayer_service *s, int64_t now_ms, const struct service_peer *p)
{
    struct mintlayer_peer *state = p->state;
    struct known_peer some[FEW];
    size_t n = state->known.n < FEW ? s->config.actions->share(s->config.host, p->ref, some, FEW) : 0;
    state->owed_at_ms = state->known.n < FEW ? now_ms + OWED_MS : NEVER;
    for (size_t i = 0; i < n; i++) {
        const struct endpoint *e = &some[i].endpoint;
        if (mintlayer_is_discoverable(e) && !mintlayer_known_has(&state->known, mark_of(s, e))) {
            announce_one(s, p, e);
            state->owed_at_ms = now_ms + ANNOUNCEMENT_MS;
            return;
        }
    }
}

static void owe(struct mintlayer_service *s, int64_t now_ms, const struct service_peer *p)
{
    struct mintlayer_peer *state = p->state;
    struct known_peers told = known_peers_of(s->list);
    if (told.n >= FEW || !shares_addresses(s, p)) {
        return;
    }
    for (size_t i = 0; i < told.n; i++) {
        mintlayer_known_add(&state->known, mark_of(s, &told.list[i].endpoint));
    }
    state->owed_at_ms = now_ms + OWED_MS;
    s->announce_at_ms = earlier(s->announce_at_ms, state->owed_at_ms);
}

/* --- lists --- */

/* What may be told now; NULL if memory is short. */
static struct parcel *draw_list(struct mintlayer_service *s, struct peer_ref asker)
{
    size_t most = s->config.node->limits.share, n = 0;
    most = most < MINTLAYER_LIST_MAX ? most : MINTLAYER_LIST_MAX;
    struct known_peer *all = calloc(most + 1, sizeof *all);
    size_t found = all ? s->config.actions->share(s->config.host, asker, all, most) : 0;
    for (size_t i = 0; i < found; i++) {
        if (mintlayer_is_discoverable(&all[i].endpoint)) {
            all[n++] = all[i];
        }
    }
    struct known_peers peers;
    struct parcel *list = all ? known_peers_new(n, &peers) : NULL;
    for (size_t i = 0; list && i < n; i++) {
        peers.list[i].endpoint = all[i].endpoint;
    }
    free(all);
    return list;
}

/* Everybody is told the same for an hour, so that nobody learns the whole book by asking often. A list of few
 * would keep newcomers from each other, and hides nothing: a longer one takes its place. */
static void renew_list(struct mintlayer_service *s, int64_t now_ms, struct peer_ref asker)
{
    bool is_over = !s->list || s->list_until_ms <= now_ms;
    if (!is_over && known_peers_of(s->list).n >= s->config.node->limits.share) {
        return;
    }
    struct parcel *list = draw_list(s, asker);
    if (!list || (!is_over && list->size <= s->list->size)) {
        parcel_release(list);
        return;
    }
    parcel_release(s->list);
    s->list = list;
    s->list_until_ms = now_ms + between(s, LIST_LEAST_MS, LIST_MOST_MS);
}

static void on_list_request(struct mintlayer_service *s, int64_t now_ms, const struct service_peer *p)
{
    renew_list(s, now_ms, p->ref);
    if (s->list) {
        s->config.actions->send(s->config.host, p->ref, MINTLAYER_ADDR_LIST_RESPONSE, parcel_hold(s->list));
        s->config.actions->shared(s->config.host, p->ref, known_peers_of(s->list).n);
        owe(s, now_ms, p);
    }
}

/* --- functions of struct service_ops --- */

static int mintlayer_service_open(void *v, const struct service_config *config, int64_t now_ms)
{
    struct mintlayer_service *s = v;
    (void)now_ms;
    s->config = *config;
    s->key[0] = draw(s);
    s->key[1] = draw(s);
    s->announce_at_ms = NEVER;
    return 0;
}

static void mintlayer_service_online(void *v, int64_t now_ms, const struct service_peer *p)
{
    struct mintlayer_service *s = v;
    struct mintlayer_peer *state = p->state;
    *state = (struct mintlayer_peer){.credit_ms = CREDIT_FIRST * ANNOUNCEMENT_MS,
                                     .credited_ms = now_ms,
                                     .own_at_ms = NEVER,
                                     .owed_at_ms = NEVER,
                                     .own = own_address(s, p)};
    if (p->direction == DIRECTION_OUTGOING && p->purpose == PURPOSE_PEER) {
        s->config.actions->send(s->config.host, p->ref, MINTLAYER_ADDR_LIST_REQUEST, NULL);
    }
    if (state->own.port != 0) {
        announce_ourselves(s, now_ms, p);
        s->announce_at_ms = earlier(s->announce_at_ms, state->own_at_ms);
    }
}

static void mintlayer_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                                      struct parcel *parcel)
{
    struct mintlayer_service *s = v;
    const struct mintlayer_row *row = mintlayer_row(kind);
    if (row && row->is_payload) {
        if (kind == MINTLAYER_BLOCK_RESPONSE) {
            s->config.actions->brought(s->config.host, p->ref);
        }
        s->config.actions->deliver(s->config.host, p->ref, kind, parcel);
        return;
    }
    if (kind == MINTLAYER_ADDR_LIST_REQUEST) {
        on_list_request(s, now_ms, p);
    } else if (kind == MINTLAYER_ADDR_LIST_RESPONSE && parcel) {
        struct known_peers told = known_peers_of(parcel);
        s->config.actions->learn(s->config.host, p->ref, told.list, told.n);
    } else if (kind == MINTLAYER_ANNOUNCE_ADDR_REQUEST && parcel) {
        on_announcement(s, now_ms, p, parcel);
    }
    parcel_release(parcel);
}

static void mintlayer_service_offline(void *v, int64_t now_ms, const struct service_peer *p)
{
    struct mintlayer_peer *state = p->state;
    (void)v;
    (void)now_ms;
    mintlayer_known_free(&state->known);
}

static int64_t mintlayer_service_deadline(const void *v)
{
    const struct mintlayer_service *s = v;
    return s->announce_at_ms;
}

static void mintlayer_service_tick(void *v, int64_t now_ms)
{
    struct mintlayer_service *s = v;
    struct service_peer p;
    s->announce_at_ms = NEVER;
    for (struct peer_ref after = PEER_NOBODY; s->config.actions->next_peer(s->config.host, after, &p);
         after = p.ref) {
        const struct mintlayer_peer *state = p.state;
        if (state->own_at_ms <= now_ms) {
            announce_ourselves(s, now_ms, &p);
        }
        if (state->owed_at_ms <= now_ms) {
            pay(s, now_ms, &p);
        }
        s->announce_at_ms = earlier(s->announce_at_ms, earlier(state->own_at_ms, state->owed_at_ms));
    }
}

static void mintlayer_service_close(void *v)
{
    struct mintlayer_service *s = v;
    struct service_peer p;
    parcel_release(s->list);
    for (struct peer_ref after = PEER_NOBODY; s->config.actions->next_peer(s->config.host, after, &p);
         after = p.ref) {
        struct mintlayer_peer *state = p.state;
        mintlayer_known_free(&state->known);
    }
}

const struct service_ops mintlayer_service_ops = {
    .size = sizeof(struct mintlayer_service),
    .peer_size = sizeof(struct mintlayer_peer),
    .open = mintlayer_service_open,
    .online = mintlayer_service_online,
    .message = mintlayer_service_message,
    .offline = mintlayer_service_offline,
    .deadline = mintlayer_service_deadline,
    .tick = mintlayer_service_tick,
    .close = mintlayer_service_close,
};
