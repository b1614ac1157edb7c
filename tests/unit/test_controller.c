/* The core's decisions, one at a time: where a message goes, who may stay, what is kept up. */
#include "protocol/factom/factom.h"
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

/* --- routing --- */

static void scopes_reach_whom_they_say(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110,10.2.0.1:8110");
    world_open(w);
    struct peer_ref peers[12];
    for (int i = 0; i < 12; i++) {
        peers[i] = incoming(w, i + 1);
    }
    say(w, SCOPE_BROADCAST, PEER_NOBODY, "one", 1);
    assert_int_equal(w->n_posted, 2 + 4); /* both special ones and -broadcastnum others */
    assert_true(peer_ref_equal(w->posted[0], peers[0]) || peer_ref_equal(w->posted[1], peers[0]));
    assert_true(peer_ref_equal(w->posted[0], peers[1]) || peer_ref_equal(w->posted[1], peers[1]));
    for (size_t i = 0; i < w->n_posted; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(peer_ref_equal(w->posted[i], w->posted[j]));
        }
    }
    assert_int_equal(w->sent_peers, 6);
    say(w, SCOPE_FULL, PEER_NOBODY, "two", 2);
    assert_int_equal(w->n_posted, 12);
    say(w, SCOPE_RANDOM, PEER_NOBODY, "three", 3);
    assert_int_equal(w->n_posted, 1);
    say(w, SCOPE_PEER, peers[7], "four", 4);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], peers[7]));
    world_free(w);
}

static void a_message_is_not_sent_back(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    receive(w, a, "the same bytes");
    say(w, SCOPE_FULL, PEER_NOBODY, "the same bytes", 1);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    say(w, SCOPE_FULL, PEER_NOBODY, "other bytes", 2);
    assert_int_equal(w->n_posted, 2);
    pass(w, 60 * 1000 + 1); /* and only for a minute */
    say(w, SCOPE_FULL, PEER_NOBODY, "the same bytes", 3);
    assert_int_equal(w->n_posted, 2);
    world_free(w);
}

static void a_full_queue_waits_without_keeping_others(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    struct peer_ref c = incoming(w, 3);
    w->full = b;
    say(w, SCOPE_FULL, PEER_NOBODY, "hello", 9);
    assert_int_equal(w->n_posted, 2); /* a and c have it */
    assert_int_equal(w->sent_peers, 0);
    assert_false(controller_takes_sends(w->core));
    assert_true(controller_takes(w->core, a));
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 2); /* nobody gets it twice */
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 3);
    assert_true(peer_ref_equal(w->posted[2], b));
    assert_int_equal(w->sent_peers, 3);
    assert_true(controller_takes_sends(w->core));
    (void)c;
    world_free(w);
}

static void a_message_to_one_peer_waits_for_that_peer_alone(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    w->full = a;
    say(w, SCOPE_PEER, a, "one", 1);
    assert_true(peer_ref_equal(w->told_full, a));
    assert_true(controller_takes_sends(w->core) && controller_waits(w->core));
    say(w, SCOPE_PEER, a, "two", 2);
    say(w, SCOPE_PEER, b, "hello", 3);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    /* With room again, the order is that of the sends, and what goes to several comes behind. */
    say(w, SCOPE_FULL, PEER_NOBODY, "all", 4);
    assert_false(controller_takes_sends(w->core));
    w->full = PEER_NOBODY;
    w->n_posted = w->sent_peers = 0;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 3);
    assert_string_equal(w->posted_text[0], "one");
    assert_string_equal(w->posted_text[1], "two");
    assert_string_equal(w->posted_text[2], "all");
    assert_int_equal(w->told_full.generation, 0);
    assert_true(controller_takes_sends(w->core));
    assert_false(controller_waits(w->core));
    world_free(w);
}

static void what_waits_for_one_peer_stays_in_order_while_room_comes_bit_by_bit(void **state)
{
    static const char *const texts[] = {"one", "two", "three", "four"};
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    w->full = a;
    for (size_t i = 0; i < 4; i++) {
        say(w, SCOPE_PEER, a, texts[i], 0);
    }
    w->n_posted = 0;
    for (size_t i = 0; i < 4; i++) {
        w->full_room = 1;
        controller_retry(w->core, now(w));
        assert_int_equal(w->n_posted, i + 1);
        assert_string_equal(w->posted_text[i], texts[i]);
    }
    assert_int_equal(w->told_full.generation, 0);
    assert_false(controller_waits(w->core));
    world_free(w);
}

/* It is sent by one of its two connections, and the application may know the other. */
static void a_peer_is_full_by_either_connection(void **state)
{
    struct world *w = world_of("fnd");
    struct peer_id id = {.size = 32, .bytes = {9}};
    (void)state;
    world_open(w);
    seed(w, "10.0.0.1:9097");
    pass(w, 1000);
    struct peer_ref out = w->dialed[0];
    struct peer_ref in = knock(w, "10.0.0.1:5");
    online_as(w, in, "10.0.0.1:9097", 1, id);
    w->full = in;
    say(w, SCOPE_PEER, in, "one", 0);
    assert_true(w->is_full[in.index]);
    online_as(w, out, "10.0.0.1:9097", 1, id);
    assert_int_equal(w->n_online, 2);
    assert_true(w->is_full[in.index] && w->is_full[out.index]);
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_false(w->is_full[in.index] || w->is_full[out.index]);
    w->full = in; /* ours is the lower id: theirs is preferred */
    say(w, SCOPE_PEER, out, "two", 0);
    assert_true(w->is_full[in.index] && w->is_full[out.index]);
    ended(w, out, END_CLOSED);
    assert_true(w->is_full[in.index]);
    assert_false(w->is_full[out.index]);
    w->full = PEER_NOBODY;
    w->n_posted = 0;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 1);
    assert_false(w->is_full[in.index]);
    world_free(w);
}

static void what_waits_for_a_peer_that_leaves_is_counted(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    w->full = a;
    say(w, SCOPE_PEER, a, "one", 1);
    say(w, SCOPE_PEER, a, "two", 2);
    handle(w, (struct message){.type = MSG_LEAVE, .peer = a}); /* behind them */
    assert_int_equal(w->n_closed, 0);
    ended(w, a, END_CLOSED);
    assert_int_equal(w->told_full.generation, 0);
    assert_false(controller_waits(w->core));
    assert_int_equal(w->dropped, 2);
    world_free(w);
}

static void a_peer_leaves_after_what_waits_for_it(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    w->full = a;
    say(w, SCOPE_PEER, a, "one", 1);
    handle(w, (struct message){.type = MSG_LEAVE, .peer = a});
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_closed, 0);
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 1);
    assert_int_equal(w->n_closed, 1);
    world_free(w);
}

