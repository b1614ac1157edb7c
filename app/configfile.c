#include "app/configfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <sodium.h>

#include "app/text.h"

#define BLANKS "\t\v\f\r "

static bool is_blank(char c)
{
    return c != '\0' && strchr(BLANKS, c);
}

static bool is_comment(char c)
{
    return c == ';' || c == '#';
}

static char *skip_blanks(char *p)
{
    return p + strspn(p, BLANKS);
}

/* Cuts the blanks off the end of start .. end. */
static void cut_end(const char *start, char *end)
{
    while (end > start && is_blank(end[-1])) {
        end--;
    }
    *end = '\0';
}

/* Reads a value in quotes in place; `p` is behind the first quote. */
static int read_quoted(char *p, char **value, char *bad, size_t bad_size)
{
    char *out = *value = p;
    for (; *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\')) {
            p++;
        }
        if (*p == '\0') {
            return text_fail(bad, bad_size, "the closing quote is missing");
        }
        *out++ = *p;
    }
    char *rest = skip_blanks(p + 1);
    *out = '\0';
    if (*rest != '\0' && !is_comment(*rest)) {
        return text_fail(bad, bad_size, "something follows the closing quote");
    }
    return 0;
}

/* A ';' without white space before it belongs to the value: URLs hold it. */
static void read_bare(char *p, char **value)
{
    char *end = p;
    while (*end != '\0' && !(is_comment(*end) && (end == p || is_blank(end[-1])))) {
        end++;
    }
    cut_end(p, end);
    *value = p;
}

static int read_line(char *line, size_t number, configfile_entry *entry, void *context, char *bad,
                     size_t bad_size)
{
    char *key = skip_blanks(line);
    if (*key == '\0' || is_comment(*key)) {
        return 0;
    }
    if (*key == '[') {
        return strchr(key, ']') ? 0 : text_fail(bad, bad_size, "the section's ']' is missing");
    }
    char *equals = strchr(key, '=');
    char shown[TEXT_SHOWN_MAX];
    if (!equals || equals == key) {
        key[strcspn(key, BLANKS)] = '\0'; /* the rest may be a password */
        const char *what = equals ? "no key before '='" : "no '='";
        return text_fail(bad, bad_size, "%s in '%s'", what, text_shown(key, shown));
    }
    cut_end(key, equals);
    char *value = skip_blanks(equals + 1);
    if (*value != '"') {
        read_bare(value, &value);
    } else if (read_quoted(value + 1, &value, bad, bad_size) != 0) {
        return -1;
    }
    return entry(context, number, key, value, bad, bad_size);
}

enum configfile_result configfile_parse(const char *name, char *text, size_t size, configfile_entry *entry,
                                        void *context, char *error, size_t error_size)
{
    char *end = text + size;
    char *line = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
    for (size_t number = 1; line < end; number++) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *stop = newline ? newline : end;
        *stop = '\0';
        char bad[512] = "a NUL byte"; /* would hide the rest of its line */
        if (strlen(line) != (size_t)(stop - line) ||
            read_line(line, number, entry, context, bad, sizeof bad) != 0) {
            snprintf(error, error_size, "%s:%zu: %s", name, number, bad);
            return CONFIGFILE_BAD;
        }
        line = stop + 1;
    }
    return CONFIGFILE_READ;
}

/* NULL with errno; EFBIG for a file that is longer than CONFIGFILE_MAX. */
static char *read_all(int fd, size_t *size)
{
    /* One byte more than the limit tells a file that is too long, and one is for the NUL. */
    char *text = malloc(CONFIGFILE_MAX + 2);
    ssize_t n = 1;
    if (!text) {
        return NULL;
    }
    for (*size = 0; n != 0 && *size <= CONFIGFILE_MAX; *size += n > 0 ? (size_t)n : 0) {
        n = read(fd, text + *size, CONFIGFILE_MAX + 1 - *size);
        if (n < 0 && errno != EINTR) {
            break;
        }
    }
    if (n < 0 || *size > CONFIGFILE_MAX) {
        int why = n < 0 ? errno : EFBIG;
        free(text);
        errno = why;
        return NULL;
    }
    text[*size] = '\0';
    return text;
}

/* The fault of a file of that kind; NULL for none. /dev/null stands for "no file". */
static const char *bad_kind(const struct stat *s)
{
    if (S_ISREG(s->st_mode) || (S_ISCHR(s->st_mode) && s->st_rdev == makedev(1, 3))) {
        return NULL;
    }
    return S_ISDIR(s->st_mode) ? strerror(EISDIR) : "Not a regular file";
}

/* -1 with *why. O_NONBLOCK: a fifo would wait for its writer, on the thread that the node is driven by. */
static int open_regular(const char *path, const char **why, int *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *error = 0;
    struct stat s;
    if (fd < 0 || fstat(fd, &s) != 0) {
        *error = errno;
        *why = strerror(errno);
    } else if (!(*why = bad_kind(&s))) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

enum configfile_result configfile_read(const char *path, configfile_entry *entry, void *context, char *error,
                                       size_t error_size)
{
    const char *bad;
    int why;
    int fd = open_regular(path, &bad, &why);
    if (fd < 0) {
        snprintf(error, error_size, "%s: %s", path, bad);
        return why == ENOENT || why == ENOTDIR ? CONFIGFILE_MISSING : CONFIGFILE_BAD;
    }
    size_t size = 0;
    char *text = read_all(fd, &size);
    if (!text) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        close(fd);
        return CONFIGFILE_BAD;
    }
    close(fd);
    enum configfile_result result = configfile_parse(path, text, size, entry, context, error, error_size);
    sodium_memzero(text, size); /* a password may be in it */
    free(text);
    return result;
}
