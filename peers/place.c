#include "peers/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time_text.h"

#define TEMP_MARK      ".tmp-"
#define TEMP_DIGITS    16   /* behind the mark */
#define LINKS_MOST     40   /* as the system's own bound */
#define MOST_SET_ASIDE 1000 /* within one second */

/* --- finding it --- */

/* The path that a link at `path` leads to. NULL without memory. */
static char *path_behind(const char *path, const char *target)
{
    const char *slash = strrchr(path, '/');
    char *behind = NULL;
    if (target[0] == '/' || !slash) {
        return strdup(target);
    }
    int length = (int)(slash + 1 - path);
    return asprintf(&behind, "%.*s%s", length, path, target) < 0 ? NULL : behind;
}

/* Follows links at the end of the path. NULL with errno. */
static char *follow(const char *path)
{
    char *now = strdup(path);
    for (int i = 0; now && i < LINKS_MOST; i++) {
        char target[PATH_MAX];
        ssize_t n = readlink(now, target, sizeof target - 1);
        if (n < 0) {
            return now; /* no link; whatever else is wrong with it will show */
        }
        target[n] = '\0';
        char *next = path_behind(now, target);
        free(now);
        now = next;
    }
    errno = now ? ELOOP : ENOMEM;
    free(now);
    return NULL;
}

/* The system may forbid to follow a link, as it does for links that others have put into a folder that is
 * open to all. readlink does not check that. */
static bool may_be_followed(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    return errno == ENOENT;
}

/* p->path is set. */
static int open_folder(struct place *p)
{
    const char *slash = strrchr(p->path, '/');
    p->name = slash ? slash + 1 : p->path;
    if (*p->name == '\0') {
        errno = EISDIR;
        return -1;
    }
    size_t length = slash ? (size_t)(slash - p->path) : 0;
    char *folder = slash ? strndup(p->path, length == 0 ? 1 : length) : strdup(".");
    if (!folder) {
        return -1;
    }
    p->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return p->folder < 0 ? -1 : 0;
}

int place_open(struct place *p, const char *path)
{
    *p = (struct place){.folder = -1};
    if (!may_be_followed(path) || !(p->path = follow(path))) {
        return -1;
    }
    if (open_folder(p) != 0) {
        place_close(p);
        return -1;
    }
    return 0;
}

void place_close(struct place *p)
{
    int why = errno;
    if (p->folder >= 0) {
        close(p->folder);
    }
    free(p->path);
    *p = (struct place){.folder = -1};
    errno = why;
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

void place_remove_stale(const struct place *p)
{
    int fd = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        if (is_temp_of(e->d_name, p->name)) {
            unlinkat(p->folder, e->d_name, 0);
        }
    }
    closedir(folder);
}

/* --- replacing it: 0, or -1 with errno --- */

/* A rename is safe against a power failure only when the folder has reached the disk. Some file systems
 * cannot. */
static int sync_folder(const struct place *p)
{
    return fsync(p->folder) == 0 || errno == EINVAL ? 0 : -1;
}

static int write_at(int fd, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = pwrite(fd, bytes + at, size - at, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        at += (size_t)n;
    }
    return fsync(fd);
}

