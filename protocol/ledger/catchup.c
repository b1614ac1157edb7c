#include "protocol/ledger/catchup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/earlier.h"

enum {
    DEMERIT_SILENT = 10,
    DEMERIT_LIE = 10,
    DEMERIT_INVALID = 50,
    FAULTS_MAX = 2,        /* at the second it ends */
    ASKED_BYTES = 2 << 20, /* that one peer is asked for at once, by the average */
    AVERAGE_FIRST = 128 << 10,
    LIST_AHEAD = 1000, /* with fewer blocks left in the plan, the next list is asked for */
    REST_MS = 1000,    /* after a plan that came to nothing */
    ORPHANS_MAX = 3,
    RETRY_MS = 100, /* the store had no room */
};
#define NEVER INT64_MAX

struct catchup_block {
    struct chain_hash hash;     /* of a plan by hash */
    struct catchup_peer *asked; /* whom it was asked of last; NULL: nobody, or it has come */
    struct parcel *pack;        /* it has come */
    struct peer_ref from;
};

static struct catchup_block *block_at(const struct catchup *c, int64_t number)
{
    return &c->plan[(uint64_t)number % CATCHUP_PLAN];
}

static bool has_plan(const struct catchup *c)
{
    return c->phase == CATCHUP_FETCHING;
}

void catchup_open(struct catchup *c, const struct catchup_host *host, void *context, bool by_hash)
{
    *c = (struct catchup){.host = host,
                          .context = context,
                          .by_hash = by_hash,
                          .height = -1,
                          .average = AVERAGE_FIRST,
                          .number = 1};
}

/* --- whom to blame --- */

/* It is to be chosen no more until it says that it has more. */
static void forget_claims(struct catchup *c, struct catchup_peer *p)
{
    p->height = p->height < c->height ? p->height : c->height;
}

static void blame(struct catchup *c, struct catchup_peer *p, int32_t points, const char *why)
{
    bool ends = ++p->faults >= FAULTS_MAX || points >= DEMERIT_INVALID;
    p->is_barred = p->is_barred || ends;
    c->host->blame(c->context, p->ref, points, ends, why);
}

/* --- the plan's end --- */

static void forget_block(struct catchup *c, struct catchup_block *b)
{
    if (b->pack) {
        c->bytes -= b->pack->size;
        parcel_release(b->pack);
    }
    *b = (struct catchup_block){0};
}

static void drop_list(struct catchup *c)
{
    free(c->hashes);
    c->hashes = NULL;
    c->n_hashes = 0;
    c->lists = false;
}

/* Nobody owes anything of it any more. What was taken of it and not added does not count. */
static void drop_plan(struct catchup *c, int64_t now_ms, int64_t rest_ms)
{
    for (int64_t n = c->next; c->plan && n < c->end; n++) {
        forget_block(c, block_at(c, n));
    }
    for (struct catchup_peer *p = c->first; p; p = p->next) {
        p->n_asked = 0;
        p->owes = p->is_slow = p->lacks = false;
    }
    free(c->plan);
    c->plan = NULL;
    c->begin = c->next = c->end = c->wanted = 0;
    c->n_asked = 0;
    c->lister = NULL;
    c->alone = false;
    c->back = 0;
    c->number++;
    c->phase = CATCHUP_IDLE;
    c->rest_ms = rest_ms > 0 ? now_ms + rest_ms : 0;
    drop_list(c);
}

/* All of it was taken. What was taken and not added still counts, and who listed it. */
static void finish_plan(struct catchup *c, int64_t now_ms)
{
    struct catchup_peer *lister = c->lister;
    drop_plan(c, now_ms, 0);
    c->number--;
    c->lister = lister;
}

/* The lister has not what it said: another is drawn. */
static void lister_lied(struct catchup *c, int64_t now_ms, const char *why)
{
    struct catchup_peer *p = c->lister;
    drop_plan(c, now_ms, 0);
    if (p) {
        forget_claims(c, p);
        blame(c, p, DEMERIT_LIE, why);
    }
}

