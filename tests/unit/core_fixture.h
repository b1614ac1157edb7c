/* A core in a world that does what the test says. */
#ifndef KITH_TESTS_CORE_FIXTURE_H
#define KITH_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "tests/unit/dice.h"

enum { MOST = 512 };

struct world {
    struct config config;
    struct controller *core;
    int64_t now_ms, wall_ahead_ms;
    uint64_t random;

    struct peer_ref dialed[MOST];
    char dialed_to[MOST][ENDPOINT_TEXT_MAX];
    struct peer_id dialed_id[MOST];
    size_t dialed_targets[MOST]; /* of host names: how many addresses, and the first */
    char dialed_first[MOST][ENDPOINT_TEXT_MAX];
    uint64_t dialed_nonce[MOST];
    enum purpose dialed_purpose[MOST];
    size_t n_dialed, n_looked_up;
    bool dial_fails, look_up_fails;

    struct peer_ref accepted[MOST];
    bool refused[MOST];
    size_t alternatives[MOST];
    size_t n_accepted, n_shed;
    bool accept_fails;

    struct peer_ref posted[MOST]; /* application messages only */
    char posted_text[MOST][8];
    size_t n_posted, n_asked;                 /* asked: what the service itself has posted */
    struct peer_ref full;                     /* posting to it says wait */
    size_t full_room;                         /* after that many */
    struct peer_ref waiting, waited_for;      /* the last that the core told of */
    struct peer_ref told_full;                /* the last peer of which the core said so */
    bool is_full[MOST];                       /* by the index of the peer's slot */
    uint64_t room_taken;                      /* for what waits */
    uint64_t room;                            /* at most so much; 0: any */
    size_t n_pushed;                          /* messages that had to wait and could not */
    bool no_room;                             /* for more of it */
    size_t answer_bytes;                      /* of the last that had any */
    bool from_full;                           /* delivering says wait */
    size_t from_room;                         /* after so many; 0 for never */
    size_t n_delivered, n_delivered_of[MOST]; /* by the index of the peer's slot */

    struct peer_ref closed[MOST];
    enum end_reason closed_why[MOST];
    bool closed_at_once[MOST];
    size_t n_closed;

    struct peer_ref consented[MOST], probed[MOST];
    size_t n_consented, n_probed;

    struct store_request asked_store[8]; /* without their parcels; answered by the test */
    size_t n_asked_store, store_room;
    struct datagram *datagram; /* the last that was sent */

    uint64_t bytes_in[MOST]; /* by the index of the peer's slot */

    uint64_t sent_peers, dropped, known;
    int32_t quality;         /* of the last peer of a list */
    int64_t clock_offset_ms; /* the same */
    bool is_special;         /* the same */
    enum kith_event_type last;
    enum kith_reason last_reason;
    uint64_t last_id;
    size_t n_told, last_size; /* events; bytes of the last one's text */
    char last_text[256], last_hash[PEER_HASH_MAX];
    size_t n_online, n_dropped_events, n_fetched, n_saved;
    bool has_no_seeds;                       /* there is nowhere to fetch from */
    int32_t saved_quality;                   /* the first that there is */
    int64_t saved_heard, saved_banned_until; /* the same */
    size_t saved_anchors;
    uint32_t risk;
    char risk_reason[96];
    char seen_as[64];               /* in the last status */
    struct kith_status last_status; /* its lists are gone, but for these */
    uint64_t dials[END_REASON_COUNT + 1];
    uint64_t dropped_by[DROP_CAUSE_COUNT]; /* of the last peer of a list */
    size_t n_lines;                        /* of the log, which is silent unless the test says so */
    char last_line[512];
    char last_about[256]; /* of that line: the peer, "|" and the IP address */
    bool ended;

    char log[32768]; /* lines, the first ones */
    size_t log_used;
};

static inline struct moment now(const struct world *w)
{
    return (struct moment){.ms = w->now_ms, .wall_ms = 1700000000000 + w->wall_ahead_ms + w->now_ms};
}

/* --- the world's side --- */

