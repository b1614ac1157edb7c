#include "base/bounds.h"

#include <assert.h>

void bounds_add(struct bounds *b, enum bound_group group, const char *what, uint64_t each, uint64_t count,
                const char *full)
{
    if (each == 0 || count == 0) {
        return;
    }
    assert(b->n < BOUNDS_MOST);
    b->rows[b->n++] =
        (struct bound){.group = group, .what = what, .each = each, .count = count, .full = full};
}

uint64_t bound_bytes(const struct bound *row)
{
    return row->each > UINT64_MAX / row->count ? UINT64_MAX : row->each * row->count;
}

uint64_t bounds_sum(const struct bounds *b, enum bound_group group)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < b->n; i++) {
        uint64_t bytes = b->rows[i].group == group ? bound_bytes(&b->rows[i]) : 0;
        sum = bytes > UINT64_MAX - sum ? UINT64_MAX : sum + bytes;
    }
    return sum;
}
