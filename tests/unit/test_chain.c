/* What becomes of blocks and transactions, and what the chain answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "tests/unit/chain_fixture.h"

static void *d;
static struct chain_item genesis;

static int set_up(void **state)
{
    (void)state;
    genesis = genesis_block();
    d = chain_open("");
    fixture_now_s = NOW_S;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chain_close(d);
    chain_item_free(&genesis);
    return 0;
}

/* --- main --- */

static void a_new_chain_has_the_genesis_alone(void **state)
{
    (void)state;
    assert_main(d, &genesis, 1);
    struct chain_state s = chain_look(d);
    assert_int_equal(s.height, 0);
    assert_true(chain_hash_equal(&s.genesis, &genesis.id));
    assert_int_equal(s.side + s.pool + s.pool_bytes, 0);
    assert_int_equal(add_block(d, &genesis), CHAIN_KNOWN_BEFORE);
}

static void blocks_that_continue_main_extend_it(void **state)
{
    (void)state;
    struct chain_item blocks[40];
    make_branch(&genesis, NOW_S, 0, 40, blocks);
    struct parcel *parcel;
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, blocks, 40, &parcel);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(added->verdicts[i], CHAIN_EXTENDS);
    }
    assert_int_equal(added->fork, -1);
    assert_int_equal(added->lost, 0);
    assert_string_equal(added->reason, "");
    assert_int_equal(added->state.height, 40);
    parcel_release(parcel);
    assert_main(d, blocks, 40);
    free_items(blocks, 40);
}

static void a_block_is_kept_once(void **state)
{
    (void)state;
    struct chain_item block = make_block(&genesis, 1, NULL, 0);
    struct chain_item twice[] = {block, block};
    struct parcel *parcel;
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, twice, 2, &parcel);
    assert_int_equal(added->verdicts[0], CHAIN_EXTENDS);
    assert_int_equal(added->verdicts[1], CHAIN_KNOWN_BEFORE);
    parcel_release(parcel);
    assert_int_equal(add_block(d, &block), CHAIN_KNOWN_BEFORE);
    assert_main(d, &block, 1);
    chain_item_free(&block);
}

static void a_block_without_its_parent_is_an_orphan(void **state)
{
    (void)state;
    struct chain_item blocks[3];
    make_branch(&genesis, NOW_S, 0, 3, blocks);
    const struct chain_item wrong_way[] = {blocks[2], blocks[1], blocks[0]};
    struct parcel *parcel;
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, wrong_way, 3, &parcel);
    assert_int_equal(added->verdicts[0], CHAIN_ORPHAN);
    assert_int_equal(added->verdicts[1], CHAIN_ORPHAN);
    assert_int_equal(added->verdicts[2], CHAIN_EXTENDS);
    assert_string_equal(added->reason, "");
    parcel_release(parcel);
    assert_int_equal(chain_look(d).side, 0);
    free_items(blocks, 3);
}

static void assert_invalid(struct chain_item *block, const char *why)
{
    struct parcel *parcel;
    const struct chain_state before = chain_look(d);
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, block, 1, &parcel);
    assert_int_equal(added->verdicts[0], CHAIN_INVALID);
    assert_string_equal(added->reason, why);
    assert_memory_equal(&added->state, &before, sizeof before);
    parcel_release(parcel);
    chain_item_free(block);
}

static void what_does_not_continue_its_parent_is_invalid(void **state)
{
    (void)state;
    static const char number[] = "the block's number is not its parent's and 1";
    struct chain_item first = make_block(&genesis, NOW_S - 5, NULL, 0), other;
    assert_int_equal(add_block(d, &first), CHAIN_EXTENDS);
    for (int64_t wrong = -1; wrong < 3; wrong++) {
        struct chain_item parent = first;
        parent.number += wrong;
        if (wrong != 0) {
            other = make_block(&parent, NOW_S, NULL, 0);
            assert_invalid(&other, number);
        }
    }
    struct chain_item parent = first;
    parent.number = CHAIN_NUMBER_MAX - 1;
    other = make_block(&parent, NOW_S, NULL, 0);
    assert_invalid(&other, number);

    other = make_block(&first, NOW_S - 6, NULL, 0);
    assert_invalid(&other, "the block's time is before its parent's");
    other = make_block(&first, NOW_S + CHAIN_AHEAD_S + 1, NULL, 0);
    assert_invalid(&other, "the block's time is more than two hours ahead");
    other = make_block(&first, CHAIN_NUMBER_MAX, NULL, 0);
    assert_invalid(&other, "the block's time is more than two hours ahead");

    other = make_block(&first, NOW_S - 5, NULL, 0); /* the same second is allowed */
    assert_int_equal(add_block(d, &other), CHAIN_EXTENDS);
    struct chain_item last = make_block(&other, NOW_S + CHAIN_AHEAD_S, NULL, 0);
    assert_int_equal(add_block(d, &last), CHAIN_EXTENDS);
    chain_item_free(&first);
    chain_item_free(&other);
    chain_item_free(&last);
}

