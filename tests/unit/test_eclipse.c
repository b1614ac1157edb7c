/* An attacker with a thousand addresses in eight network groups wants all outgoing connections of a node: one
 * core under a virtual clock, and around it forty honest peers and the attacker's. */
#include "protocol/factom/factom.h"
#include <sodium.h>

#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

enum {
    HONEST = 40,
    SEEDS = 20, /* of the honest */
    EVIL = 1000,
    EVIL_GROUPS = 8,
    OUTGOING = 8,
    EVIL_MOST = OUTGOING / 4, /* of them may be the attacker's */
    CONNECTIONS = 256,
    POSTS = 4096,
    SHARE = 2000, /* addresses in a share of the attacker's */
    LIVES = 4,    /* three restarts */
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    LIFE_MS = 30 * MINUTE,
};

enum attack {
    BY_SHARES = 1,
    BY_HANDSHAKES = 2,
    BY_MERIT = 4,
    BY_TARPITS = 8, /* they accept, and stay silent */
    KILLED = 16,    /* the node has no time to write its peers file */
};

struct connection {
    struct peer_ref ref;
    struct endpoint endpoint; /* where the other end listens */
    bool outgoing, online;
};

/* A message on its way to the core. */
struct post {
    int64_t at_ms;
    struct message message;
};

struct town {
    struct world world; /* first: the fixture's actions are given a town, too */
    struct controller_actions actions;
    struct connection connections[CONNECTIONS];
    struct post posts[POSTS]; /* in the order of their times */
    size_t n_posts;
    int64_t down_until_ms[HONEST];
    struct peer_ref accepted;
    struct book_snapshot *saved;
    unsigned attack;
    unsigned most_evil, dials_of_evil;
    bool attacked; /* until then the attacker keeps quiet */
};

/* --- who is who --- */

static struct endpoint honest(unsigned i)
{
    return (struct endpoint){.ip.bytes = {[10] = 0xff, [11] = 0xff, [12] = 11, [13] = (uint8_t)i, [15] = 1},
                             .port = 8110};
}

static struct endpoint evil(unsigned i)
{
    unsigned host = i / EVIL_GROUPS;
    return (struct endpoint){.ip.bytes = {[10] = 0xff,
                                          [11] = 0xff,
                                          [12] = 12,
                                          [13] = (uint8_t)(i % EVIL_GROUPS),
                                          [14] = (uint8_t)(host / 250),
                                          [15] = (uint8_t)(1 + host % 250)},
                             .port = 8110};
}

static bool is_honest(const struct endpoint *e)
{
    return e->ip.bytes[12] == 11;
}

/* --- what is on its way --- */

static void post(struct town *t, int64_t delay_ms, struct message m)
{
    assert_true(t->n_posts < POSTS);
    int64_t at_ms = t->world.now_ms + delay_ms;
    size_t i = t->n_posts++;
    for (; i > 0 && t->posts[i - 1].at_ms > at_ms; i--) {
        t->posts[i] = t->posts[i - 1];
    }
    t->posts[i] = (struct post){.at_ms = at_ms, .message = m};
}

static void discard(const struct message *m)
{
    switch (m->type) {
    case MSG_PEER:
        parcel_release(m->parcel);
        break;
    case MSG_ONLINE:
        free(m->info);
        break;
    case MSG_SEEDS:
        free(m->seeds);
        break;
    default:
        break;
    }
}

static void post_end(struct town *t, struct peer_ref ref, int64_t delay_ms, enum end_reason why)
{
    post(t, delay_ms, (struct message){.type = MSG_ENDED, .peer = ref, .end.reason = why});
    post(t, delay_ms, (struct message){.type = MSG_GONE, .peer = ref});
}

static void post_online(struct town *t, struct peer_ref ref, const struct endpoint *e)
{
    struct peer_info *info = calloc(1, sizeof *info);
    assert_non_null(info);
    char text[ENDPOINT_TEXT_MAX];
    *info = (struct peer_info){.endpoint = *e, .node_id = e->ip.bytes[15], .version = 11};
    snprintf(info->hash, sizeof info->hash, "%s 1", endpoint_format(e, text, sizeof text));
    post(t, 20, (struct message){.type = MSG_ONLINE, .peer = ref, .info = info});
}

