#include "protocol/ledger/fetch.h"

#include <string.h>

#include "base/earlier.h"
#include "protocol/ledger/room.h"

enum {
    FETCH_MS = 5000,        /* then another is asked */
    FETCHES_OF_PEER = 1024, /* of those, asked of one peer */
};

void fetch_open(struct ledger *l)
{
    table_init(&l->fetches, sizeof(struct fetch), sizeof(struct chain_hash), sizeof(struct chain_hash));
}

void fetch_close(struct ledger *l)
{
    table_clear(&l->fetches);
    marks_free(&l->known);
}

static void end(struct ledger *l, struct fetch *f)
{
    struct ledger_peer *p = ledger_peer_of(l, f->asked);
    if (p) {
        p->n_fetched--;
    }
    table_remove(&l->fetches, table_index(&l->fetches, f));
}

void fetch_came(struct ledger *l, const struct chain_hash *id)
{
    struct fetch *f = table_find(&l->fetches, id);
    marks_add(&l->known, ledger_mark(l, id));
    if (f) {
        end(l, f);
    }
}

static void ask(struct ledger *l, struct ledger_peer *p, struct fetch *f)
{
    f->asked = p->ref;
    f->due_ms = l->now_ms + FETCH_MS;
    l->fetch_ms = earlier(l->fetch_ms, f->due_ms);
    p->n_fetched++;
}

static bool knows(const struct fetch *f, struct peer_ref ref)
{
    bool any = peer_ref_equal(f->asked, ref);
    for (uint32_t i = 0; i < f->n_others; i++) {
        any = any || peer_ref_equal(f->others[i], ref);
    }
    return any;
}

/* The first ones stay: else one that brings nothing could crowd out who would. */
static void note_other(struct fetch *f, struct peer_ref ref)
{
    if (f->n_others < FETCH_OTHERS && !knows(f, ref)) {
        f->others[f->n_others++] = ref;
    }
}

/* The next that has announced it and is still there; NULL for none. */
static struct ledger_peer *take_other(struct ledger *l, struct fetch *f)
{
    struct ledger_peer *p = NULL;
    while (!p && f->n_others > 0) {
        p = ledger_peer_of(l, f->others[0]);
        memmove(f->others, f->others + 1, --f->n_others * sizeof f->others[0]);
    }
    return p;
}

/* True if it is to be asked of that peer now. */
static bool begin(struct ledger *l, struct ledger_peer *p, const struct chain_hash *id)
{
    struct fetch *f = table_find(&l->fetches, id);
    if (f) {
        note_other(f, p->ref);
        return false;
    }
    if (marks_have(&l->known, ledger_mark(l, id)) || l->fetches.n >= FETCH_MAX ||
        p->n_fetched >= FETCHES_OF_PEER) {
        return false;
    }
    f = table_add(&l->fetches, id);
    if (f) {
        ask(l, p, f);
    }
    return f;
}

void fetch_announced(struct ledger *l, struct ledger_peer *p, const struct parcel *ids)
{
    /* If there is no room for them, another may bring them. */
    size_t n = room_is_there(l, p) ? ids->size / sizeof(struct chain_hash) : 0;
    const struct chain_hash *all = (const void *)ids->bytes;
    struct parcel *wanted = parcel_new(NULL, n * sizeof *all);
    struct chain_hash *out = wanted ? (void *)wanted->bytes : NULL;
    size_t n_wanted = 0;
    for (size_t i = 0; i < n && out; i++) {
        if (begin(l, p, &all[i])) {
            out[n_wanted++] = all[i];
        }
    }
    if (n_wanted > 0) {
        ledger_send(l, p->ref, LEDGER_GET_TRANSACTION, parcel_new(out, n_wanted * sizeof *out));
    }
    parcel_release(wanted);
}

int64_t fetch_deadline(const struct ledger *l)
{
    return l->fetch_ms;
}

/* Who did not bring it is not blamed: it may have gone into a block. */
void fetch_tick(struct ledger *l)
{
    if (l->now_ms < l->fetch_ms) {
        return;
    }
    l->fetch_ms = NEVER;
    for (size_t i = l->fetches.n; i > 0; i--) {
        struct fetch *f = table_row(&l->fetches, i - 1);
        if (f->due_ms > l->now_ms) {
            l->fetch_ms = earlier(l->fetch_ms, f->due_ms);
            continue;
        }
        struct ledger_peer *before = ledger_peer_of(l, f->asked), *next = take_other(l, f);
        if (!next) {
            end(l, f);
            continue;
        }
        if (before) {
            before->n_fetched--;
        }
        ask(l, next, f);
        ledger_send(l, next->ref, LEDGER_GET_TRANSACTION, parcel_new(&f->id, sizeof f->id));
    }
}
