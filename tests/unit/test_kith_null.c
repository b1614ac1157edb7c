/* Every function of kith.h, given NULL if it needs something, or a size that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/kith_fixture.h"

#define HEADER_FILE KITH_VECTORS_DIR "/../../include/kith.h"

struct outcome {
    const char *call;
    intptr_t got, wanted;
};

#define IS(wanted, call)                                                                                     \
    {                                                                                                        \
#call, (intptr_t)(call), (intptr_t)(wanted)                                                          \
    }
#define DOES_NOTHING(call)                                                                                   \
    {                                                                                                        \
#call, ((call), 0), 0                                                                                \
    }

/* The functions that take no pointer. */
static const char *const without[] = {"kith_version", "kith_version_num", "kith_config_new",
                                      "kith_result_text", "kith_reason_text"};

static bool is_called(const char *function, const struct outcome *outcomes, size_t n)
{
    size_t length = strlen(function);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        if (strcmp(function, without[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (strncmp(outcomes[i].call, function, length) == 0 && outcomes[i].call[length] == '(') {
            return true;
        }
    }
    return false;
}

/* None that the header declares is left out. */
static void check_that_all_are_called(const struct outcome *outcomes, size_t n)
{
    FILE *header = fopen(HEADER_FILE, "re");
    size_t found = 0;
    assert_non_null(header);
    char line[512];
    char function[64];
    while (fgets(line, sizeof line, header)) {
        const char *name = strstr(line, "kith_");
        /* The name of the function is what stands before a parenthesis. */
        while (name && (sscanf(name, "%63[a-z_]", function) != 1 || name[strlen(function)] != '(')) {
            name = strstr(name + 1, "kith_");
        }
        if (strncmp(line, "KITH_API", 8) != 0 || !name) {
            continue;
        }
        found++;
        if (!is_called(function, outcomes, n)) {
            fail_msg("%s is not tried", function);
        }
    }
    fclose(header);
    assert_true(found > 25);
}

static void check_outcomes(const struct outcome *outcomes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (outcomes[i].got != outcomes[i].wanted) {
            fail_msg("%s: %ld, not %ld", outcomes[i].call, (long)outcomes[i].got, (long)outcomes[i].wanted);
        }
    }
}

static void null_is_refused_everywhere(void **state)
{
    struct kith *node = open_set("127.0.77.1", NULL, NULL);
    struct kith_config *c = kith_config_new();
    struct kith_item item;
    struct kith_parcel none = {0};
    const struct kith_message no_target = {.bytes = "x", .size = 1};
    /* Of a later version of the header: this library does not know what it asks for. */
    const struct kith_message later = {.target = KITH_BROADCAST, .bytes = "x", .size = 1, .reserved = {0, 1}};
    const struct kith_message no_bytes = {.target = KITH_BROADCAST, .size = 1};
    char e[KITH_ERROR_MAX] = "";
    const struct outcome outcomes[] = {
        IS(-1, kith_config_set(NULL, "peers", "", e, sizeof e)),
        IS(-1, kith_config_set(c, NULL, "", e, sizeof e)),
        IS(-1, kith_config_set(c, "peers", NULL, e, sizeof e)),
        IS(-1, kith_config_set(c, "peers", NULL, NULL, sizeof e)),
        IS(-1, kith_config_set(c, "peers", "no port", NULL, sizeof e)),
        IS(-1, kith_config_set(c, "peers", "no port", e, 0)),
        IS(0, kith_config_set(c, "peersFile", "", NULL, 0)),
        IS(-1, kith_config_load(NULL, e, sizeof e)),
        IS(-1, kith_config_load(NULL, NULL, sizeof e)),
        DOES_NOTHING(kith_config_set_validator(NULL, NULL, NULL)),
        DOES_NOTHING(kith_config_free(NULL)),
        IS(NULL, kith_open(NULL, NULL, NULL, e, sizeof e)),
        IS(NULL, kith_open(NULL, NULL, NULL, NULL, sizeof e)),
        IS(KITH_INVALID, kith_send_message(NULL, &no_bytes, 0)),
        IS(KITH_INVALID, kith_send_message(node, NULL, 0)),
        IS(KITH_INVALID, kith_send_message(node, NULL, -1)),
        IS(KITH_INVALID, kith_send_message(node, &no_target, 0)),
        IS(KITH_INVALID, kith_send_message(node, &later, 0)),
        IS(KITH_INVALID, kith_send_message(node, &no_bytes, 0)),
        IS(KITH_INVALID, kith_send(NULL, KITH_BROADCAST, "x", 1, 0)),
        IS(KITH_INVALID, kith_send(node, NULL, "x", 1, 0)),
        IS(KITH_INVALID, kith_send(node, KITH_BROADCAST, NULL, 1, 0)),
        IS(KITH_INVALID, kith_send(node, KITH_BROADCAST, NULL, SIZE_MAX, 0)),
        IS(KITH_INVALID, kith_send(node, KITH_BROADCAST, "x", SIZE_MAX, 0)),
        IS(KITH_INVALID, kith_send_wait(NULL, KITH_BROADCAST, "x", 1, 0, -1)),
        IS(KITH_INVALID, kith_send_wait(node, NULL, "x", 1, 0, -1)),
        IS(KITH_INVALID, kith_send_wait(node, KITH_BROADCAST, NULL, 1, 0, -1)),
        IS(NULL, kith_kind(NULL, 0)),
        IS(-1, kith_room_fd(NULL)),
        IS(-1, kith_command_fd(NULL)),
        IS(-1, kith_fd(NULL)),
        DOES_NOTHING(kith_getting_on(NULL)),
        IS(KITH_NOTHING, kith_receive(NULL, &item)),
        IS(KITH_NOTHING, kith_receive(node, NULL)),
        DOES_NOTHING(kith_keep(NULL, &none)),
        DOES_NOTHING(kith_keep(node, NULL)),
        DOES_NOTHING(kith_keep(node, &none)),
        DOES_NOTHING(kith_release(NULL)),
        DOES_NOTHING(kith_release(&none)),
        IS(KITH_INVALID, kith_ask_peers(NULL, 1)),
        IS(KITH_INVALID, kith_ask_status(NULL, 1)),
        IS(KITH_INVALID, kith_verdict(NULL, 1, KITH_ACCEPT)),
        IS(KITH_INVALID, kith_verdict(node, 1, KITH_ACCEPT)), /* nothing waits for one */
        IS(KITH_INVALID, kith_dial(NULL, "10.0.0.1:1", 1)),
        IS(KITH_INVALID, kith_dial(node, NULL, 1)),
        IS(KITH_INVALID, kith_dial(node, "", 1)),
        IS(KITH_INVALID, kith_dial(node, "10.0.0.1", 1)),
        IS(KITH_INVALID, kith_dial(node, "10.0.0.1:1 10.0.0.2:1", 1)),
        IS(KITH_INVALID, kith_ask_bans(NULL, 1)),
        IS(KITH_INVALID, kith_ask_known(NULL, 0, 1)),
        IS(KITH_INVALID, kith_ask_score(NULL, "10.0.0.1", 1)),
        IS(KITH_INVALID, kith_ask_score(node, NULL, 1)),
        IS(KITH_INVALID, kith_report(NULL, "10.0.0.1:1 00000001", 1, 1)),
        IS(KITH_INVALID, kith_report(node, NULL, 1, 1)),
        IS(KITH_INVALID, kith_special_add(NULL, "10.0.0.1:1", 1)),
        IS(KITH_INVALID, kith_special_add(node, NULL, 1)),
        IS(KITH_INVALID, kith_special_remove(NULL, "10.0.0.1:1", 1)),
        IS(KITH_INVALID, kith_special_remove(node, NULL, 1)),
        IS(KITH_INVALID, kith_ban(NULL, "10.0.0.1", 0, 1)),
        IS(KITH_INVALID, kith_ban(node, NULL, 0, 1)),
        IS(KITH_INVALID, kith_unban(NULL, "10.0.0.1", 1)),
        IS(KITH_INVALID, kith_unban(node, NULL, 1)),
        IS(KITH_INVALID, kith_unban(node, "00ff", 1)), /* an id, in a protocol that rates none */
        IS(KITH_INVALID, kith_disconnect(NULL, "10.0.0.1:1 00000001", 1)),
        IS(KITH_INVALID, kith_disconnect(node, NULL, 1)),
        IS(KITH_INVALID, kith_ask_service(NULL, "chain", "", 1)),
        IS(KITH_INVALID, kith_ask_service(node, NULL, "", 1)),
        IS(KITH_INVALID, kith_set_special(NULL, "", 1)),
        IS(KITH_INVALID, kith_set_special(node, NULL, 1)),
        IS(KITH_INVALID, kith_reload(NULL, 1, e, sizeof e)),
        IS(KITH_INVALID, kith_reload(NULL, 1, NULL, sizeof e)),
        DOES_NOTHING(kith_quit(NULL)),
        DOES_NOTHING(kith_close(NULL)),
    };
    const size_t n = sizeof outcomes / sizeof *outcomes;
    (void)state;
    check_outcomes(outcomes, n);
    check_that_all_are_called(outcomes, n);
    kith_config_free(c);
    next_event(node, KITH_LISTENING, &item); /* it was not taken by the call without an item */
    assert_int_equal(kith_ask_status(node, 7), KITH_OK);
    next_event(node, KITH_STATUS, &item);
    assert_int_equal(item.event.id, 7); /* and no other command was given */
    kith_close(node);
}

static void an_error_text_names_what_was_null(void **state)
{
    struct kith_config *c = kith_config_new();
    (void)state;
    char e[KITH_ERROR_MAX];
    assert_int_equal(kith_config_set(c, "peers", NULL, e, sizeof e), -1);
    assert_string_equal(e, "-peers: NULL");
    assert_int_equal(kith_config_set(c, NULL, "x", e, sizeof e), -1);
    assert_string_equal(e, "name: NULL");
    assert_int_equal(kith_config_load(NULL, e, sizeof e), -1);
    assert_string_equal(e, "config: NULL");
    assert_null(kith_open(NULL, NULL, NULL, e, sizeof e));
    assert_string_equal(e, "config: NULL");
    assert_int_equal(kith_reload(NULL, 1, e, 8), KITH_INVALID);
    assert_string_equal(e, "node: N"); /* cut to its room */
    kith_config_free(c);
}

static void a_node_that_cannot_open_needs_no_room_for_the_reason(void **state)
{
    struct kith_config *c = kith_config_new();
    (void)state;
    assert_int_equal(kith_config_set(c, "bind", "192.0.2.1", NULL, 0), 0); /* nobody's */
    assert_int_equal(kith_config_set(c, "peersFile", "", NULL, 0), 0);
    assert_null(kith_open(c, quiet, NULL, NULL, KITH_ERROR_MAX));
    kith_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_refused_everywhere),
        cmocka_unit_test(an_error_text_names_what_was_null),
        cmocka_unit_test(a_node_that_cannot_open_needs_no_room_for_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