/* An application that sends on though it was told not to is kept back as a whole: what waits has a bound. */
static void what_waits_for_one_peer_has_room_for_a_queue(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.queue_parcels = 3;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    w->full = a;
    for (int i = 0; i < 3; i++) {
        say(w, SCOPE_PEER, a, "one", 0);
    }
    assert_true(controller_takes_sends(w->core));
    say(w, SCOPE_PEER, a, "four", 0);
    assert_false(controller_takes_sends(w->core));
    w->full = PEER_NOBODY;
    w->n_posted = 0;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 4);
    assert_string_equal(w->posted_text[3], "four");
    w->full = a;
    say(w, SCOPE_PEER, a, "five", 5);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    ended(w, a, END_SHUTDOWN);
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    world_free(w);
}

static void a_full_application_waits_too(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    w->from_full = true;
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 0);
    assert_true(controller_takes_sends(w->core));
    assert_false(controller_takes(w->core, a));
    w->from_full = false;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_delivered, 1);
    assert_true(controller_takes(w->core, a));
    world_free(w);
}

/* With -relay. */
static struct world *relay_world(void)
{
    struct world *w = world_new();
    w->config.relay = RELAY_ALL;
    world_open(w);
    return w;
}

static void a_relay_passes_each_message_on_once(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    struct peer_ref c = incoming(w, 3);
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 2); /* to b and c, not back to a */
    assert_true(peer_ref_equal(w->posted[0], b) || peer_ref_equal(w->posted[1], b));
    assert_true(peer_ref_equal(w->posted[0], c) || peer_ref_equal(w->posted[1], c));
    receive(w, b, "hello");
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 2);
    receive(w, b, "hello, too");
    assert_int_equal(w->n_delivered, 2);
    assert_int_equal(w->n_posted, 4);
    pass(w, w->config.node.timings.seen + 1);
    receive(w, a, "hello");
    assert_int_equal(w->n_delivered, 3);
    world_free(w);
}

/* The same bytes of another kind are another message, for whoever relays and for whoever is told. */
static void two_kinds_are_two_messages(void **state)
{
    (void)state;
    for (int relays = 0; relays < 2; relays++) {
        struct world *w = world_of("fnd");
        w->config.relay = relays ? RELAY_ALL : RELAY_NOTHING;
        world_open(w);
        struct peer_ref a = incoming(w, 1);
        receive_kind(w, a, 1, "a");
        receive_kind(w, a, 2, "a");
        assert_int_equal(w->n_delivered, 2);
        say(w, SCOPE_FULL, PEER_NOBODY, "a", 1); /* as the first kind, which a did not send */
        assert_int_equal(w->n_posted, 1);
        receive_kind(w, a, 0, "a");
        assert_int_equal(w->n_delivered, relays ? 2 : 3); /* what we sent comes back */
        say(w, SCOPE_FULL, PEER_NOBODY, "a", 2);
        assert_int_equal(w->n_posted, 0);
        world_free(w);
    }
}

/* Also if it is not remembered who sent what (-echo 0). */
static void a_relay_sends_nothing_back(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.relay = RELAY_ALL;
    w->config.node.timings.echo = 0;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    receive(w, a, "hello");
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], b));
    world_free(w);
}

static void what_a_relay_sent_itself_does_not_come_back(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    say(w, SCOPE_PEER, a, "to one", 1);
    assert_int_equal(w->n_posted, 1);
    receive(w, b, "to one"); /* a has passed it on, as it can't know that it was for itself alone */
    assert_int_equal(w->n_posted, 1);
    assert_int_equal(w->n_delivered, 0);
    say(w, SCOPE_FULL, PEER_NOBODY, "to one", 2); /* what the application says itself is always said */
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], a)); /* b has it */
    world_free(w);
}

/* Were everybody's next messages kept back, two nodes that relay each other's floods would wait for each
 * other. */
static void a_relay_that_waits_keeps_back_the_sender_alone(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    struct peer_ref c = incoming(w, 3);
    w->full = c;
    receive(w, a, "one");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 1); /* b has it */
    assert_true(peer_ref_equal(w->waiting, a) && peer_ref_equal(w->waited_for, c));
    assert_false(controller_takes(w->core, a));
    assert_true(controller_takes(w->core, b) && controller_takes(w->core, c));
    assert_true(controller_takes_sends(w->core));
    receive(w, c, "two");
    assert_true(controller_takes(w->core, c));
    assert_int_equal(w->n_posted, 3);
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 4);
    assert_true(peer_ref_equal(w->posted[3], c));
    assert_true(controller_takes(w->core, a));
    assert_false(controller_waits(w->core));
    world_free(w);
}

/* Who sent it is not kept back: who does not read loses its oldest. */
static void a_relay_that_has_no_room_to_wait_goes_at_the_cost_of_the_slow_peer(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    w->full = b;
    receive(w, a, "one");
    assert_true(w->room_taken >= 3 && w->room_taken < 200);
    assert_false(controller_takes(w->core, a));
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->room_taken, 0);
    w->full = b;
    w->no_room = true;
    receive(w, a, "two");
    assert_true(controller_takes(w->core, a));
    assert_false(controller_waits(w->core));
    assert_int_equal(w->n_delivered, 2);
    assert_int_equal(w->n_pushed, 1);
    w->no_room = false;
    receive(w, a, "six");
    assert_true(w->room_taken > 0);
    controller_free(w->core);
    assert_int_equal(w->room_taken, 0);
    w->core = NULL;
    world_free(w);
}

static void the_relay_that_has_waited_longest_makes_room(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    struct peer_ref c = incoming(w, 3);
    w->room = 2 * (sizeof(struct parcel) + 3);
    w->full = c;
    receive(w, a, "one");
    receive(w, b, "two");
    assert_false(controller_takes(w->core, a) || controller_takes(w->core, b));
    struct peer_ref d = incoming(w, 4);
    receive(w, d, "six");
    assert_int_equal(w->room_taken, w->room);
    controller_retry(w->core, now(w));
    assert_true(controller_takes(w->core, a));
    assert_false(controller_takes(w->core, b) || controller_takes(w->core, d));
    w->full = PEER_NOBODY;
    w->n_posted = 0;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 2);
    assert_string_equal(w->posted_text[0], "two");
    assert_string_equal(w->posted_text[1], "six");
    assert_int_equal(w->room_taken, 0);
    assert_int_equal(w->n_pushed, 1);
    world_free(w);
}

