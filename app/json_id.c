#include "app/json_id.h"

#include <string.h>

#include "app/json_scan.h"
#include "app/json_text.h"

struct scan {
    const char *at, *end;
};

static void skip_blanks(struct scan *s)
{
    json_scan_blanks(&s->at, s->end);
}

static bool take(struct scan *s, char c)
{
    return json_scan_take(&s->at, s->end, c);
}

/* Behind its first quote. */
static bool skip_string(struct scan *s)
{
    while (s->at < s->end && *s->at != '"') {
        size_t plain = json_text_plain(s->at, (size_t)(s->end - s->at));
        s->at += plain > 0 ? plain : *s->at == '\\' ? 2 : 1;
    }
    return s->at < s->end && take(s, '"');
}

/* A number or a literal ends before the first byte that cannot be part of one. */
static bool skip_word(struct scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && !memchr(" \t\r\n,:\"[]{}", *s->at, 11)) {
        s->at++;
    }
    return s->at > from && s->at < s->end;
}

static bool skip_nested(struct scan *s)
{
    size_t depth = 0;
    do {
        if (s->at >= s->end) {
            return false;
        }
        char c = *s->at++;
        if (c == '"' && !skip_string(s)) {
            return false;
        }
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
    } while (depth > 0);
    return true;
}

static bool skip_value(struct scan *s)
{
    skip_blanks(s);
    if (s->at >= s->end) {
        return false;
    }
    if (*s->at == '[' || *s->at == '{') {
        return skip_nested(s);
    }
    return *s->at == '"' ? take(s, '"') && skip_string(s) : skip_word(s);
}

bool json_id_find(const char *line, size_t size, const char **id, size_t *length)
{
    static const char name[] = "id\"";
    struct scan s = {line, line + size};
    if (!take(&s, '{')) {
        return false;
    }
    do {
        if (!take(&s, '"')) {
            return false;
        }
        const char *key = s.at;
        if (!skip_string(&s) || !take(&s, ':')) {
            return false;
        }
        bool found = strncmp(key, name, sizeof name - 1) == 0;
        skip_blanks(&s);
        *id = s.at;
        if (!skip_value(&s)) {
            return false;
        }
        *length = (size_t)(s.at - *id);
        if (found) {
            return true;
        }
    } while (take(&s, ','));
    return false;
}

/* -1 if it is none. */
static int64_t whole_number(const char *text, size_t size)
{
    int64_t n = 0;
    if (!json_id_is_integer(text, size) || text[0] == '-' || size > 15) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        n = 10 * n + (text[i] - '0');
    }
    return n;
}

/* Passes a member of an object; *bytes is set by "bytes". False if the line does not tell. */
static bool pass_member(struct scan *s, int64_t *bytes)
{
    if (!take(s, '"')) {
        return false;
    }
    const char *key = s->at;
    if (!skip_string(s)) {
        return false;
    }
    size_t length = (size_t)(s->at - 1 - key);
    if (memchr(key, '\\', length) || !take(s, ':')) {
        return false;
    }
    skip_blanks(s);
    const char *value = s->at;
    if (!skip_value(s)) {
        return false;
    }
    if (length == 5 && memcmp(key, "bytes", length) == 0) {
        bool is_first = *bytes < 0;
        *bytes = whole_number(value, (size_t)(s->at - value));
        return is_first && *bytes >= 0;
    }
    return true;
}

int64_t json_bytes_find(const char *line, size_t size)
{
    struct scan s = {line, line + size};
    int64_t bytes = -1;
    skip_blanks(&s);
    if (s.at == s.end) {
        return 0;
    }
    if (!take(&s, '{')) {
        return -1;
    }
    skip_blanks(&s);
    bool is_empty = s.at < s.end && *s.at == '}';
    while (!is_empty) {
        if (!pass_member(&s, &bytes)) {
            return -1;
        }
        if (!take(&s, ',')) {
            break;
        }
    }
    if (!take(&s, '}')) {
        return -1;
    }
    skip_blanks(&s);
    return s.at < s.end ? -1 : bytes < 0 ? 0 : bytes;
}

bool json_id_is_integer(const char *text, size_t size)
{
    size_t sign = size > 0 && text[0] == '-', digits = size - sign;
    if (digits == 0 || (digits > 1 && text[sign] == '0')) {
        return false;
    }
    for (size_t i = sign; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

uint64_t json_number_after(uint64_t number)
{
    uint32_t next = (uint32_t)number + 1;
    return (number >> 32 << 32) | (next ? next : 1);
}