/* --- lists --- */

static void ask_list(struct catchup *c, int64_t now_ms, int64_t from)
{
    struct catchup_peer *p = c->lister;
    c->asked_from = from;
    c->lists = true;
    c->listed_ms = now_ms;
    if (c->by_hash) {
        c->host->get_list(c->context, p->ref, from, CHAIN_LIST_MAX);
        return;
    }
    union {
        struct chain_wanted wanted;
        uint8_t bytes[sizeof(struct chain_wanted) + sizeof((struct chain_wanted *)0)->items[0]];
    } one = {.wanted = {.n = 1}};
    one.wanted.items[0].number = from;
    c->host->get_blocks(c->context, p->ref, &one.wanted);
}

/* One of those that have more than we: by lot, so that who claims most has no advantage. */
static struct catchup_peer *draw_lister(struct catchup *c)
{
    struct catchup_peer *drawn = NULL;
    uint64_t n = 0;
    for (struct catchup_peer *p = c->first; p; p = p->next) {
        if (p->height <= c->height || p->is_barred) {
            continue;
        }
        if (drawn && p->faults > drawn->faults) {
            continue;
        }
        if (drawn && p->faults < drawn->faults) {
            n = 0;
        }
        n++;
        if (n == 1 || c->host->random(c->context) % n == 0) {
            drawn = p;
        }
    }
    return drawn;
}

static bool make_plan(struct catchup *c, int64_t begin, const struct chain_hash *link)
{
    c->plan = calloc(CATCHUP_PLAN, sizeof *c->plan);
    if (!c->plan) {
        return false;
    }
    c->begin = c->next = c->end = c->wanted = begin;
    c->link = *link;
    c->linker = PEER_NOBODY;
    c->phase = CATCHUP_FETCHING;
    return true;
}

static void extend_by_hashes(struct catchup *c, const struct chain_hash *hashes, uint32_t n)
{
    for (uint32_t i = 0; i < n && c->end - c->next < CATCHUP_PLAN; i++) {
        *block_at(c, c->end) = (struct catchup_block){.hash = hashes[i]};
        c->end++;
    }
}

static void extend_by_numbers(struct catchup *c)
{
    while (c->lister && c->end <= c->lister->height && c->end - c->next < CATCHUP_PLAN) {
        *block_at(c, c->end) = (struct catchup_block){0};
        c->end++;
    }
}

/* By numbers, it is supposed that our chain is a part of theirs, until a block says otherwise. */
static void begin(struct catchup *c, int64_t now_ms)
{
    struct catchup_peer *p = draw_lister(c);
    if (!p || c->unsettled > 0 || c->height < 0 || now_ms < c->rest_ms) {
        return;
    }
    c->lister = p;
    c->rest_ms = 0;
    if (c->by_hash) {
        c->phase = CATCHUP_LISTING;
        ask_list(c, now_ms, c->height);
    } else if (make_plan(c, c->height + 1, &c->tip)) {
        extend_by_numbers(c);
    } else {
        c->rest_ms = now_ms + REST_MS;
    }
}

/* Theirs parts from ours below that: further back, twice as far each time. */
static void go_back(struct catchup *c, int64_t now_ms)
{
    struct catchup_peer *p = c->lister;
    int64_t back = c->back > 0 ? 2 * c->back : 8;
    if (c->asked_from == 0 || c->back >= CATCHUP_BACK) {
        bool has_another_genesis = c->asked_from == 0;
        drop_plan(c, now_ms, 0);
        p->is_barred = true; /* a branch that leaves ours so far below is no sin, but of no use */
        if (has_another_genesis) {
            blame(c, p, DEMERIT_LIE, "its chain has another genesis");
        }
        return;
    }
    c->back = back < CATCHUP_BACK ? back : CATCHUP_BACK;
    c->phase = CATCHUP_LISTING;
    ask_list(c, now_ms, c->height > c->back ? c->height - c->back : 0);
}

