/* Stands in front of fsync: while `disk_hangs`, it blocks, as on a disk that has stopped to answer. */
#ifndef KITH_TESTS_HANGING_DISK_H
#define KITH_TESTS_HANGING_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic bool disk_hangs;
static _Atomic int waiting_for_disk; /* threads */

int fsync(int fd)
{
    atomic_fetch_add(&waiting_for_disk, 1);
    while (atomic_load(&disk_hangs)) {
        usleep(1000);
    }
    int result = (int)syscall(SYS_fsync, fd);
    atomic_fetch_sub(&waiting_for_disk, 1);
    return result;
}

#endif