static inline bool w_dial(void *world, struct peer_ref slot, const struct dial_request *request)
{
    struct world *w = world;
    if (w->dial_fails) {
        return false;
    }
    assert_true(w->n_dialed < MOST);
    address_format(&request->to, w->dialed_to[w->n_dialed], ENDPOINT_TEXT_MAX);
    w->dialed_targets[w->n_dialed] = request->n;
    if (request->n > 0) {
        endpoint_format(&request->targets[0], w->dialed_first[w->n_dialed], ENDPOINT_TEXT_MAX);
    }
    struct facts facts;
    controller_facts(w->core, &facts);
    w->dialed_nonce[w->n_dialed] = facts.nonce;
    w->dialed_id[w->n_dialed] = request->to.id;
    w->dialed_purpose[w->n_dialed] = request->purpose;
    w->dialed[w->n_dialed++] = slot;
    return true;
}

static inline bool w_look_up(void *world, const struct address *name)
{
    struct world *w = world;
    struct endpoint e;
    assert_false(address_is_ip(name, &e));
    w->n_looked_up += !w->look_up_fails;
    return !w->look_up_fails;
}

static inline bool w_accept(void *world, struct peer_ref slot, struct accepted *a, bool refuse,
                            const struct endpoint *alternatives, size_t n)
{
    struct world *w = world;
    (void)a;
    (void)alternatives;
    if (w->accept_fails) {
        return false;
    }
    assert_true(w->n_accepted < MOST);
    w->accepted[w->n_accepted] = slot;
    w->refused[w->n_accepted] = refuse;
    w->alternatives[w->n_accepted++] = n;
    return true;
}

static inline void w_shed(void *world, struct accepted *a)
{
    struct world *w = world;
    (void)a;
    w->n_shed++;
}

static inline enum gate_result w_post(void *world, struct moment at, struct peer_ref to,
                                      const struct message *m)
{
    struct world *w = world;
    (void)at;
    if (peer_ref_equal(to, w->full) && w->full_room == 0) {
        return GATE_WAIT;
    }
    w->full_room -= peer_ref_equal(to, w->full);
    if (m->kind == w->config.protocol->kinds[0].kind) {
        assert_true(w->n_posted < MOST);
        snprintf(w->posted_text[w->n_posted], sizeof w->posted_text[0], "%.*s", (int)m->parcel->size,
                 (const char *)m->parcel->bytes);
        w->posted[w->n_posted++] = to;
    } else {
        w->n_asked++;
        w->answer_bytes = m->parcel ? m->parcel->size : w->answer_bytes;
    }
    parcel_release(m->parcel);
    return GATE_POSTED;
}

static inline enum gate_result w_push(void *world, struct peer_ref to, const struct message *m)
{
    struct world *w = world;
    assert_true(peer_ref_equal(to, w->full));
    w->n_pushed++;
    parcel_release(m->parcel);
    return GATE_POSTED;
}

static inline bool w_take_room(void *world, struct moment at, uint64_t bytes)
{
    struct world *w = world;
    (void)at;
    if (bytes > 0 && (w->no_room || (w->room > 0 && w->room_taken + bytes > w->room))) {
        return false;
    }
    w->room_taken += bytes;
    return true;
}

static inline void w_give_room(void *world, uint64_t bytes)
{
    struct world *w = world;
    assert_true(w->room_taken >= bytes);
    w->room_taken -= bytes;
}

static inline void w_consent(void *world, struct peer_ref slot)
{
    struct world *w = world;
    assert_true(w->n_consented < MOST);
    w->consented[w->n_consented++] = slot;
}

static inline void w_probe(void *world, struct peer_ref slot)
{
    struct world *w = world;
    assert_true(w->n_probed < MOST);
    w->probed[w->n_probed++] = slot;
}

static inline void w_waits(void *world, struct peer_ref from, struct peer_ref to)
{
    struct world *w = world;
    w->waiting = from;
    w->waited_for = to;
}

static inline void w_full(void *world, struct peer_ref peer, bool is_full)
{
    struct world *w = world;
    w->told_full = is_full ? peer : PEER_NOBODY;
    w->is_full[peer.index] = is_full;
}

static inline void w_close(void *world, struct peer_ref slot, enum end_reason why, bool at_once)
{
    struct world *w = world;
    assert_true(w->n_closed < MOST);
    w->closed_at_once[w->n_closed] = at_once;
    w->closed_why[w->n_closed] = why;
    w->closed[w->n_closed++] = slot;
}

static inline enum gate_result w_deliver(void *world, struct moment at, const struct message *m)
{
    struct world *w = world;
    (void)at;
    if (w->from_full) {
        return GATE_WAIT;
    }
    w->n_delivered++;
    w->n_delivered_of[m->peer.index]++;
    w->from_full = w->from_room > 0 && --w->from_room == 0;
    parcel_release(m->parcel);
    return GATE_POSTED;
}

