#include "controller/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "base/utf8.h"
#include "controller/clocks.h"
#include "controller/ids.h"
#include "controller/notes.h"
#include "controller/reasons.h"
#include "controller/risk.h"
#include "controller/seen_as.h"
#include "controller/slots.h"
#include "controller/state.h"

_Static_assert(sizeof((struct kith_peer){0}.hash) == PEER_HASH_MAX, "every name of a peer has room");
_Static_assert(sizeof((struct kith_status){0}.network) >= NETWORK_NAME_MAX, "every network's name has room");
_Static_assert(sizeof((struct kith_status){0}.identity) >= PEER_ID_TEXT_MAX, "every identity has room");
_Static_assert(sizeof((struct kith_status){0}.eclipse_reason) >= sizeof((struct controller){0}.risk.reason),
               "every reason has room");
_Static_assert(sizeof((struct kith_status){0}.seen_as) >= IP_TEXT_MAX, "every IP address has room");
_Static_assert(sizeof((struct kith_peer){0}.address) >= ENDPOINT_TEXT_MAX, "every address has room");

/* An event and what it points at are one block, so freeing the event frees all. */
struct text_event {
    struct node_event event;
    char text[];
};

struct listening_event {
    struct node_event event;
    char address[ENDPOINT_TEXT_MAX];
};

struct peer_event {
    struct node_event event;
    struct kith_peer peer;
    char text[];
};

/* Of a peer that is listed among others. */
struct peer_drops {
    struct kith_count by[DROP_CAUSE_COUNT + 1];
};

/* Behind it come the peers and, behind those, the drops of each. */
struct peers_event {
    struct node_event event;
    struct kith_peer peers[];
};

struct status_event {
    struct node_event event;
    struct kith_status status;
    struct kith_count dropped[DROP_CAUSE_COUNT + 1], ended[END_REASON_COUNT + 1];
    struct kith_count datagrams_dropped[DATAGRAM_CAUSES + 1];
    struct kith_count dials[1 + END_REASON_COUNT + 1];
};

void report_event(struct controller *c, uint64_t id, struct node_event *e)
{
    if (e) {
        c->act->tell(c->host, e);
    } else if (id != 0) {
        c->act->tell_no_memory(c->host, id);
    }
}

/* The public header promises UTF-8, and a terminal may obey the rest: reasons can be a peer's words. */
static const char *set_text(char *to, const char *text)
{
    strcpy(to, text);
    utf8_make_harmless(to);
    return to;
}

static struct node_event *event_of_text(enum kith_event_type type, uint64_t id, enum kith_reason reason,
                                        const char *text)
{
    struct text_event *e = node_event_block(type, id, sizeof *e + strlen(text) + 1);
    if (!e) {
        return NULL;
    }
    e->event.public.text = set_text(e->text, text);
    e->event.public.reason = reason;
    return &e->event;
}

void report_text(struct controller *c, uint64_t id, enum kith_reason why_not, const char *text)
{
    report_event(c, id, event_of_text(why_not ? KITH_FAILED : KITH_DONE, id, why_not, text));
}

void report_answer(struct controller *c, uint64_t id, enum kith_reason why_not, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[REASON_MAX + 96];
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report_text(c, id, why_not, text);
}

void report_sent(struct controller *c, uint64_t id, uint64_t peers)
{
    report_event(c, id, node_event_new(KITH_SENT, id, peers));
}

void report_listening(struct controller *c)
{
    struct listening_event *e = node_event_block(KITH_LISTENING, 0, sizeof *e);
    if (!e) {
        return;
    }
    e->event.public.address = endpoint_format(&c->listening, e->address, sizeof e->address);
    report_event(c, 0, &e->event);
}

