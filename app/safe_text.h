/* Text that may hold control characters, for a terminal: neither what peers send nor what is typed must reach
 * it as control sequences. Main thread only; nothing blocks. */
#ifndef KITH_APP_SAFE_TEXT_H
#define KITH_APP_SAFE_TEXT_H

#include <stddef.h>

#include "app/output.h"

/* Writes the first part of a line that an error tells of. */
void safe_text_print(struct output *out, const char *line, size_t size);

#endif