/* Gives the new file the owner, the group and the mode of the old one, as far as the process may. */
static void keep_rights(const struct place *p, int fd)
{
    struct stat old, made;
    if (fstatat(p->folder, p->name, &old, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(old.st_mode) ||
        fstat(fd, &made) != 0) {
        return;
    }
    mode_t mode = old.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
    bool is_ours = old.st_uid == made.st_uid && old.st_gid == made.st_gid;
    if (!is_ours && fchown(fd, old.st_uid, old.st_gid) != 0 && fchown(fd, (uid_t)-1, old.st_gid) != 0) {
        mode &= (mode_t)~S_IRWXG; /* they would be another group's */
    }
    fchmod(fd, mode);
}

/* Closes fd in every case. */
static int fill(const struct place *p, int fd, const char *bytes, size_t size)
{
    int result = write_at(fd, bytes, size);
    int why = errno;
    if (result == 0) {
        keep_rights(p, fd);
    }
    if (close(fd) != 0 && result == 0) {
        return -1;
    }
    errno = why;
    return result;
}

static int replace(const struct place *p, const char *bytes, size_t size)
{
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    char temp[NAME_MAX + 1];
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
    if (fill(p, fd, bytes, size) != 0 || renameat(p->folder, temp, p->folder, p->name) != 0) {
        int why = errno;
        unlinkat(p->folder, temp, 0);
        errno = why;
        return -1;
    }
    return 0;
}

/* --- writing it over, if it cannot be replaced: 0, or -1 with errno --- */

static bool cannot_be_replaced(int why)
{
    return why == EBUSY || why == EXDEV || why == EROFS || why == EACCES || why == EPERM;
}

static char *read_old(int fd, size_t size)
{
    char *old = malloc(size + 1);
    if (old && pread(fd, old, size, 0) != (ssize_t)size) {
        free(old);
        errno = EIO;
        return NULL;
    }
    return old;
}

/* The new text, with white space up to the length of the old one. So the file holds the new version, whole,
 * also before it is cut to its new length. */
static char *pad(const char *bytes, size_t size, size_t old_size)
{
    char *padded = malloc((size > old_size ? size : old_size) + 1);
    if (!padded) {
        return NULL;
    }
    memcpy(padded, bytes, size);
    if (old_size > size) {
        memset(padded + size, '\n', old_size - size);
    }
    return padded;
}

static int overwrite(int fd, const char *bytes, size_t size, const char *old, size_t old_size)
{
    size_t whole = size > old_size ? size : old_size;
    /* Not every file system can reserve. */
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)whole) != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
        return -1;
    }
    if (write_at(fd, bytes, whole) == 0 && ftruncate(fd, (off_t)size) == 0 && fsync(fd) == 0) {
        return 0;
    }
    int why = errno;
    if (ftruncate(fd, (off_t)old_size) == 0) {
        write_at(fd, old, old_size);
    }
    errno = why;
    return -1;
}

static int overwrite_open(int fd, const char *bytes, size_t size)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size < 0) {
        errno = EINVAL;
        return -1;
    }
    size_t old_size = (size_t)s.st_size;
    char *old = read_old(fd, old_size);
    char *padded = old ? pad(bytes, size, old_size) : NULL;
    int result = padded ? overwrite(fd, padded, size, old, old_size) : -1;
    int why = errno;
    free(old);
    free(padded);
    errno = why;
    return result;
}

/* If the file is not for us to write either, the error is `why` it could not be replaced. */
static int write_over(const struct place *p, const char *bytes, size_t size, int why)
{
    int fd = openat(p->folder, p->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        errno = why;
        return -1;
    }
    int result = overwrite_open(fd, bytes, size);
    why = errno;
    if (close(fd) != 0 && result == 0) {
        return -1;
    }
    errno = why;
    return result;
}

int place_write(const struct place *p, const char *bytes, size_t size)
{
    if (replace(p, bytes, size) == 0) {
        return sync_folder(p);
    }
    return cannot_be_replaced(errno) ? write_over(p, bytes, size, errno) : -1;
}

/* --- setting it aside: 0, or -1 with errno --- */

static int copy_to(int from, int to)
{
    struct stat s;
    if (fstat(from, &s) != 0) {
        return -1;
    }
    char *bytes = read_old(from, (size_t)s.st_size);
    int result = bytes ? write_at(to, bytes, (size_t)s.st_size) : -1;
    int why = errno;
    free(bytes);
    errno = why;
    return result;
}

/* Closes fd in every case. */
static int copy_and_empty(int fd, const struct place *p, const char *new_name)
{
    int copy = openat(p->folder, new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    int result = copy < 0 ? -1 : copy_to(fd, copy);
    int why = errno;
    if (copy >= 0 && close(copy) != 0 && result == 0) {
        result = -1;
        why = errno;
    }
    if (copy >= 0 && result != 0) {
        unlinkat(p->folder, new_name, 0);
    }
    if (result == 0 && (sync_folder(p) != 0 || ftruncate(fd, 0) != 0)) {
        result = -1;
        why = errno;
    }
    close(fd);
    errno = why;
    return result;
}

/* EINVAL: a file system that cannot be told not to replace. */
static int move_to(const struct place *p, const char *new_name)
{
    if (renameat2(p->folder, p->name, p->folder, new_name, RENAME_NOREPLACE) == 0) {
        return sync_folder(p);
    }
    int fd = -1;
    if (cannot_be_replaced(errno) || errno == EINVAL) {
        fd = openat(p->folder, p->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    }
    return fd < 0 ? -1 : copy_and_empty(fd, p, new_name);
}

int place_set_aside(const struct place *p, char new_name[NAME_MAX + 1], int64_t now_ms)
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
        if (move_to(p, new_name) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}
