#include "peers/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"

/* The resolver's modules need far less; the default of 8 MiB would be held for each of many slow look-ups. */
#define STACK_BYTES ((size_t)256 << 10)

struct resolve {
    _Atomic uint32_t holders; /* the owner and the thread; who leaves last frees */
    _Atomic bool done; /* everything below is the thread's until this is set, and read-only from then on */
    int fd;
    int failure; /* what getaddrinfo returned */
    int cause;   /* errno, if failure is EAI_SYSTEM */
    size_t n;
    struct endpoint found[RESOLVE_MOST];
    uint16_t port;
    char host[HOST_MAX + 1];
};

/* Nobody waits for the thread of a look-up that was dropped: without this bound, a resolver that never
 * answers would gather threads without end. It is a number and orders nothing, so relaxed is enough. */
static _Atomic uint32_t live;

static bool live_enter(void)
{
    if (atomic_fetch_add_explicit(&live, 1, memory_order_relaxed) < RESOLVE_LIVE_MAX) {
        return true;
    }
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    return false;
}

static void live_leave(void)
{
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

static void free_job(struct resolve *r)
{
    descriptor_close(r->fd);
    free(r);
}

static void leave(struct resolve *r)
{
    /* Release: without it the other holder could free r before our last use of it has happened. Acquire:
     * without it we could free r before the other's last use has happened. */
    if (atomic_fetch_sub_explicit(&r->holders, 1, memory_order_acq_rel) == 1) {
        free_job(r);
    }
}

static void keep(struct resolve *r, const struct addrinfo *all)
{
    for (const struct addrinfo *a = all; a && r->n < RESOLVE_MOST; a = a->ai_next) {
        if (!a->ai_addr || !endpoint_from_sockaddr(&r->found[r->n], a->ai_addr)) {
            continue;
        }
        r->found[r->n++].port = r->port;
    }
}

static int ask(struct resolve *r, struct addrinfo **all)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int failure = getaddrinfo(r->host, NULL, &hints, all);
    r->cause = errno;
    return failure;
}

/* A dot at the end of the name keeps the resolver's search list out. But the system's table of hosts knows no
 * name with a dot. */
static int ask_without_root(struct resolve *r, struct addrinfo **all)
{
    size_t length = strlen(r->host);
    int failure = ask(r, all);
    if (failure == 0 || length < 2 || r->host[length - 1] != '.') {
        return failure;
    }
    r->host[length - 1] = '\0';
    return ask(r, all);
}

static void *look_up(void *argument)
{
    struct resolve *r = argument;
    struct addrinfo *all = NULL;
    pthread_setname_np(pthread_self(), "kith-resolve");
    r->failure = ask_without_root(r, &all);
    if (r->failure == 0) {
        keep(r, all);
        freeaddrinfo(all);
    }
    /* Release: without it an owner that sees `done` could read addresses that are not written yet. */
    atomic_store_explicit(&r->done, true, memory_order_release);
    /* After the store: an owner woken before it would find nothing, and the descriptor rings only once. The
     * write cannot fail: the counter is 0. */
    eventfd_write(r->fd, 1);
    leave(r);
    live_leave();
    return NULL;
}

static struct resolve *new_job(const char *host, uint16_t port)
{
    size_t length = strnlen(host, HOST_MAX + 1);
    if (length == 0 || length > HOST_MAX || port == 0) {
        errno = EINVAL;
        return NULL;
    }
    struct resolve *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    r->fd = descriptor_own(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (r->fd < 0) {
        free(r);
        return NULL;
    }
    memcpy(r->host, host, length + 1);
    r->port = port;
    atomic_init(&r->holders, 2);
    return r;
}

/* Signals are the program's: one of its handlers must not run on a small stack inside the resolver. */
static int start_detached(void *(*run)(void *), void *argument)
{
    sigset_t all;
    sigfillset(&all);
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) {
        return error;
    }
    error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (!error) {
        error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    }
    if (!error) {
        error = pthread_attr_setsigmask_np(&attributes, &all);
    }
    pthread_t thread;
    if (!error) {
        error = pthread_create(&thread, &attributes, run, argument);
    }
    pthread_attr_destroy(&attributes);
    return error;
}

struct resolve *resolve_start(const char *host, uint16_t port)
{
    struct resolve *r = new_job(host, port);
    if (!r) {
        return NULL;
    }
    if (!live_enter()) {
        free_job(r);
        errno = EAGAIN;
        return NULL;
    }
    int error = start_detached(look_up, r);
    if (error) {
        live_leave();
        free_job(r);
        errno = error;
        return NULL;
    }
    return r;
}

int resolve_fd(const struct resolve *r)
{
    return r->fd;
}

static const char *why_nothing(const struct resolve *r)
{
    if (r->failure == EAI_SYSTEM) {
        return strerrordesc_np(r->cause);
    }
    return r->failure ? gai_strerror(r->failure) : "the name has no IP address";
}

size_t resolve_take(const struct resolve *r, struct endpoint *out, size_t most, char *error,
                    size_t error_size)
{
    error[0] = '\0';
    /* Acquire: without it the addresses could be read as they were before the thread wrote them. */
    if (!atomic_load_explicit(&r->done, memory_order_acquire)) {
        snprintf(error, error_size, "the look-up is not done yet");
        return 0;
    }
    if (r->n == 0) {
        const char *why = why_nothing(r);
        snprintf(error, error_size, "%s", why ? why : "unknown error");
        return 0;
    }
    size_t n = r->n < most ? r->n : most;
    memcpy(out, r->found, n * sizeof *out);
    return n;
}

void resolve_drop(struct resolve *r)
{
    if (r) {
        leave(r);
    }
}

size_t resolve_memory(void)
{
    return sizeof(struct resolve) + STACK_BYTES;
}
