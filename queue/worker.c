#include "queue/worker.h"

#include <errno.h>
#include <limits.h>

#include "base/clock.h"
#include "queue/thread.h"

int worker_open(struct worker *w)
{
    if (!w->is_open && bell_init(&w->bell) != 0) {
        return errno;
    }
    w->is_open = true;
    return 0;
}

static void *begin(void *argument)
{
    struct worker *w = argument;
    w->run(w->self);
    return NULL;
}

int worker_start(struct worker *w, const char *name, size_t stack_bytes, void (*run)(void *self), void *self)
{
    int error = worker_open(w);
    w->run = run;
    w->self = self;
    return error != 0 ? error : thread_start(&w->thread, name, stack_bytes, begin, w);
}

static int timeout_until(int64_t deadline_ms)
{
    if (deadline_ms == WORKER_NEVER) {
        return -1;
    }
    int64_t left = deadline_ms - clock_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int worker_sleep(struct worker *w, bool (*busy)(const void *self), struct pollfd *fds, nfds_t n,
                 int64_t deadline_ms)
{
    struct pollfd alone;
    int error = 0;
    if (n == 0) {
        fds = &alone;
        n = 1;
    }
    for (nfds_t i = 1; i < n; i++) {
        fds[i].revents = 0;
    }
    fds[0] = (struct pollfd){.fd = w->bell.fd, .events = POLLIN};
    bell_lie_down(&w->bell);
    /* Both are looked at once more, behind the bell's fence: what came before the bell was armed did not ring
     * it, and without this look we would sleep on it. */
    if (!worker_stopped(w) && !(busy && busy(w->self)) && poll(fds, n, timeout_until(deadline_ms)) < 0) {
        error = errno == EINTR ? 0 : errno;
    }
    bell_get_up(&w->bell);
    return error;
}

void worker_sleep_until(struct worker *w, int64_t (*look)(void *self))
{
    struct pollfd bell = {.fd = w->bell.fd, .events = POLLIN};
    bell_lie_down(&w->bell);
    /* Looked at behind the bell's fence, for the reason above. */
    int64_t deadline_ms = worker_stopped(w) ? WORKER_BUSY : look(w->self);
    if (deadline_ms != WORKER_BUSY) {
        poll(&bell, 1, timeout_until(deadline_ms));
    }
    bell_get_up(&w->bell);
}

bool worker_stopped(const struct worker *w)
{
    /* Acquire: pairs with the store in worker_stop. With a relaxed load the thread could see the flag, find a
     * queue empty, and leave what was posted just before unserved. */
    return atomic_load_explicit(&w->stop, memory_order_acquire);
}

void worker_stop(struct worker *w)
{
    /* Release: with a relaxed store the flag could be visible before what was posted. That a thread which
     * lies down meanwhile sees the flag, or is rung, is due to the bell's two fences. */
    atomic_store_explicit(&w->stop, true, memory_order_release);
    bell_ring(&w->bell);
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
}

bool worker_join_within(struct worker *w, int ms)
{
    return thread_join_within(w->thread, ms);
}

void worker_leave(struct worker *w)
{
    pthread_detach(w->thread);
}

bool worker_end(struct worker *w, int ms)
{
    worker_stop(w);
    return thread_end(w->thread, ms);
}

void worker_fini(struct worker *w)
{
    if (w->is_open) {
        bell_fini(&w->bell);
    }
    w->is_open = false;
}
