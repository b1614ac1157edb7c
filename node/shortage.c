#include "node/shortage.h"

/* Parcels of the longest kind. */
#define PARCELS_LEAST 3

uint64_t shortage_budget(const struct limits *l)
{
    uint64_t least =
        PARCELS_LEAST * (l->parcel_bytes > l->control_bytes ? l->parcel_bytes : l->control_bytes);
    return l->receive_bytes > least ? l->receive_bytes : least;
}

struct look {
    int64_t wanted; /* the least that one of them waits for; 0: nobody waits */
    int64_t coming; /* what those hold that were asked to end */
    struct peer_thread *heaviest;
};

static void note_wish(struct look *l, const struct budget_account *a)
{
    int64_t wanted = budget_wanted(a);
    if (wanted > 0 && (l->wanted == 0 || wanted < l->wanted)) {
        l->wanted = wanted;
    }
}

static void consider(struct look *l, struct peer_thread *p, int64_t now_ms, int64_t fair, uint64_t *most)
{
    const struct budget_account *a = connection_account(p->connection);
    struct budget_account *replies = &p->replies.account;
    replies_settle(&p->replies, p->gate.queue, now_ms);
    if (p->condemned) {
        l->coming += budget_held(a) + budget_held(replies);
        return;
    }
    note_wish(l, a);
    note_wish(l, replies);
    uint64_t weight = budget_weight(a, now_ms, fair) + budget_weight(replies, now_ms, fair);
    if (weight > *most) {
        *most = weight;
        l->heaviest = p;
    }
}

/* Whoever holds less than its part is left alone: if all did, there would be room. */
static struct look look_at_all(struct node *n, int64_t now_ms)
{
    struct look l = {0};
    uint64_t most = 0;
    int64_t fair = (int64_t)shortage_quarter(&n->budget) / n->most_peers;
    note_wish(&l, &n->waiting);
    for (uint32_t i = 0; i < n->most_peers; i++) {
        if (n->peers[i].connection && !n->peers[i].ended) {
            consider(&l, &n->peers[i], now_ms, fair, &most);
        }
    }
    return l;
}

/* What found no room in the controller may have been dropped by now. If it is tried again, it is asked for
 * again. */
static void forget_own_wishes(struct node *n)
{
    budget_ask(&n->waiting, 0);
    for (uint32_t i = 0; i < n->most_peers; i++) {
        budget_ask(&n->peers[i].replies.account, 0);
    }
}

void shortage_run(struct node *n, struct moment now)
{
    if (!budget_was_asked(&n->budget)) {
        return;
    }
    for (;;) {
        struct look l = look_at_all(n, now.ms);
        if (l.wanted <= budget_room(&n->budget) + l.coming || !l.heaviest) {
            break;
        }
        l.heaviest->condemned = true;
        controller_expel(n->core, now, l.heaviest->ref, END_HOARDED);
    }
    forget_own_wishes(n);
}
