/* What the table of bounds says is no less than what is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "peers/format.h"
#include "queue/parcel.h"

static uint32_t random_state = 99;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

/* Of payloads around the sizes at which blocks grow, so that much of each is unused. */
static size_t payload(void)
{
    static const size_t edges[] = {1, 153, 409, 1145, 2297, 4345, 8441, 16633, 32761, 69625, 100000, 400000};
    return edges[next_random() % (sizeof edges / sizeof edges[0])] + next_random() % 3;
}

static void parcels_take_no_more_than_is_said(void **state)
{
    (void)state;
    enum { MOST = 200 };
    struct parcel *parcels[MOST];
    for (int round = 0; round < 300; round++) {
        uint64_t bytes = 0, memory = 0;
        uint32_t n = 1 + next_random() % MOST;
        size_t one = next_random() % 2 ? payload() : 0;
        for (uint32_t i = 0; i < n; i++) {
            parcels[i] = parcel_new(NULL, one ? one : payload());
            assert_non_null(parcels[i]);
            bytes += parcels[i]->size;
            memory += malloc_usable_size(parcels[i]) - 8; /* as malloc rounds up what it is asked for */
        }
        if (memory > parcel_memory(n, bytes)) {
            fail_msg("%u parcels of %ju bytes take %ju, and not %ju", n, (uintmax_t)bytes, (uintmax_t)memory,
                     (uintmax_t)parcel_memory(n, bytes));
        }
        for (uint32_t i = 0; i < n; i++) {
            parcel_release(parcels[i]);
        }
    }
}

static void a_bound_for_more_is_no_less(void **state)
{
    (void)state;
    enum { ONE = 80000 }; /* a block, as one is added for what does not come out even */
    for (uint64_t n = 1; n < 100000; n *= 7) {
        for (uint64_t bytes = 1; bytes < (1 << 28); bytes *= 5) {
            assert_true(parcel_memory(n, bytes) <= parcel_memory(7 * n, bytes) + ONE);
            assert_true(parcel_memory(n, bytes) <= parcel_memory(n, 5 * bytes) + ONE);
            assert_true(parcel_memory(n, bytes) >= bytes);
            assert_true(parcel_memory(n, bytes) <= 4 * bytes + 200 * n + 160000);
        }
    }
}

/* As long as they can be. */
static struct book_snapshot *long_snapshot(size_t n)
{
    struct book_snapshot *s = book_snapshot_new(n, n, n);
    assert_non_null(s);
    const struct ip ip = {.bytes = {0xfd, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x66, 0x66,
                                    0x77, 0x77, 0x88, 0x88}};
    const int64_t time = INT64_C(1234567890123);
    for (size_t i = 0; i < n; i++) {
        s->entries[i] = (struct book_entry){.endpoint = {.ip = ip, .port = 65535},
                                            .heard_ms = time,
                                            .answered_ms = time,
                                            .since_ms = time,
                                            .learned_ms = time,
                                            .dialed_ms = time,
                                            .told_by = INT64_MAX,
                                            .failures = UINT32_MAX,
                                            .source = SOURCE_INCOMING,
                                            .id.size = PEER_ID_MAX};
        s->scores[i] = (struct book_score){.ip = ip,
                                           .quality = QUALITY_MIN,
                                           .standing = QUALITY_MIN,
                                           .quality_ms = time,
                                           .banned_until = time,
                                           .discouraged_until = time};
        s->ids[i] = (struct book_id_score){.id.size = PEER_ID_MAX, .score = s->scores[i]};
    }
    s->n_entries = s->n_scores = s->n_ids = n;
    return s;
}

static size_t json_memory(struct book_snapshot *s)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    json_t *root = format_encode("LOCAL", s, 0);
    char *text = json_dumps(root, JSON_INDENT(1));
    assert_non_null(text);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd; /* 0 under a sanitizer */
    json_decref(root);
    free(text);
    return after - before;
}

static void the_peers_file_in_json_takes_no_more_than_is_said(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct book_snapshot *s = long_snapshot(N);
    size_t all = json_memory(s);
    s->n_entries = 0;
    size_t scores = json_memory(s);
    s->n_scores = 0;
    size_t ids = json_memory(s);
    book_snapshot_free(s);
    assert_true(ids <= (size_t)N * FORMAT_ID_BYTES);
    assert_true(scores - ids <= (size_t)N * FORMAT_SCORE_BYTES);
    assert_true(all - scores <= (size_t)N * FORMAT_ENTRY_BYTES);
}

static void rows_of_nothing_are_left_out_and_sums_do_not_overflow(void **state)
{
    (void)state;
    struct bounds b = {.n = 0};
    bounds_add(&b, BOUND_NODE, "one", 5, 7, "nobody");
    bounds_add(&b, BOUND_NODE, "none", 5, 0, "nobody");
    bounds_add(&b, BOUND_NODE, "none", 0, 5, "nobody");
    bounds_add(&b, BOUND_PROGRAM, "another", 1, 1, "nobody");
    assert_int_equal(b.n, 2);
    assert_int_equal(bounds_sum(&b, BOUND_NODE), 35);
    bounds_add(&b, BOUND_NODE, "much", UINT64_MAX / 2, 3, "nobody");
    assert_true(bounds_sum(&b, BOUND_NODE) == UINT64_MAX);
    bounds_add(&b, BOUND_NODE, "more", UINT64_MAX - 1, 1, "nobody");
    assert_true(bounds_sum(&b, BOUND_NODE) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parcels_take_no_more_than_is_said),
        cmocka_unit_test(a_bound_for_more_is_no_less),
        cmocka_unit_test(the_peers_file_in_json_takes_no_more_than_is_said),
        cmocka_unit_test(rows_of_nothing_are_left_out_and_sums_do_not_overflow),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
