#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/worker.h"

#define LONG_MS 20000 /* a sleep that nothing ends */
#define SOON_MS 60

/* Counts what it is given, in turns. */
struct counter {
    struct worker worker;
    _Atomic uint32_t given;
    _Atomic uint32_t taken;
    char name[16];
};

static bool is_behind(const void *self)
{
    const struct counter *c = self;
    return atomic_load_explicit(&c->given, memory_order_relaxed) !=
           atomic_load_explicit(&c->taken, memory_order_relaxed);
}

static void count(void *self)
{
    struct counter *c = self;
    for (;;) {
        bool last = worker_stopped(&c->worker);
        uint32_t given = atomic_load_explicit(&c->given, memory_order_relaxed);
        atomic_store(&c->taken, given);
        if (last) {
            pthread_getname_np(pthread_self(), c->name, sizeof c->name);
            return;
        }
        worker_sleep(&c->worker, is_behind, NULL, 0, WORKER_NEVER);
    }
}

static bool has_taken(struct counter *c, uint32_t n)
{
    for (int64_t by = clock_ms() + LONG_MS; clock_ms() < by; usleep(10)) {
        if (atomic_load(&c->taken) == n) {
            return true;
        }
    }
    return false;
}

static void a_ring_wakes_it_and_a_stop_ends_it(void **state)
{
    (void)state;
    struct counter c = {0};
    assert_int_equal(worker_start(&c.worker, "kith-test", 0, count, &c), 0);
    for (uint32_t i = 1; i <= 100; i++) {
        atomic_store_explicit(&c.given, i, memory_order_relaxed);
        bell_ring(&c.worker.bell);
        assert_true(has_taken(&c, i));
    }
    worker_stop(&c.worker);
    worker_stop(&c.worker);
    worker_join(&c.worker);
    assert_string_equal(c.name, "kith-test");
    worker_fini(&c.worker);
}

/* Each round gives and stops while the thread lies down, or is about to. */
static void what_was_given_before_the_stop_is_taken(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        struct counter c = {0};
        assert_int_equal(worker_start(&c.worker, "kith-test", 0, count, &c), 0);
        if (i % 2) {
            usleep(i % 60);
        }
        atomic_store_explicit(&c.given, i, memory_order_relaxed);
        assert_true(worker_end(&c.worker, LONG_MS));
        assert_int_equal(atomic_load(&c.taken), i);
        worker_fini(&c.worker);
    }
}

/* The rest sleep on this thread: it is the worker's as far as they can tell. */
static struct worker asleep;

static int set_up(void **state)
{
    (void)state;
    asleep = (struct worker){0};
    return worker_open(&asleep);
}

static int tear_down(void **state)
{
    (void)state;
    worker_fini(&asleep);
    worker_fini(&asleep);
    return 0;
}

static int64_t sleep_for(bool (*busy)(const void *self), struct pollfd *fds, nfds_t n, int64_t ms)
{
    int64_t start = clock_ms();
    assert_int_equal(worker_sleep(&asleep, busy, fds, n, start + ms), 0);
    return clock_ms() - start;
}

static bool is_busy_if_armed(const void *self)
{
    (void)self;
    return atomic_load(&asleep.bell.asleep);
}

static bool is_rung_meanwhile(const void *self)
{
    (void)self;
    bell_ring(&asleep.bell);
    return false;
}

static bool is_stopped_meanwhile(const void *self)
{
    (void)self;
    worker_stop(&asleep);
    return false;
}

static void a_deadline_ends_a_sleep(void **state)
{
    (void)state;
    assert_in_range(sleep_for(NULL, NULL, 0, SOON_MS), SOON_MS - 1, LONG_MS / 2);
    assert_in_range(sleep_for(NULL, NULL, 0, -SOON_MS), 0, LONG_MS / 2);
}

static void who_is_busy_once_the_bell_is_armed_does_not_sleep(void **state)
{
    (void)state;
    assert_in_range(sleep_for(is_busy_if_armed, NULL, 0, LONG_MS), 0, LONG_MS / 2);
    assert_false(atomic_load(&asleep.bell.asleep));
}

static void a_ring_or_a_stop_after_the_last_look_ends_the_sleep(void **state)
{
    (void)state;
    assert_in_range(sleep_for(is_rung_meanwhile, NULL, 0, LONG_MS), 0, LONG_MS / 2);
    /* That ring is used up. */
    assert_in_range(sleep_for(NULL, NULL, 0, SOON_MS), SOON_MS - 1, LONG_MS / 2);
    assert_in_range(sleep_for(is_stopped_meanwhile, NULL, 0, LONG_MS), 0, LONG_MS / 2);
    assert_in_range(sleep_for(NULL, NULL, 0, LONG_MS), 0, LONG_MS / 2);
}

