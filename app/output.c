#include "app/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "queue/worker.h"
#include "queue/writing.h"

#define KEPT_BYTES ((size_t)4 << 20) /* a larger block is freed once it is written */

/* One block at a time goes to the thread: it is the thread's while `given` is true, else main's. It outlives
 * the struct output if a system call holds the thread for good. */
struct output_thread {
    int fd;
    enum { OUTPUT_FILE, OUTPUT_PIPE, OUTPUT_OTHER } kind;
    struct bell main_bell;
    struct worker worker;
    char *block;
    size_t size, capacity;
    int error;
    _Atomic size_t written; /* bytes of the block */
    _Atomic bool given;

    size_t known; /* main's: what `written` was when it looked last */
};

/* --- the thread --- */

/* The bytes of the next write. The other end's progress is seen after each, so they are few; but of those
 * that a pipe has room for, the write waits for nobody. A page that is partly read takes its whole room in
 * there. */
static size_t chunk(const struct output_thread *t)
{
    int unread, room = 0;
    if (t->kind == OUTPUT_FILE) {
        return SIZE_MAX;
    }
    if (t->kind == OUTPUT_PIPE && ioctl(t->fd, FIONREAD, &unread) == 0) {
        room = fcntl(t->fd, F_GETPIPE_SZ) - unread - PIPE_BUF;
    }
    return room > PIPE_BUF ? (size_t)room : PIPE_BUF;
}

static void write_block(struct output_thread *t)
{
    size_t written = 0;
    while (written < t->size && t->error == 0) {
        size_t left = t->size - written, most = chunk(t), n = left < most ? left : most;
        t->error = writing_write(t->fd, t->block + written, n);
        written += n;
        /* Relaxed: a count, by which main sees that there is progress. */
        atomic_store_explicit(&t->written, written, memory_order_relaxed);
        bell_ring(&t->main_bell);
    }
    /* Release: without it main could take the block back while this thread still reads it, and miss the
     * error. */
    atomic_store_explicit(&t->given, false, memory_order_release);
    bell_ring(&t->main_bell);
}

static bool has_block(const void *self)
{
    const struct output_thread *t = self;
    /* Acquire: without it the thread could read the block as it was before it was given, and main as it was
     * before it was written. */
    return atomic_load_explicit(&t->given, memory_order_acquire);
}

static void run(void *self)
{
    struct output_thread *t = self;
    writing_begin();
    for (;;) {
        /* Looked at before the block, so that a block that was given before the end is written. */
        bool ending = worker_stopped(&t->worker);
        if (has_block(t)) {
            write_block(t);
        } else if (ending) {
            return;
        } else {
            worker_sleep(&t->worker, has_block, NULL, 0, WORKER_NEVER);
        }
    }
}

/* --- its start --- */

static void free_thread(struct output_thread *t)
{
    bell_fini(&t->main_bell);
    worker_fini(&t->worker);
    free(t->block);
    free(t);
}

static struct output_thread *start_thread(int fd)
{
    struct output_thread *t = aligned_alloc(_Alignof(struct output_thread), sizeof *t);
    if (!t) {
        return NULL;
    }
    memset(t, 0, sizeof *t);
    t->fd = fd;
    struct stat s;
    bool known = fstat(fd, &s) == 0;
    t->kind = known && S_ISREG(s.st_mode)    ? OUTPUT_FILE
              : known && S_ISFIFO(s.st_mode) ? OUTPUT_PIPE
                                             : OUTPUT_OTHER;
    if (bell_init(&t->main_bell) == 0 && worker_start(&t->worker, "kith-output", 0, run, t) == 0) {
        return t;
    }
    free_thread(t);
    return NULL;
}

bool output_init(struct output *o, int fd)
{
    *o = (struct output){.thread = start_thread(fd), .is_terminal = isatty(fd), .enough = OUTPUT_ENOUGH};
    return o->thread;
}

void output_init_text(struct output *o, size_t enough)
{
    *o = (struct output){.enough = enough};
}

static bool is_idle(const struct output_thread *t)
{
    return !has_block(t);
}

/* --- main --- */

/* Half a line would be worse than none: without memory there is no further text. */
static bool append(struct output *o, char **to, size_t *to_size, size_t *capacity, const char *text,
                   size_t size)
{
    if (o->error) {
        return false;
    }
    if (!array_reserve(*to, *capacity, *to_size + size)) {
        o->error = ENOMEM;
        return false;
    }
    if (size > 0) { /* else `text` may be NULL, which memcpy is not defined for */
        memcpy(*to + *to_size, text, size);
    }
    *to_size += size;
    return true;
}

void output_add_piece(struct output *o, const char *text, size_t size)
{
    if (o->before) {
        o->before(o->before_context);
    }
    append(o, &o->text, &o->size, &o->capacity, text, size);
}

void output_add(struct output *o, const char *text, size_t size)
{
    if (o->in_pieces) {
        append(o, &o->aside, &o->aside_size, &o->aside_capacity, text, size);
    } else {
        output_add_piece(o, text, size);
    }
}

/* --- without a thread --- */

#define KEPT_TEXT ((size_t)64 * 1024) /* a larger block is freed once it is written */

