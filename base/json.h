/* JSON from strangers, read within bounds, and canonical JSON, of which everybody makes the same bytes.
 *
 * Any thread. No function blocks. */
#ifndef KITH_BASE_JSON_H
#define KITH_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    JSON_NESTING_MAX = 32,       /* an array in an array ... */
    JSON_VALUES_MAX = 128 << 10, /* in one text: each takes some 60 bytes of memory once it is read */
};

/* Reads one JSON value. Before any memory is reserved, depth and number of values are checked. NULL, with a
 * literal in *why, for bytes that are no UTF-8 or no JSON, that have anything but white space behind the
 * value, a key twice in one object, half a surrogate pair, U+0000 in a string, a number that does not fit
 * into 64 bits or a double, that go beyond a bound above, or if memory is short. The caller owns what is
 * returned. */
json_t *json_read(const void *bytes, size_t size, const char **why);

/* Canonical text: keys in the order of their UTF-8 bytes, no white space, UTF-8 as it is; of the characters
 * that must be escaped, '"' and '\' by a backslash, U+0008, U+0009, U+000A, U+000C, U+000D as \b \t \n \f \r,
 * the other control characters as \u00xx in lower case. Numbers are integers: others have more than one
 * spelling. *text is from malloc, without a NUL, and the caller's. False if a number is no integer, or memory
 * is short. */
bool json_canonical(const json_t *value, char **text, size_t *size);

#endif
