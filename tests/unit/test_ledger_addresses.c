/* Whom a node of Infnote or coin tells of whom: over connections, by datagrams, and as a tracker. */
#include "tests/unit/ledger_net.h"
#include "tests/unit/parsed.h"

enum { MINUTE = 60 * 1000, PEER = 11, OTHER = 10 };

static struct heard {
    uint32_t lists, ones;
    struct known_peer last[256];
    size_t n;
} heard;

static void puppet_hears(uint32_t puppet, uint32_t link, uint32_t kind, const struct parcel *parcel)
{
    (void)puppet;
    (void)link;
    if (kind == LEDGER_ADDRESSES) {
        heard.n = parcel->size / sizeof(struct known_peer);
        assert_in_range(heard.n, 0, 256);
        memcpy(heard.last, parcel->bytes, parcel->size);
        *(heard.n == 1 && heard.last[0].heard_s == LEDGER_NOW ? &heard.ones : &heard.lists) += 1;
    }
}

static void puppet_joins(uint32_t puppet, uint32_t node)
{
    heard = (struct heard){0};
    start_puppet(puppet);
    join(puppet, node);
    pass(10);
}

static void add_shared(struct node *n, const char *text, int64_t heard_s)
{
    n->shared[n->n_shared++] = (struct known_peer){.endpoint = at(text), .heard_s = heard_s};
}

static void ask(uint32_t puppet, uint32_t node, uint16_t port)
{
    const struct ledger_asker asker = {.port = port};
    say(puppet, node, LEDGER_GET_ADDRESSES, parcel_new(&asker, sizeof asker));
    pass(10);
}

static struct parcel *addresses(size_t n)
{
    struct known_peers peers;
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; i < n; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.1.%zu.%zu:8210", i / 200, 1 + i % 200);
        peers.list[i].endpoint = at(text);
    }
    return p;
}

/* --- over connections --- */

static void it_tells_of_itself_on_connecting_and_from_time_to_time(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        int64_t each = v == 0 ? 30 * MINUTE : 10 * MINUTE;
        open_net(v == 0 ? &ledger_infnote : &ledger_coin, 1);
        puppet_joins(PEER, 0);
        struct endpoint own = address_of(0);
        assert_int_equal(heard.ones, 1);
        assert_true(endpoint_equal(&heard.last[0].endpoint, &own));
        pass(each - 100);
        assert_int_equal(heard.ones, 1);
        pass(200);
        assert_int_equal(heard.ones, 2);
        pass(3 * each);
        assert_int_equal(heard.ones, 5);
        close_net();
    }
}

static void it_does_not_tell_of_what_nobody_can_dial(void **state)
{
    (void)state;
    for (int why = 0; why < 4; why++) {
        open_net(&ledger_infnote, 0);
        struct node *n = prepare(0);
        n->config.listen_port = why == 0 ? 0 : 8210;
        n->config.network.open = why != 1; /* 10.0.0.1 is none of the internet */
        n->config.proxied = why == 2;
        begin(n);
        puppet_joins(PEER, 0);
        assert_int_equal(heard.ones, why == 3);
        close_net();
    }
}

static void the_newest_are_told_first_and_not_too_often(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 1);
    for (int64_t i = 0; i < 120; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.2.0.%d:8210", (int)i + 1);
        add_shared(&w.nodes[0], text, 1000 + i * 37 % 100);
    }
    puppet_joins(PEER, 0);
    ask(PEER, 0, 0);
    assert_int_equal(heard.lists, 1);
    assert_int_equal(heard.n, 100);
    for (size_t i = 1; i < heard.n; i++) {
        assert_true(heard.last[i - 1].heard_s >= heard.last[i].heard_s);
    }
    ask(PEER, 0, 0);
    assert_int_equal(heard.lists, 1);
    pass(5000);
    ask(PEER, 0, 0);
    assert_int_equal(heard.lists, 2);
    close_net();
}