static struct connection *connection_of(struct town *t, struct peer_ref ref)
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (peer_ref_equal(t->connections[i].ref, ref)) {
            return &t->connections[i];
        }
    }
    return NULL;
}

static struct connection *connect_to(struct town *t, struct peer_ref ref, const struct endpoint *e,
                                     bool outgoing)
{
    struct connection *c = connection_of(t, PEER_NOBODY);
    if (!c) {
        fail_msg("more than %d connections", CONNECTIONS);
        abort();
    }
    *c = (struct connection){.ref = ref, .endpoint = *e, .outgoing = outgoing};
    return c;
}

/* --- the table of actions --- */

static bool t_dial(void *town, struct peer_ref slot, const struct dial_request *request)
{
    struct town *t = town;
    struct endpoint e;
    assert_true(address_is_ip(&request->to, &e));
    connect_to(t, slot, &e, true);
    bool good = is_honest(&e);
    t->dials_of_evil += !good;
    if (good && t->down_until_ms[e.ip.bytes[13]] > t->world.now_ms) {
        post_end(t, slot, 20, END_DIAL_FAILED);
    } else if (!good && e.port != 8110) {
        post_end(t, slot, 20, END_DIAL_FAILED); /* a port that was only claimed */
    } else if (!good && t->attack & BY_TARPITS) {
        post_end(t, slot, 5 * SECOND, END_HANDSHAKE_TIMEOUT);
    } else {
        post_online(t, slot, &e);
    }
    return true;
}

static bool t_accept(void *town, struct peer_ref slot, struct accepted *a, bool refuse,
                     const struct endpoint *alternatives, size_t n)
{
    struct town *t = town;
    (void)a;
    (void)alternatives;
    (void)n;
    assert_false(refuse);
    t->accepted = slot;
    return true;
}

static void t_shed(void *town, struct accepted *a)
{
    (void)town;
    (void)a;
}

static struct message share_of(const struct town *t, struct peer_ref from, bool good)
{
    unsigned n = good ? 32 : t->attack & BY_SHARES ? SHARE : 0;
    struct known_peers peers;
    struct message m = {.type = MSG_PEER, .kind = FACTOM_PEER_SHARE, .peer = from};
    m.parcel = known_peers_new(n, &peers);
    assert_non_null(m.parcel);
    for (unsigned i = 0; i < n; i++) {
        peers.list[i].endpoint = good ? honest(i) : evil(i % EVIL);
        peers.list[i].endpoint.port = (uint16_t)(good ? 8110 : 8110 + i / EVIL);
    }
    return m;
}

static enum gate_result t_post(void *town, struct moment at, struct peer_ref to, const struct message *m)
{
    struct town *t = town;
    (void)at;
    const struct connection *c = connection_of(t, to);
    if (m->kind == FACTOM_PEER_REQUEST && c && (is_honest(&c->endpoint) || t->attack & BY_SHARES)) {
        post(t, 20, share_of(t, to, is_honest(&c->endpoint)));
    }
    parcel_release(m->parcel);
    return GATE_POSTED;
}

static void t_close(void *town, struct peer_ref slot, enum end_reason why, bool at_once)
{
    struct town *t = town;
    struct connection *c = connection_of(t, slot);
    (void)at_once;
    if (c) {
        c->online = false;
        post_end(t, slot, 1, why);
    }
}

static enum gate_result t_deliver(void *town, struct moment at, const struct message *m)
{
    (void)town;
    (void)at;
    parcel_release(m->parcel);
    return GATE_POSTED;
}

/* The seeds are honest, and can be reached when the node starts for the first time. */
static bool t_fetch_seeds(void *town)
{
    struct town *t = town;
    struct seed_report *r = calloc(1, sizeof *r + SEEDS * sizeof r->endpoints[0]);
    assert_non_null(r);
    for (unsigned i = 0; !t->attacked && i < SEEDS; i++) {
        r->endpoints[r->n++] = honest(i);
    }
    post(t, 20, (struct message){.type = MSG_SEEDS, .seeds = r});
    return true;
}

static void t_save_peers(void *town, struct book_snapshot *s)
{
    struct town *t = town;
    book_snapshot_free(t->saved);
    t->saved = s;
    post(t, 1, (struct message){.type = MSG_SAVED});
}

