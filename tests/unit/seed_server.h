/* A small HTTP server for tests: it gives prepared answers, in order, to whoever connects. */
#ifndef KITH_TESTS_SEED_SERVER_H
#define KITH_TESTS_SEED_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEED_OK "HTTP/1.1 200 OK\r\nConnection: close"

struct seed_answer {
    const char *head;         /* status line and headers, without the empty line; NULL: never answers */
    const char *body;         /* NULL: none */
    size_t body_size;         /* 0: the body is text, up to its NUL */
    size_t repeat;            /* sends the body so often; 0: once */
    const _Atomic bool *once; /* answers as soon as it is true; NULL: at once */
};

#define HELD_MAX 64

struct seed_server {
    pthread_t thread;
    int listener;
    const struct seed_answer *answers;
    size_t n;
    char url[64];
    int held[HELD_MAX]; /* connections that are never answered */
    size_t n_held;
    _Atomic unsigned requests;
    _Atomic bool stop;
};

static void send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        bytes += n;
        size -= (size_t)n;
    }
}

static bool read_request(int fd)
{
    char text[4096];
    size_t size = 0;
    while (size < sizeof text - 1) {
        ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (n <= 0) {
            return false;
        }
        size += (size_t)n;
        text[size] = '\0';
        if (strstr(text, "\r\n\r\n")) {
            return true;
        }
    }
    return false;
}

static void answer(struct seed_server *s, int fd, const struct seed_answer *a)
{
    if (!a->head && s->n_held < HELD_MAX) {
        s->held[s->n_held++] = fd;
        return;
    }
    while (a->once && !atomic_load(a->once) && !atomic_load(&s->stop)) {
        usleep(1000);
    }
    send_all(fd, a->head, strlen(a->head));
    send_all(fd, "\r\n\r\n", 4);
    for (size_t i = 0; a->body && i < (a->repeat ? a->repeat : 1); i++) {
        send_all(fd, a->body, a->body_size ? a->body_size : strlen(a->body));
    }
    close(fd);
}

static void *serve(void *argument)
{
    struct seed_server *s = argument;
    while (!atomic_load(&s->stop)) {
        struct pollfd p = {.fd = s->listener, .events = POLLIN};
        if (poll(&p, 1, 20) <= 0) {
            continue;
        }
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        if (!read_request(fd)) {
            close(fd);
            continue;
        }
        size_t nth = atomic_fetch_add(&s->requests, 1);
        answer(s, fd, &s->answers[nth < s->n ? nth : s->n - 1]);
    }
    return NULL;
}

/* Listens on 127.0.0.1. The n-th connection gets the n-th answer, further ones the last. The answers stay the
 * caller's and must outlive the server. */
static struct seed_server *seed_server_start(const struct seed_answer *answers, size_t n)
{
    struct seed_server *s = calloc(1, sizeof *s);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    if (!s) {
        abort();
    }
    s->answers = answers;
    s->n = n;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&here, size) < 0 ||
        listen(s->listener, 64) < 0 || getsockname(s->listener, (struct sockaddr *)&here, &size) < 0) {
        abort();
    }
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/seed.txt", (unsigned)ntohs(here.sin_port));
    if (pthread_create(&s->thread, NULL, serve, s) != 0) {
        abort();
    }
    return s;
}

static void seed_server_stop(struct seed_server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->n_held; i++) {
        close(s->held[i]);
    }
    close(s->listener);
    free(s);
}

static const char *seed_server_url(const struct seed_server *s)
{
    return s->url;
}

static unsigned seed_server_requests(const struct seed_server *s)
{
    return atomic_load(&s->requests);
}

#endif
