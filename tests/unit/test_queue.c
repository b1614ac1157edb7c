/* Parcels, bells, queues, their lists and stall gates, one thread at a time: what each call promises, and its
 * limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/bell.h"
#include "queue/nonempty_list.h"
#include "queue/parcel.h"
#include "queue/queue.h"
#include "queue/ring.h"
#include "queue/stall_gate.h"
#include "tests/unit/promise.h"

/* --- helpers --- */

static struct bell reader_bell, writer_bell;

static int open_bells(void **state)
{
    (void)state;
    return bell_init(&reader_bell) == 0 && bell_init(&writer_bell) == 0 ? 0 : -1;
}

static int close_bells(void **state)
{
    (void)state;
    bell_fini(&reader_bell);
    bell_fini(&writer_bell);
    return 0;
}

static bool rung(const struct bell *b)
{
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static struct queue_config config_of(uint32_t messages, uint64_t bytes)
{
    return (struct queue_config){
        .messages = messages, .bytes = bytes, .reader_bell = &reader_bell, .writer_bell = &writer_bell};
}

static struct queue *open_queue(const struct queue_config *config)
{
    struct queue *q = queue_new(config);
    assert_non_null(q);
    return q;
}

static struct queue *plain_queue(uint32_t parcels, uint64_t bytes)
{
    struct queue_config config = config_of(parcels, bytes);
    return open_queue(&config);
}

static struct message message_of(uint64_t id, size_t size)
{
    struct message message = {.type = 7, .id = id, .parcel = parcel_new(NULL, size)};
    assert_non_null(message.parcel);
    return message;
}

static bool post(struct queue *q, uint64_t id, size_t size)
{
    struct message message = message_of(id, size);
    bool posted = queue_post(q, &message);
    if (!posted) {
        parcel_release(message.parcel);
    }
    return posted;
}

/* Takes the next message without being done with it; returns its size. */
static size_t take(struct queue *q, uint64_t id)
{
    struct message message;
    assert_int_equal(queue_take(q, &message, 1), 1);
    assert_int_equal(message.id, id);
    size_t size = message.parcel->size;
    parcel_release(message.parcel);
    return size;
}

static void take_and_finish(struct queue *q, uint64_t id)
{
    size_t size = take(q, id);
    queue_done(q, 1, size);
}

static void assert_fill(const struct queue *q, uint32_t parcels, uint64_t bytes)
{
    uint32_t have_parcels;
    uint64_t have_bytes;
    queue_fill(q, &have_parcels, &have_bytes);
    assert_int_equal(have_parcels, parcels);
    assert_int_equal(have_bytes, bytes);
}

/* --- parcels --- */

static void a_parcel_copies_its_payload(void **state)
{
    (void)state;
    char text[] = "payload";
    struct parcel *p = parcel_new(text, sizeof text);
    text[0] = 'X';
    assert_int_equal(p->size, sizeof text);
    assert_string_equal((const char *)p->bytes, "payload");
    parcel_release(p);
}

static void a_parcel_may_be_empty_or_left_to_fill(void **state)
{
    (void)state;
    struct parcel *p = parcel_new(NULL, 0);
    assert_int_equal(p->size, 0);
    parcel_release(p);
    p = parcel_new(NULL, 3);
    memcpy(p->bytes, "abc", 3);
    parcel_release(p);
    parcel_release(NULL);
}

static void a_parcel_has_a_longest_payload(void **state)
{
    (void)state;
    struct parcel *p = parcel_new(NULL, PARCEL_MAX);
    assert_non_null(p);
    assert_int_equal(p->size, PARCEL_MAX);
    parcel_release(p);
    assert_null(parcel_new(NULL, PARCEL_MAX + 1));
    assert_null(parcel_new(NULL, SIZE_MAX));
}

static void a_parcel_lives_until_its_last_reference(void **state)
{
    (void)state;
    struct parcel *p = parcel_new("ab", 2);
    assert_ptr_equal(parcel_hold(p), p);
    assert_int_equal(atomic_load(&p->references), 2);
    parcel_release(p);
    assert_int_equal(atomic_load(&p->references), 1);
    assert_memory_equal(p->bytes, "ab", 2);
    parcel_release(p);
}

/* --- bells --- */

static void a_bell_is_silent_while_its_owner_is_awake(void **state)
{
    (void)state;
    bell_ring(&reader_bell);
    assert_false(rung(&reader_bell));
    bell_lie_down(&reader_bell);
    bell_get_up(&reader_bell);
    bell_ring(&reader_bell);
    assert_false(rung(&reader_bell));
}

static void a_bell_wakes_its_owner_once_per_sleep(void **state)
{
    (void)state;
    for (int sleep = 0; sleep < 3; sleep++) {
        bell_lie_down(&reader_bell);
        assert_false(rung(&reader_bell));
        bell_ring(&reader_bell);
        bell_ring(&reader_bell);
        uint64_t rings;
        assert_int_equal(read(reader_bell.fd, &rings, sizeof rings), sizeof rings);
        assert_int_equal(rings, 1);
        bell_get_up(&reader_bell);
    }
    bell_lie_down(&reader_bell);
    bell_ring(&reader_bell);
    bell_get_up(&reader_bell);
    assert_false(rung(&reader_bell));
}

static void a_bell_without_descriptors_says_so(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct bell b;
    int result = bell_init(&b);
    int reason = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -1);
    assert_int_equal(reason, EMFILE);
    bell_fini(&b);
    bell_fini(&b);
}

