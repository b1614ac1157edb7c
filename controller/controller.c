#include "controller/controller.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/plural.h"
#include "controller/addresses.h"
#include "controller/admit.h"
#include "controller/asked_dials.h"
#include "controller/chance.h"
#include "controller/commands.h"
#include "controller/dialing.h"
#include "controller/directed.h"
#include "controller/discovery.h"
#include "controller/drops.h"
#include "controller/ended.h"
#include "controller/feelers.h"
#include "controller/finished.h"
#include "controller/judge.h"
#include "controller/lately.h"
#include "controller/meet.h"
#include "controller/merits.h"
#include "controller/notes.h"
#include "controller/owed.h"
#include "controller/pending.h"
#include "controller/quit.h"
#include "controller/relayed.h"
#include "controller/relays.h"
#include "controller/report.h"
#include "controller/route.h"
#include "controller/service_actions.h"
#include "controller/slots.h"
#include "controller/special_names.h"
#include "controller/specials.h"
#include "controller/state.h"
#include "controller/upkeep.h"
#include "controller/verdicts.h"

enum { BOOK_PER_IP = 256 /* one IP must not fill the book with its ports */ };

/* --- the start and the end --- */

static void draw_bytes(struct controller *c, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)chance_draw(c);
    }
}

static struct book *make_book(struct controller *c)
{
    const struct config *config = c->config;
    const struct node_config *t = &config->node;
    struct book_config book = {
        .most_ips = BOOK_IPS,
        .most_ids = config->protocol->rates_ids ? BOOK_IPS : 0,
        .most_per_ip = BOOK_PER_IP,
        .forget_ms = t->timings.forget,
        .decay_ms = t->timings.decay,
        .redial_ms = t->timings.redial,
        .retry_ms = t->timings.retry,
        .retry_first_ms = t->timings.retry_first,
        .shelve_ms = t->timings.shelve,
        .give_up = t->limits.give_up,
        .quality_refuse = config->merits.refuse_below,
        .quality_banned = config->merits.banned,
    };
    draw_bytes(c, book.key, sizeof book.key);
    struct book *b = book_new(&book);
    sodium_memzero(book.key, sizeof book.key);
    return b;
}

static int open_seen_caches(struct controller *c)
{
    const struct timings *t = &c->config->node.timings;
    c->digest_key.strength = c->config->relay ? DIGEST_STRONG : t->echo > 0 ? DIGEST_FAST : DIGEST_NONE;
    draw_bytes(c, c->digest_key.bytes, sizeof c->digest_key.bytes);
    if (t->echo > 0) {
        c->heard_from_peer = seen_cache_new(t->echo);
    }
    if (c->config->relay) {
        c->heard_from_anyone = seen_cache_new(t->seen);
    }
    bool ok = (t->echo == 0 || c->heard_from_peer) && (!c->config->relay || c->heard_from_anyone);
    return ok ? 0 : ENOMEM;
}

static int open_book(struct controller *c, const struct book_snapshot *restored)
{
    c->book = make_book(c);
    draw_bytes(c, c->lesson_key, sizeof c->lesson_key);
    if (!c->book) {
        return ENOMEM;
    }
    if (restored) {
        book_restore(c->book, restored, book_time(c));
    }
    c->saved_version = book_version(c->book);
    return 0;
}

static int open_service(struct controller *c)
{
    const struct service_ops *ops = c->config->protocol->service;
    struct service_config config = {.protocol = c->config->protocol,
                                    .node = &c->config->node,
                                    .actions = &controller_service_actions,
                                    .host = c};
    c->service = calloc(1, ops->size ? ops->size : 1);
    return c->service && ops->open(c->service, &config, c->now.ms) == 0 ? 0 : ENOMEM;
}

/* What is open when one of these fails is closed by controller_free. */
static int open_all(struct controller *c, const struct book_snapshot *restored)
{
    int error = open_book(c, restored);
    error = error ? error : open_seen_caches(c);
    error = error ? error : verdicts_open(c);
    error = error ? error : specials_set(c, &c->config->special_flags, &c->config->special_file);
    return error ? error : open_service(c);
}

struct controller *controller_new(const struct config *config, const struct controller_actions *actions,
                                  void *host, const struct book_snapshot *restored, struct moment now)
{
    struct controller *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    c->config = config;
    c->act = actions;
    c->host = host;
    c->wall_start_ms = now.wall_ms;
    c->started_ms = now.ms;
    c->now = now;
    c->max_slots = controller_max_slots(config);
    c->dial_ms = c->seed_ms = c->save_ms = c->expire_ms = c->report_ms = NEVER;
    c->drop_round_ms = c->next_spare_ms = c->silence_ms = NEVER;
    notes_begin(c);
    if (open_all(c, restored)) {
        controller_free(c);
        return NULL;
    }
    return c;
}

void controller_start(struct controller *c, struct moment now)
{
    c->now = now;
    upkeep_begin(c);
    dialing_begin(c);
    feelers_begin(c);
    relays_begin(c);
    drops_begin(c);
    controller_tick(c, now);
}

