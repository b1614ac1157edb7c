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

static void note_line(void *context, enum log_level level, const char *text)
{
    struct fixture *f = context;
    unsigned long long n[4];
    int found = sscanf(text,
                       "dropped datagrams: %llu too long, %llu beyond the rate of their group, "
                       "%llu not taken, %llu not sent",
                       &n[0], &n[1], &n[2], &n[3]);
    f->lines++;
    if (level != LOG_LEVEL_INFO || found != 4) {
        return; /* the sums will show it: this is not the test's thread */
    }
    for (int i = 0; i < 4; i++) {
        f->said[i] += n[i];
    }
}

static struct udp_config config_of(struct fixture *f, const struct ip *bind)
{
    return (struct udp_config){
        .bind = bind,
        .datagram_max = LONGEST,
        .queue = QUEUE,
        .rate = 100,
        .reader_bell = &f->bell,
        .log = &f->log,
    };
}

static void start(struct fixture *f, uint32_t rate)
{
    struct ip ip;
    assert_true(ip_parse(&ip, "127.0.0.1"));
    assert_int_equal(bell_init(&f->bell), 0);
    f->log = (struct log_sink){note_line, f, LOG_LEVEL_INFO};
    f->lines = 0;
    memset(f->said, 0, sizeof f->said);
    struct udp_config config = config_of(f, &ip);
    config.rate = rate;
    char error[160];
    f->udp = udp_start(&config, error, sizeof error);
    assert_non_null(f->udp);
    f->at = udp_endpoint(f->udp);
}

static void stop(struct fixture *f)
{
    udp_stop(f->udp);
    bell_fini(&f->bell);
}

/* A socket of somebody at that address, which sends to the actor. */
static int stranger(const struct fixture *f, const char *ip)
{
    struct endpoint own = {.port = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && ip_parse(&own.ip, ip));
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&own, &address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    size = endpoint_to_sockaddr(&f->at, &address);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
    return fd;
}

static struct datagram *take(struct fixture *f)
{
    struct datagram *d = NULL;
    for (int64_t by = clock_ms() + LONG_MS; !(d = udp_take(f->udp)) && clock_ms() < by;) {
        bell_lie_down(&f->bell);
        if (udp_empty(f->udp)) {
            poll(&(struct pollfd){.fd = f->bell.fd, .events = POLLIN}, 1, LONG_MS);
        }
        bell_get_up(&f->bell);
    }
    assert_non_null(d);
    return d;
}

/* Until so many are accounted for. */
static struct udp_counts settled(struct fixture *f, uint64_t n)
{
    struct udp_counts c;
    int64_t by = clock_ms() + LONG_MS;
    do {
        c = udp_counts(f->udp);
        usleep(1000);
    } while (c.received + c.too_long + c.limited + c.untaken < n && clock_ms() < by);
    return c;
}

static void a_datagram_comes_and_is_answered(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 100);
    int fd = stranger(&f, "127.0.0.1");
    assert_int_equal(send(fd, "what", 4, 0), 4);
    struct datagram *d = take(&f);
    assert_int_equal(d->size, 4);
    assert_memory_equal(d->bytes, "what", 4);
    assert_true(udp_send(f.udp, datagram_new(&d->remote, "this", 4)));
    char got[LONGEST];
    assert_int_equal(recv(fd, got, sizeof got, 0), 4);
    assert_memory_equal(got, "this", 4);
    free(d);
    close(fd);
    stop(&f);
}

static void what_is_too_long_is_dropped_and_counted(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 1000);
    int fd = stranger(&f, "127.0.0.1");
    char garbage[2000];
    memset(garbage, 0xff, sizeof garbage);
    send(fd, garbage, sizeof garbage, 0);
    send(fd, garbage, LONGEST + 1, 0);
    send(fd, garbage, LONGEST, 0);
    send(fd, garbage, 0, 0);
    struct datagram *d = take(&f);
    assert_int_equal(d->size, LONGEST);
    free(d);
    d = take(&f);
    assert_int_equal(d->size, 0);
    free(d);
    assert_int_equal(udp_counts(f.udp).too_long, 2);
    assert_int_equal(udp_counts(f.udp).received, 2);
    close(fd);
    stop(&f);
}

