/* From an address to a connected socket: the look-up of a host name and the connect, under one timeout. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/private.h"
#include "peers/resolve.h"
#include "queue/descriptor.h"

enum {
    RESOLVED_MAX = 8,
    UNSENT_MOST = 512 * 1024, /* bytes */
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

/* Waits for the descriptor, the controller or the deadline. True where the descriptor is ready. */
static bool wait_for(struct connection *c, int fd, short events, int64_t deadline)
{
    while (!c->over) {
        struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = c->bell.fd, .events = POLLIN}};
        int64_t now = clock_ms();

        if (now >= deadline) {
            connection_end(c, END_DIAL_FAILED, "timed out");
            return false;
        }
        bell_lie_down(&c->bell);
        if (mailbox_empty_control(c->outbound))
            poll(fds, 2, (int)(deadline - now));
        bell_get_up(&c->bell);
        connection_controls(c, clock_ms());
        if (c->leaving)
            connection_end(c, c->asked, NULL);
        if (!c->over && fds[0].revents)
            return true;
    }
    return false;
}

static size_t look_up(struct connection *c, struct endpoint *found, int64_t deadline)
{
    struct resolve *r;
    char error[REASON_MAX] = "";
    size_t n = 0;

    if (address_is_ip(&c->terms.to, &found[0]))
        return 1;
    r = resolve_start(c->terms.to.host, c->terms.to.port);
    if (!r) {
        connection_end(c, END_RESOURCES, "no thread for the look-up of its name");
        return 0;
    }
    if (wait_for(c, resolve_fd(r), POLLIN, deadline)) {
        n = resolve_take(r, found, RESOLVED_MAX, error, sizeof error);
        if (n == 0)
            connection_end(c, END_DIAL_FAILED, error);
    }
    resolve_drop(r);
    return n;
}

/* A socket of the right family, bound where the node is to dial from a certain address; -1 with errno. */
static int open_socket(struct connection *c, const struct endpoint *to, struct sockaddr_storage *address,
                       socklen_t *length)
{
    struct endpoint from = {.port = 1};
    struct sockaddr_storage local;
    socklen_t local_length;
    int on = 1, fd;

    *length = endpoint_to_sockaddr(to, address);
    fd = descriptor_own(socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0 || !c->terms.bind)
        return fd;
    from.ip = *c->terms.bind;
    local_length = endpoint_to_sockaddr(&from, &local);
    if (local.ss_family != address->ss_family) { /* bound to IPv4, the peer is IPv6 or the other way round */
        descriptor_close(fd);
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (local.ss_family == AF_INET)
        ((struct sockaddr_in *)&local)->sin_port = 0;
    else
        ((struct sockaddr_in6 *)&local)->sin6_port = 0;
    /* Leaves the choice of the port to connect(2), so that ports to different peers may be shared. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&local, local_length) < 0) {
        int error = errno;

        descriptor_close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* One connect. The socket, or -1 with errno; errno 0 where c->over says why. */
static int try_connect(struct connection *c, const struct endpoint *to, int64_t deadline)
{
    struct sockaddr_storage address;
    socklen_t length, error_length = sizeof(int);
    int error = 0, fd = open_socket(c, to, &address, &length);

    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, length) < 0) {
        error = errno;
        if (error == EINPROGRESS) {
            error = 0;
            if (wait_for(c, fd, POLLOUT, deadline))
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_length);
        }
    }
    if (error == 0 && !c->over)
        return fd;
    descriptor_close(fd);
    errno = error;
    return -1;
}

int connection_dial(struct connection *c)
{
    struct endpoint found[RESOLVED_MAX];
    int64_t deadline = clock_ms() + c->terms.node->timings.dial;
    size_t n = look_up(c, found, deadline);
    int fd = -1;

    for (size_t i = 0; i < n && fd < 0 && !c->over; i++) {
        fd = try_connect(c, &found[i], deadline);
        if (fd >= 0)
            c->remote = found[i];
        else if (!c->over && i + 1 == n)
            connection_end(c, errno == EMFILE || errno == ENFILE ? END_RESOURCES : END_DIAL_FAILED,
                           strerror(errno));
    }
    return fd;
}