/* --- rings --- */

static void a_ring_holds_what_it_was_made_for_in_order(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 9; most++) {
        for (int many = 0; many <= 1; many++) {
            struct ring *r = ring_new(RING_OF_MESSAGES, most, many);
            uint64_t in = 0, out = 0;
            /* Often enough for the slots to be used again. */
            for (int round = 0; round < 20; round++) {
                for (uint32_t i = 0; i < most; i++) {
                    assert_true(ring_put_message(r, &(struct message){.id = in++}));
                }
                /* One at a time, some, or more than there are. */
                struct message messages[12];
                size_t at_once = 1 + (size_t)round % 12, taken;
                while ((taken = ring_take_messages(r, messages, at_once)) > 0) {
                    assert_true(taken <= at_once);
                    for (size_t i = 0; i < taken; i++) {
                        assert_int_equal(messages[i].id, out++);
                    }
                }
                assert_int_equal(in, out);
                assert_true(ring_empty(r));
            }
            ring_free(r);
        }
    }
}

static size_t resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t all = 0, resident = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &all, &resident), 2);
    fclose(file);
    return resident;
}

/* Fills it and takes all, so often that each slot has been used. */
static void use_all_of(struct ring *r, uint32_t most)
{
    for (uint32_t i = 0; i < 4 * most; i++) {
        struct message message = {.id = i};
        assert_true(ring_put_message(r, &message));
        assert_int_equal(ring_take_messages(r, &message, 1), 1);
        assert_int_equal(message.id, i);
    }
}

static void a_trimmed_ring_takes_no_memory(void **state)
{
    (void)state;
    enum { MOST = (1 << 18) - 1 }; /* CK leaves a slot empty: 2^18 */
    size_t pages = MOST * sizeof(struct message) / (size_t)sysconf(_SC_PAGESIZE);
    struct ring *r = ring_new(RING_OF_MESSAGES, MOST, false);
    size_t before = resident_pages();
    use_all_of(r, MOST);
    size_t used = resident_pages();
    assert_true(used >= before + pages * 9 / 10);
    assert_true(ring_trim(r));
    assert_true(resident_pages() <= used - pages * 9 / 10);
    use_all_of(r, MOST);
    ring_free(r);
}

/* Nor does it do harm to trim to a small ring, or to one of many writers. */
static void a_ring_that_holds_something_keeps_it(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 100000; most *= 10) {
        for (int many = 0; many <= 1; many++) {
            struct ring *r = ring_new(RING_OF_MESSAGES, most, many);
            for (uint32_t i = 0; i < 3 * most; i++) {
                struct message message = {.id = i};
                ring_trim(r);
                assert_true(ring_put_message(r, &message));
                assert_false(ring_trim(r));
                if (i + 1 < most) { /* from then on it is full after each put */
                    continue;
                }
                assert_int_equal(ring_take_messages(r, &message, 1), 1);
                assert_int_equal(message.id, i + 1 - most);
            }
            ring_free(r);
        }
    }
}

static void a_ring_that_is_full_says_so(void **state)
{
    (void)state;
    for (int many = 0; many <= 1; many++) {
        struct ring *r = ring_new(RING_OF_MESSAGES, 3, many);
        uint32_t held = 0;
        while (ring_put_message(r, &(struct message){0})) {
            assert_true(++held < 100);
        }
        assert_true(held >= 3);
        ring_free(r);
    }
}

static void a_ring_has_its_limits(void **state)
{
    (void)state;
    assert_null(ring_new(RING_OF_MESSAGES, 0, false));
    assert_null(ring_new(RING_OF_REFS, RING_MOST + 1, true));
    ring_free(NULL);
}

/* --- queues: config --- */

static void a_queue_refuses_a_config_out_of_limits(void **state)
{
    (void)state;
    struct queue_config config = config_of(0, 10);
    assert_null(queue_new(&config));
    config = config_of(QUEUE_MOST + 1, 10);
    assert_null(queue_new(&config));
    config = config_of(1, QUEUE_BYTES_MAX + 1);
    assert_null(queue_new(&config));
    config = config_of(1, 10);
    config.reader_bell = NULL;
    assert_null(queue_new(&config));
    queue_free(NULL, NULL, NULL);
}

static void a_queue_of_the_largest_config_works(void **state)
{
    (void)state;
    struct queue *q = plain_queue(QUEUE_MOST, QUEUE_BYTES_MAX);
    assert_true(post(q, 1, 5));
    assert_fill(q, 1, 5);
    take_and_finish(q, 1);
    assert_fill(q, 0, 0);
    queue_free(q, NULL, NULL);
}

/* --- queues: the budget --- */

