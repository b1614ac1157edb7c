#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/address_list.h"
#include "base/endpoint.h"
#include "tests/unit/parsed.h"

static void test_ip_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
        bool v4;
    } good[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"255.255.255.255", "255.255.255.255", true},
        {"::ffff:1.2.3.4", "1.2.3.4", true},
        {"::ffff:102:304", "1.2.3.4", true},
        {"::1", "::1", false},
        {"2001:DB8:0:0::0001", "2001:db8::1", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"fe80::1", "fe80::1", false},
        {"fe80::1%2", "fe80::1%2", false},
        {"FEBF::a:1%4294967295", "febf::a:1%4294967295", false},
        {"fe80:0:0:0:1111:2222:3333:4444%4294967295", "fe80::1111:2222:3333:4444%4294967295", false},
    };
    char text[IP_TEXT_MAX];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct ip ip = ip_of(good[i].text);
        assert_string_equal(ip_format(&ip, text, sizeof text), good[i].canonical);
        assert_int_equal(ip_is_v4(&ip), good[i].v4);
    }
    static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4x", " 1.2.3.4",
                                      "1.2.3.4 ", "[::1]", "::1%lo", "localhost", ":::", "0x7f.1", "12345::",
                                      /* What would pass for a scope, and zones that are none. */
                                      "fe80:0:5::1", "fe80::5:0:0:0:1", "fe80::1%", "fe80::1%0", "fe80::1%lo",
                                      "fe80::1%4294967296", "fe80::1%99999999999", "fe80::1%2%2", "::1%2",
                                      "1.2.3.4%2", "%2"};
    struct ip ip;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ip_parse(&ip, bad[i]));
    }
}

static void test_ip_with_any_port(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"1.2.3.4", "1.2.3.4"},
                                          {"1.2.3.4:8108", "1.2.3.4"},
                                          {"::1", "::1"},
                                          {"[2001:db8::1]:1", "2001:db8::1"}};
    static const char *const bad[] = {"",         "[::1]",         "1.2.3.4:0",
                                      "1.2.3.4:", "1.2.3.4:65536", "localhost:8108"};
    struct ip ip = ip_of("9.9.9.9"), before = ip;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ip_parse_any_port(&ip, bad[i]));
        assert_true(ip_equal(&ip, &before));
    }
    char text[IP_TEXT_MAX];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(ip_parse_any_port(&ip, good[i][0]));
        assert_string_equal(ip_format(&ip, text, sizeof text), good[i][1]);
    }
}

static void test_routable(void **state)
{
    (void)state;
    static const char *const no[] = {
        "0.0.0.0",     "0.255.255.255", "10.0.0.1",    "100.64.0.0",       "100.127.255.255",
        "127.0.0.1",   "169.254.1.1",   "172.16.0.0",  "172.31.255.255",   "192.0.0.1",
        "192.0.2.255", "192.168.0.1",   "198.18.0.0",  "198.19.255.255",   "198.51.100.7",
        "203.0.113.9", "224.0.0.1",     "239.1.1.1",   "240.0.0.1",        "255.255.255.255",
        "::",          "::1",           "fc00::1",     "fdff::1",          "fe80::1",
        "febf::1",     "ff02::1",       "2001:db8::1", "2001:db8:ffff::1", "::ffff:10.0.0.1",
    };
    static const char *const yes[] = {
        "1.0.0.0",     "9.255.255.255", "11.0.0.0",    "100.63.255.255", "100.128.0.0",
        "126.1.1.1",   "128.0.0.1",     "169.253.1.1", "172.15.1.1",     "172.32.0.0",
        "192.0.1.1",   "192.0.3.1",     "192.167.1.1", "192.169.0.1",    "198.17.1.1",
        "198.20.0.0",  "198.51.99.1",   "203.0.114.1", "223.1.1.1",      "2a00::1",
        "2001:db7::1", "2001:db9::1",   "fbff::1",     "fec0::1",        "::2",
    };
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        struct ip ip = ip_of(no[i]);
        assert_false(ip_is_routable(&ip));
    }
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        struct ip ip = ip_of(yes[i]);
        assert_true(ip_is_routable(&ip));
    }
}

