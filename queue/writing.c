#include "queue/writing.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
void __asan_handle_no_return(void);
#define STACK_MAY_BE_LEFT() __asan_handle_no_return()
#else
#define STACK_MAY_BE_LEFT() ((void)0)
#endif

void writing_begin(void)
{
    writing_must_not_end();
}

void writing_must_not_end(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

void writing_may_end(void)
{
    /* The frames of a thread that is cancelled are left without their last steps. The address sanitizer would
     * take what it has marked in them for marks of the functions that end the thread. */
    STACK_MAY_BE_LEFT();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
}

/* What one write took, or minus an error number. */
static ssize_t write_some(int fd, const char *bytes, size_t size)
{
    writing_may_end();
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
        n = write_some(fd, bytes, size);
        writing_must_not_end();
        if (n < 0) {
            return (int)-n;
        }
    }
    return 0;
}
