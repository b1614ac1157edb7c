#include "protocol/ledger/state.h"

#include <sodium.h>
#include <string.h>

#include "base/array.h"
#include "protocol/protocol.h"

struct ledger_peer *ledger_peer_of(struct ledger *l, struct peer_ref ref)
{
    struct ledger_peer *p = ref.index < l->n_places ? l->places[ref.index] : NULL;
    return p && peer_ref_equal(p->ref, ref) ? p : NULL;
}

void ledger_enter(struct ledger *l, struct ledger_peer *p)
{
    size_t before = l->n_places;
    if (array_reserve(l->places, l->n_places, (size_t)p->ref.index + 1)) {
        memset(l->places + before, 0, (l->n_places - before) * sizeof(struct ledger_peer *));
        l->places[p->ref.index] = p;
    }
    p->previous = l->last;
    *(l->last ? &l->last->next : &l->first) = p;
    l->last = p;
}

void ledger_strike(struct ledger *l, struct ledger_peer *p)
{
    if (ledger_peer_of(l, p->ref)) {
        l->places[p->ref.index] = NULL;
    }
    *(p->previous ? &p->previous->next : &l->first) = p->next;
    *(p->next ? &p->next->previous : &l->last) = p->previous;
}

_Static_assert(sizeof((struct ledger *)0)->key == crypto_shorthash_KEYBYTES, "the length of a key");

uint64_t ledger_mark(const struct ledger *l, const struct chain_hash *id)
{
    uint64_t mark;
    crypto_shorthash((unsigned char *)&mark, id->bytes, sizeof id->bytes, l->key);
    return mark;
}

void ledger_hold(struct ledger *l, struct ledger_peer *p)
{
    bool held = inbox_is_full(&p->wishes) || inbox_is_full(&p->transactions) || inbox_is_full(&p->blocks);
    if (held != p->is_held) {
        p->is_held = held;
        l->config.actions->hold(l->config.host, p->ref, held);
    }
}

void ledger_condemn(struct ledger *l, struct peer_ref peer, int32_t points, const char *why)
{
    int32_t left = points + l->config.protocol->merits.bad;
    if (left > 0) {
        l->config.actions->fault(l->config.host, peer, left, why);
    }
    l->config.actions->disconnect(l->config.host, peer, END_BAD_INPUT, why);
}

void ledger_send(struct ledger *l, struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    if (parcel) { /* without memory it is not said: who waits for it asks again */
        l->config.actions->send(l->config.host, to, kind, parcel);
    }
}
