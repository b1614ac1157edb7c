/* The folders of a node's own files. */
#ifndef KITH_APP_FOLDER_H
#define KITH_APP_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "app/options.h"

/* Any thread; does not block. True if the file is in o's home, or in a folder below it. False for "". */
bool folder_is_home(const struct options *o, const char *file);

/* Any thread; does not block. How many folders above a home that is missing are made with it. */
int folder_above(const struct options *o);

/* Any thread; blocks on the disk. Readies the folders of finished options. The home is made if one of the
 * node's files lies in it, and with it folder_above of those that it is in, all for their owner alone. Those
 * that exist stay as they are. No other folder is made: a mistyped path shall be an error. The folder of the
 * peers file must be there then. 0; or -1 with `error`, one line that begins with the name of the option that
 * is at fault. */
int folder_ready(const struct options *o, char *error, size_t error_size);

/* Any thread; blocks on the disk. The folder of `file`, or of its target if it is a link, must be there;
 * "" needs none. 0; or -1 with `error`, one line that begins with `option`. */
int folder_check(const char *option, const char *file, char *error, size_t error_size);

#endif
