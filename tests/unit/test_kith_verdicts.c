/* A relay whose application has the word on what is passed on: three nodes in a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/unit/kith_fixture.h"

enum { NAME = 200, JUDGES = 4, MESSAGES = 2000, BYTES = 16 };

/* a and b are connected with the relay alone. */
struct row {
    struct kith *a, *relay, *b;
    char name_of_a[NAME];
};

static struct row open_row(const struct given_setting *settings)
{
    struct given_setting all[8] = {{"relay", "validated"}};
    struct row r = {0};
    struct kith_item item;
    char address[NAME];
    for (size_t n = 1; settings && settings->option; settings++) {
        all[n++] = *settings;
    }
    r.relay = open_set("127.0.77.1", NULL, all);
    next_event(r.relay, KITH_LISTENING, &item);
    snprintf(address, sizeof address, "%s", item.event.address);
    r.a = open_set("127.0.77.2", address, NULL);
    next_event(r.a, KITH_ONLINE, &item);
    next_event(r.relay, KITH_ONLINE, &item);
    snprintf(r.name_of_a, sizeof r.name_of_a, "%s", item.event.peer->hash);
    r.b = open_set("127.0.77.3", address, NULL);
    next_event(r.b, KITH_ONLINE, &item);
    next_event(r.relay, KITH_ONLINE, &item);
    return r;
}

static void close_row(struct row *r)
{
    kith_close(r->a);
    kith_close(r->relay);
    kith_close(r->b);
}

static void say(struct row *r, const char *text)
{
    assert_int_equal(kith_send(r->a, KITH_BROADCAST, text, strlen(text), 0), KITH_OK);
}

/* The ticket of the message that the relay is given next. */
static uint64_t next_ticket(struct row *r, const char *text)
{
    struct kith_item item;
    assert_int_equal(next(r->relay, &item), KITH_PARCEL);
    assert_int_equal(item.parcel.size, strlen(text));
    assert_memory_equal(item.parcel.bytes, text, item.parcel.size);
    assert_true(item.parcel.ticket > 0);
    return item.parcel.ticket;
}

static void only_what_is_accepted_is_passed_on(void **state)
{
    struct row r = open_row(NULL);
    struct kith_item item;
    (void)state;
    say(&r, "ignored");
    say(&r, "rejected");
    say(&r, "accepted");
    uint64_t ignored = next_ticket(&r, "ignored");
    uint64_t rejected = next_ticket(&r, "rejected");
    uint64_t accepted = next_ticket(&r, "accepted");
    assert_int_equal(kith_verdict(r.relay, accepted, KITH_ACCEPT), KITH_OK);
    assert_int_equal(next(r.b, &item), KITH_PARCEL);
    assert_int_equal(item.parcel.size, strlen("accepted"));
    assert_int_equal(item.parcel.ticket, 0); /* b does not relay */
    assert_int_equal(kith_verdict(r.relay, ignored, KITH_IGNORE), KITH_OK);
    assert_int_equal(kith_verdict(r.relay, rejected, KITH_REJECT), KITH_OK);
    assert_int_equal(kith_verdict(r.relay, rejected, KITH_ACCEPT), KITH_OK); /* over: passed over */
    assert_int_equal(kith_verdict(r.relay, 0, KITH_ACCEPT), KITH_INVALID);
    assert_int_equal(kith_verdict(r.relay, 1, (enum kith_verdict)3), KITH_INVALID);
    assert_int_equal(kith_verdict(r.relay, 1, (enum kith_verdict) - 1), KITH_INVALID);
    assert_int_equal(kith_ask_score(r.relay, r.name_of_a, 1), KITH_OK);
    next_event(r.relay, KITH_SCORE, &item);
    assert_in_range(item.event.score->quality + 10, 0, 1); /* -10, and a point for being of use */
    assert_int_equal(kith_ask_status(r.relay, 2), KITH_OK);
    next_event(r.relay, KITH_STATUS, &item);
    const struct kith_status *s = item.event.status;
    assert_true(s->accepted == 1 && s->ignored == 1 && s->rejected == 1 && s->unjudged == 0);
    assert_int_equal(s->awaiting, 0);
    close_row(&r);
}

/* Tickets can be guessed: those of messages that are still to come are no verdicts on them. */
static void verdicts_on_what_has_not_come_change_nothing(void **state)
{
    struct row r = open_row(NULL);
    struct kith_item item;
    (void)state;
    say(&r, "the first");
    uint64_t first = next_ticket(&r, "the first");
    for (uint64_t i = 1; i <= 20000; i++) {
        enum kith_result result;
        while ((result = kith_verdict(r.relay, first + i, i % 2 ? KITH_ACCEPT : KITH_REJECT)) == KITH_BUSY) {
            struct pollfd fd = {.fd = kith_command_fd(r.relay), .events = POLLIN};
            poll(&fd, 1, 100);
        }
        assert_int_equal(result, KITH_OK);
    }
    assert_int_equal(kith_ask_status(r.relay, 1), KITH_OK); /* it has heard them all */
    next_event(r.relay, KITH_STATUS, &item);
    assert_true(item.event.status->accepted == 0 && item.event.status->rejected == 0);
    assert_int_equal(item.event.status->awaiting, 1);
    say(&r, "the second");
    uint64_t second = next_ticket(&r, "the second");
    assert_true(second > first && second <= first + 20000);
    assert_int_equal(kith_verdict(r.relay, first, KITH_IGNORE), KITH_OK);
    assert_int_equal(kith_verdict(r.relay, second, KITH_ACCEPT), KITH_OK);
    assert_int_equal(next(r.b, &item), KITH_PARCEL);
    assert_memory_equal(item.parcel.bytes, "the second", item.parcel.size);
    close_row(&r);
}

