#include "protocol/ledger/service.h"

#include "protocol/ledger/message.h"

struct ledger_service {
    struct service_config config;
};

static int ledger_open(void *v, const struct service_config *config, int64_t now_ms)
{
    struct ledger_service *s = v;
    (void)now_ms;
    s->config = *config;
    return 0;
}

static void ledger_online(void *v, int64_t now_ms, const struct service_peer *p)
{
    (void)v;
    (void)now_ms;
    (void)p;
}

static void deliver(struct ledger_service *s, struct peer_ref from, uint32_t kind, const struct parcel *pack)
{
    struct chain_item item;
    size_t at = 0;
    while (chain_pack_next(pack, &at, &item)) {
        struct parcel *text = parcel_new(item.text, item.size);
        if (text) {
            s->config.actions->deliver(s->config.host, from, kind, text);
        }
    }
}

static void ledger_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                           struct parcel *parcel)
{
    struct ledger_service *s = v;
    (void)now_ms;
    if (kind == LEDGER_TRANSACTIONS || kind == LEDGER_BLOCKS || kind == LEDGER_NEW_BLOCK) {
        deliver(s, p->ref, kind == LEDGER_TRANSACTIONS ? LEDGER_TRANSACTION : LEDGER_BLOCK, parcel);
    } else if (kind == LEDGER_FAULT) {
        const struct ledger_fault *fault = (const void *)parcel->bytes;
        s->config.actions->merit(s->config.host, p->ref, -fault->demerit);
    }
    parcel_release(parcel);
}

static int64_t ledger_deadline(const void *v)
{
    (void)v;
    return INT64_MAX;
}

static void ledger_tick(void *v, int64_t now_ms)
{
    (void)v;
    (void)now_ms;
}

static void ledger_datagram(void *v, int64_t now_ms, const struct endpoint *from, struct bytes bytes)
{
    (void)v;
    (void)now_ms;
    (void)from;
    (void)bytes;
}

/* Nobody is told: nothing is kept yet. */
static int64_t ledger_send(void *v, int64_t now_ms, uint64_t number, enum scope scope, struct peer_ref to,
                           uint32_t kind, struct parcel *parcel)
{
    (void)v;
    (void)now_ms;
    (void)number;
    (void)scope;
    (void)to;
    (void)kind;
    parcel_release(parcel);
    return 0;
}

const struct service_ops ledger_service_ops = {
    .size = sizeof(struct ledger_service),
    .open = ledger_open,
    .online = ledger_online,
    .message = ledger_message,
    .deadline = ledger_deadline,
    .tick = ledger_tick,
    .datagram = ledger_datagram,
    .send = ledger_send,
};
