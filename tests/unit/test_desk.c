/* The operators' desk beside a node whose application takes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "app/desk.h"
#include "app/open.h"
#include "tests/unit/kith_fixture.h"

/* A guest that counts what it hears; its members are the desk's thread's until desk_end. */
struct counter {
    struct desk *desk;
    unsigned number;
    uint64_t events, parcels, online, answers, asked, views, ended;
    size_t n_peers;
    uint64_t incoming;
    char sender[200];
    bool wants;
    _Atomic int seen_parcels, seen_views, seen_answers, seen_online;
};

static int64_t counter_serve(void *self, int64_t now_ms)
{
    struct counter *c = self;
    desk_look(c->desk);
    if (!c->asked && c->online) {
        c->asked = 1;
        assert_int_equal(kith_unban(desk_node(c->desk), "9.9.9.9", desk_id(c->number, 42)), KITH_OK);
        assert_int_equal(
            kith_send(desk_node(c->desk), KITH_FULL_BROADCAST, "from the desk", 13, desk_id(c->number, 43)),
            KITH_OK);
        desk_want_parcels(c->desk, c->number, true);
    }
    return now_ms + 20;
}

static void counter_event(void *self, const struct kith_event *e)
{
    struct counter *c = self;
    c->events++;
    c->online += e->type == KITH_ONLINE;
    c->ended += e->type == KITH_ENDED;
    assert_int_equal(e->id, 0);
    atomic_store(&c->seen_online, (int)c->online);
}

static void counter_parcel(void *self, const struct kith_parcel *p)
{
    struct counter *c = self;
    struct parcel *kept = desk_keep_parcel(c->desk);
    assert_ptr_equal(kept->bytes, p->bytes);
    snprintf(c->sender, sizeof c->sender, "%s", p->peer);
    parcel_release(kept);
    c->parcels++;
    atomic_store(&c->seen_parcels, (int)c->parcels);
}

static void counter_answer(void *self, const struct kith_event *e)
{
    struct counter *c = self;
    assert_true(e->id == desk_id(c->number, 42) || e->id == desk_id(c->number, 43));
    assert_int_equal(e->type, e->id == desk_id(c->number, 42) ? KITH_FAILED : KITH_SENT);
    c->answers++;
    atomic_store(&c->seen_answers, (int)c->answers);
}

static void counter_view(void *self, const struct desk_view *v)
{
    struct counter *c = self;
    c->views++;
    c->n_peers = v->n_peers;
    c->incoming = v->status->incoming;
    atomic_store(&c->seen_views, (int)c->views);
}

static void ignore_line(void *context, enum log_level level, const char *line)
{
    (void)context;
    (void)level;
    (void)line;
}

static struct kith *open_watched(struct options *o, const char *queue, const char *stall)
{
    const char *const settings[][2] = {{"network", "LOCAL"}, {"bind", "127.0.77.11"}, {"networkPort", "0"},
                                       {"peersFile", ""},    {"seedURL", ""},         {"acceptInterval", "0"},
                                       {"stall", stall},     {"queue", queue},        {"exclusive", "true"}};
    char error[KITH_ERROR_MAX];
    options_init(o);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        assert_int_equal(options_set(o, settings[i][0], settings[i][1], error, sizeof error), 0);
    }
    assert_int_equal(options_finish(o, error, sizeof error), 0);
    o->config.is_watched = true;
    struct kith *node = kith_open_options(o, &(struct log_sink){.line = ignore_line}, error, sizeof error);
    if (!node) {
        fail_msg("%s", error);
    }
    return node;
}

static void wait_for(_Atomic int *count, int most)
{
    int64_t by = now_ms() + WAIT_MS;
    while (atomic_load(count) < most) {
        assert_true(now_ms() < by);
        usleep(2000);
    }
}

/* The application of the watched node never calls kith_receive but for its address, so its queue is full and
 * it is stalled; the desk goes on all the same. */
static void the_desk_works_while_the_application_takes_nothing(void **state)
{
    (void)state;
    struct options o;
    struct kith *node = open_watched(&o, "20", "200");
    struct kith_item item;
    next_event(node, KITH_LISTENING, &item);
    char address[300];
    snprintf(address, sizeof address, "%s", item.event.address);
    struct counter c = {.desk = desk_new()};
    c.number = desk_add(c.desk, &(struct desk_guest){.self = &c,
                                                     .fd = -1,
                                                     .serve = counter_serve,
                                                     .event = counter_event,
                                                     .parcel = counter_parcel,
                                                     .answer = counter_answer,
                                                     .view = counter_view});
    assert_int_equal(desk_start(c.desk, node, &o.config), 0);

    struct kith *peer = open_set("127.0.77.12", address, NULL);
    next_event(peer, KITH_ONLINE, &item);
    char name[200];
    snprintf(name, sizeof name, "%s", item.event.peer->hash);
    assert_int_equal(next(peer, &item), KITH_PARCEL);
    assert_memory_equal(item.parcel.bytes, "from the desk", 13);
    wait_for(&c.seen_answers, 2);
    for (int i = 0; i < 200; i++) { /* ten times what the application's queue holds */
        assert_int_equal(kith_send_wait(peer, name, &i, sizeof i, 0, WAIT_MS), KITH_OK);
    }
    wait_for(&c.seen_parcels, 200);
    int views = atomic_load(&c.seen_views);
    wait_for(&c.seen_views, views + 2);
    kith_quit(node);
    desk_end(c.desk);
    assert_int_equal(c.parcels, 200);
    assert_int_equal(c.online, 1);
    assert_int_equal(c.answers, 2);
    assert_int_equal(c.ended, 1);
    assert_int_equal(c.n_peers, 1);
    assert_int_equal(c.incoming, 1);
    assert_true(c.sender[0]);
    kith_close(node);
    kith_close(peer);
    options_free(&o);
}

