/* This process in figures, as /proc and the system tell them. Any thread; blocks as long as the system takes
 * for a few files of /proc, which lie in memory. */
#ifndef KITH_APP_HTTP_PROCESS_H
#define KITH_APP_HTTP_PROCESS_H

#include <stdint.h>

/* 0 for what could not be read. */
struct process_figures {
    double cpu_s;   /* of all threads, in user and in system mode */
    double start_s; /* since 1970 */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds, threads;
};

void process_look(struct process_figures *f);

#endif
