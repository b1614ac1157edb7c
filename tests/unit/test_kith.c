/* The embedding API: several nodes in one process, several threads on one node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/app_events.h"
#include "node/awaited.h"
#include "node/peer_thread.h"
#include "queue/parcel.h"
#include "tests/unit/kith_fixture.h"
#include "tests/unit/promise.h"

enum {
    SENDERS = 4,
    EACH = 2000,
    COMMANDS = 24000,
    TURNS = 200000,
    TURNS_MS = 250,
    COMMANDERS = 4,
    ROUNDS = 1000 /* fewer, and one thread is done before the next one begins */
};

static void who_polls_before_he_takes_anything_is_woken(void **state)
{
    struct kith *node = open_set("127.0.77.1", NULL, NULL);
    struct pollfd fd = {.fd = kith_fd(node), .events = POLLIN};
    struct kith_item item;
    (void)state;
    assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
    assert_int_equal(kith_receive(node, &item), KITH_EVENT);
    assert_int_equal(item.event.type, KITH_LISTENING);
    kith_close(node);
}

static void messages_go_both_ways(void **state)
{
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[200];
    open_pair(&a, &b, name, sizeof name);
    assert_int_equal(kith_send(a, name, "ping?", 5, 7), KITH_OK);
    struct kith_item item;
    next_event(a, KITH_SENT, &item);
    assert_int_equal(item.event.id, 7);
    assert_int_equal(item.event.count, 1);
    assert_int_equal(next(b, &item), KITH_PARCEL);
    assert_int_equal(item.parcel.size, 5);
    assert_memory_equal(item.parcel.bytes, "ping?", 5);
    assert_int_equal(kith_send(b, item.parcel.peer, "pong!", 5, 0),
                     KITH_OK); /* its sender's name is a target */
    assert_int_equal(next(a, &item), KITH_PARCEL);
    assert_string_equal(item.parcel.peer, name);
    kith_keep(a, &item.parcel);
    assert_int_equal(kith_send(a, "10.9.9.9:1 00000001", "x", 1, 0), KITH_NO_PEER);
    assert_int_equal(kith_send(a, name, "", 0, 0), KITH_INVALID);
    kith_close(a);
    kith_close(b);
    assert_memory_equal(item.parcel.bytes, "pong!", 5); /* kept beyond the node's life */
    kith_release(&item.parcel);
}

static void messages_have_kinds(void **state)
{
    char name[200];
    struct kith_message m = {.target = name, .kind = "Message", .bytes = "one", .size = 3, .id = 9};
    (void)state;
    struct kith *a;
    struct kith *b;
    open_pair(&a, &b, name, sizeof name);
    assert_string_equal(kith_kind(a, 0), "Message");
    assert_null(kith_kind(a, 1));
    assert_null(kith_kind(a, 2));
    assert_int_equal(kith_send_message(a, &m, 0), KITH_OK);
    struct kith_item item;
    next_event(a, KITH_SENT, &item);
    assert_int_equal(item.event.id, 9);
    assert_int_equal(next(b, &item), KITH_PARCEL);
    assert_memory_equal(item.parcel.bytes, "one", 3);
    assert_string_equal(item.parcel.kind, "Message");
    m.kind = NULL;
    m.bytes = "two";
    assert_int_equal(kith_send_message(a, &m, WAIT_MS), KITH_OK);
    assert_int_equal(next(b, &item), KITH_PARCEL);
    assert_memory_equal(item.parcel.bytes, "two", 3);
    assert_string_equal(item.parcel.kind, "Message");
    m.kind = "message";
    assert_int_equal(kith_send_message(a, &m, 0), KITH_INVALID);
    m.kind = "";
    assert_int_equal(kith_send_message(a, &m, WAIT_MS), KITH_INVALID);
    kith_close(a);
    kith_close(b);
}

/* Factom's peers prove nothing: an id would match nobody. */
static void ids_where_there_are_none(void **state)
{
    struct kith *a = open_set("127.0.77.1", NULL, NULL);
    (void)state;
    assert_int_equal(kith_set_special(a, "127.0.77.2:1 00ff@127.0.77.3:1", 1), KITH_INVALID);
    assert_int_equal(kith_set_special(a, "127.0.77.2:1", 2), KITH_OK);
    struct kith_item item;
    next_event(a, KITH_DONE, &item);
    assert_int_equal(item.event.id, 2);
    assert_int_equal(kith_ask_status(a, 3), KITH_OK);
    next_event(a, KITH_STATUS, &item);
    assert_string_equal(item.event.status->identity, "");
    kith_close(a);
}

