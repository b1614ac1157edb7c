#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peers/resolve.h"
#include "tests/unit/fake_names.h"

enum { WAIT_MS = 30000 }; /* a busy machine may start a thread late */

static bool readable(const struct resolve *r, int timeout_ms)
{
    struct pollfd p = {.fd = resolve_fd(r), .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN);
}

static struct resolve *start(const char *host, uint16_t port)
{
    struct resolve *r = resolve_start(host, port);
    assert_non_null(r);
    return r;
}

static void assert_endpoint(const struct endpoint *e, const char *text)
{
    struct endpoint wanted;
    assert_true(endpoint_parse(&wanted, text));
    assert_memory_equal(e->ip.bytes, wanted.ip.bytes, sizeof wanted.ip.bytes);
    assert_int_equal(e->port, wanted.port);
}

static void both_families_are_found(void **state)
{
    (void)state;
    struct endpoint found[4];
    char error[64];
    struct resolve *r = start("one.test", 8108);

    assert_true(readable(r, WAIT_MS));
    assert_int_equal(resolve_take(r, found, 4, error, sizeof error), 2);
    assert_string_equal(error, "");
    assert_endpoint(&found[0], "192.0.2.1:8108");
    assert_endpoint(&found[1], "[2001:db8::1]:8108");

    assert_true(readable(r, 0));
    assert_int_equal(resolve_take(r, found, 1, error, sizeof error), 1);
    assert_endpoint(&found[0], "192.0.2.1:8108");
    resolve_drop(r);
}

/* As the table of hosts has it: without the dot of the root. */
static void a_name_with_its_root_is_found_without(void **state)
{
    (void)state;
    struct endpoint found[4];
    char error[64];
    struct resolve *r = start("one.test.", 8108);

    assert_true(readable(r, WAIT_MS));
    assert_int_equal(resolve_take(r, found, 4, error, sizeof error), 2);
    resolve_drop(r);
}

static void addresses_are_bounded(void **state)
{
    (void)state;
    struct endpoint found[RESOLVE_MOST + 100];
    char error[64];
    struct resolve *r = start("many.test", 1);

    assert_true(readable(r, WAIT_MS));
    assert_int_equal(resolve_take(r, found, RESOLVE_MOST + 100, error, sizeof error), RESOLVE_MOST);
    resolve_drop(r);
}

static void the_system_knows_localhost(void **state)
{
    (void)state;
    struct endpoint found[8];
    char error[64];
    struct resolve *r = start("localhost", 65535);

    assert_true(readable(r, WAIT_MS));
    size_t n = resolve_take(r, found, 8, error, sizeof error);
    assert_true(n > 0);
    struct endpoint v4, v6;
    assert_true(endpoint_parse(&v4, "127.0.0.1:1") && endpoint_parse(&v6, "[::1]:1"));
    for (size_t i = 0; i < n; i++) {
        assert_true(ip_group(&found[i].ip) == ip_group(&v4.ip) || ip_equal(&found[i].ip, &v6.ip));
        assert_int_equal(found[i].port, 65535);
    }
    resolve_drop(r);
}

static void a_failure_says_why(void **state)
{
    (void)state;
    struct endpoint found[1];
    char error[64];
    struct resolve *r = start("none.test", 8108);

    assert_true(readable(r, WAIT_MS));
    assert_int_equal(resolve_take(r, found, 1, error, sizeof error), 0);
    assert_string_not_equal(error, "");
    assert_string_not_equal(error, "the look-up is not done yet");
    resolve_drop(r);
}

/* How long the system takes over a name that cannot exist depends on the machine: where it gives no answer
 * here, there is nothing to check. */
static void the_system_refuses_invalid(void **state)
{
    (void)state;
    struct endpoint found[1];
    char error[64];
    struct resolve *r = start("kith.invalid", 8108);

    if (readable(r, 2000)) {
        assert_int_equal(resolve_take(r, found, 1, error, sizeof error), 0);
        assert_string_not_equal(error, "");
    }
    resolve_drop(r);
}

static void nothing_is_taken_too_early(void **state)
{
    (void)state;
    struct endpoint found[1];
    char error[64];
    struct resolve *r = start("slow.test", 8108);

    assert_false(readable(r, 20));
    assert_int_equal(resolve_take(r, found, 1, error, sizeof error), 0);
    assert_string_equal(error, "the look-up is not done yet");
    fake_names_release();
    assert_true(readable(r, WAIT_MS));
    resolve_drop(r);
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    char name[HOST_MAX + 2];

    memset(name, 'a', sizeof name);
    name[HOST_MAX + 1] = '\0';
    errno = 0;
    assert_null(resolve_start(name, 1));
    assert_int_equal(errno, EINVAL);
    assert_null(resolve_start("", 1));
    assert_null(resolve_start("one.test", 0));
    resolve_drop(NULL);
}

/* The owner walks away before, while and after the thread works; the sanitizers watch who frees. */
static void jobs_are_dropped_at_any_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct resolve *r = start("one.test", 8108);
        if (i % 4 == 1) {
            usleep(50);
        }
        if (i % 4 == 2) {
            readable(r, WAIT_MS);
        }
        resolve_drop(r);
        while (fake_names_asked() < i) { /* keeps the look-ups under way below their bound */
            usleep(100);
        }
    }
}

static void look_ups_under_way_are_bounded(void **state)
{
    (void)state;
    size_t n = 0;
    for (struct resolve *r; n <= RESOLVE_LIVE_MAX && (r = resolve_start("slow.test", 1)); n++) {
        resolve_drop(r);
    }
    assert_int_equal(errno, EAGAIN);
    assert_true(n <= RESOLVE_LIVE_MAX);
    assert_true(n > RESOLVE_LIVE_MAX / 2);

    /* The bound is on those under way: once they end, others may start. */
    struct resolve *r = NULL;
    for (unsigned i = 0; i < WAIT_MS && !r; i++) {
        fake_names_release();
        r = resolve_start("one.test", 1);
        usleep(1000);
    }
    assert_non_null(r);
    assert_true(readable(r, WAIT_MS));
    resolve_drop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_families_are_found),
        cmocka_unit_test(addresses_are_bounded),
        cmocka_unit_test(a_name_with_its_root_is_found_without),
        cmocka_unit_test(the_system_knows_localhost),
        cmocka_unit_test(a_failure_says_why),
        cmocka_unit_test(the_system_refuses_invalid),
        cmocka_unit_test(nothing_is_taken_too_early),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(jobs_are_dropped_at_any_time),
        cmocka_unit_test(look_ups_under_way_are_bounded),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
