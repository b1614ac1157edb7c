#include "app/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"

enum {
    READ_AT_ONCE = 64 * 1024,
    LINE_SLACK = 65536,
    JSON_BYTES = 8, /* for one of a message: four of base64 for three, and each may be escaped, \\u0041 */
    KEPT_BYTES = 4 << 20,
};

uint64_t lines_longest(uint64_t message, enum json_mode mode)
{
    return (mode == JSON_OFF ? 1 : JSON_BYTES) * message + LINE_SLACK;
}

uint64_t lines_most(uint64_t message, enum json_mode mode)
{
    uint64_t following = mode == JSON_BINARY ? message : 0;
    return 2 * (lines_longest(message, mode) + following + READ_AT_ONCE + 1);
}

void lines_init(struct lines *l, int fd, size_t longest)
{
    *l = (struct lines){.fd = fd, .longest = longest, .kept = KEPT_BYTES};
}

void lines_fini(struct lines *l)
{
    free(l->text);
    l->text = NULL;
}

void lines_may_be_followed(struct lines *l, int64_t (*follow)(const char *line, size_t size), size_t most)
{
    l->follow = follow;
    l->most_following = most;
}

/* One byte more than a read may bring, for the NUL of a last line. */
static bool make_room(struct lines *l)
{
    if (l->start > 0) {
        memmove(l->text, l->text + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    return array_reserve(l->text, l->capacity, l->end + READ_AT_ONCE + 1);
}

void lines_read(struct lines *l)
{
    if (!make_room(l)) {
        l->ended = true;
        return;
    }
    ssize_t n = read(l->fd, l->text + l->end, READ_AT_ONCE);
    if (n > 0) {
        l->end += (size_t)n;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN && (errno != EIO || l->refused))) {
        l->ended = true;
    }
    l->refused = n < 0 && errno == EIO;
}

/* False while it cannot be told yet. */
static bool skip_byte_order_mark(struct lines *l)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t size = l->end - l->start < 3 ? l->end - l->start : 3;
    if (l->begun) {
        return true;
    }
    if (memcmp(l->text + l->start, mark, size) != 0) {
        l->begun = true;
    } else if (size == 3) {
        l->begun = true;
        l->start += size;
    }
    return l->begun || l->ended;
}

static enum lines_result overlong(struct lines *l)
{
    l->start = l->end = l->looked = 0;
    if (l->skipping) {
        return LINES_NONE;
    }
    l->skipping = true;
    return LINES_TOO_LONG;
}

static enum lines_result whole(struct lines *l, char *line, size_t *size)
{
    if (*size > l->longest) {
        return LINES_TOO_LONG;
    }
    if (*size > 0 && line[*size - 1] == '\r') {
        --*size;
    }
    line[*size] = '\0';
    return LINES_LINE;
}

/* A long line's memory goes back at once, not with the next line. */
static void give_back(struct lines *l)
{
    if (l->end == l->start && l->capacity > l->kept) {
        free(l->text);
        l->text = NULL;
        l->capacity = l->start = l->end = 0;
    }
}

/* Finds what follows the line at `start`, whose newline was found. False while it has not all come. */
static bool find_following(struct lines *l, size_t size)
{
    l->following = (struct following){.state = FOLLOWING_WHOLE};
    if (!l->follow) {
        return true;
    }
    size_t from = l->start + size + 1, come = l->end > from ? l->end - from : 0;
    int64_t n = l->follow(l->text + l->start, size);
    if (n < 0) {
        l->following.state = FOLLOWING_UNKNOWN;
    } else if ((uint64_t)n > l->most_following) {
        l->following.state = FOLLOWING_TOO_MANY;
        l->passing = (uint64_t)n;
    } else if ((uint64_t)n <= come) {
        l->following.bytes = l->text + from;
        l->following.size = (size_t)n;
    } else if (l->ended) {
        l->following.state = FOLLOWING_CUT;
        l->passing = (uint64_t)n;
    } else {
        return false;
    }
    return true;
}

/* If it is not known where the next line begins, neither what was read nor what may still come is input. */
static enum lines_result judge(struct lines *l, enum lines_result r)
{
    if (l->follow && (r == LINES_TOO_LONG || l->following.state == FOLLOWING_UNKNOWN)) {
        l->ended = true;
        l->end = l->start;
    }
    return r;
}

static void pass_over(struct lines *l)
{
    size_t come = l->end - l->start, n = l->passing < come ? (size_t)l->passing : come;
    l->start += n;
    l->passing -= n;
}

enum lines_result lines_next(struct lines *l, char **line, size_t *size)
{
    if (l->end > l->start && !skip_byte_order_mark(l)) {
        return LINES_NONE;
    }
    pass_over(l);
    while (l->end > l->start) {
        char *from = l->text + l->start;
        char *newline = memchr(from + l->looked, '\n', l->end - l->start - l->looked);
        bool skipped = l->skipping;
        *line = from;
        *size = newline ? (size_t)(newline - from) : l->end - l->start;
        if (!newline && !l->ended) {
            l->looked = *size;
            return *size > l->longest ? judge(l, overlong(l)) : LINES_NONE;
        }
        if (!l->skipping && !find_following(l, *size)) {
            l->looked = *size;
            return LINES_NONE;
        }
        l->start += *size + (newline ? 1 : 0) + l->following.size;
        l->looked = 0;
        l->skipping = false;
        if (!skipped) {
            return judge(l, whole(l, from, size));
        }
    }
    give_back(l);
    return LINES_NONE;
}
