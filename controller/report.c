/* What the application and the log are told. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "controller/private.h"

_Static_assert(sizeof((struct kith_peer){0}.hash) == PEER_HASH_MAX, "every name of a peer has room");
_Static_assert(sizeof((struct kith_status){0}.network) >= NETWORK_NAME_MAX, "every network's name has room");
_Static_assert(sizeof((struct kith_status){0}.identity) >= PEER_ID_TEXT_MAX, "every identity has room");
_Static_assert(sizeof((struct kith_peer){0}.address) >= ENDPOINT_TEXT_MAX, "every address has room");

#define CAUSE_TEXT(name, text) [name] = text,
static const char *const cause_texts[] = {DROP_CAUSES(CAUSE_TEXT)};

const char *drop_cause_text(enum drop_cause c)
{
    return cause_texts[c];
}

void node_event_free(struct node_event *e)
{
    if (!e)
        return;
    free(e->peers);
    free(e->status);
    free(e);
}

void report_log(struct controller *c, enum log_level level, const char *format, ...)
{
    char line[512];
    va_list arguments;

    if (level > c->config->log_level)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    c->act->log(c->world, level, line);
}

static struct node_event *event(enum node_event_type type, uint64_t id)
{
    struct node_event *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->type = type;
    e->id = id;
    return e;
}

/* Without memory for an event the application is not told; it would be told of nothing else either. */
static void tell(struct controller *c, struct node_event *e)
{
    if (e)
        c->act->tell(c->world, e);
}

void report_event(struct controller *c, enum node_event_type type, uint64_t id, const char *format, ...)
{
    struct node_event *e = event(type, id);
    va_list arguments;

    if (!e)
        return;
    va_start(arguments, format);
    vsnprintf(e->text, sizeof e->text, format, arguments);
    va_end(arguments);
    tell(c, e);
}

void report_sent(struct controller *c, uint64_t id, uint64_t peers)
{
    struct node_event *e = event(NODE_SENT, id);

    if (e)
        e->count = peers;
    tell(c, e);
}

void report_listening(struct controller *c)
{
    struct node_event *e = event(NODE_LISTENING, 0);

    if (e)
        e->endpoint = c->listening;
    tell(c, e);
}

/* Of *p, which is all zero: all but what the world counts. */
static void describe(struct controller *c, struct slot *s, struct kith_peer *p)
{
    p->connection = s->number;
    memcpy(p->hash, s->terms.hash, sizeof p->hash);
    utf8_make_harmless(p->hash);
    if (s->terms.endpoint.port)
        endpoint_format(&s->terms.endpoint, p->address, sizeof p->address);
    p->outgoing = s->direction == DIRECTION_OUTGOING;
    p->special = s->special;
    p->version = s->terms.version;
    p->online_ms = c->now.ms - s->online_ms;
    p->dropped = s->dropped;
    p->repeated = s->repeated;
    if (s->remote.port)
        p->quality = book_quality(c->book, &s->remote.ip, c->now.wall_ms);
}

void report_online(struct controller *c, struct slot *s)
{
    struct node_event *e = event(NODE_ONLINE, 0);
    char text[ENDPOINT_TEXT_MAX];

    note(c, NOTE_ONLINE, "%s online, %s, version %u, from %s", s->terms.hash,
         s->direction == DIRECTION_OUTGOING ? "outgoing" : "incoming", s->terms.version,
         endpoint_format(&s->remote, text, sizeof text));
    if (e) {
        e->ref = slot_ref(c, s);
        describe(c, s, &e->peer);
    }
    tell(c, e);
}

void report_offline(struct controller *c, struct slot *s)
{
    struct node_event *e = event(NODE_OFFLINE, 0);

    if (!e)
        return;
    describe(c, s, &e->peer);
    snprintf(e->text, sizeof e->text, "%s", s->ending ? s->ending->text : "ended");
    tell(c, e);
}