static void the_bound_in_parcels_is_exact(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 9; most++) {
        struct queue_config config = config_of(most, 1000);
        for (int many = 0; many <= 1; many++) {
            config.many_writers = many;
            struct queue *q = open_queue(&config);
            for (uint64_t id = 0; id < most; id++) {
                assert_true(post(q, id, 1));
            }
            assert_false(post(q, most, 1));
            assert_fill(q, most, most);
            take_and_finish(q, 0);
            assert_true(post(q, most, 1));
            assert_false(post(q, most, 1));
            queue_free(q, NULL, NULL);
        }
    }
}

static void the_bound_in_bytes_is_exact(void **state)
{
    (void)state;
    struct queue_config config = config_of(10, 100);
    for (int many = 0; many <= 1; many++) {
        config.many_writers = many;
        struct queue *q = open_queue(&config);
        assert_true(post(q, 0, 60));
        assert_false(post(q, 1, 41));
        assert_true(post(q, 1, 40));
        assert_false(post(q, 2, 1));
        assert_true(post(q, 2, 0));
        assert_fill(q, 3, 100);
        queue_free(q, NULL, NULL);
    }
}

static void an_empty_queue_takes_a_parcel_of_any_size(void **state)
{
    (void)state;
    struct queue *q = plain_queue(10, 100);
    assert_true(post(q, 0, 1));
    assert_false(post(q, 1, 101));
    take_and_finish(q, 0);
    assert_true(post(q, 1, 101));
    assert_false(post(q, 2, 0));
    assert_fill(q, 1, 101);
    take_and_finish(q, 1);
    assert_true(post(q, 2, 100));
    queue_free(q, NULL, NULL);
}

static void the_budget_is_held_until_done(void **state)
{
    (void)state;
    struct queue *q = plain_queue(2, 100);
    post(q, 0, 10);
    post(q, 1, 20);
    assert_int_equal(take(q, 0), 10);
    assert_int_equal(take(q, 1), 20);
    assert_true(queue_empty(q));
    assert_fill(q, 2, 30);
    assert_false(post(q, 2, 1));
    queue_done(q, 1, 10);
    assert_fill(q, 1, 20);
    assert_true(post(q, 2, 1));
    queue_free(q, NULL, NULL);
}

static void a_message_travels_whole(void **state)
{
    (void)state;
    struct queue *q = plain_queue(2, 100);
    struct message in = {
        .type = 1, .scope = SCOPE_FULL, .kind = 2, .peer = {3, 4}, .id = 5, .parcel = parcel_new("x", 1)};
    assert_true(queue_post(q, &in));
    struct message none = {.type = 9};
    assert_true(queue_post(q, &none));
    struct message out[3];
    assert_int_equal(queue_take(q, out, 3), 2);
    assert_true(out[0].type == in.type && out[0].scope == in.scope && out[0].kind == in.kind);
    assert_true(peer_ref_equal(out[0].peer, in.peer));
    assert_true(out[0].id == in.id && out[0].parcel == in.parcel);
    assert_int_equal(out[1].type, 9);
    assert_null(out[1].parcel);
    parcel_release(out[0].parcel);
    assert_int_equal(queue_take(q, out, 3), 0);
    queue_free(q, NULL, NULL);
}

static void take_stops_at_most(void **state)
{
    (void)state;
    struct queue *q = plain_queue(8, 100);
    for (uint64_t id = 0; id < 5; id++) {
        post(q, id, 1);
    }
    struct message out[5];
    assert_int_equal(queue_take(q, out, 0), 0);
    assert_int_equal(queue_take(q, out, 2), 2);
    assert_int_equal(queue_take(q, out + 2, 3), 3);
    for (uint64_t id = 0; id < 5; id++) {
        assert_int_equal(out[id].id, id);
        parcel_release(out[id].parcel);
    }
    queue_free(q, NULL, NULL);
}

static void dropping_takes_the_oldest_and_frees_its_budget(void **state)
{
    (void)state;
    struct queue_config config = config_of(3, 100);
    for (int many = 0; many <= 1; many++) {
        config.many_writers = many;
        struct queue *q = open_queue(&config);
        for (uint64_t id = 0; id < 3; id++) {
            post(q, id, 10 + id);
        }
        assert_int_equal(take(q, 0), 10);
        struct message oldest;
        assert_true(queue_drop_oldest(q, &oldest));
        assert_int_equal(oldest.id, 1);
        parcel_release(oldest.parcel);
        assert_fill(q, 2, 22);
        assert_true(queue_drop_oldest(q, &oldest));
        parcel_release(oldest.parcel);
        assert_false(queue_drop_oldest(q, &oldest));
        assert_fill(q, 1, 10);
        queue_done(q, 1, 10);
        assert_fill(q, 0, 0);
        queue_free(q, NULL, NULL);
    }
}

static void progress_is_the_readers_alone(void **state)
{
    (void)state;
    struct queue *q = plain_queue(4, 100);
    uint64_t start = queue_progress(q);
    assert_int_not_equal(start, 0);
    post(q, 0, 1);
    post(q, 1, 1);
    take(q, 0);
    struct message oldest;
    assert_true(queue_drop_oldest(q, &oldest));
    parcel_release(oldest.parcel);
    queue_done(q, 0, 0);
    assert_int_equal(queue_progress(q), start);
    queue_getting_on(q, 1);
    uint64_t later = queue_progress(q);
    assert_int_not_equal(later, start);
    queue_done(q, 1, 1);
    assert_int_not_equal(queue_progress(q), later);
    queue_free(q, NULL, NULL);
}

