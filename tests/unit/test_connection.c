/* A connection between its queues and a socket, with a protocol of which each byte is a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/connection.h"
#include "queue/pool.h"
#include "tests/unit/promise.h"

enum {
    PATIENCE_MS = 40000, /* reached by failures only */
    TICK_MS = 10,
    LARGE = 300 * 1024, /* bytes that the word 'l' takes */
    ANSWER = 16 * 1024, /* bytes that the word 'a' is answered with */
    SMALL_MOST = 64 * 1024,
    ROOM = 1024 * 1024,
    BLOCK = 8000,
    ROUNDS = 2000, /* of a flood: more than there is room for */
};

/* --- the protocol --- */

struct words {
    bool ready;
    int64_t due_ms;
};

/* What its one session has seen. */
static _Atomic uint64_t ticks, deaf_ticks, answers;

/* A tick is due at every fifth look, as if others had the processor between two looks. */
static _Atomic bool is_hasty;

static int words_open(void *s, const struct session_config *config, int64_t now_ms, struct buffer *out)
{
    struct words *w = s;
    (void)config;
    (void)out;
    w->due_ms = now_ms + TICK_MS;
    return 0;
}

static void answer(struct buffer *out)
{
    uint8_t *to = buffer_reserve(out, ANSWER);
    if (!to) {
        abort();
    }
    memset(to, 'x', ANSWER);
    buffer_commit(out, ANSWER);
    atomic_fetch_add(&answers, 1);
}

static size_t words_read(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                         struct buffer *out)
{
    struct words *w = s;
    (void)now_ms;
    if (!w->ready) {
        w->ready = true;
        ev->type = SESSION_READY;
        ev->peer = (struct peer_info){.version = 1};
        return 0;
    }
    if (in.size == 0 || (in.data[0] == 'l' && in.size < LARGE)) {
        return 0;
    }
    switch (in.data[0]) {
    case 'm':
        ev->type = SESSION_MESSAGE;
        ev->message.kind = 1;
        ev->message.parcel = parcel_new(in.data, 1);
        break;
    case 'a':
        answer(out);
        break;
    case 's':
        ev->alive = true;
        break;
    case 'l':
        ev->good = 1;
        return LARGE;
    default:
        ev->good = in.data[0] == 'g';
        ev->bad = in.data[0] == 'b';
        ev->dropped = in.data[0] == 'd';
    }
    return 1;
}

static int words_write(void *s, int64_t now_ms, const struct message *m, struct buffer *out)
{
    (void)s;
    (void)now_ms;
    if (m->parcel->bytes[0] == '!') {
        return -1;
    }
    buffer_add_parcel(out, m->parcel);
    return 0;
}

static int64_t words_deadline(const void *s)
{
    static _Atomic uint64_t looks;
    const struct words *w = s;
    bool now = atomic_load(&is_hasty) && atomic_fetch_add(&looks, 1) % 5 == 0;
    return now ? 0 : w->due_ms;
}

static void words_tick(void *s, int64_t now_ms, unsigned marks, struct session_event *ev, struct buffer *out)
{
    struct words *w = s;
    (void)ev;
    (void)out;
    w->due_ms = now_ms + TICK_MS;
    atomic_fetch_add(&deaf_ticks, (marks & TICK_DEAF) != 0);
    atomic_fetch_add(&ticks, 1);
}

static void words_close(void *s)
{
    (void)s;
}

static const struct session_ops words_ops = {
    .size = sizeof(struct words),
    .open = words_open,
    .read = words_read,
    .write = words_write,
    .deadline = words_deadline,
    .tick = words_tick,
    .close = words_close,
};

static const struct protocol word_protocol = {.name = "words", .session = &words_ops};

/* --- the connection, its peer, and who is told --- */

struct rig {
    struct node_config node;
    struct bell bell;
    struct budget budget;
    struct connection *c;
    int peer;
    uint64_t messages, good, bad, unsayable, unfinished, rests, alive,
        left; /* what the controller was told */
    bool ended;
    enum end_reason why;
    struct endpoint local;           /* our own end */
    uint32_t returned, returned_own; /* messages that came back, and those of the node's own */
};

