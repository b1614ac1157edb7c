/* Small matters of text, the same in every locale. None of these functions blocks or allocates; any thread.
 */
#ifndef KITH_APP_TEXT_H
#define KITH_APP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/utf8.h"

#define TEXT_SHOWN_MAX UTF8_SHOWN_MAX

/* utf8_shown for a text that ends with NUL. */
const char *text_shown(const char *text, char buf[TEXT_SHOWN_MAX]);

/* Letters' case aside. */
bool text_equal(const char *a, const char *b);

/* What follows `prefix` in `text`, letters' case aside; NULL if it does not start so. */
const char *text_after(const char *text, const char *prefix);

/* True if there is a control character, those from U+0080 to U+009F among them: no name and no URL holds
 * one. */
bool text_has_control(const char *text);

/* Writes an error message, harmless to a terminal whatever it tells of, and returns -1, for callers to return
 * in turn. */
int text_fail(char *error, size_t error_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
