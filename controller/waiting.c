#include "controller/waiting.h"

#include <stdlib.h>
#include <string.h>

bool waiting_add(struct waiting_list *l, const struct message *m)
{
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 16;
        struct message *items = realloc(l->items, capacity * sizeof *items);
        if (!items) {
            return false;
        }
        l->items = items;
        l->capacity = capacity;
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

void waiting_free(struct waiting_list *l)
{
    free(l->items);
    *l = (struct waiting_list){0};
}
