#include "controller/own_network.h"

#include "controller/chance.h"
#include "controller/state.h"

enum {
    FIRST_MS = 1000, /* after the first failure: until the next dial; twice as long each time, */
    MAX_MS = 30000,  /* up to this */
};

int64_t own_network_pause(struct controller *c, uint32_t times, int64_t max)
{
    int64_t pause = times < 5 ? (int64_t)FIRST_MS << times : MAX_MS;
    pause = earlier(pause, max);
    return chance_between(c, pause / 2, pause);
}

bool own_network_is_to_blame(enum end_reason reason)
{
    return reason == END_LOCAL || reason == END_RESOURCES;
}

bool own_network_reaches(const struct controller *c, const struct ip *ip)
{
    return !c->config->has_bind || config_has_proxy(c->config) || ip_is_v4(&c->config->bind) == ip_is_v4(ip);
}

static struct outage *outage_of(struct controller *c, const struct ip *ip)
{
    return &c->outages[ip_is_v4(ip)];
}

bool own_network_is_out(struct controller *c, const struct ip *ip)
{
    return outage_of(c, ip)->until_ms > c->now.ms;
}

bool own_network_is_out_anywhere(const struct controller *c)
{
    return c->outages[0].until_ms > c->now.ms || c->outages[1].until_ms > c->now.ms;
}

/* Somebody is connected by that family. */
static bool is_used(const struct controller *c, const struct ip *ip)
{
    for (size_t i = 0; i < c->n_online; i++) {
        const struct endpoint *remote = &c->slots[c->online[i]].remote;
        if (remote->port && ip_is_v4(&remote->ip) == ip_is_v4(ip)) {
            return true;
        }
    }
    return false;
}

void own_network_failed(struct controller *c, const struct endpoint *e)
{
    struct outage *o = outage_of(c, &e->ip);
    if (!own_network_is_out(c, &e->ip)) {
        o->until_ms = c->now.ms + own_network_pause(c, o->times, MAX_MS);
        o->times += o->times < 16;
    }
    if (!is_used(c, &e->ip)) {
        book_retry_later(c->book, e, book_time(c) + own_network_pause(c, o->times - 1, MAX_MS), book_time(c));
    }
}

void own_network_works(struct controller *c, const struct ip *ip)
{
    *outage_of(c, ip) = (struct outage){0};
}
