#include "app/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_BYTES 80

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

const char *text_shown(const char *text, char buf[TEXT_SHOWN_MAX])
{
    size_t n = 0;
    for (; n < SHOWN_BYTES && text[n] != '\0'; n++) {
        buf[n] = is_control(text[n]) ? '?' : text[n];
    }
    memcpy(buf + n, text[n] == '\0' ? "" : "...", text[n] == '\0' ? 1 : 4);
    return buf;
}

bool text_equal(const char *a, const char *b)
{
    const char *rest = text_after(a, b);
    return rest != NULL && *rest == '\0';
}

const char *text_after(const char *text, const char *prefix)
{
    for (; *prefix != '\0'; text++, prefix++) {
        if (lower(*text) != lower(*prefix)) {
            return NULL;
        }
    }
    return text;
}

bool text_has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (is_control(*text)) {
            return true;
        }
    }
    return false;
}

int text_fail(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return -1;
}
