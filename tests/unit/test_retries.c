/* When the core dials again whom it did not reach, or who said nothing, with Mintlayer's rules:
 * docs/protocols/mintlayer.md, section 10. */
#include "protocol/known_peers.h"
#include "protocol/mintlayer/mintlayer.h"
#include "tests/unit/core_fixture.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const char somebody[] = "10.1.0.1:23031", teller[] = "10.9.0.1:40000";

static struct world *mintlayer_world(void)
{
    struct world *w = world_of("mintlayer");
    w->config.outgoing = 1;
    w->has_no_seeds = true;
    world_open(w);
    return w;
}

/* Whoever has dialed us tells of that address, and goes. */
static void hear_of(struct world *w, const char *text)
{
    struct peer_ref from = knock(w, teller);
    struct peer_info *info = calloc(1, sizeof *info); /* of one that listens nowhere */
    assert_non_null(info);
    snprintf(info->hash, sizeof info->hash, "%s", teller);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = from, .info = info});
    struct known_peers peers;
    struct message m = {.type = MSG_PEER, .kind = MINTLAYER_ANNOUNCE_ADDR_REQUEST, .peer = from};
    m.parcel = known_peers_new(1, &peers);
    assert_non_null(m.parcel);
    peers.list[0].endpoint = endpoint_of(text);
    handle(w, m);
    ended(w, from, END_CLOSED);
}

/* Until it dials; the time that took. Fails after that time. */
static int64_t until_dial(struct world *w, int64_t most_ms)
{
    int64_t since = w->now_ms;
    size_t before = w->n_dialed;
    while (w->n_dialed == before) {
        int64_t due = controller_deadline(w->core), step = due - w->now_ms;
        pass(w, step < 0 ? 0 : step < SECOND ? step : SECOND);
        assert_true(w->now_ms - since <= most_ms);
    }
    return w->now_ms - since;
}

static void expect_no_dial(struct world *w, int64_t ms)
{
    size_t before = w->n_dialed;
    for (int64_t until = w->now_ms + ms; w->now_ms < until;) {
        pass(w, 10 * SECOND);
        assert_int_equal(w->n_dialed, before);
    }
}

static struct peer_ref last_dial(const struct world *w)
{
    return w->dialed[w->n_dialed - 1];
}

/* One failure is enough: for an hour it is left alone, whoever tells of it, and then forgotten. */
static void who_never_answered_is_shelved_and_forgotten(void **state)
{
    struct world *w = mintlayer_world();
    (void)state;
    hear_of(w, somebody);
    until_dial(w, SECOND);
    ended(w, last_dial(w), END_DIAL_FAILED);
    expect_no_dial(w, 20 * MINUTE);
    hear_of(w, somebody);
    expect_no_dial(w, 38 * MINUTE);
    assert_int_equal(known(w), 1);
    expect_no_dial(w, 4 * MINUTE);
    assert_int_equal(known(w), 0);
    hear_of(w, somebody); /* as if for the first time */
    until_dial(w, SECOND);
    world_free(w);
}

/* Who answered once is dialed again, later and later. */
static void who_answered_once_is_dialed_later_and_later(void **state)
{
    enum { DIALS = 200 };
    struct world *w = mintlayer_world();
    (void)state;
    hear_of(w, somebody);
    until_dial(w, SECOND);
    online(w, last_dial(w), somebody, 1);
    receive_kind(w, last_dial(w), 1, "");
    ended(w, last_dial(w), END_CLOSED);
    int64_t early = 0, late = 0;
    for (int i = 0; i < DIALS; i++) {
        int64_t took = until_dial(w, 20 * HOUR);
        *(i < 4 ? &early : &late) += took;
        ended(w, last_dial(w), END_DIAL_FAILED);
    }
    assert_in_range(early, 20 * SECOND, 20 * MINUTE);
    assert_in_range(late / (DIALS - 4), 45 * MINUTE, 75 * MINUTE); /* an hour, on average */
    world_free(w);
}

/* A full peer says HelloAck and then WillDisconnect: it answers, but it is of no use. */
static void who_says_nothing_is_dialed_later_and_later(void **state)
{
    enum { DIALS = 12 };
    struct world *w = mintlayer_world();
    (void)state;
    hear_of(w, somebody);
    until_dial(w, SECOND);
    for (int i = 0; i < DIALS; i++) { /* as long as it speaks */
        online(w, last_dial(w), somebody, 1);
        receive_kind(w, last_dial(w), 1, "");
        ended(w, last_dial(w), END_CLOSED);
        until_dial(w, 15 * SECOND);
    }
    int64_t sum = 0;
    for (int i = 0; i < DIALS; i++) {
        online(w, last_dial(w), somebody, 1);
        ended(w, last_dial(w), END_CLOSED);
        sum += until_dial(w, 20 * HOUR);
    }
    assert_true(sum > HOUR);
    online(w, last_dial(w), somebody, 1);
    handle(w,
           (struct message){.type = MSG_CREDIT, .peer = last_dial(w), .credit.good = 1}); /* a ping will do */
    ended(w, last_dial(w), END_CLOSED);
    until_dial(w, 15 * SECOND);
    world_free(w);
}

/* It may have had no time to. */
static void who_is_sent_away_before_it_speaks_is_dialed_as_before(void **state)
{
    struct world *w = mintlayer_world();
    (void)state;
    hear_of(w, somebody);
    until_dial(w, SECOND);
    for (int i = 0; i < 12; i++) {
        online(w, last_dial(w), somebody, 1);
        handle(w, (struct message){.type = MSG_LEAVE, .peer = last_dial(w)});
        assert_int_equal(w->n_closed, i + 1);
        ended(w, last_dial(w), END_DISCONNECT);
        until_dial(w, 15 * SECOND);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_never_answered_is_shelved_and_forgotten),
        cmocka_unit_test(who_answered_once_is_dialed_later_and_later),
        cmocka_unit_test(who_says_nothing_is_dialed_later_and_later),
        cmocka_unit_test(who_is_sent_away_before_it_speaks_is_dialed_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
