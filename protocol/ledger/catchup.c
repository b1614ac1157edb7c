#include "protocol/ledger/catchup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/ledger/catchup_private.h"

enum {
    AVERAGE_FIRST = 128 << 10,
    ORPHANS_MAX = 3, /* plans in a row that begin with one */
    RETRY_MS = 100,  /* the store had no room */
};

void catchup_open(struct catchup *c, const struct catchup_host *host, void *context, bool by_hash)
{
    *c = (struct catchup){.host = host,
                          .context = context,
                          .by_hash = by_hash,
                          .height = -1,
                          .average = AVERAGE_FIRST,
                          .number = 1};
}

/* --- lists --- */

/* The list goes on where the plan ends: it begins with the plan's last block. If that was taken, its hash is
 * still in its place, as nothing was planned since. */
static void on_next_list(struct catchup *c, const struct chain_hash *hashes, uint32_t n)
{
    catchup_drop_list(c);
    bool goes_on = n > 0 && chain_hash_equal(&hashes[0], &catchup_block_at(c, c->end - 1)->hash);
    if (!goes_on || n == 1) {
        c->lister->height = c->end - 1; /* it has no more, or another chain by now: it is asked anew then */
        return;
    }
    catchup_extend_by_hashes(c, hashes + 1, n - 1);
}

void catchup_listed(struct catchup *c, int64_t now_ms, struct catchup_peer *p, int64_t from,
                    const struct chain_hash *hashes, uint32_t n)
{
    if (!c->by_hash) {
        if (n > 0) {
            catchup_heard(c, now_ms, p, from + n - 1);
        }
        return;
    }
    if (p != c->lister || !c->lists || from != c->asked_from || c->phase == CATCHUP_LOCATING) {
        return;
    }
    if (from + n - 1 > p->height) { /* it has grown, and tells nobody of blocks that it has listed */
        p->height = from + n - 1;
    }
    if (c->phase == CATCHUP_FETCHING) {
        on_next_list(c, hashes, n);
    } else if (n == 0) {
        catchup_lister_lied(c, now_ms, "it has fewer blocks than it said");
    } else if (catchup_keep_list(c, hashes, n)) {
        catchup_locate(c, now_ms);
    } else {
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    }
    catchup_fetch(c, now_ms);
}

/* Of a list, the first k are ours already. */
static void plan_behind(struct catchup *c, int64_t now_ms, uint32_t k)
{
    struct catchup_peer *p = c->lister;
    int64_t last = c->asked_from + c->n_hashes - 1;
    if (k < c->n_hashes) {
        const struct chain_hash link = c->hashes[k - 1];
        if (catchup_make_plan(c, c->asked_from + k, &link)) {
            catchup_extend_by_hashes(c, c->hashes + k, c->n_hashes - k);
            catchup_drop_list(c);
        } else {
            catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
        }
    } else if (c->n_hashes > 1 && last < p->height) {
        catchup_drop_list(c);
        c->phase = CATCHUP_LISTING;
        catchup_ask_list(c, now_ms, last);
    } else if (last <= c->height) {
        catchup_lister_lied(c, now_ms, "it has fewer blocks than it said");
    } else {
        p->height = last; /* on a branch that is ours, too, and longer: the store will say so */
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    }
}

/* By numbers: that block of theirs was looked for. */
static void plan_behind_one(struct catchup *c, int64_t now_ms)
{
    struct chain_hash link = c->hashes[0];
    int64_t first = c->asked_from + 1;
    catchup_drop_list(c);
    if (catchup_make_plan(c, first, &link)) {
        c->alone = true;
        catchup_extend_by_numbers(c);
    } else {
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    }
}

/* False if it is for a list that was dropped meanwhile: another may have been asked since. */
static bool is_last_located(struct catchup *c)
{
    return --c->n_locating == 0 && c->phase == CATCHUP_LOCATING && !c->lists;
}

void catchup_located(struct catchup *c, int64_t now_ms, const uint8_t *known, size_t n)
{
    if (!is_last_located(c)) {
        return;
    }
    if (!c->lister || n != c->n_hashes || n == 0) {
        catchup_drop_plan(c, now_ms, 0);
    } else if (!known[0]) {
        catchup_drop_list(c);
        catchup_go_back(c, now_ms);
    } else if (!c->by_hash) {
        plan_behind_one(c, now_ms);
    } else {
        uint32_t k = 1;
        while (k < n && known[k]) {
            k++;
        }
        plan_behind(c, now_ms, k);
    }
    catchup_fetch(c, now_ms);
}

