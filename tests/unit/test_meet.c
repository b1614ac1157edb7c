/* A peer that is met again: which of its connections stays. */
#include <sodium.h>

#include "tests/unit/core_fixture.h"

static struct peer_id id_of(uint8_t byte)
{
    struct peer_id id = {.size = 32};
    memset(id.bytes, byte, id.size);
    return id;
}

enum { OURS = 5, LOWER = 3, HIGHER = 7 };

static struct world *world_with_id(const char *protocol)
{
    struct world *w = world_of(protocol);
    w->config.node.id = id_of(OURS);
    world_open(w);
    return w;
}

/* The handshake says, or proves, that the peer is that one. */
static void says(struct world *w, uint32_t type, struct peer_ref slot, const char *at, uint8_t who)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->endpoint = endpoint_of(at);
    t->id = id_of(who);
    t->version = 1;
    peer_id_format(&t->id, t->hash, sizeof t->hash);
    handle(w, (struct message){.type = (uint16_t)type, .peer = slot, .info = t});
}

static struct peer_ref comes(struct world *w, const char *from, const char *at, uint8_t who)
{
    struct peer_ref slot = knock(w, from);
    assert_true(slot.generation);
    says(w, MSG_MET, slot, at, who);
    says(w, MSG_ONLINE, slot, at, who);
    return slot;
}

static struct peer_ref dialed(struct world *w, const char *address)
{
    size_t before = w->n_dialed;
    seed(w, address);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, before + 1);
    return w->dialed[before];
}

static void expect_closed(const struct world *w, struct peer_ref slot)
{
    assert_true(w->n_closed > 0);
    assert_true(peer_ref_equal(w->closed[w->n_closed - 1], slot));
    assert_int_equal(w->closed_why[w->n_closed - 1], END_DUPLICATE);
}

static const char *const with_ids[] = {"ddrp", "fnd"};

/* --- one direction --- */

static void who_comes_back_waits_for_the_old_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (int alive = 0; alive < 2; alive++) {
            struct world *w = world_with_id(with_ids[i]);
            struct peer_ref old = comes(w, "10.0.0.1:5", "10.0.0.1:9097", LOWER), new, third;
            new = comes(w, "10.0.0.2:5", "10.0.0.2:9097", LOWER);
            assert_int_equal(w->n_online, 1);
            assert_int_equal(w->n_closed, 0);
            assert_int_equal(w->n_probed, 1);
            assert_true(peer_ref_equal(w->probed[0], old));
            assert_false(controller_takes(w->core, new)); /* what it says meanwhile is not lost */
            third = comes(w, "10.0.0.3:5", "10.0.0.3:9097", LOWER);
            expect_closed(w, third);
            if (alive) {
                handle(w, (struct message){.type = MSG_ALIVE, .peer = old});
                expect_closed(w, new);
                assert_int_equal(w->n_online, 1);
            } else {
                ended(w, old, END_SILENT);
                assert_int_equal(w->n_online, 2);
                assert_int_equal(w->n_closed, 1);
                assert_true(controller_takes(w->core, new));
                receive(w, new, "I am back");
                assert_int_equal(w->n_delivered, 1);
            }
            world_free(w);
        }
    }
}

/* Whoever proves nothing gets nobody's place, and causes nothing. */
static void without_ids_the_older_stays(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    incoming(w, 1);
    struct peer_ref slot = knock(w, "10.1.0.1:40001");
    online(w, slot, "10.1.0.1:8110", 1);
    expect_closed(w, slot);
    assert_int_equal(w->n_probed, 0);
    world_free(w);
}

static void one_that_waited_and_went_is_forgotten(void **state)
{
    struct world *w = world_with_id("ddrp");
    struct peer_ref old = comes(w, "10.0.0.1:5", "10.0.0.1:9097", LOWER), new;
    (void)state;
    new = comes(w, "10.0.0.2:5", "10.0.0.2:9097", LOWER);
    ended(w, new, END_CLOSED);
    assert_int_equal(w->n_online, 1);
    new = comes(w, "10.0.0.2:6", "10.0.0.2:9097", LOWER);
    ended(w, old, END_SILENT);
    assert_int_equal(w->n_online, 2);
    assert_true(controller_takes(w->core, new));
    world_free(w);
}

