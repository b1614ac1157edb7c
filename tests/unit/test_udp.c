/* Datagrams over loopback: garbage, a flood, a reader that is slow, queues that are full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/udp.h"
#include "queue/worker.h"

enum { LONGEST = 100, QUEUE = 16, LONG_MS = 10000, FLOOD = 3000 };

struct fixture {
    struct bell bell;
    struct udp *udp;
    struct endpoint at;
    struct log_sink log;
    int lines;        /* that the log was told, on one thread at a time */
    uint64_t said[4]; /* too long, limited, not taken, not sent */
};

/* Not on the stack of a test: if the test fails, its actor lives on until its_end. */
static struct fixture f;

static void note_line(void *context, enum log_level level, const char *text)
{
    (void)context;
    unsigned long long n[4];
    int found = sscanf(text,
                       "dropped datagrams: %llu too long, %llu beyond the rate of their group, "
                       "%llu not taken, %llu not sent",
                       &n[0], &n[1], &n[2], &n[3]);
    f.lines++;
    if (level != LOG_LEVEL_INFO || found != 4) {
        return; /* the sums will show it: this is not the test's thread */
    }
    for (int i = 0; i < 4; i++) {
        f.said[i] += n[i];
    }
}

static struct udp_config config_of(const struct ip *bind)
{
    return (struct udp_config){
        .bind = bind,
        .datagram_max = LONGEST,
        .queue = QUEUE,
        .rate = 100,
        .reader_bell = &f.bell,
        .log = &f.log,
    };
}

static void start(uint32_t rate)
{
    struct ip ip;
    assert_true(ip_parse(&ip, "127.0.0.1"));
    assert_int_equal(bell_init(&f.bell), 0);
    f.log = (struct log_sink){.line = note_line, .level = LOG_LEVEL_INFO};
    f.lines = 0;
    memset(f.said, 0, sizeof f.said);
    struct udp_config config = config_of(&ip);
    config.rate = rate;
    char error[160];
    f.udp = udp_start(&config, error, sizeof error);
    assert_non_null(f.udp);
    f.at = udp_endpoint(f.udp);
}

static void stop(void)
{
    udp_stop(f.udp);
    f.udp = NULL;
    bell_fini(&f.bell);
}

/* Ends the actor that a failed test has left: it would write to the log of the next test. */
static int its_end(void **state)
{
    (void)state;
    if (f.udp) {
        stop();
    }
    return 0;
}

/* A socket of somebody at that address, which sends to the actor. */
static int stranger(const char *ip)
{
    struct endpoint own = {.port = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && ip_parse(&own.ip, ip));
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&own, &address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    size = endpoint_to_sockaddr(&f.at, &address);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
    return fd;
}

static struct datagram *take(void)
{
    struct datagram *d = NULL;
    for (int64_t by = clock_ms() + LONG_MS; !(d = udp_take(f.udp)) && clock_ms() < by;) {
        bell_lie_down(&f.bell);
        if (udp_empty(f.udp)) {
            poll(&(struct pollfd){.fd = f.bell.fd, .events = POLLIN}, 1, LONG_MS);
        }
        bell_get_up(&f.bell);
    }
    assert_non_null(d);
    return d;
}

/* Until so many are accounted for. */
static struct udp_counts settled(uint64_t n)
{
    struct udp_counts c;
    int64_t by = clock_ms() + LONG_MS;
    do {
        c = udp_counts(f.udp);
        usleep(1000);
    } while (c.received + c.too_long + c.limited + c.untaken < n && clock_ms() < by);
    return c;
}

static void a_datagram_comes_and_is_answered(void **state)
{
    (void)state;
    start(100);
    int fd = stranger("127.0.0.1");
    assert_int_equal(send(fd, "what", 4, 0), 4);
    struct datagram *d = take();
    assert_int_equal(d->size, 4);
    assert_memory_equal(d->bytes, "what", 4);
    assert_true(udp_send(f.udp, datagram_new(&d->remote, "this", 4)));
    char got[LONGEST];
    assert_int_equal(recv(fd, got, sizeof got, 0), 4);
    assert_memory_equal(got, "this", 4);
    free(d);
    close(fd);
    stop();
}

