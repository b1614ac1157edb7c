#include "node/controller_actions.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/descriptor.h"
#include "base/earlier.h"
#include "node/answers.h"
#include "node/app_events.h"
#include "node/peer_thread.h"
#include "node/shortage.h"
#include "queue/parcel.h"

static void dropped(struct node *n, struct message *m, struct peer_ref peer, enum drop_cause cause)
{
    parcel_release(m->parcel);
    controller_dropped(n->core, peer, cause, 1);
}

/* Only what the application sent is missed; the node's own requests and answers are made anew. */
static void drop_stalled(void *context, struct message *m)
{
    if (m->scope == SCOPE_NONE) {
        parcel_release(m->parcel);
    } else {
        dropped(context, m, m->peer, DROP_STALLED);
    }
}

static void drop_application(void *context, struct message *m)
{
    dropped(context, m, m->peer, DROP_APPLICATION);
}

/* --- connections --- */

static bool start(struct node *n, struct peer_ref slot, struct connection_config *config)
{
    struct peer_thread *l = &n->peers[slot.index];
    config->ref = slot;
    config->protocol = n->config.protocol;
    config->node = &n->config.node;
    config->bind = n->config.has_bind ? &n->config.bind : NULL;
    config->proxy = config_has_proxy(&n->config) ? &n->config.proxy : NULL;
    config->controller_bell = &n->worker.bell;
    config->digest = controller_digest;
    config->digest_context = n->core;
    config->nonempty = n->nonempty;
    config->budget = &n->budget;
    config->destination = n->from_network;
    controller_facts(n->core, &config->facts);
    l->connection = connection_start(config);
    if (!l->connection) {
        return false;
    }
    l->ref = slot;
    l->replies = (struct replies){.account.budget = &n->budget};
    l->gate = (struct stall_gate){.queue = connection_outbound(l->connection),
                                  .least_rate = n->config.node.limits.slowest};
    n->n_peers++;
    return true;
}

static bool do_dial(void *host, struct peer_ref slot, const struct dial_request *dial)
{
    struct connection_config config = {.fd = -1,
                                       .to = dial->to,
                                       .targets = dial->targets,
                                       .n_targets = dial->n,
                                       .special = dial->special,
                                       .purpose = dial->purpose};
    return start(host, slot, &config);
}

/* Most nodes have no special peer by name, and no thread for it. */
static bool do_look_up(void *host, const struct address *name)
{
    struct node *n = host;
    struct namer_config config = {.most = NAMES_MOST, .found = node_on_names, .context = n};
    if (!n->namer) {
        n->namer = namer_start(&config);
    }
    if (!n->namer || n->n_naming == NAMES_MOST || !namer_ask(n->namer, name)) {
        return false;
    }
    n->n_naming++;
    return true;
}

static bool do_accept(void *host, struct peer_ref slot, struct accepted *accepted, bool refuse,
                      const struct endpoint *alternatives, size_t n_alternatives)
{
    struct node *n = host;
    struct connection_config config = {.fd = accepted->fd,
                                       .remote = accepted->remote,
                                       .refuse = refuse,
                                       .alternatives = alternatives,
                                       .n_alternatives = n_alternatives};
    if (!start(n, slot, &config)) {
        if (n->listener) {
            listener_handshake_over(n->listener);
        }
        return false;
    }
    n->peers[slot.index].handshaking = true;
    return true;
}

static void do_shed(void *host, struct accepted *accepted)
{
    struct node *n = host;
    /* Before the close: who sees it may dial at once, and would be turned away though there is a place. */
    if (n->listener) {
        listener_handshake_over(n->listener);
    }
    descriptor_close(accepted->fd);
}

/* The core tries again at the gate's deadline at the latest. */
static void retry_at_deadline(struct node *n, const struct stall_gate *g)
{
    n->retry_ms = earlier(n->retry_ms, stall_gate_deadline(g, n->config.node.timings.stall));
}

static void make_dirty(struct node *n, struct peer_thread *l)
{
    if (!l->dirty) {
        l->dirty = ref_list_add(&n->dirty, l->ref);
    }
    if (!l->dirty) { /* no memory for the list: wake it at once */
        queue_wake(l->gate.queue);
    }
}