/* Its place is free, and still bears what it was. */
static void one_that_waited_and_went_keeps_nobody_out(void **state)
{
    struct world *w = world_with_id("ddrp");
    struct peer_ref first = comes(w, "10.0.0.9:5", "10.0.0.9:9097", HIGHER),
                    old = comes(w, "10.0.0.1:5", "10.0.0.1:9097", LOWER), new;
    (void)state;
    new = comes(w, "10.0.0.2:5", "10.0.0.2:9097", LOWER);
    ended(w, first, END_CLOSED);
    ended(w, new, END_CLOSED);
    new = comes(w, "10.0.0.2:6", "10.0.0.2:9097", LOWER); /* in the place of the first */
    assert_int_equal(w->n_closed, 0);
    ended(w, old, END_SILENT);
    assert_int_equal(w->n_online, 3);
    assert_true(controller_takes(w->core, new));
    world_free(w);
}

/* --- both dial at once --- */

static void who_is_met_alone_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_with_id(with_ids[i]);
        struct peer_ref out = dialed(w, "10.0.0.1:9097");
        assert_int_equal(w->n_consented, 0);
        says(w, MSG_MET, out, "10.0.0.1:9097", LOWER);
        assert_int_equal(w->n_consented, 1);
        assert_true(peer_ref_equal(w->consented[0], out));
        world_free(w);
    }
}

/* Of two crossing dials that of the higher id stays, on both sides: what the one gives up the other waits
 * for. */
static void crossing_dials_leave_one(void **state)
{
    (void)state;
    for (int above = 0; above < 2; above++) {
        uint8_t who = above ? LOWER : HIGHER;
        struct world *w = world_with_id("fnd");
        struct peer_ref out = dialed(w, "10.0.0.1:9097"), in = knock(w, "10.0.0.1:5");
        says(w, MSG_MET, in, "10.0.0.1:9097", who);
        says(w, MSG_MET, out, "10.0.0.1:9097", who);
        assert_int_equal(w->n_consented, 0);
        assert_int_equal(w->n_closed, !above);
        if (above) { /* the other one gives its own up */
            ended(w, in, END_CLOSED);
            assert_int_equal(w->n_consented, 1);
            says(w, MSG_ONLINE, out, "10.0.0.1:9097", who);
        } else {
            expect_closed(w, out);
            says(w, MSG_ONLINE, in, "10.0.0.1:9097", who);
        }
        assert_int_equal(w->n_online, 1);
        world_free(w);
    }
}

/* One that keeps what it had first has kept its own. */
static void crossing_dials_with_one_that_insists(void **state)
{
    struct world *w = world_with_id("fnd");
    struct peer_ref out = dialed(w, "10.0.0.1:9097"), in = knock(w, "10.0.0.1:5");
    (void)state;
    says(w, MSG_MET, in, "10.0.0.1:9097", LOWER);
    says(w, MSG_MET, out, "10.0.0.1:9097", LOWER);
    says(w, MSG_ONLINE, in, "10.0.0.1:9097", LOWER);
    expect_closed(w, out);
    assert_int_equal(w->n_consented, 0);
    assert_int_equal(w->n_online, 1);
    world_free(w);
}

/* What somebody claims who has not proved it keeps nobody from another address, and nobody that may be
 * connected twice. */
static void what_does_not_cross(void **state)
{
    static const struct {
        const char *protocol, *from;
    } cases[] = {{"fnd", "10.0.0.2:5"}, {"ddrp", "10.0.0.1:5"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_with_id(cases[i].protocol);
        struct peer_ref out = dialed(w, "10.0.0.1:9097"), in = knock(w, cases[i].from);
        says(w, MSG_MET, in, "10.0.0.1:9097", HIGHER);
        says(w, MSG_MET, out, "10.0.0.1:9097", HIGHER);
        assert_int_equal(w->n_consented, 1);
        says(w, MSG_ONLINE, out, "10.0.0.1:9097", HIGHER);
        says(w, MSG_ONLINE, in, "10.0.0.1:9097", HIGHER);
        assert_int_equal(w->n_online, 2);
        assert_int_equal(w->n_closed, 0);
        world_free(w);
    }
}

/* Both came online: who has dialed the one of the lower id closes it, and not before the other had the time
 * to. */
static void two_that_are_online_become_one(void **state)
{
    (void)state;
    for (int above = 0; above < 2; above++) {
        uint8_t who = above ? LOWER : HIGHER;
        struct world *w = world_with_id("fnd");
        struct peer_ref out = dialed(w, "10.0.0.1:9097"), in;
        says(w, MSG_MET, out, "10.0.0.1:9097", who);
        says(w, MSG_ONLINE, out, "10.0.0.1:9097", who);
        in = comes(w, "10.0.0.1:5", "10.0.0.1:9097", who);
        assert_int_equal(w->n_online, 2);
        say(w, SCOPE_FULL, PEER_NOBODY, "to everybody once", 1);
        assert_int_equal(w->n_posted, 1);
        assert_true(peer_ref_equal(w->posted[0], above ? out : in));
        say(w, SCOPE_PEER, out, "to one", 2);
        assert_true(peer_ref_equal(w->posted[0], above ? out : in));
        pass(w, 1999);
        assert_int_equal(w->n_closed, 0);
        assert_true(controller_deadline(w->core) <= w->now_ms + 1 || above);
        pass(w, 1);
        assert_int_equal(w->n_closed, !above);
        if (!above) {
            expect_closed(w, out);
            assert_false(w->closed_at_once[0]); /* what it has taken goes first */
        }
        world_free(w);
    }
}

/* --- who is not dialed --- */

static void who_has_dialed_us_is_not_dialed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_with_id(with_ids[i]);
        comes(w, "10.0.0.1:5", "10.0.0.1:9097", LOWER);
        for (int s = 0; s < 100; s++) {
            pass(w, 1000);
        }
        assert_int_equal(w->n_dialed > 0, i == 0); /* where two connections may be, and nobody is left */
        world_free(w);
    }
}

