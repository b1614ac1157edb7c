/* nng: push to pull, a pair for each receiver (pub drops if a receiver is slow), req to rep. Sending keeps
 * many asynchronous sends under way and receiving is by callbacks: with blocking calls, which cost a change
 * of threads each, it measured a tenth of that. */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/driver.h"

enum {
    BUFFERED = 1000, /* messages in a socket's buffer; of several settings the one that measured best */
    UNDER_WAY = 64,  /* asynchronous sends of a socket */
};

/* --- what callbacks tell the main thread --- */

/* Counts up; the sums that have been read are the main thread's. The kernel orders what a callback did before
 * bump ahead of what the main thread does after its read. */
struct counter {
    int fd;
    uint64_t seen;
};

static struct counter up, gone, finished;

static void bump(const struct counter *c)
{
    uint64_t one = 1;
    if (write(c->fd, &one, sizeof one) != sizeof one) {
        die("eventfd: %s", strerror(errno));
    }
}

/* False if it takes longer. */
static bool wait_for(struct counter *c, size_t wanted, int timeout_ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    while (c->seen < wanted) {
        uint64_t more = 0;
        int ready = poll(&p, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return false;
        }
        if (read(c->fd, &more, sizeof more) == sizeof more) {
            c->seen += more;
        }
    }
    return true;
}

static void counters_begin(void)
{
    up.fd = eventfd(0, EFD_CLOEXEC);
    gone.fd = eventfd(0, EFD_CLOEXEC);
    finished.fd = eventfd(0, EFD_CLOEXEC);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *unused)
{
    (void)pipe;
    (void)unused;
    bump(event == NNG_PIPE_EV_ADD_POST ? &up : &gone);
}

/* --- sockets --- */

static void check(int fault, const char *what)
{
    if (fault != 0) {
        die("%s: %s", what, nng_strerror(fault));
    }
}

static nng_socket opened(int (*open)(nng_socket *))
{
    nng_socket s;
    check(open(&s), "open");
    /* A kind of socket that has one of these not refuses it; all have what they need. */
    (void)nng_socket_set_int(s, NNG_OPT_SENDBUF, BUFFERED);
    (void)nng_socket_set_int(s, NNG_OPT_RECVBUF, BUFFERED);
    (void)nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, IDLE_LIMIT_MS);
    (void)nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, IDLE_LIMIT_MS);
    check(nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, on_pipe, NULL), "notify");
    check(nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, on_pipe, NULL), "notify");
    return s;
}

static const char *url(size_t port)
{
    static char text[32];
    snprintf(text, sizeof text, "tcp://127.0.0.1:%zu", port);
    return text;
}

static void listen_at(nng_socket s, size_t port)
{
    check(nng_listen(s, url(port), NULL, 0), "listen");
}

static void dial_to(nng_socket s, size_t port)
{
    check(nng_dial(s, url(port), NULL, 0), "dial");
}

static nng_aio *new_aio(void (*callback)(void *), void *argument, int limit_ms)
{
    nng_aio *aio;
    check(nng_aio_alloc(&aio, callback, argument), "aio");
    nng_aio_set_timeout(aio, limit_ms);
    return aio;
}

static nng_msg *new_message(const void *bytes, size_t size)
{
    nng_msg *m;
    check(nng_msg_alloc(&m, size), "message");
    memcpy(nng_msg_body(m), bytes, size);
    return m;
}

/* --- sending --- */

struct sender {
    nng_socket socket;
    nng_aio *aios[UNDER_WAY];
    size_t next;
};

static void sender_begin(struct sender *s, int (*open)(nng_socket *))
{
    s->socket = opened(open);
    for (size_t i = 0; i < UNDER_WAY; i++) {
        s->aios[i] = new_aio(NULL, NULL, IDLE_LIMIT_MS);
    }
}

static void sent(nng_aio *aio)
{
    nng_aio_wait(aio);
    check(nng_aio_result(aio), "send");
}

static void send_message(struct sender *s, const void *bytes, size_t size)
{
    nng_aio *aio = s->aios[s->next++ % UNDER_WAY];
    sent(aio);
    nng_aio_set_msg(aio, new_message(bytes, size));
    nng_send_aio(s->socket, aio);
}

static void send_all(const struct job *j, struct sender senders[])
{
    unsigned char *payload = payload_new(j->size);
    struct outflow f;
    outflow_begin(&f, j);
    while (outflow_next(&f)) {
        payload_number(payload, f.number);
        for (size_t i = 0; i < j->receivers; i++) {
            send_message(&senders[i], payload, j->size);
        }
    }
    for (size_t i = 0; i < j->receivers; i++) {
        for (size_t k = 0; k < UNDER_WAY; k++) {
            sent(senders[i].aios[k]);
        }
    }
    uint64_t ended_ns = now_ns();
    (void)wait_for(&gone, j->receivers, 2 * IDLE_LIMIT_MS); /* a receiver hangs up when it has everything */
    report_sent(&f, ended_ns);
}

static void thr_send(const struct job *j)
{
    struct sender s = {.next = 0};
    counters_begin();
    sender_begin(&s, nng_push0_open);
    dial_to(s.socket, j->port);
    if (!wait_for(&up, 1, IDLE_LIMIT_MS)) {
        die("no connection");
    }
    send_all(j, &s);
}

