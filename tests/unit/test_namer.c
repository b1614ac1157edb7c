/* Names looked up by a thread that may block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "node/namer.h"
#include "tests/unit/fake_names.h"

enum { PATIENCE_MS = 20000, SOON_MS = 2000, MOST = 128 };

static struct names_found *_Atomic answers[MOST];
static _Atomic size_t n_answers;

static void found(void *context, struct names_found *answer)
{
    size_t n = atomic_load(&n_answers);
    assert_ptr_equal(context, &n_answers);
    atomic_store(&answers[n], answer);
    atomic_store(&n_answers, n + 1);
}

static int set_up(void **state)
{
    const struct namer_config config = {.most = 24, .found = found, .context = &n_answers};
    atomic_store(&n_answers, 0);
    *state = namer_start(&config);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    int64_t began = clock_ms();
    namer_stop(*state);
    /* Whatever the name server does. */
    assert_true(clock_ms() - began < SOON_MS);
    fake_names_release();
    for (size_t i = 0; i < atomic_load(&n_answers); i++) {
        free(atomic_load(&answers[i]));
    }
    return 0;
}

static bool ask(struct namer *n, const char *host)
{
    struct address a = {.port = 8110};
    snprintf(a.host, sizeof a.host, "%s", host);
    return namer_ask(n, &a);
}

static const struct names_found *answer_of(const char *host)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    while (clock_ms() < until) {
        for (size_t i = 0; i < atomic_load(&n_answers); i++) {
            if (strcmp(atomic_load(&answers[i])->name.host, host) == 0) {
                return atomic_load(&answers[i]);
            }
        }
        usleep(1000);
    }
    fail_msg("no answer for %s", host);
    return NULL;
}

static void answers_hold_what_is_there(void **state)
{
    assert_true(ask(*state, "one.test"));
    assert_true(ask(*state, "none.test"));
    assert_true(ask(*state, "many.test"));
    const struct names_found *f = answer_of("one.test");
    assert_int_equal(f->n, 2);
    char text[ENDPOINT_TEXT_MAX];
    assert_string_equal(endpoint_format(&f->endpoints[1], text, sizeof text), "[2001:db8::1]:8110");
    f = answer_of("none.test");
    assert_int_equal(f->n, 0);
    assert_true(f->error[0] != '\0');
    assert_int_equal(answer_of("many.test")->n, NAME_ADDRESSES_MAX);
    assert_int_equal(fake_names_asked(), 3);
}

static void a_slow_name_holds_up_no_other(void **state)
{
    for (int i = 0; i < NAMER_AT_ONCE - 1; i++) {
        assert_true(ask(*state, "slow.test"));
    }
    assert_true(ask(*state, "one.test"));
    assert_int_equal(answer_of("one.test")->n, 2);
    assert_int_equal(atomic_load(&n_answers), 1);
}

/* And the end does not wait for any of them, as the tear-down sees. */
static void names_wait_for_their_turn_and_are_bounded(void **state)
{
    int64_t until = clock_ms() + PATIENCE_MS;
    int n = 0;
    for (int i = 0; i < NAMER_AT_ONCE; i++) {
        assert_true(ask(*state, "slow.test"));
    }
    while (atomic_load(&blocked) < NAMER_AT_ONCE && clock_ms() < until) {
        usleep(1000);
    }
    while (n < 1000 && ask(*state, "one.test")) {
        n++;
    }
    assert_in_range(n, 8, 64); /* how much of the queue its thread has taken is its own affair */
    assert_int_equal(atomic_load(&n_answers), 0);
    fake_names_release();
    assert_int_equal(answer_of("one.test")->n, 2);
    while (atomic_load(&n_answers) < NAMER_AT_ONCE + 1 && clock_ms() < until) {
        usleep(1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_hold_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_name_holds_up_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_wait_for_their_turn_and_are_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
