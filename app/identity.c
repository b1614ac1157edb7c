#include "app/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/folder.h"
#include "app/text.h"
#include "controller/config.h"
#include "peers/place.h"

#define OPTION      "-identityFile"
#define TEMP_DIGITS 16
#define DRAWS       128
#define TEMP_MAX    (CONFIG_PATH_MAX + (int)sizeof ".tmp-" + TEMP_DIGITS)

/* Two digits a byte, a newline, and a byte more, which only a file that is too long fills. */
#define TEXT_MAX (2 * (size_t)IDENTITY_MAX + 2)

/* What a secret passes through while it is read or made. It lies in locked memory, and is wiped at the end.
 */
struct key {
    uint8_t secret[IDENTITY_MAX];
    char text[TEXT_MAX];
    struct peer_id id;
};

enum found { FOUND_KEY, FOUND_NOTHING, FOUND_BAD };

/* --- reading --- */

/* Up to `most` bytes of the file; -1 with errno. */
static ssize_t read_up_to(int fd, char *text, size_t most)
{
    size_t size = 0;
    while (size < most) {
        ssize_t n = read(fd, text + size, most - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        size += (size_t)n;
    }
    return (ssize_t)size;
}

static bool decode(const struct protocol *p, size_t size, struct key *k)
{
    if (size > 0 && k->text[size - 1] == '\n') {
        size--;
    }
    size_t bytes;
    return sodium_hex2bin(k->secret, sizeof k->secret, k->text, size, NULL, &bytes, NULL) == 0 &&
           bytes == p->identity_size && p->identity(k->secret, &k->id);
}

static int read_open(int fd, const char *path, const struct protocol *p, struct key *k, char *error,
                     size_t error_size)
{
    struct stat s;
    if (fstat(fd, &s) != 0) {
        return text_fail(error, error_size, OPTION ": '%s' cannot be read: %s", path, strerror(errno));
    }
    if (!S_ISREG(s.st_mode)) {
        return text_fail(error, error_size, OPTION ": '%s' is not a regular file", path);
    }
    if ((s.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return text_fail(error, error_size, OPTION ": '%s' is open to others (mode %04o, not 0600)", path,
                         (unsigned)(s.st_mode & 07777));
    }
    ssize_t size = read_up_to(fd, k->text, sizeof k->text);
    int why = errno;
    bool good = size >= 0 && decode(p, (size_t)size, k);
    if (size < 0) {
        return text_fail(error, error_size, OPTION ": '%s' cannot be read: %s", path, strerror(why));
    }
    return good ? 0
                : text_fail(error, error_size, OPTION ": '%s' holds no secret of protocol %s", path, p->name);
}

static enum found read_key(const char *path, const struct protocol *p, struct key *k, char *error,
                           size_t error_size)
{
    /* A file that is no regular one must not block, nor become the terminal of this process. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ENOENT) {
            return FOUND_NOTHING;
        }
        text_fail(error, error_size, OPTION ": '%s' cannot be read: %s", path, strerror(errno));
        return FOUND_BAD;
    }
    int result = read_open(fd, path, p, k, error, error_size);
    close(fd);
    return result == 0 ? FOUND_KEY : FOUND_BAD;
}

/* --- writing: 0, or -1 with errno --- */

static int sync_folder_of(const char *path)
{
    char folder[CONFIG_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = !slash ? 0 : slash == path ? 1 : (int)(slash - path);
    snprintf(folder, sizeof folder, "%.*s", length == 0 ? 1 : length, length == 0 ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int result = fsync(fd) == 0 || errno == EINVAL ? 0 : -1; /* EINVAL: a file system that cannot */
    int why = errno;
    close(fd);
    errno = why;
    return result;
}

static int write_whole(const char *path, const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return -1;
    }
    errno = EIO; /* a write that is cut short says nothing itself */
    bool written = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    int why = errno;
    if (close(fd) == 0 && written) {
        return 0;
    }
    why = written ? errno : why;
    unlink(path);
    errno = why;
    return -1;
}

/* link(2) never replaces a file: of several processes the first one's file stays, and is whole from the
 * start. If a file system has no hard links, it is renamed, with the demand not to replace. */
static bool put_in_place(const char *temp, const char *path)
{
    if (link(temp, path) == 0 || errno == EEXIST) {
        return true;
    }
    return renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0 || errno == EEXIST;
}

static int write_new(const char *path, const char *text, size_t size)
{
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    char temp[TEMP_MAX];
    int length = snprintf(temp, sizeof temp, "%s.tmp-%0*llx", path, TEMP_DIGITS, (unsigned long long)random);
    if (length < 0 || (size_t)length >= sizeof temp) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (write_whole(temp, text, size) != 0) {
        return -1;
    }
    bool linked = put_in_place(temp, path);
    int why = errno;
    unlink(temp);
    errno = why;
    return linked ? sync_folder_of(path) : -1;
}

/* False if memory is short: no protocol refuses that many secrets in a row. */
static bool draw(const struct protocol *p, struct key *k)
{
    for (int i = 0; i < DRAWS; i++) {
        randombytes_buf(k->secret, p->identity_size);
        if (p->identity(k->secret, &k->id)) {
            return true;
        }
    }
    return false;
}

/* If `path` is a link that leads to nothing yet, the file that it leads to is made. */
static int write_behind_links(const char *path, const char *text, size_t size)
{
    struct place place;
    if (place_open(&place, path) != 0) {
        return -1;
    }
    int result = write_new(place.path, text, size);
    place_close(&place);
    return result;
}

static int make_key(const char *path, const struct protocol *p, struct key *k, char *error, size_t error_size)
{
    if (folder_check(OPTION, path, error, error_size) != 0) {
        return -1;
    }
    if (!draw(p, k)) {
        return text_fail(error, error_size, OPTION ": no secret could be made for '%s'", path);
    }
    sodium_bin2hex(k->text, sizeof k->text, k->secret, p->identity_size);
    k->text[2 * p->identity_size] = '\n';
    return write_behind_links(path, k->text, 2 * p->identity_size + 1) == 0
               ? 0
               : text_fail(error, error_size, OPTION ": '%s' cannot be written: %s", path, strerror(errno));
}

static enum found make_and_read(const char *path, const struct protocol *p, struct key *k, char *error,
                                size_t error_size)
{
    if (make_key(path, p, k, error, error_size) != 0) {
        return FOUND_BAD;
    }
    /* What counts is what the file holds now: another process may have written it. */
    enum found found = read_key(path, p, k, error, error_size);
    if (found == FOUND_NOTHING) {
        text_fail(error, error_size, OPTION ": '%s' is a link that leads nowhere", path);
    }
    return found;
}

/* Byte by byte: memcpy would leave the secret in vector registers, which a core dump has in it. */
static void copy_bytes(volatile uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

/* Takes the secret over; -1 if memory is short. */
static int keep(const struct key *k, size_t size, struct node_config *config)
{
    uint8_t *secret = sodium_malloc(size);
    if (!secret) {
        return -1;
    }
    copy_bytes(secret, k->secret, size);
    sodium_mprotect_readonly(secret);
    config->secret = secret;
    config->id = k->id;
    return 0;
}

static int load(const char *path, const struct protocol *p, struct key *k, struct node_config *config,
                char *error, size_t error_size)
{
    enum found found = read_key(path, p, k, error, error_size);
    if (found == FOUND_NOTHING) {
        found = make_and_read(path, p, k, error, error_size);
    }
    if (found != FOUND_KEY) {
        return -1;
    }
    return keep(k, p->identity_size, config) == 0 ? 0
                                                  : text_fail(error, error_size, OPTION ": out of memory");
}

int identity_load(const char *path, const struct protocol *p, struct node_config *config, char *error,
                  size_t error_size)
{
    if (p->identity_size == 0) {
        return 0;
    }
    if (sodium_init() < 0) {
        return text_fail(error, error_size, OPTION ": libsodium cannot be initialised");
    }
    struct key *k = sodium_malloc(sizeof *k);
    if (!k) {
        return text_fail(error, error_size, OPTION ": out of memory");
    }
    int result = load(path, p, k, config, error, error_size);
    sodium_free(k);
    return result;
}

void identity_forget(struct node_config *config)
{
    /* The cast takes away a const that only keeps others from writing. NULL is allowed. */
    sodium_free((void *)(uintptr_t)config->secret);
    config->secret = NULL;
}