static void locate(struct catchup *c, int64_t now_ms)
{
    c->phase = CATCHUP_LOCATING;
    c->listed_ms = now_ms;
    c->lists = !c->host->locate(c->context, c->hashes, c->n_hashes); /* so that tick tries again */
}

static bool keep_list(struct catchup *c, const struct chain_hash *hashes, uint32_t n)
{
    drop_list(c);
    c->hashes = malloc(n * sizeof *hashes);
    if (!c->hashes) {
        return false;
    }
    memcpy(c->hashes, hashes, n * sizeof *hashes);
    c->n_hashes = n;
    return true;
}

/* The list goes on where the plan ends: it begins with the plan's last block. If that was taken, its hash is
 * still in its place, as nothing was planned since. */
static void on_next_list(struct catchup *c, const struct chain_hash *hashes, uint32_t n)
{
    drop_list(c);
    bool goes_on = n > 0 && chain_hash_equal(&hashes[0], &block_at(c, c->end - 1)->hash);
    if (!goes_on || n == 1) {
        c->lister->height = c->end - 1; /* it has no more, or another chain by now: it is asked anew then */
        return;
    }
    extend_by_hashes(c, hashes + 1, n - 1);
}

static void fetch(struct catchup *c, int64_t now_ms);

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
        lister_lied(c, now_ms, "it has fewer blocks than it said");
    } else if (keep_list(c, hashes, n)) {
        locate(c, now_ms);
    } else {
        drop_plan(c, now_ms, REST_MS);
    }
    fetch(c, now_ms);
}

/* Of a list, the first k are ours already. */
static void plan_behind(struct catchup *c, int64_t now_ms, uint32_t k)
{
    struct catchup_peer *p = c->lister;
    int64_t last = c->asked_from + c->n_hashes - 1;
    if (k < c->n_hashes) {
        const struct chain_hash link = c->hashes[k - 1];
        if (make_plan(c, c->asked_from + k, &link)) {
            extend_by_hashes(c, c->hashes + k, c->n_hashes - k);
            drop_list(c);
        } else {
            drop_plan(c, now_ms, REST_MS);
        }
    } else if (c->n_hashes > 1 && last < p->height) {
        drop_list(c);
        c->phase = CATCHUP_LISTING;
        ask_list(c, now_ms, last);
    } else if (last <= c->height) {
        lister_lied(c, now_ms, "it has fewer blocks than it said");
    } else {
        p->height = last; /* on a branch that is ours, too, and longer: the store will say so */
        drop_plan(c, now_ms, REST_MS);
    }
}

/* By numbers: that block of theirs was looked for. */
static void plan_behind_one(struct catchup *c, int64_t now_ms)
{
    struct chain_hash link = c->hashes[0];
    int64_t first = c->asked_from + 1;
    drop_list(c);
    if (make_plan(c, first, &link)) {
        c->alone = true;
        extend_by_numbers(c);
    } else {
        drop_plan(c, now_ms, REST_MS);
    }
}

void catchup_located(struct catchup *c, int64_t now_ms, const uint8_t *known, size_t n)
{
    if (c->phase != CATCHUP_LOCATING || c->lists) {
        return;
    }
    if (!c->lister || n != c->n_hashes || n == 0) {
        drop_plan(c, now_ms, 0);
    } else if (!known[0]) {
        drop_list(c);
        go_back(c, now_ms);
    } else if (!c->by_hash) {
        plan_behind_one(c, now_ms);
    } else {
        uint32_t k = 1;
        while (k < n && known[k]) {
            k++;
        }
        plan_behind(c, now_ms, k);
    }
    fetch(c, now_ms);
}

void catchup_not_located(struct catchup *c, int64_t now_ms)
{
    if (c->phase == CATCHUP_LOCATING) {
        drop_plan(c, now_ms, REST_MS);
    }
}

/* --- asking for blocks --- */

