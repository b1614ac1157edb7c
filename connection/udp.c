#include "connection/udp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sodium.h>

#include "base/clock.h"
#include "connection/lan.h"
#include "connection/sockets.h"
#include "queue/queue.h"
#include "queue/worker.h"

enum {
    BATCH = 64, /* datagrams of one socket in a row, so that sending and the other socket get their turn */
    PERIOD_MS = 100,
    PERIOD_MOST = 2000, /* datagrams read in a period; the kernel drops what its buffer has no room for */
    GROUPS = 1024,      /* places for groups of addresses; those that share one share its allowance */
    REPORT_MS = 1000,
    STACK_BYTES = 128 * 1024,
};

#define SECOND_US INT64_C(1000000)

struct udp {
    struct udp_config config;
    struct sockets sockets;
    struct worker worker;
    struct queue *in, *out; /* messages whose `datagram` is theirs */

    /* The thread writes them, but for `refused`, which the sender does. */
    _Atomic uint64_t received, sent, too_long, limited, untaken, unsent;
    _Atomic uint64_t refused;

    /* The thread's own. */
    struct lans lans; /* none before the first broadcast */
    uint8_t key[crypto_shorthash_KEYBYTES];
    int64_t full_until_us[GROUPS]; /* of each place: when its allowance is whole again */
    int64_t period_ms;             /* when this period of reading began */
    uint32_t n_read;               /* in this period */
    struct udp_counts reported;    /* what the log was told of */
    int64_t report_ms;             /* when it may be told again */
    uint8_t bytes[DATAGRAM_MAX + 1];
};

static void count(_Atomic uint64_t *counter)
{
    /* A load and a store, because one thread writes it. Relaxed: nothing is read on the strength of it. */
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static struct datagram *take(struct queue *q)
{
    struct message m;
    return queue_take_one(q, &m) ? m.datagram : NULL;
}

/* --- what comes --- */

/* The places are found by a keyed hash: nobody can choose an address that uses up another's allowance. */
static int64_t *place_of(struct udp *u, const struct ip *ip)
{
    uint64_t group = ip_group(ip), hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)&group, sizeof group, u->key);
    return &u->full_until_us[hash % GROUPS];
}

/* A second's worth may come at once. */
static bool is_allowed(struct udp *u, const struct ip *ip, int64_t now_ms)
{
    int64_t *full_until = place_of(u, ip), now_us = now_ms * 1000;
    int64_t from = *full_until > now_us ? *full_until : now_us;
    int64_t next = from + SECOND_US / u->config.rate;
    if (next > now_us + SECOND_US) {
        return false;
    }
    *full_until = next;
    return true;
}

static void accept_datagram(struct udp *u, const struct endpoint *remote, size_t size, int64_t now_ms)
{
    if (size > u->config.datagram_max) {
        count(&u->too_long);
        return;
    }
    if (!is_allowed(u, &remote->ip, now_ms)) {
        count(&u->limited);
        return;
    }
    const struct message m = {.datagram = datagram_new(remote, u->bytes, size)};
    if (!m.datagram || !queue_post(u->in, &m)) {
        free(m.datagram);
        count(&u->untaken);
        return;
    }
    count(&u->received);
}

/* Nobody else can have our port at our address. */
static bool is_our_own(const struct udp *u, const struct endpoint *remote)
{
    return remote->port == u->sockets.endpoint.port && lans_have(&u->lans, &remote->ip);
}

/* True if there may be another. */
static bool receive_one(struct udp *u, int fd, int64_t now_ms)
{
    struct sockaddr_storage from = {0};
    socklen_t from_size = sizeof from;
    /* One byte more than it may have shows that a datagram is longer. */
    ssize_t n = recvfrom(fd, u->bytes, u->config.datagram_max + 1, MSG_DONTWAIT, (struct sockaddr *)&from,
                         &from_size);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            u->n_read = PERIOD_MOST; /* an error that stays must not be tried in a tight loop */
        }
        return false;
    }
    u->n_read++;
    struct endpoint remote;
    if (endpoint_from_sockaddr(&remote, (const struct sockaddr *)&from) && !is_our_own(u, &remote)) {
        accept_datagram(u, &remote, (size_t)n, now_ms);
    }
    return true;
}

