#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "connection/listener.h"
#include "tests/unit/parsed.h"
#include "tests/unit/promise.h"

#define MOST_SEEN  256
#define PATIENCE   5000 /* ms; reached by failures only */
#define LONG_AGAIN 3600000

/* What the listener's thread told; the counters are raised after the slots are written. */
struct seen {
    struct accepted *accepted[MOST_SEEN];
    _Atomic size_t n;
    _Atomic bool refuses;
    char lines[MOST_SEEN][512];
    enum log_level levels[MOST_SEEN];
    _Atomic size_t n_lines;
};

static struct seen *seen;
static struct log_sink sink;
static struct listener *listener;

static bool on_accepted(void *context, struct accepted *a)
{
    struct seen *s = context;
    size_t i = atomic_load(&s->n);
    if (i == MOST_SEEN || atomic_load(&s->refuses)) {
        return false;
    }
    s->accepted[i] = a;
    atomic_store(&s->n, i + 1);
    return true;
}

static void on_line(void *context, enum log_level level, const char *text)
{
    struct seen *s = context;
    size_t i = atomic_load(&s->n_lines);
    if (i == MOST_SEEN) {
        abort();
    }
    snprintf(s->lines[i], sizeof s->lines[i], "%s", text);
    s->levels[i] = level;
    atomic_store(&s->n_lines, i + 1);
}

static int set_up(void **state)
{
    (void)state;
    seen = calloc(1, sizeof *seen);
    sink = (struct log_sink){.line = on_line, .context = seen, .level = LOG_LEVEL_DEBUG};
    listener = NULL;
    return !seen ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    listener_stop(listener);
    for (size_t i = 0; i < seen->n; i++) {
        close(seen->accepted[i]->fd);
        free(seen->accepted[i]);
    }
    free(seen);
    return 0;
}

static struct listener_config info_of(const struct ip *bind)
{
    return (struct listener_config){
        .bind = bind, .pending = 100, .accepted = on_accepted, .context = seen, .log = &sink};
}

static void start(const struct listener_config *config)
{
    char error[160] = "";
    listener = listener_start(config, error, sizeof error);
    if (!listener) {
        fail_msg("%s", error);
    }
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_for(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void wait_for_accepted(size_t n)
{
    int64_t until = now_ms() + PATIENCE;
    /* The listener counts what it has handed over, so that this is the later of the two. */
    while (listener_counts(listener).accepted < n && now_ms() < until) {
        sleep_for(1);
    }
    assert_int_equal(listener_counts(listener).accepted, n);
    assert_int_equal(atomic_load(&seen->n), n);
}

static int tcp_socket(const char *from)
{
    struct endpoint local = {.ip = ip_of(from)};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&local, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    return fd;
}

static int connect_to(int fd, const char *to)
{
    struct endpoint remote = {.ip = ip_of(to), .port = listener_endpoint(listener).port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&remote, &address);
    return connect(fd, (struct sockaddr *)&address, size);
}

static int client(const char *from, const char *to)
{
    int fd = tcp_socket(from);
    assert_int_equal(connect_to(fd, to), 0);
    return fd;
}

/* A reset that comes before connect(2) has returned is as good as one that comes after it. */
static void assert_turned_away(const char *from, const char *to)
{
    int fd = tcp_socket(from);
    char byte;
    if (connect_to(fd, to) == 0) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, PATIENCE), 1);
        assert_int_equal(read(fd, &byte, 1), -1);
    }
    assert_int_equal(errno, ECONNRESET);
    close(fd);
}

static bool has_ipv6(void)
{
    struct endpoint local = {.ip = ip_of("::1")};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&local, &address);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static void assert_came_from(const struct accepted *a, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    struct endpoint local;
    assert_true(endpoint_from_sockaddr(&local, (struct sockaddr *)&address));
    assert_true(endpoint_equal(&a->remote, &local));
}

static void listens_on_every_address_of_both_families(void **state)
{
    (void)state;
    struct listener_config config = info_of(NULL);
    start(&config);
    struct endpoint at = listener_endpoint(listener);
    struct ip any = ip_of("0.0.0.0");
    assert_true(ip_equal(&at.ip, &any));
    assert_int_not_equal(at.port, 0);

    int v4 = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(1);
    assert_came_from(seen->accepted[0], v4);
    close(v4);
    if (!has_ipv6()) {
        return;
    }
    int v6 = client("::1", "::1");
    wait_for_accepted(2);
    assert_came_from(seen->accepted[1], v6);
    close(v6);
    assert_int_equal(listener_counts(listener).accepted, 2);
}

