/* Who gets a place if there are not enough: incoming connections, and handshakes under way. */
#include "tests/unit/core_fixture.h"

enum { PLACES = 50 };

static struct world *world_of_places(uint32_t incoming)
{
    struct world *w = world_new();
    w->config.node.limits.incoming = incoming;
    world_open(w);
    return w;
}

static struct peer_ref comes_within(struct world *w, const char *ip, int port, int64_t handshake_ms)
{
    char text[ENDPOINT_TEXT_MAX];
    w->now_ms += 10; /* one look for a place in so long */
    snprintf(text, sizeof text, "%s:%d", ip, port);
    struct peer_ref slot = knock(w, text);
    if (slot.generation && !w->refused[w->n_accepted - 1]) {
        w->now_ms += handshake_ms;
        online(w, slot, text, (uint64_t)port);
        return slot;
    }
    return PEER_NOBODY;
}

static struct peer_ref comes(struct world *w, const char *ip, int port)
{
    return comes_within(w, ip, port, 30);
}

/* So many connections of the addresses IP.1, IP.2 ..., `each` of every one. */
static void crowd(struct world *w, const char *network, int n, int each)
{
    for (int i = 0; i < n; i++) {
        char ip[64];
        snprintf(ip, sizeof ip, "%s.%d", network, 1 + i / each);
        assert_true(comes(w, ip, 2000 + i).generation);
    }
}

static bool was_evicted(const struct world *w, struct peer_ref slot)
{
    for (size_t i = 0; i < w->n_closed; i++) {
        if (peer_ref_equal(w->closed[i], slot) && w->closed_why[i] == END_EVICTED) {
            return true;
        }
    }
    return false;
}

static void end_evicted(struct world *w)
{
    for (size_t i = 0; i < w->n_closed; i++) {
        ended(w, w->closed[i], w->closed_why[i]);
    }
    w->n_closed = 0;
}

