#include "protocol/ledger/tracker.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/earlier.h"
#include "protocol/ledger/setting.h"

enum {
    MEMBERS_OF_HOLDER = 16,  /* with one IP address (IPv6: in one /64) */
    MEMBERS_OF_GROUP = 1024, /* in one network group */
    NEW_MAX = 1024,          /* that have never answered */
    NEW_OF_GROUP = 64,
    SAMPLE_MAX = 100,
    CALLS_AT_ONCE = LEDGER_CALLS,
    CALLS_OF_GROUP = 3, /* of them */
    CALLS_OF_NEW = 3,   /* one for each group */
    FAILURES_MAX = 3,   /* in a row: then it is forgotten */
    TOLD_CALLS = 3,     /* spans between calls in which it must have answered, however late it is called */
    AGAIN_MS = 1000,    /* a call that could not begin is tried again */
    TRIES_MAX = 60,     /* so often; then it has failed */
    ASK_MS = 10 * 60 * 1000,
    ASK_AGAIN_MS = 20 * 1000, /* a tracker that did not answer */
    ANSWER_MS = 10 * 1000,    /* in which it has to */
};

/* What a call is for, beside the place in l->calls. */
enum { TOKEN_ASKS = 1 << 16 }; /* a tracker that we ask; else one of our members is called */

struct member {
    struct endpoint at;
    bool is_active; /* it answered the last call */
    bool is_called; /* it has not answered yet: a dial if call_ms is NEVER, else a word over its connection */
    uint32_t failures, tries;
    int64_t answered_ms; /* the last time; if is_active */
    int64_t call_ms; /* it is called next; if it was called over its connection, it has to answer before */
};

static const struct ledger_settings *settings(const struct ledger *l)
{
    return l->config.node->settings;
}

static bool is_tracker(const struct ledger *l)
{
    return settings(l) && settings(l)->tracker;
}

void tracker_open(struct ledger *l)
{
    table_init(&l->members, sizeof(struct member), sizeof(struct endpoint), sizeof(struct ip));
    l->call_ms = NEVER;
    if (settings(l) && settings(l)->trackers.n > 0) {
        l->call_ms = l->now_ms;
        for (uint32_t i = 0; i < settings(l)->trackers.n; i++) {
            l->tracker_ms[i] = l->now_ms;
        }
    }
}

void tracker_close(struct ledger *l)
{
    table_clear(&l->members);
}

static struct ledger_peer *peer_at(const struct ledger *l, const struct endpoint *e)
{
    struct ledger_peer *p = l->first;
    while (p && !endpoint_equal(&p->listens, e)) {
        p = p->next;
    }
    return p;
}

/* --- members --- */

static void plan_call(struct ledger *l, struct member *m, int64_t in_ms)
{
    m->call_ms = l->now_ms + in_ms;
    l->call_ms = earlier(l->call_ms, m->call_ms);
}

/* Between two calls of a member. */
static int64_t call_span(const struct ledger *l)
{
    return l->config.node->timings.ping;
}

static void answered(struct ledger *l, struct member *m)
{
    m->is_active = true;
    m->answered_ms = l->now_ms;
    m->is_called = false;
    m->failures = m->tries = 0;
    plan_call(l, m, call_span(l));
}

static bool is_new(const struct member *m)
{
    return !m->is_active && m->failures == 0;
}

/* One that has never answered is no member yet, and is forgotten at once. */
static void failed(struct ledger *l, struct member *m)
{
    bool is_over = is_new(m) || ++m->failures >= FAILURES_MAX;
    m->is_active = m->is_called = false;
    m->tries = 0;
    if (is_over) {
        table_remove(&l->members, table_index(&l->members, m));
    } else {
        plan_call(l, m, call_span(l));
    }
}

static struct ledger_call *free_call(struct ledger *l)
{
    for (size_t i = 0; i < CALLS_AT_ONCE; i++) {
        if (!l->calls[i].is_used) {
            return &l->calls[i];
        }
    }
    return NULL;
}

