#include "app/http/rates.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct rate *)a)->connection, y = ((const struct rate *)b)->connection;
    return (x > y) - (x < y);
}

struct rate rates_of(const struct rates *r, uint64_t connection)
{
    const struct rate wanted = {.connection = connection};
    const struct rate *found = r->n ? bsearch(&wanted, r->now, r->n, sizeof *r->now, compare) : NULL;
    return found ? *found : (struct rate){0};
}

/* A connection that was not there has carried all of it since it came online. */
static struct rate measure(const struct rates *before, const struct kith_peer *p, int64_t at_ms)
{
    struct rate old = rates_of(before, p->connection);
    struct rate r = {.connection = p->connection,
                     .bytes_in = p->bytes_in,
                     .bytes_out = p->bytes_out,
                     .parcels_in = p->parcels_in,
                     .parcels_out = p->parcels_out};
    int64_t ms = old.connection ? at_ms - before->at_ms : p->online_ms;
    double s = (double)(ms > 1 ? ms : 1) / 1000;
    r.per_s[0] = (double)(r.bytes_in - old.bytes_in) / s;
    r.per_s[1] = (double)(r.bytes_out - old.bytes_out) / s;
    r.per_s[2] = (double)(r.parcels_in - old.parcels_in) / s;
    r.per_s[3] = (double)(r.parcels_out - old.parcels_out) / s;
    return r;
}

bool rates_look(struct rates *r, const struct kith_peer *peers, size_t n, int64_t at_ms)
{
    struct rates now = {.now = malloc((n ? n : 1) * sizeof *now.now), .at_ms = at_ms};
    if (!now.now) {
        rates_free(r);
        return false;
    }
    for (; now.n < n; now.n++) {
        now.now[now.n] = measure(r, &peers[now.n], at_ms);
    }
    qsort(now.now, now.n, sizeof *now.now, compare);
    rates_free(r);
    *r = now;
    return true;
}

void rates_free(struct rates *r)
{
    free(r->now);
    *r = (struct rates){0};
}
