#include "app/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/control_client.h"
#include "app/control_socket.h"
#include "app/option.h"
#include "app/subscription.h"
#include "app/text.h"
#include "base/descriptor.h"
#include "base/earlier.h"
#include "queue/parcel.h"

enum {
    CLIENTS = 64,
    READY_AT_ONCE = 64,
    ACCEPTS_AT_ONCE = 64,
    ACCEPT_AGAIN_MS = 100, /* after a lack of descriptors or memory */
    OWED_MOST = 512,       /* answers under way to clients whose places were given on */
    OWED_MS = 30000, /* how long a place is kept for answers: one that memory was short for never comes */
    GOING_MS = 1,    /* until a place that is free soon is looked at again */
};
/* The desk and its other guests have a few requests under way besides. */
_Static_assert((CLIENT_SENDS + CLIENT_COMMANDS) * CLIENTS + OWED_MOST + 256 <= WATCH_ANSWERS,
               "the watch has room for each answer: a client would wait for a lost one for ever");

#define HELD_SHORT          ((uint64_t)16 << 20) /* bytes of parcels that wait for clients, beside a long one */
#define REQUESTS_OF(serial) ((uint64_t)(serial) << 32)

struct control {
    struct control_socket socket;
    const struct options *options;
    const struct log_sink *log;
    struct desk *desk;
    unsigned number; /* of the guest */
    int epoll;
    struct frontend template;
    struct client *clients; /* CLIENTS of them */
    int n_clients;
    unsigned turn;   /* who may send a long request, or was the last who might */
    bool has_turn;   /* the former */
    uint64_t serial; /* of the last client */
    uint64_t held;   /* bytes of parcels that wait for clients */
    uint64_t n_slow; /* clients that were sent away */
    uint64_t owed;   /* answers that are still to come, and that nobody waits for any more */
    bool is_acceptable;
    int64_t accept_ms; /* when to try again */
};

/* --- clients --- */

static void log_peer(const struct control *c, int fd)
{
    struct ucred who = {.pid = 0};
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        log_line(c->log, LOG_LEVEL_DEBUG,
                 "control: process %ld of user %ld has connected: client %llu, %d in all", (long)who.pid,
                 (long)who.uid, (unsigned long long)c->serial, c->n_clients);
    }
}

static void refuse(const struct control *c, int fd)
{
    static const char why[] = "{\"event\":\"error\",\"message\":\"too many clients\"}\n";
    send(fd, why, sizeof why - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    descriptor_close(fd);
    log_line(c->log, LOG_LEVEL_DEBUG, "control: a client was refused: there are %d", CLIENTS);
}

static void add_client(struct control *c, int fd)
{
    struct client *client = c->clients;
    if (c->n_clients == CLIENTS) {
        refuse(c, fd);
        return;
    }
    while (client->fd >= 0) {
        client++;
    }
    c->template.node = desk_node(c->desk);
    c->serial = client_serial(c->clients, CLIENTS, c->serial);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
        descriptor_close(fd);
        return;
    }
    size_t longest = (size_t)lines_longest(c->options->config.node.limits.parcel_bytes, JSON_LINES);
    if (client_open(client, fd, c->serial, desk_id(c->number, REQUESTS_OF(c->serial)), &c->template,
                    longest)) {
        c->n_clients++;
        log_peer(c, fd);
    }
}

/* Whether a place is free soon: what its client has asked for is still to be done. */
static bool somebody_goes(const struct control *c)
{
    bool goes = false;
    for (int i = 0; i < CLIENTS; i++) {
        goes |= c->clients[i].fd >= 0 && c->clients[i].is_gone;
    }
    return goes;
}

/* Returns when to try again. If all places are taken, some may be of clients that have gone meanwhile: only
 * who comes first after a look at them is refused. */
