/* What was seen lately: for a while, and no more than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/seen_cache.h"
#include "tests/unit/promise.h"

enum { WINDOW_MS = 1000, SOME = 16384, MANY = 1000000 };

static const struct peer_ref peer = {3, 7};

/* As far apart as the digests of messages are. */
static uint64_t digest_of(uint64_t n)
{
    return (n + 1) * 0x9e3779b97f4a7c15ULL;
}

static void note(struct seen_cache *r, uint64_t from, uint64_t to, int64_t now_ms)
{
    for (uint64_t n = from; n < to; n++) {
        seen_cache_add(r, peer, digest_of(n), now_ms);
    }
}

static uint64_t count(const struct seen_cache *r, uint64_t from, uint64_t to, int64_t now_ms)
{
    uint64_t had = 0;
    for (uint64_t n = from; n < to; n++) {
        had += seen_cache_has(r, peer, digest_of(n), now_ms);
    }
    return had;
}

static struct seen_cache *some_cache(void)
{
    struct seen_cache *r = seen_cache_new(WINDOW_MS);
    assert_non_null(r);
    return r;
}

static void it_is_remembered_for_a_while(void **state)
{
    const struct peer_ref other = {3, 8};
    struct seen_cache *r = some_cache();
    (void)state;
    assert_int_equal(count(r, 0, 1, 0), 0);
    note(r, 0, 1, 500);
    assert_int_equal(count(r, 0, 1, 500), 1);
    assert_int_equal(count(r, 1, 2, 500), 0);
    assert_false(seen_cache_has(r, other, digest_of(0), 500));
    assert_int_equal(count(r, 0, 1, 500 + WINDOW_MS - 1), 1);
    assert_int_equal(count(r, 0, 1, 500 + WINDOW_MS), 0);
    note(r, 0, 1, 1000); /* again: the while begins anew */
    assert_int_equal(count(r, 0, 1, 1000 + WINDOW_MS - 1), 1);
    seen_cache_free(r);
}

/* Few of them happen to share a place. */
static void there_is_room_for_many(void **state)
{
    struct seen_cache *r = some_cache();
    (void)state;
    note(r, 0, SOME, 0);
    assert_true(count(r, 0, SOME, 0) > SOME * 99 / 100);
    seen_cache_free(r);
}

static void what_comes_again_takes_no_more_room(void **state)
{
    struct seen_cache *r = some_cache();
    (void)state;
    note(r, 0, SOME, 0);
    for (int64_t i = 1; i < 8; i++) {
        note(r, 0, SOME / 8, i);
    }
    assert_true(count(r, 0, SOME, 8) > SOME * 99 / 100);
    seen_cache_free(r);
}

static void what_is_oldest_makes_room(void **state)
{
    struct seen_cache *r = some_cache();
    (void)state;
    note(r, 0, MANY - SOME, 0);
    note(r, MANY - SOME, MANY, 1);
    assert_true(count(r, MANY - SOME, MANY, 1) > SOME * 99 / 100);
    uint64_t all = count(r, 0, MANY, 1);
    assert_in_range(all, SOME, 4 * SOME);
    seen_cache_free(r);
}

static void digests_go_by_the_kind_the_bytes_and_the_key(void **state)
{
    struct parcel *a = parcel_new("one", 3), *b = parcel_new("one", 3), *c = parcel_new("two", 3);
    (void)state;
    assert_true(a && b && c);
    for (enum digest_strength strength = DIGEST_FAST; strength <= DIGEST_STRONG; strength++) {
        struct digest_key key = {.strength = strength}, none = {.strength = DIGEST_NONE}, other;
        memset(key.bytes, 1, sizeof key.bytes);
        other = key;
        other.bytes[0] = 2;
        assert_true(seen_cache_digest(&key, 1, a) == seen_cache_digest(&key, 1, b));
        assert_true(seen_cache_digest(&key, 1, a) != seen_cache_digest(&key, 1, c));
        assert_true(seen_cache_digest(&key, 1, a) != seen_cache_digest(&key, 2, a));
        assert_true(seen_cache_digest(&key, 1, a) != seen_cache_digest(&other, 1, a));
        assert_true(seen_cache_digest(&none, 1, a) == 0);
    }
    parcel_release(a);
    parcel_release(b);
    parcel_release(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_remembered_for_a_while),
        cmocka_unit_test(there_is_room_for_many),
        cmocka_unit_test(what_comes_again_takes_no_more_room),
        promise_test("P28", what_is_oldest_makes_room),
        cmocka_unit_test(digests_go_by_the_kind_the_bytes_and_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