static struct controller_actions actions_in_town(void)
{
    struct controller_actions a = actions;
    a.dial = t_dial;
    a.accept = t_accept;
    a.shed = t_shed;
    a.post = t_post;
    a.close = t_close;
    a.deliver = t_deliver;
    a.fetch_seeds = t_fetch_seeds;
    a.save_peers = t_save_peers;
    return a;
}

/* --- time --- */

/* What happened at the other end of a connection, before the core is told. */
static bool note_arrival(struct town *t, const struct message *m)
{
    struct connection *c = connection_of(t, m->peer);
    bool of_peer =
        m->type == MSG_ONLINE || m->type == MSG_ENDED || m->type == MSG_GONE || m->type == MSG_PEER;
    if (!of_peer) {
        return true;
    }
    if (!c || (!c->online && m->type == MSG_PEER)) {
        return false;
    }
    c->online = m->type == MSG_ONLINE || (c->online && m->type == MSG_PEER);
    if (m->type == MSG_GONE) {
        c->ref = PEER_NOBODY;
    }
    return true;
}

static void count_evil(struct town *t)
{
    unsigned n = 0;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        const struct connection *c = &t->connections[i];
        n += c->ref.generation && c->outgoing && c->online && !is_honest(&c->endpoint);
    }
    t->most_evil = n > t->most_evil ? n : t->most_evil;
}

static void run_until(struct town *t, int64_t until_ms)
{
    while (t->world.core) {
        int64_t deadline = controller_deadline(t->world.core),
                at = t->n_posts ? t->posts[0].at_ms : INT64_MAX;
        at = deadline < at ? deadline : at;
        if (at > until_ms) {
            break;
        }
        t->world.now_ms = at > t->world.now_ms ? at : t->world.now_ms;
        if (t->n_posts > 0 && t->posts[0].at_ms <= t->world.now_ms) {
            struct message m = t->posts[0].message;
            memmove(t->posts, t->posts + 1, --t->n_posts * sizeof t->posts[0]);
            if (note_arrival(t, &m)) {
                handle(&t->world, m);
            } else {
                discard(&m);
            }
            controller_tick(t->world.core, now(&t->world)); /* a feeler is closed in the same moment */
        } else {
            controller_tick(t->world.core, now(&t->world));
        }
        count_evil(t);
        if (t->world.ended) {
            break;
        }
    }
    t->world.now_ms = until_ms > t->world.now_ms ? until_ms : t->world.now_ms;
}

static void begin_life(struct town *t)
{
    t->world.ended = false;
    t->world.core = controller_new(&t->world.config, &t->actions, t, t->saved, now(&t->world));
    assert_non_null(t->world.core);
    controller_start(t->world.core, now(&t->world));
}

static void end_life(struct town *t)
{
    if (!(t->attack & KILLED)) {
        handle(&t->world, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
        run_until(t, t->world.now_ms + 5 * SECOND);
        assert_true(t->world.ended);
    }
    controller_free(t->world.core);
    t->world.core = NULL;
    for (size_t i = 0; i < t->n_posts; i++) {
        discard(&t->posts[i].message);
    }
    t->n_posts = 0;
    memset(t->connections, 0, sizeof t->connections);
}

/* --- what peers do --- */

static void say_all(struct town *t, bool good, bool outgoing)
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        const struct connection *c = &t->connections[i];
        if (c->ref.generation && c->online && c->outgoing == outgoing && is_honest(&c->endpoint) == good) {
            receive(&t->world, c->ref, "of use");
        }
    }
}

static struct peer_ref dial_in(struct town *t, struct endpoint from, uint16_t port)
{
    struct accepted a = {.remote = from};
    a.remote.port = 40000;
    struct accepted *accepted = calloc(1, sizeof *accepted);
    assert_non_null(accepted);
    *accepted = a;
    t->accepted = PEER_NOBODY;
    handle(&t->world, (struct message){.type = MSG_ACCEPTED, .accepted = accepted});
    if (t->accepted.generation) {
        from.port = port;
        connect_to(t, t->accepted, &from, false);
        post_online(t, t->accepted, &from);
    }
    return t->accepted;
}

