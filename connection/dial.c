#include "connection/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/descriptor.h"

#define STAGGER_MS 250 /* an address has so long to itself before the next is tried beside it */

bool dial_error_is_ours(int error)
{
    static const int errors[] = {ENETUNREACH, ENETDOWN, EADDRNOTAVAIL, EMFILE, ENFILE,
                                 ENOBUFS,     ENOMEM,   EACCES,        EPERM};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] == error) {
            return true;
        }
    }
    return false;
}

/* What fails before anything was sent is our own: no route, a firewall, no such family, a bad -bind. Only a
 * peer on this system can refuse that soon. */
static bool is_ours_at_once(int error)
{
    return error != ECONNREFUSED && error != ECONNRESET && error != ETIMEDOUT;
}

/* The family of the first address begins; then they take turns, so that a family that leads nowhere costs
 * little. */
static void line_up(struct dial *d, const struct endpoint *from, size_t n)
{
    bool taken[TARGETS_MAX] = {false};
    for (bool v4 = n > 0 && ip_is_v4(&from[0].ip); d->n < n; v4 = !v4) {
        size_t i = 0;
        while (i < n && (taken[i] || ip_is_v4(&from[i].ip) != v4)) {
            i++;
        }
        if (i == n) {
            continue;
        }
        taken[i] = true;
        d->targets[d->n++] = from[i];
    }
}

void dial_start(struct dial *d, const struct dial_config *config, int64_t now)
{
    *d = (struct dial){.bind = config->bind,
                       .deadline_ms = now + config->timeout_ms,
                       .stagger_ms = STAGGER_MS,
                       .next_ms = now};
    line_up(d, config->targets, config->n_targets < TARGETS_MAX ? config->n_targets : TARGETS_MAX);
    /* However short the timeout is, the last address has half of it. */
    int64_t share = d->n > 0 ? config->timeout_ms / (2 * (int64_t)d->n) : STAGGER_MS;
    if (share < STAGGER_MS) {
        d->stagger_ms = share;
    }
}

static void note_failure(struct dial *d, int error, bool ours)
{
    if (!d->theirs || !ours) {
        d->error = error;
    }
    d->theirs |= !ours;
}

/* Binds if the node is to dial from a certain address. False with errno. */
static bool bind_local(const struct ip *ip, int fd, sa_family_t family)
{
    if (!ip) {
        return true;
    }
    struct endpoint from = {.ip = *ip, .port = 1};
    struct sockaddr_storage local;
    socklen_t length = endpoint_to_sockaddr(&from, &local);
    if (local.ss_family != family) { /* bound to IPv4, the peer is IPv6 or the other way round */
        errno = EAFNOSUPPORT;
        return false;
    }
    if (local.ss_family == AF_INET) {
        ((struct sockaddr_in *)&local)->sin_port = 0;
    } else {
        ((struct sockaddr_in6 *)&local)->sin6_port = 0;
    }
    /* Leaves the choice of the port to connect(2), so that ports to different peers may be shared. */
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&local, length) == 0;
}

/* Begins to connect. The socket, with errno 0 or EINPROGRESS; or -1 with errno. */
static int begin(const struct dial *d, const struct endpoint *to)
{
    struct sockaddr_storage address;
    socklen_t length = endpoint_to_sockaddr(to, &address);
    int fd = descriptor_own_scarce(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0) {
        return -1;
    }
    int error = 0;
    if (!bind_local(d->bind, fd, address.ss_family) || connect(fd, (struct sockaddr *)&address, length) < 0) {
        error = errno;
    }
    if (error != 0 && error != EINPROGRESS) {
        descriptor_close(fd);
        fd = -1;
    }
    errno = error;
    return fd;
}

/* Tries the next target. True if it is connected at once. */
static bool begin_next(struct dial *d, int64_t now, struct dial_result *result)
{
    size_t target = d->next++;
    int fd = begin(d, &d->targets[target]);
    if (fd < 0) {
        note_failure(d, errno, is_ours_at_once(errno));
        return false;
    }
    if (errno == 0) {
        *result = (struct dial_result){.fd = fd, .remote = d->targets[target]};
        return true;
    }
    d->running[d->n_running].fd = fd;
    d->running[d->n_running++].target = target;
    d->next_ms = now + d->stagger_ms;
    return false;
}

/* An attempt has something to say. True if it is connected; else it is closed. */
static bool decide_attempt(struct dial *d, size_t i, int64_t now, struct dial_result *result)
{
    int fd = d->running[i].fd, error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) {
        error = errno;
    }
    *result = (struct dial_result){.fd = fd, .remote = d->targets[d->running[i].target]};
    d->running[i] = d->running[--d->n_running];
    if (error == 0) {
        return true;
    }
    descriptor_close(fd);
    note_failure(d, error, dial_error_is_ours(error));
    d->next_ms = now;
    return false;
}

static enum dial_state fail(const struct dial *d, int64_t now, struct dial_result *result)
{
    if (d->n_running == 0 && d->n > 0) {
        bool short_of_fds = !d->theirs && (d->error == EMFILE || d->error == ENFILE);
        enum end_reason ours = short_of_fds ? END_RESOURCES : END_LOCAL;
        *result = (struct dial_result){
            .fd = -1, .why = d->theirs ? END_DIAL_FAILED : ours, .text = strerror(d->error)};
        return DIAL_FAILED;
    }
    if (d->n == 0 || now >= d->deadline_ms) {
        const char *text = d->n == 0 ? "no address of that name is known" : "timed out";
        *result = (struct dial_result){.fd = -1, .why = END_DIAL_FAILED, .text = text};
        return DIAL_FAILED;
    }
    return DIAL_RUNS;
}

enum dial_state dial_step(struct dial *d, const struct pollfd *fds, size_t n, int64_t now,
                          struct dial_result *result)
{
    /* From the last, as each that is decided gives its place to the last one. */
    for (size_t i = n; i-- > 0;) {
        if (fds[i].revents && decide_attempt(d, i, now, result)) {
            return DIAL_CONNECTED;
        }
    }
    while (d->next < d->n && (d->n_running == 0 || now >= d->next_ms)) {
        if (begin_next(d, now, result)) {
            return DIAL_CONNECTED;
        }
    }
    return fail(d, now, result);
}

size_t dial_poll(const struct dial *d, struct pollfd *fds)
{
    for (size_t i = 0; i < d->n_running; i++) {
        fds[i] = (struct pollfd){.fd = d->running[i].fd, .events = POLLOUT};
    }
    return d->n_running;
}

int64_t dial_deadline(const struct dial *d)
{
    return d->next < d->n && d->next_ms < d->deadline_ms ? d->next_ms : d->deadline_ms;
}

void dial_stop(struct dial *d)
{
    while (d->n_running > 0) {
        descriptor_close(d->running[--d->n_running].fd);
    }
}