static uint32_t most_at_once(const struct catchup *c)
{
    uint64_t n = ASKED_BYTES / (c->average + 1);
    if (n < 1) {
        return 1;
    }
    return n < CATCHUP_AT_ONCE ? (uint32_t)n : CATCHUP_AT_ONCE;
}

static bool may_ask(const struct catchup *c, const struct catchup_peer *p)
{
    return !p->is_barred && !p->lacks && !p->is_slow && (!c->alone || p == c->lister);
}

/* Others wait for the first block of the plan: it is asked for whatever waits. */
static bool has_room(const struct catchup *c, int64_t number)
{
    return number == c->next || c->bytes + c->n_asked * c->average < CATCHUP_BYTES;
}

static bool is_wanted(const struct catchup_block *b)
{
    return !b->pack && !b->asked;
}

static int64_t window_end(const struct catchup *c)
{
    return earlier(c->end, c->next + CATCHUP_AHEAD);
}

static void skip_what_is_not_wanted(struct catchup *c)
{
    c->wanted = c->wanted < c->next ? c->next : c->wanted;
    while (c->wanted < window_end(c) && !is_wanted(block_at(c, c->wanted))) {
        c->wanted++;
    }
}

static void note_asked(struct catchup *c, int64_t now_ms, struct catchup_peer *p, struct catchup_block *b)
{
    b->asked = p;
    c->n_asked++;
    if (p->n_asked++ == 0) {
        p->progress_ms = now_ms;
        p->look_ms = now_ms + CATCHUP_SLOW_MS;
    }
    p->owes = true;
}

/* True if it was asked for any. */
static bool ask_blocks(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    union {
        struct chain_wanted wanted;
        uint8_t
            bytes[sizeof(struct chain_wanted) + CATCHUP_AT_ONCE * sizeof((struct chain_wanted *)0)->items[0]];
    } request;
    struct chain_wanted *w = &request.wanted;
    uint32_t most = most_at_once(c);
    memset(&request, 0, sizeof request);
    w->by_hash = c->by_hash;
    for (int64_t n = c->wanted; n < window_end(c) && n <= p->height && p->n_asked < most && has_room(c, n);
         n++) {
        struct catchup_block *b = block_at(c, n);
        if (!is_wanted(b)) {
            continue;
        }
        if (c->by_hash) {
            w->items[w->n++].hash = b->hash;
        } else {
            w->items[w->n++].number = n;
        }
        note_asked(c, now_ms, p, b);
    }
    if (w->n > 0) {
        c->host->get_blocks(c->context, p->ref, w);
    }
    return w->n > 0;
}

/* Who asks for many at a time asks seldom: not before half of what it was asked for has come. */
static void ask_everybody(struct catchup *c, int64_t now_ms)
{
    uint32_t most = most_at_once(c);
    skip_what_is_not_wanted(c);
    for (struct catchup_peer *p = c->first; p && c->wanted < window_end(c); p = p->next) {
        if (may_ask(c, p) && p->n_asked <= most / 2) {
            ask_blocks(c, now_ms, p);
            skip_what_is_not_wanted(c);
        }
    }
}

static bool is_through(const struct catchup *c)
{
    return c->next == c->end && (!c->lister || c->lister->height < c->end);
}

static void want_next_list(struct catchup *c, int64_t now_ms)
{
    if (!c->by_hash) {
        extend_by_numbers(c);
    } else if (c->lister && !c->lists && c->lister->height >= c->end && c->end - c->next < LIST_AHEAD) {
        ask_list(c, now_ms, c->end - 1);
    }
}

