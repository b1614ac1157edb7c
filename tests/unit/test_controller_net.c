/* Sixty cores in one thread, joined by a virtual network under a virtual clock through their tables of
 * functions: until each holds eight outgoing connections, a fifth of them are killed, and the rest are back
 * at eight. The same seed number gives the same log, byte for byte. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

enum {
    NODES = 60,
    KILLED = NODES / 5,
    SEEDS = 6,
    OUTGOING = 8,
    LINKS = 8192,
    DELAY_MS = 10,       /* of the virtual network, one way */
    PING_MS = 15 * 1000, /* idle connections ping; each ping and pong is a sign of life */
    LIMIT_MS = 20 * 60 * 1000,
};

struct end {
    int node;
    struct peer_ref ref;
};

/* A connection between two nodes, or a dial that leads nowhere. */
struct wire {
    struct end dialer, listener;
    bool open;
};

struct node {
    struct world world; /* first: the fixture's actions are given a node, too */
    struct net *net;
    int number;
    bool alive;
    uint32_t outgoing, incoming;
    unsigned parcels;
};

/* A message on its way to a core. */
struct post {
    int64_t at_ms;
    uint64_t order;
    int node;
    struct message message;
};

struct net {
    struct controller_actions actions;
    struct node nodes[NODES];
    struct wire wires[LINKS];
    size_t n_wires;
    struct post *posts; /* a heap by time, then order */
    size_t n_posts, capacity;
    uint64_t order, seed;
    int64_t now_ms, ping_ms;
    char *log;
    size_t log_size, log_capacity;
};

/* --- determinism: one generator, one log --- */

