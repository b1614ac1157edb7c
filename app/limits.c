#include "app/limits.h"

#include <inttypes.h>

#include "app/editor.h"
#include "app/frontend.h"
#include "app/lines.h"
#include "app/log_pipe.h"
#include "app/names.h"
#include "app/operators.h"
#include "app/output.h"
#include "node/node.h"
#include "queue/log_writer.h"
#include "queue/parcel.h"
#include "queue/queue.h"

enum {
    PROGRAM_BYTES = 16 << 20, /* code and data of the program and its libraries */
    MALLOC_PERCENT = 25,      /* what malloc keeps beyond what it was asked for */
};

static const char *const titles[BOUND_GROUPS] = {
    [BOUND_CONNECTION] = "each connection",
    [BOUND_NODE] = "the node",
    [BOUND_PROGRAM] = "the program",
    [BOUND_APPLICATION] = "what the application sends, beyond the ceiling",
};

static void add_program(struct bounds *b, const struct options *o, uint64_t places)
{
    uint64_t longest = o->config.node.limits.parcel_bytes;
    bounds_add(b, BOUND_PROGRAM, "code and data of the program and its libraries", PROGRAM_BYTES, 1,
               "nobody");
    bounds_add(b, BOUND_PROGRAM, "lines of the log",
               parcel_memory(LOG_WRITER_LINES, LOG_WRITER_BYTES) + queue_memory(LOG_WRITER_LINES), 1,
               "the newest: they are counted");
    bounds_add(b, BOUND_PROGRAM, "standard output", output_most(), 1,
               "nothing more is taken from FromNetwork");
    bounds_add(b, BOUND_PROGRAM, "the parcel that is written there", parcel_memory(1, longest), 1,
               "as the line above");
    bounds_add(b, BOUND_PROGRAM, "the line that is typed, and the history",
               o->json ? 0 : EDITOR_MOST + LOG_PIPE_TEXT, 1,
               "the line: it is refused; the oldest of the history");
    bounds_add(b, BOUND_PROGRAM, "a name of a peer, for the console", NAME_BYTES, o->json ? 0 : places,
               "none is known to the console: it asks again");
    bounds_add(b, BOUND_APPLICATION, "a request whose answer was not read", json_request_memory(),
               o->json ? ANSWERS_MOST : 0, "it is read no further");
    bounds_add(b, BOUND_APPLICATION, "a line of standard input", lines_most(longest, o->json), 1,
               "the line: it is refused");
}

/* "1.5 MiB", rounded up: a bound is no less than what it bounds. */
static const char *format_bytes(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    double value = (double)bytes / 1024;
    for (; value >= 1000 && unit < 5; unit++) {
        value /= 1024;
    }
    uint64_t tenths = (uint64_t)(value * 10);
    tenths += (double)tenths < value * 10;
    snprintf(text, 32, "%" PRIu64 ".%u %s", tenths / 10, (unsigned)(tenths % 10), units[unit]);
    return text;
}

static void print_row(const struct bound *row, FILE *out)
{
    char each[32], all[32];
    fprintf(out, "| %s | %s | %" PRIu64 " | %s | %s |\n", row->what, format_bytes(row->each, each),
            row->count, format_bytes(bound_bytes(row), all), row->full);
}

static void print_group(const struct bounds *b, enum bound_group group, FILE *out)
{
    fprintf(out, "| **%s** | | | | |\n", titles[group]);
    for (size_t i = 0; i < b->n; i++) {
        if (b->rows[i].group == group) {
            print_row(&b->rows[i], out);
        }
    }
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void limits_print(const struct options *o, FILE *out)
{
    struct bounds b = {.n = 0};
    struct config config = o->config;
    config.is_watched = operators_wanted(o);
    uint64_t places = node_bounds(&b, &config);
    add_program(&b, o, places);
    operators_bounds(&b, o, places);
    uint64_t sum =
        add(add(bounds_sum(&b, BOUND_CONNECTION), bounds_sum(&b, BOUND_NODE)), bounds_sum(&b, BOUND_PROGRAM));
    bounds_add(&b, BOUND_PROGRAM, "what malloc keeps beyond that: a quarter", sum / 100 * MALLOC_PERCENT, 1,
               "nobody");
    uint64_t ceiling = add(sum, sum / 100 * MALLOC_PERCENT), apart = bounds_sum(&b, BOUND_APPLICATION);
    char text[32], more[32];
    fputs("| what | each | how many | together | who pays if it is full |\n|---|--:|--:|--:|---|\n", out);
    for (unsigned group = 0; group < BOUND_GROUPS; group++) {
        print_group(&b, (enum bound_group)group, out);
    }
    fprintf(out,
            "\nConnections: %" PRIu64 ".\n"
            "The kernel's buffers of their sockets come on top: net.ipv4.tcp_rmem, tcp_wmem and tcp_mem.\n"
            "What the application itself sends, and does not read, comes on top: %s at most.\n"
            "Ceiling: %s (%" PRIu64 " bytes).\n",
            places, format_bytes(apart, more), format_bytes(ceiling, text), ceiling);
}