struct sender {
    struct kith *node;
    const char *peer;
    uint8_t number;
};

static void *send_many(void *argument)
{
    const struct sender *s = argument;
    for (uint32_t i = 0; i < EACH; i++) {
        uint8_t bytes[64] = {s->number};
        memcpy(bytes + 1, &i, sizeof i);
        if (kith_send_wait(s->node, s->peer, bytes, sizeof bytes, 0, WAIT_MS) != KITH_OK) {
            return NULL;
        }
        if (i % 500 == 0) {
            kith_ask_peers(s->node, 1000 + i);
        }
    }
    return argument;
}

static void many_threads_send_through_one_node(void **state)
{
    uint32_t expected[SENDERS] = {0};
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[200];
    open_pair(&a, &b, name, sizeof name);
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    for (uint8_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){a, name, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
    }
    struct kith_item item;
    for (int got = 0; got < SENDERS * EACH;) {
        if (next(b, &item) != KITH_PARCEL) {
            continue;
        }
        const uint8_t *bytes = item.parcel.bytes;
        assert_true(bytes[0] < SENDERS);
        uint32_t number;
        memcpy(&number, bytes + 1, sizeof number);
        assert_int_equal(number, expected[bytes[0]]++); /* each thread's in its order, none lost */
        got++;
    }
    void *done;
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], &done);
        assert_non_null(done);
    }
    kith_close(b);
    kith_close(a);
}

/* --- commands of several threads --- */

enum { ASK_PEERS, ASK_STATUS, BAN, UNBAN, SET_SPECIAL, SEND, ANSWERED };

/* Not kith_send_wait, which looks again each 100 ms: here a wake that is lost is missed for good. */
static void *send_few(void *argument)
{
    const struct sender *s = argument;
    for (int i = 0; i < 8; i++) {
        enum kith_result r;
        while ((r = kith_send(s->node, s->peer, "x", 1, 0)) == KITH_WOULD_BLOCK) {
            struct pollfd fd = {.fd = kith_room_fd(s->node), .events = POLLIN};
            if (poll(&fd, 1, WAIT_MS) != 1) {
                return NULL;
            }
        }
        if (r != KITH_OK) {
            return NULL;
        }
    }
    return argument;
}

/* All of them wait for the same place in the queue. Whoever gets it has perhaps been woken in another's
 * stead. */
static void waiting_threads_wake_each_other(void **state)
{
    static const struct given_setting small[] = {{"queue", "1"}, {NULL, NULL}};
    enum { TIMES = 10, THREADS = 6 };
    pthread_t threads[THREADS];
    struct kith *a, *b;
    struct kith_item item;
    char name[200];
    void *done;

    (void)state;
    open_pair_set(&a, &b, name, sizeof name, small);
    struct sender s = {.node = a, .peer = name};
    for (int i = 0; i < TIMES; i++) {
        for (int k = 0; k < THREADS; k++) {
            assert_int_equal(pthread_create(&threads[k], NULL, send_few, &s), 0);
        }
        for (int got = 0; got < THREADS * 8; got += next(b, &item) == KITH_PARCEL) {
        }
        for (int k = 0; k < THREADS; k++) {
            pthread_join(threads[k], &done);
            assert_non_null(done);
        }
    }
    kith_close(a);
    kith_close(b);
}

struct commander {
    struct kith *node;
    const char *peer, *address;
    uint64_t first; /* of its ids */
    pthread_barrier_t *begin;
};

static enum kith_result give(const struct commander *c, unsigned command, uint64_t id)
{
    switch (command) {
    case ASK_PEERS:
        return kith_ask_peers(c->node, id);
    case ASK_STATUS:
        return kith_ask_status(c->node, id);
    case BAN:
        return kith_ban(c->node, "10.9.9.9", WAIT_MS, id);
    case UNBAN:
        return kith_unban(c->node, "10.9.9.9", id);
    case SET_SPECIAL:
        return kith_set_special(c->node, c->address, id);
    default:
        return kith_send(c->node, c->peer, &id, sizeof id, id);
    }
}

