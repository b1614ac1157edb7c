#include "queue/ready.h"

#include <stdlib.h>

#include "queue/ring.h"

struct ready {
    struct ring *names;
};

struct ready *ready_new(uint32_t most)
{
    struct ready *r = malloc(sizeof *r);
    if (r == NULL)
        return NULL;
    r->names = ring_new(RING_OF_NAMES, most, true);
    if (r->names == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void ready_free(struct ready *r)
{
    if (r == NULL)
        return;
    ring_free(r->names);
    free(r);
}

bool ready_put(struct ready *r, struct peer_ref name)
{
    return ring_put_name(r->names, name);
}

size_t ready_take(struct ready *r, struct peer_ref *names, size_t most)
{
    size_t taken = 0;
    while (taken < most && ring_take_name(r->names, &names[taken]))
        taken++;
    return taken;
}

bool ready_empty(const struct ready *r)
{
    return ring_empty(r->names);
}
