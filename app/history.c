#include "app/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "peers/place.h"
#include "queue/thread.h"

enum { WRITE_MS = 500, READ_BYTES = 4 * HISTORY_LINE_BYTES };

static char *read_open(int fd, size_t *size)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        return NULL;
    }
    size_t most = (size_t)s.st_size < HISTORY_BYTES ? (size_t)s.st_size : HISTORY_BYTES, got = 0;
    off_t from = s.st_size - (off_t)most;
    char *text = malloc(most + 1);
    if (!text) {
        return NULL;
    }
    for (ssize_t n = 1; n > 0 && got<most; got += n> 0 ? (size_t)n : 0) {
        n = pread(fd, text + got, most - got, from + (off_t)got);
    }
    const char *first = from > 0 ? memchr(text, '\n', got) : NULL;
    size_t cut = first ? (size_t)(first - text) + 1 : 0;
    memmove(text, text + cut, got - cut);
    *size = got - cut;
    return text;
}

/* What is no regular file could hold the start up. */
char *history_read(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    char *text = read_open(fd, size);
    close(fd);
    return text;
}

/* Lines go to the thread through a pipe. The thread's end of the struct is left as it is if a disk holds it
 * for good. */
struct history_file {
    char *path;
    int from, to; /* the pipe's ends: the thread's, and its writer's */
    pthread_t thread;
    int error; /* the thread's, until it is joined */

    /* What the file is to have in the end; the thread's once it is given. */
    char *text;
    size_t size;
    _Atomic bool is_given;
};

static int write_whole(const char *path, const char *text, size_t size)
{
    struct place p;
    if (place_open(&p, path) != 0) {
        return errno;
    }
    int error = place_write(&p, text, size) == 0 ? 0 : errno;
    place_close(&p);
    return error;
}

/* A program that is always killed writes no end: else the file would grow for ever. */
static void cut(const char *path)
{
    struct stat s;
    size_t size = 0;
    char *text = stat(path, &s) == 0 && s.st_size > (off_t)HISTORY_BYTES ? history_read(path, &size) : NULL;
    if (text) {
        write_whole(path, text, size);
    }
    free(text);
}

/* A last line without an end is another program's, or of a disk that was full: ours must not continue it. */
static void append_to(int fd, const char *lines, size_t size)
{
    char last = '\n', newline[] = "\n";
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size > (off_t)(2 * HISTORY_BYTES) ||
        (s.st_size > 0 && pread(fd, &last, 1, s.st_size - 1) != 1)) {
        return;
    }
    struct iovec parts[] = {{newline, last == '\n' ? 0 : 1}, {(char *)(uintptr_t)lines, size}};
    if (writev(fd, parts, 2) != (ssize_t)(parts[0].iov_len + size) && ftruncate(fd, s.st_size) != 0) {
        return; /* part of a line is no harm */
    }
}

/* It is opened each time: somebody may have moved it. What cannot be appended is in the text of the end. */
static void append(const char *path, const char *lines, size_t size)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd >= 0) {
        append_to(fd, lines, size);
        close(fd);
    }
}

static void *keep(void *argument)
{
    struct history_file *f = argument;
    char lines[READ_BYTES];
    size_t size = 0;
    cut(f->path);
    for (ssize_t n; (n = read(f->from, lines + size, sizeof lines - size)) > 0;) {
        size += (size_t)n;
        const char *last = memrchr(lines, '\n', size); /* there is one: the room is for more than a line */
        size_t whole = last ? (size_t)(last - lines) + 1 : 0;
        append(f->path, lines, whole);
        memmove(lines, lines + whole, size - whole);
        size -= whole;
    }
    /* Acquire: else the thread could see the text as it was before it was set. A pipe's end orders nothing.
     */
    if (atomic_load_explicit(&f->is_given, memory_order_acquire)) {
        f->error = write_whole(f->path, f->text, f->size);
    }
    return NULL;
}

static void free_file(struct history_file *f)
{
    if (f->from >= 0) {
        close(f->from);
    }
    if (f->to >= 0) {
        close(f->to);
    }
    free(f->path);
    free(f->text);
    free(f);
}

struct history_file *history_open(const char *path)
{
    int ends[2] = {-1, -1};
    struct history_file *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    bool has_pipe = pipe2(ends, O_CLOEXEC) == 0;
    *f = (struct history_file){.path = strdup(path), .from = ends[0], .to = ends[1]};
    if (!has_pipe || !f->path || fcntl(f->to, F_SETFL, O_NONBLOCK) != 0 ||
        thread_start(&f->thread, "kith-history", 0, keep, f) != 0) {
        free_file(f);
        return NULL;
    }
    return f;
}

/* Of no more than PIPE_BUF bytes the pipe takes all or none. */
void history_add(struct history_file *f, const char *line)
{
    char text[HISTORY_LINE_BYTES + 2];
    int n = snprintf(text, sizeof text, "%s\n", line);
    ssize_t taken = n < (int)sizeof text ? write(f->to, text, (size_t)n) : 0;
    (void)taken;
}

int history_close(struct history_file *f, const char *text, size_t size)
{
    f->text = text ? malloc(size + 1) : NULL;
    int error = text && !f->text ? ENOMEM : 0;
    if (f->text) {
        memcpy(f->text, text, size);
        f->size = size;
        atomic_store_explicit(&f->is_given, true, memory_order_release); /* as in keep */
    }
    close(f->to);
    f->to = -1;
    if (!thread_join_within(f->thread, WRITE_MS)) {
        pthread_detach(f->thread);
        return ETIMEDOUT;
    }
    error = error ? error : f->error;
    free_file(f);
    return error;
}
