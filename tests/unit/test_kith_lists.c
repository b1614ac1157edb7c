/* What the operator asks and says of peers: bans, known addresses, scores, reports, special peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/address_list.h"
#include "tests/unit/kith_fixture.h"

enum { NAME = 200, ADDRESS = 300, AN_HOUR = 3600 * 1000 };

/* --- bans and scores --- */

static void bans_are_listed_until_they_end(void **state)
{
    struct kith *node = open_set("127.0.77.1", NULL, NULL);
    struct kith_item item;
    (void)state;
    assert_int_equal(kith_ask_bans(node, 1), KITH_OK);
    next_event(node, KITH_BANS, &item);
    assert_int_equal(item.event.id, 1);
    assert_int_equal(item.event.count, 0);

    int64_t before_ms = (int64_t)time(NULL) * 1000;
    assert_int_equal(kith_ban(node, "10.1.2.3", AN_HOUR, 2), KITH_OK);
    assert_int_equal(kith_ban(node, "2001:db8::7", 2 * AN_HOUR, 3), KITH_OK);
    assert_int_equal(kith_ask_bans(node, 4), KITH_OK);
    next_event(node, KITH_BANS, &item);
    assert_int_equal(item.event.count, 2);
    bool is_first = strcmp(KITH_BAN_AT(&item.event, 0)->subject, "10.1.2.3") == 0;
    const struct kith_ban *v4 = KITH_BAN_AT(&item.event, !is_first);
    const struct kith_ban *v6 = KITH_BAN_AT(&item.event, is_first);
    assert_string_equal(v4->subject, "10.1.2.3");
    assert_string_equal(v6->subject, "2001:db8::");
    assert_false(v4->is_id);
    assert_int_equal(v4->size, sizeof *v4);
    assert_in_range(v4->left_ms, AN_HOUR - WAIT_MS, AN_HOUR);
    assert_in_range(v4->until_ms, before_ms + AN_HOUR, before_ms + AN_HOUR + WAIT_MS);

    assert_int_equal(kith_unban(node, v6->subject, 5), KITH_OK);
    assert_int_equal(kith_ask_bans(node, 6), KITH_OK);
    next_event(node, KITH_BANS, &item);
    assert_int_equal(item.event.count, 1);
    assert_string_equal(item.event.bans->subject, "10.1.2.3");
    kith_close(node);
}

/* The event is valid until the next call on the node. */
static const struct kith_score *score(struct kith *node, const char *of, struct kith_item *item)
{
    assert_int_equal(kith_ask_score(node, of, 9), KITH_OK);
    do {
        next(node, item);
    } while (item->event.type != KITH_SCORE);
    assert_int_equal(item->event.id, 9);
    assert_non_null(item->event.score);
    return item->event.score;
}

static void the_score_of_an_address_tells_a_ban(void **state)
{
    struct kith *node = open_set("127.0.77.1", NULL, NULL);
    struct kith_item item;
    (void)state;
    const struct kith_score *s = score(node, "10.1.2.3:77", &item);
    assert_string_equal(s->address, "10.1.2.3");
    assert_string_equal(s->id, "");
    assert_int_equal(s->size, sizeof *s);
    assert_true(s->quality == 0 && !s->banned && !s->refused && !s->discouraged);
    assert_int_equal(kith_ban(node, "10.1.2.3", 0, 1), KITH_OK);
    s = score(node, "10.1.2.3", &item);
    assert_true(s->banned && s->refused && s->quality < -1000);
    assert_int_equal(kith_ask_score(node, "nobody", 2), KITH_NO_PEER);
    kith_close(node);
}

/* --- reports --- */