/* Does what can be done now. */
static void fetch(struct catchup *c, int64_t now_ms)
{
    if (c->phase == CATCHUP_IDLE) {
        begin(c, now_ms);
    }
    if (!has_plan(c)) {
        return;
    }
    want_next_list(c, now_ms);
    ask_everybody(c, now_ms);
    if (is_through(c)) {
        finish_plan(c, now_ms);
        begin(c, now_ms);
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
    if (!has_plan(c) || item->number < c->next || item->number >= window_end(c)) {
        return false;
    }
    const struct catchup_block *b = block_at(c, item->number);
    if (b->pack) {
        return false;
    }
    return c->by_hash ? chain_hash_equal(&b->hash, &item->id) : b->asked == p || p->owes;
}

static void keep_block(struct catchup *c, struct catchup_peer *p, const struct chain_item *item)
{
    struct catchup_block *b = block_at(c, item->number);
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
        if (keep_list(c, &item->id, 1)) {
            locate(c, now_ms);
        } else {
            drop_plan(c, now_ms, REST_MS);
        }
        return true;
    }
    if (!is_planned(c, p, item)) {
        return false;
    }
    note_came(c, now_ms, p, block_at(c, item->number));
    keep_block(c, p, item);
    fetch(c, now_ms);
    return true;
}

/* What it was asked for is to be asked of others. */
static void take_back(struct catchup *c, struct catchup_peer *p)
{
    for (int64_t n = c->next; has_plan(c) && n < c->end && p->n_asked > 0; n++) {
        struct catchup_block *b = block_at(c, n);
        if (b->asked == p) {
            b->asked = NULL;
            p->n_asked--;
            c->n_asked--;
            c->wanted = earlier(c->wanted, n);
        }
    }
}

static bool can_serve(const struct catchup *c, const struct catchup_peer *p, int64_t number)
{
    return may_ask(c, p) && p->height >= number;
}

/* Nobody has the next block: the plan is worth nothing. */
static void check_hope(struct catchup *c, int64_t now_ms)
{
    if (!has_plan(c) || c->next == c->end || block_at(c, c->next)->pack) {
        return;
    }
    for (const struct catchup_peer *p = c->first; p; p = p->next) {
        if (p->owes || can_serve(c, p, c->next)) {
            return;
        }
    }
    drop_plan(c, now_ms, REST_MS);
}

void catchup_none(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    if (!has_plan(c) || !p->owes) {
        return;
    }
    take_back(c, p);
    p->owes = p->is_slow = false;
    p->lacks = true;
    if (p == c->lister) {
        lister_lied(c, now_ms, "it has not the blocks that it listed");
    }
    check_hope(c, now_ms);
    fetch(c, now_ms);
}

/* --- blocks that go --- */

static void ask_again(struct catchup *c, struct catchup_block *b)
{
    forget_block(c, b);
    c->wanted = earlier(c->wanted, c->next);
}

/* The next block does not continue the one before it. */
static void does_not_link(struct catchup *c, int64_t now_ms, struct catchup_block *b)
{
    bool of_lister = c->lister && peer_ref_equal(b->from, c->lister->ref);
    if (c->by_hash) {
        lister_lied(c, now_ms, "it listed blocks that do not continue each other");
        return;
    }
    if (!of_lister) { /* another branch than the lister's, which need not be a lie */
        for (struct catchup_peer *p = c->first; p; p = p->next) {
            if (peer_ref_equal(p->ref, b->from)) {
                take_back(c, p);
                p->lacks = true;
                p->owes = p->is_slow = false;
            }
        }
        ask_again(c, b);
        check_hope(c, now_ms);
        return;
    }
    if (c->alone || (c->next > c->begin && peer_ref_equal(c->linker, b->from))) {
        lister_lied(c, now_ms, "it sent blocks that do not continue each other");
        return;
    }
    /* Its branch leaves ours below, or the one that others have. */
    struct catchup_peer *lister = c->lister;
    drop_plan(c, now_ms, 0);
    c->lister = lister;
    c->asked_from = c->height;
    go_back(c, now_ms);
}

