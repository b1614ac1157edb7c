/* What services can do, through whole nodes on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "node/node.h"
#include "node/state.h"
#include "protocol/buffer.h"
#include "protocol/noise/handshake.h"
#include "protocol/noise/noise.h"
#include "seed/fetch.h"
#include "tests/unit/echo.h"
#include "tests/unit/memory_store.h"

enum { LONG_MS = 15000, MANY = 1500, AHEAD = 20 };

struct member {
    struct protocol protocol;
    struct config config;
    struct node *node;
    uint16_t port;
    struct peer_ref peer; /* the last that came online */
    uint32_t version;     /* its */
    size_t n_online, n_offline, n_status;
    char why[64];             /* it went offline */
    struct kith_event answer; /* the last one to a send or a verb; without what it points at */
    size_t answer_size;       /* bytes of its text */
    char answer_text[64];
    struct kith_count status; /* what the last status said of dropped datagrams of that cause */
};

static void discard(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static const struct log_sink sink = {.line = discard, .level = LOG_LEVEL_SILENT};

/* The store in memory, and how many of it are open. */
static struct store_schema counted_store;
static int n_open;

static bool open_counted(void *s, const struct store_place *place, char *error, size_t error_size)
{
    n_open++;
    return memory_store.open(s, place, error, error_size);
}

static void close_counted(void *s)
{
    n_open--;
    memory_store.close(s);
}

static void configure(struct member *m, uint64_t node_id)
{
    *m = (struct member){.protocol = echo_full()};
    m->protocol.store = &counted_store;
    const struct protocol *p = &m->protocol;
    m->config = (struct config){
        .protocol = p,
        .node = {.timings = p->timings, .limits = p->limits, .node_id = node_id, .version = 1},
        .merits = p->merits,
        .broadcast = 4,
        .has_bind = true,
        .log_level = LOG_LEVEL_SILENT,
    };
    assert_true(protocol_network(p, "LOCAL", NULL, &m->config.node.network));
    assert_true(ip_parse(&m->config.bind, "127.0.0.1"));
}

static void note_status(struct member *m, const struct kith_status *s)
{
    const struct kith_count *c = s->datagrams_dropped;
    while (c->cause && m->status.cause && strcmp(c->cause, m->status.cause) != 0) {
        c++;
    }
    m->status.count = c->cause ? c->count : UINT64_MAX;
    m->n_status++;
}

static void event_of(struct member *m, struct node_event *e)
{
    if (e->public.type == KITH_LISTENING) {
        m->port = (uint16_t)atoi(strrchr(e->public.address, ':') + 1);
    } else if (e->public.type == KITH_ONLINE) {
        m->peer = e->ref;
        m->version = e->public.peer->version;
        m->n_online++;
    } else if (e->public.type == KITH_OFFLINE) {
        m->n_offline++;
        snprintf(m->why, sizeof m->why, "%s", e->public.text);
    } else if (e->public.type == KITH_STATUS) {
        note_status(m, e->public.status);
    } else if (e->public.id) {
        m->answer = (struct kith_event){.type = e->public.type, .id = e->public.id, .count = e->public.count};
        m->answer_size = strlen(e->public.text);
        snprintf(m->answer_text, sizeof m->answer_text, "%s", e->public.text);
    }
    node_event_free(e);
}

/* The next parcel; NULL if none comes within `ms`. Events are taken note of; `until` ends it as well. */
static struct parcel *next_parcel(struct member *m, int64_t ms, const size_t *until)
{
    struct taken t;
    for (int64_t by = clock_ms() + ms; clock_ms() < by && !(until && *until);) {
        enum take_result r = node_take(m->node, &t);
        if (r == TAKE_PARCEL) {
            return t.parcel;
        }
        if (r == TAKE_EVENT) {
            event_of(m, t.event);
        } else {
            poll(&(struct pollfd){.fd = node_fd(m->node), .events = POLLIN}, 1, 20);
        }
    }
    return NULL;
}

static void hears(struct member *m, const char *text)
{
    struct parcel *p = next_parcel(m, LONG_MS, NULL);
    assert_non_null(p);
    assert_int_equal(p->size, strlen(text));
    assert_memory_equal(p->bytes, text, p->size);
    parcel_release(p);
}

static void start(struct member *m)
{
    char error[256] = "";
    m->node = node_start(&m->config, &sink, error, sizeof error);
    assert_string_equal(m->node ? "" : error, "");
    for (int64_t by = clock_ms() + LONG_MS; m->port == 0 && clock_ms() < by;) {
        assert_null(next_parcel(m, 10, NULL));
    }
    assert_true(m->port);
}

/* b dials a. */
static void start_pair_upon(struct member *a, struct member *b, const struct stream_ops *stream)
{
    char text[32], bad[128];
    echo_height = 6;
    configure(a, 1);
    a->protocol.stream = stream;
    start(a);
    configure(b, 2);
    b->protocol.stream = stream;
    snprintf(text, sizeof text, "127.0.0.1:%u", a->port);
    assert_int_equal(address_list_parse(&b->config.special_flags, text, bad, sizeof bad), 0);
    start(b);
    assert_null(next_parcel(b, LONG_MS, &b->n_online));
    assert_null(next_parcel(a, LONG_MS, &a->n_online));
    assert_true(a->n_online && b->n_online);
}

static void start_pair(struct member *a, struct member *b)
{
    start_pair_upon(a, b, echo_full().stream);
}

static void stop(struct member *m)
{
    node_free(m->node);
    address_list_free(&m->config.special_flags);
}

static void send_text(struct member *m, enum scope scope, enum echo_kind kind, const char *text, uint64_t id)
{
    struct parcel *p = parcel_new(text, strlen(text));
    int64_t by = clock_ms() + LONG_MS;
    enum kith_result r;
    while ((r = node_send(m->node, scope, m->peer, kind, p, id)) == KITH_WOULD_BLOCK && clock_ms() < by) {
        usleep(1000);
    }
    assert_int_equal(r, KITH_OK);
}

static void say(struct member *m, enum echo_kind kind, const char *text)
{
    send_text(m, SCOPE_PEER, kind, text, 0);
}

static void the_facts_are_in_the_handshake(void **state)
{
    struct member a, b;
    (void)state;
    start_pair(&a, &b);
    assert_int_equal(a.version, 7); /* 1 and the height, by a stream that XORs */
    assert_int_equal(b.version, 7);
    stop(&b);
    stop(&a);
}

static int datagram_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void send_datagram(const struct member *m, int fd, const char *bytes, size_t n)
{
    struct endpoint to = {.ip = m->config.bind, .port = m->port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&to, &address);
    assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&address, size), n);
}

