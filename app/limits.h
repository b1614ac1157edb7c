/* The table that -limits prints. */
#ifndef KITH_APP_LIMITS_H
#define KITH_APP_LIMITS_H

#include "app/options.h"

/* Blocks as long as `out` does. Prints each queue, table and buffer of a program with these finished options:
 * what it takes at most, who pays if it is full, and the ceiling that follows. docs/limits.md explains it,
 * and is the same text for the defaults. */
void limits_print(const struct options *o, FILE *out);

#endif