/* --- side branches --- */

static void of_two_chains_as_long_the_first_seen_stays(void **state)
{
    (void)state;
    struct chain_item a[3], b[3];
    make_branch(&genesis, NOW_S, 0, 3, a);
    make_branch(&genesis, NOW_S, 100, 3, b);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, a, 3, &parcel);
    parcel_release(parcel);
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, b, 3, &parcel);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(added->verdicts[i], CHAIN_BESIDE);
    }
    assert_int_equal(added->fork, -1);
    assert_int_equal(added->state.side, 3);
    parcel_release(parcel);
    assert_main(d, a, 3);
    assert_int_equal(add_block(d, &b[1]), CHAIN_KNOWN_BEFORE);
    free_items(a, 3);
    free_items(b, 3);
}

/* On either branch: two of its own, one that both have. */
static void the_longer_chain_becomes_main_and_transactions_return(void **state)
{
    (void)state;
    struct chain_item base, a[2], b[3], t[5];
    for (int i = 0; i < 5; i++) {
        t[i] = make_transaction(i, 0);
    }
    base = make_block(&genesis, NOW_S, NULL, 0);
    a[0] = make_block(&base, NOW_S, (struct chain_item[]){t[0], t[1]}, 2);
    a[1] = make_block(&a[0], NOW_S, &t[2], 1);
    b[0] = make_block(&base, NOW_S + 1, &t[3], 1);
    b[1] = make_block(&b[0], NOW_S + 1, (struct chain_item[]){t[1], t[4]}, 2);
    b[2] = make_block(&b[1], NOW_S + 1, NULL, 0);
    assert_int_equal(add_block(d, &base), CHAIN_EXTENDS);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(add_transaction(d, &t[i]), CHAIN_POOLED);
    }
    assert_int_equal(add_block(d, &a[0]), CHAIN_EXTENDS);
    assert_int_equal(add_block(d, &a[1]), CHAIN_EXTENDS);
    assert_int_equal(chain_look(d).pool, 2);
    assert_int_equal(chain_look(d).pool_bytes, t[3].size + t[4].size);

    struct parcel *parcel;
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, b, 3, &parcel);
    assert_int_equal(added->verdicts[0], CHAIN_BESIDE);
    assert_int_equal(added->verdicts[1], CHAIN_BESIDE);
    assert_int_equal(added->verdicts[2], CHAIN_SWITCHES);
    assert_int_equal(added->fork, 2);
    assert_int_equal(added->state.side, 2);
    assert_int_equal(added->state.pool, 2); /* t[0] and t[2] */
    assert_int_equal(added->state.pool_bytes, t[0].size + t[2].size);
    parcel_release(parcel);
    assert_main(d, b, 3);
    for (int i = 0; i < 5; i++) {
        assert_true(knows_transaction(d, &t[i]));
        assert_int_equal(add_transaction(d, &t[i]), CHAIN_KNOWN_BEFORE);
    }

    /* And back, with a longer one. */
    struct chain_item more[2];
    more[0] = make_block(&a[1], NOW_S + 2, &t[3], 1);
    more[1] = make_block(&more[0], NOW_S + 2, NULL, 0);
    added = chain_add(d, CHAIN_ADD_BLOCKS, more, 2, &parcel);
    assert_int_equal(added->verdicts[0], CHAIN_BESIDE);
    assert_int_equal(added->verdicts[1], CHAIN_SWITCHES);
    assert_int_equal(added->fork, 2);
    assert_int_equal(added->state.side, 3);
    assert_int_equal(added->state.pool, 1); /* t[4] */
    parcel_release(parcel);
    struct chain_item all[] = {base, a[0], a[1], more[0], more[1]};
    assert_main(d, all, 5);
    assert_true(knows_transaction(d, &t[4]));
    free_items(all, 5);
    free_items(b, 3);
    free_items(t, 5);
}

static void a_chain_that_is_longer_and_invalid_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    struct chain_item a[3], b[8];
    make_branch(&genesis, NOW_S, 0, 3, a);
    make_branch(&genesis, NOW_S, 100, 2, b);
    b[2] = make_block(&b[1], NOW_S - 1, NULL, 0); /* before its parent */
    make_branch(&b[2], NOW_S + 9, 200, 5, b + 3);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, a, 3, &parcel);
    parcel_release(parcel);
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, b, 8, &parcel);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(added->verdicts[i], i < 2 ? CHAIN_BESIDE : CHAIN_INVALID);
    }
    assert_string_equal(added->reason, "the block's time is before its parent's");
    assert_int_equal(added->state.side, 2);
    parcel_release(parcel);
    assert_main(d, a, 3);
    /* Nobody remembers that they were invalid. */
    assert_int_equal(add_block(d, &b[3]), CHAIN_ORPHAN);
    free_items(a, 3);
    free_items(b, 8);
}

