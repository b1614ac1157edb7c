#include "app/ctl/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"

#define READ_AT_ONCE 65536
#define LINE_MOST    ((size_t)1 << 30) /* more than any message needs: a node that never ends a line */
#define ANSWER_MOST  ((size_t)64 << 20)

int link_open(struct link *l, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    *l = (struct link){.fd = -1};
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd >= 0 && connect(l->fd, (const struct sockaddr *)&at, sizeof at) == 0) {
        return 0;
    }
    int why = errno;
    link_close(l);
    errno = why;
    return -1;
}

void link_close(struct link *l)
{
    if (l->fd >= 0) {
        close(l->fd);
    }
    free(l->text);
    *l = (struct link){.fd = -1};
}

static bool say(struct link *l, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(l->fd, text, size, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        text += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool link_say(struct link *l, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT); /* NULL of NULL */
    bool said = text && say(l, text, strlen(text)) && say(l, "\n", 1);
    /* A node that has closed the connection may have said why before. */
    said = said || (text && (errno == EPIPE || errno == ECONNRESET));
    free(text);
    json_decref(request);
    return said;
}

/* False at the end, if nothing came in time, or if the line is too long for an answer (timeout_ms >= 0) or
 * for anything. */
static bool read_more(struct link *l, int timeout_ms)
{
    struct pollfd fd = {.fd = l->fd, .events = POLLIN};
    if (l->end - l->start > (timeout_ms < 0 ? LINE_MOST : ANSWER_MOST)) {
        errno = EMSGSIZE;
        return false;
    }
    if (l->start > 0) {
        memmove(l->text, l->text + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (!array_reserve(l->text, l->capacity, l->end + READ_AT_ONCE)) {
        return false;
    }
    int ready = poll(&fd, 1, timeout_ms);
    if (ready <= 0) {
        errno = ready == 0 ? ETIMEDOUT : errno;
        return ready < 0 && errno == EINTR;
    }
    ssize_t n = recv(l->fd, l->text + l->end, READ_AT_ONCE, 0);
    l->end += n > 0 ? (size_t)n : 0;
    errno = n == 0 ? 0 : errno;
    return n > 0 || (n < 0 && errno == EINTR);
}

json_t *link_hear(struct link *l, int timeout_ms)
{
    char *newline = NULL;
    size_t looked = 0;
    while (!newline) {
        size_t size = l->end - l->start;
        newline = size > looked ? memchr(l->text + l->start + looked, '\n', size - looked) : NULL;
        looked = size;
        if (!newline && !read_more(l, timeout_ms)) {
            return NULL;
        }
    }
    l->line = l->text + l->start;
    *newline = '\0';
    l->start = (size_t)(newline + 1 - l->text);
    json_t *o = json_loads(l->line, JSON_ALLOW_NUL, NULL);
    errno = o ? errno : EPROTO;
    return o;
}

/* The answer, or a complaint about the connection: that there are too many. */
static bool is_about(const json_t *o, int id)
{
    const json_t *of = json_object_get(o, "id");
    const char *event = json_string_value(json_object_get(o, "event"));
    return of ? json_integer_value(of) == id : event && strcmp(event, "error") == 0;
}

json_t *link_ask(struct link *l, json_t *request, int timeout_ms)
{
    json_t *answer;
    json_object_set_new(request, "id", json_integer(++l->asked));
    if (!link_say(l, request)) {
        return NULL;
    }
    while ((answer = link_hear(l, timeout_ms)) && !is_about(answer, l->asked)) {
        json_decref(answer);
    }
    return answer;
}