static struct rig *rig_new(void)
{
    struct rig *r = aligned_alloc(_Alignof(struct rig), sizeof *r);
    assert_non_null(r);
    memset(r, 0, sizeof *r);
    r->node.limits = (struct limits){.queue_parcels = 1000,
                                     .queue_bytes = 64U << 20,
                                     .parcel_bytes = 1U << 20,
                                     .handshake_bytes = 64U << 10};
    budget_init(&r->budget, ROOM);
    atomic_store(&ticks, 0);
    atomic_store(&deaf_ticks, 0);
    atomic_store(&answers, 0);
    atomic_store(&is_hasty, false);
    return r;
}

/* fds[0] is ours, fds[1] the peer's. */
static void rig_open_on(struct rig *r, const int fds[2])
{
    struct connection_config config = {.ref = {1, 1},
                                       .protocol = &word_protocol,
                                       .node = &r->node,
                                       .controller_bell = &r->bell,
                                       .budget = &r->budget};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    assert_int_equal(bell_init(&r->bell), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    config.fd = fds[0];
    r->peer = fds[1];
    r->c = connection_start(&config);
    assert_non_null(r->c);
}

static void rig_open(struct rig *r)
{
    int fds[2], small = 32 * 1024;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    rig_open_on(r, fds);
}

/* By TCP, with a peer that has little room to receive into. */
static void rig_open_tcp(struct rig *r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int fds[2], little = 4096, listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listening >= 0 && fds[1] >= 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, length), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &length), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&at, length), 0);
    fds[0] = accept(listening, NULL, NULL);
    assert_true(fds[0] >= 0);
    close(listening);
    rig_open_on(r, fds);
}

static void take_one(struct rig *r, struct message *m)
{
    switch (m->type) {
    case MSG_PEER:
        r->messages++;
        parcel_release(m->parcel);
        break;
    case MSG_CREDIT:
        r->good += m->credit.good;
        r->bad += m->credit.bad;
        break;
    case MSG_LOST:
        *(m->lost.why == LOSS_UNSAYABLE ? &r->unsayable : &r->unfinished) += m->lost.count;
        break;
    case MSG_IDLE:
        r->rests++;
        break;
    case MSG_LEFT:
        r->left++;
        break;
    case MSG_ALIVE:
        r->alive++;
        break;
    case MSG_ENDED:
        r->ended = true;
        r->why = (enum end_reason)m->end.reason;
        free(m->ending);
        break;
    default:
        r->local = m->info->local;
        free(m->info);
    }
}

static void take_all(struct rig *r)
{
    struct queue *inbound = connection_inbound(r->c);
    struct message m;
    while (queue_take_one(connection_inbound_control(r->c), &m)) {
        take_one(r, &m);
    }
    while (queue_take(inbound, &m, 1) == 1) {
        uint32_t size = m.parcel ? m.parcel->size : 0;
        take_one(r, &m);
        queue_done(inbound, 1, size);
    }
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Until `condition`, doing `step` again and again. */
#define until(condition, step)                                                                               \
    do {                                                                                                     \
        int64_t by = clock_ms() + PATIENCE_MS;                                                               \
        while (step, !(condition)) {                                                                         \
            assert_true(clock_ms() < by);                                                                    \
            nap();                                                                                           \
        }                                                                                                    \
    } while (0)

static void ask_to_close(struct rig *r, bool at_once)
{
    struct message m = {.type = CONNECTION_CLOSE, .end = {.reason = END_DISCONNECT, .at_once = at_once}};
    assert_true(queue_post_and_wake(connection_outbound_control(r->c), &m));
}

static void ask_for_life(struct rig *r)
{
    struct message m = {.type = CONNECTION_PROBE};
    assert_true(queue_post_and_wake(connection_outbound_control(r->c), &m));
}

static void rig_close(struct rig *r)
{
    ask_to_close(r, true);
    until(r->ended, take_all(r));
    take_all(r);
}

static void came_back(void *context, struct message *m)
{
    struct rig *r = context;
    *(m->scope == SCOPE_NONE ? &r->returned_own : &r->returned) += 1;
    parcel_release(m->parcel);
}

static void rig_take_back(struct rig *r)
{
    if (!r->c) {
        return;
    }
    if (!r->ended) {
        rig_close(r);
    }
    connection_free(r->c, came_back, r);
    r->c = NULL;
    close(r->peer);
    bell_fini(&r->bell);
}

static void rig_free(struct rig *r)
{
    rig_take_back(r);
    free(r);
}

static void say_all(struct rig *r, const char *text, size_t n)
{
    for (size_t said = 0; said < n;) {
        ssize_t some = send(r->peer, text + said, n - said, MSG_NOSIGNAL);
        assert_true(some > 0);
        said += (size_t)some;
    }
}

static void say_text(struct rig *r, const char *words)
{
    say_all(r, words, strlen(words));
}

/* The peer says that word so many times. */
static void say(struct rig *r, char word, size_t n)
{
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, word, n);
    say_all(r, text, n);
    free(text);
}