void controller_free(struct controller *c)
{
    if (!c) {
        return;
    }
    const struct service_ops *service = c->config->protocol->service;
    route_abandon(c);
    if (c->service && service->close) {
        service->close(c->service); /* while there are the peers that are online */
    }
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].state != SLOT_FREE) {
            slot_free(c, &c->slots[i]);
        }
    }
    free(c->service);
    addresses_free(c);
    lately_free(c);
    free(c->slots);
    free(c->online);
    free(c->specials);
    free(c->special_places);
    free(c->sending.left);
    free(c->relayed);
    free(c->deliveries.items);
    free(c->service_backlog.items);
    verdicts_close(c);
    seen_cache_free(c->heard_from_peer);
    seen_cache_free(c->heard_from_anyone);
    book_free(c->book);
    free(c);
}

/* --- messages --- */

uint64_t controller_digest(const void *core, uint32_t kind, const struct parcel *p)
{
    const struct controller *c = core;
    return seen_cache_digest(&c->digest_key, kind, p);
}

void controller_prefetch(const struct controller *c, const struct message *m, size_t n)
{
    for (size_t i = 0; c->heard_from_peer && i < n; i++) {
        if (m[i].type == MSG_PEER) {
            seen_cache_prefetch(c->heard_from_peer, m[i].peer, m[i].digest);
        }
    }
}

static void on_peer(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);
    /* A connection that was refused as a duplicate, or is banned, may have sent more before it learned of it.
     */
    if (!s || !s->was_online) {
        parcel_release(m->parcel);
        if (!s || !s->told_service) { /* who was only to answer a dial has nothing to say to anybody */
            drops_count(c, m->peer, DROP_GONE, 1);
        }
        return;
    }
    if (c->now.ms - s->heard_ms >= HEARD_MS) {
        slot_is_heard(c, s);
    }
    c->arrived = m->parcel;
    c->arrived_kind = m->kind;
    c->arrived_digest = m->digest;
    struct service_peer p = as_service_peer(s);
    c->config->protocol->service->message(c->service, c->now.ms, &p, m->kind, m->parcel);
}

static void on_credit(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);
    if (!s) {
        return;
    }
    if (m->credit.good && c->now.ms - s->heard_ms >= HEARD_MS) {
        slot_is_heard(c, s);
    }
    if (!m->credit.bad) {
        return;
    }
    note_peer(c, NOTE_FAULT, s, "%s: %u %s not end its session", s->info.hash, m->credit.bad,
              plural(m->credit.bad, "fault that does", "faults that do"));
    judge_loses(c, s, (int64_t)m->credit.bad * c->config->merits.bad);
}

static void on_datagram(struct controller *c, struct datagram *d)
{
    struct bytes bytes = {.data = d->bytes, .size = d->size};
    /* Nobody sends from there. An answer would go to all in our networks, or to port 0, which is nowhere. */
    if (d->remote.port == 0 || ip_equal(&d->remote.ip, &ip_everybody_v4)) {
        c->dropped_datagrams[DATAGRAM_UNTAKEN]++;
    } else if (!c->config->protocol->service->datagram(c->service, c->now.ms, &d->remote, bytes)) {
        c->dropped_datagrams[DATAGRAM_UNTAKEN]++;
    }
    free(d);
}

static void on_answer(struct controller *c, const struct message *m)
{
    const struct store_answer a = {.token = m->id, .kind = m->kind, .parcel = m->parcel};
    c->config->protocol->service->answer(c->service, c->now.ms, &a);
    finished_run(c);
}

/* What comes once for a connection, or now and then. Never inlined: a message does not pay for it. */
static __attribute__((noinline)) void dispatch_rare(struct controller *c, const struct message *m)
{
    struct slot *s;
    switch (m->type) {
    case MSG_MET:
    case MSG_ONLINE:
        s = slot_find(c, m->peer);
        if (s) {
            (m->type == MSG_MET ? meet_peer : admit_handshake)(c, s, m->info);
        }
        free(m->info);
        break;
    case MSG_ALIVE:
        s = slot_find(c, m->peer);
        if (s) {
            meet_alive(c, s);
        }
        break;
    case MSG_LEFT:
        s = slot_find(c, m->peer);
        if (s) {
            s->has_left = true;
        }
        break;
    case MSG_FINISHED:
        s = slot_find(c, m->peer);
        if (s) {
            finished_peer(c, s);
        }
        break;
    case MSG_CREDIT:
        on_credit(c, m);
        break;
    case MSG_LOST:
        drops_count(c, m->peer, m->lost.why == LOSS_UNSAYABLE ? DROP_UNSAYABLE : DROP_UNFINISHED,
                    m->lost.count);
        break;
    case MSG_ENDED:
        ended_connection(c, m);
        break;
    case MSG_GONE:
        ended_drained(c, m);
        break;
    case MSG_LEAVE:
        directed_leave(c, m);
        break;
    case MSG_ASK:
        owed_ask(c, m);
        break;
    case MSG_COMMAND:
        command_run(c, m->command, m->id);
        break;
    case MSG_VERDICT:
        verdicts_give(c, m->id, (enum kith_verdict)m->kind);
        break;
    case MSG_ACCEPTED:
        admit_accepted(c, m->accepted);
        free(m->accepted);
        break;
    case MSG_LISTENING:
        c->listening = *m->endpoint;
        free(m->endpoint);
        report_listening(c);
        break;
    case MSG_SEEDS:
        discovery_seeds(c, m->seeds);
        break;
    case MSG_NAMES:
        special_names_found(c, m->names);
        asked_dial_found(c, m->names);
        free(m->names);
        break;
    case MSG_SAVED:
        upkeep_saved(c, m->failed);
        break;
    case MSG_DATAGRAM:
        on_datagram(c, m->datagram);
        break;
    case MSG_ANSWER:
        on_answer(c, m);
        break;
    }
}