/* Receiver i has the port P + i. P itself is opened last: once it listens, all do. */
static void fan_send(const struct job *j)
{
    struct sender *senders = allocate(j->receivers, sizeof *senders);
    counters_begin();
    for (size_t i = j->receivers; i-- > 0;) {
        sender_begin(&senders[i], nng_pair0_open);
        listen_at(senders[i].socket, j->port + i);
    }
    if (!wait_for(&up, j->receivers, 2 * IDLE_LIMIT_MS)) {
        die("not all receivers have come");
    }
    send_all(j, senders);
}

/* --- receiving --- */

struct receiver {
    nng_socket socket;
    nng_aio *aio;
    struct tally tally;
};

static void on_message(void *argument)
{
    struct receiver *r = argument;
    if (nng_aio_result(r->aio) == 0) {
        nng_msg *m = nng_aio_get_msg(r->aio);
        tally_take(&r->tally, nng_msg_body(m), nng_msg_len(m));
        nng_msg_free(m);
        if (!tally_complete(&r->tally)) {
            nng_recv_aio(r->socket, r->aio);
            return;
        }
    }
    bump(&finished);
}

static void receiver_begin(const struct job *j, struct receiver *r, int (*open)(nng_socket *))
{
    r->socket = opened(open);
    r->aio = new_aio(on_message, r, IDLE_LIMIT_MS);
    tally_begin(&r->tally, j);
}

static void receive_all(const struct job *j, struct receiver receivers[])
{
    struct tally *tallies = allocate(j->receivers, sizeof *tallies);
    for (size_t i = 0; i < j->receivers; i++) {
        nng_recv_aio(receivers[i].socket, receivers[i].aio);
    }
    if (!wait_for(&finished, j->receivers, LIFE_LIMIT_S * 1000)) {
        die("a receiver does not end");
    }
    for (size_t i = 0; i < j->receivers; i++) {
        tallies[i] = receivers[i].tally;
    }
    report_received(j, tallies, j->receivers);
    for (size_t i = 0; i < j->receivers; i++) {
        nng_close(receivers[i].socket);
    }
}

static void thr_recv(const struct job *j)
{
    counters_begin();
    struct receiver r;
    receiver_begin(j, &r, nng_pull0_open);
    listen_at(r.socket, j->port);
    receive_all(j, &r);
}

static void fan_recv(const struct job *j)
{
    struct receiver *receivers = allocate(j->receivers, sizeof *receivers);
    counters_begin();
    for (size_t i = 0; i < j->receivers; i++) {
        receiver_begin(j, &receivers[i], nng_pair0_open);
        dial_to(receivers[i].socket, j->port + j->index + i);
    }
    receive_all(j, receivers);
}

/* --- to and fro --- */

struct asker {
    nng_socket socket;
    size_t size;
};

static bool ask(void *context, const unsigned char *payload)
{
    struct asker *a = context;
    nng_msg *m = new_message(payload, a->size);
    check(nng_sendmsg(a->socket, m, 0), "send");
    check(nng_recvmsg(a->socket, &m, 0), "receive");
    bool same = nng_msg_len(m) == a->size && memcmp(nng_msg_body(m), payload, a->size) == 0;
    nng_msg_free(m);
    return same;
}

static void lat_ping(const struct job *j)
{
    struct asker a = {.size = j->size};
    counters_begin();
    a.socket = opened(nng_req0_open);
    dial_to(a.socket, j->port);
    run_rounds(j, ask, &a);
    nng_close(a.socket);
}

struct echo {
    nng_socket socket;
    nng_aio *aio;
    uint64_t left;
    bool answering;
};

static void on_echo(void *argument)
{
    struct echo *e = argument;
    bool right = nng_aio_result(e->aio) == 0;
    if (right && !e->answering) {
        e->answering = true;
        nng_send_aio(e->socket, e->aio); /* the message that came is in there still */
        return;
    }
    if (right && --e->left > 0) {
        e->answering = false;
        nng_recv_aio(e->socket, e->aio);
        return;
    }
    bump(&finished);
}

static void lat_echo(const struct job *j)
{
    struct echo e = {.left = job_total(j)};
    counters_begin();
    e.socket = opened(nng_rep0_open);
    e.aio = new_aio(on_echo, &e, 2 * IDLE_LIMIT_MS);
    listen_at(e.socket, j->port);
    nng_recv_aio(e.socket, e.aio);
    if (!wait_for(&finished, 1, LIFE_LIMIT_S * 1000)) {
        die("it does not end");
    }
    (void)wait_for(&gone, 1, IDLE_LIMIT_MS); /* then the last answer has been read */
    report_echoed(j, job_total(j) - e.left);
    nng_close(e.socket);
}

static const struct role roles[] = {
    {"thr-send", thr_send}, {"thr-recv", thr_recv}, {"fan-send", fan_send}, {"fan-recv", fan_recv},
    {"lat-ping", lat_ping}, {"lat-echo", lat_echo}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    return driver_main(argc, argv, roles, NULL);
}
