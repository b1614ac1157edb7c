/* "Nothing is lost while the reader makes progress": senders that never rest, and readers down to the slowest
 * for which that is promised (a message in each half of the stall time), over sizes of messages and of queues
 * and numbers of peers. All at once: most of them sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kith_fixture.h"
#include "tests/unit/promise.h"

enum {
    RUN_MS = 8000, /* at least */
    STALL_MS = 500,
    HELD_MS = 4 * STALL_MS, /* a queue must have been full for so long: else nothing was tried */
    FILL_MS = 60000, /* the most that filling it may take: a busy machine needs long for many large ones */
    READERS = 4,
    SLOWEST_MS = STALL_MS / 2,
};

struct scenario {
    const char *protocol;
    size_t size;       /* bytes of each message */
    const char *queue; /* option "queue" */
    int readers;
    int pause_us[READERS]; /* what each reader sleeps after each message */
};

static const struct scenario scenarios[] = {
    {"factom", 1, "5000", 1, {SLOWEST_MS * 1000}},
    {"factom", 100, "5000", 1, {SLOWEST_MS * 1000}},
    {"factom", 100, "4", 1, {SLOWEST_MS * 1000}},
    {"factom", 100, "16", 3, {SLOWEST_MS * 1000, 1000, 50000}},
    {"factom", 1024, "5000", 1, {500}},
    {"factom", 1024, "64", 1, {20000}},
    {"factom", 65536, "5000", 2, {2000, SLOWEST_MS * 1000}},
    {"factom", 131072, "64", 1, {10000}},
    {"factom", 1048576, "4", 1, {SLOWEST_MS * 1000}},
    {"factom", 1048576, "5000", 1, {100000}},
#ifdef KITH_WITH_DDRP
    /* Not ddrp, whose rule is that a message is read within 30 s of its sending. */
    {"fnd", 100, "64", 1, {SLOWEST_MS * 1000}},
    {"fnd", 100, "64", 1, {1000}}, /* option "rate" keeps this one back, not its application */
    {"fnd", 10000, "5000", 1, {SLOWEST_MS * 1000}},
#endif
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static int slow = 1; /* by how much a sanitizer stretches all times */
static char folder[] = "/tmp/kith-test-progress-XXXXXX";

struct reader {
    struct run *run;
    struct kith *node;
    int pause_us;
    pthread_t thread;
    uint32_t next; /* number of the message that must come next */
    uint64_t missing, dropped;
    int64_t late_ms; /* the most that a pause took longer than it was to */
};

struct run {
    const struct scenario *s;
    int number;
    struct kith *sender;
    struct reader readers[READERS];
    pthread_t thread;
    _Atomic bool over;
    uint32_t sent;
    int64_t full_ms; /* how long after the start a queue was full; -1: never */
    uint64_t dropped;
};

/* As much of the number as the message has room for. */
static void number_write(uint8_t *bytes, size_t size, uint32_t number)
{
    memcpy(bytes, &number, size < sizeof number ? size : sizeof number);
}

static bool number_fits(const struct kith_parcel *p, uint32_t number)
{
    return memcmp(p->bytes, &number, p->size < sizeof number ? p->size : sizeof number) == 0;
}

static void pause_between(struct reader *r)
{
    int64_t ms = r->pause_us / 1000 * slow, before = now_ms();
    usleep((useconds_t)(r->pause_us * slow));
    int64_t late = now_ms() - before - ms;
    r->late_ms = late > r->late_ms ? late : r->late_ms;
}

static void *read_slowly(void *argument)
{
    struct reader *r = argument;
    struct kith_item item;
    while (!atomic_load(&r->run->over)) {
        struct pollfd fd = {.fd = kith_fd(r->node), .events = POLLIN};
        switch (kith_receive(r->node, &item)) {
        case KITH_NOTHING:
            poll(&fd, 1, 50);
            break;
        case KITH_EVENT:
            if (item.event.type == KITH_DROPPED) {
                r->dropped += item.event.count;
            }
            break;
        case KITH_PARCEL:
            r->missing += !number_fits(&item.parcel, r->next);
            r->next++;
            pause_between(r);
            break;
        }
    }
    return NULL;
}

static void take_events(struct run *run)
{
    struct kith_item item;
    while (kith_receive(run->sender, &item) == KITH_EVENT) {
        if (item.event.type == KITH_DROPPED) {
            run->dropped += item.event.count;
        }
    }
}

static bool goes_on(const struct run *run, int64_t ms)
{
    if (run->full_ms < 0) {
        return ms < FILL_MS * slow;
    }
    return ms < RUN_MS * slow || ms < run->full_ms + HELD_MS * slow;
}

static void *send_for_ever(void *argument)
{
    struct run *run = argument;
    uint8_t *bytes = calloc(1, run->s->size);
    int64_t start = now_ms();
    while (goes_on(run, now_ms() - start)) {
        number_write(bytes, run->s->size, run->sent);
        if (kith_send(run->sender, KITH_FULL_BROADCAST, bytes, run->s->size, 0) == KITH_OK) {
            run->sent++;
        } else {
            struct pollfd room = {.fd = kith_room_fd(run->sender), .events = POLLIN};
            if (run->full_ms < 0) {
                run->full_ms = now_ms() - start;
            }
            poll(&room, 1, 50);
        }
        take_events(run);
    }
    free(bytes);
    return NULL;
}

/* A key of its own for each node of a protocol whose nodes have one. */
static struct kith *open_node(const struct run *run, int i, const char *peers)
{
    char bind[32], key[64], stall[16];
    const struct given_setting settings[] = {{"protocol", run->s->protocol},
                                             {"stall", stall},
                                             {"queue", run->s->queue},
                                             {"identityFile", key},
                                             {NULL, NULL}};
    snprintf(bind, sizeof bind, "127.0.%d.%d", 100 + run->number, 1 + i);
    snprintf(stall, sizeof stall, "%d", STALL_MS * slow);
    snprintf(key, sizeof key, "%s/%d-%d.key", folder, run->number, i);
    return open_set(bind, peers, settings);
}

static void open_reader(struct run *run, int i, char *peers, size_t size)
{
    struct reader *r = &run->readers[i];
    size_t used = strlen(peers);
    *r = (struct reader){.run = run, .pause_us = run->s->pause_us[i]};
    r->node = open_node(run, 1 + i, NULL);
    struct kith_item item;
    next_event(r->node, KITH_LISTENING, &item);
    snprintf(peers + used, size - used, "%s ", item.event.address);
}

static void open_run(struct run *run)
{
    char peers[512] = "";
    for (int i = 0; i < run->s->readers; i++) {
        open_reader(run, i, peers, sizeof peers);
    }
    run->sender = open_node(run, 0, peers);
    struct kith_item item;
    for (int i = 0; i < run->s->readers; i++) {
        next_event(run->sender, KITH_ONLINE, &item);
    }
    for (int i = 0; i < run->s->readers; i++) {
        next_event(run->readers[i].node, KITH_ONLINE, &item);
        assert_int_equal(pthread_create(&run->readers[i].thread, NULL, read_slowly, &run->readers[i]), 0);
    }
    assert_int_equal(pthread_create(&run->thread, NULL, send_for_ever, run), 0);
}

static void close_run(struct run *run)
{
    pthread_join(run->thread, NULL);
    atomic_store(&run->over, true);
    for (int i = 0; i < run->s->readers; i++) {
        pthread_join(run->readers[i].thread, NULL);
    }
}

static bool check_run(const struct run *run)
{
    const struct scenario *s = run->s;
    bool good = run->dropped == 0 && run->full_ms >= 0;
    print_message("%s, %zu B, queue %s: sent %u, full after %lld ms, dropped %llu\n", s->protocol, s->size,
                  s->queue, run->sent, (long long)run->full_ms, (unsigned long long)run->dropped);
    for (int i = 0; i < s->readers; i++) {
        const struct reader *r = &run->readers[i];
        print_message("    a message each %d us: took %u, missing %llu, dropped %llu\n", s->pause_us[i],
                      r->next, (unsigned long long)r->missing, (unsigned long long)r->dropped);
        good = good && r->missing == 0 && r->dropped == 0 && r->next > 0;
    }
    return good;
}

/* All threads here wait for the same processors. If one of them got none for so long, readers and nodes that
 * lost messages stood still. */
static bool stood_still(const struct run *runs)
{
    int64_t late = 0;
    for (int i = 0; i < SCENARIOS; i++) {
        for (int k = 0; k < runs[i].s->readers; k++) {
            late = runs[i].readers[k].late_ms > late ? runs[i].readers[k].late_ms : late;
        }
    }
    print_message("a pause took %lld ms longer than it was to\n", (long long)late);
    return late >= STALL_MS * slow / 2;
}

static void remove_folder(void)
{
    char path[128];
    for (int i = 0; i < SCENARIOS * (READERS + 1); i++) {
        snprintf(path, sizeof path, "%s/%d-%d.key", folder, i / (READERS + 1), i % (READERS + 1));
        unlink(path);
    }
    rmdir(folder);
}

static void a_reader_that_gets_on_loses_nothing(void **state)
{
    static struct run runs[SCENARIOS];
    int bad = 0;
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < SCENARIOS; i++) {
        runs[i] = (struct run){.s = &scenarios[i], .number = i, .full_ms = -1};
        open_run(&runs[i]);
    }
    for (int i = 0; i < SCENARIOS; i++) {
        close_run(&runs[i]);
    }
    for (int i = 0; i < SCENARIOS; i++) {
        bad += !check_run(&runs[i]);
    }
    for (int i = 0; i < SCENARIOS; i++) {
        kith_close(runs[i].sender);
        for (int r = 0; r < runs[i].s->readers; r++) {
            kith_close(runs[i].readers[r].node);
        }
    }
    remove_folder();
    if (bad > 0 && stood_still(runs)) {
        skip();
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const char *how_slow = getenv("KITH_TEST_SLOW");
    const struct CMUnitTest tests[] = {
        promise_test("F29 F31", a_reader_that_gets_on_loses_nothing),
    };
    if (how_slow) {
        slow = atoi(how_slow);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
