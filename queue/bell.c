#include "queue/bell.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "queue/ring.h"

int bell_init(struct bell *b)
{
    atomic_init(&b->asleep, false);
    b->fd = descriptor_own_scarce(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    return b->fd < 0 ? -1 : 0;
}

void bell_fini(struct bell *b)
{
    if (b->fd >= 0) {
        descriptor_close(b->fd);
    }
    b->fd = -1;
}

void bell_ring(struct bell *b)
{
    /* Without this fence the load below may be done before the caller's put is visible: it reads "awake",
     * while the owner, lying down at that moment, still reads an empty queue, and sleeps with something in
     * it. */
    ring_fence();
    if (!atomic_load_explicit(&b->asleep, memory_order_relaxed)) {
        return;
    }
    /* write(2) and read(2) end a thread that was cancelled. Between the exchange and the write that would
     * leave the owner asleep for good, as nobody else rings any more. */
    int was;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
    /* Whoever changes it back writes. Were it a load and a store, nothing would be lost, but each of the
     * threads that ring before the owner is up would pay for a system call. The others may rely on the one
     * that writes: the owner looks at every queue when it is up. */
    if (atomic_exchange_explicit(&b->asleep, false, memory_order_relaxed)) {
        const uint64_t one = 1;
        ssize_t written = write(b->fd, &one, sizeof one);
        (void)
            written; /* fails only if the count is at its end, and then the descriptor is readable already */
    }
    pthread_setcancelstate(was, NULL);
}

void bell_lie_down(struct bell *b)
{
    atomic_store_explicit(&b->asleep, true, memory_order_relaxed);
    /* Without this fence the owner's look at its queues may be done before `asleep` is visible: it finds them
     * empty, while a producer that puts now still reads "awake" and does not ring. */
    ring_fence();
}

void bell_arm(struct bell *b)
{
    bell_get_up(b);
    bell_lie_down(b);
}

void bell_get_up(struct bell *b)
{
    /* Relaxed: a producer that still reads "asleep" writes to the descriptor for nothing, and the next sleep
     * ends at once; no message depends on it. */
    atomic_store_explicit(&b->asleep, false, memory_order_relaxed);
    uint64_t rings;
    int was;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
    ssize_t got = read(b->fd, &rings, sizeof rings);
    (void)got; /* EAGAIN if nobody rang */
    pthread_setcancelstate(was, NULL);
}
