#include "node/peer_thread.h"

#include <stdlib.h>

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
    return l->connection && peer_ref_equal(l->ref, ref) ? l : NULL;
}

bool ref_list_add(struct ref_list *l, struct peer_ref ref)
{
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 64;
        struct peer_ref *items = realloc(l->items, capacity * sizeof *items);
        if (!items) {
            return false;
        }
        l->items = items;
        l->capacity = capacity;
    }
    l->items[l->n++] = ref;
    return true;
}
