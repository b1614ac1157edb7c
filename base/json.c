#include "base/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* --- reading --- */

/* By quotes, which are few, and then back over what escapes them. */
size_t json_behind_string(const char *text, size_t size, size_t at)
{
    for (size_t from = at + 1; from < size;) {
        const char *quote = memchr(text + from, '"', size - from);
        if (!quote) {
            break;
        }
        size_t end = (size_t)(quote - text), first = end;
        while (first > from && text[first - 1] == '\\') {
            first--;
        }
        if ((end - first) % 2 == 0) {
            return end + 1;
        }
        from = end + 1;
    }
    return size;
}

enum class { CLASS_OTHER, CLASS_BETWEEN, CLASS_OPEN, CLASS_CLOSE, CLASS_QUOTE };

static const uint8_t classes[256] = {
    [' '] = CLASS_BETWEEN, ['\t'] = CLASS_BETWEEN, ['\r'] = CLASS_BETWEEN, ['\n'] = CLASS_BETWEEN,
    [','] = CLASS_BETWEEN, [':'] = CLASS_BETWEEN,  ['{'] = CLASS_OPEN,     ['['] = CLASS_OPEN,
    ['}'] = CLASS_CLOSE,   [']'] = CLASS_CLOSE,    ['"'] = CLASS_QUOTE,
};

/* Where a number or a literal ends, or bytes that are neither. */
static size_t behind_word(const unsigned char *text, size_t size, size_t at)
{
    while (at < size && classes[text[at]] == CLASS_OTHER) {
        at++;
    }
    return at;
}

struct json_shape json_measure(const void *bytes, size_t size)
{
    const unsigned char *text = bytes;
    struct json_shape shape = {0};
    size_t open = 0;
    for (size_t at = 0; at < size;) {
        switch ((enum class)classes[text[at]]) {
        case CLASS_OPEN:
            open++;
            shape.nesting = open > shape.nesting ? open : shape.nesting;
            shape.weight += text[at++] == '{' ? 4 : 2;
            break;
        case CLASS_CLOSE:
            open -= open > 0;
            at++;
            break;
        case CLASS_BETWEEN:
            at++;
            break;
        case CLASS_QUOTE:
            shape.weight++;
            at = json_behind_string(bytes, size, at);
            break;
        case CLASS_OTHER:
            shape.weight++;
            at = behind_word(text, size, at);
        }
    }
    return shape;
}

static const char *reason(enum json_error_code code)
{
    if (code == json_error_out_of_memory) {
        return "out of memory";
    }
    if (code == json_error_duplicate_key) {
        return "JSON with a name twice in an object";
    }
    return code == json_error_numeric_overflow ? "JSON with a number that is too large" : "not JSON";
}

json_t *json_read(const void *bytes, size_t size, const char **why)
{
    const struct json_shape shape = json_measure(bytes, size);
    if (shape.nesting > JSON_NESTING_MAX) {
        *why = "JSON that nests too deep";
        return NULL;
    }
    if (shape.weight > JSON_WEIGHT_MAX) {
        *why = "JSON of too many values";
        return NULL;
    }
    if (size == 0 || memchr(bytes, '\0', size)) { /* jansson takes a zero byte behind a value for the end */
        *why = "not JSON";
        return NULL;
    }
    json_error_t error;
    json_t *value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        *why = reason(json_error_code(&error));
    }
    return value;
}

/* --- canonical text --- */

struct text {
    char *bytes;
    size_t size, room;
};

static bool put(struct text *t, const void *bytes, size_t n)
{
    if (!array_reserve(t->bytes, t->room, t->size + n)) {
        return false;
    }
    if (n > 0) {
        memcpy(t->bytes + t->size, bytes, n);
    }
    t->size += n;
    return true;
}

static bool put_escaped(struct text *t, unsigned char c)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    char escaped[8];
    int n = letters[c] ? snprintf(escaped, sizeof escaped, "\\%c", letters[c])
                       : snprintf(escaped, sizeof escaped, "\\u%04x", c);
    return put(t, escaped, (size_t)n);
}

static bool put_string(struct text *t, const char *string, size_t length)
{
    bool good = put(t, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < length && good; i++) {
        unsigned char c = (unsigned char)string[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            good = put(t, string + from, i - from) && put_escaped(t, c);
            from = i + 1;
        }
    }
    return good && put(t, string + from, length - from) && put(t, "\"", 1);
}

static bool put_value(struct text *t, const json_t *value, int nesting);

static bool put_array(struct text *t, const json_t *array, int nesting)
{
    bool good = put(t, "[", 1);
    for (size_t i = 0; i < json_array_size(array) && good; i++) {
        good = (i == 0 || put(t, ",", 1)) && put_value(t, json_array_get(array, i), nesting);
    }
    return good && put(t, "]", 1);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b); /* by bytes, as if unsigned */
}

static bool put_members(struct text *t, const json_t *object, const char *const *names, size_t n, int nesting)
{
    bool good = put(t, "{", 1);
    for (size_t i = 0; i < n && good; i++) {
        good = (i == 0 || put(t, ",", 1)) && put_string(t, names[i], strlen(names[i])) && put(t, ":", 1) &&
               put_value(t, json_object_get(object, names[i]), nesting);
    }
    return good && put(t, "}", 1);
}

static bool put_object(struct text *t, const json_t *object, int nesting)
{
    const char *few[8];
    size_t size = json_object_size(object), n = 0;
    const char **names = size > sizeof few / sizeof few[0] ? malloc(size * sizeof *names) : few;
    if (!names) {
        return false;
    }
    /* jansson's macros want a pointer that may write, although they do not. */
    json_t *o = json_incref((json_t *)(uintptr_t)object);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        names[n++] = json_object_iter_key(i);
    }
    qsort(names, n, sizeof *names, compare_names);
    bool good = put_members(t, object, names, n, nesting);
    json_decref(o);
    if (names != few) {
        free(names);
    }
    return good;
}

static bool put_value(struct text *t, const json_t *value, int nesting)
{
    char number[24];
    bool holds_others = json_is_array(value) || json_is_object(value);
    if (holds_others && ++nesting > JSON_NESTING_MAX) {
        return false;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(t, value, nesting);
    case JSON_ARRAY:
        return put_array(t, value, nesting);
    case JSON_STRING:
        return put_string(t, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return put(
            t, number,
            (size_t)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    case JSON_TRUE:
        return put(t, "true", 4);
    case JSON_FALSE:
        return put(t, "false", 5);
    case JSON_NULL:
        return put(t, "null", 4);
    case JSON_REAL:
        break;
    }
    return false;
}

bool json_canonical(const json_t *value, char **text, size_t *size)
{
    struct text t = {0};
    if (!put_value(&t, value, 0)) {
        free(t.bytes);
        return false;
    }
    *text = t.bytes;
    *size = t.size;
    return true;
}
