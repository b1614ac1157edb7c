#include "app/sheet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

enum { COLUMNS_MOST = 16, GAP = 2, RANKS = 4 /* of `may_go` */ };

static const char *const colours[] = {
    [SHEET_PLAIN] = "", [SHEET_DIM] = "\033[2m", [SHEET_GOOD] = "\033[32m", [SHEET_BAD] = "\033[31m"};
static const char head_colour[] = "\033[1m", no_colour[] = "\033[0m";

void sheet_add(struct sheet *t, enum sheet_colour colour, const char *format, ...)
{
    if (t->is_short || !array_reserve(t->text, t->room, t->size + 1 + SHEET_CELL_MAX)) {
        t->is_short = true;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    t->text[t->size] = (char)colour;
    vsnprintf(t->text + t->size + 1, SHEET_CELL_MAX, format, arguments);
    va_end(arguments);
    utf8_make_harmless(t->text + t->size + 1);
    t->size += 1 + strlen(t->text + t->size + 1) + 1;
    t->cells++;
}

/* The width of each column that is shown, 0 for the others. */
static void measure(const struct sheet *t, unsigned width, size_t widths[COLUMNS_MOST])
{
    size_t sum = 0;
    const char *cell = t->text;
    memset(widths, 0, COLUMNS_MOST * sizeof *widths);
    for (size_t i = 0; i < t->cells; i++) {
        size_t size = strlen(cell + 1), *most = &widths[i % t->n];
        *most = size > *most ? size : *most;
        cell += size + 2;
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t head = strlen(t->columns[i].name);
        widths[i] = widths[i] > 0 && widths[i] < head ? head : widths[i];
        sum += widths[i] > 0 ? widths[i] + GAP : 0;
    }
    for (unsigned rank = 1; width > 0 && rank <= RANKS; rank++) {
        for (size_t i = t->n; i-- > 0 && sum > width + GAP;) {
            if (t->columns[i].may_go == rank && widths[i] > 0) {
                sum -= widths[i] + GAP;
                widths[i] = 0;
            }
        }
    }
}

/* No spaces at the end of a line. */
static void print_cell(struct output *out, const struct sheet_column *c, size_t width, bool is_last,
                       const char *colour, const char *text)
{
    int fill = (int)(width - strlen(text));
    output_printf(out, "%*s%s%s%s", c->is_left ? 0 : fill, "", colour, text, colour[0] ? no_colour : "");
    if (!is_last) {
        output_printf(out, "%*s", (c->is_left ? fill : 0) + GAP, "");
    }
}

static size_t last_of(const size_t *widths, size_t n)
{
    while (n > 0 && widths[n - 1] == 0) {
        n--;
    }
    return n - 1;
}

void sheet_print(struct sheet *t, struct output *out, bool has_colours, unsigned width)
{
    size_t widths[COLUMNS_MOST];
    measure(t, width, widths);
    size_t last = last_of(widths, t->n);
    for (size_t i = 0; i < t->n && t->cells > 0; i++) {
        if (widths[i] > 0) {
            print_cell(out, &t->columns[i], widths[i], i == last, has_colours ? head_colour : "",
                       t->columns[i].name);
        }
    }
    output_printf(out, "\n");
    const char *cell = t->text;
    for (size_t i = 0; i < t->cells; i++) {
        size_t column = i % t->n;
        if (widths[column] > 0) {
            print_cell(out, &t->columns[column], widths[column], column == last,
                       has_colours && cell[1] ? colours[(unsigned)cell[0]] : "", cell + 1);
        }
        if (column == t->n - 1) {
            output_printf(out, "\n");
        }
        cell += strlen(cell + 1) + 2;
    }
    if (t->is_short) {
        output_printf(out, "* out of memory\n");
    }
    free(t->text);
    *t = (struct sheet){.n = 0};
}

bool sheet_has_colours(bool is_terminal)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return is_terminal && !(no && no[0]) && terminal && terminal[0] && strcmp(terminal, "dumb") != 0;
}

const char *sheet_time(int64_t ms, char text[SHEET_CELL_MAX])
{
    static const struct {
        int64_t seconds;
        char name, below;
        int64_t seconds_below;
    } units[] = {{86400, 'd', 'h', 3600}, {3600, 'h', 'm', 60}, {60, 'm', 's', 1}};
    int64_t s = ms / 1000;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (s >= units[i].seconds) {
            snprintf(text, SHEET_CELL_MAX, "%" PRId64 "%c %" PRId64 "%c", s / units[i].seconds, units[i].name,
                     s % units[i].seconds / units[i].seconds_below, units[i].below);
            return text;
        }
    }
    snprintf(text, SHEET_CELL_MAX, "%" PRId64 "s", s);
    return text;
}

const char *sheet_bytes(uint64_t bytes, char text[SHEET_CELL_MAX])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    if (bytes < 1024) {
        snprintf(text, SHEET_CELL_MAX, "%" PRIu64 " B", bytes);
        return text;
    }
    for (value /= 1024; value >= 1024 && unit < 5; unit++) {
        value /= 1024;
    }
    snprintf(text, SHEET_CELL_MAX, "%.1f %s", value, units[unit]);
    return text;
}