static void *command_much(void *argument)
{
    const struct commander *c = argument;
    pthread_barrier_wait(c->begin);
    for (unsigned i = 0; i < ROUNDS * ANSWERED; i++) {
        enum kith_result r;
        while ((r = give(c, i % ANSWERED, c->first + i)) == KITH_WOULD_BLOCK || r == KITH_BUSY) {
            sched_yield();
        }
        if (r != KITH_OK || kith_disconnect(c->node, "10.9.9.9:1 00000001", 0) != KITH_NO_PEER) {
            return NULL;
        }
    }
    return argument;
}

/* What a command is answered with has been done. */
static void a_command_does_what_it_says(void **state)
{
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[200];
    open_pair(&a, &b, name, sizeof name);
    assert_int_equal(kith_ban(a, "10.9.9.9", WAIT_MS, 1), KITH_OK);
    struct kith_item item;
    next_event(a, KITH_DONE, &item);
    assert_int_equal(kith_ask_status(a, 2), KITH_OK);
    next_event(a, KITH_STATUS, &item);
    assert_int_equal(item.event.id, 2);
    assert_int_equal(item.event.status->banned, 1);
    assert_int_equal(item.event.status->special, 1);
    assert_int_equal(kith_unban(a, "10.9.9.9", 3), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_int_equal(kith_set_special(a, "", 4), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_int_equal(kith_ask_status(a, 5), KITH_OK);
    next_event(a, KITH_STATUS, &item);
    assert_int_equal(item.event.status->banned, 0);
    assert_int_equal(item.event.status->special, 0);
    assert_int_equal(kith_ask_peers(a, 6), KITH_OK);
    next_event(a, KITH_PEERS, &item);
    assert_int_equal(item.event.count, 1);
    assert_string_equal(item.event.peers[0].hash, name);
    assert_int_equal(kith_disconnect(a, name, 7), KITH_OK);
    next_event(a, KITH_OFFLINE, &item);
    assert_string_equal(item.event.peer->hash, name);
    kith_close(a);
    kith_close(b);
}

static void each_command_of_many_threads_is_answered_once(void **state)
{
    enum { TOTAL = COMMANDERS * ROUNDS * ANSWERED };
    bool answered[TOTAL + 1] = {false};
    pthread_barrier_t begin;
    pthread_t threads[COMMANDERS];
    struct commander commanders[COMMANDERS];
    struct kith *a, *b;
    struct kith_item item;
    char name[200], address[200];
    void *done;

    (void)state;
    open_pair(&a, &b, name, sizeof name);
    snprintf(address, sizeof address, "%.*s", (int)strcspn(name, " "), name);
    assert_int_equal(pthread_barrier_init(&begin, NULL, COMMANDERS), 0);
    for (unsigned i = 0; i < COMMANDERS; i++) {
        commanders[i] = (struct commander){a, name, address, (uint64_t)i * ROUNDS * ANSWERED + 1, &begin};
        assert_int_equal(pthread_create(&threads[i], NULL, command_much, &commanders[i]), 0);
    }
    for (int got = 0; got < TOTAL;) {
        if (next(a, &item) != KITH_EVENT || !item.event.id) {
            continue;
        }
        assert_in_range(item.event.id, 1, TOTAL);
        assert_false(answered[item.event.id]);
        answered[item.event.id] = true;
        got++;
    }
    for (int i = 0; i < COMMANDERS; i++) {
        pthread_join(threads[i], &done);
        assert_non_null(done);
    }
    pthread_barrier_destroy(&begin);
    kith_close(a);
    kith_close(b);
}

/* Sends until there has been no room for a while: b's application takes nothing. */
static void fill_up(struct kith *a, const char *name_of_b)
{
    static const char bytes[1024] = "x";
    int64_t by = now_ms() + WAIT_MS, last_ms = now_ms();
    while (now_ms() - last_ms < 300) {
        enum kith_result r = kith_send(a, name_of_b, bytes, sizeof bytes, 0);
        assert_true(now_ms() < by);
        if (r == KITH_OK) {
            last_ms = now_ms();
        } else {
            assert_int_equal(r, KITH_WOULD_BLOCK);
            sched_yield();
        }
    }
}

/* A command waits behind no message and is dropped with none. */
static void commands_pass_full_queues(void **state)
{
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[200];
    open_pair(&a, &b, name, sizeof name);
    fill_up(a, name);
    int64_t begun = now_ms();
    assert_int_equal(kith_ask_status(a, 5), KITH_OK);
    struct kith_item item;
    next_event(a, KITH_STATUS, &item);
    assert_int_equal(item.event.id, 5);
    assert_true(item.event.status->to_network > 0);
    assert_int_equal(kith_ban(a, name, WAIT_MS, 6), KITH_OK);
    next_event(a, KITH_DONE, &item);
    assert_int_equal(item.event.id, 6);
    next_event(a, KITH_OFFLINE, &item);
    assert_true(now_ms() - begun < 2000);
    kith_close(a);
    kith_close(b);
}

/* One peer's application takes nothing: a send to it would block, and no send to another. */
static void a_send_to_one_peer_waits_for_that_peer_alone(void **state)
{
    int64_t by = now_ms() + WAIT_MS;
    (void)state;
    struct kith *a;
    struct kith *b;
    char name_of_b[200];
    open_pair(&a, &b, name_of_b, sizeof name_of_b);
    struct kith *c = open_set("127.0.77.3", NULL, NULL);
    struct kith_item item;
    next_event(c, KITH_LISTENING, &item);
    assert_int_equal(kith_set_special(a, item.event.address, 0), KITH_OK);
    next_event(a, KITH_ONLINE, &item);
    char name_of_c[200];
    snprintf(name_of_c, sizeof name_of_c, "%s", item.event.peer->hash);
    fill_up(a, name_of_b);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(kith_send(a, name_of_c, "hello", 5, 0), KITH_OK);
    }
    for (int i = 0; i < 1000; i++) {
        while (next(c, &item) != KITH_PARCEL)
            ;
    }
    while (kith_send_wait(a, name_of_b, "hello", 5, 0, 50) != KITH_WOULD_BLOCK) {
        assert_true(now_ms() < by); /* the system's buffers may have taken a little more */
    }
    struct pollfd room = (struct pollfd){.fd = kith_room_fd(a), .events = POLLIN};
    while (poll(&room, 1, 100) != 0) { /* and may once more */
        assert_true(now_ms() < by);
        kith_send(a, name_of_b, "hello", 5, 0);
    }
    do {
        assert_true(now_ms() < by);
        while (kith_receive(b, &item) != KITH_NOTHING)
            ;
    } while (poll(&room, 1, 1) == 0);
    assert_int_equal(kith_send(a, name_of_b, "hello", 5, 0), KITH_OK);
    kith_close(a);
    kith_close(b);
    kith_close(c);
}

/* --- two networks in one process --- */

enum { ADDRESS = 300 };

/* Opens two nodes of a network, which see each other; the first has dialed the second, and `also`, which then
 * becomes the second's address. */
static void open_network(struct kith *nodes[2], const struct given_setting *network,
                         const char *const binds[2], char also[ADDRESS])
{
    nodes[1] = open_set(binds[1], NULL, network);
    struct kith_item item;
    next_event(nodes[1], KITH_LISTENING, &item);
    char peers[2 * ADDRESS];
    snprintf(peers, sizeof peers, "%s %s", item.event.address, also);
    snprintf(also, ADDRESS, "%s", item.event.address);
    nodes[0] = open_set(binds[0], peers, network);
    next_event(nodes[0], KITH_ONLINE, &item);
    next_event(nodes[1], KITH_ONLINE, &item);
}

/* How many connections the node has refused because they were of another network. */
static uint64_t strangers(struct kith *node)
{
    assert_int_equal(kith_ask_status(node, 1), KITH_OK);
    struct kith_item item;
    next_event(node, KITH_STATUS, &item);
    assert_int_equal(item.event.status->outgoing + item.event.status->incoming, 1);
    const struct kith_count *c;
    for (c = item.event.status->ended; strcmp(c->cause, "wrong network") != 0; c++) {
        assert_non_null(c->cause);
    }
    return c->count;
}

static void nodes_of_two_networks_share_a_process(void **state)
{
    static const char *const binds[2][2] = {{"127.0.77.1", "127.0.77.2"}, {"127.0.77.3", "127.0.77.4"}};
    struct kith *local[2], *garden[2];
    struct kith_item item;
    char address[ADDRESS] = "";
    int64_t by = now_ms() + WAIT_MS;

    (void)state;
    open_network(local, NULL, binds[0], address);
    open_network(garden,
                 (struct given_setting[]){{"network", "CUSTOM"}, {"customnet", "garden"}, {NULL, NULL}},
                 binds[1], address);
    while (strangers(local[1]) == 0) {
        assert_true(now_ms() < by);
    }
    assert_int_equal(kith_send(local[0], KITH_FULL_BROADCAST, "for LOCAL", 9, 0), KITH_OK);
    assert_int_equal(kith_send(garden[0], KITH_FULL_BROADCAST, "in the garden", 13, 0), KITH_OK);
    while (next(local[1], &item) != KITH_PARCEL)
        ;
    assert_memory_equal(item.parcel.bytes, "for LOCAL", 9);
    while (next(garden[1], &item) != KITH_PARCEL)
        ;
    assert_memory_equal(item.parcel.bytes, "in the garden", 13);
    for (int i = 0; i < 2; i++) {
        kith_close(local[i]);
        kith_close(garden[i]);
    }
}

/* What was sent before the close still arrives. */
static void closing_sends_what_is_queued(void **state)
{
    uint32_t got = 0;
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[200];
    open_pair(&a, &b, name, sizeof name);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(kith_send(a, name, &i, sizeof i, 0), KITH_OK);
    }
    int64_t begun = now_ms();
    kith_close(a);
    assert_true(now_ms() - begun < 2500);
    struct kith_item item;
    for (;;) {
        enum kith_receive r = next(b, &item);
        if (r == KITH_EVENT && item.event.type == KITH_OFFLINE) {
            break; /* and offline comes after the last parcel */
        }
        if (r == KITH_PARCEL) {
            got++;
        }
    }
    assert_int_equal(got, 1000);
    kith_close(b);
}