static enum gate_result no_thread(struct node *n, struct peer_ref to, const struct message *m)
{
    struct message gone = *m;
    dropped(n, &gone, to, DROP_GONE);
    return GATE_DROPPED;
}

static enum gate_result do_post(void *host, struct moment now, struct peer_ref to, const struct message *m)
{
    struct node *n = host;
    struct peer_thread *l = peer_thread_find(n, to);
    if (!l) {
        return no_thread(n, to, m);
    }
    uint64_t reply = m->scope == SCOPE_NONE && m->parcel ? m->parcel->size : 0;
    if (reply > 0 && !replies_may_post(&l->replies, l->gate.queue, reply, now.ms)) {
        n->retry_ms = earlier(n->retry_ms, now.ms + BUDGET_AGAIN_MS);
        return GATE_WAIT;
    }
    enum gate_result r = stall_gate_post(&l->gate, m, now.ms, n->config.node.timings.stall, drop_stalled, n);
    if (r == GATE_WAIT) {
        retry_at_deadline(n, &l->gate);
    } else if (r == GATE_POSTED) {
        l->replies.posted++;
        l->replies.bytes += reply;
    }
    make_dirty(n, l);
    return r;
}

static enum gate_result do_push(void *host, struct peer_ref to, const struct message *m)
{
    struct node *n = host;
    struct peer_thread *l = peer_thread_find(n, to);
    if (!l) {
        return no_thread(n, to, m);
    }
    enum gate_result r = stall_gate_push(&l->gate, m, drop_stalled, n);
    l->replies.posted += r == GATE_POSTED;
    make_dirty(n, l);
    return r;
}

/* A quarter of the budget is for this, or one message. */
static bool do_take_room(void *host, struct moment now, uint64_t bytes)
{
    struct node *n = host;
    int64_t held = budget_held(&n->waiting);
    if (held > 0 && (uint64_t)held + bytes > shortage_quarter(&n->budget)) {
        return false;
    }
    if (!budget_take(&n->waiting, now.ms, bytes)) {
        budget_ask(&n->waiting, bytes);
        return false;
    }
    return true;
}

static void do_give_room(void *host, uint64_t bytes)
{
    struct node *n = host;
    budget_give(&n->waiting, bytes);
}

static void do_waits(void *host, struct peer_ref from, struct peer_ref to)
{
    struct peer_thread *l = peer_thread_find(host, from), *other = peer_thread_find(host, to);
    if (!l || !other || !other->gate.moved) {
        return;
    }
    queue_sign(connection_inbound(l->connection));
    queue_wake(l->gate.queue); /* it sleeps, and is to tell its peer */
}

/* Lowered before the bell rings, whose fence then makes a thread that is about to wait see it. */
static void do_full(void *host, struct peer_ref peer, bool is_full)
{
    struct node *n = host;
    roster_set_full(n->roster, peer, is_full);
    if (!is_full) {
        bell_ring(&n->room_bell);
    }
}

static void do_close(void *host, struct peer_ref slot, enum end_reason why, bool at_once)
{
    struct peer_thread *l = peer_thread_find(host, slot);
    struct message m = {.type = CONNECTION_CLOSE, .end = {.reason = why, .at_once = at_once}, .peer = slot};
    if (l) {
        queue_post_and_wake(connection_outbound_control(l->connection), &m);
    }
}

static void ask(struct node *n, struct peer_ref slot, enum connection_control what)
{
    struct peer_thread *l = peer_thread_find(n, slot);
    struct message m = {.type = (uint16_t)what, .peer = slot};
    if (l) {
        queue_post_and_wake(connection_outbound_control(l->connection), &m);
    }
}

static void do_consent(void *host, struct peer_ref slot)
{
    ask(host, slot, CONNECTION_CONSENT);
}

static void do_probe(void *host, struct peer_ref slot)
{
    ask(host, slot, CONNECTION_PROBE);
}

