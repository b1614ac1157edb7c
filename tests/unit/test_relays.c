/* Connections that only relay: docs/protocols/mintlayer.md, section 10. */
#include "protocol/mintlayer/mintlayer.h"
#include "protocol/mintlayer/setting.h"
#include "tests/unit/core_fixture.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, SEEDS = 16 };

static struct mintlayer_settings settings;

static struct world *a_world(uint32_t services)
{
    struct world *w = world_of("mintlayer");
    settings = mintlayer_setting_defaults;
    settings.services = services;
    w->config.node.settings = &settings;
    w->config.outgoing = 2;
    return w;
}

static void learn_many(struct world *w)
{
    for (int i = 1; i <= SEEDS; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.0.1:23031", i);
        seed(w, text);
    }
}

static void answer(struct world *w, size_t i)
{
    online(w, w->dialed[i], w->dialed_to[i], i + 1);
}

/* Each dial is answered at once; feelers end. */
static void live_for(struct world *w, int64_t ms)
{
    for (int64_t end_ms = w->now_ms + ms; w->now_ms < end_ms;) {
        size_t before = w->n_dialed;
        pass(w, SECOND);
        for (size_t i = before; i < w->n_dialed; i++) {
            answer(w, i);
            if (w->dialed_purpose[i] == PURPOSE_FEELER) {
                ended(w, w->dialed[i], END_DISCONNECT);
            }
        }
    }
}

static size_t dials(const struct world *w, enum purpose purpose)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_dialed; i++) {
        n += w->dialed_purpose[i] == purpose;
    }
    return n;
}

/* With two ordinary connections, and those that only relay in order of their dials. */
static struct world *world_with_relays(struct peer_ref relays[2])
{
    struct world *w = a_world(MINTLAYER_BLOCKS | MINTLAYER_ADDRESSES);
    world_open(w);
    learn_many(w);
    live_for(w, MINUTE);
    assert_int_equal(dials(w, PURPOSE_PEER), 2);
    assert_int_equal(dials(w, PURPOSE_RELAY), 2);
    for (size_t i = 0, n = 0; i < w->n_dialed; i++) {
        if (w->dialed_purpose[i] == PURPOSE_RELAY) {
            relays[n++] = w->dialed[i];
        }
    }
    return w;
}

/* The next one that is dialed to relay; fails if there is none within that time. */
static struct peer_ref next_relay(struct world *w, int64_t within_ms)
{
    size_t before = dials(w, PURPOSE_RELAY);
    for (int64_t end_ms = w->now_ms + within_ms; dials(w, PURPOSE_RELAY) == before;) {
        live_for(w, SECOND);
        assert_true(w->now_ms <= end_ms);
    }
    size_t i = w->n_dialed;
    while (w->dialed_purpose[--i] != PURPOSE_RELAY) {
    }
    return w->dialed[i];
}

/* Who was asked to end for another one, if anybody was; nobody else was asked, but feelers. */
static struct peer_ref evicted(const struct world *w)
{
    struct peer_ref found = PEER_NOBODY;
    for (size_t i = 0; i < w->n_closed; i++) {
        if (w->closed_why[i] == END_EVICTED) {
            assert_false(found.generation);
            found = w->closed[i];
        } else {
            assert_int_equal(w->closed_why[i], END_DISCONNECT);
        }
    }
    return found;
}

static void bring(struct world *w, struct peer_ref from)
{
    handle(w, (struct message){.type = MSG_PEER,
                               .kind = MINTLAYER_BLOCK_RESPONSE,
                               .peer = from,
                               .parcel = parcel_new("block", 5)});
}

/* Not before the ordinary places are filled, and beside those; one that ends is replaced. */
static void two_stand_beside_the_ordinary_ones(void **state)
{
    struct peer_ref relays[2];
    (void)state;
    struct world *w = a_world(MINTLAYER_BLOCKS | MINTLAYER_ADDRESSES);
    world_open(w);
    learn_many(w);
    for (int i = 0; i < 60; i++) {
        pass(w, SECOND);
    }
    assert_int_equal(w->n_dialed, 2);
    assert_int_equal(dials(w, PURPOSE_RELAY), 0);
    world_free(w);
    w = world_with_relays(relays);
    ended(w, relays[0], END_CLOSED);
    live_for(w, MINUTE);
    assert_int_equal(dials(w, PURPOSE_RELAY), 3);
    assert_int_equal(dials(w, PURPOSE_PEER), 2);
    world_free(w);
}

