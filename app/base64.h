/* Base64 with padding (RFC 4648), as fast as a library made for that: payloads are no secrets, so nothing
 * here takes the same time whatever the bytes. Any thread; nothing blocks or allocates. */
#ifndef KITH_APP_BASE64_H
#define KITH_APP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* The characters of so many bytes, and the NUL behind them. */
#define BASE64_TEXT_MAX(size) (((size) + 2) / 3 * 4 + 1)
/* The room that so many characters need to be decoded. */
#define BASE64_BYTES_MAX(length) ((length) / 4 * 3 + 2)

/* Writes the text and a NUL; the text's length. */
size_t base64_encode(const char *bytes, size_t size, char *text);

/* Strict: no white space, whole groups of four, and each bit that stands for no byte is 0. False if the text
 * is otherwise; then *bytes may have been written to. `length` may be 0. */
bool base64_decode(const char *text, size_t length, char *bytes, size_t *size);

#endif