void report_peers(struct controller *c, uint64_t id)
{
    struct node_event *e = event(NODE_PEERS, id);

    if (!e)
        return;
    e->peers = calloc(c->n_online + 1, sizeof *e->peers);
    for (size_t i = 0; e->peers && i < c->n_online; i++) {
        struct slot *s = &c->slots[c->online[i]];

        slot_settle(c, s);
        describe(c, s, &e->peers[e->count]);
        c->act->measure(c->world, slot_ref(c, s), &e->peers[e->count]);
        e->count++;
    }
    tell(c, e);
}

static uint32_t specials_online(const struct controller *c)
{
    uint32_t n = 0;

    for (size_t i = 0; i < c->n_online; i++)
        n += c->slots[c->online[i]].special;
    return n;
}

/* What the application is shown of the node's state, in one block. */
struct status_block {
    struct kith_status shown;
    struct kith_count dropped[DROP_CAUSE_COUNT + 1], ended[END_REASON_COUNT + 1];
};

static void fill_status(struct controller *c, struct status_block *b)
{
    const struct node_terms *terms = &c->config->terms;
    struct kith_status *s = &b->shown;

    *s = (struct kith_status){
        .network_id = terms->network.id,
        .node_id = terms->node_id,
        .port = c->listening.port,
        .outgoing = c->n_outgoing,
        .incoming = c->n_incoming,
        .special = specials_online(c),
        .dialing = c->n_dialing,
        .known = book_count(c->book),
        .banned = book_ban_count(c->book, c->now.wall_ms),
        .shed = c->shed,
        .repeated = c->repeated,
        .uptime_ms = c->now.ms - c->started_ms,
        .dropped = b->dropped,
        .ended = b->ended,
    };
    snprintf(s->network, sizeof s->network, "%s", terms->network.name);
    snprintf(s->protocol, sizeof s->protocol, "%s", c->config->protocol->name);
    peer_id_format(&terms->id, s->identity, sizeof s->identity);
    for (int i = 0; i < DROP_CAUSE_COUNT; i++)
        b->dropped[i] = (struct kith_count){drop_cause_text((enum drop_cause)i), c->dropped[i]};
    for (int i = 0; i < END_REASON_COUNT; i++)
        b->ended[i] = (struct kith_count){end_reason_text((enum end_reason)i), c->ended[i]};
    c->act->measure_node(c->world, s);
    s->to_network += directed_count(c);
}

void report_status(struct controller *c, uint64_t id)
{
    struct node_event *e = event(NODE_STATUS, id);
    struct status_block *b = e ? calloc(1, sizeof *b) : NULL;

    if (b) {
        fill_status(c, b);
        e->status = &b->shown;
    }
    tell(c, e);
}

static void tell_drops(struct controller *c, struct slot *s, uint64_t *untold)
{
    for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++) {
        struct node_event *e;

        if (untold[cause] == 0)
            continue;
        e = event(NODE_DROPPED, 0);
        if (!e)
            return;
        if (s)
            describe(c, s, &e->peer);
        e->count = untold[cause];
        snprintf(e->text, sizeof e->text, "%s", drop_cause_text((enum drop_cause)cause));
        note(c, NOTE_DROPS, "%s: %llu parcels dropped: %s", s ? s->terms.hash : "gone peers",
             (unsigned long long)untold[cause], e->text);
        untold[cause] = 0;
        tell(c, e);
    }
}

void report_slot_drops(struct controller *c, struct slot *s)
{
    if (s->untold[DROP_STALLED] && s->state == SLOT_ONLINE)
        slot_credit(c, s, c->config->merits.lost);
    tell_drops(c, s, s->untold);
}

void report_drops(struct controller *c)
{
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].state != SLOT_FREE)
            report_slot_drops(c, &c->slots[i]);
    tell_drops(c, NULL, c->untold);
    c->drops_untold = false;
}
