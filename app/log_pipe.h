/* The log of a program whose console is on the same terminal. Its lines go through a pipe to the main thread,
 * which writes them above the line that is being typed. Main thread only; nothing blocks, but for
 * log_pipe_end. */
#ifndef KITH_APP_LOG_PIPE_H
#define KITH_APP_LOG_PIPE_H

#include "app/output.h"
#include "queue/log_writer.h"

#define LOG_PIPE_TEXT 65536 /* bytes that are kept */

struct log_pipe {
    int reader, writer; /* -1: there is none */
    char *text;         /* that has come and is not written, as its line is not whole */
    size_t size;
};

/* Puts the pipe in the place of standard error in *to, if that leads to the terminal of standard output. */
void log_pipe_open(struct log_pipe *p, struct log_output *to);

/* What has come; whole lines are written. A pipe that is not read holds up the log writer alone. */
void log_pipe_read(struct log_pipe *p, struct output *out);

/* Lines go to standard error from now on. What is in the pipe is written; blocks for a moment, in which the
 * log writer gives up the pipe. */
void log_pipe_end(struct log_pipe *p, struct output *out);

/* After log_writer_end. */
void log_pipe_close(struct log_pipe *p);

#endif
