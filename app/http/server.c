#include "app/http/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/http/answer.h"
#include "app/http/render.h"
#include "app/http/stream.h"
#include "app/text.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/earlier.h"

enum { RUNS_AT_ONCE = 8 };

/* --- what libmicrohttpd calls --- */

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void admit(struct http *h, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *c = h->clients;
    while (c < h->clients + HTTP_CONNECTIONS && c->connection) {
        c++;
    }
    if (c == h->clients + HTTP_CONNECTIONS || !info) { /* never: libmicrohttpd counts them as well */
        return;
    }
    *c = (struct client){.http = h, .connection = connection, .fd = info->connect_fd, .since_ms = clock_ms()};
    /* Else the system would keep megabytes for who does not read. */
    int size = HTTP_SEND_BUFFER;
    setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    h->counts.connections++;
    *context = c;
}

static void note_connection(void *http, struct MHD_Connection *connection, void **context,
                            enum MHD_ConnectionNotificationCode what)
{
    struct http *h = http;
    h->changes++;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        admit(h, connection, context);
    } else if (*context) {
        *(struct client *)*context = (struct client){.connection = NULL};
        h->counts.connections--;
        *context = NULL;
    }
}

static void note_completed(void *http, struct MHD_Connection *connection, void **request,
                           enum MHD_RequestTerminationCode why)
{
    (void)http;
    (void)request;
    (void)why;
    struct client *c = client_of(connection);
    if (c) {
        c->since_ms = clock_ms();
        c->was_told = c->gave_up = false;
    }
}

/* Called when the head of a request has come, and again when the rest has, of which there must be none. An
 * answer at the first call ends the connection. */
static enum MHD_Result handle(void *http, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body, size_t *body_size,
                              void **request)
{
    (void)http;
    (void)version;
    (void)body;
    struct client *c = client_of(connection);
    if (!c || *body_size > 0) {
        return MHD_NO;
    }
    if (!*request) {
        *request = c;
        return answer_head(c, method);
    }
    return answer(c, path);
}

/* --- those that take too long --- */

/* When it is late: INT64_MAX for not now. */
static int64_t late_ms(const struct http *h, const struct client *c)
{
    if (c->is_stream) {
        return stream_slow_ms(c);
    }
    return c->is_waiting
               ? INT64_MAX
               : c->since_ms + (h->counts.connections > HTTP_CROWDED ? HTTP_CROWDED_MS : HTTP_REQUEST_MS);
}

/* libmicrohttpd finds the socket at its end, and frees the rest. */
static void end_client(struct http *h, struct client *c)
{
    c->is_late = true;
    h->counts.late++;
    h->counts.slow_streams += c->is_stream;
    shutdown(c->fd, SHUT_RDWR);
}

/* If all places are taken, the one that has taken longest makes room for who comes next. */
static int64_t end_oldest(struct http *h, int64_t now_ms)
{
    struct client *oldest = NULL;
    for (int i = 0; i < HTTP_CONNECTIONS; i++) {
        struct client *c = &h->clients[i];
        if (!c->connection || c->is_late) {
            return INT64_MAX; /* there is room, or will be at once */
        }
        if (!c->is_stream && !c->is_waiting && (!oldest || c->since_ms < oldest->since_ms)) {
            oldest = c;
        }
    }
    if (oldest && oldest->since_ms + HTTP_FULL_MS <= now_ms) {
        end_client(h, oldest);
        return INT64_MAX;
    }
    return oldest ? oldest->since_ms + HTTP_FULL_MS : INT64_MAX;
}

/* Whoever sends or reads byte by byte, or not at all. Returns when to look again. */
static int64_t end_late(struct http *h, int64_t now_ms)
{
    int64_t by = INT64_MAX;
    for (int i = 0; i < HTTP_CONNECTIONS; i++) {
        struct client *c = &h->clients[i];
        if (!c->connection || c->is_late) {
            continue;
        }
        int64_t late = late_ms(h, c);
        if (late <= now_ms) {
            end_client(h, c);
        } else {
            by = earlier(by, late);
        }
    }
    return earlier(by, end_oldest(h, now_ms));
}