void catchup_not_located(struct catchup *c, int64_t now_ms)
{
    if (is_last_located(c)) {
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    }
}

/* --- blocks that come --- */

static void note_came(struct catchup *c, int64_t now_ms, struct catchup_peer *p, struct catchup_block *b)
{
    if (b->asked) {
        b->asked->n_asked--;
        b->asked->owes = b->asked->n_asked > 0 || b->asked->is_slow;
        c->n_asked--;
        b->asked = NULL;
    }
    p->progress_ms = now_ms;
    p->look_ms = now_ms + CATCHUP_SLOW_MS;
    p->is_slow = false;
    p->owes = p->n_asked > 0;
}

/* By numbers, one block of the lister's was asked for, to see if we have it. */
static bool is_looked_for(const struct catchup *c, const struct catchup_peer *p,
                          const struct chain_item *item)
{
    return !c->by_hash && c->phase == CATCHUP_LISTING && c->lists && p == c->lister &&
           item->number == c->asked_from;
}

static bool is_planned(const struct catchup *c, const struct catchup_peer *p, const struct chain_item *item)
{
    if (!catchup_has_plan(c) || item->number < c->next || item->number >= catchup_window_end(c)) {
        return false;
    }
    const struct catchup_block *b = catchup_block_at(c, item->number);
    if (b->pack) {
        return false;
    }
    return c->by_hash ? chain_hash_equal(&b->hash, &item->id) : b->asked == p || p->owes;
}

static void keep_block(struct catchup *c, struct catchup_peer *p, const struct chain_item *item)
{
    struct catchup_block *b = catchup_block_at(c, item->number);
    bool fits = item->number == c->next || c->bytes + item->size <= CATCHUP_BYTES;
    b->pack = fits ? chain_pack_one(item) : NULL;
    if (!b->pack) {
        c->wanted = earlier(c->wanted, item->number); /* it is asked for once more */
        return;
    }
    b->from = p->ref;
    c->bytes += b->pack->size;
    c->average = (15 * c->average + item->size) / 16;
}

bool catchup_block(struct catchup *c, int64_t now_ms, struct catchup_peer *p, const struct chain_item *item)
{
    if (is_looked_for(c, p, item)) {
        if (catchup_keep_list(c, &item->id, 1)) {
            catchup_locate(c, now_ms);
        } else {
            catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
        }
        return true;
    }
    if (!is_planned(c, p, item)) {
        return false;
    }
    note_came(c, now_ms, p, catchup_block_at(c, item->number));
    keep_block(c, p, item);
    catchup_fetch(c, now_ms);
    return true;
}

void catchup_none(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    if (!catchup_has_plan(c) || !p->owes) {
        return;
    }
    catchup_take_back(c, p);
    p->owes = p->is_slow = false;
    p->lacks = true;
    if (p == c->lister) {
        catchup_lister_lied(c, now_ms, "it has not the blocks that it listed");
    }
    catchup_check_hope(c, now_ms);
    catchup_fetch(c, now_ms);
}

/* --- blocks that go --- */

static void ask_again(struct catchup *c, struct catchup_block *b)
{
    catchup_forget_block(c, b);
    c->wanted = earlier(c->wanted, c->next);
}

/* The next block does not continue the one before it. */
static void does_not_link(struct catchup *c, int64_t now_ms, struct catchup_block *b)
{
    bool of_lister = c->lister && peer_ref_equal(b->from, c->lister->ref);
    if (c->by_hash) {
        catchup_lister_lied(c, now_ms, "it listed blocks that do not continue each other");
        return;
    }
    if (!of_lister) { /* another branch than the lister's, which need not be a lie */
        for (struct catchup_peer *p = c->first; p; p = p->next) {
            if (peer_ref_equal(p->ref, b->from)) {
                catchup_take_back(c, p);
                p->lacks = true;
                p->owes = p->is_slow = false;
            }
        }
        ask_again(c, b);
        catchup_check_hope(c, now_ms);
        return;
    }
    if (c->alone || (c->next > c->begin && peer_ref_equal(c->linker, b->from))) {
        catchup_lister_lied(c, now_ms, "it sent blocks that do not continue each other");
        return;
    }
    /* Its branch leaves ours below, or the one that others have. */
    struct catchup_peer *lister = c->lister;
    int64_t parted = c->next;
    catchup_drop_plan(c, now_ms, 0);
    c->lister = lister;
    c->asked_from = parted;
    catchup_go_back(c, now_ms);
}

