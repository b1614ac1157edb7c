#include "app/output.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void output_init(struct output *o, int fd)
{
    struct stat s;

    *o = (struct output){.fd = fd, .chunk = PIPE_BUF};
    /* POLLOUT promises room for PIPE_BUF bytes only, where the other end can be slow at all. */
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode))
        o->chunk = SIZE_MAX;
}

void output_fini(struct output *o)
{
    free(o->text);
    o->text = NULL;
}

static bool make_room(struct output *o, size_t size)
{
    size_t capacity = o->capacity ? o->capacity : 4096;
    char *text;

    if (o->start > 0) {
        memmove(o->text, o->text + o->start, o->end - o->start);
        o->end -= o->start;
        o->start = 0;
    }
    while (capacity - o->end < size)
        capacity *= 2;
    if (capacity == o->capacity)
        return true;
    text = realloc(o->text, capacity);
    if (!text)
        return false;
    o->text = text;
    o->capacity = capacity;
    return true;
}

void output_add(struct output *o, const char *text, size_t size)
{
    if (o->broken)
        return;
    if (o->capacity - o->end < size && !make_room(o, size)) {
        o->broken = true; /* half a line would be worse than none */
        return;
    }
    memcpy(o->text + o->end, text, size);
    o->end += size;
}

void output_printf(struct output *o, const char *format, ...)
{
    char text[8192];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n > 0)
        output_add(o, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

size_t output_size(const struct output *o)
{
    return o->end - o->start;
}

bool output_is_full(const struct output *o)
{
    return !o->broken && output_size(o) >= OUTPUT_ENOUGH;
}

bool output_wants(const struct output *o)
{
    return o->end > o->start && !o->broken;
}

void output_write(struct output *o)
{
    size_t left = o->end - o->start;
    ssize_t n = write(o->fd, o->text + o->start, left < o->chunk ? left : o->chunk);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            o->broken = true;
        return;
    }
    o->start += (size_t)n;
    if (o->start == o->end)
        o->start = o->end = 0;
}
