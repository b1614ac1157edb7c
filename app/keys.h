/* The keys that a terminal sends. Pure. */
#ifndef KITH_APP_KEYS_H
#define KITH_APP_KEYS_H

#include <stddef.h>

#define KEY_MOST 32 /* bytes of one key; a longer sequence is no key */

/* The bytes of the key that `text` begins with: of one control character, one character, one escape sequence,
 * or ^X and the key behind it. 0 if they have not all come. */
size_t key_size(const char *text, size_t size);

/* The keys of Emacs that do what an escape sequence of a terminal asks for, such as ^B for "left"; "" if kith
 * has no use for it. NULL if `text` is no such sequence. */
const char *key_meaning(const char *text, size_t size);

#define KEY_ESCAPE     '\033'
#define KEY_SECOND_MAP '\030' /* ^X: with the next one it is one key */
#define KEY_DELETE     '\037' /* deletes the character at the cursor, which has no key of its own in Emacs */

/* The bytes that `text` begins with and that a line may hold: no control characters, and whole characters of
 * UTF-8. */
size_t key_text(const char *text, size_t size);

#endif
