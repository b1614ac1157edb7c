/* Parcels, bells, mailboxes, ready lists and outlets, one thread at a time: what each call promises, and its
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
#include "queue/mailbox.h"
#include "queue/outlet.h"
#include "queue/parcel.h"
#include "queue/ring.h"
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

static struct mailbox_terms terms_of(uint32_t parcels, uint64_t bytes)
{
    return (struct mailbox_terms){
        .parcels = parcels, .bytes = bytes, .reader_bell = &reader_bell, .writer_bell = &writer_bell};
}

static struct mailbox *open_mailbox(const struct mailbox_terms *terms)
{
    struct mailbox *m = mailbox_new(terms);
    assert_non_null(m);
    return m;
}

static struct mailbox *plain_mailbox(uint32_t parcels, uint64_t bytes)
{
    struct mailbox_terms terms = terms_of(parcels, bytes);
    return open_mailbox(&terms);
}

static struct message message_of(uint64_t id, size_t size)
{
    struct message message = {.type = 7, .id = id, .parcel = parcel_new(NULL, size)};
    assert_non_null(message.parcel);
    return message;
}

static enum mailbox_result post(struct mailbox *m, uint64_t id, size_t size)
{
    struct message message = message_of(id, size);
    enum mailbox_result result = mailbox_post(m, &message);
    if (result == MAILBOX_FULL)
        parcel_release(message.parcel);
    return result;
}

/* Takes the next message without being done with it; returns its size. */
static size_t take(struct mailbox *m, uint64_t id)
{
    struct message message;
    assert_int_equal(mailbox_take(m, &message, 1), 1);
    assert_int_equal(message.id, id);
    size_t size = message.parcel->size;
    parcel_release(message.parcel);
    return size;
}

static void take_and_finish(struct mailbox *m, uint64_t id)
{
    size_t size = take(m, id);
    mailbox_done(m, 1, size);
}