static void peer_reads(struct rig *r, size_t n)
{
    char waste[16384];
    while (n > 0) {
        ssize_t some = recv(r->peer, waste, n < sizeof waste ? n : sizeof waste, 0);
        assert_true(some > 0);
        n -= (size_t)some;
    }
}

/* Queues a parcel for the peer. */
static void post(struct rig *r, enum scope scope, char first, size_t size)
{
    struct message m = {.scope = scope, .parcel = parcel_new(NULL, size)};
    assert_non_null(m.parcel);
    memset(m.parcel->bytes, first, size);
    assert_true(queue_post(connection_outbound(r->c), &m));
}

static void some_ticks(uint64_t n)
{
    uint64_t before = atomic_load(&ticks);
    until(atomic_load(&ticks) >= before + n, (void)0);
}

/* --- whose fault a silence is --- */

/* The controller takes nothing for a while, so that not all that the peer says is read. */
static void silence_is_not_held_against_whom_we_did_not_read(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    say(r, 'g', 1);
    some_ticks(3);
    assert_int_equal(atomic_load(&deaf_ticks), 0);
    say(r, 'm', 3000); /* more than there is room for */
    until(atomic_load(&deaf_ticks) >= 3, (void)0);
    until(r->messages == 3000, take_all(r));
    some_ticks(2);
    uint64_t before = atomic_load(&deaf_ticks);
    some_ticks(5);
    assert_int_equal(atomic_load(&deaf_ticks), before); /* from now on it counts again */
    rig_free(r);
}

/* Whatever it says too much of. */
static void nor_against_whom_we_slow_down(void **state)
{
    (void)state;
    for (const char *word = "mgb"; *word; word++) {
        struct rig *r = rig_new();
        r->node.limits.rate = 1;
        r->node.limits.burst = 2;
        rig_open(r);
        say(r, *word, 5);
        until(atomic_load(&deaf_ticks) >= 3, (void)0);
        rig_free(r);
    }
}

/* Whoever asks much and reads no answers is not read on, and that is its own fault. */
static void but_against_who_does_not_read(void **state)
{
    enum { ASKED = 1000 };
    struct rig *r = rig_new();

    (void)state;
    rig_open(r);
    say(r, 'a', ASKED);
    some_ticks(5);
    assert_in_range(atomic_load(&answers), 1, 100);
    assert_int_equal(atomic_load(&deaf_ticks), 0);
    peer_reads(r, (size_t)ASKED * ANSWER);
    assert_int_equal(atomic_load(&answers), ASKED);
    rig_free(r);
}

/* Of which the controller takes nothing. */
static void flood(struct rig *r)
{
    for (int i = 0; i < ROUNDS / 10; i++) {
        say_text(r, "gmdgmdgmdgmdgmdgmdgmdgmdgmdgmd");
    }
    until(atomic_load(&deaf_ticks) >= 1, (void)0);
}

static void the_controller_is_told_our_own_end(void **state)
{
    struct rig *r = rig_new();
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    struct endpoint ours;
    (void)state;
    rig_open_tcp(r);
    assert_int_equal(getpeername(r->peer, (struct sockaddr *)&address, &size), 0);
    assert_true(endpoint_from_sockaddr(&ours, (const struct sockaddr *)&address));
    say(r, 'm', 1);
    until(r->messages == 1, take_all(r));
    assert_true(endpoint_equal(&r->local, &ours));
    rig_free(r);
}

