/* From the addresses of a peer to a socket: a real one, on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/dial.h"
#include "tests/unit/descriptors.h"

enum { DIAL_MS = 2000, SOON_MS = 700, DEAD_MOST = 8 };

static struct dial_config config;
static struct dial_result result;
static struct endpoint targets[TARGETS_MAX];

/* Sockets of listeners that accept nothing; the dead ones are full. */
static int sockets[4 * DEAD_MOST];
static size_t n_sockets;

static int set_up(void **state)
{
    (void)state;
    config = (struct dial_config){.targets = targets, .timeout_ms = DIAL_MS};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (n_sockets > 0) {
        close(sockets[--n_sockets]);
    }
    return 0;
}

static int socket_at(const struct endpoint *e, struct sockaddr_storage *address, socklen_t *length)
{
    *length = endpoint_to_sockaddr(e, address);
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    sockets[n_sockets++] = fd;
    return fd;
}

/* A target that listens, at a port that is free. False if the system has no such address. */
static bool add_alive(const char *ip)
{
    struct endpoint *e = &targets[config.n_targets];
    e->port = 1;
    assert_true(ip_parse(&e->ip, ip));
    struct sockaddr_storage address;
    socklen_t length;
    int fd = socket_at(e, &address, &length);
    if (address.ss_family == AF_INET) {
        ((struct sockaddr_in *)&address)->sin_port = 0;
    } else {
        ((struct sockaddr_in6 *)&address)->sin6_port = 0;
    }
    if (bind(fd, (struct sockaddr *)&address, length) < 0) {
        return false;
    }
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    assert_true(endpoint_from_sockaddr(e, (struct sockaddr *)&address));
    config.n_targets++;
    return true;
}

/* A target that swallows every attempt: its queue of connections is full. */
static void add_dead(const char *ip)
{
    assert_true(add_alive(ip));
    struct sockaddr_storage address;
    socklen_t length;
    for (int i = 0; i < 2; i++) {
        int fd = socket_at(&targets[config.n_targets - 1], &address, &length);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        connect(fd, (struct sockaddr *)&address, length);
    }
    usleep(20000); /* until both have got in */
}

/* One that nobody listens at. */
static void add_refusing(const char *ip)
{
    assert_true(add_alive(ip));
    close(sockets[--n_sockets]);
}

/* How long it took. */
static int64_t dial(int *fd)
{
    int64_t began = clock_ms(), now = began;
    struct dial d;
    size_t n = 0;
    dial_start(&d, &config, now);
    struct pollfd fds[TARGETS_MAX];
    enum dial_state state;
    while ((state = dial_step(&d, fds, n, clock_ms(), &result)) == DIAL_RUNS) {
        n = dial_poll(&d, fds);
        now = clock_ms();
        poll(fds, n, dial_deadline(&d) > now ? (int)(dial_deadline(&d) - now) : 0);
    }
    dial_stop(&d);
    *fd = result.fd;
    assert_int_equal(*fd >= 0, state == DIAL_CONNECTED);
    if (*fd >= 0) {
        sockets[n_sockets++] = *fd;
    }
    return clock_ms() - began;
}

static void assert_reached(size_t target, int64_t most_ms)
{
    int fd, before = count_descriptors();
    int64_t took = dial(&fd);
    assert_true(fd >= 0);
    assert_true(endpoint_equal(&result.remote, &targets[target]));
    assert_true(took < most_ms);
    assert_int_equal(count_descriptors(), before + 1); /* of those that lost nothing is left */
}

static void a_dead_address_is_not_waited_for(void **state)
{
    (void)state;
    add_dead("127.1.0.1");
    assert_true(add_alive("127.1.0.2"));
    assert_reached(1, SOON_MS);
}

/* Also if the timeout is short. */
static void the_last_of_many_addresses_is_reached(void **state)
{
    (void)state;
    config.timeout_ms = 1000;
    char ip[32];
    for (int i = 1; i < TARGETS_MAX; i++) {
        snprintf(ip, sizeof ip, "127.1.1.%d", i);
        add_dead(ip);
    }
    assert_true(add_alive("127.1.1.100"));
    assert_reached(TARGETS_MAX - 1, 1000);
}

static void a_refusal_is_not_waited_for(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        add_refusing("127.1.2.1");
    }
    assert_true(add_alive("127.1.2.2"));
    assert_reached(4, 200);
}

/* Many dead addresses of one family do not hold up the other. */
static void the_families_take_turns(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        add_dead("127.1.3.1");
    }
    if (!add_alive("::1")) {
        skip();
    }
    assert_reached(5, SOON_MS);
}

static void the_timeout_bounds_them_all(void **state)
{
    (void)state;
    config.timeout_ms = 300;
    for (int i = 0; i < 3; i++) {
        add_dead("127.1.4.1");
    }
    int fd;
    int64_t took = dial(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(result.why, END_DIAL_FAILED);
    assert_string_equal(result.text, "timed out");
    assert_in_range(took, 300, 300 + SOON_MS);
}

/* Whoever gives it up has nothing left of it. */
static void who_stops_early_keeps_no_socket(void **state)
{
    (void)state;
    add_dead("127.1.5.1");
    int before = count_descriptors();
    struct dial d;
    dial_start(&d, &config, clock_ms());
    assert_int_equal(dial_step(&d, NULL, 0, clock_ms(), &result), DIAL_RUNS);
    assert_int_equal(count_descriptors(), before + 1);
    dial_stop(&d);
    assert_int_equal(count_descriptors(), before);
}

static void assert_fails(enum end_reason why)
{
    int fd;
    dial(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(result.why, why);
}

static void a_refusal_is_the_peers(void **state)
{
    (void)state;
    add_refusing("127.1.6.1");
    assert_fails(END_DIAL_FAILED);
}

static void bound_to_the_other_family_is_our_own_failure(void **state)
{
    (void)state;
    struct ip bind;
    assert_true(ip_parse(&bind, "::1"));
    config.bind = &bind;
    add_refusing("127.1.7.1");
    assert_fails(END_LOCAL);
}

static void what_no_socket_takes_is_our_own_failure(void **state)
{
    struct endpoint e = {.port = 80};
    (void)state;
    assert_true(ip_parse(&e.ip, "fe80::1")); /* of no interface: an argument that is none */
    targets[config.n_targets++] = e;
    assert_fails(END_LOCAL);
}

/* The last test: this process sees no other network afterwards. */
static void no_network_is_our_own_failure(void **state)
{
    static const char *const unreachable[] = {"127.1.8.1", "192.0.2.1", "2001:db8::1"};

    (void)state;
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        skip();
    }
    for (int i = 0; i < 3; i++) {
        targets[i].port = 80;
        assert_true(ip_parse(&targets[i].ip, unreachable[i]));
    }
    config.n_targets = 3;
    assert_fails(END_LOCAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dead_address_is_not_waited_for),
        TEST(the_last_of_many_addresses_is_reached),
        TEST(a_refusal_is_not_waited_for),
        TEST(the_families_take_turns),
        TEST(the_timeout_bounds_them_all),
        TEST(who_stops_early_keeps_no_socket),
        TEST(a_refusal_is_the_peers),
        TEST(bound_to_the_other_family_is_our_own_failure),
        TEST(what_no_socket_takes_is_our_own_failure),
        TEST(no_network_is_our_own_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
