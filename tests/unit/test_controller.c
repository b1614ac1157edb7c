/* The core's decisions, one at a time, in a world that does what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "tests/unit/promise.h"

enum { MOST = 512 };

struct world {
    struct config config;
    struct controller *core;
    int64_t now_ms;
    uint64_t random;

    struct peer_ref dialed[MOST];
    char dialed_to[MOST][ENDPOINT_TEXT_MAX];
    struct peer_id dialed_id[MOST];
    size_t n_dialed;

    struct peer_ref accepted[MOST];
    bool refused[MOST];
    size_t alternatives[MOST];
    size_t n_accepted, n_shed;

    struct peer_ref posted[MOST]; /* application messages only */
    size_t n_posted, n_asked;     /* asked: what the service itself has posted */
    struct peer_ref full;         /* posting to it says wait */
    bool from_full;               /* delivering says wait */
    size_t n_delivered;

    struct peer_ref closed[MOST];
    enum end_reason closed_why[MOST];
    size_t n_closed;

    uint64_t sent_peers, dropped, known;
    enum node_event_type last;
    char last_text[256];
    size_t n_saved;
    bool ended;
};

static struct moment now(const struct world *w)
{
    return (struct moment){.ms = w->now_ms, .wall_ms = 1700000000000 + w->now_ms};
}

/* --- the world's side --- */

static bool w_dial(void *world, struct peer_ref slot, const struct dial_terms *terms)
{
    struct world *w = world;

    assert_true(w->n_dialed < MOST);
    address_format(&terms->to, w->dialed_to[w->n_dialed], ENDPOINT_TEXT_MAX);
    w->dialed_id[w->n_dialed] = terms->to.id;
    w->dialed[w->n_dialed++] = slot;
    return true;
}

static bool w_accept(void *world, struct peer_ref slot, struct accepted *a, bool refuse,
                     const struct endpoint *alternatives, size_t n)
{
    struct world *w = world;

    (void)a;
    (void)alternatives;
    w->accepted[w->n_accepted] = slot;
    w->refused[w->n_accepted] = refuse;
    w->alternatives[w->n_accepted++] = n;
    return true;
}

static void w_shed(void *world, struct accepted *a)
{
    struct world *w = world;

    (void)a;
    w->n_shed++;
}

static enum outlet_result w_post(void *world, struct moment at, struct peer_ref to, const struct message *m)
{
    struct world *w = world;

    (void)at;
    if (peer_ref_equal(to, w->full))
        return OUTLET_WAIT;
    if (m->type == w->config.protocol->kinds[0].kind) {
        assert_true(w->n_posted < MOST);
        w->posted[w->n_posted++] = to;
    } else {
        w->n_asked++;
    }
    parcel_release(m->parcel);
    return OUTLET_POSTED;
}

static void w_close(void *world, struct peer_ref slot, enum end_reason why, bool at_once)
{
    struct world *w = world;

    (void)at_once;
    w->closed_why[w->n_closed] = why;
    w->closed[w->n_closed++] = slot;
}

static enum outlet_result w_deliver(void *world, struct moment at, const struct message *m)
{
    struct world *w = world;

    (void)at;
    if (w->from_full)
        return OUTLET_WAIT;
    w->n_delivered++;
    parcel_release(m->parcel);
    return OUTLET_POSTED;
}

static void w_tell(void *world, struct node_event *e)
{
    struct world *w = world;

    w->last = e->type;
    snprintf(w->last_text, sizeof w->last_text, "%s", e->text);
    if (e->type == NODE_SENT)
        w->sent_peers = e->count;
    if (e->type == NODE_DROPPED)
        w->dropped += e->count;
    if (e->type == NODE_STATUS)
        w->known = e->status->known;
    node_event_free(e);
}

static void w_fetch_seeds(void *world)
{
    (void)world;
}

static void w_save_peers(void *world, struct book_snapshot *s)
{
    struct world *w = world;

    w->n_saved++;
    book_snapshot_free(s);
}

static void w_measure(void *world, struct peer_ref slot, struct node_peer *p)
{
    (void)world;
    (void)slot;
    (void)p;
}

