/* Dials that the application asks for: who is dialed, who is not, and what answers. */
#include "tests/unit/core_fixture.h"

#include "controller/places.h"

static void ask(struct world *w, const char *address, uint64_t id)
{
    struct command *c = command(COMMAND_DIAL);
    char bad[300];
    assert_int_equal(address_list_parse(&c->peers, address, bad, sizeof bad), 0);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c, .id = id});
}

static struct peer_ref last_dialed(const struct world *w)
{
    return w->dialed[w->n_dialed - 1];
}

static void check_answer(const struct world *w, uint64_t id, enum kith_reason reason)
{
    assert_int_equal(w->last, reason ? KITH_FAILED : KITH_DONE);
    assert_int_equal(w->last_id, id);
    assert_int_equal(w->last_reason, reason);
}

static struct world *open_world(void)
{
    struct world *w = world_new();
    world_open(w);
    return w;
}

static void the_answer_comes_once_the_peer_is_online(void **state)
{
    struct world *w = open_world();
    (void)state;
    ask(w, "10.1.0.1:8110", 7);
    assert_int_equal(w->n_dialed, 1);
    assert_string_equal(w->dialed_to[0], "10.1.0.1:8110");
    assert_int_equal(w->n_told, 0);
    online(w, last_dialed(w), "10.1.0.1:8110", 1);
    check_answer(w, 7, KITH_REASON_NONE);
    assert_string_equal(w->last_text, "10.1.0.1:8110 00000001");
    assert_int_equal(w->n_told, 2); /* ONLINE comes before it */

    ask(w, "10.1.0.1:8110", 8); /* there is a connection already */
    check_answer(w, 8, KITH_REASON_NONE);
    assert_string_equal(w->last_text, "10.1.0.1:8110 00000001");
    assert_int_equal(w->n_dialed, 1);
    ended(w, last_dialed(w), END_CLOSED); /* it is answered once */
    assert_int_equal(w->last, KITH_OFFLINE);
    world_free(w);
}

static void the_answer_says_why_it_came_to_nothing(void **state)
{
    struct world *w = open_world();
    (void)state;
    ask(w, "10.1.0.1:8110", 7);
    ended(w, last_dialed(w), END_VERSION);
    check_answer(w, 7, KITH_END_VERSION);
    w->dial_fails = true;
    ask(w, "10.1.0.2:8110", 8);
    check_answer(w, 8, KITH_END_RESOURCES);
    world_free(w);
}