static void a_datagram_comes_back(void **state)
{
    struct member a;
    char got[16] = "";
    (void)state;
    configure(&a, 1);
    start(&a);
    int fd = datagram_socket();
    send_datagram(&a, fd, "around", 6);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, LONG_MS), 1);
    assert_int_equal(recv(fd, got, sizeof got, 0), 6);
    assert_string_equal(got, "around");
    close(fd);
    stop(&a);
}

static void ask_status(struct member *m)
{
    struct command *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->type = COMMAND_STATUS;
    assert_int_equal(node_command(m->node, c, 1), KITH_OK);
}

/* How many datagrams a node says that it has dropped for that cause. */
static uint64_t dropped_datagrams(struct member *m, const char *cause)
{
    ask_status(m);
    m->status.cause = cause;
    m->n_status = 0;
    assert_null(next_parcel(m, LONG_MS, &m->n_status));
    assert_int_equal(m->n_status, 1);
    return m->status.count;
}

static void a_dropped_datagram_is_shown_by_cause(void **state)
{
    struct member a;
    char garbage[100] = "";
    (void)state;
    configure(&a, 1);
    start(&a);
    int fd = datagram_socket();
    assert_int_equal(dropped_datagrams(&a, "too long"), 0);
    for (int i = 0; i < 3; i++) {
        send_datagram(&a, fd, garbage, sizeof garbage);
    }
    for (int64_t by = clock_ms() + LONG_MS; dropped_datagrams(&a, "too long") < 3 && clock_ms() < by;) {
        usleep(1000);
    }
    assert_int_equal(dropped_datagrams(&a, "too long"), 3);
    assert_int_equal(dropped_datagrams(&a, "not taken"), 0);
    assert_int_equal(dropped_datagrams(&a, "no such cause"), UINT64_MAX);
    close(fd);
    stop(&a);
}

