/* The line that a person types at a terminal, edited by libedit: with history and completion. Other text is
 * written above it: the line is taken from the screen before, and shown again once all of the text is
 * written.
 *
 * Main thread only. libedit reads keys that have arrived already, and draws into the program's output: so
 * nothing here waits for the terminal. */
#ifndef KITH_APP_EDITOR_H
#define KITH_APP_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/completions.h"
#include "app/history.h"
#include "app/lines.h"
#include "app/output.h"

#define EDITOR_LONGEST ((size_t)65536) /* characters of a line */

/* Fills in what may follow `line`, the text up to the cursor. */
typedef void editor_complete(void *context, const char *line, struct completions *c);

struct editor;

/* While there is no other thread. Whether standard input and output are a terminal on which lines can be
 * edited by this build; then characters are UTF-8 from now on, whatever the locale says. */
bool editor_is_possible(void);

/* The most memory of it. libedit keeps five arrays of wide characters for a line, twice as long after they
 * grew; here and there the line is kept as bytes, too. */
#define EDITOR_MOST ((uint64_t)(5 * 2 * 4 + 4 * 4) * EDITOR_LONGEST + 2 * HISTORY_BYTES + HISTORY_WAITING)

/* Blocks on the disk. Reads the history from the file of that name; "" for no file. `complete` may be called
 * in editor_next. `fd`, the terminal's, and `out` are the caller's. NULL if this is not possible here: the
 * terminal, or this build, does not do it, or memory is short. */
struct editor *editor_new(int fd, struct output *out, const char *history, editor_complete *complete,
                          void *context);

/* Takes the line from the screen and sets the terminal's modes as they were. NULL is allowed. */
void editor_close(struct editor *e);

/* After editor_close; blocks as history_close. Writes the history, and frees *e. 0, or an error number. */
int editor_free(struct editor *e);

/* The process has the terminal: shows the line that is being typed. Does nothing if it is shown, or if a long
 * text is being written. */
void editor_show(struct editor *e);

/* The terminal is another process's for now. `restore`: it is still ours, and is left as it was found. */
void editor_leave(struct editor *e, bool restore);

/* The terminal may have another size. */
void editor_resize(struct editor *e);

/* Reads what has been typed, as lines_read. */
void editor_read(struct editor *e);

/* As lines_next. */
enum lines_result editor_next(struct editor *e, char **line, size_t *size);

/* Whether there will be no more lines. */
bool editor_has_ended(const struct editor *e);

/* Drops the line that is being typed; false if nothing has been typed. */
bool editor_drop_line(struct editor *e);

#endif