/* Its end is seen all the same, however it leaves, and what it had said before counts. */
static void the_end_of_who_does_not_read_is_seen(void **state)
{
    enum { ASKED = 1000, SAID = 100 };
    (void)state;
    for (int resets = 0; resets < 2; resets++) {
        struct rig *r = rig_new();
        rig_open_tcp(r);
        say(r, 'a', ASKED);
        say(r, 'm', SAID);
        some_ticks(5);
        assert_in_range(atomic_load(&answers), 1, ASKED - 1); /* it is not read on */
        if (resets) {
            close(r->peer); /* with unread bytes */
            r->peer = -1;
        } else {
            shutdown(r->peer, SHUT_WR);
        }
        until(r->ended, take_all(r));
        take_all(r);
        assert_int_equal(r->why, END_CLOSED);
        assert_int_equal(r->messages, SAID);
        assert_int_equal(r->left, 1);
        rig_free(r);
    }
}

/* Also if it left while there was no room for what it had said before. */
static void nor_does_it_stay_if_there_was_no_room(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open_tcp(r);
    flood(r);
    say(r, 'a', 1000);
    say(r, 'm', 100);
    shutdown(r->peer, SHUT_WR);
    some_ticks(5);
    until(r->ended, take_all(r));
    take_all(r);
    assert_int_equal(r->messages, ROUNDS + 100);
    rig_free(r);
}

/* A rate that would take an hour for what lies in the socket holds no place for an hour. */
static void who_left_does_not_stay_for_its_rate(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    r->node.limits.rate = 20;
    r->node.limits.burst = 2;
    r->node.timings.silence = 200;
    rig_open(r);
    say(r, 'm', 1000);
    shutdown(r->peer, SHUT_RDWR);
    until(r->ended, take_all(r));
    take_all(r);
    assert_int_equal(r->why, END_CLOSED);
    assert_in_range(r->messages, 3, 500);
    rig_free(r);
}

/* --- signs of life --- */

/* A parcel, from outbound to the peer. */
static void goes_through(struct rig *r)
{
    post(r, SCOPE_FULL, 'x', 10);
    queue_wake(connection_outbound(r->c));
    peer_reads(r, 10);
}

enum { SIGN_STALL_MS = 20 };

/* Says twice that it gets on, which is a sign. */
static uint64_t sign(struct rig *r)
{
    say_text(r, "ss");
    nap();
    take_all(r);
    return queue_signs(connection_outbound(r->c));
}

/* It says that it gets on, and takes no byte, for so long; ends when it is not believed any more. */
static int64_t lie(struct rig *r, int64_t most_ms)
{
    int64_t since = clock_ms(), believed = since;
    uint64_t signs = sign(r);
    while (clock_ms() - since < most_ms && clock_ms() - believed < 10 * SIGN_STALL_MS) {
        uint64_t next = sign(r);
        believed = next != signs ? clock_ms() : believed;
        signs = next;
    }
    return believed - since;
}

static struct rig *rig_of_signs(void)
{
    struct rig *r = rig_new();
    r->node.timings.stall = SIGN_STALL_MS;
    rig_open_tcp(r);
    until(sign(r) > 0, (void)0);
    return r;
}

/* More than the socket takes. */
static void post_much(struct rig *r)
{
    for (int i = 0; i < 100; i++) {
        post(r, SCOPE_FULL, 'x', 100 * 1000);
    }
    queue_wake(connection_outbound(r->c));
}

/* Twenty stall times, and it is believed again once it takes something. */
static void who_takes_nothing_is_not_believed_for_ever(void **state)
{
    struct rig *r = rig_of_signs();
    (void)state;
    post_much(r);
    assert_in_range(lie(r, PATIENCE_MS), 10 * SIGN_STALL_MS, 60 * SIGN_STALL_MS);
    peer_reads(r, 1000 * 1000);
    uint64_t signs = queue_signs(connection_outbound(r->c));
    until(sign(r) > signs, (void)0);
    rig_free(r);
}

/* It reads them one by one, and TCP does not show that. */
static void who_was_given_many_messages_is_believed_for_longer(void **state)
{
    enum { GIVEN = 500 };
    struct rig *r = rig_of_signs();
    (void)state;
    for (int i = 0; i < GIVEN; i++) {
        goes_through(r);
    }
    for (int i = 0; i < 50; i++) {
        sign(r);
    }
    post_much(r);
    assert_true(lie(r, 80 * SIGN_STALL_MS) >= 60 * SIGN_STALL_MS);
    rig_free(r);
}

/* --- what is counted --- */

