#include "app/duration.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MS 1e13

static double seconds_of(const char *unit)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (*unit == units[i].unit && (*unit == '\0' || unit[1] == '\0')) {
            return units[i].seconds;
        }
    }
    return 0;
}

int64_t duration_parse(const char *text)
{
    size_t digits = strspn(text, "0123456789.");
    char *end;
    double n = strtod(text, &end);
    if (end == text || end != text + digits) { /* strtod reads more than digits: a sign, "inf" */
        return -1;
    }
    double ms = n * seconds_of(end) * 1000;
    return ms >= 1 && ms <= MOST_MS ? (int64_t)ms : -1;
}