static void accepted_sockets_neither_block_nor_leak_into_children(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    start(&config);
    int fd = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(1);
    assert_true(fcntl(seen->accepted[0]->fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(seen->accepted[0]->fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void a_bound_listener_is_reached_at_its_address_only(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.2");
    struct listener_config config = info_of(&bind);
    start(&config);
    struct endpoint at = listener_endpoint(listener);
    assert_true(ip_equal(&at.ip, &bind));

    int other = tcp_socket("127.0.0.1");
    assert_int_equal(connect_to(other, "127.0.0.1"), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(other);
    close(client("127.0.0.1", "127.0.0.2"));
    wait_for_accepted(1);
}

static void a_taken_port_is_an_error_at_the_start(void **state)
{
    (void)state;
    struct listener_config config = info_of(NULL);
    start(&config);
    config.port = listener_endpoint(listener).port;
    char error[160] = "", expected[160];
    assert_null(listener_start(&config, error, sizeof error));
    snprintf(expected, sizeof expected,
             "cannot listen on 0.0.0.0:%u: Address already in use; -networkPort chooses another",
             (unsigned)config.port);
    assert_string_equal(error, expected);
}

static void a_foreign_address_is_an_error_at_the_start(void **state)
{
    (void)state;
    struct ip bind = ip_of("192.0.2.1");
    struct listener_config config = info_of(&bind);
    char error[160] = "";
    assert_null(listener_start(&config, error, sizeof error));
    assert_non_null(strstr(error, "cannot listen on 192.0.2.1:0: "));
}

static void the_port_is_free_again_after_the_stop(void **state)
{
    (void)state;
    struct listener_config config = info_of(NULL);
    start(&config);
    config.port = listener_endpoint(listener).port;
    int fd = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(1);
    listener_stop(listener);
    start(&config);
    assert_int_equal(listener_endpoint(listener).port, config.port);
    close(fd);
}

static void an_ip_that_comes_again_too_soon_is_turned_away(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    config.accept_ms = LONG_AGAIN;
    start(&config);
    int first = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(1);
    assert_turned_away("127.0.0.1", "127.0.0.1");
    assert_turned_away("127.0.0.1", "127.0.0.1");
    int other = client("127.0.0.3", "127.0.0.1");
    wait_for_accepted(2);

    struct listener_counts counts = listener_counts(listener);
    assert_int_equal(counts.accepted, 2);
    assert_int_equal(counts.limited, 2);
    assert_int_equal(counts.capped, 0);
    close(first);
    close(other);
}

static void an_ip_may_come_again_after_the_gap(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    config.accept_ms = 150;
    start(&config);
    int first = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(1);
    sleep_for(200);
    int second = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(2);
    assert_int_equal(listener_counts(listener).limited, 0);
    close(first);
    close(second);
}

static void handshakes_under_way_are_capped_until_one_settles(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    config.pending = 2;
    start(&config);
    int fds[3] = {client("127.0.0.1", "127.0.0.1"), client("127.0.0.1", "127.0.0.1")};
    wait_for_accepted(2);
    assert_turned_away("127.0.0.1", "127.0.0.1");
    listener_handshake_over(listener);
    fds[2] = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(3);
    assert_turned_away("127.0.0.1", "127.0.0.1");

    struct listener_counts counts = listener_counts(listener);
    assert_int_equal(counts.accepted, 3);
    assert_int_equal(counts.capped, 2);
    assert_int_equal(counts.limited, 0);
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

static void a_socket_that_is_not_taken_is_closed_and_frees_its_place(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    config.pending = 1;
    start(&config);
    atomic_store(&seen->refuses, true);
    assert_turned_away("127.0.0.1", "127.0.0.1");
    atomic_store(&seen->refuses, false);
    int fd = client("127.0.0.1", "127.0.0.1");
    wait_for_accepted(1);
    assert_int_equal(listener_counts(listener).untaken, 1);
    assert_int_equal(listener_counts(listener).capped, 0);
    close(fd);
}

static void wait_for_lines(size_t n);

/* At the end of a node its peers dial it once more: that is no flood of handshakes. */
static void each_cause_has_its_own_count_in_the_log(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    start(&config);
    atomic_store(&seen->refuses, true);
    assert_turned_away("127.0.0.1", "127.0.0.1");
    wait_for_lines(1);
    assert_string_equal(
        seen->lines[0],
        "listener: closed 1 connections at once: 1 not taken: the node is ending, or too busy");
}

static void wait_for_lines(size_t n)
{
    int64_t until = now_ms() + PATIENCE;
    while (atomic_load(&seen->n_lines) < n && now_ms() < until) {
        sleep_for(5);
    }
    assert_true(atomic_load(&seen->n_lines) >= n);
}

static unsigned long reported_in(const char *line)
{
    const char *prefix = "listener: closed ";
    if (strncmp(line, prefix, strlen(prefix)) != 0) {
        return 0;
    }
    return strtoul(line + strlen(prefix), NULL, 10);
}

static void many_that_are_turned_away_make_few_lines_that_name_them_all(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    config.pending = 0;
    start(&config);
    int64_t began = now_ms();
    assert_turned_away("127.0.0.1", "127.0.0.1");
    /* Those that come before the first line is written would be in it, and may be all. */
    wait_for_lines(1);
    for (int i = 0; i < 49; i++) {
        assert_turned_away("127.0.0.1", "127.0.0.1");
    }
    wait_for_lines(2);
    assert_turned_away("127.0.0.1", "127.0.0.1");
    listener_stop(listener);
    listener = NULL;
    /* One at once, one a second, one at the stop. */
    assert_in_range(seen->n_lines, 3, (now_ms() - began) / 1000 + 2);
    unsigned long sum = 0;
    for (size_t i = 0; i < seen->n_lines; i++) {
        sum += reported_in(seen->lines[i]);
    }
    assert_int_equal(sum, 51);
}

static double cpu_seconds(void)
{
    struct rusage use;
    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* Leaves the process without a free descriptor; returns the limit to go back to. */
static struct rlimit exhaust_descriptors(void)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest_free = dup(STDERR_FILENO);
    assert_true(lowest_free >= 0);
    close(lowest_free);
    struct rlimit now = before;
    now.rlim_cur = (rlim_t)lowest_free;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

static size_t count_of_warnings(void)
{
    size_t n = 0;
    for (size_t i = 0; i < atomic_load(&seen->n_lines); i++) {
        n += seen->levels[i] == LOG_LEVEL_WARNING;
    }
    return n;
}

static void without_descriptors_it_waits_instead_of_spinning(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    start(&config);
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = tcp_socket("127.0.0.1");
    }
    struct rlimit before = exhaust_descriptors();
    double cpu = cpu_seconds();
    int connected = 0;
    for (size_t i = 0; i < 3; i++) {
        connected += connect_to(fds[i], "127.0.0.1") == 0;
    }
    sleep_for(1000);
    cpu = cpu_seconds() - cpu;
    size_t accepted_meanwhile = atomic_load(&seen->n);
    setrlimit(RLIMIT_NOFILE, &before);

    assert_int_equal(connected, 3); /* they wait in the backlog */
    assert_int_equal(accepted_meanwhile, 0);
    assert_true(cpu < 0.2);
    assert_int_equal(count_of_warnings(), 1);
    wait_for_accepted(3);
    assert_int_equal(count_of_warnings(), 1);
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

/* Longer than a busy machine needs, and shorter than what is left of a pause. */
static void assert_stops_at_once(void)
{
    int64_t before = now_ms();
    listener_stop(listener);
    listener = NULL;
    assert_true(now_ms() - before < 800);
}

static void it_stops_at_once_while_it_sleeps(void **state)
{
    (void)state;
    struct listener_config config = info_of(NULL);
    start(&config);
    sleep_for(50);
    assert_stops_at_once();
    listener_stop(NULL);
}

static void it_stops_at_once_while_it_pauses(void **state)
{
    (void)state;
    struct ip bind = ip_of("127.0.0.1");
    struct listener_config config = info_of(&bind);
    start(&config);
    int fd = tcp_socket("127.0.0.1");
    struct rlimit before = exhaust_descriptors();
    int connected = connect_to(fd, "127.0.0.1");
    sleep_for(1800); /* within the pause of 1600 ms that follows those of 100, 200, 400 and 800 */
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(connected, 0);
    assert_int_equal(atomic_load(&seen->n), 0);
    assert_stops_at_once();
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        promise_test_setup_teardown("F13", listens_on_every_address_of_both_families, set_up, tear_down),
        TEST(accepted_sockets_neither_block_nor_leak_into_children),
        TEST(a_bound_listener_is_reached_at_its_address_only),
        TEST(a_taken_port_is_an_error_at_the_start),
        TEST(a_foreign_address_is_an_error_at_the_start),
        TEST(the_port_is_free_again_after_the_stop),
        TEST(an_ip_that_comes_again_too_soon_is_turned_away),
        TEST(an_ip_may_come_again_after_the_gap),
        TEST(handshakes_under_way_are_capped_until_one_settles),
        TEST(a_socket_that_is_not_taken_is_closed_and_frees_its_place),
        TEST(each_cause_has_its_own_count_in_the_log),
        TEST(many_that_are_turned_away_make_few_lines_that_name_them_all),
        TEST(without_descriptors_it_waits_instead_of_spinning),
        TEST(it_stops_at_once_while_it_sleeps),
        TEST(it_stops_at_once_while_it_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
