#include "queue/writing.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

void writing_begin(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

/* What one write took, or minus an error number. */
static ssize_t write_some(int fd, const char *bytes, size_t size)
{
    ssize_t n = write(fd, bytes, size);
    if (n >= 0) {
        return n;
    }
    if (errno == EINTR) {
        return 0;
    }
    if (errno != EAGAIN) {
        return -errno;
    }
    /* Somebody who shares the descriptor has made it non-blocking. */
    poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
    return 0;
}

int writing_write(int fd, const char *bytes, size_t size)
{
    ssize_t n = 0;
    for (; size > 0 && n >= 0; bytes += n, size -= (size_t)n) {
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        n = write_some(fd, bytes, size);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        if (n < 0) {
            return (int)-n;
        }
    }
    return 0;
}
