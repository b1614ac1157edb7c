#include "protocol/ledger/addresses.h"

#include <stdlib.h>

#include "base/earlier.h"

enum {
    SHARE_MAX = 100,
    OWN_MS = 30 * 60 * 1000,      /* between two announcements of ourselves to one peer */
    OWN_COIN_MS = 10 * 60 * 1000, /* with coin */
    CREDIT_MS = 5 * 60 * 1000,    /* what one address costs that nobody asked for */
    CREDIT_MOST = 2 * CREDIT_MS,
};

void addresses_open(struct ledger *l)
{
    const struct exchange_config config = {.service = l->config,
                                           .request_kind = LEDGER_GET_ADDRESSES,
                                           .everybody_ms = l->config.node->timings.request,
                                           .share_max = SHARE_MAX};
    exchange_open(&l->exchange, &config, l->now_ms);
    l->own_at_ms = NEVER;
}

/* --- ourselves --- */

/* Our end of a connection is an address of ours; from behind a NAT it is one that nobody else can dial. */
static bool may_tell_of_us(const struct ledger *l, const struct ledger_peer *p)
{
    const struct node_config *node = l->config.node;
    return node->listen_port != 0 && p->local.port != 0 && !node->proxied && ip_scope(&p->local.ip) == 0 &&
           (node->network.open || ip_is_routable(&p->local.ip));
}

static void tell_of_us(struct ledger *l, struct ledger_peer *p)
{
    struct known_peers peers;
    struct parcel *parcel = may_tell_of_us(l, p) ? known_peers_new(1, &peers) : NULL;
    p->own_at_ms = l->now_ms + (l->variant->announces ? (int64_t)OWN_COIN_MS : (int64_t)OWN_MS);
    l->own_at_ms = earlier(l->own_at_ms, p->own_at_ms);
    if (parcel) {
        peers.list[0].endpoint = (struct endpoint){.ip = p->local.ip, .port = l->config.node->listen_port};
        peers.list[0].heard_s = LEDGER_NOW;
        ledger_send(l, p->ref, LEDGER_ADDRESSES, parcel);
    }
}

void addresses_online(struct ledger *l, struct ledger_peer *p, const struct service_peer *peer)
{
    p->local = peer->info->local;
    p->credit_ms = CREDIT_MOST;
    p->credited_ms = l->now_ms;
    tell_of_us(l, p);
    exchange_online(&l->exchange, peer);
}

/* --- others --- */

static int newest_first(const void *a, const void *b)
{
    const struct known_peer *x = a, *y = b;
    return (x->heard_s < y->heard_s) - (x->heard_s > y->heard_s);
}

void addresses_sort(struct known_peer *peers, size_t n)
{
    qsort(peers, n, sizeof *peers, newest_first);
}

void addresses_asked(struct ledger *l, const struct service_peer *peer)
{
    struct parcel *parcel = exchange_answer(&l->exchange, l->now_ms, peer);
    if (parcel) {
        struct known_peers shared = known_peers_of(parcel);
        addresses_sort(shared.list, shared.n);
        ledger_send(l, peer->ref, LEDGER_ADDRESSES, parcel);
    }
}

static bool has_credit(struct ledger *l, struct ledger_peer *p)
{
    p->credit_ms = earlier(p->credit_ms + l->now_ms - p->credited_ms, CREDIT_MOST);
    p->credited_ms = l->now_ms;
    if (p->credit_ms < CREDIT_MS) {
        return false;
    }
    p->credit_ms -= CREDIT_MS;
    return true;
}

/* One alone is how a peer tells of itself: that may come before the answer that we wait for, and is not it.
 */
void addresses_told(struct ledger *l, const struct service_peer *peer, struct parcel *told)
{
    struct known_peers peers = known_peers_of(told);
    if (peers.n != 1) {
        exchange_learn(&l->exchange, peer, told);
    } else if (has_credit(l, peer->state)) {
        l->config.actions->learn(l->config.host, peer->ref, peers.list, 1);
    }
}

int64_t addresses_deadline(const struct ledger *l)
{
    return earlier(l->own_at_ms, exchange_deadline(&l->exchange));
}

void addresses_tick(struct ledger *l)
{
    exchange_tick(&l->exchange, l->now_ms);
    if (l->now_ms < l->own_at_ms) {
        return;
    }
    l->own_at_ms = NEVER;
    for (struct ledger_peer *p = l->first; p; p = p->next) {
        if (p->own_at_ms <= l->now_ms) {
            tell_of_us(l, p);
        }
        l->own_at_ms = earlier(l->own_at_ms, p->own_at_ms);
    }
}
