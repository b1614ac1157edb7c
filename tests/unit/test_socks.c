/* The words with a proxy: what we say, and what becomes of all that a proxy may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "connection/socks.h"

static struct proxy_login login;
static struct address to;
static struct socks socks;

static uint8_t said[2048]; /* by us, all of it */
static size_t n_said;

static void make_login(size_t user, size_t password)
{
    memset(&login, 0, sizeof login);
    memset(login.user, 'u', user);
    memset(login.password, 'p', password);
    uint8_t *p = login.request;
    *p++ = 1;
    *p++ = (uint8_t)user;
    memcpy(p, login.user, user);
    p += user;
    *p++ = (uint8_t)password;
    memcpy(p, login.password, password);
    login.size = 3 + user + password;
}

/* The socket takes what there is in pieces of `most` bytes. */
static void let_speak(size_t most)
{
    const uint8_t *bytes;
    size_t n;
    while ((n = socks_output(&socks, &bytes)) > 0) {
        n = n < most ? n : most;
        assert_true(n_said + n <= sizeof said);
        memcpy(said + n_said, bytes, n);
        n_said += n;
        socks_sent(&socks, n);
    }
}

static void begin(const char *target, bool with_login)
{
    assert_true(address_parse(&to, target, strlen(target)));
    n_said = 0;
    socks_start(&socks, &to, with_login ? &login : NULL);
}

/* The proxy says that, in pieces of `most` bytes. Returns how many of them were taken. */
static size_t hear(const void *bytes, size_t n, size_t most)
{
    size_t taken = 0;
    let_speak(most);
    while (taken < n && socks.state == SOCKS_RUNS) {
        size_t wants = socks_wants(&socks), piece = n - taken;
        assert_in_range(wants, 1, SOCKS_ANSWER_MAX);
        piece = piece < wants ? piece : wants;
        piece = piece < most ? piece : most;
        socks_received(&socks, (const uint8_t *)bytes + taken, piece);
        taken += piece;
        let_speak(most);
    }
    return taken;
}

#define HEAR(text) hear(text, sizeof(text) - 1, SIZE_MAX)

static void assert_said(const void *bytes, size_t n)
{
    assert_int_equal(n_said, n);
    assert_memory_equal(said, bytes, n);
}
#define ASSERT_SAID(text) assert_said(text, sizeof(text) - 1)

static void an_ip_address_goes_as_it_is(void **state)
{
    (void)state;
    begin("192.0.2.7:8108", false);
    assert_int_equal(HEAR("\5\0"), 2);
    ASSERT_SAID("\5\1\0"
                "\5\1\0\1\xc0\0\2\7\x1f\xac");
    assert_int_equal(HEAR("\5\0\0\1\1\2\3\4\5\6"), 10);
    assert_int_equal(socks.state, SOCKS_CONNECTED);
    begin("[2001:db8::9]:1", false);
    HEAR("\5\0");
    ASSERT_SAID("\5\1\0"
                "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\0\1");
    begin("[fe80::1%3]:1", false); /* what our own interfaces are called is nobody's business */
    HEAR("\5\0");
    ASSERT_SAID("\5\1\0"
                "\5\1\0\4\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1");
}

static void a_host_name_goes_unresolved(void **state)
{
    (void)state;
    begin("abc.onion:258", false);
    HEAR("\5\0");
    ASSERT_SAID("\5\1\0"
                "\5\1\0\3\x09"
                "abc.onion\1\2");
}

static void the_longest_host_name_goes_whole(void **state)
{
    (void)state;
    char name[HOST_MAX + 8] = "", label[64] = "";
    memset(label, 'a', 61);
    snprintf(name, sizeof name, "%.61s.%.61s.%.61s.%.61s.abcde.:65535", label, label, label, label);
    begin(name, false);
    size_t length = strlen(to.host);
    assert_int_equal(length, HOST_MAX);
    HEAR("\5\0");
    assert_int_equal(n_said, 3 + 5 + length + 2);
    assert_int_equal(said[3 + 4], length);
    assert_memory_equal(said + 3 + 5, to.host, length);
    assert_memory_equal(said + 3 + 5 + length, "\xff\xff", 2);
}