/* --- the log --- */

static void watch_log(struct http *h)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
    epoll_ctl(h->epoll, EPOLL_CTL_MOD, log_tail_fd(h->tail), &e);
}

/* However many lines come, it looks at them a few times a second only. */
static int64_t take_log(struct http *h, int64_t now_ms)
{
    if (!h->tail || now_ms < h->log_ms) {
        return h->tail ? h->log_ms : INT64_MAX;
    }
    uint64_t newest = log_tail_take(h->tail);
    h->lines_missed = log_tail_missed(h->tail);
    h->lines_lost = h->writer ? log_writer_lost(h->writer) : 0;
    if (newest == h->newest_line) {
        watch_log(h);
        return INT64_MAX;
    }
    h->newest_line = newest;
    h->log_ms = now_ms + HTTP_LOG_MS;
    stream_wake_all(h);
    return h->log_ms;
}

/* --- the guest --- */

/* Once more if connections have come or gone: if all places were taken, it listens again only in the round
 * after one has become free. */
static int64_t run_daemon(struct http *h, int64_t now_ms)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    for (int i = 0; i < RUNS_AT_ONCE; i++) {
        uint64_t changes = h->changes;
        MHD_run(h->daemon);
        bool waits = MHD_get_timeout(h->daemon, &ms) == MHD_YES;
        ms = waits ? ms : INT32_MAX;
        if (ms > 0 && changes == h->changes) {
            return now_ms + (int64_t)(ms < INT32_MAX ? ms : INT32_MAX);
        }
    }
    return now_ms;
}

static void watch_daemon(struct http *h, bool on)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event e = {.events = on ? EPOLLIN : 0};
    epoll_ctl(h->epoll, EPOLL_CTL_MOD, info->epoll_fd, &e);
    h->is_resting = !on;
}

/* If no descriptor or memory is to be had for who waits, libmicrohttpd is told of him again and again, and
 * tries each time. Then it is run now and then only. Returns when. */
static int64_t rest(struct http *h, int64_t now_ms)
{
    struct pollfd socket = {.fd = h->socket, .events = POLLIN};
    bool waits = h->counts.connections < HTTP_CONNECTIONS && poll(&socket, 1, 0) == 1;
    h->futile = waits && h->changes == h->futile_changes ? h->futile + 1 : 0;
    h->futile_changes = h->changes;
    bool rests = h->futile >= HTTP_FUTILE;
    if (rests != h->is_resting) {
        watch_daemon(h, !rests);
    }
    return rests ? now_ms + HTTP_REST_MS : INT64_MAX;
}

/* As long as somebody looks at the page, the node is looked at. */
static int64_t look(struct http *h)
{
    if (h->counts.streams == 0 || h->has_ended) {
        return INT64_MAX;
    }
    const struct desk_view *v = desk_look(h->desk);
    return v ? v->at_ms + DESK_VIEW_MS : INT64_MAX;
}

static int64_t serve(void *http, int64_t now_ms)
{
    struct http *h = http;
    int64_t by = earlier(answer_overdue(h, now_ms), take_log(h, now_ms));
    by = earlier(by, run_daemon(h, now_ms));
    by = earlier(by, rest(h, now_ms));
    by = earlier(by, end_late(h, now_ms)); /* of those that have come just now, too */
    return earlier(by, look(h));
}

static void take_view(void *http, const struct desk_view *v)
{
    struct http *h = http;
    h->view = v;
    h->n_views++;
    if (h->started_s <= 0) {
        h->started_s = (double)(clock_wall_ms() - v->status->uptime_ms) / 1000;
    }
    rates_look(&h->rates, v->peers, v->n_peers, v->at_ms);
    render_forget(h);
    answer_waiting(h);
    stream_wake_all(h);
}

static void take_event(void *http, const struct kith_event *e)
{
    struct http *h = http;
    h->has_ended = h->has_ended || e->type == KITH_ENDED;
}

