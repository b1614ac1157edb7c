#include "peers/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peers/format.h"
#include "peers/time_text.h"

#define SIZE_MAX_READ  ((size_t)64 << 20)
#define OWN_SUFFIX     ".kith"
#define TEMP_MARK      ".tmp-"
#define TEMP_DIGITS    16   /* behind the mark */
#define MOST_SET_ASIDE 1000 /* within one second */

/* A file, as a folder held open and a name in it: whoever moves the folder meanwhile does no harm. */
struct place {
    int folder;
    const char *name; /* within the path that it was opened with */
};

/* 0, or -1 with errno. */
static int place_open(struct place *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    p->name = slash == NULL ? path : slash + 1;
    if (*p->name == '\0') {
        errno = EISDIR;
        return -1;
    }
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    char *folder = slash == NULL ? strdup(".") : strndup(path, length == 0 ? 1 : length);
    if (folder == NULL) {
        return -1;
    }
    p->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return p->folder < 0 ? -1 : 0;
}

static void place_close(const struct place *p)
{
    close(p->folder);
}

/* A rename is safe against a power failure only when the folder has reached the disk. Some file systems
 * cannot. */
static int sync_folder(const struct place *p)
{
    return fsync(p->folder) == 0 || errno == EINVAL ? 0 : -1;
}

static bool is_temp_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    size_t mark = strlen(TEMP_MARK);
    if (strncmp(entry, name, length) != 0 || strncmp(entry + length, TEMP_MARK, mark) != 0) {
        return false;
    }
    const char *digits = entry + length + mark;
    return strlen(digits) == TEMP_DIGITS && strspn(digits, "0123456789abcdef") == TEMP_DIGITS;
}

/* What a writer that was killed left behind. Failing costs no more than space on the disk. */
static void remove_stale(const struct place *p)
{
    int fd = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        if (is_temp_of(e->d_name, p->name)) {
            unlinkat(p->folder, e->d_name, 0);
        }
    }
    closedir(folder);
}

/* --- writing --- */

/* Closes fd in every case. 0, or -1 with errno. */
static int write_json(int fd, const json_t *root)
{
    FILE *f = fdopen(fd, "w");
    if (f == NULL) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    errno = 0;
    int result = 0;
    if (json_dumpf(root, f, JSON_INDENT(1)) != 0 || fputc('\n', f) == EOF || fflush(f) != 0 ||
        fsync(fd) != 0) {
        result = -1;
    }
    int why = errno;
    if (fclose(f) != 0 && result == 0) {
        return -1;
    }
    /* json_dumpf fails without errno where memory is short. */
    errno = why == 0 ? ENOMEM : why;
    return result;
}

static int write_at(const struct place *p, const json_t *root)
{
    char temp[NAME_MAX + 1];
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    int length = snprintf(temp, sizeof temp, "%s" TEMP_MARK "%0*llx", p->name, TEMP_DIGITS,
                          (unsigned long long)random);
    if (length < 0 || (size_t)length >= sizeof temp) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = openat(p->folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return -1;
    }
    if (write_json(fd, root) != 0 || renameat(p->folder, temp, p->folder, p->name) != 0) {
        int why = errno;
        unlinkat(p->folder, temp, 0);
        errno = why;
        return -1;
    }
    return sync_folder(p);
}