/* With names and passwords of every length that there may be. */
static void a_login_goes_if_the_proxy_asks_for_it(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 127, 128, 254, 255};
    enum { N = sizeof lengths / sizeof lengths[0] };
    for (size_t i = 0; i < N * N; i++) {
        make_login(lengths[i / N], lengths[i % N]);
        begin("192.0.2.7:8108", true);
        HEAR("\5\2");
        assert_int_equal(n_said, 4 + login.size);
        assert_memory_equal(said, "\5\2\0\2", 4);
        assert_memory_equal(said + 4, login.request, login.size);
        HEAR("\1\0");
        assert_int_equal(n_said, 4 + login.size + 10);
        HEAR("\5\0\0\1\1\2\3\4\5\6");
        assert_int_equal(socks.state, SOCKS_CONNECTED);
    }
}

static void a_login_stays_here_if_the_proxy_does_not_ask(void **state)
{
    (void)state;
    make_login(4, 4);
    begin("192.0.2.7:8108", true);
    HEAR("\5\0");
    ASSERT_SAID("\5\2\0\2"
                "\5\1\0\1\xc0\0\2\7\x1f\xac");
}

/* A login is sent from where it lies. */
static void no_copy_of_the_password_is_made(void **state)
{
    (void)state;
    make_login(255, 255);
    begin("192.0.2.7:8108", true);
    HEAR("\5\2");
    for (size_t i = 0; i + 8 < sizeof socks; i++) {
        assert_memory_not_equal((const char *)&socks + i, "pppppppp", 8);
    }
}

/* Answers with an address of each type and length, in pieces of each size, with a peer's bytes behind. */
static void chunks_of_any_size_are_one_answer(void **state)
{
    (void)state;
    static const size_t names[] = {0, 1, 2, 255};
    for (size_t kind = 0; kind < 2 + sizeof names / sizeof names[0]; kind++) {
        uint8_t answer[2 + 2 + 4 + 1 + 255 + 2 + 4] = {5, 2, 1, 0, 5, 0, 0xff};
        size_t n = 7, name = kind < 2 ? 0 : names[kind - 2];
        answer[n++] = kind == 0 ? 1 : kind == 1 ? 4 : 3;
        if (kind >= 2) {
            answer[n++] = (uint8_t)name;
        }
        n += (kind == 0 ? 4 : kind == 1 ? 16 : name) + 2;
        memcpy(answer + n, "peer", 4);
        for (size_t most = 1; most <= n + 4; most++) {
            make_login(3, 3);
            begin("abc.onion:258", true);
            assert_int_equal(hear(answer, n + 4, most), n);
            assert_int_equal(socks.state, SOCKS_CONNECTED);
            assert_int_equal(socks_wants(&socks), 0);
            ASSERT_SAID("\5\2\0\2"
                        "\1\3uuu\3ppp"
                        "\5\1\0\3\x09"
                        "abc.onion\1\2");
        }
    }
}

static void assert_failed(enum socks_fault fault, const char *text)
{
    assert_int_equal(socks.state, SOCKS_FAILED);
    assert_int_equal(socks.fault, fault);
    assert_string_equal(socks.text, text);
    const uint8_t *bytes;
    assert_int_equal(socks_output(&socks, &bytes), 0);
    assert_int_equal(socks_wants(&socks), 0);
}

static void each_refusal_says_why_and_whose_fault_it_is(void **state)
{
    (void)state;
    static const struct {
        enum socks_fault fault;
        const char *text;
    } refusals[] = {
        {SOCKS_PROXY, "it says: general failure"},
        {SOCKS_PEER, "it says: not allowed by its rules"},
        {SOCKS_PROXY, "it says: network unreachable"},
        {SOCKS_PEER, "it says: host unreachable"},
        {SOCKS_PEER, "it says: connection refused"},
        {SOCKS_PEER, "it says: time to live expired"},
        {SOCKS_PROXY, "it says: command not supported"},
        {SOCKS_PROXY, "it says: type of address not supported"},
    };
    for (unsigned code = 1; code < 256; code++) {
        uint8_t answer[] = {5, 0, 5, (uint8_t)code};
        begin("192.0.2.7:8108", false);
        hear(answer, sizeof answer, SIZE_MAX);
        if (code <= sizeof refusals / sizeof refusals[0]) {
            assert_failed(refusals[code - 1].fault, refusals[code - 1].text);
        } else {
            assert_failed(SOCKS_PEER, "it says: a failure that SOCKS5 does not know");
        }
    }
}

