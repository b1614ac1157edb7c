/* The program's input: lines from anywhere, or those that a person types at a terminal. Main thread only. */
#ifndef KITH_APP_INPUT_H
#define KITH_APP_INPUT_H

#include <signal.h>
#include <sys/signalfd.h>

#include "app/editor.h"
#include "app/lines.h"

struct input {
    struct lines lines;
    struct editor *editor; /* NULL if lines are not edited here */
    bool is_terminal;
    bool is_open; /* false once it has ended, or a caller has set it so */
};

/* What input_signal makes of a signal. */
enum input_signal { INPUT_IS_QUIT, INPUT_IS_RELOAD, INPUT_HAS_OBEYED };

/* Does not block. `longest`: bytes of a line. */
void input_open(struct input *in, int fd, size_t longest);

/* Lines are edited from now on, if that is possible here. As editor_new. */
void input_edit(struct input *in, struct output *out, const char *history, editor_complete *complete,
                void *context);

/* Adds the signals that input_signal wants. */
void input_add_signals(const struct input *in, sigset_t *signals);

/* Obeys a signal that came by a signalfd. It may stop the process, as ^Z does. */
enum input_signal input_signal(struct input *in, struct output *out, const struct signalfd_siginfo *s);

/* A job in the background leaves the keyboard to the job in the foreground. Nothing tells when that changes:
 * this is to be asked now and then. */
bool input_is_in_background(struct input *in);

/* Before a sleep: shows the line that is being typed. */
void input_show(struct input *in);

/* One read, after poll has said that there is input. It may block for a moment if others share the input. */
void input_read(struct input *in);

/* As lines_next. Sets is_open to false after the last line. */
enum lines_result input_next(struct input *in, char **line, size_t *size);

/* Whether a read is worth while. */
bool input_has_more(const struct input *in);

/* The terminal becomes as it was; there are no more lines. */
void input_close(struct input *in);

/* After input_close; blocks as editor_free, whose result it has. */
int input_free(struct input *in);

#endif
