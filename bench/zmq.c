/* ZeroMQ: PUSH to PULL, XPUB that waits (ZMQ_XPUB_NODROP) to SUB, REQ to REP. */
#include <zmq.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/driver.h"

/* Of several settings, those that measured best on two cores; the library's own are 1000 messages, 1 thread.
 */
enum {
    LIMIT_BYTES = 16 << 20, /* one to one, a queue holds about so much, within the two numbers below */
    LIMIT_LEAST = 128,
    LIMIT_MOST = 100000,
    LIMIT_FAN = 10000,
    THREADS_FAN = 2,
    LINGER_MS = 10000,
    GOODBYE_MS = 1000,
    MESSAGES_AT_ONCE = 256, /* of one socket, before the others have their turn */
};

static void *context;

static void check(bool right, const char *what)
{
    if (!right) {
        die("%s: %s", what, zmq_strerror(zmq_errno()));
    }
}

static bool is_fan(const struct job *j)
{
    return strncmp(j->role, "fan-", 4) == 0;
}

static int queue_limit(const struct job *j)
{
    size_t n = LIMIT_BYTES / j->size;
    if (is_fan(j)) {
        return LIMIT_FAN;
    }
    return n < LIMIT_LEAST ? LIMIT_LEAST : n > LIMIT_MOST ? LIMIT_MOST : (int)n;
}

static void set(void *socket, int option, int value)
{
    check(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "zmq_setsockopt");
}

static void *new_socket(const struct job *j, int type)
{
    if (!context) {
        context = zmq_ctx_new();
        zmq_ctx_set(context, ZMQ_IO_THREADS, is_fan(j) ? THREADS_FAN : 1);
    }
    void *s = zmq_socket(context, type);
    check(s, "zmq_socket");
    set(s, ZMQ_SNDHWM, queue_limit(j));
    set(s, ZMQ_RCVHWM, queue_limit(j));
    set(s, ZMQ_RCVTIMEO, IDLE_LIMIT_MS);
    set(s, ZMQ_SNDTIMEO, IDLE_LIMIT_MS);
    set(s, ZMQ_LINGER, LINGER_MS);
    set(s, ZMQ_IMMEDIATE, 1);
    return s;
}

static void *bind_socket(const struct job *j, void *socket)
{
    char address[32];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", j->port);
    check(zmq_bind(socket, address) == 0, "zmq_bind");
    return socket;
}

static void *connect_socket(const struct job *j, void *socket)
{
    char address[32];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", j->port);
    check(zmq_connect(socket, address) == 0, "zmq_connect");
    return socket;
}

/* Waits until everything is on the wire. */
static void close_all(void *socket)
{
    zmq_close(socket);
    zmq_ctx_term(context);
}

static void send_bytes(void *socket, const void *bytes, size_t size)
{
    zmq_msg_t m;
    check(zmq_msg_init_size(&m, size) == 0, "zmq_msg_init_size");
    memcpy(zmq_msg_data(&m), bytes, size);
    while (zmq_msg_send(&m, socket, 0) < 0) {
        check(zmq_errno() == EINTR, "zmq_msg_send");
    }
}

/* False if there is none, within IDLE_LIMIT_MS unless the flags say not to wait. */
static bool receive(void *socket, zmq_msg_t *m, int flags)
{
    zmq_msg_init(m);
    while (zmq_msg_recv(m, socket, flags) < 0) {
        if (zmq_errno() == EINTR) {
            continue;
        }
        check(zmq_errno() == EAGAIN, "zmq_msg_recv");
        return false;
    }
    return true;
}

/* --- one way --- */

static uint64_t send_all(struct outflow *f, const struct job *j, void *socket)
{
    unsigned char *payload = payload_new(j->size);
    outflow_begin(f, j);
    while (outflow_next(f)) {
        payload_number(payload, f->number);
        send_bytes(socket, payload, j->size);
    }
    return now_ns();
}

static void thr_send(const struct job *j)
{
    void *s = connect_socket(j, new_socket(j, ZMQ_PUSH));
    struct outflow f;
    uint64_t ended_ns = send_all(&f, j, s);
    close_all(s);
    report_sent(&f, ended_ns);
}

/* The coming (1) or going (0) of every receiver. False if one of them takes too long. */
static bool await_receivers(const struct job *j, void *socket, unsigned char kind)
{
    for (size_t i = 0; i < j->receivers; i++) {
        zmq_msg_t m;
        bool right = receive(socket, &m, 0) && zmq_msg_size(&m) == 1 &&
                     *(const unsigned char *)zmq_msg_data(&m) == kind;
        zmq_msg_close(&m);
        if (!right) {
            return false;
        }
    }
    return true;
}