bool catchup_take(struct catchup *c, int64_t now_ms, struct catchup_taken *t)
{
    struct chain_item item;
    size_t at = 0;
    if (!catchup_has_plan(c) || c->next == c->end) {
        return false;
    }
    struct catchup_block *b = catchup_block_at(c, c->next);
    if (!b->pack || !chain_pack_next(b->pack, &at, &item)) {
        return false;
    }
    if (!chain_hash_equal(&item.prev, &c->link)) {
        does_not_link(c, now_ms, b);
        catchup_fetch(c, now_ms);
        return false;
    }
    *t = (struct catchup_taken){.pack = b->pack, .from = b->from, .plan = c->number};
    c->bytes -= b->pack->size;
    b->pack = NULL;
    c->link = item.id;
    c->linker = b->from;
    c->next++;
    c->unsettled++;
    catchup_fetch(c, now_ms);
    return true;
}

static struct catchup_peer *find(const struct catchup *c, struct peer_ref ref)
{
    struct catchup_peer *p = c->first;
    while (p && !peer_ref_equal(p->ref, ref)) {
        p = p->next;
    }
    return p;
}

/* By hash, the lister has it in its own chain. */
static void on_invalid(struct catchup *c, int64_t now_ms, struct peer_ref from)
{
    struct catchup_peer *p = find(c, from), *lister = c->by_hash ? c->lister : NULL;
    catchup_drop_plan(c, now_ms, 0);
    if (p) {
        catchup_forget_claims(c, p);
        catchup_blame(c, p, CATCHUP_INVALID, "sent a block that is not valid");
    }
    if (lister && lister != p) {
        catchup_forget_claims(c, lister);
        catchup_blame(c, lister, CATCHUP_INVALID, "listed a block that is not valid");
    }
}

/* A branch that leaves ours so far below that it does not fit beside ours: no sin, but of no use. */
static void on_full(struct catchup *c, int64_t now_ms)
{
    struct catchup_peer *lister = c->lister;
    catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    if (lister) {
        lister->is_barred = true;
    }
}

void catchup_added(struct catchup *c, int64_t now_ms, const struct catchup_taken *t, uint8_t verdict)
{
    c->unsettled -= c->unsettled > 0;
    if (t->plan != c->number) {
        catchup_fetch(c, now_ms);
        return; /* of a plan that was dropped */
    }
    if (verdict == CHAIN_INVALID) {
        on_invalid(c, now_ms, t->from);
    } else if (verdict == CHAIN_ORPHAN) {
        struct catchup_peer *lister = c->lister;
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
        if (++c->orphans >= ORPHANS_MAX && lister) {
            lister->is_barred = true;
        }
    } else if (verdict == CHAIN_FULL) {
        on_full(c, now_ms);
    } else if (verdict == 0) {
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    } else {
        c->orphans = 0;
    }
    catchup_fetch(c, now_ms);
}

void catchup_lost(struct catchup *c, int64_t now_ms)
{
    if (c->unsettled > 0) {
        c->unsettled = 0;
        catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
    }
}

/* --- peers, and our chain --- */

void catchup_chain(struct catchup *c, int64_t now_ms, int64_t height, const struct chain_hash *tip)
{
    c->height = height;
    c->tip = *tip;
    catchup_fetch(c, now_ms);
}

void catchup_join(struct catchup *c, struct catchup_peer *p, struct peer_ref ref)
{
    p->ref = ref;
    p->height = -1;
    p->next = c->first;
    if (c->first) {
        c->first->previous = p;
    }
    c->first = p;
}

void catchup_leave(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    catchup_take_back(c, p);
    *(p->previous ? &p->previous->next : &c->first) = p->next;
    if (p->next) {
        p->next->previous = p->previous;
    }
    if (p == c->lister) {
        c->lister = NULL;
        /* A plan by hash stands by itself; without the lister nobody can say which numbers belong together.
         */
        if (catchup_has_plan(c) && c->by_hash) {
            catchup_drop_list(c);
        } else if (c->phase != CATCHUP_IDLE) {
            catchup_drop_plan(c, now_ms, 0);
        }
    }
    catchup_check_hope(c, now_ms);
    catchup_fetch(c, now_ms);
}