static void w_measure_node(void *world, struct node_status *s)
{
    (void)world;
    (void)s;
}

static uint64_t w_random(void *world)
{
    struct world *w = world;

    return w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
}

static void w_log(void *world, enum log_level level, const char *line)
{
    (void)world;
    (void)level;
    (void)line;
}

static void w_ended(void *world)
{
    struct world *w = world;

    w->ended = true;
}

static const struct controller_actions actions = {
    .dial = w_dial,
    .accept = w_accept,
    .shed = w_shed,
    .post = w_post,
    .close = w_close,
    .deliver = w_deliver,
    .tell = w_tell,
    .fetch_seeds = w_fetch_seeds,
    .save_peers = w_save_peers,
    .measure = w_measure,
    .measure_node = w_measure_node,
    .random = w_random,
    .log = w_log,
    .ended = w_ended,
};

/* --- the test's side --- */

static struct world *world_new(void)
{
    const struct protocol *p = protocol_find("factom");
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->now_ms = 1000;
    w->random = 42;
    w->config = (struct config){
        .protocol = p,
        .terms = {.timings = p->timings, .limits = p->limits, .node_id = 77, .version = 10},
        .merits = p->merits,
        .outgoing = 8,
        .incoming = 20,
        .broadcast = 4,
        .log_level = LOG_LEVEL_SILENT,
    };
    assert_true(protocol_network(p, "LOCAL", NULL, &w->config.terms.network));
    return w;
}

static void world_open(struct world *w)
{
    w->core = controller_new(&w->config, &actions, w, NULL, now(w));
    assert_non_null(w->core);
    controller_start(w->core, now(w));
}

static void world_free(struct world *w)
{
    controller_free(w->core);
    address_list_free(&w->config.special_flags);
    address_list_free(&w->config.special_file);
    free(w);
}

static void handle(struct world *w, uint32_t type, struct peer_ref peer, void *body)
{
    struct message m = {.type = type, .peer = peer, .body = body};

    controller_handle(w->core, now(w), &m);
}

static void pass(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    controller_tick(w->core, now(w));
}

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint e;

    assert_true(endpoint_parse(&e, text));
    return e;
}

static void online(struct world *w, struct peer_ref slot, const char *text, uint64_t node_id)
{
    struct peer_terms *t = calloc(1, sizeof *t);

    assert_non_null(t);
    t->endpoint = endpoint_of(text);
    t->node_id = node_id;
    t->version = 10;
    snprintf(t->hash, sizeof t->hash, "%s %08llx", text, (unsigned long long)node_id);
    handle(w, MSG_ONLINE, slot, t);
}

static void ended(struct world *w, struct peer_ref slot, enum end_reason reason)
{
    struct ending *e = calloc(1, sizeof *e);

    assert_non_null(e);
    e->reason = reason;
    handle(w, MSG_ENDED, slot, e);
    handle(w, MSG_GONE, slot, NULL);
}

/* A seed list of one. */
static void seed(struct world *w, const char *text)
{
    struct seed_report *r = calloc(1, sizeof *r + sizeof r->endpoints[0]);

    assert_non_null(r);
    r->n = 1;
    r->endpoints[0] = endpoint_of(text);
    handle(w, MSG_SEEDS, PEER_NOBODY, r);
}

/* A socket from that address; the slot it was given, or nobody. */
static struct peer_ref knock(struct world *w, const char *from)
{
    struct accepted *a = calloc(1, sizeof *a);
    size_t before = w->n_accepted;

    assert_non_null(a);
    a->remote = endpoint_of(from);
    handle(w, MSG_ACCEPTED, PEER_NOBODY, a);
    return w->n_accepted > before ? w->accepted[before] : PEER_NOBODY;
}

static struct peer_ref incoming(struct world *w, int number)
{
    char text[64];
    struct peer_ref slot;

    snprintf(text, sizeof text, "10.%d.0.1:40000", number);
    slot = knock(w, text);
    assert_true(slot.generation);
    snprintf(text, sizeof text, "10.%d.0.1:8110", number);
    online(w, slot, text, (uint64_t)number);
    return slot;
}

