#include "controller/controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

enum {
    BOOK_ENDPOINTS = 10000,
    BOOK_IPS = 20000,
    BOOK_PER_IP = 256, /* one IP must not fill the book with its ports */
    EXPIRE_MS = 60 * 1000,
    REPORT_MS = 1000,
    QUIT_MS = 1200,    /* connections that have not ended by then are ended at once */
    SPARE_SLOTS = 256, /* for connections that have ended but are not yet drained, and for refusals */
};

/* The book's clock runs with the monotonic one: if the wall clock leaps, nobody is forgotten, no ban ends
 * and none lasts longer. What is saved gets the times of the wall clock as it is then. */
static void set_now(struct controller *c, struct moment now)
{
    c->wall_ms = now.wall_ms;
    c->now = (struct moment){.ms = now.ms, .wall_ms = c->wall_start_ms + now.ms - c->started_ms};
}

static uint64_t draw(void *context)
{
    struct controller *c = context;

    return c->act->random(c->world);
}

static struct book *make_book(const struct config *config)
{
    const struct node_terms *t = &config->terms;
    struct book_terms terms = {
        .most_endpoints = BOOK_ENDPOINTS,
        .most_ips = BOOK_IPS,
        .most_per_ip = BOOK_PER_IP,
        .forget_ms = t->timings.forget,
        .decay_ms = t->timings.decay,
        .redial_ms = t->timings.redial,
        .retry_ms = t->timings.retry,
        .give_up = t->limits.give_up,
        .quality_refuse = config->merits.refuse_below,
        .quality_banned = config->merits.banned,
    };

    return book_new(&terms);
}

static bool open_memories(struct controller *c)
{
    const struct timings *t = &c->config->terms.timings;

    c->digest_key.strong = c->config->relay;
    for (size_t i = 0; i < sizeof c->digest_key.bytes; i++)
        c->digest_key.bytes[i] = (uint8_t)draw(c);
    if (t->echo > 0)
        c->echo = recent_new(t->echo);
    if (c->config->relay)
        c->seen = recent_new(t->seen);
    return (t->echo == 0 || c->echo) && (!c->config->relay || c->seen);
}

static bool open_parts(struct controller *c, const struct book_snapshot *restored)
{
    const struct config *config = c->config;
    struct service_terms service = {.protocol = config->protocol,
                                    .node = &config->terms,
                                    .actions = &controller_service_actions,
                                    .world = c};

    c->book = make_book(config);
    if (!c->book)
        return false;
    if (restored)
        book_restore(c->book, restored, c->now.wall_ms);
    c->saved_version = book_version(c->book);
    if (!open_memories(c))
        return false;
    if (specials_set(c, &config->special_flags, &config->special_file) < 0)
        return false;
    c->service = calloc(1, config->protocol->service->size ? config->protocol->service->size : 1);
    return c->service && config->protocol->service->open(c->service, &service, c->now.ms) == 0;
}

uint64_t controller_digest(const struct controller *c, uint32_t kind, const struct parcel *p)
{
    return c->echo || c->seen ? recent_digest(&c->digest_key, kind, p) : 0;
}

void controller_prefetch(const struct controller *c, const struct message *m)
{
    if (c->echo && m->type == MSG_PEER)
        recent_prefetch(c->echo, m->peer, m->digest);
}

uint32_t controller_most_slots(const struct config *config)
{
    return config->outgoing + config->incoming + config->terms.limits.pending + 2 * SPECIAL_MAX + SPARE_SLOTS;
}

struct controller *controller_new(const struct config *config, const struct controller_actions *actions,
                                  void *world, const struct book_snapshot *restored, struct moment now)
{
    struct controller *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->config = config;
    c->act = actions;
    c->world = world;
    c->wall_start_ms = now.wall_ms;
    c->started_ms = now.ms;
    set_now(c, now);
    c->most_slots = controller_most_slots(config);
    c->dial_ms = c->seed_ms = c->save_ms = c->expire_ms = c->report_ms = NEVER;
    c->cat_ms = c->spare_ms = NEVER;
    notes_init(c);
    if (open_parts(c, restored))
        return c;
    controller_free(c);
    return NULL;
}

