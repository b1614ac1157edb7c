/* -proxy: what it may say, and that nobody learns the password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/options.h"
#include "app/proxy.h"

static char bad[256];

static void assert_reads(const char *text, const char *host, uint16_t port, const char *user,
                         const char *password)
{
    struct proxy p;
    assert_int_equal(proxy_read(text, NULL, bad, sizeof bad), 0);
    assert_int_equal(proxy_read(text, &p, bad, sizeof bad), 0);
    assert_string_equal(p.at.host, host);
    assert_int_equal(p.at.port, port);
    if (!user) {
        assert_null(p.login);
        return;
    }
    size_t n = strlen(user), m = strlen(password);
    uint8_t request[3 + 2 * PROXY_NAME_MAX] = {1, (uint8_t)n};
    memcpy(request + 2, user, n);
    request[2 + n] = (uint8_t)m;
    memcpy(request + 3 + n, password, m);
    assert_string_equal(p.login->user, user);
    assert_string_equal(p.login->password, password);
    assert_int_equal(p.login->size, 3 + n + m);
    assert_memory_equal(p.login->request, request, 3 + n + m);
    proxy_forget(&p);
    assert_null(p.login);
    assert_int_equal(p.at.port, 0);
    proxy_forget(&p);
}

static void a_proxy_has_a_host_and_a_port(void **state)
{
    (void)state;
    assert_reads("127.0.0.1:9050", "127.0.0.1", 9050, NULL, NULL);
    assert_reads("[::1]:9050", "::1", 9050, NULL, NULL);
    assert_reads("tor.example:1", "tor.example", 1, NULL, NULL);
    assert_reads("", "", 0, NULL, NULL); /* none, though the configuration file has one */
}

static void a_login_has_up_to_255_bytes_of_any_kind(void **state)
{
    (void)state;
    char user[258], password[258], text[600];
    assert_reads("me:secret@127.0.0.1:9050", "127.0.0.1", 9050, "me", "secret");
    assert_reads("me:a:b@c:d@127.0.0.1:9050", "127.0.0.1", 9050, "me", "a:b@c:d");
    assert_reads("\xc3\xa4 \xff:\t@127.0.0.1:9050", "127.0.0.1", 9050, "\xc3\xa4 \xff", "\t");
    for (size_t n = 1; n <= 257; n++) {
        memset(user, 'u', n);
        memset(password, 'p', n);
        user[n] = password[n] = '\0';
        snprintf(text, sizeof text, "%s:%s@127.0.0.1:9050", user, password);
        if (n <= PROXY_NAME_MAX) {
            assert_reads(text, "127.0.0.1", 9050, user, password);
        } else {
            assert_int_equal(proxy_read(text, NULL, bad, sizeof bad), -1);
        }
    }
}

static void what_is_none_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const texts[] = {"s3same",
                                        "s3same:0",
                                        "127.0.0.1",
                                        "127.0.0.1:65536",
                                        ":s3same@127.0.0.1:1",
                                        "me:@s3same:1",
                                        "@s3same:1",
                                        "s3same@127.0.0.1:1",
                                        "me:s3same@",
                                        "me:s3same@127.0.0.1",
                                        "socks5://s3same:1",
                                        " 127.0.0.1:1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct proxy p = {.at.port = 7};
        assert_int_equal(proxy_read(texts[i], &p, bad, sizeof bad), -1);
        assert_null(strstr(bad, "s3same"));
        assert_int_equal(p.at.port, 7);
        assert_null(p.login);
    }
}

/* --- among the options --- */

static char folder[] = "/tmp/kith-proxy-XXXXXX";

static void set(struct options *o, const char *name, const char *value)
{
    char error[OPTIONS_ERROR_MAX];
    assert_int_equal(options_set(o, name, value, error, sizeof error), 0);
}

static void start(struct options *o)
{
    options_init(o);
    set(o, "home", folder);
}

