#include "seed/list.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

#define WHY_MAX 128

struct parse {
    struct address_list *list;
    size_t room; /* items that there is memory for */
    size_t line;
    void (*bad)(void *context, size_t line, const char *why);
    void *context;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && is_space(**text)) {
        ++*text;
        --*size;
    }
    while (*size > 0 && is_space((*text)[*size - 1])) {
        --*size;
    }
}

/* What stands before a comment: neither mark may occur in an address. */
static size_t before_comment(const char *text, size_t size)
{
    size_t n = 0;
    while (n < size && text[n] != '#' && text[n] != ';') {
        n++;
    }
    return n;
}

static void report_line(const struct parse *p, const char *why)
{
    if (p->bad) {
        p->bad(p->context, p->line, why);
    }
}

static void report_bad_line(const struct parse *p, const char *text, size_t size)
{
    char shown[UTF8_SHOWN_MAX], why[WHY_MAX];
    snprintf(why, sizeof why, "\"%s\" is not host:port", utf8_shown(text, size, shown));
    report_line(p, why);
}

/* Room grows with the entries that are really there: a list is not believed to be long before it is. */
static bool append(struct parse *p, const struct address *a)
{
    if (!array_reserve(p->list->items, p->room, p->list->n + 1)) {
        return false;
    }
    p->list->items[p->list->n++] = *a;
    return true;
}

enum line_result { LINE_READ, LINE_FULL, LINE_NO_MEMORY };

static enum line_result read_line(struct parse *p, const char *text, size_t size)
{
    size = before_comment(text, size);
    trim(&text, &size);
    if (size == 0) {
        return LINE_READ;
    }
    struct address a;
    if (!address_parse(&a, text, size)) {
        report_bad_line(p, text, size);
        return LINE_READ;
    }
    if (p->list->n == SEED_LIST_MAX_ENTRIES) {
        char why[WHY_MAX];
        snprintf(why, sizeof why, "more than %d entries: this one and the lines after it are left",
                 SEED_LIST_MAX_ENTRIES);
        report_line(p, why);
        return LINE_FULL;
    }
    return append(p, &a) ? LINE_READ : LINE_NO_MEMORY;
}

int seed_list_parse(struct address_list *list, const char *text, size_t size,
                    void (*bad)(void *context, size_t line, const char *why), void *context)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct parse p = {.list = list, .bad = bad, .context = context};
    *list = (struct address_list){0};
    if (size >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0) {
        text += sizeof mark - 1;
        size -= sizeof mark - 1;
    }
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        p.line++;
        enum line_result result = read_line(&p, text, length);
        if (result == LINE_NO_MEMORY) {
            address_list_free(list);
            return -1;
        }
        if (result == LINE_FULL) {
            break;
        }
        size_t step = end ? length + 1 : length;
        text += step;
        size -= step;
    }
    return 0;
}
