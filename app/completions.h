/* What may stand in place of the word before the cursor. Main thread only; nothing blocks. */
#ifndef KITH_APP_COMPLETIONS_H
#define KITH_APP_COMPLETIONS_H

#include <stddef.h>

#include "app/output.h"

#define COMPLETIONS_MOST 1000 /* further ones are left out */

/* All zero at the start. */
struct completions {
    size_t from;  /* the byte of the line at which the word begins */
    char **texts; /* each is from malloc */
    size_t n, room;
};

/* Adds a text, unless memory is short. */
void completions_add(struct completions *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number of bytes that all of them begin with, whole characters alone. */
size_t completions_common(const struct completions *c);

/* Writes them in lines of at most `width` columns. */
void completions_print(const struct completions *c, struct output *out, unsigned width);

void completions_free(struct completions *c);

#endif
