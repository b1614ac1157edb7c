#include "protocol/ledger/look.h"

#include "base/earlier.h"

void look_online(struct ledger *l, struct ledger_peer *p, bool is_asked)
{
    p->is_looked_at = is_asked;
    l->look_ms = earlier(l->look_ms, l->now_ms + (is_asked ? (int64_t)LOOK_MS : (int64_t)LOOK_FIRST_MS));
}

bool look_answered(const struct ledger *l, struct ledger_peer *p, const struct chain_hashes *list)
{
    bool is_answer = p->looks_from > 0 && list->from == p->looks_from && (list->n <= 1 || !l->catchup.lists);
    if (is_answer) {
        p->looks_from = 0;
    }
    return is_answer;
}

int64_t look_deadline(const struct ledger *l)
{
    return l->look_ms;
}

/* One that was not asked yet, if there is one; else by lot. */
static struct ledger_peer *draw(struct ledger *l)
{
    struct ledger_peer *drawn = NULL;
    uint64_t n = 0;
    for (struct ledger_peer *p = l->first; p; p = p->next) {
        if (p->catchup.is_barred) {
            continue;
        }
        if (!p->is_looked_at) {
            return p;
        }
        n++;
        if (n == 1 || l->config.actions->random(l->config.host) % n == 0) {
            drawn = p;
        }
    }
    return drawn;
}

static void ask(struct ledger *l, struct ledger_peer *p)
{
    const struct chain_range next = {.from = l->chain.height + 1, .count = 1};
    p->is_looked_at = true;
    p->looks_from = l->variant->by_hash ? next.from : 0; /* by numbers, a list says how long a chain is */
    ledger_send(l, p->ref, LEDGER_GET_LIST, parcel_new(&next, sizeof next));
}

static bool any_is_new(const struct ledger *l)
{
    const struct ledger_peer *p = l->first;
    while (p && (p->is_looked_at || p->catchup.is_barred)) {
        p = p->next;
    }
    return p;
}

void look_tick(struct ledger *l)
{
    if (l->now_ms < l->look_ms) {
        return;
    }
    struct ledger_peer *p = draw(l);
    /* While blocks are fetched, peers' lists say more than this. */
    if (p && l->knows_chain && l->catchup.phase == CATCHUP_IDLE) {
        ask(l, p);
    }
    l->look_ms = !l->first ? NEVER : l->now_ms + (any_is_new(l) ? (int64_t)LOOK_FIRST_MS : (int64_t)LOOK_MS);
}