static inline uint64_t w_next_ticket(void *world)
{
    struct world *w = world;
    return w->n_delivered + 1;
}

static inline void w_tell(void *world, struct node_event *event)
{
    const struct kith_event *e = &event->public;
    struct world *w = world;
    w->n_told++;
    w->last = e->type;
    w->last_id = e->id;
    w->last_reason = e->reason;
    w->last_size = strlen(e->text);
    snprintf(w->last_text, sizeof w->last_text, "%s", e->text);
    snprintf(w->last_hash, sizeof w->last_hash, "%s", e->peer->hash);
    if (e->type == KITH_SENT) {
        w->sent_peers = e->count;
    }
    if (e->type == KITH_ONLINE) {
        w->n_online++;
    }
    if (e->type == KITH_DROPPED) {
        w->n_dropped_events++;
        w->dropped += e->count;
    }
    if (e->type == KITH_STATUS) {
        w->known = e->status->known;
        w->last_status = *e->status;
        for (size_t i = 0; i <= END_REASON_COUNT; i++) {
            w->dials[i] = e->status->dials[i].count;
        }
        w->risk = e->status->eclipse_risk;
        snprintf(w->seen_as, sizeof w->seen_as, "%s", e->status->seen_as);
        snprintf(w->risk_reason, sizeof w->risk_reason, "%s", e->status->eclipse_reason);
    }
    if (e->type == KITH_PEERS && e->count > 0) {
        w->quality = e->peers[e->count - 1].quality;
        w->is_special = e->peers[e->count - 1].special;
        w->clock_offset_ms = e->peers[e->count - 1].clock_offset_ms;
        for (size_t i = 0; i < DROP_CAUSE_COUNT; i++) {
            w->dropped_by[i] = e->peers[e->count - 1].dropped_by[i].count;
        }
    }
    node_event_free(event);
}

static inline bool w_fetch_seeds(void *world)
{
    struct world *w = world;
    w->n_fetched++;
    return !w->has_no_seeds;
}

static inline void w_save_peers(void *world, struct book_snapshot *s)
{
    struct world *w = world;
    w->n_saved++;
    w->saved_quality = s->n_scores > 0 ? s->scores[0].quality : 0;
    w->saved_banned_until = s->n_scores > 0 ? s->scores[0].banned_until : 0;
    w->saved_anchors = 0;
    for (size_t i = 0; i < s->n_entries; i++) {
        w->saved_anchors += s->entries[i].anchor;
    }
    w->saved_heard = s->n_entries > 0 ? s->entries[0].heard_ms : 0;
    book_snapshot_free(s);
}

static inline void w_measure(void *world, struct peer_ref slot, struct kith_peer *p)
{
    struct world *w = world;
    p->bytes_in = w->bytes_in[slot.index];
}

static inline bool w_measure_node(void *world, struct kith_status *s, uint64_t datagrams[DATAGRAM_CAUSES])
{
    (void)world;
    (void)s;
    (void)datagrams;
    return false;
}

static inline uint64_t w_random(void *world)
{
    struct world *w = world;
    uint64_t n = dice_throw(&w->random);
    return n ^ n >> 32; /* the low bits alone would repeat after a few numbers */
}

static inline void w_log(void *world, enum log_level level, const struct log_about *about, const char *line)
{
    struct world *w = world;
    (void)level;
    snprintf(w->last_about, sizeof w->last_about, "%s|%s", about->peer ? about->peer : "",
             about->ip ? about->ip : "");
    w->n_lines++;
    snprintf(w->last_line, sizeof w->last_line, "%s", line);
    if (w->log_used + sizeof w->last_line < sizeof w->log) {
        w->log_used += (size_t)snprintf(w->log + w->log_used, sizeof w->last_line, "%.500s\n", line);
    }
}

static inline void w_ended(void *world)
{
    struct world *w = world;
    w->ended = true;
}

static inline bool w_ask(void *world, const struct store_request *q)
{
    struct world *w = world;
    if (w->n_asked_store == w->store_room) {
        return false;
    }
    parcel_release(q->parcel);
    assert_true(w->n_asked_store < sizeof w->asked_store / sizeof w->asked_store[0]);
    w->asked_store[w->n_asked_store++] = (struct store_request){.token = q->token, .kind = q->kind};
    return true;
}

