/* What the core's actions do in a real node. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/descriptor.h"
#include "node/actor_private.h"

static void dropped(struct actor *a, struct message *m, struct peer_ref peer, enum drop_cause cause)
{
    parcel_release(m->parcel);
    controller_dropped(a->core, peer, cause, 1);
}

/* Only what the application sent is missed; the node's own requests and answers are made anew. */
static void drop_stalled(void *context, struct message *m)
{
    if (m->scope == SCOPE_NONE)
        parcel_release(m->parcel);
    else
        dropped(context, m, m->peer, DROP_STALLED);
}

static void drop_application(void *context, struct message *m)
{
    dropped(context, m, m->peer, DROP_APPLICATION);
}

void actor_return(void *context, struct message *m)
{
    struct actor *a = context;

    controller_returned(a->core, actor_now(), m);
}

/* --- connections --- */

static uint64_t digest(const void *core, uint32_t kind, const struct parcel *p)
{
    return controller_digest(core, kind, p);
}

static bool start(struct actor *a, struct peer_ref slot, struct connection_terms *terms)
{
    struct link *l = &a->links[slot.index];

    terms->ref = slot;
    terms->protocol = a->config.protocol;
    terms->node = &a->config.terms;
    terms->bind = a->config.has_bind ? &a->config.bind : NULL;
    terms->controller_bell = &a->bell;
    terms->digest = digest;
    terms->digest_context = a->core;
    terms->nonempty = a->nonempty;
    terms->receive_room = &a->receive_room;
    terms->destination = a->from_network;
    terms->log = a->sink;
    l->connection = connection_start(terms);
    if (!l->connection)
        return false;
    l->ref = slot;
    l->gate = (struct stall_gate){.queue = connection_outbound(l->connection),
                                  .least_rate = a->config.terms.limits.slowest};
    a->n_links++;
    return true;
}

static bool do_dial(void *world, struct peer_ref slot, const struct dial_terms *dial)
{
    struct connection_terms terms = {
        .fd = -1, .to = dial->to, .targets = dial->targets, .n_targets = dial->n};

    return start(world, slot, &terms);
}

/* Most nodes have no special peer by name, and no thread for it. */
static bool do_look_up(void *world, const struct address *name)
{
    struct actor *a = world;
    struct namer_terms terms = {.most = NAMES_MOST, .found = actor_on_names, .context = a};

    if (!a->namer)
        a->namer = namer_start(&terms);
    if (!a->namer || a->n_naming == NAMES_MOST || !namer_ask(a->namer, name))
        return false;
    a->n_naming++;
    return true;
}

static bool do_accept(void *world, struct peer_ref slot, struct accepted *accepted, bool refuse,
                      const struct endpoint *alternatives, size_t n)
{
    struct actor *a = world;
    struct connection_terms terms = {.fd = accepted->fd,
                                     .remote = accepted->remote,
                                     .refuse = refuse,
                                     .alternatives = alternatives,
                                     .n_alternatives = n};

    if (!start(a, slot, &terms)) {
        if (a->listener)
            listener_settled(a->listener);
        return false;
    }
    a->links[slot.index].unsettled = true;
    return true;
}

static void do_shed(void *world, struct accepted *accepted)
{
    struct actor *a = world;

    /* Before the close: who sees it may dial at once, and would be turned away though there is a place. */
    if (a->listener)
        listener_settled(a->listener);
    descriptor_close(accepted->fd);
}

static void note_wait(struct actor *a, const struct stall_gate *g)
{
    int64_t at = stall_gate_deadline(g, a->config.terms.timings.stall);

    if (at < a->retry_ms)
        a->retry_ms = at;
}

static enum outlet_result do_post(void *world, struct moment now, struct peer_ref to, const struct message *m)
{
    struct actor *a = world;
    struct link *l = link_find(a, to);
    enum outlet_result r;

    if (!l) {
        struct message gone = *m;

        dropped(a, &gone, to, DROP_GONE);
        return OUTLET_DROPPED;
    }
    r = stall_gate_post(&l->gate, m, now.ms, a->config.terms.timings.stall, drop_stalled, a);
    if (r == OUTLET_WAIT)
        note_wait(a, &l->gate);
    if (!l->dirty)
        l->dirty = ref_list_add(&a->dirty, to);
    if (!l->dirty) /* no memory for the list: wake it at once */
        queue_wake(l->gate.queue);
    return r;
}

static void do_waits(void *world, struct peer_ref from, struct peer_ref to)
{
    struct link *l = link_find(world, from), *other = link_find(world, to);

    if (!l || !other || !other->gate.moved)
        return;
    queue_sign(connection_inbound(l->connection));
    queue_wake(l->gate.queue); /* it sleeps, and is to tell its peer */
}

/* Lowered before the bell rings, whose fence then makes a thread that is about to wait see it. */
static void do_full(void *world, struct peer_ref peer, bool is_full)
{
    struct actor *a = world;

    roster_set_full(a->roster, peer, is_full);
    if (!is_full)
        bell_ring(&a->room_bell);
}

static void do_close(void *world, struct peer_ref slot, enum end_reason why, bool at_once)
{
    struct link *l = link_find(world, slot);
    struct message m = {.type = CONNECTION_CLOSE, .end = {.reason = why, .at_once = at_once}, .peer = slot};

    if (l)
        queue_post_and_wake(connection_outbound_control(l->connection), &m);
}

