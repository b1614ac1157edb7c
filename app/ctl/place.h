/* Finds a control socket. One thread; blocks on the disk. */
#ifndef KITH_APP_CTL_PLACE_H
#define KITH_APP_CTL_PLACE_H

#include <stddef.h>

#define PLACE_MAX 4096

/* The default of kith's -control if a socket is there; else that of the one service, in /run/kith; else that
 * default all the same. 0; or -1 with `error`: there are several services, or no place is known. */
int place_find(char path[PLACE_MAX], char *error, size_t error_size);

/* What -control names: a path, or the name of a service, which is a word without a slash that is no file. */
void place_named(const char *word, char path[PLACE_MAX]);

#endif