static void assert_fill(const struct mailbox *m, uint32_t parcels, uint64_t bytes)
{
    uint32_t have_parcels;
    uint64_t have_bytes;
    mailbox_fill(m, &have_parcels, &have_bytes);
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
                for (uint32_t i = 0; i < most; i++)
                    assert_true(ring_put_message(r, &(struct message){.id = in++}));
                /* One at a time, some, or more than there are. */
                struct message messages[12];
                size_t at_once = 1 + (size_t)round % 12, taken;
                while ((taken = ring_take_messages(r, messages, at_once)) > 0) {
                    assert_true(taken <= at_once);
                    for (size_t i = 0; i < taken; i++)
                        assert_int_equal(messages[i].id, out++);
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

static void a_ring_at_rest_takes_no_memory(void **state)
{
    (void)state;
    enum { MOST = (1 << 18) - 1 }; /* CK leaves a slot empty: 2^18 */
    size_t pages = MOST * sizeof(struct message) / (size_t)sysconf(_SC_PAGESIZE);
    struct ring *r = ring_new(RING_OF_MESSAGES, MOST, false);
    size_t before = resident_pages();
    use_all_of(r, MOST);
    size_t used = resident_pages();
    assert_true(used >= before + pages * 9 / 10);
    assert_true(ring_rest(r));
    assert_true(resident_pages() <= used - pages * 9 / 10);
    use_all_of(r, MOST);
    ring_free(r);
}

/* Nor does a rest do harm to a small ring, or to one of many writers. */
static void a_ring_that_holds_something_keeps_it(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 100000; most *= 10) {
        for (int many = 0; many <= 1; many++) {
            struct ring *r = ring_new(RING_OF_MESSAGES, most, many);
            for (uint32_t i = 0; i < 3 * most; i++) {
                struct message message = {.id = i};
                ring_rest(r);
                assert_true(ring_put_message(r, &message));
                assert_false(ring_rest(r));
                if (i + 1 < most) /* from then on it is full after each put */
                    continue;
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
        while (ring_put_message(r, &(struct message){0}))
            assert_true(++held < 100);
        assert_true(held >= 3);
        ring_free(r);
    }
}

static void a_ring_has_its_limits(void **state)
{
    (void)state;
    assert_null(ring_new(RING_OF_MESSAGES, 0, false));
    assert_null(ring_new(RING_OF_NAMES, RING_MOST + 1, true));
    ring_free(NULL);
}

/* --- mailboxes: terms --- */

static void a_mailbox_refuses_terms_out_of_limits(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(0, 10);
    assert_null(mailbox_new(&terms));
    terms = terms_of(MAILBOX_MOST + 1, 10);
    assert_null(mailbox_new(&terms));
    terms = terms_of(1, MAILBOX_BYTES_MAX + 1);
    assert_null(mailbox_new(&terms));
    terms = terms_of(1, 10);
    terms.controls = MAILBOX_MOST + 1;
    assert_null(mailbox_new(&terms));
    terms.controls = 0;
    terms.reader_bell = NULL;
    assert_null(mailbox_new(&terms));
    mailbox_free(NULL, NULL, NULL);
}

static void a_mailbox_of_the_largest_terms_works(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(MAILBOX_MOST, MAILBOX_BYTES_MAX);
    assert_int_equal(post(m, 1, 5), MAILBOX_OK);
    assert_fill(m, 1, 5);
    take_and_finish(m, 1);
    assert_fill(m, 0, 0);
    mailbox_free(m, NULL, NULL);
}

/* --- mailboxes: the data lane --- */

static void the_bound_in_parcels_is_exact(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 9; most++) {
        struct mailbox_terms terms = terms_of(most, 1000);
        for (int many = 0; many <= 1; many++) {
            terms.many_writers = many;
            struct mailbox *m = open_mailbox(&terms);
            for (uint64_t id = 0; id < most; id++)
                assert_int_equal(post(m, id, 1), MAILBOX_OK);
            assert_int_equal(post(m, most, 1), MAILBOX_FULL);
            assert_fill(m, most, most);
            take_and_finish(m, 0);
            assert_int_equal(post(m, most, 1), MAILBOX_OK);
            assert_int_equal(post(m, most, 1), MAILBOX_FULL);
            mailbox_free(m, NULL, NULL);
        }
    }
}

static void the_bound_in_bytes_is_exact(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(10, 100);
    for (int many = 0; many <= 1; many++) {
        terms.many_writers = many;
        struct mailbox *m = open_mailbox(&terms);
        assert_int_equal(post(m, 0, 60), MAILBOX_OK);
        assert_int_equal(post(m, 1, 41), MAILBOX_FULL);
        assert_int_equal(post(m, 1, 40), MAILBOX_OK);
        assert_int_equal(post(m, 2, 1), MAILBOX_FULL);
        assert_int_equal(post(m, 2, 0), MAILBOX_OK);
        assert_fill(m, 3, 100);
        mailbox_free(m, NULL, NULL);
    }
}

static void an_empty_mailbox_takes_a_parcel_of_any_size(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(10, 100);
    assert_int_equal(post(m, 0, 1), MAILBOX_OK);
    assert_int_equal(post(m, 1, 101), MAILBOX_FULL);
    take_and_finish(m, 0);
    assert_int_equal(post(m, 1, 101), MAILBOX_OK);
    assert_int_equal(post(m, 2, 0), MAILBOX_FULL);
    assert_fill(m, 1, 101);
    take_and_finish(m, 1);
    assert_int_equal(post(m, 2, 100), MAILBOX_OK);
    mailbox_free(m, NULL, NULL);
}

static void the_budget_is_held_until_done(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(2, 100);
    post(m, 0, 10);
    post(m, 1, 20);
    assert_int_equal(take(m, 0), 10);
    assert_int_equal(take(m, 1), 20);
    assert_true(mailbox_empty(m));
    assert_fill(m, 2, 30);
    assert_int_equal(post(m, 2, 1), MAILBOX_FULL);
    mailbox_done(m, 1, 10);
    assert_fill(m, 1, 20);
    assert_int_equal(post(m, 2, 1), MAILBOX_OK);
    mailbox_free(m, NULL, NULL);
}

static void a_message_travels_whole(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(2, 100);
    struct message in = {
        .type = 1, .scope = SCOPE_FULL, .kind = 2, .peer = {3, 4}, .id = 5, .parcel = parcel_new("x", 1)};
    assert_int_equal(mailbox_post(m, &in), MAILBOX_OK);
    struct message none = {.type = 9};
    assert_int_equal(mailbox_post(m, &none), MAILBOX_OK);
    struct message out[3];
    assert_int_equal(mailbox_take(m, out, 3), 2);
    assert_true(out[0].type == in.type && out[0].scope == in.scope && out[0].kind == in.kind);
    assert_true(peer_ref_equal(out[0].peer, in.peer));
    assert_true(out[0].id == in.id && out[0].parcel == in.parcel);
    assert_int_equal(out[1].type, 9);
    assert_null(out[1].parcel);
    parcel_release(out[0].parcel);
    assert_int_equal(mailbox_take(m, out, 3), 0);
    mailbox_free(m, NULL, NULL);
}

static void take_stops_at_most(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(8, 100);
    for (uint64_t id = 0; id < 5; id++)
        post(m, id, 1);
    struct message out[5];
    assert_int_equal(mailbox_take(m, out, 0), 0);
    assert_int_equal(mailbox_take(m, out, 2), 2);
    assert_int_equal(mailbox_take(m, out + 2, 3), 3);
    for (uint64_t id = 0; id < 5; id++) {
        assert_int_equal(out[id].id, id);
        parcel_release(out[id].parcel);
    }
    mailbox_free(m, NULL, NULL);
}

static void dropping_takes_the_oldest_and_frees_its_budget(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(3, 100);
    for (int many = 0; many <= 1; many++) {
        terms.many_writers = many;
        struct mailbox *m = open_mailbox(&terms);
        for (uint64_t id = 0; id < 3; id++)
            post(m, id, 10 + id);
        assert_int_equal(take(m, 0), 10);
        struct message oldest;
        assert_true(mailbox_drop_oldest(m, &oldest));
        assert_int_equal(oldest.id, 1);
        parcel_release(oldest.parcel);
        assert_fill(m, 2, 22);
        assert_true(mailbox_drop_oldest(m, &oldest));
        parcel_release(oldest.parcel);
        assert_false(mailbox_drop_oldest(m, &oldest));
        assert_fill(m, 1, 10);
        mailbox_done(m, 1, 10);
        assert_fill(m, 0, 0);
        mailbox_free(m, NULL, NULL);
    }
}

static void progress_is_the_readers_alone(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(4, 100);
    uint64_t start = mailbox_progress(m);
    assert_int_not_equal(start, 0);
    post(m, 0, 1);
    post(m, 1, 1);
    take(m, 0);
    struct message oldest;
    assert_true(mailbox_drop_oldest(m, &oldest));
    parcel_release(oldest.parcel);
    mailbox_done(m, 0, 0);
    assert_int_equal(mailbox_progress(m), start);
    mailbox_getting_on(m, 1);
    uint64_t later = mailbox_progress(m);
    assert_int_not_equal(later, start);
    mailbox_done(m, 1, 1);
    assert_int_not_equal(mailbox_progress(m), later);
    mailbox_free(m, NULL, NULL);
}

/* --- mailboxes: the control lane --- */

static void the_control_lane_has_its_own_exact_bound(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(1, 1);
    terms.controls = 3;
    struct mailbox *m = open_mailbox(&terms);
    assert_int_equal(post(m, 0, 1), MAILBOX_OK);
    for (uint64_t id = 0; id < 3; id++)
        assert_int_equal(mailbox_post_control(m, &(struct message){.id = id}), MAILBOX_OK);
    assert_int_equal(mailbox_post_control(m, &(struct message){.id = 3}), MAILBOX_FULL);
    assert_fill(m, 1, 1);
    struct message out[4];
    assert_int_equal(mailbox_take_control(m, out, 1), 1);
    assert_int_equal(out[0].id, 0);
    assert_int_equal(mailbox_post_control(m, &(struct message){.id = 3}), MAILBOX_OK);
    assert_int_equal(mailbox_take_control(m, out, 4), 3);
    assert_int_equal(out[2].id, 3);
    assert_int_equal(mailbox_take_control(m, out, 4), 0);
    mailbox_free(m, NULL, NULL);
}

static void a_mailbox_without_control_lane_takes_no_commands(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(1, 1);
    struct message out;
    assert_int_equal(mailbox_post_control(m, &(struct message){0}), MAILBOX_FULL);
    assert_int_equal(mailbox_take_control(m, &out, 1), 0);
    mailbox_free(m, NULL, NULL);
}

static void empty_means_both_lanes(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(2, 10);
    terms.controls = 2;
    struct mailbox *m = open_mailbox(&terms);
    struct message out;
    assert_true(mailbox_empty(m));
    post(m, 0, 1);
    assert_false(mailbox_empty(m));
    take(m, 0);
    assert_true(mailbox_empty(m));
    mailbox_post_control(m, &(struct message){0});
    assert_false(mailbox_empty(m));
    mailbox_take_control(m, &out, 1);
    assert_true(mailbox_empty(m));
    mailbox_free(m, NULL, NULL);
}

static void posting_a_command_wakes_the_reader_but_posting_a_parcel_does_not(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(2, 10);
    terms.controls = 2;
    struct mailbox *m = open_mailbox(&terms);
    bell_lie_down(&reader_bell);
    post(m, 0, 1);
    assert_false(rung(&reader_bell));
    mailbox_post_control(m, &(struct message){0});
    assert_true(rung(&reader_bell));
    bell_get_up(&reader_bell);
    bell_lie_down(&reader_bell);
    mailbox_wake(m);
    assert_true(rung(&reader_bell));
    bell_get_up(&reader_bell);
    mailbox_free(m, NULL, NULL);
}

/* --- mailboxes: the end --- */

static void count_discarded(void *context, struct message *message)
{
    uint64_t *ids = context;
    *ids = *ids * 10 + message->id;
    if (message->type == 7)
        parcel_release(message->parcel);
    else
        free(message->command);
}

static struct mailbox *mailbox_with_leftovers(void)
{
    struct mailbox_terms terms = terms_of(4, 100);
    terms.controls = 2;
    struct mailbox *m = open_mailbox(&terms);
    post(m, 1, 1);
    post(m, 2, 1);
    mailbox_post_control(m, &(struct message){.id = 3, .command = malloc(8)});
    return m;
}

static void what_is_left_inside_is_discarded(void **state)
{
    (void)state;
    uint64_t ids = 0;
    mailbox_free(mailbox_with_leftovers(), count_discarded, &ids);
    assert_int_equal(ids, 123);
    mailbox_free(mailbox_with_leftovers(), NULL, NULL); /* LeakSanitizer sees whether it is freed */
}

/* --- waiting for room --- */

static void a_closed_mailbox_lets_nothing_in(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(4, 100);
    terms.many_writers = true;
    struct mailbox *m = open_mailbox(&terms);
    struct message oldest;
    for (uint64_t id = 0; id < 3; id++)
        assert_int_equal(post(m, id, 10), MAILBOX_OK);
    assert_int_equal(take(m, 0), 10);
    bell_lie_down(&writer_bell);
    mailbox_close(m);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    assert_int_equal(post(m, 3, 1), MAILBOX_FULL);
    assert_fill(m, 3, 30);
    mailbox_done(m, 1, 10);
    assert_true(mailbox_drop_oldest(m, &oldest));
    assert_int_equal(oldest.id, 1);
    parcel_release(oldest.parcel);
    take_and_finish(m, 2);
    assert_fill(m, 0, 0);
    assert_int_equal(post(m, 3, 1), MAILBOX_FULL); /* nor into an empty one */
    mailbox_free(m, NULL, NULL);
}

/* Longer than a writer waits before it is told of any room. */
#define PATIENCE_MS 10

/* Finishes the oldest message. True if the bell was silent, or the machine was so slow that it need not be.
 */
static bool is_silent_after(struct mailbox *m, uint64_t id, int64_t full_ms)
{
    take_and_finish(m, id);
    bool silent = !rung(&writer_bell);
    return silent || clock_ms() - full_ms >= PATIENCE_MS;
}

static void the_writer_is_called_at_half_not_before(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(4, 1000);
    for (uint64_t id = 0; id < 4; id++)
        post(m, id, 1);
    bell_lie_down(&writer_bell);
    int64_t full_ms = clock_ms();
    assert_int_equal(post(m, 4, 1), MAILBOX_FULL);
    assert_true(is_silent_after(m, 0, full_ms));
    take_and_finish(m, 1);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    bell_lie_down(&writer_bell);
    take_and_finish(m, 2);
    assert_false(rung(&writer_bell)); /* it has not met a full mailbox since */
    bell_get_up(&writer_bell);
    mailbox_free(m, NULL, NULL);
}

static void half_counts_for_bytes_too(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(100, 100);
    post(m, 0, 10);
    post(m, 1, 40);
    post(m, 2, 50);
    bell_lie_down(&writer_bell);
    int64_t full_ms = clock_ms();
    assert_int_equal(post(m, 3, 1), MAILBOX_FULL);
    assert_true(is_silent_after(m, 0, full_ms));
    take_and_finish(m, 1);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    mailbox_free(m, NULL, NULL);
}

/* A reader that takes one parcel of many now and then, and a writer that tries again and again meanwhile. */
static void a_writer_that_has_waited_is_called_at_each_step(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(64, 1000);
    for (uint64_t id = 0; id < 64; id++)
        post(m, id, 1);
    assert_false(mailbox_wants_room(m));
    for (uint64_t id = 0; id < 3; id++) {
        bell_lie_down(&writer_bell);
        assert_int_equal(post(m, 64 + id, 1), MAILBOX_FULL);
        assert_true(mailbox_wants_room(m));
        usleep((PATIENCE_MS / 2 + 1) * 1000);
        assert_int_equal(post(m, 64 + id, 1), MAILBOX_FULL);
        usleep((PATIENCE_MS / 2 + 1) * 1000);
        take_and_finish(m, id);
        assert_true(rung(&writer_bell));
        assert_false(mailbox_wants_room(m));
        bell_get_up(&writer_bell);
        assert_int_equal(post(m, 64 + id, 1), MAILBOX_OK);
    }
    mailbox_free(m, NULL, NULL);
}

static void a_large_parcel_is_called_for_again_below_half(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(10, 100);
    post(m, 0, 20);
    post(m, 1, 20);
    post(m, 2, 5);
    for (uint64_t id = 0; id < 3; id++) {
        bell_lie_down(&writer_bell);
        assert_int_equal(post(m, 3, 300), MAILBOX_FULL);
        take_and_finish(m, id);
        assert_true(rung(&writer_bell));
        bell_get_up(&writer_bell);
    }
    assert_int_equal(post(m, 3, 300), MAILBOX_OK);
    mailbox_free(m, NULL, NULL);
}

static void a_mailbox_for_one_calls_when_it_is_empty(void **state)
{
    (void)state;
    struct mailbox *m = plain_mailbox(1, 1);
    post(m, 0, 1);
    bell_lie_down(&writer_bell);
    assert_int_equal(post(m, 1, 1), MAILBOX_FULL);
    take_and_finish(m, 0);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    mailbox_free(m, NULL, NULL);
}

static void the_control_lane_calls_its_writer_whatever_the_other_holds(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(1, 1);
    terms.controls = 2;
    struct mailbox *m = open_mailbox(&terms);
    post(m, 0, 1);
    mailbox_post_control(m, &(struct message){0});
    mailbox_post_control(m, &(struct message){0});
    bell_lie_down(&writer_bell);
    assert_int_equal(mailbox_post_control(m, &(struct message){0}), MAILBOX_FULL);
    struct message out;
    assert_int_equal(mailbox_take_control(m, &out, 1), 1);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    mailbox_free(m, NULL, NULL);
}

static void among_many_writers_a_drop_calls_the_one_that_waits(void **state)
{
    (void)state;
    struct mailbox_terms terms = terms_of(1, 10);
    terms.many_writers = true;
    struct mailbox *m = open_mailbox(&terms);
    post(m, 0, 1);
    bell_lie_down(&writer_bell);
    assert_int_equal(post(m, 1, 1), MAILBOX_FULL);
    struct message oldest;
    assert_true(mailbox_drop_oldest(m, &oldest));
    parcel_release(oldest.parcel);
    assert_true(rung(&writer_bell));
    bell_get_up(&writer_bell);
    mailbox_free(m, NULL, NULL);
}

/* --- ready lists --- */

static void a_mailbox_lists_itself_once(void **state)
{
    (void)state;
    struct ready *r = ready_new(4);
    struct mailbox_terms terms = terms_of(4, 100);
    terms.ready = r;
    terms.name = (struct peer_ref){5, 6};
    struct mailbox *m = open_mailbox(&terms);
    assert_true(ready_empty(r));
    for (int i = 0; i < 20; i++)
        mailbox_wake(m);
    assert_false(ready_empty(r));
    struct peer_ref names[4];
    assert_int_equal(ready_take(r, names, 4), 1);
    assert_true(peer_ref_equal(names[0], terms.name));
    mailbox_wake(m); /* taken, but not yet unlisted */
    assert_true(ready_empty(r));
    mailbox_unlist(m);
    mailbox_wake(m);
    assert_int_equal(ready_take(r, names, 4), 1);
    mailbox_free(m, NULL, NULL);
    ready_free(r);
}

static void ready_names_come_in_order_and_in_parts(void **state)
{
    (void)state;
    struct ready *r = ready_new(5);
    struct mailbox *m[5];
    for (uint32_t i = 0; i < 5; i++) {
        struct mailbox_terms terms = terms_of(1, 1);
        terms.ready = r;
        terms.name = (struct peer_ref){i, 1};
        m[i] = open_mailbox(&terms);
        mailbox_wake(m[i]);
    }
    struct peer_ref names[5];
    assert_int_equal(ready_take(r, names, 2), 2);
    assert_int_equal(ready_take(r, names + 2, 9), 3);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(names[i].index, i);
        mailbox_free(m[i], NULL, NULL);
    }
    ready_free(r);
}

static void a_full_ready_list_is_tried_again(void **state)
{
    (void)state;
    struct ready *r = ready_new(1);
    struct mailbox *m[8];
    for (uint32_t i = 0; i < 8; i++) {
        struct mailbox_terms terms = terms_of(1, 1);
        terms.ready = r;
        terms.name = (struct peer_ref){i, 1};
        m[i] = open_mailbox(&terms);
        mailbox_wake(m[i]);
    }
    struct peer_ref names[8];
    size_t listed = ready_take(r, names, 8);
    assert_in_range(listed, 1, 7);
    mailbox_wake(m[7]);
    assert_int_equal(ready_take(r, names, 8), 1);
    assert_int_equal(names[0].index, 7);
    for (uint32_t i = 0; i < 8; i++)
        mailbox_free(m[i], NULL, NULL);
    ready_free(r);
}

static void a_ready_list_has_its_limits(void **state)
{
    (void)state;
    assert_null(ready_new(0));
    assert_null(ready_new(MAILBOX_MOST + 1));
    ready_free(NULL);
}

/* --- outlets --- */

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

static enum outlet_result put(struct outlet *o, uint64_t id, size_t size, int64_t now_ms, struct drops *d)
{
    struct message message = message_of(id, size);
    enum outlet_result result = outlet_post(o, &message, now_ms, STALL_MS, note_drop, d);
    if (result == OUTLET_WAIT)
        parcel_release(message.parcel);
    return result;
}

static void an_outlet_waits_while_the_reader_moves(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100)};
    struct drops d = {0};
    int64_t now = 1000000;
    put(&o, 0, 1, now, &d);
    put(&o, 1, 1, now, &d);
    assert_int_equal(outlet_deadline(&o, STALL_MS), INT64_MAX);
    for (uint64_t step = 0; step < 10; step++) {
        assert_int_equal(put(&o, 9, 1, now, &d), OUTLET_WAIT);
        assert_int_equal(outlet_deadline(&o, STALL_MS), now + OUTLET_AGAIN_MS);
        assert_int_equal(put(&o, 9, 1, now + STALL_MS - 1, &d), OUTLET_WAIT);
        assert_int_equal(outlet_deadline(&o, STALL_MS), now + STALL_MS);
        mailbox_getting_on(o.mailbox, 1);
        now += STALL_MS + 2 * OUTLET_AGAIN_MS; /* not watched meanwhile: no pause of its own */
    }
    assert_int_equal(d.count, 0);
    take_and_finish(o.mailbox, 0);
    assert_int_equal(put(&o, 2, 1, now, &d), OUTLET_POSTED);
    assert_int_equal(outlet_deadline(&o, STALL_MS), INT64_MAX);
    mailbox_free(o.mailbox, NULL, NULL);
}

