#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue/thread.h"

struct seen {
    sigset_t blocked;
};

static void *look(void *argument)
{
    struct seen *seen = argument;
    pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
    return seen;
}

static void a_thread_runs_with_its_argument_and_every_signal_blocked(void **state)
{
    (void)state;
    struct seen seen;
    memset(&seen, 0, sizeof seen);
    pthread_t thread;
    void *returned = NULL;
    assert_int_equal(thread_start(&thread, "kith-test", 0, look, &seen), 0);
    assert_int_equal(pthread_join(thread, &returned), 0);
    assert_ptr_equal(returned, &seen);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        assert_int_equal(sigismember(&seen.blocked, signals[i]), 1);
    sigset_t own;
    pthread_sigmask(SIG_BLOCK, NULL, &own);
    assert_int_equal(sigismember(&own, SIGTERM), 0);
}

static void *wait_for_signal(void *argument)
{
    int *got = argument;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigwait(&set, got);
    return NULL;
}

static void a_thread_bears_its_name(void **state)
{
    (void)state;
    pthread_t thread;
    int got = 0;
    char name[16] = "";
    assert_int_equal(thread_start(&thread, "kith-test", 0, wait_for_signal, &got), 0);
    assert_int_equal(pthread_getname_np(thread, name, sizeof name), 0);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    assert_string_equal(name, "kith-test");
    assert_int_equal(got, SIGUSR1);
}

static void *measure_stack(void *argument)
{
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return NULL;
    pthread_attr_getstacksize(&attributes, argument);
    pthread_attr_destroy(&attributes);
    return NULL;
}

static void a_thread_has_the_stack_that_it_was_given(void **state)
{
    (void)state;
    const size_t wanted = (size_t)1 << 20;
    pthread_t thread;
    size_t stack_bytes = 0;
    assert_int_equal(thread_start(&thread, "kith-test", wanted, measure_stack, &stack_bytes), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* Sanitizers and the C library's own data may take some more. */
    assert_in_range(stack_bytes, wanted, 2 * wanted);
}

static void a_stack_too_small_is_an_error(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "kith-test", 1, measure_stack, NULL), EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_runs_with_its_argument_and_every_signal_blocked),
        cmocka_unit_test(a_thread_bears_its_name),
        cmocka_unit_test(a_thread_has_the_stack_that_it_was_given),
        cmocka_unit_test(a_stack_too_small_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
