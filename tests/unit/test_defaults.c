/* Every option's default in every protocol, as the manual and docs/protocols say it: nothing here is read
 * from the tables that it checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/option.h"
#include "protocol/mintlayer/mintlayer.h"
#include "tests/unit/promise.h"

#define SECOND INT64_C(1000)
#define MINUTE INT64_C(60000)
#define HOUR   INT64_C(3600000)
#define DAY    INT64_C(86400000)
#define KILO   INT64_C(1024)
#define MEGA   INT64_C(1048576)
#define GIGA   INT64_C(1073741824)

#define PROTOCOLS 6
static const char *const protocols[PROTOCOLS] = {"factom", "ddrp", "fnd", "mintlayer", "infnote", "coin"};

/* --- numbers, times (in milliseconds), sizes (in bytes), switches --- */

struct number {
    const char *name;
    int64_t standard[PROTOCOLS]; /* in the order above */
};

#define ALL(name, standard)                                                                                  \
    {                                                                                                        \
        name,                                                                                                \
        {                                                                                                    \
            standard, standard, standard, standard, standard, standard                                       \
        }                                                                                                    \
    }

static const struct number numbers[] = {
    ALL("help", 0),
    ALL("version", 0),
    ALL("identity", 0),
    ALL("limits", 0),
    ALL("doctor", 0),
    ALL("logLevel", LOG_LEVEL_INFO),
    ALL("logFormat", LOG_FORMAT_UNSET),
    ALL("json", JSON_OFF),
    ALL("jsonPayload", JSON_PAYLOAD_AUTO),

    {"protocolVersion", {10, 1, 1, 3, 1, 1}},
    {"protocolVersionMinimum", {9, 1, 1, 2, 1, 1}},
    ALL("network", NETWORK_LOCAL),
    {"networkPort", {8110, 9097, 9097, 23031, 8210, 8310}},
    ALL("anyPort", 0),
    ALL("lan", 0),

    ALL("exclusive", 0),
    ALL("exclusiveIn", 0),
    ALL("outgoing", 8),
    {"incoming", {200, 200, 200, 128, 200, 200}},
    ALL("broadcastnum", 16),
    ALL("relay", 0),

    {"dialTimeout", {5 * SECOND, 2 * SECOND, 2 * SECOND, 10 * SECOND, 5 * SECOND, 5 * SECOND}},
    {"handshakeTimeout", {5 * SECOND, 15 * SECOND, 15 * SECOND, 10 * SECOND, 15 * SECOND, 5 * SECOND}},
    {"redial", {2 * MINUTE, 30 * SECOND, 30 * SECOND, 10 * SECOND, 2 * MINUTE, 2 * MINUTE}},
    {"retry", {0, HOUR, HOUR, HOUR, HOUR, HOUR}},
    {"retryFirst", {0, 0, 0, 20 * SECOND, 20 * SECOND, 20 * SECOND}},
    {"shelve", {0, 0, 0, HOUR, 0, 0}},
    ALL("redialSpecial", 20 * SECOND),
    {"ping", {15 * SECOND, 5 * SECOND, 5 * SECOND, 60 * SECOND, 15 * SECOND, MINUTE}},
    {"silence", {60 * SECOND, 30 * SECOND, 30 * SECOND, 150 * SECOND, 60 * SECOND, 3 * MINUTE}},
    {"peerRequest", {180 * SECOND, 10 * SECOND, HOUR, DAY, 30 * MINUTE, 10 * MINUTE}},
    ALL("peerRequestLimit", 5 * SECOND),
    ALL("reseed", 4 * HOUR),
    ALL("savePeers", 30 * SECOND),
    {"forget", {7 * DAY, 7 * DAY, 7 * DAY, 28 * DAY, 7 * DAY, 7 * DAY}},
    ALL("decay", HOUR),
    {"ban", {7 * DAY, 7 * DAY, 7 * DAY, DAY, DAY, DAY}},
    ALL("echo", 60 * SECOND),
    ALL("seen", 10 * MINUTE),
    ALL("verdictTime", 5 * SECOND),
    ALL("cat", 0),
    {"acceptInterval", {SECOND, 0, 0, 0, 0, 0}},
    ALL("stall", 500),
    ALL("assemble", 10 * MINUTE),

    ALL("perIP", 0),
    {"relays", {0, 0, 0, 2, 0, 0}},
    {"pending", {64, 12, 12, 100, 64, 64}},
    {"dials", {16, 5, 5, 16, 16, 16}},
    {"giveUp", {5, 1000, 1000, 672, 48, 48}},
    {"share", {32, 255, 255, 1000, 100, 100}},
    {"fewPeers", {8, 8, 8, 1, 1, 1}},
    {"rate", {0, 64, 64, 0, 0, 0}},
    {"rateBurst", {0, 192, 192, 0, 0, 0}},
    ALL("catKeep", 30),
    ALL("queue", 5000),
    ALL("verdicts", 4096),
    ALL("queueBytes", 64 * MEGA),
    ALL("slowest", 0),
    {"maxParcel", {128 * MEGA - 4 * KILO, 262144, 262144, 10 * MEGA - 1, 2 * MEGA, 2 * MEGA}},
    ALL("receiveBytes", GIGA),
    {"maxHandshake", {64 * KILO, 64 * KILO, 64 * KILO, 8 * KILO, 64 * KILO, 64 * KILO}},
    ALL("assembleBytes", 32 * MEGA),
    ALL("services", MINTLAYER_ADDRESSES),
    ALL("answersHeaders", 0),
    ALL("pingAlways", 0),
    ALL("plain", 0),
#ifdef KITH_WITH_CHAIN
    ALL("tracker", 0),
#endif
    ALL("gobTypes", 64),
    ALL("gobDepth", 32),
    ALL("gobDefinition", 4 * KILO),

    ALL("meritGood", 1),
    {"meritBad", {-5, 0, 0, 0, -10, -10}},
    {"meritLost", {-1, 0, 0, 0, 0, 0}},
    ALL("meritRejected", -10),
    {"meritHandshake", {-10, 0, 0, 0, 0, 0}},
    ALL("refuseBelow", -200),
    {"shareAbove", {20, -1, -1, -1, -1, -1}},
    ALL("bannedQuality", -2147000000),
};

