#include "node/inbound.h"

#include <stdlib.h>
#include <string.h>

#include "node/peer_thread.h"
#include "node/tidy.h"

enum {
    SHARE = 64, /* messages of one connection before the next one's turn */
    REFS = 64,
};

static void handshake_over(struct node *n, struct peer_thread *l)
{
    if (!l->handshaking) {
        return;
    }
    l->handshaking = false;
    if (n->listener) {
        listener_handshake_over(n->listener);
    }
}

static void take_controls(struct node *n, struct peer_thread *l)
{
    struct message m;
    while (queue_take_one(connection_inbound_control(l->connection), &m)) {
        if (m.type != MSG_MET) { /* the handshake is still under way */
            handshake_over(n, l);
        }
        if (m.type == MSG_IDLE) {
            queue_trim(connection_outbound(l->connection));
            replies_settle(&l->replies, l->gate.queue, node_now().ms);
            tidy_note(n, l);
            continue;
        }
        if (m.type == MSG_ENDED) {
            l->ended = true;
            roster_remove(n->roster, l->ref);
        }
        controller_handle(n->core, node_now(), &m);
    }
}

/* A new batch is there. MSG_ONLINE was posted before it, on the other queue: it has come by now, and has
 * decided whether the messages are taken; true if they are. */
static bool prepare(struct node *n, struct peer_thread *l)
{
    take_controls(n, l);
    controller_prefetch(n->core, l->batch.messages, l->batch.n);
    return controller_takes(n->core, l->ref);
}

/* True if there may be more of it. */
static bool take_messages(struct node *n, struct peer_thread *l, struct moment now, bool *any)
{
    struct queue *inbound = connection_inbound(l->connection);
    struct message *m = NULL;
    for (int i = 0; i < SHARE; i++) {
        if (!controller_takes(n->core, l->ref)) {
            return true;
        }
        m = m ? m : batch_look(&l->batch, inbound);
        if (!m) {
            return !queue_empty(inbound); /* no memory for a batch: it is tried again */
        }
        *any = true;
        if (l->batch.at == 0 && !prepare(n, l)) {
            return true;
        }
        controller_handle(n->core, now, m);
        m = batch_pass(&l->batch, inbound);
    }
    return true;
}

/* Takes a message for a connection that has ended. */
static void return_message(void *context, struct message *m)
{
    struct node *n = context;
    controller_returned(n->core, node_now(), m);
}

/* A connection that goes takes its own counts along. */
static void keep_counts(struct node *n, const struct connection *c)
{
    struct connection_counts counts = connection_counts(c);
    n->past.bytes_in += counts.bytes_in;
    n->past.bytes_out += counts.bytes_out;
    n->past.parcels_in += counts.parcels_in;
    n->past.parcels_out += counts.parcels_out;
}

static void free_thread(struct node *n, struct peer_thread *l)
{
    batch_drop(&l->batch, NULL, node_release, NULL);
    budget_close(&l->replies.account);
    tidy_note(n, l);
    keep_counts(n, l->connection);
    connection_free(l->connection, return_message, n);
    handshake_over(n, l);
    memset(l, 0, sizeof *l);
    n->n_peers--;
}

static void gone(struct node *n, struct peer_thread *l)
{
    struct message m = {.type = MSG_GONE, .peer = l->ref};
    free_thread(n, l);
    controller_handle(n->core, node_now(), &m);
}

/* True if something of it is left. */
static bool serve(struct node *n, struct peer_thread *l, struct moment now, bool *any)
{
    queue_unlist(connection_inbound(l->connection));
    queue_unlist(connection_inbound_control(l->connection));
    take_controls(n, l);
    if (take_messages(n, l, now, any)) {
        return true;
    }
    take_controls(n, l);
    if (l->ended && queue_empty(connection_inbound(l->connection))) {
        gone(n, l);
    }
    return false;
}

static void collect(struct node *n)
{
    struct peer_ref refs[REFS];
    size_t taken;
    while ((taken = nonempty_list_take(n->nonempty, refs, REFS)) > 0) {
        for (size_t i = 0; i < taken; i++) {
            struct peer_thread *l = peer_thread_find(n, refs[i]);
            if (l && !l->queued) {
                l->queued = ref_list_add(&n->run_queue, refs[i]);
            }
        }
    }
}

static void reverse(struct peer_ref *items, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct peer_ref other = items[n - 1 - i];
        items[n - 1 - i] = items[i];
        items[i] = other;
    }
}

/* Moves the first k entries behind the others. */
static void ref_list_rotate(struct ref_list *l, size_t k)
{
    if (k == 0 || k == l->n) {
        return;
    }
    reverse(l->items, k);
    reverse(l->items + k, l->n - k);
    reverse(l->items, l->n);
}

/* If FromNetwork has room for a few messages only, those that got none of it are the first in the next
 * round: else one peer could have it all, for as long as it floods us. */
bool serve_connections(struct node *n)
{
    struct moment now = node_now();
    size_t left = 0, served = 0;
    bool any = false;
    collect(n);
    for (size_t i = 0; i < n->run_queue.n; i++) {
        struct peer_thread *l = peer_thread_find(n, n->run_queue.items[i]);
        bool took = false;
        if (!l) {
            continue;
        }
        if (serve(n, l, now, &took)) {
            n->run_queue.items[left++] = n->run_queue.items[i];
        } else {
            l->queued = false;
            batch_trim(&l->batch);
            any = true;
        }
        if (took) {
            served = left;
        }
        any |= took;
    }
    n->run_queue.n = left;
    ref_list_rotate(&n->run_queue, served);
    return any;
}

bool connections_are_idle(const struct node *n)
{
    for (size_t i = 0; i < n->run_queue.n; i++) {
        if (controller_takes(n->core, n->run_queue.items[i])) {
            return false;
        }
    }
    return nonempty_list_is_empty(n->nonempty);
}