static void test_groups(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"1.2.3.4", "1.2.200.1", true},        {"1.2.3.4", "1.3.3.4", false},
        {"1.2.3.4", "2.2.3.4", false},         {"2001:db8:1::1", "2001:db8:2::1", true},
        {"2001:db8::1", "2001:db9::1", false}, {"2001:db8::1", "2002:db8::1", false},
        {"0.1.0.0", "0:1::", false},           {"::ffff:1.2.3.4", "1.2.0.0", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct ip a = ip_of(pairs[i].a), b = ip_of(pairs[i].b);
        assert_int_equal(ip_group(&a) == ip_group(&b), pairs[i].same);
    }
}

static void test_holders(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"1.2.3.4", "1.2.3.4"},        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8::1", "2001:db8::"}, {"::1", "::1"},
        {"fe80::1%2", "fe80::%2"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct ip a = ip_of(pairs[i][0]), b = ip_of(pairs[i][1]), holder = ip_holder(&a);
        assert_true(ip_equal(&holder, &b));
    }
}

static void test_endpoint_text(void **state)
{
    (void)state;
    static const char *const good[] = {"1.2.3.4:1", "255.1.2.3:65535", "[::1]:8108", "[2001:db8::1]:80"};
    char text[ENDPOINT_TEXT_MAX];
    struct endpoint e;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(endpoint_parse(&e, good[i]));
        assert_string_equal(endpoint_format(&e, text, sizeof text), good[i]);
    }
    static const char *const bad[] = {
        "",           "1.2.3.4",     "1.2.3.4:",    "1.2.3.4:0",      "1.2.3.4:65536", "1.2.3.4:-1",
        "::1:80",     "[::1]",       "[::1]80",     "[::1]:",         "[1.2.3.4]:80",  "host:80",
        "1.2.3.4:+1", "1.2.3.4: 80", "1.2.3.4:80 ", "1.2.3.4:000080", "[]:80",         ":80",
        "1.2.3.4:8a", "[::1%lo]:80", "[[::1]]:80",  "[fe80::1%lo]:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(endpoint_parse(&e, bad[i]));
    }
}

static void test_sockaddr(void **state)
{
    (void)state;
    struct sockaddr_storage to;
    struct endpoint e, back;
    assert_true(endpoint_parse(&e, "1.2.3.4:258"));
    assert_int_equal(endpoint_to_sockaddr(&e, &to), sizeof(struct sockaddr_in));
    struct sockaddr_in v4;
    memcpy(&v4, &to, sizeof v4);
    assert_int_equal(v4.sin_family, AF_INET);
    assert_int_equal(v4.sin_port, htons(258));
    assert_int_equal(v4.sin_addr.s_addr, htonl(0x01020304));
    assert_true(endpoint_from_sockaddr(&back, (const struct sockaddr *)&to));
    assert_true(endpoint_equal(&e, &back));

    struct sockaddr_in6 local = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_scope_id = 70000};
    assert_int_equal(inet_pton(AF_INET6, "fe80::7", &local.sin6_addr), 1);
    assert_true(endpoint_from_sockaddr(&back, (const struct sockaddr *)&local));
    char text[ENDPOINT_TEXT_MAX];
    assert_string_equal(endpoint_format(&back, text, sizeof text), "[fe80::7%70000]:80");
    struct sockaddr_in6 again;
    endpoint_to_sockaddr(&back, &to);
    memcpy(&again, &to, sizeof again);
    assert_memory_equal(&again, &local, sizeof again);

    assert_true(endpoint_parse(&e, "[2001:db8::7]:8108"));
    assert_int_equal(endpoint_to_sockaddr(&e, &to), sizeof(struct sockaddr_in6));
    assert_int_equal(to.ss_family, AF_INET6);
    assert_true(endpoint_from_sockaddr(&back, (const struct sockaddr *)&to));
    assert_true(endpoint_equal(&e, &back));

    to.ss_family = AF_UNIX;
    assert_false(endpoint_from_sockaddr(&back, (const struct sockaddr *)&to));
}

static bool parses(struct address *a, const char *text)
{
    return address_parse(a, text, strlen(text));
}

