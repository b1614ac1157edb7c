/* The embedding API where something ends: a connection on request, a node, a thread; and where there is no
 * room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/hanging_disk.h"
#include "tests/unit/kith_fixture.h"
#include "tests/unit/promise.h"

enum {
    NAME = 200,
    GOODBYES = 10,
    SENDERS = 3,
    CANCELLED = 60,
};

/* In ToNetwork, and in each peer's queue, there is room for so many, and a peer that takes nothing does not
 * count as stalled while the test runs. */
static const struct given_setting narrow[] = {{"queue", "20"}, {"stall", "60000"}, {NULL, NULL}};

static uint8_t large[100000];

/* So that ToNetwork and all behind it is full: b's application takes nothing. */
static void fill_up(struct kith *a, const char *name_of_b)
{
    for (int64_t last_ms = now_ms(); now_ms() - last_ms < 500;) {
        if (kith_send(a, name_of_b, large, sizeof large, 0) == KITH_OK) {
            last_ms = now_ms();
        } else {
            usleep(1000);
        }
    }
}

/* Time for what should not happen, too: that the descriptor stays as it is. */
static bool is_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

/* A node that is woken uses what room there is in a peer's queue, even too little to be woken for, and then
 * ToNetwork may have room, and tells it: it is filled again. What it tells must be true. */
static void fill_again(struct kith *a, const char *name_of_b)
{
    for (int untrue = 0; is_readable(kith_room_fd(a), 50);) {
        int sent = 0;
        while (kith_send(a, name_of_b, large, sizeof large, 0) == KITH_OK) {
            sent++;
        }
        untrue += sent == 0; /* once, if the node was interrupted as it told of room that is used by now */
        assert_true(untrue < 3);
    }
}

/* --- a connection on request --- */

static void a_disconnect_comes_after_what_was_sent(void **state)
{
    (void)state;
    for (int i = 0; i < GOODBYES; i++) {
        struct kith *a, *b;
        char name[NAME];
        open_pair(&a, &b, name, sizeof name);
        assert_int_equal(kith_send(a, name, "goodbye", 7, 5), KITH_OK);
        assert_int_equal(kith_disconnect(a, name, 6), KITH_OK);
        struct kith_item item;
        next_event(a, KITH_SENT, &item);
        assert_int_equal(item.event.count, 1);
        next_event(a, KITH_DONE, &item);
        assert_int_equal(item.event.id, 6);
        assert_int_equal(next(b, &item), KITH_PARCEL);
        assert_memory_equal(item.parcel.bytes, "goodbye", 7);
        next_event(b, KITH_OFFLINE, &item);
        kith_close(a);
        kith_close(b);
    }
}

/* --- no room --- */

/* Room in the one queue is told to whoever waits for it, whatever the other queue does meanwhile. */
static void room_for_commands_is_told_beside_a_full_queue(void **state)
{
    uint64_t given = 0;
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[NAME];
    open_pair_set(&a, &b, name, sizeof name, narrow);
    fill_up(a, name);
    while (kith_ask_status(a, 1) == KITH_OK) {
        assert_true(++given < 10000000);
    }
    struct kith_item item;
    while (kith_receive(a, &item) != KITH_NOTHING)
        ;
    assert_true(is_readable(kith_command_fd(a), WAIT_MS));
    fill_again(a, name);
    kith_send(a, name, large, sizeof large, 0); /* whatever comes of it */
    assert_true(is_readable(kith_command_fd(a), 0));
    assert_int_equal(kith_ask_status(a, 1), KITH_OK);
    kith_close(a);
    kith_close(b);
}

struct waiter {
    struct kith *node;
    const char *target;
    _Atomic bool is_back;
    enum kith_result result;
};

static void *wait_for_room(void *argument)
{
    struct waiter *w = argument;
    do {
        w->result = kith_send_wait(w->node, w->target, large, sizeof large, 0, -1);
    } while (w->result == KITH_OK);
    atomic_store(&w->is_back, true);
    return NULL;
}

