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

_Static_assert(sizeof(struct head) + 2 * LOG_RECORD_ABOUT == LOG_RECORD_HEAD, "as the header says");

static const char *fitting(const char *name)
{
    return name && strlen(name) < LOG_RECORD_ABOUT ? name : "";
}

/* The head, and three texts that each end with a NUL. */
struct parcel *log_record_new(enum log_level level, const struct log_about *about, const char *text)
{
    const struct head head = {.time_ms = clock_wall_ms(), .level = (int32_t)level};
    const char *const texts[] = {text, fitting(about->peer), fitting(about->ip)};
    size_t size = sizeof head;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size += strlen(texts[i]) + 1;
    }
    struct parcel *p = parcel_new(NULL, size);
    if (!p) {
        return NULL;
    }
    memcpy(p->bytes, &head, sizeof head);
    uint8_t *to = p->bytes + sizeof head;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        memcpy(to, texts[i], strlen(texts[i]) + 1);
        utf8_make_harmless((char *)to); /* a peer may choose its name */
        to += strlen(texts[i]) + 1;
    }
    return p;
}

struct log_record log_record_of(const struct parcel *p)
{
    struct head head;
    memcpy(&head, p->bytes, sizeof head);
    const char *text = (const char *)p->bytes + sizeof head, *peer = text + strlen(text) + 1;
    return (struct log_record){.time_ms = head.time_ms,
                               .level = (enum log_level)head.level,
                               .text = text,
                               .peer = peer,
                               .ip = peer + strlen(peer) + 1};
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

/* As much of the text as fits in front of `size`. Returns how many bytes of `out` are used then. */
static size_t add_escaped(const char *text, char *out, size_t n, size_t size)
{
    char piece[8];
    for (size_t left = strlen(text), i = 0; i < left;) {
        i += escape(text + i, left - i, piece);
        size_t length = strlen(piece);
        if (n + length > size) {
            break;
        }
        memcpy(out + n, piece, length);
        n += length;
    }
    return n;
}

static size_t add_field(const char *name, const char *value, char *out, size_t n, size_t size)
{
    enum { MOST_ESCAPED = 6 };
    /* Whole, or not at all; and the message has at least as much room as all fields in front of it. */
    if (*value == '\0' || n + strlen(name) + MOST_ESCAPED * strlen(value) > size / 2) {
        return n;
    }
    n += (size_t)snprintf(out + n, size - n, ",\"%s\":\"", name);
    n = add_escaped(value, out, n, size);
    out[n++] = '"';
    return n;
}

static size_t write_json(const struct log_record *r, char *out, size_t size)
{
    static const char end[] = "\"}\n";
    char stamp[STAMP_MAX];
    size_t n = (size_t)snprintf(out, size, "{\"time\":\"%s\",\"level\":\"%s\"",
                                format_stamp(r->time_ms, stamp), log_level_name(r->level));
    n = add_field("peer", r->peer, out, n, size);
    n = add_field("ip", r->ip, out, n, size);
    n += (size_t)snprintf(out + n, size - n, ",\"message\":\"");
    n = add_escaped(r->text, out, n, size - (sizeof end - 1));
    memcpy(out + n, end, sizeof end - 1);
    return n + sizeof end - 1;
}

size_t log_record_write(const struct log_record *r, enum log_format format, char *out, size_t size)
{
    return format == LOG_FORMAT_JSON ? write_json(r, out, size) : write_text(r, out, size);
}
