#include "seed/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "queue/thread.h"
#include "seed/fetch.h"

#define STOP_LOOK_MS 100 /* how often the stop flag is looked at */

struct read_job {
    _Atomic uint32_t holders; /* the owner and the thread; who leaves last frees */
    _Atomic bool done; /* everything below is the thread's until this is set, and read-only from then on */
    int ready;         /* an eventfd */
    char *path;
    char *bytes;
    size_t size;
    const char *failure; /* constant; NULL: none */
};

/* Nobody waits for the thread of a read that was dropped: without this bound, a file system that never
 * answers would gather one at each try. It is a number and orders nothing, so relaxed is enough. */
static _Atomic uint32_t live;

static bool live_enter(void)
{
    if (atomic_fetch_add_explicit(&live, 1, memory_order_relaxed) < SEED_DISK_LIVE_MAX) {
        return true;
    }
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    return false;
}

static void live_leave(void)
{
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

static void free_job(struct read_job *j)
{
    if (j->ready >= 0) {
        descriptor_close(j->ready);
    }
    free(j->path);
    free(j->bytes);
    free(j);
}

static void leave(struct read_job *j)
{
    /* Release: without it the other holder could free j before our last use of it has happened. Acquire:
     * without it we could free j before the other's last use has happened. */
    if (atomic_fetch_sub_explicit(&j->holders, 1, memory_order_acq_rel) == 1) {
        free_job(j);
    }
}

/* --- on the thread that reads: NULL, or what failed --- */

static const char *read_whole(int fd, struct read_job *j)
{
    struct stat s;
    if (fstat(fd, &s) != 0) {
        return strerrordesc_np(errno);
    }
    if (!S_ISREG(s.st_mode)) {
        return "not a regular file";
    }
    /* A byte more than the limit tells a file that is too long. */
    j->bytes = malloc(SEED_BODY_MAX + 1);
    if (!j->bytes) {
        return "memory is short";
    }
    ssize_t n = 1;
    while (n != 0 && j->size <= SEED_BODY_MAX) {
        n = read(fd, j->bytes + j->size, SEED_BODY_MAX + 1 - j->size);
        if (n < 0 && errno != EINTR) {
            return strerrordesc_np(errno);
        }
        j->size += n > 0 ? (size_t)n : 0;
    }
    if (j->size > SEED_BODY_MAX) {
        return "longer than 1048576 bytes";
    }
    return (off_t)j->size < s.st_size ? "the file was cut short" : NULL;
}
_Static_assert(SEED_BODY_MAX == 1048576, "the text of read_whole says so");

static const char *open_and_read(struct read_job *j)
{
    /* O_NONBLOCK: a fifo would wait for its writer. */
    int fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return strerrordesc_np(errno);
    }
    const char *failure = read_whole(fd, j);
    close(fd);
    return failure;
}

static void *run(void *argument)
{
    struct read_job *j = argument;
    j->failure = open_and_read(j);
    /* Release: without it an owner that sees `done` could read bytes that are not written yet. */
    atomic_store_explicit(&j->done, true, memory_order_release);
    /* After the store: an owner woken before it would find nothing, and this rings only once. The write
     * cannot fail: the counter is 0. */
    eventfd_write(j->ready, 1);
    leave(j);
    live_leave();
    return NULL;
}

/* --- on the fetcher's thread --- */

/* NULL if memory or descriptors are short. */
static struct read_job *new_job(const char *path)
{
    struct read_job *j = calloc(1, sizeof *j);
    if (!j) {
        return NULL;
    }
    atomic_init(&j->holders, 2);
    j->ready = descriptor_own(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    j->path = strdup(path);
    if (j->ready < 0 || !j->path) {
        free_job(j);
        return NULL;
    }
    return j;
}

/* NULL with result->error. */
static struct read_job *start(const char *path, struct seed_result *result)
{
    if (!live_enter()) {
        seed_result_fail(result, "%d earlier reads of a file still hang", SEED_DISK_LIVE_MAX);
        return NULL;
    }
    struct read_job *j = new_job(path);
    pthread_t thread;
    if (!j || thread_start(&thread, "kith-seed-file", 0, run, j) != 0) {
        if (j) {
            free_job(j);
        }
        live_leave();
        seed_result_fail(result, "memory, threads or descriptors are short");
        return NULL;
    }
    pthread_detach(thread);
    return j;
}

/* True if the thread has finished; false if there is no answer in time, or it is to stop. */
static bool wait_for(const struct read_job *j, const struct seed_config *config)
{
    int64_t deadline = clock_ms() + config->total_timeout_ms, left;
    struct pollfd p = {.fd = j->ready, .events = POLLIN};
    /* Acquire: without it the bytes could be read as they were before the thread wrote them. */
    while (!atomic_load_explicit(&j->done, memory_order_acquire)) {
        left = deadline - clock_ms();
        if (left <= 0 || seed_stopped(config)) {
            return false;
        }
        poll(&p, 1, left < STOP_LOOK_MS ? (int)left : STOP_LOOK_MS);
    }
    return !seed_stopped(config);
}

int seed_disk_read(const char *path, const struct seed_config *config, char **bytes, size_t *size,
                   struct seed_result *result)
{
    struct read_job *j = start(path, result);
    if (!j) {
        return -1;
    }
    int failed = 0;
    if (!wait_for(j, config)) {
        failed = seed_result_fail(result, seed_stopped(config) ? "stopped" : "no answer in time");
    } else if (j->failure) {
        failed = seed_result_fail(result, "%s", j->failure);
    }
    if (!failed) {
        *bytes = j->bytes;
        *size = j->size;
        j->bytes = NULL;
    }
    leave(j);
    return failed;
}
