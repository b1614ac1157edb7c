/* What was seen lately: for a while, and no more than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/recent.h"
#include "tests/unit/promise.h"

enum { WINDOW_MS = 1000, SOME = 16384, MANY = 1000000 };

static const struct peer_ref peer = {3, 7};

/* As far apart as the digests of messages are. */
static uint64_t digest_of(uint64_t n)
{
    return (n + 1) * 0x9e3779b97f4a7c15ULL;
}

static void note(struct recent *r, uint64_t from, uint64_t to, int64_t now_ms)
{
    for (uint64_t n = from; n < to; n++)
        recent_note(r, peer, digest_of(n), now_ms);
}

static uint64_t count(const struct recent *r, uint64_t from, uint64_t to, int64_t now_ms)
{
    uint64_t had = 0;

    for (uint64_t n = from; n < to; n++)
        had += recent_has(r, peer, digest_of(n), now_ms);
    return had;
}

static struct recent *some_recent(void)
{
    struct recent *r = recent_new(WINDOW_MS);

    assert_non_null(r);
    return r;
}

static void it_is_remembered_for_a_while(void **state)
{
    const struct peer_ref other = {3, 8};
    struct recent *r = some_recent();

    (void)state;
    assert_int_equal(count(r, 0, 1, 0), 0);
    note(r, 0, 1, 500);
    assert_int_equal(count(r, 0, 1, 500), 1);
    assert_int_equal(count(r, 1, 2, 500), 0);
    assert_false(recent_has(r, other, digest_of(0), 500));
    assert_int_equal(count(r, 0, 1, 500 + WINDOW_MS - 1), 1);
    assert_int_equal(count(r, 0, 1, 500 + WINDOW_MS), 0);
    note(r, 0, 1, 1000); /* again: the while begins anew */
    assert_int_equal(count(r, 0, 1, 1000 + WINDOW_MS - 1), 1);
    recent_free(r);
}

/* Few of them happen to share a place. */
static void there_is_room_for_many(void **state)
{
    struct recent *r = some_recent();

    (void)state;
    note(r, 0, SOME, 0);
    assert_true(count(r, 0, SOME, 0) > SOME * 99 / 100);
    recent_free(r);
}

static void what_comes_again_takes_no_more_room(void **state)
{
    struct recent *r = some_recent();

    (void)state;
    note(r, 0, SOME, 0);
    for (int64_t i = 1; i < 8; i++)
        note(r, 0, SOME / 8, i);
    assert_true(count(r, 0, SOME, 8) > SOME * 99 / 100);
    recent_free(r);
}

static void what_is_oldest_makes_room(void **state)
{
    struct recent *r = some_recent();
    uint64_t all;

    (void)state;
    note(r, 0, MANY - SOME, 0);
    note(r, MANY - SOME, MANY, 1);
    assert_true(count(r, MANY - SOME, MANY, 1) > SOME * 99 / 100);
    all = count(r, 0, MANY, 1);
    assert_in_range(all, SOME, 4 * SOME);
    recent_free(r);
}

static void digests_go_by_the_kind_the_bytes_and_the_key(void **state)
{
    struct parcel *a = parcel_new("one", 3), *b = parcel_new("one", 3), *c = parcel_new("two", 3);

    (void)state;
    assert_true(a && b && c);
    for (int strong = 0; strong < 2; strong++) {
        struct recent_key key = {.strong = strong != 0}, other;

        memset(key.bytes, 1, sizeof key.bytes);
        other = key;
        other.bytes[0] = 2;
        assert_true(recent_digest(&key, 1, a) == recent_digest(&key, 1, b));
        assert_true(recent_digest(&key, 1, a) != recent_digest(&key, 1, c));
        assert_true(recent_digest(&key, 1, a) != recent_digest(&key, 2, a));
        assert_true(recent_digest(&key, 1, a) != recent_digest(&other, 1, a));
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