static void do_measure(void *host, struct peer_ref slot, struct kith_peer *p)
{
    struct peer_thread *l = peer_thread_find(host, slot);
    if (!l) {
        return;
    }
    struct connection_counts counts = connection_counts(l->connection);
    p->bytes_in = counts.bytes_in;
    p->bytes_out = counts.bytes_out;
    p->parcels_in = counts.parcels_in;
    p->parcels_out = counts.parcels_out;
    queue_fill(connection_outbound(l->connection), &p->outbound, &p->outbound_bytes);
    queue_fill(connection_inbound(l->connection), &p->inbound, &p->inbound_bytes);
}

/* --- the application --- */

/* Whatever becomes of it in the application's queue. One that waits for room there is shown when it is tried
 * the last time. */
static void show_watch(struct node *n, const struct message *m, enum gate_result r, struct parcel *watched)
{
    if (r == GATE_WAIT) {
        parcel_release(watched);
    } else {
        watch_deliver(n->watch, m->peer, m->kind, watched);
    }
}

static enum gate_result do_deliver(void *host, struct moment now, const struct message *m)
{
    struct node *n = host;
    struct message stamped = *m;
    stamped.order = n->stamp;
    /* Held before it is posted: the application may be done with it at once. Relaxed: as in
     * watch_want_parcels. */
    struct parcel *watched = n->watch && atomic_load_explicit(&n->watch->wants_parcels, memory_order_relaxed)
                                 ? parcel_hold(m->parcel)
                                 : NULL;
    enum gate_result r =
        stall_gate_post(&n->from_gate, &stamped, now.ms, n->config.node.timings.stall, drop_application, n);
    if (r == GATE_WAIT) {
        retry_at_deadline(n, &n->from_gate);
    }
    if (r == GATE_POSTED) {
        n->stamp++;
    }
    /* Also if it was dropped: the application may have found nothing while others' messages were moved. */
    n->from_network_dirty = true;
    if (watched) {
        show_watch(n, m, r, watched);
    }
    return r;
}

static uint64_t do_next_ticket(void *host)
{
    const struct node *n = host;
    return n->stamp;
}

static void do_tell(void *host, struct node_event *e)
{
    struct node *n = host;
    /* From here on the application may name the peer; before its first parcel can come. */
    if (e->public.type == KITH_ONLINE) {
        roster_add(n->roster, e->ref, e->public.peer->hash, e->public.peer->outgoing);
    }
    if (n->watch && watch_tell(n->watch, e)) {
        return;
    }
    app_events_report_missed(n);
    bool may_come = n->missed == 0 || e->public.id != 0; /* who asked hears it, whatever else was missed */
    if (may_come && app_events_post(n, e)) {
        return;
    }
    n->missed++;
    n->missed_ever++;
    node_event_free(e);
}

static void do_tell_no_memory(void *host, uint64_t id)
{
    struct node *n = host;
    if (n->watch && (id & WATCH_ID)) {
        watch_tell_no_memory(n->watch, id);
    } else {
        app_events_post_no_memory(n, id);
    }
}

static void measure_datagrams(const struct node *n, uint64_t datagrams[DATAGRAM_CAUSES])
{
    const struct udp_counts counts =
        n->udp ? udp_counts(n->udp) : (struct udp_counts){.unsent = n->unsent_datagrams};
    datagrams[DATAGRAM_TOO_LONG] += counts.too_long;
    datagrams[DATAGRAM_LIMITED] += counts.limited;
    datagrams[DATAGRAM_UNTAKEN] += counts.untaken;
    datagrams[DATAGRAM_UNSENT] += counts.unsent;
}

static void measure_queues(const struct node *n, struct kith_status *s)
{
    uint64_t none;
    queue_fill(n->to_network, &s->to_network, &s->to_network_bytes);
    queue_fill(n->from_network, &s->from_network, &s->from_network_bytes);
    queue_fill(n->events, &s->events, &none);
    s->events_max = EVENTS;
    s->missed = n->missed_ever;
    s->queue_max = n->config.node.limits.queue_parcels;
    s->queue_bytes_max = n->config.node.limits.queue_bytes;
    int64_t room = budget_room(&n->budget);
    s->received_bytes_max = (uint64_t)n->budget.total;
    s->received_bytes = (uint64_t)(room < n->budget.total ? n->budget.total - room : 0);
}