static bool may_read(struct udp *u, int64_t now_ms)
{
    if (now_ms - u->period_ms >= PERIOD_MS) {
        u->period_ms = now_ms;
        u->n_read = 0;
    }
    return u->n_read < PERIOD_MOST;
}

static void receive_some(struct udp *u, int fd)
{
    int64_t now_ms = clock_ms();
    for (int i = 0; i < BATCH && may_read(u, now_ms); i++) {
        if (!receive_one(u, fd, now_ms)) {
            break;
        }
    }
}

/* --- what is sent --- */

/* -1 if there is none of its family. */
static int socket_for(const struct udp *u, const struct ip *ip)
{
    bool is_first = ip_is_v4(ip) == ip_is_v4(&u->sockets.endpoint.ip);
    if (is_first) {
        return u->sockets.fds[0];
    }
    return u->sockets.n > 1 ? u->sockets.fds[1] : -1;
}

static void send_to(struct udp *u, int fd, const struct endpoint *remote, const struct datagram *d)
{
    struct sockaddr_storage to;
    socklen_t size = endpoint_to_sockaddr(remote, &to);
    if (fd >= 0 &&
        sendto(fd, d->bytes, d->size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to, size) >= 0) {
        count(&u->sent);
    } else {
        count(&u->unsent);
    }
}

static bool allow_broadcast(int fd, int allowed)
{
    return setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &allowed, sizeof allowed) == 0;
}

/* The kernel is not left to let broadcasts through: strangers choose where answers go. */
static void send_to_everybody(struct udp *u, const struct datagram *d)
{
    int fd = socket_for(u, &d->remote.ip);
    lans_look(&u->lans, &u->sockets.endpoint.ip, clock_ms());
    if (fd < 0 || u->lans.n == 0 || !allow_broadcast(fd, 1)) {
        count(&u->unsent);
        return;
    }
    for (size_t i = 0; i < u->lans.n; i++) {
        const struct endpoint to = {.ip = u->lans.list[i].broadcast, .port = d->remote.port};
        send_to(u, fd, &to, d);
    }
    allow_broadcast(fd, 0);
}

static void send_one(struct udp *u, const struct datagram *d)
{
    if (ip_equal(&d->remote.ip, &ip_everybody_v4)) {
        send_to_everybody(u, d);
    } else {
        send_to(u, socket_for(u, &d->remote.ip), &d->remote, d);
    }
}

static void send_some(struct udp *u)
{
    for (int i = 0; i < BATCH; i++) {
        struct datagram *d = take(u->out);
        if (!d) {
            return;
        }
        send_one(u, d);
        free(d);
    }
}

/* --- what the log is told --- */

static uint64_t dropped(const struct udp_counts *c)
{
    return c->too_long + c->limited + c->untaken + c->unsent;
}

static bool has_unreported(const struct udp *u)
{
    struct udp_counts now = udp_counts(u);
    return dropped(&now) != dropped(&u->reported);
}

static void report_drops(struct udp *u)
{
    const struct udp_counts now = udp_counts(u), *last = &u->reported;
    log_line(u->config.log, LOG_LEVEL_INFO,
             "dropped datagrams: %" PRIu64 " too long, %" PRIu64 " beyond the rate of their group, %" PRIu64
             " not taken, %" PRIu64 " not sent",
             now.too_long - last->too_long, now.limited - last->limited, now.untaken - last->untaken,
             now.unsent - last->unsent);
    u->reported = now;
}

static void report_if_due(struct udp *u)
{
    int64_t now_ms = clock_ms();
    if (now_ms >= u->report_ms && has_unreported(u)) {
        report_drops(u);
        u->report_ms = now_ms + REPORT_MS;
    }
}

/* --- the thread --- */

static bool has_some_to_send(const void *self)
{
    const struct udp *u = self;
    return !queue_empty(u->out);
}

