#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/option.h"
#include "app/options.h"
#include "tests/unit/promise.h"

#define ARGUMENTS_MAX 16

/* A folder that serves as HOME, so that no file of whoever runs the tests is read. */
static char folder[] = "/tmp/kith-options-XXXXXX";
static char config_path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    if (!mkdtemp(folder) || setenv("HOME", folder, 1) != 0 || unsetenv("XDG_DATA_HOME") != 0 ||
        unsetenv("XDG_CONFIG_HOME") != 0 || unsetenv("XDG_RUNTIME_DIR") != 0) {
        return -1;
    }
    snprintf(config_path, sizeof config_path, "%s/kith.conf", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(config_path);
    return rmdir(folder);
}

static void write_config(const char *text)
{
    FILE *f = fopen(config_path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* `line` is the command line, its words apart by '~'. Flags that a case adds come after -home FOLDER. */
static int parse(struct options *o, const char *line, char *error, size_t error_size)
{
    char words[1024], home[] = "-home", name[] = "kith";
    char *argv[ARGUMENTS_MAX] = {name, home, folder};
    int argc = 3;
    snprintf(words, sizeof words, "%s", line);
    char *rest = words;
    for (char *word; *line != '\0' && (word = strsep(&rest, "~"));) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    error[0] = '\0';
    return options_parse(o, argc, argv, error, error_size);
}

static void parse_good(struct options *o, const char *line)
{
    char error[OPTIONS_ERROR_MAX];
    int result = parse(o, line, error, sizeof error);
    assert_string_equal(error, "");
    assert_int_equal(result, 0);
}

static void assert_error(const char *line, const char *message)
{
    struct options o;
    char error[OPTIONS_ERROR_MAX];
    assert_int_equal(parse(&o, line, error, sizeof error), -1);
    assert_string_equal(error, message);
    assert_null(o.config.special_flags.items);
}

static void assert_in_folder(const char *path, const char *name)
{
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%s/%s", folder, name);
    assert_string_equal(path, wanted);
}

static void assert_peers(const struct address_list *list, const char *const *wanted, size_t n)
{
    assert_int_equal(list->n, n);
    for (size_t i = 0; i < n; i++) {
        char text[ENDPOINT_TEXT_MAX];
        assert_string_equal(address_format(&list->items[i], text, sizeof text), wanted[i]);
    }
}

#define ASSERT_PEERS(list, ...)                                                                              \
    do {                                                                                                     \
        static const char *const wanted[] = {__VA_ARGS__};                                                   \
        assert_peers(list, wanted, sizeof wanted / sizeof wanted[0]);                                        \
    } while (0)

/* --- the table --- */

static bool is_text(const struct setting *op)
{
    return op->type == SETTING_TEXT || op->type == SETTING_PATH || op->type == SETTING_URL;
}

static bool is_integer(const struct setting *op)
{
    return op->type == SETTING_NUMBER || op->type == SETTING_TIME || op->type == SETTING_SIZE;
}

/* The range of an option fits its place, and what it may hold comes back as it went in. */
static void assert_range_fits(const struct setting *op)
{
    static struct options o;
    static uint64_t own[64];
    o.own = own;
    const int64_t ends[] = {op->least, op->most};
    for (size_t i = 0; i < 2; i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)ends[i]);
        char bad[256];
        assert_int_equal(option_read(op, text, option_place(&o, op), bad, sizeof bad), 0);
        assert_int_equal(option_integer(op, option_place(&o, op)), ends[i]);
        snprintf(text, sizeof text, "%lld", (long long)(i == 0 ? ends[i] - 1 : ends[i] + 1));
        assert_int_equal(option_read(op, text, NULL, bad, sizeof bad), -1);
    }
}

static void table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; option_at(i); i++) {
        const struct setting *op = option_at(i);
        assert_ptr_equal(option_find(op->name), op);
        assert_ptr_equal(option_find_any_case(op->name), op);
        assert_int_equal(option_index(op), i);
        assert_true(strlen(op->name) < 32 && op->help[0] != '\0');
        const struct protocol *p = option_protocol(op);
        assert_true(op->place + op->size <= (p ? p->setting_size : sizeof(struct options)));
        assert_true(!p || op->type < SETTING_ADDRESSES);
        assert_int_equal(op->choices != NULL, op->type == SETTING_CHOICE);
        char bad[256];
        if ((op->marks & SETTING_ALONE) != 0) {
            assert_int_equal(option_read(op, "true", NULL, bad, sizeof bad), 0);
            assert_int_equal(option_read(op, "false", NULL, bad, sizeof bad), 0);
        }
        if (op->standard && (op->marks & SETTING_TOLD) == 0) {
            assert_int_equal(option_read(op, op->standard, NULL, bad, sizeof bad), 0);
        }
        if (is_text(op)) {
            assert_true(op->most > 0 && (size_t)op->most < op->size);
        }
        if (is_integer(op)) {
            assert_true(op->least < op->most);
            assert_range_fits(op);
        }
    }
}

/* Two options that share a place would overwrite each other. */
static void places_are_apart(void **state)
{
    (void)state;
    for (size_t i = 0; option_at(i); i++) {
        for (size_t j = 0; j < i; j++) {
            const struct setting *a = option_at(i), *b = option_at(j);
            assert_true(option_protocol(a) != option_protocol(b) || a->place + a->size <= b->place ||
                        b->place + b->size <= a->place);
        }
    }
}

static void protocol_defaults_pass(void **state)
{
    (void)state;
    for (size_t i = 0; protocol_at(i); i++) {
        char line[64];
        snprintf(line, sizeof line, "-protocol~%s", protocol_at(i)->name);
        struct options o;
        parse_good(&o, line);
        assert_ptr_equal(o.config.protocol, protocol_at(i));
        for (size_t j = 0; option_at(j); j++) {
            const struct setting *op = option_at(j);
            const struct protocol *p = option_protocol(op);
            if (p && p->settings != o.config.protocol->settings) {
                continue;
            }
            int64_t n = is_integer(op) ? option_integer(op, option_place(&o, op)) : op->least;
            assert_true(!is_integer(op) || (n >= op->least && n <= op->most));
        }
        options_free(&o);
    }
}

/* Factom's own were everybody's once. */
static void options_of_factom_are_taken_with_any_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; protocol_at(i); i++) {
        char line[128];
        snprintf(line, sizeof line, "-protocol~%s~-gobTypes~5~-assemble~7s~-assembleBytes~1K",
                 protocol_at(i)->name);
        struct options o;
        parse_good(&o, line);
        options_free(&o);
    }
}

/* --- values --- */