static void finish(struct options *o)
{
    char error[OPTIONS_ERROR_MAX];
    assert_int_equal(options_finish(o, error, sizeof error), 0);
}

static void a_node_listens_if_there_is_no_proxy_or_bind_says_so(void **state)
{
    (void)state;
    struct options o;
    start(&o);
    finish(&o);
    assert_false(o.config.hidden);
    set(&o, "proxy", "127.0.0.1:9050");
    set(&o, "networkPort", "0");
    finish(&o);
    assert_true(o.config.hidden);
    assert_int_equal(o.config.node.listen_port, 8110); /* which a handshake must name */
    set(&o, "bind", "::");
    finish(&o);
    assert_false(o.config.hidden);
    assert_int_equal(o.config.node.listen_port, 0);
    set(&o, "bind", "127.0.0.1");
    finish(&o);
    assert_true(!o.config.hidden && o.config.has_bind);
    set(&o, "proxy", "");
    finish(&o);
    assert_false(config_has_proxy(&o.config));
    options_free(&o);
}

static void the_login_goes_with_the_options(void **state)
{
    (void)state;
    struct options o;
    start(&o);
    set(&o, "proxy", "me:one@127.0.0.1:9050");
    set(&o, "proxy", "me:secret@127.0.0.1:9050");
    finish(&o);
    finish(&o); /* and no copy of before is left: the sanitizers would tell */
    assert_string_equal(o.config.proxy.login->password, "secret");
    options_free(&o);
    assert_null(o.config.proxy.login);
    options_free(&o);
}

static void assert_peers(struct options *o, const char *peers, const char *why)
{
    struct address_list list;
    char error[OPTIONS_ERROR_MAX];
    int result = options_read_peers(o, peers, &list, error, sizeof error);
    assert_int_equal(result, why ? -1 : 0);
    if (why) {
        assert_string_equal(error, why);
        assert_null(list.items);
    }
    address_list_free(&list);
}

/* Name servers must not be asked for them. */
static void names_of_hidden_networks_need_a_proxy(void **state)
{
    (void)state;
    struct options o;
    start(&o);
    finish(&o);
    assert_peers(&o, "1.2.3.4:1 abc.onion:1", "abc.onion is reached through a proxy alone, see -proxy");
    assert_peers(&o, "ABC.Onion.:1", "ABC.Onion. is reached through a proxy alone, see -proxy");
    assert_peers(&o, "xyz.b32.I2P:1", "xyz.b32.I2P is reached through a proxy alone, see -proxy");
    assert_peers(&o, "onion:1 i2p:1 onion.example:1 xonion:1", NULL);
    set(&o, "proxy", "127.0.0.1:9050");
    finish(&o);
    assert_peers(&o, "abc.onion:1 xyz.b32.i2p:1", NULL);
    options_free(&o);
}

static void a_flag_that_is_misspelt_does_not_tell_the_password(void **state)
{
    (void)state;
    struct options o;
    char name[] = "kith", flag[] = "--proxi=me:s3same@127.0.0.1:9050", error[OPTIONS_ERROR_MAX];
    char *argv[] = {name, flag, NULL};
    assert_int_equal(options_parse(&o, 2, argv, error, sizeof error), -1);
    assert_string_equal(error, "--proxi: no such flag; did you mean -proxy?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_has_a_host_and_a_port),
        cmocka_unit_test(a_login_has_up_to_255_bytes_of_any_kind),
        cmocka_unit_test(what_is_none_is_refused_and_not_repeated),
        cmocka_unit_test(a_node_listens_if_there_is_no_proxy_or_bind_says_so),
        cmocka_unit_test(the_login_goes_with_the_options),
        cmocka_unit_test(names_of_hidden_networks_need_a_proxy),
        cmocka_unit_test(a_flag_that_is_misspelt_does_not_tell_the_password),
    };
    return cmocka_run_group_tests_name("proxy_option", tests, NULL, NULL);
}
