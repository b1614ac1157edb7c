#include "base/time_text.h"

#include <time.h>

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Reads exactly `digits` digits and moves *text behind them. */
static bool number(const char **text, int digits, int low, int high, int *value)
{
    int v = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (**text < '0' || **text > '9') {
            return false;
        }
        v = v * 10 + (**text - '0');
    }
    *value = v;
    return v >= low && v <= high;
}

static bool mark(const char **text, const char *allowed)
{
    for (; *allowed != '\0'; allowed++) {
        if (**text == *allowed) {
            (*text)++;
            return true;
        }
    }
    return false;
}

/* ".123456789", or nothing; only milliseconds are kept. */
static bool fraction(const char **text, int64_t *ms)
{
    if (!mark(text, ".")) {
        return true;
    }
    int64_t unit = 100;
    const char *first = *text;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        *ms += unit * (**text - '0');
        unit /= 10;
    }
    return *text > first;
}

/* "Z", "+01:00". */
static bool offset(const char **text, int *seconds)
{
    *seconds = 0;
    if (mark(text, "Zz")) {
        return true;
    }
    int sign = **text == '-' ? -1 : 1;
    int hours, minutes;
    if (!mark(text, "+-") || !number(text, 2, 0, 23, &hours) || !mark(text, ":") ||
        !number(text, 2, 0, 59, &minutes)) {
        return false;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool date(const char **text, struct tm *t)
{
    if (!number(text, 4, 0, 9999, &t->tm_year) || !mark(text, "-") || !number(text, 2, 1, 12, &t->tm_mon) ||
        !mark(text, "-") || !number(text, 2, 1, 31, &t->tm_mday)) {
        return false;
    }
    t->tm_year -= 1900;
    t->tm_mon -= 1;
    return true;
}

static bool clock_time(const char **text, struct tm *t)
{
    /* 60 is a leap second, and counts as the first of the next minute. */
    return number(text, 2, 0, 23, &t->tm_hour) && mark(text, ":") && number(text, 2, 0, 59, &t->tm_min) &&
           mark(text, ":") && number(text, 2, 0, 60, &t->tm_sec);
}

bool time_parse(int64_t *ms, const char *text)
{
    struct tm t = {.tm_isdst = 0};
    int64_t part = 0;
    int east;
    if (!date(&text, &t) || !mark(&text, "Tt ") || !clock_time(&text, &t) || !fraction(&text, &part) ||
        !offset(&text, &east) || *text != '\0') {
        return false;
    }
    /* timegm turns the 31st of February into a day of March; the day of the month tells. */
    struct tm day = {.tm_year = t.tm_year, .tm_mon = t.tm_mon, .tm_mday = t.tm_mday};
    timegm(&day);
    if (day.tm_mday != t.tm_mday) {
        return false;
    }
    *ms = ((int64_t)timegm(&t) - east) * 1000 + part;
    return true;
}

static struct tm utc(int64_t ms)
{
    int64_t s = ms < 0 ? 0 : ms / 1000;
    time_t seconds = s > LAST_SECOND ? LAST_SECOND : s;
    struct tm t;
    gmtime_r(&seconds, &t);
    return t;
}

const char *time_format(int64_t ms, char buf[TIME_TEXT_MAX])
{
    struct tm t = utc(ms);
    strftime(buf, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &t);
    return buf;
}

const char *time_format_name(int64_t ms, char buf[TIME_TEXT_MAX])
{
    struct tm t = utc(ms);
    strftime(buf, TIME_TEXT_MAX, "%Y%m%dT%H%M%SZ", &t);
    return buf;
}