static void assert_reads(const char *name, const char *text, int64_t wanted, const char *shown)
{
    static struct options o;
    const struct setting *op = option_find(name);
    char bad[256] = "", buf[OPTION_VALUE_MAX];
    void *place = (char *)&o + op->place;
    assert_int_equal(option_read(op, text, place, bad, sizeof bad), 0);
    assert_int_equal(option_integer(op, place), wanted);
    assert_string_equal(option_format(op, place, buf), shown);
}

static void assert_refuses(const char *name, const char *text, const char *message)
{
    char bad[256] = "";
    assert_int_equal(option_read(option_find(name), text, NULL, bad, sizeof bad), -1);
    assert_string_equal(bad, message);
}

static void numbers(void **state)
{
    (void)state;
    assert_reads("networkPort", "0", 0, "0");
    assert_reads("networkPort", "65535", 65535, "65535");
    assert_reads("outgoing", "007", 7, "7");
    assert_reads("protocolVersion", "4294967295", UINT32_MAX, "4294967295");
    assert_reads("refuseBelow", "-200", -200, "-200");
    assert_refuses("networkPort", "70000", "'70000' is not a number from 0 to 65535");
    assert_refuses("networkPort", "-1", "'-1' is not a number from 0 to 65535");
    assert_refuses("networkPort", "", "'' is not a number from 0 to 65535");
    assert_refuses("networkPort", " 1", "' 1' is not a number from 0 to 65535");
    assert_refuses("networkPort", "1 ", "'1 ' is not a number from 0 to 65535");
    assert_refuses("networkPort", "+1", "'+1' is not a number from 0 to 65535");
    assert_refuses("networkPort", "0x10", "'0x10' is not a number from 0 to 65535");
    assert_refuses("networkPort", "1K", "'1K' is not a number from 0 to 65535");
    assert_refuses("networkPort", "18446744073709551617",
                   "'18446744073709551617' is not a number from 0 to 65535");
    assert_refuses("refuseBelow", "-", "'-' is not a number from -2147483000 to 2147483000");
    assert_refuses("refuseBelow", "--1", "'--1' is not a number from -2147483000 to 2147483000");
}

static void times_and_sizes(void **state)
{
    (void)state;
    assert_reads("ping", "250", 250, "250ms");
    assert_reads("ping", "250ms", 250, "250ms");
    assert_reads("ping", "1000", 1000, "1s");
    assert_reads("ping", "90s", 90000, "90s");
    assert_reads("ping", "2m", 120000, "2m");
    assert_reads("ping", "24h", 86400000, "1d");
    assert_reads("cat", "0", 0, "0");
    assert_reads("queueBytes", "1000", 1000, "1000");
    assert_reads("queueBytes", "64k", 65536, "64K");
    assert_reads("queueBytes", "3M", 3 << 20, "3M");
    assert_reads("queueBytes", "5G", INT64_C(5) << 30, "5G");
    assert_refuses("ping", "0", "'0' is not a time from 1ms to 3650d");
    assert_refuses("ping", "1.5s", "'1.5s' is not a time from 1ms to 3650d");
    assert_refuses("ping", "s", "'s' is not a time from 1ms to 3650d");
    assert_refuses("ping", "1 s", "'1 s' is not a time from 1ms to 3650d");
    assert_refuses("ping", "9223372036854775807d", "'9223372036854775807d' is not a time from 1ms to 3650d");
    /* 2^54 + 1 days are one day modulo 2^64 ms. */
    assert_refuses("ping", "18014398509481985d", "'18014398509481985d' is not a time from 1ms to 3650d");
    assert_refuses("maxParcel", "129M", "'129M' is not a size from 1 to 128M");
    assert_refuses("maxParcel", "1MB", "'1MB' is not a size from 1 to 128M");
}

static void texts(void **state)
{
    (void)state;
    char long_name[80];
    memset(long_name, 'n', sizeof long_name);
    long_name[64] = '\0';
    assert_refuses("customnet", "", "'' does not have 1 to 63 bytes");
    assert_refuses("customnet", "a\nb", "'a?b' holds control characters");
    char bad[256];
    assert_int_equal(option_read(option_find("customnet"), long_name, NULL, bad, sizeof bad), -1);
    long_name[63] = '\0';
    assert_int_equal(option_read(option_find("customnet"), long_name, NULL, bad, sizeof bad), 0);
    assert_refuses("seedURL", "ftp://x/", "'ftp://x/' is not a https, http or file URL");
    assert_refuses("seedURL", "https://", "'https://' is not a https, http or file URL");
    assert_refuses("seedURL", "https://a b", "'https://a b' is not a https, http or file URL");
    static const char *const good[] = {"", "https://a/b", "HTTP://a:80/b", "file:///a"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(option_read(option_find("seedURL"), good[i], NULL, bad, sizeof bad), 0);
    }
    assert_refuses("bind", "localhost", "'localhost' is not an IP address");
    assert_int_equal(option_read(option_find("protocol"), "nonsense", NULL, bad, sizeof bad), -1);
    assert_memory_equal(bad, "'nonsense' is not a protocol of this build: factom", 50);
    assert_refuses("network", "MAINE", "'MAINE' is none of MAIN, TEST, LOCAL, CUSTOM");
    assert_refuses("logLevel", "loud", "'loud' is none of silent, error, warning, info, debug");
    assert_refuses("exclusive", "1", "'1' is neither true nor false");
    assert_refuses("peers", "a:1 b", "\"b\" is not host:port");
    assert_refuses("bootstrap", "1.2.3.4", "\"1.2.3.4\" is not host:port");
    assert_refuses("bootstrap", "1.2.3.4:5 a.example:1", "'a.example' is a host name, not an IP address");
}

/* --- flags --- */

static void unconfigured(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "");
    const struct config *c = &o.config;
    assert_string_equal(c->protocol->name, "factom");
    assert_string_equal(c->node.network.name, "LOCAL");
    assert_int_equal(c->node.network.id, 0x00beaded);
    assert_int_equal(c->node.listen_port, 8110);
    assert_int_equal(c->node.version, 10);
    assert_int_equal(c->node.version_minimum, 9);
    assert_int_equal(c->node.timings.ping, 15000);
    assert_int_equal(c->node.timings.forget, INT64_C(604800000));
    assert_int_equal(c->merits.bad, -5);
    assert_int_equal(c->node.limits.queue_parcels, 5000);
    assert_int_equal(c->outgoing, 8);
    assert_int_equal(c->node.limits.incoming, 200);
    assert_int_equal(c->broadcast, 16);
    assert_false(c->exclusive || c->exclusive_in || c->has_bind || o.json);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->node.node_id, 0);
    assert_int_equal(c->special_flags.n + c->special_file.n + c->bootstrap.n, 0);
    assert_false(c->node.any_port || o.show_identity);
    assert_int_equal(c->node.id.size, 0);
    assert_int_equal(c->node.timings.retry, 0);
    assert_int_equal(c->node.limits.rate + c->node.limits.burst, 0);
    assert_string_equal(o.identity_file, "");
    assert_in_folder(c->peers_file, "peers-LOCAL.json");
    assert_in_folder(o.config_path, "kith.conf");
    assert_string_equal(o.notice, "");
    options_free(&o);
    options_free(&o);
}

