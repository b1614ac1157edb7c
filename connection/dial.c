/* From addresses to a connected socket: one address after the other is tried without waiting for the last to
 * fail, all of them under one timeout. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "connection/private.h"

enum {
    STAGGER_MS = 250,         /* an address has so long to itself before the next is tried beside it */
    UNSENT_MOST = 512 * 1024, /* bytes */
};

/* The dials under way, and what came of the others. */
struct race {
    struct endpoint targets[TARGETS_MAX]; /* the families in turn */
    size_t n, next;                       /* next: the first that was not tried yet */
    struct {
        int fd;
        size_t target;
    } running[TARGETS_MAX];
    size_t n_running;
    int64_t deadline, stagger, next_ms; /* next_ms: when the next target is tried */
    int error;   /* of the last that failed; a failure of the peer's goes before one of our own */
    bool theirs; /* one failure at least was the peer's */
};

void connection_tune(int fd)
{
    int on = 1, unsent = UNSENT_MOST;

    /* Batches are made in the out buffer; the kernel must not hold them back. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* And not much more than the peer's window is to wait there: what is in the mailbox can still be dropped,
     * and what a growing buffer of ours takes would pass for a sign that a stalled peer moves. */
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

bool connection_error_is_ours(int error)
{
    static const int errors[] = {ENETUNREACH, ENETDOWN, EADDRNOTAVAIL, EMFILE, ENFILE,
                                 ENOBUFS,     ENOMEM,   EACCES,        EPERM};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i] == error)
            return true;
    return false;
}

/* What fails before anything was sent is our own: no route, a firewall, no such family, a bad -bind. Only a
 * peer on this system can refuse that soon. */
static bool is_ours_at_once(int error)
{
    return error != ECONNREFUSED && error != ECONNRESET && error != ETIMEDOUT;
}

/* --- the race --- */

/* The family of the first address begins; then they take turns, so that a family that leads nowhere costs
 * little. */
static void line_up(struct race *r, const struct endpoint *from, size_t n)
{
    bool taken[TARGETS_MAX] = {false};

    for (bool v4 = n > 0 && ip_is_v4(&from[0].ip); r->n < n; v4 = !v4) {
        size_t i = 0;

        while (i < n && (taken[i] || ip_is_v4(&from[i].ip) != v4))
            i++;
        if (i == n)
            continue;
        taken[i] = true;
        r->targets[r->n++] = from[i];
    }
}

static bool set_up(struct connection *c, struct race *r)
{
    struct endpoint only;
    size_t n = c->terms.n_targets;
    int64_t now = clock_ms(), dial = c->terms.node->timings.dial;

    *r = (struct race){.deadline = now + dial, .next_ms = now};
    if (n == 0 && address_is_ip(&c->terms.to, &only))
        line_up(r, &only, 1);
    else
        line_up(r, c->terms.targets, n < TARGETS_MAX ? n : TARGETS_MAX);
    if (r->n == 0) {
        connection_end(c, END_DIAL_FAILED, "no address of that name is known");
        return false;
    }
    /* However short the timeout is, the last address has half of it. */
    r->stagger = dial / (2 * (int64_t)r->n) < STAGGER_MS ? dial / (2 * (int64_t)r->n) : STAGGER_MS;
    return true;
}

static void note_failure(struct race *r, int error, bool ours)
{
    if (!r->theirs || !ours)
        r->error = error;
    r->theirs |= !ours;
}