static void a_login_that_fails_is_the_proxys_fault(void **state)
{
    (void)state;
    make_login(3, 3);
    begin("192.0.2.7:8108", false);
    HEAR("\5\xff");
    assert_failed(SOCKS_PROXY, "it wants a user name and a password");
    begin("192.0.2.7:8108", true);
    HEAR("\5\xff");
    assert_failed(SOCKS_PROXY, "it takes no user name and password");
    begin("192.0.2.7:8108", false);
    HEAR("\5\2");
    assert_failed(SOCKS_PROXY, "it chose a way to log in that it was not offered");
    for (int status = 1; status < 256; status++) {
        begin("192.0.2.7:8108", true);
        HEAR("\5\2");
        hear((uint8_t[]){1, (uint8_t)status}, 2, SIZE_MAX);
        assert_failed(SOCKS_PROXY, "it refuses the user name or the password");
    }
}

static void what_is_no_socks5_is_the_proxys_fault(void **state)
{
    (void)state;
    make_login(3, 3);
    begin("192.0.2.7:8108", false);
    HEAR("HT");
    assert_failed(SOCKS_PROXY, "it does not speak SOCKS5");
    begin("192.0.2.7:8108", false);
    HEAR("\5\1");
    assert_failed(SOCKS_PROXY, "it chose a way to log in that it was not offered");
    begin("192.0.2.7:8108", true);
    HEAR("\5\2\5\0");
    assert_failed(SOCKS_PROXY, "its answer to the password is none");
    begin("192.0.2.7:8108", false);
    HEAR("\5\0\4\0");
    assert_failed(SOCKS_PROXY, "it does not speak SOCKS5");
    for (int type = 0; type < 256; type++) {
        begin("192.0.2.7:8108", false);
        hear((uint8_t[]){5, 0, 5, 0, 0, (uint8_t)type}, 6, SIZE_MAX);
        if (type != 1 && type != 3 && type != 4) {
            assert_failed(SOCKS_PROXY, "its answer has an address of no known type");
        }
    }
}

static void a_cut_at_any_byte_is_the_proxys_fault(void **state)
{
    (void)state;
    static const uint8_t answer[] = {5, 2, 1, 0, 5, 0, 0, 3, 2, 'a', 'b', 1, 2};
    make_login(3, 3);
    for (size_t n = 0; n < sizeof answer; n++) {
        begin("192.0.2.7:8108", true);
        assert_false(socks_is_asked(&socks));
        assert_int_equal(hear(answer, n, SIZE_MAX), n);
        assert_int_equal(socks.state, SOCKS_RUNS);
        assert_int_equal(socks_is_asked(&socks), n >= 4);
        socks_cut(&socks);
        assert_failed(SOCKS_PROXY, "it has closed the connection");
    }
    begin("192.0.2.7:8108", true);
    hear(answer, sizeof answer, SIZE_MAX);
    socks_cut(&socks); /* that is the peer's end */
    assert_int_equal(socks.state, SOCKS_CONNECTED);
}

static void garbage_ends_the_words_or_is_an_answer(void **state)
{
    (void)state;
    static const unsigned char seed[randombytes_SEEDBYTES] = {1};
    uint8_t garbage[1 << 16];
    randombytes_buf_deterministic(garbage, sizeof garbage, seed);
    make_login(3, 3);
    for (size_t at = 0; at + 600 < sizeof garbage; at += 31) {
        uint8_t *p = garbage + at;
        if (at % 2 == 0) { /* else the first byte ends most of them */
            memcpy(p, "\5\0\5\0", 4);
            p[5] = 3;
        }
        begin("192.0.2.7:8108", at % 3 == 0);
        assert_true(hear(p, 600, 1 + at % 7) <= 600);
        assert_int_not_equal(socks.state, SOCKS_RUNS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ip_address_goes_as_it_is),
        cmocka_unit_test(a_host_name_goes_unresolved),
        cmocka_unit_test(the_longest_host_name_goes_whole),
        cmocka_unit_test(a_login_goes_if_the_proxy_asks_for_it),
        cmocka_unit_test(a_login_stays_here_if_the_proxy_does_not_ask),
        cmocka_unit_test(no_copy_of_the_password_is_made),
        cmocka_unit_test(chunks_of_any_size_are_one_answer),
        cmocka_unit_test(each_refusal_says_why_and_whose_fault_it_is),
        cmocka_unit_test(a_login_that_fails_is_the_proxys_fault),
        cmocka_unit_test(what_is_no_socks5_is_the_proxys_fault),
        cmocka_unit_test(a_cut_at_any_byte_is_the_proxys_fault),
        cmocka_unit_test(garbage_ends_the_words_or_is_an_answer),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("socks", tests, NULL, NULL);
}