/* Each of two branches is longer than the other, in turns, in one pack, and across a branch off the branch.
 */
static void main_may_switch_back_and_forth(void **state)
{
    (void)state;
    enum { DEPTH = 30 };
    struct chain_item a[DEPTH], b[DEPTH], turns[2 * DEPTH];
    make_branch(&genesis, NOW_S, 0, DEPTH, a);
    make_branch(&a[2], NOW_S + 100, 1000, DEPTH, b);
    size_t n = 0, n_a = 0, n_b = 0;
    while (n_a + 2 < DEPTH && n_b + 2 < DEPTH) {
        do {
            turns[n++] = a[n_a++];
        } while (n_a <= 3 + n_b);
        do {
            turns[n++] = b[n_b++];
        } while (3 + n_b <= n_a);
    }
    struct parcel *parcel;
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, turns, n, &parcel);
    size_t switches = 0, at_height = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(added->verdicts[i] == CHAIN_EXTENDS || added->verdicts[i] == CHAIN_SWITCHES ||
                    added->verdicts[i] == CHAIN_BESIDE);
        switches += added->verdicts[i] == CHAIN_SWITCHES;
        at_height = turns[i].number > turns[at_height].number ? i : at_height;
    }
    assert_true(switches > 10);
    assert_int_equal(added->fork, 4);
    assert_int_equal(added->state.height, turns[at_height].number);
    /* Each transaction is in main or waits. */
    assert_int_equal(added->state.pool, added->state.side);
    parcel_release(parcel);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(add_block(d, &turns[i]), CHAIN_KNOWN_BEFORE);
    }
    free_items(a, DEPTH);
    free_items(b, DEPTH);
}

static void side_branches_are_bounded_and_the_oldest_ends_go(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    struct chain_item main_blocks[2], old[2], other;
    make_branch(&genesis, NOW_S, 0, 2, main_blocks);
    make_branch(&genesis, NOW_S, 2, 2, old);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, main_blocks, 2, &parcel);
    parcel_release(parcel);
    chain_add(d, CHAIN_ADD_BLOCKS, old, 2, &parcel);
    parcel_release(parcel);
    struct chain_item *blocks = calloc(MANY, sizeof *blocks);
    for (int i = 0; i < MANY; i++) {
        make_branch(&genesis, NOW_S, 10 + i, 1, &blocks[i]);
    }
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, blocks, MANY, &parcel);
    assert_int_equal(added->state.side, CHAIN_SIDE_MAX);
    assert_int_equal(added->verdicts[MANY - 1], CHAIN_BESIDE);
    parcel_release(parcel);
    assert_int_equal(add_block(d, &blocks[MANY - 1]), CHAIN_KNOWN_BEFORE);
    assert_int_equal(add_block(d, &blocks[MANY - CHAIN_SIDE_MAX]), CHAIN_KNOWN_BEFORE);
    assert_int_equal(add_block(d, &blocks[MANY - CHAIN_SIDE_MAX - 1]), CHAIN_BESIDE); /* again */
    assert_int_equal(add_block(d, &old[1]), CHAIN_ORPHAN); /* the whole branch went */
    /* What continues a side block that is still there goes on. */
    make_branch(&blocks[MANY - 1], NOW_S, 5, 1, &other);
    assert_int_equal(add_block(d, &other), CHAIN_BESIDE);
    assert_int_equal(chain_look(d).side, CHAIN_SIDE_MAX);
    assert_main(d, main_blocks, 2);
    chain_item_free(&other);
    free_items(blocks, MANY);
    free(blocks);
    free_items(main_blocks, 2);
    free_items(old, 2);
}

/* The beginning of a branch does not make room for its end. */
static void a_branch_that_is_too_long_ends_there(void **state)
{
    (void)state;
    enum { MORE = CHAIN_SIDE_MAX + 10 };
    struct chain_item *main_blocks = calloc(MORE, sizeof *main_blocks);
    struct chain_item *branch = calloc(MORE, sizeof *branch);
    make_branch(&genesis, NOW_S, 0, MORE, main_blocks);
    make_branch(&genesis, NOW_S, MORE, MORE, branch);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, main_blocks, MORE, &parcel);
    parcel_release(parcel);
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, branch, MORE, &parcel);
    assert_int_equal(added->verdicts[CHAIN_SIDE_MAX - 1], CHAIN_BESIDE);
    assert_int_equal(added->verdicts[CHAIN_SIDE_MAX], CHAIN_FULL);
    assert_int_equal(added->verdicts[CHAIN_SIDE_MAX + 1], CHAIN_ORPHAN);
    assert_int_equal(added->state.side, CHAIN_SIDE_MAX);
    assert_int_equal(added->state.height, MORE);
    parcel_release(parcel);
    free_items(main_blocks, MORE);
    free_items(branch, MORE);
    free(main_blocks);
    free(branch);
}