static int64_t accept_clients(struct control *c, int64_t now_ms)
{
    if (c->n_clients == CLIENTS && somebody_goes(c)) {
        return now_ms + GOING_MS;
    }
    for (int i = 0; c->is_acceptable && i < ACCEPTS_AT_ONCE && (i == 0 || c->n_clients < CLIENTS); i++) {
        int fd = descriptor_own_scarce(accept4(c->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd >= 0) {
            add_client(c, fd);
        } else if (errno == EAGAIN) {
            c->is_acceptable = false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return now_ms + ACCEPT_AGAIN_MS;
        }
    }
    return c->is_acceptable ? now_ms : INT64_MAX;
}

static void update_parcels(struct control *c)
{
    bool any = false;
    for (int i = 0; i < CLIENTS; i++) {
        any |=
            c->clients[i].fd >= 0 && (c->clients[i].wants & SUBSCRIPTION_PARCELS) && !c->clients[i].is_gone;
    }
    desk_want_parcels(c->desk, c->number, any);
}

static uint64_t owed_to(const struct client *client)
{
    const struct frontend_waiting w = client->frontend.waiting(&client->frontend);
    return w.sends + w.commands;
}

/* A place that is given on at once, again and again, would have any number of answers under way: those of
 * clients that stay would find no room in the watch. */
static bool may_go(const struct control *c, const struct client *client, int64_t now_ms)
{
    return c->owed + owed_to(client) <= OWED_MOST || (client->over_ms && now_ms >= client->over_ms + OWED_MS);
}

static void remove_client(struct control *c, unsigned i)
{
    struct client *client = &c->clients[i];
    c->n_slow += client->is_sent_away;
    if (client->is_sent_away) {
        log_line(c->log, LOG_LEVEL_WARNING, "control: client %llu was sent away: %s; %llu so far",
                 (unsigned long long)client->serial, client->over, (unsigned long long)c->n_slow);
    } else {
        log_line(c->log, LOG_LEVEL_DEBUG, "control: client %llu has gone",
                 (unsigned long long)client->serial);
    }
    c->has_turn = c->has_turn && c->turn != i;
    c->n_clients--;
    c->owed += owed_to(client);
    c->owed = c->owed < OWED_MOST ? c->owed : OWED_MOST;
    client_close(client);
}

/* The one client that may send a long request: so all of them together need the memory of one. It is the next
 * behind the one before: else those in front, with one long request after another, would leave the others
 * none. True if it has passed to another, who is to be served at once: the system has told of his bytes
 * already. */
static bool pass_turn(struct control *c, int64_t now_ms)
{
    if (c->has_turn && client_needs_turn(&c->clients[c->turn])) {
        return false;
    }
    c->has_turn = false;
    for (unsigned i = 1; i <= CLIENTS && !c->has_turn; i++) {
        unsigned next = (c->turn + i) % CLIENTS;
        if (c->clients[next].fd >= 0 && client_needs_turn(&c->clients[next])) {
            c->clients[next].read_ms = now_ms;
            c->turn = next;
            c->has_turn = true;
        }
    }
    return c->has_turn;
}

/* --- the guest --- */

static void take_ready(struct control *c)
{
    struct epoll_event ready[READY_AT_ONCE];
    int n = epoll_wait(c->epoll, ready, READY_AT_ONCE, 0);
    for (int i = 0; i < n; i++) {
        struct client *client = ready[i].data.ptr;
        if (!client) {
            c->is_acceptable = true;
        } else if (client->fd >= 0) {
            client_ready(client, ready[i].events & (EPOLLIN | EPOLLRDHUP), ready[i].events & EPOLLOUT,
                         ready[i].events & (EPOLLHUP | EPOLLERR));
        }
    }
}

static int64_t serve(void *self, int64_t now_ms)
{
    struct control *c = self;
    bool quit = false;
    int64_t by = INT64_MAX;
    take_ready(c);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &c->clients[i];
        if (client->fd < 0) {
            continue;
        }
        if (!client->over) {
            by = earlier(by, client_serve(client, now_ms, c->has_turn && c->turn == i, &quit));
        }
        if (client->over && may_go(c, client, now_ms)) {
            remove_client(c, i);
        } else if (client->over && !client->over_ms) {
            client_part(client, now_ms);
        }
        if (client->fd >= 0 && client->over) {
            by = earlier(by, client->over_ms + OWED_MS);
        }
    }
    if (pass_turn(c, now_ms)) {
        by = now_ms;
    }
    by = earlier(by, accept_clients(c, now_ms));
    update_parcels(c);
    if (quit) {
        log_line(c->log, LOG_LEVEL_INFO, "control: a client asks the node to end");
        kith_quit(desk_node(c->desk));
    }
    return by;
}

static uint64_t held_most(const struct config *c)
{
    return HELD_SHORT + c->node.limits.parcel_bytes;
}

static void hear(void *self, const struct kith_event *e)
{
    struct control *c = self;
    struct news_source source = {.desk = c->desk, .held = &c->held};
    for (int i = 0; i < CLIENTS; i++) {
        if (c->clients[i].fd >= 0) {
            client_tell(&c->clients[i], e, &source);
        }
    }
}

static void hear_parcel(void *self, const struct kith_parcel *p)
{
    struct control *c = self;
    struct news_source source = {
        .desk = c->desk, .parcel = p, .held = &c->held, .held_most = held_most(&c->options->config)};
    for (int i = 0; i < CLIENTS; i++) {
        if (c->clients[i].fd >= 0) {
            client_show(&c->clients[i], p, &source);
        }
    }
}

