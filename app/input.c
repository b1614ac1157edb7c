#include "app/input.h"

#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

enum { BLOCKED_MS = 20 /* a read, at the longest */ };

static void wake_up(int number)
{
    (void)number;
}

void input_open(struct input *in, int fd, size_t longest)
{
    *in = (struct input){.is_terminal = isatty(fd), .is_open = true};
    lines_init(&in->lines, fd, longest);
    /* No SA_RESTART: it is to interrupt. */
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = wake_up}, NULL);
}

void input_edit(struct input *in, struct output *out, const char *history, editor_complete *complete,
                void *context)
{
    in->editor = editor_new(in->lines.fd, out, history, complete, context);
}

void input_add_signals(const struct input *in, sigset_t *signals)
{
    if (in->editor) {
        sigaddset(signals, SIGTSTP);
        sigaddset(signals, SIGCONT);
        sigaddset(signals, SIGWINCH);
    }
}

/* ^Z. The line and the modes have gone from the terminal before the shell has it. SIGTSTP, unlike SIGSTOP,
 * does nothing if nobody could have the process go on. */
static void stop(struct input *in, struct output *out)
{
    sigset_t stop;
    editor_leave(in->editor, !input_is_in_background(in));
    output_flush(out, clock_ms() + OUTPUT_SHORTLY_MS);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
    raise(SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
}

enum input_signal input_signal(struct input *in, struct output *out, const struct signalfd_siginfo *s)
{
    switch (s->ssi_signo) {
    case SIGHUP:
        return INPUT_IS_RELOAD;
    case SIGINT: /* ^C ends the line first; kill ends the program */
        return in->editor && s->ssi_code == SI_KERNEL && editor_drop_line(in->editor) ? INPUT_HAS_OBEYED
                                                                                      : INPUT_IS_QUIT;
    case SIGTSTP:
        stop(in, out);
        return INPUT_HAS_OBEYED;
    case SIGCONT: /* the shell may have set other modes meanwhile */
        editor_leave(in->editor, false);
        return INPUT_HAS_OBEYED;
    case SIGWINCH:
        editor_resize(in->editor);
        return INPUT_HAS_OBEYED;
    default:
        return INPUT_IS_QUIT;
    }
}

bool input_is_in_background(struct input *in)
{
    pid_t foreground = in->is_terminal ? tcgetpgrp(in->lines.fd) : -1;
    bool is_so = foreground >= 0 && foreground != getpgrp();
    if (is_so && in->editor) {
        editor_leave(in->editor, false);
    }
    return is_so;
}

void input_show(struct input *in)
{
    if (in->editor) {
        editor_show(in->editor);
    }
}

/* Another process that shares the input may have taken it since the poll. An alarm ends the wait for more. It
 * repeats, as the first one may come before the read. */
void input_read(struct input *in)
{
    const struct timeval often = {.tv_usec = BLOCKED_MS * 1000};
    setitimer(ITIMER_REAL, &(struct itimerval){often, often}, NULL);
    if (in->editor) {
        editor_read(in->editor);
    } else {
        lines_read(&in->lines);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
}

static bool has_ended(const struct input *in)
{
    return in->editor ? editor_has_ended(in->editor) : in->lines.ended && in->lines.start == in->lines.end;
}

enum lines_result input_next(struct input *in, char **line, size_t *size)
{
    enum lines_result r =
        in->editor ? editor_next(in->editor, line, size) : lines_next(&in->lines, line, size);
    in->is_open = in->is_open && (r != LINES_NONE || !has_ended(in));
    return r;
}

bool input_has_more(const struct input *in)
{
    return in->is_open && !(in->editor ? editor_has_ended(in->editor) : in->lines.ended);
}

void input_close(struct input *in)
{
    editor_close(in->editor);
    in->is_open = false;
}

int input_free(struct input *in)
{
    int error = editor_free(in->editor);
    in->editor = NULL;
    lines_fini(&in->lines);
    return error;
}
