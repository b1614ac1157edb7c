#include "protocol/ledger/marks.h"

#include <stdlib.h>

enum { ROOM_FIRST = 64 };

/* Where it is, or the free place where it would be. There is one, as half of them are free. */
static uint32_t place_of(const struct marks_half *h, uint64_t mark)
{
    uint32_t at = (uint32_t)mark & (h->room - 1);
    while (h->places[at] != 0 && h->places[at] != mark) {
        at = (at + 1) & (h->room - 1);
    }
    return at;
}

static bool half_has(const struct marks_half *h, uint64_t mark)
{
    return h->n > 0 && h->places[place_of(h, mark)] == mark;
}

static bool grow(struct marks_half *h)
{
    struct marks_half larger = {.n = h->n, .room = h->room > 0 ? 2 * h->room : ROOM_FIRST};
    larger.places = calloc(larger.room, sizeof *larger.places);
    if (!larger.places) {
        return false;
    }
    for (uint32_t i = 0; i < h->room; i++) {
        if (h->places[i] != 0) {
            larger.places[place_of(&larger, h->places[i])] = h->places[i];
        }
    }
    free(h->places);
    *h = larger;
    return true;
}

static uint64_t as_kept(uint64_t mark)
{
    return mark != 0 ? mark : 1;
}

bool marks_have(const struct marks *m, uint64_t mark)
{
    return half_has(&m->young, as_kept(mark)) || half_has(&m->old, as_kept(mark));
}

void marks_add(struct marks *m, uint64_t mark)
{
    struct marks_half *h = &m->young;
    if (half_has(h, as_kept(mark))) {
        return;
    }
    if (h->n == MARKS_KEPT) {
        free(m->old.places);
        m->old = *h;
        *h = (struct marks_half){0};
    }
    if (2 * (h->n + 1) > h->room && !grow(h)) {
        return;
    }
    h->places[place_of(h, as_kept(mark))] = as_kept(mark);
    h->n++;
}

void marks_free(struct marks *m)
{
    free(m->young.places);
    free(m->old.places);
    *m = (struct marks){0};
}
