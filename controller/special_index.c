#include "controller/special_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

bool special_index_reserve(struct controller *c, size_t n_specials)
{
    return array_reserve(c->special_places, c->special_places_capacity, n_specials * NAME_ADDRESSES_MAX);
}

static int compare(const void *a, const void *b)
{
    const struct special_place *x = a, *y = b;
    return memcmp(&x->at.ip, &y->at.ip, sizeof x->at.ip);
}

void special_index_sort(struct controller *c)
{
    c->n_special_places = 0;
    c->n_indexed = c->n_specials;
    for (size_t i = 0; i < c->n_specials; i++) {
        const struct special *p = &c->specials[i];
        for (size_t k = 0; k < p->n_known; k++) {
            c->special_places[c->n_special_places++] =
                (struct special_place){.at = p->known[k], .special = i};
        }
    }
    if (c->n_special_places > 0) {
        qsort(c->special_places, c->n_special_places, sizeof *c->special_places, compare);
    }
}

const struct special_place *special_index_find(const struct controller *c, const struct ip *ip, size_t *n)
{
    size_t low = 0, high = c->n_special_places;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memcmp(&c->special_places[middle].at.ip, ip, sizeof *ip) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (*n = 0; low + *n < c->n_special_places && ip_equal(&c->special_places[low + *n].at.ip, ip);) {
        ++*n;
    }
    return c->special_places + low;
}
