/* Hex digits, whatever the locale.
 *
 * Any thread. None blocks. */
#ifndef KITH_BASE_HEX_H
#define KITH_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills n bytes from the first 2 * n characters. False if one of them is no hex digit; `to` is then filled in
 * part. */
bool hex_read(uint8_t *to, size_t n, const char *text);

/* Writes 2 * n digits in lower case, and no NUL. */
void hex_write(char *to, const uint8_t *from, size_t n);

#endif
