#include "app/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

const char *text_shown(const char *text, char buf[TEXT_SHOWN_MAX])
{
    return utf8_shown(text, strlen(text), buf);
}

bool text_equal(const char *a, const char *b)
{
    const char *rest = text_after(a, b);
    return rest && *rest == '\0';
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
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        n = utf8_character(text, left);
        if (n > 0 && utf8_harmless(text, left) == 0) {
            return true;
        }
        n = n == 0 ? 1 : n;
    }
    return false;
}

int text_fail(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    utf8_make_harmless(error);
    return -1;
}
