#include "app/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/folder.h"
#include "app/text.h"
#include "base/descriptor.h"
#include "peers/file.h"
#include "peers/place.h"

#define HOME_LOCK    "kith.lock"
#define OPEN_FLAGS   (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define HOLDER_MAX   24
#define NOT_LOCKABLE "%s: '%s' cannot be locked: %s; nothing keeps another node from it"

/* --- one lock: a descriptor, or -1 with errno; EWOULDBLOCK: another node holds it --- */

static int lock_open(int fd)
{
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return fd;
    }
    int why = errno;
    descriptor_close(fd);
    errno = why;
    return -1;
}

/* For people, and for the error text of the node that comes too late. Failing costs no more than that. */
static void write_holder(int fd)
{
    if (ftruncate(fd, 0) == 0) {
        dprintf(fd, "%ld\n", (long)getpid());
    }
}

/* The process that wrote itself down; 0: nobody knows. */
static long read_holder(const char *lock_file)
{
    char text[HOLDER_MAX] = "";
    int fd = open(lock_file, O_RDONLY | OPEN_FLAGS);
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    if (fd >= 0) {
        close(fd);
    }
    long holder = n > 0 ? strtol(text, NULL, 10) : 0;
    return holder > 0 ? holder : 0;
}

static int lock_by_file(const char *lock_file)
{
    int fd = lock_open(descriptor_own(open(lock_file, O_RDWR | O_CREAT | OPEN_FLAGS, S_IRUSR | S_IWUSR)));
    if (fd >= 0) {
        write_holder(fd);
    } else if (errno != EWOULDBLOCK) {
        /* A file that exists can be locked without leave to write. */
        fd = lock_open(descriptor_own(open(lock_file, O_RDONLY | OPEN_FLAGS)));
    }
    return fd;
}

/* Locks the lock file. If there is to be none (NULL), or none can be made, locks the thing itself. */
static int lock(const char *lock_file, const char *itself)
{
    int fd = lock_file ? lock_by_file(lock_file) : -1;
    if (fd >= 0 || (lock_file && errno == EWOULDBLOCK)) {
        return fd;
    }
    return lock_open(descriptor_own(open(itself, O_RDONLY | OPEN_FLAGS)));
}

/* --- all --- */

static int take(int *held, const char *option, const char *lock_file, const char *itself,
                const struct log_sink *log, char *error, size_t error_size)
{
    *held = lock(lock_file, itself);
    if (*held >= 0) {
        return 0;
    }
    if (errno != EWOULDBLOCK) {
        log_line(log, LOG_LEVEL_WARNING, NOT_LOCKABLE, option, itself, strerror(errno));
        return 0;
    }
    long holder = lock_file ? read_holder(lock_file) : 0;
    char process[HOLDER_MAX + sizeof " (process )"] = "";
    if (holder > 0) {
        snprintf(process, sizeof process, " (process %ld)", holder);
    }
    return text_fail(error, error_size, "%s: another node%s uses '%s'", option, process, itself);
}

static int take_home(struct locks *l, const struct options *o, const struct log_sink *log, char *error,
                     size_t error_size)
{
    if (!folder_is_home(o, o->config.peers_file) && !folder_is_home(o, o->identity_file)) {
        return 0;
    }
    char path[CONFIG_PATH_MAX + sizeof "/" HOME_LOCK];
    snprintf(path, sizeof path, "%s/" HOME_LOCK, o->home);
    return take(&l->home, "-home", path, o->home, log, error, error_size);
}

/* A file that is mounted alone stays the same one, since it cannot be replaced; and others may have it
 * mounted in another folder. */
static bool is_mounted_alone(const struct place *p)
{
    struct statx s;
    return statx(p->folder, p->name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &s) == 0 && S_ISREG(s.stx_mode) &&
           (s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int take_place(int *held, const struct place *p, const struct log_sink *log, char *error,
                      size_t error_size)
{
    char *lock_file = NULL;
    if (!is_mounted_alone(p) && asprintf(&lock_file, "%s.lock", p->path) < 0) {
        return text_fail(error, error_size, "out of memory");
    }
    int result = take(held, "-peersFile", lock_file, p->path, log, error, error_size);
    free(lock_file);
    return result;
}

static int open_place(struct place *p, const char *path, char *error, size_t error_size)
{
    if (place_open(p, path) == 0) {
        return 0;
    }
    return text_fail(error, error_size, "-peersFile: '%s' lies in a folder that cannot be opened: %s", path,
                     strerror(errno));
}

static bool is_same_place(const struct place *a, const struct place *b)
{
    struct stat one, other;
    return fstat(a->folder, &one) == 0 && fstat(b->folder, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino && strcmp(a->name, b->name) == 0;
}

/* The file that is written instead of the one at p. One and the same, by a link, cannot be locked twice. */
static int take_written(struct locks *l, const struct place *p, const char *path, const struct log_sink *log,
                        char *error, size_t error_size)
{
    struct place written;
    if (open_place(&written, path, error, error_size) != 0) {
        return -1;
    }
    int result = is_same_place(p, &written) ? 0 : take_place(&l->written, &written, log, error, error_size);
    place_close(&written);
    return result;
}

static int take_peers_file(struct locks *l, const struct options *o, const struct log_sink *log, char *error,
                           size_t error_size)
{
    const char *path = o->config.peers_file;
    if (*path == '\0') {
        return 0;
    }
    struct place p;
    if (open_place(&p, path, error, error_size) != 0) {
        return -1;
    }
    int result = take_place(&l->peers_file, &p, log, error, error_size);
    char *written = result == 0 ? peers_file_written(path) : NULL;
    if (written) {
        result = take_written(l, &p, written, log, error, error_size);
    } else if (result == 0) {
        result = text_fail(error, error_size, "out of memory");
    }
    free(written);
    place_close(&p);
    return result;
}

int locks_take(struct locks *l, const struct options *o, const struct log_sink *log, char *error,
               size_t error_size)
{
    *l = LOCKS_NONE;
    if (take_home(l, o, log, error, error_size) == 0 && take_peers_file(l, o, log, error, error_size) == 0) {
        return 0;
    }
    locks_release(l);
    return -1;
}

void locks_release(struct locks *l)
{
    const int held[] = {l->written, l->peers_file, l->home};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        if (held[i] >= 0) {
            descriptor_close(held[i]);
        }
    }
    *l = LOCKS_NONE;
}
