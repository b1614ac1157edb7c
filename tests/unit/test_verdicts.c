/* Messages that wait for the application's verdict before they are passed on. */
#include "tests/unit/core_fixture.h"

enum { VERDICTS = 16, OF_PEER = 2, VERDICT_MS = 5000, STALL_MS = 500, POINTS = -30 };

static struct world *validated_world(void)
{
    struct world *w = world_new();
    w->config.relay = RELAY_VALIDATED;
    w->config.verdicts = VERDICTS;
    w->config.verdict_ms = VERDICT_MS;
    w->config.merit_rejected = POINTS;
    w->config.node.timings.stall = STALL_MS;
    world_open(w);
    return w;
}

/* On the message that was delivered as the n-th, from 1 on: the world numbers tickets so. */
static void judge(struct world *w, uint64_t n, enum kith_verdict v)
{
    handle(w, (struct message){.type = MSG_VERDICT, .id = n, .kind = v});
}

static struct kith_status status(struct world *w)
{
    known(w);
    return w->last_status;
}

/* All that the core would take of this peer now, up to `most` different messages. */
static int flood(struct world *w, struct peer_ref from, int most)
{
    static int number;
    char text[16];
    int n = 0;
    for (; n < most && controller_takes(w->core, from); n++) {
        snprintf(text, sizeof text, "%d", number++);
        receive(w, from, text);
    }
    return n;
}

