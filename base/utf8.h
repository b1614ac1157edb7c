/* Text of unknown content: which of its bytes are UTF-8, and which a terminal would obey. Any thread; nothing
 * blocks or allocates. */
#ifndef KITH_BASE_UTF8_H
#define KITH_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes (1 to 4) of the character that text begins with; 0 if it does not begin with one, as after its
 * end. No surrogates and no forms that are longer than need be, as in JSON. */
size_t utf8_character(const char *text, size_t size);

/* True if all of it is UTF-8. */
bool utf8_is_valid(const char *text, size_t size);

/* As utf8_character, but 0 for control characters too, those from U+0080 to U+009F among them: a terminal
 * obeys them. */
size_t utf8_harmless(const char *text, size_t size);

#define UTF8_SHOWN_MAX 84 /* bytes that utf8_shown writes at most, with its NUL */

/* Copies text, made fit for a message: harmless, cut to 80 bytes, and "..." after them if it was cut. Returns
 * buf. */
const char *utf8_shown(const char *text, size_t size, char buf[UTF8_SHOWN_MAX]);

/* Replaces, in place, each byte that is no part of a harmless character by '?'. */
void utf8_make_harmless(char *text);

#endif