static bool dial(struct ledger *l, const struct endpoint *to, uint64_t what, bool is_first)
{
    struct ledger_call *call = free_call(l);
    uint64_t place = call ? (uint64_t)(call - l->calls) : 0;
    if (!call || !l->config.actions->dial(l->config.host, to, what | place)) {
        return false;
    }
    *call = (struct ledger_call){.is_used = true, .is_new = is_first, .to = *to};
    return true;
}

/* Who accepts and says nothing keeps a call for seconds. So each network group has few at once, and strangers
 * have few together: nobody is kept from being called by members of others. */
static bool may_call(const struct ledger *l, const struct member *m)
{
    uint32_t of_group = 0, of_new = 0;
    for (size_t i = 0; i < CALLS_AT_ONCE; i++) {
        const struct ledger_call *c = &l->calls[i];
        of_group += c->is_used && ip_group(&c->to.ip) == ip_group(&m->at.ip) && (c->is_new || !is_new(m));
        of_new += c->is_used && c->is_new;
    }
    return is_new(m) ? of_group == 0 && of_new < CALLS_OF_NEW : of_group < CALLS_OF_GROUP;
}

/* A member that is connected is called by that connection. Not before it was dialed once: anybody can name
 * any port. */
static bool call_by_connection(struct ledger *l, struct member *m)
{
    struct ledger_peer *p = m->is_active ? peer_at(l, &m->at) : NULL;
    if (p) {
        l->config.actions->send(l->config.host, p->ref, LEDGER_CALL, NULL);
        m->is_called = true;
        plan_call(l, m, call_span(l));
    }
    return p;
}

static void call(struct ledger *l, struct member *m)
{
    if (dial(l, &m->at, 0, is_new(m))) {
        m->is_called = true;
        m->call_ms = NEVER;
    } else if (++m->tries >= TRIES_MAX) {
        failed(l, m); /* it may not be dialed */
    } else {
        plan_call(l, m, AGAIN_MS);
    }
}

struct lot {
    uint64_t group, place;
};

static struct lot draw_lot(const struct member *m, const uint8_t key[crypto_shorthash_KEYBYTES])
{
    struct lot lot;
    uint64_t group = ip_group(&m->at.ip);
    crypto_shorthash((unsigned char *)&lot.group, (const unsigned char *)&group, sizeof group, key);
    crypto_shorthash((unsigned char *)&lot.place, (const unsigned char *)&m->at, sizeof m->at, key);
    return lot;
}

/* One that is due: each group is as likely as any other, however many of its members are. NULL for none. */
static struct member *draw_due(struct ledger *l)
{
    uint64_t key[crypto_shorthash_KEYBYTES / sizeof(uint64_t)];
    struct member *drawn = NULL;
    struct lot least = {0};
    if (!free_call(l)) {
        return NULL;
    }
    key[0] = l->config.actions->random(l->config.host);
    key[1] = l->config.actions->random(l->config.host);
    for (size_t i = 0; i < l->members.n; i++) {
        struct member *m = table_row(&l->members, i);
        if (m->is_called || m->call_ms > l->now_ms || !may_call(l, m)) {
            continue;
        }
        struct lot lot = draw_lot(m, (const uint8_t *)key);
        if (!drawn || lot.group < least.group || (lot.group == least.group && lot.place < least.place)) {
            drawn = m;
            least = lot;
        }
    }
    return drawn;
}

/* Those that have to wait for others' calls are looked at once one has ended. */
static void call_members(struct ledger *l)
{
    struct member *m;
    for (size_t i = l->members.n; i > 0; i--) {
        m = table_row(&l->members, i - 1);
        if (m->call_ms > l->now_ms) {
            continue;
        }
        if (m->is_called) {
            failed(l, m);
        } else {
            call_by_connection(l, m);
        }
    }
    while ((m = draw_due(l))) {
        call(l, m);
    }
    for (size_t i = 0; i < l->members.n; i++) {
        m = table_row(&l->members, i);
        if (m->call_ms > l->now_ms) {
            l->call_ms = earlier(l->call_ms, m->call_ms);
        }
    }
}