static void one_address_does_not_keep_others_out(void **state)
{
    struct world *w = world_of_places(PLACES);
    (void)state;
    crowd(w, "127.77.0", PLACES, PLACES);
    struct peer_ref honest[15];
    for (int i = 0; i < 15; i++) {
        char ip[64];
        snprintf(ip, sizeof ip, "127.71.0.%d", i + 1);
        honest[i] = comes(w, ip, 40000);
        assert_true(honest[i].generation);
        assert_int_equal(w->n_closed, 1);
        assert_int_equal(w->closed_why[0], END_EVICTED);
        end_evicted(w);
    }
    for (int i = 0; i < 100; i++) {
        assert_false(comes(w, "127.77.0.1", 5000 + i).generation); /* it gains nothing */
    }
    for (int i = 0; i < 15; i++) {
        assert_false(was_evicted(w, honest[i]));
    }
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

static void in_a_group_the_crowded_address_gives_way(void **state)
{
    struct world *w = world_of_places(PLACES);
    (void)state;
    struct peer_ref neighbour = comes(w, "10.1.0.9", 40000);
    crowd(w, "10.1.0", PLACES - 1, PLACES - 1);
    assert_true(comes(w, "10.1.0.2", 40000).generation);
    assert_int_equal(w->n_closed, 1);
    assert_false(was_evicted(w, neighbour));
    assert_false(comes(w, "10.1.0.1", 6000).generation);
    assert_int_equal(w->n_closed, 1);
    world_free(w);
}

static void an_ipv6_network_is_one_address(void **state)
{
    struct world *w = world_of_places(20);
    (void)state;
    for (int i = 0; i < 20; i++) {
        char ip[64];
        snprintf(ip, sizeof ip, "[2001:db8:7:7::%x]", i + 1);
        assert_true(comes(w, ip, 2000).generation);
    }
    assert_false(comes(w, "[2001:db8:7:7:9::1]", 2000).generation);
    assert_true(comes(w, "[2001:db8:7:8::1]", 2000).generation); /* same /32, another /64 */
    assert_int_equal(w->closed_why[0], END_EVICTED);
    world_free(w);
}

/* They are the youngest of the most crowded group. */
static void the_good_keep_their_places(void **state)
{
    struct world *w = world_of_places(100);
    (void)state;
    special_flag(w, "10.1.0.201:8110");
    controller_free(w->core);
    world_open(w);
    crowd(w, "10.1.0", 97, 1);
    struct peer_ref plain = comes(w, "10.1.0.198", 2000), useful = comes(w, "10.1.0.199", 2000);
    struct peer_ref fast = comes_within(w, "10.1.0.200", 2000, 2), special = comes(w, "10.1.0.201", 2000);
    assert_true(plain.generation && useful.generation && fast.generation && special.generation);
    receive(w, useful, "news");
    for (int i = 0; i < 30; i++) {
        char ip[64];
        snprintf(ip, sizeof ip, "10.%d.0.1", 50 + i);
        assert_true(comes(w, ip, 2000).generation);
        assert_int_equal(w->closed_why[0], END_EVICTED);
        assert_true(i > 0 || was_evicted(w, plain));
        assert_false(was_evicted(w, useful) || was_evicted(w, fast) || was_evicted(w, special));
        end_evicted(w);
    }
    world_free(w);
}

static void outgoing_ones_stay(void **state)
{
    struct world *w = world_of_places(10);
    (void)state;
    crowd(w, "10.1.0", 10, 1);
    seed(w, "10.1.0.77:8110");
    pass(w, 1000);
    struct peer_ref dialed = w->dialed[0];
    pass(w, 1000);
    online(w, dialed, "10.1.0.77:8110", 1);
    for (int i = 0; i < 3; i++) {
        char ip[64];
        snprintf(ip, sizeof ip, "10.%d.0.1", 50 + i);
        assert_true(comes(w, ip, 2000).generation);
        assert_int_equal(w->n_closed, 1);
        assert_false(was_evicted(w, dialed));
        end_evicted(w);
    }
    world_free(w);
}

/* The longest connected half of those that are left after the first few. */
static void those_who_were_there_first_stay(void **state)
{
    struct world *w = world_of_places(PLACES);
    (void)state;
    struct peer_ref first = comes(w, "10.1.0.1", 1000);
    crowd(w, "10.1.0", PLACES - 1, 1);
    for (int i = 0; i < 100; i++) {
        char ip[64];
        snprintf(ip, sizeof ip, "10.%d.0.1", 50 + i);
        comes(w, ip, 2000);
        assert_false(was_evicted(w, first));
        end_evicted(w);
    }
    world_free(w);
}

static void who_makes_room_may_read_what_was_sent(void **state)
{
    struct world *w = world_of_places(PLACES);
    (void)state;
    crowd(w, "10.1.0", PLACES, 1);
    assert_true(comes(w, "10.2.0.1", 2000).generation);
    assert_int_equal(w->closed_why[0], END_EVICTED);
    assert_false(w->closed_at_once[0]);
    world_free(w);
}

/* Nobody has more than others: who just came is not pushed out for the next one, and who is of use is not. */
static void without_a_crowd_the_useless_give_way(void **state)
{
    struct world *w = world_of_places(PLACES);
    struct peer_ref peers[PLACES];
    (void)state;
    for (int i = 0; i < PLACES; i++) {
        peers[i] = incoming(w, i + 1);
    }
    assert_false(comes(w, "10.200.0.1", 2000).generation);
    w->now_ms += 6000;
    for (int i = 0; i < PLACES; i++) {
        receive(w, peers[i], "news");
    }
    assert_false(comes(w, "10.201.0.1", 2000).generation);
    w->now_ms += 6 * 60 * 1000;
    assert_true(comes(w, "10.202.0.1", 2000).generation);
    assert_int_equal(w->n_closed, 1);
    assert_int_equal(w->closed_why[0], END_EVICTED);
    world_free(w);
}

static void small_nodes_refuse_as_before(void **state)
{
    struct world *w = world_of_places(3);
    (void)state;
    crowd(w, "10.1.0", 3, 3);
    w->now_ms += 60 * 60 * 1000;
    assert_false(comes(w, "10.2.0.1", 2000).generation);
    assert_true(w->refused[w->n_accepted - 1]);
    assert_int_equal(w->n_closed, 0);
    world_free(w);
}

/* Two that were let in for one place: the second finds none. */
static void who_finds_no_place_in_the_end_is_sent_away(void **state)
{
    struct world *w = world_of_places(1);
    (void)state;
    struct peer_ref a = knock(w, "10.1.0.1:2000"), b = knock(w, "10.2.0.1:2000");
    assert_true(a.generation && b.generation && !w->refused[1]);
    online(w, a, "10.1.0.1:2000", 1);
    online(w, b, "10.2.0.1:2000", 2);
    assert_int_equal(w->n_online, 1);
    assert_int_equal(w->n_closed, 1);
    assert_int_equal(w->closed_why[0], END_REFUSED);
    world_free(w);
}

/* --- bounds of a public network --- */

/* How many of n are let in: all at that address or, if the network is given, each at one of its own. */
static int let_in(struct world *w, const char *ip, bool is_network, int n)
{
    int in = 0;
    for (int i = 0; i < n; i++) {
        char text[64];
        snprintf(text, sizeof text, "%.20s", ip);
        if (is_network) {
            snprintf(text, sizeof text, "%.20s%d%s", ip, i + 1, ip[0] == '[' ? "]" : "");
        }
        in += comes(w, text, 2000 + i).generation != 0;
    }
    return in;
}

static struct world *public_world(uint32_t per_ip)
{
    struct world *w = internet_world();
    w->config.node.limits.incoming = 200;
    w->config.node.limits.per_ip = per_ip;
    world_open(w);
    return w;
}

static void the_internet_has_bounds(void **state)
{
    struct world *w = public_world(0);
    (void)state;
    assert_int_equal(let_in(w, "5.5.5.5", false, 50), 8);
    assert_int_equal(let_in(w, "5.5.6.", true, 50), 25 - 8);
    assert_int_equal(let_in(w, "5.6.6.", true, 5), 5);
    assert_int_equal(let_in(w, "[2a00:1:2:3::", true, 50), 8);
    assert_int_equal(let_in(w, "127.0.0.1", false, 50), 50); /* perhaps what forwards all of them */
    world_free(w);
    w = public_world(40);
    assert_int_equal(let_in(w, "5.5.5.5", false, 50), 40); /* as the operator says */
    world_free(w);
    w = world_of_places(200);
    assert_int_equal(let_in(w, "5.5.5.5", false, 50), 50); /* LOCAL */
    world_free(w);
}

/* --- handshakes --- */

static struct world *world_of_handshakes(uint32_t pending)
{
    struct world *w = world_new();
    w->config.node.limits.incoming = 200;
    w->config.node.limits.pending = pending;
    world_open(w);
    return w;
}

/* Whether `watched` was among them. */
static bool end_closed(struct world *w, struct peer_ref watched)
{
    bool closed = false;
    for (size_t i = 0; i < w->n_closed; i++) {
        closed |= peer_ref_equal(w->closed[i], watched);
        ended(w, w->closed[i], w->closed_why[i]);
    }
    w->n_closed = 0;
    return closed;
}

/* Attackers of two groups, who come 20 times as often as honest peers, which need 100 ms. */
static void half_handshakes_of_a_crowd_make_room(void **state)
{
    struct world *w = world_of_handshakes(64);
    (void)state;
    for (int round = 0; round < 20; round++) {
        char text[64];
        snprintf(text, sizeof text, "127.60.0.%d:8110", round + 1);
        w->now_ms++;
        struct peer_ref honest = knock(w, text);
        assert_true(honest.generation);
        for (int i = 0; i < 20; i++) {
            char from[64];
            w->now_ms += 5;
            snprintf(from, sizeof from, "127.%d.0.%d:2000", 30 + i % 2, 1 + round * 10 + i);
            knock(w, from);
            assert_false(end_closed(w, honest));
        }
        online(w, honest, text, 1);
        w->n_accepted = 0;
    }
    assert_int_equal(w->n_online, 20);
    world_free(w);
}

/* Each from a group of its own: nobody can tell them from honest peers, who get their share. An honest one
 * needs 25 ms. */
static void half_handshakes_of_many_groups_leave_some_places(void **state)
{
    struct world *w = world_of_handshakes(64);
    (void)state;
    int in = 0, tries = 40;
    for (int i = 0; i < tries; i++) {
        char text[64];
        snprintf(text, sizeof text, "12.%d.0.1:8110", i);
        w->now_ms++;
        struct peer_ref honest = knock(w, text);
        bool dropped = end_closed(w, honest) || !honest.generation;
        for (int k = 0; k < 100; k++) { /* 400 a second */
            w->now_ms += 2 + k % 2;
            snprintf(text, sizeof text, "11.%d.%d.1:2000", (i * 100 + k) % 200, i);
            knock(w, text);
            dropped |= end_closed(w, honest) && k < 10;
        }
        in += !dropped;
        w->n_accepted = 0;
    }
    assert_true(in > tries / 2);
    world_free(w);
}

/* A few that come at once are not dropped for the next one. */
static void handshakes_have_their_time(void **state)
{
    struct world *w = world_of_handshakes(3);
    (void)state;
    for (int i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.0.1:2000", i + 1);
        assert_true(knock(w, text).generation);
    }
    pass(w, 300);
    assert_false(knock(w, "10.9.0.1:2000").generation);
    assert_int_equal(w->n_shed, 1);
    assert_int_equal(w->n_closed, 0);
    pass(w, 600);
    assert_true(knock(w, "10.9.0.1:2000").generation);
    assert_int_equal(w->n_closed, 1);
    assert_int_equal(w->closed_why[0], END_CROWDED);
    world_free(w);
}

static void a_special_peer_finds_a_place_for_its_handshake(void **state)
{
    struct world *w = world_of_handshakes(3);
    (void)state;
    special_flag(w, "10.9.0.1:8110");
    controller_free(w->core);
    world_open(w);
    knock(w, "10.1.0.1:2000");
    knock(w, "10.2.0.1:2000");
    struct peer_ref special = knock(w, "10.9.0.1:2000");
    pass(w, 10);
    knock(w, "10.9.0.1:2001");
    assert_int_equal(w->n_closed, 1);
    assert_false(peer_ref_equal(w->closed[0], special));
    world_free(w);
}

static void who_says_nothing_goes_early_if_places_are_scarce(void **state)
{
    static const char *const names[] = {"factom", "ddrp", "fnd"};
    (void)state;
    for (size_t p = 0; p < sizeof names / sizeof names[0]; p++) {
        struct world *w = world_of(names[p]);
        w->config.node.limits.pending = 12;
        world_open(w);
        struct peer_ref slots[7];
        for (int i = 0; i < 7; i++) {
            char text[64];
            snprintf(text, sizeof text, "10.%d.0.1:2000", i + 1);
            slots[i] = knock(w, text);
            if (i == 5) {
                pass(w, 3000); /* half of them: there is time */
                assert_int_equal(w->n_closed, 0);
            }
        }
        w->bytes_in[slots[3].index] = 9;
        pass(w, 200);
        assert_int_equal(w->n_closed, 5); /* not the one that spoke, nor the one that just came */
        assert_int_equal(w->closed_why[0], END_HANDSHAKE_TIMEOUT);
        world_free(w);
    }
}

static void silence_ends_in_a_refusal(void **state)
{
    static const char *const names[] = {"factom", "ddrp", "fnd"};
    (void)state;
    for (size_t p = 0; p < sizeof names / sizeof names[0]; p++) {
        struct world *w = world_of(names[p]);
        world_open(w);
        for (int i = 0; i < 41; i++) {
            struct peer_ref slot = knock(w, "10.1.0.1:2000");
            if (slot.generation) {
                ended(w, slot, END_HANDSHAKE_TIMEOUT);
            }
        }
        assert_false(knock(w, "10.1.0.1:2000").generation);
        assert_true(knock(w, "10.2.0.1:2000").generation);
        world_free(w);
    }
}

/* docs/protocols/mintlayer.md, section 9. */
static void a_mintlayer_hello_that_does_not_come_costs_nothing(void **state)
{
    (void)state;
    struct world *w = world_of("mintlayer");
    world_open(w);
    for (int i = 0; i < 100; i++) {
        struct peer_ref slot = knock(w, "10.1.0.1:2000");
        assert_true(slot.generation);
        pass(w, 10000);
        ended(w, slot, i % 2 ? END_HANDSHAKE_TIMEOUT : END_CLOSED);
    }
    world_free(w);
}

/* Nor is it free to leave right before the time is over. Who has said something may have found us slow, and
 * who leaves at once has taken nothing. */
static void silence_that_leaves_by_itself_costs_as_much(void **state)
{
    static const char *const names[] = {"factom", "ddrp", "fnd"};
    static const struct {
        int64_t stays_ms;
        uint64_t says;
        bool is_refused;
    } cases[] = {{900, 0, false}, {1500, 1, false}, {1500, 0, true}};
    (void)state;
    for (size_t p = 0; p < sizeof names / sizeof names[0]; p++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct world *w = world_of(names[p]);
            world_open(w);
            for (int n = 0; n < 41; n++) {
                struct peer_ref slot = knock(w, "10.1.0.1:2000");
                if (slot.generation) {
                    w->bytes_in[slot.index] = cases[i].says;
                    pass(w, cases[i].stays_ms);
                    ended(w, slot, END_CLOSED);
                }
            }
            assert_int_equal(!knock(w, "10.1.0.1:2000").generation, cases[i].is_refused);
            world_free(w);
        }
    }
}