/* Asserts the places of a node whose home no option names. */
#define ASSERT_PLACES(wanted_home, wanted_config)                                                            \
    do {                                                                                                     \
        struct options o_;                                                                                   \
        char name_[] = "kith", error_[OPTIONS_ERROR_MAX];                                                    \
        char *argv_[] = {name_, NULL};                                                                       \
        assert_int_equal(options_parse(&o_, 1, argv_, error_, sizeof error_), 0);                            \
        assert_string_equal(o_.home, wanted_home);                                                           \
        assert_string_equal(o_.config_path, wanted_config);                                                  \
        assert_memory_equal(o_.config.peers_file, wanted_home "/peers-", sizeof wanted_home "/peers-" - 1);  \
        options_free(&o_);                                                                                   \
    } while (0)

static void a_home_that_no_option_names_is_where_the_xdg_specification_says(void **state)
{
    (void)state;
    assert_int_equal(setenv("HOME", "/nobody", 1), 0);
    ASSERT_PLACES("/nobody/.local/share/kith", "/nobody/.config/kith/kith.conf");
    setenv("XDG_DATA_HOME", "/data", 1);
    ASSERT_PLACES("/data/kith", "/nobody/.config/kith/kith.conf");
    setenv("XDG_CONFIG_HOME", "/etc/mine", 1);
    ASSERT_PLACES("/data/kith", "/etc/mine/kith/kith.conf");
    setenv("XDG_DATA_HOME", "relative/data", 1);
    setenv("XDG_CONFIG_HOME", "", 1);
    ASSERT_PLACES("/nobody/.local/share/kith", "/nobody/.config/kith/kith.conf");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", folder, 1);
}

static void without_home_the_account_says_where_it_is(void **state)
{
    (void)state;
    const struct passwd *account = getpwuid(geteuid());
    struct options o;
    char error[OPTIONS_ERROR_MAX], name[] = "kith", below[CONFIG_PATH_MAX];
    char *argv[] = {name, NULL};
    snprintf(below, sizeof below, "%s/", account ? account->pw_dir : "./.kith");
    unsetenv("HOME");
    assert_int_equal(options_parse(&o, 1, argv, error, sizeof error), 0);
    assert_memory_equal(o.home, below, account ? strlen(below) : strlen(below) - 1);
    assert_memory_equal(o.config_path, below, strlen(below));
    options_free(&o);
    setenv("XDG_DATA_HOME", "/data", 1);
    setenv("XDG_CONFIG_HOME", "/etc/mine", 1);
    ASSERT_PLACES("/data/kith", "/etc/mine/kith/kith.conf");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", folder, 1);
}

static void the_home_of_earlier_versions_is_used_if_it_is_there(void **state)
{
    (void)state;
    char old[64], file[80], error[OPTIONS_ERROR_MAX], name[] = "kith", xdg[64];
    char *argv[] = {name, NULL};
    struct options o;
    snprintf(old, sizeof old, "%s/.kith", folder);
    snprintf(file, sizeof file, "%s/kith.conf", old);
    snprintf(xdg, sizeof xdg, "%s/.config/kith/kith.conf", folder);
    assert_int_equal(mkdir(old, 0700), 0);
    assert_int_equal(options_parse(&o, 1, argv, error, sizeof error), 0);
    assert_string_equal(o.home, old);
    assert_string_equal(o.config_path, xdg);
    options_free(&o);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("outgoing = 3\n", f);
    fclose(f);
    assert_int_equal(options_parse(&o, 1, argv, error, sizeof error), 0);
    assert_string_equal(o.home, old);
    assert_string_equal(o.config_path, file);
    assert_int_equal(o.config.outgoing, 3);
    options_free(&o);
    unlink(file);
    rmdir(old);
}

static void a_path_in_the_environment_may_be_too_long(void **state)
{
    (void)state;
    struct options o;
    char name[] = "kith", error[OPTIONS_ERROR_MAX];
    char *argv[] = {name, NULL};
    char *too_long = malloc(CONFIG_PATH_MAX);
    assert_non_null(too_long);
    memset(too_long, 'h', CONFIG_PATH_MAX - 1);
    too_long[0] = '/';
    too_long[CONFIG_PATH_MAX - 7] = '\0';
    static const char *const variables[] = {"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"};
    for (size_t i = 0; i < 3; i++) {
        setenv(variables[i], too_long, 1);
        assert_int_equal(options_parse(&o, 1, argv, error, sizeof error), -1);
        assert_memory_equal(error, i == 2 ? "-config: " : "-home: ", 7);
        unsetenv(variables[i]);
        setenv("HOME", folder, 1);
    }
    free(too_long);
}