static uint64_t net_random(struct net *net)
{
    uint64_t z = (net->seed += 0x9e3779b97f4a7c15ULL); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static void net_log(struct net *net, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void net_log(struct net *net, const char *format, ...)
{
    char line[640];
    va_list arguments;
    int n = snprintf(line, sizeof line, "%lld ", (long long)net->now_ms);
    va_start(arguments, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n, format, arguments);
    va_end(arguments);
    if (net->log_size + (size_t)n + 1 > net->log_capacity) {
        net->log_capacity = net->log_capacity * 2 + 65536;
        net->log = realloc(net->log, net->log_capacity);
        assert_non_null(net->log);
    }
    memcpy(net->log + net->log_size, line, (size_t)n);
    net->log_size += (size_t)n;
    net->log[net->log_size++] = '\n';
}

/* --- the heap of messages --- */

static bool sooner(const struct post *a, const struct post *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void net_post(struct net *net, int node, const struct message *m)
{
    size_t i = net->n_posts++;
    if (net->n_posts > net->capacity) {
        net->capacity = net->capacity * 2 + 1024;
        net->posts = realloc(net->posts, net->capacity * sizeof *net->posts);
        assert_non_null(net->posts);
    }
    net->posts[i] =
        (struct post){.at_ms = net->now_ms + DELAY_MS, .order = net->order++, .node = node, .message = *m};
    for (; i > 0 && sooner(&net->posts[i], &net->posts[(i - 1) / 2]); i = (i - 1) / 2) {
        struct post swap = net->posts[i];
        net->posts[i] = net->posts[(i - 1) / 2];
        net->posts[(i - 1) / 2] = swap;
    }
}

static struct post net_take(struct net *net)
{
    struct post first = net->posts[0];
    size_t i = 0;
    net->posts[0] = net->posts[--net->n_posts];
    for (;;) {
        size_t least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2; k++) {
            if (k < net->n_posts && sooner(&net->posts[k], &net->posts[least])) {
                least = k;
            }
        }
        if (least == i) {
            return first;
        }
        struct post swap = net->posts[i];
        net->posts[i] = net->posts[least];
        net->posts[least] = swap;
        i = least;
    }
}

/* --- the virtual network --- */

static struct endpoint endpoint_of_node(int node)
{
    /* Spread over network groups, as real addresses are. */
    struct endpoint e = {.port = 8110};
    uint8_t ip[16] = {[10] = 0xff, [11] = 0xff,
                      [12] = 11,   [13] = (uint8_t)(node / 4),
                      [14] = 1,    [15] = (uint8_t)(node + 1)};
    memcpy(e.ip.bytes, ip, sizeof ip);
    return e;
}

static int node_at(const char *host)
{
    struct ip ip;
    assert_true(ip_parse(&ip, host));
    for (int i = 0; i < NODES; i++) {
        struct endpoint e = endpoint_of_node(i);
        if (ip_equal(&e.ip, &ip)) {
            return i;
        }
    }
    return -1;
}

static struct peer_info *info_of(int node)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->endpoint = endpoint_of_node(node);
    t->node_id = (uint64_t)node + 1;
    t->version = 10;
    char text[ENDPOINT_TEXT_MAX];
    snprintf(t->hash, sizeof t->hash, "%s %08x", endpoint_format(&t->endpoint, text, sizeof text), node + 1);
    return t;
}

static void post_ended(struct net *net, struct end to, enum end_reason reason)
{
    struct message m = {.type = MSG_ENDED, .peer = to.ref, .end.reason = reason};
    struct message gone = {.type = MSG_GONE, .peer = to.ref};
    struct ending *e = calloc(1, sizeof *e);
    assert_non_null(e);
    snprintf(e->text, sizeof e->text, "%s", end_reason_text(reason));
    m.ending = e;
    net_post(net, to.node, &m);
    net_post(net, to.node, &gone);
}

static struct wire *wire_of(struct net *net, int node, struct peer_ref ref, struct end *other)
{
    for (size_t i = 0; i < net->n_wires; i++) {
        struct wire *w = &net->wires[i];
        if (!w->open) {
            continue;
        }
        if (w->dialer.node == node && peer_ref_equal(w->dialer.ref, ref)) {
            *other = w->listener;
            return w;
        }
        if (w->listener.node == node && peer_ref_equal(w->listener.ref, ref)) {
            *other = w->dialer;
            return w;
        }
    }
    return NULL;
}

/* --- the table of actions --- */

static bool v_dial(void *world, struct peer_ref slot, const struct dial_request *request)
{
    struct node *n = world;
    struct net *net = n->net;
    struct end dialer = {n->number, slot};
    int to = node_at(request->to.host);
    struct message m = {.type = MSG_ACCEPTED};
    net_log(net, "%d dials %d", n->number, to);
    if (to < 0 || !net->nodes[to].alive) {
        post_ended(net, dialer, END_DIAL_FAILED);
        return true;
    }
    if (to == n->number) {
        post_ended(net, dialer, END_LOOPBACK);
        return true;
    }
    assert_true(net->n_wires < LINKS);
    net->wires[net->n_wires] = (struct wire){.dialer = dialer, .listener = {.node = to}, .open = true};
    struct accepted *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->fd = (int)net->n_wires++; /* the ticket */
    a->remote = endpoint_of_node(n->number);
    a->remote.port = (uint16_t)(40000 + net->n_wires % 20000);
    m.accepted = a;
    net_post(net, to, &m);
    return true;
}

static bool v_accept(void *world, struct peer_ref slot, struct accepted *a, bool refuse,
                     const struct endpoint *others, size_t n_others)
{
    struct node *n = world;
    struct net *net = n->net;
    struct wire *w = &net->wires[a->fd];
    struct message m = {.type = MSG_ONLINE, .peer = slot};
    (void)others;
    (void)n_others;
    w->listener.ref = slot;
    if (refuse || !w->open) {
        w->open = false;
        post_ended(net, w->listener, END_REFUSED);
        post_ended(net, w->dialer, END_REJECTED);
        return true;
    }
    m.info = info_of(w->dialer.node);
    net_post(net, n->number, &m);
    m.peer = w->dialer.ref;
    m.info = info_of(n->number);
    net_post(net, w->dialer.node, &m);
    return true;
}

static void v_shed(void *world, struct accepted *a)
{
    struct node *n = world;
    struct wire *w = &n->net->wires[a->fd];
    w->open = false;
    post_ended(n->net, w->dialer, END_CLOSED);
}

static enum gate_result v_post(void *world, struct moment now, struct peer_ref to, const struct message *m)
{
    struct node *n = world;
    struct message arrives = {.type = MSG_PEER, .kind = m->kind, .parcel = m->parcel};
    (void)now;
    struct end other;
    if (!wire_of(n->net, n->number, to, &other)) {
        parcel_release(m->parcel);
        controller_dropped(n->world.core, to, DROP_GONE, 1);
        return GATE_DROPPED;
    }
    arrives.peer = other.ref;
    if (m->parcel) {
        arrives.digest = controller_digest(n->net->nodes[other.node].world.core, m->kind, m->parcel);
    }
    net_post(n->net, other.node, &arrives);
    return GATE_POSTED;
}

static void v_close(void *world, struct peer_ref slot, enum end_reason why, bool at_once)
{
    struct node *n = world;
    struct end other;
    struct wire *w = wire_of(n->net, n->number, slot, &other);
    (void)at_once;
    if (!w) {
        return;
    }
    w->open = false;
    net_log(n->net, "%d closes its connection with %d: %s", n->number, other.node, end_reason_text(why));
    post_ended(n->net, (struct end){n->number, slot}, why);
    post_ended(n->net, other, END_CLOSED);
}

static enum gate_result v_deliver(void *world, struct moment now, const struct message *m)
{
    struct node *n = world;
    (void)now;
    n->parcels++;
    net_log(n->net, "%d got %u bytes", n->number, m->parcel->size);
    parcel_release(m->parcel);
    return GATE_POSTED;
}

static void v_tell(void *world, struct node_event *event)
{
    const struct kith_event *e = &event->public;
    struct node *n = world;
    int change = e->type == KITH_ONLINE ? 1 : e->type == KITH_OFFLINE ? -1 : 0;
    uint32_t *count = e->peer->outgoing ? &n->outgoing : &n->incoming;
    if (change) {
        *count = (uint32_t)((int)*count + change);
        net_log(n->net, "%d %s %s, %u out %u in", n->number, change > 0 ? "has" : "lost", e->peer->hash,
                n->outgoing, n->incoming);
    }
    node_event_free(event);
}

static bool v_fetch_seeds(void *world)
{
    struct node *n = world;
    struct seed_report *r = calloc(1, sizeof *r + SEEDS * sizeof r->endpoints[0]);
    struct message m = {.type = MSG_SEEDS, .seeds = r};
    assert_non_null(r);
    r->n = SEEDS;
    for (int i = 0; i < SEEDS; i++) {
        r->endpoints[i] = endpoint_of_node(i * (NODES / SEEDS));
    }
    net_post(n->net, n->number, &m);
    return true;
}

static void v_save_peers(void *world, struct book_snapshot *s)
{
    struct node *n = world;
    struct message m = {.type = MSG_SAVED};
    net_log(n->net, "%d saves %zu peers", n->number, s->n_entries);
    book_snapshot_free(s);
    net_post(n->net, n->number, &m);
}

static uint64_t v_random(void *world)
{
    struct node *n = world;
    return net_random(n->net);
}

static void v_log(void *world, enum log_level level, const struct log_about *about, const char *line)
{
    (void)about;
    struct node *n = world;
    net_log(n->net, "%d log %d %s", n->number, (int)level, line);
}

/* The fixture's, but for what goes through the network and what the log tells. */
static struct controller_actions actions_in_net(void)
{
    struct controller_actions a = actions;
    a.dial = v_dial;
    a.accept = v_accept;
    a.shed = v_shed;
    a.post = v_post;
    a.close = v_close;
    a.deliver = v_deliver;
    a.tell = v_tell;
    a.fetch_seeds = v_fetch_seeds;
    a.save_peers = v_save_peers;
    a.random = v_random;
    a.log = v_log;
    return a;
}

/* --- the run --- */

static struct moment moment(const struct net *net)
{
    return (struct moment){.ms = net->now_ms, .wall_ms = 1700000000000 + net->now_ms};
}

static void discard(const struct message *m)
{
    if (m->type == MSG_PEER) {
        parcel_release(m->parcel);
    } else if (m->type == MSG_ONLINE) {
        free(m->info);
    } else if (m->type == MSG_ENDED) {
        free(m->ending);
    } else if (m->type == MSG_ACCEPTED) {
        free(m->accepted);
    } else if (m->type == MSG_SEEDS) {
        free(m->seeds);
    }
}

static void arrive(struct net *net, const struct post *p)
{
    struct node *n = &net->nodes[p->node];
    if (n->alive) {
        controller_handle(n->world.core, moment(net), &p->message);
        return;
    }
    if (p->message.type == MSG_ACCEPTED) {
        const struct accepted *a = p->message.accepted;
        if (net->wires[a->fd].open) {
            net->wires[a->fd].open = false;
            post_ended(net, net->wires[a->fd].dialer, END_DIAL_FAILED);
        }
    }
    discard(&p->message);
}

/* What the sessions would do on their own. */
static void ping_all(struct net *net)
{
    struct message credit = {.type = MSG_CREDIT, .credit.good = 1};
    for (size_t i = 0; i < net->n_wires; i++) {
        const struct wire *w = &net->wires[i];
        if (!w->open || !w->listener.ref.generation) {
            continue;
        }
        credit.peer = w->dialer.ref;
        net_post(net, w->dialer.node, &credit);
        credit.peer = w->listener.ref;
        net_post(net, w->listener.node, &credit);
    }
    net->ping_ms += PING_MS;
}

/* To the next thing that happens anywhere. */
static void step(struct net *net)
{
    int64_t at = net->n_posts ? net->posts[0].at_ms : INT64_MAX;
    if (net->ping_ms < at) {
        at = net->ping_ms;
    }

    for (int i = 0; i < NODES; i++) {
        int64_t deadline = net->nodes[i].alive ? controller_deadline(net->nodes[i].world.core) : INT64_MAX;
        if (deadline < at) {
            at = deadline;
        }
    }
    assert_true(at < INT64_MAX);
    if (at > net->now_ms) {
        net->now_ms = at;
    }
    if (net->ping_ms <= net->now_ms) {
        ping_all(net);
    }
    while (net->n_posts && net->posts[0].at_ms <= net->now_ms) {
        struct post p = net_take(net);
        arrive(net, &p);
    }
    for (int i = 0; i < NODES; i++) {
        if (net->nodes[i].alive && controller_deadline(net->nodes[i].world.core) <= net->now_ms) {
            controller_tick(net->nodes[i].world.core, moment(net));
        }
    }
}

static bool all_connected(const struct net *net)
{
    for (int i = 0; i < NODES; i++) {
        if (net->nodes[i].alive && net->nodes[i].outgoing < OUTGOING) {
            return false;
        }
    }
    return true;
}

static void run_until_connected(struct net *net, int64_t within_ms)
{
    int64_t by = net->now_ms + within_ms;
    while (!all_connected(net)) {
        assert_true(net->now_ms < by);
        step(net);
    }
}

static void node_start(struct net *net, int number)
{
    struct node *n = &net->nodes[number];
    n->net = net;
    n->number = number;
    n->alive = true;
    world_init(&n->world, "factom");
    n->world.now_ms = net->now_ms;
    n->world.config.node.node_id = (uint64_t)number + 1;
    n->world.config.outgoing = OUTGOING;
    n->world.config.node.limits.incoming = 200;
    n->world.config.broadcast = 16;
    n->world.config.log_level = LOG_LEVEL_INFO;
    world_open_with(&n->world, &net->actions);
}

static void node_kill(struct net *net, int number)
{
    struct node *n = &net->nodes[number];
    net_log(net, "%d is killed", number);
    n->alive = false;
    for (size_t i = 0; i < net->n_wires; i++) {
        struct wire *w = &net->wires[i];
        bool dialed = w->dialer.node == number;
        if (!w->open || (!dialed && w->listener.node != number)) {
            continue;
        }
        w->open = false;
        if (dialed && !w->listener.ref.generation) {
            continue; /* accepted by nobody yet */
        }
        post_ended(net, dialed ? w->listener : w->dialer, END_CLOSED);
    }
    controller_free(n->world.core);
    n->world.core = NULL;
    n->outgoing = n->incoming = 0;
}

static void net_free(struct net *net)
{
    for (size_t i = 0; i < net->n_posts; i++) {
        discard(&net->posts[i].message);
    }
    for (int i = 0; i < NODES; i++) {
        controller_free(net->nodes[i].world.core);
    }
    free(net->posts);
    free(net->log);
    free(net);
}

static struct net *net_new(uint64_t seed)
{
    struct net *net = calloc(1, sizeof *net);
    assert_non_null(net);
    net->actions = actions_in_net();
    net->seed = seed;
    net->now_ms = 1000;
    net->ping_ms = net->now_ms + PING_MS;
    for (int i = 0; i < NODES; i++) {
        node_start(net, i);
    }
    return net;
}

static struct net *live_through(uint64_t seed)
{
    struct net *net = net_new(seed);
    run_until_connected(net, LIMIT_MS);
    net_log(net, "everyone has %d outgoing", OUTGOING);
    for (int i = 0; i < KILLED; i++) {
        int victim = (int)(net_random(net) % NODES);
        while (!net->nodes[victim].alive) {
            victim = (victim + 1) % NODES;
        }
        node_kill(net, victim);
    }
    step(net); /* the first of their peers learn of it */
    while (net->n_posts > 0 && net->posts[0].at_ms <= net->now_ms + 2 * DELAY_MS) {
        step(net);
    }
    run_until_connected(net, LIMIT_MS);
    net_log(net, "the rest are back");
    return net;
}

static void sixty_nodes_reach_eight_and_recover(void **state)
{
    struct net *net = live_through(1);
    int alive = 0;
    (void)state;
    for (int i = 0; i < NODES; i++) {
        alive += net->nodes[i].alive;
        if (net->nodes[i].alive) {
            assert_true(net->nodes[i].outgoing >= OUTGOING);
        }
    }
    assert_int_equal(alive, NODES - KILLED);
    net_free(net);
}

static void same_seed_same_log(void **state)
{
    struct net *a = live_through(7), *b = live_through(7), *c = live_through(8);
    (void)state;
    assert_int_equal(a->log_size, b->log_size);
    assert_memory_equal(a->log, b->log, a->log_size);
    assert_false(a->log_size == c->log_size && memcmp(a->log, c->log, a->log_size) == 0);
    net_free(a);
    net_free(b);
    net_free(c);
}

static void full_broadcast_reaches_each_peer_once(void **state)
{
    struct net *net = live_through(3);
    struct message m = {
        .type = MSG_SEND, .scope = SCOPE_FULL, .kind = protocol_find("factom")->kinds[0].kind};
    unsigned before = 0, after = 0;
    struct node *sender = &net->nodes[0];
    size_t peers = 0;
    bool seen[NODES] = {false};
    (void)state;
    while (!sender->alive) {
        sender++;
    }
    for (size_t i = 0; i < net->n_wires; i++) {
        const struct wire *w = &net->wires[i];
        int other = w->dialer.node == sender->number ? w->listener.node : w->dialer.node;
        if (w->open && w->listener.ref.generation &&
            (w->dialer.node == sender->number || w->listener.node == sender->number) && !seen[other]) {
            seen[other] = true;
            peers++;
        }
    }
    for (int i = 0; i < NODES; i++) {
        before += net->nodes[i].parcels;
    }
    m.parcel = parcel_new("hello", 5);
    assert_true(controller_takes_sends(sender->world.core));
    controller_handle(sender->world.core, moment(net), &m);
    int64_t by;
    for (by = net->now_ms + 5 * DELAY_MS; net->now_ms < by;) {
        step(net);
    }
    for (int i = 0; i < NODES; i++) {
        after += net->nodes[i].parcels;
    }
    assert_int_equal(after - before, peers);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F5 F28", sixty_nodes_reach_eight_and_recover),
        promise_test("F28", same_seed_same_log),
        promise_test("F28 F29", full_broadcast_reaches_each_peer_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
