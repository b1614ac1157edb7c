#include "app/spelling.h"

#include <string.h>

enum { LONGEST = 31, SHORT_WORD = 6 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Letters that are to be put in, left out, changed, or exchanged with the next one. Both fit in LONGEST. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[LONGEST + 1][LONGEST + 1], na = strlen(a), nb = strlen(b);
    for (size_t i = 0; i <= na; i++) {
        for (size_t j = 0; j <= nb; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            size_t change = lower(a[i - 1]) != lower(b[j - 1]);
            rows[i][j] = least(least(rows[i - 1][j], rows[i][j - 1]) + 1, rows[i - 1][j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows[na][nb];
}

void spelling_try(struct spelling *s, const char *name)
{
    size_t length = strlen(s->wrong);
    if (length == 0 || length > LONGEST || strlen(name) > LONGEST) {
        return;
    }
    size_t d = distance(s->wrong, name), most = length < SHORT_WORD ? 1 : 2;
    if (d <= most && (!s->meant || d < s->distance)) {
        s->meant = name;
        s->distance = d;
    }
}