static inline void w_send_datagram(void *world, struct datagram *d)
{
    struct world *w = world;
    free(w->datagram);
    w->datagram = d;
}

static const struct controller_actions actions = {
    .dial = w_dial,
    .look_up = w_look_up,
    .accept = w_accept,
    .shed = w_shed,
    .post = w_post,
    .push = w_push,
    .consent = w_consent,
    .probe = w_probe,
    .waits = w_waits,
    .full = w_full,
    .take_room = w_take_room,
    .give_room = w_give_room,
    .close = w_close,
    .deliver = w_deliver,
    .tell = w_tell,
    .fetch_seeds = w_fetch_seeds,
    .save_peers = w_save_peers,
    .ask = w_ask,
    .send_datagram = w_send_datagram,
    .measure = w_measure,
    .measure_node = w_measure_node,
    .random = w_random,
    .next_ticket = w_next_ticket,
    .log = w_log,
    .ended = w_ended,
};

/* --- the test's side --- */

static inline void world_init_with(struct world *w, const struct protocol *p)
{
    w->now_ms = 1000;
    w->random = 42;
    w->config = (struct config){
        .protocol = p,
        .node = {.timings = p->timings,
                 .limits = p->limits,
                 .settings = p->setting_defaults,
                 .node_id = 77,
                 .version = 10},
        .merits = p->merits,
        .outgoing = 8,
        .broadcast = 4,
        .log_level = LOG_LEVEL_SILENT,
    };
    w->config.node.limits.incoming = 20;
    assert_true(protocol_network(p, "LOCAL", NULL, &w->config.node.network));
}

static inline void world_init(struct world *w, const char *protocol)
{
    world_init_with(w, protocol_find(protocol));
}

static inline struct world *world_of(const char *protocol)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    world_init(w, protocol);
    return w;
}

static inline struct world *world_new(void)
{
    return world_of("factom");
}

/* On the internet. */
static inline struct world *internet_world(void)
{
    struct world *w = world_new();
    assert_true(protocol_network(w->config.protocol, "MAIN", NULL, &w->config.node.network));
    return w;
}

static inline void world_open_with(struct world *w, const struct controller_actions *a)
{
    w->core = controller_new(&w->config, a, w, NULL, now(w));
    assert_non_null(w->core);
    controller_start(w->core, now(w));
}

static inline void world_open(struct world *w)
{
    world_open_with(w, &actions);
}

static inline void world_free(struct world *w)
{
    controller_free(w->core);
    free(w->datagram);
    address_list_free(&w->config.special_flags);
    address_list_free(&w->config.special_file);
    address_list_free(&w->config.bootstrap);
    free(w);
}

static inline void handle(struct world *w, struct message m)
{
    controller_handle(w->core, now(w), &m);
}

static inline void pass(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    controller_tick(w->core, now(w));
}

static inline struct endpoint endpoint_of(const char *text)
{
    struct endpoint e;
    assert_true(endpoint_parse(&e, text));
    return e;
}

static inline void online_as(struct world *w, struct peer_ref slot, const char *text, uint64_t node_id,
                             struct peer_id id)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->endpoint = endpoint_of(text);
    t->node_id = node_id;
    t->id = id;
    t->version = 10;
    snprintf(t->hash, sizeof t->hash, "%.64s %08llx", text, (unsigned long long)node_id);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = t});
}

static inline void online(struct world *w, struct peer_ref slot, const char *text, uint64_t node_id)
{
    online_as(w, slot, text, node_id, (struct peer_id){.size = 0});
}

/* `as` is NULL if there was no memory to say more. */
static inline void ended_as(struct world *w, struct peer_ref slot, enum end_reason reason,
                            const struct ending *as)
{
    struct message m = {.type = MSG_ENDED, .peer = slot, .end.reason = reason};
    if (as) {
        struct ending *e = calloc(1, sizeof *e);
        assert_non_null(e);
        *e = *as;
        m.ending = e;
    }
    controller_handle(w->core, now(w), &m);
}

static inline void ended(struct world *w, struct peer_ref slot, enum end_reason reason)
{
    const struct ending e = {0};
    ended_as(w, slot, reason, &e);
    handle(w, (struct message){.type = MSG_GONE, .peer = slot});
}

