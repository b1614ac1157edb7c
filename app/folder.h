/* Making the folder of a file that is going to be written. */
#ifndef KITH_APP_FOLDER_H
#define KITH_APP_FOLDER_H

#include <stddef.h>

/* Any thread; blocks on the disk. Makes the folder of `file`, with those above it, for their owner alone;
 * those that exist stay as they are. Does nothing for "". 0; or -1 with `error`, one line that begins with
 * the name of the option that says where the file is: "-peersFile". */
int folder_make(const char *option, const char *file, char *error, size_t error_size);

#endif