/* Each request holds its peer until the store has answered: all are answered, in order. */
static void nothing_is_lost_while_a_peer_is_held(void **state)
{
    struct member a, b;
    char text[16];
    (void)state;
    start_pair(&a, &b);
    say(&b, ECHO_FETCH, "k");
    hears(&b, "none");
    /* No more at once than the queues hold: a reader that stands still would lose some. */
    for (int i = 0, heard = 0; heard < MANY; heard++) {
        for (; i < MANY && i - heard < AHEAD; i++) {
            snprintf(text, sizeof text, "k%d", i);
            say(&b, ECHO_KEEP, text);
            say(&b, ECHO_FETCH, "k");
        }
        hears(&b, "kept");
        snprintf(text, sizeof text, "%d", heard);
        hears(&b, text);
    }
    stop(&b);
    stop(&a);
}

/* A peer by hand, which says hello and never reads. */
static int dial(const struct member *m)
{
    static const uint8_t hello[ECHO_HELLO_SIZE] = {[7] = 77};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(m->port)};
    struct buffer out = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    echo_frame(&out, ECHO_HELLO, hello, sizeof hello);
    assert_int_equal(write(fd, out.data, out.used), out.used);
    buffer_fini(&out);
    return fd;
}

static void write_frames(int fd, enum echo_kind kind, const char *payload, size_t size, unsigned n)
{
    struct buffer out = {0};
    for (unsigned i = 0; i < n; i++) {
        echo_frame(&out, kind, payload, size);
    }
    assert_int_equal(write(fd, out.data, out.used), out.used);
    buffer_fini(&out);
}

/* It asks for 128 MiB; once it has gone, the node keeps nothing for it. */
static void who_asks_and_does_not_read_is_kept_little(void **state)
{
    enum { VALUE = 128 * 1024, ASKS = 1024 };
    struct member a;
    uint64_t bytes, most = 0;
    uint32_t messages, calm = 0;
    (void)state;
    configure(&a, 1);
    a.protocol.stream = NULL; /* what is written is plain */
    a.config.node.limits.queue_bytes = 64 << 20;
    a.config.node.limits.queue_parcels = 5000;
    a.config.node.limits.receive_bytes = 64 << 20;
    start(&a);
    int fd = dial(&a);
    char *value = calloc(1, VALUE);
    assert_non_null(value);
    value[0] = 'k';
    write_frames(fd, ECHO_KEEP, value, VALUE, 1);
    write_frames(fd, ECHO_FETCH, "k", 1, ASKS);
    free(value);
    assert_null(next_parcel(&a, LONG_MS, &a.n_online));
    assert_true(a.n_online);
    const struct queue *outbound = a.node->peers[a.peer.index].gate.queue;
    /* Until it has held no more for a while. */
    for (int64_t by = clock_ms() + LONG_MS; calm < 20 && clock_ms() < by; calm++) {
        assert_null(next_parcel(&a, 20, NULL));
        queue_fill(outbound, &messages, &bytes);
        calm = bytes > most ? 0 : calm;
        most = bytes > most ? bytes : most;
    }
    assert_in_range(most, REPLIES_MOST / 2, REPLIES_MOST);
    assert_true(budget_room(&a.node->budget) < a.node->budget.total);
    ask_status(&a); /* the controller, which frees that queue, comes after the last look at it */
    close(fd);
    assert_null(next_parcel(&a, LONG_MS, &a.n_offline));
    for (int64_t by = clock_ms() + LONG_MS;
         budget_room(&a.node->budget) < a.node->budget.total && clock_ms() < by;) {
        assert_null(next_parcel(&a, 10, NULL));
    }
    assert_int_equal(budget_room(&a.node->budget), a.node->budget.total);
    stop(&a);
}

/* A store that answers once the test lets it. */
static atomic_bool store_sleeps;

static void answer_late(void *s, const struct store_request *q, struct store_answer *a)
{
    while (store_sleeps) {
        usleep(1000);
    }
    memory_store.answer(s, q, a);
}

