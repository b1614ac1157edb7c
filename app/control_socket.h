/* The control socket's place in the file system: a Unix socket that one node alone has. A lock on the file
 * PATH.lock beside it tells whose it is. So two nodes that start at once do not take it from each other, and
 * a socket that a dead node has left is replaced. One thread; opening blocks on the disk. */
#ifndef KITH_APP_CONTROL_SOCKET_H
#define KITH_APP_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "app/options.h"

struct control_socket {
    int fd;       /* it listens, and does not block; -1 for none */
    int lock;     /* -1 for none */
    dev_t device; /* of the socket file, which is removed if it is still this one */
    ino_t inode;
    char path[CONTROL_PATH_MAX];
};

/* Listens at that path, with mode 0660. Makes the folder that it is in, with mode 0700, if it is missing. 0;
 * or -1 with `error`, a text without the option: another node has it, or something that is no socket is
 * there, or it cannot be made. */
int control_socket_open(struct control_socket *s, const char *path, char *error, size_t error_size);

/* Whether a program listens at a socket of that path. Does not block. */
bool control_socket_is_used(const char *path);

/* Removes the socket and gives the place free. Idempotent; the lock file stays. */
void control_socket_close(struct control_socket *s);

#endif
