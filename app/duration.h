/* A length of time as people type it: "90", "90s", "15m", "2h", "7d". Any thread; nothing blocks. */
#ifndef KITH_APP_DURATION_H
#define KITH_APP_DURATION_H

#include <stdint.h>

#define DURATION_FORMS "90, 90s, 15m, 2h and 7d are some"

/* In milliseconds, up to those of ten thousand million seconds; -1 if it is none, or 0. */
int64_t duration_parse(const char *text);

#endif