static void the_control_socket_is_in_the_runtime_folder_unless_an_option_names_it(void **state)
{
    (void)state;
    static const struct {
        const char *runtime, *line, *place;
    } all[] = {
        {"/run/user/7", "-json", "/run/user/7/kith/control.sock"},
        {"/run/user/7", "-control=", ""},
        {"/run/user/7", "-control~/tmp/c", "/tmp/c"},
        {"/run/user/7", "-home~/h~-control~c", "/h/c"},
        {"run/user/7", "-json", ""},
        {"", "-json", ""},
        {"/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "-json", ""},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct options o;
        assert_int_equal(setenv("XDG_RUNTIME_DIR", all[i].runtime, 1), 0);
        parse_good(&o, all[i].line);
        assert_string_equal(o.control, all[i].place);
        options_free(&o);
    }
    unsetenv("XDG_RUNTIME_DIR");
}

static void flag_forms(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-outgoing~3~--incoming~4~-broadcastnum=5~--networkPort=0~-exclusive~-json=false");
    assert_int_equal(o.config.outgoing, 3);
    assert_int_equal(o.config.node.limits.incoming, 4);
    assert_int_equal(o.config.broadcast, 5);
    assert_int_equal(o.config.node.listen_port, 0);
    assert_true(o.config.exclusive);
    assert_false(o.config.exclusive_in || o.json);
    options_free(&o);
    parse_good(&o, "-outgoing~3~-outgoing~4~-refuseBelow~-7~-seedURL=~-bind~::1~-exclusiveIn");
    assert_int_equal(o.config.outgoing, 4);
    assert_int_equal(o.config.merits.refuse_below, -7);
    assert_string_equal(o.config.node.network.seed_url, "");
    assert_true(o.config.has_bind && o.config.bind.bytes[15] == 1);
    assert_true(o.config.exclusive && o.config.exclusive_in);
    options_free(&o);
    parse_good(&o, "-bind~fe80::1%lo");
    assert_true(o.config.has_bind && ip_scope(&o.config.bind) == if_nametoindex("lo"));
    options_free(&o);
    parse_good(&o, "-bind~0.0.0.0");
    assert_true(o.config.has_bind);
    options_free(&o);
    parse_good(&o, "-bind~::"); /* everything: as if it were not there */
    assert_false(o.config.has_bind);
    options_free(&o);
    parse_good(&o, "-seedURL=file:///a?b=c");
    assert_string_equal(o.config.node.network.seed_url, "file:///a?b=c");
    options_free(&o);
}

static void flag_errors(void **state)
{
    (void)state;
    assert_error("-networkPort~70000", "-networkPort: '70000' is not a number from 0 to 65535");
    assert_error("--networkPort=x", "-networkPort: 'x' is not a number from 0 to 65535");
    assert_error("-nonsense", "-nonsense: no such flag; -help lists them");
    assert_error("--nonsense=1", "--nonsense: no such flag; -help lists them");
    assert_error("---ping=1", "---ping: no such flag; did you mean -ping?");
    assert_error("-Ping=1", "-Ping: no such flag; did you mean -ping?");
    assert_error("-netwrok~LOCAL", "-netwrok: no such flag; did you mean -network?");
    assert_error("-seedUrl=x", "-seedUrl: no such flag; did you mean -seedURL?");
    assert_error("-datadir=x", "-datadir: no such flag; -help lists them");
    assert_error("-x", "-x: no such flag; -help lists them");
    assert_error("-aNameThatIsLongerThanAnyFlagOfKithAtAll",
                 "-aNameThatIsLongerThanAnyFlagOfKithAtAll: no such flag; -help lists them");
    assert_error("-exclusive~true", "'true' is not a flag");
    assert_error("-", "'-' is not a flag");
    assert_error("--", "'--' is not a flag");
    assert_error("-=1", "'-=1' is not a flag");
    assert_error("-json~-ping", "-ping: its value is missing");
    assert_error("-config~/nowhere/at/all", "-config: /nowhere/at/all: No such file or directory");
    assert_error("-peers~a:1~-peers~b", "-peers: \"b\" is not host:port");
}

static void help_and_version_come_first(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-config~/nowhere/at/all~-help");
    assert_true(o.show_help && !o.show_version);
    options_free(&o);
    for (unsigned i = 0; i < 3; i++) {
        parse_good(&o, ((const char *const[]){"-h", "--h", "-?"})[i]);
        assert_true(o.show_help);
        options_free(&o);
    }
    parse_good(&o, "-version~-network~CUSTOM");
    assert_true(o.show_version);
    options_free(&o);
    parse_good(&o, "-version=false");
    assert_int_equal(o.config.node.listen_port, 8110);
    options_free(&o);
}

static void assert_network(const char *line, const char *name, uint32_t id, uint16_t port)
{
    struct options o;
    parse_good(&o, line);
    assert_string_equal(o.config.node.network.name, name);
    assert_int_equal(o.config.node.network.id, id);
    assert_int_equal(o.config.node.listen_port, port);
    options_free(&o);
}

static void networks(void **state)
{
    (void)state;
    assert_network("-network~MAIN", "MAIN", 0xfeedbeef, 8108);
    assert_network("-network~test", "TEST", 0xdeadbeef, 8109);
    assert_network("-customnet~myNetwork", "myNetwork", 0x29cb7175, 8110);
    assert_network("-network~CUSTOM~-customnet~myNetwork", "myNetwork", 0x29cb7175, 8110);
    assert_network("-networkPort~1~-network~MAIN", "MAIN", 0xfeedbeef, 1);
    assert_error("-network~CUSTOM", "-network: CUSTOM needs the network's name, -customnet");
    assert_error("-customnet~x~-network~MAIN", "-customnet: the network is MAIN, not CUSTOM");
    assert_error("-customnet~main", "-customnet: main is no name for a custom network");
    struct options o;
    parse_good(&o, "-customnet~../a%b");
    assert_in_folder(o.config.peers_file, "peers-..%2Fa%25b.json");
    options_free(&o);
}

static void cross_checks(void **state)
{
    (void)state;
    assert_error("-ping~1m", "-ping: 1m is not less than -silence, which is 1m");
    assert_error("-silence~15s", "-ping: 15s is not less than -silence, which is 15s");
    assert_error("-bannedQuality~-200", "-bannedQuality: -200 is not less than -refuseBelow, which is -200");
    assert_error("-protocolVersion~12", "-protocolVersion: protocol factom has no version 12, but 9 to 11");
    assert_error("-protocolVersionMinimum~8",
                 "-protocolVersionMinimum: protocol factom has no version 8, but 9 to 11");
    assert_error("-protocolVersion~9~-protocolVersionMinimum~10",
                 "-protocolVersionMinimum: 10 is more than -protocolVersion, which is 9");
    struct options o;
    parse_good(&o, "-protocolVersion~11~-protocolVersionMinimum~11");
    options_free(&o);
    parse_good(&o, "-ping~90s~-protocolVersion~0~-silence~91s~-protocol~factom");
    assert_int_equal(o.config.node.timings.ping, 90000);
    assert_int_equal(o.config.node.version, 10);
    options_free(&o);
}

static void node_name(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-nodeName~myNetwork");
    assert_int_equal(o.config.node.node_id, 0x29cb7175);
    assert_string_equal(o.config.node_name, "myNetwork");
    options_free(&o);
}

static void peers_add_up(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-peers~a.example:1, 1.2.3.4:5~-peers=[::1]:6 a.example:1");
    ASSERT_PEERS(&o.config.special_flags, "a.example:1", "1.2.3.4:5", "[::1]:6");
    options_free(&o);
}

/* What -connect and -addnode name are special peers beside those of -peers. */
static void nodes_add_up(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-addnode~a.example ::1~-peers~1.2.3.4:5~-addnode=b.example:6~-networkPort~9");
    ASSERT_PEERS(&o.config.special_flags, "1.2.3.4:5", "a.example:8110", "[::1]:8110", "b.example:6");
    assert_false(o.config.exclusive);
    options_free(&o);
    parse_good(&o, "-addnode~a.example~-connect~c.example~-network~MAIN~-connect~a.example:8108");
    ASSERT_PEERS(&o.config.special_flags, "c.example:8108", "a.example:8108");
    assert_true(o.config.exclusive);
    options_free(&o);
    parse_good(&o, "-connect~ ,~-addnode=");
    assert_int_equal(o.config.special_flags.n, 0);
    assert_false(o.config.exclusive);
    options_free(&o);
    write_config("AddNode = a.example\nconnect = c.example\nconnect = d.example\nPeers = 1.1.1.1:1\n");
    parse_good(&o, "-addnode~b.example");
    ASSERT_PEERS(&o.config.special_flags, "b.example:8110");
    ASSERT_PEERS(&o.config.special_file, "1.1.1.1:1", "c.example:8110", "d.example:8110", "a.example:8110");
    assert_true(o.config.exclusive);
    struct address_list list;
    char error[OPTIONS_ERROR_MAX];
    write_config("addnode = e.example\nping = bad\n");
    assert_int_equal(options_reload_special(&o, &list, error, sizeof error), 0);
    ASSERT_PEERS(&list, "e.example:8110");
    address_list_free(&list);
    options_free(&o);
    write_config("");
    assert_error("-addnode~a.example 8110", "-addnode: \"8110\" is neither a host nor host:port");
    assert_error("-connect~a.onion", "-connect: a.onion is reached through a proxy alone, see -proxy");
    assert_error("-addnode~ab@a.example",
                 "-addnode: a.example:8110 has an id before it, but protocol factom knows none");
}

static void invitations_are_addresses_of_this_network(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-addnode~factom:a.example:7?network=LOCAL, b.example");
    ASSERT_PEERS(&o.config.special_flags, "a.example:7", "b.example:8110");
    options_free(&o);
    parse_good(&o, "-customnet~my net~-connect~factom:[::1]:7?network=my%20net");
    ASSERT_PEERS(&o.config.special_flags, "[::1]:7");
    options_free(&o);
    assert_error("-addnode~infnote:a.example:7?network=LOCAL",
                 "-addnode: an invitation to protocol infnote, but this node speaks factom");
    assert_error("-addnode~factom:a.example:7?network=MAIN",
                 "-addnode: an invitation to network MAIN, but this node is of network LOCAL");
    assert_error("-addnode~factom:a.example?network=LOCAL",
                 "-addnode: in \"factom:a.example?network=LOCAL\" the address is not host:port");
    assert_error("-connect~a.example:7?net=LOCAL",
                 "-connect: \"a.example:7?net=LOCAL\" is not PROTOCOL:HOST:PORT?network=NAME");
}

/* A protocol whose peers prove who they are, or NULL if this build has none. */
static const struct protocol *with_identities(void)
{
    const struct protocol *p = protocol_at(0);
    for (size_t i = 0; p && p->identity_size == 0; i++) {
        p = protocol_at(i);
    }
    return p;
}

static void bootstrap(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-bootstrap~1.2.3.4:5,[::1]:6~-bootstrap=7.7.7.7:7~-anyPort~-retry~5m");
    ASSERT_PEERS(&o.config.bootstrap, "1.2.3.4:5", "[::1]:6", "7.7.7.7:7");
    assert_true(o.config.node.any_port);
    assert_int_equal(o.config.node.timings.retry, 300000);
    options_free(&o);
    options_free(&o);
    write_config("Bootstrap = 1.1.1.1:1\nMainBootstrap = 2.2.2.2:2\n");
    parse_good(&o, "");
    ASSERT_PEERS(&o.config.bootstrap, "1.1.1.1:1");
    options_free(&o);
    parse_good(&o, "-network~MAIN");
    ASSERT_PEERS(&o.config.bootstrap, "2.2.2.2:2");
    options_free(&o);
    parse_good(&o, "-network~MAIN~-bootstrap~3.3.3.3:3");
    ASSERT_PEERS(&o.config.bootstrap, "3.3.3.3:3");
    options_free(&o);
    parse_good(&o, "-network~MAIN~-bootstrap=");
    assert_int_equal(o.config.bootstrap.n, 0);
    options_free(&o);
    assert_error("-bootstrap~a.example:1", "-bootstrap: 'a.example' is a host name, not an IP address");
}

/* Each protocol's own list is one that the flag would take, and an empty value leaves it out. */
static void bootstrap_of_protocols(void **state)
{
    (void)state;
    for (size_t i = 0; protocol_at(i); i++) {
        for (const struct network_config *n = protocol_at(i)->networks; n->name[0] != '\0'; n++) {
            char line[128];
            snprintf(line, sizeof line, "-protocol~%s~-network~%s", protocol_at(i)->name, n->name);
            struct options o;
            parse_good(&o, line);
            assert_int_equal(o.config.bootstrap.n > 0, n->bootstrap != NULL && *n->bootstrap != '\0');
            assert_false(o.config.bootstrap_given);
            options_free(&o);
            snprintf(line, sizeof line, "-protocol~%s~-network~%s~-bootstrap=", protocol_at(i)->name,
                     n->name);
            parse_good(&o, line);
            assert_int_equal(o.config.bootstrap.n, 0);
            assert_true(o.config.bootstrap_given);
            options_free(&o);
        }
    }
}

static void rate(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-rate~64~-rateBurst~192");
    assert_int_equal(o.config.node.limits.rate, 64);
    assert_int_equal(o.config.node.limits.burst, 192);
    options_free(&o);
    parse_good(&o, "-rate~64~-rateBurst~0");
    assert_int_equal(o.config.node.limits.burst, 64); /* with none at once, nothing would ever be read */
    options_free(&o);
}

static void ids_without_identities(void **state)
{
    (void)state;
    assert_error("-peers~00ff@a.example:1",
                 "-peers: a.example:1 has an id before it, but protocol factom knows none");
    assert_error("-bootstrap~00ff@1.1.1.1:1",
                 "-bootstrap: 1.1.1.1:1 has an id before it, but protocol factom knows none");
    write_config("LocalSpecialPeers = 2.2.2.2:2 00ff@1.1.1.1:1\n");
    assert_error("", "-peers: 1.1.1.1:1 has an id before it, but protocol factom knows none");
    write_config("");
    assert_error("-identity", "-identity: protocol factom has no identities");
}

/* As a flag it is an error if there are no datagrams; a file may be shared by several protocols. */
static void lan_needs_datagrams(void **state)
{
    (void)state;
    struct options o;
    assert_error("-lan", "-lan: protocol factom has no datagrams");
    assert_error("-lan~-proxy~127.0.0.1:1080", "-lan: with -proxy there are no datagrams");
    parse_good(&o, "-lan=false");
    assert_false(o.config.node.lan);
    options_free(&o);
    write_config("lan = true\n");
    parse_good(&o, "");
    assert_false(o.config.node.lan);
    options_free(&o);
    write_config("");
}

static void who_is_dialed_by_websocket_must_be_a_special_peer_of_a_protocol_that_has_it(void **state)
{
    (void)state;
    static const char *const lines[] = {"-peers~1.1.1.1:1 ws://[::1]:2", "-bootstrap~ws://1.1.1.1:1"};
    assert_error(lines[0], "-peers: ws://[::1]:2: protocol factom of this build does not speak WebSocket");
    assert_error(lines[1], "-bootstrap: ws://1.1.1.1:1: only special peers are dialed by WebSocket");
}

static void ids(void **state)
{
    (void)state;
    const struct protocol *p = with_identities();
    if (!p) {
        skip();
        return;
    }
    struct options o;
    struct address_list list;
    char id[PEER_ID_TEXT_MAX], line[512], message[512], bad[OPTIONS_ERROR_MAX];
    memset(id, 'a', sizeof id);
    id[2 * p->id_size] = '\0';
    snprintf(line, sizeof line, "-protocol~%s~-peers~%s@1.1.1.1:1 2.2.2.2:2", p->name, id);
    parse_good(&o, line);
    assert_int_equal(o.config.special_flags.items[0].id.size, p->id_size);
    assert_int_equal(o.config.special_flags.items[0].id.bytes[0], 0xaa);
    assert_int_equal(o.config.special_flags.items[1].id.size, 0);

    snprintf(line, sizeof line, "3.3.3.3:3 %s@4.4.4.4:4", id);
    assert_int_equal(options_read_peers(&o, line, &list, bad, sizeof bad), 0);
    ASSERT_PEERS(&list, "3.3.3.3:3", "4.4.4.4:4");
    address_list_free(&list);
    snprintf(message, sizeof message,
             "the id before 4.4.4.4:4 has 4 hex digits, but those of protocol %s have %zu", p->name,
             2 * p->id_size);
    assert_int_equal(options_read_peers(&o, "3.3.3.3:3 aabb@4.4.4.4:4", &list, bad, sizeof bad), -1);
    assert_string_equal(bad, message);
    assert_int_equal(list.n, 0);

    char error[OPTIONS_ERROR_MAX];
    write_config("LocalSpecialPeers = aabb@4.4.4.4:4\n");
    assert_int_equal(options_reload_special(&o, &list, error, sizeof error), -1);
    assert_non_null(strstr(error, message));
    assert_int_equal(list.n, 0);
    write_config("");
    options_free(&o);
    snprintf(line, sizeof line, "-protocol~%s~-peers~aabb@4.4.4.4:4", p->name);
    snprintf(bad, sizeof bad, "-peers: %s", message);
    assert_error(line, bad);
}

/* If `name` is NULL it is the one that nobody chose. */
static void assert_identity_file(const char *protocol, const char *line, const char *where, const char *name)
{
    char words[256];
    snprintf(words, sizeof words, "-protocol~%s%s", protocol, line);
    char standard[64];
    snprintf(standard, sizeof standard, "identity-%s.key", protocol);
    char path[128];
    snprintf(path, sizeof path, "%s/%s", where, name != NULL ? name : standard);
    struct options o;
    parse_good(&o, words);
    assert_string_equal(o.identity_file, path);
    options_free(&o);
}

static void identity_file(void **state)
{
    (void)state;
    struct options o;
    const struct protocol *p = with_identities();
    if (!p) {
        skip();
        return;
    }
    char some[64], line[128], name[64];
    snprintf(some, sizeof some, "%s/some", folder);
    assert_identity_file(p->name, "", folder, NULL);
    assert_identity_file(p->name, "~-peersFile=", folder, NULL);
    assert_identity_file(p->name, "~-peersFile~some/book.json", some, NULL);
    assert_identity_file(p->name, "~-peersFile~/tmp/book.json", "/tmp", NULL);
    assert_identity_file(p->name, "~-identityFile~me", folder, "me");
    assert_identity_file(p->name, "~-identityFile~/tmp/me~-peersFile~/x/y", "/tmp", "me");
    snprintf(line, sizeof line, "-protocol~%s~-identity", p->name);
    parse_good(&o, line);
    assert_true(o.show_identity);
    snprintf(name, sizeof name, "peers-%s-LOCAL.json", p->name);
    assert_in_folder(o.config.peers_file, name);
    options_free(&o);
}

/* What proves who the node is does not stay in memory. */
static void the_secret_goes_with_the_options(void **state)
{
    (void)state;
    static struct options o;
    options_init(&o);
    assert_true(sodium_init() >= 0);
    o.config.node.secret = sodium_malloc(32);
    options_free(&o);
    assert_null(o.config.node.secret);
    options_free(&o);
}

static void peers_file(void **state)
{
    (void)state;
    struct options o;
    parse_good(&o, "-peersFile~book.json");
    assert_in_folder(o.config.peers_file, "book.json");
    options_free(&o);
    parse_good(&o, "-peersFile~/tmp/book.json");
    assert_string_equal(o.config.peers_file, "/tmp/book.json");
    options_free(&o);
    parse_good(&o, "-peersFile=");
    assert_string_equal(o.config.peers_file, "");
    options_free(&o);
}

/* --- the configuration file --- */

/* docs/seeds/factom.md, "Config file", with something in it. */
static const char seed_config[] = "; --------------- Network: MAIN | TEST | LOCAL\n"
                                  "Network                               = TEST\n"
                                  "PeersFile            = \"peers.json\"\n"
                                  "MainNetworkPort      = 8108\n"
                                  "MainSeedURL          = \"https://main.example/seed.txt\"\n"
                                  "MainSpecialPeers     = \"1.1.1.1:1\"\n"
                                  "TestNetworkPort      = 9109\n"
                                  "TestSeedURL          = \"https://test.example/seed.txt\"\n"
                                  "TestSpecialPeers     = \"2.2.2.2:2 3.3.3.3:3\"\n"
                                  "LocalNetworkPort     = 8110\n"
                                  "LocalSeedURL         = \"\"\n"
                                  "LocalSpecialPeers    = \"\"\n"
                                  "CustomNetworkPort    = 7777\n";

static void seed_document_config(void **state)
{
    (void)state;
    struct options o;
    write_config(seed_config);
    parse_good(&o, "");
    assert_string_equal(o.config.node.network.name, "TEST");
    assert_int_equal(o.config.node.listen_port, 9109);
    assert_string_equal(o.config.node.network.seed_url, "https://test.example/seed.txt");
    ASSERT_PEERS(&o.config.special_file, "2.2.2.2:2", "3.3.3.3:3");
    assert_in_folder(o.config.peers_file, "peers.json");
    options_free(&o);
    parse_good(&o, "-network~MAIN~-networkPort~5~-peers~4.4.4.4:4");
    assert_int_equal(o.config.node.listen_port, 5);
    assert_string_equal(o.config.node.network.seed_url, "https://main.example/seed.txt");
    ASSERT_PEERS(&o.config.special_file, "1.1.1.1:1");
    ASSERT_PEERS(&o.config.special_flags, "4.4.4.4:4");
    options_free(&o);
    parse_good(&o, "-network~LOCAL");
    assert_string_equal(o.config.node.network.seed_url, "");
    options_free(&o);
    assert_network("-customnet~x", "x", 0x2d711642, 7777);
}

static void keys_of_flags(void **state)
{
    (void)state;
    struct options o;
    write_config("[peer]\nOUTGOING = 3\nping = 2s ; fast\nExclusiveIn=true\nnetworkport = 1\n"
                 "localnetworkport = 2\npeers = 1.1.1.1:1\nLocalSpecialPeers = 2.2.2.2:2\n"
                 "PEERS = 3.3.3.3:3\nlogLevel = none\nNodeName = n\nincoming = 7\n");
    parse_good(&o, "-incoming~9");
    assert_int_equal(o.config.outgoing, 3);
    assert_int_equal(o.config.node.limits.incoming, 9);
    assert_int_equal(o.config.node.timings.ping, 2000);
    assert_true(o.config.exclusive_in);
    assert_int_equal(o.config.node.listen_port, 2);
    assert_int_equal(o.config.log_level, LOG_LEVEL_SILENT);
    assert_string_equal(o.config.node_name, "n");
    ASSERT_PEERS(&o.config.special_file, "1.1.1.1:1", "3.3.3.3:3", "2.2.2.2:2");
    assert_string_equal(o.notice, "");
    options_free(&o);
    assert_network("-network~MAIN", "MAIN", 0xfeedbeef, 1);
}

static void network_of_file_and_flags(void **state)
{
    (void)state;
    write_config("CustomNet = myNetwork\n");
    assert_network("", "myNetwork", 0x29cb7175, 8110);
    assert_network("-network~CUSTOM", "myNetwork", 0x29cb7175, 8110);
    assert_network("-network~MAIN", "MAIN", 0xfeedbeef, 8108);
    write_config("Network = MAIN\n");
    assert_network("-customnet~myNetwork", "myNetwork", 0x29cb7175, 8110);
    write_config("Network = MAIN\nCustomNet = myNetwork\n");
    assert_error("", "-customnet: the network is MAIN, not CUSTOM");
    assert_network("-network~TEST", "TEST", 0xdeadbeef, 8109);
}

static void assert_file_error(const char *text, const char *message)
{
    write_config(text);
    char wanted[512];
    snprintf(wanted, sizeof wanted, "%s:%s", config_path, message);
    assert_error("", wanted);
}

static void file_errors(void **state)
{
    (void)state;
    assert_file_error("\nTestNetworkPort = 70000\n",
                      "2: TestNetworkPort: '70000' is not a number from 0 to 65535");
    assert_file_error("ping = soon\n", "1: ping: 'soon' is not a time from 1ms to 3650d");
    assert_file_error("exclusive\n", "1: no '=' in 'exclusive'");
    assert_file_error("MainSpecialPeers = \"1.2.3.4\"\n",
                      "1: MainSpecialPeers: \"1.2.3.4\" is not host:port");
}

static void keys_of_others(void **state)
{
    (void)state;
    struct options o;
    write_config("HomeDir = x\nOtherNetworkPort = 99999\noutgoing = 2\nhome = y\n");
    parse_good(&o, "");
    assert_string_equal(o.notice,
                        "keys that are not kith's are passed over: HomeDir, OtherNetworkPort, home");
    assert_int_equal(o.config.outgoing, 2);
    options_free(&o);
    char text[8192] = "";
    for (unsigned i = 0; i < 300; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "SomebodyElsesKey%u=\n", i);
    }
    write_config(text);
    parse_good(&o, "");
    unsigned more = 0;
    const char *last = strstr(o.notice, " and ");
    assert_non_null(last);
    assert_int_equal(sscanf(last, " and %u more", &more), 1);
    unsigned commas = 0;
    for (const char *p = o.notice; *p != '\0'; p++) {
        commas += *p == ',';
    }
    assert_int_equal(commas + 1 + more, 300);
    options_free(&o);
}

