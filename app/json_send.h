/* Send requests of the usual form, read without a tree of JSON values: most of what programs write are these.
 * Any thread; nothing blocks. */
#ifndef KITH_APP_JSON_SEND_H
#define KITH_APP_JSON_SEND_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_SEND_NAME_MAX 256 /* of a target or a kind, with its NUL */

struct json_send {
    char target[JSON_SEND_NAME_MAX], kind[JSON_SEND_NAME_MAX]; /* kind: "" for none */
    const char *bytes; /* the payload: within the line, or `buffer`, or what follows the line */
    size_t size;       /* at least 1 */
    char *buffer;      /* from malloc; the caller frees it; NULL for none */
    const char *id;    /* an integer, as it is written in the line; NULL for none */
    size_t id_length;
};

/* True if the line is valid JSON: an object of "send" and one of "text", "base64" and "bytes", perhaps of
 * "kind" and an integer "id", and of nothing else. Then *s is what the whole parser would make of it. False
 * says nothing about the line, and *s holds nothing. `following`: the bytes behind the line, as many as its
 * "bytes" says. */
bool json_send_read(struct json_send *s, const char *line, size_t size, const char *following,
                    size_t following_size);

#endif
