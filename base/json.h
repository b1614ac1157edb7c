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
    JSON_WEIGHT_MAX = 128 << 10, /* of one text; a unit takes at most some 100 bytes once it is read */
};

/* What a text will take once it is read. Each value counts 1, and so does each name of a member; an array
 * counts 1 more, an object 3 more: they come with tables of their own. */
struct json_shape {
    size_t nesting, weight;
};

/* Never fails: of a text that is no JSON it tells at least as much as is read before that is found. */
struct json_shape json_measure(const void *bytes, size_t size);

/* Where a string ends whose opening quote is at `at`: behind its closing quote, or at the end of the text. */
size_t json_behind_string(const char *text, size_t size, size_t at);

/* Reads one JSON value. Before any memory is reserved, nesting and weight are checked. NULL, with a literal
 * in *why, for bytes that are no UTF-8 or no JSON, that have anything but white space behind the value, a
 * name twice in one object, half a surrogate pair, U+0000 in a string, a number that does not fit into 64
 * bits or a double, that go beyond a bound above, or if memory is short. The caller owns what is returned. */
json_t *json_read(const void *bytes, size_t size, const char **why);

/* Canonical text: names in the order of their UTF-8 bytes, no white space, UTF-8 as it is; of the characters
 * that must be escaped, '"' and '\' by a backslash, U+0008, U+0009, U+000A, U+000C, U+000D as \b \t \n \f \r,
 * the other control characters as \u00xx in lower case. Numbers are integers: others have more than one
 * spelling. *text is from malloc, without a NUL, and the caller's. False if a number is no integer, values
 * nest deeper than JSON_NESTING_MAX, or memory is short. Never longer than the text that was read. */
bool json_canonical(const json_t *value, char **text, size_t *size);

#endif
