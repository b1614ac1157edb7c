#include "peers/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "peers/format.h"
#include "peers/place.h"

#define SIZE_MAX_READ ((size_t)64 << 20)
#define OWN_SUFFIX    ".kith"

/* --- writing --- */

/* The text, its size in *size; NULL without memory. */
static char *encode(const char *network, const struct book_snapshot *s, int64_t now_ms, size_t *size)
{
    json_t *root = format_encode(network, s, now_ms);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (text) {
        *size = strlen(text);
        text[(*size)++] = '\n'; /* in the place of its NUL */
    }
    return text;
}

int peers_file_write(const char *path, const char *network, const struct book_snapshot *s, int64_t now_ms)
{
    size_t size;
    char *text = encode(network, s, now_ms, &size);
    if (!text) {
        errno = ENOMEM;
        return -1;
    }
    struct place p;
    int result = place_open(&p, path);
    if (result == 0) {
        place_remove_stale(&p);
        result = place_write(&p, text, size);
        place_close(&p);
    }
    int why = errno;
    free(text);
    errno = why;
    return result;
}

/* --- reading --- */

/* What json_load_callback reads from. */
struct input {
    int fd;
    size_t left; /* bytes before the limit */
    int error;   /* an errno; 0 for none */
};

static size_t read_some(void *buffer, size_t size, void *context)
{
    struct input *in = context;
    ssize_t n;
    do {
        n = read(in->fd, buffer, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0 || (size_t)n > in->left) {
        in->error = n < 0 ? errno : EFBIG;
        return (size_t)-1;
    }
    in->left -= (size_t)n;
    return (size_t)n;
}

/* Some editors put a mark before the text, which is no JSON. */
static int to_start(int fd)
{
    static const char mark[] = "\xef\xbb\xbf";
    char head[sizeof mark - 1];
    bool marked =
        pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head && memcmp(head, mark, sizeof head) == 0;
    return lseek(fd, marked ? (off_t)sizeof head : 0, SEEK_SET) < 0 ? -1 : 0;
}

/* A file of generation 1 has node ids of 64 bits, for which jansson has no integers. Our own has none above
 * 63, and is none if all its numbers are reals. */
static json_t *parse_as_reals(struct input *in, json_error_t *error)
{
    in->left = SIZE_MAX_READ;
    if (to_start(in->fd) != 0) {
        in->error = errno;
        return NULL;
    }
    return json_load_callback(read_some, in, JSON_DECODE_INT_AS_REAL, error);
}

/* NULL with in->error, or with *error if it is no JSON. */
static json_t *parse(struct input *in, json_error_t *error)
{
    if (to_start(in->fd) != 0) {
        in->error = errno;
        return NULL;
    }
    json_t *root = json_load_callback(read_some, in, 0, error);
    if (!root && in->error == 0 && json_error_code(error) == json_error_numeric_overflow) {
        root = parse_as_reals(in, error);
    }
    if (!root && in->error == 0 && json_error_code(error) == json_error_out_of_memory) {
        in->error = ENOMEM;
    }
    /* To jansson, a read that fails is the end of the file. */
    if (in->error != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* READ with a new reference in *root; MISSING, CORRUPT or UNREADABLE with the message. */
static enum peers_file_result load_json(const struct place *p, json_t **root, char *message,
                                        size_t message_size)
{
    /* O_NONBLOCK: a fifo in its place must not hang the program. */
    struct input in = {.left = SIZE_MAX_READ};
    in.fd = openat(p->folder, p->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (in.fd < 0) {
        snprintf(message, message_size, "%s", errno == ENOENT ? "" : strerror(errno));
        return errno == ENOENT ? PEERS_FILE_MISSING : PEERS_FILE_UNREADABLE;
    }
    struct stat st;
    if (fstat(in.fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(message, message_size, "Not a regular file");
        close(in.fd);
        return PEERS_FILE_UNREADABLE;
    }
    json_error_t error = {.line = 0};
    *root = parse(&in, &error);
    close(in.fd);
    if (in.error != 0) {
        snprintf(message, message_size, "%s", strerror(in.error));
        return PEERS_FILE_UNREADABLE;
    }
    if (!*root) {
        snprintf(message, message_size, "line %d: %s", error.line, error.text);
        return PEERS_FILE_CORRUPT;
    }
    return PEERS_FILE_READ;
}

/* Puts the file's name in front of the message, and sets the file aside if it is corrupt. */
static enum peers_file_result conclude(const struct place *p, enum peers_file_result result, char *message,
                                       size_t message_size, int64_t now_ms)
{
    char what[PEERS_FILE_MESSAGE_MAX / 2];
    snprintf(what, sizeof what, "%s", message);
    /* It may quote the file, whose control bytes have no business in a log. */
    utf8_make_harmless(what);
    if (result == PEERS_FILE_CORRUPT) {
        char new_name[NAME_MAX + 1];
        if (place_set_aside(p, new_name, now_ms) == 0) {
            snprintf(message, message_size, "%s is corrupt (%s), renamed to %s", p->path, what, new_name);
            return PEERS_FILE_CORRUPT;
        }
        snprintf(message, message_size, "%s is corrupt (%s) and cannot be renamed: %s", p->path, what,
                 strerror(errno));
        return PEERS_FILE_UNREADABLE;
    }
    if (what[0] != '\0') {
        snprintf(message, message_size, "%s: %s", p->path, what);
    }
    return result;
}

/* READ, and the caller closes *p. If the folder is not there yet, that is a first start too. If it never
 * comes, writing will fail and say so. */
static enum peers_file_result open_place(struct place *p, const char *path, char *message,
                                         size_t message_size)
{
    snprintf(message, message_size, "%s", "");
    if (place_open(p, path) == 0) {
        return PEERS_FILE_READ;
    }
    bool missing = errno == ENOENT;
    snprintf(message, message_size, "%s%s%s", missing ? "" : path, missing ? "" : ": ",
             missing ? "" : strerror(errno));
    return missing ? PEERS_FILE_MISSING : PEERS_FILE_UNREADABLE;
}

static enum peers_file_result decode(const struct place *p, const char *network, uint32_t network_id,
                                     struct book_snapshot **s, char *message, size_t message_size,
                                     int64_t now_ms)
{
    json_t *root = NULL;
    enum peers_file_result result = load_json(p, &root, message, message_size);
    if (result == PEERS_FILE_READ) {
        result = format_is_own(root) ? format_decode(root, network, s, message, message_size)
                                     : import_decode(root, network_id, s, message, message_size, now_ms);
        json_decref(root);
    }
    return result;
}

enum peers_file_result peers_file_read(const char *path, const char *network, uint32_t network_id,
                                       struct book_snapshot **s, char *message, size_t message_size,
                                       int64_t now_ms)
{
    struct place p;
    *s = NULL;
    enum peers_file_result result = open_place(&p, path, message, message_size);
    if (result != PEERS_FILE_READ) {
        return result;
    }
    place_remove_stale(&p);
    result = decode(&p, network, network_id, s, message, message_size, now_ms);
    result = conclude(&p, result, message, message_size, now_ms);
    place_close(&p);
    return result;
}

enum peers_file_result peers_file_look(const char *path, const char *network, uint32_t network_id,
                                       struct book_snapshot **s, char *message, size_t message_size,
                                       int64_t now_ms)
{
    struct place p;
    *s = NULL;
    enum peers_file_result result = open_place(&p, path, message, message_size);
    if (result == PEERS_FILE_READ) {
        result = decode(&p, network, network_id, s, message, message_size, now_ms);
        place_close(&p);
    }
    utf8_make_harmless(message); /* it may quote the file */
    return result;
}

/* --- at the start of a node --- */

/* Appends the message on the second file to that on the first. */
static void append_message(struct peers_file_start *start, const char *more)
{
    size_t used = strlen(start->message);
    snprintf(start->message + used, sizeof start->message - used, "%s%s",
             used > 0 && *more != '\0' ? "; " : "", more);
}

static void refuse(struct peers_file_start *start, const char *why)
{
    char *write_path = start->write_path;
    start->result = PEERS_FILE_UNREADABLE;
    start->write_path = NULL;
    append_message(start, why);
    book_snapshot_free(start->snapshot);
    start->snapshot = NULL;
    free(write_path);
}

/* `path` does not hold kith's own format: what "<path>.kith" holds goes before it. Takes own_path. */
static void prefer_own(struct peers_file_start *start, char *own_path, const char *network,
                       uint32_t network_id, int64_t now_ms)
{
    char message[PEERS_FILE_MESSAGE_MAX];
    struct book_snapshot *s;
    enum peers_file_result own =
        peers_file_read(own_path, network, network_id, &s, message, sizeof message, now_ms);
    if (own == PEERS_FILE_MISSING && start->result != PEERS_FILE_IMPORTED) {
        free(own_path);
        return;
    }
    free(start->write_path);
    start->write_path = own_path;
    if (own == PEERS_FILE_UNREADABLE || own == PEERS_FILE_IMPORTED) {
        book_snapshot_free(s);
        refuse(start, own == PEERS_FILE_IMPORTED ? "kith's own file holds an older format" : message);
        return;
    }
    if (own == PEERS_FILE_READ) {
        /* It began as a copy of the older file and has been kept since. */
        if (start->result == PEERS_FILE_IMPORTED) {
            start->message[0] = '\0';
        }
        start->result = own;
        book_snapshot_free(start->snapshot);
        start->snapshot = s;
    } else if (own == PEERS_FILE_CORRUPT) {
        start->result = own;
    }
    append_message(start, message);
}

void peers_file_start(struct peers_file_start *start, const char *path, const char *network,
                      uint32_t network_id, int64_t now_ms)
{
    *start = (struct peers_file_start){.result = PEERS_FILE_UNREADABLE};
    char *own_path = NULL;
    start->write_path = strdup(path);
    if (!start->write_path || asprintf(&own_path, "%s" OWN_SUFFIX, path) < 0) {
        refuse(start, "out of memory");
        return;
    }
    start->result = peers_file_read(path, network, network_id, &start->snapshot, start->message,
                                    sizeof start->message, now_ms);
    if (start->result == PEERS_FILE_UNREADABLE || start->result == PEERS_FILE_READ) {
        free(own_path);
        if (start->result == PEERS_FILE_UNREADABLE) {
            refuse(start, "");
        }
        return;
    }
    prefer_own(start, own_path, network, network_id, now_ms);
}

/* True if the book is kept in "<path>.kith" and not in `path`. `there`: "<path>.kith" exists already. */
static bool is_kept_beside(const char *path, bool there)
{
    json_t *root = NULL;
    struct place p;
    if (place_open(&p, path) != 0) {
        return there;
    }
    char message[PEERS_FILE_MESSAGE_MAX];
    enum peers_file_result result = load_json(&p, &root, message, sizeof message);
    bool is_own = result == PEERS_FILE_READ && format_is_own(root);
    json_decref(root);
    place_close(&p);
    return !is_own && (there || result == PEERS_FILE_READ);
}

char *peers_file_written(const char *path)
{
    char *own_path = NULL;
    if (asprintf(&own_path, "%s" OWN_SUFFIX, path) < 0) {
        return NULL;
    }
    if (is_kept_beside(path, access(own_path, F_OK) == 0)) {
        return own_path;
    }
    free(own_path);
    return strdup(path);
}

void peers_file_start_clear(struct peers_file_start *start)
{
    book_snapshot_free(start->snapshot);
    free(start->write_path);
    *start = (struct peers_file_start){.result = PEERS_FILE_MISSING};
}
