#include "app/safe_text.h"

#include "app/pieces.h"

#define LINE_SHOWN 200 /* bytes */

void safe_text_print(struct output *out, const char *line, size_t size)
{
    char piece[PIECE_BYTES];
    struct pieces p = {.bytes = line, .size = size < LINE_SHOWN ? size : LINE_SHOWN};
    for (size_t n; (n = pieces_harmless(&p, piece)) > 0;) {
        output_add(out, piece, n);
    }
    output_printf(out, size < LINE_SHOWN ? "" : "...");
}
