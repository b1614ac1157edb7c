/* Datagrams to everybody in the local networks: between two network namespaces that the test makes, which two
 * cables join. Only root may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/lan.h"
#include "connection/udp.h"
#include "controller/actions.h"
#include "node/node.h"
#include "queue/worker.h"
#include "tests/unit/echo.h"
#include "tests/unit/parsed.h"

enum { LONG_MS = 10000, SHORT_MS = 300, LOOK_MS = 10 * 1000, PORT = 5000 };

/* Namespaces: of this test before, ours, and the other end's. */
static int outside = -1, here = -1, there = -1;

static int own_namespace(void)
{
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void enter(int namespace)
{
    assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

static void sh(const char *command)
{
    int status = system(command);
    if (status != 0) {
        fail_msg("%s: %d", command, status);
    }
}

/* 10.7.0.0/24 says its broadcast address, 10.8.0.0/24 does not; 10.9.0.1 is alone, 10.6.0.1 is down. */
static int make_networks(void **state)
{
    char command[256];
    (void)state;
    outside = own_namespace();
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
        return 0;
    }
    here = own_namespace();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    there = own_namespace();
    sh("ip link set lo up && ip link add east type veth peer name toeast && ip link add west type veth peer "
       "name towest");
    snprintf(command, sizeof command,
             "ip link set toeast netns /proc/%d/fd/%d && ip link set towest netns /proc/%d/fd/%d", getpid(),
             here, getpid(), here);
    sh(command);
    sh("ip address add 10.7.0.2/24 brd + dev east && ip address add 10.8.0.2/24 dev west");
    sh("ip link set east up && ip link set west up");
    enter(here);
    sh("ip link set lo up && ip link add alone type veth peer name idle");
    sh("ip address add 10.7.0.1/24 brd + dev toeast && ip address add 10.8.0.1/24 dev towest");
    sh("ip address add 10.7.0.9/24 brd + dev toeast && ip address add 10.9.0.1/32 dev alone");
    sh("ip address add 10.6.0.1/24 brd + dev idle && ip address add 127.9.0.1/24 brd 127.9.0.255 dev lo");
    sh("ip link set toeast up && ip link set towest up && ip link set alone up");
    return 0;
}

static int leave_networks(void **state)
{
    (void)state;
    enter(outside);
    close(outside);
    if (here >= 0) {
        close(here);
        close(there);
    }
    return 0;
}

static void needs_networks(void)
{
    if (here < 0) {
        print_message("only root may make namespaces\n");
        skip();
    }
}

/* --- the list --- */

static void assert_lan(const struct lans *l, const char *own, const char *broadcast)
{
    struct ip a = ip_of(own), b = ip_of(broadcast);
    for (size_t i = 0; i < l->n; i++) {
        if (ip_equal(&l->list[i].own, &a)) {
            assert_true(ip_equal(&l->list[i].broadcast, &b));
            return;
        }
    }
    fail_msg("%s is missing", own);
}

static void the_networks_that_can_be_spoken_to_are_found(void **state)
{
    struct lans l = {.n = 0};
    (void)state;
    needs_networks();
    lans_look(&l, &ip_any_v4, 1000);
    assert_int_equal(l.n, 2);
    assert_lan(&l, "10.7.0.1", "10.7.0.255");
    assert_lan(&l, "10.8.0.1", "10.8.0.255");
    struct ip one = ip_of("10.8.0.1"), other = ip_of("10.8.0.2");
    assert_true(lans_have(&l, &one));
    assert_false(lans_have(&l, &other));

    struct lans of_one = {.n = 0};
    lans_look(&of_one, &one, 1000);
    assert_int_equal(of_one.n, 1);
    assert_lan(&of_one, "10.8.0.1", "10.8.0.255");
}

/* However often it is asked for. */
static void the_system_is_asked_once_in_ten_seconds(void **state)
{
    struct lans l = {.n = 0};
    (void)state;
    needs_networks();
    lans_look(&l, &ip_any_v4, 1000);
    sh("ip address add 10.5.0.1/24 dev alone");
    lans_look(&l, &ip_any_v4, 1000 + LOOK_MS - 1);
    assert_int_equal(l.n, 2);
    lans_look(&l, &ip_any_v4, 1000 + LOOK_MS);
    assert_int_equal(l.n, 3);
    sh("ip address del 10.5.0.1/24 dev alone");
    lans_look(&l, &ip_any_v4, 1000 + 2 * LOOK_MS);
    assert_int_equal(l.n, 2);
}

static void more_networks_than_there_is_room_for_are_left_out(void **state)
{
    struct lans l = {.n = 0};
    (void)state;
    needs_networks();
    sh("for i in $(seq 30); do ip address add 10.100.$i.1/24 dev alone || exit 1; done");
    lans_look(&l, &ip_any_v4, 1000);
    assert_int_equal(l.n, LANS_MOST);
    sh("ip address flush dev alone");
}

/* --- the actor --- */

static struct bell bell;
static struct log_sink silence;

static void ignore(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static struct udp *start(const struct ip *bind)
{
    char error[160] = "";
    silence = (struct log_sink){.line = ignore, .level = LOG_LEVEL_SILENT};
    assert_int_equal(bell_init(&bell), 0);
    const struct udp_config config = {
        .bind = bind, .datagram_max = 100, .queue = 16, .rate = 100, .reader_bell = &bell, .log = &silence};
    struct udp *u = udp_start(&config, error, sizeof error);
    assert_string_equal(error, "");
    return u;
}

static void stop(struct udp *u)
{
    udp_stop(u);
    bell_fini(&bell);
}

/* A socket in the other namespace, which hears what is said to all. */
static int listener(const char *device, uint16_t port)
{
    enter(there);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    enter(here);
    struct endpoint at = {.ip = ip_any_v4, .port = port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&at, &address);
    const int on = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    return fd;
}

/* Where it comes from; port 0 if nothing comes. */
static struct endpoint hears(int fd, const char *text, int ms)
{
    char got[64] = "";
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    struct endpoint e = {.port = 0};
    if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms) == 1) {
        ssize_t n = recvfrom(fd, got, sizeof got - 1, 0, (struct sockaddr *)&from, &size);
        assert_int_equal(n, strlen(text));
        assert_string_equal(got, text);
        assert_true(endpoint_from_sockaddr(&e, (struct sockaddr *)&from));
    }
    return e;
}