/* The member that was called over this connection; NULL if there is none. */
static struct member *called_by(const struct ledger *l, const struct ledger_peer *p)
{
    struct member *m = table_find(&l->members, &p->listens);
    return m && m->is_called && m->call_ms != NEVER ? m : NULL;
}

void tracker_heard(struct ledger *l, const struct ledger_peer *p)
{
    struct member *m = called_by(l, p);
    if (m) {
        answered(l, m);
    }
}

void tracker_offline(struct ledger *l, const struct ledger_peer *p)
{
    struct member *m = called_by(l, p);
    if (m) {
        m->is_called = false;
        plan_call(l, m, 0);
    }
}

/* By its holder's, its group's, and those that have never answered. */
static bool is_crowded(const struct ledger *l, const struct endpoint *e)
{
    const struct ip holder = ip_holder(&e->ip);
    uint32_t of_holder = 0, of_group = 0, new_ones = 0, new_of_group = 0;
    for (size_t i = 0; i < l->members.n; i++) {
        const struct member *m = table_row(&l->members, i);
        const struct ip other = ip_holder(&m->at.ip);
        bool same = ip_group(&m->at.ip) == ip_group(&e->ip);
        of_holder += ip_equal(&other, &holder);
        of_group += same;
        new_ones += is_new(m);
        new_of_group += same && is_new(m);
    }
    return of_holder >= MEMBERS_OF_HOLDER || of_group >= MEMBERS_OF_GROUP || new_ones >= NEW_MAX ||
           new_of_group >= NEW_OF_GROUP;
}

static void enter(struct ledger *l, const struct endpoint *at)
{
    if (at->port == 0 || table_find(&l->members, at) || l->members.n >= TRACKER_MEMBERS ||
        is_crowded(l, at)) {
        return;
    }
    struct member *m = table_add(&l->members, at);
    if (m) {
        plan_call(l, m, 0);
    }
}

static bool may_be_told(const struct ledger *l, const struct member *m)
{
    return m->is_active && l->now_ms - m->answered_ms < TOLD_CALLS * call_span(l);
}

/* Each such member is as likely as any other. */
static size_t draw(struct ledger *l, const struct endpoint *asker, const struct ledger_peer *p,
                   struct known_peer sample[SAMPLE_MAX])
{
    uint64_t seen = 0;
    for (size_t i = 0; i < l->members.n; i++) {
        const struct member *m = table_row(&l->members, i);
        if (!may_be_told(l, m) || endpoint_equal(&m->at, asker) || endpoint_equal(&m->at, &p->listens)) {
            continue;
        }
        uint64_t at = seen < SAMPLE_MAX ? seen : l->config.actions->random(l->config.host) % (seen + 1);
        if (at < SAMPLE_MAX) {
            sample[at] = (struct known_peer){.endpoint = m->at};
        }
        seen++;
    }
    return seen < SAMPLE_MAX ? (size_t)seen : SAMPLE_MAX;
}

bool tracker_asked(struct ledger *l, struct ledger_peer *p, uint16_t port)
{
    struct known_peer sample[SAMPLE_MAX];
    struct known_peers peers;
    struct exchange_peer *e = &p->exchange;
    const struct endpoint at = {.ip = p->listens.ip, .port = port};
    if (!is_tracker(l)) {
        return false;
    }
    enter(l, &at);
    if (e->answered && l->now_ms - e->answered_ms < l->config.node->timings.request_limit) {
        return true;
    }
    e->answered = true;
    e->answered_ms = l->now_ms;
    size_t n = draw(l, &at, p, sample);
    struct parcel *parcel = known_peers_new(n, &peers);
    for (size_t i = 0; parcel && i < n; i++) {
        peers.list[i] = sample[i];
    }
    ledger_send(l, p->ref, LEDGER_ADDRESSES, parcel);
    return true;
}

/* --- trackers that we ask --- */

static void ask(struct ledger *l, struct ledger_peer *p)
{
    l->config.actions->send(l->config.host, p->ref, LEDGER_GET_ADDRESSES, NULL);
    p->tracks_until_ms = l->now_ms + ANSWER_MS;
    l->call_ms = earlier(l->call_ms, p->tracks_until_ms);
}

