/* The way to a peer through a proxy: real sockets on loopback, and a proxy that says what each test has it
 * say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "connection/route.h"
#include "tests/unit/descriptors.h"
#include "tests/unit/fake_names.h"

enum { DIAL_MS = 20000, SHORT_MS = 200, WORDS = 4 };

/* What the proxy does: it takes so many bytes, and says that. Then it closes, or waits for us to do so. */
static struct {
    int listener;
    pthread_t thread;
    struct {
        size_t takes;
        const char *says;
        size_t size;
    } words[WORDS];
    size_t n;
    bool stays;
    uint8_t taken[1024];
    size_t n_taken;
} proxy;

static struct proxy_login login = {
    .user = "me", .password = "secret", .size = 11, .request = "\1\2me\6secret"};
static struct proxy config_proxy;
static struct address to;
static struct dial_result result;

static void say(size_t takes, const char *says, size_t size)
{
    proxy.words[proxy.n].takes = takes;
    proxy.words[proxy.n].says = says;
    proxy.words[proxy.n++].size = size;
}
#define SAY(takes, text) say(takes, text, sizeof(text) - 1)

static void *serve(void *unused)
{
    (void)unused;
    int fd = accept(proxy.listener, NULL, NULL), on = 1;
    if (fd < 0) {
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (size_t i = 0; i < proxy.n; i++) {
        size_t takes = proxy.words[i].takes;
        if (recv(fd, proxy.taken + proxy.n_taken, takes, MSG_WAITALL) != (ssize_t)takes) {
            break;
        }
        proxy.n_taken += takes;
        for (size_t k = 0; k < proxy.words[i].size; k++) {
            send(fd, proxy.words[i].says + k, 1, MSG_NOSIGNAL);
        }
    }
    char rest;
    while (proxy.stays && recv(fd, &rest, 1, 0) > 0) {
    }
    close(fd);
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    memset(&proxy, 0, sizeof proxy);
    proxy.stays = true;
    proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(proxy.listener, 4), 0);
    assert_int_equal(getsockname(proxy.listener, (struct sockaddr *)&at, &length), 0);
    config_proxy = (struct proxy){.at.port = ntohs(at.sin_port)};
    strcpy(config_proxy.at.host, "127.0.0.1");
    assert_true(address_parse(&to, "10.0.0.7:8108", strlen("10.0.0.7:8108")));
    return 0;
}

static enum dial_state walk(struct route *r)
{
    struct pollfd fds[TARGETS_MAX];
    enum dial_state state;
    size_t n = 0;
    while ((state = route_step(r, fds, n, clock_ms(), &result)) == DIAL_RUNS) {
        int64_t now = clock_ms(), at = route_deadline(r);
        n = route_poll(r, fds);
        poll(fds, n, at > now ? (int)(at - now) : 0);
    }
    return state;
}

/* `why` END_NONE: it is connected. */
static void go_within(int64_t timeout_ms, enum end_reason why, const char *text)
{
    struct route_config config = {.proxy = &config_proxy, .to = &to, .dial.timeout_ms = timeout_ms};
    struct route r;
    assert_int_equal(pthread_create(&proxy.thread, NULL, serve, NULL), 0);
    route_start(&r, &config, clock_ms());
    enum dial_state state = walk(&r);
    assert_int_equal(state, why == END_NONE ? DIAL_CONNECTED : DIAL_FAILED);
    if (why != END_NONE) {
        assert_int_equal(result.why, why);
        assert_string_equal(result.text, text);
        assert_int_equal(result.fd, -1);
    }
    route_stop(&r);
    if (why != END_NONE) {
        shutdown(proxy.listener, SHUT_RDWR);
        pthread_join(proxy.thread, NULL);
        close(proxy.listener);
    }
}

static void go(enum end_reason why, const char *text)
{
    go_within(DIAL_MS, why, text);
}

static void end(void)
{
    descriptor_close(result.fd);
    pthread_join(proxy.thread, NULL);
    close(proxy.listener);
}

