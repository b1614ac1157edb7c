/* Bytes as text, a piece at a time: what is shown of a parcel needs little memory, however long it is. Any
 * thread; nothing blocks or allocates. */
#ifndef KITH_APP_PIECES_H
#define KITH_APP_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#define PIECE_BYTES 4096

struct pieces {
    const char *bytes; /* the caller's; they outlive this */
    size_t size;
    size_t at;      /* how many of them have been shown */
    size_t checked; /* how many are known to be whole UTF-8 characters */
};

/* Each writes the next piece and returns its length. 0: all is written. */
size_t pieces_base64(struct pieces *p, char out[PIECE_BYTES]);
size_t pieces_json(struct pieces *p, char out[PIECE_BYTES]); /* within the quotes of a string; UTF-8 alone */

/* For a terminal: a byte that is no part of a harmless character becomes its number, \x1b. */
size_t pieces_harmless(struct pieces *p, char out[PIECE_BYTES]);

/* Whether it is text: UTF-8 without the control characters U+0080 to U+009F, which terminals obey. True if
 * that holds for all that has been shown so far, but perhaps for a last character that is not all shown. Once
 * all is shown it holds for all. Each byte is looked at once, over all calls. */
bool pieces_are_text(struct pieces *p);

#endif
