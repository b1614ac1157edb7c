/* A protocol's own options. The build's table of protocols is not linked: this one takes its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/option.h"

struct own {
    int64_t pace_ms;
    bool tracker;
    uint32_t old;
    enum { ECHO_OFF, ECHO_ON, ECHO_LATE } echoes;
};

static const struct setting_choice echo_words[] = {
    {"false", ECHO_OFF, false},
    {"true", ECHO_ON, false},
    {"late", ECHO_LATE, false},
    {NULL, 0, false},
};

static const struct setting rows[] = {
    {.group = GROUP_TIMES,
     .type = SETTING_TIME,
     .name = "pace",
     .place = offsetof(struct own, pace_ms),
     .size = sizeof(int64_t),
     .least = 1,
     .most = 1000000,
     .help = "between two steps"},
    {.group = GROUP_NETWORK,
     .type = SETTING_SWITCH,
     .name = "tracker",
     .place = offsetof(struct own, tracker),
     .size = sizeof(bool),
     .help = "be a tracker",
     .by_network = "Tracker"},
    {.group = GROUP_LIMITS,
     .type = SETTING_NUMBER,
     .name = "old",
     .place = offsetof(struct own, old),
     .size = sizeof(uint32_t),
     .most = 9,
     .help = "what everybody takes",
     .marks = SETTING_TOLERATED},
    {.group = GROUP_GENERAL,
     .type = SETTING_CHOICE,
     .name = "echoes",
     .place = offsetof(struct own, echoes),
     .size = sizeof(((struct own *)0)->echoes),
     .help = "say it again",
     .choices = echo_words,
     .marks = SETTING_ALONE},
    {.name = NULL},
};

static const struct own defaults = {.pace_ms = 5000, .old = 3};
static const struct network_config networks[] = {{.name = "LOCAL", .port = 1000, .open = true}, {.name = ""}};

/* The default of -protocol is "factom"; it has no options of its own here. */
static const struct protocol plain = {.name = "factom", .networks = networks, .timings.ping = 1};
static const struct protocol rich = {.name = "rich",
                                     .networks = networks,
                                     .settings = rows,
                                     .setting_size = sizeof(struct own),
                                     .setting_defaults = &defaults};
static const struct protocol rich_too = {.name = "richToo",
                                         .networks = networks,
                                         .settings = rows,
                                         .setting_size = sizeof(struct own),
                                         .setting_defaults = &defaults};
static const struct protocol *const protocols[] = {&plain, &rich, &rich_too};

const struct protocol *protocol_at(size_t i)
{
    return i < 3 ? protocols[i] : NULL;
}

const struct protocol *protocol_find(const char *name)
{
    size_t i = 0;
    while (i < 3 && strcmp(protocols[i]->name, name) != 0) {
        i++;
    }
    return protocol_at(i);
}

bool protocol_network(const struct protocol *p, const char *name, const char *custom,
                      struct network_config *config)
{
    (void)name;
    (void)custom;
    *config = p->networks[0];
    return true;
}

static char error[OPTIONS_ERROR_MAX];

/* Names and values in turn, up to a NULL. */
static bool finish(struct options *o, const char *const *given)
{
    options_init(o);
    for (size_t i = 0; given[i]; i += 2) {
        if (options_set(o, given[i], given[i + 1], error, sizeof error) != 0) {
            return false;
        }
    }
    /* The order of these two is not what is tested, and the defaults here are mostly 0. */
    assert_int_equal(options_set(o, "silence", "2", error, sizeof error), 0);
    assert_int_equal(options_set(o, "ping", "1", error, sizeof error), 0);
    assert_int_equal(options_set(o, "bannedQuality", "-5", error, sizeof error), 0);
    return options_finish(o, error, sizeof error) == 0;
}

static const struct own *own_of(const struct options *o)
{
    return o->config.node.settings;
}

static void values_go_where_the_protocol_finds_them(void **state)
{
    (void)state;
    static struct options o;
    assert_true(finish(&o, (const char *[]){"protocol", "rich", NULL}));
    assert_int_equal(own_of(&o)->pace_ms, 5000);
    assert_false(own_of(&o)->tracker);
    options_free(&o);
    assert_true(finish(&o, (const char *[]){"pace", "7s", "tracker", "true", "protocol", "rich", NULL}));
    assert_int_equal(own_of(&o)->pace_ms, 7000);
    assert_true(own_of(&o)->tracker);
    assert_int_equal(own_of(&o)->old, 3);
    assert_int_equal(defaults.pace_ms, 5000);
    options_free(&o);
    assert_true(finish(&o, (const char *[]){"protocol", "richToo", "old", "4", NULL}));
    assert_int_equal(own_of(&o)->old, 4);
    assert_int_equal(options_set(&o, "old", "5", error, sizeof error), 0);
    assert_int_equal(options_finish(&o, error, sizeof error), 0);
    assert_int_equal(own_of(&o)->old, 5);
    options_free(&o);
}