static void the_deepest_switch_there_can_be_is_done(void **state)
{
    (void)state;
    enum { DEEP = CHAIN_SIDE_MAX };
    struct chain_item *main_blocks = calloc(DEEP, sizeof *main_blocks);
    struct chain_item *branch = calloc(DEEP + 1, sizeof *branch);
    make_branch(&genesis, NOW_S, 0, DEEP, main_blocks);
    make_branch(&genesis, NOW_S, DEEP, DEEP + 1, branch);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, main_blocks, DEEP, &parcel);
    parcel_release(parcel);
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, branch, DEEP + 1, &parcel);
    assert_int_equal(added->verdicts[DEEP], CHAIN_SWITCHES);
    assert_int_equal(added->fork, 1);
    assert_int_equal(added->state.side, DEEP);
    assert_int_equal(added->state.pool, DEEP);
    parcel_release(parcel);
    assert_true(knows_transaction(d, &(struct chain_item){0}) == false);
    free_items(main_blocks, DEEP);
    free_items(branch, DEEP + 1);
    free(main_blocks);
    free(branch);
}

/* On the disk; and in memory is what the table of bounds says. */
static void side_branches_are_bounded_in_bytes(void **state)
{
    (void)state;
    enum { N = CHAIN_SIDE_BYTES_MAX / CHAIN_BLOCK_MAX + 5 };
    struct chain_item t[4], block, first = make_block(&genesis, NOW_S, NULL, 0);
    for (int i = 0; i < 4; i++) {
        t[i] = make_transaction(i, CHAIN_TRANSACTION_MAX - 1024);
    }
    block = make_block(&genesis, NOW_S, t, 4);
    assert_int_equal(add_block(d, &first), CHAIN_EXTENDS);
    for (int i = 0; i < N; i++) {
        randombytes_buf(&block.id, sizeof block.id); /* a true one would take long, and nobody looks */
        assert_int_equal(add_block(d, &block), CHAIN_BESIDE);
    }
    assert_int_equal(chain_look(d).side, CHAIN_SIDE_BYTES_MAX / block.size);
    assert_true((uint64_t)sqlite3_memory_highwater(0) < chain_schema.memory);
    chain_item_free(&block);
    chain_item_free(&first);
    free_items(t, 4);
}

/* --- the pool --- */

static void a_transaction_waits_until_a_block_has_it(void **state)
{
    (void)state;
    struct chain_item t[2] = {make_transaction(1, 10), make_transaction(2, 10)};
    assert_false(knows_transaction(d, &t[0]));
    struct chain_item twice[] = {t[0], t[0], t[1]};
    struct parcel *parcel;
    const struct chain_added *added = chain_add(d, CHAIN_ADD_TRANSACTIONS, twice, 3, &parcel);
    assert_int_equal(added->verdicts[0], CHAIN_POOLED);
    assert_int_equal(added->verdicts[1], CHAIN_KNOWN_BEFORE);
    assert_int_equal(added->verdicts[2], CHAIN_POOLED);
    assert_int_equal(added->state.pool, 2);
    assert_int_equal(added->state.pool_bytes, t[0].size + t[1].size);
    parcel_release(parcel);
    assert_true(knows_transaction(d, &t[0]));

    struct chain_item block = make_block(&genesis, NOW_S, (struct chain_item[]){t[0], t[0]}, 2);
    assert_int_equal(add_block(d, &block), CHAIN_EXTENDS);
    assert_int_equal(chain_look(d).pool, 1);
    assert_true(knows_transaction(d, &t[0]));
    assert_int_equal(add_transaction(d, &t[0]), CHAIN_KNOWN_BEFORE);
    chain_item_free(&block);
    free_items(t, 2);
}

static void add_pack_to_pool(struct chain_pack *pack)
{
    struct store_answer a = chain_ask(d, CHAIN_ADD_TRANSACTIONS, chain_pack_end(pack));
    assert_int_equal(a.kind, CHAIN_ADDED);
    parcel_release(a.parcel);
}

static void fill_pool(int n, size_t length)
{
    struct chain_pack pack = {0};
    struct chain_item t = make_transaction(1000000, length);
    for (int i = 0; i < n; i++) {
        randombytes_buf(&t.id, sizeof t.id); /* as above */
        chain_pack_add(&pack, &t);
    }
    chain_item_free(&t);
    add_pack_to_pool(&pack);
}