static void schedule(struct controller *c)
{
    const struct timings *t = &c->config->terms.timings;

    c->refill_ms = c->now.ms;
    c->alone_ms = c->now.ms + ALONE_MS;
    c->dial_wanted = true;
    c->save_ms = c->now.ms + t->save;
    c->expire_ms = c->now.ms + EXPIRE_MS;
    c->report_ms = c->now.ms + REPORT_MS;
    if (t->cat > 0)
        c->cat_ms = c->now.ms + t->cat;
    if (!c->config->exclusive)
        c->seed_ms = c->now.ms + (book_count(c->book) < c->config->terms.limits.few_peers ? 0 : t->reseed);
}

/* What is pinned at the start of a node is known, as if a seed list had named it. */
static void learn_bootstrap(struct controller *c)
{
    const struct address_list *list = &c->config->bootstrap;

    for (size_t i = 0; i < list->n && !c->config->exclusive; i++) {
        struct endpoint e;

        if (!address_is_ip(&list->items[i], &e))
            continue;
        book_learn(c->book, &e, SOURCE_SEED, c->now.wall_ms);
        if (list->items[i].id.size > 0)
            book_identify(c->book, &e, &list->items[i].id, true);
    }
}

void controller_start(struct controller *c, struct moment now)
{
    set_now(c, now);
    learn_bootstrap(c);
    schedule(c);
    controller_tick(c, now);
}

/* --- messages --- */

static void on_peer(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);
    struct service_peer p;

    /* A connection that was refused as a duplicate, or is banned, may have sent more before it learned of it.
     */
    if (!s || !s->was_online) {
        parcel_release(m->parcel);
        controller_dropped(c, m->peer, DROP_GONE, 1);
        return;
    }
    slot_credit(c, s, c->config->merits.good);
    c->arrived = m->parcel;
    c->arrived_kind = m->kind;
    c->arrived_digest = m->digest;
    p = slot_service_peer(c, s);
    c->config->protocol->service->message(c->service, c->now.ms, &p, m->kind, m->parcel);
}

static void on_credit(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);

    if (!s)
        return;
    if (m->credit.good)
        slot_credit(c, s, (int64_t)m->credit.good * c->config->merits.good);
    if (!m->credit.bad)
        return;
    note(c, NOTE_FAULT, "%s: %u faults that do not end its session", s->terms.hash, m->credit.bad);
    slot_credit(c, s, (int64_t)m->credit.bad * c->config->merits.bad);
}

static int32_t merit_of(const struct controller *c, enum end_reason reason)
{
    const struct merits *m = &c->config->merits;

    switch (end_reason_merit(reason)) {
    case MERIT_HANDSHAKE:
        return m->handshake_failed;
    case MERIT_BAD:
        return m->bad;
    case MERIT_LOST:
        return m->lost;
    case MERIT_NONE:
        break;
    }
    return 0;
}

static void log_ended(struct controller *c, struct slot *s, const struct ending *e)
{
    char text[ENDPOINT_TEXT_MAX] = "an unknown address";
    const char *name = text;

    if (s->was_online)
        name = s->terms.hash;
    else if (s->direction == DIRECTION_OUTGOING)
        address_format(&s->to, text, sizeof text);
    else if (s->remote.port)
        endpoint_format(&s->remote, text, sizeof text);
    note(c, NOTE_ENDED, "%s ended, %s: %s", name,
         s->direction == DIRECTION_OUTGOING ? "outgoing" : "incoming", e->text);
}

/* The connection is over, but what it had read before may still be on its way: its place is freed by
 * MSG_GONE. */
