#include "app/ctl/put.h"

#include <stdio.h>
#include <string.h>

#include "app/pieces.h"

/* Peers can choose some of it, and a node that somebody has taken over all of it: nothing of that may reach a
 * terminal as a control sequence. */
void put_harmless(const char *text, size_t size)
{
    char piece[PIECE_BYTES];
    struct pieces p = {.bytes = text, .size = size};
    for (size_t n; (n = pieces_harmless(&p, piece)) > 0;) {
        fwrite(piece, 1, n, stdout);
    }
}

void put_text(const json_t *text)
{
    put_harmless(json_string_value(text) ? json_string_value(text) : "", json_string_length(text));
}

void put_word(const char *word)
{
    put_harmless(word, strlen(word));
}