static void values_are_checked_with_any_protocol(void **state)
{
    (void)state;
    static struct options o;
    assert_false(finish(&o, (const char *[]){"old", "10", NULL}));
    assert_string_equal(error, "old: '10' is not a number from 0 to 9");
    options_free(&o);
}

static void an_option_of_another_protocol_is_an_error(void **state)
{
    (void)state;
    static struct options o;
    assert_false(finish(&o, (const char *[]){"tracker", "true", NULL}));
    assert_string_equal(error, "-tracker: protocol factom has no such option");
    options_free(&o);
    assert_true(finish(&o, (const char *[]){"old", "4", NULL})); /* but for those that all have had */
    assert_null(o.config.node.settings); /* it has none: a service that several share tells by that */
    options_free(&o);
}

/* Several protocols may share a file. */
static void a_key_of_another_protocol_is_no_error(void **state)
{
    (void)state;
    static struct options o;
    char path[] = "/tmp/kith-settings-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "[kith]\npace = 9s\nLocalTracker = true\n";
    assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(fd);
    for (size_t i = 0; i < 2; i++) {
        options_init(&o);
        assert_int_equal(options_set(&o, "config", path, error, sizeof error), 0);
        assert_int_equal(options_load(&o, error, sizeof error), 0);
        assert_string_equal(o.notice, "");
        options_set(&o, "protocol", protocols[i]->name, error, sizeof error);
        options_set(&o, "ping", "1", error, sizeof error);
        options_set(&o, "silence", "2", error, sizeof error);
        options_set(&o, "bannedQuality", "-5", error, sizeof error);
        if (options_finish(&o, error, sizeof error) != 0) {
            fail_msg("%s", error);
        }
        assert_true(i == 0 || (own_of(&o)->pace_ms == 9000 && own_of(&o)->tracker));
        options_free(&o);
    }
    unlink(path);
}

/* The value of "echoes" with these flags, the last of which may be NULL. */
static int echoes_by_flags(const char *flag, const char *next)
{
    static struct options o;
    const char *argv[] = {"kith",    "-config",  "/dev/null", "-protocol",   "rich",
                          "-ping=1", "-silence", "2",         "-json=false", "-bannedQuality=-5",
                          flag,      next,       NULL};
    if (options_parse(&o, next ? 12 : 11, (char *const *)(uintptr_t)argv, error, sizeof error) != 0) {
        return -1;
    }
    int value = (int)own_of(&o)->echoes;
    options_free(&o);
    return value;
}

static void a_switch_may_know_more_words(void **state)
{
    (void)state;
    assert_int_equal(echoes_by_flags("-pace=1s", NULL), ECHO_OFF);
    assert_int_equal(echoes_by_flags("-echoes", NULL), ECHO_ON);
    assert_int_equal(echoes_by_flags("-echoes", "-pace=1s"), ECHO_ON);
    assert_int_equal(echoes_by_flags("-echoes=true", NULL), ECHO_ON);
    assert_int_equal(echoes_by_flags("-echoes=late", NULL), ECHO_LATE);
    assert_int_equal(echoes_by_flags("-echoes=late", "-echoes=false"), ECHO_OFF);
    assert_int_equal(echoes_by_flags("-echoes", "late"), -1);
    assert_string_equal(error, "'late' is not a flag");
    assert_int_equal(echoes_by_flags("-echoes=soon", NULL), -1);
    assert_string_equal(error, "-echoes: 'soon' is none of false, true, late");
}

/* As a program that embeds the library sets it, and the configuration file. */
static void such_a_switch_always_has_a_value_elsewhere(void **state)
{
    (void)state;
    static struct options o;
    assert_true(finish(&o, (const char *[]){"protocol", "rich", "echoes", "late", NULL}));
    assert_int_equal(own_of(&o)->echoes, ECHO_LATE);
    options_free(&o);
    assert_false(finish(&o, (const char *[]){"protocol", "rich", "echoes", "", NULL}));
    assert_string_equal(error, "echoes: '' is none of false, true, late");
    options_free(&o);
}

static void the_help_shows_each_once(void **state)
{
    (void)state;
    static struct options o;
    char *text = NULL;
    size_t size;
    options_init(&o);
    FILE *out = open_memstream(&text, &size);
    options_help(&o, out);
    fclose(out);
    const char *pace = strstr(text, "\n  -pace TIME\n        between two steps (default: 5s)\n");
    assert_non_null(pace);
    assert_null(strstr(pace + 1, "\n  -pace"));
    assert_non_null(strstr(text, "\n  -echoes[=late]\n        say it again (default: false)\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_where_the_protocol_finds_them),
        cmocka_unit_test(values_are_checked_with_any_protocol),
        cmocka_unit_test(an_option_of_another_protocol_is_an_error),
        cmocka_unit_test(a_key_of_another_protocol_is_no_error),
        cmocka_unit_test(a_switch_may_know_more_words),
        cmocka_unit_test(such_a_switch_always_has_a_value_elsewhere),
        cmocka_unit_test(the_help_shows_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
