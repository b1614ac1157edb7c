/* A node with many special peers by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "tests/unit/fake_names.h"
#include "tests/unit/kith_fixture.h"

enum { NAMES = 900, ROOM = 32 };

static _Atomic unsigned told;

/* Holds up the controller with the first answer, until all others must have come as well. */
static void log_slowly(void *context, enum kith_log_level level, const char *line)
{
    int64_t by = now_ms() + WAIT_MS / 2;
    quiet(context, level, line);
    if (!strstr(line, "its name was not found") || atomic_fetch_add(&told, 1) > 0) {
        return;
    }
    while (fake_names_asked() < NAMES && now_ms() < by) {
        usleep(1000);
    }
    usleep(200000);
}

static struct kith *open_with_names(void)
{
    static char peers[NAMES * ROOM];
    const struct given_setting all[] = {{"network", "LOCAL"}, {"bind", "127.0.79.1"}, {"networkPort", "0"},
                                        {"peersFile", ""},    {"seedURL", ""},        {"exclusive", "true"},
                                        {"peers", peers}};
    struct kith_config *c = kith_config_new();
    size_t used = 0;
    assert_non_null(c);
    for (int i = 0; i < NAMES; i++) {
        used += (size_t)snprintf(peers + used, ROOM, "%d.none.test:8110 ", i);
    }
    char error[KITH_ERROR_MAX];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (kith_config_set(c, all[i].option, all[i].value, error, sizeof error) < 0) {
            fail_msg("%s", error);
        }
    }
    struct kith *node = kith_open(c, log_slowly, NULL, error, sizeof error);
    if (!node) {
        fail_msg("%s", error);
    }
    kith_config_free(c);
    return node;
}

/* However many come at once: the log tells of each name once. */
static void every_answer_finds_room(void **state)
{
    int64_t by = now_ms() + WAIT_MS;
    struct kith *node = open_with_names();
    (void)state;
    while (atomic_load(&told) < NAMES && now_ms() < by) {
        usleep(1000);
    }
    kith_close(node);
    assert_int_equal(atomic_load(&told), NAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_finds_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