static void a_quit_ends_the_wait_for_room(void **state)
{
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[NAME];
    open_pair_set(&a, &b, name, sizeof name, narrow);
    fill_up(a, name);
    struct waiter waiters[SENDERS];
    pthread_t threads[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        waiters[i] = (struct waiter){.node = a, .target = name};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_room, &waiters[i]), 0);
    }
    usleep(100000); /* they wait */
    kith_quit(a);
    struct kith_item item;
    do {
        next(a, &item);
    } while (item.event.type != KITH_ENDED);
    for (int i = 0; i < SENDERS; i++) {
        for (int64_t by = now_ms() + WAIT_MS; !atomic_load(&waiters[i].is_back) && now_ms() < by;) {
            usleep(1000);
        }
        assert_true(atomic_load(&waiters[i].is_back));
        pthread_join(threads[i], NULL);
        assert_int_equal(waiters[i].result, KITH_CLOSED);
    }
    kith_close(a);
    kith_close(b);
}

/* --- a node --- */

static void *close_node(void *argument)
{
    struct waiter *w = argument;
    kith_close(w->node);
    atomic_store(&w->is_back, true);
    return NULL;
}

/* What it still holds for a peer that takes nothing is given up, and with it that its sender is kept back. */
static void a_relay_ends_beside_a_peer_that_takes_nothing(void **state)
{
    static const struct given_setting relaying[] = {
        {"queue", "20"}, {"stall", "60000"}, {"relay", "true"}, {NULL, NULL}};
    static struct waiter relay;
    uint32_t sent = 0;
    (void)state;
    struct kith_item item;
    char addresses[2][100];
    struct kith *ends[2];
    for (int i = 0; i < 2; i++) {
        ends[i] = open_set(i ? "127.0.77.2" : "127.0.77.1", NULL, narrow);
        next_event(ends[i], KITH_LISTENING, &item);
        snprintf(addresses[i], sizeof addresses[i], "%s", item.event.address);
    }
    char peers[NAME];
    snprintf(peers, sizeof peers, "%s %s", addresses[0], addresses[1]);
    relay.node = open_set("127.0.77.3", peers, relaying);
    for (int i = 0; i < 2; i++) {
        next_event(relay.node, KITH_ONLINE, &item);
        next_event(ends[i], KITH_ONLINE, &item);
    }
    for (int64_t last_ms = now_ms(); now_ms() - last_ms < 500; usleep(100)) {
        memcpy(large, &sent, sizeof sent);
        if (kith_send(ends[0], KITH_FULL_BROADCAST, large, sizeof large, 0) == KITH_OK) {
            last_ms = now_ms();
            sent++;
        }
        while (kith_receive(relay.node, &item) != KITH_NOTHING)
            ;
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, close_node, &relay), 0);
    for (int64_t by = now_ms() + WAIT_MS; !atomic_load(&relay.is_back) && now_ms() < by;) {
        usleep(1000);
    }
    assert_true(atomic_load(&relay.is_back));
    pthread_join(thread, NULL);
    kith_close(ends[0]);
    kith_close(ends[1]);
}

/* Within the two seconds, whatever the disk does. */
static void a_node_ends_though_the_disk_hangs(void **state)
{
    (void)state;
    char path[] = "/tmp/kith-end-XXXXXX";
    assert_non_null(mkdtemp(path));
    char file[64];
    snprintf(file, sizeof file, "%s/peers.json", path);
    const struct given_setting settings[] = {{"peersFile", file}, {NULL, NULL}};
    struct kith *node = open_set("127.0.77.4", NULL, settings);
    struct kith_item item;
    next_event(node, KITH_LISTENING, &item);
    atomic_store(&disk_hangs, true);
    int64_t before_ms = now_ms();
    kith_close(node);
    assert_in_range(now_ms() - before_ms, 1000, 2000);
    atomic_store(&disk_hangs, false);
    for (int64_t by = now_ms() + WAIT_MS; access(file, F_OK) != 0 && now_ms() < by;) {
        usleep(1000);
    }
    assert_int_equal(unlink(file), 0);
    char lock[80];
    snprintf(lock, sizeof lock, "%s.lock", file);
    unlink(lock);
    for (int64_t by = now_ms() + WAIT_MS; rmdir(path) != 0 && now_ms() < by;) {
        usleep(1000);
    }
    assert_int_equal(access(path, F_OK), -1);
}

