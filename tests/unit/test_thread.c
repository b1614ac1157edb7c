#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "queue/thread.h"

#define DEEP ((size_t)256 << 10)

static _Atomic time_t ahead; /* the wall clock goes wrong by so many seconds */

/* Stands in front of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
    int result = (int)syscall(SYS_clock_gettime, clock, t);
    if (result == 0 && clock == CLOCK_REALTIME) {
        t->tv_sec += atomic_load(&ahead);
    }
    return result;
}

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
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        assert_int_equal(sigismember(&seen.blocked, signals[i]), 1);
    }
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
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return NULL;
    }
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

/* The pages of [from, from + size) that are in memory. */
static size_t resident(unsigned char *from, size_t size)
{
    unsigned char pages[DEEP / 4096 + 1] = {0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
    from = (unsigned char *)(((uintptr_t)from + page - 1) & ~(uintptr_t)(page - 1));
    assert_int_equal(mincore(from, size - page, pages), 0);
    for (size_t i = 0; i < size / page - 1; i++) {
        n += pages[i] & 1;
    }
    return n;
}

/* Tells where its frame was. */
static __attribute__((noinline)) void go_deep(uintptr_t *where)
{
    volatile unsigned char frame[DEEP];
    for (size_t i = 0; i < sizeof frame; i += 1024) {
        frame[i] = 1;
    }
    *where = (uintptr_t)&frame[0];
}

static void *trim(void *argument)
{
    size_t *pages = argument;
    uintptr_t where;
    volatile int kept = 77;
    go_deep(&where);
    unsigned char *deep = (unsigned char *)where;
    pages[0] = resident(deep, DEEP - DEEP / 8); /* without what lies near the frames in use */
    thread_trim_stack();
    pages[1] = resident(deep, DEEP - DEEP / 8);
    return kept == 77 ? argument : NULL;
}

static void a_thread_gives_back_the_stack_that_it_does_not_use(void **state)
{
    (void)state;
    pthread_t thread;
    size_t pages[2] = {0};
    void *result;
    assert_int_equal(thread_start(&thread, "kith-test", 32 * DEEP, trim, pages), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, pages);
    assert_in_range(pages[0], 20, DEEP / 4096);
    assert_int_equal(pages[1], 0);
}

/* The gate stays open: nobody waits for the thread. */
static void *be_stuck(void *argument)
{
    struct pollfd gate = {.fd = *(int *)argument, .events = POLLIN};
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    poll(&gate, 1, 5000);
    return NULL;
}

/* It was an hour ahead when the wait began, and has been set right since. */
static void a_wall_clock_that_is_set_back_prolongs_no_end(void **state)
{
    (void)state;
    static int gate;
    pthread_t thread;
    gate = eventfd(0, EFD_CLOEXEC);
    assert_true(gate >= 0);
    assert_int_equal(thread_start(&thread, "kith-test", 0, be_stuck, &gate), 0);
    atomic_store(&ahead, 3600);
    bool ended = thread_end(thread, 50);
    atomic_store(&ahead, 0);
    assert_false(ended);
    eventfd_write(gate, 1);
}

static void a_thread_that_ends_is_waited_for(void **state)
{
    (void)state;
    struct seen seen;
    int gate = 0;
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "kith-test", 0, look, &seen), 0);
    assert_true(thread_end(thread, 5000));
    assert_int_equal(thread_start(&thread, "kith-test", 0, wait_for_signal, &gate), 0);
    assert_true(thread_end(thread, 0)); /* it is cancelled */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_runs_with_its_argument_and_every_signal_blocked),
        cmocka_unit_test(a_thread_bears_its_name),
        cmocka_unit_test(a_thread_has_the_stack_that_it_was_given),
        cmocka_unit_test(a_stack_too_small_is_an_error),
        cmocka_unit_test(a_thread_gives_back_the_stack_that_it_does_not_use),
        cmocka_unit_test(a_thread_that_ends_is_waited_for),
        cmocka_unit_test(a_wall_clock_that_is_set_back_prolongs_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