/* Also if the application looks only when all has come. */
static void a_peer_comes_then_speaks_then_goes(void **state)
{
    struct kith *a, *b = open_set("127.0.77.2", NULL, NULL);
    (void)state;
    struct kith_item item;
    next_event(b, KITH_LISTENING, &item);
    char address[300];
    snprintf(address, sizeof address, "%s", item.event.address);
    a = open_set("127.0.77.1", address, NULL);
    next_event(a, KITH_ONLINE, &item);
    assert_int_equal(kith_send(a, KITH_FULL_BROADCAST, "hello", 5, 0), KITH_OK);
    kith_close(a);
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
    next_event(b, KITH_ONLINE, &item);
    assert_int_equal(next(b, &item), KITH_PARCEL);
    next_event(b, KITH_OFFLINE, &item);
    kith_close(b);
}

static void quitting_ends_with_an_event(void **state)
{
    struct kith *a = open_set("127.0.77.1", NULL, NULL);
    (void)state;
    assert_int_equal(kith_ask_status(a, 5), KITH_OK);
    struct kith_item item;
    next_event(a, KITH_STATUS, &item);
    assert_int_equal(item.event.id, 5);
    assert_non_null(item.event.status);
    assert_string_equal(item.event.status->network, "LOCAL");
    kith_quit(a);
    next_event(a, KITH_ENDED, &item);
    assert_int_equal(kith_send(a, KITH_BROADCAST, "x", 1, 0), KITH_CLOSED);
    kith_close(a);
}