static void what_a_relay_still_holds_at_the_end_is_counted(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    w->full = b;
    receive(w, a, "one");
    ended(w, a, END_CLOSED); /* the sender may go meanwhile */
    assert_true(controller_waits(w->core));
    ended(w, b, END_CLOSED);
    w->dropped = 0;
    controller_retry(w->core, now(w));
    assert_false(controller_waits(w->core));
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    a = incoming(w, 3);
    b = incoming(w, 4);
    w->full = b;
    receive(w, a, "two");
    assert_true(controller_waits(w->core)); /* freed with the core */
    world_free(w);
}

/* Two nodes that flood each other and ask each other something would else both wait, each for the other to
 * read. */
static void what_the_service_says_keeps_nobody_back(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    w->full = a;
    w->n_asked = 0;
    pass(w, w->config.node.timings.request);
    assert_int_equal(w->n_asked, 1); /* b is asked for its peers; the request to a waits */
    assert_true(controller_waits(w->core));
    assert_true(controller_takes_sends(w->core) && controller_takes(w->core, a) &&
                controller_takes(w->core, b));
    receive(w, b, "hello");
    assert_int_equal(w->n_delivered, 1);
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_asked, 2);
    assert_false(controller_waits(w->core));
    world_free(w);
}

/* A peer that takes nothing can't make the node keep requests and answers for it without end. */
static void what_waits_for_one_peer_is_bounded(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    w->full = a;
    for (int i = 0; i < 100; i++) {
        pass(w, w->config.node.timings.request);
    }
    w->full = PEER_NOBODY;
    w->n_asked = 0;
    controller_retry(w->core, now(w));
    assert_true(w->n_asked > 0 && w->n_asked <= 16);
    w->full = a;
    pass(w, w->config.node.timings.request);
    assert_true(controller_waits(w->core));
    ended(w, a, END_CLOSED);
    controller_retry(w->core, now(w));
    assert_false(controller_waits(w->core));
    assert_int_equal(w->dropped, 0); /* the node's own: the application misses nothing */
    world_free(w);
}

static void ask_for_peers(struct world *w, struct peer_ref from)
{
    struct message request = {.type = MSG_PEER, .kind = FACTOM_PEER_REQUEST, .peer = from};
    controller_handle(w->core, now(w), &request);
}

static void answers_that_wait_take_room_of_the_budget(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.timings.request_limit = 0;
    w->config.merits.good = 30;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    receive(w, incoming(w, 2), "good"); /* whom a is told of */
    w->full = a;
    for (int i = 0; i < 100; i++) {
        ask_for_peers(w, a);
    }
    assert_int_equal(w->room_taken, 16 * (sizeof(struct parcel) + sizeof(struct known_peer)));
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->room_taken, 0);
    w->full = a;
    w->no_room = true;
    ask_for_peers(w, a);
    assert_false(controller_waits(w->core));
    w->no_room = false;
    ask_for_peers(w, a);
    assert_true(w->room_taken > 0);
    ended(w, a, END_CLOSED);
    controller_retry(w->core, now(w));
    assert_int_equal(w->room_taken, 0);
    world_free(w);
}

static void to_a_peer_that_has_gone_is_counted(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    ended(w, a, END_CLOSED);
    say(w, SCOPE_PEER, a, "too late", 5);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(w->sent_peers, 0);
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    world_free(w);
}

static void a_peer_connected_both_ways_gets_one_copy(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    world_open(w);
    assert_int_equal(w->n_dialed, 1);
    struct peer_ref out = w->dialed[0];
    online(w, out, "10.1.0.1:8110", 1);
    struct peer_ref in = knock(w, "10.1.0.1:40001");
    online(w, in, "10.1.0.1:8110", 1);
    say(w, SCOPE_FULL, PEER_NOBODY, "hello", 1);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], out));
    receive(w, in, "what it has"); /* is not sent back by its other connection either */
    say(w, SCOPE_FULL, PEER_NOBODY, "what it has", 3);
    assert_int_equal(w->n_posted, 0);
    ended(w, out, END_CLOSED);
    say(w, SCOPE_FULL, PEER_NOBODY, "hello again", 2);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], in));
    world_free(w);
}

static void the_others_are_chosen_at_random(void **state)
{
    struct world *w = world_new();
    size_t chosen[2][12] = {{0}};
    (void)state;
    w->config.broadcast = 1;
    world_open(w);
    struct peer_ref peers[12];
    for (int i = 0; i < 12; i++) {
        peers[i] = incoming(w, i + 1);
    }
    for (int i = 0; i < 100; i++) {
        for (int scope = 0; scope < 2; scope++) {
            say(w, scope ? SCOPE_RANDOM : SCOPE_BROADCAST, PEER_NOBODY, "hello", 0);
            assert_int_equal(w->n_posted, 1);
            for (int k = 0; k < 12; k++) {
                chosen[scope][k] += peer_ref_equal(w->posted[0], peers[k]);
            }
        }
    }
    for (int k = 0; k < 12; k++) {
        assert_true(chosen[0][k] > 0 && chosen[1][k] > 0);
    }
    world_free(w);
}

static void nothing_is_sent_to_a_connection_that_is_being_closed(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.2.0.1:8110");
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref out = w->dialed[0];
    online(w, out, "10.2.0.1:8110", 2);
    struct peer_ref in = incoming(w, 2);
    w->full = a;
    say(w, SCOPE_FULL, PEER_NOBODY, "hello", 1);
    assert_int_equal(w->n_posted, 1);
    handle(w, (struct message){.type = MSG_LEAVE, .peer = a});
    w->full = PEER_NOBODY;
    controller_retry(w->core, now(w));
    assert_int_equal(w->n_posted, 1); /* nor what waited for room */
    assert_int_equal(w->sent_peers, 1);
    say(w, SCOPE_FULL, PEER_NOBODY, "hello again", 2);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], out));
    handle(w, (struct message){.type = MSG_LEAVE, .peer = out});
    say(w, SCOPE_FULL, PEER_NOBODY, "by the other one", 3);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], in));
    pass(w, 2000);
    assert_int_equal(w->dropped, 1); /* what had waited; the others were not meant for a */
    world_free(w);
}

/* What it had sent may still be on its way. */
static void a_connection_that_has_ended_is_heard_and_not_sent_to(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    ended_as(w, a, END_CLOSED, NULL);
    say(w, SCOPE_FULL, PEER_NOBODY, "hello", 1);
    assert_int_equal(w->n_posted, 0);
    receive(w, a, "its last");
    assert_int_equal(w->n_delivered, 1);
    assert_int_not_equal(w->last, KITH_OFFLINE);
    handle(w, (struct message){.type = MSG_GONE, .peer = a});
    assert_int_equal(w->last, KITH_OFFLINE);
    world_free(w);
}

