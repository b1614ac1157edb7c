/* What the files of catching up share: the plan (catchup_plan.c), what is asked of whom (catchup_ask.c), and
 * what comes (catchup.c). Each needs those before it. */
#ifndef KITH_PROTOCOL_LEDGER_CATCHUP_PRIVATE_H
#define KITH_PROTOCOL_LEDGER_CATCHUP_PRIVATE_H

#include "base/earlier.h"
#include "protocol/ledger/catchup.h"

#define NEVER INT64_MAX

enum catchup_demerit {
    CATCHUP_SILENT = 10, /* it does not bring what it promised */
    CATCHUP_LIE = 10,
    CATCHUP_INVALID = 50, /* a block that is not valid */
};

enum { CATCHUP_REST_MS = 1000 }; /* after a plan that came to nothing */

struct catchup_block {          /* at most CATCHUP_PLANNED_BYTES */
    struct chain_hash hash;     /* of a plan by hash */
    struct catchup_peer *asked; /* whom it was asked of last; NULL: nobody, or it has come */
    struct parcel *pack;        /* it has come */
    struct peer_ref from;
};
_Static_assert(sizeof(struct catchup_block) <= CATCHUP_PLANNED_BYTES, "the table of bounds says so");

static inline struct catchup_block *catchup_block_at(const struct catchup *c, int64_t number)
{
    return &c->plan[(uint64_t)number % CATCHUP_PLAN];
}

static inline bool catchup_has_plan(const struct catchup *c)
{
    return c->phase == CATCHUP_FETCHING;
}

static inline int64_t catchup_window_end(const struct catchup *c)
{
    return earlier(c->end, c->next + CATCHUP_AHEAD);
}

/* --- catchup_plan.c --- */

/* The peer is not to be chosen as lister until it says that it has more. */
void catchup_forget_claims(struct catchup *c, struct catchup_peer *p);

/* Points for the peer; at the second fault, or for a block that is not valid, it ends. */
void catchup_blame(struct catchup *c, struct catchup_peer *p, int32_t points, const char *why);

/* The block of that place is forgotten, and what came of it. */
void catchup_forget_block(struct catchup *c, struct catchup_block *b);

/* The list that was asked for does not matter any more. */
void catchup_drop_list(struct catchup *c);

/* The plan is over, and nobody owes anything of it: what was taken and not added does not count. No new one
 * begins within rest_ms. */
void catchup_drop_plan(struct catchup *c, int64_t now_ms, int64_t rest_ms);

/* All of it was taken. What was not added still counts, and who listed it. */
void catchup_finish_plan(struct catchup *c, int64_t now_ms);

/* The lister has not what it said: it is blamed, and another is drawn. */
void catchup_lister_lied(struct catchup *c, int64_t now_ms, const char *why);

/* An empty plan whose first block follows `link`. False without memory. */
bool catchup_make_plan(struct catchup *c, int64_t begin, const struct chain_hash *link);

/* Plans further blocks, as far as there is room. */
void catchup_extend_by_hashes(struct catchup *c, const struct chain_hash *hashes, uint32_t n);
void catchup_extend_by_numbers(struct catchup *c);

/* What that peer was asked for is to be asked of others. */
void catchup_take_back(struct catchup *c, struct catchup_peer *p);

/* Whether that peer may be asked for blocks; whether for that one. */
bool catchup_may_ask(const struct catchup *c, const struct catchup_peer *p);
bool catchup_can_serve(const struct catchup *c, const struct catchup_peer *p, int64_t number);

/* If nobody has the next block, the plan is dropped. */
void catchup_check_hope(struct catchup *c, int64_t now_ms);

/* --- catchup_ask.c --- */

/* Keeps a copy of the hashes, to be located. False without memory. */
bool catchup_keep_list(struct catchup *c, const struct chain_hash *hashes, uint32_t n);

/* Asks the lister for its list from there; by numbers, for that block. */
void catchup_ask_list(struct catchup *c, int64_t now_ms, int64_t from);

/* The lister's chain parts from ours below the block that was looked for. */
void catchup_go_back(struct catchup *c, int64_t now_ms);

/* Asks the store which of the kept hashes we have. */
void catchup_locate(struct catchup *c, int64_t now_ms);

/* Does all that can be done now. */
void catchup_fetch(struct catchup *c, int64_t now_ms);

#endif
