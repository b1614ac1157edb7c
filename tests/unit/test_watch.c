/* The second reader of a node's events: what it hears, in which order, what it loses, and who frees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "node/watch.h"
#include "queue/parcel.h"

enum { FLOOD = 200000, TURNS = 50000, LONG_WAIT_MS = 20000 };

static const struct peer_ref somebody = {.index = 3, .generation = 1};

/* Gives the application's reference up, as an application that has taken the event does. */
static void tell(struct watch *w, enum kith_event_type type, uint64_t id, uint64_t count)
{
    struct node_event *e = node_event_new(type, id, count);
    assert_non_null(e);
    if (!watch_tell(w, e)) {
        node_event_free(e);
    }
}

static void deliver(struct watch *w, size_t size)
{
    struct parcel *p = parcel_new(NULL, size);
    assert_non_null(p);
    memset(p->bytes, 'x', size);
    watch_deliver(w, somebody, 7, p);
}

static void expect_event(struct watch *w, enum kith_event_type type, uint64_t id, uint64_t count)
{
    struct taken t;
    assert_int_equal(watch_take(w, &t), TAKE_EVENT);
    assert_int_equal(t.event->public.type, type);
    assert_int_equal(t.event->public.id, id);
    assert_int_equal(t.event->public.count, count);
    node_event_free(t.event);
}

static void expect_parcel(struct watch *w, size_t size)
{
    struct taken t;
    assert_int_equal(watch_take(w, &t), TAKE_PARCEL);
    assert_int_equal(t.parcel->size, size);
    assert_int_equal(t.kind, 7);
    assert_true(peer_ref_equal(t.peer, somebody));
    parcel_release(t.parcel);
}

static void expect_nothing(struct watch *w)
{
    struct taken t;
    assert_int_equal(watch_take(w, &t), TAKE_NOTHING);
}

static void news_come_to_both_and_answers_to_one(void **state)
{
    (void)state;
    struct watch *w = watch_new();
    const enum kith_event_type news[] = {KITH_LISTENING, KITH_ONLINE, KITH_OFFLINE, KITH_DROPPED};
    assert_non_null(w);
    for (size_t i = 0; i < 4; i++) {
        struct node_event *e = node_event_new(news[i], 0, i);
        assert_false(watch_tell(w, e));
        assert_int_equal(e->public.count, i); /* still the application's */
        node_event_free(e);
        expect_event(w, news[i], 0, i);
    }
    tell(w, KITH_FAILED, 0, 0); /* of the node itself */
    expect_event(w, KITH_FAILED, 0, 0);
    tell(w, KITH_PEERS, 5, 9); /* what the application asked for */
    tell(w, KITH_FAILED, 5, 9);
    tell(w, KITH_MISSED, 0, 9); /* by the application */
    expect_nothing(w);
    struct node_event *e = node_event_new(KITH_STATUS, WATCH_ID | 5, 0);
    assert_true(watch_tell(w, e));
    expect_event(w, KITH_STATUS, WATCH_ID | 5, 0);
    watch_free(w);
}

static void parcels_and_events_keep_their_order(void **state)
{
    (void)state;
    struct watch *w = watch_new();
    tell(w, KITH_ONLINE, 0, 1);
    deliver(w, 10);
    deliver(w, 20);
    tell(w, KITH_OFFLINE, 0, 2);
    expect_event(w, KITH_ONLINE, 0, 1);
    expect_parcel(w, 10);
    expect_parcel(w, 20);
    expect_event(w, KITH_OFFLINE, 0, 2);
    expect_nothing(w);
    watch_free(w);
}

