/* In which order a node asks for its first peers: those it knows, the seeds, the network's own addresses. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

#define OWN     "10.9.0.1:23031 10.8.0.1:23031" /* the network's addresses */
#define KNOWN   "10.1.0.1:23031"                /* one of the peers file */
#define SEEDED  "10.2.0.1:23031"                /* what the seeds name */
#define MINUTE  INT64_C(60000)
#define WARMING 1500 /* until who may be dialed is dialed, and the last dials' ends have been seen */

static void bootstrap(struct world *w, const char *text, bool given)
{
    char bad[300];
    assert_int_equal(address_list_parse(&w->config.bootstrap, text, bad, sizeof bad), 0);
    w->config.bootstrap_given = given;
}

/* A node of a protocol that asks in turn, or of one that does not. */
static struct world *world_in_turn(bool in_turn)
{
    struct world *w = world_of(in_turn ? "mintlayer" : "factom");
    assert_int_equal(w->config.protocol->finds_in_turn, in_turn);
    return w;
}

/* Its peers file has one address, which has answered before if `tried`. */
static void open_with_file(struct world *w, bool tried)
{
    struct book_snapshot *s = book_snapshot_new(1, 0, 0);
    assert_non_null(s);
    int64_t at_ms = now(w).wall_ms - MINUTE;
    s->entries[s->n_entries++] = (struct book_entry){.endpoint = endpoint_of(KNOWN),
                                                     .heard_ms = at_ms,
                                                     .answered_ms = tried ? at_ms : 0,
                                                     .since_ms = tried ? at_ms : 0,
                                                     .learned_ms = at_ms,
                                                     .tried = tried,
                                                     .source = SOURCE_FILE};
    w->core = controller_new(&w->config, &actions, w, s, now(w));
    assert_non_null(w->core);
    book_snapshot_free(s);
    controller_start(w->core, now(w));
}

static bool was_dialed(const struct world *w, const char *text)
{
    bool found = false;
    for (size_t i = 0; i < w->n_dialed; i++) {
        found |= strcmp(w->dialed_to[i], text) == 0;
    }
    return found;
}

static bool own_were_dialed(const struct world *w)
{
    bool one = was_dialed(w, "10.9.0.1:23031"), other = was_dialed(w, "10.8.0.1:23031");
    assert_int_equal(one, other);
    return one;
}

/* Time goes on, and every dial fails; of those so far, n_failed have. */
static void pass_alone(struct world *w, int64_t ms, size_t *n_failed)
{
    for (int64_t step = 500; ms > 0; ms -= step) {
        pass(w, step);
        for (; *n_failed < w->n_dialed; ++*n_failed) {
            ended(w, w->dialed[*n_failed], END_DIAL_FAILED);
        }
    }
}

static void seeds_tell_nothing(struct world *w, bool failed)
{
    struct seed_report *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->next_try_ms = failed ? 2000 : 0;
    snprintf(r->error, sizeof r->error, "%s",
             failed ? "DNS seeds: not one of 2 names could be looked up" : "");
    handle(w, (struct message){.type = MSG_SEEDS, .seeds = r});
}

static void whoever_answered_before_comes_first(void **state)
{
    struct world *w = world_in_turn(true);
    (void)state;
    bootstrap(w, OWN, false);
    open_with_file(w, true);
    pass(w, WARMING);
    assert_true(was_dialed(w, KNOWN));
    online(w, w->dialed[0], KNOWN, 1);
    for (int i = 0; i < 5; i++) {
        pass(w, w->config.node.timings.reseed);
        assert_int_equal(w->n_fetched, 0); /* as long as one is there, no seed is asked */
    }
    assert_false(own_were_dialed(w));
    world_free(w);
}

static void the_seeds_are_asked_if_nobody_is_known(void **state)
{
    (void)state;
    for (int with_stranger = 0; with_stranger < 2;
         with_stranger++) { /* of whom the peers file knows by hearsay */
        struct world *w = world_in_turn(true);
        bootstrap(w, OWN, false);
        if (with_stranger) {
            open_with_file(w, false);
        } else {
            world_open(w);
        }
        assert_int_equal(w->n_fetched, 1);
        seed(w, SEEDED);
        pass(w, WARMING);
        assert_true(was_dialed(w, SEEDED));
        assert_false(own_were_dialed(w));
        world_free(w);
    }
}

static void the_networks_own_come_last(void **state)
{
    (void)state;
    for (int failed = 0; failed < 2; failed++) { /* the seeds fail, or have nothing to tell */
        struct world *w = world_in_turn(true);
        bootstrap(w, OWN, false);
        world_open(w);
        pass(w, WARMING);
        assert_int_equal(w->n_dialed, 0);
        seeds_tell_nothing(w, failed);
        pass(w, WARMING);
        assert_true(own_were_dialed(w));
        world_free(w);
    }
}

static void without_seeds_the_networks_own_follow_at_once(void **state)
{
    struct world *w = world_in_turn(true);
    (void)state;
    bootstrap(w, OWN, false);
    w->has_no_seeds = true;
    world_open(w);
    pass(w, WARMING);
    assert_true(own_were_dialed(w));
    world_free(w);
}

/* Each source is passed over after a minute in which it led to nobody. */
static void dead_addresses_do_not_hold_up_the_next_source(void **state)
{
    struct world *w = world_in_turn(true);
    size_t failed = 0;
    (void)state;
    bootstrap(w, OWN, false);
    open_with_file(w, true);
    pass_alone(w, 59 * 1000, &failed);
    assert_int_equal(w->n_fetched, 0);
    pass_alone(w, 10 * 1000, &failed);
    assert_int_equal(w->n_fetched, 1);
    seed(w, SEEDED);
    pass_alone(w, 45 * 1000, &failed);
    assert_true(was_dialed(w, SEEDED));
    assert_false(own_were_dialed(w));
    pass_alone(w, 30 * 1000, &failed);
    assert_true(own_were_dialed(w));
    assert_in_range(w->n_fetched, 2, 3); /* meanwhile the seeds may know others */
    world_free(w);
}

static void what_the_operator_names_is_dialed_at_once(void **state)
{
    struct world *w = world_in_turn(true);
    (void)state;
    bootstrap(w, OWN, true);
    open_with_file(w, true);
    pass(w, WARMING);
    assert_true(own_were_dialed(w));
    assert_int_equal(w->n_fetched, 0);
    world_free(w);
}

static void other_protocols_ask_all_at_once(void **state)
{
    struct world *w = world_in_turn(false);
    (void)state;
    bootstrap(w, OWN, false);
    open_with_file(w, true);
    pass(w, WARMING);
    assert_true(own_were_dialed(w));
    assert_int_equal(w->n_fetched, 1); /* few are known */
    world_free(w);
}

static void an_exclusive_node_asks_nobody(void **state)
{
    struct world *w = world_in_turn(true);
    (void)state;
    bootstrap(w, OWN, true);
    w->config.exclusive = true;
    open_with_file(w, true);
    pass(w, 2 * w->config.node.timings.reseed);
    assert_int_equal(w->n_fetched, 0);
    assert_int_equal(w->n_dialed, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("I3", whoever_answered_before_comes_first),
        promise_test("I3", the_seeds_are_asked_if_nobody_is_known),
        promise_test("I4", the_networks_own_come_last),
        promise_test("I4", without_seeds_the_networks_own_follow_at_once),
        promise_test("I4", dead_addresses_do_not_hold_up_the_next_source),
        cmocka_unit_test(what_the_operator_names_is_dialed_at_once),
        cmocka_unit_test(other_protocols_ask_all_at_once),
        cmocka_unit_test(an_exclusive_node_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
