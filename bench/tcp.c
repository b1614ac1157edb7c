/* Raw TCP: each message is a frame. With BATCH 1, frames are collected up to 64 KiB for one write; with 0
 * there is one write for each message and receiver. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/driver.h"
#include "bench/frames.h"
#include "bench/loopback.h"

enum {
    BATCH_MOST = 64 << 10,
    COLLECT_MOST = 16 << 10, /* longer frames are not copied together: each is a batch */
    READ_ALONE = 256 << 10,
    READ_AMONG = 64 << 10, /* all the buffers of many connections should fit into the cache */
    EVENTS = 64,
};

/* --- sending --- */

struct batch {
    const int *fds;
    size_t n_fds;
    unsigned char *bytes;
    size_t used;
};

static void flush(struct batch *b)
{
    for (size_t i = 0; i < b->n_fds; i++) {
        if (!write_all(b->fds[i], b->bytes, b->used)) {
            die("write: %s", strerror(errno));
        }
    }
    b->used = 0;
}

static void send_all(const struct job *j, const int fds[])
{
    size_t frame = FRAME_HEAD + j->size;
    struct batch b = {.fds = fds, .n_fds = j->receivers, .bytes = allocate(1, BATCH_MOST + frame)};
    size_t most = BATCH && j->size <= COLLECT_MOST ? BATCH_MOST : frame;
    unsigned char *payload = payload_new(j->size);
    struct outflow f;
    outflow_begin(&f, j);
    while (outflow_next(&f)) {
        frame_head(b.bytes + b.used, j->size);
        /* A frame of its own batch is in there already, but for its number. */
        if (most > frame || f.sent == j->receivers) {
            memcpy(b.bytes + b.used + FRAME_HEAD, payload, j->size);
        }
        payload_number(b.bytes + b.used + FRAME_HEAD, f.number);
        b.used += frame;
        if (b.used + frame > most || f.next == j->warmup) {
            flush(&b);
        }
    }
    flush(&b);
    report_sent(&f, now_ns());
}

/* Then waits until every receiver has closed: it has everything. */
static void send_and_close(const struct job *j, const int fds[])
{
    send_all(j, fds);
    for (size_t i = 0; i < j->receivers; i++) {
        shutdown(fds[i], SHUT_WR);
    }
    char byte;
    for (size_t i = 0; i < j->receivers; i++) {
        while (read_all(fds[i], &byte, 1)) {
        }
        close(fds[i]);
    }
}

static void thr_send(const struct job *j)
{
    int fd = loopback_connect(ANY_ADDRESS, LOOPBACK, j->port);
    send_and_close(j, &fd);
}

static void fan_send(const struct job *j)
{
    int listener = loopback_listen(LOOPBACK, j->port), *fds = allocate(j->receivers, sizeof *fds);
    for (size_t i = 0; i < j->receivers; i++) {
        fds[i] = loopback_accept(listener);
    }
    send_and_close(j, fds);
}

/* --- receiving --- */

/* False if nothing more comes or need come. */
static bool take(struct frames *f, struct tally *t)
{
    if (!frames_read(f)) {
        return false;
    }
    const unsigned char *bytes;
    size_t size;
    while ((bytes = frames_next(f, &size))) {
        tally_take(t, bytes, size);
    }
    return !tally_complete(t);
}

static void thr_recv(const struct job *j)
{
    struct timeval limit = {.tv_sec = IDLE_LIMIT_MS / 1000};
    struct frames f;
    frames_begin(&f, loopback_accept(loopback_listen(LOOPBACK, j->port)), j->size, READ_ALONE);
    setsockopt(f.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    struct tally t;
    tally_begin(&t, j);
    while (take(&f, &t)) {
    }
    report_received(j, &t, 1);
    frames_end(&f);
}

static void take_from_all(int poller, struct frames frames[], struct tally tallies[], size_t n)
{
    struct epoll_event events[EVENTS];
    size_t left = n;
    while (left > 0) {
        int ready = epoll_wait(poller, events, EVENTS, IDLE_LIMIT_MS);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return;
        }
        for (int i = 0; i < ready; i++) {
            size_t k = events[i].data.u64;
            if (!take(&frames[k], &tallies[k])) {
                epoll_ctl(poller, EPOLL_CTL_DEL, frames[k].fd, NULL);
                left--;
            }
        }
    }
}

static void fan_recv(const struct job *j)
{
    struct frames *frames = allocate(j->receivers, sizeof *frames);
    struct tally *tallies = allocate(j->receivers, sizeof *tallies);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < j->receivers; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
        frames_begin(&frames[i], loopback_connect(ANY_ADDRESS, LOOPBACK, j->port), j->size,
                     j->receivers == 1 ? READ_ALONE : READ_AMONG);
        tally_begin(&tallies[i], j);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, frames[i].fd, &e) < 0) {
            die("epoll: %s", strerror(errno));
        }
    }
    take_from_all(poller, frames, tallies, j->receivers);
    report_received(j, tallies, j->receivers);
    for (size_t i = 0; i < j->receivers; i++) {
        frames_end(&frames[i]);
    }
}

/* --- to and fro: blocking calls --- */

struct asker {
    int fd;
    size_t size;
    unsigned char *out, *in;
};

static bool ask(void *context, const unsigned char *payload)
{
    struct asker *a = context;
    size_t frame = FRAME_HEAD + a->size;
    frame_head(a->out, a->size);
    memcpy(a->out + FRAME_HEAD, payload, a->size);
    if (!write_all(a->fd, a->out, frame) || !read_all(a->fd, a->in, frame)) {
        die("the connection has ended");
    }
    return memcmp(a->out, a->in, frame) == 0;
}

static void lat_ping(const struct job *j)
{
    struct asker a = {.fd = loopback_connect(ANY_ADDRESS, LOOPBACK, j->port),
                      .size = j->size,
                      .out = allocate(1, FRAME_HEAD + j->size),
                      .in = allocate(1, FRAME_HEAD + j->size)};
    run_rounds(j, ask, &a);
    close(a.fd);
}

static void lat_echo(const struct job *j)
{
    int fd = loopback_accept(loopback_listen(LOOPBACK, j->port));
    size_t frame = FRAME_HEAD + j->size;
    unsigned char *bytes = allocate(1, frame);
    uint64_t rounds = 0;
    while (read_all(fd, bytes, frame) && write_all(fd, bytes, frame)) {
        rounds++;
    }
    report_echoed(j, rounds);
    close(fd);
}

static const struct role roles[] = {
    {"thr-send", thr_send}, {"thr-recv", thr_recv}, {"fan-send", fan_send}, {"fan-recv", fan_recv},
    {"lat-ping", lat_ping}, {"lat-echo", lat_echo}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    return driver_main(argc, argv, roles, NULL);
}
