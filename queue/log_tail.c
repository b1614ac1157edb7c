#include "queue/log_tail.h"

#include <stdlib.h>
#include <string.h>

#include "queue/bell.h"
#include "queue/parcel.h"
#include "queue/queue.h"

struct log_tail {
    struct bell bell;      /* the reader's */
    struct queue *waiting; /* parcels, a line each */
    _Atomic uint64_t missed;

    /* The reader's. */
    uint64_t taken;
    struct parcel *kept[LOG_TAIL_LINES]; /* line n lies at n % LOG_TAIL_LINES */
};

struct log_tail *log_tail_new(void)
{
    struct log_tail *t = aligned_alloc(_Alignof(struct log_tail), sizeof *t);
    if (!t) {
        return NULL;
    }
    memset(t, 0, sizeof *t);
    if (bell_init(&t->bell) == 0) {
        t->waiting = queue_new(&(struct queue_config){.messages = LOG_TAIL_LINES,
                                                      .bytes = LOG_TAIL_BYTES,
                                                      .many_writers = true,
                                                      .reader_bell = &t->bell});
    }
    if (!t->waiting) {
        log_tail_free(t);
        return NULL;
    }
    /* Armed from the start: the reader may poll before it takes. */
    bell_arm(&t->bell);
    return t;
}

void log_tail_free(struct log_tail *t)
{
    if (!t) {
        return;
    }
    queue_free(t->waiting, NULL, NULL);
    for (size_t i = 0; i < LOG_TAIL_LINES; i++) {
        parcel_release(t->kept[i]);
    }
    bell_fini(&t->bell);
    free(t);
}

uint64_t log_tail_memory(void)
{
    uint64_t kept = (uint64_t)LOG_TAIL_LINES * (LOG_RECORD_HEAD + LOG_LINE_MAX);
    return sizeof(struct log_tail) + queue_memory(LOG_TAIL_LINES) +
           parcel_memory(2 * LOG_TAIL_LINES, LOG_TAIL_BYTES + kept);
}

void log_tail_add(struct log_tail *t, struct parcel *line)
{
    struct message m = {.parcel = parcel_hold(line)};
    if (!queue_post(t->waiting, &m)) {
        parcel_release(line);
        /* Relaxed: a count alone, and nothing else is read by what it says. */
        atomic_fetch_add_explicit(&t->missed, 1, memory_order_relaxed);
    }
    queue_wake(t->waiting);
}

static void take_all(struct log_tail *t)
{
    struct message m;
    while (queue_take(t->waiting, &m, 1) > 0) {
        queue_done(t->waiting, 1, m.parcel->size);
        struct parcel **place = &t->kept[++t->taken % LOG_TAIL_LINES];
        parcel_release(*place);
        *place = m.parcel;
    }
}

uint64_t log_tail_take(struct log_tail *t)
{
    /* A line that comes between this and the look rings; one from before is seen by the look. */
    bell_arm(&t->bell);
    take_all(t);
    return t->taken;
}

bool log_tail_line(const struct log_tail *t, uint64_t number, struct log_record *line)
{
    if (number == 0 || number > t->taken || t->taken - number >= LOG_TAIL_LINES) {
        return false;
    }
    *line = log_record_of(t->kept[number % LOG_TAIL_LINES]);
    return true;
}

uint64_t log_tail_missed(const struct log_tail *t)
{
    return atomic_load_explicit(&t->missed, memory_order_relaxed); /* as in log_tail_add */
}

int log_tail_fd(const struct log_tail *t)
{
    return t->bell.fd;
}