static bool leave(void *http)
{
    struct http *h = http;
    h->leaving = true;
    answer_waiting(h);
    stream_wake_all(h);
    return h->counts.streams == 0;
}

/* --- its start and its end --- */

/* The last descriptors are for files. */
static enum MHD_Result has_room(void *http, const struct sockaddr *from, socklen_t size)
{
    (void)http;
    (void)from;
    (void)size;
    return descriptor_is_spare() ? MHD_YES : MHD_NO;
}

static struct MHD_Daemon *start_daemon(struct http *h, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, has_room, NULL, handle, h, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_HEADERS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTP_STREAM_MS / 1000),
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, h, MHD_OPTION_NOTIFY_COMPLETED, note_completed, h,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static bool watch(struct http *h)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event e = {.events = EPOLLIN}, once = {.events = EPOLLIN | EPOLLONESHOT};
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    return h->epoll >= 0 && info && epoll_ctl(h->epoll, EPOLL_CTL_ADD, info->epoll_fd, &e) == 0 &&
           (!h->tail || epoll_ctl(h->epoll, EPOLL_CTL_ADD, log_tail_fd(h->tail), &once) == 0);
}

static bool start(struct http *h, int fd)
{
    h->daemon = start_daemon(h, fd);
    if (!h->daemon) {
        close(fd); /* later it is the daemon's */
        return false;
    }
    if (!watch(h)) {
        return false;
    }
    desk_add(h->desk, &(struct desk_guest){.self = h,
                                           .fd = h->epoll,
                                           .serve = serve,
                                           .event = take_event,
                                           .view = take_view,
                                           .leave = leave});
    return true;
}

struct http *http_open(struct desk *d, const struct http_place *place, struct log_tail *tail,
                       struct log_writer *writer, char *bad, size_t bad_size)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h) {
        text_fail(bad, bad_size, "out of memory");
        return NULL;
    }
    *h = (struct http){.desk = d, .place = *place, .tail = tail, .writer = writer, .epoll = -1};
    int fd = h->socket = http_place_listen(place, &h->listening, bad, bad_size);
    if (fd >= 0 && !start(h, fd)) {
        text_fail(bad, bad_size, "no memory, or no descriptors, for its server");
        fd = -1;
    }
    if (fd < 0) {
        http_close(h);
        return NULL;
    }
    return h;
}

const struct endpoint *http_listening(const struct http *h)
{
    return &h->listening;
}

void http_close(struct http *h)
{
    if (!h) {
        return;
    }
    if (h->daemon) {
        leave(h); /* none may be suspended */
        MHD_stop_daemon(h->daemon);
    }
    if (h->epoll >= 0) {
        close(h->epoll);
    }
    render_forget(h);
    rates_free(&h->rates);
    free(h);
}

/* --- what it takes --- */

/* Of JSON: a peer has some 700 bytes, and twice the names of causes. A kept line may be escaped, six bytes
 * for each. */
enum { PEER_TEXT = 2048, STATUS_TEXT = 8192, LINE_TEXT = 6 * LOG_LINE_MAX + 128 };

void http_bounds(struct bounds *b, uint64_t places)
{
    uint64_t view = STATUS_TEXT + places * PEER_TEXT;
    bounds_add(b, BOUND_PROGRAM, "HTTP: connections", HTTP_HEADERS + sizeof(struct client) + 2 * 16 * 1024,
               HTTP_CONNECTIONS, "who has taken longest, in a crowd: its connection is closed");
    bounds_add(b, BOUND_PROGRAM, "HTTP: what is told of the node, as text", 3 * view, HTTP_CONNECTIONS + 2,
               "who does not read it: its connection is closed");
    bounds_add(b, BOUND_PROGRAM, "HTTP: lines of the log, as text", LOG_TAIL_LINES * (uint64_t)LINE_TEXT,
               HTTP_STREAMS + 1, "as the line above");
    bounds_add(b, BOUND_PROGRAM, "HTTP: the log's last lines", log_tail_memory(), 1,
               "the newest: the page lacks them");
}