bool catchup_take(struct catchup *c, int64_t now_ms, struct catchup_taken *t)
{
    struct chain_item item;
    size_t at = 0;
    if (!has_plan(c) || c->next == c->end) {
        return false;
    }
    struct catchup_block *b = block_at(c, c->next);
    if (!b->pack || !chain_pack_next(b->pack, &at, &item)) {
        return false;
    }
    if (!chain_hash_equal(&item.prev, &c->link)) {
        does_not_link(c, now_ms, b);
        fetch(c, now_ms);
        return false;
    }
    *t = (struct catchup_taken){.pack = b->pack, .from = b->from, .plan = c->number};
    c->bytes -= b->pack->size;
    b->pack = NULL;
    c->link = item.id;
    c->linker = b->from;
    c->next++;
    c->unsettled++;
    fetch(c, now_ms);
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
    drop_plan(c, now_ms, 0);
    if (p) {
        forget_claims(c, p);
        blame(c, p, DEMERIT_INVALID, "sent a block that is not valid");
    }
    if (lister && lister != p) {
        forget_claims(c, lister);
        blame(c, lister, DEMERIT_INVALID, "listed a block that is not valid");
    }
}

void catchup_added(struct catchup *c, int64_t now_ms, const struct catchup_taken *t, uint8_t verdict)
{
    c->unsettled -= c->unsettled > 0;
    if (t->plan != c->number) {
        fetch(c, now_ms);
        return; /* of a plan that was dropped */
    }
    if (verdict == CHAIN_INVALID) {
        on_invalid(c, now_ms, t->from);
    } else if (verdict == CHAIN_ORPHAN) {
        struct catchup_peer *lister = c->lister;
        drop_plan(c, now_ms, REST_MS);
        if (++c->orphans >= ORPHANS_MAX && lister) {
            lister->is_barred = true;
        }
    } else if (verdict == 0) {
        drop_plan(c, now_ms, REST_MS);
    } else {
        c->orphans = 0;
    }
    fetch(c, now_ms);
}

/* --- peers, and our chain --- */

void catchup_chain(struct catchup *c, int64_t now_ms, int64_t height, const struct chain_hash *tip)
{
    c->height = height;
    c->tip = *tip;
    fetch(c, now_ms);
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
    take_back(c, p);
    *(p->previous ? &p->previous->next : &c->first) = p->next;
    if (p->next) {
        p->next->previous = p->previous;
    }
    if (p == c->lister) {
        c->lister = NULL;
        /* A plan by hash stands by itself; without the lister nobody can say which numbers belong together.
         */
        if (has_plan(c) && c->by_hash) {
            drop_list(c);
        } else if (c->phase != CATCHUP_IDLE) {
            drop_plan(c, now_ms, 0);
        }
    }
    check_hope(c, now_ms);
    fetch(c, now_ms);
}

void catchup_heard(struct catchup *c, int64_t now_ms, struct catchup_peer *p, int64_t height)
{
    if (height > p->height) {
        p->height = height;
        fetch(c, now_ms);
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
        if (p != slow && can_serve(c, p, c->next)) {
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
    for (int64_t n = c->next; n < window_end(c); n++) {
        if (block_at(c, n)->pack) {
            return true;
        }
    }
    return c->next > c->begin;
}

static void on_silence(struct catchup *c, int64_t now_ms, struct catchup_peer *p)
{
    take_back(c, p);
    p->is_slow = false;
    p->owes = false;
    if (is_proved(c, p)) {
        blame(c, p, DEMERIT_SILENT, "it does not bring the blocks that it was asked for");
    } else {
        p->lacks = true;
    }
    check_hope(c, now_ms);
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
        take_back(c, p);
    }
}

static void tick_list(struct catchup *c, int64_t now_ms)
{
    if (now_ms < list_due(c)) {
        return;
    }
    if (c->phase == CATCHUP_LOCATING) {
        locate(c, now_ms);
    } else if (has_plan(c)) { /* the plan stands; whoever is drawn for the next goes on */
        struct catchup_peer *p = c->lister;
        drop_list(c);
        p->height = earlier(p->height, c->end - 1);
        blame(c, p, DEMERIT_SILENT, "it does not list its blocks");
    } else {
        lister_lied(c, now_ms, "it does not list its blocks");
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
    fetch(c, now_ms);
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
    drop_plan(c, 0, 0);
}
