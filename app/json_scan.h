/* Steps through a text of JSON, for those that need little of it. Any thread; nothing blocks or allocates. */
#ifndef KITH_APP_JSON_SCAN_H
#define KITH_APP_JSON_SCAN_H

#include <stdbool.h>

/* From *at on, and no further than `end`. */
static inline void json_scan_blanks(const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r' || **at == '\n')) {
        ++*at;
    }
}

/* Passes blanks and then that character; false if there is another, or none. */
static inline bool json_scan_take(const char **at, const char *end, char c)
{
    json_scan_blanks(at, end);
    if (*at >= end || **at != c) {
        return false;
    }
    ++*at;
    return true;
}

#endif