static void a_message_is_passed_on_once_it_is_accepted(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(status(w).awaiting, 1);
    receive(w, b, "hello"); /* again: neither given nor passed on */
    assert_int_equal(w->n_delivered, 1);
    judge(w, 1, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 0); /* b has it */
    receive(w, a, "hi");
    judge(w, 2, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    assert_string_equal(w->posted_text[0], "hi");
    judge(w, 2, KITH_ACCEPT); /* once */
    judge(w, 99, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 1);
    assert_int_equal(status(w).accepted, 2);
    assert_int_equal(status(w).awaiting, 0);
    world_free(w);
}

static void a_message_that_is_ignored_costs_nobody_anything(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    incoming(w, 2);
    receive(w, a, "hello");
    int32_t before = quality(w);
    judge(w, 1, KITH_IGNORE);
    pass(w, VERDICT_MS + 1);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(quality(w), before);
    assert_int_equal(status(w).ignored, 1);
    assert_int_equal(w->dropped, 0);
    world_free(w);
}

static void a_message_that_is_rejected_costs_its_sender(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    receive(w, a, "hello");
    int32_t before = quality(w);
    judge(w, 1, KITH_REJECT);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(quality(w), before + POINTS);
    assert_int_equal(status(w).rejected, 1);
    for (uint64_t n = 2; n < 10 && w->n_closed == 0; n++) {
        flood(w, a, 1);
        judge(w, n, KITH_REJECT);
    }
    assert_int_equal(w->n_closed, 1); /* it has to go */
    assert_int_equal(w->closed_why[0], END_JUDGED);
    world_free(w);
}

static void who_leaves_before_the_verdict_pays_all_the_same(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    receive(w, a, "one");
    receive(w, a, "two");
    ended(w, a, END_CLOSED);
    handle(w, (struct message){.type = MSG_GONE, .peer = a});
    judge(w, 1, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    struct peer_ref again = incoming(w, 1); /* perhaps in the same place */
    int32_t before = quality(w);
    judge(w, 2, KITH_REJECT);
    assert_int_equal(quality(w), before + POINTS);
    assert_int_equal(flood(w, again, VERDICTS), OF_PEER); /* none of the old ones counts against it */
    world_free(w);
}

static void without_a_verdict_in_time_it_is_counted_and_not_passed_on(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    incoming(w, 2);
    receive(w, a, "hello");
    pass(w, VERDICT_MS - 1);
    assert_int_equal(status(w).awaiting, 1);
    assert_true(controller_deadline(w->core) <= w->now_ms + 1);
    pass(w, 1);
    assert_int_equal(status(w).awaiting, 0);
    assert_int_equal(status(w).unjudged, 1);
    judge(w, 1, KITH_ACCEPT); /* too late */
    assert_int_equal(w->n_posted, 0);
    pass(w, 1000);
    assert_int_equal(w->dropped, 1);
    assert_string_equal(drop_cause_text(DROP_UNJUDGED), "no verdict");
    world_free(w);
}

static void while_verdicts_come_a_peer_with_too_many_waits(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    assert_int_equal(flood(w, a, VERDICTS), OF_PEER);
    assert_int_equal(flood(w, b, 1), 1); /* the others go on */
    judge(w, 3, KITH_IGNORE);
    uint64_t oldest = 1; /* of a's; after the first two come those from 4 on */
    for (int i = 0; i < 8; i++) {
        pass(w, STALL_MS - 1);
        assert_false(controller_takes(w->core, a));
        judge(w, oldest, KITH_IGNORE);
        oldest += oldest == 2 ? 2 : 1;
        assert_int_equal(flood(w, a, VERDICTS), 1);
    }
    assert_int_equal(status(w).unjudged, 0);
    assert_int_equal(status(w).ignored, 9);
    world_free(w);
}

static void if_all_places_are_taken_everybody_waits(void **state)
{
    struct world *w = validated_world();
    struct peer_ref peers[VERDICTS / OF_PEER + 1];
    (void)state;
    for (int i = 0; i < VERDICTS / OF_PEER; i++) {
        peers[i] = incoming(w, i + 1);
        assert_int_equal(flood(w, peers[i], VERDICTS), OF_PEER);
    }
    struct peer_ref late = incoming(w, VERDICTS);
    assert_false(controller_takes(w->core, late));
    assert_int_equal(status(w).awaiting, VERDICTS);
    judge(w, 5, KITH_IGNORE);
    assert_true(controller_takes(w->core, late));
    world_free(w);
}

static void so_much_payload_waits_at_most(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.relay = RELAY_VALIDATED;
    w->config.verdicts = VERDICTS;
    w->config.verdict_ms = VERDICT_MS;
    w->config.node.limits.queue_bytes = 10;
    world_open(w);
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    receive(w, a, "nine byte");
    assert_true(controller_takes(w->core, b));
    receive(w, b, "more than nine bytes");
    assert_false(controller_takes(w->core, a));
    assert_false(controller_takes(w->core, b));
    judge(w, 2, KITH_IGNORE);
    assert_true(controller_takes(w->core, b));
    world_free(w);
}

static void a_peer_of_large_messages_leaves_the_others_room(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.relay = RELAY_VALIDATED;
    w->config.verdicts = 64;
    w->config.verdict_ms = VERDICT_MS;
    w->config.node.timings.stall = STALL_MS;
    w->config.node.limits.queue_bytes = 80;
    world_open(w);
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    receive(w, a, "nine byte");
    assert_true(controller_takes(w->core, a));
    receive(w, a, "byte nine"); /* more than its eighth */
    assert_false(controller_takes(w->core, a));
    assert_true(controller_takes(w->core, b));
    receive(w, b, "thirteen byte");
    assert_false(controller_takes(w->core, b));
    judge(w, 1, KITH_IGNORE);
    assert_true(controller_takes(w->core, a));
    receive(w, a, "nine more");
    pass(w, STALL_MS);
    assert_true(controller_takes(w->core, a)); /* no verdict comes: its own make room */
    receive(w, a, "ten bytes.");
    assert_int_equal(status(w).unjudged, 1);
    judge(w, 3, KITH_ACCEPT); /* not b's */
    assert_int_equal(status(w).accepted, 1);
    world_free(w);
}

/* The application's queue is read on: only verdicts do not come. */
static void an_application_that_gives_no_verdict_holds_nobody_back(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    assert_int_equal(flood(w, a, 100), OF_PEER);
    assert_true(controller_deadline(w->core) <= w->now_ms + STALL_MS);
    pass(w, STALL_MS);
    assert_int_equal(flood(w, b, 1), 1);
    assert_int_equal(flood(w, a, 100), 100);
    struct kith_status s = status(w);
    assert_int_equal(s.awaiting, OF_PEER + 1); /* a pushes out its own, and not b's */
    assert_int_equal(s.unjudged, 100);
    judge(w, 3, KITH_ACCEPT); /* b's */
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], a));
    assert_false(controller_takes(w->core, a)); /* verdicts come again, so a waits again */
    world_free(w);
}