/* Of *p, which is all zero: all but what the host counts. */
static void describe(struct controller *c, struct slot *s, struct kith_peer *p)
{
    p->size = sizeof *p;
    p->connection = s->number;
    memcpy(p->hash, s->info.hash, sizeof p->hash);
    utf8_make_harmless(p->hash);
    if (s->info.endpoint.port) {
        endpoint_format(&s->info.endpoint, p->address, sizeof p->address);
    } else if (s->direction == DIRECTION_OUTGOING && !s->remote.port) {
        address_format(&s->to, p->address, sizeof p->address);
    }
    p->outgoing = s->direction == DIRECTION_OUTGOING;
    p->special = s->special;
    p->relay = s->purpose == PURPOSE_RELAY;
    p->version = s->info.version;
    p->online_ms = c->now.ms - s->online_ms;
    for (int i = 0; i < DROP_CAUSE_COUNT; i++) {
        p->dropped += s->dropped[i];
    }
    p->repeated = s->repeated;
    p->quality = slot_quality(c, s);
    if (!clocks_ahead(c, s, &p->clock_offset_ms)) {
        p->clock_offset_ms = KITH_NO_CLOCK;
    }
}

static struct node_event *event_of_peer(struct controller *c, struct slot *s, enum kith_event_type type,
                                        enum kith_reason reason, const char *text)
{
    struct peer_event *e = node_event_block(type, 0, sizeof *e + strlen(text) + 1);
    if (!e) {
        return NULL;
    }
    describe(c, s, &e->peer);
    e->event.public.peer = &e->peer;
    e->event.public.reason = reason;
    e->event.public.text = set_text(e->text, text);
    return &e->event;
}

void report_online(struct controller *c, struct slot *s)
{
    struct node_event *e = event_of_peer(c, s, KITH_ONLINE, KITH_REASON_NONE, "");
    char text[ENDPOINT_TEXT_MAX];
    slot_format_remote(s, text);
    note_slot(c, NOTE_ONLINE, 0, s, "%s online, %s, version %u, from %s", s->info.hash,
              s->direction == DIRECTION_OUTGOING ? "outgoing" : "incoming", s->info.version, text);
    if (e) {
        e->ref = s->ref;
        e->public.count = slots_of_peer(c, s);
    }
    report_event(c, 0, e);
}

void report_offline(struct controller *c, struct slot *s)
{
    struct node_event *e =
        event_of_peer(c, s, KITH_OFFLINE, reason_of_end(s->why), s->ending ? s->ending->text : "ended");
    if (e) {
        e->public.count = slots_of_peer(c, s) - 1; /* without this one */
    }
    report_event(c, 0, e);
}

bool report_dropped(struct controller *c, struct slot *s, enum drop_cause cause, uint64_t parcels)
{
    const char *text = drop_cause_text(cause);
    enum kith_reason reason = reason_of_drop(cause);
    struct node_event *e =
        s ? event_of_peer(c, s, KITH_DROPPED, reason, text) : event_of_text(KITH_DROPPED, 0, reason, text);
    if (!e) {
        return false;
    }
    e->public.count = parcels;
    if (s) {
        note_slot(c, NOTE_DROPS, cause, s, "%s: %llu %s dropped: %s", s->info.hash,
                  (unsigned long long)parcels, plural(parcels, "parcel", "parcels"), text);
    } else {
        note(c, NOTE_DROPS, "gone peers: %llu %s dropped: %s", (unsigned long long)parcels,
             plural(parcels, "parcel", "parcels"), text);
    }
    report_event(c, 0, e);
    return true;
}

static struct kith_count count_of(enum kith_reason reason, uint64_t count)
{
    return (struct kith_count){.cause = reason_text(reason), .count = count, .reason = reason};
}

static void count_drops(struct kith_count *to, const uint64_t dropped[DROP_CAUSE_COUNT])
{
    for (int i = 0; i < DROP_CAUSE_COUNT; i++) {
        to[i] = count_of(reason_of_drop((enum drop_cause)i), dropped[i]);
    }
}

void report_peers(struct controller *c, uint64_t id)
{
    size_t row = sizeof(struct kith_peer) + sizeof(struct peer_drops);
    struct peers_event *e = node_event_block(KITH_PEERS, id, sizeof *e + c->n_online * row);
    if (!e) { /* an answer all the same, of which there may be memory for */
        report_event(c, id, node_event_new(KITH_PEERS, id, 0));
        return;
    }
    struct peer_drops *drops = (struct peer_drops *)&e->peers[c->n_online];
    for (size_t i = 0; i < c->n_online; i++) {
        struct slot *s = &c->slots[c->online[i]];
        describe(c, s, &e->peers[i]);
        count_drops(drops[i].by, s->dropped);
        e->peers[i].dropped_by = drops[i].by;
        c->act->measure(c->host, s->ref, &e->peers[i]);
    }
    e->event.public.peers = e->peers;
    e->event.public.count = c->n_online;
    report_event(c, id, &e->event);
}

