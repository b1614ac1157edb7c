/* A crowd of peers that cost little: connections of the Factom protocol, version 11, made by hand in one
 * thread. Each shakes hands, answers pings and counts messages; nothing else.
 *
 *     crowd fan-recv  as any driver's: what a sender's fan-out costs without nodes on the other side
 *     crowd stay      dials --address --port from --receivers addresses, 127.1.0.1 and on, past the first
 * --index crowd accept    takes --receivers connections at any loopback address
 *
 * The last two print a line once all connections are up or have failed, a line once --count messages have
 * come on each, and when standard input ends what there was in all. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/driver.h"
#include "bench/frames.h"
#include "bench/loopback.h"

enum {
    NETWORK_LOCAL = 0x00beaded,
    VERSION = 11,
    KIND_PING = 1,
    KIND_PONG = 2,
    KIND_MESSAGE = 6,
    KIND_HANDSHAKE = 8,
    PREAMBLE = 4,
    VARINT_MOST = 10,
    PARCEL_HEAD = 16, /* more than what stands around a payload */
    SMALL_FRAME = 64 << 10,
    READ_ROOM = 64 << 10,
    EVENTS = 256,
    PER_NET = 250, /* addresses of the crowd in each 127.1.x.0 */
    TEXT = 24,
    HANDSHAKE_MOST = 128,
};

static const char preamble[] = "pbuf";

struct peer {
    struct frames frames;
    struct tally tally; /* of fan-recv */
    uint64_t messages;
    enum { GREETED_NOT, PREAMBLE_CAME, ONLINE, GONE } state;
    bool dialed;
    uint32_t number;
};

struct crowd {
    const struct job *job;
    struct peer *peers;
    size_t n, online, gone, complete;
    uint64_t messages, pings;
    uint64_t begun_ns;
    int poller, listener; /* -1 if there is none */
    bool told_online, told_complete;
};

static uint32_t address = LOOPBACK;

/* --- what is on the wire --- */

static size_t put_varint(unsigned char *to, uint64_t value)
{
    size_t n = 0;
    for (; value > 127; value >>= 7) {
        to[n++] = (unsigned char)((value & 127) | 128);
    }
    to[n++] = (unsigned char)value;
    return n;
}

static size_t put_number(unsigned char *to, unsigned field, uint64_t value)
{
    size_t n = put_varint(to, field << 3);
    return n + put_varint(to + n, value);
}

static size_t put_bytes(unsigned char *to, unsigned field, const char *bytes, size_t size)
{
    size_t n = put_varint(to, field << 3 | 2);
    n += put_varint(to + n, size);
    memcpy(to + n, bytes, size);
    return n + size;
}

/* Every peer of a crowd is another node: names and nonces differ. */
static void send_handshake(const struct peer *p, uint16_t port)
{
    unsigned char out[HANDSHAKE_MOST], *body = out + PREAMBLE + FRAME_HEAD;
    char text[TEXT];
    int digits = snprintf(text, sizeof text, "%u", port);
    size_t n = put_number(body, 1, KIND_HANDSHAKE);
    n += put_number(body + n, 2, NETWORK_LOCAL);
    n += put_number(body + n, 3, VERSION);
    n += put_number(body + n, 4, 0x10000U + p->number);
    n += put_bytes(body + n, 5, text, (size_t)digits);
    n += put_number(body + n, 6, UINT64_C(0x5eed0000) + p->number);
    memcpy(out, preamble, PREAMBLE);
    frame_head(out + PREAMBLE, n);
    /* If the node has closed already, the next read says so. */
    (void)write_all(p->frames.fd, out, PREAMBLE + FRAME_HEAD + n);
}

static void send_pong(const struct peer *p)
{
    unsigned char out[FRAME_HEAD + PARCEL_HEAD];
    size_t n = put_number(out + FRAME_HEAD, 1, KIND_PONG);
    n += put_bytes(out + FRAME_HEAD + n, 2, "Pong", 4);
    frame_head(out, n);
    (void)write_all(p->frames.fd, out, FRAME_HEAD + n);
}