static void an_outlet_drops_just_enough_when_the_reader_stalls(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(8, 100)};
    struct drops d = {0};
    for (uint64_t id = 0; id < 4; id++)
        put(&o, id, 25, 0, &d);
    assert_int_equal(put(&o, 4, 30, 0, &d), OUTLET_WAIT);
    assert_int_equal(put(&o, 4, 30, STALL_MS, &d), OUTLET_POSTED);
    assert_int_equal(d.count, 2);
    assert_int_equal(d.ids[0], 0);
    assert_int_equal(d.ids[1], 1);
    assert_true(o.stalled);
    assert_int_equal(outlet_deadline(&o, STALL_MS), INT64_MAX);
    assert_fill(o.mailbox, 3, 80);
    /* Stalled, each post drops at once, and nothing if it fits. */
    assert_int_equal(put(&o, 5, 20, STALL_MS, &d), OUTLET_POSTED);
    assert_int_equal(d.count, 2);
    assert_int_equal(put(&o, 6, 20, STALL_MS, &d), OUTLET_POSTED);
    assert_int_equal(d.count, 3);
    assert_int_equal(d.ids[2], 2);
    mailbox_free(o.mailbox, NULL, NULL);
}

static void an_outlet_waits_again_once_the_reader_moves(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100)};
    struct drops d = {0};
    put(&o, 0, 1, 0, &d);
    put(&o, 1, 1, 0, &d);
    assert_int_equal(put(&o, 2, 1, 5, &d), OUTLET_WAIT);
    assert_int_equal(put(&o, 2, 1, 5 + STALL_MS, &d), OUTLET_POSTED);
    assert_int_equal(d.count, 1);
    mailbox_getting_on(o.mailbox, 1);
    assert_int_equal(put(&o, 3, 1, 6 + STALL_MS, &d), OUTLET_WAIT);
    assert_false(o.stalled);
    assert_int_equal(outlet_deadline(&o, STALL_MS), 6 + STALL_MS + OUTLET_AGAIN_MS);
    /* It has stood still for one stall time and a millisecond before it moved: it is given twice that now. */
    assert_int_equal(put(&o, 3, 1, 7 + 3 * STALL_MS, &d), OUTLET_WAIT);
    assert_int_equal(outlet_deadline(&o, STALL_MS), 8 + 3 * STALL_MS);
    assert_int_equal(put(&o, 3, 1, 8 + 3 * STALL_MS, &d), OUTLET_POSTED);
    assert_int_equal(d.count, 2);
    mailbox_free(o.mailbox, NULL, NULL);
}