static void a_full_pool_refuses_the_next(void **state)
{
    (void)state;
    struct chain_item t = make_transaction(1, 0);
    fill_pool(CHAIN_POOL_MAX + 1, 0);
    assert_int_equal(chain_look(d).pool, CHAIN_POOL_MAX);
    assert_int_equal(add_transaction(d, &t), CHAIN_FULL);
    assert_false(knows_transaction(d, &t));
    /* A block that has it needs no room. */
    struct chain_item block = make_block(&genesis, NOW_S, &t, 1);
    assert_int_equal(add_block(d, &block), CHAIN_EXTENDS);
    assert_true(knows_transaction(d, &t));
    chain_item_free(&block);
    chain_item_free(&t);
}

static void the_pool_is_bounded_in_bytes(void **state)
{
    (void)state;
    enum { LENGTH = CHAIN_TRANSACTION_MAX - 1024 };
    fill_pool(CHAIN_POOL_BYTES_MAX / CHAIN_TRANSACTION_MAX + 5, LENGTH);
    const struct chain_state s = chain_look(d);
    assert_true(s.pool_bytes <= CHAIN_POOL_BYTES_MAX &&
                s.pool_bytes > CHAIN_POOL_BYTES_MAX - CHAIN_TRANSACTION_MAX);
    struct chain_item small = make_transaction(1, 0);
    assert_int_equal(add_transaction(d, &small), CHAIN_POOLED);
    chain_item_free(&small);
}

static void what_returns_to_a_full_pool_is_counted(void **state)
{
    (void)state;
    struct chain_item a[2], b[3];
    make_branch(&genesis, NOW_S, 0, 2, a);
    make_branch(&genesis, NOW_S, 100, 3, b);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, a, 2, &parcel);
    parcel_release(parcel);
    fill_pool(CHAIN_POOL_MAX - 1, 0);
    const struct chain_added *added = chain_add(d, CHAIN_ADD_BLOCKS, b, 3, &parcel);
    assert_int_equal(added->verdicts[2], CHAIN_SWITCHES);
    assert_int_equal(added->lost, 1);
    assert_int_equal(added->state.pool, CHAIN_POOL_MAX);
    parcel_release(parcel);
    free_items(a, 2);
    free_items(b, 3);
}

/* --- blocks of one's own --- */

/* The block that an answer bears, which continues what it is said to. */
static struct chain_item made_of(const struct store_answer *a, struct chain_item *items, size_t *n)
{
    struct chain_item block;
    size_t at = chain_added_pack(a->parcel), k = 0, room = *n;
    assert_true(chain_pack_next(a->parcel, &at, &block));
    size_t none = at;
    assert_false(chain_pack_next(a->parcel, &none, &block));
    at = chain_added_pack(a->parcel);
    chain_pack_next(a->parcel, &at, &block);
    for (size_t in = 0; k < room && chain_block_transaction(&block, &in, &items[k]); k++) {
    }
    *n = k;
    return block;
}

static void a_block_is_made_of_the_oldest_in_the_pool(void **state)
{
    (void)state;
    struct chain_item t[5], found[10];
    for (int i = 0; i < 5; i++) {
        t[i] = make_transaction(50 - i, (size_t)i);
        assert_int_equal(add_transaction(d, &t[i]), CHAIN_POOLED);
    }
    struct store_answer a = chain_ask(d, CHAIN_MAKE_BLOCK, NULL);
    const struct chain_added *added = added_of(&a);
    assert_int_equal(added->n, 1);
    assert_int_equal(added->verdicts[0], CHAIN_EXTENDS);
    assert_int_equal(added->state.pool, 0);
    size_t n = 10;
    struct chain_item block = made_of(&a, found, &n);
    assert_int_equal(block.number, 1);
    assert_int_equal(block.time_s, NOW_S);
    assert_true(chain_hash_equal(&block.id, &added->state.tip));
    assert_int_equal(n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(chain_hash_equal(&found[i].id, &t[i].id));
    }
    parcel_release(a.parcel);
    free_items(t, 5);
}

static void of_a_large_pool_a_block_takes_what_fits(void **state)
{
    (void)state;
    enum { SMALL = CHAIN_TRANSACTIONS_OF_BLOCK_MAX + 100, LARGE = 40 };
    struct chain_pack pack = {0};
    for (int i = 0; i < SMALL + LARGE; i++) {
        struct chain_item t = make_transaction(i, i < SMALL ? 0 : CHAIN_TRANSACTION_MAX / 3);
        chain_pack_add(&pack, &t);
        chain_item_free(&t);
    }
    add_pack_to_pool(&pack);
    uint64_t left = SMALL + LARGE;
    assert_int_equal(chain_look(d).pool, left);
    for (int i = 0; chain_look(d).pool > 0; i++) {
        struct store_answer a = chain_ask(d, CHAIN_MAKE_BLOCK, NULL);
        assert_true(added_of(&a)->state.pool < left);
        left = added_of(&a)->state.pool;
        size_t n = 0;
        struct chain_item block = made_of(&a, NULL, &n), read;
        const char *why = "";
        json_t *value = json_read(block.text, block.size, &why);
        assert_true(chain_block_read(value, &read, &why));
        chain_item_free(&read);
        json_decref(value);
        parcel_release(a.parcel);
        assert_true(i < 40);
    }
}