static void say(struct world *w, enum scope scope, struct peer_ref to, const char *text, uint64_t id)
{
    struct message m = {
        .type = MSG_SEND, .tag = SEND_TAG(w->config.protocol->kinds[0].kind, scope), .peer = to, .id = id};

    m.parcel = parcel_new(text, strlen(text));
    assert_non_null(m.parcel);
    w->n_posted = 0;
    controller_handle(w->core, now(w), &m);
}

static void receive(struct world *w, struct peer_ref from, const char *text)
{
    struct message m = {.type = MSG_PEER, .tag = w->config.protocol->kinds[0].kind, .peer = from};

    m.parcel = parcel_new(text, strlen(text));
    assert_non_null(m.parcel);
    m.id = controller_digest(w->core, m.parcel);
    controller_handle(w->core, now(w), &m);
}

static struct command *command(enum command_type type)
{
    struct command *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->type = type;
    return c;
}

static void special_flag(struct world *w, const char *text)
{
    char bad[300];

    assert_int_equal(address_list_parse(&w->config.special_flags, text, bad, sizeof bad), 0);
}

/* --- routing --- */

static void scopes_reach_whom_they_say(void **state)
{
    struct world *w = world_new();
    struct peer_ref peers[12];

    (void)state;
    special_flag(w, "10.1.0.1:8110,10.2.0.1:8110");
    world_open(w);
    for (int i = 0; i < 12; i++)
        peers[i] = incoming(w, i + 1);
    say(w, SCOPE_BROADCAST, PEER_NOBODY, "one", 1);
    assert_int_equal(w->n_posted, 2 + 4); /* both special ones and -broadcastnum others */
    assert_true(peer_ref_equal(w->posted[0], peers[0]) || peer_ref_equal(w->posted[1], peers[0]));
    assert_true(peer_ref_equal(w->posted[0], peers[1]) || peer_ref_equal(w->posted[1], peers[1]));
    for (size_t i = 0; i < w->n_posted; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(peer_ref_equal(w->posted[i], w->posted[j]));
    assert_int_equal(w->sent_peers, 6);
    say(w, SCOPE_FULL, PEER_NOBODY, "two", 2);
    assert_int_equal(w->n_posted, 12);
    say(w, SCOPE_RANDOM, PEER_NOBODY, "three", 3);
    assert_int_equal(w->n_posted, 1);
    say(w, SCOPE_PEER, peers[7], "four", 4);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], peers[7]));
    world_free(w);
}

static void a_message_is_not_sent_back(void **state)
{
    struct world *w = world_new();
    struct peer_ref a, b;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    b = incoming(w, 2);
    receive(w, a, "the same bytes");
    say(w, SCOPE_FULL, PEER_NOBODY, "the same bytes", 1);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    say(w, SCOPE_FULL, PEER_NOBODY, "other bytes", 2);
    assert_int_equal(w->n_posted, 2);
    pass(w, 60 * 1000 + 1); /* and only for a minute */
    say(w, SCOPE_FULL, PEER_NOBODY, "the same bytes", 3);
    assert_int_equal(w->n_posted, 2);
    world_free(w);
}

static void a_full_mailbox_waits_without_keeping_others(void **state)
{
    struct world *w = world_new();
    struct peer_ref a, b, c;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    b = incoming(w, 2);
    c = incoming(w, 3);
    w->full = b;
    say(w, SCOPE_FULL, PEER_NOBODY, "hello", 9);
    assert_int_equal(w->n_posted, 2); /* a and c have it */
    assert_int_equal(w->sent_peers, 0);
    assert_false(controller_takes_sends(w->core));
    assert_true(controller_takes(w->core, a));
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 2); /* nobody gets it twice */
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 3);
    assert_true(peer_ref_equal(w->posted[2], b));
    assert_int_equal(w->sent_peers, 3);
    assert_true(controller_takes_sends(w->core));
    (void)c;
    world_free(w);
}

static void a_full_application_waits_too(void **state)
{
    struct world *w = world_new();
    struct peer_ref a;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    w->from_full = true;
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 0);
    assert_true(controller_takes_sends(w->core));
    assert_false(controller_takes(w->core, a));
    w->from_full = false;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_delivered, 1);
    assert_true(controller_takes(w->core, a));
    world_free(w);
}