static void an_outlet_gives_back_the_message_where_the_reader_holds_everything(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100)};
    struct drops d = {0};
    put(&o, 0, 1, 0, &d);
    put(&o, 1, 1, 0, &d);
    take(o.mailbox, 0);
    take(o.mailbox, 1);
    assert_int_equal(put(&o, 2, 1, 0, &d), OUTLET_WAIT);
    assert_int_equal(put(&o, 2, 1, STALL_MS, &d), OUTLET_DROPPED);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.ids[0], 2);
    assert_int_equal(outlet_deadline(&o, STALL_MS), INT64_MAX);
    assert_fill(o.mailbox, 2, 2);
    mailbox_done(o.mailbox, 2, 2);
    assert_int_equal(put(&o, 3, 1, STALL_MS, &d), OUTLET_POSTED);
    mailbox_free(o.mailbox, NULL, NULL);
}

/* The stall time runs from when the mailbox was first met full, not from when the reader last moved, nor from
 * 0. */
static void the_stall_time_starts_with_the_first_full_post(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100)};
    struct drops d = {0};
    put(&o, 0, 1, 0, &d);
    take_and_finish(o.mailbox, 0);
    put(&o, 1, 1, 10, &d);
    put(&o, 2, 1, 20, &d);
    assert_int_equal(put(&o, 3, 1, 50 * STALL_MS, &d), OUTLET_WAIT);
    assert_int_equal(outlet_deadline(&o, 1), 50 * STALL_MS + 1);
    assert_int_equal(outlet_deadline(&o, INT64_MAX), 50 * STALL_MS + OUTLET_AGAIN_MS);
    mailbox_free(o.mailbox, NULL, NULL);
}

