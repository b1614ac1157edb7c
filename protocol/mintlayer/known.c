#include "protocol/mintlayer/known.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

bool mintlayer_known_has(const struct mintlayer_known *k, uint32_t mark)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->marks[i] == mark) {
            return true;
        }
    }
    return false;
}

static bool grow(struct mintlayer_known *k)
{
    uint32_t capacity = k->capacity ? 2 * k->capacity : FIRST_CAPACITY;
    capacity = capacity < MINTLAYER_KNOWN_MAX ? capacity : MINTLAYER_KNOWN_MAX;
    uint32_t *marks = realloc(k->marks, capacity * sizeof *marks);
    if (!marks) {
        return false;
    }
    k->marks = marks;
    k->capacity = capacity;
    return true;
}

void mintlayer_known_add(struct mintlayer_known *k, uint32_t mark)
{
    if (mintlayer_known_has(k, mark)) {
        return;
    }
    if (k->n == MINTLAYER_KNOWN_MAX) {
        k->marks[k->oldest] = mark;
        k->oldest = (k->oldest + 1) % MINTLAYER_KNOWN_MAX;
    } else if (k->n < k->capacity || grow(k)) {
        k->marks[k->n++] = mark;
    }
}

void mintlayer_known_free(struct mintlayer_known *k)
{
    free(k->marks);
    *k = (struct mintlayer_known){.n = 0};
}