static void hears_of(int fd, const char *text, const char *ip, uint16_t port)
{
    struct endpoint from = hears(fd, text, LONG_MS);
    struct ip expected = ip_of(ip);
    assert_int_equal(from.port, port);
    assert_true(ip_equal(&from.ip, &expected));
}

static void say(struct udp *u, const char *to, uint16_t port, const char *text)
{
    struct endpoint e = {.ip = ip_of(to), .port = port};
    assert_true(udp_send(u, datagram_new(&e, text, strlen(text))));
}

static struct udp_counts settled(struct udp *u, uint64_t n)
{
    struct udp_counts c = udp_counts(u);
    for (int64_t by = clock_ms() + LONG_MS; c.sent + c.unsent < n && clock_ms() < by; c = udp_counts(u)) {
        usleep(1000);
    }
    assert_int_equal(c.sent + c.unsent, n);
    return c;
}

static void everybody_in_each_network_hears_it(void **state)
{
    (void)state;
    needs_networks();
    struct udp *u = start(NULL);
    int a = listener("east", PORT), b = listener("west", PORT);
    say(u, "255.255.255.255", PORT, "anybody?");
    hears_of(a, "anybody?", "10.7.0.1", udp_endpoint(u).port);
    hears_of(b, "anybody?", "10.8.0.1", udp_endpoint(u).port);
    assert_int_equal(settled(u, 2).sent, 2);
    close(a);
    close(b);
    stop(u);
}