/* Signs of whoever the reader passes the parcels on to count as progress; but they show others that it moves
 * only for a time after it has moved itself. And one look at the clock is enough for several messages. */
static void signs_count_and_are_not_passed_on_for_ever(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100)};
    struct drops d = {0};
    int64_t now = 1000, moved_ms = 1000;
    put(&o, 0, 1, now, &d);
    put(&o, 1, 1, now, &d);
    mailbox_getting_on(o.mailbox, 1);
    assert_int_equal(put(&o, 2, 1, now, &d), OUTLET_WAIT);
    while (now < moved_ms + 2 * OUTLET_SIGNS_LAST * STALL_MS) {
        now += STALL_MS - 1;
        mailbox_sign(o.mailbox);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(put(&o, 2, 1, now, &d), OUTLET_WAIT);
            assert_int_equal(o.moved, now - moved_ms < OUTLET_SIGNS_LAST * (STALL_MS + 1));
        }
    }
    assert_int_equal(put(&o, 2, 1, now + 1, &d), OUTLET_WAIT);
    assert_false(o.moved);
    assert_int_equal(d.count, 0);
    mailbox_free(o.mailbox, NULL, NULL);
}

/* A reader that pauses longer and longer is given twice its last pause, up to a bound; a faster one soon has
 * no pause to speak of. */