static uint32_t specials_online(const struct controller *c)
{
    uint32_t n = 0;
    for (size_t i = 0; i < c->n_online; i++) {
        n += c->slots[c->online[i]].special;
    }
    return n;
}

/* And what the host counts. */
static void fill_counts(struct controller *c, struct status_event *e)
{
    count_drops(e->dropped, c->dropped);
    e->dials[0] = (struct kith_count){.cause = "online", .count = c->came_outgoing};
    for (int i = 0; i < END_REASON_COUNT; i++) {
        enum kith_reason reason = reason_of_end((enum end_reason)i);
        e->ended[i] = count_of(reason, c->ended[i]);
        e->dials[i + 1] = count_of(reason, c->dials[i]);
    }
    uint64_t datagrams[DATAGRAM_CAUSES];
    memcpy(datagrams, c->dropped_datagrams, sizeof datagrams);
    bool has_datagrams = c->act->measure_node(c->host, &e->status, datagrams);
    for (int i = 0; i < DATAGRAM_CAUSES && has_datagrams; i++) {
        e->datagrams_dropped[i] = count_of(reason_of_datagram((enum datagram_cause)i), datagrams[i]);
    }
}

static void fill_status(struct controller *c, struct status_event *e)
{
    const struct node_config *config = &c->config->node;
    struct kith_status *s = &e->status;
    *s = (struct kith_status){
        .size = sizeof *s,
        .network_id = config->network.id,
        .node_id = config->node_id,
        .port = c->listening.port,
        .outgoing = c->n_outgoing,
        .incoming = c->n_incoming,
        .special = specials_online(c),
        .dialing = c->n_dialing,
        .known = book_count(c->book),
        .banned = book_ban_count(c->book, book_time(c)),
        .shed = c->shed,
        .repeated = c->repeated,
        .uptime_ms = c->now.ms - c->started_ms,
        .dropped = e->dropped,
        .ended = e->ended,
        .datagrams_dropped = e->datagrams_dropped,
        .dials = e->dials,
        .total_outgoing = c->came_outgoing,
        .total_incoming = c->came_incoming,
        .saves = c->saves,
        .saves_failed = c->saves_failed,
        .save_ms = c->took_ms,
        .saved_ms = c->saved_ms < 0 ? -1 : c->now.ms - c->saved_ms,
        .seeded = c->seeded,
        .seeds_failed = c->seeds_failed,
        .seed_addresses = c->seed_addresses,
        .relays = slots_relaying(c),
        .accepted = c->judged.accepted,
        .ignored = c->judged.ignored,
        .rejected = c->judged.rejected,
        .unjudged = c->judged.unjudged,
        .awaiting = c->judged.awaiting,
    };
    snprintf(s->network, sizeof s->network, "%s", config->network.name);
    snprintf(s->protocol, sizeof s->protocol, "%s", c->config->protocol->name);
    peer_id_format(&config->id, s->identity, sizeof s->identity);
    struct ip ip;
    if (seen_as(c, &ip)) {
        ip_format(&ip, s->seen_as, sizeof s->seen_as);
    }
    risk_look(c);
    s->eclipse_risk = c->risk.percent;
    snprintf(s->eclipse_reason, sizeof s->eclipse_reason, "%s", c->risk.reason);
    s->clocks_outgoing = clocks_median(c, DIRECTION_OUTGOING, &s->clock_offset_ms);
    s->clocks_incoming = clocks_median(c, DIRECTION_INCOMING, &s->clock_offset_in_ms);
    fill_counts(c, e);
    s->to_network += slots_parked(c);
}

void report_status(struct controller *c, uint64_t id)
{
    struct status_event *e = node_event_block(KITH_STATUS, id, sizeof *e);
    if (!e) { /* as for the peers */
        report_event(c, id, node_event_new(KITH_STATUS, id, 0));
        return;
    }
    fill_status(c, e);
    e->event.public.status = &e->status;
    report_event(c, id, &e->event);
}
