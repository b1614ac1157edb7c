/* The plan: which blocks are to come, and who is to blame. */
#include <stdlib.h>

#include "protocol/ledger/catchup_private.h"

enum { FAULTS_MAX = 2 }; /* at the second a peer ends */

/* It is to be chosen no more until it says that it has more. */
void catchup_forget_claims(struct catchup *c, struct catchup_peer *p)
{
    p->height = p->height < c->height ? p->height : c->height;
}

void catchup_blame(struct catchup *c, struct catchup_peer *p, int32_t points, const char *why)
{
    bool ends = ++p->faults >= FAULTS_MAX || points >= CATCHUP_INVALID;
    p->is_barred = p->is_barred || ends;
    c->host->blame(c->context, p->ref, points, ends, why);
}

void catchup_forget_block(struct catchup *c, struct catchup_block *b)
{
    if (b->pack) {
        c->bytes -= b->pack->size;
        parcel_release(b->pack);
    }
    *b = (struct catchup_block){0};
}

void catchup_drop_list(struct catchup *c)
{
    free(c->hashes);
    c->hashes = NULL;
    c->n_hashes = 0;
    c->lists = false;
}

/* Nobody owes anything of it any more. What was taken of it and not added does not count. */
void catchup_drop_plan(struct catchup *c, int64_t now_ms, int64_t rest_ms)
{
    for (int64_t n = c->next; c->plan && n < c->end; n++) {
        catchup_forget_block(c, catchup_block_at(c, n));
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
    catchup_drop_list(c);
}

/* All of it was taken. What was taken and not added still counts, and who listed it. */
void catchup_finish_plan(struct catchup *c, int64_t now_ms)
{
    struct catchup_peer *lister = c->lister;
    catchup_drop_plan(c, now_ms, 0);
    c->number--;
    c->lister = lister;
}

/* The lister has not what it said: another is drawn. */
void catchup_lister_lied(struct catchup *c, int64_t now_ms, const char *why)
{
    struct catchup_peer *p = c->lister;
    catchup_drop_plan(c, now_ms, 0);
    if (p) {
        catchup_forget_claims(c, p);
        catchup_blame(c, p, CATCHUP_LIE, why);
    }
}

bool catchup_make_plan(struct catchup *c, int64_t begin, const struct chain_hash *link)
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

void catchup_extend_by_hashes(struct catchup *c, const struct chain_hash *hashes, uint32_t n)
{
    for (uint32_t i = 0; i < n && c->end - c->next < CATCHUP_PLAN; i++) {
        *catchup_block_at(c, c->end) = (struct catchup_block){.hash = hashes[i]};
        c->end++;
    }
}

void catchup_extend_by_numbers(struct catchup *c)
{
    while (c->lister && c->end <= c->lister->height && c->end - c->next < CATCHUP_PLAN) {
        *catchup_block_at(c, c->end) = (struct catchup_block){0};
        c->end++;
    }
}

/* What it was asked for is to be asked of others. */
void catchup_take_back(struct catchup *c, struct catchup_peer *p)
{
    for (int64_t n = c->next; catchup_has_plan(c) && n < c->end && p->n_asked > 0; n++) {
        struct catchup_block *b = catchup_block_at(c, n);
        if (b->asked == p) {
            b->asked = NULL;
            p->n_asked--;
            c->n_asked--;
            c->wanted = earlier(c->wanted, n);
        }
    }
}

bool catchup_may_ask(const struct catchup *c, const struct catchup_peer *p)
{
    return !p->is_barred && !p->lacks && !p->is_slow && (!c->alone || p == c->lister);
}

bool catchup_can_serve(const struct catchup *c, const struct catchup_peer *p, int64_t number)
{
    return catchup_may_ask(c, p) && p->height >= number;
}

/* Nobody has the next block: the plan is worth nothing. */
void catchup_check_hope(struct catchup *c, int64_t now_ms)
{
    if (!catchup_has_plan(c) || c->next == c->end || catchup_block_at(c, c->next)->pack) {
        return;
    }
    for (const struct catchup_peer *p = c->first; p; p = p->next) {
        if (p->owes || catchup_can_serve(c, p, c->next)) {
            return;
        }
    }
    catchup_drop_plan(c, now_ms, CATCHUP_REST_MS);
}
