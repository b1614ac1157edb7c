/* A session's bytes as lines of JSON: what Infnote and coin speak.
 *
 * The session's thread. None blocks. */
#ifndef KITH_PROTOCOL_LEDGER_LINE_H
#define KITH_PROTOCOL_LEDGER_LINE_H

#include <jansson.h>

#include "protocol/buffer.h"
#include "protocol/bytes.h"

enum { LINE_MAX_BYTES = 2 << 20 }; /* its newline included */

/* How far the current line was searched, so that no byte is looked at twice. All zero at the start. */
struct line_reader {
    size_t searched;
};

enum line_found {
    LINE_WHOLE, /* *line is the next one without its newline; *used counts that too */
    LINE_PART,  /* more bytes must come first */
    LINE_LONG,  /* it goes beyond LINE_MAX_BYTES; known without waiting for its end */
};
/* `in` holds everything that has come and was not consumed. */
enum line_found line_find(struct line_reader *r, struct bytes in, struct bytes *line, size_t *used);

/* Appends the object on one line. Takes the reference of `value`, NULL included, which sets out->failed. */
void line_put(struct buffer *out, json_t *value);

#endif