static void what_the_session_dealt_with_is_told(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    say(r, 'g', 3);
    say(r, 'b', 1);
    say(r, 'd', 2);
    until(r->good == 3 && r->bad == 1 && r->unfinished == 2, take_all(r));
    rig_close(r);
    assert_true(r->good == 3 && r->bad == 1 && r->unfinished == 2);
    rig_free(r);
}

static void nothing_is_lost_where_the_controller_is_slow(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    flood(r);
    until(r->messages == ROUNDS && r->good == ROUNDS && r->unfinished == ROUNDS, take_all(r));
    rig_close(r);
    assert_true(r->messages == ROUNDS && r->good == ROUNDS && r->unfinished == ROUNDS);
    rig_free(r);
}

/* Also what had come, and found no room, when the connection ended. */
static void what_has_come_is_told_before_the_end(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    flood(r);
    ask_to_close(r, true);
    char waste;
    assert_true(recv(r->peer, &waste, 1, 0) <= 0); /* the socket is closed, and nothing was taken yet */
    until(r->ended, take_all(r));
    take_all(r);
    assert_true(r->messages > 0);
    assert_int_equal(r->messages, connection_counts(r->c).parcels_in);
    assert_int_equal(r->good, r->messages);
    assert_int_equal(r->unfinished, r->messages - 1);
    rig_free(r);
}

/* A reset could cost the peer what was sent to it last. */
static void a_polite_end_is_no_reset(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    flood(r);
    say(r, 'g', 20000); /* this is left unread */
    post(r, SCOPE_FULL, 'x', 10);
    ask_to_close(r, false);
    until(r->ended, take_all(r)); /* the socket is closed: a reset would be seen */
    char got[16];
    assert_int_equal(recv(r->peer, got, 10, MSG_WAITALL), 10);
    assert_int_equal(recv(r->peer, got, sizeof got, 0), 0);
    rig_free(r);
}

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* While it waits for the controller, there is nothing to be done about that. */
static void a_peer_that_hangs_up_costs_no_time(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    flood(r);
    shutdown(r->peer, SHUT_RDWR);
    int64_t before = cpu_ms();
    nanosleep(&(struct timespec){.tv_nsec = 400 * 1000000}, NULL);
    assert_in_range(cpu_ms() - before, 0, 60);
    rig_free(r);
}

/* The application misses what it sent, and not what the node says for itself. */
static void what_could_not_be_said_is_told(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    say(r, 'g', 1);
    post(r, SCOPE_FULL, '!', 10);
    post(r, SCOPE_NONE, '!', 10);
    goes_through(r);
    until(r->unsayable == 1, take_all(r));
    rig_close(r);
    assert_int_equal(r->unsayable, 1);
    assert_int_equal(connection_counts(r->c).parcels_out, 1);
    rig_take_back(r);
    assert_int_equal(r->returned, 0);
    rig_free(r);
}

/* What the socket did not take, and what lies in outbound. */
static void what_did_not_go_whole_comes_back(void **state)
{
    enum { PAIRS = 10, MORE = 3 };
    struct rig *r = rig_new();
    uint64_t gone;

    (void)state;
    rig_open(r);
    say(r, 'g', 1);
    for (int i = 0; i < PAIRS; i++) {
        post(r, SCOPE_FULL, 'x', BLOCK);
        post(r, SCOPE_NONE, 'x', BLOCK);
    }
    queue_wake(connection_outbound(r->c));
    until(queue_empty(connection_outbound(r->c)), (void)0);
    some_ticks(2);
    rig_close(r);
    for (int i = 0; i < MORE; i++) {
        post(r, SCOPE_PEER, 'x', BLOCK);
    }
    gone = connection_counts(r->c).parcels_out;
    assert_true(gone < 2 * PAIRS);
    rig_take_back(r);
    assert_int_equal(r->returned, PAIRS - (gone + 1) / 2 + MORE);
    assert_int_equal(r->returned_own, PAIRS - gone / 2);
    rig_free(r);
}