/* More events than there is room for, and none taken: the end is told all the same. Without an id nobody
 * waits for them. */
static void the_end_is_told_when_events_were_missed(void **state)
{
    struct kith *a = open_set("127.0.77.1", NULL, NULL);
    struct pollfd room = {.fd = kith_command_fd(a), .events = POLLIN};
    uint64_t told = 0, missed = 0;
    (void)state;
    for (uint64_t i = 1; i <= COMMANDS; i++) {
        enum kith_result r;
        while ((r = kith_ask_peers(a, 0)) == KITH_BUSY) {
            assert_int_equal(poll(&room, 1, WAIT_MS), 1);
        }
        assert_int_equal(r, KITH_OK);
    }
    kith_quit(a);
    assert_int_equal(kith_ask_peers(a, 1), KITH_CLOSED);
    struct kith_item item;
    do {
        assert_int_equal(next(a, &item), KITH_EVENT);
        told += item.event.type == KITH_PEERS;
        missed += item.event.type == KITH_MISSED ? item.event.count : 0;
    } while (item.event.type != KITH_ENDED);
    assert_int_equal(told + missed, COMMANDS);
    assert_true(missed > 0);
    assert_int_equal(kith_receive(a, &item), KITH_NOTHING);
    kith_close(a);
}

/* Asks until the node takes no more, as answers are not taken. Returns the number of the last. */
static uint64_t ask_until_busy(struct kith *a, uint64_t i)
{
    struct pollfd room = {.fd = kith_command_fd(a), .events = POLLIN};
    for (;;) {
        enum kith_result r = kith_ask_peers(a, i + 1);
        if (r == KITH_OK) {
            i++;
        } else {
            assert_int_equal(r, KITH_BUSY);
            if (poll(&room, 1, 300) == 0) {
                return i;
            }
        }
    }
}