static void a_dial_that_is_under_way_is_joined_once(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.per_ip = 0;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    ask(w, "10.1.0.1:8110", 7);
    assert_int_equal(w->n_told, 0);
    ask(w, "10.1.0.1:8110", 8);
    check_answer(w, 8, KITH_FAIL_UNDER_WAY);
    online(w, last_dialed(w), "10.1.0.1:8110", 1);
    check_answer(w, 7, KITH_REASON_NONE);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

static void who_is_banned_is_not_dialed(void **state)
{
    struct world *w = open_world();
    (void)state;
    ban(w, "10.1.0.1");
    ask(w, "10.1.0.1:8110", 7);
    check_answer(w, 7, KITH_FAIL_BANNED);
    assert_int_equal(w->n_dialed, 0);
    world_free(w);
}

static void an_exclusive_node_dials_its_special_peers_alone(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.exclusive = true;
    world_open(w);
    ended(w, last_dialed(w), END_DIAL_FAILED);
    ask(w, "10.1.0.2:8110", 7);
    check_answer(w, 7, KITH_FAIL_EXCLUSIVE);
    size_t before = w->n_dialed;
    ask(w, "10.1.0.1:8110", 8); /* at once, not when it is due */
    assert_int_equal(w->n_dialed, before + 1);
    online(w, last_dialed(w), "10.1.0.1:8110", 1);
    check_answer(w, 8, KITH_REASON_NONE);
    pass(w, 3600 * 1000);
    assert_int_equal(w->n_dialed, before + 1); /* it is the special peer's connection */
    world_free(w);
}

static void so_many_are_dialed_beyond_the_outgoing_ones(void **state)
{
    struct world *w = world_new();
    char address[64];
    (void)state;
    w->config.outgoing = 2;
    world_open(w);
    for (unsigned i = 0; i < 2 + ASKED_PLACES; i++) {
        snprintf(address, sizeof address, "10.%u.0.1:8110", i + 1);
        ask(w, address, i + 1);
        assert_int_equal(w->n_dialed, i + 1);
        online(w, last_dialed(w), address, i + 1);
        check_answer(w, i + 1, KITH_REASON_NONE);
    }
    ask(w, "10.99.0.1:8110", 99);
    check_answer(w, 99, KITH_FAIL_FULL);
    world_free(w);
}

static void ourselves_are_not_dialed_twice(void **state)
{
    struct world *w = open_world();
    struct ending e = {.remote = endpoint_of("10.1.0.1:8110")};
    (void)state;
    ask(w, "10.1.0.1:8110", 7);
    ended_as(w, last_dialed(w), END_LOOPBACK, &e);
    check_answer(w, 7, KITH_END_LOOPBACK);
    handle(w, (struct message){.type = MSG_GONE, .peer = last_dialed(w)});
    ask(w, "10.1.0.1:8110", 8);
    check_answer(w, 8, KITH_FAIL_SELF);
    world_free(w);
}

static void a_name_is_looked_up_and_its_addresses_are_tried(void **state)
{
    struct world *w = open_world();
    (void)state;
    ask(w, "peer.example:8110", 7);
    assert_int_equal(w->n_looked_up, 1);
    assert_int_equal(w->n_dialed, 0);
    named(w, "other.example:8110", "10.3.0.1:8110");
    assert_int_equal(w->n_dialed, 0);
    named(w, "peer.example:8110", "0.0.0.0:8110 10.1.0.1:8110 10.2.0.1:8110");
    assert_int_equal(w->n_dialed, 1);
    assert_int_equal(w->dialed_targets[0], 2);
    assert_string_equal(w->dialed_first[0], "10.1.0.1:8110");
    online(w, last_dialed(w), "10.2.0.1:8110", 1);
    check_answer(w, 7, KITH_REASON_NONE);

    ask(w, "nowhere.example:8110", 8);
    named(w, "nowhere.example:8110", "");
    check_answer(w, 8, KITH_FAIL_NAME);
    world_free(w);
}

static void so_many_names_are_looked_up_at_once(void **state)
{
    struct world *w = open_world();
    char name[64];
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        snprintf(name, sizeof name, "peer%u.example:8110", i);
        ask(w, name, i + 1);
    }
    assert_int_equal(w->n_told, 0);
    ask(w, "another.example:8110", 17);
    check_answer(w, 17, KITH_FAIL_FULL);
    named(w, "peer3.example:8110", "");
    check_answer(w, 4, KITH_FAIL_NAME);
    ask(w, "another.example:8110", 18);
    named(w, "another.example:8110", "");
    check_answer(w, 18, KITH_FAIL_NAME);
    w->n_told = 0;
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    assert_int_equal(w->n_told, 15); /* nobody waits for ever */
    check_answer(w, 16, KITH_FAIL_ENDING);
    ask(w, "10.1.0.1:8110", 19);
    check_answer(w, 19, KITH_FAIL_ENDING);
    world_free(w);
}

static void a_proxy_is_given_the_name(void **state)
{
    struct world *w = world_new();
    (void)state;
    assert_true(address_parse(&w->config.proxy.at, "127.0.0.1:9050", 14));
    w->config.hidden = true;
    world_open(w);
    ask(w, "peer.onion:8110", 7);
    assert_int_equal(w->n_looked_up, 0);
    assert_int_equal(w->n_dialed, 1);
    assert_string_equal(w->dialed_to[0], "peer.onion:8110");
    ask(w, "peer.onion:8110", 8);
    check_answer(w, 8, KITH_FAIL_UNDER_WAY);
    ended(w, last_dialed(w), END_DIAL_FAILED);
    check_answer(w, 7, KITH_END_DIAL_FAILED);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_comes_once_the_peer_is_online),
        cmocka_unit_test(the_answer_says_why_it_came_to_nothing),
        cmocka_unit_test(a_dial_that_is_under_way_is_joined_once),
        cmocka_unit_test(who_is_banned_is_not_dialed),
        cmocka_unit_test(an_exclusive_node_dials_its_special_peers_alone),
        cmocka_unit_test(so_many_are_dialed_beyond_the_outgoing_ones),
        cmocka_unit_test(ourselves_are_not_dialed_twice),
        cmocka_unit_test(a_name_is_looked_up_and_its_addresses_are_tried),
        cmocka_unit_test(so_many_names_are_looked_up_at_once),
        cmocka_unit_test(a_proxy_is_given_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
