#include "protocol/ledger/inbox.h"

#include <stdlib.h>

static size_t bytes_of(const struct parcel *p)
{
    return sizeof *p + p->size;
}

bool inbox_is_full(const struct inbox *w)
{
    return w->n == INBOX_MAX || w->bytes >= INBOX_BYTES;
}

bool inbox_put(struct inbox *w, uint32_t kind, struct parcel *parcel)
{
    if (!w->items) {
        w->items = malloc(INBOX_MAX * sizeof *w->items);
    }
    if (!w->items || w->n == INBOX_MAX) {
        return false;
    }
    w->items[(w->first + w->n++) % INBOX_MAX] = (struct inbox_item){.kind = kind, .parcel = parcel};
    w->bytes += bytes_of(parcel);
    return true;
}

const struct inbox_item *inbox_look(const struct inbox *w)
{
    return w->n > 0 ? &w->items[w->first] : NULL;
}

struct inbox_item inbox_take(struct inbox *w)
{
    struct inbox_item item = w->items[w->first];
    w->first = (w->first + 1) % INBOX_MAX;
    w->n--;
    w->bytes -= bytes_of(item.parcel);
    if (w->n == 0) {
        inbox_free(w);
    }
    return item;
}

void inbox_free(struct inbox *w)
{
    while (w->n > 0) {
        w->n--;
        parcel_release(w->items[(w->first + w->n) % INBOX_MAX].parcel);
    }
    free(w->items);
    *w = (struct inbox){0};
}