static void an_outlet_learns_how_long_its_reader_pauses(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100)};
    struct drops d = {0};
    int64_t now = 1000;
    put(&o, 0, 1, now, &d);
    put(&o, 1, 1, now, &d);
    put(&o, 2, 1, now, &d);
    for (int64_t pause = STALL_MS / 2; pause < OUTLET_PATIENCE * STALL_MS; pause += pause / 2) {
        for (int64_t at = now + OUTLET_AGAIN_MS; at < now + pause; at += OUTLET_AGAIN_MS)
            assert_int_equal(put(&o, 2, 1, at, &d), OUTLET_WAIT);
        mailbox_getting_on(o.mailbox, 1);
        now += pause;
        assert_int_equal(put(&o, 2, 1, now, &d), OUTLET_WAIT);
    }
    assert_int_equal(d.count, 0);
    assert_int_equal(put(&o, 2, 1, now + OUTLET_PATIENCE * STALL_MS - 1, &d), OUTLET_WAIT);
    assert_int_equal(put(&o, 2, 1, now + OUTLET_PATIENCE * STALL_MS, &d), OUTLET_POSTED);
    now += OUTLET_PATIENCE * STALL_MS;
    for (int i = 0; i < 20; i++) {
        mailbox_getting_on(o.mailbox, 1);
        put(&o, 2, 1, ++now, &d);
    }
    d.count = 0;
    assert_int_equal(put(&o, 2, 1, now + STALL_MS - 1, &d), OUTLET_WAIT);
    assert_int_equal(put(&o, 2, 1, now + STALL_MS, &d), OUTLET_POSTED);
    mailbox_free(o.mailbox, NULL, NULL);
}