static void on_ended(struct controller *c, const struct message *m)
{
    enum end_reason reason = (enum end_reason)m->end.reason;
    struct slot *s = slot_find(c, m->peer);
    struct ending bare = {0};
    const struct ending *e = m->ending ? m->ending : &bare;

    if (!s) {
        free(m->ending);
        return;
    }
    snprintf(bare.text, sizeof bare.text, "%s", end_reason_text(reason));
    s->ending = m->ending;
    c->ended[reason]++;
    log_ended(c, s, e);
    if (s->remote.port)
        slot_credit(c, s, merit_of(c, reason));
    slot_settle(c, s);
    if (s->direction == DIRECTION_OUTGOING)
        dialing_ended(c, s, reason, e);
    slot_state(c, s, SLOT_ENDED);
    meet_ended(c, s);
    c->dial_wanted = true;
}

static void on_gone(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);
    struct service_peer p;

    if (!s)
        return;
    directed_close(c, s);
    report_slot_drops(c, s);
    if (s->was_online) {
        p = slot_service_peer(c, s);
        c->config->protocol->service->offline(c->service, c->now.ms, &p);
        report_offline(c, s);
    }
    slot_free(c, s);
}

/* A failed fetch is no empty list: the fetcher tries again by itself, and tells us when it has one. */
static void on_seeds(struct controller *c, struct seed_report *r)
{
    int64_t reseed = c->config->terms.timings.reseed;
    size_t added = 0;

    if (r->error[0])
        report_log(c, LOG_LEVEL_WARNING, "seeds: %s", r->error);
    for (size_t i = 0; i < r->n; i++) {
        added += !book_find(c->book, &r->endpoints[i]);
        book_learn(c->book, &r->endpoints[i], SOURCE_SEED, c->now.wall_ms);
    }
    note(c, NOTE_UPKEEP, "seeds: %zu of %zu addresses are new, next %s in %lld s", added, r->n,
         r->next_try_ms ? "try" : "look",
         (long long)(r->next_try_ms ? r->next_try_ms : c->config->terms.timings.reseed) / 1000);
    if (r->next_try_ms == 0) {
        report_log(c, LOG_LEVEL_INFO, "seeds: %zu addresses, %zu bad lines, %zu names not found", r->n,
                   r->bad_lines, r->unresolved);
        c->seeding = false;
        c->seed_ms = c->now.ms + core_between(c, reseed - reseed / 8, reseed);
    }
    c->dial_wanted = true;
    free(r);
}

static void on_saved(struct controller *c, bool failed)
{
    c->saving = false;
    if (!failed)
        c->saved_version = c->saving_version;
    if (c->config->peers_file[0])
        note(c, NOTE_UPKEEP, "peers file %s: %s", c->config->peers_file, failed ? "not written" : "written");
}

/* What comes once for a connection, or now and then. Never inlined: a message does not pay for it. */
static __attribute__((noinline)) void dispatch_rare(struct controller *c, const struct message *m)
{
    struct slot *s;

    switch (m->type) {
    case MSG_MET:
    case MSG_ONLINE:
        s = slot_find(c, m->peer);
        if (s)
            (m->type == MSG_MET ? meet_peer : admit_handshake)(c, s, m->terms);
        free(m->terms);
        break;
    case MSG_ALIVE:
        s = slot_find(c, m->peer);
        if (s)
            meet_alive(c, s);
        break;
    case MSG_CREDIT:
        on_credit(c, m);
        break;
    case MSG_LOST:
        controller_dropped(c, m->peer, m->lost.why == LOSS_UNSAYABLE ? DROP_UNSAYABLE : DROP_UNFINISHED,
                           m->lost.count);
        break;
    case MSG_ENDED:
        on_ended(c, m);
        break;
    case MSG_GONE:
        on_gone(c, m);
        break;
    case MSG_LEAVE:
        directed_leave(c, m);
        break;
    case MSG_COMMAND:
        command_run(c, m->command, m->id);
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
        on_seeds(c, m->seeds);
        break;
    case MSG_NAMES:
        specials_named(c, m->names);
        free(m->names);
        break;
    case MSG_SAVED:
        on_saved(c, m->failed);
        break;
    }
}

