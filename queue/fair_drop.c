#include "queue/fair_drop.h"

#include <stdlib.h>
#include <string.h>

#include "queue/parcel.h"
#include "queue/queue.h"

/* The part of what lies in the queue that goes at once, if senders above the level have so much. */
enum { AT_ONCE = 32 };

struct sender {
    uint64_t held;  /* in the queue, with the message that comes */
    uint64_t above; /* how much of it is above the level */
    bool passed;    /* its oldest message is longer than that */
};

struct fair_drop {
    uint32_t most_messages;
    uint64_t most_bytes;
    uint32_t n_senders;
    struct sender *senders;
    struct message *messages; /* those that were claimed */
    size_t n;
};

/* One run in one measure. */
struct run {
    bool in_bytes;
    uint64_t needed, spare; /* what has to go, and what goes beside it */
    uint64_t gone;
    void (*dropped)(void *context, struct message *message);
    void *context;
};

uint64_t fair_drop_memory(uint32_t messages, uint32_t senders)
{
    return sizeof(struct fair_drop) + (uint64_t)messages * sizeof(struct message) +
           (uint64_t)senders * sizeof(struct sender);
}

struct fair_drop *fair_drop_new(uint32_t messages, uint64_t bytes, uint32_t senders)
{
    struct fair_drop *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    *f = (struct fair_drop){.most_messages = messages,
                            .most_bytes = bytes,
                            .n_senders = senders,
                            .senders = calloc(senders, sizeof *f->senders),
                            .messages = malloc((size_t)messages * sizeof *f->messages)};
    if (!f->senders || !f->messages) {
        fair_drop_free(f);
        return NULL;
    }
    return f;
}

void fair_drop_free(struct fair_drop *f)
{
    if (f) {
        free(f->senders);
        free(f->messages);
        free(f);
    }
}

static uint64_t size_of(const struct message *m)
{
    return m->parcel ? m->parcel->size : 0;
}

static uint64_t cost_of(const struct run *r, const struct message *m)
{
    return r->in_bytes ? size_of(m) : 1;
}

/* A payload beyond all bytes of the queue needs just the whole queue. */
static uint64_t coming_cost(const struct fair_drop *f, const struct run *r, const struct message *coming)
{
    uint64_t cost = cost_of(r, coming);
    return r->in_bytes && cost > f->most_bytes ? f->most_bytes : cost;
}

static uint64_t sum_above(const struct fair_drop *f, uint64_t level)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < f->n_senders; i++) {
        sum += f->senders[i].held > level ? f->senders[i].held - level : 0;
    }
    return sum;
}

/* The highest level with so much above it; 0 if there is less than that in all. */
static uint64_t find_level(const struct fair_drop *f, uint64_t wanted)
{
    uint64_t low = 0, high = 0;
    for (uint32_t i = 0; i < f->n_senders; i++) {
        high = f->senders[i].held > high ? f->senders[i].held : high;
    }
    while (low < high) {
        uint64_t middle = high - (high - low) / 2;
        if (sum_above(f, middle) >= wanted) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static uint64_t weigh(struct fair_drop *f, const struct run *r)
{
    uint64_t all = 0;
    memset(f->senders, 0, f->n_senders * sizeof *f->senders);
    for (size_t i = 0; i < f->n; i++) {
        uint64_t cost = cost_of(r, &f->messages[i]);
        f->senders[f->messages[i].peer.index].held += cost;
        all += cost;
    }
    return all;
}

/* The reader holds what is in the way; or the message is more than anybody else has, and its sender's older
 * ones would not do. */
static bool is_in_vain(const struct fair_drop *f, const struct run *r, uint64_t all, uint32_t sender,
                       uint64_t coming)
{
    bool is_most = true;
    for (uint32_t i = 0; i < f->n_senders; i++) {
        is_most = is_most && (i == sender || f->senders[i].held < coming);
    }
    return r->needed > all || (is_most && r->needed > f->senders[sender].held);
}

static void find_above(struct fair_drop *f, const struct run *r)
{
    uint64_t level = find_level(f, r->needed + r->spare);
    for (uint32_t i = 0; i < f->n_senders; i++) {
        struct sender *s = &f->senders[i];
        s->above = s->held > level ? s->held - level : 0;
    }
}

static bool may_drop(struct sender *s, uint64_t cost, bool whole)
{
    if (s->above == 0 || cost == 0) {
        return false;
    }
    if (whole && cost > s->above) {
        s->passed = true;
    }
    return !whole || !s->passed;
}

/* Oldest first, until so much is gone. `whole`: only what lies above the level as a whole, so that a sender
 * whose messages are long does not lose one for the few bytes that it is above. */
static void drop_above(struct fair_drop *f, struct queue *q, struct run *r, uint64_t until, bool whole)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct message *m = &f->messages[i];
        struct sender *s = &f->senders[m->peer.index];
        uint64_t cost = cost_of(r, m);
        if (r->gone >= until || !may_drop(s, cost, whole)) {
            f->messages[kept++] = *m;
            continue;
        }
        s->above -= cost < s->above ? cost : s->above;
        r->gone += cost;
        queue_forget(q, m);
        r->dropped(r->context, m);
    }
    f->n = kept;
}

static void make_room(struct fair_drop *f, struct queue *q, struct run *r, const struct message *coming)
{
    uint32_t messages, sender = coming->peer.index;
    uint64_t bytes, cost = coming_cost(f, r, coming);
    queue_fill(q, &messages, &bytes);
    uint64_t used = cost + (r->in_bytes ? bytes : messages);
    uint64_t most = r->in_bytes ? f->most_bytes : f->most_messages;
    if (used <= most) {
        return;
    }
    uint64_t all = weigh(f, r);
    r->needed = used - most;
    r->spare = all / AT_ONCE;
    if (is_in_vain(f, r, all, sender, cost)) {
        return;
    }
    f->senders[sender].held += cost;
    find_above(f, r);
    drop_above(f, q, r, r->needed + r->spare, true);
    drop_above(f, q, r, r->needed, false);
}

void fair_drop_for(struct fair_drop *f, struct queue *q, const struct message *coming,
                   void (*dropped)(void *context, struct message *message), void *context)
{
    struct run in_messages = {.dropped = dropped, .context = context};
    struct run in_bytes = {.in_bytes = true, .dropped = dropped, .context = context};
    f->n = queue_claim(q, f->messages);
    make_room(f, q, &in_messages, coming);
    if (f->most_bytes > 0) {
        make_room(f, q, &in_bytes, coming);
    }
    queue_put_back(q, f->messages, f->n);
}