static int ask_and_close_our_side(struct member *m)
{
    configure(m, 1);
    counted_store.answer = answer_late;
    store_sleeps = true;
    m->protocol.stream = NULL; /* what is written is plain */
    m->config.node.timings.stall = 50;
    start(m);
    int fd = dial(m);
    write_frames(fd, ECHO_KEEP, "avalue", 6, 1);
    write_frames(fd, ECHO_FETCH, "a", 1, 2);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_null(next_parcel(m, LONG_MS, &m->n_online));
    assert_true(m->n_online);
    return fd;
}

/* Until the node closes its side as well. */
static size_t read_all(int fd, char *to, size_t size)
{
    size_t n = 0;
    for (ssize_t got = 1; got > 0; n += (size_t)got) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, LONG_MS), 1);
        got = recv(fd, to + n, size - n, 0);
        assert_true(got >= 0);
    }
    return n;
}

/* As `printf ... | nc -N` does. */
static void who_closes_its_side_gets_its_answers(void **state)
{
    struct member a;
    char said[512];
    (void)state;
    int fd = ask_and_close_our_side(&a);
    store_sleeps = false;
    struct buffer expected = {0};
    echo_frame(&expected, ECHO_MESSAGE, "kept", 4);
    echo_frame(&expected, ECHO_MESSAGE, "value", 5);
    echo_frame(&expected, ECHO_MESSAGE, "value", 5);
    size_t n = read_all(fd, said, sizeof said);
    assert_true(n > expected.used);
    assert_memory_equal(said + n - expected.used, expected.data, expected.used);
    assert_null(next_parcel(&a, LONG_MS, &a.n_offline));
    assert_string_equal(a.why, end_reason_text(END_CLOSED));
    buffer_fini(&expected);
    close(fd);
    stop(&a);
    counted_store.answer = memory_store.answer;
}

static void who_closes_its_side_is_not_waited_for_for_ever(void **state)
{
    struct member a;
    (void)state;
    int fd = ask_and_close_our_side(&a);
    assert_null(next_parcel(&a, LONG_MS, &a.n_offline));
    assert_string_equal(a.why, end_reason_text(END_CLOSED)); /* not for its silence */
    assert_true(store_sleeps);
    store_sleeps = false;
    close(fd);
    stop(&a);
    counted_store.answer = memory_store.answer;
}

static void a_probe_says_if_somebody_answers(void **state)
{
    struct member a, b, c;
    char text[32];
    (void)state;
    start_pair(&a, &b);
    configure(&c, 3);
    start(&c);
    snprintf(text, sizeof text, "127.0.0.1:%u", c.port);
    say(&b, ECHO_PROBE, text);
    hears(&b, "answers");
    assert_null(next_parcel(&c, LONG_MS, &c.n_offline)); /* it has ended by itself */
    assert_int_equal(c.n_offline, 1);
    stop(&c);
    say(&b, ECHO_PROBE, text);
    hears(&b, "silent");
    assert_null(next_parcel(&a, 10, NULL));
    assert_int_equal(a.n_online, 1);
    stop(&b);
    stop(&a);
}

static void what_is_sent_is_kept_and_announced(void **state)
{
    struct member a, b;
    (void)state;
    start_pair(&a, &b);
    say(&b, ECHO_OWN, "a transaction");
    hears(&a, "news");
    say(&b, ECHO_MESSAGE, "as it is");
    hears(&a, "as it is");
    stop(&b);
    stop(&a);
}

static void send_with_id(struct member *m, const char *text, uint64_t id)
{
    send_text(m, SCOPE_FULL, ECHO_LATER, text, id);
}

static void ask_verb(struct member *m, const char *verb, uint64_t id)
{
    char texts[32];
    int size = snprintf(texts, sizeof texts, "%s%c", verb, '\0');
    assert_int_equal(node_ask(m->node, parcel_new(texts, (size_t)size + 1), id), KITH_OK);
}

static void answers(struct member *m, enum kith_event_type type, uint64_t id)
{
    for (int64_t by = clock_ms() + LONG_MS; m->answer.id != id && clock_ms() < by;) {
        assert_null(next_parcel(m, 10, &m->answer.id));
    }
    assert_int_equal(m->answer.id, id);
    assert_int_equal(m->answer.type, type);
    m->answer.id = 0;
}

