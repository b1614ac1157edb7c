/* Blocks that threads hand each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "queue/parcel.h"
#include "queue/pool.h"
#include "queue/ring.h"

enum { THREADS = 4, ROUNDS = 20000, HELD = 500, ENDING = 2000 };

static const size_t sizes[] = {1, 8, 192, 193, 640, 641, 2176, 2177, 8192, 8193, POOL_LARGEST, 100000};
#define SIZES (sizeof sizes / sizeof sizes[0])

static void every_size_is_there_and_apart(void **state)
{
    (void)state;
    uint8_t *blocks[SIZES][4];
    for (int again = 0; again < 3; again++) {
        for (size_t i = 0; i < SIZES; i++) {
            for (int j = 0; j < 4; j++) {
                blocks[i][j] = pool_take(sizes[i]);
                assert_non_null(blocks[i][j]);
                assert_int_equal((uintptr_t)blocks[i][j] % _Alignof(max_align_t), 0);
                memset(blocks[i][j], (int)(4 * i) + j, sizes[i]);
            }
        }
        for (size_t i = 0; i < SIZES; i++) {
            for (int j = 0; j < 4; j++) {
                for (size_t at = 0; at < sizes[i]; at++) {
                    assert_int_equal(blocks[i][j][at], (int)(4 * i) + j);
                }
                pool_give(blocks[i][j], sizes[i]);
            }
        }
    }
    pool_trim();
    pool_trim();
}

/* One takes what the other gives back: the blocks go round instead of coming from the system each time. */
struct pipe_line {
    struct ring *to;
    _Atomic bool wrong;
};

static void *give_back(void *argument)
{
    struct pipe_line *p = argument;
    struct message m;
    for (int i = 0; i < ROUNDS;) {
        if (ring_take_messages(p->to, &m, 1) == 0) {
            sched_yield();
            continue;
        }
        if (m.parcel->size != (uint32_t)i) {
            p->wrong = true;
        }
        pool_give(m.parcel, m.kind);
        i++;
    }
    return NULL;
}

static void one_takes_and_another_gives(void **state)
{
    struct pipe_line p = {.to = ring_new(RING_OF_MESSAGES, 256, false)};
    (void)state;
    assert_non_null(p.to);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, give_back, &p), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct message m = {.kind = (uint32_t)(sizeof(struct parcel) + (size_t)i * 37 % 9000)};
        m.parcel = pool_take(m.kind);
        assert_non_null(m.parcel);
        m.parcel->size = (uint32_t)i;
        while (!ring_put_message(p.to, &m)) {
            sched_yield();
        }
    }
    pthread_join(thread, NULL);
    assert_false(p.wrong);
    ring_free(p.to);
}

/* No block is ever two threads' at once. */
static void *take_and_give(void *argument)
{
    const uint8_t *own = argument;
    uint8_t *held[HELD] = {0};
    size_t size_of[HELD];
    uint32_t luck = *own;
    uintptr_t wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        luck = luck * 1664525 + 1013904223;
        size_t at = (luck >> 8) % HELD;
        if (held[at]) {
            wrong += held[at][0] != *own || held[at][size_of[at] - 1] != *own;
            pool_give(held[at], size_of[at]);
            held[at] = NULL;
        } else {
            size_of[at] = sizes[luck % (SIZES - 1)];
            held[at] = pool_take(size_of[at]);
            memset(held[at], *own, size_of[at]);
        }
        if (luck % 4096 == 0) {
            pool_trim();
        }
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i]) {
            pool_give(held[i], size_of[i]);
        }
    }
    return (void *)wrong;
}

static void many_take_and_give(void **state)
{
    static uint8_t names[THREADS] = {1, 2, 3, 4};
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &names[i]), 0);
    }
    void *wrong;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

static void *take_one(void *argument)
{
    *(void **)argument = pool_take(sizes[0]);
    return NULL;
}

/* A program's own destructor for a thread that ends, which may run after the pool's. */
static void give_one(void *block)
{
    pool_give(block, sizes[0]);
}

static void *leave_one(void *argument)
{
    pool_give(pool_take(sizes[0]), sizes[0]);
    pthread_setspecific(*(pthread_key_t *)argument, pool_take(sizes[0]));
    return NULL;
}

static size_t in_use(void)
{
    return mallinfo2().uordblks;
}

static void threads_that_end_leave_nothing_behind(void **state)
{
    size_t before = 0;
    (void)state;
    pool_give(pool_take(sizes[0]), sizes[0]); /* so that the pool's destructor is the older one */
    pthread_key_t key;
    assert_int_equal(pthread_key_create(&key, give_one), 0);
    void *held[HELD];
    void *taken;
    pthread_t thread;
    for (int i = 0; i < ENDING; i++) {
        if (i == ENDING / 2) {
            before = in_use();
        }
        for (int j = 0; j < HELD; j++) {
            held[j] = pool_take(sizes[0]);
        }
        for (int j = 0; j < HELD; j++) {
            pool_give(held[j], sizes[0]);
        }
        pool_trim(); /* now there is a magazine for a thread that has none */
        assert_int_equal(pthread_create(&thread, NULL, take_one, &taken), 0);
        pthread_join(thread, NULL);
        pool_give(taken, sizes[0]);
        assert_int_equal(pthread_create(&thread, NULL, leave_one, &key), 0);
        pthread_join(thread, NULL);
    }
    assert_true(in_use() < before + 32 * 1024);
    pthread_key_delete(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_there_and_apart),
        cmocka_unit_test(one_takes_and_another_gives),
        cmocka_unit_test(many_take_and_give),
        cmocka_unit_test(threads_that_end_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
