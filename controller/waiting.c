#include "controller/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "queue/parcel.h"

bool waiting_add(struct waiting_list *l, const struct message *m)
{
    if (!array_reserve(l->items, l->capacity, l->n + 1)) {
        return false;
    }
    l->items[l->n++] = *m;
    return true;
}

void waiting_remove(struct waiting_list *l, size_t n)
{
    if (n == 0) {
        return;
    }
    l->n -= n;
    memmove(l->items, l->items + n, l->n * sizeof *l->items);
}

uint64_t waiting_bytes(const struct message *m)
{
    return m->parcel ? sizeof *m->parcel + m->parcel->size : 0;
}

void waiting_free(struct waiting_list *l)
{
    free(l->items);
    *l = (struct waiting_list){0};
}
