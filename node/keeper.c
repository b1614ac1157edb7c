#include "node/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "peers/file.h"
#include "queue/mailbox.h"
#include "queue/thread.h"

/* Between two lines that say the same. */
#define TELL_AGAIN_MS ((int64_t)10 * 60 * 1000)

struct keeper {
    struct keeper_terms terms;
    char *path, *network;
    struct bell bell;
    struct mailbox *snapshots; /* on the control lane, which has no other messages */
    pthread_t thread;
    _Atomic bool stop;

    /* The thread's own. */
    int error;       /* of the write that was last; 0: it succeeded */
    uint64_t failed; /* writes that failed since one succeeded */
    int64_t told_at; /* when the log was told of `error`, on the clock of clock_ms */
};

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A disk that stays full fails every write, of which there may be one each second. */
static void tell_failure(struct keeper *k, int error)
{
    int64_t now = clock_ms();
    k->failed++;
    if (error == k->error && now - k->told_at < TELL_AGAIN_MS)
        return;
    k->error = error;
    k->told_at = now;
    log_line(k->terms.log, LOG_LEVEL_WARNING,
             "peers file %s could not be written: %s; it is as it was, and tried again (failures: %" PRIu64
             ")",
             k->path, strerror(error), k->failed);
}

static void tell_success(struct keeper *k)
{
    if (k->failed > 0)
        log_line(k->terms.log, LOG_LEVEL_INFO, "peers file %s is written again, after %" PRIu64 " failures",
                 k->path, k->failed);
    k->failed = 0;
    k->error = 0;
}

static void write_snapshot(struct keeper *k, struct book_snapshot *s)
{
    bool failed = peers_file_write(k->path, k->network, s, wall_ms()) != 0;
    if (failed)
        tell_failure(k, errno);
    else
        tell_success(k);
    book_snapshot_free(s);
    k->terms.saved(k->terms.context, failed);
}

static bool stopped(const struct keeper *k)
{
    /* Acquire: a thread that sees the flag sees the snapshots that were posted before it was raised. With a
     * relaxed load it could find the mailbox empty and leave the last one unwritten. */
    return atomic_load_explicit(&k->stop, memory_order_acquire);
}

static void wait_for_snapshot(struct keeper *k)
{
    struct pollfd polled = {.fd = k->bell.fd, .events = POLLIN};
    bell_lie_down(&k->bell);
    if (!stopped(k) && mailbox_empty(k->snapshots))
        poll(&polled, 1, -1);
    bell_get_up(&k->bell);
}

static void *run(void *argument)
{
    struct keeper *k = argument;
    for (;;) {
        /* Looked at before the mailbox, so that what was posted before the stop is found. */
        bool last = stopped(k);
        struct message m;
        if (mailbox_take_control(k->snapshots, &m, 1) == 1)
            write_snapshot(k, m.body);
        else if (last)
            return NULL;
        else
            wait_for_snapshot(k);
    }
}

static void destroy(struct keeper *k)
{
    mailbox_free(k->snapshots, NULL, NULL);
    bell_fini(&k->bell);
    free(k->path);
    free(k->network);
    free(k);
}

/* 0 or an error number. */
static int begin(struct keeper *k)
{
    k->path = strdup(k->terms.path);
    k->network = strdup(k->terms.network);
    if (k->path == NULL || k->network == NULL)
        return ENOMEM;
    if (bell_init(&k->bell) != 0)
        return errno;
    /* parcels: a mailbox has a data lane, which nothing uses here. controls: a second one would be outdated
     * by the time that it was written. */
    k->snapshots = mailbox_new(&(struct mailbox_terms){.parcels = 1, .controls = 1, .reader_bell = &k->bell});
    if (k->snapshots == NULL)
        return ENOMEM;
    return thread_start(&k->thread, "kith-keeper", 0, run, k);
}

struct keeper *keeper_start(const struct keeper_terms *terms)
{
    struct keeper *k = aligned_alloc(_Alignof(struct keeper), sizeof *k);
    if (k == NULL)
        return NULL;
    *k = (struct keeper){.terms = *terms, .bell.fd = -1};
    int error = begin(k);
    if (error == 0)
        return k;
    destroy(k);
    errno = error;
    return NULL;
}

bool keeper_save(struct keeper *k, struct book_snapshot *s)
{
    const struct message m = {.body = s};
    if (mailbox_post_control(k->snapshots, &m) == MAILBOX_OK)
        return true;
    book_snapshot_free(s);
    return false;
}

void keeper_stop(struct keeper *k)
{
    if (k == NULL)
        return;
    /* Release: pairs with the load in stopped(). */
    atomic_store_explicit(&k->stop, true, memory_order_release);
    bell_ring(&k->bell);
    pthread_join(k->thread, NULL);
    destroy(k);
}
