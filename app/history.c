#include "app/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peers/place.h"
#include "queue/thread.h"

enum { WRITE_MS = 500 };

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

/* It is left as it is if a disk holds the thread for good. */
struct writing {
    char *path, *text;
    size_t size;
    int error;
};

static void *write_file(void *argument)
{
    struct writing *w = argument;
    struct place p;
    if (place_open(&p, w->path) != 0) {
        w->error = errno;
        return NULL;
    }
    w->error = place_write(&p, w->text, w->size) == 0 ? 0 : errno;
    place_close(&p);
    return NULL;
}

static void free_writing(struct writing *w)
{
    free(w->path);
    free(w->text);
    free(w);
}

int history_write(const char *path, const char *text, size_t size)
{
    struct writing *w = calloc(1, sizeof *w);
    if (!w) {
        return ENOMEM;
    }
    *w = (struct writing){.path = strdup(path), .text = malloc(size + 1), .size = size};
    pthread_t thread;
    int error = w->path && w->text ? 0 : ENOMEM;
    if (error == 0) {
        memcpy(w->text, text, size);
        error = thread_start(&thread, "kith-history", 0, write_file, w);
    }
    if (error == 0 && !thread_join_within(thread, WRITE_MS)) {
        pthread_detach(thread);
        return ETIMEDOUT;
    }
    error = error == 0 ? w->error : error;
    free_writing(w);
    return error;
}
