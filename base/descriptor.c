#include "base/descriptor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    MOST = 1 << 20, /* what Linux gives a process unless it is told otherwise; those above are not closed */
    WORD_BITS = 64,
};

/* A bit for each descriptor. Pages of it that nobody writes take no memory. */
static _Atomic uint64_t owned[MOST / WORD_BITS];
static _Atomic int highest = -1; /* no bit above it was ever set */
static _Atomic unsigned forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_watching;

static uint64_t bit_of(int fd)
{
    return UINT64_C(1) << (unsigned)fd % WORD_BITS;
}

/* In the child, whose only thread this is: nothing here but what a signal handler may call. */
static void leave_to_parent(void)
{
    int last = atomic_load_explicit(&highest, memory_order_relaxed);
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    for (int word = 0; word <= last / WORD_BITS; word++) {
        uint64_t bits = atomic_exchange_explicit(&owned[word], 0, memory_order_relaxed);
        for (int i = 0; bits != 0; i++, bits >>= 1) {
            if (bits & 1) {
                close(word * WORD_BITS + i);
            }
        }
    }
}

static void watch(void)
{
    is_watching = pthread_atfork(NULL, NULL, leave_to_parent) == 0;
}

int descriptors_watch_forks(void)
{
    return pthread_once(&once, watch) == 0 && is_watching ? 0 : -1;
}

unsigned descriptors_forks(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

/* Relaxed everywhere: what a child sees is the memory at the moment of the fork, and no other data hangs on
 * the bits. A fork between socket(2) and the bit leaves that one descriptor to the child; a lock held over
 * both, which fork would wait for, is what that would cost. */
int descriptor_own(int fd)
{
    int last = atomic_load_explicit(&highest, memory_order_relaxed);
    if (fd < 0 || fd >= MOST) {
        return fd;
    }
    while (fd > last && !atomic_compare_exchange_weak_explicit(&highest, &last, fd, memory_order_relaxed,
                                                               memory_order_relaxed))
        ;
    atomic_fetch_or_explicit(&owned[fd / WORD_BITS], bit_of(fd), memory_order_relaxed);
    return fd;
}

/* A new descriptor is the lowest that is free: one of the last tells that all others are taken. */
static bool is_for_files(int fd)
{
    struct rlimit most;
    return getrlimit(RLIMIT_NOFILE, &most) == 0 && (rlim_t)fd + DESCRIPTORS_FOR_FILES >= most.rlim_cur;
}

int descriptor_own_scarce(int fd)
{
    if (fd < 0 || !is_for_files(fd)) {
        return descriptor_own(fd);
    }
    close(fd);
    errno = EMFILE;
    return -1;
}

bool descriptor_is_spare(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && !is_for_files(fd);
}

/* The bit first: once the number is free, another thread of the program may get it for a file of its own,
 * which a child must not close. */
void descriptor_close(int fd)
{
    if (fd >= 0 && fd < MOST) {
        atomic_fetch_and_explicit(&owned[fd / WORD_BITS], ~bit_of(fd), memory_order_relaxed);
    }
    close(fd);
}
