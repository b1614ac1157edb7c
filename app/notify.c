#include "app/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool notify_open(struct notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    *n = (struct notify){.to = {.sun_family = AF_UNIX}};
    if (length < 2 || length >= sizeof n->to.sun_path || (*path != '/' && *path != '@')) {
        return false;
    }
    memcpy(n->to.sun_path, path, length);
    n->to.sun_path[0] = *path == '@' ? '\0' : *path; /* a name that lies in no folder */
    n->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    n->is_heard = n->fd >= 0;
    return n->is_heard;
}

void notify_close(struct notify *n)
{
    if (n->is_heard) {
        close(n->fd);
    }
    n->is_heard = false;
}

bool notify_say(const struct notify *n, const char *lines)
{
    if (!n->is_heard) {
        return true;
    }
    ssize_t said = sendto(n->fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&n->to, n->to_size);
    /* Any other failure means that the manager has gone, or never was. */
    return said >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

/* 0 for anything but a whole number above 0. */
static int64_t number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    errno = 0;
    long long n = text ? strtoll(text, &end, 10) : 0;
    return text && *text != '\0' && *end == '\0' && errno == 0 && n > 0 ? n : 0;
}

int64_t notify_watchdog_ms(void)
{
    int64_t us = number("WATCHDOG_USEC");
    bool is_ours = !getenv("WATCHDOG_PID") || number("WATCHDOG_PID") == getpid();
    return is_ours && us > 0 ? us / 1000 + 1 : 0;
}
