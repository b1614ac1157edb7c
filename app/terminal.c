#include "app/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool terminal_is_there(void)
{
    struct stat in, out;
    const char *name = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && fstat(STDIN_FILENO, &in) == 0 &&
           fstat(STDOUT_FILENO, &out) == 0 && in.st_rdev == out.st_rdev && name && name[0] &&
           strcmp(name, "dumb") != 0;
}

static struct winsize size_of(const struct terminal *t)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct winsize told;
    if (ioctl(t->fd, TIOCGWINSZ, &told) == 0 && told.ws_row > 0 && told.ws_col > 1) {
        size = told;
    }
    return size;
}

int terminal_open(struct terminal *t, int fd)
{
    *t = (struct terminal){.fd = fd};
    struct winsize size = size_of(t);
    if (tcgetattr(fd, &t->before) != 0 ||
        openpty(&t->other_end, &t->for_libedit, NULL, &t->before, &size) != 0) {
        return errno;
    }
    fcntl(t->other_end, F_SETFD, FD_CLOEXEC);
    fcntl(t->for_libedit, F_SETFD, FD_CLOEXEC);
    return 0;
}

void terminal_close(struct terminal *t)
{
    terminal_restore(t);
    close(t->for_libedit);
    close(t->other_end);
}

/* The keys that send signals, and that stop the output, do so as before. */
static struct termios passing_keys(struct termios modes)
{
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
    modes.c_iflag &= ~(tcflag_t)(INLCR | IGNCR | ISTRIP);
    modes.c_oflag |= OPOST | ONLCR;
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    return modes;
}

static bool is_same(const struct termios *a, const struct termios *b)
{
    return a->c_lflag == b->c_lflag && a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
           a->c_cflag == b->c_cflag && memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

/* A shell that has had us stopped may give us our own modes back: those are not what was before. */
void terminal_pass_keys(struct terminal *t)
{
    struct termios now;
    if (t->passes_keys || tcgetattr(t->fd, &now) != 0) {
        return;
    }
    if (!is_same(&now, &t->keys)) {
        t->before = now;
        t->keys = passing_keys(now);
    }
    tcsetattr(t->fd, TCSANOW, &t->keys); /* TCSADRAIN could wait for ever */
    t->passes_keys = true;
}

void terminal_restore(struct terminal *t)
{
    if (t->passes_keys) {
        tcsetattr(t->fd, TCSANOW, &t->before);
        t->passes_keys = false;
    }
}

void terminal_lose(struct terminal *t)
{
    t->passes_keys = false;
}

unsigned terminal_measure(struct terminal *t)
{
    struct winsize size = size_of(t);
    ioctl(t->for_libedit, TIOCSWINSZ, &size);
    return size.ws_col;
}