/* --- texts --- */

#define HOME  "/home-of-nobody"
#define DATA  HOME "/.local/share/kith"
#define SEEDS "https://raw.githubusercontent.com/FactomProject/factomproject.github.io/master/seed/"

static const struct text {
    const char *name;
    const char *standard[PROTOCOLS];
} texts[] = {
    ALL("config", HOME "/.config/kith/kith.conf"),
    ALL("home", DATA),
    ALL("control", "/run/user/7/kith/control.sock"),
    ALL("http", ""),
    {"protocol", {"factom", "ddrp", "fnd", "mintlayer", "infnote", "coin"}},
    ALL("customnet", ""),
    {"seedURL", {SEEDS "localseed.txt", "", "", "", "", ""}},
    ALL("nodeName", ""),
    {"identityFile",
     {"", DATA "/identity-ddrp.key", DATA "/identity-fnd.key", "", DATA "/identity-infnote.key", ""}},
    {"peersFile",
     {DATA "/peers-LOCAL.json", DATA "/peers-ddrp-LOCAL.json", DATA "/peers-fnd-LOCAL.json",
      DATA "/peers-mintlayer-LOCAL.json", DATA "/peers-infnote-LOCAL.json", DATA "/peers-coin-LOCAL.json"}},
};

/* --- what has no value until it is given --- */

/* A protocol's own option has its default with other protocols, too. */
static const char *place_of(const struct setting *op, const struct options *o)
{
    const struct protocol *p = option_protocol(op);
    const void *own = p == o->config.protocol ? o->own : p ? p->setting_defaults : NULL;
    return (const char *)(p ? own : o) + op->place;
}

static const char *const nothing[] = {
    "addnode",  "bind", "bootstrap", "connect", "peers", "proxy",
#ifdef KITH_WITH_CHAIN
    "trackers",
#endif
};

static bool is_nothing(const struct setting *op, const struct options *o)
{
    if (op->type == SETTING_IP) {
        return !o->config.has_bind;
    }
    if (op->type == SETTING_PROXY) {
        return !config_has_proxy(&o->config) && !o->config.hidden;
    }
    if (op->type == SETTING_ENDPOINTS) {
        const struct setting_endpoints *e = (const void *)place_of(op, o);
        return e->n == 0;
    }
    assert_int_equal(op->type, SETTING_ADDRESSES);
    if ((op->marks & SETTING_NODES) != 0) {
        return o->config.special_flags.n == 0 && o->config.special_file.n == 0;
    }
    struct address_list list;
    memcpy(&list, (const char *)o + op->place, sizeof list);
    return list.n == 0;
}