/* --- queues: without parcels --- */

/* What the messages point at is not looked into, and does not count. */
static void a_queue_without_parcels_is_bounded_in_messages(void **state)
{
    (void)state;
    struct queue_config config = config_of(3, 0);
    for (int many = 0; many <= 1; many++) {
        config.many_writers = many;
        struct queue *q = open_queue(&config);
        struct message m = {.endpoint = (struct endpoint *)1};
        for (m.id = 0; m.id < 3; m.id++) {
            assert_true(queue_post(q, &m));
        }
        assert_false(queue_post(q, &m));
        assert_fill(q, 3, 0);
        struct message out;
        assert_true(queue_take_one(q, &out));
        assert_int_equal(out.id, 0);
        assert_true(out.endpoint == m.endpoint);
        assert_fill(q, 2, 0);
        assert_true(queue_post(q, &m));
        for (uint64_t id = 1; id <= 3; id++) {
            assert_true(queue_take_one(q, &out));
            assert_int_equal(out.id, id);
        }
        assert_false(queue_take_one(q, &out));
        queue_free(q, NULL, NULL);
    }
}

static void taking_one_calls_the_writer(void **state)
{
    (void)state;
    struct queue_config config = config_of(2, 0);
    struct queue *q = open_queue(&config);
    assert_true(queue_post(q, &(struct message){0}));
    assert_true(queue_post(q, &(struct message){0}));
    bell_lie_down(&writer_bell);
    assert_false(queue_post(q, &(struct message){0}));
    struct message out;
    assert_true(queue_take_one(q, &out));
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    queue_free(q, NULL, NULL);
}

static void a_post_alone_does_not_wake_the_reader(void **state)
{
    (void)state;
    struct queue *q = plain_queue(2, 10);
    struct message m = message_of(1, 1);
    bell_lie_down(&reader_bell);
    post(q, 0, 1);
    assert_false(rung(&reader_bell));
    queue_wake(q);
    assert_true(rung(&reader_bell));
    bell_get_up(&reader_bell);
    bell_lie_down(&reader_bell);
    assert_true(queue_post_and_wake(q, &m));
    assert_true(rung(&reader_bell));
    bell_get_up(&reader_bell);
    bell_lie_down(&reader_bell);
    assert_false(queue_post_and_wake(q, &m)); /* full: the reader has been told */
    assert_false(rung(&reader_bell));
    bell_get_up(&reader_bell);
    queue_free(q, NULL, NULL);
}

/* --- queues: the end --- */

static void count_discarded(void *context, struct message *message)
{
    uint64_t *ids = context;
    *ids = *ids * 10 + message->id;
    parcel_release(message->parcel);
}

static struct queue *queue_with_leftovers(void)
{
    struct queue *q = plain_queue(4, 100);
    for (uint64_t id = 1; id <= 3; id++) {
        post(q, id, 1);
    }
    return q;
}

static void what_is_left_inside_is_discarded(void **state)
{
    (void)state;
    uint64_t ids = 0;
    queue_free(queue_with_leftovers(), count_discarded, &ids);
    assert_int_equal(ids, 123);
    queue_free(queue_with_leftovers(), NULL, NULL); /* LeakSanitizer sees whether it is freed */
}

/* --- waiting for room --- */

static void a_closed_queue_lets_nothing_in(void **state)
{
    (void)state;
    struct queue_config config = config_of(4, 100);
    config.many_writers = true;
    struct queue *q = open_queue(&config);
    struct message oldest;
    for (uint64_t id = 0; id < 3; id++) {
        assert_true(post(q, id, 10));
    }
    assert_int_equal(take(q, 0), 10);
    bell_lie_down(&writer_bell);
    queue_close(q);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    assert_false(post(q, 3, 1));
    assert_fill(q, 3, 30);
    queue_done(q, 1, 10);
    assert_true(queue_drop_oldest(q, &oldest));
    assert_int_equal(oldest.id, 1);
    parcel_release(oldest.parcel);
    take_and_finish(q, 2);
    assert_fill(q, 0, 0);
    assert_false(post(q, 3, 1)); /* nor into an empty one */
    queue_free(q, NULL, NULL);
}

/* Longer than a writer waits before it is told of any room. */
#define PATIENCE_MS 10

/* Finishes the oldest message. True if the bell was silent, or the machine was so slow that it need not be.
 */
static bool is_silent_after(struct queue *q, uint64_t id, int64_t full_ms)
{
    take_and_finish(q, id);
    bool silent = !rung(&writer_bell);
    return silent || clock_ms() - full_ms >= PATIENCE_MS;
}

static void the_writer_is_called_at_half_not_before(void **state)
{
    (void)state;
    struct queue *q = plain_queue(4, 1000);
    for (uint64_t id = 0; id < 4; id++) {
        post(q, id, 1);
    }
    bell_lie_down(&writer_bell);
    int64_t full_ms = clock_ms();
    assert_false(post(q, 4, 1));
    assert_true(is_silent_after(q, 0, full_ms));
    take_and_finish(q, 1);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    bell_lie_down(&writer_bell);
    take_and_finish(q, 2);
    assert_false(rung(&writer_bell)); /* it has not met a full queue since */
    bell_get_up(&writer_bell);
    queue_free(q, NULL, NULL);
}

