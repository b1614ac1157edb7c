/* What has to be known of a JSON request before all else, found without parsing it as a whole. Any thread;
 * nothing blocks or allocates. */
#ifndef KITH_APP_JSON_ID_H
#define KITH_APP_JSON_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_ID_MAX 1024 /* bytes of the "id" of a request: it is kept until the answer has come */

/* The "id", as it is written: also if the request is no whole JSON text, or the number fits no integer type.
 * Finds the first "id" of the object that `line` holds or begins with; bytes behind it are not read. True:
 * *id and *length are its value, within `line`: a string, number or literal, of which only the ends were
 * checked. */
bool json_id_find(const char *line, size_t size, const char **id, size_t *length);

/* The "bytes" of the object that the line is: how many bytes follow it. 0 if it has none, as of a blank line.
 * -1 if nobody knows how many bytes follow: it is no whole number, there are two, a key has an escape in it,
 * or the line is not one whole object. */
int64_t json_bytes_find(const char *line, size_t size);

/* The number of the request after that one: the upper 32 bits stay, as they tell whose it is. Never 0. */
uint64_t json_number_after(uint64_t number);

/* True if the text is a JSON integer, of any number of digits. */
bool json_id_is_integer(const char *text, size_t size);

#endif
