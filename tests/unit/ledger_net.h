/* A network of ledger services in one thread, under a virtual clock: each node with a chain of its own in
 * memory, messages between services instead of sessions and sockets. Everything takes a millisecond. */
#ifndef KITH_TESTS_LEDGER_NET_H
#define KITH_TESTS_LEDGER_NET_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/ledger/service.h"
#include "protocol/ledger/state.h"
#include "protocol/protocol.h"
#include "tests/unit/dice.h"
#include "tests/unit/promise.h"

enum { NODES = 12, LINKS = 12, EVENTS = 1 << 16, WALL_S = 1700000000 };

/* What went from one node to another. */
struct tally {
    uint32_t transactions, ids, blocks, numbers, lists, bodies, gets, addresses, asks_addresses, calls;
};

struct link {
    bool is_up, is_deaf; /* is_deaf: what is sent by it is lost */
    uint32_t to, back;   /* the other node, and the link's number there */
    uint32_t generation;
    struct peer_info info;
    struct ledger_peer *state;
    struct tally sent;
    bool is_held, was_held;
    bool is_behind; /* it does not read */
    bool is_incoming;
    int32_t points; /* that the other end lost here */
    bool sent_away;
};

struct node {
    bool is_up;
    bool is_puppet; /* a peer that the test plays: puppet_hears is told what it gets */
    struct node_config config;
    struct ledger *service;
    void *chain;
    struct link links[LINKS];
    struct store_request requests[256];
    uint32_t n_requests;
    bool store_waits;              /* answers nothing */
    bool store_refuses;            /* takes no request */
    uint32_t n_told;               /* lines for the operator */
    uint32_t transactions, blocks; /* that the application was told of */
    int64_t last_block;
    bool in_order;
    uint32_t added; /* requests to add blocks */
    uint64_t replies, refusals, told;
    char reply[512];
    char fault[128]; /* the last that was said of a peer */
    uint64_t lost;   /* messages that could not be kept */
    struct peer_ref lost_of;
    uint32_t wants; /* outgoing connections */
    uint32_t n_datagrams, n_heard, n_dials;
    struct endpoint sent_to, dialed; /* the last ones */
    uint64_t dial_token;
    size_t datagram_size;
    char datagram[1300];
    bool may_not_dial;
    struct known_peer shared[128];
    size_t n_shared, n_learned;
    struct endpoint learned;
};

struct flying {
    int64_t at_ms;
    uint32_t from, link, generation, kind;
    struct parcel *parcel;
};

static struct net {
    struct protocol protocol;
    struct node nodes[NODES];
    bool comes; /* who joins has been dialed by nobody */
    struct flying events[EVENTS];
    uint32_t first, n;
    int64_t now_ms;
    uint64_t random;
    bool (*valid)(void *context, const char *kind, const void *bytes, size_t size);
} w;

/* The test's own. */
static void puppet_hears(uint32_t puppet, uint32_t link, uint32_t kind, const struct parcel *parcel);

static inline struct node *node_of(void *host)
{
    return host;
}

static inline uint32_t number_of(const struct node *n)
{
    return (uint32_t)(n - w.nodes);
}

static inline struct link *link_of(struct node *n, struct peer_ref ref)
{
    struct link *l = &n->links[ref.index];
    return l->is_up && l->generation == ref.generation ? l : NULL;
}

static inline struct service_peer peer_of(struct node *n, uint32_t link)
{
    struct link *l = &n->links[link];
    return (struct service_peer){.direction = l->is_incoming ? DIRECTION_INCOMING : DIRECTION_OUTGOING,
                                 .ref = {.index = link, .generation = l->generation},
                                 .info = &l->info,
                                 .state = l->state};
}

/* --- what a service does --- */

static inline void count_sent(struct tally *t, uint32_t kind, const struct parcel *p)
{
    switch ((int)kind) {
    case LEDGER_TRANSACTIONS:
        t->transactions += (uint32_t)chain_pack_count(p);
        break;
    case LEDGER_HAVE_TRANSACTION:
        t->ids += p->size / sizeof(struct chain_hash);
        break;
    case LEDGER_NEW_BLOCK:
        t->blocks += (uint32_t)chain_pack_count(p);
        break;
    case LEDGER_HAVE_BLOCK:
        t->numbers++;
        break;
    case LEDGER_LIST:
        t->lists++;
        break;
    case LEDGER_BLOCKS:
        t->bodies += (uint32_t)chain_pack_count(p);
        break;
    case LEDGER_GET_BLOCKS:
        t->gets += ((const struct chain_wanted *)(const void *)p->bytes)->n;
        break;
    case LEDGER_ADDRESSES:
        t->addresses++;
        break;
    case LEDGER_CALL:
        t->calls++;
        break;
    case LEDGER_GET_ADDRESSES:
        t->asks_addresses++;
        break;
    default:
        break;
    }
}

