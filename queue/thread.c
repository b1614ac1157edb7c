#include "queue/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*run)(void *argument),
                 void *argument)
{
    sigset_t all;
    sigfillset(&all);
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    error = pthread_attr_setsigmask_np(&attributes, &all);
    if (error == 0 && stack_bytes != 0)
        error = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (error == 0)
        error = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        pthread_setname_np(*thread, name);
    return error;
}