static void test_address_text(void **state)
{
    (void)state;
    static const char *const good[] = {"localhost:1",
                                       "a.b-c.D_e:65535",
                                       "1.2.3.4:80",
                                       "[::1]:80",
                                       "seed.1.com:80",
                                       "1a:80",
                                       "0xg:80",
                                       "node.example.:80",
                                       "node.:80",
                                       "xn--bcher-kva.example:80",
                                       "_x._tcp.y:80",
                                       "NODE.Example:80",
                                       "[::ffff:1.2.3.4]:80",
                                       "[fe80::1%eth0.7]:80",
                                       "[fe80::1%2]:80",
                                       "x:08108"};
    struct address a;
    char text[ENDPOINT_TEXT_MAX];
    for (size_t i = 0; i < sizeof good / sizeof good[0] - 1; i++) {
        assert_true(parses(&a, good[i]));
        assert_string_equal(address_format(&a, text, sizeof text), good[i]);
    }
    assert_true(parses(&a, "x:08108"));
    assert_int_equal(a.port, 8108);
    static const char *const bad[] = {"",
                                      ":80",
                                      "host",
                                      "host:",
                                      "host:0",
                                      "host:99999",
                                      "a..b:80",
                                      ".a:80",
                                      "a..:80",
                                      "a b:80",
                                      ".:80",
                                      "..:80",
                                      "1.2.3.4.:80",
                                      "a.0x7f.:80",
                                      "[fe80::1%]:80",
                                      "[::1%eth0]:80",
                                      "[fe80::1%a b]:80",
                                      "[fe80::1%a/b]:80",
                                      "[fe80::1%abcdefghijklmnop]:80",
                                      "fe80::1%2:80",
                                      "a%2:80",
                                      "a/b:80",
                                      "1.2.3:80",
                                      "1.2.3.256:80",
                                      "0x7f000001:80",
                                      "2130706433:80",
                                      "x.0XAF:80",
                                      "[host]:80",
                                      "h\xc3\xb6:80",
                                      "::1:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parses(&a, bad[i]));
    }
    assert_int_equal(a.port, 8108);
}

static void test_address_length_is_believed(void **state)
{
    (void)state;
    struct address a;
    /* Exactly as many bytes as the heap block has, so that a sanitizer sees any step beyond. */
    char *bytes = malloc(6);
    assert_non_null(bytes);
    memcpy(bytes, "ab:809", 6);
    assert_true(address_parse(&a, bytes, 5));
    assert_int_equal(a.port, 80);
    assert_true(address_parse(&a, bytes, 6));
    assert_int_equal(a.port, 809);
    assert_false(address_parse(&a, bytes, 3));
    assert_false(address_parse(&a, bytes, 0));
    free(bytes);
    assert_false(address_parse(&a, "1.2.3.4\0x:80", 12));
    assert_false(address_parse(&a, "[::1\0]:80", 9));
    assert_false(address_parse(&a, "ab\0:80", 6));
    assert_false(address_parse(&a, "ab:8\0", 5));
}

static void test_address_limits(void **state)
{
    (void)state;
    struct address a;
    char name[HOST_MAX + 8];
    char text[ENDPOINT_TEXT_MAX];
    for (size_t i = 0; i < sizeof name; i++) {
        name[i] = i % 64 == 63 ? '.' : 'x';
    }
    /* 253 bytes, and the dot of the root. */
    assert_false(address_from_parts(&a, name, HOST_MAX, "1", 1));
    name[HOST_MAX - 1] = '.';
    memcpy(name + HOST_MAX, ":65535", 7);
    assert_true(parses(&a, name));
    assert_string_equal(address_format(&a, text, sizeof text), name);
    assert_true(address_from_parts(&a, name, HOST_MAX, "1", 1));
    assert_true(address_from_parts(&a, name, HOST_MAX - 1, "1", 1));
    name[HOST_MAX] = '.';
    assert_false(address_from_parts(&a, name, HOST_MAX + 1, "1", 1));
    memset(name, 'x', 64);
    assert_true(address_from_parts(&a, name, 63, "1", 1));
    assert_false(address_from_parts(&a, name, 64, "1", 1));
}