/* --- an application that has let its events pile up --- */

struct sender {
    struct desk *desk;
    unsigned number;
    _Atomic bool may_send;
    bool has_sent;
    _Atomic int sent;
};

static int64_t sender_serve(void *self, int64_t now_ms)
{
    struct sender *s = self;
    if (atomic_load(&s->may_send) && !s->has_sent) {
        s->has_sent =
            kith_send(desk_node(s->desk), KITH_FULL_BROADCAST, "x", 1, desk_id(s->number, 1)) == KITH_OK;
    }
    return now_ms + 5;
}

static void sender_answer(void *self, const struct kith_event *e)
{
    struct sender *s = self;
    atomic_fetch_add(&s->sent, e->type == KITH_SENT);
}

/* As many requests as it may make without taking their answers. */
static uint64_t let_answers_pile_up(struct kith *node)
{
    struct pollfd room = {.fd = kith_command_fd(node), .events = POLLIN};
    for (uint64_t asked = 0;;) {
        if (kith_unban(node, "9.9.9.9", 7) == KITH_OK) {
            asked++;
        } else if (poll(&room, 1, 300) == 0) {
            return asked;
        }
    }
}

static void the_desk_may_send_though_the_application_takes_no_events(void **state)
{
    (void)state;
    struct options o;
    struct kith *node = open_watched(&o, "20", "200");
    struct sender s = {.desk = desk_new()};
    s.number = desk_add(
        s.desk, &(struct desk_guest){.self = &s, .fd = -1, .serve = sender_serve, .answer = sender_answer});
    assert_int_equal(desk_start(s.desk, node, &o.config), 0);
    uint64_t asked = let_answers_pile_up(node);
    atomic_store(&s.may_send, true);
    wait_for(&s.sent, 1);
    assert_int_equal(kith_send(node, KITH_FULL_BROADCAST, "x", 1, 8), KITH_WOULD_BLOCK);
    desk_end(s.desk);
    struct kith_item item;
    for (uint64_t answers = 0; answers < asked; answers += item.event.id == 7) {
        assert_int_equal(next(node, &item), KITH_EVENT);
        assert_int_equal(item.event.id & WATCH_ID, 0);
    }
    assert_int_equal(kith_send(node, KITH_FULL_BROADCAST, "x", 1, 8), KITH_OK);
    kith_close(node);
    options_free(&o);
}

/* They wait for a slow peer, and so would one of the desk's behind them; and since the core takes the next
 * only once the one before has room, whoever came second each time would never send. */
static void the_desk_waits_for_nothing_that_the_application_has_queued(void **state)
{
    (void)state;
    enum { QUEUE = 1000, TAKE_US = 10000 };
    static const char payload[5000];
    struct options o;
    struct kith *node = open_watched(&o, "1000", "20000");
    struct kith_item item;
    next_event(node, KITH_LISTENING, &item);
    const struct given_setting small[] = {{"queue", "4"}, {NULL, NULL}};
    struct kith *peer = open_set("127.0.77.12", item.event.address, small);
    next_event(node, KITH_ONLINE, &item);
    struct sender s = {.desk = desk_new()};
    s.number = desk_add(
        s.desk, &(struct desk_guest){.self = &s, .fd = -1, .serve = sender_serve, .answer = sender_answer});
    assert_int_equal(desk_start(s.desk, node, &o.config), 0);
    for (int taken = 0; atomic_load(&s.sent) == 0; taken++) {
        enum kith_result r;
        while ((r = kith_send(node, KITH_FULL_BROADCAST, payload, sizeof payload, 0)) == KITH_OK) {
        }
        assert_int_equal(r, KITH_WOULD_BLOCK);
        atomic_store(&s.may_send, taken >= 50); /* all queues are full by then */
        kith_receive(peer, &item);
        kith_receive(node, &item);
        usleep(TAKE_US);
        assert_true(taken < QUEUE / 2); /* so it has not waited for all of them */
    }
    desk_end(s.desk);
    kith_close(node);
    kith_close(peer);
    options_free(&o);
}

static void a_desk_may_end_before_its_node_and_without_a_start(void **state)
{
    (void)state;
    desk_end(desk_new());
    struct options o;
    struct kith *node = open_watched(&o, "20", "200");
    struct counter c = {.desk = desk_new()};
    desk_add(c.desk, &(struct desk_guest){.self = &c, .fd = -1, .event = counter_event});
    assert_int_equal(desk_start(c.desk, node, &o.config), 0);
    desk_end(c.desk);
    assert_int_equal(c.ended, 0);
    struct kith_item item;
    next_event(node, KITH_LISTENING, &item); /* the node goes on */
    kith_close(node);
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_desk_works_while_the_application_takes_nothing),
        cmocka_unit_test(the_desk_may_send_though_the_application_takes_no_events),
        cmocka_unit_test(the_desk_waits_for_nothing_that_the_application_has_queued),
        cmocka_unit_test(a_desk_may_end_before_its_node_and_without_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