static void half_counts_for_bytes_too(void **state)
{
    (void)state;
    struct queue *q = plain_queue(100, 100);
    post(q, 0, 10);
    post(q, 1, 40);
    post(q, 2, 50);
    bell_lie_down(&writer_bell);
    int64_t full_ms = clock_ms();
    assert_false(post(q, 3, 1));
    assert_true(is_silent_after(q, 0, full_ms));
    take_and_finish(q, 1);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    queue_free(q, NULL, NULL);
}

/* A reader that takes one parcel of many now and then, and a writer that tries again and again meanwhile. */
static void a_writer_that_has_waited_is_called_at_each_step(void **state)
{
    (void)state;
    struct queue *q = plain_queue(64, 1000);
    for (uint64_t id = 0; id < 64; id++) {
        post(q, id, 1);
    }
    assert_false(queue_wants_room(q) || queue_getting_on(q, 1));
    for (uint64_t id = 0; id < 3; id++) {
        bell_lie_down(&writer_bell);
        assert_false(post(q, 64 + id, 1));
        assert_true(queue_wants_room(q) && queue_getting_on(q, 1));
        usleep((PATIENCE_MS / 2 + 1) * 1000);
        assert_false(post(q, 64 + id, 1));
        usleep((PATIENCE_MS / 2 + 1) * 1000);
        take_and_finish(q, id);
        assert_true(rung(&writer_bell));
        assert_false(queue_wants_room(q) || queue_getting_on(q, 1));
        bell_get_up(&writer_bell);
        assert_true(post(q, 64 + id, 1));
    }
    queue_free(q, NULL, NULL);
}

static void a_large_parcel_is_called_for_again_below_half(void **state)
{
    (void)state;
    struct queue *q = plain_queue(10, 100);
    post(q, 0, 20);
    post(q, 1, 20);
    post(q, 2, 5);
    for (uint64_t id = 0; id < 3; id++) {
        bell_lie_down(&writer_bell);
        assert_false(post(q, 3, 300));
        take_and_finish(q, id);
        assert_true(rung(&writer_bell));
        bell_get_up(&writer_bell);
    }
    assert_true(post(q, 3, 300));
    queue_free(q, NULL, NULL);
}

static void a_queue_for_one_calls_when_it_is_empty(void **state)
{
    (void)state;
    struct queue *q = plain_queue(1, 1);
    post(q, 0, 1);
    bell_lie_down(&writer_bell);
    assert_false(post(q, 1, 1));
    take_and_finish(q, 0);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    queue_free(q, NULL, NULL);
}

static void among_many_writers_a_drop_calls_the_one_that_waits(void **state)
{
    (void)state;
    struct queue_config config = config_of(1, 10);
    config.many_writers = true;
    struct queue *q = open_queue(&config);
    post(q, 0, 1);
    bell_lie_down(&writer_bell);
    assert_false(post(q, 1, 1));
    struct message oldest;
    assert_true(queue_drop_oldest(q, &oldest));
    parcel_release(oldest.parcel);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    queue_free(q, NULL, NULL);
}

/* --- lists of nonempty queues --- */

static void a_queue_lists_itself_once(void **state)
{
    (void)state;
    struct nonempty_list *r = nonempty_list_new(4);
    struct queue_config config = config_of(4, 100);
    config.list = r;
    config.ref = (struct peer_ref){5, 6};
    struct queue *q = open_queue(&config);
    assert_true(nonempty_list_is_empty(r));
    for (int i = 0; i < 20; i++) {
        queue_wake(q);
    }
    assert_false(nonempty_list_is_empty(r));
    struct peer_ref refs[4];
    assert_int_equal(nonempty_list_take(r, refs, 4), 1);
    assert_true(peer_ref_equal(refs[0], config.ref));
    queue_wake(q); /* taken, but not yet unlisted */
    assert_true(nonempty_list_is_empty(r));
    queue_unlist(q);
    queue_wake(q);
    assert_int_equal(nonempty_list_take(r, refs, 4), 1);
    queue_free(q, NULL, NULL);
    nonempty_list_free(r);
}

static void listed_refs_come_in_order_and_in_parts(void **state)
{
    (void)state;
    struct nonempty_list *r = nonempty_list_new(5);
    struct queue *q[5];
    for (uint32_t i = 0; i < 5; i++) {
        struct queue_config config = config_of(1, 1);
        config.list = r;
        config.ref = (struct peer_ref){i, 1};
        q[i] = open_queue(&config);
        queue_wake(q[i]);
    }
    struct peer_ref refs[5];
    assert_int_equal(nonempty_list_take(r, refs, 2), 2);
    assert_int_equal(nonempty_list_take(r, refs + 2, 9), 3);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(refs[i].index, i);
        queue_free(q[i], NULL, NULL);
    }
    nonempty_list_free(r);
}