static void keys_that_are_misspelt(void **state)
{
    static const struct {
        const char *key, *meant;
    } cases[] = {{"Outgoin", "outgoing"},
                 {"loglevl", "logLevel"},
                 {"LocalSedURL", "LocalSeedURL"},
                 {"MianNetworkPort", "MainNetworkPort"},
                 {"networkprot", "networkPort"}};
    const size_t n = sizeof cases / sizeof cases[0];
    (void)state;
    struct options o;
    char text[4096] = "; a comment\n\nConsensus = x\n";
    for (size_t i = 0; i < n; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s = 1\n", cases[i].key);
    }
    write_config(text);
    parse_good(&o, "");
    assert_string_equal(o.notice, "keys that are not kith's are passed over: Consensus");
    assert_int_equal(o.misspelt.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(o.misspelt.keys[i].key, cases[i].key);
        assert_string_equal(o.misspelt.keys[i].meant, cases[i].meant);
        assert_int_equal(o.misspelt.keys[i].line, 4 + i);
    }
    options_free(&o);
    text[0] = '\0';
    for (unsigned i = 0; i < 300; i++) {
        snprintf(text + i * 12, 13, "outgoing%02u=\n", i % 100);
    }
    write_config(text);
    parse_good(&o, "");
    assert_int_equal(o.misspelt.n, MISSPELT_MOST);
    assert_non_null(strstr(o.notice, "passed over: outgoing08, "));
    options_free(&o);
}

