/* The figures of a status that only grow, and those of a peer. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/kith_fixture.h"

static void look(struct world *w)
{
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_STATUS)});
}

static void a_dial_is_counted_by_what_came_of_it(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110 10.2.0.1:8110 10.3.0.1:8110");
    w->config.exclusive = true;
    world_open(w);
    assert_int_equal(w->n_dialed, 3);
    ended(w, w->dialed[0], END_DIAL_FAILED);
    ended(w, w->dialed[1], END_NETWORK);
    online(w, w->dialed[2], "10.3.0.1:8110", 3);
    look(w);
    assert_int_equal(w->dials[0], 1);
    assert_int_equal(w->dials[1 + END_DIAL_FAILED], 1);
    assert_int_equal(w->dials[1 + END_NETWORK], 1);

    ended(w, w->dialed[2], END_CLOSED); /* it was online: its dial had succeeded */
    incoming(w, 4);
    look(w);
    assert_int_equal(w->dials[0], 1);
    assert_int_equal(w->dials[1 + END_CLOSED], 0);
    assert_int_equal(w->last_status.total_outgoing, 1);
    assert_int_equal(w->last_status.total_incoming, 1);
    world_free(w);
}

static void save_now(struct world *w, bool failed, int64_t takes_ms)
{
    size_t before = w->n_saved;
    ban(w, "10.9.0.1"); /* something to save */
    w->now_ms += 1;
    pass(w, w->config.node.timings.save);
    assert_int_equal(w->n_saved, before + 1);
    w->now_ms += takes_ms;
    handle(w, (struct message){.type = MSG_SAVED, .failed = failed});
    look(w);
}

static void saves_are_counted_with_how_long_the_last_took(void **state)
{
    struct world *w = world_new();
    (void)state;
    snprintf(w->config.peers_file, sizeof w->config.peers_file, "peers");
    world_open(w);
    look(w);
    assert_int_equal(w->last_status.saves, 0);
    assert_int_equal(w->last_status.save_ms, -1);
    assert_int_equal(w->last_status.saved_ms, -1);

    save_now(w, false, 30);
    assert_int_equal(w->last_status.saves, 1);
    assert_int_equal(w->last_status.save_ms, 30);
    assert_int_equal(w->last_status.saved_ms, 0);

    w->now_ms += 500;
    save_now(w, true, 70);
    assert_int_equal(w->last_status.saves, 1);
    assert_int_equal(w->last_status.saves_failed, 1);
    assert_int_equal(w->last_status.save_ms, 70);
    assert_true(w->last_status.saved_ms > 500);
    world_free(w);
}

static void answers_of_the_seeds_are_counted(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    seed_ports(w, "10.1.0.1:8110", 3);
    seed_ports(w, "10.1.0.1:8110", 0);
    seed_ports(w, "10.1.0.1:8110", 2);
    look(w);
    assert_int_equal(w->last_status.seeded, 2);
    assert_int_equal(w->last_status.seeds_failed, 1);
    assert_int_equal(w->last_status.seed_addresses, 2);
    world_free(w);
}

static void the_drops_of_a_peer_are_told_by_cause(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref slot = incoming(w, 1);
    controller_dropped(w->core, slot, DROP_STALLED, 5);
    controller_dropped(w->core, slot, DROP_APPLICATION, 2);
    quality(w);
    assert_int_equal(w->dropped_by[DROP_STALLED], 5);
    assert_int_equal(w->dropped_by[DROP_APPLICATION], 2);
    assert_int_equal(w->dropped_by[DROP_LOST], 0);
    world_free(w);
}

static struct kith_status status_of(struct kith *node)
{
    struct kith_item item;
    assert_int_equal(kith_ask_status(node, 7), KITH_OK);
    next_event(node, KITH_STATUS, &item);
    assert_non_null(item.event.status);
    return *item.event.status;
}

static void what_a_connection_carried_stays_counted_when_it_has_gone(void **state)
{
    struct kith *a, *b;
    char name[200];
    (void)state;
    open_pair(&a, &b, name, sizeof name);
    struct kith_item item;
    assert_int_equal(kith_send(a, name, "hello", 5, 0), KITH_OK);
    while (next(b, &item) != KITH_PARCEL) {
    }
    struct kith_status at_b = status_of(b);
    assert_true(at_b.parcels_in > 0 && at_b.bytes_in > 0);
    assert_true(at_b.total_parcels_in >= at_b.parcels_in && at_b.total_bytes_in >= at_b.bytes_in);
    assert_true(at_b.queue_max > 0 && at_b.queue_bytes_max > 0 && at_b.received_bytes_max > 0);

    kith_close(a);
    next_event(b, KITH_OFFLINE, &item);
    struct kith_status then = status_of(b);
    assert_int_equal(then.parcels_in, 0);
    assert_int_equal(then.bytes_in, 0);
    assert_true(then.total_parcels_in >= at_b.total_parcels_in);
    assert_true(then.total_parcels_out >= at_b.total_parcels_out);
    assert_true(then.total_bytes_in >= at_b.total_bytes_in);
    assert_true(then.total_bytes_out >= at_b.total_bytes_out);
    kith_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dial_is_counted_by_what_came_of_it),
        cmocka_unit_test(saves_are_counted_with_how_long_the_last_took),
        cmocka_unit_test(answers_of_the_seeds_are_counted),
        cmocka_unit_test(the_drops_of_a_peer_are_told_by_cause),
        cmocka_unit_test(what_a_connection_carried_stays_counted_when_it_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
