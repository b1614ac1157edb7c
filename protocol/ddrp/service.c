#include "protocol/ddrp/service.h"

#include "protocol/ddrp/share.h"

/* A node that lacks connections must not wait for them as long as one that has enough. */
static int64_t round_length(const struct ddrp_revision *r, int64_t request_ms)
{
    return r->hungry_ms > 0 && r->hungry_ms < request_ms ? r->hungry_ms : request_ms;
}

static bool may_share(const struct service_config *config, const struct known_peer *peer)
{
    return ddrp_share_allows(config->protocol->variant, config->node, peer);
}

static int ddrp_service_open(void *v, const struct service_config *config, int64_t now_ms)
{
    struct ddrp_service *s = v;
    const struct ddrp_revision *r = config->protocol->variant;
    int64_t request_ms = config->node->timings.request;
    struct exchange_config exchange = {.service = *config,
                                       .request_kind = DDRP_PEER_REQ,
                                       .everybody_ms = r->asks_everybody ? request_ms : 0,
                                       .round_ms = round_length(r, request_ms),
                                       .round_max = DDRP_ASK_MOST,
                                       .share_max = DDRP_SHARE_MAX,
                                       .may_share = may_share};
    s->config = *config;
    exchange_open(&s->exchange, &exchange, now_ms);
    return 0;
}

static void ddrp_service_online(void *v, int64_t now_ms, const struct service_peer *p)
{
    struct ddrp_service *s = v;
    (void)now_ms;
    exchange_online(&s->exchange, p);
}

static void answer(struct ddrp_service *s, int64_t now_ms, const struct service_peer *p)
{
    struct parcel *shared = exchange_answer(&s->exchange, now_ms, p);
    if (shared) {
        s->config.actions->send(s->config.host, p->ref, DDRP_PEER_RES, shared);
    }
}

static void ddrp_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                                 struct parcel *parcel)
{
    struct ddrp_service *s = v;
    if (kind <= DDRP_UPDATE_REQ) {
        s->config.actions->deliver(s->config.host, p->ref, kind, parcel);
        return;
    }
    if (kind == DDRP_PEER_REQ) {
        answer(s, now_ms, p);
    } else if (kind == DDRP_PEER_RES && parcel) {
        exchange_learn(&s->exchange, p, parcel);
    }
    parcel_release(parcel);
}

static int64_t ddrp_service_deadline(const void *v)
{
    const struct ddrp_service *s = v;
    return exchange_deadline(&s->exchange);
}

static void ddrp_service_tick(void *v, int64_t now_ms)
{
    struct ddrp_service *s = v;
    exchange_tick(&s->exchange, now_ms);
}

const struct service_ops ddrp_service_ops = {
    .size = sizeof(struct ddrp_service),
    .peer_size = sizeof(struct exchange_peer),
    .open = ddrp_service_open,
    .online = ddrp_service_online,
    .message = ddrp_service_message,
    .deadline = ddrp_service_deadline,
    .tick = ddrp_service_tick,
};
