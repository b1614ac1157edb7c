/* The controller's end of the connections: takes what they sent, a share from each in turn. */
#include <stdlib.h>
#include <string.h>

#include "node/actor_private.h"

enum {
    SHARE = 64, /* messages of one connection before the next one's turn */
    NAMES = 64,
};

struct link *link_find(struct actor *a, struct peer_ref ref)
{
    struct link *l;

    if (ref.index >= a->most_links)
        return NULL;
    l = &a->links[ref.index];
    return l->connection && peer_ref_equal(l->ref, ref) ? l : NULL;
}

bool ref_list_add(struct ref_list *l, struct peer_ref ref)
{
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 64;
        struct peer_ref *items = realloc(l->items, capacity * sizeof *items);

        if (!items)
            return false;
        l->items = items;
        l->capacity = capacity;
    }
    l->items[l->n++] = ref;
    return true;
}

static void settle(struct actor *a, struct link *l)
{
    if (!l->unsettled)
        return;
    l->unsettled = false;
    if (a->listener)
        listener_settled(a->listener);
}

static void take_controls(struct actor *a, struct link *l)
{
    struct message m;

    while (queue_take_one(connection_inbound_control(l->connection), &m)) {
        if (m.type != MSG_MET) /* the handshake is still under way */
            settle(a, l);
        if (m.type == MSG_RESTS) {
            queue_trim(connection_outbound(l->connection));
            continue;
        }
        if (m.type == MSG_ENDED) {
            l->ended = true;
            roster_remove(a->roster, l->ref);
        }
        controller_handle(a->core, actor_now(), &m);
    }
}

/* A new batch is there. MSG_ONLINE was posted before it, on the other queue: it has come by now, and has
 * decided whether the messages are taken; true if they are. */
static bool prepare(struct actor *a, struct link *l)
{
    take_controls(a, l);
    for (uint32_t i = 0; i < l->batch.n; i++)
        controller_prefetch(a->core, &l->batch.messages[i]);
    return controller_takes(a->core, l->ref);
}

/* True if there may be more of it. */
static bool take_messages(struct actor *a, struct link *l, struct moment now, bool *any)
{
    struct queue *inbound = connection_inbound(l->connection);

    for (int i = 0; i < SHARE; i++) {
        struct message *m;

        if (!controller_takes(a->core, l->ref))
            return true;
        m = batch_look(&l->batch, inbound);
        if (!m)
            return !queue_empty(inbound); /* no memory for a batch: it is tried again */
        *any = true;
        if (l->batch.at == 0 && !prepare(a, l))
            return true;
        controller_handle(a->core, now, m);
        batch_pass(&l->batch, inbound);
    }
    return true;
}

static void gone(struct actor *a, struct link *l)
{
    struct message m = {.type = MSG_GONE, .peer = l->ref};

    link_free(a, l);
    controller_handle(a->core, actor_now(), &m);
}

/* True if something of it is left. */
static bool serve(struct actor *a, struct link *l, struct moment now, bool *any)
{
    queue_unlist(connection_inbound(l->connection));
    queue_unlist(connection_inbound_control(l->connection));
    take_controls(a, l);
    if (take_messages(a, l, now, any))
        return true;
    take_controls(a, l);
    if (l->ended && queue_empty(connection_inbound(l->connection)))
        gone(a, l);
    return false;
}

static void collect(struct actor *a)
{
    struct peer_ref names[NAMES];
    size_t n;

    while ((n = nonempty_list_take(a->nonempty, names, NAMES)) > 0) {
        for (size_t i = 0; i < n; i++) {
            struct link *l = link_find(a, names[i]);

            if (l && !l->queued)
                l->queued = ref_list_add(&a->run_queue, names[i]);
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
    if (k == 0 || k == l->n)
        return;
    reverse(l->items, k);
    reverse(l->items + k, l->n - k);
    reverse(l->items, l->n);
}

/* If FromNetwork has room for a few messages only, those that got none of it are the first in the next
 * round: else one peer could have it all, for as long as it floods us. */
bool links_run(struct actor *a)
{
    struct moment now = actor_now();
    size_t n, left = 0, served = 0;
    bool any = false;

    collect(a);
    n = a->run_queue.n;
    for (size_t i = 0; i < n; i++) {
        struct link *l = link_find(a, a->run_queue.items[i]);
        bool took = false;

        if (!l)
            continue;
        if (serve(a, l, now, &took)) {
            a->run_queue.items[left++] = a->run_queue.items[i];
        } else {
            l->queued = false;
            batch_trim(&l->batch);
            any = true;
        }
        if (took)
            served = left;
        any |= took;
    }
    a->run_queue.n = left;
    ref_list_rotate(&a->run_queue, served);
    return any;
}

bool links_idle(const struct actor *a)
{
    for (size_t i = 0; i < a->run_queue.n; i++)
        if (controller_takes(a->core, a->run_queue.items[i]))
            return false;
    return nonempty_list_is_empty(a->nonempty);
}

void link_free(struct actor *a, struct link *l)
{
    batch_drop(&l->batch, NULL, actor_release, NULL);
    connection_free(l->connection, actor_return, a);
    settle(a, l);
    memset(l, 0, sizeof *l);
    a->n_links--;
}
