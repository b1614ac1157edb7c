/* How the protocol's service acts on the node. `world` is the core. */
#include <stdlib.h>

#include "controller/private.h"

static void do_send(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct message m = {.type = MSG_SEND, .scope = SCOPE_NONE, .kind = kind, .peer = to, .parcel = parcel};

    route_post(world, &m);
}

static void do_deliver(void *world, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    route_deliver(world, from, kind, parcel);
}

struct sharing {
    struct controller *c;
    const struct slot *asker;
};

static bool skip_share(void *context, const struct endpoint *e)
{
    const struct sharing *s = context;

    return special_has_endpoint(s->c, e) || endpoint_equal(e, &s->asker->terms.endpoint);
}

static uint64_t draw(void *context)
{
    const struct sharing *s = context;

    return s->c->act->random(s->c->world);
}

static struct known_peer known_peer(const struct controller *c, const struct endpoint *e)
{
    const struct book_entry *entry = book_find(c->book, e);
    return (struct known_peer){.endpoint = *e, .id = entry->id, .heard_s = entry->heard_ms / 1000};
}

static size_t do_share(void *world, struct peer_ref asker, struct known_peer *out, size_t most)
{
    struct controller *c = world;
    struct sharing s = {.c = c, .asker = slot_find(c, asker)};
    struct book_choice choice = {.skip = skip_share, .random = draw, .context = &s};
    struct endpoint *chosen = s.asker ? calloc(most + 1, sizeof *chosen) : NULL;
    if (!chosen) {
        return 0; /* without memory: the peer asks again */
    }
    slots_settle(c);
    size_t n =
        book_shareable(c->book, &choice, c->config->merits.share_above, chosen, most, c->now.wall_ms);
    note(c, NOTE_SHARE, "%s was told of %zu addresses", s.asker->terms.hash, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = known_peer(c, &chosen[i]);
    }
    free(chosen);
    return n;
}

static void do_learn(void *world, struct peer_ref from, const struct known_peer *peers, size_t n)
{
    struct controller *c = world;
    const struct slot *s = slot_find(c, from);
    size_t added = 0, unfit = 0;

    for (size_t i = 0; i < n; i++) {
        if (!c->config->terms.network.open && !ip_is_routable(&peers[i].endpoint.ip)) {
            unfit++;
            continue;
        }
        const struct endpoint *e = &peers[i].endpoint;
        added += !book_find(c->book, e);
        book_learn(c->book, e, SOURCE_PEER, c->now.wall_ms);
        if (peers[i].id.size > 0) {
            book_identify(c->book, e, &peers[i].id, false);
        }
    }
    note(c, NOTE_SHARE, "%s told us of %zu addresses: %zu are new, %zu are none of a public network",
         s ? s->terms.hash : "a peer that has gone", n, added, unfit);
    c->dial_wanted = true;
}

static void do_merit(void *world, struct peer_ref about, int32_t merit)
{
    struct controller *c = world;
    struct slot *s = slot_find(c, about);

    if (s)
        slot_credit(c, s, merit);
}

static void do_disconnect(void *world, struct peer_ref p, enum end_reason why, const char *text)
{
    struct controller *c = world;
    struct slot *s = slot_find(c, p);

    if (!s)
        return;
    note(c, NOTE_SENT_AWAY, "%s: %s", s->terms.hash, text);
    slot_close(c, s, why, false);
}

static bool do_next_peer(void *world, struct peer_ref after, struct service_peer *next)
{
    struct controller *c = world;

    for (uint32_t i = after.generation ? after.index + 1 : 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_ONLINE)
            continue;
        *next = slot_service_peer(c, &c->slots[i]);
        return true;
    }
    return false;
}

static uint32_t do_wanted(void *world)
{
    return dialing_wanted(world);
}

static uint64_t do_random(void *world)
{
    struct controller *c = world;

    return c->act->random(c->world);
}

const struct service_actions controller_service_actions = {
    .send = do_send,
    .deliver = do_deliver,
    .share = do_share,
    .learn = do_learn,
    .wanted = do_wanted,
    .merit = do_merit,
    .disconnect = do_disconnect,
    .next_peer = do_next_peer,
    .random = do_random,
};
