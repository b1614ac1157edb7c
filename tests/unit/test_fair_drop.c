/* Who loses messages if a queue that several senders fill is full and its reader stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "queue/bell.h"
#include "queue/fair_drop.h"
#include "queue/parcel.h"
#include "queue/queue.h"
#include "queue/stall_gate.h"

#define SENDERS  32
#define STALL_MS 100

struct rig {
    struct bell bell;
    struct stall_gate gate;
    uint64_t sent[SENDERS], dropped[SENDERS]; /* ids count from 1 */
    int64_t now_ms;
};

static void open_rig(struct rig *r, uint32_t messages, uint64_t bytes)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(bell_init(&r->bell), 0);
    r->gate.queue =
        queue_new(&(struct queue_config){.messages = messages, .bytes = bytes, .reader_bell = &r->bell});
    r->gate.fair = fair_drop_new(messages, bytes, SENDERS);
    assert_non_null(r->gate.queue);
    assert_non_null(r->gate.fair);
}

static void close_rig(struct rig *r)
{
    queue_free(r->gate.queue, NULL, NULL);
    fair_drop_free(r->gate.fair);
    bell_fini(&r->bell);
}

static void note(void *context, struct message *m)
{
    struct rig *r = context;
    r->dropped[m->peer.index]++;
    parcel_release(m->parcel);
}

/* As if the stall time were over with each message that finds no room. */
static enum gate_result send(struct rig *r, uint32_t from, size_t size)
{
    struct message m = {.peer = {from, 1}, .id = ++r->sent[from], .parcel = parcel_new(NULL, size)};
    assert_non_null(m.parcel);
    enum gate_result result;
    while ((result = stall_gate_post(&r->gate, &m, r->now_ms, STALL_MS, note, r)) == GATE_WAIT) {
        r->now_ms += STALL_MS;
    }
    return result;
}

static void send_many(struct rig *r, uint32_t from, uint32_t n, size_t size)
{
    for (uint32_t i = 0; i < n; i++) {
        send(r, from, size);
    }
}

/* Takes all: those of each sender come in order, and none was lost without being counted. */
static uint32_t take_all(struct rig *r, uint32_t taken[SENDERS])
{
    struct message m;
    uint64_t latest[SENDERS] = {0}, bytes;
    uint32_t all = 0, left;
    memset(taken, 0, SENDERS * sizeof *taken);
    for (; queue_take(r->gate.queue, &m, 1) == 1; all++) {
        uint32_t from = m.peer.index;
        assert_true(m.id > latest[from]);
        latest[from] = m.id;
        taken[from]++;
        queue_done(r->gate.queue, 1, m.parcel->size);
        parcel_release(m.parcel);
    }
    queue_fill(r->gate.queue, &left, &bytes);
    assert_int_equal(left, 0);
    assert_int_equal(bytes, 0);
    for (uint32_t i = 0; i < SENDERS; i++) {
        assert_int_equal(taken[i] + r->dropped[i], r->sent[i]);
    }
    return all;
}

/* Four flooders, and honest senders whose messages come before, between and after. */
static void flood(uint32_t messages, uint64_t bytes, const size_t sizes[4], uint32_t rounds)
{
    struct rig r;
    uint32_t taken[SENDERS];
    open_rig(&r, messages, bytes);
    for (uint32_t round = 0; round < rounds; round++) {
        send(&r, 4 + round % 20, 100);
        for (uint32_t flooder = 0; flooder < 4; flooder++) {
            send_many(&r, flooder, 64, sizes[flooder]);
        }
    }
    assert_true(take_all(&r, taken) > 0);
    for (uint32_t honest = 4; honest < 24; honest++) {
        assert_int_equal(r.dropped[honest], 0);
    }
    for (uint32_t flooder = 0; flooder < 4; flooder++) {
        assert_true(r.dropped[flooder] > 0);
        assert_true(taken[flooder] > 0 || sizes[flooder] > bytes / 4);
    }
    close_rig(&r);
}

static void honest_messages_outlast_a_flood_of_small_ones(void **state)
{
    (void)state;
    flood(500, 64 << 20, (const size_t[]){1, 1, 1, 1}, 60);
}

static void honest_messages_outlast_a_flood_of_large_ones(void **state)
{
    (void)state;
    flood(500, 1 << 20, (const size_t[]){100000, 100000, 100000, 100000}, 60);
}

static void honest_messages_outlast_a_flood_of_small_and_large_ones(void **state)
{
    (void)state;
    flood(200, 1 << 20, (const size_t[]){1, 100000, 30000, 0}, 60);
}

static void honest_messages_outlast_one_that_needs_the_whole_queue(void **state)
{
    (void)state;
    flood(200, 1 << 20, (const size_t[]){1, 3 << 20, 100, 1 << 20}, 60);
}

static void the_heaviest_sender_loses_its_oldest(void **state)
{
    struct rig r;
    struct message m;
    (void)state;
    open_rig(&r, 8, 0);
    send(&r, 1, 0);
    send_many(&r, 0, 5, 0);
    send_many(&r, 2, 2, 0);
    assert_int_equal(send(&r, 3, 0), GATE_POSTED);
    assert_int_equal(send(&r, 3, 0), GATE_POSTED);
    static const uint32_t from[] = {1, 0, 0, 0, 2, 2, 3, 3}, ids[] = {1, 3, 4, 5, 1, 2, 1, 2};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(queue_take(r.gate.queue, &m, 1), 1);
        assert_int_equal(m.peer.index, from[i]);
        assert_int_equal(m.id, ids[i]);
        parcel_release(m.parcel);
    }
    assert_int_equal(r.dropped[0], 2);
    close_rig(&r);
}