/* What finds no room is told before what comes next, and pushes out neither events nor answers. */
static void a_flood_of_parcels_loses_parcels_alone(void **state)
{
    (void)state;
    struct watch *w = watch_new();
    for (int i = 0; i < WATCH_PARCELS + 30; i++) {
        deliver(w, 1);
    }
    for (int i = 0; i < WATCH_ANSWERS; i++) {
        tell(w, KITH_DONE, WATCH_ID | 1, (uint64_t)i);
    }
    tell(w, KITH_ONLINE, 0, 1);
    struct taken t;
    uint64_t missed = 0, answers = 0, online = 0;
    enum take_result r;
    while ((r = watch_take(w, &t)) != TAKE_NOTHING) {
        if (r == TAKE_PARCEL) {
            parcel_release(t.parcel);
            continue;
        }
        missed += t.event->public.type == KITH_MISSED ? t.event->public.count : 0;
        answers += t.event->public.type == KITH_DONE;
        online += t.event->public.type == KITH_ONLINE;
        node_event_free(t.event);
    }
    assert_int_equal(missed, 30);
    assert_int_equal(answers, WATCH_ANSWERS);
    assert_int_equal(online, 1);
    watch_free(w);
}

static void bytes_are_bounded_and_a_long_parcel_may_wait_alone(void **state)
{
    (void)state;
    struct watch *w = watch_new();
    deliver(w, WATCH_BYTES + 1);
    deliver(w, 1);
    expect_parcel(w, WATCH_BYTES + 1);
    watch_report_missed(w);
    expect_event(w, KITH_MISSED, 0, 1);
    deliver(w, WATCH_BYTES);
    deliver(w, 1);
    expect_parcel(w, WATCH_BYTES);
    deliver(w, 2);
    expect_event(w, KITH_MISSED, 0, 1);
    expect_parcel(w, 2);
    expect_nothing(w);
    watch_free(w);
}

static void a_request_is_answered_without_memory(void **state)
{
    struct watch *w = watch_new();
    struct taken t;
    (void)state;
    assert_non_null(w);
    watch_tell_no_memory(w, WATCH_ID | 7);
    tell(w, KITH_DONE, WATCH_ID | 8, 0);
    assert_int_equal(watch_take(w, &t), TAKE_EVENT);
    assert_null(t.event);
    assert_true(t.asked == (WATCH_ID | 7));
    expect_event(w, KITH_DONE, WATCH_ID | 8, 0);
    watch_tell_no_memory(w, WATCH_ID | 9); /* is not taken */
    watch_free(w);
}

static void the_end_comes_last_with_what_was_missed(void **state)
{
    (void)state;
    struct watch *w = watch_new();
    for (uint64_t i = 0; i < WATCH_EVENTS + 5; i++) {
        tell(w, KITH_DROPPED, 0, i);
    }
    watch_end(w);
    for (uint64_t i = 0; i < WATCH_EVENTS; i++) {
        expect_event(w, KITH_DROPPED, 0, i);
    }
    expect_event(w, KITH_MISSED, 0, 5);
    expect_event(w, KITH_ENDED, 0, 0);
    expect_nothing(w);
    watch_free(w);
}

static void what_nobody_takes_is_freed(void **state)
{
    (void)state;
    struct watch *w = watch_new();
    deliver(w, 100);
    tell(w, KITH_ONLINE, 0, 1);
    tell(w, KITH_PEERS, WATCH_ID, 1);
    watch_free(w); /* the leak check of ASan is the judge */
}

/* --- two threads --- */

struct stream {
    struct watch *watch;
    struct node_event *_Atomic applications; /* the last event, as the application takes it */
};

/* The controller: numbered news, parcels and answers, and an application that frees its references on a third
 * thread. */
static void *write_all(void *argument)
{
    struct stream *s = argument;
    for (uint64_t i = 1; i <= FLOOD; i++) {
        struct node_event *e = node_event_new(KITH_DROPPED, 0, i);
        if (!watch_tell(s->watch, e)) {
            node_event_free(atomic_exchange(&s->applications, e));
        }
        if (i % 4 == 0) {
            watch_deliver(s->watch, somebody, 7, parcel_new(&i, sizeof i));
        }
        if (i % 1024 == 0) {
            sched_yield();
        }
    }
    watch_end(s->watch);
    return NULL;
}

static void *free_all(void *argument)
{
    struct stream *s = argument;
    uint64_t last = 0;
    while (last < FLOOD) {
        struct node_event *e = atomic_exchange(&s->applications, NULL);
        if (!e) {
            sched_yield();
            continue;
        }
        last = e->public.count;
        node_event_free(e);
    }
    return NULL;
}

