#include "app/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/text.h"
#include "base/descriptor.h"

#define MODE    (S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP)
#define BACKLOG 128

_Static_assert(sizeof((struct sockaddr_un){0}.sun_path) == CONTROL_PATH_MAX, "each path that fits is taken");

static int make_folder(const char *path, char *error, size_t error_size)
{
    char folder[CONTROL_PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder) {
        return 0;
    }
    *slash = '\0';
    if (mkdir(folder, S_IRWXU) == 0 || errno == EEXIST) {
        return 0;
    }
    return text_fail(error, error_size, "the folder '%s' cannot be made: %s", folder, strerror(errno));
}

/* Of another node: "" if it is not known. */
static const char *format_holder(int lock, char *text, size_t size)
{
    char number[24] = "";
    long process = pread(lock, number, sizeof number - 1, 0) > 0 ? strtol(number, NULL, 10) : 0;
    if (process > 0) {
        snprintf(text, size, " (process %ld)", process);
    } else {
        *text = '\0';
    }
    return text;
}

static int take_lock(struct control_socket *s, char *error, size_t error_size)
{
    char file[CONTROL_PATH_MAX + sizeof ".lock"], holder[48];
    snprintf(file, sizeof file, "%s.lock", s->path);
    s->lock =
        descriptor_own(open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, S_IRUSR | S_IWUSR));
    if (s->lock < 0) {
        return text_fail(error, error_size, "'%s' cannot be opened: %s", file, strerror(errno));
    }
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0) {
        /* For people, and for the node that comes too late. Failing costs no more than that. */
        if (ftruncate(s->lock, 0) == 0) {
            dprintf(s->lock, "%ld\n", (long)getpid());
        }
        return 0;
    }
    if (errno != EWOULDBLOCK) {
        return text_fail(error, error_size, "'%s' cannot be locked: %s", file, strerror(errno));
    }
    return text_fail(error, error_size, "another node%s has '%s'",
                     format_holder(s->lock, holder, sizeof holder), s->path);
}

bool control_socket_is_used(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = fd >= 0 && (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 || errno == EAGAIN);
    if (fd >= 0) {
        close(fd);
    }
    return listens;
}

/* What a dead node has left. The lock is ours, but a program that knows nothing of it may listen there. */
static int remove_stale(const char *path, char *error, size_t error_size)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return 0; /* binding tells if it is not just missing */
    }
    if (!S_ISSOCK(st.st_mode)) {
        return text_fail(error, error_size, "'%s' is there, and is no socket", path);
    }
    if (control_socket_is_used(path)) {
        return text_fail(error, error_size, "another program listens at '%s'", path);
    }
    unlink(path);
    return 0;
}

/* The mode is narrow from the first moment: a socket gets that of its descriptor, less the umask. */
static bool listen_at(struct control_socket *s, const struct sockaddr_un *at)
{
    struct stat st;
    s->fd = descriptor_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (s->fd < 0 || fchmod(s->fd, S_IRUSR | S_IWUSR) != 0 ||
        bind(s->fd, (const struct sockaddr *)at, sizeof *at) != 0) {
        return false;
    }
    if (lstat(at->sun_path, &st) == 0) {
        s->device = st.st_dev;
        s->inode = st.st_ino;
    }
    return chmod(at->sun_path, MODE) == 0 && listen(s->fd, BACKLOG) == 0;
}

int control_socket_open(struct control_socket *s, const char *path, char *error, size_t error_size)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    *s = (struct control_socket){.fd = -1, .lock = -1};
    snprintf(s->path, sizeof s->path, "%s", path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int failed = make_folder(path, error, error_size);
    if (failed == 0) {
        failed = take_lock(s, error, error_size);
    }
    if (failed == 0) {
        failed = remove_stale(path, error, error_size);
    }
    if (failed == 0 && !listen_at(s, &at)) {
        failed = text_fail(error, error_size, "cannot listen at '%s': %s", path, strerror(errno));
    }
    if (failed) {
        control_socket_close(s);
    }
    return failed;
}

void control_socket_close(struct control_socket *s)
{
    struct stat st;
    if (s->inode && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode) {
        unlink(s->path);
    }
    if (s->fd >= 0) {
        descriptor_close(s->fd);
    }
    if (s->lock >= 0) {
        descriptor_close(s->lock);
    }
    *s = (struct control_socket){.fd = -1, .lock = -1};
}