static void it_asks_on_connecting_and_learns_one_answer(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        open_net(v == 0 ? &ledger_infnote : &ledger_coin, 1);
        puppet_joins(PEER, 0);
        assert_int_equal(between(0, PEER)->sent.asks_addresses, 1);
        say(PEER, 0, LEDGER_ADDRESSES, addresses(1)); /* of itself: no answer */
        say(PEER, 0, LEDGER_ADDRESSES, addresses(100));
        pass(10);
        assert_int_equal(w.nodes[0].n_learned, 101);
        say(PEER, 0, LEDGER_ADDRESSES, addresses(100));
        pass(10);
        assert_int_equal(w.nodes[0].n_learned, 101);
        for (int i = 0; i < 20; i++) {
            say(PEER, 0, LEDGER_ADDRESSES, addresses(1));
        }
        pass(10);
        assert_int_equal(w.nodes[0].n_learned, 102); /* two at once, and one in five minutes */
        pass(5 * MINUTE);
        say(PEER, 0, LEDGER_ADDRESSES, addresses(1));
        pass(10);
        assert_int_equal(w.nodes[0].n_learned, 103);
        close_net();
    }
}

/* --- datagrams --- */

static struct node *open_datagrams(void)
{
    open_net(&ledger_infnote, 0);
    w.protocol.datagram_max = 1200;
    return start(0);
}

/* It is said to be of no use if nothing comes of it. */
static void comes(const char *from, const char *text, size_t size)
{
    struct endpoint e = at(from);
    const struct node *n = &w.nodes[0];
    uint32_t before = n->n_datagrams + n->n_heard;
    bool is_used =
        ops->datagram(n->service, w.now_ms, &e, (struct bytes){.data = (const void *)text, .size = size});
    assert_int_equal(is_used, n->n_datagrams + n->n_heard > before);
}

/* A getaddr of so many bytes. */
static void asks_by_datagram(const char *from, size_t size)
{
    char text[1300];
    int n = snprintf(text, sizeof text, "{\"type\":\"getaddr\"");
    if (size > 30) {
        n += snprintf(text + n, sizeof text - (size_t)n, ",\"pad\":\"%*s\"", (int)size - n - 11, "");
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "}");
    comes(from, text, (size_t)n);
}

static void an_answer_is_never_longer_than_twice_the_question(void **state)
{
    struct node *n = open_datagrams();
    const char *why;
    (void)state;
    for (int i = 0; i < 30; i++) {
        char text[64];
        snprintf(text, sizeof text, "203.0.113.%d:8210", i + 1);
        add_shared(n, text, 1000 + i);
    }
    for (size_t size = 18; size < 1300; size += size < 40 ? 13 : 97) {
        pass(1000);
        n->n_datagrams = 0;
        asks_by_datagram("10.9.0.1:5000", size);
        if (size > 1200) {
            assert_int_equal(n->n_datagrams, 0);
            continue;
        }
        assert_int_equal(n->n_datagrams, 1);
        assert_in_range(n->datagram_size, 1, 2 * size);
        assert_in_range(n->datagram_size, 1, 1200);
        json_t *answer = json_read(n->datagram, n->datagram_size, &why);
        json_t *peers = json_object_get(answer, "peers");
        assert_string_equal(json_string_value(json_object_get(answer, "type")), "addr");
        assert_true(json_is_array(peers));
        if (json_array_size(peers) > 0) { /* the newest come first */
            const json_t *first = json_array_get(peers, 0);
            assert_string_equal(json_string_value(json_object_get(first, "ip")), "203.0.113.30");
            assert_int_equal(json_integer_value(json_object_get(first, "port")), 8210);
            assert_int_equal(json_integer_value(json_object_get(first, "timestamp")), 1029);
        }
        assert_true((json_array_size(peers) > 10) == (size >= 331));
        json_decref(answer);
    }
    close_net();
}

static void what_asks_too_briefly_is_not_answered(void **state)
{
    struct node *n = open_datagrams();
    (void)state;
    comes("10.9.0.1:5000", "{}", 2);
    comes("10.9.0.2:5000", "", 0);
    comes("10.9.0.3:5000", "{\"type\":\"getaddr\"", 17);
    comes("10.9.0.4:5000", "{\"type\":[]}", 11);
    comes("10.9.0.5:5000", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 38);
    comes("10.9.0.6:5000", "{\"type\":\"addr\",\"peers\":[]}", 26);
    assert_int_equal(n->n_datagrams, 0);
    assert_int_equal(n->n_heard, 0);
    close_net();
}