/* A reader of ten steps a second where a hundred are the least: its queue is full again and again. */
static void a_reader_below_the_least_rate_counts_as_stalled(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100), .least_rate = 100};
    struct drops d = {0};
    uint64_t id = 2;
    put(&o, 0, 1, 0, &d);
    put(&o, 1, 1, 0, &d);
    assert_int_equal(put(&o, id, 1, 1000, &d), OUTLET_WAIT);
    mailbox_getting_on(o.mailbox, 1);
    assert_int_equal(put(&o, id, 1, 1000 + STALL_MS - 1, &d), OUTLET_WAIT);
    assert_int_equal(put(&o, id++, 1, 1000 + STALL_MS, &d), OUTLET_POSTED);
    assert_int_equal(d.count, 1);
    mailbox_getting_on(o.mailbox, 1);
    assert_int_equal(put(&o, id++, 1, 1010 + STALL_MS, &d), OUTLET_POSTED); /* without waiting again */
    assert_int_equal(d.count, 2);
    /* Faster than that over the next stall time, it is waited for again. */
    mailbox_getting_on(o.mailbox, STALL_MS / 10 + 1);
    assert_int_equal(put(&o, id, 1, 1000 + 2 * STALL_MS, &d), OUTLET_WAIT);
    assert_int_equal(d.count, 2);
    mailbox_free(o.mailbox, NULL, NULL);
}