static void a_block_may_be_made_of_nothing_and_is_never_before_its_parent(void **state)
{
    (void)state;
    fixture_now_s = NOW_S + 1000;
    struct store_answer a = chain_ask(d, CHAIN_MAKE_BLOCK, NULL);
    assert_int_equal(added_of(&a)->state.tip_time_s, NOW_S + 1000);
    parcel_release(a.parcel);
    fixture_now_s = NOW_S; /* the clock was set back */
    a = chain_ask(d, CHAIN_MAKE_BLOCK, NULL);
    assert_int_equal(added_of(&a)->state.tip_time_s, NOW_S + 1000);
    assert_int_equal(added_of(&a)->state.height, 2);
    parcel_release(a.parcel);
    fixture_now_s = NOW_S - CHAIN_AHEAD_S;
    a = chain_ask(d, CHAIN_MAKE_BLOCK, NULL);
    assert_parcel_text(&a, CHAIN_REFUSED, "the block's time is more than two hours ahead");
    assert_int_equal(chain_look(d).height, 2);
}

static void assert_refused(enum chain_request kind, const char *text, const char *why)
{
    struct store_answer a = chain_ask(d, kind, parcel_new(text, strlen(text)));
    assert_parcel_text(&a, CHAIN_REFUSED, why);
}

static void an_applications_text_is_read_with_care(void **state)
{
    (void)state;
    assert_refused(CHAIN_SUBMIT_BLOCK, "", "not JSON");
    assert_refused(CHAIN_SUBMIT_BLOCK, "[]", "a block that is no object");
    assert_refused(CHAIN_SUBMIT_TRANSACTION, "{\"a\":1,\"a\":2}", "JSON with a name twice in an object");
    assert_refused(CHAIN_SUBMIT_TRANSACTION, "{}", "a transaction whose sender is not 40 hex digits");

    struct chain_item blocks[2], t = make_transaction(1, 1);
    make_branch(&genesis, NOW_S, 0, 2, blocks);
    struct store_answer a = chain_ask(d, CHAIN_SUBMIT_BLOCK, parcel_new(blocks[1].text, blocks[1].size));
    assert_parcel_text(&a, CHAIN_REFUSED, "the block's parent is not known");
    char *spaced = malloc(t.size + 2);
    snprintf(spaced, t.size + 2, " %.*s", (int)t.size, t.text);
    for (int i = 0; i < 2; i++) {
        a = chain_ask(d, CHAIN_SUBMIT_BLOCK, parcel_new(blocks[0].text, blocks[0].size));
        assert_int_equal(added_of(&a)->verdicts[0], i == 0 ? CHAIN_EXTENDS : CHAIN_KNOWN_BEFORE);
        size_t n = 0;
        struct chain_item made = made_of(&a, NULL, &n);
        assert_true(chain_hash_equal(&made.id, &blocks[0].id));
        parcel_release(a.parcel);

        a = chain_ask(d, CHAIN_SUBMIT_TRANSACTION, parcel_new(spaced, t.size + 1));
        assert_int_equal(added_of(&a)->verdicts[0], i == 0 ? CHAIN_POOLED : CHAIN_KNOWN_BEFORE);
        parcel_release(a.parcel);
    }
    assert_true(knows_transaction(d, &t));
    free(spaced);
    chain_item_free(&t);
    free_items(blocks, 2);
}

/* --- the application's own word --- */

static char asked[4096];

/* Refuses what has that text in it. */
static bool refuses(void *context, const char *kind, const void *bytes, size_t size)
{
    size_t n = strlen(asked);
    snprintf(asked + n, sizeof asked - n, "%s %.*s\n", kind, (int)size, (const char *)bytes);
    return !memmem(bytes, size, context, strlen(context));
}

static void the_application_may_refuse(void **state)
{
    (void)state;
    static char bad[] = "xxx";
    const struct store_place place = {
        .path = "", .network = "LOCAL", .wall_ms = fixture_wall_ms, .valid = refuses, .context = bad};
    char error[100];
    chain_schema.close(d);
    memset(d, 0, chain_schema.size);
    assert_true(chain_schema.open(d, &place, error, sizeof error));

    struct chain_item good = make_transaction(1, 2), evil = make_transaction(2, 3);
    assert_int_equal(add_transaction(d, &good), CHAIN_POOLED);
    assert_int_equal(add_transaction(d, &evil), CHAIN_INVALID);
    assert_false(knows_transaction(d, &evil));
    char wanted[4096];
    snprintf(wanted, sizeof wanted, "Transaction %.*s\nTransaction %.*s\n", (int)good.size, good.text,
             (int)evil.size, evil.text);
    assert_string_equal(asked, wanted);

    struct chain_item block = make_block(&genesis, NOW_S, (struct chain_item[]){good, evil}, 2);
    assert_invalid(&block, "the application refuses the block");
    asked[0] = '\0';
    block = make_block(&genesis, NOW_S, &good, 1);
    assert_int_equal(add_block(d, &block), CHAIN_EXTENDS);
    snprintf(wanted, sizeof wanted, "Transaction %.*s\nBlock %.*s\n", (int)good.size, good.text,
             (int)block.size, block.text);
    assert_string_equal(asked, wanted);
    char *text = strndup(evil.text, evil.size);
    assert_refused(CHAIN_SUBMIT_TRANSACTION, text, "the application refuses the transaction");
    free(text);
    chain_item_free(&block);
    chain_item_free(&good);
    chain_item_free(&evil);
}