static void an_address_is_answered_once_in_a_second(void **state)
{
    struct node *n = open_datagrams();
    (void)state;
    for (int i = 0; i < 100; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.9.0.1:%d", 5000 + i); /* whatever the port */
        asks_by_datagram(text, 100);
    }
    assert_int_equal(n->n_datagrams, 1);
    pass(999);
    asks_by_datagram("10.9.0.1:5000", 100);
    assert_int_equal(n->n_datagrams, 1);
    pass(1);
    asks_by_datagram("10.9.0.1:5000", 100);
    assert_int_equal(n->n_datagrams, 2);
    close_net();
}

static void a_flood_from_everywhere_is_bounded(void **state)
{
    struct node *n = open_datagrams();
    (void)state;
    for (int i = 0; i < 5000; i++) {
        char text[64];
        snprintf(text, sizeof text, "10.%d.%d.1:5000", 10 + i / 250, i % 250);
        asks_by_datagram(text, 100);
    }
    assert_int_equal(n->n_datagrams, 1024);
    pass(1000);
    asks_by_datagram("10.9.0.1:5000", 100);
    assert_int_equal(n->n_datagrams, 1025);
    close_net();
}

static void until_asked(const struct node *n)
{
    uint32_t before = n->n_datagrams;
    for (int64_t i = 0; i < MINUTE && n->n_datagrams == before; i += 100) {
        pass(100);
    }
    assert_int_equal(n->n_datagrams, before + 1);
}

static const char told[] =
    "{\"type\":\"addr\",\"peers\":[{\"ip\":\"10.7.0.1\",\"port\":8210,\"timestamp\":1},"
    "{\"ip\":\"10.7.0.2\",\"port\":\"8211\",\"timestamp\":1}]}";

static void only_who_was_asked_teaches_by_datagram_and_once(void **state)
{
    struct node *n = open_datagrams();
    (void)state;
    add_shared(n, "10.6.0.1:8210", 1);
    comes("10.6.0.1:8210", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 0);
    pass(2 * MINUTE);
    assert_int_equal(n->n_datagrams, 0); /* nobody is wanted */
    n->wants = 3;
    until_asked(n);
    assert_true(endpoint_equal(&n->sent_to, &n->shared[0].endpoint));
    assert_in_range(n->datagram_size, 500, 1200); /* there is room for an answer */
    comes("10.6.0.1:8211", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 0);
    asks_by_datagram("10.6.0.1:8210", 100); /* its own question is no answer */
    comes("10.6.0.1:8210", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 2);
    struct endpoint last = at("10.7.0.2:8211");
    assert_true(endpoint_equal(&n->learned, &last));
    comes("10.6.0.1:8210", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 2);
    until_asked(n);
    pass(10001);
    comes("10.6.0.1:8210", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 2); /* too late */
    close_net();
}

static void neighbours_are_called_with_lan_alone(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 0);
    w.protocol.datagram_max = 1200;
    struct node *n = prepare(0);
    n->config.lan = true;
    begin(n);
    comes("192.168.1.7:8210", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 0);
    pass(6000);
    struct endpoint everybody = at("255.255.255.255:8210");
    assert_int_equal(n->n_datagrams, 1);
    assert_true(endpoint_equal(&n->sent_to, &everybody));
    comes("8.8.8.8:8210", told, sizeof told - 1); /* no neighbour */
    assert_int_equal(n->n_heard, 0);
    comes("192.168.1.7:8210", told, sizeof told - 1);
    assert_int_equal(n->n_heard, 3); /* those that it tells of, and itself */
    for (int i = 0; i < 200; i++) {
        char text[64];
        snprintf(text, sizeof text, "192.168.2.%d:8210", i + 1);
        comes(text, told, sizeof told - 1);
    }
    assert_int_equal(n->n_heard, 3 * 64);
    close_net();
}

/* --- trackers --- */

static struct ledger_settings own;

static struct node *open_tracker(void)
{
    own = (struct ledger_settings){.tracker = true};
    open_net(&ledger_coin, 0);
    struct node *n = prepare(0);
    n->config.settings = &own;
    return begin(n);
}

static void says_of_dial(struct node *n, enum end_reason result)
{
    assert_false(ops->dialed(n->service, w.now_ms, n->dial_token, result, NULL));
}