static void who_offers_no_blocks_or_is_exclusive_has_none(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct world *w = a_world(i == 0 ? MINTLAYER_ADDRESSES : MINTLAYER_BLOCKS);
        w->config.exclusive = i == 1;
        w->config.node.limits.relays = i == 2 ? 0 : 2;
        w->config.outgoing = i == 3 ? 0 : 2;
        world_open(w);
        learn_many(w);
        live_for(w, 20 * MINUTE);
        assert_int_equal(dials(w, PURPOSE_RELAY), 0);
        world_free(w);
    }
}

/* One more is dialed now and then. Then the youngest goes that has been there for two minutes and brought
 * nothing. */
static void one_more_takes_turns(void **state)
{
    struct peer_ref relays[2];
    (void)state;
    struct world *w = world_with_relays(relays);
    next_relay(w, 8 * MINUTE);
    live_for(w, 40 * SECOND);
    assert_true(peer_ref_equal(evicted(w), relays[1]));
    live_for(w, MINUTE); /* asked, and not gone yet: nobody else is */
    assert_true(peer_ref_equal(evicted(w), relays[1]));
    ended(w, relays[1], END_EVICTED);
    assert_int_equal(dials(w, PURPOSE_RELAY), 3);
    next_relay(w, 8 * MINUTE);
    world_free(w);
}

/* Who has just come has two minutes. The two are replaced again and again, so that all are young. */
static void newcomers_have_their_time(void **state)
{
    struct peer_ref relays[2];
    (void)state;
    struct world *w = world_with_relays(relays);
    int64_t since_ms = w->now_ms;
    for (size_t n = 2; dials(w, PURPOSE_RELAY) == n; n += 2) {
        ended(w, relays[0], END_CLOSED);
        ended(w, relays[1], END_CLOSED);
        while (dials(w, PURPOSE_RELAY) < n + 2) {
            live_for(w, SECOND);
        }
        since_ms = w->now_ms;
        for (size_t i = w->n_dialed, found = 2; found > 0;) {
            if (w->dialed_purpose[--i] == PURPOSE_RELAY) {
                relays[--found] = w->dialed[i];
            }
        }
        while (w->now_ms - since_ms < 100 * SECOND && dials(w, PURPOSE_RELAY) == n + 2) {
            live_for(w, SECOND);
        }
    }
    assert_false(evicted(w).generation);
    while (!evicted(w).generation) {
        live_for(w, SECOND);
    }
    assert_in_range(w->now_ms - since_ms, 2 * MINUTE, 3 * MINUTE);
    assert_true(peer_ref_equal(evicted(w), relays[1]));
    world_free(w);
}

static void who_brings_blocks_stays(void **state)
{
    struct peer_ref relays[2];
    (void)state;
    struct world *w = world_with_relays(relays);
    bring(w, relays[0]);
    struct peer_ref third = next_relay(w, 8 * MINUTE);
    bring(w, third);
    live_for(w, 150 * SECOND);
    assert_true(peer_ref_equal(evicted(w), relays[1])); /* never brought one */
    world_free(w);
    w = world_with_relays(relays);
    bring(w, relays[1]);
    pass(w, 1);
    bring(w, relays[0]);
    third = next_relay(w, 8 * MINUTE);
    bring(w, third);
    live_for(w, 150 * SECOND);
    assert_true(peer_ref_equal(evicted(w), relays[1])); /* its last is the oldest */
    world_free(w);
}

/* It stays, still only relays, and takes no ordinary place. */
static void one_that_the_operator_makes_special_is_counted_once_and_stays(void **state)
{
    struct peer_ref relays[2];
    char bad[300];
    (void)state;
    struct world *w = world_with_relays(relays);
    size_t i = 0;
    while (!peer_ref_equal(w->dialed[i], relays[1])) {
        i++;
    }
    struct command *c = command(COMMAND_SPECIAL);
    assert_int_equal(address_list_parse(&c->peers, w->dialed_to[i], bad, sizeof bad), 0);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    next_relay(w, 8 * MINUTE);
    assert_int_equal(dials(w, PURPOSE_PEER), 2);
    live_for(w, 150 * SECOND);
    assert_true(peer_ref_equal(evicted(w), relays[0]));
    world_free(w);
}