/* Takes a varint off the front; false if there is none. */
static bool take_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned n = 0; *at < end && n < VARINT_MOST; n++) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << (7 * n);
        if (byte < 128) {
            return true;
        }
    }
    return false;
}

/* The parcel in a frame: its kind, its payload. */
static bool read_parcel(const unsigned char *at, size_t size, uint64_t *kind, const unsigned char **payload,
                        size_t *payload_size)
{
    const unsigned char *end = at + size;
    uint64_t field, length;
    if (!take_varint(&at, end, &field) || field != (1U << 3) || !take_varint(&at, end, kind) ||
        !take_varint(&at, end, &field) || field != (2U << 3 | 2) || !take_varint(&at, end, &length) ||
        length != (uint64_t)(end - at)) {
        return false;
    }
    *payload = at;
    *payload_size = (size_t)length;
    return true;
}

/* --- one peer --- */

static void take_parcel(struct crowd *c, struct peer *p, const unsigned char *frame, size_t size)
{
    const unsigned char *payload;
    size_t payload_size;
    uint64_t kind;
    if (!read_parcel(frame, size, &kind, &payload, &payload_size)) {
        die("a parcel that cannot be read");
    }
    if (kind == KIND_PING) {
        c->pings++;
        send_pong(p);
    } else if (kind == KIND_MESSAGE) {
        p->messages++;
        c->messages++;
        c->complete += p->messages == c->job->count;
        tally_take(&p->tally, payload, payload_size);
    }
}

/* The first frame after the preamble is the handshake. */
static void take_frame(struct crowd *c, struct peer *p, const unsigned char *frame, size_t size)
{
    if (p->state == ONLINE) {
        take_parcel(c, p, frame, size);
        return;
    }
    p->state = ONLINE;
    c->online++;
    if (!p->dialed) {
        send_handshake(p, c->job->port);
    }
}

static void leave(struct crowd *c, struct peer *p)
{
    if (p->state == ONLINE) {
        c->online--;
    }
    p->state = GONE;
    c->gone++;
    frames_end(&p->frames);
}

static void hear(struct crowd *c, struct peer *p)
{
    if (!frames_read(&p->frames)) {
        leave(c, p);
        return;
    }
    const unsigned char *bytes;
    if (p->state == GREETED_NOT && (bytes = frames_take(&p->frames, PREAMBLE))) {
        if (memcmp(bytes, preamble, PREAMBLE) != 0) {
            die("the node does not speak version %d", VERSION);
        }
        p->state = PREAMBLE_CAME;
    }
    size_t size;
    while (p->state != GREETED_NOT && (bytes = frames_next(&p->frames, &size))) {
        take_frame(c, p, bytes, size);
    }
}

/* --- all of them --- */

static struct peer *add(struct crowd *c, int fd, bool dialed)
{
    size_t most = PARCEL_HEAD + c->job->size, k = c->n++;
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = k};
    struct peer *p = &c->peers[k];
    p->number = (uint32_t)(c->job->index + k);
    p->dialed = dialed;
    tally_begin(&p->tally, c->job);
    frames_begin(&p->frames, fd, most > SMALL_FRAME ? most : SMALL_FRAME, READ_ROOM);
    if (epoll_ctl(c->poller, EPOLL_CTL_ADD, fd, &e) < 0) {
        die("epoll: %s", strerror(errno));
    }
    return p;
}