static void fan_send(const struct job *j)
{
    void *s = new_socket(j, ZMQ_XPUB);
    set(s, ZMQ_XPUB_NODROP, 1);
    set(s, ZMQ_XPUB_VERBOSER, 1); /* tells of each receiver that comes or goes */
    bind_socket(j, s);
    if (!await_receivers(j, s, 1)) {
        die("not all receivers have come");
    }
    struct outflow f;
    uint64_t ended_ns = send_all(&f, j, s);
    /* Closed at once, an XPUB socket loses what is queued in spite of ZMQ_LINGER (libzmq 4.3.4). */
    (void)await_receivers(j, s, 0);
    close_all(s);
    report_sent(&f, ended_ns);
}

static void thr_recv(const struct job *j)
{
    void *s = bind_socket(j, new_socket(j, ZMQ_PULL));
    struct tally t;
    tally_begin(&t, j);
    zmq_msg_t m;
    while (!tally_complete(&t) && receive(s, &m, 0)) {
        tally_take(&t, zmq_msg_data(&m), zmq_msg_size(&m));
        zmq_msg_close(&m);
    }
    report_received(j, &t, 1);
    close_all(s);
}

static void take_some(void *socket, struct tally *t)
{
    zmq_msg_t m;
    for (int i = 0; i < MESSAGES_AT_ONCE && !tally_complete(t) && receive(socket, &m, ZMQ_DONTWAIT); i++) {
        tally_take(t, zmq_msg_data(&m), zmq_msg_size(&m));
        zmq_msg_close(&m);
    }
}

static void take_all(zmq_pollitem_t items[], struct tally tallies[], size_t n)
{
    size_t left = n;
    while (left > 0) {
        int ready = zmq_poll(items, (int)n, IDLE_LIMIT_MS);
        if (ready < 0 && zmq_errno() == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return;
        }
        for (size_t i = 0; i < n; i++) {
            if ((items[i].revents & ZMQ_POLLIN) == 0 || tally_complete(&tallies[i])) {
                continue;
            }
            take_some(items[i].socket, &tallies[i]);
            left -= tally_complete(&tallies[i]);
        }
    }
}

static void fan_recv(const struct job *j)
{
    struct tally *tallies = allocate(j->receivers, sizeof *tallies);
    zmq_pollitem_t *items = allocate(j->receivers, sizeof *items);
    for (size_t i = 0; i < j->receivers; i++) {
        items[i] = (zmq_pollitem_t){.socket = new_socket(j, ZMQ_SUB), .events = ZMQ_POLLIN};
        check(zmq_setsockopt(items[i].socket, ZMQ_SUBSCRIBE, "", 0) == 0, "ZMQ_SUBSCRIBE");
        connect_socket(j, items[i].socket);
        tally_begin(&tallies[i], j);
    }
    take_all(items, tallies, j->receivers);
    report_received(j, tallies, j->receivers);
    for (size_t i = 0; i < j->receivers; i++) {
        zmq_close(items[i].socket);
    }
    zmq_ctx_term(context);
}

/* --- to and fro --- */

struct asker {
    void *socket;
    size_t size;
};

static bool ask(void *argument, const unsigned char *payload)
{
    struct asker *a = argument;
    send_bytes(a->socket, payload, a->size);
    zmq_msg_t m;
    if (!receive(a->socket, &m, 0)) {
        die("no answer");
    }
    bool same = zmq_msg_size(&m) == a->size && memcmp(zmq_msg_data(&m), payload, a->size) == 0;
    zmq_msg_close(&m);
    return same;
}

static void lat_ping(const struct job *j)
{
    struct asker a = {.socket = connect_socket(j, new_socket(j, ZMQ_REQ)), .size = j->size};
    run_rounds(j, ask, &a);
    send_bytes(a.socket, "", 0); /* the answers have come */
    close_all(a.socket);
}

static void lat_echo(const struct job *j)
{
    void *s = bind_socket(j, new_socket(j, ZMQ_REP));
    uint64_t rounds = 0;
    zmq_msg_t m;
    for (; rounds < job_total(j) && receive(s, &m, 0); rounds++) {
        check(zmq_msg_send(&m, s, 0) >= 0, "zmq_msg_send");
    }
    /* Closed at once, a REP socket may lose the last answer in spite of ZMQ_LINGER (libzmq 4.3.4). */
    set(s, ZMQ_RCVTIMEO, GOODBYE_MS);
    if (receive(s, &m, 0)) {
        zmq_msg_close(&m);
    }
    close_all(s);
    report_echoed(j, rounds);
}

static const struct role roles[] = {
    {"thr-send", thr_send}, {"thr-recv", thr_recv}, {"fan-send", fan_send}, {"fan-recv", fan_recv},
    {"lat-ping", lat_ping}, {"lat-echo", lat_echo}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    return driver_main(argc, argv, roles, NULL);
}
