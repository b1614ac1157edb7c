/* The service of Infnote and coin among others of its kind: what is new reaches everybody once, and who lacks
 * blocks gets them. */
#include "protocol/ledger/look.h"
#include "tests/unit/ledger_net.h"

static const struct ledger_variant *const variants[] = {&ledger_infnote, &ledger_coin};

static void join_line(uint32_t nodes)
{
    for (uint32_t i = 0; i + 1 < nodes; i++) {
        join(i, i + 1);
    }
}

static uint32_t announced_transactions(const struct link *l)
{
    return l->sent.transactions + l->sent.ids;
}

static uint32_t announced_blocks(const struct link *l)
{
    return l->sent.blocks + l->sent.numbers;
}

static void puppet_hears(uint32_t puppet, uint32_t link, uint32_t kind, const struct parcel *parcel)
{
    (void)puppet;
    (void)link;
    (void)kind;
    (void)parcel;
}

/* --- relaying --- */

static void a_line_of_five_passes_everything_on_once(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 5);
        join_line(5);
        pass(100);
        submit(0, 1);
        pass(100);
        make_block(0);
        pass(100);
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(height_of(&w.nodes[i]), 1);
            assert_true(same_chain(0, i));
            assert_int_equal(w.nodes[i].transactions, i > 0);
            assert_int_equal(w.nodes[i].blocks, i > 0);
        }
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(announced_blocks(between(i, i + 1)), 1);
            assert_int_equal(announced_blocks(between(i + 1, i)), 0);
            /* By coin the body is pushed as well, once it was asked for. */
            assert_int_equal(announced_transactions(between(i, i + 1)), v == 0 ? 1 : 2);
            assert_int_equal(announced_transactions(between(i + 1, i)), 0);
        }
        assert_string_equal(w.nodes[0].reply[0] == 'b' ? "b" : w.nodes[0].reply, "b");
        close_net();
    }
}

static void in_a_ring_of_ten_nothing_goes_twice_over_a_link(void **state)
{
    enum { RING = 10 };
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], RING);
        join_line(RING);
        join(RING - 1, 0);
        pass(100);
        submit(0, 1);
        submit(5, 2);
        pass(100);
        make_block(3);
        pass(100);
        uint32_t blocks = 0, ids = 0;
        for (uint32_t i = 0; i < RING; i++) {
            const struct link *there = between(i, (i + 1) % RING), *back = between((i + 1) % RING, i);
            assert_int_equal(w.nodes[i].transactions, i == 0 || i == 5 ? 1 : 2);
            assert_int_equal(w.nodes[i].blocks, i != 3);
            assert_true(same_chain(0, i));
            /* Both ends of a link may have it from elsewhere at once, and tell each other. */
            assert_in_range(announced_blocks(there), 0, 1);
            assert_in_range(announced_blocks(back), 0, 1);
            blocks += announced_blocks(there) + announced_blocks(back);
            ids += v == 0 ? there->sent.transactions + back->sent.transactions
                          : there->sent.ids + back->sent.ids;
        }
        assert_in_range(blocks, RING - 1, RING + 1);
        assert_in_range(ids, 2 * (RING - 1), 2 * (RING + 1));
        /* Nothing is announced again, whatever happens afterwards. */
        struct link *l = between(0, 1);
        struct tally before = l->sent;
        submit(0, 1);
        pass(60000);
        assert_string_equal(w.nodes[0].reply, "it is known already");
        assert_int_equal(announced_transactions(l), before.transactions + before.ids);
        assert_int_equal(announced_blocks(l), before.blocks + before.numbers);
        close_net();
    }
}

/* --- catching up --- */

static void expect_whole(uint32_t node, uint32_t blocks, uint32_t as)
{
    assert_int_equal(height_of(&w.nodes[node]), blocks);
    assert_true(same_chain(node, as));
    assert_int_equal(w.nodes[node].blocks, blocks);
    assert_int_equal(w.nodes[node].last_block, blocks);
    assert_true(w.nodes[node].in_order);
}

static void a_newcomer_gets_the_chain_from_all(void **state)
{
    enum { BLOCKS = 2500 };
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 4);
        join(0, 1);
        join(0, 2);
        pass(10);
        grow(0, BLOCKS);
        pass(1000);
        assert_true(same_chain(0, 1));
        assert_true(same_chain(0, 2));
        w.nodes[3].in_order = true;
        for (uint32_t i = 0; i < 3; i++) {
            join(3, i);
        }
        pass(20000);
        expect_whole(3, BLOCKS, 0);
        uint32_t bodies = 0;
        for (uint32_t i = 0; i < 3; i++) {
            assert_in_range(between(i, 3)->sent.bodies, BLOCKS / 10, BLOCKS);
            assert_int_equal(between(3, i)->points, 0);
            bodies += between(i, 3)->sent.bodies;
        }
        assert_int_equal(bodies, BLOCKS);          /* none twice */
        assert_in_range(w.nodes[3].added, 1, 200); /* and they are added together */
        close_net();
    }
}