static void one_group_of_addresses_cannot_flood(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 5);
    int flooder = stranger(&f, "127.0.0.1"), accomplice = stranger(&f, "127.0.7.7");
    int other = stranger(&f, "127.9.0.1");
    for (int i = 0; i < 50; i++) {
        send(flooder, "x", 1, 0);
        send(accomplice, "x", 1, 0);
    }
    struct udp_counts c = settled(&f, 100);
    assert_int_equal(c.received + c.limited, 100);
    assert_in_range(c.received, 5, 10); /* a second's worth, and what grew meanwhile */
    send(other, "y", 1, 0);
    struct datagram *d;
    while ((d = take(&f))->bytes[0] == 'x') {
        free(d);
    }
    free(d);
    close(flooder);
    close(accomplice);
    close(other);
    stop(&f);
}

/* Who does not take finds the oldest, as many as the queue holds, and then what comes. */
static void a_slow_reader_loses_what_the_queue_has_no_room_for(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 1000000);
    int fd = stranger(&f, "127.0.0.1");
    for (uint16_t i = 0; i < 10 * QUEUE; i++) {
        send(fd, &i, sizeof i, 0);
    }
    struct udp_counts c = settled(&f, 10 * QUEUE);
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
    struct datagram *d = take(&f);
    assert_int_equal(d->size, 4);
    free(d);
    close(fd);
    stop(&f);
}

/* Nobody reads at the other end, and the thread is given more than it can send: nothing waits. */
static void what_finds_no_room_is_dropped_and_counted(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 100);
    int fd = stranger(&f, "127.0.0.1");
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
    stop(&f);
}

/* The thread does not keep a processor busy: what it has not read in its time the kernel drops. */
static void a_flood_costs_little(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 5);
    int fd = stranger(&f, "127.0.0.1");
    int64_t began = clock_ms(), until = began + 400;
    uint64_t n = 0;
    while (clock_ms() < until) {
        for (int i = 0; i < 200; i++, n++) {
            send(fd, "flood", 5, 0);
        }
    }
    struct udp_counts c = udp_counts(f.udp);
    uint64_t periods = (uint64_t)(clock_ms() - began) / 100 + 2;
    assert_true(n > 2000 * periods); /* or this would prove nothing */
    assert_true(c.received + c.limited <= 2000 * periods);
    assert_true(c.limited > 1000);
    close(fd);
    stop(&f);
}

/* For a while, with each cause; then it ends in the middle of a second. */
static void the_log_is_told_of_every_drop_but_seldom(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 50);
    int fd = stranger(&f, "127.0.0.1");
    char garbage[LONGEST + 1] = "";
    struct endpoint nowhere = f.at;
    assert_true(ip_parse(&nowhere.ip, "2001:db8::1")); /* the actor has no IPv6 */
    int64_t began = clock_ms();
    uint64_t n = 0;
    for (; clock_ms() < began + 1300; n++) {
        send(fd, garbage, sizeof garbage, 0);
        send(fd, "x", 1, 0);
        udp_send(f.udp, datagram_new(&nowhere, "x", 1));
        usleep(2000);
    }
    settled(&f, 2 * n);
    for (int64_t by = clock_ms() + LONG_MS; udp_counts(f.udp).unsent < n && clock_ms() < by;) {
        usleep(1000);
    }
    struct udp_counts c = udp_counts(f.udp);
    close(fd);
    stop(&f);
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
    struct fixture f;
    start(&f, 100);
    struct udp_config config = config_of(&f, &f.at.ip);
    config.port = f.at.port;
    assert_null(udp_start(&config, error, sizeof error));
    assert_non_null(strstr(error, "cannot take datagrams on 127.0.0.1:"));
    stop(&f);
}

static void it_ends_with_queues_that_are_not_empty(void **state)
{
    (void)state;
    struct fixture f;
    for (int i = 0; i < 20; i++) {
        start(&f, 100000);
        int fd = stranger(&f, "127.0.0.1");
        for (int k = 0; k < QUEUE; k++) {
            send(fd, "q", 1, 0);
            udp_send(f.udp, datagram_new(&f.at, "q", 1));
        }
        close(fd);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_comes_and_is_answered),
        cmocka_unit_test(what_is_too_long_is_dropped_and_counted),
        cmocka_unit_test(one_group_of_addresses_cannot_flood),
        cmocka_unit_test(a_slow_reader_loses_what_the_queue_has_no_room_for),
        cmocka_unit_test(what_finds_no_room_is_dropped_and_counted),
        cmocka_unit_test(a_flood_costs_little),
        cmocka_unit_test(the_log_is_told_of_every_drop_but_seldom),
        cmocka_unit_test(a_port_that_is_taken_is_an_error),
        cmocka_unit_test(it_ends_with_queues_that_are_not_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