static void a_send_is_told_once_the_store_has_kept_it(void **state)
{
    struct member a;
    (void)state;
    configure(&a, 1);
    start(&a);
    send_with_id(&a, "a transaction", 5);
    answers(&a, KITH_SENT, 5);
    assert_int_equal(a.answer.count, 3);
    send_with_id(&a, "no", 6);
    answers(&a, KITH_FAILED, 6);
    assert_string_equal(a.answer_text, "not this one");
    ask_verb(&a, "long", 7);
    answers(&a, KITH_DONE, 7);
    assert_int_equal(a.answer_size, ECHO_LONG);
    stop(&a);
}

/* Far more than may wait for an answer at once. */
static void each_of_many_sends_is_told(void **state)
{
    struct member a;
    (void)state;
    configure(&a, 1);
    start(&a);
    for (uint64_t i = 1; i <= 10 * SERVICE_SENDS_MAX; i++) {
        send_with_id(&a, "a transaction", i);
    }
    for (uint64_t i = 1; i <= 10 * SERVICE_SENDS_MAX; i++) {
        answers(&a, KITH_SENT, i);
    }
    stop(&a);
}

/* As /tx and then /block. */
static void a_verb_does_not_overtake_what_was_sent_before(void **state)
{
    struct member a;
    (void)state;
    configure(&a, 1);
    start(&a);
    for (uint64_t i = 1; i < 100; i += 2) {
        send_with_id(&a, "no", i);
        ask_verb(&a, "say", i + 1);
    }
    for (uint64_t i = 1; i < 100; i += 2) {
        answers(&a, KITH_FAILED, i);
        answers(&a, KITH_DONE, i + 1);
    }
    stop(&a);
}

/* What the store still works on is waited for; what nobody answers is told to have failed. */
static void the_end_waits_for_answers_and_then_no_more(void **state)
{
    struct member a;
    (void)state;
    configure(&a, 1);
    start(&a);
    for (uint64_t i = 1; i <= SERVICE_SENDS_MAX; i++) {
        send_with_id(&a, "a transaction", i);
    }
    node_quit(a.node);
    for (uint64_t i = 1; i <= SERVICE_SENDS_MAX; i++) {
        answers(&a, KITH_SENT, i);
    }
    stop(&a);
    configure(&a, 1);
    start(&a);
    send_with_id(&a, "w", 8);
    node_quit(a.node);
    answers(&a, KITH_FAILED, 8);
    assert_string_equal(a.answer_text, "the node has ended before this was answered");
    stop(&a);
}

static void a_store_that_does_not_open_is_a_clear_error(void **state)
{
    struct member a;
    char error[256] = "";
    (void)state;
    configure(&a, 1);
    a.protocol.store = &closed_store;
    snprintf(a.config.peers_file, sizeof a.config.peers_file, "/tmp/kith-nowhere");
    assert_null(node_start(&a.config, &sink, error, sizeof error));
    assert_string_equal(error, "cannot open the chain at '/tmp/kith-nowhere.store'");
}

/* --- streams --- */

/* Also to a peer that is not waited for. */
static void a_stream_tells_the_peer_that_it_ends(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct member a, b;
        start_pair(&a, &b);
        if (at_once) {
            struct command *c = calloc(1, sizeof *c);
            assert_non_null(c);
            *c = (struct command){.type = COMMAND_BAN, .ip = a.config.bind};
            assert_int_equal(node_command(a.node, c, 1), KITH_OK);
        } else {
            assert_int_equal(node_disconnect(a.node, a.peer, 1), KITH_OK);
        }
        assert_null(next_parcel(&b, LONG_MS, &b.n_offline));
        assert_string_equal(b.why, "an end");
        stop(&b);
        stop(&a);
    }
}