static void bound_to_an_address_only_its_network_does(void **state)
{
    (void)state;
    needs_networks();
    struct ip own = ip_of("10.8.0.1");
    struct udp *u = start(&own);
    int a = listener("east", PORT), b = listener("west", PORT);
    say(u, "255.255.255.255", PORT, "anybody?");
    hears_of(b, "anybody?", "10.8.0.1", udp_endpoint(u).port);
    assert_int_equal(settled(u, 1).sent, 1);
    assert_int_equal(hears(a, "", 0).port, 0);
    close(a);
    close(b);
    stop(u);
}

/* A question can claim to come from there. */
static void an_answer_to_a_broadcast_address_is_not_sent(void **state)
{
    (void)state;
    needs_networks();
    struct udp *u = start(NULL);
    int a = listener("east", PORT);
    say(u, "10.7.0.255", PORT, "once");
    assert_int_equal(settled(u, 1).unsent, 1);
    say(u, "255.255.255.255", PORT, "twice"); /* to both networks */
    say(u, "10.7.0.255", PORT, "thrice");
    assert_int_equal(settled(u, 4).unsent, 2);
    hears_of(a, "twice", "10.7.0.1", udp_endpoint(u).port);
    assert_int_equal(hears(a, "", 0).port, 0);
    close(a);
    stop(u);
}

/* The kernel gives us what we say to all, too. */
static void nobody_hears_himself(void **state)
{
    (void)state;
    needs_networks();
    struct udp *u = start(NULL);
    int a = listener("east", PORT);
    say(u, "255.255.255.255", udp_endpoint(u).port, "to ourselves");
    settled(u, 2);
    struct endpoint to = {.ip = ip_of("10.7.0.1"), .port = udp_endpoint(u).port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&to, &address);
    assert_int_equal(sendto(a, "after", 5, 0, (struct sockaddr *)&address, size), 5);
    struct datagram *d = NULL;
    for (int64_t by = clock_ms() + LONG_MS; !(d = udp_take(u)) && clock_ms() < by;) {
        usleep(1000);
    }
    assert_non_null(d);
    assert_int_equal(d->size, 5);
    free(d);
    close(a);
    stop(u);
}

static void without_a_network_it_is_not_sent(void **state)
{
    (void)state;
    struct ip own = ip_of("127.0.0.1");
    struct udp *u = start(&own);
    say(u, "255.255.255.255", PORT, "anybody?");
    assert_int_equal(settled(u, 1).unsent, 1);
    stop(u);
}

/* --- a node --- */

struct member {
    struct protocol protocol;
    struct config config;
    struct node *node;
    uint16_t port;
    uint64_t unsent; /* UINT64_MAX before the first status */
};

static void event_of(struct member *m, struct node_event *e)
{
    if (e->public.type == KITH_LISTENING) {
        m->port = (uint16_t)atoi(strrchr(e->public.address, ':') + 1);
    } else if (e->public.type == KITH_STATUS) {
        m->unsent = e->public.status->datagrams_dropped[DATAGRAM_UNSENT].count;
    }
    node_event_free(e);
}

static void take_events(struct member *m)
{
    struct taken t;
    while (node_take(m->node, &t) == TAKE_EVENT) {
        event_of(m, t.event);
    }
    poll(&(struct pollfd){.fd = node_fd(m->node), .events = POLLIN}, 1, 20);
}

static void start_node(struct member *m, bool lan)
{
    char error[256] = "";
    silence = (struct log_sink){.line = ignore, .level = LOG_LEVEL_SILENT};
    *m = (struct member){.protocol = echo_full(), .unsent = UINT64_MAX};
    const struct protocol *p = &m->protocol;
    m->config = (struct config){
        .protocol = p,
        .node = {.timings = p->timings, .limits = p->limits, .node_id = 1, .version = 1, .lan = lan},
        .merits = p->merits,

        .log_level = LOG_LEVEL_SILENT,
    };
    assert_true(protocol_network(p, "LOCAL", NULL, &m->config.node.network));
    m->node = node_start(&m->config, &silence, error, sizeof error);
    assert_string_equal(m->node ? "" : error, "");
    for (int64_t by = clock_ms() + LONG_MS; m->port == 0 && clock_ms() < by;) {
        take_events(m);
    }
    assert_true(m->port);
}

