#include "queue/nonempty_list.h"

#include <stdlib.h>

#include "queue/ring.h"

struct nonempty_list {
    struct ring *refs;
};

struct nonempty_list *nonempty_list_new(uint32_t most)
{
    struct nonempty_list *l = malloc(sizeof *l);
    if (!l) {
        return NULL;
    }
    l->refs = ring_new(RING_OF_REFS, most, true);
    if (!l->refs) {
        free(l);
        return NULL;
    }
    return l;
}

uint64_t nonempty_list_memory(uint32_t most)
{
    return sizeof(struct nonempty_list) + ring_memory(RING_OF_REFS, most);
}

void nonempty_list_free(struct nonempty_list *l)
{
    if (!l) {
        return;
    }
    ring_free(l->refs);
    free(l);
}

bool nonempty_list_put(struct nonempty_list *l, struct peer_ref ref)
{
    return ring_put_ref(l->refs, ref);
}

size_t nonempty_list_take(struct nonempty_list *l, struct peer_ref *refs, size_t most)
{
    size_t taken = 0;
    while (taken < most && ring_take_ref(l->refs, &refs[taken])) {
        taken++;
    }
    return taken;
}

bool nonempty_list_is_empty(const struct nonempty_list *l)
{
    return ring_empty(l->refs);
}
