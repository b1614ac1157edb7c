#include "controller/addresses.h"

#include "controller/chance.h"
#include "controller/specials.h"
#include "controller/state.h"

bool addresses_allow(const struct controller *c, const struct ip *ip)
{
    return c->config->node.network.open || ip_is_routable(ip);
}

bool addresses_learn_seed(struct controller *c, const struct endpoint *e, enum endpoint_source source)
{
    bool is_new = !book_find(c->book, e);
    return book_learn(c->book, e, source, TELLER_SEEDS, book_time(c)) && is_new;
}

/* Whom the addresses are for. */
struct asker {
    struct controller *c;
    const struct endpoint *endpoint; /* at which it listens; NULL if that does not matter */
};

static bool is_kept_back(void *context, const struct endpoint *e)
{
    const struct asker *a = context;
    return special_has_endpoint(a->c, e) || (a->endpoint && endpoint_equal(e, a->endpoint));
}

static uint64_t draw(void *context)
{
    const struct asker *a = context;
    return chance_draw(a->c);
}

size_t addresses_share(struct controller *c, const struct endpoint *asker, struct endpoint *out, size_t max)
{
    struct asker a = {.c = c, .endpoint = asker};
    struct book_choice choice = {.skip = is_kept_back, .random = draw, .context = &a};
    return book_shareable(c->book, &choice, c->config->merits.share_above, out, max, book_time(c));
}
