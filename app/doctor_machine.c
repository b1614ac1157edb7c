#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include "app/doctor_checks.h"

enum {
    DESCRIPTORS_EACH = 2,  /* of a connection: its socket, and what wakes its thread */
    DESCRIPTORS_ELSE = 64, /* of the node and the program, the last ones for files among them */
    THREADS_ELSE = 16,
};

static uint64_t connections(const struct options *o)
{
    const struct config *c = &o->config;
    return (uint64_t)c->outgoing + c->node.limits.incoming + c->node.limits.pending +
           2 * (c->special_flags.n + c->special_file.n);
}

static void check_descriptors(struct doctor *d)
{
    struct rlimit most;
    uint64_t needed = DESCRIPTORS_EACH * connections(d->o) + DESCRIPTORS_ELSE;
    if (prlimit((pid_t)d->running, RLIMIT_NOFILE, NULL, &most) != 0 && getrlimit(RLIMIT_NOFILE, &most) != 0) {
        return;
    }
    uint64_t has = most.rlim_cur == RLIM_INFINITY ? UINT64_MAX : most.rlim_cur;
    if (has >= needed) {
        doctor_say(d, DOCTOR_OK, "limits", NULL,
                   "%" PRIu64 " descriptors are needed if all places are taken, and there may be %" PRIu64,
                   needed, has);
        return;
    }
    bool is_short = has < DESCRIPTORS_ELSE + DESCRIPTORS_EACH * (uint64_t)d->o->config.outgoing;
    doctor_say(d, is_short ? DOCTOR_BAD : DOCTOR_WARN, "limits",
               "ulimit -n, LimitNOFILE= of a service; or fewer peers: -incoming, -outgoing",
               "%" PRIu64 " descriptors are needed if all places are taken, and there may be %" PRIu64
               " only",
               needed, has);
}

/* A number in a file of one line; UINT64_MAX for "max", or if there is none. */
static uint64_t read_number(const char *path)
{
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (!file) {
        return UINT64_MAX;
    }
    char *end = NULL;
    uint64_t n = fgets(text, sizeof text, file) ? strtoull(text, &end, 10) : 0;
    fclose(file);
    return end && end > text ? n : UINT64_MAX;
}

/* Of the control group that the process is in, 0 for this one: version 2 alone has one path for all. */
static uint64_t most_of_group(long process)
{
    char line[4096], path[4200] = "/proc/self/cgroup";
    if (process > 0) {
        snprintf(path, sizeof path, "/proc/%ld/cgroup", process);
    }
    FILE *file = fopen(path, "re");
    path[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/pids.max", line + 3);
        }
    }
    if (file) {
        fclose(file);
    }
    return path[0] ? read_number(path) : UINT64_MAX;
}

static void check_threads(struct doctor *d)
{
    struct rlimit most;
    uint64_t needed = connections(d->o) + THREADS_ELSE;
    uint64_t has = getrlimit(RLIMIT_NPROC, &most) == 0 && most.rlim_cur != RLIM_INFINITY && geteuid() != 0
                       ? most.rlim_cur
                       : UINT64_MAX;
    uint64_t group = most_of_group(d->running), system = read_number("/proc/sys/kernel/threads-max");
    const char *whose = group < has ? "the control group" : "the user";
    has = group < has ? group : has;
    whose = system < has ? "the system" : whose;
    has = system < has ? system : has;
    if (has < needed) {
        doctor_say(d, DOCTOR_WARN, "limits",
                   "ulimit -u, TasksMax= of a service; or fewer peers: -incoming, -outgoing",
                   "%" PRIu64 " threads are needed if all places are taken, and %s may have %" PRIu64 " only",
                   needed, whose, has);
    } else {
        doctor_say(d, DOCTOR_OK, "limits", NULL, "%" PRIu64 " threads are needed if all places are taken",
                   needed);
    }
}

static void check_time_keeper(struct doctor *d)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);
    if (state < 0) {
        doctor_say(d, DOCTOR_NOTE, "clock", NULL, "whether something keeps it right cannot be seen: %s",
                   strerror(errno));
    } else if (state == TIME_ERROR || (t.status & STA_UNSYNC)) {
        doctor_say(d, DOCTOR_WARN, "clock", "systemctl enable --now systemd-timesyncd, or chrony",
                   "nothing keeps it right: the kernel calls it unsynchronised");
    } else {
        doctor_say(d, DOCTOR_OK, "clock", NULL, "it is kept right, within %ld ms", t.maxerror / 1000);
    }
}

void doctor_check_machine(struct doctor *d)
{
    check_descriptors(d);
    check_threads(d);
    check_time_keeper(d);
}