static void test_address_parts(void **state)
{
    (void)state;
    struct address a;
    struct endpoint e;
    assert_true(address_from_parts(&a, "::1", 3, "8108", 4));
    assert_true(address_is_ip(&a, &e));
    assert_int_equal(e.port, 8108);
    assert_true(address_from_parts(&a, "host", 4, "8108", 4));
    assert_false(address_is_ip(&a, &e));
    assert_false(address_from_parts(&a, "[::1]", 5, "8108", 4));
    assert_false(address_from_parts(&a, "", 0, "8108", 4));
    assert_false(address_from_parts(&a, "host", 4, "", 0));
    assert_false(address_from_parts(&a, "host", 4, "000001", 6));
}

static void test_address_equal(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"Host.Example:80", "hOST.example:80", true},
        {"host:80", "host:81", false},
        {"host:80", "hosts:80", false},
        {"1.2.3.4:80", "[::ffff:1.2.3.4]:80", true},
        {"[::1]:80", "[0:0::1]:80", true},
        {"[::1]:80", "[::1]:81", false},
        {"1.2.3.4:80", "host:80", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct address a, b;
        assert_true(parses(&a, pairs[i].a) && parses(&b, pairs[i].b));
        assert_int_equal(address_equal(&a, &b), pairs[i].same);
        assert_int_equal(address_equal(&b, &a), pairs[i].same);
    }
}

static void test_list(void **state)
{
    (void)state;
    struct address_list list;
    struct address a;
    char bad[128];
    assert_int_equal(address_list_parse(&list, ", 1.2.3.4:80,,host:81\t [::1]:82 HOST:81,", bad, sizeof bad),
                     0);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.items[1].host, "host");
    assert_true(parses(&a, "Host:81") && address_equal(&list.items[1], &a));
    address_list_free(&list);
    assert_int_equal(list.n, 0);
    address_list_free(&list);

    assert_int_equal(address_list_parse(&list, " ,\t", bad, sizeof bad), 0);
    assert_int_equal(list.n, 0);
    assert_null(list.items);

    assert_int_equal(address_list_parse(&list, "1.2.3.4:80 ho\nst:1 x:2", bad, sizeof bad), -1);
    assert_string_equal(bad, "\"ho?st:1\" is not host:port");
    assert_int_equal(list.n, 0);
    assert_null(list.items);
    assert_int_equal(address_list_parse(&list, "[fe80::1]:80", bad, sizeof bad), -1);
    assert_non_null(strstr(bad, "needs its interface"));
    assert_int_equal(address_list_parse(&list, "[fe80::1%2]:80 [fe80::1%eth0]:80", bad, sizeof bad), 0);
    assert_int_equal(list.n, 2);
    address_list_free(&list);
}

static void test_ids(void **state)
{
    (void)state;
    struct peer_id id = {.size = 0}, other;
    char text[PEER_ID_TEXT_MAX];
    assert_string_equal(peer_id_format(&id, text, sizeof text), "");
    static const char *const bad[] = {"", "a", "abc", "0g", "+1", "0x", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(peer_id_parse(&id, bad[i], strlen(bad[i])));
    }
    assert_int_equal(id.size, 0);
    assert_true(peer_id_parse(&id, "00aBFf", 6));
    assert_string_equal(peer_id_format(&id, text, sizeof text), "00abff");
    assert_true(peer_id_parse(&other, "00abff7", 6));
    assert_true(peer_id_equal(&id, &other));
    assert_true(peer_id_parse(&other, "00ab", 4));
    assert_false(peer_id_equal(&id, &other));
    char longest[2 * PEER_ID_MAX + 3];
    memset(longest, 'a', sizeof longest);
    assert_true(peer_id_parse(&id, longest, 2 * PEER_ID_MAX));
    assert_int_equal(strlen(peer_id_format(&id, text, sizeof text)), 2 * PEER_ID_MAX);
    assert_false(peer_id_parse(&id, longest, 2 * PEER_ID_MAX + 2));
}

