#include "queue/log_record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "queue/parcel.h"

struct head {
    int64_t time_ms;
    int32_t level;
};

_Static_assert(sizeof(struct head) == LOG_RECORD_HEAD, "as the header says");

struct parcel *log_record_new(enum log_level level, const char *text)
{
    struct head head = {.time_ms = clock_wall_ms(), .level = (int32_t)level};
    size_t size = strlen(text) + 1;
    struct parcel *p = parcel_new(NULL, sizeof head + size);
    if (p) {
        memcpy(p->bytes, &head, sizeof head);
        memcpy(p->bytes + sizeof head, text, size);
    }
    return p;
}

struct log_record log_record_of(const struct parcel *p)
{
    struct head head;
    memcpy(&head, p->bytes, sizeof head);
    return (struct log_record){.time_ms = head.time_ms,
                               .level = (enum log_level)head.level,
                               .text = (const char *)p->bytes + sizeof head};
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"error", "error", "warning", "info", "debug"};
    return names[level];
}

#define STAMP_MAX 32 /* "2026-01-31T23:59:59.123Z" and a NUL */

static const char *format_stamp(int64_t ms, char stamp[STAMP_MAX])
{
    const time_t seconds = ms / 1000;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t n = strftime(stamp, STAMP_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + n, STAMP_MAX - n, ".%03dZ", (int)(ms % 1000));
    return stamp;
}

static size_t write_text(const struct log_record *r, char *out, size_t size)
{
    char stamp[STAMP_MAX];
    size_t n = 0;
    if (r->level != LOG_LEVEL_SILENT) {
        n = (size_t)snprintf(out, size, "%s %s: ", format_stamp(r->time_ms, stamp), log_level_name(r->level));
    }
    size_t length = strnlen(r->text, size - n - 1);
    memcpy(out + n, r->text, length);
    out[n + length] = '\n';
    return n + length + 1;
}

/* One character of `text`, as a string of JSON has it. Returns how many bytes of `text` that is. */
static size_t escape(const char *text, size_t size, char out[8])
{
    size_t length = utf8_character(text, size);
    unsigned char c = (unsigned char)*text;
    if (length == 0 || c < ' ') {
        snprintf(out, 8, "\\u%04x", length == 0 ? 0xfffdU : c);
    } else {
        snprintf(out, 8, "%s%.*s", c == '"' || c == '\\' ? "\\" : "", (int)length, text);
    }
    return length == 0 ? 1 : length;
}

static size_t write_json(const struct log_record *r, char *out, size_t size)
{
    static const char end[] = "\"}\n";
    char stamp[STAMP_MAX], piece[8];
    size_t n = (size_t)snprintf(out, size, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"",
                                format_stamp(r->time_ms, stamp), log_level_name(r->level));
    for (size_t left = strlen(r->text), i = 0; i < left;) {
        i += escape(r->text + i, left - i, piece);
        size_t length = strlen(piece);
        if (n + length + sizeof end - 1 > size) {
            break;
        }
        memcpy(out + n, piece, length);
        n += length;
    }
    memcpy(out + n, end, sizeof end - 1);
    return n + sizeof end - 1;
}

size_t log_record_write(const struct log_record *r, enum log_format format, char *out, size_t size)
{
    return format == LOG_FORMAT_JSON ? write_json(r, out, size) : write_text(r, out, size);
}
