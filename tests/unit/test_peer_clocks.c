/* Our clock beside those of the peers. */
#include "tests/unit/core_fixture.h"

#define DAY INT64_C(86400000)

static const char five[] = "5.0.0.1:3031 5.1.0.1:3031 5.2.0.1:3031 5.3.0.1:3031 5.4.0.1:3031";

/* A node that dials those, and tells their clocks. */
static struct world *world_that_dials(const char *peers)
{
    struct world *w = world_of("mintlayer");
    assert_true(protocol_network(w->config.protocol, "MAIN", NULL, &w->config.node.network));
    special_flag(w, peers);
    w->config.exclusive = true;
    w->config.log_level = LOG_LEVEL_WARNING;
    world_open(w);
    return w;
}

static void online_at(struct world *w, struct peer_ref slot, const char *text, int64_t ahead_ms)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->endpoint = endpoint_of(text);
    t->version = 3;
    t->clock = (struct peer_clock){.is_told = true, .ahead_ms = ahead_ms};
    snprintf(t->hash, sizeof t->hash, "%s", text);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = t});
}

static void refused_at(struct world *w, struct peer_ref slot, int64_t ahead_ms)
{
    struct ending e = {.clock = {.is_told = true, .ahead_ms = ahead_ms}};
    ended_as(w, slot, END_CLOCK, &e);
    handle(w, (struct message){.type = MSG_GONE, .peer = slot});
}

static void expect(struct world *w, uint32_t outgoing, int64_t offset_ms, uint32_t incoming,
                   int64_t offset_in_ms)
{
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_STATUS)});
    const struct kith_status *s = &w->last_status;
    assert_int_equal(s->clocks_outgoing, outgoing);
    assert_int_equal(s->clock_offset_ms, offset_ms);
    assert_int_equal(s->clocks_incoming, incoming);
    assert_int_equal(s->clock_offset_in_ms, offset_in_ms);
}

static int64_t read_at(uint64_t told_s, int64_t wall_ms)
{
    struct peer_clock clock = peer_clock_read(told_s, wall_ms);
    assert_true(clock.is_told);
    return clock.ahead_ms;
}

static void a_clock_may_be_told_as_any_number(void **state)
{
    (void)state;
    assert_int_equal(read_at(1700000000, 1700000000000), 500);
    assert_int_equal(read_at(1700000010, 1700000000500), 10000);
    assert_int_equal(read_at(0, 1700000000000), -1700000000000 + 500);
    const int64_t walls[] = {INT64_MIN, -PEER_CLOCK_MOST_MS, 0, 1700000000000, INT64_MAX};
    const uint64_t told[] = {0, 1700000000, UINT64_MAX / 1000, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < 25; i++) {
        int64_t ahead_ms = read_at(told[i % 5], walls[i / 5]);
        assert_true(ahead_ms <= PEER_CLOCK_MOST_MS && ahead_ms >= -PEER_CLOCK_MOST_MS);
    }
    assert_int_equal(read_at(UINT64_MAX, 1700000000000), PEER_CLOCK_MOST_MS);
    assert_int_equal(read_at(0, INT64_MAX), -PEER_CLOCK_MOST_MS);
}

static void the_median_of_those_that_were_dialed_counts(void **state)
{
    static const int64_t ahead[] = {300, -200, 90000, 100, -PEER_CLOCK_MOST_MS};
    static const int64_t then[] = {300, 300, 300, 300, 100};
    struct world *w = world_that_dials(five);
    (void)state;
    expect(w, 0, 0, 0, 0);
    for (uint32_t i = 0; i < 5; i++) {
        online_at(w, w->dialed[i], w->dialed_to[i], ahead[i]);
        expect(w, i + 1, then[i], 0, 0);
    }
    refused_at(w, knock(w, "10.1.0.1:40000"), 7000);
    refused_at(w, knock(w, "10.1.0.1:40001"), 8000); /* the same again */
    refused_at(w, knock(w, "10.2.0.1:40000"), 9000);
    expect(w, 5, 100, 2, 9000);
    world_free(w);
}

