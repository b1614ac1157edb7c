#include "controller/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static bool add(struct crowd *w, uint32_t index, const struct ip *ip)
{
    if (!array_reserve(w->members, w->capacity, w->n + 1)) {
        return false;
    }
    w->members[w->n++] =
        (struct crowd_member){.index = index, .group = ip_group(ip), .holder = ip_holder(ip)};
    return true;
}

bool crowd_add(struct crowd *w, const struct slot *s)
{
    return add(w, s->ref.index, &s->remote.ip);
}

bool crowd_add_newcomer(struct crowd *w, const struct ip *ip)
{
    return add(w, CROWD_NEWCOMER, ip);
}

void crowd_free(struct crowd *w)
{
    free(w->members);
    *w = (struct crowd){0};
}

static int by_holder(const void *one, const void *other)
{
    const struct crowd_member *a = one, *b = other;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    return memcmp(&a->holder, &b->holder, sizeof a->holder);
}

void crowd_count(struct crowd *w)
{
    if (w->n > 0) {
        qsort(w->members, w->n, sizeof *w->members, by_holder);
    }
    for (size_t from = 0, to; from < w->n; from = to) {
        for (to = from; to < w->n && w->members[to].group == w->members[from].group; to++) {
        }
        for (size_t i = from, next; i < to; i = next) {
            for (next = i; next < to && ip_equal(&w->members[next].holder, &w->members[i].holder); next++) {
            }
            for (size_t k = i; k < next; k++) {
                w->members[k].in_group = (uint32_t)(to - from);
                w->members[k].in_holder = (uint32_t)(next - i);
            }
        }
    }
}

const struct crowd_member *crowd_newcomer(const struct crowd *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->members[i].index == CROWD_NEWCOMER) {
            return &w->members[i];
        }
    }
    return NULL;
}

int crowd_compare(const struct crowd_member *a, const struct crowd_member *b)
{
    if (a->in_group != b->in_group) {
        return a->in_group < b->in_group ? -1 : 1;
    }
    return a->in_holder < b->in_holder ? -1 : a->in_holder > b->in_holder;
}
