/* What services can do, through the pure core. */
#include "tests/unit/core_fixture.h"

#include "controller/service_actions.h"
#include "controller/state.h"
#include "tests/unit/echo.h"
#include "tests/unit/memory_store.h"

static struct protocol protocol;

static struct world *open_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    protocol = echo_full();
    world_init_with(w, &protocol);
    w->store_room = 8;
    world_open(w);
    return w;
}

static void tells(struct world *w, struct peer_ref from, enum echo_kind kind, const char *text)
{
    struct message m = {
        .type = MSG_PEER, .kind = kind, .peer = from, .parcel = parcel_new(text, strlen(text))};
    assert_true(controller_takes(w->core, from));
    handle(w, m);
}

static void answer(struct world *w, uint64_t token, enum memory_store_kind kind)
{
    handle(w, (struct message){.type = MSG_ANSWER, .kind = kind, .id = token});
}

static const char *last_post(const struct world *w)
{
    return w->n_posted > 0 ? w->posted_text[w->n_posted - 1] : "";
}

/* --- dial --- */

static void a_dial_that_is_answered_ends_by_itself(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    tells(w, asker, ECHO_PROBE, "10.9.0.1:7000");
    assert_int_equal(w->n_dialed, 1);
    assert_string_equal(w->dialed_to[0], "10.9.0.1:7000");
    assert_int_equal(w->n_posted, 0);
    size_t n_online = w->n_online;
    online(w, w->dialed[0], "10.9.0.1:7000", 9);
    assert_string_equal(last_post(w), "answers");
    assert_true(peer_ref_equal(w->posted[0], asker));
    assert_int_equal(w->n_online, n_online); /* the application does not hear of it */
    assert_int_equal(w->n_closed, 1);
    assert_true(peer_ref_equal(w->closed[0], w->dialed[0]));
    tells(w, w->dialed[0], ECHO_MESSAGE, "well met"); /* to nobody: nothing is lost */
    pass(w, 2000);
    assert_int_equal(w->dropped, 0);
    ended(w, w->dialed[0], END_DISCONNECT);
    assert_int_equal(w->n_posted, 1); /* told once */
    world_free(w);
}

static void a_dial_that_fails_is_told(void **state)
{
    struct world *w = open_world();
    (void)state;
    tells(w, incoming(w, 1), ECHO_PROBE, "10.9.0.1:7000");
    ended(w, w->dialed[0], END_DIAL_FAILED);
    assert_string_equal(last_post(w), "silent");
    world_free(w);
}

static void a_dial_that_is_kept_is_a_peer(void **state)
{
    struct world *w = open_world();
    (void)state;
    tells(w, incoming(w, 1), ECHO_PROBE, "+10.9.0.1:7000");
    size_t n_online = w->n_online;
    online(w, w->dialed[0], "10.9.0.1:7000", 9);
    assert_string_equal(last_post(w), "answers");
    assert_int_equal(w->n_online, n_online + 1);
    assert_int_equal(w->n_closed, 0);
    say(w, SCOPE_FULL, PEER_NOBODY, "all", 0);
    assert_int_equal(w->n_posted, 2);
    world_free(w);
}

/* Neither while it dials, nor afterwards: the one place for an outgoing connection stays for another. */
static void a_dial_takes_no_outgoing_place(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    (void)state;
    protocol = echo_full();
    world_init_with(w, &protocol);
    w->config.outgoing = 1;
    world_open(w);
    tells(w, incoming(w, 1), ECHO_PROBE, "10.9.0.1:7000");
    assert_int_equal(w->n_dialed, 1);
    seed(w, "10.8.0.1:7000");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_string_equal(w->dialed_to[1], "10.8.0.1:7000");
    online(w, w->dialed[0], "10.9.0.1:7000", 9);
    ended(w, w->dialed[0], END_DISCONNECT);
    ended(w, w->dialed[1], END_DIAL_FAILED);
    seed(w, "10.7.0.1:7000");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 3); /* one: the count is right again */
    world_free(w);
}