/* --- answers --- */

static void hashes_are_of_main_and_bounded(void **state)
{
    (void)state;
    enum { N = CHAIN_LIST_MAX + 100 };
    struct chain_item *blocks = calloc(N, sizeof *blocks);
    make_branch(&genesis, NOW_S, 0, N, blocks);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, blocks, N, &parcel);
    parcel_release(parcel);
    static const struct {
        int64_t from, count;
        uint32_t n;
    } cases[] = {{0, 1, 1},
                 {0, 0, 0},
                 {0, -1, 0},
                 {-5, 3, 3},
                 {0, INT64_MAX, CHAIN_LIST_MAX},
                 {0, CHAIN_LIST_MAX + 1, CHAIN_LIST_MAX},
                 {N - 1, 100, 2},
                 {N, 100, 1},
                 {N + 1, 100, 0},
                 {INT64_MAX, INT64_MAX, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parcel = list_hashes(d, cases[i].from, cases[i].count);
        const struct chain_hashes *list = (const void *)parcel->bytes;
        assert_int_equal(list->n, cases[i].n);
        int64_t from = cases[i].from < 0 ? 0 : cases[i].from;
        assert_int_equal(list->from, from);
        for (size_t k = 0; k < list->n; k++) {
            int64_t number = from + (int64_t)k;
            assert_true(
                chain_hash_equal(&list->hashes[k], number == 0 ? &genesis.id : &blocks[number - 1].id));
        }
        parcel_release(parcel);
    }
    free_items(blocks, N);
    free(blocks);
}

static struct parcel *wanted_blocks(const struct chain_item *blocks, size_t n, bool by_hash)
{
    struct chain_wanted *wanted;
    struct parcel *parcel = chain_wanted_new((uint32_t)n, by_hash, &wanted);
    for (size_t i = 0; i < n; i++) {
        if (by_hash) {
            wanted->items[i].hash = blocks[i].id;
        } else {
            wanted->items[i].number = blocks[i].number;
        }
    }
    return parcel;
}

static void assert_found(const struct store_answer *a, const struct chain_item *blocks, size_t n,
                         size_t looked)
{
    assert_int_equal(a->kind, CHAIN_BLOCKS);
    const struct chain_found *found = (const void *)a->parcel->bytes;
    assert_int_equal(found->looked, looked);
    assert_int_equal(found->n, n);
    size_t at = chain_found_pack(a->parcel);
    struct chain_item block;
    for (size_t i = 0; i < n; i++) {
        assert_true(chain_pack_next(a->parcel, &at, &block));
        assert_int_equal(block.size, blocks[i].size);
        assert_memory_equal(block.text, blocks[i].text, block.size);
        assert_true(chain_hash_equal(&block.id, &blocks[i].id));
        assert_true(chain_hash_equal(&block.prev, &blocks[i].prev));
        assert_int_equal(block.number, blocks[i].number);
        assert_int_equal(block.time_s, blocks[i].time_s);
        assert_int_equal(block.n_transactions, blocks[i].n_transactions);
        assert_int_equal(block.weight, blocks[i].weight);
    }
    assert_false(chain_pack_next(a->parcel, &at, &block));
    parcel_release(a->parcel);
}