static void a_tracker_tells_of_members_that_answer_it(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    ask(PEER, 0, 9000);
    assert_int_equal(heard.n, 0);
    assert_int_equal(n->n_dials, 1);
    struct endpoint member = address_of(PEER);
    member.port = 9000;
    assert_true(endpoint_equal(&n->dialed, &member));
    puppet_joins(OTHER, 0);
    ask(OTHER, 0, 0); /* it does not listen */
    assert_int_equal(n->n_dials, 1);
    assert_int_equal(heard.n, 0); /* the first has not answered yet */
    says_of_dial(n, END_NONE);
    pass(5000);
    ask(OTHER, 0, 0);
    assert_int_equal(heard.n, 1);
    assert_true(endpoint_equal(&heard.last[0].endpoint, &member));
    ask(PEER, 0, 9000);
    pass(5000);
    heard.n = 99;
    ask(PEER, 0, 9000);
    assert_int_equal(heard.n, 0); /* never of itself */
    close_net();
}

static void a_member_is_called_once_a_minute_and_forgotten_after_three_failures(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    puppet_joins(OTHER, 0);
    ask(PEER, 0, 9000);
    says_of_dial(n, END_NONE);
    for (uint32_t i = 0; i < 5; i++) {
        pass(MINUTE - 100);
        assert_int_equal(n->n_dials, 1 + i);
        pass(100);
        assert_int_equal(n->n_dials, 2 + i);
        says_of_dial(n, END_NONE);
    }
    ask(OTHER, 0, 0);
    assert_int_equal(heard.n, 1);
    uint32_t before = n->n_dials;
    pass(MINUTE);
    says_of_dial(n, END_DIAL_FAILED);
    ask(OTHER, 0, 0);
    assert_int_equal(heard.n, 0); /* it is told of no more at once */
    pass(MINUTE);
    says_of_dial(n, END_DIAL_FAILED);
    pass(MINUTE);
    says_of_dial(n, END_HANDSHAKE_TIMEOUT);
    assert_int_equal(n->n_dials, before + 3);
    pass(10 * MINUTE);
    assert_int_equal(n->n_dials, before + 3);
    assert_int_equal(n->service->members.n, 0);
    close_net();
}

static void one_that_never_answered_is_no_member(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    ask(PEER, 0, 9000);
    says_of_dial(n, END_DIAL_FAILED);
    assert_int_equal(n->service->members.n, 0);
    n->may_not_dial = true;
    pass(5000);
    ask(PEER, 0, 9001);
    pass(2 * MINUTE);
    assert_int_equal(n->service->members.n, 0);
    close_net();
}

static void says_its_height(uint32_t puppet, uint32_t node)
{
    const struct ledger_block last = {.number = 0};
    say(puppet, node, LEDGER_HEIGHT, parcel_new(&last, sizeof last));
    pass(10);
}

static size_t told_of(uint32_t puppet)
{
    pass(5000);
    heard.n = 99;
    ask(puppet, 0, 0);
    return heard.n;
}

static void a_member_that_is_connected_is_called_by_its_connection(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    puppet_joins(OTHER, 0);
    ask(PEER, 0, 8210);
    assert_int_equal(n->n_dials, 1); /* anybody can name any port: it is dialed once */
    says_of_dial(n, END_NONE);
    for (uint32_t i = 0; i < 3; i++) {
        pass(MINUTE);
        says_its_height(PEER, 0);
    }
    assert_int_equal(n->n_dials, 1);
    assert_int_equal(between(0, PEER)->sent.calls, 3);
    assert_int_equal(told_of(OTHER), 1);
    close_net();
}

static void a_member_that_is_connected_has_until_the_next_call_to_answer(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    puppet_joins(OTHER, 0);
    ask(PEER, 0, 8210);
    says_of_dial(n, END_NONE);
    pass(MINUTE); /* called */
    pass(MINUTE - 6000);
    assert_int_equal(told_of(OTHER), 1);
    pass(6000);
    assert_int_equal(told_of(OTHER), 0);
    assert_int_equal(n->n_dials, 1);
    pass(MINUTE);
    assert_int_equal(n->n_dials, 2); /* it has failed over the connection */
    says_of_dial(n, END_NONE);
    assert_int_equal(told_of(OTHER), 1);
    close_net();
}