static void of_equal_senders_the_oldest_message_goes_and_no_other(void **state)
{
    struct rig r;
    uint32_t taken[SENDERS];
    (void)state;
    open_rig(&r, 100, 16 * 1000);
    for (uint32_t from = 0; from < 17; from++) {
        assert_int_equal(send(&r, from, 1000), GATE_POSTED);
    }
    assert_int_equal(take_all(&r, taken), 16);
    assert_int_equal(r.dropped[0], 1);
    close_rig(&r);
}

static void of_equal_senders_the_one_whose_message_comes_loses(void **state)
{
    struct rig r;
    uint32_t taken[SENDERS];
    (void)state;
    open_rig(&r, 8, 0);
    for (uint32_t i = 0; i < 8; i++) {
        send(&r, i % 2, 0);
    }
    assert_int_equal(send(&r, 1, 0), GATE_POSTED);
    assert_int_equal(r.dropped[1], 1);
    assert_int_equal(take_all(&r, taken), 8);
    close_rig(&r);
}

static void a_sender_alone_loses_its_oldest(void **state)
{
    struct rig r;
    uint32_t taken[SENDERS];
    (void)state;
    open_rig(&r, 4, 100);
    send_many(&r, 0, 3, 30);
    assert_int_equal(send(&r, 0, 30), GATE_POSTED);
    assert_int_equal(r.dropped[0], 1);
    assert_int_equal(send(&r, 0, 500), GATE_POSTED); /* alone it may be longer than the queue */
    assert_int_equal(r.dropped[0], 4);
    assert_int_equal(send(&r, 1, 10), GATE_POSTED);
    assert_int_equal(r.dropped[0], 5);
    assert_int_equal(take_all(&r, taken), 1);
    close_rig(&r);
}

static void a_message_that_is_more_than_anybody_has_goes_itself_and_alone(void **state)
{
    struct rig r;
    uint32_t taken[SENDERS];
    (void)state;
    open_rig(&r, 100, 100);
    for (uint32_t from = 0; from < 10; from++) {
        send(&r, from, 10);
    }
    assert_int_equal(send(&r, 3, 50), GATE_DROPPED);
    assert_int_equal(send(&r, 11, 200), GATE_DROPPED);
    assert_int_equal(take_all(&r, taken), 10);
    close_rig(&r);
}

static void what_the_reader_holds_costs_nobody_else(void **state)
{
    struct rig r;
    struct message held;
    uint32_t taken[SENDERS];
    (void)state;
    open_rig(&r, 100, 100);
    send(&r, 0, 90);
    assert_int_equal(queue_take(r.gate.queue, &held, 1), 1);
    send(&r, 1, 5);
    assert_int_equal(send(&r, 2, 20), GATE_DROPPED);
    assert_int_equal(send(&r, 0, 6), GATE_DROPPED);
    assert_int_equal(r.dropped[1], 0);
    queue_done(r.gate.queue, 1, 90);
    parcel_release(held.parcel);
    r.sent[0]--;
    assert_int_equal(take_all(&r, taken), 1);
    close_rig(&r);
}

/* A flood at full speed takes so many steps for each message, however long the queue is. */
static void one_run_makes_room_for_many(void **state)
{
    enum { MESSAGES = 3200, FLOOD = 6400 };
    struct rig r;
    uint32_t taken[SENDERS], runs = 0;
    (void)state;
    open_rig(&r, MESSAGES, 0);
    send_many(&r, 0, MESSAGES / 2, 0);
    send_many(&r, 1, MESSAGES / 2, 0);
    for (uint32_t i = 0; i < FLOOD; i++) {
        uint32_t claims = queue_claims(r.gate.queue);
        send(&r, i % 2, 0);
        runs += claims != queue_claims(r.gate.queue);
    }
    assert_true(runs > 0 && runs <= FLOOD * 32 / MESSAGES + 2);
    assert_true(take_all(&r, taken) >= MESSAGES - MESSAGES / 32);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_messages_outlast_a_flood_of_small_ones),
        cmocka_unit_test(honest_messages_outlast_a_flood_of_large_ones),
        cmocka_unit_test(honest_messages_outlast_a_flood_of_small_and_large_ones),
        cmocka_unit_test(honest_messages_outlast_one_that_needs_the_whole_queue),
        cmocka_unit_test(the_heaviest_sender_loses_its_oldest),
        cmocka_unit_test(of_equal_senders_the_oldest_message_goes_and_no_other),
        cmocka_unit_test(of_equal_senders_the_one_whose_message_comes_loses),
        cmocka_unit_test(a_sender_alone_loses_its_oldest),
        cmocka_unit_test(a_message_that_is_more_than_anybody_has_goes_itself_and_alone),
        cmocka_unit_test(what_the_reader_holds_costs_nobody_else),
        cmocka_unit_test(one_run_makes_room_for_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
