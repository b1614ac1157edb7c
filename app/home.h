/* Where a person's node has its files, if no option says so (XDG Base Directory Specification, 0.8). */
#ifndef KITH_APP_HOME_H
#define KITH_APP_HOME_H

#include <stddef.h>

#include "controller/config.h"

/* Any thread that shares the environment with no writer of it; asks the disk once or twice, and for the
 * account, if HOME is not set. Writes the path of the home, and that of the configuration file.
 *
 * The home is $XDG_DATA_HOME/kith, not the folder for state: the identity in it cannot be made again, and
 * what is kept for backups is data. The file is $XDG_CONFIG_HOME/kith/kith.conf. But if there is a ~/.kith,
 * as earlier versions made it, that is the home; and if there is a kith.conf in it, that is the file. "~" is
 * HOME, or if that is not set the folder of the account; without one, it all is in ./.kith.
 *
 * 0; or -1 with `error`, one line that begins with "-home" or "-config": a path is too long. */
int home_find(char home[CONFIG_PATH_MAX], char config[CONFIG_PATH_MAX], char *error, size_t error_size);

#endif
