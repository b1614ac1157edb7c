#include "chain/grow.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define BLOCK_MISSING "it is damaged: a block is missing"

/* --- blocks and transactions that must not be kept --- */

static void note_invalid(struct chain_database *d, const struct chain_item *item, struct growth *g,
                         const char *why)
{
    g->reason = g->reason ? g->reason : why;
    if (!array_reserve(g->invalid, g->room, g->n_invalid + 1)) {
        sql_fail(&d->sql, "out of memory");
        return;
    }
    g->invalid[g->n_invalid++] = item->id;
}

/* The last are looked at first: mostly a block continues the one before it. */
static bool continues_invalid(const struct chain_item *block, const struct growth *g)
{
    for (size_t i = g->n_invalid; i > 0; i--) {
        if (chain_hash_equal(&g->invalid[i - 1], &block->prev)) {
            return true;
        }
    }
    return false;
}

void growth_free(struct growth *g)
{
    free(g->invalid);
    *g = GROWTH_NONE;
}

static bool application_allows(const struct chain_database *d, const char *kind,
                               const struct chain_item *item)
{
    return !d->place.valid || d->place.valid(d->place.context, kind, item->text, item->size);
}

static bool application_allows_all(const struct chain_database *d, const struct chain_item *block)
{
    struct chain_item transaction;
    for (size_t at = 0; d->place.valid && chain_block_transaction(block, &at, &transaction);) {
        if (!application_allows(d, "Transaction", &transaction)) {
            return false;
        }
    }
    return application_allows(d, "Block", block);
}

/* NULL if nothing speaks against it. */
static const char *fault_of_block(const struct chain_database *d, const struct chain_item *block,
                                  const struct chain_item *parent)
{
    if (block->number != parent->number + 1) {
        return "the block's number is not its parent's and 1";
    }
    if (block->time_s < parent->time_s) {
        return "the block's time is before its parent's";
    }
    if (block->time_s > d->place.wall_ms() / 1000 + CHAIN_AHEAD_S) {
        return "the block's time is more than two hours ahead";
    }
    return application_allows_all(d, block) ? NULL : "the application refuses the block";
}

/* --- another branch becomes main --- */

/* A copy of its own for the item, whose row is about to go. */
static bool own(struct chain_database *d, struct chain_item *item)
{
    char *text = malloc(item->size ? item->size : 1);
    if (!text) {
        sql_fail(&d->sql, "out of memory");
        return false;
    }
    memcpy(text, item->text, item->size);
    item->text = text;
    return true;
}

/* Hashes, in the order of the numbers of their blocks. */
struct path {
    struct chain_hash *hashes;
    size_t n;
};

static bool make_path(struct chain_database *d, struct path *p, size_t n)
{
    p->hashes = malloc(n * sizeof *p->hashes);
    p->n = n;
    if (!p->hashes) {
        sql_fail(&d->sql, "out of memory");
    }
    return p->hashes;
}

/* The blocks of the branch that ends with `last`; *fork is the number of its first. */
static bool find_path(struct chain_database *d, const struct chain_item *last, struct path *p, int64_t *fork)
{
    struct chain_item block = *last;
    struct chain_hash hash = last->prev;
    size_t n = 1;
    for (; side_find(d, &hash, &block); n++) {
        hash = block.prev;
    }
    *fork = block.number;
    if (!make_path(d, p, n)) {
        return false;
    }
    hash = last->id;
    while (n > 0 && side_find(d, &hash, &block)) {
        p->hashes[--n] = hash;
        hash = block.prev;
    }
    return n == 0;
}

/* Moves main's blocks from `fork` on aside. */
static bool leave(struct chain_database *d, int64_t fork, struct path *left)
{
    if (!make_path(d, left, (size_t)(d->sums.state.height - fork + 1))) {
        return false;
    }
    for (size_t i = left->n; i > 0 && !sql_failed(&d->sql); i--) {
        struct chain_item block;
        if (!main_at(d, d->sums.state.height, &block) || !own(d, &block)) {
            return false;
        }
        left->hashes[i - 1] = block.id;
        main_pop(d, &block);
        side_add(d, &block);
        chain_item_free(&block);
    }
    return !sql_failed(&d->sql);
}