static void messages_pass_upon_noise(void **state)
{
    enum { LARGE = 700000 };
    (void)state;
    struct member a, b;
    char *text = malloc(LARGE + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    start_pair_upon(&a, &b, &noise_stream);
    say(&b, ECHO_MESSAGE, "small");
    say(&b, ECHO_MESSAGE, text);
    hears(&a, "small");
    hears(&a, text);
    say(&a, ECHO_MESSAGE, text);
    hears(&b, text);
    stop(&b);
    stop(&a);
    free(text);
}

/* A peer that a test plays: a socket and a stream upon it. */
struct client {
    int fd;
    void *stream;
    size_t came; /* bytes */
};

static uint64_t any_number(void *context)
{
    uint64_t n;
    (void)context;
    randombytes_buf(&n, sizeof n);
    return n;
}

static void send_all(const struct client *c, struct buffer *out)
{
    assert_int_equal(send(c->fd, out->data, out->used, MSG_NOSIGNAL), out->used);
    buffer_fini(out);
}

static size_t receive_some(struct client *c, uint8_t *to, size_t most)
{
    struct pollfd fd = {.fd = c->fd, .events = POLLIN};
    assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    ssize_t n = recv(c->fd, to, most, 0);
    assert_true(n >= 0);
    c->came += (size_t)n;
    return (size_t)n;
}

enum { FIRST = 2 + 32, SECOND = 2 + 96 }; /* Noise's messages */

static void client_dial(struct client *c, const struct member *m)
{
    struct endpoint to = {.ip = m->config.bind, .port = m->port};
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&to, &address);
    *c = (struct client){.fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&address, size), 0);
}

static void receive_second(struct client *c, uint8_t to[SECOND])
{
    while (c->came < SECOND) {
        assert_true(receive_some(c, to + c->came, SECOND - c->came) > 0);
    }
}

/* Who dials a node finds one static key there, as long as it runs. */
static void a_node_has_one_key_for_who_dials_it(void **state)
{
    uint8_t seen[3][NOISE_KEY];
    struct member a, b;
    (void)state;
    configure(&a, 1);
    configure(&b, 2);
    a.protocol.stream = b.protocol.stream = &noise_stream;
    start(&a);
    start(&b);
    for (int i = 0; i < 3; i++) {
        struct client c;
        struct noise_handshake h;
        uint8_t first[FIRST] = {32}, second[SECOND];
        noise_handshake_start(&h, DIRECTION_OUTGOING, (struct bytes){0});
        randombytes_buf(h.e, sizeof h.e);
        assert_true(noise_handshake_write(&h, (struct bytes){0}, first + 2));
        client_dial(&c, i < 2 ? &a : &b);
        assert_int_equal(send(c.fd, first, sizeof first, MSG_NOSIGNAL), sizeof first);
        receive_second(&c, second);
        assert_true(noise_handshake_read(&h, second + 2, sizeof second - 2));
        memcpy(seen[i], h.rs, NOISE_KEY);
        close(c.fd);
    }
    assert_memory_equal(seen[0], seen[1], NOISE_KEY);
    assert_memory_not_equal(seen[0], seen[2], NOISE_KEY);
    stop(&b);
    stop(&a);
}

static void client_meet(struct client *c, struct member *m)
{
    static const uint8_t hello[ECHO_HELLO_SIZE] = {[7] = 9};
    struct stream_config config = {
        .direction = DIRECTION_OUTGOING, .node = &m->config.node, .random = any_number};
    struct buffer out = {0}, plain = {0};
    uint8_t second[SECOND];
    size_t made;
    client_dial(c, m);
    c->stream = calloc(1, noise_stream.size);
    assert_non_null(c->stream);
    assert_int_equal(noise_stream.open(c->stream, &config, &out), 0);
    send_all(c, &out);
    receive_second(c, second);
    struct stream_input in = {.raw = second, .size = sizeof second, .plain = second};
    assert_int_equal(noise_stream.read(c->stream, &in, &made, &out), sizeof second);
    assert_true(noise_stream.is_open(c->stream));
    echo_frame(&plain, ECHO_HELLO, hello, sizeof hello);
    noise_stream.write(c->stream, &plain, &out, SIZE_MAX);
    send_all(c, &out);
    buffer_fini(&plain);
    assert_null(next_parcel(m, LONG_MS, &m->n_online));
    assert_true(m->n_online);
}

static void client_close(struct client *c)
{
    noise_stream.close(c->stream);
    free(c->stream);
    close(c->fd);
}

