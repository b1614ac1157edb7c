/* Versions, records that grow, and the numbers beside the texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/reasons.h"
#include "tests/unit/kith_fixture.h"

enum { NAME = 200 };

static void the_number_of_the_version_is_that_of_its_text(void **state)
{
    unsigned major, minor, patch;
    (void)state;
    assert_int_equal(sscanf(kith_version(), "%u.%u.%u", &major, &minor, &patch), 3);
    assert_int_equal(KITH_VERSION_NUM, major << 16 | minor << 8 | patch);
    assert_int_equal(kith_version_num(), KITH_VERSION_NUM);
}

static void records_of_a_later_library_are_walked_by_their_own_size(void **state)
{
    struct {
        struct kith_peer peer;
        uint64_t later;
    } peers[3] = {{.peer = {.size = sizeof peers[0], .connection = 1}},
                  {.peer = {.size = sizeof peers[0], .connection = 2}},
                  {.peer = {.size = sizeof peers[0], .connection = 3}}};
    const struct kith_event e = {.type = KITH_PEERS, .count = 3, .peers = &peers[0].peer};
    (void)state;
    for (uint64_t i = 0; i < e.count; i++) {
        assert_int_equal(KITH_PEER_AT(&e, i)->connection, i + 1);
    }
}

static void a_member_that_an_earlier_library_does_not_fill_is_seen(void **state)
{
    struct kith_peer p = {.size = offsetof(struct kith_peer, repeated)};
    (void)state;
    assert_true(KITH_HAS(&p, dropped));
    assert_false(KITH_HAS(&p, repeated));
    p.size = sizeof p;
    assert_true(KITH_HAS(&p, repeated));
}

static void each_reason_of_our_own_has_one_number_and_its_text(void **state)
{
    (void)state;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        assert_int_equal(reason_of_end((enum end_reason)i), KITH_END_NONE + i);
        assert_string_equal(kith_reason_text(reason_of_end((enum end_reason)i)),
                            end_reason_text((enum end_reason)i));
    }
    for (int i = 0; i < DROP_CAUSE_COUNT; i++) {
        assert_int_equal(reason_of_drop((enum drop_cause)i), KITH_DROP_STALLED + i);
        assert_string_equal(kith_reason_text(reason_of_drop((enum drop_cause)i)),
                            drop_cause_text((enum drop_cause)i));
    }
    for (int i = 0; i < DATAGRAM_CAUSES; i++) {
        assert_int_equal(reason_of_datagram((enum datagram_cause)i), KITH_DATAGRAM_TOO_LONG + i);
    }
    assert_string_equal(kith_reason_text((enum kith_reason)99), "unknown");
}

static void check_counts(const struct kith_count *c)
{
    for (; c->cause; c++) {
        assert_string_equal(c->cause, kith_reason_text(c->reason));
        assert_true(c->reason != KITH_REASON_NONE);
    }
}

static void events_and_counts_bear_the_numbers(void **state)
{
    struct kith *a, *b;
    struct kith_item item;
    char name[NAME];
    (void)state;
    open_pair(&a, &b, name, sizeof name);
    assert_int_equal(kith_unban(a, "10.9.9.9", 1), KITH_OK);
    next_event(a, KITH_FAILED, &item);
    assert_int_equal(item.event.reason, KITH_FAIL_UNKNOWN);
    assert_int_equal(kith_ban(a, "10.9.9.9", 0, 2), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_int_equal(item.event.reason, KITH_REASON_NONE);
    assert_int_equal(kith_ask_peers(a, 3), KITH_OK);
    next_event(a, KITH_PEERS, &item);
    assert_int_equal(item.event.peers->size, sizeof *item.event.peers);
    assert_int_equal(kith_disconnect(a, name, 4), KITH_OK);
    next_event(a, KITH_OFFLINE, &item);
    assert_int_equal(item.event.reason, KITH_END_DISCONNECT);
    assert_int_equal(item.event.peer->size, sizeof *item.event.peer);
    next_event(b, KITH_OFFLINE, &item);
    assert_int_equal(item.event.reason, KITH_END_CLOSED);
    assert_int_equal(kith_ask_status(a, 5), KITH_OK);
    next_event(a, KITH_STATUS, &item);
    assert_int_equal(item.event.status->size, sizeof *item.event.status);
    check_counts(item.event.status->dropped);
    check_counts(item.event.status->ended);
    assert_int_equal(item.event.status->ended[END_DISCONNECT].reason, KITH_END_DISCONNECT);
    kith_close(a);
    kith_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_of_the_version_is_that_of_its_text),
        cmocka_unit_test(records_of_a_later_library_are_walked_by_their_own_size),
        cmocka_unit_test(a_member_that_an_earlier_library_does_not_fill_is_seen),
        cmocka_unit_test(each_reason_of_our_own_has_one_number_and_its_text),
        cmocka_unit_test(events_and_counts_bear_the_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
