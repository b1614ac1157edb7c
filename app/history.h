/* The file that keeps the lines that a person has typed, one a line, the oldest first. */
#ifndef KITH_APP_HISTORY_H
#define KITH_APP_HISTORY_H

#include <stddef.h>

#define HISTORY_LINES      1000
#define HISTORY_LINE_BYTES 1024 /* a longer line is not kept */
#define HISTORY_BYTES      ((size_t)HISTORY_LINES * (HISTORY_LINE_BYTES + 1))

/* Any thread; blocks on the disk. The file's text, of *size bytes and from malloc, cut to the whole lines of
 * its last HISTORY_BYTES. NULL if there is no such file, it is no regular file, or it cannot be read. */
char *history_read(const char *path, size_t *size);

/* One thread at a time; blocks on the disk for half a second at most, whatever the disk does. Makes the text
 * the file's content; a new file is for its owner alone. 0, or an error number: the file is as it was. */
int history_write(const char *path, const char *text, size_t size);

#endif
