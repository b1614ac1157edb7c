/* Whom the core dials, and when. */
#ifdef KITH_WITH_DDRP
#include "protocol/ddrp/ddrp.h"
#include "protocol/ddrp/share.h"
#include "protocol/ddrp/sign.h"
#endif
#include "protocol/factom/factom.h"
#include "protocol/known_peers.h"
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

/* --- special peers --- */

static void special_peers_are_dialed_for_ever(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.exclusive = true;
    world_open(w);
    size_t dials;
    for (dials = 1; dials <= 100; dials++) {
        assert_int_equal(w->n_dialed, dials);
        assert_string_equal(w->dialed_to[dials - 1], "10.1.0.1:8110");
        ended(w, w->dialed[dials - 1], END_DIAL_FAILED);
        assert_true(controller_deadline(w->core) <= w->now_ms + 20000);
        pass(w, 4999);
        assert_int_equal(w->n_dialed, dials);
        pass(w, 15001);
    }
    world_free(w);
}

/* Whoever is named without an id in one list and with one in the other must prove it. */
static void an_id_of_either_list_is_insisted_on(void **state)
{
    static const char *const lists[][2] = {{"ab@10.1.0.1:8110", "10.1.0.1:8110"},
                                           {"10.1.0.1:8110", "ab@10.1.0.1:8110"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new();
        special_flag(w, lists[i][0]);
        char bad[300];
        assert_int_equal(address_list_parse(&w->config.special_file, lists[i][1], bad, sizeof bad), 0);
        world_open(w);
        assert_int_equal(w->n_dialed, 1);
        assert_int_equal(w->dialed_id[0].size, 1);
        assert_int_equal(w->dialed_id[0].bytes[0], 0xab);
        world_free(w);
    }
}

static void special_lists_are_kept_apart(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    char bad[300];
    assert_int_equal(address_list_parse(&w->config.special_file, "10.2.0.1:8110", bad, sizeof bad), 0);
    world_open(w);
    assert_int_equal(w->n_dialed, 2);
    online(w, w->dialed[0], w->dialed_to[0], 1);
    online(w, w->dialed[1], w->dialed_to[1], 2);
    struct command *c = command(COMMAND_RELOAD);
    assert_int_equal(address_list_parse(&c->peers, "10.3.0.1:8110", bad, sizeof bad), 0);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    pass(w, 1);
    assert_int_equal(w->n_dialed, 3); /* the new one; the old ones keep their connections */
    assert_string_equal(w->dialed_to[2], "10.3.0.1:8110");
    assert_int_equal(w->n_closed, 0);
    ended(w, w->dialed[0], END_CLOSED);
    ended(w, w->dialed[1], END_CLOSED);
    pass(w, 20000);
    pass(w, 20000);
    for (size_t i = 3; i < w->n_dialed; i++) { /* 10.1 is still special; 10.2 is an ordinary peer now */
        if (strcmp(w->dialed_to[i], "10.1.0.1:8110") == 0) {
            break;
        } else {
            assert_true(i + 1 < w->n_dialed);
        }
    }
    world_free(w);
}

static void a_dialed_peer_that_becomes_special_is_not_dialed_again(void **state)
{
    struct world *w = world_new();
    struct command *c = command(COMMAND_SPECIAL);
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    char bad[300];
    assert_int_equal(address_list_parse(&c->peers, "10.1.0.1:8110", bad, sizeof bad), 0);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    pass(w, 60 * 1000);
    assert_int_equal(w->n_dialed, 1);
    ended(w, w->dialed[0], END_CLOSED);
    pass(w, 20 * 1000);
    assert_int_equal(w->n_dialed, 2); /* from now on it is redialed as a special one */
    world_free(w);
}

static void a_special_peer_that_is_ourselves_is_dialed_once(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    world_open(w);
    ended(w, w->dialed[0], END_LOOPBACK);
    for (int i = 0; i < 5; i++) {
        pass(w, 20 * 1000);
    }
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

static void special_peers_come_on_top_of_the_dialed(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.outgoing = 1;
    world_open(w);
    seed(w, "10.1.0.1:8110"); /* is no ordinary peer beside */
    seed(w, "10.2.0.1:8110");
    seed(w, "10.3.0.1:8110");
    pass(w, 1000);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_string_not_equal(w->dialed_to[1], "10.1.0.1:8110");
    world_free(w);
}

static void a_special_peer_is_not_dialed_as_an_ordinary_one(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    w->config.node.timings.redial_special = 3600 * 1000;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    ended(w, w->dialed[0], END_DIAL_FAILED);
    pass(w, 600 * 1000);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* Whoever it leads to, whether or not there was a handshake. */
static void a_host_name_is_special_where_it_leads(void **state)
{
    struct world *w = world_new();
    struct ending e = {.remote = endpoint_of("10.1.0.1:8110")};
    (void)state;
    special_flag(w, "peer.example:8110");
    w->config.node.limits.incoming = 0;
    world_open(w);
    knock(w, "10.1.0.1:40000");
    assert_true(w->refused[0]);
    named(w, "peer.example:8110", "10.1.0.1:8110");
    pass(w, 0);
    assert_int_equal(w->n_dialed, 1);
    ended_as(w, w->dialed[0], END_REJECTED, &e);
    handle(w, (struct message){.type = MSG_GONE, .peer = w->dialed[0]});
    knock(w, "10.1.0.1:40001");
    assert_false(w->refused[1]);
    named(w, "peer.example:8110", "10.2.0.1:8110"); /* it has moved */
    pass(w, 0);
    online(w, w->dialed[1], "10.2.0.1:8110", 1);
    knock(w, "10.1.0.1:40002");
    knock(w, "10.2.0.1:40000");
    assert_true(w->refused[2] && !w->refused[3]);
    w->config.node.timings.redial_special = 3600 * 1000;
    ended(w, w->dialed[1], END_CLOSED);
    pass(w, 0);
    assert_int_equal(w->n_dialed, 2); /* it is no ordinary peer, although it is in the book */
    world_free(w);
}

/* --- ordinary peers --- */

static void oneself_is_dialed_once(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    ended(w, w->dialed[0], END_LOOPBACK);
    for (int i = 0; i < 50; i++) {
        pass(w, 60 * 1000);
    }
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

static void an_ordinary_peer_is_given_up_after_five_failures(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    for (size_t dials = 1; dials <= 5; dials++) {
        pass(w, 1000);
        assert_int_equal(w->n_dialed, dials);
        ended(w, w->dialed[dials - 1], END_DIAL_FAILED);
        pass(w, 110 * 1000); /* not again before two minutes have gone by */
        assert_int_equal(w->n_dialed, dials);
        pass(w, 25 * 1000);
    }
    for (int i = 0; i < 9; i++) {
        pass(w, 1000);
    }
    assert_int_equal(w->n_dialed, 5);
    for (int i = 0; i < 10; i++) { /* but a node that is all alone tries everybody again, now and then */
        pass(w, 60 * 1000);
    }
    assert_int_equal(w->n_dialed, 6);
    world_free(w);
}

static const struct peer_id somebody = {.size = 1, .bytes = {0xab}};

/* Of whom nobody else is known. A dial that was no failure may be repeated after -redial, another after
 * -retry. */
static struct world *retry_world(void)
{
    struct world *w = world_new();
    w->config.node.timings.redial = 1000;
    w->config.node.timings.retry = 600 * 1000;
    world_open(w);
    return w;
}

/* It has dialed us, and is gone. */
static void meet(struct world *w, const char *where)
{
    struct peer_ref peer = knock(w, "10.1.0.1:40000");
    online(w, peer, where, 1);
    ended(w, peer, END_CLOSED);
}

/* Whoever says that somebody is where he is not must not bar the address that way. */
static void hearsay_that_was_wrong_is_no_failure(void **state)
{
    struct world *w = retry_world();
    struct peer_ref liar = knock(w, "10.1.0.1:40000");
    (void)state;
    online_as(w, liar, "10.1.0.1:8110", 1, somebody);
    ended(w, liar, END_CLOSED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    assert_int_equal(w->dialed_id[0].size, 1);
    ended(w, w->dialed[0], END_IDENTITY);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_int_equal(w->dialed_id[1].size, 0); /* whoever is there now will do */
    world_free(w);
}

static void tells(struct world *w, const char *from, const char *where)
{
    struct peer_ref teller = knock(w, from);
    online_as(w, teller, where, 1, somebody);
    ended(w, teller, END_DISCONNECT);
}

static int32_t quality_of_last(struct world *w)
{
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_PEERS)});
    return w->quality;
}

/* It is not who is there that pays for it, and the liar is not believed again. */
static void a_lie_about_who_is_there_costs_the_liar(void **state)
{
    struct world *w = retry_world();
    (void)state;
    tells(w, "10.1.0.1:40000", "10.9.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    assert_int_equal(w->dialed_id[0].size, 1);
    ended(w, w->dialed[0], END_IDENTITY);
    tells(w, "10.1.0.1:40001", "10.9.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_int_equal(w->dialed_id[1].size, 0);
    online(w, w->dialed[1], "10.9.0.1:8110", 7);
    assert_int_equal(quality_of_last(w), 0);
    online(w, knock(w, "10.1.0.1:40002"), "10.1.0.1:8110", 8);
    assert_int_equal(quality_of_last(w), -2);
    world_free(w);
}

static void somebody_else_where_a_peer_had_proved_to_be_is_a_failure(void **state)
{
    struct world *w = retry_world();
    (void)state;
    meet(w, "10.1.0.1:8110");
    pass(w, 1000);
    online_as(w, w->dialed[0], "10.1.0.1:8110", 1, somebody);
    ended(w, w->dialed[0], END_CLOSED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    ended(w, w->dialed[1], END_IDENTITY);
    pass(w, 598 * 1000);
    assert_int_equal(w->n_dialed, 2);
    pass(w, 2200);
    assert_int_equal(w->n_dialed, 3);
    assert_int_equal(w->dialed_id[2].size, 1);
    world_free(w);
}

/* We have ended it ourselves, or it is connected already. */
static void what_is_not_its_fault_is_no_failure(void **state)
{
    static const enum end_reason reasons[] = {END_SHUTDOWN, END_DISCONNECT, END_BANNED, END_RESOURCES,
                                              END_DUPLICATE};
    struct world *w = retry_world();
    (void)state;
    meet(w, "10.1.0.1:8110");
    pass(w, 1000);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(w->n_dialed, i + 1);
        ended(w, w->dialed[i], reasons[i]);
        pass(w, 1000);
    }
    assert_int_equal(w->n_dialed, 6);
    ended(w, w->dialed[5], END_DIAL_FAILED);
    pass(w, 599 * 1000);
    assert_int_equal(w->n_dialed, 6);
    world_free(w);
}

/* A newcomer that knows nobody else would be alone for as long. */
static void a_seed_that_failed_is_dialed_again_soon(void **state)
{
    struct world *w = retry_world();
    (void)state;
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    ended(w, w->dialed[0], END_DIAL_FAILED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

/* It is dialed for ever; to then close the connection would be no use. */
static void a_special_peer_is_kept_whatever_it_has_earned(void **state)
{
    struct world *w = world_new();
    struct message m = {.type = MSG_CREDIT, .credit.bad = 1000};
    (void)state;
    special_flag(w, "10.1.0.1:8110");
    world_open(w);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    m.peer = w->dialed[0];
    controller_handle(w->core, now(w), &m);
    ended(w, w->dialed[0], END_CLOSED);
    pass(w, 60 * 1000);
    assert_int_equal(w->n_dialed, 2);
    online(w, w->dialed[1], "10.1.0.1:8110", 1);
    assert_int_equal(w->n_online, 2);
    assert_int_equal(w->n_closed, 0);
    knock(w, "10.1.0.1:40000");
    assert_int_equal(w->n_shed, 0);
    ban(w, "10.1.0.1");
    assert_true(w->n_closed > 0);
    knock(w, "10.1.0.1:40001");
    assert_int_equal(w->n_shed, 1);
    world_free(w);
}

static void no_more_dials_at_once_than_are_allowed(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.dials = 2;
    world_open(w);
    for (int i = 1; i <= 6; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.0.1:8110", i);
        seed(w, text);
        pass(w, 1000);
    }
    assert_int_equal(w->n_dialed, 2);
    ended(w, w->dialed[0], END_DIAL_FAILED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 3);
    world_free(w);
}

static void an_ip_is_dialed_at_one_port_in_a_while(void **state)
{
    struct world *w = internet_world();
    (void)state;
    w->config.node.limits.dials = 1;
    world_open(w);
    seed_ports(w, "11.1.0.1:8000", 50);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    ended(w, w->dialed[0], END_DIAL_FAILED);
    seed(w, "11.2.0.1:8110"); /* the many ports of the other are not in its way */
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_string_equal(w->dialed_to[1], "11.2.0.1:8110");
    ended(w, w->dialed[1], END_DIAL_FAILED);
    pass(w, w->config.node.timings.redial - 2001);
    assert_int_equal(w->n_dialed, 2);
    pass(w, 2001 + w->config.node.timings.redial / 8);
    assert_int_equal(w->n_dialed, 3);
    world_free(w);
}

static void at_home_every_port_of_an_ip_is_dialed(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    seed_ports(w, "10.1.0.1:8000", 3);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 3);
    world_free(w);
}

static void who_is_connected_already_is_dialed_last(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.dials = 1;
    world_open(w);
    w->config.outgoing = 1; /* from here on, so that nobody was dialed before */
    for (int i = 1; i <= 10; i++) {
        incoming(w, i);
    }
    seed(w, "10.99.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    assert_string_equal(w->dialed_to[0], "10.99.0.1:8110");
    ended(w, w->dialed[0], END_DIAL_FAILED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2); /* better somebody who has dialed us than nobody */
    world_free(w);
}

/* Also if one is dialed after the other. */
static void dials_are_spread_over_groups_in_use(void **state)
{
    struct world *w = internet_world();
    (void)state;
    w->config.node.limits.dials = 1;
    world_open(w);
    for (int i = 0; i < 40; i++) {
        char text[64];
        snprintf(text, sizeof text, "11.%d.%d.1:8110", i < 38 ? 1 : i, i + 1);
        seed(w, text);
    }
    for (size_t i = 0; i < 3; i++) {
        pass(w, 1000);
        assert_int_equal(w->n_dialed, i + 1);
        online(w, w->dialed[i], w->dialed_to[i], i + 1);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(w->dialed_to[i], w->dialed_to[j], strlen("11.38."));
        }
    }
    world_free(w);
}

static void what_is_not_routable_is_not_dialed(void **state)
{
    struct world *w = internet_world();
    struct ending e = {.n_alternatives = 2};
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    seed(w, "11.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    assert_string_equal(w->dialed_to[0], "11.1.0.1:8110");
    assert_int_equal(known(w), 2);
    e.alternatives[0] = endpoint_of("10.2.0.1:8110");
    e.alternatives[1] = endpoint_of("11.2.0.1:8110");
    ended_as(w, w->dialed[0], END_REJECTED, &e);
    assert_int_equal(known(w), 3);
    online(w, knock(w, "10.3.0.1:40000"), "10.3.0.1:8110", 3);
    assert_int_equal(known(w), 3);
    online(w, knock(w, "11.3.0.1:40000"), "11.3.0.1:8110", 4);
    assert_int_equal(known(w), 4);
    world_free(w);
}

static void an_ip_has_so_many_connections_and_no_more(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.per_ip = 2;
    world_open(w);
    seed_ports(w, "10.1.0.1:8000", 6);
    pass(w, 1000);
    seed(w, "10.1.0.1:8006");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

static void a_burst_of_endings_is_one_look(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    ended(w, w->dialed[0], END_DIAL_FAILED);
    seed(w, "10.2.0.1:8110");
    pass(w, 100);
    assert_int_equal(w->n_dialed, 1);
    assert_true(controller_deadline(w->core) <= w->now_ms + 100);
    pass(w, 100);
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

/* Not whenever something else happens. */
static void an_address_is_dialed_again_when_its_time_has_come(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    pass(w, 500);
    seed(w, "10.1.0.1:8110");
    pass(w, 0);
    assert_int_equal(w->n_dialed, 1);
    int64_t due = w->now_ms + w->config.node.timings.redial;
    ended(w, w->dialed[0], END_DIAL_FAILED);
    while (w->n_dialed == 1 && controller_deadline(w->core) <= due + w->config.node.timings.redial / 8) {
        pass(w, controller_deadline(w->core) - w->now_ms);
    }
    assert_int_equal(w->n_dialed, 2);
    assert_in_range(w->now_ms, due, due + w->config.node.timings.redial / 8);
    world_free(w);
}

static void an_end_after_the_handshake_is_no_failure(void **state)
{
    struct world *w = retry_world();
    (void)state;
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    ended(w, w->dialed[0], END_CLOSED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

/* It may have been banned while it was dialed. */
static void who_is_banned_does_not_come_online(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "peer.example:8110");
    world_open(w);
    named(w, "peer.example:8110", "10.1.0.1:8110 10.3.0.1:8110");
    seed(w, "10.2.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    ban(w, "10.1.0.1");
    assert_int_equal(w->n_closed, 0); /* nobody knows yet which of the addresses it is */
    ban(w, "10.2.0.1");
    assert_int_equal(w->n_closed, 1);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    assert_int_equal(w->n_closed, 2);
    assert_int_equal(w->closed_why[1], END_BANNED);
    online(w, w->dialed[1], "10.2.0.1:8110", 2);
    assert_int_equal(w->n_online, 0);
    assert_int_equal(w->n_closed, 2);
    world_free(w);
}

static void the_end_of_a_ban_by_request_is_noticed(void **state)
{
    struct world *w = world_new();
    struct command *c = command(COMMAND_UNBAN);
    (void)state;
    world_open(w);
    ban(w, "10.1.0.1");
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 0);
    c->ip = endpoint_of("10.1.0.1:1").ip;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    world_free(w);
}

/* --- feelers and anchors --- */

/* With one outgoing connection, which it has, and two others that it knows of. */
static struct world *world_with_one_peer(void)
{
    struct world *w = world_new();
    w->config.outgoing = 1;
    world_open(w);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    online(w, w->dialed[0], "10.1.0.1:8110", 1);
    seed(w, "10.2.0.1:8110");
    seed(w, "10.3.0.1:8110");
    return w;
}

/* In steps in which nothing is missed. */
static void live_for(struct world *w, int64_t ms)
{
    for (int64_t end_ms = w->now_ms + ms; w->now_ms < end_ms;) {
        pass(w, 1000);
    }
}

static void an_address_is_tried_now_and_then(void **state)
{
    struct world *w = world_with_one_peer();
    (void)state;
    live_for(w, 59 * 1000);
    assert_int_equal(w->n_dialed, 1);
    for (size_t i = 1; i <= 2; i++) {
        size_t online_before = w->n_online;
        live_for(w, 180 * 1000);
        assert_int_equal(w->n_dialed, i + 1); /* one at a time */
        live_for(w, 180 * 1000);
        assert_int_equal(w->n_dialed, i + 1);
        online(w, w->dialed[i], w->dialed_to[i], i + 1);
        assert_int_equal(w->n_closed, i);
        assert_int_equal(w->closed_why[i - 1], END_DISCONNECT);
        assert_int_equal(w->n_online, online_before); /* the application hears nothing of it */
        ended(w, w->dialed[i], END_DISCONNECT);
    }
    live_for(w, 1800 * 1000);
    assert_int_equal(w->n_dialed, 3); /* both have answered */
    world_free(w);
}

/* They are none of the outgoing connections, and do not keep them from being dialed. */
static void a_feeler_takes_no_slot(void **state)
{
    struct world *w = world_with_one_peer();
    (void)state;
    live_for(w, 180 * 1000);
    assert_int_equal(w->n_dialed, 2);
    ended(w, w->dialed[0], END_CLOSED);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 3);
    ended(w, w->dialed[1], END_HANDSHAKE_TIMEOUT);
    online(w, w->dialed[2], w->dialed_to[2], 3);
    assert_int_equal(w->n_online, 2);
    world_free(w);
}

static void nobody_is_tried_before_all_slots_are_filled_nor_by_an_exclusive_node(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new();
        w->config.outgoing = i ? 0 : 2;
        w->config.exclusive = i == 1;
        w->config.node.limits.give_up = 1;
        world_open(w);
        seed(w, "10.1.0.1:8110");
        seed(w, "10.2.0.1:8110");
        pass(w, 1000);
        size_t n = w->n_dialed;
        assert_int_equal(n, i ? 0 : 2);
        if (n > 0) {
            online(w, w->dialed[0], w->dialed_to[0], 1);
            ended(w, w->dialed[1], END_DIAL_FAILED);
        }
        incoming(w, 5);
        live_for(w, 30 * 1000);
        n = w->n_dialed;
        live_for(w, 600 * 1000);
        assert_int_equal(w->n_dialed, n);
        world_free(w);
    }
}

/* The outgoing ordinary peers at the end; not one that was lost before, or that dialed us, or is special. */
static void outgoing_peers_are_saved_as_anchors(void **state)
{
    struct world *w = world_new();
    (void)state;
    special_flag(w, "10.9.0.1:8110");
    w->config.outgoing = 3;
    world_open(w);
    online(w, w->dialed[0], w->dialed_to[0], 9);
    for (int i = 1; i <= 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.0.1:8110", i);
        seed(w, text);
        pass(w, 1000);
        online(w, w->dialed[i], w->dialed_to[i], (uint64_t)i);
    }
    incoming(w, 5);
    ended(w, w->dialed[3], END_CLOSED);
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    for (size_t i = 0; i < 3; i++) {
        ended(w, w->dialed[i], END_SHUTDOWN);
    }
    ended(w, w->accepted[0], END_SHUTDOWN);
    pass(w, 10);
    assert_int_equal(w->n_saved, 1);
    assert_int_equal(w->saved_anchors, 2);
    world_free(w);
}

/* --- what peers tell --- */

static void share_many(struct world *w, struct peer_ref from, uint8_t block, unsigned n)
{
    struct message m = {.type = MSG_PEER, .kind = FACTOM_PEER_SHARE, .peer = from};
    struct known_peers share;
    m.parcel = known_peers_new(n, &share);
    assert_non_null(m.parcel);
    for (unsigned i = 0; i < n; i++) {
        share.list[i].endpoint = (struct endpoint){.ip.bytes = {[10] = 0xff,
                                                                [11] = 0xff,
                                                                [12] = 20,
                                                                [13] = (uint8_t)i,
                                                                [14] = block,
                                                                [15] = (uint8_t)(i >> 8)},
                                                   .port = 8110};
    }
    handle(w, m);
}

/* Of one share 256; of one network group 2,000 at once, those included that say where they listen; of another
 * group as many again. */
static void what_peers_teach_is_bounded(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.log_level = LOG_LEVEL_DEBUG;
    w->config.outgoing = 0;
    world_open(w);
    struct peer_ref other = incoming(w, 2);
    for (unsigned i = 0; i < 9; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.1.0.%u:40000", i + 1);
        struct peer_ref p = knock(w, text);
        snprintf(text, sizeof text, "10.1.0.%u:8110", i + 1);
        online(w, p, text, i + 1);
        share_many(w, p, (uint8_t)i, 300);
    }
    uint64_t before = known(w);
    assert_in_range(before, 300, 512 + 10);
    pass(w, 60 * 1000);
    char text[64];
    snprintf(text, sizeof text, " %d more than a peer may tell", 9 * 300 + 9 - 2000);
    assert_non_null(strstr(w->log, text));
    share_many(w, other, 100, 200);
    assert_in_range(known(w), before + 100, before + 200);
    world_free(w);
}

/* A connection tells of an address of the victim's network at a port, and of so many others there. */
static void tell_of_victim(struct world *w, struct peer_ref from, uint16_t port, unsigned others)
{
    struct message m = {.type = MSG_PEER, .kind = FACTOM_PEER_SHARE, .peer = from};
    struct known_peers share;
    m.parcel = known_peers_new(1 + others, &share);
    assert_non_null(m.parcel);
    for (unsigned i = 0; i <= others; i++) {
        struct endpoint e = endpoint_of("47.1.0.1:8108");
        e.port = i == 0 ? port : e.port;
        e.ip.bytes[14] = (uint8_t)(i == 0 ? 0 : 1 + w_random(w) % 250);
        e.ip.bytes[15] = (uint8_t)(i == 0 ? 1 : 1 + w_random(w) % 250);
        share.list[i].endpoint = e;
    }
    handle(w, m);
}

/* What did not answer makes room for what is told next, and could then be told again. */
static void nobody_is_dialed_more_often_because_he_was_forgotten(void **state)
{
    struct world *w = internet_world();
    size_t dials = 0;
    (void)state;
    world_open(w);
    for (uint16_t round = 0; round < 600; round++) {
        char text[64];
        snprintf(text, sizeof text, "46.%d.0.1:40000", 1 + round % 20);
        struct peer_ref from = knock(w, text);
        online(w, from, "46.1.0.1:8108", round);
        tell_of_victim(w, from, (uint16_t)(1000 + round), 30);
        pass(w, 1000);
        for (size_t i = 0; i < w->n_dialed; i++) {
            dials += strncmp(w->dialed_to[i], "47.1.0.1:", 9) == 0;
            ended(w, w->dialed[i], END_DIAL_FAILED);
        }
        w->n_dialed = 0;
        ended(w, from, END_CLOSED);
        w->n_accepted = w->n_closed = 0;
    }
    assert_in_range(dials, 3, 6);
    world_free(w);
}

/* It is dialed again as soon as our own network may work again, and not only after the usual time. */
static void a_dial_that_never_left_is_forgotten(void **state)
{
    struct world *w = internet_world();
    (void)state;
    w->config.node.timings.redial = 3600 * 1000;
    world_open(w);
    seed(w, "47.1.0.1:8108");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    ended(w, w->dialed[0], END_LOCAL);
    for (int i = 0; i < 60; i++) {
        pass(w, 1000);
    }
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

#ifdef KITH_WITH_DDRP
/* With a special peer, which is the first to be online. */
static struct world *world_with_a_friend(void)
{
    struct world *w = world_of("ddrp");
    w->config.node.timings.redial = 1000;
    w->config.node.timings.retry = 600 * 1000;
    w->config.outgoing = 1;
    special_flag(w, "10.1.0.1:9097");
    world_open(w);
    online(w, w->dialed[0], "10.1.0.1:9097", 1);
    return w;
}

static void a_special_peer_is_not_the_one_that_is_wanted(void **state)
{
    struct world *w = world_with_a_friend();
    (void)state;
    assert_int_equal(w->n_asked, 1); /* so it is asked for others */
    world_free(w);
}

/* It may be a lie about an honest peer's address. */
static void who_is_said_to_be_there_need_not_be(void **state)
{
    struct world *w = world_with_a_friend();
    struct message m = {.type = MSG_PEER, .kind = DDRP_PEER_RES, .peer = w->dialed[0]};
    (void)state;
    struct known_peers share;
    m.parcel = known_peers_new(1, &share);
    assert_non_null(m.parcel);
    share.list[0].endpoint = endpoint_of("10.2.0.1:9097");
    share.list[0].id = (struct peer_id){.size = DDRP_ID_BYTES, .bytes = {0xab}};
    controller_handle(w->core, now(w), &m);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    assert_int_equal(w->dialed_id[1].size, DDRP_ID_BYTES);
    ended(w, w->dialed[1], END_IDENTITY);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 3);
    assert_string_equal(w->dialed_to[2], "10.2.0.1:9097");
    assert_int_equal(w->dialed_id[2].size, 0);
    world_free(w);
}
#endif

static void assert_risk(struct world *w, uint32_t percent, const char *reason)
{
    pass(w, 6000);
    known(w);
    assert_int_equal(w->risk, percent);
    assert_string_equal(w->risk_reason, reason);
}

/* Whose groups the outgoing peers are of, who told of them, and of the book. */
static void what_is_in_one_hand_is_told(void **state)
{
    struct world *w = internet_world();
    (void)state;
    w->config.log_level = LOG_LEVEL_WARNING;
    w->config.outgoing = 5;
    world_open(w);
    assert_risk(w, 0, "");
    for (int i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "11.%d.%d.1:8110", i < 2 ? 1 : i, i);
        seed(w, text);
        pass(w, 1000);
        assert_int_equal(w->n_dialed, i + 1);
        online(w, w->dialed[i], w->dialed_to[i], (uint64_t)i + 1);
    }
    assert_risk(w, 40, "2 of 5 outgoing peers are of one network group");
    assert_null(strstr(w->log, "surrounded"));
    struct peer_ref p = knock(w, "12.1.0.1:40000");
    online(w, p, "12.1.0.1:8110", 20);
    share_many(w, p, 1, 100);
    pass(w, 6000);
    known(w);
    assert_int_equal(w->risk, 100);
    assert_non_null(strstr(w->risk_reason, " addresses were told by one network group"));
    pass(w, 60 * 1000);
    const char *said = strstr(w->log, "risk of being surrounded: 100 %");
    assert_non_null(said);
    pass(w, 60 * 1000);
    pass(w, 60 * 1000);
    assert_null(strstr(said + 1, "risk of"));
    world_free(w);
}

/* --- seed lists --- */

static void the_seed_list_is_fetched_in_its_time(void **state)
{
    struct world *w = world_new();
    int64_t reseed = w->config.node.timings.reseed;
    struct seed_report *failed = calloc(1, sizeof *failed);
    (void)state;
    assert_non_null(failed);
    failed->next_try_ms = 1000;
    world_open(w);
    assert_int_equal(w->n_fetched, 1); /* nobody is known */
    handle(w, (struct message){.type = MSG_SEEDS, .seeds = failed});
    pass(w, 2 * reseed);
    assert_int_equal(w->n_fetched, 1); /* the fetcher tries again by itself */
    seed(w, "10.1.0.1:8110");
    pass(w, 1);
    online(w, w->dialed[0], "10.1.0.1:8110", 1); /* the node is not alone */
    pass(w, reseed - reseed / 8 - 2);
    assert_int_equal(w->n_fetched, 1);
    pass(w, reseed / 8 + 1);
    assert_int_equal(w->n_fetched, 2);
    world_free(w);
}

static void who_knows_enough_fetches_no_list_at_the_start(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.few_peers = 0;
    world_open(w);
    assert_int_equal(w->n_fetched, 0);
    pass(w, w->config.node.timings.reseed);
    assert_int_equal(w->n_fetched, 1);
    world_free(w);
}

static void a_node_that_is_alone_fetches_the_list_at_once(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.node.limits.few_peers = 0;
    world_open(w);
    pass(w, 14 * 60 * 1000);
    assert_int_equal(w->n_fetched, 0);
    for (int i = 0; i < 2; i++) {
        pass(w, 60 * 1000);
    }
    assert_int_equal(w->n_fetched, 1);
    world_free(w);
}

static void an_exclusive_node_fetches_no_list(void **state)
{
    struct world *w = world_new();
    (void)state;
    w->config.exclusive = true;
    world_open(w);
    pass(w, w->config.node.timings.reseed);
    assert_int_equal(w->n_fetched, 0);
    world_free(w);
}

/* There may be thousands of addresses, and each would fail in the same way. */
static void dials_that_fail_here_are_not_in_haste(void **state)
{
    struct world *w = world_new();
    size_t looks = 0;
    (void)state;
    w->config.log_level = LOG_LEVEL_DEBUG;
    w->dial_fails = true;
    world_open(w);
    seed_ports(w, "10.1.0.1:8110", 1000);
    for (int i = 0; i < 200; i++) {
        seed(w, "10.2.0.1:8110"); /* a reason to look */
        size_t lines = w->n_lines;
        pass(w, 50);
        looks += w->n_lines > lines; /* each look tries one address or more, of which lines tell */
    }
    assert_in_range(looks, 5, 21); /* in ten seconds: one in half a second at most, the first at once */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F17", special_peers_are_dialed_for_ever),
        cmocka_unit_test(an_id_of_either_list_is_insisted_on),
        cmocka_unit_test(special_lists_are_kept_apart),
        cmocka_unit_test(a_dialed_peer_that_becomes_special_is_not_dialed_again),
        cmocka_unit_test(a_special_peer_that_is_ourselves_is_dialed_once),
        promise_test("F17", special_peers_come_on_top_of_the_dialed),
        cmocka_unit_test(a_special_peer_is_not_dialed_as_an_ordinary_one),
        cmocka_unit_test(a_host_name_is_special_where_it_leads),
        cmocka_unit_test(dials_that_fail_here_are_not_in_haste),
        cmocka_unit_test(oneself_is_dialed_once),
        cmocka_unit_test(an_ordinary_peer_is_given_up_after_five_failures),
        cmocka_unit_test(hearsay_that_was_wrong_is_no_failure),
        cmocka_unit_test(a_lie_about_who_is_there_costs_the_liar),
        cmocka_unit_test(somebody_else_where_a_peer_had_proved_to_be_is_a_failure),
        cmocka_unit_test(what_is_not_its_fault_is_no_failure),
        cmocka_unit_test(a_seed_that_failed_is_dialed_again_soon),
        promise_test("F17", a_special_peer_is_kept_whatever_it_has_earned),
        cmocka_unit_test(no_more_dials_at_once_than_are_allowed),
        promise_test("P10", an_ip_is_dialed_at_one_port_in_a_while),
        cmocka_unit_test(at_home_every_port_of_an_ip_is_dialed),
        cmocka_unit_test(who_is_connected_already_is_dialed_last),
        promise_test("P48", dials_are_spread_over_groups_in_use),
        promise_test("P9", what_is_not_routable_is_not_dialed),
        cmocka_unit_test(an_ip_has_so_many_connections_and_no_more),
        cmocka_unit_test(a_burst_of_endings_is_one_look),
        cmocka_unit_test(an_address_is_dialed_again_when_its_time_has_come),
        cmocka_unit_test(an_end_after_the_handshake_is_no_failure),
        cmocka_unit_test(who_is_banned_does_not_come_online),
        cmocka_unit_test(the_end_of_a_ban_by_request_is_noticed),
        cmocka_unit_test(an_address_is_tried_now_and_then),
        cmocka_unit_test(a_feeler_takes_no_slot),
        cmocka_unit_test(nobody_is_tried_before_all_slots_are_filled_nor_by_an_exclusive_node),
        cmocka_unit_test(outgoing_peers_are_saved_as_anchors),
        promise_test("P27", what_peers_teach_is_bounded),
        cmocka_unit_test(nobody_is_dialed_more_often_because_he_was_forgotten),
        cmocka_unit_test(a_dial_that_never_left_is_forgotten),
        cmocka_unit_test(what_is_in_one_hand_is_told),
#ifdef KITH_WITH_DDRP
        cmocka_unit_test(a_special_peer_is_not_the_one_that_is_wanted),
        cmocka_unit_test(who_is_said_to_be_there_need_not_be),
#endif
        promise_test("P18 P53", the_seed_list_is_fetched_in_its_time),
        cmocka_unit_test(who_knows_enough_fetches_no_list_at_the_start),
        cmocka_unit_test(a_node_that_is_alone_fetches_the_list_at_once),
        cmocka_unit_test(an_exclusive_node_fetches_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
