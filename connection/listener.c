#include "connection/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/earlier.h"
#include "connection/ip_limit.h"
#include "connection/sockets.h"
#include "queue/worker.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_MOST_MS  2000
#define REPORT_MS      1000  /* between two lines about connections that were closed at once */
#define REPORT_MOST_MS 10000 /* likewise, while they go on: it doubles up to that */
#define EPISODE_MS     10000 /* so long without a shortage ends an episode of them */
#define BATCH                                                                                                \
    64 /* connections of one socket in a row, so that stopping and the other socket get their turn */

struct listener {
    struct listener_config config;
    struct sockets sockets;
    struct worker worker;

    _Alignas(64) _Atomic uint32_t pending;               /* the one counter that other threads write */
    _Atomic uint64_t accepted, limited, capped, untaken; /* the listener's thread writes them */

    /* The listener's thread alone. */
    struct ip_limit limit;
    struct accepted *spare; /* the next body: made before the socket, so that no socket is without one */
    int64_t pause_ms;       /* how long the current pause is; 0 outside of pauses */
    int64_t resume_ms;      /* when it ends */
    int64_t warn_ms;        /* no warning of a shortage before */
    int64_t report_ms;      /* no report before */
    int64_t report_gap_ms;  /* after the last one */
    struct listener_counts reported;
};

/* --- pauses --- */

static bool paused(const struct listener *l, int64_t now)
{
    return l->pause_ms > 0 && now < l->resume_ms;
}

static void pause_accepting(struct listener *l, int error, int64_t now)
{
    if (now >= l->warn_ms) {
        log_line(l->config.log, LOG_LEVEL_WARNING, "listener: accepting no connections for now: %s",
                 strerror(error));
    }
    l->warn_ms = now + EPISODE_MS;
    l->pause_ms = l->pause_ms == 0 ? PAUSE_FIRST_MS : earlier(l->pause_ms * 2, PAUSE_MOST_MS);
    l->resume_ms = now + l->pause_ms;
}

/* --- connections that are closed at once --- */

static uint64_t unreported(const struct listener *l)
{
    struct listener_counts now = listener_counts(l);
    return now.limited - l->reported.limited + now.capped - l->reported.capped + now.untaken -
           l->reported.untaken;
}

/* Adds a cause to the text; one of which there is none is left out. */
static void add_cause(char *text, size_t size, uint64_t n, const char *cause)
{
    size_t used = strlen(text);
    if (n > 0) {
        snprintf(text + used, size - used, "%s%" PRIu64 " %s", used > 0 ? ", " : "", n, cause);
    }
}

static void report(struct listener *l, int64_t now)
{
    if (unreported(l) == 0) {
        return;
    }
    struct listener_counts counts = listener_counts(l);
    char causes[256] = "", cap[64];
    snprintf(cap, sizeof cap, "over the limit of %" PRIu32 " handshakes", l->config.pending);
    add_cause(causes, sizeof causes, counts.limited - l->reported.limited,
              "too soon after the last of their IP");
    add_cause(causes, sizeof causes, counts.capped - l->reported.capped, cap);
    add_cause(causes, sizeof causes, counts.untaken - l->reported.untaken,
              "not taken: the node is ending, or too busy");
    log_line(l->config.log, LOG_LEVEL_INFO, "listener: closed %" PRIu64 " connections at once: %s",
             unreported(l), causes);
    bool goes_on = l->report_gap_ms > 0 && now - l->report_ms < EPISODE_MS;
    l->report_gap_ms = goes_on ? earlier(2 * l->report_gap_ms, REPORT_MOST_MS) : REPORT_MS;
    l->report_ms = now + l->report_gap_ms;
    l->reported = counts;
}

/* With a reset: a flood of closed connections must leave nothing behind in the kernel, not even TIME_WAIT. */
static void shed(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    descriptor_close(fd);
}