static void a_relay_sends_nothing_back_by_the_other_connection(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.relay = RELAY_ALL;
    w->config.node.timings.echo = 0;
    special_flag(w, "10.1.0.1:8110");
    world_open(w);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    struct peer_ref in = incoming(w, 1);
    receive(w, in, "hello");
    assert_int_equal(w->n_delivered, 1);
    assert_int_equal(w->n_posted, 0);
    world_free(w);
}

static void what_others_earned_just_now_decides_who_is_shared(void **state)
{
    struct world *w = world_new();
    struct message request = {.type = MSG_PEER, .kind = FACTOM_PEER_REQUEST};
    (void)state;
    w->config.merits.good = 30;
    world_open(w);
    struct peer_ref good = incoming(w, 1);
    incoming(w, 2);
    request.peer = incoming(w, 3);
    receive(w, good, "good");
    controller_handle(w->core, now(w), &request);
    assert_int_equal(w->answer_bytes, sizeof(struct known_peer));
    world_free(w);
}

/* --- who may stay --- */

static void the_older_of_two_connections_stays(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref first = incoming(w, 1);
    struct peer_ref second = knock(w, "10.1.0.1:40002");
    online(w, second, "10.1.0.1:8110", 1);
    assert_int_equal(w->n_closed, 1);
    assert_true(peer_ref_equal(w->closed[0], second));
    assert_int_equal(w->closed_why[0], END_DUPLICATE);
    say(w, SCOPE_PEER, first, "still here", 1);
    assert_int_equal(w->n_posted, 1);
    world_free(w);
}

static void a_full_node_refuses_with_alternatives(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.incoming = 3;
    w->config.merits.good = 30; /* with one message good enough to be shared: above 20 */
    world_open(w);
    for (int i = 1; i <= 3; i++) {
        struct peer_ref slot = incoming(w, i);
        if (i < 3) {
            receive(w, slot, "good");
        }
    }
    assert_true(knock(w, "10.9.0.1:50000").generation);
    assert_true(w->refused[3]);
    assert_int_equal(w->alternatives[3], 2); /* not the third, of whom no good is known */
    world_free(w);
}

static void special_peers_are_not_named_as_alternatives(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.node.limits.incoming = 0;
    w->config.merits.good = 30;
    world_open(w);
    struct peer_ref slot = incoming(w, 1);
    receive(w, slot, "good");
    ended(w, slot, END_CLOSED);
    knock(w, "10.9.0.1:50000");
    assert_true(w->refused[1]);
    assert_int_equal(w->alternatives[1], 0);
    world_free(w);
}

static void a_full_node_has_room_for_special_peers(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.node.limits.incoming = 0;
    world_open(w);
    assert_true(knock(w, "10.1.0.1:40000").generation && !w->refused[0]);
    knock(w, "10.1.0.1:40001"); /* another of its IP is nobody special */
    knock(w, "10.2.0.1:40000");
    assert_int_equal(w->n_accepted, 3);
    assert_true(w->refused[1] && w->refused[2]);
    ended(w, w->accepted[0], END_CLOSED);
    knock(w, "10.1.0.1:40002");
    assert_false(w->refused[3]); /* its place is not taken by one that is being refused */
    world_free(w);
}

static void a_ban_ends_every_connection_of_the_ip(void **state)
{
    struct world *w = world_new();
    struct command *c = command(COMMAND_BAN);
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref sibling = knock(w, "10.1.0.1:41000");
    online(w, sibling, "10.1.0.1:8111", 99);
    c->peer = a;
    c->ms = 60 * 1000;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_int_equal(w->n_closed, 2);
    ended(w, a, END_BANNED);
    ended(w, sibling, END_BANNED);
    assert_false(knock(w, "10.1.0.1:42000").generation);
    assert_int_equal(w->n_shed, 1); /* unanswered */
    pass(w, 61 * 1000);
    assert_true(knock(w, "10.1.0.1:43000").generation); /* a ban has an end */
    c = command(COMMAND_BAN);
    c->ip = endpoint_of("10.1.0.1:1").ip;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_false(knock(w, "10.1.0.1:44000").generation);
    c = command(COMMAND_UNBAN);
    c->ip = endpoint_of("10.1.0.1:1").ip;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_true(knock(w, "10.1.0.1:45000").generation);
    world_free(w);
}

static void misconduct_ends_every_connection_of_the_ip(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    struct peer_ref sibling = knock(w, "10.1.0.1:41000");
    online(w, sibling, "10.1.0.1:8111", 99);
    ended(w, a, END_MISCONDUCT);
    assert_int_equal(w->n_closed, 1);
    assert_true(peer_ref_equal(w->closed[0], sibling));
    assert_int_equal(w->closed_why[0], END_MISCONDUCT);
    ended(w, sibling, END_MISCONDUCT);
    assert_true(knock(w, "10.1.0.1:42000").generation); /* it may come again */
    world_free(w);
}

static void the_discouraged_are_not_dialed(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.timings.ban = 3600 * 1000;
    world_open(w);
    ended(w, knock(w, "10.1.0.1:40000"), END_MISCONDUCT);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 0);
    pass(w, w->config.node.timings.ban - 2000);
    assert_int_equal(w->n_dialed, 0);
    pass(w, 60000);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

static void who_was_dialed_on_request_is_not_discouraged(void **state)
{
    struct world *w = world_new();
    (void)state;
    char bad[64];
    w->config.exclusive = true;
    assert_int_equal(address_list_parse(&w->config.special_flags, "10.1.0.1:8110", bad, sizeof bad), 0);
    world_open(w);
    assert_int_equal(w->n_dialed, 1);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    struct peer_ref sibling = knock(w, "10.1.0.1:41000");
    online(w, sibling, "10.1.0.1:8111", 99);
    ended(w, w->dialed[0], END_MISCONDUCT);
    assert_int_equal(w->n_closed, 0);
    pass(w, 60000);
    assert_int_equal(w->n_dialed, 2);
    ended(w, sibling, END_MISCONDUCT); /* whose operator is another matter */
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

static void comes_with_nonce(struct world *w, struct peer_ref slot, uint64_t nonce)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->nonce = nonce;
    snprintf(t->hash, sizeof t->hash, "somebody");
    handle(w, (struct message){.type = MSG_MET, .peer = slot, .info = t});
}