static void an_address_may_say_that_it_is_dialed_by_websocket(void **state)
{
    (void)state;
    struct address a, b;
    struct address_list list;
    char text[ENDPOINT_TEXT_MAX], bad[100];
    static const char *const wrong[] = {"ws://",        "ws://host",      "ws://:1",      "ws:/host:1",
                                        "wss://host:1", "ws://ab@host:1", "ws://host:1/", "ws://ws://host:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(address_parse_peer(&a, wrong[i], strlen(wrong[i])));
    }
    assert_false(address_parse(&a, "ws://host:1", 11));
    assert_true(address_parse_peer(&a, "Ws://[::1]:8208", 15));
    assert_int_equal(a.scheme, SCHEME_WEBSOCKET);
    assert_string_equal(address_format(&a, text, sizeof text), "ws://[::1]:8208");
    assert_string_equal(address_format_place(&a, text, sizeof text), "[::1]:8208");
    assert_true(address_parse_peer(&b, "ab@ws://[::1]:8208", 18));
    assert_int_equal(b.id.size, 1);
    assert_true(address_parse_peer(&b, "[::1]:8208", 10));
    assert_int_equal(b.scheme, SCHEME_PLAIN);
    assert_true(address_equal(&a, &b));
    assert_int_equal(address_list_parse(&list, "h:1 ws://h:1, ws://g:1 g:1", bad, sizeof bad), 0);
    assert_int_equal(list.n, 2);
    assert_int_equal(list.items[0].scheme, SCHEME_WEBSOCKET);
    assert_int_equal(list.items[1].scheme, SCHEME_PLAIN);
    address_list_free(&list);
    memset(a.host, 'a', HOST_MAX);
    a.host[HOST_MAX] = '\0';
    a.port = 65535;
    assert_int_equal(strlen(address_format(&a, text, sizeof text)), 5 + HOST_MAX + 6);
}

static void test_addresses_with_ids(void **state)
{
    (void)state;
    struct address a, b;
    struct address_list list;
    char bad[100];
    static const char *const wrong[] = {"@host:1",      "zz@host:1", "abc@host:1",
                                        "ab@cd@host:1", "ab@host",   "ab@"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(address_parse_peer(&a, wrong[i], strlen(wrong[i])));
    }
    assert_false(address_parse(&a, "ab@host:1", 9));
    assert_true(address_parse_peer(&a, "host:1", 6));
    assert_int_equal(a.id.size, 0);
    assert_true(address_parse_peer(&b, "abcd@host:1", 11));
    assert_int_equal(b.id.size, 2);
    assert_string_equal(b.host, "host");
    assert_true(address_equal(&a, &b));
    assert_int_equal(address_list_parse(&list, "ab@[::1]:5, 1.2.3.4:5", bad, sizeof bad), 0);
    assert_int_equal(list.n, 2);
    assert_int_equal(list.items[0].id.bytes[0], 0xab);
    assert_int_equal(list.items[1].id.size, 0);
    address_list_free(&list);
    assert_int_equal(address_list_parse(&list, "x:1 ab@x:1 x:1", bad, sizeof bad), 0);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.items[0].id.bytes[0], 0xab);
    address_list_free(&list);
}

static void expect_at(const char *text, uint16_t port, const char *wanted)
{
    struct address_list list;
    char bad[128], shown[ENDPOINT_TEXT_MAX];
    assert_int_equal(address_list_parse_at(&list, text, port, bad, sizeof bad), 0);
    assert_int_equal(list.n, 1);
    assert_string_equal(address_format(&list.items[0], shown, sizeof shown), wanted);
    address_list_free(&list);
}