void catchup_heard(struct catchup *c, int64_t now_ms, struct catchup_peer *p, int64_t height)
{
    if (height > p->height) {
        p->height = height;
        catchup_fetch(c, now_ms);
    }
}

/* --- time --- */

static int64_t list_due(const struct catchup *c)
{
    if (!c->lists) {
        return NEVER;
    }
    return c->listed_ms + (c->phase == CATCHUP_LOCATING ? (int64_t)RETRY_MS : (int64_t)CATCHUP_SILENT_MS);
}

static int64_t peer_due(const struct catchup_peer *p)
{
    return p->owes ? p->look_ms : NEVER;
}

int64_t catchup_deadline(const struct catchup *c)
{
    int64_t due = list_due(c);
    for (const struct catchup_peer *p = c->first; p; p = p->next) {
        due = earlier(due, peer_due(p));
    }
    return c->rest_ms > 0 ? earlier(due, c->rest_ms) : due;
}

static bool others_can(const struct catchup *c, const struct catchup_peer *slow)
{
    for (const struct catchup_peer *p = c->first; p; p = p->next) {
        if (p != slow && catchup_can_serve(c, p, c->next)) {
            return true;
        }
    }
    return false;
}

/* A hash that only the lister has named may be a lie: who was asked for it and is silent is blamed once it is
 * sure that there is such a block. */
static bool is_proved(const struct catchup *c, const struct catchup_peer *p)
{
    if (!c->by_hash || p == c->lister) {
        return true;
    }
    for (int64_t n = c->next; n < catchup_window_end(c); n++) {
        if (catchup_block_at(c, n)->pack) {
            return true;
        }
    }
    return c->next > c->begin;
}

static void on_silence(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    catchup_take_back(c, p);
    p->is_slow = false;
    p->owes = false;
    if (is_proved(c, p)) {
        catchup_blame(c, p, CATCHUP_SILENT, "it does not bring the blocks that it was asked for");
    } else {
        p->lacks = true;
    }
    catchup_check_hope(c, now_ms);
}

static void on_slowness(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    if (now_ms - p->progress_ms >= CATCHUP_SILENT_MS) {
        on_silence(c, now_ms, p);
        return;
    }
    p->look_ms = earlier(now_ms + CATCHUP_SLOW_MS / 2, p->progress_ms + CATCHUP_SILENT_MS);
    if (!p->is_slow && others_can(c, p)) {
        p->is_slow = true;
        catchup_take_back(c, p);
    }
}

static void tick_list(struct catchup *c, int64_t now_ms)
{
    if (now_ms < list_due(c)) {
        return;
    }
    if (c->phase == CATCHUP_LOCATING) {
        catchup_locate(c, now_ms);
    } else if (catchup_has_plan(c)) { /* the plan stands; whoever is drawn for the next goes on */
        struct catchup_peer *p = c->lister;
        catchup_drop_list(c);
        p->height = earlier(p->height, c->end - 1);
        catchup_blame(c, p, CATCHUP_SILENT, "it does not list its blocks");
    } else {
        catchup_lister_lied(c, now_ms, "it does not list its blocks");
    }
}

void catchup_tick(struct catchup *c, int64_t now_ms)
{
    tick_list(c, now_ms);
    for (struct catchup_peer *p = c->first; p; p = p->next) {
        if (peer_due(p) <= now_ms) {
            on_slowness(c, now_ms, p);
        }
    }
    if (c->rest_ms > 0 && now_ms >= c->rest_ms) {
        c->rest_ms = 0;
    }
    catchup_fetch(c, now_ms);
}

void catchup_describe(const struct catchup *c, char *text, size_t size)
{
    text[0] = '\0';
    if (c->phase == CATCHUP_FETCHING) {
        snprintf(text, size, "fetching block %" PRId64 ", %" PRIu64 " are asked for, %" PRIu64 " bytes wait",
                 c->next, c->n_asked, c->bytes);
    } else if (c->phase != CATCHUP_IDLE) {
        snprintf(text, size, "looking for a block that a peer has, too");
    }
}

void catchup_close(struct catchup *c)
{
    catchup_drop_plan(c, 0, 0);
}