/* Binds if the node is to dial from a certain address. False with errno. */
static bool bind_local(const struct connection *c, int fd, sa_family_t family)
{
    struct endpoint from = {.port = 1};
    struct sockaddr_storage local;
    socklen_t length;
    int on = 1;

    if (!c->terms.bind)
        return true;
    from.ip = *c->terms.bind;
    length = endpoint_to_sockaddr(&from, &local);
    if (local.ss_family != family) { /* bound to IPv4, the peer is IPv6 or the other way round */
        errno = EAFNOSUPPORT;
        return false;
    }
    if (local.ss_family == AF_INET)
        ((struct sockaddr_in *)&local)->sin_port = 0;
    else
        ((struct sockaddr_in6 *)&local)->sin6_port = 0;
    /* Leaves the choice of the port to connect(2), so that ports to different peers may be shared. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&local, length) == 0;
}

/* Begins to connect. The socket, with errno 0 or EINPROGRESS; or -1 with errno. */
static int begin(const struct connection *c, const struct endpoint *to)
{
    struct sockaddr_storage address;
    socklen_t length = endpoint_to_sockaddr(to, &address);
    int fd = descriptor_own(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int error = 0;

    if (fd < 0)
        return -1;
    if (!bind_local(c, fd, address.ss_family) || connect(fd, (struct sockaddr *)&address, length) < 0)
        error = errno;
    if (error != 0 && error != EINPROGRESS) {
        descriptor_close(fd);
        fd = -1;
    }
    errno = error;
    return fd;
}

/* Tries the next target. The socket if it is connected at once; else -1. */
static int begin_next(struct connection *c, struct race *r, int64_t now)
{
    size_t target = r->next++;
    int fd = begin(c, &r->targets[target]);

    if (fd < 0) {
        note_failure(r, errno, is_ours_at_once(errno));
        return -1;
    }
    if (errno == 0) {
        c->remote = r->targets[target];
        return fd;
    }
    r->running[r->n_running].fd = fd;
    r->running[r->n_running++].target = target;
    r->next_ms = now + r->stagger;
    return -1;
}

static void forget(struct race *r, size_t i)
{
    r->running[i] = r->running[--r->n_running];
}

/* A socket of the race has something to say: it is returned if it is connected, and closed if not. */
static int settle(struct connection *c, struct race *r, size_t i)
{
    int fd = r->running[i].fd, error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error == 0)
        c->remote = r->targets[r->running[i].target];
    forget(r, i);
    if (error == 0)
        return fd;
    descriptor_close(fd);
    note_failure(r, error, connection_error_is_ours(error));
    r->next_ms = clock_ms();
    return -1;
}

/* Sleeps until a socket of the race, the controller or a time has something. The socket that is connected, or
 * -1. */
static int wait_for_one(struct connection *c, struct race *r)
{
    struct pollfd fds[TARGETS_MAX + 1] = {{.fd = c->bell.fd, .events = POLLIN}};
    int64_t now = clock_ms(), until = r->deadline;
    size_t n = r->n_running;
    int won = -1;

    if (r->next < r->n && r->next_ms < until)
        until = r->next_ms;
    for (size_t i = 0; i < n; i++)
        fds[1 + i] = (struct pollfd){.fd = r->running[i].fd, .events = POLLOUT};
    bell_lie_down(&c->bell);
    if (mailbox_empty_control(c->outbound))
        poll(fds, 1 + n, until > now ? (int)(until - now) : 0);
    bell_get_up(&c->bell);
    /* From the last, as each that is settled gives its place to the last one. */
    for (size_t i = n; i-- > 0 && won < 0;)
        if (fds[1 + i].revents)
            won = settle(c, r, i);
    return won;
}

static void end_failed(struct connection *c, const struct race *r)
{
    enum end_reason why = r->theirs ? END_DIAL_FAILED : END_LOCAL;

    if (!r->theirs && (r->error == EMFILE || r->error == ENFILE))
        why = END_RESOURCES;
    connection_end(c, why, strerror(r->error));
}

static int run_race(struct connection *c, struct race *r)
{
    int fd = -1;

    while (fd < 0 && !c->over) {
        int64_t now = clock_ms();

        while (fd < 0 && r->next < r->n && (r->n_running == 0 || now >= r->next_ms))
            fd = begin_next(c, r, now);
        if (fd >= 0)
            break;
        if (r->n_running == 0)
            end_failed(c, r);
        else if (now >= r->deadline)
            connection_end(c, END_DIAL_FAILED, "timed out");
        else
            fd = wait_for_one(c, r);
        connection_controls(c, clock_ms());
        if (c->leaving)
            connection_end(c, c->asked, NULL);
    }
    return fd;
}

int connection_dial(struct connection *c)
{
    struct race r;
    int fd;

    if (!set_up(c, &r))
        return -1;
    fd = run_race(c, &r);
    for (size_t i = 0; i < r.n_running; i++)
        descriptor_close(r.running[i].fd);
    if (fd >= 0 && c->over) {
        descriptor_close(fd);
        fd = -1;
    }
    return fd;
}