static void a_reader_that_had_nothing_to_take_is_not_slow(void **state)
{
    (void)state;
    struct outlet o = {.mailbox = plain_mailbox(2, 100), .least_rate = 100};
    struct drops d = {0};
    put(&o, 0, 1, 0, &d);
    put(&o, 1, 1, 0, &d);
    assert_int_equal(put(&o, 2, 1, 1000, &d), OUTLET_WAIT);
    take_and_finish(o.mailbox, 0);
    take_and_finish(o.mailbox, 1);
    put(&o, 2, 1, 1000 + 50 * STALL_MS, &d);
    put(&o, 3, 1, 1000 + 50 * STALL_MS, &d);
    assert_int_equal(put(&o, 4, 1, 1000 + 50 * STALL_MS, &d), OUTLET_WAIT);
    assert_int_equal(d.count, 0);
    mailbox_free(o.mailbox, NULL, NULL);
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
        TEST(a_ring_at_rest_takes_no_memory),
        TEST(a_ring_that_holds_something_keeps_it),
        TEST(a_ring_that_is_full_says_so),
        TEST(a_ring_has_its_limits),
        TEST(a_mailbox_refuses_terms_out_of_limits),
        TEST(a_mailbox_of_the_largest_terms_works),
        TEST(the_bound_in_parcels_is_exact),
        TEST(the_bound_in_bytes_is_exact),
        TEST(an_empty_mailbox_takes_a_parcel_of_any_size),
        TEST(the_budget_is_held_until_done),
        TEST(a_message_travels_whole),
        TEST(take_stops_at_most),
        TEST(dropping_takes_the_oldest_and_frees_its_budget),
        TEST(progress_is_the_readers_alone),
        TEST(the_control_lane_has_its_own_exact_bound),
        TEST(a_mailbox_without_control_lane_takes_no_commands),
        TEST(empty_means_both_lanes),
        TEST(posting_a_command_wakes_the_reader_but_posting_a_parcel_does_not),
        TEST(what_is_left_inside_is_discarded),
        TEST(a_closed_mailbox_lets_nothing_in),
        TEST(the_writer_is_called_at_half_not_before),
        TEST(half_counts_for_bytes_too),
        TEST(a_writer_that_has_waited_is_called_at_each_step),
        TEST(a_large_parcel_is_called_for_again_below_half),
        TEST(a_mailbox_for_one_calls_when_it_is_empty),
        TEST(the_control_lane_calls_its_writer_whatever_the_other_holds),
        TEST(among_many_writers_a_drop_calls_the_one_that_waits),
        TEST(a_mailbox_lists_itself_once),
        TEST(ready_names_come_in_order_and_in_parts),
        TEST(a_full_ready_list_is_tried_again),
        TEST(a_ready_list_has_its_limits),
        TEST(an_outlet_waits_while_the_reader_moves),
        promise_test_setup_teardown("F32", an_outlet_drops_just_enough_when_the_reader_stalls, open_bells,
                                    close_bells),
        TEST(an_outlet_waits_again_once_the_reader_moves),
        TEST(an_outlet_gives_back_the_message_where_the_reader_holds_everything),
        TEST(the_stall_time_starts_with_the_first_full_post),
        TEST(signs_count_and_are_not_passed_on_for_ever),
        TEST(an_outlet_learns_how_long_its_reader_pauses),
        TEST(a_reader_below_the_least_rate_counts_as_stalled),
        TEST(a_reader_that_had_nothing_to_take_is_not_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