static int64_t number_of(const struct setting *op, const struct options *o)
{
    const char *place = place_of(op, o);
    return op->type == SETTING_SWITCH ? *(const bool *)place : option_integer(op, place);
}

static const char *text_of(const struct setting *op, const struct options *o)
{
    return op->type == SETTING_PROTOCOL ? o->config.protocol->name : (const char *)o + op->place;
}

/* --- the tests --- */

static bool parse(struct options *o, const char *protocol, const char *network)
{
    char kith[] = "kith", protocol_flag[] = "-protocol", network_flag[] = "-network", p[16], n[16];
    char error[OPTIONS_ERROR_MAX] = "";
    char *argv[] = {kith, protocol_flag, p, network_flag, n, NULL};
    snprintf(p, sizeof p, "%s", protocol);
    snprintf(n, sizeof n, "%s", network != NULL ? network : "");
    if (options_parse(o, network != NULL ? 5 : 3, argv, error, sizeof error) == 0) {
        return true;
    }
    assert_non_null(strstr(error, "is not a protocol of this build"));
    return false;
}

static void expect_numbers(const struct options *o, size_t which)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct setting *op = option_find(numbers[i].name);
        assert_non_null(op);
        int64_t is = number_of(op, o), must = numbers[i].standard[which];
        if (is != must) {
            fail_msg("%s: -%s is %lld, not %lld", protocols[which], op->name, (long long)is, (long long)must);
        }
    }
}

static void expect_texts(const struct options *o, size_t which)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct setting *op = option_find(texts[i].name);
        assert_non_null(op);
        if (strcmp(text_of(op, o), texts[i].standard[which]) != 0) {
            fail_msg("%s: -%s is %s, not %s", protocols[which], op->name, text_of(op, o),
                     texts[i].standard[which]);
        }
    }
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        assert_true(is_nothing(option_find(nothing[i]), o));
    }
}

/* Without any option but the protocol, which is the first one where none is said either. */
static void each_option_has_its_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROTOCOLS; i++) {
        static struct options o;
        if (parse(&o, protocols[i], NULL)) {
            expect_numbers(&o, i);
            expect_texts(&o, i);
            options_free(&o);
        }
    }
    static struct options o;
    char kith[] = "kith", error[OPTIONS_ERROR_MAX], *argv[] = {kith, NULL};
    assert_int_equal(options_parse(&o, 1, argv, error, sizeof error), 0);
    expect_numbers(&o, 0);
    expect_texts(&o, 0);
    options_free(&o);
}

/* A new option is in one of the lists above. */
static void no_option_is_left_out(void **state)
{
    (void)state;
    size_t n = 0;
    while (option_at(n)) {
        n++;
    }
    assert_int_equal(n, sizeof numbers / sizeof numbers[0] + sizeof texts / sizeof texts[0] +
                            sizeof nothing / sizeof nothing[0]);
}

static void expect_network(const char *protocol, const char *network, uint16_t port, const char *seeds,
                           size_t bootstrap)
{
    static struct options o;
    if (parse(&o, protocol, network)) {
        assert_string_equal(o.config.node.network.name, network);
        assert_int_equal(o.config.node.listen_port, port);
        assert_string_equal(o.config.node.network.seed_url, seeds);
        assert_int_equal(o.config.bootstrap.n, bootstrap);
        options_free(&o);
    }
}

static void each_network_brings_its_own(void **state)
{
    (void)state;
    expect_network("factom", "MAIN", 8108, SEEDS "mainseed.txt", 0);
    expect_network("factom", "TEST", 8109, SEEDS "testseed.txt", 0);
    expect_network("factom", "LOCAL", 8110, SEEDS "localseed.txt", 0);
    expect_network("ddrp", "MAIN", 9097, "", 0);
    expect_network("ddrp", "LOCAL", 9097, "", 0);
    expect_network("fnd", "MAIN", 9097, "", 2);
    expect_network("fnd", "LOCAL", 9097, "", 0);
    expect_network("mintlayer", "MAIN", 3031, "", 5);
    expect_network("mintlayer", "TEST", 13031, "", 2);
    expect_network("mintlayer", "LOCAL", 23031, "", 0);
}

static int set_up(void **state)
{
    (void)state;
    return unsetenv("XDG_DATA_HOME") || unsetenv("XDG_CONFIG_HOME") || setenv("HOME", HOME, 1) ||
           setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_has_its_default),
        cmocka_unit_test(no_option_is_left_out),
        promise_test("F26", each_network_brings_its_own),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
