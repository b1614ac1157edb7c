/* Whether the peers that the operator named, or the proxy, answer a connection. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/doctor_checks.h"
#include "base/clock.h"
#include "queue/thread.h"
#include "seed/lookup.h"

enum { TARGETS_MOST = 16, LOOKUP_MS = 4000, CONNECT_MS = 3000, ENDPOINTS_TRIED = 3 };

struct target {
    const struct config *config;
    struct address address;
    bool is_proxy;
    bool is_unknown; /* the name was not found */
    int error;       /* of the last try; 0: it answers */
    pthread_t thread;
    bool has_thread;
};

struct doctor_peers {
    struct target targets[TARGETS_MOST];
    size_t n, left_out;
};

/* --- on a thread for each --- */

static void keep_quiet(void *context, enum log_level level, const char *line)
{
    (void)context;
    (void)level;
    (void)line;
}

/* 0, or an error number. */
static int wait_for(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, CONNECT_MS) <= 0) {
        return ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static int try_connect(const struct target *t, const struct endpoint *e)
{
    struct sockaddr_storage to, from;
    socklen_t size = endpoint_to_sockaddr(e, &to);
    const struct endpoint own = {t->config->bind, 0};
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    if (t->config->has_bind && !t->is_proxy && ip_is_v4(&own.ip) == ip_is_v4(&e->ip) &&
        bind(fd, (const struct sockaddr *)&from, endpoint_to_sockaddr(&own, &from)) != 0) {
        error = errno;
    } else if (connect(fd, (const struct sockaddr *)&to, size) != 0) {
        error = errno == EINPROGRESS ? wait_for(fd) : errno;
    }
    close(fd);
    return error;
}

static void *reach(void *argument)
{
    struct target *t = argument;
    struct log_sink log = {.line = keep_quiet, .level = LOG_LEVEL_ERROR};
    struct seed_config config = {.connect_timeout_ms = LOOKUP_MS, .total_timeout_ms = LOOKUP_MS, .log = &log};
    struct seed_result found = {.n = 0};
    t->is_unknown = seed_lookup(&t->address, 1, &config, &found) != 0 || found.n == 0;
    t->error = EHOSTUNREACH;
    for (size_t i = 0; i < found.n && i < ENDPOINTS_TRIED && t->error; i++) {
        t->error = try_connect(t, &found.endpoints[i]);
    }
    seed_result_free(&found);
    return NULL;
}

static void add(struct doctor_peers *p, const struct config *c, const struct address *address, bool is_proxy)
{
    if (p->n == TARGETS_MOST) {
        p->left_out++;
        return;
    }
    struct target *t = &p->targets[p->n++];
    *t = (struct target){.config = c, .address = *address, .is_proxy = is_proxy};
    t->has_thread = thread_start(&t->thread, "kith-doctor", 0, reach, t) == 0;
}

struct doctor_peers *doctor_peers_begin(const struct options *o)
{
    const struct config *c = &o->config;
    struct doctor_peers *p = calloc(1, sizeof *p);
    if (p && config_has_proxy(c)) {
        add(p, c, &c->proxy.at, true);
        return p;
    }
    for (size_t i = 0; p && i < c->special_flags.n; i++) {
        add(p, c, &c->special_flags.items[i], false);
    }
    for (size_t i = 0; p && i < c->special_file.n; i++) {
        add(p, c, &c->special_file.items[i], false);
    }
    return p;
}

/* --- what came of it --- */

static void tell(const struct target *t, struct doctor *d)
{
    char text[ENDPOINT_TEXT_MAX];
    const char *about = t->is_proxy ? "proxy" : "peers";
    enum doctor_level level = t->is_proxy || t->config->exclusive ? DOCTOR_BAD : DOCTOR_WARN;
    address_format(&t->address, text, sizeof text);
    if (t->is_unknown) {
        doctor_say(d, level, about, "look at the name, and at the name server: getent hosts NAME",
                   "%s: no such name is found", text);
    } else if (t->error == ECONNRESET) { /* somebody listens there: else it would have been refused */
        doctor_say(d, DOCTOR_NOTE, about, NULL,
                   "%s answers, and closes at once: perhaps it has enough of this address", text);
    } else if (t->error) {
        doctor_say(d, level, about,
                   t->is_proxy
                       ? "look at it, and at -proxy"
                       : "see that it runs there, and that firewalls there and on the way let it pass",
                   "%s does not answer: %s", text, strerror(t->error));
    } else {
        doctor_say(d, DOCTOR_OK, about, NULL, "%s answers", text);
    }
}

void doctor_peers_end(struct doctor_peers *p, struct doctor *d)
{
    for (size_t i = 0; p && i < p->n; i++) {
        if (p->targets[i].has_thread) {
            pthread_join(p->targets[i].thread, NULL);
            tell(&p->targets[i], d);
        }
    }
    if (p && p->left_out > 0) {
        doctor_say(d, DOCTOR_NOTE, "peers", NULL, "%zu more that are named were not tried", p->left_out);
    }
    free(p);
}