static void a_member_that_goes_while_it_is_called_is_dialed_at_once(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    puppet_joins(OTHER, 0);
    ask(PEER, 0, 8210);
    says_of_dial(n, END_NONE);
    pass(MINUTE);
    part(PEER, 0);
    pass(10);
    assert_int_equal(n->n_dials, 2);
    says_of_dial(n, END_DIAL_FAILED);
    assert_int_equal(told_of(OTHER), 0);
    close_net();
}

/* As if the peer had come from there. */
static void asks_from(unsigned group, unsigned host)
{
    char text[64];
    struct ledger_peer *p = between(0, PEER)->state;
    snprintf(text, sizeof text, "10.%u.0.%u:8210", group, host);
    p->listens = at(text);
    ask(PEER, 0, p->listens.port);
}

/* A call that never ends stands for a tracker that is late with them. */
static void nobody_is_told_of_who_has_not_answered_for_three_calls(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    asks_from(3, 1);
    between(0, PEER)->state->listens = address_of(PEER); /* it is not connected */
    says_of_dial(n, END_NONE);
    pass(3 * MINUTE - 6000);
    assert_int_equal(n->n_dials, 2);
    assert_int_equal(told_of(PEER), 1);
    assert_int_equal(told_of(PEER), 0);
    says_of_dial(n, END_NONE);
    assert_int_equal(told_of(PEER), 1);
    close_net();
}

/* All its calls are under way, and more wait. A member of another group is called at once, and the next as
 * soon as one of the calls has ended. */
static void a_silent_network_keeps_nobody_from_being_called(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    for (uint32_t i = 0; i < 64; i++) {
        asks_from(3, i + 1);
    }
    assert_int_equal(n->n_dials, 1);
    uint64_t silent = n->dial_token;
    asks_from(4, 1);
    assert_int_equal(n->n_dials, 2);
    says_of_dial(n, END_NONE);
    asks_from(4, 2);
    assert_int_equal(n->n_dials, 3);
    says_of_dial(n, END_NONE);
    pass(4000);
    assert_int_equal(n->n_dials, 3);
    n->dial_token = silent;
    says_of_dial(n, END_HANDSHAKE_TIMEOUT);
    pass(1);
    assert_int_equal(n->n_dials, 4);
    close_net();
}

static void members_and_answers_are_bounded(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    for (uint16_t port = 9000; port < 9100; port++) {
        ask(PEER, 0, port);
    }
    assert_int_equal(n->service->members.n, 16); /* of one address */
    assert_int_equal(n->n_dials, 1);             /* of one network group, at once */
    for (uint32_t i = 0; i < 150; i++) {
        asks_from(3, i + 1);
    }
    assert_int_equal(n->service->members.n, 16 + 64); /* of one group that have not answered */
    for (uint32_t i = 0; i < 150; i++) {
        asks_from(50 + i, 1);
    }
    assert_int_equal(n->service->members.n, 16 + 64 + 150);
    assert_int_equal(n->n_dials, 3); /* of those that have not answered */
    n->may_not_dial = true;
    for (uint32_t i = 0; i < n->service->members.n; i++) {
        *((bool *)table_row(&n->service->members, i) + sizeof(struct endpoint)) = true; /* is_active */
    }
    pass(5000);
    ask(PEER, 0, 0);
    assert_int_equal(heard.n, 100);
    for (size_t i = 0; i < heard.n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(endpoint_equal(&heard.last[i].endpoint, &heard.last[j].endpoint));
        }
    }
    close_net();
}

/* Who has an IPv6 address has all of its /64. */
static void members_of_a_64_are_bounded_as_those_of_an_address(void **state)
{
    struct node *n = open_tracker();
    (void)state;
    puppet_joins(PEER, 0);
    struct ledger_peer *p = between(0, PEER)->state;
    for (unsigned i = 1; i <= 40; i++) {
        char text[64];
        snprintf(text, sizeof text, "[2001:db8:0:1::%x]:8210", i);
        p->listens = at(text);
        ask(PEER, 0, p->listens.port);
    }
    assert_int_equal(n->service->members.n, 16);
    p->listens = at("[2001:db8:0:2::1]:8210");
    ask(PEER, 0, p->listens.port);
    assert_int_equal(n->service->members.n, 17);
    close_net();
}