static void a_step_of_our_own_clock_shows_at_once(void **state)
{
    struct world *w = world_that_dials(five);
    (void)state;
    online_at(w, w->dialed[0], w->dialed_to[0], 400);
    w->wall_ahead_ms = -60000;
    expect(w, 1, 60400, 0, 0);
    pass(w, 5000); /* time that passes is no step */
    expect(w, 1, 60400, 0, 0);
    world_free(w);
}

static void those_that_have_gone_count_for_a_day(void **state)
{
    struct world *w = world_that_dials(five);
    (void)state;
    online_at(w, w->dialed[0], w->dialed_to[0], 100);
    online_at(w, w->dialed[1], w->dialed_to[1], 5000);
    ended(w, w->dialed[1], END_CLOSED);
    w->now_ms += DAY - 1;
    expect(w, 2, 5000, 0, 0);
    w->now_ms += 1;
    expect(w, 1, 100, 0, 0);
    world_free(w);
}

static void the_last_that_were_told_are_kept(void **state)
{
    char text[32];
    struct world *w = world_that_dials(five);
    (void)state;
    w->config.exclusive = false;
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "10.%d.0.1:40000", i);
        w->now_ms += 60000; /* no more at once than it likes */
        struct peer_ref slot = knock(w, text);
        assert_true(slot.generation);
        refused_at(w, slot, i < 150 ? -9000 : 9000);
    }
    expect(w, 0, 0, 64, 9000);
    world_free(w);
}

static void we_are_no_peer_of_our_own(void **state)
{
    struct world *w = world_that_dials(five);
    (void)state;
    w->config.exclusive = false;
    online_at(w, w->dialed[0], w->dialed_to[0], 100);
    online_at(w, w->dialed[1], w->dialed_to[1], 0);
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->nonce = w->dialed_nonce[1];
    t->clock = (struct peer_clock){.is_told = true};
    struct peer_ref slot = knock(w, "5.1.0.1:40000");
    handle(w, (struct message){.type = MSG_MET, .peer = slot, .info = t});
    ended(w, slot, END_LOOPBACK);
    ended(w, w->dialed[1], END_CLOSED);
    expect(w, 1, 100, 0, 0);
    world_free(w);
}

static void five_that_differ_from_us_are_a_warning_once(void **state)
{
    struct world *w = world_that_dials(five);
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        online_at(w, w->dialed[i], w->dialed_to[i], 6000);
    }
    pass(w, 60000);
    assert_int_equal(w->n_lines, 0);
    online_at(w, w->dialed[4], w->dialed_to[4], 6000);
    pass(w, 60000);
    pass(w, 60000);
    assert_int_equal(w->n_lines, 1);
    assert_string_equal(w->last_line,
                        "our clock is 6 s behind those of 5 peers that we dialed, in the median");
    w->wall_ahead_ms = 6000; /* it is set right, */
    pass(w, 60000);
    w->wall_ahead_ms = 30000; /* and wrong */
    pass(w, 60000);
    assert_int_equal(w->n_lines, 2);
    assert_string_equal(w->last_line,
                        "our clock is 24 s ahead of those of 5 peers that we dialed, in the median");
    world_free(w);
}

static void the_list_of_peers_tells_each_clock(void **state)
{
    struct world *w = world_that_dials(five);
    (void)state;
    online_at(w, w->dialed[0], w->dialed_to[0], -1500);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_PEERS)});
    assert_int_equal(w->clock_offset_ms, -1500);
    online(w, w->dialed[1], w->dialed_to[1], 0);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_PEERS)});
    assert_int_equal(w->clock_offset_ms, KITH_NO_CLOCK);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_may_be_told_as_any_number),
        cmocka_unit_test(the_median_of_those_that_were_dialed_counts),
        cmocka_unit_test(a_step_of_our_own_clock_shows_at_once),
        cmocka_unit_test(those_that_have_gone_count_for_a_day),
        cmocka_unit_test(the_last_that_were_told_are_kept),
        cmocka_unit_test(we_are_no_peer_of_our_own),
        cmocka_unit_test(five_that_differ_from_us_are_a_warning_once),
        cmocka_unit_test(the_list_of_peers_tells_each_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
