/* What peers of Infnote and coin have sent and the node could not keep: it is counted by peer, its room in
 * the pool is free again, and others may bring it. */
#include "protocol/ledger/inbox.h"
#include "protocol/ledger/room.h"
#include "tests/unit/ledger_net.h"

enum { VICTIM = 1, SENDER = 10, OTHER = 11 };

static const struct ledger_variant *const variants[] = {&ledger_infnote, &ledger_coin};

static uint32_t ids_asked[NODES];

static void puppet_hears(uint32_t puppet, uint32_t link, uint32_t kind, const struct parcel *parcel)
{
    (void)link;
    (void)parcel;
    ids_asked[puppet] += kind == LEDGER_GET_TRANSACTION;
}

/* Whom a node has as its peer. */
static struct peer_ref ref_of(uint32_t node, uint32_t peer)
{
    const struct link *l = between(node, peer);
    return (struct peer_ref){.index = (uint32_t)(l - w.nodes[node].links), .generation = l->generation};
}

/* The victim has two puppets, and a store that does not answer. */
static struct node *open_lost(const struct ledger_variant *variant)
{
    memset(ids_asked, 0, sizeof ids_asked);
    open_net(variant, 0);
    start(VICTIM);
    join(start_puppet(SENDER), VICTIM);
    join(start_puppet(OTHER), VICTIM);
    pass(10);
    w.nodes[VICTIM].store_waits = true;
    return &w.nodes[VICTIM];
}

static void send_transaction(uint32_t number)
{
    say(SENDER, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(number));
    pass(10);
}

/* All that may come of a peer that goes does, though it is held. */
static void send_though_held(uint32_t number)
{
    send_transaction(number);
    between(VICTIM, SENDER)->is_held = false;
    pass(10);
}

static void expect_asked_if_announced(uint32_t number)
{
    struct parcel *pack = pack_of_transaction(number);
    struct chain_item item;
    size_t at = 0;
    assert_true(chain_pack_next(pack, &at, &item));
    uint32_t before = ids_asked[OTHER];
    say(OTHER, VICTIM, LEDGER_HAVE_TRANSACTION, parcel_new(&item.id, sizeof item.id));
    pass(10);
    assert_int_equal(ids_asked[OTHER], before + 1);
    parcel_release(pack);
}

static void what_a_failing_store_loses_is_counted_and_others_may_bring_it(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct node *n = open_lost(variants[v]);
        struct peer_ref sender = ref_of(VICTIM, SENDER);
        send_transaction(1);
        fail_one(n);
        assert_int_equal(n->lost, 1);
        assert_true(peer_ref_equal(n->lost_of, sender));
        assert_int_equal(n->service->room.coming.n, 0);
        assert_int_equal(n->service->room.parts.n, 0);
        n->store_waits = false;
        expect_asked_if_announced(1);
        assert_int_equal(between(VICTIM, SENDER)->points, 0);
        close_net();
    }
}

static void what_waits_of_a_peer_that_goes_is_counted_and_others_may_bring_it(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_coin);
    struct peer_ref sender = ref_of(VICTIM, SENDER);
    for (uint32_t i = 1; i <= 3; i++) {
        send_transaction(i);
    }
    part(VICTIM, SENDER);
    assert_int_equal(n->lost, 2); /* the first is with the store */
    assert_true(peer_ref_equal(n->lost_of, sender));
    assert_int_equal(n->service->room.coming.n, 1);
    expect_asked_if_announced(3);
    n->store_waits = false;
    pass(10);
    assert_int_equal(n->transactions, 1);
    assert_int_equal(n->lost, 2);
    close_net();
}

static void blocks_that_wait_of_a_peer_that_goes_are_counted(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_infnote);
    for (uint32_t i = 1; i <= 3; i++) {
        struct chain_item before = {.number = 7}, block;
        struct parcel *text = transaction(i);
        assert_true(chain_block_make(&before, 5000, (const char *)text->bytes, text->size, &block));
        say(SENDER, VICTIM, LEDGER_NEW_BLOCK, chain_pack_one(&block));
        pass(10);
        chain_item_free(&block);
        parcel_release(text);
    }
    part(VICTIM, SENDER);
    assert_int_equal(n->lost, 2);
    fail_one(n);
    assert_int_equal(n->lost, 3);
    close_net();
}

static void what_finds_no_room_once_its_peer_goes_is_counted(void **state)
{
    enum { MORE = 20 };
    (void)state;
    struct node *n = open_lost(&ledger_infnote);
    for (uint32_t i = 0; i < 1 + INBOX_MAX + MORE; i++) {
        send_though_held(i);
    }
    assert_int_equal(n->lost, MORE);
    assert_int_equal(n->service->room.coming.n, 1 + INBOX_MAX);
    part(VICTIM, SENDER);
    assert_int_equal(n->lost, INBOX_MAX + MORE);
    close_net();
}

