/* A client of the control socket, on a clock that the test moves, and before a node that has room or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/control_client.h"
#include "base/descriptor.h"
#include "tests/unit/no_desk.h"

enum { LONG_MS = 100000 };

struct fixture {
    struct client client;
    int other_end;
};

static int room; /* requests that the node has room for */

static enum frontend_result line(struct frontend *f, char *text, size_t size)
{
    (void)f;
    (void)text;
    (void)size;
    return room-- > 0 ? FRONTEND_DONE : FRONTEND_FULL;
}

static struct frontend_waiting waiting(const struct frontend *f)
{
    (void)f;
    return (struct frontend_waiting){.sends = 0};
}

static int refused;

static void refuse(struct frontend *f, const char *text, size_t size, const char *why)
{
    (void)f;
    (void)why;
    assert_memory_equal(text, "a", size);
    refused++;
}

static void close_frontend(struct frontend *f)
{
    (void)f;
}

/* In place of the program's. */
bool json_frontend(struct frontend *f)
{
    f->line = line;
    f->waiting = waiting;
    f->refuse = refuse;
    f->close = close_frontend;
    return true;
}

static int begin(void **state)
{
    static struct fixture f;
    static const struct frontend template;
    int ends[2];
    assert_int_equal(descriptors_watch_forks(), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(client_open(&f.client, descriptor_own(ends[0]), 1, 0, &template, 1000));
    f.other_end = ends[1];
    room = 0;
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    client_close(&f->client);
    return 0;
}

static void serve(struct fixture *f, int64_t now_ms)
{
    bool quit = false;
    client_serve(&f->client, now_ms, false, &quit);
}

/* Its requests wait for room from LONG_MS / 2 on. */
static void ask_and_go(struct fixture *f, const char *requests, int64_t gone_ms)
{
    assert_int_equal(write(f->other_end, requests, strlen(requests)), strlen(requests));
    serve(f, LONG_MS / 2);
    serve(f, LONG_MS / 2);
    assert_non_null(f->client.pending);
    close(f->other_end);
    client_ready(&f->client, true, false, true);
    serve(f, gone_ms);
}

static void a_request_that_has_waited_for_long_waits_on_after_its_client_has_closed(void **state)
{
    struct fixture *f = *state;
    ask_and_go(f, "a\n", LONG_MS);
    assert_null(f->client.over);
    serve(f, LONG_MS + CLIENT_SLOW_MS - 1);
    assert_null(f->client.over);
    serve(f, LONG_MS + CLIENT_SLOW_MS);
    assert_non_null(f->client.over);
    assert_true(f->client.is_sent_away);
}

static void each_request_of_one_that_has_closed_has_its_own_time(void **state)
{
    struct fixture *f = *state;
    int64_t at = LONG_MS;
    ask_and_go(f, "a\nb\nc\n", at);
    for (int done = 1; done <= 2; done++) {
        at += CLIENT_SLOW_MS - 1;
        room = 1;
        serve(f, at);
        assert_null(f->client.over);
    }
    serve(f, at + CLIENT_SLOW_MS);
    assert_non_null(f->client.over);
}

static void a_client_for_whose_answers_there_is_no_memory_is_sent_away(void **state)
{
    struct fixture *f = *state;
    serve(f, LONG_MS);
    assert_null(f->client.over);
    f->client.out.error = ENOMEM;
    serve(f, LONG_MS);
    assert_non_null(f->client.over);
    assert_true(f->client.is_sent_away);
    close(f->other_end);
}

static void a_request_that_finds_no_room_is_refused_in_time(void **state)
{
    struct fixture *f = *state;
    refused = 0;
    assert_int_equal(write(f->other_end, "a\nb\n", 4), 4);
    serve(f, LONG_MS);
    serve(f, LONG_MS);
    serve(f, LONG_MS + CLIENT_WAIT_MS - 1);
    assert_int_equal(refused, 0);
    assert_non_null(f->client.pending);
    serve(f, LONG_MS + CLIENT_WAIT_MS);
    assert_int_equal(refused, 1);
    serve(f, LONG_MS + 2 * CLIENT_WAIT_MS - 1); /* the next has its own time */
    assert_int_equal(refused, 1);
    room = 1;
    serve(f, LONG_MS + 2 * CLIENT_WAIT_MS - 1);
    assert_null(f->client.pending);
    assert_null(f->client.over);
    close(f->other_end);
}

/* Answers find their client by it: two that had the same would get each other's. */
static void no_two_clients_have_one_number(void **state)
{
    (void)state;
    const uint64_t last = (1 << CLIENT_SERIAL_BITS) - 1;
    const struct client clients[] = {
        {.fd = 3, .serial = last}, {.fd = 4, .serial = 0}, {.fd = -1, .serial = 1}};
    assert_int_equal(client_serial(clients, 3, last - 2), last - 1);
    assert_int_equal(client_serial(clients, 3, last - 1), 1);
    assert_int_equal(client_serial(clients, 3, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_request_that_has_waited_for_long_waits_on_after_its_client_has_closed, begin, end),
        cmocka_unit_test_setup_teardown(each_request_of_one_that_has_closed_has_its_own_time, begin, end),
        cmocka_unit_test_setup_teardown(a_client_for_whose_answers_there_is_no_memory_is_sent_away, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_request_that_finds_no_room_is_refused_in_time, begin, end),
        cmocka_unit_test(no_two_clients_have_one_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