static void if_places_are_short_and_verdicts_do_not_come_the_oldest_goes(void **state)
{
    struct world *w = validated_world();
    (void)state;
    for (int i = 0; i < VERDICTS / OF_PEER; i++) {
        assert_int_equal(flood(w, incoming(w, i + 1), VERDICTS), OF_PEER);
    }
    struct peer_ref late = incoming(w, VERDICTS);
    pass(w, STALL_MS);
    assert_int_equal(flood(w, late, 1), 1);
    assert_int_equal(status(w).awaiting, VERDICTS);
    judge(w, 1, KITH_ACCEPT); /* pushed out */
    assert_int_equal(w->n_posted, 0);
    judge(w, 2, KITH_ACCEPT);
    assert_int_equal(w->n_posted, VERDICTS / OF_PEER);
    world_free(w);
}

static void a_peer_pushes_out_the_oldest_of_its_own_that_is_left(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1), b = incoming(w, 2);
    assert_int_equal(flood(w, a, VERDICTS), OF_PEER);
    judge(w, 1, KITH_IGNORE);
    assert_int_equal(flood(w, a, VERDICTS), 1);
    pass(w, STALL_MS);
    assert_int_equal(flood(w, a, 1), 1); /* in place of the second */
    judge(w, 2, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 0);
    judge(w, 3, KITH_ACCEPT);
    judge(w, 4, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 2);
    assert_true(peer_ref_equal(w->posted[0], b));
    world_free(w);
}

static void what_waits_for_room_waits_for_a_verdict_afterwards(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    incoming(w, 2);
    w->from_full = true;
    receive(w, a, "hello");
    assert_int_equal(status(w).awaiting, 0);
    w->from_full = false;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(status(w).awaiting, 1);
    judge(w, 1, KITH_ACCEPT);
    assert_int_equal(w->n_posted, 1);
    world_free(w);
}

static void at_the_end_what_waits_is_counted(void **state)
{
    struct world *w = validated_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    receive(w, a, "hello");
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    judge(w, 1, KITH_ACCEPT);
    receive(w, a, "late");
    assert_int_equal(w->n_delivered, 2);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(status(w).awaiting, 0);
    world_free(w);
}

static void without_the_option_nothing_waits(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.relay = RELAY_ALL;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    incoming(w, 2);
    receive(w, a, "hello");
    assert_int_equal(w->n_posted, 1);
    judge(w, 1, KITH_REJECT);
    assert_int_equal(status(w).rejected, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_passed_on_once_it_is_accepted),
        cmocka_unit_test(a_message_that_is_ignored_costs_nobody_anything),
        cmocka_unit_test(a_message_that_is_rejected_costs_its_sender),
        cmocka_unit_test(who_leaves_before_the_verdict_pays_all_the_same),
        cmocka_unit_test(without_a_verdict_in_time_it_is_counted_and_not_passed_on),
        cmocka_unit_test(while_verdicts_come_a_peer_with_too_many_waits),
        cmocka_unit_test(if_all_places_are_taken_everybody_waits),
        cmocka_unit_test(so_much_payload_waits_at_most),
        cmocka_unit_test(a_peer_of_large_messages_leaves_the_others_room),
        cmocka_unit_test(an_application_that_gives_no_verdict_holds_nobody_back),
        cmocka_unit_test(if_places_are_short_and_verdicts_do_not_come_the_oldest_goes),
        cmocka_unit_test(a_peer_pushes_out_the_oldest_of_its_own_that_is_left),
        cmocka_unit_test(what_waits_for_room_waits_for_a_verdict_afterwards),
        cmocka_unit_test(at_the_end_what_waits_is_counted),
        cmocka_unit_test(without_the_option_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
