/* Catching up by itself: answers that come late, or not at all, do not stand in its way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/ledger/catchup.h"

enum { BLOCKS = 20 };

static struct {
    struct catchup catchup;
    struct catchup_peer peers[4];
    struct chain_item blocks[BLOCKS]; /* 0 is the genesis */
    int64_t now_ms;
    uint32_t lists, located, wanted, points;
    int64_t last;            /* of the blocks that were asked for by number */
    struct peer_ref list_of; /* whose list was asked for last */
} f;

static void get_list(void *context, struct peer_ref to, int64_t from, int64_t count)
{
    (void)context;
    (void)from;
    (void)count;
    f.lists++;
    f.list_of = to;
}

static void get_blocks(void *context, struct peer_ref to, const struct chain_wanted *wanted)
{
    (void)context;
    (void)to;
    f.wanted += wanted->n;
    f.last = wanted->items[wanted->n - 1].number;
}

static bool locate(void *context, const struct chain_hash *hashes, uint32_t n)
{
    (void)context;
    (void)hashes;
    (void)n;
    f.located++;
    return true;
}

static void blame(void *context, struct peer_ref peer, int32_t points, bool ends, const char *why)
{
    (void)context;
    (void)peer;
    (void)ends;
    assert_non_null(why);
    f.points += (uint32_t)points;
}

static uint64_t draw(void *context)
{
    (void)context;
    return 0;
}

static const struct catchup_host host = {
    .get_list = get_list, .get_blocks = get_blocks, .locate = locate, .blame = blame, .random = draw};

static void begin_by(bool by_hash)
{
    static const char text[] = "{\"message\":[1],\"receiver\":\"0000000000000000000000000000000000000001\","
                               "\"sender\":\"0000000000000000000000000000000000000002\"}";
    memset(&f, 0, sizeof f);
    f.now_ms = 1000;
    assert_true(chain_genesis("LOCAL", &f.blocks[0]));
    for (int i = 1; i < BLOCKS; i++) {
        assert_true(chain_block_make(&f.blocks[i - 1], 1000 + i, text, sizeof text - 1, &f.blocks[i]));
    }
    catchup_open(&f.catchup, &host, NULL, by_hash);
}

static void begin(void)
{
    begin_by(true);
    catchup_chain(&f.catchup, f.now_ms, 0, &f.blocks[0].id);
}

static void end(void)
{
    f.catchup.first = NULL;
    catchup_close(&f.catchup);
    for (int i = 0; i < BLOCKS; i++) {
        chain_item_free(&f.blocks[i]);
    }
}

/* It has all the blocks, it says. */
static struct catchup_peer *joins(uint32_t i)
{
    catchup_join(&f.catchup, &f.peers[i], (struct peer_ref){.index = i, .generation = 1});
    catchup_heard(&f.catchup, f.now_ms, &f.peers[i], BLOCKS - 1);
    return &f.peers[i];
}

/* The genesis, and so many that follow. */
static void lists(struct catchup_peer *p, uint32_t n)
{
    struct chain_hash hashes[BLOCKS];
    for (uint32_t i = 0; i <= n; i++) {
        hashes[i] = f.blocks[i].id;
    }
    catchup_listed(&f.catchup, f.now_ms, p, 0, hashes, n + 1);
}

static void located(uint32_t n, uint32_t known)
{
    uint8_t answer[BLOCKS] = {0};
    memset(answer, 1, known);
    catchup_located(&f.catchup, f.now_ms, answer, n);
}

static void brings(struct catchup_peer *p, int from, int to)
{
    for (int i = from; i <= to; i++) {
        assert_true(catchup_block(&f.catchup, f.now_ms, p, &f.blocks[i]));
    }
}

static uint32_t take_all(struct catchup_taken *last)
{
    uint32_t n = 0;
    while (catchup_take(&f.catchup, f.now_ms, last)) {
        parcel_release(last->pack);
        n++;
    }
    return n;
}