static void given_config(void **state)
{
    (void)state;
    struct options o;
    char line[128];
    write_config("outgoing = 5\n");
    snprintf(line, sizeof line, "-home~/nowhere~-config~%s", config_path);
    parse_good(&o, line);
    assert_int_equal(o.config.outgoing, 5);
    assert_string_equal(o.config.peers_file, "/nowhere/peers-LOCAL.json");
    options_free(&o);
    snprintf(line, sizeof line, "-config~%s", folder);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%s: Is a directory", folder);
    assert_error(line, wanted);
}

static void reload(void **state)
{
    (void)state;
    struct options o;
    struct address_list list;
    char error[OPTIONS_ERROR_MAX];
    write_config("LocalSpecialPeers = 1.1.1.1:1\n");
    parse_good(&o, "-peers~9.9.9.9:9");
    write_config(
        "LocalSpecialPeers = 2.2.2.2:2\nMainSpecialPeers = 3.3.3.3:3\nPeers = 4.4.4.4:4\nping = bad\n");
    assert_int_equal(options_reload_special(&o, &list, error, sizeof error), 0);
    ASSERT_PEERS(&list, "4.4.4.4:4", "2.2.2.2:2");
    address_list_free(&list);
    ASSERT_PEERS(&o.config.special_file, "1.1.1.1:1");
    write_config("LocalSpecialPeers = oops\n");
    assert_int_equal(options_reload_special(&o, &list, error, sizeof error), -1);
    assert_non_null(strstr(error, "kith.conf:1: LocalSpecialPeers: \"oops\" is not host:port"));
    assert_int_equal(list.n, 0);
    unlink(config_path);
    assert_int_equal(options_reload_special(&o, &list, error, sizeof error), 0);
    assert_int_equal(list.n, 0);
    options_free(&o);

    char line[128];
    write_config("");
    snprintf(line, sizeof line, "-config~%s", config_path);
    parse_good(&o, line);
    unlink(config_path);
    assert_int_equal(options_reload_special(&o, &list, error, sizeof error), -1);
    options_free(&o);
}