static void reports_move_the_quality_of_a_peer_either_way(void **state)
{
    struct kith *a, *b;
    struct kith_item item;
    char name[NAME];
    (void)state;
    open_pair(&a, &b, name, sizeof name);
    assert_int_equal(kith_report(a, name, -50, 1), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_int_equal(item.event.id, 1);
    assert_int_equal(score(a, name, &item)->quality, -50);
    assert_int_equal(kith_report(a, name, 30, 2), KITH_OK);
    assert_int_equal(kith_report(a, name, 25, 3), KITH_OK);
    assert_int_equal(score(a, name, &item)->quality, 5);
    assert_int_equal(kith_report(a, name, KITH_REPORT_MAX + 1, 4), KITH_INVALID);
    assert_int_equal(kith_report(a, name, -KITH_REPORT_MAX - 1, 4), KITH_INVALID);
    assert_int_equal(kith_report(a, name, INT32_MIN, 4), KITH_INVALID);
    assert_int_equal(kith_report(a, "nobody", 1, 4), KITH_NO_PEER);
    kith_close(a);
    kith_close(b);
}

static void a_report_without_an_id_is_not_answered(void **state)
{
    struct kith *a, *b;
    struct kith_item item;
    char name[NAME];
    (void)state;
    open_pair(&a, &b, name, sizeof name);
    assert_int_equal(kith_report(a, name, -5, 0), KITH_OK);
    assert_int_equal(kith_ask_score(a, name, 1), KITH_OK);
    assert_int_equal(next(a, &item), KITH_EVENT);
    assert_int_equal(item.event.type, KITH_SCORE);
    assert_int_equal(item.event.score->quality, -5);
    kith_close(a);
    kith_close(b);
}

/* b knows a as an ordinary peer. a has b as a special one, whom a ban alone keeps out. */
static void who_is_reported_below_what_is_refused_has_to_go(void **state)
{
    struct kith *a, *b;
    struct kith_item item;
    char name[NAME], name_of_a[NAME];
    (void)state;
    open_pair(&a, &b, name, sizeof name);
    assert_int_equal(kith_report(a, name, -KITH_REPORT_MAX, 1), KITH_OK);
    assert_true(score(a, name, &item)->refused);
    assert_int_equal(kith_send(a, name, "x", 1, 0), KITH_OK);
    assert_int_equal(next(b, &item), KITH_PARCEL);
    snprintf(name_of_a, sizeof name_of_a, "%s", item.parcel.peer);

    assert_int_equal(kith_report(b, name_of_a, -KITH_REPORT_MAX, 2), KITH_OK);
    next_event(b, KITH_OFFLINE, &item);
    assert_int_equal(item.event.reason, KITH_END_JUDGED);
    assert_true(score(b, "127.0.77.1", &item)->refused);
    next_event(a, KITH_OFFLINE, &item);
    assert_int_equal(kith_report(b, name_of_a, -1, 3), KITH_NO_PEER);
    kith_close(a);
    kith_close(b);
}

/* --- known addresses --- */

static void known_addresses_are_listed_with_their_source(void **state)
{
    const struct given_setting settings[] = {
        {"bootstrap", "127.0.78.1:9001 127.0.78.2:9002"}, {"exclusive", "false"}, {0}};
    struct kith *node = open_set("127.0.77.1", NULL, settings);
    struct kith_item item;
    (void)state;
    assert_int_equal(kith_ask_known(node, 0, 1), KITH_OK);
    next_event(node, KITH_KNOWN, &item);
    assert_int_equal(item.event.id, 1);
    assert_int_equal(item.event.count, 2);
    for (uint64_t i = 0; i < 2; i++) {
        const struct kith_known *k = KITH_KNOWN_AT(&item.event, i);
        assert_int_equal(k->size, sizeof *k);
        assert_int_equal(k->source, KITH_FROM_OPERATOR);
        assert_true(strcmp(k->address, i ? "127.0.78.2:9002" : "127.0.78.1:9001") == 0);
        assert_true(!k->tried && k->answered_ms == 0);
        assert_true(k->learned_ms > INT64_C(1577836800000)); /* 2020: the wall clock's */
    }
    assert_int_equal(kith_ask_known(node, 1, 2), KITH_OK);
    next_event(node, KITH_KNOWN, &item);
    assert_int_equal(item.event.count, 1);
    kith_close(node);
}

static void a_peer_that_answered_is_first_of_the_known(void **state)
{
    const struct given_setting settings[] = {{"bootstrap", "127.0.78.1:9001"}, {"exclusive", "false"}, {0}};
    struct kith *a, *b;
    struct kith_item item;
    char name[NAME];
    (void)state;
    open_pair_set(&a, &b, name, sizeof name, settings);
    assert_int_equal(kith_ask_known(a, 0, 1), KITH_OK);
    next_event(a, KITH_KNOWN, &item);
    assert_int_equal(item.event.count, 2);
    assert_int_equal(strncmp(item.event.known->address, "127.0.77.2:", 11), 0);
    assert_true(item.event.known->tried && item.event.known->answered_ms > 0);
    kith_close(a);
    kith_close(b);
}

/* --- special peers --- */

static bool is_special(struct kith *node)
{
    struct kith_item item;
    assert_int_equal(kith_ask_peers(node, 8), KITH_OK);
    next_event(node, KITH_PEERS, &item);
    assert_int_equal(item.event.count, 1);
    return item.event.peers->special;
}

static void special_peers_are_added_and_taken_away_one_by_one(void **state)
{
    struct kith *a = open_set("127.0.77.1", NULL, NULL);
    struct kith *b = open_set("127.0.77.2", NULL, NULL);
    struct kith_item item;
    char address[ADDRESS];
    (void)state;
    next_event(b, KITH_LISTENING, &item);
    snprintf(address, sizeof address, "%s", item.event.address);
    assert_int_equal(kith_special_add(a, "127.0.78.1:9001", 1), KITH_OK);
    assert_int_equal(kith_special_add(a, address, 2), KITH_OK);
    next_event(a, KITH_ONLINE, &item);
    assert_true(item.event.peer->special);
    assert_int_equal(kith_special_remove(a, "127.0.78.1:9001 127.0.78.2:9002", 3), KITH_OK);
    next_event(a, KITH_FAILED, &item);
    assert_int_equal(item.event.id, 3);
    assert_int_equal(item.event.reason, KITH_FAIL_UNKNOWN);
    assert_int_equal(kith_special_remove(a, "127.0.78.1:9001", 4), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_int_equal(item.event.id, 4);
    assert_true(is_special(a));
    assert_int_equal(kith_special_remove(a, address, 5), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_false(is_special(a)); /* the connection stays */
    assert_int_equal(kith_special_add(a, "no port", 6), KITH_INVALID);
    assert_int_equal(kith_special_remove(a, "no port", 6), KITH_INVALID);
    kith_close(a);
    kith_close(b);
}

static void no_more_special_peers_are_added_than_a_list_may_hold(void **state)
{
    const struct given_setting settings[] = {{"redialSpecial", "3600000"}, {0}};
    struct kith *node = open_set("127.0.77.1", NULL, settings);
    struct kith_item item;
    static char many[SPECIAL_MAX * sizeof "host0000.invalid:1 "];
    size_t at = 0;
    (void)state;
    for (int i = 0; i < SPECIAL_MAX - 1; i++) {
        at += (size_t)snprintf(many + at, sizeof many - at, "[2001:db8::%x]:1 ",
                               i + 1); /* not dialed from an IPv4 address */
    }
    assert_int_equal(kith_special_add(node, many, 1), KITH_OK);
    next_event(node, KITH_DONE, &item);
    assert_int_equal(kith_special_add(node, "[2001:db8::1]:1 [2001:db8::f001]:1", 2),
                     KITH_OK); /* one of them anew */
    next_event(node, KITH_DONE, &item);
    assert_int_equal(kith_special_add(node, "[2001:db8::f002]:1", 3), KITH_OK);
    next_event(node, KITH_FAILED, &item);
    assert_int_equal(item.event.reason, KITH_FAIL_FULL);
    kith_close(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bans_are_listed_until_they_end),
        cmocka_unit_test(the_score_of_an_address_tells_a_ban),
        cmocka_unit_test(reports_move_the_quality_of_a_peer_either_way),
        cmocka_unit_test(a_report_without_an_id_is_not_answered),
        cmocka_unit_test(who_is_reported_below_what_is_refused_has_to_go),
        cmocka_unit_test(known_addresses_are_listed_with_their_source),
        cmocka_unit_test(a_peer_that_answered_is_first_of_the_known),
        cmocka_unit_test(special_peers_are_added_and_taken_away_one_by_one),
        cmocka_unit_test(no_more_special_peers_are_added_than_a_list_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