static void dials_are_bounded(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    w->config.node.limits.dials = 2;
    tells(w, asker, ECHO_PROBE, "10.9.0.1:7000");
    tells(w, asker, ECHO_PROBE, "10.9.0.2:7000");
    tells(w, asker, ECHO_PROBE, "10.9.0.3:7000");
    assert_int_equal(w->n_dialed, 2);
    assert_string_equal(last_post(w), "refused");
    ended(w, w->dialed[0], END_DIAL_FAILED);
    w->config.node.limits.per_ip = 1;
    tells(w, asker, ECHO_PROBE, "10.9.0.2:7001");
    assert_int_equal(w->n_dialed, 2);
    ban(w, "10.6.0.1");
    tells(w, asker, ECHO_PROBE, "10.6.0.1:7000");
    assert_int_equal(w->n_dialed, 2);
    tells(w, asker, ECHO_PROBE, "10.5.0.1:7000");
    assert_int_equal(w->n_dialed, 3);
    world_free(w);
}

/* On the internet: an address that only its own network reaches, and no port. */
static void addresses_of_no_use_are_not_dialed(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    (void)state;
    assert_non_null(w);
    protocol = echo_full();
    world_init_with(w, &protocol);
    w->config.node.network.open = false;
    world_open(w);
    struct peer_ref asker = incoming(w, 1);
    tells(w, asker, ECHO_PROBE, "192.168.0.1:7000");
    assert_int_equal(w->n_dialed, 0);
    assert_string_equal(last_post(w), "refused");
    tells(w, asker, ECHO_PROBE, "8.8.8.8");
    assert_int_equal(w->n_dialed, 0);
    assert_int_equal(w->n_posted, 2);
    assert_string_equal(last_post(w), "refused");
    tells(w, asker, ECHO_PROBE, "8.8.8.8:7000");
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* What the service was given points into the table, which must not move: it grows with the next tick. */
static void a_dial_does_not_move_the_table(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    (void)state;
    assert_non_null(w);
    protocol = echo_full();
    world_init_with(w, &protocol);
    w->config.node.limits.incoming = 100;
    world_open(w);
    struct peer_ref asker = incoming(w, 1);
    for (int i = 2; i <= 64; i++) {
        incoming(w, i);
    }
    tells(w, asker, ECHO_PROBE, "10.99.0.1:7000");
    assert_string_equal(last_post(w), "refused");
    pass(w, 1000);
    tells(w, asker, ECHO_PROBE, "10.99.0.1:7000");
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

static void a_node_that_ends_dials_nobody(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    tells(w, asker, ECHO_PROBE, "10.9.0.1:7000");
    assert_int_equal(w->n_dialed, 0);
    world_free(w);
}

static void we_are_dialed_once(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    tells(w, asker, ECHO_PROBE, "10.9.0.1:7000");
    ended(w, w->dialed[0], END_LOOPBACK);
    assert_string_equal(last_post(w), "silent");
    tells(w, asker, ECHO_PROBE, "10.9.0.1:7000");
    assert_string_equal(last_post(w), "refused");
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* --- store, hold --- */

static void a_peer_is_held_until_the_store_has_answered(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1), other = incoming(w, 2);
    tells(w, asker, ECHO_KEEP, "aValue");
    assert_int_equal(w->n_asked_store, 1);
    assert_false(controller_takes(w->core, asker));
    assert_true(controller_takes(w->core, other));
    answer(w, w->asked_store[0].token, MEMORY_KEPT);
    assert_string_equal(last_post(w), "kept");
    assert_true(controller_takes(w->core, asker));
    world_free(w);
}

static void a_full_store_holds_back_who_asks(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref first = incoming(w, 1), second = incoming(w, 2);
    w->store_room = 1;
    tells(w, first, ECHO_FETCH, "a");
    tells(w, second, ECHO_FETCH, "b");
    assert_int_equal(w->n_asked_store, 1);
    assert_false(controller_takes(w->core, second));
    uint64_t token = w->asked_store[0].token;
    w->n_asked_store = 0;
    answer(w, token, MEMORY_NONE);
    assert_int_equal(w->n_asked_store, 1); /* what had no room was asked anew */
    assert_true(controller_takes(w->core, first));
    assert_false(controller_takes(w->core, second));
    answer(w, w->asked_store[0].token, MEMORY_NONE);
    assert_true(controller_takes(w->core, second));
    assert_true(peer_ref_equal(w->posted[1], second));
    world_free(w);
}

/* Else it would never be drained, and its place never be free. */
static void a_peer_that_ends_is_held_no_more(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    tells(w, asker, ECHO_FETCH, "a");
    handle(w, (struct message){.type = MSG_ENDED, .peer = asker, .end.reason = END_CLOSED});
    assert_true(controller_takes(w->core, asker));
    handle(w, (struct message){.type = MSG_GONE, .peer = asker});
    answer(w, w->asked_store[0].token, MEMORY_NONE); /* for nobody */
    assert_int_equal(w->n_posted, 0);
    world_free(w);
}

static void has_finished(struct world *w, struct peer_ref peer)
{
    handle(w, (struct message){.type = MSG_FINISHED, .peer = peer});
}

/* It may read on. */
static void who_has_closed_its_side_is_answered_before_it_ends(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1), other = incoming(w, 2);
    tells(w, asker, ECHO_FETCH, "a");
    has_finished(w, asker);
    assert_int_equal(w->n_closed, 0);
    has_finished(w, other); /* it is owed nothing */
    assert_int_equal(w->n_closed, 1);
    assert_true(peer_ref_equal(w->closed[0], other));
    w->full = asker;
    answer(w, w->asked_store[0].token, MEMORY_NONE);
    assert_int_equal(w->n_closed, 1); /* its answer waits for room in its queue */
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_string_equal(last_post(w), "none");
    assert_int_equal(w->n_closed, 2);
    assert_true(peer_ref_equal(w->closed[1], asker));
    assert_int_equal(w->closed_why[1], END_CLOSED);
    assert_false(w->closed_at_once[1]);
    struct peer_ref third = incoming(w, 3);
    tells(w, third, ECHO_FETCH, "a");
    has_finished(w, third);
    answer(w, w->asked_store[1].token, MEMORY_NONE);
    assert_int_equal(w->n_closed, 3);
    world_free(w);
}

static void who_has_gone_altogether_is_waited_for_no_more(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    tells(w, asker, ECHO_FETCH, "a");
    has_finished(w, asker);
    ended(w, asker, END_CLOSED);
    answer(w, w->asked_store[0].token, MEMORY_NONE);
    assert_int_equal(w->n_closed, 0);
    has_finished(w, asker); /* told late */
    world_free(w);
}

/* Before the application is told that the peer is offline. */
static void what_waits_of_a_peer_that_goes_is_counted_as_its_own(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref asker = incoming(w, 1);
    w->store_room = 0;
    tells(w, asker, ECHO_FETCH, "a");
    ended(w, asker, END_CLOSED);
    assert_int_equal(w->core->dropped[DROP_UNKEPT], 1);
    assert_int_equal(w->dropped, 1);
    assert_int_equal(w->last, KITH_OFFLINE);
    world_free(w);
}

/* --- route, send --- */

static void a_message_is_routed_to_all_but_one(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref from = incoming(w, 1), second = incoming(w, 2), third = incoming(w, 3);
    tells(w, from, ECHO_SPREAD, "word");
    assert_int_equal(w->n_posted, 2);
    assert_false(peer_ref_equal(w->posted[0], from) || peer_ref_equal(w->posted[1], from));
    w->full = second;
    tells(w, from, ECHO_SPREAD, "more");
    assert_int_equal(w->n_posted, 3);
    assert_false(controller_takes(w->core, from)); /* one of them has no room for it */
    assert_true(controller_takes(w->core, third));
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 4);
    assert_true(controller_takes(w->core, from));
    world_free(w);
}

