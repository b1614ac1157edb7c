#include "node/peer_thread.h"

#include "base/array.h"
#include "base/clock.h"
#include "queue/parcel.h"

void node_release(void *context, struct message *m)
{
    (void)context;
    parcel_release(m->parcel);
}

struct moment node_now(void)
{
    return (struct moment){.ms = clock_ms(), .wall_ms = clock_wall_ms()};
}

struct peer_thread *peer_thread_find(struct node *n, struct peer_ref ref)
{
    if (ref.index >= n->most_peers) {
        return NULL;
    }
    struct peer_thread *l = &n->peers[ref.index];
    return l->connection && l->ref.generation == ref.generation ? l : NULL;
}

bool ref_list_add(struct ref_list *l, struct peer_ref ref)
{
    if (!array_reserve(l->items, l->capacity, l->n + 1)) {
        return false;
    }
    l->items[l->n++] = ref;
    return true;
}