static void what_is_too_long_is_dropped_and_counted(void **state)
{
    (void)state;
    start(1000);
    int fd = stranger("127.0.0.1");
    char garbage[2000];
    memset(garbage, 0xff, sizeof garbage);
    send(fd, garbage, sizeof garbage, 0);
    send(fd, garbage, LONGEST + 1, 0);
    send(fd, garbage, LONGEST, 0);
    send(fd, garbage, 0, 0);
    struct datagram *d = take();
    assert_int_equal(d->size, LONGEST);
    free(d);
    d = take();
    assert_int_equal(d->size, 0);
    free(d);
    assert_int_equal(udp_counts(f.udp).too_long, 2);
    assert_int_equal(udp_counts(f.udp).received, 2);
    close(fd);
    stop();
}

static void one_group_of_addresses_cannot_flood(void **state)
{
    (void)state;
    start(5);
    int flooder = stranger("127.0.0.1"), accomplice = stranger("127.0.7.7");
    /* Of several groups: one may fall into the flooder's place by chance. */
    int others[] = {stranger("127.9.0.1"), stranger("127.10.0.1"), stranger("127.11.0.1")};
    for (int i = 0; i < 50; i++) {
        send(flooder, "x", 1, 0);
        send(accomplice, "x", 1, 0);
    }
    struct udp_counts c = settled(100);
    assert_int_equal(c.received + c.limited, 100);
    assert_in_range(c.received, 5, 10); /* a second's worth, and what grew meanwhile */
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        send(others[i], "y", 1, 0);
        close(others[i]);
    }
    struct datagram *d;
    while ((d = take())->bytes[0] == 'x') {
        free(d);
    }
    free(d);
    close(flooder);
    close(accomplice);
    stop();
}

/* Who does not take finds the oldest, as many as the queue holds, and then what comes. */
static void a_slow_reader_loses_what_the_queue_has_no_room_for(void **state)
{
    (void)state;
    start(1000000);
    int fd = stranger("127.0.0.1");
    for (uint16_t i = 0; i < 10 * QUEUE; i++) {
        send(fd, &i, sizeof i, 0);
    }
    struct udp_counts c = settled(10 * QUEUE);
    assert_int_equal(c.received, QUEUE);
    assert_int_equal(c.received + c.untaken, 10 * QUEUE);
    for (uint16_t i = 0; i < c.received; i++) {
        struct datagram *d = udp_take(f.udp);
        assert_non_null(d);
        assert_memory_equal(d->bytes, &i, sizeof i);
        free(d);
    }
    assert_true(udp_empty(f.udp));
    send(fd, "late", 4, 0);
    struct datagram *d = take();
    assert_int_equal(d->size, 4);
    free(d);
    close(fd);
    stop();
}

/* Nobody reads at the other end, and the thread is given more than it can send: nothing waits. */
static void what_finds_no_room_is_dropped_and_counted(void **state)
{
    (void)state;
    start(100);
    int fd = stranger("127.0.0.1");
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    struct endpoint to;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    assert_true(endpoint_from_sockaddr(&to, (struct sockaddr *)&own));
    uint64_t refused = 0, n = 0;
    int64_t began = clock_ms();
    while (refused == 0 && clock_ms() < began + LONG_MS) {
        refused += !udp_send(f.udp, datagram_new(&to, "z", 1));
        n++;
    }
    assert_int_equal(refused, 1);
    struct udp_counts c;
    do {
        c = udp_counts(f.udp);
        usleep(1000);
    } while (c.sent + c.unsent < n && clock_ms() < began + LONG_MS);
    assert_int_equal(c.sent + c.unsent, n);
    struct endpoint nowhere = {.port = 9};
    assert_true(ip_parse(&nowhere.ip, "2001:db8::1")); /* of a family that it has no socket for */
    assert_true(udp_send(f.udp, datagram_new(&nowhere, "z", 1)));
    while (udp_counts(f.udp).unsent == c.unsent && clock_ms() < began + LONG_MS) {
        usleep(1000);
    }
    assert_int_equal(udp_counts(f.udp).unsent, c.unsent + 1);
    close(fd);
    stop();
}

/* Sends for a while, as fast as it can. False if that was too slow to prove anything, as on a busy machine.
 */
