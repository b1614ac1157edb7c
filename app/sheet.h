/* Tables for people: aligned columns under a head. Main thread only; nothing blocks. */
#ifndef KITH_APP_SHEET_H
#define KITH_APP_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/output.h"

#define SHEET_CELL_MAX 288 /* bytes of a cell, its NUL included; longer ones are cut */

struct sheet_column {
    const char *name;
    bool is_left; /* aligned there, not on the right */
    /* 0: stays. Else it is left out if the terminal is too narrow for it: those with 1 first, then those with
     * 2, and so on; of several the last. */
    unsigned may_go;
};

enum sheet_colour { SHEET_PLAIN, SHEET_DIM, SHEET_GOOD, SHEET_BAD };

/* `columns` and `n` are set, all else is zero at the start. The columns outlive the table. */
struct sheet {
    const struct sheet_column *columns;
    size_t n;
    char *text; /* each cell: its colour, its text, a NUL */
    size_t size, room, cells;
    bool is_short; /* memory was short */
};

/* Adds the next cell, row by row. */
void sheet_add(struct sheet *t, enum sheet_colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes the table and frees what it holds. A column without any text is left out. `width`: of the terminal,
 * 0 if there is none. */
void sheet_print(struct sheet *t, struct output *out, bool has_colours, unsigned width);

/* Whether an output may have colours: on a terminal that knows any, unless who runs the program wants none
 * (no-color.org). Reads the environment. */
bool sheet_has_colours(bool is_terminal);

/* For people: "3h 5m", "1.5 MiB". Each returns its buffer. */
const char *sheet_time(int64_t ms, char text[SHEET_CELL_MAX]);
const char *sheet_bytes(uint64_t bytes, char text[SHEET_CELL_MAX]);

#endif