static void count(_Atomic uint64_t *counter)
{
    /* A load and a store, because one thread writes it. Relaxed: nothing is read on the strength of it. */
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

/* --- accepting --- */

static bool may_pass(struct listener *l, const struct ip *ip, int64_t now)
{
    if (!ip_limit_allows(&l->limit, ip, now)) {
        count(&l->limited);
        return false;
    }
    /* Relaxed: the number stands for itself. Others only lower it, so that it can't pass the cap between this
     * look and the addition in hand_over. */
    if (atomic_load_explicit(&l->pending, memory_order_relaxed) >= l->config.pending) {
        count(&l->capped);
        return false;
    }
    if (!ip_limit_accepted(&l->limit, ip, now)) {
        count(&l->limited);
        return false;
    }
    return true;
}

static void hand_over(struct listener *l, int fd, const struct endpoint *remote)
{
    struct accepted *a = l->spare;
    l->spare = NULL;
    *a = (struct accepted){.fd = fd, .remote = *remote};
    /* Before the socket is handed over: a handshake that ended before it was counted would make the number
     * wrap. */
    atomic_fetch_add_explicit(&l->pending, 1, memory_order_relaxed);
    if (l->config.accepted(l->config.context, a)) {
        count(&l->accepted);
        return;
    }
    listener_handshake_over(l);
    count(&l->untaken);
    shed(fd);
    free(a);
}

/* accept(2) passes on what went wrong with the one connection that it would have returned. */
static bool concerns_one_connection(int error)
{
    static const int errors[] = {ECONNABORTED, EINTR,  EPROTO,       ENOPROTOOPT, ENETDOWN,
                                 EHOSTDOWN,    ENONET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (error == errors[i]) {
            return true;
        }
    }
    return false;
}

/* -1 with errno. Whoever waits in the kernel's queue is left there if there would be no room. */
static int accept_socket(int listening, bool was_short, struct endpoint *remote)
{
    if (was_short && !descriptor_is_spare()) {
        errno = EMFILE;
        return -1;
    }
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    int fd = descriptor_own_scarce(
        accept4(listening, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd < 0 || endpoint_from_sockaddr(remote, (const struct sockaddr *)&from)) {
        return fd;
    }
    descriptor_close(fd);
    errno = ECONNABORTED; /* an address that is not IP: there is nobody to speak of */
    return -1;
}

/* True if there may be another. */
static bool accept_one(struct listener *l, int listening, int64_t now)
{
    if (!l->spare) {
        l->spare = malloc(sizeof *l->spare);
    }
    struct endpoint remote;
    int fd = !l->spare ? -1 : accept_socket(listening, l->pause_ms > 0, &remote);
    if (fd < 0) {
        int error = !l->spare ? ENOMEM : errno;
        if (concerns_one_connection(error)) {
            return true;
        }
        /* Every other error counts as a shortage, known or not: what lasts must never be retried in a tight
         * loop. */
        if (error != EAGAIN) {
            pause_accepting(l, error, now);
        }
        return false;
    }
    l->pause_ms = 0;
    if (may_pass(l, &remote.ip, now)) {
        hand_over(l, fd, &remote);
    } else {
        shed(fd);
    }
    return true;
}

static void accept_some(struct listener *l, int listening, int64_t now)
{
    for (int i = 0; i < BATCH; i++) {
        if (!accept_one(l, listening, now)) {
            return;
        }
    }
}

/* --- the thread --- */

static int64_t deadline(const struct listener *l, int64_t now)
{
    int64_t until = WORKER_NEVER;
    if (paused(l, now)) {
        until = l->resume_ms;
    }
    if (unreported(l) > 0) {
        until = earlier(until, l->report_ms);
    }
    return until;
}

/* Sleeps; then says in polled[1 + i] whether the socket i has something. */
static void wait_for_some(struct listener *l, struct pollfd polled[1 + SOCKETS_MAX])
{
    int64_t now = clock_ms();
    for (size_t i = 0; i < l->sockets.n; i++) {
        polled[1 + i] = (struct pollfd){.fd = l->sockets.fds[i], .events = POLLIN};
    }
    nfds_t n = paused(l, now) ? 1 : 1 + l->sockets.n;
    int error = worker_sleep(&l->worker, NULL, polled, n, deadline(l, now));
    if (error != 0) {
        pause_accepting(l, error, now);
    }
}

static void run(void *self)
{
    struct listener *l = self;
    while (!worker_stopped(&l->worker)) {
        struct pollfd polled[1 + SOCKETS_MAX];
        wait_for_some(l, polled);
        int64_t now = clock_ms();
        for (size_t i = 0; i < l->sockets.n; i++) {
            if (polled[1 + i].revents != 0 && !paused(l, now)) {
                accept_some(l, l->sockets.fds[i], now);
            }
        }
        if (now >= l->report_ms) {
            report(l, now);
        }
    }
    report(l, clock_ms());
}

/* --- for other threads --- */

static void destroy(struct listener *l)
{
    sockets_close(&l->sockets);
    worker_fini(&l->worker);
    ip_limit_clear(&l->limit);
    free(l->spare);
    free(l);
}

static bool begin(struct listener *l, char *error, size_t error_size)
{
    if (!sockets_open(&l->sockets, SOCK_STREAM, l->config.bind, l->config.port, error, error_size)) {
        return false;
    }
    int why = worker_start(&l->worker, "kith-listener", 0, run, l);
    if (why != 0) {
        snprintf(error, error_size, "cannot start the listener: %s", strerror(why));
    }
    return why == 0;
}

struct listener *listener_start(const struct listener_config *config, char *error, size_t error_size)
{
    struct listener *l = aligned_alloc(_Alignof(struct listener), sizeof *l);
    if (!l) {
        snprintf(error, error_size, "cannot start the listener: %s", strerror(ENOMEM));
        return NULL;
    }
    *l = (struct listener){.config = *config};
    ip_limit_init(&l->limit, config->accept_ms, LISTENER_IPS);
    if (begin(l, error, error_size)) {
        return l;
    }
    destroy(l);
    return NULL;
}

struct endpoint listener_endpoint(const struct listener *l)
{
    return l->sockets.endpoint;
}

void listener_handshake_over(struct listener *l)
{
    /* Relaxed: the listener reads the number and nothing that was written before it. A subtraction in one
     * step, because several threads may settle, and the listener may add, at once. */
    atomic_fetch_sub_explicit(&l->pending, 1, memory_order_relaxed);
}

struct listener_counts listener_counts(const struct listener *l)
{
    /* Relaxed: each is a number of its own, and they need not be of the same moment. */
    return (struct listener_counts){
        .accepted = atomic_load_explicit(&l->accepted, memory_order_relaxed),
        .limited = atomic_load_explicit(&l->limited, memory_order_relaxed),
        .capped = atomic_load_explicit(&l->capped, memory_order_relaxed),
        .untaken = atomic_load_explicit(&l->untaken, memory_order_relaxed),
    };
}

void listener_stop(struct listener *l)
{
    if (!l) {
        return;
    }
    worker_stop(&l->worker);
    worker_join(&l->worker);
    destroy(l);
}
