/* The "id" of a JSON request, as it is written: also if the request is no whole JSON text, or the number fits
 * no integer type. Any thread; nothing blocks or allocates. */
#ifndef KITH_APP_JSON_ID_H
#define KITH_APP_JSON_ID_H

#include <stdbool.h>
#include <stddef.h>

/* Finds the first "id" of the object that `line` holds or begins with; bytes behind it are not read. True:
 * *id and *length are its value, within `line`: a string, number or literal, of which only the ends were
 * checked. */
bool json_id_find(const char *line, size_t size, const char **id, size_t *length);

/* True if the text is a JSON integer, of any number of digits. */
bool json_id_is_integer(const char *text, size_t size);

#endif