int peers_file_write(const char *path, const char *network, const struct book_snapshot *s, int64_t now_ms)
{
    json_t *root = format_encode(network, s, now_ms);
    if (root == NULL) {
        errno = ENOMEM;
        return -1;
    }
    struct place p;
    int result = place_open(&p, path);
    int why = errno;
    if (result == 0) {
        remove_stale(&p);
        result = write_at(&p, root);
        why = errno;
        place_close(&p);
    }
    json_decref(root);
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

/* A file of generation 1 has node ids of 64 bits, for which jansson has no integers. Our own has none above
 * 63, and is none where all its numbers are reals. */
static json_t *parse_as_reals(struct input *in, json_error_t *error)
{
    in->left = SIZE_MAX_READ;
    if (lseek(in->fd, 0, SEEK_SET) != 0) {
        in->error = errno;
        return NULL;
    }
    return json_load_callback(read_some, in, JSON_DECODE_INT_AS_REAL, error);
}

/* NULL with in->error, or with *error where it is no JSON. */
static json_t *parse(struct input *in, json_error_t *error)
{
    json_t *root = json_load_callback(read_some, in, 0, error);
    if (root == NULL && in->error == 0 && json_error_code(error) == json_error_numeric_overflow) {
        root = parse_as_reals(in, error);
    }
    if (root == NULL && in->error == 0 && json_error_code(error) == json_error_out_of_memory) {
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
    if (*root == NULL) {
        snprintf(message, message_size, "line %d: %s", error.line, error.text);
        return PEERS_FILE_CORRUPT;
    }
    return PEERS_FILE_READ;
}

/* Renames it out of the way, never over another one. Gives its new name; 0, or -1 with errno. */
static int set_aside(const struct place *p, char new_name[NAME_MAX + 1], int64_t now_ms)
{
    char time[TIME_TEXT_MAX];
    time_format_name(now_ms, time);
    for (int i = 1; i <= MOST_SET_ASIDE; i++) {
        char count[16] = "";
        if (i > 1) {
            snprintf(count, sizeof count, "-%d", i);
        }
        int length = snprintf(new_name, NAME_MAX + 1, "%s.corrupt-%s%s", p->name, time, count);
        if (length < 0 || length > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (renameat2(p->folder, p->name, p->folder, new_name, RENAME_NOREPLACE) == 0) {
            return sync_folder(p);
        }
        if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}

/* Says what is wrong with the file in front of what the message says, and sets it aside where that is called
 * for. */
static enum peers_file_result conclude(const struct place *p, const char *path, enum peers_file_result result,
                                       char *message, size_t message_size, int64_t now_ms)
{
    char what[PEERS_FILE_MESSAGE_MAX / 2];
    snprintf(what, sizeof what, "%s", message);
    /* It may quote the file, whose control bytes have no business in a log. */
    for (char *c = what; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
    }
    if (result == PEERS_FILE_CORRUPT) {
        char new_name[NAME_MAX + 1];
        if (set_aside(p, new_name, now_ms) == 0) {
            snprintf(message, message_size, "%s is corrupt (%s), renamed to %s", path, what, new_name);
            return PEERS_FILE_CORRUPT;
        }
        snprintf(message, message_size, "%s is corrupt (%s) and cannot be renamed: %s", path, what,
                 strerror(errno));
        return PEERS_FILE_UNREADABLE;
    }
    if (what[0] != '\0') {
        snprintf(message, message_size, "%s: %s", path, what);
    }
    return result;
}

enum peers_file_result peers_file_read(const char *path, const char *network, uint32_t network_id,
                                       struct book_snapshot **s, char *message, size_t message_size,
                                       int64_t now_ms)
{
    *s = NULL;
    snprintf(message, message_size, "%s", "");
    struct place p;
    if (place_open(&p, path) != 0) {
        /* A folder that is not there yet is a first start too; writing will say if it never comes. */
        bool missing = errno == ENOENT;
        snprintf(message, message_size, "%s%s%s", missing ? "" : path, missing ? "" : ": ",
                 missing ? "" : strerror(errno));
        return missing ? PEERS_FILE_MISSING : PEERS_FILE_UNREADABLE;
    }
    remove_stale(&p);
    json_t *root = NULL;
    enum peers_file_result result = load_json(&p, &root, message, message_size);
    if (result == PEERS_FILE_READ) {
        result = format_is_own(root) ? format_decode(root, network, s, message, message_size)
                                     : import_decode(root, network_id, s, message, message_size, now_ms);
        json_decref(root);
    }
    result = conclude(&p, path, result, message, message_size, now_ms);
    place_close(&p);
    return result;
}

/* --- at the start of a node --- */

/* Appends what was said about the second file to what was said about the first. */
static void say_too(struct peers_file_start *start, const char *more)
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
    say_too(start, why);
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
    say_too(start, message);
}

void peers_file_start(struct peers_file_start *start, const char *path, const char *network,
                      uint32_t network_id, int64_t now_ms)
{
    *start = (struct peers_file_start){.result = PEERS_FILE_UNREADABLE};
    char *own_path = NULL;
    start->write_path = strdup(path);
    if (start->write_path == NULL || asprintf(&own_path, "%s" OWN_SUFFIX, path) < 0) {
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

void peers_file_start_clear(struct peers_file_start *start)
{
    book_snapshot_free(start->snapshot);
    free(start->write_path);
    *start = (struct peers_file_start){.result = PEERS_FILE_MISSING};
}