/* While the peer reads nothing, most of what is queued for it stays where it can make room. */
static void what_the_socket_does_not_take_can_be_dropped(void **state)
{
    enum { PARCELS = 100 };
    struct rig *r = rig_new();
    struct message m;
    int dropped = 0;

    (void)state;
    rig_open(r);
    say(r, 'g', 1);
    for (int i = 0; i < PARCELS; i++) {
        post(r, SCOPE_FULL, 'x', BLOCK);
    }
    queue_wake(connection_outbound(r->c));
    some_ticks(3);
    for (; queue_drop_oldest(connection_outbound(r->c), &m); dropped++) {
        parcel_release(m.parcel);
    }
    assert_in_range(dropped, PARCELS / 4, PARCELS - 1);
    rig_free(r);
}

/* A buffer of the kernel's that grows and grows would pass for a peer that reads. */
static void a_peer_that_reads_nothing_takes_little(void **state)
{
    enum { PARCELS = 10, SIZE = 1024 * 1024, LITTLE = 1024 * 1024 };
    struct rig *r = rig_new();

    (void)state;
    rig_open_tcp(r);
    say(r, 'g', 1);
    for (int i = 0; i < PARCELS; i++) {
        post(r, SCOPE_FULL, 'x', SIZE);
    }
    queue_wake(connection_outbound(r->c));
    until(connection_counts(r->c).bytes_out > 0, (void)0);
    some_ticks(10);
    assert_in_range(connection_counts(r->c).bytes_out, 1, LITTLE);
    rig_free(r);
}

/* A long parcel that goes bit by bit is a sign that the peer reads. */
static void each_bit_of_a_parcel_is_progress(void **state)
{
    enum { BITS = 5, BIT = 100 * 1024 };
    struct rig *r = rig_new();
    const struct queue *outbound;

    (void)state;
    rig_open(r);
    outbound = connection_outbound(r->c);
    say(r, 'g', 1);
    post(r, SCOPE_FULL, 'x', 1024 * 1024);
    queue_wake(connection_outbound(r->c));
    for (int i = 0; i < BITS; i++) {
        some_ticks(2);
        uint64_t before = queue_progress(outbound);
        peer_reads(r, BIT);
        until(queue_progress(outbound) != before, (void)0);
    }
    assert_int_equal(connection_counts(r->c).parcels_out, 0);
    rig_free(r);
}

/* --- what is given back --- */

static void receive_room_is_given_back(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    for (int i = 0; i < 2; i++) {
        say(r, 'l', LARGE - 1);
        until(budget_room(&r->budget) < ROOM - SMALL_MOST, (void)0);
        if (i == 1) {
            break; /* the second one never becomes whole */
        }
        say(r, 'l', 1);
        until(budget_room(&r->budget) == ROOM, (void)0);
        until(r->good == 1, take_all(r));
    }
    rig_close(r);
    assert_int_equal(budget_room(&r->budget), ROOM);
    rig_free(r);
}

/* What is done before a sleep, is. */
static void ticks_keep_nobody_from_sleep(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    atomic_store(&is_hasty, true);
    rig_open(r);
    say(r, 'l', LARGE - 1);
    until(budget_room(&r->budget) < ROOM - SMALL_MOST, (void)0);
    say(r, 'l', 1);
    until(budget_room(&r->budget) == ROOM, take_all(r));
    rig_close(r);
    rig_free(r);
}

/* It wakes the keeper of the budget, says what it wants, and goes on once there is room. */
static void without_receive_room_it_waits(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    struct budget_account other = {.budget = &r->budget};
    assert_true(budget_take(&other, 0, ROOM - SMALL_MOST + 1));
    rig_open(r);
    char part[2 * SMALL_MOST];
    memset(part, 'l', sizeof part);
    assert_true(send(r->peer, part, sizeof part, MSG_NOSIGNAL) > 0);
    bell_arm(&r->bell);
    struct pollfd rung = {.fd = r->bell.fd, .events = POLLIN};
    assert_int_equal(poll(&rung, 1, PATIENCE_MS), 1);
    until(budget_was_asked(&r->budget), take_all(r));
    assert_true(budget_wanted(connection_account(r->c)) >= SMALL_MOST);
    assert_false(r->ended);
    budget_close(&other);
    say(r, 'l', LARGE - (int)sizeof part);
    until(r->good == 1, take_all(r));
    until(budget_room(&r->budget) == ROOM, take_all(r));
    assert_false(r->ended);
    rig_close(r);
    rig_free(r);
}