/* With -relay. */
static struct world *relay_world(void)
{
    struct world *w = world_new();

    w->config.relay = true;
    world_open(w);
    return w;
}

static void a_relay_passes_each_message_on_once(void **state)
{
    struct world *w = relay_world();
    struct peer_ref a, b, c;

    (void)state;
    a = incoming(w, 1);
    b = incoming(w, 2);
    c = incoming(w, 3);
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 2); /* to b and c, not back to a */
    assert_true(peer_ref_equal(w->posted[0], b) || peer_ref_equal(w->posted[1], b));
    assert_true(peer_ref_equal(w->posted[0], c) || peer_ref_equal(w->posted[1], c));
    receive(w, b, "hello");
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 2);
    receive(w, b, "hello, too");
    assert_int_equal(w->n_delivered, 2);
    assert_int_equal(w->n_posted, 4);
    pass(w, w->config.terms.timings.seen + 1);
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 3);
    world_free(w);
}

/* Also where it is not remembered who sent what (-echo 0). */
static void a_relay_sends_nothing_back(void **state)
{
    struct world *w = world_new();
    struct peer_ref a, b;

    (void)state;
    w->config.relay = true;
    w->config.terms.timings.echo = 0;
    world_open(w);
    a = incoming(w, 1);
    b = incoming(w, 2);
    receive(w, a, "hello");
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    world_free(w);
}

static void what_a_relay_sent_itself_does_not_come_back(void **state)
{
    struct world *w = relay_world();
    struct peer_ref a, b;

    (void)state;
    a = incoming(w, 1);
    b = incoming(w, 2);
    say(w, SCOPE_PEER, a, "to one", 1);
    assert_int_equal(w->n_posted, 1);
    receive(w, b, "to one"); /* a has passed it on, as it can't know that it was for itself alone */
    assert_int_equal(w->n_posted, 1);
    assert_int_equal(w->n_delivered, 0);
    say(w, SCOPE_FULL, PEER_NOBODY, "to one", 2); /* what the application says itself is always said */
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], a)); /* b has it */
    world_free(w);
}

/* Were everybody's next messages kept back, two nodes that relay each other's floods would wait for each
 * other. */
static void a_relay_that_waits_keeps_back_the_sender_alone(void **state)
{
    struct world *w = relay_world();
    struct peer_ref a, b, c;

    (void)state;
    a = incoming(w, 1);
    b = incoming(w, 2);
    c = incoming(w, 3);
    w->full = c;
    receive(w, a, "one");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 1); /* b has it */
    assert_false(controller_takes(w->core, a));
    assert_true(controller_takes(w->core, b) && controller_takes(w->core, c));
    assert_true(controller_takes_sends(w->core));
    receive(w, c, "two");
    assert_true(controller_takes(w->core, c));
    assert_int_equal(w->n_posted, 3);
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 4);
    assert_true(peer_ref_equal(w->posted[3], c));
    assert_true(controller_takes(w->core, a));
    assert_false(controller_waits(w->core));
    world_free(w);
}

static void what_a_relay_still_holds_at_the_end_is_counted(void **state)
{
    struct world *w = relay_world();
    struct peer_ref a, b;

    (void)state;
    a = incoming(w, 1);
    b = incoming(w, 2);
    w->full = b;
    receive(w, a, "one");
    ended(w, a, END_CLOSED); /* the sender may go meanwhile */
    assert_true(controller_waits(w->core));
    ended(w, b, END_CLOSED);
    w->dropped = 0;
    controller_retry(w->core, now(w));
    assert_false(controller_waits(w->core));
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    a = incoming(w, 3);
    b = incoming(w, 4);
    w->full = b;
    receive(w, a, "two");
    assert_true(controller_waits(w->core)); /* freed with the core */
    world_free(w);
}

/* Two nodes that flood each other and ask each other something would else both wait, each for the other to
 * read. */
