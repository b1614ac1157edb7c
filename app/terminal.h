/* The terminal on standard input and output: how its keys arrive, and how large it is. Main thread only.
 *
 * libedit would set the terminal's modes by itself, and wait until all output is drained before: on a
 * terminal that is stopped, for ever. So it is given another terminal, which nobody looks at and which is as
 * large. */
#ifndef KITH_APP_TERMINAL_H
#define KITH_APP_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
    int fd;                      /* standard input; the caller's */
    int for_libedit;             /* the other terminal, */
    int other_end;               /* and its other end, which keeps it alive */
    bool passes_keys;            /* each key arrives as it is pressed, and is not echoed */
    struct termios before, keys; /* the modes as they were, and those in which it passes keys */
};

/* Whether this process has one terminal as its standard input and output, on which a cursor can be moved. */
bool terminal_is_there(void);

/* 0; or an error number, and there is nothing to close. */
int terminal_open(struct terminal *t, int fd);
void terminal_close(struct terminal *t); /* as terminal_restore, before */

/* In the foreground only. Passes keys from now on; modes that another process has set since are those that
 * terminal_restore will set. */
void terminal_pass_keys(struct terminal *t);
void terminal_restore(struct terminal *t);

/* Another process has the terminal now: it sets the modes that it needs. */
void terminal_lose(struct terminal *t);

/* Tells the other terminal how large this one is; returns its columns. */
unsigned terminal_measure(struct terminal *t);

#endif