/* Under an id that may be another's, from elsewhere: whoever is found where he is dialed stays, comes online,
 * and is the one whom messages go to. */
static void who_has_come_from_elsewhere_keeps_us_from_nobody(void **state)
{
    (void)state;
    for (int above = 0; above < 2; above++) {
        uint8_t who = above ? LOWER : HIGHER;
        struct world *w = world_with_id("fnd");
        struct peer_ref in = comes(w, "10.6.0.1:5", "10.6.0.1:9097", who), out;
        out = dialed(w, "10.0.0.1:9097");
        says(w, MSG_MET, out, "10.0.0.1:9097", who);
        assert_int_equal(w->n_consented, 1);
        says(w, MSG_ONLINE, out, "10.0.0.1:9097", who);
        assert_int_equal(w->n_online, 2);
        say(w, SCOPE_FULL, PEER_NOBODY, "to everybody once", 1);
        assert_int_equal(w->n_posted, 1);
        assert_true(peer_ref_equal(w->posted[0], out));
        say(w, SCOPE_PEER, in, "to one", 2);
        assert_true(peer_ref_equal(w->posted[0], out));
        pass(w, 60 * 1000);
        assert_int_equal(w->n_closed, 0);
        world_free(w);
    }
}

static void nor_from_whom_it_has_dialed_before(void **state)
{
    (void)state;
    for (int above = 0; above < 2; above++) {
        uint8_t who = above ? LOWER : HIGHER;
        struct world *w = world_with_id("fnd");
        struct peer_ref out = dialed(w, "10.0.0.1:9097");
        says(w, MSG_MET, out, "10.0.0.1:9097", who);
        says(w, MSG_ONLINE, out, "10.0.0.1:9097", who);
        comes(w, "10.6.0.1:5", "10.6.0.1:9097", who);
        pass(w, 60 * 1000);
        assert_int_equal(w->n_closed, 0);
        world_free(w);
    }
}

/* Where it was proved to be before, it is dialed, though somebody has come under its id. */
static void nor_is_anybody_dialed_less_for_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_with_id(with_ids[i]);
        struct peer_ref out = dialed(w, "10.0.0.1:9097");
        says(w, MSG_MET, out, "10.0.0.1:9097", LOWER);
        says(w, MSG_ONLINE, out, "10.0.0.1:9097", LOWER);
        comes(w, "10.6.0.1:5", "10.6.0.1:9097", LOWER);
        pass(w, 2000);
        ended(w, out, END_CLOSED);
        seed(w, "10.7.0.1:9097"); /* somebody else, who would be dialed first if the other were connected */
        size_t before = w->n_dialed;
        bool again = false;
        for (int s = 0; s < 100; s++) {
            pass(w, 1000);
        }
        for (size_t k = before; k < w->n_dialed; k++) {
            again |= strcmp(w->dialed_to[k], "10.0.0.1:9097") == 0;
        }
        assert_true(again);
        world_free(w);
    }
}

