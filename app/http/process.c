#include "app/http/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 1024, START_FIELD = 22 }; /* proc(5), "stat" */

/* Reads a small file. False if there is none. */
static bool read_file(const char *path, char text[FILE_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, text, FILE_MAX - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The name before it may hold blanks and brackets. */
static const char *field_of_stat(const char *text, int wanted)
{
    const char *at = strrchr(text, ')');
    for (int i = 2; at && i < wanted; i++) {
        at = strchr(at + 1, ' ');
    }
    return at ? at + 1 : "";
}

/* The system tells it in ticks since the boot. */
static double start_of(const char *stat)
{
    struct timespec wall, boot;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    double booted = (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
    return booted +
           (double)strtoull(field_of_stat(stat, START_FIELD), NULL, 10) / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    uint64_t n = 0;
    while (d && readdir(d)) {
        n++;
    }
    if (d) {
        closedir(d);
    }
    return n > 3 ? n - 3 : 0; /* ".", "..", and the folder's own */
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void process_look(struct process_figures *f)
{
    *f = (struct process_figures){.open_fds = count_fds()};
    char text[FILE_MAX];
    if (read_file("/proc/self/stat", text)) {
        f->start_s = start_of(text);
        f->threads = strtoull(field_of_stat(text, 20), NULL, 10);
    }
    if (read_file("/proc/self/statm", text)) {
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        char *next;
        f->virtual_bytes = strtoull(text, &next, 10) * page;
        f->resident_bytes = strtoull(next, NULL, 10) * page;
    }
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        f->cpu_s = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    }
    struct rlimit fds;
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0) {
        f->max_fds = fds.rlim_cur;
    }
}