static void a_frame_over_the_limit_ends_it(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    r->node.limits.parcel_bytes = SMALL_MOST;
    rig_open(r);
    say(r, 'l', 2 * SMALL_MOST);
    until(r->ended, take_all(r));
    assert_int_equal(r->why, END_BAD_INPUT);
    rig_free(r);
}

#ifndef KITH_NO_POOL
/* The blocks of parcels that its thread has freed. */
static void a_thread_that_sleeps_keeps_no_blocks(void **state)
{
    enum { PARCELS = 6, TAKEN = 16 };
    struct rig *r = rig_new();
    uintptr_t given[PARCELS];
    size_t found = 0, size = sizeof(struct parcel) + BLOCK;

    (void)state;
    rig_open(r);
    say(r, 'g', 1);
    for (int i = 0; i < PARCELS; i++) {
        struct message m = {.scope = SCOPE_FULL, .parcel = parcel_new(NULL, BLOCK)};
        assert_non_null(m.parcel);
        memset(m.parcel->bytes, 'x', BLOCK);
        given[i] = (uintptr_t)m.parcel;
        assert_true(queue_post(connection_outbound(r->c), &m));
    }
    queue_wake(connection_outbound(r->c));
    peer_reads(r, (size_t)PARCELS * BLOCK);
    for (int64_t by = clock_ms() + PATIENCE_MS; found < PARCELS && clock_ms() < by; nap()) {
        void *blocks[TAKEN];
        for (int i = 0; i < TAKEN; i++) {
            blocks[i] = pool_take(size);
            for (int k = 0; k < PARCELS; k++) {
                if (given[k] == (uintptr_t)blocks[i]) {
                    given[k] = 0;
                    found++;
                }
            }
        }
        for (int i = 0; i < TAKEN; i++) {
            free(blocks[i]); /* not to the pool, lest the same ones come again and again */
        }
    }
    assert_int_equal(found, PARCELS);
    rig_free(r);
}
#endif

static void at_rest_for(struct rig *r, int64_t ms)
{
    int64_t end = clock_ms() + ms;
    until(clock_ms() >= end, take_all(r));
}

/* Each time that outbound was used, once. */
static void a_connection_at_rest_says_so(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    int64_t begun;
    for (uint64_t i = 1; i <= 2; i++) {
        say(r, 'g', 1);
        at_rest_for(r, 1300);
        assert_int_equal(r->rests, i - 1);
        begun = clock_ms();
        goes_through(r);
        until(r->rests == i, take_all(r));
        assert_true(clock_ms() - begun >= 1000);
    }
    rig_free(r);
}

/* Not while the controller has left something where the connection would give memory back. */
static void what_is_not_taken_puts_the_rest_off(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    rig_open(r);
    say(r, 'g', 1);
    goes_through(r);
    take_all(r);
    say(r, 'm', 1);
    usleep(1500000);
    take_all(r);
    assert_int_equal(r->messages, 1);
    assert_int_equal(r->rests, 0);
    until(r->rests == 1, take_all(r));
    rig_free(r);
}

/* Whoever says something within a ping's time lives; whoever does not is given up. */
static void a_sign_of_life_is_asked_for(void **state)
{
    struct rig *r = rig_new();
    (void)state;
    r->node.timings.ping = 50;
    rig_open(r);
    say(r, 'g', 1);
    until(connection_counts(r->c).bytes_in == 1, take_all(r));
    ask_for_life(r);
    nap();
    take_all(r);
    assert_int_equal(r->alive, 0); /* what it said before is none */
    say(r, 'g', 1);
    until(r->alive == 1, take_all(r));
    assert_false(r->ended);
    int64_t before = clock_ms();
    ask_for_life(r);
    until(r->ended, take_all(r));
    assert_int_equal(r->why, END_SILENT);
    assert_true(clock_ms() - before >= r->node.timings.ping);
    assert_int_equal(r->alive, 1);
    rig_free(r);
}

/* A listener that swallows each attempt: its queue of connections is full. The sockets are the caller's. */
static struct endpoint make_dead(int sockets[3])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    sockets[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(sockets[0] >= 0);
    assert_int_equal(bind(sockets[0], (struct sockaddr *)&at, length), 0);
    assert_int_equal(listen(sockets[0], 0), 0);
    assert_int_equal(getsockname(sockets[0], (struct sockaddr *)&at, &length), 0);
    for (int i = 1; i < 3; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(sockets[i] >= 0);
        connect(sockets[i], (struct sockaddr *)&at, length);
    }
    usleep(20000); /* until both have got in */
    struct endpoint e;
    assert_true(endpoint_from_sockaddr(&e, (struct sockaddr *)&at));
    return e;
}