/* Both ends are dropped, and the address is not dialed again; also if our own is online first. */
static void we_know_ourselves_by_the_nonce(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    seed(w, "10.2.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_true(w->dialed_nonce[0] != 0 && w->dialed_nonce[1] != 0);
    assert_true(w->dialed_nonce[0] != w->dialed_nonce[1]);
    struct facts facts;
    controller_facts(w->core, &facts);
    assert_true(facts.nonce == 0);
    struct peer_ref other = knock(w, "10.9.0.1:40000");
    comes_with_nonce(w, other, w->dialed_nonce[0] + 1);
    comes_with_nonce(w, other, 0);
    assert_int_equal(w->n_closed, 0);
    struct peer_ref own = knock(w, "10.1.0.1:40000");
    comes_with_nonce(w, own, w->dialed_nonce[0]);
    assert_int_equal(w->n_closed, 2);
    assert_true(peer_ref_equal(w->closed[0], own));
    assert_true(peer_ref_equal(w->closed[1], w->dialed[0]));
    assert_int_equal(w->closed_why[0], END_LOOPBACK);
    assert_int_equal(w->closed_why[1], END_LOOPBACK);
    ended(w, w->dialed[0], END_CLOSED); /* by the last words of the other end, which came first */
    ended(w, own, END_LOOPBACK);
    online(w, w->dialed[1], "10.2.0.1:8110", 2);
    own = knock(w, "10.2.0.1:40000");
    comes_with_nonce(w, own, w->dialed_nonce[1]);
    assert_int_equal(w->n_closed, 4);
    assert_true(peer_ref_equal(w->closed[2], own));
    assert_true(peer_ref_equal(w->closed[3], w->dialed[1]));
    assert_int_equal(w->closed_why[3], END_LOOPBACK);
    ended(w, w->dialed[1], END_CLOSED);
    ended(w, own, END_LOOPBACK);
    comes_with_nonce(w, knock(w, "10.2.0.1:40001"), w->dialed_nonce[1]); /* of a dial that is over */
    assert_int_equal(w->n_closed, 4);
    pass(w, 3600 * 1000);
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

static void online_at(struct world *w, struct peer_ref slot, const char *to, const char *local)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->endpoint = endpoint_of(to);
    t->local = endpoint_of(local);
    snprintf(t->hash, sizeof t->hash, "%s", to);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = t});
}