static void send_own(struct world *w, enum echo_kind kind, uint64_t id)
{
    w->n_posted = 0;
    handle(
        w,
        (struct message){
            .type = MSG_SEND, .scope = SCOPE_FULL, .kind = kind, .id = id, .parcel = parcel_new("own", 3)});
}

static void what_the_application_sends_may_be_kept(void **state)
{
    struct world *w = open_world();
    (void)state;
    incoming(w, 1);
    incoming(w, 2);
    send_own(w, ECHO_MESSAGE, 1);
    assert_int_equal(w->n_posted, 2);
    assert_string_equal(last_post(w), "own");
    send_own(w, ECHO_OWN, 2);
    assert_int_equal(w->n_posted, 2);
    assert_string_equal(last_post(w), "news");
    assert_int_equal(w->sent_peers, 2);
    world_free(w);
}

/* What waits and comes from nobody is bounded. */
static void news_that_find_no_room_are_bounded(void **state)
{
    struct world *w = open_world();
    (void)state;
    w->full = incoming(w, 1);
    w->config.node.limits.queue_parcels = 5;
    for (int i = 0; i < 20; i++) {
        send_own(w, ECHO_OWN, 0);
    }
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 5);
    world_free(w);
}

/* Also of one peer: the service may route many messages for one. */
static void what_is_routed_for_one_peer_is_bounded(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref from = incoming(w, 1);
    w->full = incoming(w, 2);
    w->config.node.limits.queue_parcels = 5;
    for (int i = 0; i < 20; i++) {
        /* Without asking controller_takes, as if one message had the service route them all. */
        handle(w, (struct message){
                      .type = MSG_PEER, .kind = ECHO_SPREAD, .peer = from, .parcel = parcel_new("word", 4)});
    }
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 5);
    world_free(w);
}