static void a_member_asks_its_trackers_and_keeps_no_connection(void **state)
{
    (void)state;
    own = (struct ledger_settings){.trackers = {.n = 1, .list = {address_of(PEER)}}};
    open_net(&ledger_coin, 0);
    struct node *n = prepare(0);
    n->config.settings = &own;
    begin(n);
    for (int round = 0; round < 3; round++) {
        n->n_dials = 0;
        pass(100);
        assert_int_equal(n->n_dials, 1);
        struct endpoint tracker = address_of(PEER);
        assert_true(endpoint_equal(&n->dialed, &tracker));
        assert_true(ops->dialed(n->service, w.now_ms, n->dial_token, END_NONE, NULL));
        puppet_joins(PEER, 0);
        assert_int_equal(between(0, PEER)->sent.asks_addresses, 1);
        struct known_peers peers;
        struct parcel *itself = known_peers_new(1, &peers);
        peers.list[0].endpoint = tracker;
        say(PEER, 0, LEDGER_ADDRESSES, itself); /* that is no answer */
        pass(10);
        size_t before = n->n_learned;
        say(PEER, 0, LEDGER_ADDRESSES, addresses(3));
        pass(10);
        assert_int_equal(n->n_learned, before + 3);
        assert_false(n->links[0].is_up); /* sent away */
        pass(10 * MINUTE - 200);
        assert_int_equal(n->n_dials, 1);
        pass(100);
    }
    close_net();
}

static void a_tracker_that_does_not_answer_is_asked_again(void **state)
{
    (void)state;
    own = (struct ledger_settings){.trackers = {.n = 1, .list = {address_of(PEER)}}};
    open_net(&ledger_coin, 0);
    struct node *n = prepare(0);
    n->config.settings = &own;
    begin(n);
    pass(100);
    assert_false(ops->dialed(n->service, w.now_ms, n->dial_token, END_DIAL_FAILED, NULL));
    pass(20000);
    assert_int_equal(n->n_dials, 2);
    assert_true(ops->dialed(n->service, w.now_ms, n->dial_token, END_NONE, NULL));
    puppet_joins(PEER, 0);
    pass(11000);
    assert_false(n->links[0].is_up);
    close_net();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("I10 C14", it_tells_of_itself_on_connecting_and_from_time_to_time),
        cmocka_unit_test(it_does_not_tell_of_what_nobody_can_dial),
        promise_test("I7 I8 C6", the_newest_are_told_first_and_not_too_often),
        cmocka_unit_test(it_asks_on_connecting_and_learns_one_answer),
        promise_test("I9", an_answer_is_never_longer_than_twice_the_question),
        cmocka_unit_test(what_asks_too_briefly_is_not_answered),
        cmocka_unit_test(an_address_is_answered_once_in_a_second),
        cmocka_unit_test(a_flood_from_everywhere_is_bounded),
        cmocka_unit_test(only_who_was_asked_teaches_by_datagram_and_once),
        cmocka_unit_test(neighbours_are_called_with_lan_alone),
        promise_test("C17", a_tracker_tells_of_members_that_answer_it),
        promise_test("C16", a_member_is_called_once_a_minute_and_forgotten_after_three_failures),
        cmocka_unit_test(one_that_never_answered_is_no_member),
        promise_test("C16", a_member_that_is_connected_is_called_by_its_connection),
        promise_test("C16", a_member_that_is_connected_has_until_the_next_call_to_answer),
        cmocka_unit_test(a_member_that_goes_while_it_is_called_is_dialed_at_once),
        promise_test("C16", nobody_is_told_of_who_has_not_answered_for_three_calls),
        cmocka_unit_test(members_and_answers_are_bounded),
        cmocka_unit_test(members_of_a_64_are_bounded_as_those_of_an_address),
        cmocka_unit_test(a_silent_network_keeps_nobody_from_being_called),
        cmocka_unit_test(a_member_asks_its_trackers_and_keeps_no_connection),
        cmocka_unit_test(a_tracker_that_does_not_answer_is_asked_again),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