static uint64_t send_until_full(struct kith *a)
{
    struct pollfd room = {.fd = kith_room_fd(a), .events = POLLIN};
    for (uint64_t i = 0;;) {
        enum kith_result r = kith_send(a, KITH_FULL_BROADCAST, "x", 1, i + 1);
        if (r == KITH_OK) {
            i++;
        } else {
            assert_int_equal(r, KITH_WOULD_BLOCK);
            if (poll(&room, 1, 300) == 0) {
                return i;
            }
        }
    }
}

static void ask_without_id(struct kith *a, int times)
{
    struct pollfd room = {.fd = kith_command_fd(a), .events = POLLIN};
    for (int i = 0; i < times; i++) {
        while (kith_ask_peers(a, 0) == KITH_BUSY) {
            assert_int_equal(poll(&room, 1, WAIT_MS), 1);
        }
    }
}

/* What it may ask for is bounded by what it takes, and is answered whatever else found no room. */
static void no_answer_is_missed(void **state)
{
    struct kith *a = open_set("127.0.77.1", NULL, NULL);
    struct pollfd room = {.fd = kith_room_fd(a), .events = POLLIN};
    (void)state;
    uint64_t sends = send_until_full(a), asked = ask_until_busy(a, sends), answers = 0, missed = 0,
             first_with_room = asked - sends + 1; /* for one send more */
    assert_in_range(sends, 8000, COMMANDS / 2);
    assert_in_range(asked, sends + 1, COMMANDS / 2);
    ask_without_id(a, COMMANDS);
    assert_int_equal(kith_send(a, KITH_FULL_BROADCAST, "x", 1, 1), KITH_WOULD_BLOCK);
    while (answers < asked) {
        struct kith_item item;
        assert_int_equal(next(a, &item), KITH_EVENT);
        missed += item.event.type == KITH_MISSED ? item.event.count : 0;
        if (item.event.id == 0) {
            continue;
        }
        assert_int_equal(item.event.id, ++answers);
        if (answers == first_with_room) {
            assert_int_equal(poll(&room, 1, WAIT_MS), 1);
            ask_without_id(a, COMMANDS); /* what comes of them takes the place of no answer */
            asked++;
            while (kith_ask_peers(a, asked) == KITH_BUSY) { /* the others wait in front of it */
                sched_yield();
            }
            poll(NULL, 0, 200); /* so that the node answers it while nothing is taken */
        }
    }
    assert_true(missed > 0);
    kith_close(a);
}

/* A thread that waits for room for an answer is woken by the end. */
static void the_end_wakes_who_may_ask_no_more(void **state)
{
    struct kith *a = open_set("127.0.77.1", NULL, NULL);
    struct pollfd room = {.fd = kith_room_fd(a), .events = POLLIN},
                  commands = {.fd = kith_command_fd(a), .events = POLLIN};
    (void)state;
    ask_until_busy(a, send_until_full(a));
    kith_quit(a);
    assert_int_equal(poll(&room, 1, WAIT_MS), 1);
    assert_int_equal(poll(&commands, 1, WAIT_MS), 1);
    assert_int_equal(kith_send(a, KITH_FULL_BROADCAST, "x", 1, 1), KITH_CLOSED);
    kith_close(a);
}

#define FROM_MESSAGES 64

/* What the controller does with FromNetwork: an event and a parcel in turns, each numbered. */
struct turns {
    struct node *inner;
    _Atomic uint64_t taken; /* by the application so far */
    _Atomic uint64_t end;   /* so many are posted in all; UINT64_MAX: not known yet */
    bool in_pairs; /* two are posted once the application has taken all; or as many as there is room for */
    bool parcels_are_odd;
    bool claims; /* the parcels are taken out and put back, as if some were dropped */
};

static void claim_and_put_back(const struct turns *t)
{
    struct message all[FROM_MESSAGES];
    size_t n = queue_claim(t->inner->from_network, all);
    sched_yield();
    queue_put_back(t->inner->from_network, all, n);
    bell_ring(&t->inner->app_bell);
}