/* --- datagrams, facts --- */

static void a_datagram_is_answered(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct endpoint from = endpoint_of("10.4.0.1:5000");
    handle(w, (struct message){.type = MSG_DATAGRAM, .datagram = datagram_new(&from, "ping", 4)});
    assert_non_null(w->datagram);
    assert_true(endpoint_equal(&w->datagram->remote, &from));
    assert_int_equal(w->datagram->size, 4);
    assert_memory_equal(w->datagram->bytes, "ping", 4);
    world_free(w);
}

/* Of a peer that has gone, too. */
static void what_a_service_cannot_keep_is_counted(void **state)
{
    struct world *w = open_world();
    (void)state;
    controller_service_actions.lost(w->core, incoming(w, 1), 3);
    controller_service_actions.lost(w->core, (struct peer_ref){9, 9}, 4);
    assert_int_equal(w->core->dropped[DROP_UNKEPT], 7);
    world_free(w);
}

static void a_datagram_that_is_of_no_use_is_counted(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct endpoint from = endpoint_of("10.4.0.1:5000");
    handle(w, (struct message){.type = MSG_DATAGRAM, .datagram = datagram_new(&from, "ping", 4)});
    assert_int_equal(w->core->dropped_datagrams[DATAGRAM_UNTAKEN], 0);
    handle(w, (struct message){.type = MSG_DATAGRAM, .datagram = datagram_new(&from, "useless", 7)});
    assert_int_equal(w->core->dropped_datagrams[DATAGRAM_UNTAKEN], 1);
    world_free(w);
}