static void what_the_service_says_keeps_nobody_back(void **state)
{
    struct world *w = world_new();
    struct peer_ref a, b;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    b = incoming(w, 2);
    w->full = a;
    w->n_asked = 0;
    pass(w, w->config.terms.timings.request);
    assert_int_equal(w->n_asked, 1); /* b is asked for its peers; the request to a waits */
    assert_true(controller_waits(w->core));
    assert_true(controller_takes_sends(w->core) && controller_takes(w->core, a) &&
                controller_takes(w->core, b));
    receive(w, b, "hello");
    assert_int_equal(w->n_delivered, 1);
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_asked, 2);
    assert_false(controller_waits(w->core));
    world_free(w);
}

/* A peer that takes nothing can't make the node keep requests and answers for it without end. */
static void what_waits_for_one_peer_is_bounded(void **state)
{
    struct world *w = world_new();
    struct peer_ref a;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    w->full = a;
    for (int i = 0; i < 100; i++)
        pass(w, w->config.terms.timings.request);
    w->full = PEER_NOBODY;
    w->n_asked = 0;
    controller_retry(w->core, now(w));
    assert_true(w->n_asked > 0 && w->n_asked <= 16);
    w->full = a;
    pass(w, w->config.terms.timings.request);
    assert_true(controller_waits(w->core));
    ended(w, a, END_CLOSED);
    controller_retry(w->core, now(w));
    assert_false(controller_waits(w->core));
    assert_int_equal(w->dropped, 0); /* the node's own: the application misses nothing */
    world_free(w);
}

static void to_a_peer_that_has_gone_is_counted(void **state)
{
    struct world *w = world_new();
    struct peer_ref a;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    ended(w, a, END_CLOSED);
    say(w, SCOPE_PEER, a, "too late", 5);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(w->sent_peers, 0);
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    world_free(w);
}

static void a_peer_connected_both_ways_gets_one_copy(void **state)
{
    struct world *w = world_new();
    struct peer_ref in, out;

    (void)state;
    special_flag(w, "10.1.0.1:8110");
    world_open(w);
    assert_int_equal(w->n_dialed, 1);
    out = w->dialed[0];
    online(w, out, "10.1.0.1:8110", 1);
    in = knock(w, "10.1.0.1:40001");
    online(w, in, "10.1.0.1:8110", 1);
    say(w, SCOPE_FULL, PEER_NOBODY, "hello", 1);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], out));
    receive(w, in, "what it has"); /* is not sent back by its other connection either */
    say(w, SCOPE_FULL, PEER_NOBODY, "what it has", 3);
    assert_int_equal(w->n_posted, 0);
    ended(w, out, END_CLOSED);
    say(w, SCOPE_FULL, PEER_NOBODY, "hello again", 2);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], in));
    world_free(w);
}

/* --- who may stay --- */

static void the_older_of_two_connections_stays(void **state)
{
    struct world *w = world_new();
    struct peer_ref first, second;

    (void)state;
    world_open(w);
    first = incoming(w, 1);
    second = knock(w, "10.1.0.1:40002");
    online(w, second, "10.1.0.1:8110", 1);
    assert_int_equal(w->n_closed, 1);
    assert_true(peer_ref_equal(w->closed[0], second));
    assert_int_equal(w->closed_why[0], END_DUPLICATE);
    say(w, SCOPE_PEER, first, "still here", 1);
    assert_int_equal(w->n_posted, 1);
    world_free(w);
}

static void a_full_node_refuses_with_alternatives(void **state)
{
    struct world *w = world_new();

    (void)state;
    w->config.incoming = 3;
    world_open(w);
    for (int i = 1; i <= 3; i++) {
        struct peer_ref slot = incoming(w, i);

        for (int k = 0; k < 30; k++) /* good enough to be shared: above 20 */
            receive(w, slot, "good");
    }
    pass(w, 1000);
    ended(w, w->accepted[2], END_CLOSED); /* its merits are in the book now */
    incoming(w, 4);
    assert_true(knock(w, "10.9.0.1:50000").generation);
    assert_true(w->refused[w->n_accepted - 1]);
    assert_true(w->alternatives[w->n_accepted - 1] >= 1);
    world_free(w);
}