static void hear_answer(void *self, const struct kith_event *e)
{
    struct control *c = self;
    uint64_t serial = e->id >> 32 & ((1 << CLIENT_SERIAL_BITS) - 1);
    for (int i = 0; i < CLIENTS; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].serial == serial) {
            client_answer(&c->clients[i], e);
            return;
        }
    }
    c->owed -= c->owed > 0;
}

static bool leave(void *self)
{
    const struct control *c = self;
    for (int i = 0; i < CLIENTS; i++) {
        if (c->clients[i].fd >= 0 && !client_is_idle(&c->clients[i])) {
            return false;
        }
    }
    return true;
}

/* --- how much it takes --- */

/* The longest answer is the list of known addresses, first as an event and then as text, in an array that
 * doubles. */
#define ANSWER_MOST ((uint64_t)16 << 20)

/* Operators are trusted as the application is: it is they who have it so full. */
void control_bounds(struct bounds *b, const struct options *o)
{
    uint64_t longest = o->config.node.limits.parcel_bytes, clients = o->control[0] == '\0' ? 0 : CLIENTS;
    bounds_add(b, BOUND_APPLICATION, "clients of the control socket: text that they do not read",
               sizeof(struct client) + 2 * (CLIENT_ENOUGH + CLIENT_ROOM), clients,
               "the client: further news are missed, and it is sent away");
    bounds_add(b, BOUND_APPLICATION, "clients of the control socket: answers that they do not read",
               ANSWER_MOST, clients * CLIENT_COMMANDS, "the client: it is not read further");
    bounds_add(b, BOUND_APPLICATION, "clients of the control socket: requests",
               2 * (CLIENT_LINE + 65536) + (CLIENT_SENDS + CLIENT_COMMANDS) * json_request_memory(), clients,
               "the client: it is not read further");
    bounds_add(b, BOUND_APPLICATION, "the one long request of a client", lines_most(longest, JSON_LINES),
               clients > 0, "the other clients that have one: they wait");
    bounds_add(b, BOUND_APPLICATION, "parcels that wait for clients",
               parcel_memory(CLIENT_NEWS, held_most(&o->config)), clients > 0,
               "the client: further news are missed");
}

/* --- the main thread --- */

static bool prepare(struct control *c)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    c->clients = calloc(CLIENTS, sizeof *c->clients);
    for (int i = 0; c->clients && i < CLIENTS; i++) {
        c->clients[i].fd = -1;
    }
    c->epoll = descriptor_own(epoll_create1(EPOLL_CLOEXEC));
    return c->clients && c->epoll >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->socket.fd, &e) == 0;
}

static struct control *control_new(const struct options *o, const struct log_sink *log)
{
    struct control *c = calloc(1, sizeof *c);
    if (c) {
        c->options = o;
        c->log = log;
        c->epoll = c->socket.fd = c->socket.lock = -1;
        c->template = (struct frontend){.protocol = o->config.protocol->name,
                                        .config = &o->config,
                                        .json = JSON_LINES,
                                        .json_payload = o->json_payload};
    }
    return c;
}

int control_open(struct control **control, const struct options *o, const struct log_sink *log, char *error,
                 size_t error_size)
{
    char why[OPTIONS_ERROR_MAX];
    *control = NULL;
    if (o->control[0] == '\0') {
        return 0;
    }
    if (descriptors_watch_forks() < 0) {
        return text_fail(error, error_size, "out of memory");
    }
    struct control *c = control_new(o, log);
    if (!c) {
        return text_fail(error, error_size, "out of memory");
    }
    if (control_socket_open(&c->socket, o->control, why, sizeof why) != 0) {
        control_close(c);
        if (option_setting(o, option_find("control"))) {
            return text_fail(error, error_size, "-control: %s", why);
        }
        log_line(log, LOG_LEVEL_WARNING,
                 "no control socket: %s; -control PATH gives this node one of its own", why);
        return 0;
    }
    if (!prepare(c)) {
        control_close(c);
        return text_fail(error, error_size, "-control: %s", strerror(errno));
    }
    *control = c;
    return 0;
}

void control_join(struct control *c, struct desk *d)
{
    c->desk = d;
    c->number = desk_add(d, &(struct desk_guest){.self = c,
                                                 .fd = c->epoll,
                                                 .serve = serve,
                                                 .event = hear,
                                                 .parcel = hear_parcel,
                                                 .answer = hear_answer,
                                                 .leave = leave});
}

void control_close(struct control *c)
{
    if (!c) {
        return;
    }
    for (int i = 0; c->clients && i < CLIENTS; i++) {
        if (c->clients[i].fd >= 0) {
            client_close(&c->clients[i]);
        }
    }
    if (c->epoll >= 0) {
        descriptor_close(c->epoll);
    }
    control_socket_close(&c->socket);
    free(c->clients);
    free(c);
}