static void add_connection(struct connection *c, struct kith_status *s)
{
    struct connection_counts counts = connection_counts(c);
    s->bytes_in += counts.bytes_in;
    s->bytes_out += counts.bytes_out;
    s->parcels_in += counts.parcels_in;
    s->parcels_out += counts.parcels_out;
    uint32_t parcels;
    uint64_t bytes;
    queue_fill(connection_outbound(c), &parcels, &bytes);
    s->outbound += parcels;
    s->outbound_bytes += bytes;
    queue_fill(connection_inbound(c), &parcels, &bytes);
    s->inbound += parcels;
    s->inbound_bytes += bytes;
}

static bool do_measure_node(void *host, struct kith_status *s, uint64_t datagrams[DATAGRAM_CAUSES])
{
    struct node *n = host;
    measure_queues(n, s);
    for (uint32_t i = 0; i < n->most_peers; i++) {
        if (n->peers[i].connection) {
            add_connection(n->peers[i].connection, s);
        }
    }
    s->total_bytes_in = s->bytes_in + n->past.bytes_in;
    s->total_bytes_out = s->bytes_out + n->past.bytes_out;
    s->total_parcels_in = s->parcels_in + n->past.parcels_in;
    s->total_parcels_out = s->parcels_out + n->past.parcels_out;
    if (n->listener) {
        struct listener_counts counts = listener_counts(n->listener);
        s->shed += counts.limited + counts.capped + counts.untaken;
    }
    if (n->config.protocol->datagram_max == 0) {
        return false;
    }
    measure_datagrams(n, datagrams);
    return true;
}

/* --- the rest --- */

static bool do_fetch_seeds(void *host)
{
    struct node *n = host;
    if (n->fetcher) {
        seed_fetcher_ask(n->fetcher);
    }
    return n->fetcher;
}

static void do_save_peers(void *host, struct book_snapshot *s)
{
    struct node *n = host;
    struct message saved = {.type = MSG_SAVED};
    if (n->keeper && keeper_save(n->keeper, s)) { /* only ever one at a time: the core waits for MSG_SAVED */
        return;
    }
    if (!n->keeper) {
        book_snapshot_free(s);
    }
    node_answer(n, &saved);
}

static bool do_ask(void *host, const struct store_request *q)
{
    struct node *n = host;
    return store_ask(n->store, q);
}

static void do_send_datagram(void *host, struct datagram *d)
{
    struct node *n = host;
    if (n->udp) {
        udp_send(n->udp, d); /* counts what it drops */
    } else {
        free(d);
        n->unsent_datagrams++;
    }
}

static uint64_t do_random(void *host)
{
    (void)host;
    uint64_t n;
    randombytes_buf(&n, sizeof n);
    return n;
}

static void do_log(void *host, enum log_level level, const struct log_about *about, const char *line)
{
    struct node *n = host;
    log_line_about(n->sink, level, about, line);
}

static void do_ended(void *host)
{
    struct node *n = host;
    n->over = true;
}

void node_flush(struct node *n)
{
    for (size_t i = 0; i < n->dirty.n; i++) {
        struct peer_thread *l = peer_thread_find(n, n->dirty.items[i]);
        if (!l) {
            continue;
        }
        l->dirty = false;
        queue_wake(l->gate.queue);
    }
    n->dirty.n = 0;
    if (n->from_network_dirty) {
        n->from_network_dirty = false;
        queue_wake(n->from_network);
    }
}

const struct controller_actions node_actions = {
    .dial = do_dial,
    .look_up = do_look_up,
    .accept = do_accept,
    .shed = do_shed,
    .post = do_post,
    .push = do_push,
    .consent = do_consent,
    .probe = do_probe,
    .waits = do_waits,
    .full = do_full,
    .take_room = do_take_room,
    .give_room = do_give_room,
    .close = do_close,
    .deliver = do_deliver,
    .next_ticket = do_next_ticket,
    .tell = do_tell,
    .tell_no_memory = do_tell_no_memory,
    .fetch_seeds = do_fetch_seeds,
    .save_peers = do_save_peers,
    .ask = do_ask,
    .send_datagram = do_send_datagram,
    .measure = do_measure,
    .measure_node = do_measure_node,
    .random = do_random,
    .log = do_log,
    .ended = do_ended,
};