/* --- an embedding program --- */

static void embedding(void **state)
{
    (void)state;
    struct options o;
    char error[OPTIONS_ERROR_MAX] = "";
    options_init(&o);
    assert_int_equal(options_set(&o, "home", folder, error, sizeof error), 0);
    assert_int_equal(options_set(&o, "ping", "10s", error, sizeof error), 0);
    assert_int_equal(options_set(&o, "ping", "never", error, sizeof error), -1);
    assert_string_equal(error, "ping: 'never' is not a time from 1ms to 3650d");
    assert_int_equal(options_set(&o, "pong", "1s", error, sizeof error), -1);
    assert_string_equal(error, "pong: no such option; did you mean ping?");
    assert_int_equal(options_set(&o, "nonsense", "1s", error, sizeof error), -1);
    assert_string_equal(error, "nonsense: no such option");
    assert_int_equal(options_set(&o, "peers", "1.1.1.1:1", error, sizeof error), 0);
    assert_int_equal(options_finish(&o, error, sizeof error), 0);
    assert_int_equal(o.config.node.timings.ping, 10000);
    assert_int_equal(options_set(&o, "peers", "2.2.2.2:2", error, sizeof error), 0);
    assert_int_equal(options_set(&o, "network", "MAIN", error, sizeof error), 0);
    assert_int_equal(options_finish(&o, error, sizeof error), 0);
    ASSERT_PEERS(&o.config.special_flags, "1.1.1.1:1", "2.2.2.2:2");
    assert_int_equal(o.config.node.listen_port, 8108);
    options_free(&o);
}