static void a_full_list_is_tried_again(void **state)
{
    (void)state;
    struct nonempty_list *r = nonempty_list_new(1);
    struct queue *q[8];
    for (uint32_t i = 0; i < 8; i++) {
        struct queue_config config = config_of(1, 1);
        config.list = r;
        config.ref = (struct peer_ref){i, 1};
        q[i] = open_queue(&config);
        queue_wake(q[i]);
    }
    struct peer_ref refs[8];
    size_t listed = nonempty_list_take(r, refs, 8);
    assert_in_range(listed, 1, 7);
    queue_wake(q[7]);
    assert_int_equal(nonempty_list_take(r, refs, 8), 1);
    assert_int_equal(refs[0].index, 7);
    for (uint32_t i = 0; i < 8; i++) {
        queue_free(q[i], NULL, NULL);
    }
    nonempty_list_free(r);
}

static void a_list_has_its_limits(void **state)
{
    (void)state;
    assert_null(nonempty_list_new(0));
    assert_null(nonempty_list_new(QUEUE_MOST + 1));
    nonempty_list_free(NULL);
}

/* --- stall gates --- */

#define STALL_MS 100

struct drops {
    uint64_t ids[16];
    size_t count;
};

static void note_drop(void *context, struct message *message)
{
    struct drops *d = context;
    assert_true(d->count < 16);
    d->ids[d->count++] = message->id;
    parcel_release(message->parcel);
}

static enum gate_result put(struct stall_gate *g, uint64_t id, size_t size, int64_t now_ms, struct drops *d)
{
    struct message message = message_of(id, size);
    enum gate_result result = stall_gate_post(g, &message, now_ms, STALL_MS, note_drop, d);
    if (result == GATE_WAIT) {
        parcel_release(message.parcel);
    }
    return result;
}

static void a_gate_waits_while_the_reader_moves(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {0};
    int64_t now = 1000000;
    put(&g, 0, 1, now, &d);
    put(&g, 1, 1, now, &d);
    assert_int_equal(stall_gate_deadline(&g, STALL_MS), INT64_MAX);
    for (uint64_t step = 0; step < 10; step++) {
        assert_int_equal(put(&g, 9, 1, now, &d), GATE_WAIT);
        assert_int_equal(stall_gate_deadline(&g, STALL_MS), now + STALL_GATE_AGAIN_MS);
        assert_int_equal(put(&g, 9, 1, now + STALL_MS - 1, &d), GATE_WAIT);
        assert_int_equal(stall_gate_deadline(&g, STALL_MS), now + STALL_MS);
        queue_getting_on(g.queue, 1);
        now += STALL_MS + 2 * STALL_GATE_AGAIN_MS; /* not watched meanwhile: no pause of its own */
    }
    assert_int_equal(d.count, 0);
    take_and_finish(g.queue, 0);
    assert_int_equal(put(&g, 2, 1, now, &d), GATE_POSTED);
    assert_int_equal(stall_gate_deadline(&g, STALL_MS), INT64_MAX);
    queue_free(g.queue, NULL, NULL);
}

static void a_gate_drops_just_enough_when_the_reader_stalls(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(8, 100)};
    struct drops d = {0};
    for (uint64_t id = 0; id < 4; id++) {
        put(&g, id, 25, 0, &d);
    }
    assert_int_equal(put(&g, 4, 30, 0, &d), GATE_WAIT);
    assert_int_equal(put(&g, 4, 30, STALL_MS, &d), GATE_POSTED);
    assert_int_equal(d.count, 2);
    assert_int_equal(d.ids[0], 0);
    assert_int_equal(d.ids[1], 1);
    assert_true(g.stalled);
    assert_int_equal(stall_gate_deadline(&g, STALL_MS), INT64_MAX);
    assert_fill(g.queue, 3, 80);
    /* Stalled, each post drops at once, and nothing if it fits. */
    assert_int_equal(put(&g, 5, 20, STALL_MS, &d), GATE_POSTED);
    assert_int_equal(d.count, 2);
    assert_int_equal(put(&g, 6, 20, STALL_MS, &d), GATE_POSTED);
    assert_int_equal(d.count, 3);
    assert_int_equal(d.ids[2], 2);
    queue_free(g.queue, NULL, NULL);
}

static void what_is_pushed_does_not_wait(void **state)
{
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {.count = 0};
    (void)state;
    for (uint64_t id = 1; id <= 3; id++) {
        struct message message = message_of(id, 0);
        assert_int_equal(stall_gate_push(&g, &message, note_drop, &d), GATE_POSTED);
    }
    assert_int_equal(d.count, 1);
    assert_int_equal(d.ids[0], 1);
    take_and_finish(g.queue, 2);
    assert_int_equal(put(&g, 4, 0, 0, &d), GATE_POSTED);
    assert_int_equal(put(&g, 5, 0, 0, &d), GATE_WAIT);
    queue_free(g.queue, NULL, NULL);
}

