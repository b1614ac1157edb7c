/* Text of a node on standard output. One thread; may block. */
#ifndef KITH_APP_CTL_PUT_H
#define KITH_APP_CTL_PUT_H

#include <jansson.h>
#include <stddef.h>

/* What a terminal would obey is made harmless. */
void put_harmless(const char *text, size_t size);
void put_text(const json_t *text); /* "" if it is none */
void put_word(const char *word);

#endif