static bool flood(int fd)
{
    enum { BURST = 200 };
    char text[] = "flood";
    struct iovec part = {.iov_base = text, .iov_len = 5};
    struct mmsghdr burst[BURST];
    for (int i = 0; i < BURST; i++) {
        burst[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    }
    struct udp_counts before = udp_counts(f.udp);
    int64_t began = clock_ms();
    uint64_t n = 0;
    while (clock_ms() < began + 400) {
        int sent = sendmmsg(fd, burst, BURST, 0);
        n += sent > 0 ? (uint64_t)sent : 0;
    }
    struct udp_counts c = udp_counts(f.udp);
    uint64_t read = c.received + c.limited - before.received - before.limited;
    uint64_t periods = (uint64_t)(clock_ms() - began) / 100 + 2;
    assert_true(read <= 2000 * periods);
    return n > 2000 * periods;
}

/* The thread does not keep a processor busy: what it has not read in its time the kernel drops. */
static void a_flood_costs_little(void **state)
{
    (void)state;
    start(5);
    int fd = stranger("127.0.0.1");
    bool enough = false;
    for (int i = 0; i < 10 && !enough; i++) {
        enough = flood(fd);
    }
    struct udp_counts c = udp_counts(f.udp);
    close(fd);
    stop();
    if (!enough) {
        print_message("this machine is too busy to send a flood\n");
        skip();
    }
    assert_true(c.limited > 1000);
}

/* For a while, with each cause; then it ends in the middle of a second. */
static void the_log_is_told_of_every_drop_but_seldom(void **state)
{
    (void)state;
    start(50);
    int fd = stranger("127.0.0.1");
    char garbage[LONGEST + 1] = "";
    struct endpoint nowhere = f.at;
    assert_true(ip_parse(&nowhere.ip, "2001:db8::1")); /* the actor has no IPv6 */
    int64_t began = clock_ms();
    uint64_t n = 0;
    for (; clock_ms() < began + 1300 || n < 300; n++) {
        send(fd, garbage, sizeof garbage, 0);
        send(fd, "x", 1, 0);
        udp_send(f.udp, datagram_new(&nowhere, "x", 1));
        usleep(2000);
    }
    settled(2 * n);
    for (int64_t by = clock_ms() + LONG_MS; udp_counts(f.udp).unsent < n && clock_ms() < by;) {
        usleep(1000);
    }
    struct udp_counts c = udp_counts(f.udp);
    close(fd);
    stop();
    int64_t took = clock_ms() - began;
    assert_true(c.too_long > 100 && c.limited > 100 && c.untaken > 0 && c.unsent > 100);
    assert_int_equal(f.said[0], c.too_long);
    assert_int_equal(f.said[1], c.limited);
    assert_int_equal(f.said[2], c.untaken);
    assert_int_equal(f.said[3], c.unsent);
    assert_in_range(f.lines, 2, took / 1000 + 2); /* at once, each second, and at the end */
}

static void a_port_that_is_taken_is_an_error(void **state)
{
    char error[160] = "";
    (void)state;
    start(100);
    struct udp_config config = config_of(&f.at.ip);
    config.port = f.at.port;
    assert_null(udp_start(&config, error, sizeof error));
    assert_non_null(strstr(error, "cannot take datagrams on 127.0.0.1:"));
    stop();
}

static void it_ends_with_queues_that_are_not_empty(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        start(100000);
        int fd = stranger("127.0.0.1");
        for (int k = 0; k < QUEUE; k++) {
            send(fd, "q", 1, 0);
            udp_send(f.udp, datagram_new(&f.at, "q", 1));
        }
        close(fd);
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_datagram_comes_and_is_answered, its_end),
        cmocka_unit_test_teardown(what_is_too_long_is_dropped_and_counted, its_end),
        cmocka_unit_test_teardown(one_group_of_addresses_cannot_flood, its_end),
        cmocka_unit_test_teardown(a_slow_reader_loses_what_the_queue_has_no_room_for, its_end),
        cmocka_unit_test_teardown(what_finds_no_room_is_dropped_and_counted, its_end),
        cmocka_unit_test_teardown(a_flood_costs_little, its_end),
        cmocka_unit_test_teardown(the_log_is_told_of_every_drop_but_seldom, its_end),
        cmocka_unit_test_teardown(a_port_that_is_taken_is_an_error, its_end),
        cmocka_unit_test_teardown(it_ends_with_queues_that_are_not_empty, its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