static void one_that_sends_nothing_and_one_that_dies_hold_up_nobody(void **state)
{
    enum { BLOCKS = 2500 };
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 4);
        join(0, 1);
        join(0, 2);
        pass(10);
        grow(0, BLOCKS);
        pass(1000);
        for (uint32_t i = 0; i < 3; i++) {
            join(3, i);
        }
        between(1, 3)->is_deaf = true;
        pass(12);
        assert_in_range(height_of(&w.nodes[3]), 0, BLOCKS - 1);
        part(3, 2);
        pass(CATCHUP_SILENT_MS - 4000); /* what it was asked for is asked of another before it is blamed */
        expect_whole(3, BLOCKS, 0);
        close_net();
    }
}

static void the_longest_branch_wins(void **state)
{
    static const uint32_t depths[] = {1, 7, 100, 1500};
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        for (size_t d = 0; d < 4; d++) {
            open_net(variants[v], 2);
            join(0, 1);
            pass(10);
            grow(0, 20);
            pass(100);
            part(0, 1);
            grow(0, depths[d]);
            grow(1, depths[d] + 1);
            w.nodes[0].blocks = 0;
            join(0, 1);
            pass(60000);
            assert_int_equal(height_of(&w.nodes[0]), 20 + depths[d] + 1);
            assert_true(same_chain(0, 1));
            assert_int_equal(w.nodes[0].blocks, depths[d] + 1); /* those of the new branch, in order */
            assert_int_equal(w.nodes[0].last_block, 20 + depths[d] + 1);
            assert_int_equal(between(0, 1)->points, 0);
            assert_int_equal(between(1, 0)->points, 0);
            close_net();
        }
    }
}

static void of_two_as_long_each_keeps_its_own(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 2);
        grow(0, 5);
        grow(1, 5);
        join(0, 1);
        pass(20000);
        assert_false(same_chain(0, 1));
        grow(0, 1);
        pass(20000);
        assert_true(same_chain(0, 1));
        assert_int_equal(height_of(&w.nodes[1]), 6);
        close_net();
    }
}

/* News is told once. What was dropped on its way, or fell between a handshake and its end, is looked for. */
static void news_that_is_lost_is_looked_for(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 3);
        join(0, 1);
        join(1, 2);
        pass(LOOK_FIRST_MS + 1000);
        between(0, 1)->is_deaf = true;
        grow(0, 1);
        pass(100);
        between(0, 1)->is_deaf = false;
        assert_int_equal(height_of(&w.nodes[1]), 0);
        pass(10 * LOOK_MS); /* by lot */
        assert_int_equal(height_of(&w.nodes[1]), 1);
        assert_true(same_chain(0, 2));
        assert_int_equal(between(1, 0)->points, 0);
        assert_int_equal(between(1, 2)->points, 0);
        close_net();
    }
}

static void a_block_made_during_a_handshake_is_looked_for(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 2);
        grow(0, 1);
        pass(10);
        uint32_t i = free_link(&w.nodes[0]), j = free_link(&w.nodes[1]);
        come_up(&w.nodes[0], i, &w.nodes[1], j);
        come_up(&w.nodes[1], j, &w.nodes[0], i);
        w.nodes[1].links[j].info.height = 0; /* it was said before */
        tell_online(&w.nodes[0], i);
        tell_online(&w.nodes[1], j);
        pass(LOOK_FIRST_MS + 100);
        assert_int_equal(height_of(&w.nodes[1]), 1);
        close_net();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("I22 C12", a_line_of_five_passes_everything_on_once),
        promise_test("I19 C13", in_a_ring_of_ten_nothing_goes_twice_over_a_link),
        promise_test("I20 I21 C8 C15", a_newcomer_gets_the_chain_from_all),
        cmocka_unit_test(one_that_sends_nothing_and_one_that_dies_hold_up_nobody),
        cmocka_unit_test(the_longest_branch_wins),
        cmocka_unit_test(of_two_as_long_each_keeps_its_own),
        cmocka_unit_test(news_that_is_lost_is_looked_for),
        cmocka_unit_test(a_block_made_during_a_handshake_is_looked_for),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