/* Only if the operator has it so; and nobody can have an answer sent there. */
static void everybody_is_spoken_to_with_lan_alone(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct endpoint all = endpoint_of("255.255.255.255:5000");
    controller_service_actions.send_datagram(w->core, &all, "ping", 4);
    assert_null(w->datagram);
    assert_int_equal(w->core->dropped_datagrams[DATAGRAM_UNSENT], 1);
    w->config.node.lan = true;
    handle(w, (struct message){.type = MSG_DATAGRAM, .datagram = datagram_new(&all, "ping", 4)});
    assert_null(w->datagram);
    assert_int_equal(w->core->dropped_datagrams[DATAGRAM_UNTAKEN], 1);
    controller_service_actions.send_datagram(w->core, &all, "ping", 4);
    assert_non_null(w->datagram);
    assert_true(endpoint_equal(&w->datagram->remote, &all));
    assert_int_equal(w->core->dropped_datagrams[DATAGRAM_UNSENT], 1);
    world_free(w);
}

/* As much as a connection of its network group may, and whoever asks by one is told as others are. */
static void what_a_datagram_teaches_is_bounded(void **state)
{
    enum { TOLD = 250, ROUNDS = 10 };
    struct world *w = open_world();
    struct known_peer told[TOLD], found[8];
    (void)state;
    struct ip teller = endpoint_of("10.4.0.1:5000").ip;
    w->config.exclusive = true;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < TOLD; i++) {
            char text[64];
            snprintf(text, sizeof text, "10.%d.%d.%d:7000", 20 + round, 1 + i / 200, 1 + i % 200);
            told[i] = (struct known_peer){.endpoint = endpoint_of(text)};
        }
        controller_service_actions.hear(w->core, &teller, told, TOLD);
    }
    assert_in_range(book_count(w->core->book), 100, 2000);
    assert_int_equal(w->core->untaught, 500);
    incoming(w, 1); /* its address answers whoever asks by one */
    w->config.merits.share_above = -1;
    assert_int_equal(controller_service_actions.share(w->core, PEER_NOBODY, found, 8), 1);
    assert_int_equal(controller_service_actions.share(w->core, (struct peer_ref){9, 9}, found, 8), 0);
    world_free(w);
}

static void the_service_states_its_facts(void **state)
{
    struct world *w = open_world();
    struct facts facts = {.flags = 1};
    (void)state;
    echo_height = 41;
    controller_facts(w->core, &facts);
    assert_int_equal(facts.height, 41);
    assert_int_equal(facts.flags, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dial_that_is_answered_ends_by_itself),
        cmocka_unit_test(a_dial_that_fails_is_told),
        cmocka_unit_test(a_dial_that_is_kept_is_a_peer),
        cmocka_unit_test(a_dial_takes_no_outgoing_place),
        cmocka_unit_test(dials_are_bounded),
        cmocka_unit_test(addresses_of_no_use_are_not_dialed),
        cmocka_unit_test(a_dial_does_not_move_the_table),
        cmocka_unit_test(a_node_that_ends_dials_nobody),
        cmocka_unit_test(we_are_dialed_once),
        cmocka_unit_test(a_peer_is_held_until_the_store_has_answered),
        cmocka_unit_test(a_full_store_holds_back_who_asks),
        cmocka_unit_test(a_peer_that_ends_is_held_no_more),
        cmocka_unit_test(a_message_is_routed_to_all_but_one),
        cmocka_unit_test(what_the_application_sends_may_be_kept),
        cmocka_unit_test(news_that_find_no_room_are_bounded),
        cmocka_unit_test(what_is_routed_for_one_peer_is_bounded),
        cmocka_unit_test(a_datagram_is_answered),
        cmocka_unit_test(who_has_closed_its_side_is_answered_before_it_ends),
        cmocka_unit_test(who_has_gone_altogether_is_waited_for_no_more),
        cmocka_unit_test(what_a_service_cannot_keep_is_counted),
        cmocka_unit_test(what_waits_of_a_peer_that_goes_is_counted_as_its_own),
        cmocka_unit_test(a_datagram_that_is_of_no_use_is_counted),
        cmocka_unit_test(everybody_is_spoken_to_with_lan_alone),
        cmocka_unit_test(what_a_datagram_teaches_is_bounded),
        cmocka_unit_test(the_service_states_its_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
