#include "queue/log_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/log_record.h"
#include "queue/log_tail.h"
#include "queue/parcel.h"
#include "queue/queue.h"
#include "queue/worker.h"
#include "queue/writing.h"

#define LINE_MOST 8192 /* bytes that are written for one; of longer ones the end is cut */

struct log_writer {
    struct log_output to;
    struct queue *lines; /* parcels, a record each */
    struct worker worker;
    _Atomic uint64_t lost;      /* lines, since it was last told */
    _Atomic uint64_t lost_ever; /* the same since the start */

    /* The thread's. */
    struct parcel *line; /* being written. Kept here, to be freed if the thread is ended while it writes */
    bool failing;        /* the last write was refused */
    char text[LINE_MOST];
};

/* Relaxed, these and those below: they are counts alone, and nothing else is read by what they say. */
static void count_lost(struct log_writer *w)
{
    atomic_fetch_add_explicit(&w->lost, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->lost_ever, 1, memory_order_relaxed);
}

uint64_t log_writer_lost(const struct log_writer *w)
{
    return atomic_load_explicit(&w->lost_ever, memory_order_relaxed);
}

/* --- the threads that log --- */

static const struct log_about nobody;

static void post(struct log_writer *w, enum log_level level, const struct log_about *about, const char *text)
{
    struct message m = {.parcel = log_record_new(level, about, text)};
    if (m.parcel && w->to.tail) {
        log_tail_add(w->to.tail, m.parcel);
    }
    if (!m.parcel || !queue_post(w->lines, &m)) {
        parcel_release(m.parcel);
        count_lost(w);
    }
    queue_wake(w->lines);
}

void log_writer_line(void *writer, enum log_level level, const char *text)
{
    post(writer, level, &nobody, text);
}

void log_writer_line_about(void *writer, enum log_level level, const struct log_about *about,
                           const char *text)
{
    post(writer, level, about, text);
}

void log_writer_plain(struct log_writer *w, const char *text)
{
    post(w, LOG_LEVEL_SILENT, &nobody, text);
}

/* --- the thread --- */

/* In one write, so that lines of several processes stay whole. */
static void write_line(struct log_writer *w)
{
    const struct log_record r = log_record_of(w->line);
    if (w->to.send) {
        w->failing = w->to.send(&r) != 0;
    } else {
        size_t size = log_record_write(&r, w->to.format, w->text, sizeof w->text);
        w->failing = writing_write(w->to.fd, w->text, size) != 0;
    }
    parcel_release(w->line);
    w->line = NULL;
}

static void write_lines(struct log_writer *w)
{
    struct message m;
    while (queue_take(w->lines, &m, 1) > 0) {
        uint32_t size = m.parcel->size;
        w->line = m.parcel;
        write_line(w);
        if (w->failing) {
            count_lost(w);
        }
        queue_done(w->lines, 1, size);
    }
}

/* Relaxed, all of these: `lost` is a count alone, and nothing else is read by what it says. */
static void tell_lost(struct log_writer *w)
{
    uint64_t n = w->failing ? 0 : atomic_exchange_explicit(&w->lost, 0, memory_order_relaxed);
    if (n == 0) {
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "log: %" PRIu64 " lines were not written", n);
    w->line = log_record_new(LOG_LEVEL_WARNING, &nobody, text);
    w->failing = !w->line;
    if (w->line) {
        write_line(w);
    }
    if (w->failing) {
        atomic_fetch_add_explicit(&w->lost, n, memory_order_relaxed);
    }
}

/* A count that could not be written is told with the next line that can. */
static bool has_work(const void *self)
{
    const struct log_writer *w = self;
    uint32_t lines;
    uint64_t bytes;
    queue_fill(w->lines, &lines, &bytes);
    return lines > 0 || (!w->failing && atomic_load_explicit(&w->lost, memory_order_relaxed) > 0);
}

static void run(void *self)
{
    struct log_writer *w = self;
    writing_begin();
    for (;;) {
        /* Looked at before the lines, so that what was logged before the end is written. */
        bool ending = worker_stopped(&w->worker);
        write_lines(w);
        tell_lost(w);
        if (ending && !has_work(w)) {
            return;
        }
        worker_sleep(&w->worker, has_work, NULL, 0, WORKER_NEVER);
    }
}

/* --- its start and its end --- */

static void free_writer(struct log_writer *w)
{
    queue_free(w->lines, NULL, NULL);
    parcel_release(w->line);
    worker_fini(&w->worker);
    free(w);
}

struct log_writer *log_writer_start(const struct log_output *to)
{
    struct log_writer *w = aligned_alloc(_Alignof(struct log_writer), sizeof *w);
    if (!w) {
        return NULL;
    }
    memset(w, 0, sizeof *w);
    w->to = *to;
    w->lines = queue_new(&(struct queue_config){.messages = LOG_WRITER_LINES,
                                                .bytes = LOG_WRITER_BYTES,
                                                .many_writers = true,
                                                .reader_bell = &w->worker.bell});
    if (w->lines && worker_start(&w->worker, "kith-log", 0, run, w) == 0) {
        return w;
    }
    free_writer(w);
    return NULL;
}

void log_writer_end(struct log_writer *w, int ms)
{
    if (w && worker_end(&w->worker, ms)) {
        free_writer(w);
    }
}