/* --- load --- */

/* Tickets that wait for a judge; 0 for a place that is free. */
struct court {
    struct kith *node;
    _Atomic uint64_t tickets[64];
    _Atomic bool over;
};

static void *judge(void *context)
{
    struct court *c = context;
    while (!atomic_load(&c->over)) {
        for (size_t i = 0; i < sizeof c->tickets / sizeof *c->tickets; i++) {
            uint64_t ticket = atomic_exchange(&c->tickets[i], 0);
            while (ticket && kith_verdict(c->node, ticket, KITH_ACCEPT) == KITH_BUSY) {
                struct pollfd fd = {.fd = kith_command_fd(c->node), .events = POLLIN};
                poll(&fd, 1, 100);
            }
        }
    }
    return NULL;
}

static void hand_over(struct court *c, uint64_t ticket)
{
    for (size_t i = 0;; i++) {
        uint64_t free_place = 0;
        if (atomic_compare_exchange_weak(&c->tickets[i % (sizeof c->tickets / sizeof *c->tickets)],
                                         &free_place, ticket)) {
            return;
        }
    }
}

/* Takes what there is; true if it was a parcel. */
static bool take(struct kith *node, uint64_t *ticket)
{
    struct kith_item item;
    enum kith_receive r = kith_receive(node, &item);
    if (r == KITH_EVENT && (item.event.type == KITH_DROPPED || item.event.type == KITH_MISSED)) {
        fail_msg("%llu lost: %s", (unsigned long long)item.event.count, item.event.text);
    }
    if (r == KITH_PARCEL) {
        *ticket = item.parcel.ticket;
    }
    return r == KITH_PARCEL;
}

static void many_threads_judge_a_flood_and_nothing_is_lost(void **state)
{
    const struct given_setting settings[] = {{"verdicts", "256"}, {0}};
    struct row r = open_row(settings);
    static struct court court;
    pthread_t judges[JUDGES];
    uint64_t ticket;
    int sent = 0, came = 0;
    (void)state;
    court.node = r.relay;
    for (int i = 0; i < JUDGES; i++) {
        assert_int_equal(pthread_create(&judges[i], NULL, judge, &court), 0);
    }
    int64_t by = now_ms() + 3 * WAIT_MS;
    while (came < MESSAGES) {
        char text[BYTES];
        snprintf(text, sizeof text, "%d", sent);
        sent += sent < MESSAGES && kith_send(r.a, KITH_BROADCAST, text, strlen(text), 0) == KITH_OK;
        if (take(r.relay, &ticket)) {
            hand_over(&court, ticket);
        }
        came += take(r.b, &ticket);
        assert_true(now_ms() < by);
    }
    atomic_store(&court.over, true);
    for (int i = 0; i < JUDGES; i++) {
        pthread_join(judges[i], NULL);
    }
    assert_int_equal(came, sent);
    close_row(&r);
}

/* It takes its messages, and says nothing of them. They do not pile up, nor hold up who sends them. */
static void who_never_judges_is_given_all_and_passes_on_none(void **state)
{
    const struct given_setting settings[] = {
        {"verdicts", "256"}, {"stall", "300"}, {"verdictTime", "1h"}, {0}};
    struct row r = open_row(settings);
    struct kith_item item;
    int sent = 0, came = 0;
    uint64_t told = 0;
    (void)state;
    while (came < MESSAGES) {
        char text[BYTES];
        snprintf(text, sizeof text, "%d", sent);
        sent += sent < MESSAGES && kith_send(r.a, KITH_BROADCAST, text, strlen(text), 0) == KITH_OK;
        enum kith_receive got = kith_receive(r.relay, &item);
        came += got == KITH_PARCEL;
        told += got == KITH_EVENT && item.event.reason == KITH_DROP_UNJUDGED ? item.event.count : 0;
    }
    assert_int_equal(kith_ask_status(r.relay, 1), KITH_OK);
    while (next(r.relay, &item) == KITH_PARCEL || item.event.type != KITH_STATUS) {
        told += item.event.reason == KITH_DROP_UNJUDGED ? item.event.count : 0;
    }
    assert_int_equal(item.event.status->awaiting, 32); /* an eighth */
    assert_int_equal(item.event.status->unjudged, MESSAGES - 32);
    while (told < MESSAGES - 32) { /* the application is told of each */
        next_event(r.relay, KITH_DROPPED, &item);
        told += item.event.count;
    }
    assert_int_equal(kith_ask_status(r.b, 1), KITH_OK);
    next_event(r.b, KITH_STATUS, &item); /* and no parcel before it */
    close_row(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_accepted_is_passed_on),
        cmocka_unit_test(verdicts_on_what_has_not_come_change_nothing),
        cmocka_unit_test(many_threads_judge_a_flood_and_nothing_is_lost),
        cmocka_unit_test(who_never_judges_is_given_all_and_passes_on_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
