/* A store in memory, one that is slow, one that fails to open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"
#include "tests/unit/memory_store.h"

enum { MOST = 8, LONG_MS = 10000 };

static struct bell bell;

static struct store *start(const struct store_schema *schema)
{
    const struct store_config config = {
        .schema = schema, .place = {.path = "/nowhere"}, .most = MOST, .asker_bell = &bell};
    assert_int_equal(bell_init(&bell), 0);
    char error[160];
    struct store *s = store_start(&config, error, sizeof error);
    assert_non_null(s);
    return s;
}

static bool ask(struct store *s, uint64_t token, uint32_t kind, const char *text)
{
    const struct store_request q = {.token = token, .kind = kind, .parcel = parcel_new(text, strlen(text))};
    bool taken = store_ask(s, &q);
    if (!taken) {
        parcel_release(q.parcel);
    }
    return taken;
}

static struct store_answer take(struct store *s)
{
    struct store_answer a = {0};
    bool has = false;
    for (int64_t by = clock_ms() + LONG_MS; !(has = store_take(s, &a)) && clock_ms() < by;) {
        bell_lie_down(&bell);
        if (store_empty(s)) {
            poll(&(struct pollfd){.fd = bell.fd, .events = POLLIN}, 1, LONG_MS);
        }
        bell_get_up(&bell);
    }
    assert_true(has);
    return a;
}

static void end(struct store *s)
{
    store_stop(s);
    bell_fini(&bell);
}

static void what_is_kept_is_found(void **state)
{
    (void)state;
    struct store *s = start(&memory_store);
    assert_true(ask(s, 1, MEMORY_PUT, "aValue"));
    assert_true(ask(s, 2, MEMORY_GET, "a"));
    assert_true(ask(s, 3, MEMORY_GET, "b"));
    struct store_answer a = take(s);
    assert_int_equal(a.token, 1);
    assert_int_equal(a.kind, MEMORY_KEPT);
    a = take(s);
    assert_int_equal(a.token, 2);
    assert_int_equal(a.kind, MEMORY_VALUE);
    assert_int_equal(a.parcel->size, 5);
    assert_memory_equal(a.parcel->bytes, "Value", 5);
    parcel_release(a.parcel);
    a = take(s);
    assert_int_equal(a.token, 3);
    assert_int_equal(a.kind, MEMORY_NONE);
    end(s);
}

/* A disk that takes its time: who asks does not wait, a full table says so, and the order is kept. */
static void a_slow_disk_holds_up_nobody(void **state)
{
    (void)state;
    struct store *s = start(&memory_store);
    int64_t began = clock_ms();
    assert_true(ask(s, 0, MEMORY_SLEEP, "z"));
    for (uint64_t i = 1; i < MOST; i++) {
        assert_true(ask(s, i, MEMORY_GET, "a"));
    }
    assert_false(ask(s, MOST, MEMORY_GET, "a"));
    assert_true(clock_ms() - began < MEMORY_SLEEP_MS);
    for (uint64_t i = 0; i < MOST; i++) {
        assert_int_equal(take(s).token, i);
    }
    assert_true(clock_ms() - began >= MEMORY_SLEEP_MS);
    assert_true(ask(s, MOST, MEMORY_GET, "a"));
    assert_int_equal(take(s).token, MOST);
    end(s);
}

/* An answer that is not taken keeps its place in the table: it always finds room. */
static void answers_that_nobody_takes_are_bounded(void **state)
{
    (void)state;
    struct store *s = start(&memory_store);
    uint64_t n = 0;
    for (int64_t by = clock_ms() + 100; clock_ms() < by;) {
        n += ask(s, n, MEMORY_GET, "a");
    }
    assert_int_equal(n, MOST);
    end(s);
}

static const struct parcel *kept[2];

static void noting_answer(void *s, const struct store_request *q, struct store_answer *a)
{
    (void)s;
    kept[q->token] = q->parcel;
    a->parcel = parcel_new("unread", 6);
}

static void what_was_asked_before_the_end_is_answered(void **state)
{
    (void)state;
    struct store_schema noting = memory_store;
    noting.answer = noting_answer;
    for (int i = 0; i < 100; i++) {
        kept[0] = kept[1] = NULL;
        struct store *s = start(&noting);
        assert_true(ask(s, 0, MEMORY_PUT, "a"));
        assert_true(ask(s, 1, MEMORY_PUT, "b"));
        end(s);
        assert_non_null(kept[0]);
        assert_non_null(kept[1]);
    }
}

static void one_that_does_not_open_says_why(void **state)
{
    (void)state;
    char error[160] = "";
    const struct store_config config = {
        .schema = &closed_store, .place = {.path = "/nowhere"}, .most = MOST, .asker_bell = &bell};
    assert_null(store_start(&config, error, sizeof error));
    assert_string_equal(error, "cannot open the chain at '/nowhere'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_found),
        cmocka_unit_test(a_slow_disk_holds_up_nobody),
        cmocka_unit_test(answers_that_nobody_takes_are_bounded),
        cmocka_unit_test(what_was_asked_before_the_end_is_answered),
        cmocka_unit_test(one_that_does_not_open_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