/* A message that was posted to that connection comes back: it has ended before. */
static inline void comes_back(struct world *w, struct peer_ref slot, enum scope scope, const char *text)
{
    struct message m = {.scope = scope, .kind = w->config.protocol->kinds[0].kind, .peer = slot};
    m.parcel = parcel_new(text, strlen(text));
    assert_non_null(m.parcel);
    w->n_posted = 0;
    controller_returned(w->core, now(w), &m);
}

/* A seed list of that address at so many ports in a row. */
static inline void seed_ports(struct world *w, const char *text, uint16_t n)
{
    struct seed_report *r = calloc(1, sizeof *r + n * sizeof r->endpoints[0]);
    assert_non_null(r);
    for (r->n = 0; r->n < n; r->n++) {
        r->endpoints[r->n] = endpoint_of(text);
        r->endpoints[r->n].port = (uint16_t)(r->endpoints[r->n].port + r->n);
    }
    handle(w, (struct message){.type = MSG_SEEDS, .seeds = r});
}

static inline void seed(struct world *w, const char *text)
{
    seed_ports(w, text, 1);
}

/* A socket from that address; the slot it was given, or nobody. */
static inline struct peer_ref knock(struct world *w, const char *from)
{
    struct accepted *a = calloc(1, sizeof *a);
    size_t before = w->n_accepted;
    assert_non_null(a);
    a->remote = endpoint_of(from);
    handle(w, (struct message){.type = MSG_ACCEPTED, .accepted = a});
    return w->n_accepted > before ? w->accepted[before] : PEER_NOBODY;
}

static inline struct peer_ref incoming(struct world *w, int number)
{
    char text[64];
    snprintf(text, sizeof text, "10.%d.0.1:40000", number);
    struct peer_ref slot = knock(w, text);
    assert_true(slot.generation);
    snprintf(text, sizeof text, "10.%d.0.1:8110", number);
    online(w, slot, text, (uint64_t)number);
    return slot;
}

static inline void say(struct world *w, enum scope scope, struct peer_ref to, const char *text, uint64_t id)
{
    struct message m = {
        .type = MSG_SEND, .scope = scope, .kind = w->config.protocol->kinds[0].kind, .peer = to, .id = id};
    m.parcel = parcel_new(text, strlen(text));
    assert_non_null(m.parcel);
    w->n_posted = 0;
    controller_handle(w->core, now(w), &m);
}

/* Of the protocol's kinds the one with that index. */
static inline void receive_kind(struct world *w, struct peer_ref from, size_t kind, const char *text)
{
    struct message m = {.type = MSG_PEER, .kind = w->config.protocol->kinds[kind].kind, .peer = from};
    m.parcel = parcel_new(text, strlen(text));
    assert_non_null(m.parcel);
    m.digest = controller_digest(w->core, m.kind, m.parcel);
    controller_handle(w->core, now(w), &m);
}

static inline void receive(struct world *w, struct peer_ref from, const char *text)
{
    receive_kind(w, from, 0, text);
}

static inline struct command *command(enum command_type type)
{
    struct command *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->type = type;
    return c;
}

static inline void ban(struct world *w, const char *ip)
{
    struct command *c = command(COMMAND_BAN);
    assert_true(ip_parse(&c->ip, ip));
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
}

static inline uint64_t known(struct world *w)
{
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_STATUS)});
    return w->known;
}

static inline int32_t quality(struct world *w)
{
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_PEERS)});
    return w->quality;
}

/* The look-up of a special peer's name is answered: "10.1.0.1:8110 [::1]:8110", "" for a failure. */
static inline void named(struct world *w, const char *name, const char *addresses)
{
    struct names_found *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(address_parse(&f->name, name, strlen(name)));
    struct address_list list;
    char bad[300];
    assert_int_equal(address_list_parse(&list, addresses, bad, sizeof bad), 0);
    for (; f->n < list.n; f->n++) {
        assert_true(address_is_ip(&list.items[f->n], &f->endpoints[f->n]));
    }
    address_list_free(&list);
    snprintf(f->error, sizeof f->error, "%s", f->n ? "" : "Name or service not known");
    handle(w, (struct message){.type = MSG_NAMES, .names = f});
}

static inline void special_flag(struct world *w, const char *text)
{
    char bad[300];
    assert_int_equal(address_list_parse(&w->config.special_flags, text, bad, sizeof bad), 0);
}

#endif
