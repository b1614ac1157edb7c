#include "node/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "peers/file.h"
#include "queue/queue.h"
#include "queue/worker.h"

#define HOME_MS 10 /* how long `saved` may take */

/* Between two lines that say the same. */
#define TELL_AGAIN_MS ((int64_t)10 * 60 * 1000)

/* Whether the thread is with the disk, which may not answer for good. */
enum { AT_HOME, WITH_DISK, ABANDONED };

struct keeper {
    struct keeper_config config;
    char *path, *network;
    struct worker worker;
    struct queue *snapshots;
    _Atomic int where;

    /* The thread's own. */
    int error;       /* of the write that was last; 0: it succeeded */
    uint64_t failed; /* writes that failed since one succeeded */
    int64_t told_at; /* when the log was told of `error`, on the clock of clock_ms */
};

/* A disk that stays full fails every write, of which there may be one each second. */
static void tell_failure(struct keeper *k, int error)
{
    int64_t now = clock_ms();
    k->failed++;
    if (error == k->error && now - k->told_at < TELL_AGAIN_MS) {
        return;
    }
    k->error = error;
    k->told_at = now;
    log_line(k->config.log, LOG_LEVEL_WARNING,
             "peers file %s could not be written: %s; it is as it was, and tried again (failures: %" PRIu64
             ")",
             k->path, strerror(error), k->failed);
}

static void tell_success(struct keeper *k)
{
    if (k->failed > 0) {
        log_line(k->config.log, LOG_LEVEL_INFO, "peers file %s is written again, after %" PRIu64 " failures",
                 k->path, k->failed);
    }
    k->failed = 0;
    k->error = 0;
}

/* False if the thread has been abandoned. Relaxed: nothing else is read by what it says. In one step, or
 * keeper_stop could abandon a thread that then goes on to a log or a context that are gone. */
static bool move(struct keeper *k, int from, int to)
{
    return atomic_compare_exchange_strong_explicit(&k->where, &from, to, memory_order_relaxed,
                                                   memory_order_relaxed);
}

/* False if the thread has been abandoned. */
static bool write_snapshot(struct keeper *k, struct book_snapshot *s)
{
    move(k, AT_HOME, WITH_DISK);
    bool failed = peers_file_write(k->path, k->network, s, clock_wall_ms()) != 0;
    int error = errno;
    book_snapshot_free(s);
    if (!move(k, WITH_DISK, AT_HOME)) {
        return false;
    }
    if (failed) {
        tell_failure(k, error);
    } else {
        tell_success(k);
    }
    k->config.saved(k->config.context, failed);
    return true;
}

static void free_snapshot(void *context, struct message *m)
{
    (void)context;
    book_snapshot_free(m->snapshot);
}

static bool has_snapshot(const void *self)
{
    const struct keeper *k = self;
    return !queue_empty(k->snapshots);
}

static void destroy(struct keeper *k)
{
    queue_free(k->snapshots, free_snapshot, NULL);
    worker_fini(&k->worker);
    free(k->path);
    free(k->network);
    free(k);
}

static void run(void *self)
{
    struct keeper *k = self;
    for (;;) {
        /* Looked at before the queue, so that what was posted before the stop is found. */
        bool last = worker_stopped(&k->worker);
        struct message m;
        if (queue_take_one(k->snapshots, &m)) {
            if (!write_snapshot(k, m.snapshot)) {
                worker_leave(&k->worker);
                destroy(k);
                return;
            }
        } else if (last) {
            return;
        } else {
            worker_sleep(&k->worker, has_snapshot, NULL, 0, WORKER_NEVER);
        }
    }
}

/* 0 or an error number. */
static int begin(struct keeper *k)
{
    k->path = strdup(k->config.path);
    k->network = strdup(k->config.network);
    if (!k->path || !k->network) {
        return ENOMEM;
    }
    /* A second one would be outdated by the time that it was written. */
    k->snapshots = queue_new(&(struct queue_config){.messages = 1, .reader_bell = &k->worker.bell});
    if (!k->snapshots) {
        return ENOMEM;
    }
    return worker_start(&k->worker, "kith-keeper", 0, run, k);
}

struct keeper *keeper_start(const struct keeper_config *config)
{
    struct keeper *k = aligned_alloc(_Alignof(struct keeper), sizeof *k);
    if (!k) {
        return NULL;
    }
    *k = (struct keeper){.config = *config};
    int error = begin(k);
    if (error == 0) {
        return k;
    }
    destroy(k);
    errno = error;
    return NULL;
}

bool keeper_save(struct keeper *k, struct book_snapshot *s)
{
    const struct message m = {.snapshot = s};
    if (queue_post_and_wake(k->snapshots, &m)) {
        return true;
    }
    book_snapshot_free(s);
    return false;
}

void keeper_stop(struct keeper *k, int ms)
{
    if (!k) {
        return;
    }
    worker_stop(&k->worker);
    while (!worker_join_within(&k->worker, ms)) {
        if (move(k, WITH_DISK, ABANDONED)) {
            return; /* the thread frees the keeper */
        }
        ms = HOME_MS;
    }
    destroy(k);
}
