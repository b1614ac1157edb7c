/* The names of those who are online, written by one thread and read by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>

#include "node/roster.h"

enum { PLACES = 64, LOOKS = 2000000 };

struct churn {
    struct roster *roster;
    _Atomic bool stop;
    _Atomic uint64_t turns;
};

/* A peer that is always online, by connections that follow one another in two places far apart. */
static void *take_turns(void *argument)
{
    struct churn *c = argument;
    struct peer_ref places[2] = {{.index = 2, .generation = 1}, {.index = PLACES - 2, .generation = 1}};
    roster_add(c->roster, places[0], "busy", true);
    for (uint32_t i = 1; !atomic_load(&c->stop); i++) {
        places[i % 2].generation++;
        roster_add(c->roster, places[i % 2], "busy", true);
        roster_remove(c->roster, places[1 - i % 2]);
        atomic_fetch_add(&c->turns, 1);
    }
    return NULL;
}

static void who_is_always_online_is_always_found(void **state)
{
    struct churn c = {.roster = roster_new(PLACES)};
    uint64_t missed = 0;
    (void)state;
    assert_non_null(c.roster);
    roster_add(c.roster, (struct peer_ref){.index = PLACES - 1, .generation = 1}, "quiet", false);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_turns, &c), 0);
    while (atomic_load(&c.turns) < 10)
        ;
    struct peer_ref found;
    for (int i = 0; i < LOOKS; i++) {
        missed += !roster_find(c.roster, "busy", &found);
    }
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(missed, 0);
    assert_true(roster_find(c.roster, "quiet", &found));
    assert_int_equal(found.index, PLACES - 1);
    assert_false(roster_find(c.roster, "nobody", &found));
    roster_free(c.roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_always_online_is_always_found),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
