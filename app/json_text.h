/* The inside of a string of JSON, between its quotes: as fast as most texts allow, which hold few bytes that
 * need care. Any thread; nothing blocks or allocates. */
#ifndef KITH_APP_JSON_TEXT_H
#define KITH_APP_JSON_TEXT_H

#include <stddef.h>

/* How many bytes the text begins with that stand for themselves in a string: all but '"', '\\' and control
 * characters. Whether they are UTF-8 is not looked at. */
size_t json_text_plain(const char *text, size_t size);

/* Copies them, too: `out` has room for `size` bytes, and those beyond the result may be written to. */
size_t json_text_copy_plain(const char *text, size_t size, char *out);

#define JSON_TEXT_ESCAPED_MAX 6 /* what json_text_escape writes at most */

/* Writes what a byte that is not plain is in a string; the length. */
size_t json_text_escape(char c, char *out);

/* Reads the escape that `text` begins with, a backslash first: two UTF-16 halves together, if there are two.
 * Writes its character in UTF-8 to `out`, which has room for four bytes and may be `text` itself, and its
 * length to *written. Returns the escape's length; 0 if it is none. */
size_t json_text_unescape(const char *text, size_t size, char *out, size_t *written);

#endif