/* The store's answer for a list whose lister has gone is not taken for the next one's, which is as long. */
static void each_answer_counts_for_its_own_list(void **state)
{
    struct catchup_taken t;
    (void)state;
    begin();
    struct catchup_peer *first = joins(0);
    lists(first, BLOCKS - 1);
    assert_int_equal(f.located, 1);
    catchup_leave(&f.catchup, f.now_ms, first);
    struct catchup_peer *second = joins(1);
    lists(second, BLOCKS - 1);
    assert_int_equal(f.located, 2);
    located(BLOCKS, 7);
    assert_int_equal(f.wanted, 0);
    located(BLOCKS, 1);
    assert_true(f.wanted > 0);
    brings(second, 1, BLOCKS - 1);
    assert_int_equal(take_all(&t), BLOCKS - 1);
    assert_int_equal(f.points, 0);
    end();
}

static void a_question_that_failed_is_no_answer_to_the_next(void **state)
{
    (void)state;
    begin();
    struct catchup_peer *first = joins(0);
    lists(first, 5);
    catchup_leave(&f.catchup, f.now_ms, first);
    lists(joins(1), 5);
    catchup_not_located(&f.catchup, f.now_ms);
    located(6, 1);
    assert_int_equal(f.wanted, 5);
    end();
}

static void fetch_some(struct catchup_taken *t)
{
    struct catchup_peer *p = joins(0);
    lists(p, BLOCKS - 1);
    located(BLOCKS, 1);
    brings(p, 1, BLOCKS - 1);
    assert_int_equal(take_all(t), BLOCKS - 1);
}

/* Else it would be fetched again and again. */
static void a_branch_that_has_no_room_is_left(void **state)
{
    struct catchup_taken t;
    (void)state;
    begin();
    fetch_some(&t);
    uint32_t asked = f.lists;
    catchup_added(&f.catchup, f.now_ms, &t, CHAIN_BESIDE);
    catchup_added(&f.catchup, f.now_ms, &t, CHAIN_FULL);
    for (int i = 3; i < BLOCKS; i++) {
        catchup_added(&f.catchup, f.now_ms, &t, CHAIN_ORPHAN);
    }
    for (int i = 0; i < 100; i++) {
        catchup_tick(&f.catchup, f.now_ms += 1000);
    }
    assert_int_equal(f.lists, asked);
    assert_int_equal(f.points, 0);
    joins(1); /* of another it is asked */
    assert_int_equal(f.lists, asked + 1);
    assert_int_equal(f.list_of.index, 1);
    end();
}

static void what_is_lost_on_the_way_to_the_store_is_fetched_again(void **state)
{
    struct catchup_taken t;
    (void)state;
    begin();
    fetch_some(&t);
    uint32_t asked = f.lists;
    catchup_lost(&f.catchup, f.now_ms);
    catchup_tick(&f.catchup, f.now_ms += 1000);
    assert_int_equal(f.lists, asked + 1);
    lists(&f.peers[0], BLOCKS - 1);
    located(BLOCKS, 1);
    assert_int_equal(f.wanted, 2 * (BLOCKS - 1));
    end();
}

/* By numbers, of a newcomer that has added nothing yet: it says nothing of the lister's genesis if its block
 * does not continue another's. */
static void another_branch_is_no_other_genesis(void **state)
{
    struct catchup_taken t;
    struct chain_item other = {0};
    (void)state;
    begin_by(false);
    struct catchup_peer *lister = joins(0), *second = joins(1);
    catchup_chain(&f.catchup, f.now_ms, 0, &f.blocks[0].id);
    assert_ptr_equal(f.catchup.lister, lister);
    int64_t first = second->n_asked + 1; /* of the lister's part */
    brings(second, 1, (int)second->n_asked);
    other = f.blocks[first];
    other.prev = f.blocks[0].id;
    assert_true(catchup_block(&f.catchup, f.now_ms, lister, &other));
    assert_int_equal(take_all(&t), first - 1);
    assert_int_equal(f.points, 0);
    assert_int_equal(f.last, 0); /* the lister is asked for what both have */
    assert_true(catchup_block(&f.catchup, f.now_ms, lister, &f.blocks[0]));
    located(1, 1);
    assert_int_equal(f.catchup.phase, CATCHUP_FETCHING);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_counts_for_its_own_list),
        cmocka_unit_test(a_question_that_failed_is_no_answer_to_the_next),
        cmocka_unit_test(a_branch_that_has_no_room_is_left),
        cmocka_unit_test(another_branch_is_no_other_genesis),
        cmocka_unit_test(what_is_lost_on_the_way_to_the_store_is_fetched_again),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