/* What was collected from a file goes along, and either may be freed first. */
static void names_and_urls_are_utf8_without_control_characters(void **state)
{
    (void)state;
    struct options o;
    char error[OPTIONS_ERROR_MAX];
    static const char *const names[] = {"customnet", "nodeName", "seedURL"};
    static const char *const bad[] = {"http://caf\xe9", "http://caf\xc3", "http://a\xc2\x9b",
                                      "http://\xed\xa0\x80", "http://a\nb"};
    options_init(&o);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
            assert_int_equal(options_set(&o, names[i], bad[j], error, sizeof error), -1);
            assert_non_null(strstr(error, names[i]));
            assert_null(strpbrk(error, "\xe9\xc3\xc2\x9b\xed\xa0\x80\n"));
        }
        assert_int_equal(options_set(&o, names[i], "http://caf\xc3\xa9", error, sizeof error), 0);
    }
    /* A path is bytes. */
    assert_int_equal(options_set(&o, "peersFile", "/tmp/caf\xe9", error, sizeof error), 0);
    options_free(&o);
}

/* --- the help --- */

static void help(void **state)
{
    (void)state;
    struct options o;
    char *text = NULL;
    size_t size = 0;
    options_init(&o);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    options_help(&o, out);
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; option_at(i); i++) {
        char flag[64];
        snprintf(flag, sizeof flag, "\n  -%s", option_at(i)->name);
        assert_non_null(strstr(text, flag));
    }
    assert_non_null(strstr(text, "(default: 8)"));
    assert_non_null(strstr(text, "(default: 15s)"));
    assert_null(strstr(text, "emergency"));
    for (char *line = text; line && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        assert_true(length < 80);
        line += length + (line[length] == '\n');
    }
    free(text);
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(places_are_apart),
        cmocka_unit_test(numbers),
        cmocka_unit_test(times_and_sizes),
        cmocka_unit_test(texts),
        cmocka_unit_test(help),
        cmocka_unit_test_setup_teardown(protocol_defaults_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_of_factom_are_taken_with_any_protocol, set_up, tear_down),
        promise_test_setup_teardown("F2", unconfigured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_home_the_account_says_where_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_home_that_no_option_names_is_where_the_xdg_specification_says,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_home_of_earlier_versions_is_used_if_it_is_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_path_in_the_environment_may_be_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_control_socket_is_in_the_runtime_folder_unless_an_option_names_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(flag_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flag_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_and_version_come_first, set_up, tear_down),
        promise_test_setup_teardown("F20 F21 F22 F26", networks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cross_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(node_name, set_up, tear_down),
        promise_test_setup_teardown("F18 F23", peers_add_up, set_up, tear_down),
        promise_test_setup_teardown("I1", nodes_add_up, set_up, tear_down),
        promise_test_setup_teardown("I2", invitations_are_addresses_of_this_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(peers_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bootstrap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bootstrap_of_protocols, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_without_identities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lan_needs_datagrams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identity_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            who_is_dialed_by_websocket_must_be_a_special_peer_of_a_protocol_that_has_it, set_up, tear_down),
        cmocka_unit_test(the_secret_goes_with_the_options),
        promise_test_setup_teardown("F3 F19 F24 F25 F26", seed_document_config, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_flags, set_up, tear_down),
        promise_test_setup_teardown("F24", network_of_file_and_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_that_are_misspelt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(given_config, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(embedding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_and_urls_are_utf8_without_control_characters, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