static void dispatch(struct controller *c, const struct message *m)
{
    if (m->type == MSG_PEER)
        on_peer(c, m);
    else if (m->type == MSG_SEND)
        route_send(c, m);
    else
        dispatch_rare(c, m);
}

/* --- time --- */

static void start_saving(struct controller *c, bool unchanged_too)
{
    struct book_snapshot *s;

    if (c->saving || (!unchanged_too && book_version(c->book) == c->saved_version))
        return;
    slots_settle(c);
    s = book_snapshot(c->book);
    if (!s)
        return;
    book_snapshot_shift(s, c->wall_ms - c->now.wall_ms);
    if (c->config->peers_file[0])
        note(c, NOTE_UPKEEP, "peers file %s: %zu addresses and %zu scores to write", c->config->peers_file,
             s->n_entries, s->n_scores);
    c->saving = true;
    c->saving_version = book_version(c->book);
    c->act->save_peers(c->world, s);
}

/* Drops ordinary peers at random, down to cat_keep (docs/protocols/factom.md, "CAT rounds"). */
static void cat_round(struct controller *c)
{
    size_t candidates = 0, most = c->config->terms.limits.cat_keep, ordinary = 0;

    for (size_t i = 0; i < c->n_online; i++)
        ordinary += !c->slots[c->online[i]].special && !c->slots[c->online[i]].closing;
    if (ordinary <= most)
        return;
    note(c, NOTE_UPKEEP, "round: %zu ordinary peers, all but %zu are disconnected", ordinary, most);
    candidates = ordinary;
    for (size_t i = 0; i < c->n_online && ordinary > most; i++) {
        struct slot *s = &c->slots[c->online[i]];

        if (s->special || s->closing)
            continue;
        /* Each of the candidates left is as likely as any other to be among those still to drop. */
        if (c->act->random(c->world) % candidates < ordinary - most) {
            slot_close(c, s, END_CAT, false);
            ordinary--;
        }
        candidates--;
    }
}

static void quit_on(struct controller *c)
{
    if (c->done)
        return;
    if (c->n_busy > 0) {
        if (c->hurried || c->now.ms < c->quit_ms + QUIT_MS)
            return;
        c->hurried = true;
        for (uint32_t i = 0; i < c->n_slots; i++)
            if (c->slots[i].state != SLOT_FREE)
                slot_close(c, &c->slots[i], END_SHUTDOWN, true);
        return;
    }
    if (c->saving)
        return;
    if (!c->saved_at_end) {
        c->saved_at_end = true;
        report_drops(c);
        start_saving(c, true);
    }
    if (c->saving)
        return;
    c->done = true;
    notes_run(c, true);
    c->act->ended(c->world);
}

/* Who is connected may have been silent for as long as it likes. */
static bool must_stay(void *controller, const struct endpoint *e)
{
    struct controller *c = controller;

    for (size_t i = 0; i < c->n_online; i++)
        if (endpoint_equal(&c->slots[c->online[i]].terms.endpoint, e))
            return true;
    return special_has_endpoint(c, e);
}

static void run_due(struct controller *c)
{
    const struct timings *t = &c->config->terms.timings;
    const struct protocol *p = c->config->protocol;

    if (p->service->deadline(c->service) <= c->now.ms)
        p->service->tick(c->service, c->now.ms);
    if (c->seed_ms <= c->now.ms && !c->seeding) {
        c->seeding = true;
        c->seed_ms = NEVER;
        note(c, NOTE_UPKEEP, "seeds: asked for, %zu addresses known", book_count(c->book));
        c->act->fetch_seeds(c->world);
    }
    if (c->save_ms <= c->now.ms) {
        c->save_ms = c->now.ms + t->save;
        start_saving(c, false);
    }
    if (c->expire_ms <= c->now.ms) {
        c->expire_ms = c->now.ms + EXPIRE_MS;
        book_expire(c->book, must_stay, c, c->now.wall_ms);
        c->dial_wanted = true;
    }
    if (c->cat_ms <= c->now.ms) {
        c->cat_ms = c->now.ms + t->cat;
        cat_round(c);
    }
    if (c->spare_ms <= c->now.ms)
        meet_tick(c);
    if (c->drops_untold && c->report_ms <= c->now.ms) {
        c->report_ms = c->now.ms + REPORT_MS;
        report_drops(c);
    }
}

