#include "app/completions.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

void completions_add(struct completions *c, const char *format, ...)
{
    char *text = NULL;
    if (c->n == COMPLETIONS_MOST || !array_reserve(c->texts, c->room, c->n + 1)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) >= 0) {
        c->texts[c->n++] = text;
    }
    va_end(arguments);
}

size_t completions_common(const struct completions *c)
{
    size_t common = c->n > 0 ? strlen(c->texts[0]) : 0, whole = 0;
    for (size_t i = 1; i < c->n; i++) {
        size_t same = 0;
        while (same < common && c->texts[i][same] == c->texts[0][same]) {
            same++;
        }
        common = same;
    }
    for (size_t size; whole < common && (size = utf8_character(c->texts[0] + whole, common - whole)) > 0;) {
        whole += size;
    }
    return whole;
}

void completions_print(const struct completions *c, struct output *out, unsigned width)
{
    size_t widest = 0;
    for (size_t i = 0; i < c->n; i++) {
        size_t size = strlen(c->texts[i]);
        widest = size > widest ? size : widest;
    }
    size_t in_line = width / (widest + 1);
    in_line = in_line > 0 ? in_line : 1;
    for (size_t i = 0; i < c->n; i++) {
        bool is_last = i + 1 == c->n || (i + 1) % in_line == 0;
        output_add(out, c->texts[i], strlen(c->texts[i]));
        output_printf(out, "%*s%s", is_last ? 0 : (int)(widest + 1 - strlen(c->texts[i])), "",
                      is_last ? "\n" : "");
    }
}

void completions_free(struct completions *c)
{
    while (c->n > 0) {
        free(c->texts[--c->n]);
    }
    free(c->texts);
    *c = (struct completions){.n = 0};
}
