#include "bench/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void frames_begin(struct frames *f, int fd, size_t most, size_t room)
{
    *f = (struct frames){.fd = fd, .most = most, .capacity = room + FRAME_HEAD + most};
    /* Not zeroed: pages that nothing is read into cost nothing. */
    f->bytes = malloc(f->capacity);
    if (!f->bytes) {
        die("out of memory");
    }
}

void frames_end(struct frames *f)
{
    free(f->bytes);
    close(f->fd);
}

/* Moves what is not taken to the front, but only if there is little room behind it. */
static void make_room(struct frames *f)
{
    if (f->at == f->have) {
        f->at = f->have = 0;
    } else if (f->capacity - f->have < f->capacity / 2) {
        memmove(f->bytes, f->bytes + f->at, f->have - f->at);
        f->have -= f->at;
        f->at = 0;
    }
}

bool frames_read(struct frames *f)
{
    make_room(f);
    ssize_t n;
    while ((n = read(f->fd, f->bytes + f->have, f->capacity - f->have)) < 0 && errno == EINTR) {
    }
    if (n <= 0) {
        return false;
    }
    f->have += (size_t)n;
    return true;
}