static inline void on_send(void *host, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct node *n = node_of(host);
    struct link *l = link_of(n, to);
    if (!l) {
        parcel_release(parcel);
        return;
    }
    if (kind == LEDGER_GET_TRANSACTION && parcel->size > sizeof(struct chain_hash)) { /* a line for each */
        for (size_t at = 0; at < parcel->size; at += sizeof(struct chain_hash)) {
            on_send(host, to, kind, parcel_new(parcel->bytes + at, sizeof(struct chain_hash)));
        }
        parcel_release(parcel);
        return;
    }
    if (kind == LEDGER_GET_ADDRESSES && !parcel) { /* as the session of the other end has it */
        const struct ledger_asker asker = {.port = n->config.listen_port};
        parcel = parcel_new(&asker, sizeof asker);
    }
    count_sent(&l->sent, kind, parcel);
    if (l->is_deaf || w.n == EVENTS) {
        assert_int_not_equal(w.n, EVENTS);
        parcel_release(parcel);
        return;
    }
    w.events[(w.first + w.n++) % EVENTS] = (struct flying){.at_ms = w.now_ms + 1,
                                                           .from = number_of(n),
                                                           .link = to.index,
                                                           .generation = l->generation,
                                                           .kind = kind,
                                                           .parcel = parcel};
}

static inline void on_deliver(void *host, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    struct node *n = node_of(host);
    const char *why;
    (void)from;
    if (kind == LEDGER_TRANSACTION) {
        n->transactions++;
    } else {
        json_t *block = json_read(parcel->bytes, parcel->size, &why);
        int64_t number = json_integer_value(json_object_get(block, "number"));
        n->in_order = n->in_order && (number == n->last_block + 1 || number <= n->last_block);
        n->last_block = number;
        n->blocks++;
        json_decref(block);
    }
    parcel_release(parcel);
}

static inline size_t on_share(void *host, struct peer_ref asker, struct known_peer *out, size_t most)
{
    struct node *n = node_of(host);
    size_t shared = n->n_shared < most ? n->n_shared : most;
    (void)asker;
    memcpy(out, n->shared, shared * sizeof *out);
    return shared;
}

static inline void on_shared(void *host, struct peer_ref with, size_t n)
{
    (void)host;
    (void)with;
    (void)n;
}

static inline void on_learn(void *host, struct peer_ref from, const struct known_peer *peers, size_t count)
{
    struct node *n = node_of(host);
    (void)from;
    n->n_learned += count;
    n->learned = count > 0 ? peers[count - 1].endpoint : n->learned;
}

static inline void on_hear(void *host, const struct ip *teller, const struct known_peer *peers, size_t count)
{
    struct node *n = node_of(host);
    (void)teller;
    n->n_heard += (uint32_t)count;
    n->learned = count > 0 ? peers[count - 1].endpoint : n->learned;
}

static inline uint32_t on_wanted(void *host)
{
    return node_of(host)->wants;
}

static inline void on_send_datagram(void *host, const struct endpoint *to, const void *bytes, size_t size)
{
    struct node *n = node_of(host);
    assert_in_range(size, 1, sizeof n->datagram - 1);
    n->n_datagrams++;
    n->sent_to = *to;
    n->datagram_size = size;
    memcpy(n->datagram, bytes, size);
    n->datagram[size] = '\0';
}

static inline bool on_dial(void *host, const struct endpoint *to, uint64_t token)
{
    struct node *n = node_of(host);
    if (n->may_not_dial) {
        return false;
    }
    n->n_dials++;
    n->dialed = *to;
    n->dial_token = token;
    return true;
}

static inline void on_fault(void *host, struct peer_ref about, int32_t demerit, const char *text)
{
    struct node *n = node_of(host);
    assert_true(demerit >= 0);
    assert_true(text[0] != '\0');
    n->links[about.index].points += demerit;
    snprintf(n->fault, sizeof n->fault, "%s", text);
}

static inline void on_lost(void *host, struct peer_ref of, uint64_t n)
{
    struct node *node = node_of(host);
    node->lost += n;
    node->lost_of = of;
}

static inline void on_disconnect(void *host, struct peer_ref p, enum end_reason why, const char *text)
{
    struct node *n = node_of(host);
    (void)why;
    (void)text;
    n->links[p.index].sent_away = true;
}