/* At another address, too, once it was dialed there and has kept the connection by which it has come. */
static void who_is_connected_is_not_dialed_again(void **state)
{
    struct world *w = world_with_id("fnd");
    struct peer_ref in = comes(w, "10.0.0.1:5", "10.0.0.1:9097", LOWER), out;
    (void)state;
    out = dialed(w, "10.0.0.2:9097");
    says(w, MSG_MET, out, "10.0.0.2:9097", LOWER);
    assert_int_equal(w->n_consented, 1);
    ended(w, out, END_CLOSED);
    for (int s = 0; s < 100; s++) {
        pass(w, 1000);
    }
    assert_int_equal(w->n_dialed, 1);
    assert_int_equal(w->n_online, 1);
    ended(w, in, END_CLOSED);
    for (int s = 0; s < 10; s++) {
        pass(w, 1000);
    }
    assert_true(w->n_dialed > 1); /* neither address is the worse for it */
    world_free(w);
}

/* While it waits, an end is not the address's fault. */
static void to_wait_is_no_fault(void **state)
{
    struct world *w = world_with_id("fnd");
    struct peer_ref in = comes(w, "10.0.0.1:5", "10.0.0.1:9097", LOWER), out = dialed(w, "10.0.0.2:9097");
    bool again = false;
    (void)state;
    says(w, MSG_MET, out, "10.0.0.2:9097", LOWER);
    ended(w, out, END_CLOSED); /* it had enough of waiting */
    ended(w, in, END_CLOSED);
    for (int s = 0; s < 60; s++) {
        pass(w, 1000);
    }
    for (size_t i = 1; i < w->n_dialed; i++) {
        again |= strcmp(w->dialed_to[i], "10.0.0.2:9097") == 0;
    }
    assert_true(again);
    world_free(w);
}

static void special_peers_that_have_come_are_not_dialed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_of(with_ids[i]);
        w->config.node.id = id_of(OURS);
        w->config.exclusive = true;
        special_flag(w, "10.0.0.1:9097");
        world_open(w);
        assert_int_equal(w->n_dialed, 1);
        struct peer_ref in = knock(w, "10.0.0.1:5");
        ended(w, w->dialed[0], END_DIAL_FAILED);
        says(w, MSG_ONLINE, in, "10.0.0.1:9097", LOWER);
        for (int s = 0; s < 100; s++) {
            pass(w, 1000);
        }
        assert_int_equal(w->n_dialed == 1, i == 1);
        if (i == 1) {
            ended(w, in, END_CLOSED);
            for (int s = 0; s < 30; s++) {
                pass(w, 1000);
            }
            assert_int_equal(w->n_dialed, 2);
        }
        world_free(w);
    }
}

/* If the operator demands an id, its address does not make anybody special. */
static void who_shares_an_address_is_not_special_by_it(void **state)
{
    (void)state;
    for (int is_it = 0; is_it < 2; is_it++) {
        struct world *w = world_of("ddrp");
        char text[PEER_ID_TEXT_MAX + 32], id[PEER_ID_TEXT_MAX];
        struct peer_id demanded = id_of(LOWER);
        snprintf(text, sizeof text, "%s@10.0.0.1:9097", peer_id_format(&demanded, id, sizeof id));
        special_flag(w, text);
        world_open(w);
        comes(w, "10.0.0.1:5", "10.0.0.1:9097", is_it ? LOWER : HIGHER);
        handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_PEERS)});
        assert_int_equal(w->is_special, is_it);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_back_waits_for_the_old_connection),
        cmocka_unit_test(without_ids_the_older_stays),
        cmocka_unit_test(one_that_waited_and_went_is_forgotten),
        cmocka_unit_test(one_that_waited_and_went_keeps_nobody_out),
        cmocka_unit_test(who_is_met_alone_goes_on),
        cmocka_unit_test(crossing_dials_leave_one),
        cmocka_unit_test(crossing_dials_with_one_that_insists),
        cmocka_unit_test(what_does_not_cross),
        cmocka_unit_test(two_that_are_online_become_one),
        cmocka_unit_test(who_has_dialed_us_is_not_dialed),
        cmocka_unit_test(who_has_come_from_elsewhere_keeps_us_from_nobody),
        cmocka_unit_test(nor_from_whom_it_has_dialed_before),
        cmocka_unit_test(nor_is_anybody_dialed_less_for_it),
        cmocka_unit_test(who_is_connected_is_not_dialed_again),
        cmocka_unit_test(to_wait_is_no_fault),
        cmocka_unit_test(special_peers_that_have_come_are_not_dialed),
        cmocka_unit_test(who_shares_an_address_is_not_special_by_it),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