/* Without a nonce: our own end of a dial is the other end of who has come. */
static void we_know_ourselves_by_the_two_ends(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110 10.2.0.1:8110");
    w->config.exclusive = true;
    world_open(w);
    struct peer_ref first = knock(w, "10.9.0.1:40001"), second = knock(w, "10.9.0.1:40002");
    online_at(w, second, "10.7.0.1:8110", "10.9.0.2:40003"); /* of one that has come it says nothing */
    online_at(w, w->dialed[0], "10.1.0.1:8110", "10.9.0.1:40003");
    assert_int_equal(w->n_closed, 0);
    size_t before = w->n_online;
    online_at(w, w->dialed[1], "10.2.0.1:8110", "10.9.0.1:40001");
    assert_int_equal(w->n_online, before);
    assert_int_equal(w->n_closed, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(w->closed_why[i], END_LOOPBACK);
        assert_true(peer_ref_equal(w->closed[i], first) || peer_ref_equal(w->closed[i], w->dialed[1]));
    }
    ended(w, w->dialed[1], END_CLOSED); /* it is known all the same, and not dialed again */
    ended(w, first, END_LOOPBACK);
    for (int i = 0; i < 5; i++) {
        pass(w, 20 * 1000);
    }
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

static void bad_handshakes_end_in_refusal(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    for (int i = 0; i < 20; i++) {
        ended(w, knock(w, "10.1.0.1:40000"), END_HANDSHAKE); /* -10 each */
    }
    assert_true(knock(w, "10.1.0.1:40000").generation); /* -200 is not below -200 */
    ended(w, w->accepted[w->n_accepted - 1], END_NETWORK);
    assert_false(knock(w, "10.1.0.1:40000").generation);
    assert_true(knock(w, "10.1.0.2:40000").generation); /* its neighbour is somebody else */
    world_free(w);
}

/* To tell them if else to go costs a connection each. */
static void a_full_node_refuses_so_many_at_once(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.incoming = 0;
    world_open(w);
    char text[64];
    for (int i = 1; i <= 40; i++) {
        snprintf(text, sizeof text, "10.%d.0.1:40000", i);
        knock(w, text);
    }
    assert_int_equal(w->n_accepted, 32);
    assert_int_equal(w->n_shed, 8);
    ended(w, w->accepted[0], END_REFUSED);
    assert_true(knock(w, text).generation);
    world_free(w);
}

/* One for each minute with a message for the application, however many there are; and nothing for what the
 * connection dealt with itself: heartbeats, pings, parts. A demerit counts at once. */
static void merit_grows_with_time(void **state)
{
    struct world *w = world_new();
    struct message m = {.type = MSG_CREDIT, .credit.good = 100};
    (void)state;
    w->config.merits.good = 3;
    w->config.merits.bad = -20;
    world_open(w);
    m.peer = incoming(w, 1);
    controller_handle(w->core, now(w), &m);
    assert_int_equal(quality(w), 0);
    for (int i = 0; i < 1000; i++) {
        receive(w, m.peer, "hello");
    }
    assert_int_equal(quality(w), 3);
    struct peer_ref second = knock(w, "10.1.0.1:40001");
    online(w, second, "10.1.0.1:8111", 2);
    pass(w, 59 * 1000);
    receive(w, m.peer, "hello");
    receive(w, second, "hello");
    assert_int_equal(quality(w), 3); /* by another connection of that IP neither */
    pass(w, 1000);
    receive(w, m.peer, "hello");
    receive(w, second, "hello");
    assert_int_equal(quality(w), 6);
    m.credit.bad = 4;
    controller_handle(w->core, now(w), &m);
    assert_int_equal(quality(w), 6 - 80);
    world_free(w);
}

/* What is only repeated is of no use. */
static void what_came_before_earns_nothing(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    receive(w, a, "hello");
    struct peer_ref b = incoming(w, 2);
    receive(w, b, "hello");
    assert_int_equal(quality(w), 0); /* of the last */
    receive(w, b, "something else");
    assert_int_equal(quality(w), 1);
    world_free(w);
}

/* What is told may be the words of a peer, and of one whose protocol lets it choose its name. */
static void what_is_told_is_harmless(void **state)
{
    struct world *w = world_new();
    struct ending as = {.text = "caf\xe9 \x1b[2J"};
    struct peer_info *t = calloc(1, sizeof *t);
    (void)state;
    assert_non_null(t);
    world_open(w);
    struct peer_ref a = knock(w, "10.1.0.1:40000");
    *t = (struct peer_info){.endpoint = endpoint_of("10.1.0.1:8110"), .hash = "n\xff\a", .version = 10};
    handle(w, (struct message){.type = MSG_ONLINE, .peer = a, .info = t});
    assert_string_equal(w->last_hash, "n??");
    ended_as(w, a, END_CLOSED, &as);
    handle(w, (struct message){.type = MSG_GONE, .peer = a});
    assert_int_equal(w->last, KITH_OFFLINE);
    assert_string_equal(w->last_text, "caf? ?[2J");
    world_free(w);
}

static void losses_are_counted_by_their_cause(void **state)
{
    struct world *w = world_new();
    struct message m = {.type = MSG_LOST, .lost = {.count = 3, .why = LOSS_UNSAYABLE}};
    (void)state;
    world_open(w);
    m.peer = incoming(w, 1);
    controller_handle(w->core, now(w), &m);
    pass(w, 2000);
    assert_int_equal(w->dropped, 3);
    assert_string_equal(w->last_text, drop_cause_text(DROP_UNSAYABLE));
    m.lost.why = LOSS_UNFINISHED;
    m.lost.count = 5;
    controller_handle(w->core, now(w), &m);
    pass(w, 2000);
    assert_int_equal(w->dropped, 3 + 5);
    assert_string_equal(w->last_text, drop_cause_text(DROP_UNFINISHED));
    world_free(w);
}

static void exclusive_in_accepts_special_peers_only(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.exclusive = w->config.exclusive_in = true;
    world_open(w);
    assert_true(knock(w, "10.1.0.1:40000").generation);
    assert_false(knock(w, "10.2.0.1:40000").generation);
    world_free(w);
}

/* It was told to go, and may have sent something before it knew. */
static void a_duplicate_is_not_listened_to(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    incoming(w, 1);
    struct peer_ref second = knock(w, "10.1.0.1:40002");
    online(w, second, "10.1.0.1:8110", 1);
    receive(w, second, "hello");
    assert_int_equal(w->n_delivered, 0);
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    world_free(w);
}

static void a_connection_that_could_not_be_started_takes_no_place(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.incoming = 1;
    world_open(w);
    w->accept_fails = true;
    knock(w, "10.1.0.1:40000");
    w->accept_fails = false;
    assert_true(knock(w, "10.2.0.1:40000").generation && !w->refused[0]);
    world_free(w);
}

static void each_kind_of_end_has_its_price(void **state)
{
    static const struct {
        enum end_reason reason;
        int32_t price;
    } cases[] = {{END_BAD_INPUT, -7}, {END_SILENT, -3}, {END_CLOSED, -3}, {END_HANDSHAKE, -11},
                 {END_DISCONNECT, 0}, {END_EVICTED, 0}, {END_CROWDED, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world *w = world_new();
        w->config.merits.bad = -7;
        w->config.merits.lost = -3;
        w->config.merits.handshake_failed = -11;
        world_open(w);
        ended(w, incoming(w, 1), cases[i].reason);
        incoming(w, 1);
        assert_int_equal(quality(w), cases[i].price);
        world_free(w);
    }
}

static void what_is_lost_because_a_peer_stalled_costs_it(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.merits.lost = -3;
    world_open(w);
    controller_dropped(w->core, incoming(w, 1), DROP_STALLED, 100);
    pass(w, 2000);
    assert_int_equal(quality(w), -3);
    world_free(w);
}

/* Also if there was no memory to say more. */
/* But the node's own requests and answers are nobody's loss. */
static void what_an_end_has_lost_is_told(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    ended_as(w, a, END_CLOSED, NULL);
    comes_back(w, a, SCOPE_FULL, "for everyone");
    comes_back(w, a, SCOPE_PEER, "for one");
    comes_back(w, a, SCOPE_NONE, "an answer");
    handle(w, (struct message){.type = MSG_GONE, .peer = a});
    assert_int_equal(w->dropped, 2);
    assert_int_equal(w->n_posted, 0);
    world_free(w);
}

/* The peer's, one each way: the first is ours. */
static void two_ways(struct world *w, struct peer_ref *out, struct peer_ref *in)
{
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    *out = w->dialed[w->n_dialed - 1];
    online(w, *out, "10.1.0.1:8110", 1);
    *in = incoming(w, 1);
    w->n_posted = 0;
}

/* What one of two connections with a peer took and did not write goes by the other. */
static void what_comes_back_goes_the_other_way(void **state)
{
    for (int broken = 0; broken < 2; broken++) {
        struct world *w = world_new();
        (void)state;
        world_open(w);
        struct peer_ref ways[2];
        two_ways(w, &ways[0], &ways[1]);
        ended_as(w, ways[broken], END_CLOSED, NULL);
        comes_back(w, ways[broken], SCOPE_FULL, "again");
        assert_int_equal(w->n_posted, 1);
        assert_true(peer_ref_equal(w->posted[0], ways[1 - broken]));
        w->full = ways[1 - broken];
        comes_back(w, ways[broken], SCOPE_PEER, "later");
        assert_int_equal(w->n_posted, 0);
        assert_true(controller_waits(w->core));
        assert_true(controller_takes(w->core, ways[1 - broken])); /* it is no message of that peer */
        handle(w, (struct message){.type = MSG_GONE, .peer = ways[broken]});
        w->full = PEER_NOBODY;
        controller_retry(w->core, now(w));
        assert_int_equal(w->n_posted, 1);
        assert_false(controller_waits(w->core));
        comes_back(w, ways[broken], SCOPE_PEER, "after it has gone");
        assert_int_equal(w->n_posted, 1);
        pass(w, 2000);
        assert_int_equal(w->dropped, 0);
        world_free(w);
    }
}

/* Whoever names a connection that has just ended means its peer. */
static void what_is_sent_to_an_ended_connection_goes_the_other_way(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref out;
    struct peer_ref in;
    two_ways(w, &out, &in);
    ended(w, out, END_CLOSED);
    say(w, SCOPE_PEER, out, "to the peer", 1);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], in));
    assert_int_equal(w->sent_peers, 1);
    ended(w, in, END_CLOSED);
    say(w, SCOPE_PEER, out, "to nobody", 2);
    assert_int_equal(w->n_posted, 0);
    pass(w, 2000);
    assert_int_equal(w->dropped, 1);
    world_free(w);
}

/* A peer that loses much must not end up at the other end. */
static void merits_do_not_wrap_around(void **state)
{
    struct world *w = world_new();
    struct message m = {.type = MSG_CREDIT, .credit.bad = UINT32_MAX};
    (void)state;
    world_open(w);
    m.peer = incoming(w, 1);
    for (int i = 0; i < 2; i++) {
        controller_handle(w->core, now(w), &m);
        assert_int_equal(quality(w), QUALITY_MIN);
    }
    world_free(w);
}