static inline bool on_next_peer(void *host, struct peer_ref after, struct service_peer *next)
{
    struct node *n = node_of(host);
    for (uint32_t i = after.generation ? after.index + 1 : 0; i < LINKS; i++) {
        if (n->links[i].is_up) {
            *next = peer_of(n, i);
            return true;
        }
    }
    return false;
}

static inline void on_hold(void *host, struct peer_ref p, bool held)
{
    struct node *n = node_of(host);
    n->links[p.index].is_held = held;
    n->links[p.index].was_held = n->links[p.index].was_held || held;
}

static inline bool on_is_behind(void *host, struct peer_ref p)
{
    return node_of(host)->links[p.index].is_behind;
}

static inline bool on_ask(void *host, const struct store_request *q)
{
    struct node *n = node_of(host);
    if (n->n_requests == 256 || n->store_refuses) {
        return false;
    }
    n->added += q->kind == CHAIN_ADD_BLOCKS;
    n->requests[n->n_requests++] = *q;
    return true;
}

static inline uint64_t on_random(void *host)
{
    (void)host;
    return dice_throw(&w.random) >> 33;
}

static inline void on_tell(void *host, const char *text)
{
    assert_true(text[0] != '\0');
    node_of(host)->n_told++;
}

static inline void on_reply(void *host, uint64_t number, bool done, uint64_t count, const char *text)
{
    struct node *n = node_of(host);
    (void)number;
    n->replies += done;
    n->refusals += !done;
    n->told = count;
    snprintf(n->reply, sizeof n->reply, "%s", text ? text : "");
}

static const struct service_actions net_actions = {.send = on_send,
                                                   .deliver = on_deliver,
                                                   .share = on_share,
                                                   .shared = on_shared,
                                                   .learn = on_learn,
                                                   .hear = on_hear,
                                                   .send_datagram = on_send_datagram,
                                                   .dial = on_dial,
                                                   .wanted = on_wanted,
                                                   .fault = on_fault,
                                                   .lost = on_lost,
                                                   .disconnect = on_disconnect,
                                                   .next_peer = on_next_peer,
                                                   .hold = on_hold,
                                                   .is_behind = on_is_behind,
                                                   .ask = on_ask,
                                                   .random = on_random,
                                                   .tell = on_tell,
                                                   .reply = on_reply};
static const struct service_ops *const ops = &ledger_service_ops;

/* --- nodes and links --- */

static inline int64_t wall_ms(void)
{
    return WALL_S * INT64_C(1000) + w.now_ms;
}

/* Its configuration may be changed before it begins. */
static inline struct node *prepare(uint32_t i)
{
    struct node *n = &w.nodes[i];
    *n = (struct node){.is_up = true, .in_order = true};
    n->config = (struct node_config){.timings = {.request = 30 * 60000, .request_limit = 5000, .ping = 60000},
                                     .limits = {.share = 100},
                                     .network = {.open = true},
                                     .listen_port = 8210};
    n->config.network.port = 8210;
    return n;
}

static inline struct node *begin(struct node *n)
{
    const struct store_place place = {.path = "", .network = "LOCAL", .wall_ms = wall_ms, .valid = w.valid};
    char error[200];
    n->chain = calloc(1, chain_schema.size);
    assert_true(chain_schema.open(n->chain, &place, error, sizeof error));
    n->service = calloc(1, ops->size);
    const struct service_config config = {
        .protocol = &w.protocol, .node = &n->config, .actions = &net_actions, .host = n};
    assert_int_equal(ops->open(n->service, &config, w.now_ms), 0);
    return n;
}

static inline struct node *start(uint32_t i)
{
    return begin(prepare(i));
}

static inline void open_net(const struct ledger_variant *variant, uint32_t nodes)
{
    memset(&w, 0, sizeof w);
    w.protocol = (struct protocol){.name = "net", .variant = variant, .service = ops, .merits = {.bad = -10}};
    w.now_ms = 1000;
    w.random = 7;
    for (uint32_t i = 0; i < nodes; i++) {
        start(i);
    }
}

static inline uint32_t free_link(const struct node *n)
{
    uint32_t i = 0;
    while (n->links[i].is_up) {
        i++;
    }
    assert_in_range(i, 0, LINKS - 1);
    return i;
}

static inline uint32_t start_puppet(uint32_t i)
{
    w.nodes[i] = (struct node){.is_puppet = true};
    return i;
}

static inline uint64_t height_of(const struct node *n)
{
    if (n->is_puppet) {
        return (uint64_t)n->last_block; /* as the test set it */
    }
    struct facts facts = {0};
    ops->facts(n->service, &facts);
    return facts.height;
}