static void enter(struct chain_database *d, const struct path *p)
{
    for (size_t i = 0; i < p->n && !sql_failed(&d->sql); i++) {
        struct chain_item block;
        if (!side_find(d, &p->hashes[i], &block)) {
            sql_fail(&d->sql, BLOCK_MISSING);
        } else if (own(d, &block)) {
            side_remove(d, &block);
            main_push(d, &block);
            chain_item_free(&block);
        }
    }
}

/* What main has no more waits again. */
static void return_transactions(struct chain_database *d, const struct path *left, struct growth *g)
{
    for (size_t i = 0; i < left->n && !sql_failed(&d->sql); i++) {
        struct chain_item block, transaction, unused;
        size_t at = 0;
        if (!side_find(d, &left->hashes[i], &block) || !own(d, &block)) {
            return;
        }
        while (chain_block_transaction(&block, &at, &transaction) && !sql_failed(&d->sql)) {
            if (main_has_transaction(d, &transaction.id) || pool_find(d, &transaction.id, &unused)) {
                continue;
            }
            if (pool_has_room(d, &transaction)) {
                chain_transaction_weigh(&transaction);
                pool_add(d, &transaction);
            } else {
                g->lost++;
            }
        }
        chain_item_free(&block);
    }
}

static void switch_to(struct chain_database *d, const struct chain_item *last, struct growth *g)
{
    struct path branch = {0}, left = {0};
    int64_t fork;
    if (find_path(d, last, &branch, &fork) && leave(d, fork, &left)) {
        enter(d, &branch);
        return_transactions(d, &left, g);
        g->fork = g->fork < 0 || fork < g->fork ? fork : g->fork;
    } else {
        sql_fail(&d->sql, BLOCK_MISSING);
    }
    free(branch.hashes);
    free(left.hashes);
}

/* --- one more block --- */

bool block_is_known(struct chain_database *d, const struct chain_hash *hash)
{
    struct chain_item block;
    int64_t number;
    return main_find(d, hash, &number) || side_find(d, hash, &block);
}

static bool find_parent(struct chain_database *d, const struct chain_item *block, struct chain_item *parent)
{
    const struct chain_state *state = &d->sums.state;
    int64_t number;
    if (chain_hash_equal(&block->prev, &state->tip)) {
        *parent = (struct chain_item){.id = state->tip, .number = state->height, .time_s = state->tip_time_s};
        return true;
    }
    return main_find(d, &block->prev, &number) ? main_at(d, number, parent)
                                               : side_find(d, &block->prev, parent);
}

static enum chain_verdict put_beside(struct chain_database *d, const struct chain_item *block,
                                     struct growth *g)
{
    side_add(d, block);
    if (block->number > d->sums.state.height) {
        switch_to(d, block, g);
        side_trim(d, &block->id);
        return CHAIN_SWITCHES;
    }
    if (!side_trim(d, &block->id)) {
        side_remove(d, block);
        return CHAIN_FULL;
    }
    return CHAIN_BESIDE;
}

enum chain_verdict grow_by_block(struct chain_database *d, const struct chain_item *block, struct growth *g)
{
    struct chain_item parent;
    if (block_is_known(d, &block->id)) {
        return CHAIN_KNOWN_BEFORE;
    }
    bool has_parent = find_parent(d, block, &parent);
    if (!has_parent && !continues_invalid(block, g)) {
        return CHAIN_ORPHAN;
    }
    const char *fault = has_parent ? fault_of_block(d, block, &parent) : "the block continues an invalid one";
    if (fault) {
        note_invalid(d, block, g, fault);
        return CHAIN_INVALID;
    }
    if (!chain_hash_equal(&block->prev, &d->sums.state.tip)) {
        return put_beside(d, block, g);
    }
    main_push(d, block);
    return CHAIN_EXTENDS;
}

enum chain_verdict grow_by_transaction(struct chain_database *d, const struct chain_item *transaction,
                                       struct growth *g)
{
    struct chain_item unused;
    if (pool_find(d, &transaction->id, &unused) || main_has_transaction(d, &transaction->id)) {
        return CHAIN_KNOWN_BEFORE;
    }
    if (!pool_has_room(d, transaction)) {
        return CHAIN_FULL;
    }
    if (!application_allows(d, "Transaction", transaction)) {
        g->reason = g->reason ? g->reason : "the application refuses the transaction";
        return CHAIN_INVALID;
    }
    pool_add(d, transaction);
    return CHAIN_POOLED;
}
