/* Text of unknown content: which of its bytes are UTF-8, and which a terminal would obey. Any thread; nothing
 * blocks or allocates. */
#ifndef KITH_BASE_UTF8_H
#define KITH_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes (1 to 4) of the character that text begins with; 0 if it does not begin with one, as after its
 * end. No surrogates and no forms that are longer than need be, as in JSON. */
size_t utf8_character(const char *text, size_t size);

/* How many bytes of ASCII, below 0x80, the text begins with. */
size_t utf8_ascii(const char *text, size_t size);

/* True if all of it is UTF-8. */
bool utf8_is_valid(const char *text, size_t size);

/* The same of text that comes in pieces, which may be cut anywhere. All zero at the start. */
struct utf8_reader {
    uint8_t more;        /* bytes of the last character that have not come */
    uint8_t least, most; /* between which the next of them lies */
};

bool utf8_read(struct utf8_reader *r, const char *text, size_t size); /* false if it is not UTF-8 */
bool utf8_is_whole(const struct utf8_reader *r);                      /* it may end here */

/* As utf8_character, but 0 for control characters too, those from U+0080 to U+009F among them: a terminal
 * obeys them. And 0 for those that turn the order of the characters behind them. */
size_t utf8_harmless(const char *text, size_t size);

#define UTF8_SHOWN_MAX 84 /* bytes that utf8_shown writes at most, with its NUL */

/* Copies text, made fit for a message: harmless, cut to 80 bytes, and "..." after them if it was cut. Returns
 * buf. */
const char *utf8_shown(const char *text, size_t size, char buf[UTF8_SHOWN_MAX]);

/* Replaces, in place, each byte that is no part of a harmless character by '?'. */
void utf8_make_harmless(char *text);

#endif