static void ask(struct actor *a, struct peer_ref slot, enum connection_control what)
{
    struct link *l = link_find(a, slot);
    struct message m = {.type = (uint16_t)what, .peer = slot};

    if (l)
        queue_post_and_wake(connection_outbound_control(l->connection), &m);
}

static void do_consent(void *world, struct peer_ref slot)
{
    ask(world, slot, CONNECTION_CONSENT);
}

static void do_probe(void *world, struct peer_ref slot)
{
    ask(world, slot, CONNECTION_PROBE);
}

static void do_measure(void *world, struct peer_ref slot, struct kith_peer *p)
{
    struct link *l = link_find(world, slot);
    struct connection_counts n;

    if (!l)
        return;
    n = connection_counts(l->connection);
    p->bytes_in = n.bytes_in;
    p->bytes_out = n.bytes_out;
    p->parcels_in = n.parcels_in;
    p->parcels_out = n.parcels_out;
}

/* --- the application --- */

static enum outlet_result do_deliver(void *world, struct moment now, const struct message *m)
{
    struct actor *a = world;
    struct message stamped = *m;
    enum outlet_result r;

    stamped.order = a->stamp;
    r = stall_gate_post(&a->from_gate, &stamped, now.ms, a->config.terms.timings.stall, drop_application, a);
    if (r == OUTLET_WAIT)
        note_wait(a, &a->from_gate);
    if (r == OUTLET_POSTED)
        a->stamp++;
    a->from_dirty = true;
    return r;
}

static bool post_event(struct actor *a, struct node_event *e)
{
    struct message m = {.order = a->stamp, .event = e};

    if (!queue_post_and_wake(a->events, &m))
        return false;
    a->stamp++;
    return true;
}

struct node_event *actor_missed_event(struct actor *a)
{
    struct node_event *e = node_event_new(KITH_MISSED, 0, a->missed);

    if (e)
        a->missed = 0;
    return e;
}

void actor_missed(struct actor *a)
{
    struct node_event *e = a->missed ? actor_missed_event(a) : NULL;

    if (!e || post_event(a, e))
        return;
    a->missed = e->public.count;
    node_event_free(e);
}

static void do_tell(void *world, struct node_event *e)
{
    struct actor *a = world;

    /* From here on the application may name the peer; before its first parcel can come. */
    if (e->public.type == KITH_ONLINE)
        roster_add(a->roster, e->ref, e->public.peer->hash, e->public.peer->outgoing);
    actor_missed(a);
    if (a->missed == 0 && post_event(a, e))
        return;
    a->missed++;
    node_event_free(e);
}

static void do_measure_node(void *world, struct kith_status *s)
{
    struct actor *a = world;
    uint64_t bytes;

    queue_fill(a->to_network, &s->to_network, &bytes);
    queue_fill(a->from_network, &s->from_network, &bytes);
    for (uint32_t i = 0; i < a->most_links; i++) {
        struct connection_counts n;

        if (!a->links[i].connection)
            continue;
        n = connection_counts(a->links[i].connection);
        s->bytes_in += n.bytes_in;
        s->bytes_out += n.bytes_out;
        s->parcels_in += n.parcels_in;
        s->parcels_out += n.parcels_out;
    }
    if (a->listener) {
        struct listener_counts n = listener_counts(a->listener);

        s->shed += n.limited + n.capped + n.untaken;
    }
}

/* --- the rest --- */

static void do_fetch_seeds(void *world)
{
    struct actor *a = world;

    if (a->fetcher)
        seed_fetcher_ask(a->fetcher);
}

static void do_save_peers(void *world, struct book_snapshot *s)
{
    struct actor *a = world;
    struct message saved = {.type = MSG_SAVED};

    if (a->keeper && keeper_save(a->keeper, s)) /* only ever one at a time: the core waits for MSG_SAVED */
        return;
    if (!a->keeper)
        book_snapshot_free(s);
    actor_answer(a, &saved);
}

static uint64_t do_random(void *world)
{
    uint64_t n;

    (void)world;
    randombytes_buf(&n, sizeof n);
    return n;
}

static void do_log(void *world, enum log_level level, const char *line)
{
    struct actor *a = world;

    log_line(a->sink, level, "%s", line);
}

static void do_ended(void *world)
{
    struct actor *a = world;

    a->over = true;
}

void actor_flush(struct actor *a)
{
    for (size_t i = 0; i < a->dirty.n; i++) {
        struct link *l = link_find(a, a->dirty.items[i]);

        if (!l)
            continue;
        l->dirty = false;
        queue_wake(l->gate.queue);
    }
    a->dirty.n = 0;
    if (a->from_dirty) {
        a->from_dirty = false;
        queue_wake(a->from_network);
    }
}

const struct controller_actions actor_actions = {
    .dial = do_dial,
    .look_up = do_look_up,
    .accept = do_accept,
    .shed = do_shed,
    .post = do_post,
    .consent = do_consent,
    .probe = do_probe,
    .waits = do_waits,
    .full = do_full,
    .close = do_close,
    .deliver = do_deliver,
    .tell = do_tell,
    .fetch_seeds = do_fetch_seeds,
    .save_peers = do_save_peers,
    .measure = do_measure,
    .measure_node = do_measure_node,
    .random = do_random,
    .log = do_log,
    .ended = do_ended,
};
