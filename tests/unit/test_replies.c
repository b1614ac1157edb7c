/* What of the service's words to one peer waits in its queue, and who pays for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "node/replies.h"
#include "queue/parcel.h"

#define KIB 1024

struct rig {
    struct bell bell;
    struct queue *queue;
    struct budget budget;
    struct replies replies;
};

static void open_rig(struct rig *r, uint64_t budget)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(bell_init(&r->bell), 0);
    r->queue =
        queue_new(&(struct queue_config){.messages = 5000, .bytes = 64 << 20, .reader_bell = &r->bell});
    assert_non_null(r->queue);
    budget_init(&r->budget, budget);
    r->replies.account.budget = &r->budget;
}

static void close_rig(struct rig *r)
{
    budget_close(&r->replies.account);
    assert_int_equal(budget_room(&r->budget), r->budget.total);
    queue_free(r->queue, NULL, NULL);
    bell_fini(&r->bell);
}

static void post(struct rig *r, size_t size, bool is_reply)
{
    struct message m = {.parcel = parcel_new(NULL, size)};
    assert_non_null(m.parcel);
    assert_true(queue_post(r->queue, &m));
    r->replies.posted++;
    r->replies.bytes += is_reply ? size : 0;
}

static bool reply(struct rig *r, size_t size)
{
    if (!replies_may_post(&r->replies, r->queue, size, 0)) {
        return false;
    }
    post(r, size, true);
    return true;
}

static void read_one(struct rig *r)
{
    struct message m;
    assert_int_equal(queue_take(r->queue, &m, 1), 1);
    queue_done(r->queue, 1, m.parcel->size);
    parcel_release(m.parcel);
}

static int64_t used(const struct rig *r)
{
    return r->budget.total - budget_room(&r->budget);
}

static void who_reads_is_answered_for_nothing(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r, 1024 * KIB);
    for (int i = 0; i < 1000; i++) {
        assert_true(reply(&r, 16 * KIB));
        read_one(&r);
    }
    assert_int_equal(used(&r), 0);
    close_rig(&r);
}

static void who_does_not_read_pays_and_then_waits(void **state)
{
    struct rig r;
    unsigned n = 0;
    (void)state;
    open_rig(&r, 64 * 1024 * KIB);
    for (; reply(&r, 16 * KIB); n++) {
        assert_true(n < 1000);
    }
    assert_int_equal(n, REPLIES_MOST / (16 * KIB));
    assert_int_equal(used(&r), REPLIES_MOST - REPLIES_FREE);
    while (n-- > 0) {
        read_one(&r);
    }
    replies_settle(&r.replies, r.queue, 0);
    replies_settle(&r.replies, r.queue, 0);
    assert_int_equal(used(&r), 0);
    close_rig(&r);
}

/* The queue is never empty, as the application's messages come all the time. */
static void replies_go_on_between_others(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r, 64 * 1024 * KIB);
    for (int i = 0; i < 100; i++) {
        post(&r, 1, false);
    }
    for (int i = 0; i < 10000; i++) {
        assert_true(reply(&r, 16 * KIB));
        post(&r, 1, false);
        read_one(&r);
        read_one(&r);
    }
    assert_true(used(&r) < 4 * 1024 * KIB);
    close_rig(&r);
}

static void half_of_the_budget_is_for_others(void **state)
{
    struct rig r;
    unsigned n = 0;
    (void)state;
    open_rig(&r, 1024 * KIB);
    for (; reply(&r, 16 * KIB); n++) {
        assert_true(n < 1000);
    }
    assert_int_equal(used(&r), 512 * KIB);
    close_rig(&r);
}

static void one_reply_of_any_size_is_taken_if_there_is_room(void **state)
{
    struct rig r;
    (void)state;
    open_rig(&r, 16 * 1024 * KIB);
    assert_true(reply(&r, 12 * 1024 * KIB));
    assert_false(reply(&r, 1));
    assert_false(budget_was_asked(&r.budget));
    read_one(&r);
    struct budget_account other = {.budget = &r.budget};
    assert_true(budget_take(&other, 0, 3 * 1024 * KIB));
    assert_false(reply(&r, 15 * 1024 * KIB));
    assert_true(budget_was_asked(&r.budget));
    assert_int_equal(budget_wanted(&r.replies.account), 15 * 1024 * KIB - REPLIES_FREE);
    budget_close(&other);
    assert_true(reply(&r, 15 * 1024 * KIB));
    assert_int_equal(budget_wanted(&r.replies.account), 0);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_is_answered_for_nothing),
        cmocka_unit_test(who_does_not_read_pays_and_then_waits),
        cmocka_unit_test(replies_go_on_between_others),
        cmocka_unit_test(half_of_the_budget_is_for_others),
        cmocka_unit_test(one_reply_of_any_size_is_taken_if_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