static void ask_trackers(struct ledger *l)
{
    for (uint32_t i = 0; settings(l) && i < settings(l)->trackers.n; i++) {
        const struct endpoint *at = &settings(l)->trackers.list[i];
        if (l->tracker_ms[i] <= l->now_ms) {
            struct ledger_peer *p = peer_at(l, at);
            l->tracker_ms[i] = l->now_ms + ASK_AGAIN_MS;
            if (p) {
                ask(l, p);
            } else {
                dial(l, at, TOKEN_ASKS, false);
            }
        }
        l->call_ms = earlier(l->call_ms, l->tracker_ms[i]);
    }
}

static uint32_t tracker_number(const struct ledger *l, const struct endpoint *at)
{
    uint32_t i = 0, n = settings(l) ? settings(l)->trackers.n : 0;
    while (i < n && !endpoint_equal(&settings(l)->trackers.list[i], at)) {
        i++;
    }
    return i < n ? i : UINT32_MAX;
}

/* Whoever comes online is asked for addresses anyway. */
void tracker_online(struct ledger *l, struct ledger_peer *p)
{
    if (l->asks_there.port != 0 && endpoint_equal(&l->asks_there, &p->listens)) {
        p->is_for_asking = true;
        p->tracks_until_ms = l->now_ms + ANSWER_MS;
        l->call_ms = earlier(l->call_ms, p->tracks_until_ms);
    }
    l->asks_there.port = 0;
}

static void end_asking(struct ledger *l, struct ledger_peer *p)
{
    p->tracks_until_ms = 0;
    if (p->is_for_asking) {
        l->config.actions->disconnect(l->config.host, p->ref, END_DISCONNECT, "the tracker was asked");
    }
}

bool tracker_told(struct ledger *l, struct ledger_peer *p, struct parcel *told)
{
    struct known_peers peers = known_peers_of(told);
    uint32_t i = tracker_number(l, &p->listens);
    if (p->tracks_until_ms == 0 || i == UINT32_MAX) {
        return false;
    }
    if (peers.n == 1 && endpoint_equal(&peers.list[0].endpoint, &p->listens)) {
        return true; /* it tells of itself, which is no answer */
    }
    l->config.actions->learn(l->config.host, p->ref, peers.list, peers.n);
    l->tracker_ms[i] = l->now_ms + ASK_MS;
    end_asking(l, p);
    return true;
}

static void give_up_asking(struct ledger *l)
{
    for (struct ledger_peer *p = l->first; p; p = p->next) {
        if (p->tracks_until_ms == 0) {
            continue;
        }
        if (p->tracks_until_ms <= l->now_ms) {
            end_asking(l, p);
        } else {
            l->call_ms = earlier(l->call_ms, p->tracks_until_ms);
        }
    }
}

/* --- both --- */

bool tracker_dialed(struct ledger *l, uint64_t token, enum end_reason result)
{
    size_t place = token & (TOKEN_ASKS - 1);
    if (place >= CALLS_AT_ONCE || !l->calls[place].is_used) {
        return false;
    }
    const struct endpoint to = l->calls[place].to;
    l->calls[place].is_used = false;
    l->call_ms = l->now_ms; /* somebody may wait for it */
    if (token & TOKEN_ASKS) {
        l->asks_there = result == END_NONE ? to : (struct endpoint){.port = 0};
        return result == END_NONE;
    }
    struct member *m = table_find(&l->members, &to);
    if (!m) {
        return false;
    }
    if (result == END_NONE || result == END_DUPLICATE) { /* who is connected already is there, too */
        answered(l, m);
    } else {
        failed(l, m);
    }
    return false;
}

int64_t tracker_deadline(const struct ledger *l)
{
    return l->call_ms;
}

void tracker_tick(struct ledger *l)
{
    if (l->now_ms < l->call_ms) {
        return;
    }
    l->call_ms = NEVER;
    call_members(l);
    ask_trackers(l);
    give_up_asking(l);
}