static void a_gate_waits_again_once_the_reader_moves(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {0};
    put(&g, 0, 1, 0, &d);
    put(&g, 1, 1, 0, &d);
    assert_int_equal(put(&g, 2, 1, 5, &d), GATE_WAIT);
    assert_int_equal(put(&g, 2, 1, 5 + STALL_MS, &d), GATE_POSTED);
    assert_int_equal(d.count, 1);
    queue_getting_on(g.queue, 1);
    assert_int_equal(put(&g, 3, 1, 6 + STALL_MS, &d), GATE_WAIT);
    assert_false(g.stalled);
    assert_int_equal(stall_gate_deadline(&g, STALL_MS), 6 + STALL_MS + STALL_GATE_AGAIN_MS);
    /* It has stood still for one stall time and a millisecond before it moved: it is given twice that now. */
    assert_int_equal(put(&g, 3, 1, 7 + 3 * STALL_MS, &d), GATE_WAIT);
    assert_int_equal(stall_gate_deadline(&g, STALL_MS), 8 + 3 * STALL_MS);
    assert_int_equal(put(&g, 3, 1, 8 + 3 * STALL_MS, &d), GATE_POSTED);
    assert_int_equal(d.count, 2);
    queue_free(g.queue, NULL, NULL);
}

static void a_gate_gives_back_the_message_where_the_reader_holds_everything(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {0};
    put(&g, 0, 1, 0, &d);
    put(&g, 1, 1, 0, &d);
    take(g.queue, 0);
    take(g.queue, 1);
    assert_int_equal(put(&g, 2, 1, 0, &d), GATE_WAIT);
    assert_int_equal(put(&g, 2, 1, STALL_MS, &d), GATE_DROPPED);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.ids[0], 2);
    assert_int_equal(stall_gate_deadline(&g, STALL_MS), INT64_MAX);
    assert_fill(g.queue, 2, 2);
    queue_done(g.queue, 2, 2);
    assert_int_equal(put(&g, 3, 1, STALL_MS, &d), GATE_POSTED);
    queue_free(g.queue, NULL, NULL);
}

/* The stall time runs from when the queue was first met full, not from when the reader last moved, nor from
 * 0. */
static void the_stall_time_starts_with_the_first_full_post(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {0};
    put(&g, 0, 1, 0, &d);
    take_and_finish(g.queue, 0);
    put(&g, 1, 1, 10, &d);
    put(&g, 2, 1, 20, &d);
    assert_int_equal(put(&g, 3, 1, 50 * STALL_MS, &d), GATE_WAIT);
    assert_int_equal(stall_gate_deadline(&g, 1), 50 * STALL_MS + 1);
    assert_int_equal(stall_gate_deadline(&g, INT64_MAX), 50 * STALL_MS + STALL_GATE_AGAIN_MS);
    queue_free(g.queue, NULL, NULL);
}

/* Signs of whoever the reader passes the parcels on to count as progress; but they show others that it moves
 * only for a time after it has moved itself. And one look at the clock is enough for several messages. */
static void signs_count_and_are_not_passed_on_for_ever(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {0};
    int64_t now = 1000, moved_ms = 1000;
    put(&g, 0, 1, now, &d);
    put(&g, 1, 1, now, &d);
    queue_getting_on(g.queue, 1);
    assert_int_equal(put(&g, 2, 1, now, &d), GATE_WAIT);
    while (now < moved_ms + 2 * STALL_GATE_SIGNS_LAST * STALL_MS) {
        now += STALL_MS - 1;
        queue_sign(g.queue);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(put(&g, 2, 1, now, &d), GATE_WAIT);
            assert_int_equal(g.moved, now - moved_ms < STALL_GATE_SIGNS_LAST * (STALL_MS + 1));
        }
    }
    assert_int_equal(put(&g, 2, 1, now + 1, &d), GATE_WAIT);
    assert_false(g.moved);
    assert_int_equal(d.count, 0);
    queue_free(g.queue, NULL, NULL);
}

/* A reader that pauses longer and longer is given twice its last pause, up to a bound; a faster one soon has
 * no pause to speak of. */
static void a_gate_learns_how_long_its_reader_pauses(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100)};
    struct drops d = {0};
    int64_t now = 1000;
    put(&g, 0, 1, now, &d);
    put(&g, 1, 1, now, &d);
    put(&g, 2, 1, now, &d);
    for (int64_t pause = STALL_MS / 2; pause < STALL_GATE_PATIENCE * STALL_MS; pause += pause / 2) {
        for (int64_t at = now + STALL_GATE_AGAIN_MS; at < now + pause; at += STALL_GATE_AGAIN_MS) {
            assert_int_equal(put(&g, 2, 1, at, &d), GATE_WAIT);
        }
        queue_getting_on(g.queue, 1);
        now += pause;
        assert_int_equal(put(&g, 2, 1, now, &d), GATE_WAIT);
    }
    assert_int_equal(d.count, 0);
    assert_int_equal(put(&g, 2, 1, now + STALL_GATE_PATIENCE * STALL_MS - 1, &d), GATE_WAIT);
    assert_int_equal(put(&g, 2, 1, now + STALL_GATE_PATIENCE * STALL_MS, &d), GATE_POSTED);
    now += STALL_GATE_PATIENCE * STALL_MS;
    for (int i = 0; i < 20; i++) {
        queue_getting_on(g.queue, 1);
        put(&g, 2, 1, ++now, &d);
    }
    d.count = 0;
    assert_int_equal(put(&g, 2, 1, now + STALL_MS - 1, &d), GATE_WAIT);
    assert_int_equal(put(&g, 2, 1, now + STALL_MS, &d), GATE_POSTED);
    queue_free(g.queue, NULL, NULL);
}