static void a_full_node_has_room_for_special_peers(void **state)
{
    struct world *w = world_new();

    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.incoming = 0;
    world_open(w);
    assert_true(knock(w, "10.1.0.1:40000").generation && !w->refused[0]);
    knock(w, "10.1.0.1:40001"); /* another of its IP is nobody special */
    knock(w, "10.2.0.1:40000");
    assert_int_equal(w->n_accepted, 3);
    assert_true(w->refused[1] && w->refused[2]);
    world_free(w);
}

static void a_ban_ends_every_connection_of_the_ip(void **state)
{
    struct world *w = world_new();
    struct peer_ref a, sibling;
    struct command *c = command(COMMAND_BAN);

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    sibling = knock(w, "10.1.0.1:41000");
    online(w, sibling, "10.1.0.1:8111", 99);
    c->peer = a;
    c->ms = 60 * 1000;
    handle(w, MSG_COMMAND, PEER_NOBODY, c);
    assert_int_equal(w->n_closed, 2);
    ended(w, a, END_BANNED);
    ended(w, sibling, END_BANNED);
    assert_false(knock(w, "10.1.0.1:42000").generation);
    assert_int_equal(w->n_shed, 1); /* unanswered */
    pass(w, 61 * 1000);
    assert_true(knock(w, "10.1.0.1:43000").generation); /* a ban has an end */
    c = command(COMMAND_BAN);
    c->ip = endpoint_of("10.1.0.1:1").ip;
    handle(w, MSG_COMMAND, PEER_NOBODY, c);
    assert_false(knock(w, "10.1.0.1:44000").generation);
    c = command(COMMAND_UNBAN);
    c->ip = endpoint_of("10.1.0.1:1").ip;
    handle(w, MSG_COMMAND, PEER_NOBODY, c);
    assert_true(knock(w, "10.1.0.1:45000").generation);
    world_free(w);
}

static void bad_handshakes_end_in_refusal(void **state)
{
    struct world *w = world_new();

    (void)state;
    world_open(w);
    for (int i = 0; i < 20; i++)
        ended(w, knock(w, "10.1.0.1:40000"), END_HANDSHAKE); /* -10 each */
    assert_true(knock(w, "10.1.0.1:40000").generation);      /* -200 is not below -200 */
    ended(w, w->accepted[w->n_accepted - 1], END_NETWORK);
    assert_false(knock(w, "10.1.0.1:40000").generation);
    assert_true(knock(w, "10.1.0.2:40000").generation); /* its neighbour is somebody else */
    world_free(w);
}

static void exclusive_in_accepts_special_peers_only(void **state)
{
    struct world *w = world_new();

    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.exclusive = w->config.exclusive_in = true;
    world_open(w);
    assert_true(knock(w, "10.1.0.1:40000").generation);
    assert_false(knock(w, "10.2.0.1:40000").generation);
    world_free(w);
}

/* --- whom to dial --- */

static void special_peers_are_dialed_for_ever(void **state)
{
    struct world *w = world_new();
    size_t dials;

    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.exclusive = true;
    world_open(w);
    for (dials = 1; dials <= 100; dials++) {
        assert_int_equal(w->n_dialed, dials);
        assert_string_equal(w->dialed_to[dials - 1], "10.1.0.1:8110");
        ended(w, w->dialed[dials - 1], END_DIAL_FAILED);
        assert_true(controller_deadline(w->core) <= w->now_ms + 20000);
        pass(w, 19999);
        assert_int_equal(w->n_dialed, dials);
        pass(w, 1);
    }
    world_free(w);
}