static void test_list_without_ports(void **state)
{
    (void)state;
    static const char *const wrong[] = {"host:",   "host:0", "host:65536", "8110",     ":8110",
                                        "[::1",    "::g",    "host:1:2",   "[host]:1", "1.2.3",
                                        "ab@",     "@host",  "host]",      "[]",       "[::1]]",
                                        "a b:c:d", "host/x", "ab@x@y",     "%",        "http://x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct address_list list;
        char bad[128];
        assert_int_equal(address_list_parse_at(&list, wrong[i], 8110, bad, sizeof bad), -1);
        assert_non_null(strstr(bad, "is neither a host nor host:port"));
    }
    expect_at("host", 8110, "host:8110");
    expect_at("host.", 8110, "host.:8110");
    expect_at("host:1", 8110, "host:1");
    expect_at("1.2.3.4", 65535, "1.2.3.4:65535");
    expect_at("[::1]", 1, "[::1]:1");
    expect_at("::1", 1, "[::1]:1");
    expect_at("::", 1, "[::]:1");
    expect_at("ab@2001:db8::7", 1, "[2001:db8::7]:1");
    expect_at("ab@host host:8110 HOST", 8110, "host:8110");
    expect_at("ws://host", 1, "ws://host:1");
    expect_at("ab@ws://::1", 1, "ws://[::1]:1");
    expect_at("fe80::1%eth0", 1, "[fe80::1%eth0]:1");
    char longest[HOST_MAX + 2 * PEER_ID_MAX + 8];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    struct address_list list;
    char bad[128];
    assert_int_equal(address_list_parse_at(&list, longest, 8110, bad, sizeof bad), -1);
    assert_int_equal(address_list_parse_at(&list, "fe80::1", 8110, bad, sizeof bad), -1);
    assert_non_null(strstr(bad, "needs its interface"));
}

static void test_lists_add_up(void **state)
{
    (void)state;
    struct address_list list, more;
    char bad[128];
    assert_int_equal(address_list_parse(&list, "x:1 y:1", bad, sizeof bad), 0);
    assert_int_equal(address_list_parse(&more, "ab@y:1 z:1", bad, sizeof bad), 0);
    assert_int_equal(address_list_add(&list, &more, bad, sizeof bad), 0);
    assert_int_equal(list.n, 3);
    assert_int_equal(list.items[1].id.size, 1);
    assert_string_equal(list.items[2].host, "z");
    address_list_free(&more);
    char text[SPECIAL_MAX * 8];
    size_t used = 0;
    for (int i = 1; i < SPECIAL_MAX - 1; i++) {
        used += (size_t)sprintf(text + used, "x:%d,", i);
    }
    assert_int_equal(address_list_parse(&more, text, bad, sizeof bad), 0);
    assert_int_equal(address_list_add(&list, &more, bad, sizeof bad), 0); /* one of them was there */
    assert_int_equal(list.n, SPECIAL_MAX);
    address_list_free(&more);
    assert_int_equal(address_list_parse(&more, "w:1", bad, sizeof bad), 0);
    assert_int_equal(address_list_add(&list, &more, bad, sizeof bad), -1);
    assert_string_equal(bad, "more than 1024 addresses");
    address_list_free(&more);
    address_list_free(&list);
}

static void test_list_limit(void **state)
{
    (void)state;
    struct address_list list;
    char bad[128];
    char *text = calloc(SPECIAL_MAX + 1, 8);
    assert_non_null(text);
    size_t used = 0;
    for (int i = 1; i <= SPECIAL_MAX; i++) {
        used += (size_t)sprintf(text + used, "x:%d,", i);
    }
    assert_int_equal(address_list_parse(&list, text, bad, sizeof bad), 0);
    assert_int_equal(list.n, SPECIAL_MAX);
    address_list_free(&list);
    sprintf(text + used, "y:1");
    assert_int_equal(address_list_parse(&list, text, bad, sizeof bad), -1);
    assert_string_equal(bad, "more than 1024 addresses");
    assert_int_equal(list.n, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip_text),
        cmocka_unit_test(test_ip_with_any_port),
        cmocka_unit_test(test_routable),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_holders),
        cmocka_unit_test(test_endpoint_text),
        cmocka_unit_test(test_sockaddr),
        cmocka_unit_test(test_address_text),
        cmocka_unit_test(test_address_length_is_believed),
        cmocka_unit_test(test_address_limits),
        cmocka_unit_test(test_address_parts),
        cmocka_unit_test(test_address_equal),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_without_ports),
        cmocka_unit_test(test_lists_add_up),
        cmocka_unit_test(test_list_limit),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_addresses_with_ids),
        cmocka_unit_test(an_address_may_say_that_it_is_dialed_by_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
