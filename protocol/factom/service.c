#include "protocol/factom/service.h"

#include "protocol/factom/factom.h"

static int factom_service_open(void *v, const struct service_config *config, int64_t now_ms)
{
    struct factom_service *s = v;
    struct exchange_config exchange = {.service = *config,
                                       .request_kind = FACTOM_PEER_REQUEST,
                                       .everybody_ms = config->node->timings.request,
                                       .share_max = SIZE_MAX};
    s->config = *config;
    exchange_open(&s->exchange, &exchange, now_ms);
    return 0;
}

static void factom_service_online(void *v, int64_t now_ms, const struct service_peer *p)
{
    struct factom_service *s = v;
    (void)now_ms;
    exchange_online(&s->exchange, p);
}

/* A V11 share without addresses would be an empty payload, which no parcel may have. */
static bool can_encode(const struct service_peer *p, const struct parcel *shared)
{
    return shared->size > 0 || p->info->version < 11;
}

static void answer(struct factom_service *s, int64_t now_ms, const struct service_peer *p)
{
    struct parcel *shared = exchange_answer(&s->exchange, now_ms, p);
    if (shared && can_encode(p, shared)) {
        s->config.actions->send(s->config.host, p->ref, FACTOM_PEER_SHARE, shared);
    } else {
        parcel_release(shared);
    }
}

static void factom_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                                   struct parcel *parcel)
{
    struct factom_service *s = v;
    if (kind == FACTOM_MESSAGE) {
        s->config.actions->deliver(s->config.host, p->ref, kind, parcel);
        return;
    }
    if (kind == FACTOM_PEER_REQUEST) {
        answer(s, now_ms, p);
    } else if (kind == FACTOM_PEER_SHARE && parcel) {
        exchange_learn(&s->exchange, p, parcel);
    }
    parcel_release(parcel);
}

static int64_t factom_service_deadline(const void *v)
{
    const struct factom_service *s = v;
    return exchange_deadline(&s->exchange);
}

static void factom_service_tick(void *v, int64_t now_ms)
{
    struct factom_service *s = v;
    exchange_tick(&s->exchange, now_ms);
}

const struct service_ops factom_service_ops = {
    .size = sizeof(struct factom_service),
    .peer_size = sizeof(struct exchange_peer),
    .open = factom_service_open,
    .online = factom_service_online,
    .message = factom_service_message,
    .deadline = factom_service_deadline,
    .tick = factom_service_tick,
};