static bool sleep_on(struct watch *w)
{
    struct pollfd fd = {.fd = watch_fd(w), .events = POLLIN};
    return poll(&fd, 1, LONG_WAIT_MS) == 1; /* a wake that was lost shows here */
}

/* Everything is taken or told as missed, nothing comes twice, and the numbers grow. */
static void two_threads_lose_nothing_untold(void **state)
{
    (void)state;
    struct stream s = {.watch = watch_new()};
    pthread_t writer, application;
    assert_int_equal(pthread_create(&application, NULL, free_all, &s), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_all, &s), 0);
    uint64_t last = 0, last_parcel = 0, sum = 0;
    for (bool ended = false; !ended;) {
        struct taken t;
        switch (watch_take(s.watch, &t)) {
        case TAKE_NOTHING:
            assert_true(sleep_on(s.watch));
            break;
        case TAKE_PARCEL: {
            uint64_t n;
            memcpy(&n, t.parcel->bytes, sizeof n);
            assert_true(n > last_parcel);
            last_parcel = n;
            sum++;
            parcel_release(t.parcel);
            break;
        }
        case TAKE_EVENT:
            ended = t.event->public.type == KITH_ENDED;
            if (t.event->public.type == KITH_MISSED) {
                sum += t.event->public.count;
            } else if (!ended) {
                assert_true(t.event->public.count > last);
                last = t.event->public.count;
                sum++;
            }
            node_event_free(t.event);
            break;
        }
    }
    pthread_join(writer, NULL);
    pthread_join(application, NULL);
    assert_int_equal(sum, FLOOD + FLOOD / 4);
    watch_free(s.watch);
}

/* A reader with few requests under way gets each answer, however full the rest is. With one alone it sleeps
 * for each, so that a wake which is lost shows. */
struct asking {
    struct watch *watch;
    _Atomic uint64_t asked;
    uint64_t most;
};

static void *answer_all(void *argument)
{
    struct asking *a = argument;
    for (uint64_t i = 1; i <= a->most; i++) {
        while (atomic_load(&a->asked) < i) {
            sched_yield();
        }
        tell(a->watch, KITH_DONE, WATCH_ID | i, i);
        if (a->most == FLOOD) {
            tell(a->watch, KITH_DROPPED, 0, i);
        }
    }
    watch_end(a->watch);
    return NULL;
}

static void take_answers(uint64_t under_way, uint64_t most)
{
    struct asking a = {.watch = watch_new(), .asked = under_way, .most = most};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, answer_all, &a), 0);
    uint64_t answered = 0;
    for (bool ended = false; !ended;) {
        struct taken t;
        if (watch_take(a.watch, &t) == TAKE_NOTHING) {
            assert_true(sleep_on(a.watch));
            continue;
        }
        ended = t.event->public.type == KITH_ENDED;
        if (t.event->public.type == KITH_DONE) {
            assert_int_equal(t.event->public.count, ++answered);
            atomic_fetch_add(&a.asked, 1);
        }
        node_event_free(t.event);
    }
    pthread_join(writer, NULL);
    assert_int_equal(answered, most);
    watch_free(a.watch);
}

static void each_answer_of_a_bounded_reader_comes(void **state)
{
    (void)state;
    take_answers(WATCH_ANSWERS, FLOOD);
}

static void no_wake_is_lost(void **state)
{
    (void)state;
    take_answers(1, TURNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_come_to_both_and_answers_to_one),
        cmocka_unit_test(parcels_and_events_keep_their_order),
        cmocka_unit_test(a_flood_of_parcels_loses_parcels_alone),
        cmocka_unit_test(bytes_are_bounded_and_a_long_parcel_may_wait_alone),
        cmocka_unit_test(a_request_is_answered_without_memory),
        cmocka_unit_test(the_end_comes_last_with_what_was_missed),
        cmocka_unit_test(what_nobody_takes_is_freed),
        cmocka_unit_test(two_threads_lose_nothing_untold),
        cmocka_unit_test(each_answer_of_a_bounded_reader_comes),
        cmocka_unit_test(no_wake_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