static void a_descriptor_that_is_ready_ends_a_sleep(void **state)
{
    (void)state;
    int ready = eventfd(1, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);
    assert_true(ready >= 0 && other >= 0);
    struct pollfd fds[3] = {{0}, {.fd = other, .events = POLLIN}, {.fd = ready, .events = POLLIN}};
    assert_in_range(sleep_for(NULL, fds, 3, LONG_MS), 0, LONG_MS / 2);
    assert_int_equal(fds[1].revents, 0);
    assert_int_equal(fds[2].revents, POLLIN);
    /* Not asked now, and so not told of. */
    assert_in_range(sleep_for(is_busy_if_armed, fds, 3, LONG_MS), 0, LONG_MS / 2);
    assert_int_equal(fds[2].revents, 0);
    close(ready);
    close(other);
}

/* The same by a last look, which says when to wake. */
struct sleeper {
    struct worker worker;
    bool was_armed;
    int n_looks;
    int64_t until;
    void (*meanwhile)(struct worker *w);
};

static int64_t look(void *self)
{
    struct sleeper *s = self;
    s->was_armed = atomic_load(&s->worker.bell.asleep);
    s->n_looks++;
    if (s->meanwhile) {
        s->meanwhile(&s->worker);
    }
    return s->until;
}

static void ring(struct worker *w)
{
    bell_ring(&w->bell);
}

static int64_t sleep_until(struct sleeper *s, int64_t until, void (*meanwhile)(struct worker *w))
{
    int64_t start = clock_ms();
    s->was_armed = false;
    s->until = until;
    s->meanwhile = meanwhile;
    worker_sleep_until(&s->worker, look);
    assert_false(atomic_load(&s->worker.bell.asleep));
    return clock_ms() - start;
}

static void the_last_look_comes_once_the_bell_is_armed_and_says_when_to_wake(void **state)
{
    (void)state;
    struct sleeper s = {0};
    s.worker.self = &s;
    assert_int_equal(worker_open(&s.worker), 0);
    assert_in_range(sleep_until(&s, clock_ms() + SOON_MS, NULL), SOON_MS - 1, LONG_MS / 2);
    assert_true(s.was_armed);
    assert_int_equal(s.n_looks, 1);
    assert_in_range(sleep_until(&s, clock_ms() - SOON_MS, NULL), 0, LONG_MS / 2);
    assert_in_range(sleep_until(&s, WORKER_BUSY, NULL), 0, LONG_MS / 2);
    assert_true(s.was_armed);
    assert_in_range(sleep_until(&s, clock_ms() + LONG_MS, ring), 0, LONG_MS / 2);
    /* That ring is used up. */
    assert_in_range(sleep_until(&s, clock_ms() + SOON_MS, NULL), SOON_MS - 1, LONG_MS / 2);
    assert_in_range(sleep_until(&s, clock_ms() + LONG_MS, worker_stop), 0, LONG_MS / 2);
    /* After a stop there is no sleep, and no look is needed. */
    assert_in_range(sleep_until(&s, clock_ms() + LONG_MS, NULL), 0, LONG_MS / 2);
    assert_int_equal(s.n_looks, 6);
    worker_fini(&s.worker);
}

static void a_worker_that_does_not_start_leaves_no_descriptor(void **state)
{
    (void)state;
    struct worker w = {0};
    int free_before = eventfd(0, EFD_CLOEXEC), free_after;
    close(free_before);
    worker_fini(&w);
    assert_int_equal(worker_start(&w, "kith-test", 1, count, NULL), EINVAL);
    worker_fini(&w);
    free_after = eventfd(0, EFD_CLOEXEC);
    close(free_after);
    assert_int_equal(free_before, free_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_wakes_it_and_a_stop_ends_it),
        cmocka_unit_test(what_was_given_before_the_stop_is_taken),
        cmocka_unit_test_setup_teardown(a_deadline_ends_a_sleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_busy_once_the_bell_is_armed_does_not_sleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ring_or_a_stop_after_the_last_look_ends_the_sleep, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_descriptor_that_is_ready_ends_a_sleep, set_up, tear_down),
        cmocka_unit_test(the_last_look_comes_once_the_bell_is_armed_and_says_when_to_wake),
        cmocka_unit_test(a_worker_that_does_not_start_leaves_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