static void post_turn(const struct turns *t, uint64_t number)
{
    bool is_parcel = (number % 2 == 1) == t->parcels_are_odd;
    struct message m = {.order = number, .kind = (uint32_t)number};
    if (is_parcel) {
        m.parcel = parcel_new("x", 1);
    } else {
        m.event = node_event_new(KITH_DONE, number, 0);
    }
    if (is_parcel ? !m.parcel : !m.event) {
        abort();
    }
    while (!queue_post_and_wake(is_parcel ? t->inner->from_network : t->inner->events, &m)) {
        sched_yield();
    }
    if (t->claims) {
        claim_and_put_back(t);
    }
}

/* False if the time is over. If there are more busy threads than processors, each turn waits until the
 * other side has a processor: so many turns as there is time for must do then. */
static bool wait_for_turn(const struct turns *t, uint64_t number, int64_t by)
{
    if (t->in_pairs) {
        while (atomic_load(&t->taken) < number && now_ms() < by) {
            sched_yield();
        }
    }
    return now_ms() < by;
}

static void *post_turns(void *argument)
{
    struct turns *t = argument;
    int64_t by = now_ms() + TURNS_MS;
    uint64_t i = 0;
    for (; i < TURNS && (i % 2 == 1 || wait_for_turn(t, i, by)); i++) {
        post_turn(t, i);
    }
    atomic_store(&t->end, i);
    return NULL;
}

static void take_turns(struct turns *t)
{
    struct node *a = t->inner;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_turns, t), 0);
    for (uint64_t expected = 0; expected < atomic_load(&t->end);) {
        struct taken taken;
        enum take_result r = node_take(a, &taken);
        if (r == TAKE_NOTHING) {
            continue;
        }
        assert_int_equal(r == TAKE_PARCEL ? taken.kind : taken.event->public.id, expected++);
        if (r == TAKE_PARCEL) {
            parcel_release(taken.parcel);
        } else {
            node_event_free(taken.event);
        }
        atomic_store(&t->taken, expected);
    }
    pthread_join(thread, NULL);
}

/* Neither a peer's OFFLINE before its last parcel, nor its first parcel before its ONLINE: whether the queue
 * is never empty, or is found empty just before both come, or has its parcels taken out for a while. */
static void the_two_queues_keep_their_order(void **state)
{
    struct node *a = aligned_alloc(_Alignof(struct node), sizeof *a);
    struct queue_config config = {
        .messages = FROM_MESSAGES, .bytes = FROM_MESSAGES, .reader_bell = &a->app_bell};
    (void)state;
    assert_non_null(a);
    memset(a, 0, sizeof *a);
    assert_int_equal(bell_init(&a->app_bell), 0);
    a->from_network = queue_new(&config);
    config.bytes = 0;
    a->events = queue_new(&config);
    assert_true(a->from_network && a->events);
    for (unsigned i = 0; i < 8; i++) {
        static struct turns t; /* not on the stack: where a turn is wrong, its thread goes on */
        t = (struct turns){.inner = a,
                           .end = UINT64_MAX,
                           .in_pairs = i % 4 < 2,
                           .parcels_are_odd = i % 2 == 1,
                           .claims = i >= 4};
        take_turns(&t);
    }
    batch_drop(&a->held_parcels, NULL, node_release, NULL);
    queue_free(a->from_network, NULL, NULL);
    queue_free(a->events, NULL, NULL);
    bell_fini(&a->app_bell);
    free(a);
}

