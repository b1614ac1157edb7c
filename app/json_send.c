#include "app/json_send.h"

#include <stdlib.h>
#include <string.h>

#include "app/base64.h"
#include "app/json_id.h"
#include "app/json_scan.h"
#include "app/json_text.h"
#include "base/utf8.h"

struct span {
    const char *at;
    size_t size;
    bool escaped; /* a backslash is in it */
};

struct scan {
    const char *at, *end;
    struct span send, kind, text, base64, bytes, id; /* `at` is NULL of what has not come */
};

static void skip_blanks(struct scan *s)
{
    json_scan_blanks(&s->at, s->end);
}

static bool take(struct scan *s, char c)
{
    return json_scan_take(&s->at, s->end, c);
}

/* What is between the quotes, as it is written. */
static bool take_string(struct scan *s, struct span *found)
{
    if (!take(s, '"')) {
        return false;
    }
    *found = (struct span){.at = s->at};
    for (;;) {
        s->at += json_text_plain(s->at, (size_t)(s->end - s->at));
        if (s->end - s->at < 2 || (*s->at != '"' && *s->at != '\\')) {
            return false;
        }
        if (*s->at == '"') {
            found->size = (size_t)(s->at++ - found->at);
            return utf8_is_valid(found->at, found->size);
        }
        found->escaped = true;
        s->at += 2;
    }
}

static bool take_integer(struct scan *s, struct span *found)
{
    skip_blanks(s);
    *found = (struct span){.at = s->at};
    while (s->at < s->end && (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))) {
        s->at++;
    }
    found->size = (size_t)(s->at - found->at);
    return json_id_is_integer(found->at, found->size);
}

static bool is(const struct span *key, const char *name)
{
    return key->size == strlen(name) && memcmp(key->at, name, key->size) == 0;
}

static bool take_member(struct scan *s)
{
    struct span key;
    if (!take_string(s, &key) || !take(s, ':')) {
        return false;
    }
    struct span *place = is(&key, "send")     ? &s->send
                         : is(&key, "kind")   ? &s->kind
                         : is(&key, "text")   ? &s->text
                         : is(&key, "base64") ? &s->base64
                         : is(&key, "bytes")  ? &s->bytes
                         : is(&key, "id")     ? &s->id
                                              : NULL;
    if (!place || place->at) {
        return false;
    }
    return place == &s->id || place == &s->bytes ? take_integer(s, place) : take_string(s, place);
}

static bool take_object(struct scan *s)
{
    if (!take(s, '{')) {
        return false;
    }
    do {
        if (!take_member(s)) {
            return false;
        }
    } while (take(s, ','));
    if (!take(s, '}')) {
        return false;
    }
    skip_blanks(s);
    return s->at == s->end;
}

static bool copy_name(const struct span *name, char place[JSON_SEND_NAME_MAX])
{
    if (name->escaped || name->size >= JSON_SEND_NAME_MAX) {
        return false;
    }
    memcpy(place, name->at, name->size);
    place[name->size] = '\0';
    return true;
}

/* Its escapes become what they stand for; it never gets longer. */
static bool read_text(struct json_send *s, const struct span *text)
{
    if (!text->escaped) {
        s->bytes = text->at;
        s->size = text->size;
        return true;
    }
    s->bytes = s->buffer = malloc(text->size);
    for (size_t at = 0; s->buffer && at < text->size;) {
        size_t left = text->size - at, plain = json_text_copy_plain(text->at + at, left, s->buffer + s->size),
               written;
        at += plain;
        s->size += plain;
        if (plain < left) {
            size_t n = json_text_unescape(text->at + at, left - plain, s->buffer + s->size, &written);
            if (n == 0) {
                return false;
            }
            at += n;
            s->size += written;
        }
    }
    return s->buffer;
}

static bool read_base64(struct json_send *s, const struct span *base64)
{
    s->bytes = s->buffer = malloc(BASE64_BYTES_MAX(base64->size));
    return s->buffer && base64_decode(base64->at, base64->size, s->buffer, &s->size);
}

static bool has_one_payload(const struct scan *s, size_t following_size)
{
    return !!s->text.at + !!s->base64.at + !!s->bytes.at == 1 && !s->bytes.at == (following_size == 0);
}

static bool read_payload(struct json_send *s, const struct scan *scan, const char *following,
                         size_t following_size)
{
    if (scan->bytes.at) {
        s->bytes = following;
        s->size = following_size;
        return true;
    }
    bool good = scan->text.at ? read_text(s, &scan->text) : read_base64(s, &scan->base64);
    if (good && s->size > 0) {
        return true;
    }
    free(s->buffer);
    s->buffer = NULL;
    return false;
}

bool json_send_read(struct json_send *s, const char *line, size_t size, const char *following,
                    size_t following_size)
{
    struct scan scan = {.at = line, .end = line + size};
    s->kind[0] = '\0';
    s->bytes = NULL;
    s->buffer = NULL;
    s->size = 0;
    if (!take_object(&scan) || !scan.send.at || !has_one_payload(&scan, following_size) ||
        (scan.kind.at && (scan.kind.size == 0 || !copy_name(&scan.kind, s->kind))) ||
        !copy_name(&scan.send, s->target) || !read_payload(s, &scan, following, following_size)) {
        return false;
    }
    s->id = scan.id.at;
    s->id_length = scan.id.size;
    return true;
}