/* Whoever is named without an id in one list and with one in the other must prove it. */
static void an_id_of_either_list_is_insisted_on(void **state)
{
    static const char *const lists[][2] = {{"ab@10.1.0.1:8110", "10.1.0.1:8110"},
                                           {"10.1.0.1:8110", "ab@10.1.0.1:8110"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new();
        char bad[300];

        special_flag(w, lists[i][0]);
        assert_int_equal(address_list_parse(&w->config.special_file, lists[i][1], bad, sizeof bad), 0);
        world_open(w);
        assert_int_equal(w->n_dialed, 1);
        assert_int_equal(w->dialed_id[0].size, 1);
        assert_int_equal(w->dialed_id[0].bytes[0], 0xab);
        world_free(w);
    }
}

static void special_lists_are_kept_apart(void **state)
{
    struct world *w = world_new();
    struct command *c;
    char bad[300];

    (void)state;
    special_flag(w, "10.1.0.1:8110");
    assert_int_equal(address_list_parse(&w->config.special_file, "10.2.0.1:8110", bad, sizeof bad), 0);
    world_open(w);
    assert_int_equal(w->n_dialed, 2);
    online(w, w->dialed[0], w->dialed_to[0], 1);
    online(w, w->dialed[1], w->dialed_to[1], 2);
    c = command(COMMAND_RELOAD);
    assert_int_equal(address_list_parse(&c->peers, "10.3.0.1:8110", bad, sizeof bad), 0);
    handle(w, MSG_COMMAND, PEER_NOBODY, c);
    pass(w, 1);
    assert_int_equal(w->n_dialed, 3); /* the new one; the old ones keep their connections */
    assert_string_equal(w->dialed_to[2], "10.3.0.1:8110");
    assert_int_equal(w->n_closed, 0);
    ended(w, w->dialed[0], END_CLOSED);
    ended(w, w->dialed[1], END_CLOSED);
    pass(w, 20000);
    pass(w, 20000);
    for (size_t i = 3; i < w->n_dialed; i++) /* 10.1 is still special; 10.2 is an ordinary peer now */
        if (strcmp(w->dialed_to[i], "10.1.0.1:8110") == 0)
            break;
        else
            assert_true(i + 1 < w->n_dialed);
    world_free(w);
}

static void a_dialed_peer_that_becomes_special_is_not_dialed_again(void **state)
{
    struct world *w = world_new();
    struct command *c = command(COMMAND_SPECIAL);
    char bad[300];

    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    assert_int_equal(address_list_parse(&c->peers, "10.1.0.1:8110", bad, sizeof bad), 0);
    handle(w, MSG_COMMAND, PEER_NOBODY, c);
    pass(w, 60 * 1000);
    assert_int_equal(w->n_dialed, 1);
    ended(w, w->dialed[0], END_CLOSED);
    pass(w, 20 * 1000);
    assert_int_equal(w->n_dialed, 2); /* from now on it is redialed as a special one */
    world_free(w);
}

static void oneself_is_dialed_once(void **state)
{
    struct world *w = world_new();

    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    ended(w, w->dialed[0], END_LOOPBACK);
    for (int i = 0; i < 50; i++)
        pass(w, 60 * 1000);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

static void an_ordinary_peer_is_given_up_after_five_failures(void **state)
{
    struct world *w = world_new();

    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    for (size_t dials = 1; dials <= 5; dials++) {
        pass(w, 1000);
        assert_int_equal(w->n_dialed, dials);
        ended(w, w->dialed[dials - 1], END_DIAL_FAILED);
        pass(w, 110 * 1000); /* not again before two minutes have gone by */
        assert_int_equal(w->n_dialed, dials);
        pass(w, 10 * 1000);
    }
    for (int i = 0; i < 9; i++)
        pass(w, 1000);
    assert_int_equal(w->n_dialed, 5);
    for (int i = 0; i < 10; i++) /* but a node that is all alone tries everybody again, now and then */
        pass(w, 60 * 1000);
    assert_int_equal(w->n_dialed, 6);
    world_free(w);
}

static void cat_rounds_drop_ordinary_peers(void **state)
{
    struct world *w = world_new();

    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.terms.timings.cat = 900 * 1000;
    w->config.terms.limits.cat_keep = 5;
    world_open(w);
    for (int i = 1; i <= 12; i++)
        incoming(w, i);
    pass(w, 899 * 1000);
    assert_int_equal(w->n_closed, 0);
    pass(w, 1000);
    assert_int_equal(w->n_closed, 11 - 5);
    for (size_t i = 0; i < w->n_closed; i++) {
        assert_int_equal(w->closed_why[i], END_CAT);
        assert_false(peer_ref_equal(w->closed[i], w->accepted[0])); /* never a special one */
    }
    world_free(w);
}

/* Left to itself, a node keeps whom it has. */
static void nobody_is_dropped_where_no_rounds_are_asked_for(void **state)
{
    enum { PEERS = 50, DAY_MS = 24 * 3600 * 1000, STEP_MS = 60 * 1000 };
    struct world *w = world_new();

    (void)state;
    w->config.incoming = PEERS;
    world_open(w);
    for (int i = 1; i <= PEERS; i++)
        incoming(w, i);
    for (int i = 0; i < DAY_MS / STEP_MS; i++)
        pass(w, STEP_MS);
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

static uint64_t known(struct world *w)
{
    handle(w, MSG_COMMAND, PEER_NOBODY, command(COMMAND_STATUS));
    return w->known;
}

static void who_is_not_heard_of_is_forgotten(void **state)
{
    struct world *w = world_new();

    (void)state;
    w->config.terms.timings.forget = 3600 * 1000;
    w->config.outgoing = 0;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 3500 * 1000);
    assert_int_equal(known(w), 1);
    pass(w, 200 * 1000);
    assert_int_equal(known(w), 0);
    world_free(w);
}

/* --- the end --- */

static void quitting_closes_saves_and_ends(void **state)
{
    struct world *w = world_new();
    struct message saved = {.type = MSG_SAVED};
    struct peer_ref a;

    (void)state;
    world_open(w);
    a = incoming(w, 1);
    handle(w, MSG_COMMAND, PEER_NOBODY, command(COMMAND_QUIT));
    assert_int_equal(w->n_closed, 1);
    assert_false(knock(w, "10.5.0.1:40000").generation);
    pass(w, 10);
    assert_false(w->ended);
    ended(w, a, END_SHUTDOWN);
    pass(w, 10);
    assert_int_equal(w->n_saved, 1);
    assert_false(w->ended);
    controller_handle(w->core, now(w), &saved);
    pass(w, 1);
    assert_true(w->ended);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F29", scopes_reach_whom_they_say),
        cmocka_unit_test(a_message_is_not_sent_back),
        cmocka_unit_test(a_full_mailbox_waits_without_keeping_others),
        cmocka_unit_test(a_full_application_waits_too),
        cmocka_unit_test(a_relay_passes_each_message_on_once),
        cmocka_unit_test(a_relay_sends_nothing_back),
        cmocka_unit_test(what_a_relay_sent_itself_does_not_come_back),
        cmocka_unit_test(a_relay_that_waits_keeps_back_the_sender_alone),
        cmocka_unit_test(what_a_relay_still_holds_at_the_end_is_counted),
        cmocka_unit_test(what_the_service_says_keeps_nobody_back),
        cmocka_unit_test(what_waits_for_one_peer_is_bounded),
        cmocka_unit_test(to_a_peer_that_has_gone_is_counted),
        cmocka_unit_test(a_peer_connected_both_ways_gets_one_copy),
        promise_test("P6", the_older_of_two_connections_stays),
        cmocka_unit_test(a_full_node_refuses_with_alternatives),
        promise_test("F17", a_full_node_has_room_for_special_peers),
        promise_test("P20", a_ban_ends_every_connection_of_the_ip),
        cmocka_unit_test(bad_handshakes_end_in_refusal),
        cmocka_unit_test(exclusive_in_accepts_special_peers_only),
        promise_test("F17", special_peers_are_dialed_for_ever),
        cmocka_unit_test(an_id_of_either_list_is_insisted_on),
        cmocka_unit_test(special_lists_are_kept_apart),
        cmocka_unit_test(a_dialed_peer_that_becomes_special_is_not_dialed_again),
        cmocka_unit_test(oneself_is_dialed_once),
        cmocka_unit_test(an_ordinary_peer_is_given_up_after_five_failures),
        cmocka_unit_test(cat_rounds_drop_ordinary_peers),
        promise_test("P31", nobody_is_dropped_where_no_rounds_are_asked_for),
        promise_test("P26", who_is_not_heard_of_is_forgotten),
        cmocka_unit_test(quitting_closes_saves_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
