#include "protocol/exchange.h"

#include <stdlib.h>
#include <string.h>

static void start_round(struct exchange *x, int64_t now_ms)
{
    x->round_at_ms = x->config.round_ms > 0 ? now_ms + x->config.round_ms : INT64_MAX;
    x->asked = 0;
}

static void start_everybody(struct exchange *x, int64_t now_ms)
{
    x->everybody_at_ms = x->config.everybody_ms > 0 ? now_ms + x->config.everybody_ms : INT64_MAX;
}

void exchange_open(struct exchange *x, const struct exchange_config *config, int64_t now_ms)
{
    *x = (struct exchange){.config = *config};
    start_round(x, now_ms);
    start_everybody(x, now_ms);
}

/* --- asking --- */

static void ask(struct exchange *x, const struct service_peer *p)
{
    const struct service_config *t = &x->config.service;
    struct exchange_peer *state = p->state;
    state->asked = true;
    x->asked++;
    t->actions->send(t->host, p->ref, x->config.request_kind, NULL);
}

static bool wants_peers(const struct exchange *x)
{
    return x->config.service.actions->wanted(x->config.service.host) > 0;
}

void exchange_online(struct exchange *x, const struct service_peer *p)
{
    struct exchange_peer *state = p->state;
    if (p->info->asked) {
        state->asked = true;
    } else if (x->config.round_ms == 0 || (x->asked < x->config.round_max && wants_peers(x))) {
        ask(x, p);
    }
}

static void ask_everybody(struct exchange *x)
{
    const struct service_config *t = &x->config.service;
    struct service_peer p = {.ref = PEER_NOBODY};
    while (t->actions->next_peer(t->host, p.ref, &p)) {
        ask(x, &p);
    }
}

/* Each peer that is online is as likely to be asked as any other. */
static void ask_some(struct exchange *x)
{
    const struct service_config *t = &x->config.service;
    struct service_peer chosen[EXCHANGE_ROUND_MAX], p = {.ref = PEER_NOBODY};
    uint32_t n = 0, most = x->config.round_max;
    for (uint64_t seen = 0; t->actions->next_peer(t->host, p.ref, &p); seen++) {
        if (n < most) {
            chosen[n++] = p;
            continue;
        }
        uint64_t at = t->actions->random(t->host) % (seen + 1);
        if (at < most) {
            chosen[at] = p;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        ask(x, &chosen[i]);
    }
}

int64_t exchange_deadline(const struct exchange *x)
{
    return x->round_at_ms < x->everybody_at_ms ? x->round_at_ms : x->everybody_at_ms;
}

void exchange_tick(struct exchange *x, int64_t now_ms)
{
    if (now_ms >= x->everybody_at_ms) {
        start_everybody(x, now_ms);
        start_round(x, now_ms);
        ask_everybody(x);
    } else if (now_ms >= x->round_at_ms) {
        start_round(x, now_ms);
        if (wants_peers(x)) {
            ask_some(x);
        }
    }
}

/* --- answering, learning --- */

static struct parcel *gather(const struct exchange *x, const struct service_peer *p, struct known_peer *found,
                             size_t most)
{
    const struct service_config *t = &x->config.service;
    size_t n = 0, n_found = t->actions->share(t->host, p->ref, found, most);
    for (size_t i = 0; i < n_found; i++) {
        if (!x->config.may_share || x->config.may_share(t, &found[i])) {
            found[n++] = found[i];
        }
    }
    struct known_peers shared;
    struct parcel *parcel = known_peers_new(n, &shared);
    for (size_t i = 0; parcel && i < n; i++) {
        shared.list[i] = found[i];
    }
    if (parcel) {
        t->actions->shared(t->host, p->ref, n);
    }
    return parcel;
}

struct parcel *exchange_answer(struct exchange *x, int64_t now_ms, const struct service_peer *p)
{
    struct exchange_peer *state = p->state;
    if (state->answered && now_ms - state->answered_ms < x->config.service.node->timings.request_limit) {
        return NULL;
    }
    state->answered = true;
    state->answered_ms = now_ms;
    size_t most = x->config.service.node->limits.share;
    most = most < x->config.share_max ? most : x->config.share_max;
    struct known_peer *found = calloc(most + 1, sizeof *found);
    struct parcel *parcel = found ? gather(x, p, found, most) : NULL;
    free(found);
    return parcel;
}

void exchange_learn(struct exchange *x, const struct service_peer *p, struct parcel *shared)
{
    const struct service_config *t = &x->config.service;
    struct exchange_peer *state = p->state;
    struct known_peers peers = known_peers_of(shared);
    if (state->asked) {
        state->asked = false;
        t->actions->learn(t->host, p->ref, peers.list, peers.n);
    }
}