static void no_more_of_them_are_dialed_at_once_than_may_be(void **state)
{
    (void)state;
    struct world *w = a_world(MINTLAYER_BLOCKS | MINTLAYER_ADDRESSES);
    w->config.node.limits.relays = 8;
    w->config.node.limits.dials = 3;
    world_open(w);
    learn_many(w);
    pass(w, SECOND);
    for (size_t i = 0; i < 2; i++) {
        answer(w, i);
    }
    for (int64_t until_ms = w->now_ms + 10 * MINUTE; w->now_ms < until_ms;) {
        pass(w, SECOND);
    }
    assert_int_equal(w->n_dialed, 2 + 3);
    for (size_t i = 2; i < 5; i++) {
        answer(w, i);
    }
    live_for(w, 10 * MINUTE);
    assert_true(dials(w, PURPOSE_RELAY) >= 8);
    world_free(w);
}

static struct book_snapshot *a_snapshot(const char *anchors[], size_t n)
{
    struct book_snapshot *s = book_snapshot_new(n, 0, 0);
    assert_non_null(s);
    for (s->n_entries = 0; s->n_entries < n; s->n_entries++) {
        s->entries[s->n_entries] = (struct book_entry){.endpoint = endpoint_of(anchors[s->n_entries]),
                                                       .heard_ms = 1700000000000 - MINUTE,
                                                       .answered_ms = 1700000000000 - MINUTE,
                                                       .since_ms = 1700000000000 - MINUTE,
                                                       .learned_ms = 1700000000000 - MINUTE,
                                                       .source = SOURCE_PEER,
                                                       .tried = true,
                                                       .anchor = s->n_entries < 2};
    }
    return s;
}

/* They alone are saved as anchors, and are dialed first after a start. */
static void they_are_the_anchors(void **state)
{
    struct peer_ref relays[2];
    (void)state;
    struct world *w = world_with_relays(relays);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    for (size_t i = 0; i < w->n_dialed; i++) {
        ended(w, w->dialed[i], END_SHUTDOWN);
    }
    pass(w, 10);
    assert_int_equal(w->saved_anchors, 2);
    world_free(w);
    const char *known[] = {"10.1.0.1:23031", "10.2.0.1:23031", "10.3.0.1:23031", "10.4.0.1:23031",
                           "10.5.0.1:23031"};
    for (int chain = 0; chain < 2; chain++) {
        w = a_world(chain ? MINTLAYER_BLOCKS : MINTLAYER_ADDRESSES);
        struct book_snapshot *s = a_snapshot(known, 5);
        w->core = controller_new(&w->config, &actions, w, s, now(w));
        assert_non_null(w->core);
        book_snapshot_free(s);
        controller_start(w->core, now(w));
        assert_int_equal(dials(w, PURPOSE_RELAY), chain ? 2 : 0);
        assert_int_equal(w->n_dialed, chain ? 4 : 2);
        for (size_t i = 0; i < 2; i++) {
            bool is_first = strcmp(w->dialed_to[i], known[0]) == 0 || strcmp(w->dialed_to[i], known[1]) == 0;
            assert_true(is_first && w->dialed_purpose[i] == (chain ? PURPOSE_RELAY : PURPOSE_PEER));
        }
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_stand_beside_the_ordinary_ones),
        cmocka_unit_test(who_offers_no_blocks_or_is_exclusive_has_none),
        cmocka_unit_test(one_more_takes_turns),
        cmocka_unit_test(newcomers_have_their_time),
        cmocka_unit_test(who_brings_blocks_stays),
        cmocka_unit_test(one_that_the_operator_makes_special_is_counted_once_and_stays),
        cmocka_unit_test(no_more_of_them_are_dialed_at_once_than_may_be),
        cmocka_unit_test(they_are_the_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
