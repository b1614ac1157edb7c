#include "app/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_prompt(struct search *s)
{
    snprintf(s->prompt, sizeof s->prompt, "%s '%s': ", s->has_found ? "search" : "nothing has", s->pattern);
}

/* From the line `from` on. One that is as `shown` would look as if nothing had happened. */
static const char *find(struct search *s, size_t from, const char *shown, search_lines *lines, void *context)
{
    const char *line;
    for (size_t i = from; (line = lines(context, i)); i++) {
        if (strstr(line, s->pattern) && (!shown || strcmp(line, shown) != 0)) {
            s->at = i;
            s->has_found = true;
            set_prompt(s);
            return line;
        }
    }
    return NULL;
}

void search_begin(struct search *s, const char *pattern, const char *typed)
{
    search_end(s);
    s->is_on = true;
    s->typed = strdup(typed);
    snprintf(s->pattern, sizeof s->pattern, "%s", strlen(pattern) < sizeof s->pattern ? pattern : "");
}

const char *search_first(struct search *s, search_lines *lines, void *context)
{
    s->has_found = false;
    const char *line = s->pattern[0] ? find(s, 0, NULL, lines, context) : NULL;
    s->has_found |= !s->pattern[0]; /* nothing has been looked for */
    set_prompt(s);
    return line;
}

const char *search_add(struct search *s, const char *text, size_t size, search_lines *lines, void *context)
{
    size_t has = strlen(s->pattern);
    if (size >= sizeof s->pattern - has) {
        return NULL;
    }
    memcpy(s->pattern + has, text, size);
    s->pattern[has + size] = '\0';
    return search_first(s, lines, context);
}

const char *search_erase(struct search *s, search_lines *lines, void *context)
{
    size_t n = strlen(s->pattern);
    while (n > 0 && (s->pattern[--n] & 0xc0) == 0x80) { /* in the middle of a character of UTF-8 */
    }
    s->pattern[n] = '\0';
    return search_first(s, lines, context);
}

const char *search_again(struct search *s, search_lines *lines, void *context)
{
    if (!s->has_found || !s->pattern[0]) {
        return NULL;
    }
    const char *line = lines(context, s->at);
    char *shown = line ? strdup(line) : NULL;
    line = shown ? find(s, s->at + 1, shown, lines, context) : NULL;
    free(shown);
    return line;
}

const char *search_cancel(struct search *s)
{
    s->is_on = false;
    return s->typed;
}

void search_end(struct search *s)
{
    free(s->typed);
    *s = (struct search){.is_on = false};
}