/* Sleeps; then polled[1 + i] says if the socket i has something. */
static void wait_for_some(struct udp *u, struct pollfd polled[1 + SOCKETS_MAX])
{
    for (size_t i = 0; i < u->sockets.n; i++) {
        polled[1 + i] = (struct pollfd){.fd = u->sockets.fds[i], .events = POLLIN};
    }
    bool reads = may_read(u, clock_ms());
    nfds_t n = reads ? 1 + u->sockets.n : 1;
    int64_t until = reads ? WORKER_NEVER : u->period_ms + PERIOD_MS;
    if (has_unreported(u) && u->report_ms < until) {
        until = u->report_ms;
    }
    if (worker_sleep(&u->worker, has_some_to_send, polled, n, until) != 0) {
        u->n_read = PERIOD_MOST;
    }
}

static void run(void *self)
{
    struct udp *u = self;
    while (!worker_stopped(&u->worker)) {
        struct pollfd polled[1 + SOCKETS_MAX] = {{0}};
        wait_for_some(u, polled);
        send_some(u);
        for (size_t i = 0; i < u->sockets.n; i++) {
            if (polled[1 + i].revents) {
                receive_some(u, u->sockets.fds[i]);
            }
        }
        if (!queue_empty(u->in)) {
            queue_wake(u->in);
        }
        report_if_due(u);
    }
}

/* --- for other threads --- */

static void drop(void *context, struct message *m)
{
    (void)context;
    free(m->datagram);
}

static void destroy(struct udp *u)
{
    sockets_close(&u->sockets);
    queue_free(u->in, drop, NULL);
    queue_free(u->out, drop, NULL);
    worker_fini(&u->worker);
    free(u);
}

static bool begin(struct udp *u, char *error, size_t error_size)
{
    const struct udp_config *c = &u->config;
    if (!sockets_open(&u->sockets, SOCK_DGRAM, c->bind, c->port, error, error_size)) {
        return false;
    }
    u->in = queue_new(&(struct queue_config){.messages = c->queue, .reader_bell = c->reader_bell});
    u->out = queue_new(&(struct queue_config){.messages = c->queue, .reader_bell = &u->worker.bell});
    int why = u->in && u->out ? worker_start(&u->worker, "kith-udp", STACK_BYTES, run, u) : ENOMEM;
    if (why != 0) {
        snprintf(error, error_size, "cannot start the thread for datagrams: %s", strerror(why));
    }
    return why == 0;
}

struct udp *udp_start(const struct udp_config *config, char *error, size_t error_size)
{
    struct udp *u = aligned_alloc(_Alignof(struct udp), sizeof *u);
    if (!u) {
        snprintf(error, error_size, "cannot start the thread for datagrams: %s", strerror(ENOMEM));
        return NULL;
    }
    memset(u, 0, sizeof *u);
    u->config = *config;
    randombytes_buf(u->key, sizeof u->key);
    if (begin(u, error, error_size)) {
        return u;
    }
    destroy(u);
    return NULL;
}

struct endpoint udp_endpoint(const struct udp *u)
{
    return u->sockets.endpoint;
}

bool udp_send(struct udp *u, struct datagram *d)
{
    const struct message m = {.datagram = d};
    if (!queue_post_and_wake(u->out, &m)) {
        free(d);
        count(&u->refused);
        return false;
    }
    return true;
}

struct datagram *udp_take(struct udp *u)
{
    return take(u->in);
}

bool udp_empty(const struct udp *u)
{
    return queue_empty(u->in);
}

struct udp_counts udp_counts(const struct udp *u)
{
    /* Relaxed: each is a number of its own, and they need not be of the same moment. */
    return (struct udp_counts){
        .received = atomic_load_explicit(&u->received, memory_order_relaxed),
        .sent = atomic_load_explicit(&u->sent, memory_order_relaxed),
        .too_long = atomic_load_explicit(&u->too_long, memory_order_relaxed),
        .limited = atomic_load_explicit(&u->limited, memory_order_relaxed),
        .untaken = atomic_load_explicit(&u->untaken, memory_order_relaxed),
        .unsent = atomic_load_explicit(&u->unsent, memory_order_relaxed) +
                  atomic_load_explicit(&u->refused, memory_order_relaxed),
    };
}

void udp_stop(struct udp *u)
{
    if (!u) {
        return;
    }
    worker_stop(&u->worker);
    worker_join(&u->worker);
    if (has_unreported(u)) {
        report_drops(u);
    }
    destroy(u);
}