static void demerits_count_at_once(void **state)
{
    struct world *w = world_new();
    struct message m = {.type = MSG_CREDIT, .credit.bad = 41};
    (void)state;
    world_open(w);
    m.peer = incoming(w, 1);
    controller_handle(w->core, now(w), &m);
    assert_false(knock(w, "10.1.0.1:40001").generation);
    world_free(w);
}

static void commands_about_nobody_are_errors(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref gone = incoming(w, 1);
    ended(w, gone, END_CLOSED);
    struct command *c = command(COMMAND_BAN);
    c->peer = gone;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_int_equal(w->last, KITH_FAILED);
    w->last = KITH_DONE;
    handle(w, (struct message){.type = MSG_LEAVE, .peer = gone});
    assert_int_equal(w->last, KITH_FAILED);
    struct peer_ref pending = knock(w, "10.1.0.1:40001");
    assert_true(pending.generation); /* and nobody was banned for it */
    w->last = KITH_DONE;
    handle(w, (struct message){.type = MSG_LEAVE, .peer = pending});
    assert_int_equal(w->last, KITH_FAILED);
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

/* --- upkeep --- */

static void cat_rounds_drop_ordinary_peers(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110,10.2.0.1:8110,10.3.0.1:8110");
    w->config.node.timings.cat = 900 * 1000;
    w->config.node.limits.cat_keep = 5;
    world_open(w);
    for (int i = 1; i <= 12; i++) {
        incoming(w, i);
    }
    pass(w, 899 * 1000);
    assert_int_equal(w->n_closed, 0);
    pass(w, 1000);
    assert_int_equal(w->n_closed, 9 - 5);
    for (size_t i = 0; i < w->n_closed; i++) {
        assert_int_equal(w->closed_why[i], END_CAT);
        for (int k = 0; k < 3; k++) { /* never a special one */
            assert_false(peer_ref_equal(w->closed[i], w->accepted[k]));
        }
    }
    world_free(w);
}

/* Left to itself, a node keeps whom it has. */
static void nobody_is_dropped_where_no_rounds_are_asked_for(void **state)
{
    enum { PEERS = 50, DAY_MS = 24 * 3600 * 1000, STEP_MS = 60 * 1000 };
    struct world *w = world_new();

    (void)state;
    w->config.node.limits.incoming = PEERS;
    world_open(w);
    for (int i = 1; i <= PEERS; i++) {
        incoming(w, i);
    }
    for (int i = 0; i < DAY_MS / STEP_MS; i++) {
        pass(w, STEP_MS);
    }
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

static void who_is_not_heard_of_is_forgotten(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.timings.forget = 3600 * 1000;
    w->config.outgoing = 0;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 3500 * 1000);
    assert_int_equal(known(w), 1);
    pass(w, 200 * 1000);
    assert_int_equal(known(w), 0);
    world_free(w);
}

static void what_a_full_book_loses_is_said_once(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.log_level = LOG_LEVEL_DEBUG;
    w->config.outgoing = 0;
    world_open(w);
    seed_ports(w, "10.1.0.1:8110", 5000); /* more than the book keeps of seeds */
    pass(w, 60 * 1000);
    char *said = strstr(w->log, "bounds of the address book: ");
    assert_non_null(said);
    pass(w, 60 * 1000);
    assert_null(strstr(said + 1, "bounds of the address book: "));
    world_free(w);
}

/* Messages are a sign of life, not handshakes alone. */
static void who_is_heard_from_is_not_forgotten(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.timings.forget = 3600 * 1000;
    w->config.outgoing = 0;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    for (int i = 0; i < 6; i++) {
        pass(w, 1800 * 1000);
        receive(w, a, "still here");
    }
    pass(w, 1800 * 1000);
    assert_int_equal(known(w), 1);
    world_free(w);
}

static void special_peers_are_not_forgotten(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.node.timings.forget = 3600 * 1000;
    w->config.exclusive = true;
    world_open(w);
    for (int i = 1; i <= 2; i++) {
        ended(w, incoming(w, i), END_CLOSED);
    }
    assert_int_equal(known(w), 2);
    pass(w, 3700 * 1000);
    assert_int_equal(known(w), 1);
    world_free(w);
}

static void drops_are_told_once_a_second(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    pass(w, 2000);
    for (int i = 0; i < 20; i++) {
        controller_dropped(w->core, a, DROP_GONE, 1);
        pass(w, 100);
    }
    assert_in_range(w->n_dropped_events, 2, 3);
    pass(w, 1000);
    assert_int_equal(w->dropped, 20);
    world_free(w);
}

static void saved(struct world *w, bool failed)
{
    struct message m = {.type = MSG_SAVED, .failed = failed};
    controller_handle(w->core, now(w), &m);
}

static void peers_are_saved_when_something_changed(void **state)
{
    struct world *w = world_new();
    int64_t save = w->config.node.timings.save;
    (void)state;
    w->config.outgoing = 0; /* a dial would be a change */
    w->config.merits.good = 30;
    world_open(w);
    pass(w, save);
    assert_int_equal(w->n_saved, 0);
    struct peer_ref a = incoming(w, 1);
    receive(w, a, "good");
    pass(w, save);
    assert_int_equal(w->n_saved, 1);
    assert_int_equal(w->saved_quality, 30); /* with what was earned a moment ago */
    incoming(w, 2);
    pass(w, save);
    assert_int_equal(w->n_saved, 1); /* one at a time */
    saved(w, false);
    pass(w, save);
    assert_int_equal(w->n_saved, 2);
    saved(w, true);
    pass(w, save);
    assert_int_equal(w->n_saved, 3); /* what could not be written */
    saved(w, false);
    pass(w, save);
    assert_int_equal(w->n_saved, 3);
    world_free(w);
}

/* --- the end --- */

static void quitting_closes_saves_and_ends(void **state)
{
    struct world *w = world_new();
    struct message saved = {.type = MSG_SAVED};
    (void)state;
    world_open(w);
    struct peer_ref a = incoming(w, 1);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    assert_int_equal(w->n_closed, 1);
    assert_false(knock(w, "10.5.0.1:40000").generation);
    pass(w, 10);
    assert_false(w->ended);
    assert_int_equal(w->n_saved, 0);
    ended(w, a, END_SHUTDOWN);
    pass(w, 10);
    assert_int_equal(w->n_saved, 1);
    assert_false(w->ended);
    controller_handle(w->core, now(w), &saved);
    pass(w, 1);
    assert_true(w->ended);
    world_free(w);
}

static void who_does_not_end_in_time_is_ended(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    incoming(w, 1);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    assert_false(w->closed_at_once[0]);
    pass(w, 1049);
    assert_int_equal(w->n_closed, 1);
    assert_true(controller_deadline(w->core) <= w->now_ms + 1);
    pass(w, 1);
    assert_int_equal(w->n_closed, 2);
    assert_true(w->closed_at_once[1]);
    world_free(w);
}

static void a_disk_that_does_not_answer_holds_up_no_end(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.log_level = LOG_LEVEL_WARNING;
    snprintf(w->config.peers_file, sizeof w->config.peers_file, "/home/peers.json");
    world_open(w);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    pass(w, 1299);
    assert_int_equal(w->n_saved, 1);
    assert_false(w->ended);
    pass(w, 1);
    assert_true(w->ended);
    assert_non_null(strstr(w->last_line, "peers file /home/peers.json: the disk does not answer"));
    world_free(w);
}

static void what_waits_at_the_end_is_counted(void **state)
{
    struct world *w = relay_world();
    (void)state;
    struct peer_ref a = incoming(w, 1);
    struct peer_ref b = incoming(w, 2);
    w->from_full = true;
    receive(w, a, "waits for the application");
    w->n_posted = 0;
    w->full = b;
    say(w, SCOPE_FULL, PEER_NOBODY, "waits for b", 0);
    assert_int_equal(w->n_posted, 1);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    assert_false(controller_waits(w->core));
    w->full = PEER_NOBODY;
    receive(w, a, "too late");
    assert_int_equal(w->n_posted, 1); /* nothing is relayed any more */
    assert_false(controller_waits(w->core));
    ended(w, a, END_SHUTDOWN);
    ended(w, b, END_SHUTDOWN);
    assert_int_equal(w->dropped, 3);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F29", scopes_reach_whom_they_say),
        cmocka_unit_test(a_message_is_not_sent_back),
        promise_test("F29 F32", what_waits_for_one_peer_stays_in_order_while_room_comes_bit_by_bit),
        promise_test("F32", a_full_queue_waits_without_keeping_others),
        cmocka_unit_test(a_message_to_one_peer_waits_for_that_peer_alone),
        cmocka_unit_test(a_peer_is_full_by_either_connection),
        cmocka_unit_test(what_waits_for_a_peer_that_leaves_is_counted),
        cmocka_unit_test(a_peer_leaves_after_what_waits_for_it),
        cmocka_unit_test(what_waits_for_one_peer_has_room_for_a_queue),
        cmocka_unit_test(a_full_application_waits_too),
        cmocka_unit_test(a_relay_passes_each_message_on_once),
        cmocka_unit_test(two_kinds_are_two_messages),
        cmocka_unit_test(a_relay_sends_nothing_back),
        cmocka_unit_test(what_a_relay_sent_itself_does_not_come_back),
        cmocka_unit_test(a_relay_that_waits_keeps_back_the_sender_alone),
        cmocka_unit_test(a_relay_that_has_no_room_to_wait_goes_at_the_cost_of_the_slow_peer),
        cmocka_unit_test(the_relay_that_has_waited_longest_makes_room),
        cmocka_unit_test(what_a_relay_still_holds_at_the_end_is_counted),
        cmocka_unit_test(what_the_service_says_keeps_nobody_back),
        cmocka_unit_test(what_waits_for_one_peer_is_bounded),
        cmocka_unit_test(answers_that_wait_take_room_of_the_budget),
        cmocka_unit_test(to_a_peer_that_has_gone_is_counted),
        cmocka_unit_test(a_peer_connected_both_ways_gets_one_copy),
        promise_test("F29", the_others_are_chosen_at_random),
        cmocka_unit_test(nothing_is_sent_to_a_connection_that_is_being_closed),
        cmocka_unit_test(a_connection_that_has_ended_is_heard_and_not_sent_to),
        cmocka_unit_test(a_relay_sends_nothing_back_by_the_other_connection),
        cmocka_unit_test(what_others_earned_just_now_decides_who_is_shared),
        promise_test("P6", the_older_of_two_connections_stays),
        cmocka_unit_test(a_full_node_refuses_with_alternatives),
        cmocka_unit_test(special_peers_are_not_named_as_alternatives),
        promise_test("F17", a_full_node_has_room_for_special_peers),
        promise_test("P20", a_ban_ends_every_connection_of_the_ip),
        cmocka_unit_test(misconduct_ends_every_connection_of_the_ip),
        cmocka_unit_test(the_discouraged_are_not_dialed),
        cmocka_unit_test(who_was_dialed_on_request_is_not_discouraged),
        cmocka_unit_test(we_know_ourselves_by_the_nonce),
        cmocka_unit_test(we_know_ourselves_by_the_two_ends),
        cmocka_unit_test(bad_handshakes_end_in_refusal),
        cmocka_unit_test(a_full_node_refuses_so_many_at_once),
        promise_test("F11 P42", merit_grows_with_time),
        promise_test("F11", what_came_before_earns_nothing),
        cmocka_unit_test(what_is_told_is_harmless),
        cmocka_unit_test(losses_are_counted_by_their_cause),
        cmocka_unit_test(exclusive_in_accepts_special_peers_only),
        cmocka_unit_test(a_duplicate_is_not_listened_to),
        cmocka_unit_test(a_connection_that_could_not_be_started_takes_no_place),
        promise_test("F11 P42", each_kind_of_end_has_its_price),
        cmocka_unit_test(what_is_lost_because_a_peer_stalled_costs_it),
        promise_test("P22", what_an_end_has_lost_is_told),
        promise_test("P22", what_comes_back_goes_the_other_way),
        cmocka_unit_test(what_is_sent_to_an_ended_connection_goes_the_other_way),
        promise_test("F11", merits_do_not_wrap_around),
        cmocka_unit_test(demerits_count_at_once),
        cmocka_unit_test(commands_about_nobody_are_errors),
        promise_test("F17", cat_rounds_drop_ordinary_peers),
        promise_test("P31", nobody_is_dropped_where_no_rounds_are_asked_for),
        promise_test("P26", who_is_not_heard_of_is_forgotten),
        cmocka_unit_test(what_a_full_book_loses_is_said_once),
        promise_test("P26", who_is_heard_from_is_not_forgotten),
        cmocka_unit_test(special_peers_are_not_forgotten),
        cmocka_unit_test(drops_are_told_once_a_second),
        promise_test("P45", peers_are_saved_when_something_changed),
        cmocka_unit_test(quitting_closes_saves_and_ends),
        cmocka_unit_test(who_does_not_end_in_time_is_ended),
        cmocka_unit_test(a_disk_that_does_not_answer_holds_up_no_end),
        cmocka_unit_test(what_waits_at_the_end_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