static void blocks_are_found_by_number_and_by_hash(void **state)
{
    (void)state;
    struct chain_item a[3], b[2], none[1];
    make_branch(&genesis, NOW_S, 0, 3, a);
    make_branch(&a[0], NOW_S, 10, 2, b);
    make_branch(&a[2], NOW_S, 20, 1, none);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, a, 3, &parcel);
    parcel_release(parcel);
    chain_add(d, CHAIN_ADD_BLOCKS, b, 2, &parcel);
    parcel_release(parcel);

    const struct chain_item numbers[] = {a[2], none[0], genesis, a[0], {.number = -1}, {.number = INT64_MAX}};
    struct store_answer answer = chain_ask(d, CHAIN_GET_BLOCKS, wanted_blocks(numbers, 6, false));
    assert_found(&answer, (struct chain_item[]){a[2], genesis, a[0]}, 3, 6);

    const struct chain_item hashes[] = {b[1], none[0], a[1], genesis, b[0]};
    answer = chain_ask(d, CHAIN_GET_BLOCKS, wanted_blocks(hashes, 5, true));
    assert_found(&answer, (struct chain_item[]){b[1], a[1], genesis, b[0]}, 4, 5);
    answer = chain_ask(d, CHAIN_GET_BLOCKS, wanted_blocks(hashes, 0, true));
    assert_found(&answer, NULL, 0, 0);

    answer = chain_ask(d, CHAIN_LOCATE, wanted_blocks(hashes, 5, true));
    assert_int_equal(answer.kind, CHAIN_KNOWN);
    assert_int_equal(answer.parcel->size, 5);
    assert_memory_equal(answer.parcel->bytes, ((uint8_t[]){1, 0, 1, 1, 1}), 5);
    parcel_release(answer.parcel);
    free_items(a, 3);
    free_items(b, 2);
    chain_item_free(none);
}

/* What an answer holds fits into a message of 1 MiB, as bytes and as values. */
static void blocks_of_one_answer_are_bounded(void **state)
{
    (void)state;
    struct chain_item t[3], blocks[4];
    for (int i = 0; i < 3; i++) {
        t[i] = make_transaction(i, CHAIN_BLOCK_MAX / 4 - 400);
    }
    blocks[0] = make_block(&genesis, NOW_S, t, 1);
    blocks[1] = make_block(&blocks[0], NOW_S, t, 3);
    blocks[2] = make_block(&blocks[1], NOW_S, t, 2);
    blocks[3] = make_block(&blocks[2], NOW_S, NULL, 0);
    struct parcel *parcel;
    chain_add(d, CHAIN_ADD_BLOCKS, blocks, 4, &parcel);
    parcel_release(parcel);
    struct store_answer a = chain_ask(d, CHAIN_GET_BLOCKS, wanted_blocks(blocks, 4, true));
    assert_found(&a, blocks, 2, 2);
    a = chain_ask(d, CHAIN_GET_BLOCKS, wanted_blocks(blocks + 2, 2, true));
    assert_found(&a, blocks + 2, 2, 2);

    /* Small in bytes, and of many values. */
    json_t *ones = json_array();
    for (int i = 0; i < CHAIN_TRANSACTION_WEIGHT_MAX - 20; i++) {
        json_array_append_new(ones, json_integer(1));
    }
    json_t *value = json_pack("{s:s,s:s,s:o}", "sender", "abababababababababababababababababababab",
                              "receiver", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "message", ones);
    struct chain_item heavy, more[4];
    const char *why;
    assert_true(chain_transaction_read(value, &heavy, &why));
    json_decref(value);
    struct chain_item *prev = &blocks[3];
    for (int i = 0; i < 4; i++) {
        more[i] = make_block(prev, NOW_S, &heavy, 1);
        prev = &more[i];
        assert_int_equal(add_block(d, &more[i]), CHAIN_EXTENDS);
    }
    a = chain_ask(d, CHAIN_GET_BLOCKS, wanted_blocks(more, 4, false));
    assert_found(&a, more, 3, 3);
    chain_item_free(&heavy);
    free_items(more, 4);
    free_items(blocks, 4);
    free_items(t, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_chain_has_the_genesis_alone),
        TEST(blocks_that_continue_main_extend_it),
        TEST(a_block_is_kept_once),
        TEST(a_block_without_its_parent_is_an_orphan),
        TEST(what_does_not_continue_its_parent_is_invalid),
        TEST(of_two_chains_as_long_the_first_seen_stays),
        TEST(the_longer_chain_becomes_main_and_transactions_return),
        TEST(a_chain_that_is_longer_and_invalid_in_the_middle_changes_nothing),
        TEST(main_may_switch_back_and_forth),
        TEST(side_branches_are_bounded_and_the_oldest_ends_go),
        TEST(a_branch_that_is_too_long_ends_there),
        TEST(the_deepest_switch_there_can_be_is_done),
        TEST(side_branches_are_bounded_in_bytes),
        TEST(a_transaction_waits_until_a_block_has_it),
        TEST(a_full_pool_refuses_the_next),
        TEST(the_pool_is_bounded_in_bytes),
        TEST(what_returns_to_a_full_pool_is_counted),
        TEST(a_block_is_made_of_the_oldest_in_the_pool),
        TEST(of_a_large_pool_a_block_takes_what_fits),
        TEST(a_block_may_be_made_of_nothing_and_is_never_before_its_parent),
        TEST(an_applications_text_is_read_with_care),
        TEST(the_application_may_refuse),
        TEST(hashes_are_of_main_and_bounded),
        TEST(blocks_are_found_by_number_and_by_hash),
        TEST(blocks_of_one_answer_are_bounded),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
