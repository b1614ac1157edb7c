#include "controller/chance.h"

#include "controller/state.h"

uint64_t chance_draw(void *core)
{
    struct controller *c = core;
    return c->act->random(c->host);
}

int64_t chance_between(struct controller *c, int64_t low, int64_t high)
{
    return high > low ? low + (int64_t)(chance_draw(c) % (uint64_t)(high - low + 1)) : low;
}

int64_t chance_retry(struct controller *c, int64_t max)
{
    return chance_between(c, max / 4, max);
}