static void cry(struct member *m, const char *text)
{
    struct parcel *p = parcel_new(text, strlen(text));
    assert_int_equal(node_send(m->node, SCOPE_FULL, PEER_NOBODY, ECHO_CRY, p, 0), KITH_OK);
}

static uint64_t unsent(struct member *m)
{
    struct command *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->type = COMMAND_STATUS;
    m->unsent = UINT64_MAX;
    assert_int_equal(node_command(m->node, c, 1), KITH_OK);
    for (int64_t by = clock_ms() + LONG_MS; m->unsent == UINT64_MAX && clock_ms() < by;) {
        take_events(m);
    }
    return m->unsent;
}

/* By the port that it listens on; who hears it can answer. */
static void a_node_speaks_to_everybody_with_lan(void **state)
{
    struct member m;
    (void)state;
    needs_networks();
    start_node(&m, true);
    int a = listener("east", PORT), b = listener("west", PORT);
    cry(&m, "5000 anybody?");
    hears_of(a, "5000 anybody?", "10.7.0.1", m.port);
    hears_of(b, "5000 anybody?", "10.8.0.1", m.port);
    assert_int_equal(unsent(&m), 0);
    struct endpoint to = {.ip = ip_of("10.7.0.1"), .port = m.port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&to, &address);
    assert_int_equal(sendto(a, "here", 4, 0, (struct sockaddr *)&address, size), 4);
    hears_of(a, "here", "10.7.0.1", m.port); /* which its service sends back */
    close(a);
    close(b);
    node_free(m.node);
}

static void a_node_speaks_to_nobody_else_without_lan(void **state)
{
    struct member m;
    (void)state;
    needs_networks();
    start_node(&m, false);
    int a = listener("east", PORT);
    cry(&m, "5000 anybody?");
    for (int64_t by = clock_ms() + LONG_MS; unsent(&m) == 0 && clock_ms() < by;) {
    }
    assert_int_equal(m.unsent, 1);
    assert_int_equal(hears(a, "", SHORT_MS).port, 0);
    close(a);
    node_free(m.node);
}

/* At its own address of that family: what it sends comes back, and the port takes connections, too. */
static void exchange(const struct member *m, const char *ip)
{
    struct endpoint at = {.ip = ip_of(ip), .port = m->port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&at, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(fd, "here", 4, 0, (struct sockaddr *)&address, size), 4);
    hears_of(fd, "here", ip, m->port);
    close(fd);
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
    close(fd);
}

static void datagrams_and_connections_share_the_port_of_either_family(void **state)
{
    struct member m;
    (void)state;
    needs_networks();
    start_node(&m, false);
    exchange(&m, "127.0.0.1");
    exchange(&m, "10.7.0.1");
    if (access("/proc/net/if_inet6", F_OK) == 0) {
        exchange(&m, "::1");
    }
    node_free(m.node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_networks_that_can_be_spoken_to_are_found),
        cmocka_unit_test(the_system_is_asked_once_in_ten_seconds),
        cmocka_unit_test(more_networks_than_there_is_room_for_are_left_out),
        cmocka_unit_test(everybody_in_each_network_hears_it),
        cmocka_unit_test(bound_to_an_address_only_its_network_does),
        cmocka_unit_test(an_answer_to_a_broadcast_address_is_not_sent),
        cmocka_unit_test(nobody_hears_himself),
        cmocka_unit_test(without_a_network_it_is_not_sent),
        cmocka_unit_test(a_node_speaks_to_everybody_with_lan),
        cmocka_unit_test(a_node_speaks_to_nobody_else_without_lan),
        cmocka_unit_test(datagrams_and_connections_share_the_port_of_either_family),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, make_networks, leave_networks);
}
