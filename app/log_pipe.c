#include "app/log_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GIVEN_UP_MS = 50 };

static bool is_one_terminal(void)
{
    struct stat out, log;
    return isatty(STDERR_FILENO) && fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &log) == 0 &&
           out.st_rdev == log.st_rdev;
}

void log_pipe_open(struct log_pipe *p, struct log_output *to)
{
    int ends[2];
    *p = (struct log_pipe){.reader = -1, .writer = -1};
    if (to->send || to->fd != STDERR_FILENO || !is_one_terminal()) {
        return;
    }
    p->text = malloc(LOG_PIPE_TEXT);
    if (!p->text || pipe2(ends, O_CLOEXEC) != 0) {
        free(p->text);
        p->text = NULL;
        return;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->reader = ends[0];
    p->writer = ends[1];
    to->fd = p->writer;
}

/* False if nothing has come. */
static bool read_some(struct log_pipe *p, struct output *out)
{
    ssize_t n = read(p->reader, p->text + p->size, LOG_PIPE_TEXT - p->size);
    if (n <= 0) {
        return false;
    }
    p->size += (size_t)n;
    const char *last = memrchr(p->text, '\n', p->size);
    size_t whole = last ? (size_t)(last - p->text) + 1 : p->size == LOG_PIPE_TEXT ? p->size : 0;
    if (whole > 0) {
        output_add(out, p->text, whole);
        memmove(p->text, p->text + whole, p->size - whole);
        p->size -= whole;
    }
    return true;
}

void log_pipe_read(struct log_pipe *p, struct output *out)
{
    read_some(p, out);
}

void log_pipe_end(struct log_pipe *p, struct output *out)
{
    if (p->reader < 0) {
        return;
    }
    dup3(STDERR_FILENO, p->writer, O_CLOEXEC);
    /* A write that is under way keeps the pipe open until it is done. */
    do {
        while (read_some(p, out)) {
        }
    } while (poll(&(struct pollfd){.fd = p->reader, .events = POLLIN}, 1, GIVEN_UP_MS) > 0 &&
             read_some(p, out));
    close(p->reader);
    p->reader = -1;
}

void log_pipe_close(struct log_pipe *p)
{
    if (p->writer >= 0) {
        close(p->writer);
    }
    free(p->text);
    *p = (struct log_pipe){.reader = -1, .writer = -1};
}
