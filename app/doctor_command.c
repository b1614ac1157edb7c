/* Programs that are asked. */
#include "app/doctor_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { COMMAND_MS = 5000, OUTPUT_MOST = 8 << 20 };

/* What comes until the end, or as far as it is within the bounds; from malloc, with a NUL behind it. NULL
 * without memory. */
static char *read_all(int fd)
{
    size_t size = 0, room = 65536;
    char *text = malloc(room + 1);
    int64_t by = clock_ms() + COMMAND_MS;
    for (ssize_t n = 1; text && n > 0; size += n > 0 ? (size_t)n : 0) {
        if (size == room) {
            room *= 2;
            char *more = room > OUTPUT_MOST ? NULL : realloc(text, room + 1);
            if (!more) {
                break;
            }
            text = more;
        }
        int64_t left = by - clock_ms();
        if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, left > 0 ? (int)left : 0) <= 0) {
            break;
        }
        n = read(fd, text + size, room - size);
    }
    if (text) {
        text[size] = '\0';
    }
    return text;
}

/* The ruleset, from malloc; NULL if nft cannot be run, or says nothing. One that is cut is no JSON. */
char *doctor_command(const char *const words[])
{
    int ends[2];
    pid_t pid;
    char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
    char *const environment[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return NULL;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char *text = failed ? NULL : read_all(ends[0]);
    close(ends[0]);
    int status = 1;
    if (!failed) {
        kill(pid, SIGKILL); /* if it has not ended */
        waitpid(pid, &status, 0);
    }
    if (text && !text[0]) {
        free(text);
        text = NULL;
    }
    return text;
}