/* Where that node listens. */
static inline struct endpoint address_of(uint32_t node)
{
    struct endpoint e;
    char text[64];
    snprintf(text, sizeof text, "10.0.0.%u:8210", node + 1);
    assert_true(endpoint_parse(&e, text));
    return e;
}

static inline void come_up(struct node *n, uint32_t link, const struct node *other, uint32_t back)
{
    struct link *l = &n->links[link];
    uint32_t generation = l->generation + 1;
    *l = (struct link){.is_up = true,
                       .to = number_of(other),
                       .back = back,
                       .generation = generation,
                       .is_incoming = w.comes};
    l->state = n->is_puppet ? NULL : calloc(1, ops->peer_size);
    l->info.height = height_of(other);
    l->info.local = address_of(number_of(n));
    l->info.local.port = 40000;
    l->info.endpoint = address_of(number_of(other));
}

static inline void tell_online(struct node *n, uint32_t link)
{
    if (n->is_puppet) {
        return;
    }
    struct service_peer p = peer_of(n, link);
    ops->online(n->service, w.now_ms, &p);
}

static inline void join(uint32_t a, uint32_t b)
{
    struct node *x = &w.nodes[a], *y = &w.nodes[b];
    uint32_t i = free_link(x), j = free_link(y);
    come_up(x, i, y, j);
    come_up(y, j, x, i);
    tell_online(x, i);
    tell_online(y, j);
}

static inline struct link *between(uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < LINKS; i++) {
        if (w.nodes[a].links[i].is_up && w.nodes[a].links[i].to == b) {
            return &w.nodes[a].links[i];
        }
    }
    fail_msg("%u and %u are not joined", a, b);
    return NULL;
}

static inline void go_down(struct node *n, uint32_t link)
{
    struct service_peer p = peer_of(n, link);
    if (!n->is_puppet) {
        ops->offline(n->service, w.now_ms, &p);
    }
    n->links[link].is_up = false;
    free(n->links[link].state);
    n->links[link].state = NULL;
}

static inline void part(uint32_t a, uint32_t b)
{
    struct link *l = between(a, b);
    uint32_t back = l->back;
    go_down(&w.nodes[a], (uint32_t)(l - w.nodes[a].links));
    go_down(&w.nodes[b], back);
}

static inline void stop(uint32_t i)
{
    struct node *n = &w.nodes[i];
    for (uint32_t j = 0; j < LINKS; j++) {
        if (n->links[j].is_up) {
            part(i, n->links[j].to);
        }
    }
    ops->close(n->service);
    for (uint32_t j = 0; j < n->n_requests; j++) {
        parcel_release(n->requests[j].parcel);
    }
    chain_schema.close(n->chain);
    free(n->chain);
    free(n->service);
    n->is_up = false;
}

static inline void close_net(void)
{
    for (uint32_t i = 0; i < NODES; i++) {
        if (w.nodes[i].is_up) {
            stop(i);
        }
        for (uint32_t j = 0; j < LINKS; j++) { /* of puppets */
            if (w.nodes[i].links[j].is_up) {
                part(i, w.nodes[i].links[j].to);
            }
        }
    }
    for (uint32_t i = 0; i < w.n; i++) {
        parcel_release(w.events[(w.first + i) % EVENTS].parcel);
    }
}

/* --- time --- */

/* Both ends end a connection that one of them has ended. */
static inline bool end_those_sent_away(void)
{
    bool any = false;
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < LINKS; j++) {
            struct link *l = &w.nodes[i].links[j];
            if (l->is_up && l->sent_away) {
                part(i, l->to);
                any = true;
            }
        }
    }
    return any;
}

static inline bool answer_one(struct node *n)
{
    if (!n->is_up || n->n_requests == 0 || n->store_waits) {
        return false;
    }
    struct store_request q = n->requests[0];
    struct store_answer a = {.token = q.token};
    memmove(n->requests, n->requests + 1, --n->n_requests * sizeof *n->requests);
    chain_schema.answer(n->chain, &q, &a);
    parcel_release(q.parcel);
    ops->answer(n->service, w.now_ms, &a);
    return true;
}

/* As if the disk were full. */
static inline void fail_one(struct node *n)
{
    struct store_request q = n->requests[0];
    const struct store_answer a = {
        .token = q.token, .kind = CHAIN_FAILED, .parcel = parcel_new("disk full", 9)};
    assert_true(n->n_requests > 0);
    memmove(n->requests, n->requests + 1, --n->n_requests * sizeof *n->requests);
    parcel_release(q.parcel);
    ops->answer(n->service, w.now_ms, &a);
}