void controller_tick(struct controller *c, struct moment now)
{
    set_now(c, now);
    notes_run(c, false);
    if (c->quitting)
        quit_on(c);
    else
        run_due(c);
    dialing_run(c);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t quit_deadline(const struct controller *c)
{
    if (c->n_busy > 0)
        return c->hurried ? NEVER : c->quit_ms + QUIT_MS;
    return c->saving ? NEVER : c->now.ms;
}

int64_t controller_deadline(const struct controller *c)
{
    int64_t at = c->config->protocol->service->deadline(c->service);

    if (c->done)
        return NEVER;
    if (c->quitting)
        return quit_deadline(c);
    at = sooner(at, dialing_deadline(c));
    at = sooner(at, c->seeding ? NEVER : c->seed_ms);
    at = sooner(at, c->save_ms);
    at = sooner(at, c->expire_ms);
    at = sooner(at, c->cat_ms);
    at = sooner(at, notes_deadline(c));
    at = sooner(at, c->spare_ms);
    return sooner(at, c->drops_untold ? c->report_ms : NEVER);
}

/* --- */

void controller_handle(struct controller *c, struct moment now, const struct message *m)
{
    set_now(c, now);
    dispatch(c, m);
}

bool controller_has_sends(const struct controller *c)
{
    return c->sending.active || c->n_parking > 0;
}

bool controller_takes_sends(const struct controller *c)
{
    return !c->sending.active;
}

bool controller_takes(const struct controller *c, struct peer_ref peer)
{
    const struct slot *s;

    if (c->deliveries.n > 0)
        return false;
    if (peer.index >= c->n_slots)
        return true;
    s = &c->slots[peer.index];
    return s->n_relayed == 0 && (!s->rival.generation || s->state == SLOT_ENDED);
}

bool controller_waits(const struct controller *c)
{
    return c->sending.active || c->n_parking > 0 || c->deliveries.n > 0 || c->answers.n > 0 ||
           c->n_relayed > 0;
}

void controller_retry(struct controller *c, struct moment now)
{
    set_now(c, now);
    route_retry(c);
}

void controller_dropped(struct controller *c, struct peer_ref peer, enum drop_cause cause, uint64_t parcels)
{
    struct slot *s = slot_find(c, peer);

    c->dropped[cause] += parcels;
    c->drops_untold = true;
    if (s) {
        s->dropped += parcels;
        s->untold[cause] += parcels;
    } else {
        c->untold[cause] += parcels;
    }
}

void controller_returned(struct controller *c, struct moment now, const struct message *m)
{
    set_now(c, now);
    route_return(c, m);
}

void controller_abandon(struct controller *c, const struct message *m)
{
    if (m->type != MSG_SEND)
        return;
    controller_dropped(c, m->peer, DROP_SHUTDOWN, 1);
    parcel_release(m->parcel);
    if (m->id)
        report_sent(c, m->id, 0);
}

void controller_free(struct controller *c)
{
    if (!c)
        return;
    route_abandon(c);
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].state != SLOT_FREE)
            slot_free(c, &c->slots[i]);
    if (c->service)
        c->config->protocol->service->close(c->service);
    free(c->service);
    free(c->slots);
    free(c->online);
    free(c->specials);
    free(c->sending.left);
    free(c->relayed);
    free(c->deliveries.items);
    free(c->answers.items);
    recent_free(c->echo);
    recent_free(c->seen);
    book_free(c->book);
    free(c);
}