/* Also without memory for its answer, in its turn. */
static void a_request_is_answered_without_memory(void **state)
{
    struct node *a = aligned_alloc(_Alignof(struct node), sizeof *a);
    const struct queue_config config = {
        .messages = FROM_MESSAGES, .bytes = FROM_MESSAGES, .reader_bell = &a->app_bell};
    (void)state;
    assert_non_null(a);
    memset(a, 0, sizeof *a);
    a->stamp = 1;
    a->awaited = 2;
    assert_int_equal(bell_init(&a->app_bell), 0);
    a->from_network = queue_new(&config);
    a->events = queue_new(&config);
    struct node_event *first = node_event_new(KITH_DONE, 5, 0);
    assert_true(a->from_network && a->events && first);
    assert_true(app_events_post(a, first));
    app_events_post_no_memory(a, UINT64_MAX - 6);
    struct taken t;
    assert_int_equal(node_take(a, &t), TAKE_EVENT);
    assert_ptr_equal(t.event, first);
    node_event_free(t.event);
    assert_int_equal(node_take(a, &t), TAKE_EVENT);
    assert_null(t.event);
    assert_true(t.asked == UINT64_MAX - 6);
    struct kith_event e = node_event_no_memory(t.asked);
    assert_true(e.id == t.asked && e.type == KITH_FAILED && e.reason == KITH_FAIL_NO_MEMORY);
    assert_int_equal(node_take(a, &t), TAKE_NOTHING);
    assert_int_equal(a->awaited, 0);
    batch_drop(&a->held_parcels, NULL, node_release, NULL);
    queue_free(a->from_network, NULL, NULL);
    queue_free(a->events, NULL, NULL);
    bell_fini(&a->app_bell);
    free(a);
}

static bool is_rung(const struct bell *b)
{
    return poll(&(struct pollfd){.fd = b->fd, .events = POLLIN}, 1, 0) == 1;
}

/* A request whose queue is full gives the place of its answer back. Whoever found none meanwhile, and waits
 * by the other bell, is rung; but not who has given it back. */
static void a_place_that_is_given_back_is_told(void **state)
{
    struct node *a = aligned_alloc(_Alignof(struct node), sizeof *a);
    (void)state;
    assert_non_null(a);
    memset(a, 0, sizeof *a);
    assert_int_equal(bell_init(&a->room_bell) + bell_init(&a->command_bell), 0);
    a->awaited = ANSWERS_TO_SENDS - 1;
    assert_true(awaited_add(a, ANSWERS_MOST)); /* a command */
    bell_arm(&a->room_bell);
    assert_false(awaited_add(a, ANSWERS_TO_SENDS)); /* a send */
    awaited_undo(a, ANSWERS_MOST);
    assert_true(is_rung(&a->room_bell));
    assert_true(awaited_add(a, ANSWERS_TO_SENDS));
    bell_arm(&a->room_bell);
    awaited_undo(a, ANSWERS_TO_SENDS);
    assert_false(is_rung(&a->room_bell));
    a->awaited = ANSWERS_MOST;
    bell_arm(&a->command_bell);
    assert_false(awaited_add(a, ANSWERS_MOST));
    awaited_undo(a, ANSWERS_TO_SENDS); /* a send that was one of them */
    assert_true(is_rung(&a->command_bell));
    bell_fini(&a->room_bell);
    bell_fini(&a->command_bell);
    free(a);
}

static void errors_name_the_option(void **state)
{
    struct kith_config *c = kith_config_new();
    (void)state;
    assert_non_null(c);
    char error[KITH_ERROR_MAX];
    assert_int_equal(kith_config_set(c, "networkPort", "70000", error, sizeof error), -1);
    assert_non_null(strstr(error, "networkPort"));
    assert_int_equal(kith_config_set(c, "bind", "127.0.77.3", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "peersFile", "", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "customnet", "", error, sizeof error), -1);
    kith_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_polls_before_he_takes_anything_is_woken),
        promise_test("F31", messages_go_both_ways),
        cmocka_unit_test(messages_have_kinds),
        cmocka_unit_test(ids_where_there_are_none),
        promise_test("F30 P30", many_threads_send_through_one_node),
        promise_test("F30", waiting_threads_wake_each_other),
        promise_test("F30", a_command_does_what_it_says),
        promise_test("F30 P30", each_command_of_many_threads_is_answered_once),
        promise_test("P59", commands_pass_full_queues),
        promise_test("F29", a_send_to_one_peer_waits_for_that_peer_alone),
        promise_test("P61", nodes_of_two_networks_share_a_process),
        cmocka_unit_test(closing_sends_what_is_queued),
        cmocka_unit_test(a_peer_comes_then_speaks_then_goes),
        cmocka_unit_test(quitting_ends_with_an_event),
        cmocka_unit_test(the_end_is_told_when_events_were_missed),
        cmocka_unit_test(no_answer_is_missed),
        cmocka_unit_test(the_end_wakes_who_may_ask_no_more),
        cmocka_unit_test(the_two_queues_keep_their_order),
        cmocka_unit_test(a_request_is_answered_without_memory),
        cmocka_unit_test(a_place_that_is_given_back_is_told),
        cmocka_unit_test(errors_name_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
