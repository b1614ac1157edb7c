#include "connection/ip_limit.h"

#include <stdlib.h>

struct visitor {
    struct ip ip;
    int64_t accepted_ms;
};

void ip_limit_init(struct ip_limit *l, int64_t gap_ms, size_t most)
{
    l->gap_ms = gap_ms;
    l->most = most;
    table_init(&l->seen, sizeof(struct visitor), sizeof(struct ip), sizeof(struct ip));
}

void ip_limit_clear(struct ip_limit *l)
{
    table_clear(&l->seen);
}

bool ip_limit_allows(const struct ip_limit *l, const struct ip *ip, int64_t now_ms)
{
    struct ip holder = ip_holder(ip);
    const struct visitor *v = table_find(&l->seen, &holder);
    return !v || now_ms - v->accepted_ms >= l->gap_ms;
}

/* A quarter at a time, so that the sorting is paid for once in many connections. */
static bool forget_oldest(struct ip_limit *l)
{
    size_t n = l->seen.n;
    struct table_rank *ranks = calloc(n, sizeof *ranks);
    if (!ranks) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct visitor *v = table_row(&l->seen, i);
        ranks[i] = (struct table_rank){.worth = {v->accepted_ms}, .row = (uint32_t)i};
    }
    table_evict(&l->seen, ranks, n, n / 4 + 1);
    free(ranks);
    return true;
}

bool ip_limit_accepted(struct ip_limit *l, const struct ip *ip, int64_t now_ms)
{
    if (l->gap_ms <= 0) {
        return true;
    }
    struct ip holder = ip_holder(ip);
    struct visitor *v = table_find(&l->seen, &holder);
    if (!v) {
        if (l->seen.n >= l->most && !forget_oldest(l)) {
            return false;
        }
        v = table_add(&l->seen, &holder);
    }
    if (!v) {
        return false;
    }
    v->accepted_ms = now_ms;
    return true;
}