/* Those that dial in stay for a minute. */
static void attack_for_a_minute(struct town *t, unsigned minute)
{
    unsigned n = t->attack & BY_HANDSHAKES ? 50 : 8;
    struct peer_ref refs[50];
    for (unsigned i = 0; i < n; i++) {
        unsigned k = (minute * n + i) % EVIL;
        refs[i] = dial_in(t, evil(k), (uint16_t)(t->attack & BY_HANDSHAKES ? 9000 + minute % 10 : 8110));
    }
    int64_t from_ms = t->world.now_ms;
    run_until(t, from_ms + 30 * SECOND);
    if (t->attack & BY_MERIT) {
        say_all(t, false, false);
        say_all(t, false, true);
    }
    run_until(t, from_ms + 59 * SECOND);
    for (unsigned i = 0; i < n; i++) {
        if (refs[i].generation && connection_of(t, refs[i])) {
            post_end(t, refs[i], 1, END_DISCONNECT);
        }
    }
}

/* An honest peer to which the node is connected restarts: it is away for three minutes. */
static void one_restarts(struct town *t)
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &t->connections[i];
        if (c->ref.generation && c->outgoing && c->online && is_honest(&c->endpoint)) {
            t->down_until_ms[c->endpoint.ip.bytes[13]] = t->world.now_ms + 3 * MINUTE;
            c->online = false;
            post_end(t, c->ref, 1, END_CLOSED);
            return;
        }
    }
}

static unsigned count_outgoing(const struct town *t)
{
    unsigned n = 0;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        n += t->connections[i].ref.generation && t->connections[i].outgoing && t->connections[i].online;
    }
    return n;
}

static void live(struct town *t)
{
    int64_t end_ms = t->world.now_ms + LIFE_MS;
    for (unsigned minute = 0; t->world.now_ms < end_ms; minute++) {
        int64_t next_ms = t->world.now_ms + MINUTE;
        say_all(t, true, true);
        if (t->attacked) {
            attack_for_a_minute(t, minute);
        }
        if (minute % 10 == 9) {
            one_restarts(t);
        }
        run_until(t, next_ms);
    }
    run_until(t, end_ms + 5 * MINUTE);
    assert_true(count_outgoing(t) >= OUTGOING - 1);
}

static struct town *town_new(uint64_t seed, unsigned attack)
{
    struct town *t = calloc(1, sizeof *t);
    assert_non_null(t);
    world_init(&t->world, "factom");
    t->world.random = seed;
    t->world.config.outgoing = OUTGOING;
    t->world.config.node.limits.incoming = 100;
    t->actions = actions_in_town();
    t->attack = attack;
    return t;
}

static void town_free(struct town *t)
{
    book_snapshot_free(t->saved);
    free(t);
}

/* The most outgoing connections that the attacker ever had at once. */
static unsigned attacked_by(unsigned attack, uint64_t seed)
{
    struct town *t = town_new(seed, attack);
    begin_life(t);
    run_until(t, t->world.now_ms + 10 * MINUTE);
    assert_int_equal(count_outgoing(t), OUTGOING);
    t->attacked = true;
    for (int life = 0; life < LIVES; life++) {
        if (life > 0) {
            begin_life(t);
        }
        live(t);
        end_life(t);
        t->world.now_ms += MINUTE;
    }
    assert_true(t->dials_of_evil > 0);
    unsigned most = t->most_evil;
    town_free(t);
    return most;
}

static void an_attacker_gets_a_quarter_at_most(void **state)
{
    static const unsigned attacks[] = {BY_SHARES,
                                       BY_SHARES | BY_HANDSHAKES,
                                       BY_SHARES | BY_MERIT,
                                       BY_SHARES | BY_TARPITS,
                                       BY_HANDSHAKES | BY_MERIT,
                                       BY_SHARES | BY_HANDSHAKES | BY_MERIT | BY_TARPITS};
    enum { RUNS = 24, N_ATTACKS = sizeof attacks / sizeof attacks[0] };
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        unsigned attack = attacks[run % N_ATTACKS] | (run / N_ATTACKS % 2 ? KILLED : 0);
        unsigned most = attacked_by(attack, run + 1);
        if (most > EVIL_MOST) {
            fail_msg("run %u: %u of %d outgoing connections are the attacker's", run, most, OUTGOING);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attacker_gets_a_quarter_at_most),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