const char *output_text(const struct output *o, size_t *size)
{
    *size = o->size - o->start;
    return *size > 0 ? o->text + o->start : NULL;
}

/* What is unwritten moves to the front if that is the smaller half: so each byte moves once at most, on
 * average. */
void output_took(struct output *o, size_t size)
{
    o->start += size;
    if (o->start < o->size - o->start) {
        return;
    }
    o->size -= o->start;
    if (o->size > 0) {
        memcpy(o->text, o->text + o->start, o->size);
    } else if (o->capacity > KEPT_TEXT) {
        free(o->text);
        o->text = NULL;
        o->capacity = 0;
    }
    o->start = 0;
}

void output_drop(struct output *o)
{
    free(o->text);
    free(o->aside);
    *o = (struct output){.enough = o->enough};
}

/* --- all --- */

void output_pieces_begin(struct output *o)
{
    o->in_pieces = true;
}

void output_pieces_end(struct output *o)
{
    o->in_pieces = false;
    output_add_piece(o, o->aside, o->aside_size);
    free(o->aside);
    o->aside = NULL;
    o->aside_size = o->aside_capacity = 0;
}

void output_printf(struct output *o, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[8192];
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n > 0) {
        output_add(o, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    }
}

/* Without what waits aside. */
static size_t unwritten(const struct output *o)
{
    const struct output_thread *t = o->thread;
    if (!t) {
        return o->size - o->start;
    }
    return is_idle(t) ? o->size : o->size + t->size - atomic_load_explicit(&t->written, memory_order_relaxed);
}

size_t output_size(const struct output *o)
{
    return unwritten(o) + o->aside_size;
}

uint64_t output_taken(const struct output *o)
{
    return o->passed - (unwritten(o) - o->size);
}

bool output_has_room(const struct output *o)
{
    return o->error || unwritten(o) < o->enough;
}

bool output_is_full(const struct output *o)
{
    return !o->error && output_size(o) >= o->enough;
}

bool output_has_no_reader(const struct output *o)
{
    /* A terminal that is hung up says EIO, a socket may say ECONNRESET. */
    return o->error == EPIPE || o->error == ECONNRESET || (o->error == EIO && o->is_terminal);
}

/* Main's text becomes the thread's block, and the block that is written main's next text. */
static void pass_text(struct output *o)
{
    struct output_thread *t = o->thread;
    char *block = t->block;
    size_t capacity = t->capacity;
    t->block = o->text;
    t->size = o->size;
    t->capacity = o->capacity;
    o->passed += o->size;
    if (capacity > KEPT_BYTES) {
        free(block);
        block = NULL;
        capacity = 0;
    }
    o->text = block;
    o->size = 0;
    o->capacity = capacity;
    t->known = 0;
    atomic_store_explicit(&t->written, 0, memory_order_relaxed);
    /* Release: without it the thread could see `given` before the block. */
    atomic_store_explicit(&t->given, true, memory_order_release);
    bell_ring(&t->worker.bell);
}

void output_write(struct output *o)
{
    struct output_thread *t = o->thread;
    if (is_idle(t) && !o->error) {
        o->error = t->error;
    }
    if (is_idle(t) && !o->error && o->size > 0) {
        pass_text(o);
    }
    t->known = atomic_load_explicit(&t->written, memory_order_relaxed);
}

int output_sleep_begin(struct output *o)
{
    struct output_thread *t = o->thread;
    bell_arm(&t->main_bell);
    if (t->known != atomic_load_explicit(&t->written, memory_order_relaxed)) {
        return -1;
    }
    return is_idle(t) && !o->error && (o->size > 0 || t->error) ? -1 : t->main_bell.fd;
}

void output_sleep_end(struct output *o)
{
    bell_get_up(&o->thread->main_bell);
}

/* Text up to that bound and an event beyond it, in arrays that double: main's, the thread's, and what is put
 * aside. */
uint64_t output_most(void)
{
    return 3 * 2 * OUTPUT_ENOUGH;
}

/* --- its end --- */

/* Sleeps until the thread has written more, or `ms` are over. */
static void wait_for_thread(struct output *o, int64_t ms)
{
    int fd = output_sleep_begin(o);
    if (fd >= 0) {
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)ms);
    }
    output_sleep_end(o);
}

void output_flush(struct output *o, int64_t by_ms)
{
    int64_t now = clock_ms(), still_by = now + OUTPUT_STILL_MS;
    size_t left;
    for (output_write(o); (left = output_size(o)) > 0 && !o->error && now < by_ms && now < still_by;) {
        wait_for_thread(o, (by_ms < still_by ? by_ms : still_by) - now);
        output_write(o);
        now = clock_ms();
        if (output_size(o) < left) {
            still_by = now + OUTPUT_STILL_MS;
        }
    }
}

void output_fini(struct output *o, int64_t by_ms)
{
    struct output_thread *t = o->thread;
    if (!t) {
        return;
    }
    output_flush(o, by_ms);
    o->left = output_size(o);
    if (worker_end(&t->worker, o->left > 0 ? 0 : OUTPUT_SHORTLY_MS)) {
        o->error = o->error ? o->error : t->error;
        free_thread(t);
    }
    free(o->text);
    free(o->aside);
    *o = (struct output){.error = o->error, .left = o->left, .is_terminal = o->is_terminal};
}
