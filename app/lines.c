#include "app/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_AT_ONCE = 64 * 1024 };

void lines_init(struct lines *l, int fd, size_t longest)
{
    *l = (struct lines){.fd = fd, .longest = longest};
}

void lines_fini(struct lines *l)
{
    free(l->text);
    l->text = NULL;
}

/* One byte more than what is read, for the NUL of a last line. */
static bool make_room(struct lines *l)
{
    char *text;

    if (l->start > 0) {
        memmove(l->text, l->text + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (l->capacity - l->end > READ_AT_ONCE)
        return true;
    text = realloc(l->text, l->capacity * 2 + 2 * READ_AT_ONCE);
    if (!text)
        return false;
    l->text = text;
    l->capacity = l->capacity * 2 + 2 * READ_AT_ONCE;
    return true;
}

void lines_read(struct lines *l)
{
    ssize_t n;

    if (!make_room(l)) {
        l->ended = true;
        return;
    }
    n = read(l->fd, l->text + l->end, READ_AT_ONCE);
    if (n > 0)
        l->end += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        l->ended = true;
}

static enum lines_result overlong(struct lines *l)
{
    l->start = l->end = l->looked = 0;
    if (l->skipping)
        return LINES_NONE;
    l->skipping = true;
    return LINES_TOO_LONG;
}

enum lines_result lines_next(struct lines *l, char **line, size_t *size)
{
    while (l->end > l->start) {
        char *from = l->text + l->start;
        char *newline = memchr(from + l->looked, '\n', l->end - l->start - l->looked);
        bool skipped = l->skipping;

        if (!newline && !l->ended) {
            l->looked = l->end - l->start;
            return l->looked > l->longest ? overlong(l) : LINES_NONE;
        }
        *line = from;
        *size = newline ? (size_t)(newline - from) : l->end - l->start;
        from[*size] = '\0';
        l->start += *size + (newline ? 1 : 0);
        l->looked = 0;
        l->skipping = false;
        if (!skipped)
            return *size > l->longest ? LINES_TOO_LONG : LINES_LINE;
    }
    return LINES_NONE;
}