/* One of the threads that send until the node ends. Its numbers are `first`, `first` + SENDERS, ... */
struct late {
    struct kith *node;
    uint64_t first, queued;
};

static void *send_late(void *argument)
{
    struct late *l = argument;
    for (;;) {
        enum kith_result r =
            kith_send(l->node, KITH_FULL_BROADCAST, large, sizeof large, l->first + l->queued * SENDERS);
        if (r == KITH_CLOSED) {
            return NULL;
        }
        if (r == KITH_OK) {
            l->queued++;
        } else {
            sched_yield();
        }
    }
}

/* While others send, the node ends, with much in its queue: what was taken from them is told of, and nothing
 * else is. */
static void what_is_sent_too_late_is_told(void **state)
{
    struct late late[SENDERS];
    uint64_t queued = 0, told = 0;
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[NAME];
    open_pair_set(&a, &b, name, sizeof name, narrow);
    pthread_t threads[SENDERS];
    for (uint64_t i = 0; i < SENDERS; i++) {
        late[i] = (struct late){.node = a, .first = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, send_late, &late[i]), 0);
    }
    struct kith_item item;
    for (int64_t by = now_ms() + 500; now_ms() < by;) {
        told += kith_receive(a, &item) == KITH_EVENT && item.event.type == KITH_SENT;
    }
    kith_quit(a);
    do {
        next(a, &item);
        told += item.event.type == KITH_SENT;
        told += item.event.type == KITH_MISSED ? item.event.count : 0;
    } while (item.event.type != KITH_ENDED);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        queued += late[i].queued;
    }
    assert_int_equal(told, queued);
    kith_close(a);
    kith_close(b);
}

/* --- a thread --- */

/* Asleep, it is not cancelled, so that a request that comes meanwhile meets it in the call that follows; nor
 * would the thread sanitizer, whose usleep would not be left as it was entered, see what it does as it ends.
 */
static void *send_for_ever(void *argument)
{
    const struct waiter *w = argument;
    int was;
    for (;;) {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
        usleep(50);
        pthread_setcancelstate(was, NULL);
        kith_send(w->node, w->target, "hello", 5, 0);
        pthread_testcancel();
    }
    return NULL;
}

/* A thread that is cancelled within a call does not take the node's wake with it. */
static void a_cancelled_sender_leaves_no_node_asleep(void **state)
{
    (void)state;
    struct waiter w;
    char name[NAME];
    struct kith *b;
    open_pair(&w.node, &b, name, sizeof name);
    w.target = name;
    for (uint64_t i = 1; i <= CANCELLED; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, send_for_ever, &w), 0);
        usleep(300 + (useconds_t)i);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        usleep(3000); /* the node sleeps, or believes that somebody has rung */
        struct kith_item item;
        while (kith_receive(b, &item) != KITH_NOTHING)
            ;
        assert_int_equal(kith_ask_status(w.node, i), KITH_OK);
        next_event(w.node, KITH_STATUS, &item);
        assert_int_equal(item.event.id, i);
    }
    kith_close(w.node);
    kith_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disconnect_comes_after_what_was_sent),
        promise_test("F30", room_for_commands_is_told_beside_a_full_queue),
        cmocka_unit_test(a_quit_ends_the_wait_for_room),
        cmocka_unit_test(a_relay_ends_beside_a_peer_that_takes_nothing),
        cmocka_unit_test(a_node_ends_though_the_disk_hangs),
        cmocka_unit_test(what_is_sent_too_late_is_told),
        cmocka_unit_test(a_cancelled_sender_leaves_no_node_asleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
