/* The file that keeps the lines that a person has typed, one a line, the oldest first. A thread of its own
 * writes it, so that no disk holds up the program. */
#ifndef KITH_APP_HISTORY_H
#define KITH_APP_HISTORY_H

#include <stddef.h>

#define HISTORY_LINES      1000
#define HISTORY_LINE_BYTES 1024 /* a longer line is not kept */
#define HISTORY_BYTES      ((size_t)HISTORY_LINES * (HISTORY_LINE_BYTES + 1))
#define HISTORY_WAITING    ((size_t)65536) /* bytes of lines that wait for the thread, at most */

struct history_file;

/* Any thread; blocks on the disk. The file's text, of *size bytes and from malloc, cut to the whole lines of
 * its last HISTORY_BYTES. NULL if there is no such file, it is no regular file, or it cannot be read. */
char *history_read(const char *path, size_t *size);

/* Any thread; does not block. A file of more than HISTORY_BYTES is cut as history_read cuts it. NULL if
 * memory, a descriptor or a thread is short. */
struct history_file *history_open(const char *path);

/* The thread that opened it; does not block. Appends a line of at most HISTORY_LINE_BYTES, without a newline
 * at its end, to the file, which may happen later. A line is left to history_close if HISTORY_WAITING bytes
 * wait, if the file has 2 * HISTORY_BYTES, or if the disk refuses it. */
void history_add(struct history_file *f, const char *line);

/* The same thread; blocks on the disk for half a second at most, whatever the disk does. Makes the text the
 * file's content, unless it is NULL, and frees *f; the text stays the caller's. A new file is for its owner
 * alone. 0; or an error number, and the file is as it was, but after ETIMEDOUT the disk may still bring it
 * about. */
int history_close(struct history_file *f, const char *text, size_t size);

#endif