/* An end in the middle of a length, and a packet that nobody has sealed: neither is answered. */
static void bad_noise_ends_a_peer_and_is_not_answered(void **state)
{
    static const uint8_t packet[2 + 16] = {16};
    enum { HELLO = 2 + ECHO_HEAD + ECHO_HELLO_SIZE + 16 };
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct member a;
        struct client c;
        uint8_t bytes[1000];
        configure(&a, 1);
        a.protocol.stream = &noise_stream;
        a.config.node.timings.ping = a.config.node.timings.silence = 100000;
        start(&a);
        client_meet(&c, &a);
        assert_int_equal(send(c.fd, packet, whole ? sizeof packet : 1, MSG_NOSIGNAL),
                         whole ? sizeof packet : 1);
        if (!whole) {
            shutdown(c.fd, SHUT_WR);
        }
        assert_null(next_parcel(&a, LONG_MS, &a.n_offline));
        assert_int_equal(a.n_offline, 1);
        while (receive_some(&c, bytes, sizeof bytes) > 0) {
        }
        assert_int_equal(c.came, SECOND + HELLO);
        client_close(&c);
        stop(&a);
    }
}

static bool prepare_nothing(void)
{
    return false;
}

static void a_system_without_the_encryption_is_a_clear_error(void **state)
{
    struct member a;
    struct stream_ops stream = noise_stream;
    char error[256] = "";
    (void)state;
    configure(&a, 1);
    stream.prepare = prepare_nothing;
    a.protocol.stream = &stream;
    assert_null(node_start(&a.config, &sink, error, sizeof error));
    assert_string_equal(error, "-protocol: this system has not what the connections of echo-full need");
}

static size_t entries(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n;
}

/* A thread that was joined may still be listed for a moment. */
static size_t threads_once_at_most(size_t most)
{
    int64_t by = clock_ms() + LONG_MS;
    while (entries("/proc/self/task") > most && clock_ms() < by) {
        usleep(1000);
    }
    return entries("/proc/self/task");
}

/* What the store is still asked for when the nodes end is freed as well: the sanitizers see it. */
static void the_end_closes_the_store_and_leaves_no_thread_or_descriptor(void **state)
{
    struct member a, b;
    (void)state;
    size_t threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    start_pair(&a, &b);
    assert_int_equal(n_open, 2);
    say(&b, ECHO_KEEP, "k0");
    hears(&b, "kept");
    for (int i = 0; i < AHEAD; i++) {
        say(&b, ECHO_FETCH, "k");
    }
    hears(&b, "0");
    stop(&a);
    assert_int_equal(n_open, 1);
    stop(&b);
    assert_int_equal(n_open, 0);
    assert_int_equal(threads_once_at_most(threads), threads);
    assert_int_equal(entries("/proc/self/fd"), descriptors);
}

static int set_up(void **state)
{
    (void)state;
    counted_store = memory_store;
    counted_store.open = open_counted;
    counted_store.close = close_counted;
    seed_fetch_global_init();
    return sodium_init() < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_facts_are_in_the_handshake),
        cmocka_unit_test(a_datagram_comes_back),
        cmocka_unit_test(a_dropped_datagram_is_shown_by_cause),
        cmocka_unit_test(nothing_is_lost_while_a_peer_is_held),
        cmocka_unit_test(who_asks_and_does_not_read_is_kept_little),
        cmocka_unit_test(who_closes_its_side_gets_its_answers),
        cmocka_unit_test(who_closes_its_side_is_not_waited_for_for_ever),
        cmocka_unit_test(a_probe_says_if_somebody_answers),
        cmocka_unit_test(what_is_sent_is_kept_and_announced),
        cmocka_unit_test(a_send_is_told_once_the_store_has_kept_it),
        cmocka_unit_test(each_of_many_sends_is_told),
        cmocka_unit_test(a_verb_does_not_overtake_what_was_sent_before),
        cmocka_unit_test(the_end_waits_for_answers_and_then_no_more),
        cmocka_unit_test(the_end_closes_the_store_and_leaves_no_thread_or_descriptor),
        cmocka_unit_test(a_stream_tells_the_peer_that_it_ends),
        cmocka_unit_test(messages_pass_upon_noise),
        cmocka_unit_test(a_node_has_one_key_for_who_dials_it),
        cmocka_unit_test(bad_noise_ends_a_peer_and_is_not_answered),
        cmocka_unit_test(a_system_without_the_encryption_is_a_clear_error),
        cmocka_unit_test(a_store_that_does_not_open_is_a_clear_error),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