/* What it asks for then is nothing that is lost: nobody is there to be answered. */
static void questions_of_a_peer_that_goes_are_not_counted(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_coin);
    for (uint32_t i = 0; i < 1 + INBOX_MAX + 20; i++) {
        const struct chain_hash id = {.bytes = {(uint8_t)i}};
        say(SENDER, VICTIM, LEDGER_GET_TRANSACTION, parcel_new(&id, sizeof id));
        pass(10);
        between(VICTIM, SENDER)->is_held = false;
        pass(10);
    }
    assert_int_equal(between(VICTIM, SENDER)->was_held, true);
    part(VICTIM, SENDER);
    assert_int_equal(n->lost, 0);
    close_net();
}

/* A stranger could charge a group for what is not in the pool, by leaving before the store has answered. */
static void a_peer_that_goes_leaves_its_group_nothing_to_pay(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_infnote);
    n->store_waits = false;
    submit(VICTIM, 1);
    pass(10);
    n->store_waits = true;
    send_transaction(1); /* known: it does not go into the pool */
    assert_int_equal(n->service->room.parts.n, 1);
    part(VICTIM, SENDER);
    n->store_waits = false;
    pass(10);
    assert_int_equal(n->service->room.coming.n, 0);
    assert_int_equal(n->service->room.parts.n, 0);
    close_net();
}

/* There is room for so many groups alone. */
static void a_group_that_has_nothing_in_the_pool_keeps_no_part(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_infnote);
    n->store_waits = false;
    submit(VICTIM, 1);
    pass(10);
    send_transaction(1);
    assert_int_equal(n->service->room.parts.n, 0);
    send_transaction(2);
    assert_int_equal(n->service->room.parts.n, 1);
    close_net();
}

/* Nothing is remembered of it: whoever brings it again may not know that it was refused. */
static void a_transaction_that_found_no_room_costs_nothing_if_it_comes_again(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_infnote);
    n->service->chain.pool = CHAIN_POOL_MAX;
    send_transaction(1);
    send_transaction(1);
    assert_int_equal(n->service->room.refused, 2);
    assert_int_equal(between(VICTIM, SENDER)->points, 0);
    n->service->chain.pool = 0;
    n->store_waits = false;
    send_transaction(1);
    assert_int_equal(n->transactions, 1);
    assert_int_equal(between(VICTIM, SENDER)->points, 0);
    close_net();
}

static bool owes(struct node *n)
{
    struct service_peer p = peer_of(n, ref_of(VICTIM, SENDER).index);
    return ops->owes(n->service, &p);
}

/* If it has closed its side, it may read on, and what it sent is to be taken. */
static void a_peer_is_owed_what_it_asked_and_that_the_store_takes_what_it_sent(void **state)
{
    (void)state;
    struct node *n = open_lost(&ledger_coin);
    assert_false(owes(n));
    send_transaction(1);
    assert_false(owes(n)); /* it is with the store */
    send_transaction(2);
    assert_true(owes(n));
    n->store_waits = false;
    pass(10);
    assert_false(owes(n));
    n->store_waits = true;
    const struct chain_hash id = {.bytes = {1}};
    say(SENDER, VICTIM, LEDGER_GET_TRANSACTION, parcel_new(&id, sizeof id));
    pass(10);
    assert_true(owes(n));
    say(SENDER, VICTIM, LEDGER_GET_TRANSACTION, parcel_new(&id, sizeof id));
    pass(10);
    n->store_waits = false;
    answer_one(n);
    assert_true(owes(n)); /* the second */
    answer_one(n);
    assert_false(owes(n));
    close_net();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_failing_store_loses_is_counted_and_others_may_bring_it),
        cmocka_unit_test(what_waits_of_a_peer_that_goes_is_counted_and_others_may_bring_it),
        cmocka_unit_test(blocks_that_wait_of_a_peer_that_goes_are_counted),
        cmocka_unit_test(what_finds_no_room_once_its_peer_goes_is_counted),
        cmocka_unit_test(questions_of_a_peer_that_goes_are_not_counted),
        cmocka_unit_test(a_peer_that_goes_leaves_its_group_nothing_to_pay),
        cmocka_unit_test(a_group_that_has_nothing_in_the_pool_keeps_no_part),
        cmocka_unit_test(a_transaction_that_found_no_room_costs_nothing_if_it_comes_again),
        cmocka_unit_test(a_peer_is_owed_what_it_asked_and_that_the_store_takes_what_it_sent),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
