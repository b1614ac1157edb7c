/* What is asked of whom: lists, and blocks. */
#include <stdlib.h>
#include <string.h>

#include "protocol/ledger/catchup_private.h"

enum {
    ASKED_BYTES = 2 << 20, /* that one peer is asked for at once, by the average */
    LIST_AHEAD = 1000,     /* with fewer blocks left in the plan, the next list is asked for */
};

bool catchup_keep_list(struct catchup *c, const struct chain_hash *hashes, uint32_t n)
{
    catchup_drop_list(c);
    c->hashes = malloc(n * sizeof *hashes);
    if (!c->hashes) {
        return false;
    }
    memcpy(c->hashes, hashes, n * sizeof *hashes);
    c->n_hashes = n;
    return true;
}

void catchup_ask_list(struct catchup *c, int64_t now_ms, int64_t from)
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

/* The less, the sooner. Anybody may dial us, as often as he likes, and claim what he likes: each that lists
 * slowly what nobody has would cost us minutes. */
static uint32_t rank(const struct catchup_peer *p)
{
    return 2 * p->faults + !p->is_dialed;
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
        if (drawn && rank(p) > rank(drawn)) {
            continue;
        }
        if (drawn && rank(p) < rank(drawn)) {
            n = 0;
        }
        n++;
        if (n == 1 || c->host->random(c->context) % n == 0) {
            drawn = p;
        }
    }
    return drawn;
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
        catchup_ask_list(c, now_ms, c->height);
    } else if (catchup_make_plan(c, c->height + 1, &c->tip)) {
        catchup_extend_by_numbers(c);
    } else {
        c->rest_ms = now_ms + CATCHUP_REST_MS;
    }
}

/* Theirs parts from ours below that: further back, twice as far each time. */
void catchup_go_back(struct catchup *c, int64_t now_ms)
{
    struct catchup_peer *p = c->lister;
    int64_t back = c->back > 0 ? 2 * c->back : 8;
    if (c->asked_from == 0 || c->back >= CATCHUP_BACK) {
        bool has_another_genesis = c->asked_from == 0;
        catchup_drop_plan(c, now_ms, 0);
        p->is_barred = true; /* a branch that leaves ours so far below is no sin, but of no use */
        if (has_another_genesis) {
            catchup_blame(c, p, CATCHUP_LIE, "its chain has another genesis");
        }
        return;
    }
    c->back = back < CATCHUP_BACK ? back : CATCHUP_BACK;
    c->phase = CATCHUP_LISTING;
    catchup_ask_list(c, now_ms, c->height > c->back ? c->height - c->back : 0);
}

void catchup_locate(struct catchup *c, int64_t now_ms)
{
    c->phase = CATCHUP_LOCATING;
    c->listed_ms = now_ms;
    c->lists = !c->host->locate(c->context, c->hashes, c->n_hashes); /* so that tick tries again */
    c->n_locating += !c->lists;
}

static uint32_t most_at_once(const struct catchup *c)
{
    uint64_t n = ASKED_BYTES / (c->average + 1);
    if (n < 1) {
        return 1;
    }
    return n < CATCHUP_AT_ONCE ? (uint32_t)n : CATCHUP_AT_ONCE;
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

static void skip_what_is_not_wanted(struct catchup *c)
{
    c->wanted = c->wanted < c->next ? c->next : c->wanted;
    while (c->wanted < catchup_window_end(c) && !is_wanted(catchup_block_at(c, c->wanted))) {
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
    for (int64_t n = c->wanted;
         n < catchup_window_end(c) && n <= p->height && p->n_asked < most && has_room(c, n); n++) {
        struct catchup_block *b = catchup_block_at(c, n);
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
    for (struct catchup_peer *p = c->first; p && c->wanted < catchup_window_end(c); p = p->next) {
        if (catchup_may_ask(c, p) && p->n_asked <= most / 2) {
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
        catchup_extend_by_numbers(c);
    } else if (c->lister && !c->lists && c->lister->height >= c->end && c->end - c->next < LIST_AHEAD) {
        catchup_ask_list(c, now_ms, c->end - 1);
    }
}

/* Does what can be done now. */
void catchup_fetch(struct catchup *c, int64_t now_ms)
{
    if (c->phase == CATCHUP_IDLE) {
        begin(c, now_ms);
    }
    if (!catchup_has_plan(c)) {
        return;
    }
    want_next_list(c, now_ms);
    ask_everybody(c, now_ms);
    if (is_through(c)) {
        catchup_finish_plan(c, now_ms);
        begin(c, now_ms);
    }
}