/* Also before there is a socket. */
static void who_dials_hears_that_it_is_to_end(void **state)
{
    struct rig *r = rig_new();
    int sockets[3];
    struct endpoint dead = make_dead(sockets);
    (void)state;
    r->node.timings.dial = PATIENCE_MS;
    assert_int_equal(bell_init(&r->bell), 0);
    r->peer = sockets[0];
    struct connection_config config = {.ref = {1, 1},
                                       .protocol = &word_protocol,
                                       .node = &r->node,
                                       .targets = &dead,
                                       .n_targets = 1,
                                       .fd = -1,
                                       .controller_bell = &r->bell,
                                       .budget = &r->budget};
    r->c = connection_start(&config);
    assert_non_null(r->c);
    nap();
    int64_t begun = clock_ms();
    ask_to_close(r, false);
    until(r->ended, take_all(r));
    assert_true(clock_ms() - begun < PATIENCE_MS / 2);
    assert_int_equal(r->why, END_DISCONNECT);
    rig_free(r);
    close(sockets[1]);
    close(sockets[2]);
}

/* However the bytes come, none is lost between what is read without a buffer and what is read into one. */
static void a_word_in_pieces_is_one_word(void **state)
{
    static const size_t firsts[] = {1, 100, 4095, 4096, 4097, 65536, 65537, LARGE - 1};
    char *word = malloc(LARGE);
    (void)state;
    assert_non_null(word);
    memset(word, 'g', LARGE);
    word[0] = 'l';
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct rig *r = rig_new();
        rig_open(r);
        say_all(r, word, firsts[i]);
        some_ticks(3);
        say_all(r, word + firsts[i], LARGE - firsts[i]);
        say_text(r, "gb");
        until(r->bad == 1, take_all(r));
        assert_int_equal(r->good, 2);
        rig_free(r);
    }
    free(word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("P32", silence_is_not_held_against_whom_we_did_not_read),
        cmocka_unit_test(nor_against_whom_we_slow_down),
        promise_test("P3", but_against_who_does_not_read),
        cmocka_unit_test(the_controller_is_told_our_own_end),
        promise_test("P32", the_end_of_who_does_not_read_is_seen),
        cmocka_unit_test(nor_does_it_stay_if_there_was_no_room),
        cmocka_unit_test(who_left_does_not_stay_for_its_rate),
        promise_test("F32", who_takes_nothing_is_not_believed_for_ever),
        promise_test("F29", who_was_given_many_messages_is_believed_for_longer),
        promise_test("F11", what_the_session_dealt_with_is_told),
        promise_test("P22", what_could_not_be_said_is_told),
        cmocka_unit_test(nothing_is_lost_where_the_controller_is_slow),
        promise_test("F32 P22", what_the_socket_does_not_take_can_be_dropped),
        promise_test("P22", what_has_come_is_told_before_the_end),
        cmocka_unit_test(a_polite_end_is_no_reset),
        cmocka_unit_test(a_peer_that_hangs_up_costs_no_time),
        cmocka_unit_test(each_bit_of_a_parcel_is_progress),
        promise_test("F32", a_peer_that_reads_nothing_takes_little),
        cmocka_unit_test(a_sign_of_life_is_asked_for),
        promise_test("P22", what_did_not_go_whole_comes_back),
        promise_test("P3", receive_room_is_given_back),
        cmocka_unit_test(ticks_keep_nobody_from_sleep),
        promise_test("P3", without_receive_room_it_waits),
        promise_test("P3", a_frame_over_the_limit_ends_it),
        cmocka_unit_test(a_connection_at_rest_says_so),
        cmocka_unit_test(what_is_not_taken_puts_the_rest_off),
        cmocka_unit_test(a_word_in_pieces_is_one_word),
        cmocka_unit_test(who_dials_hears_that_it_is_to_end),
#ifndef KITH_NO_POOL
        cmocka_unit_test(a_thread_that_sleeps_keeps_no_blocks),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
