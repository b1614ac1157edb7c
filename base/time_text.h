/* Wall-clock time as text, as the peers files carry it. Any thread; nothing blocks. */
#ifndef KITH_BASE_TIME_TEXT_H
#define KITH_BASE_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_TEXT_MAX 32 /* either form, with its NUL */

/* Reads RFC 3339 ("2026-01-31T23:59:59.5+01:00") into milliseconds since 1970, negative before. False for
 * anything else; years 0 to 9999. */
bool time_parse(int64_t *ms, const char *text);

/* Writes UTC in whole seconds: "2026-01-31T23:59:59Z", or, for file names, "20260131T235959Z". Times outside
 * the years 1970 to 9999 are written as the nearest one inside. Returns buf. */
const char *time_format(int64_t ms, char buf[TIME_TEXT_MAX]);
const char *time_format_name(int64_t ms, char buf[TIME_TEXT_MAX]);

#endif