void controller_handle(struct controller *c, struct moment now, const struct message *m)
{
    c->now = now;
    if (m->type == MSG_PEER) {
        on_peer(c, m);
    } else if (m->type == MSG_SEND) {
        route_send(c, m);
    } else {
        dispatch_rare(c, m);
    }
}

bool controller_has_sends(const struct controller *c)
{
    return c->sending.active || c->n_parking > 0 || c->n_owed_sends > 0 || c->n_owed_commands > 0;
}

bool controller_takes_sends(const struct controller *c)
{
    return !c->sending.active && c->n_owed_sends < SERVICE_SENDS_MAX &&
           c->n_owed_commands < SERVICE_COMMANDS_MAX;
}

bool controller_takes(const struct controller *c, struct peer_ref peer)
{
    if (c->deliveries.n > 0) {
        return false;
    }
    if (peer.index >= c->n_slots) {
        return true;
    }
    const struct slot *s = &c->slots[peer.index];
    return s->n_relayed == 0 && !(c->verdicts && verdicts_hold(c, s)) &&
           (s->state == SLOT_ENDED || (!s->rival.generation && (!s->held || s->has_left)));
}

void controller_facts(const struct controller *c, struct facts *facts)
{
    const struct service_ops *s = c->config->protocol->service;
    *facts = (struct facts){.nonce = c->starting_nonce};
    if (s->facts) {
        s->facts(c->service, facts);
    }
}

bool controller_waits(const struct controller *c)
{
    return c->sending.active || c->n_parking > 0 || c->deliveries.n > 0 || c->service_backlog.n > 0 ||
           c->n_relayed > 0;
}

void controller_retry(struct controller *c, struct moment now)
{
    c->now = now;
    route_retry(c);
    finished_run(c);
}

void controller_expel(struct controller *c, struct moment now, struct peer_ref peer, enum end_reason why)
{
    struct slot *s = slot_find(c, peer);
    c->now = now;
    if (s) {
        slot_close(c, s, why, true);
    }
}

void controller_dropped(struct controller *c, struct peer_ref peer, enum drop_cause cause, uint64_t parcels)
{
    drops_count(c, peer, cause, parcels);
}

void controller_returned(struct controller *c, struct moment now, const struct message *m)
{
    c->now = now;
    relayed_return(c, m);
}

void controller_abandon(struct controller *c, const struct message *m)
{
    if (m->type == MSG_ASK) {
        parcel_release(m->parcel);
    } else if (m->type == MSG_COMMAND) {
        command_free(m->command);
    }
    if (m->type == MSG_ASK || m->type == MSG_COMMAND || m->type == MSG_LEAVE) {
        report_answer(c, m->id, KITH_FAIL_ENDING, "the node is ending");
    }
    if (m->type != MSG_SEND) {
        return;
    }
    drops_count(c, m->peer, DROP_SHUTDOWN, 1);
    parcel_release(m->parcel);
    if (m->id) {
        report_sent(c, m->id, 0);
    }
}

/* --- time --- */

/* What is due. */
static void run_due(struct controller *c)
{
    const struct service_ops *s = c->config->protocol->service;
    if (s->deadline(c->service) <= c->now.ms) {
        s->tick(c->service, c->now.ms);
        finished_run(c);
    }
    upkeep_run(c);
    meet_run(c);
    verdicts_run(c);
    drops_run(c);
    pending_run(c);
}

void controller_tick(struct controller *c, struct moment now)
{
    c->now = now;
    slots_make_room(c);
    notes_run(c, false);
    if (c->quitting) {
        quit_run(c);
    } else {
        run_due(c);
    }
    dialing_run(c);
    feelers_run(c);
    relays_run(c);
}

int64_t controller_deadline(const struct controller *c)
{
    if (c->quitting) {
        return quit_deadline(c);
    }
    int64_t at = c->config->protocol->service->deadline(c->service);
    at = earlier(at, dialing_deadline(c));
    at = earlier(at, feelers_deadline(c));
    at = earlier(at, relays_deadline(c));
    at = earlier(at, upkeep_deadline(c));
    at = earlier(at, meet_deadline(c));
    at = earlier(at, verdicts_deadline(c));
    at = earlier(at, drops_deadline(c));
    at = earlier(at, pending_deadline(c));
    return earlier(at, notes_deadline(c));
}