static void assert_next_is(const char *text)
{
    char bytes[16] = "";
    assert_int_equal(recv(result.fd, bytes, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
    assert_string_equal(bytes, text);
}

static void wait_readable(void)
{
    struct pollfd fd = {.fd = result.fd, .events = POLLIN};
    assert_int_equal(poll(&fd, 1, DIAL_MS), 1);
}

static void what_follows_the_answer_is_the_peers(void **state)
{
    (void)state;
    SAY(3, "\5\0");
    SAY(10, "\5\0\0\1\1\2\3\4\5\6hello");
    go(END_NONE, NULL);
    struct endpoint remote;
    assert_true(endpoint_parse(&remote, "10.0.0.7:8108"));
    assert_true(endpoint_equal(&result.remote, &remote));
    for (int i = 0; i < 5; i++) {
        wait_readable();
        assert_next_is((char[2]){"hello"[i]});
    }
    end();
}

static void a_name_and_a_login_go_to_the_proxy(void **state)
{
    (void)state;
    unsigned before = fake_names_asked();
    config_proxy.login = &login;
    assert_true(address_parse(&to, "one.test:8108", strlen("one.test:8108")));
    SAY(4, "\5\2");
    SAY(11, "\1\0");
    SAY(15, "\5\0\0\3\4abcd\5\6");
    go(END_NONE, NULL);
    assert_int_equal(result.remote.port, 0); /* nobody knows */
    end();
    assert_int_equal(proxy.n_taken, 30);
    assert_memory_equal(proxy.taken, "\5\2\0\2\1\2me\6secret\5\1\0\3\x08one.test\x1f\xac", 30);
    assert_int_equal(fake_names_asked(), before);
}

static void the_proxys_own_name_is_looked_up(void **state)
{
    (void)state;
    strcpy(config_proxy.at.host, "localhost");
    SAY(3, "\5\0");
    SAY(10, "\5\0\0\1\1\2\3\4\5\6");
    go(END_NONE, NULL);
    end();
}

static void a_proxy_whose_name_is_not_found_is_our_own_failure(void **state)
{
    (void)state;
    strcpy(config_proxy.at.host, "none.test");
    go(END_LOCAL, "the proxy: its name was not found: Name or service not known");
}

static void a_name_server_that_does_not_answer_is_not_waited_for(void **state)
{
    (void)state;
    strcpy(config_proxy.at.host, "slow.test");
    go_within(SHORT_MS, END_LOCAL, "the proxy: the look-up of its name timed out");
    fake_names_release();
}

static void a_proxy_that_is_down_is_our_own_failure(void **state)
{
    (void)state;
    config_proxy.at.port = 1;
    go(END_LOCAL, "the proxy: Connection refused");
}

static void a_proxy_that_says_nothing_is_our_own_failure(void **state)
{
    (void)state;
    SAY(3, "");
    go_within(SHORT_MS, END_LOCAL, "the proxy: no answer in time");
}

static void a_peer_that_cannot_be_reached_in_time_is_the_peers_failure(void **state)
{
    (void)state;
    SAY(3, "\5\0");
    go_within(SHORT_MS, END_DIAL_FAILED, "the proxy: no connection in time");
}

static void a_peer_that_refuses_is_the_peers_failure(void **state)
{
    (void)state;
    SAY(3, "\5\0");
    SAY(10, "\5\5\0\1\0\0\0\0\0\0");
    go(END_DIAL_FAILED, "the proxy: it says: connection refused");
}

static void a_refused_password_is_our_own_failure(void **state)
{
    (void)state;
    config_proxy.login = &login;
    SAY(4, "\5\2");
    SAY(11, "\1\1");
    go(END_LOCAL, "the proxy: it refuses the user name or the password");
}

static void a_cut_at_any_byte_is_our_own_failure(void **state)
{
    (void)state;
    static const char answer[] = "\5\0\0\3\2ab\1\2";
    for (size_t n = 0; n < sizeof answer - 1; n++) {
        if (n > 0) {
            set_up(NULL);
        }
        proxy.stays = false;
        SAY(3, "\5\0");
        say(10, answer, n);
        go(END_LOCAL, "the proxy: it has closed the connection");
    }
}

static void who_stops_early_keeps_nothing(void **state)
{
    (void)state;
    struct route_config config = {.proxy = &config_proxy, .to = &to, .dial.timeout_ms = DIAL_MS};
    struct route r;
    struct pollfd fds[TARGETS_MAX];
    int before = count_descriptors();
    route_start(&r, &config, clock_ms());
    for (size_t n = 0; r.stage != ROUTE_TALKS; n = route_poll(&r, fds)) { /* the listener's queue takes it */
        poll(fds, n, n > 0 ? DIAL_MS : 0);
        assert_int_equal(route_step(&r, fds, n, clock_ms(), &result), DIAL_RUNS);
    }
    assert_int_equal(count_descriptors(), before + 1);
    route_stop(&r);
    assert_int_equal(count_descriptors(), before);
    close(proxy.listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_follows_the_answer_is_the_peers, set_up),
        cmocka_unit_test_setup(a_name_and_a_login_go_to_the_proxy, set_up),
        cmocka_unit_test_setup(the_proxys_own_name_is_looked_up, set_up),
        cmocka_unit_test_setup(a_proxy_whose_name_is_not_found_is_our_own_failure, set_up),
        cmocka_unit_test_setup(a_name_server_that_does_not_answer_is_not_waited_for, set_up),
        cmocka_unit_test_setup(a_proxy_that_is_down_is_our_own_failure, set_up),
        cmocka_unit_test_setup(a_proxy_that_says_nothing_is_our_own_failure, set_up),
        cmocka_unit_test_setup(a_peer_that_cannot_be_reached_in_time_is_the_peers_failure, set_up),
        cmocka_unit_test_setup(a_peer_that_refuses_is_the_peers_failure, set_up),
        cmocka_unit_test_setup(a_refused_password_is_our_own_failure, set_up),
        cmocka_unit_test_setup(a_cut_at_any_byte_is_our_own_failure, set_up),
        cmocka_unit_test_setup(who_stops_early_keeps_nothing, set_up),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
