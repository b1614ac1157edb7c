#include "app/doctor_ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

enum { ANSWER_MS = 3000, ANSWER_MOST = 1 << 20 };

int doctor_connect(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The kernel wrote it down when that process began to listen. */
long doctor_listener(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0 ? peer.pid : 0;
}

json_t *doctor_ask_status(int fd)
{
    static const char request[] = "{\"command\":\"status\"}\n";
    int64_t by = clock_ms() + ANSWER_MS, left = ANSWER_MS;
    size_t size = 0;
    json_t *answer = NULL;
    char *text = malloc(ANSWER_MOST);
    if (!text || send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1) {
        free(text);
        return NULL;
    }
    while (!answer && left > 0 && size < ANSWER_MOST &&
           poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)left) > 0) {
        ssize_t n = read(fd, text + size, ANSWER_MOST - size);
        if (n <= 0) {
            break;
        }
        size += (size_t)n;
        char *end = memchr(text, '\n', size);
        answer = end ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
        left = by - clock_ms();
    }
    free(text);
    return answer;
}
