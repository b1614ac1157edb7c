#include "controller/addresses.h"

#include <stdlib.h>

#include "controller/chance.h"
#include "controller/specials.h"
#include "controller/state.h"

/* A draw costs as much as endpoints are looked at, some 0.15 microseconds each. */
enum {
    SAMPLE_MOST = 256,        /* drawn at once, or as many as somebody asks for */
    LOOKED_AT_MOST = 1 << 16, /* at once: five times a full book, some 10 ms */
    LOOKED_AT_A_MS = 64,      /* and afterwards: 1 % of a processor */
    DRAW_LEAST = 128,         /* what a draw from an empty book counts as */
};

bool addresses_allow(const struct controller *c, const struct ip *ip)
{
    return c->config->node.network.open || ip_is_routable(ip);
}

bool addresses_learn_seed(struct controller *c, const struct endpoint *e, enum endpoint_source source)
{
    bool is_new = !book_find(c->book, e);
    return book_learn(c->book, e, source, TELLER_SEEDS, book_time(c)) && is_new;
}

/* --- what others are told --- */

static bool is_kept_back(void *core, const struct endpoint *e)
{
    return special_has_endpoint(core, e);
}

static bool may_draw(struct controller *c)
{
    int64_t used = c->sample.looked_at - LOOKED_AT_A_MS * (c->now.ms - c->sample.looked_ms);
    c->sample.looked_at = used > 0 ? used : 0;
    c->sample.looked_ms = c->now.ms;
    return !c->sample.list || c->sample.looked_at < LOOKED_AT_MOST;
}

static void draw_sample(struct controller *c, size_t most)
{
    struct book_choice choice = {.skip = is_kept_back, .random = chance_draw, .context = c};
    struct endpoint *list = calloc(most, sizeof *list);
    if (!list) {
        return;
    }
    free(c->sample.list);
    c->sample.list = list;
    c->sample.n = book_shareable(c->book, &choice, c->config->merits.share_above, list, most, book_time(c));
    c->sample.looked_at += DRAW_LEAST + (int64_t)book_count(c->book);
}

size_t addresses_share(struct controller *c, const struct endpoint *asker, struct endpoint *out, size_t max)
{
    if (may_draw(c)) {
        draw_sample(c, max < SAMPLE_MOST ? SAMPLE_MOST : max + 1);
    }
    /* From anywhere in it: who asks while none are drawn shall not all be told of the same few. */
    size_t n = 0, from = c->sample.n > 0 ? chance_draw(c) % c->sample.n : 0;
    for (size_t i = 0; i < c->sample.n && n < max; i++) {
        const struct endpoint *e = &c->sample.list[(from + i) % c->sample.n];
        bool is_asker = asker && endpoint_equal(e, asker);
        if (!is_asker && !is_kept_back(c, e) &&
            book_may_share(c->book, e, c->config->merits.share_above, book_time(c))) {
            out[n++] = *e;
        }
    }
    return n;
}

void addresses_free(struct controller *c)
{
    free(c->sample.list);
}