static void crowd_begin(struct crowd *c, const struct job *j)
{
    *c = (struct crowd){.job = j,
                        .peers = allocate(j->receivers, sizeof *c->peers),
                        .begun_ns = now_ns(),
                        .poller = epoll_create1(EPOLL_CLOEXEC),
                        .listener = -1};
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Each from an address of its own, and said to listen on the port of the node that it dials. */
static void dial_all(struct crowd *c)
{
    const struct job *j = c->job;
    for (size_t i = 0; i < j->receivers; i++) {
        uint32_t k = (uint32_t)(j->index + i);
        uint32_t source = 0x7f010001U + k / PER_NET * 256U + k % PER_NET;
        send_handshake(add(c, loopback_connect(source, address, j->port), true), j->port);
    }
}

/* False if nothing has come for so long. */
static bool hear_all(struct crowd *c, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(c->poller, events, EVENTS, timeout_ms);
    for (int i = 0; i < ready; i++) {
        size_t k = events[i].data.u64;
        if (k < c->job->receivers) {
            hear(c, &c->peers[k]);
        } else if (c->n < c->job->receivers) {
            add(c, loopback_accept(c->listener), false);
        }
    }
    return ready != 0;
}

static void crowd_end(struct crowd *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->peers[i].state != GONE) {
            frames_end(&c->peers[i].frames);
        }
    }
}

static void fan_recv(const struct job *j)
{
    struct tally *tallies = allocate(j->receivers, sizeof *tallies);
    size_t complete = 0;
    struct crowd c;
    crowd_begin(&c, j);
    dial_all(&c);
    while (complete + c.gone < c.n && hear_all(&c, IDLE_LIMIT_MS)) {
        /* It stops at the first that lacks something, so that it mostly looks at one. */
        for (complete = 0; complete < c.n && tally_complete(&c.peers[complete].tally);) {
            complete++;
        }
    }
    for (size_t i = 0; i < c.n; i++) {
        tallies[i] = c.peers[i].tally;
    }
    report_received(j, tallies, c.n);
    crowd_end(&c);
}

static void tell(const struct crowd *c, const char *what)
{
    printf("{\"%s\":true,\"online\":%zu,\"gone\":%zu,\"messages\":%" PRIu64 ",\"pings\":%" PRIu64
           ",\"now_ns\":%" PRIu64 ",\"ms\":%" PRIu64 "}\n",
           what, c->online, c->gone, c->messages, c->pings, now_ns(), (now_ns() - c->begun_ns) / 1000000);
    fflush(stdout);
}

/* Answers until standard input ends. */
static void stay_until_told(struct crowd *c)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = c->poller, .events = POLLIN}};
    while (fds[0].revents == 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            die("poll: %s", strerror(errno));
        }
        if (fds[1].revents != 0) {
            hear_all(c, 0);
        }
        if (!c->told_online && c->online + c->gone == c->job->receivers) {
            c->told_online = true;
            tell(c, "settled");
        }
        if (!c->told_complete && c->online > 0 && c->complete >= c->job->receivers) {
            c->told_complete = true;
            tell(c, "complete");
        }
    }
    tell(c, "ended");
    crowd_end(c);
}

static void stay(const struct job *j)
{
    struct crowd c;
    crowd_begin(&c, j);
    dial_all(&c);
    stay_until_told(&c);
}

static void accept_all(const struct job *j)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    struct crowd c;
    crowd_begin(&c, j);
    c.listener = loopback_listen(ANY_ADDRESS, j->port);
    if (epoll_ctl(c.poller, EPOLL_CTL_ADD, c.listener, &e) < 0) {
        die("epoll: %s", strerror(errno));
    }
    stay_until_told(&c);
}

static const struct role roles[] = {
    {"fan-recv", fan_recv},
    {"stay", stay},
    {"accept", accept_all},
    {NULL, NULL},
};

static bool own_option(const char *name, const char *value)
{
    if (strcmp(name, "--address") != 0) {
        return false;
    }
    struct in_addr a;
    if (inet_pton(AF_INET, value, &a) != 1) {
        die("%s takes an IPv4 address", name);
    }
    address = ntohl(a.s_addr);
    return true;
}

int main(int argc, char **argv)
{
    return driver_main(argc, argv, roles, own_option);
}
