#include "queue/thread.h"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

int thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*run)(void *argument),
                 void *argument)
{
    sigset_t all;
    sigfillset(&all);
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    error = pthread_attr_setsigmask_np(&attributes, &all);
    if (error == 0 && stack_bytes != 0) {
        error = pthread_attr_setstacksize(&attributes, stack_bytes);
    }
    if (error == 0) {
        error = pthread_create(thread, &attributes, run, argument);
    }
    pthread_attr_destroy(&attributes);
    if (error == 0) {
        pthread_setname_np(*thread, name);
    }
    return error;
}

#define CANCEL_MS 100
#define LOOK_NS   1000000 /* between two looks whether it has ended */

/* pthread_timedjoin_np goes by the wall clock, which may be set back meanwhile; and of pthread_clockjoin_np
 * the thread sanitizer does not know that it joins. */
bool thread_join_within(pthread_t thread, int ms)
{
    int64_t by = clock_ms() + ms;
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        if (clock_ms() >= by) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
    return true;
}

bool thread_end(pthread_t thread, int ms)
{
    if (thread_join_within(thread, ms)) {
        return true;
    }
    pthread_cancel(thread);
    if (thread_join_within(thread, CANCEL_MS)) {
        return true;
    }
    pthread_detach(thread);
    return false;
}

/* If this thread's stack ends; NULL without memory. */
static void *find_lowest(void)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return NULL;
    }
    size_t size;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    return lowest;
}

/* What this function and the calls that it makes may use below its frame. */
#define STACK_MARGIN 1024

/* Never inlined: in its caller's frame it would free pages that the caller still uses. */
__attribute__((noinline)) void thread_trim_stack(void)
{
    static _Thread_local void *lowest;
    if (!lowest) {
        lowest = find_lowest();
    }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)lowest;
    uintptr_t to = ((uintptr_t)__builtin_frame_address(0) - STACK_MARGIN) & ~(page - 1);
    if (lowest && to > from) {
        madvise(lowest, to - from, MADV_DONTNEED);
    }
}