/* Attackers who only begin keep nobody out of places that are free. */
static void handshakes_of_others_take_no_place(void **state)
{
    struct world *w = world_of_places(20);
    (void)state;
    for (int i = 0; i < 20; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.1.0.%d:2000", i + 1);
        assert_true(knock(w, text).generation);
    }
    knock(w, "10.1.0.99:2000");
    assert_true(w->refused[w->n_accepted - 1]);
    assert_true(comes(w, "10.2.0.1", 2000).generation);
    world_free(w);
}

/* They come in as long as there are places, and take none of those that others have. */
static void the_discouraged_make_room_first(void **state)
{
    struct world *w = world_of_places(4);
    (void)state;
    struct peer_ref fine = comes(w, "10.1.0.1", 2000);
    struct peer_ref bad = comes(w, "10.2.0.1", 2000);
    ended(w, bad, END_MISCONDUCT);
    bad = comes(w, "10.2.0.1", 2001);
    comes(w, "10.3.0.1", 2000);
    comes(w, "10.3.0.2", 2000);
    assert_true(comes(w, "10.4.0.1", 2000).generation);
    assert_int_equal(w->n_closed, 1);
    assert_true(was_evicted(w, bad));
    assert_false(was_evicted(w, fine));
    end_evicted(w);
    pass(w, 10000);
    knock(w, "10.2.0.1:2002");
    assert_true(w->refused[w->n_accepted - 1]);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_does_not_keep_others_out),
        cmocka_unit_test(in_a_group_the_crowded_address_gives_way),
        cmocka_unit_test(an_ipv6_network_is_one_address),
        cmocka_unit_test(the_good_keep_their_places),
        cmocka_unit_test(outgoing_ones_stay),
        cmocka_unit_test(those_who_were_there_first_stay),
        cmocka_unit_test(who_makes_room_may_read_what_was_sent),
        cmocka_unit_test(without_a_crowd_the_useless_give_way),
        cmocka_unit_test(small_nodes_refuse_as_before),
        cmocka_unit_test(who_finds_no_place_in_the_end_is_sent_away),
        cmocka_unit_test(the_internet_has_bounds),
        cmocka_unit_test(half_handshakes_of_a_crowd_make_room),
        cmocka_unit_test(half_handshakes_of_many_groups_leave_some_places),
        cmocka_unit_test(handshakes_have_their_time),
        cmocka_unit_test(a_special_peer_finds_a_place_for_its_handshake),
        cmocka_unit_test(who_says_nothing_goes_early_if_places_are_scarce),
        cmocka_unit_test(silence_ends_in_a_refusal),
        cmocka_unit_test(a_mintlayer_hello_that_does_not_come_costs_nothing),
        cmocka_unit_test(silence_that_leaves_by_itself_costs_as_much),
        cmocka_unit_test(handshakes_of_others_take_no_place),
        cmocka_unit_test(the_discouraged_make_room_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