/* What flies on a link comes in order; what comes from a peer that is held waits. */
static inline bool hand_over_one(void)
{
    for (uint32_t i = 0; i < w.n; i++) {
        struct flying f = w.events[(w.first + i) % EVENTS];
        struct link *l = &w.nodes[f.from].links[f.link];
        bool is_up = l->is_up && l->generation == f.generation;
        struct node *to = &w.nodes[l->to];
        if (f.at_ms > w.now_ms) {
            return false;
        }
        if (is_up && to->links[l->back].is_held) {
            continue;
        }
        for (; i > 0; i--) {
            w.events[(w.first + i) % EVENTS] = w.events[(w.first + i - 1) % EVENTS];
        }
        w.first = (w.first + 1) % EVENTS;
        w.n--;
        if (!is_up) {
            parcel_release(f.parcel);
            return true;
        }
        struct service_peer p = peer_of(to, l->back);
        if (to->is_puppet) {
            puppet_hears(number_of(to), l->back, f.kind, f.parcel);
            parcel_release(f.parcel);
        } else {
            ops->message(to->service, w.now_ms, &p, f.kind, f.parcel);
        }
        return true;
    }
    return false;
}

static inline void settle(void)
{
    for (bool any = true; any;) {
        any = hand_over_one();
        any = end_those_sent_away() || any;
        for (uint32_t i = 0; i < NODES; i++) {
            any = answer_one(&w.nodes[i]) || any;
        }
    }
}

static inline void tick_all(void)
{
    for (uint32_t i = 0; i < NODES; i++) {
        if (w.nodes[i].is_up && ops->deadline(w.nodes[i].service) <= w.now_ms) {
            ops->tick(w.nodes[i].service, w.now_ms);
        }
    }
}

/* Goes on for so long; in steps of a millisecond while anything flies. */
static inline void pass(int64_t ms)
{
    int64_t until = w.now_ms + ms;
    settle();
    while (w.now_ms < until) {
        int64_t next = w.n > 0 ? w.now_ms + 1 : until;
        for (uint32_t i = 0; i < NODES; i++) {
            int64_t due = w.nodes[i].is_up ? ops->deadline(w.nodes[i].service) : INT64_MAX;
            next = due > w.now_ms && due < next ? due : next;
            next = due <= w.now_ms ? w.now_ms + 1 : next;
        }
        w.now_ms = next;
        tick_all();
        settle();
    }
}

/* A puppet speaks; takes the parcel. */
static inline void say(uint32_t puppet, uint32_t to, uint32_t kind, struct parcel *parcel)
{
    struct link *l = between(puppet, to);
    const struct peer_ref ref = {.index = (uint32_t)(l - w.nodes[puppet].links), .generation = l->generation};
    on_send(&w.nodes[puppet], ref, kind, parcel);
}

/* --- what the application does --- */

static inline struct parcel *transaction(uint32_t number)
{
    char text[256];
    snprintf(text, sizeof text, "{\"message\":[%u],\"receiver\":\"%040x\",\"sender\":\"%040x\"}", number, 1,
             2);
    return parcel_new(text, strlen(text));
}

static inline struct parcel *pack_of_transaction(uint32_t number)
{
    const char *why;
    struct chain_item item;
    struct parcel *text = transaction(number);
    json_t *value = json_read(text->bytes, text->size, &why);
    assert_true(chain_transaction_read(value, &item, &why));
    struct parcel *pack = chain_pack_one(&item);
    chain_item_free(&item);
    json_decref(value);
    parcel_release(text);
    return pack;
}

static inline void submit(uint32_t node, uint32_t number)
{
    int64_t told = ops->send(w.nodes[node].service, w.now_ms, 1, SCOPE_FULL, PEER_NOBODY, LEDGER_TRANSACTION,
                             transaction(number));
    assert_int_equal(told, SERVICE_TELLS_LATER);
}

static inline void make_block(uint32_t node)
{
    char error[160];
    assert_true(ops->command(w.nodes[node].service, w.now_ms, 2, "block", "", error, sizeof error));
}

/* A block of its own for each of its messages: chains that are made apart differ. */
static inline void grow(uint32_t node, uint32_t blocks)
{
    for (uint32_t i = 0; i < blocks; i++) {
        submit(node, node * 1000000 + (uint32_t)height_of(&w.nodes[node]) + 1);
        settle();
        make_block(node);
        settle();
    }
}

static inline bool same_chain(uint32_t a, uint32_t b)
{
    const struct chain_state *x = &w.nodes[a].service->chain, *y = &w.nodes[b].service->chain;
    return x->height == y->height && chain_hash_equal(&x->tip, &y->tip);
}

#endif