/* A reader of ten steps a second where a hundred are the least: its queue is full again and again. */
static void a_reader_below_the_least_rate_counts_as_stalled(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100), .least_rate = 100};
    struct drops d = {0};
    uint64_t id = 2;
    put(&g, 0, 1, 0, &d);
    put(&g, 1, 1, 0, &d);
    assert_int_equal(put(&g, id, 1, 1000, &d), GATE_WAIT);
    queue_getting_on(g.queue, 1);
    assert_int_equal(put(&g, id, 1, 1000 + STALL_MS - 1, &d), GATE_WAIT);
    assert_int_equal(put(&g, id++, 1, 1000 + STALL_MS, &d), GATE_POSTED);
    assert_int_equal(d.count, 1);
    queue_getting_on(g.queue, 1);
    assert_int_equal(put(&g, id++, 1, 1010 + STALL_MS, &d), GATE_POSTED); /* without waiting again */
    assert_int_equal(d.count, 2);
    /* Faster than that over the next stall time, it is waited for again. */
    queue_getting_on(g.queue, STALL_MS / 10 + 1);
    assert_int_equal(put(&g, id, 1, 1000 + 2 * STALL_MS, &d), GATE_WAIT);
    assert_int_equal(d.count, 2);
    queue_free(g.queue, NULL, NULL);
}

static void a_reader_that_had_nothing_to_take_is_not_slow(void **state)
{
    (void)state;
    struct stall_gate g = {.queue = plain_queue(2, 100), .least_rate = 100};
    struct drops d = {0};
    put(&g, 0, 1, 0, &d);
    put(&g, 1, 1, 0, &d);
    assert_int_equal(put(&g, 2, 1, 1000, &d), GATE_WAIT);
    take_and_finish(g.queue, 0);
    take_and_finish(g.queue, 1);
    put(&g, 2, 1, 1000 + 50 * STALL_MS, &d);
    put(&g, 3, 1, 1000 + 50 * STALL_MS, &d);
    assert_int_equal(put(&g, 4, 1, 1000 + 50 * STALL_MS, &d), GATE_WAIT);
    assert_int_equal(d.count, 0);
    queue_free(g.queue, NULL, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bells, close_bells)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_parcel_copies_its_payload),
        TEST(a_parcel_may_be_empty_or_left_to_fill),
        TEST(a_parcel_has_a_longest_payload),
        TEST(a_parcel_lives_until_its_last_reference),
        TEST(a_bell_is_silent_while_its_owner_is_awake),
        TEST(a_bell_wakes_its_owner_once_per_sleep),
        TEST(a_bell_without_descriptors_says_so),
        TEST(a_ring_holds_what_it_was_made_for_in_order),
        TEST(a_trimmed_ring_takes_no_memory),
        TEST(a_ring_that_holds_something_keeps_it),
        TEST(a_ring_that_is_full_says_so),
        TEST(a_ring_has_its_limits),
        TEST(a_queue_refuses_a_config_out_of_limits),
        TEST(a_queue_of_the_largest_config_works),
        TEST(the_bound_in_parcels_is_exact),
        TEST(the_bound_in_bytes_is_exact),
        TEST(an_empty_queue_takes_a_parcel_of_any_size),
        TEST(the_budget_is_held_until_done),
        TEST(a_message_travels_whole),
        TEST(take_stops_at_most),
        TEST(dropping_takes_the_oldest_and_frees_its_budget),
        TEST(progress_is_the_readers_alone),
        TEST(a_queue_without_parcels_is_bounded_in_messages),
        TEST(taking_one_calls_the_writer),
        TEST(a_post_alone_does_not_wake_the_reader),
        TEST(what_is_left_inside_is_discarded),
        TEST(a_closed_queue_lets_nothing_in),
        TEST(the_writer_is_called_at_half_not_before),
        TEST(half_counts_for_bytes_too),
        TEST(a_writer_that_has_waited_is_called_at_each_step),
        TEST(a_large_parcel_is_called_for_again_below_half),
        TEST(a_queue_for_one_calls_when_it_is_empty),
        TEST(among_many_writers_a_drop_calls_the_one_that_waits),
        TEST(a_queue_lists_itself_once),
        TEST(listed_refs_come_in_order_and_in_parts),
        TEST(a_full_list_is_tried_again),
        TEST(a_list_has_its_limits),
        TEST(a_gate_waits_while_the_reader_moves),
        promise_test_setup_teardown("F32", a_gate_drops_just_enough_when_the_reader_stalls, open_bells,
                                    close_bells),
        TEST(what_is_pushed_does_not_wait),
        TEST(a_gate_waits_again_once_the_reader_moves),
        TEST(a_gate_gives_back_the_message_where_the_reader_holds_everything),
        TEST(the_stall_time_starts_with_the_first_full_post),
        TEST(signs_count_and_are_not_passed_on_for_ever),
        TEST(a_gate_learns_how_long_its_reader_pauses),
        TEST(a_reader_below_the_least_rate_counts_as_stalled),
        TEST(a_reader_that_had_nothing_to_take_is_not_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
