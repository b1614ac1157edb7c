#include "protocol/ledger/line.h"

#include <string.h>

enum line_found line_find(struct line_reader *r, struct bytes in, struct bytes *line, size_t *used)
{
    size_t from = r->searched < in.size ? r->searched : in.size;
    size_t most = in.size < LINE_MAX_BYTES ? in.size : LINE_MAX_BYTES;
    const uint8_t *end = from < most ? memchr(in.data + from, '\n', most - from) : NULL;
    if (!end) {
        r->searched = most;
        return most == LINE_MAX_BYTES ? LINE_LONG : LINE_PART;
    }
    r->searched = 0;
    *line = (struct bytes){.data = in.data, .size = (size_t)(end - in.data)};
    *used = line->size + 1;
    return LINE_WHOLE;
}

static int append(const char *text, size_t size, void *out)
{
    struct buffer *b = out;
    buffer_add(b, text, size);
    return b->failed ? -1 : 0;
}

void line_put(struct buffer *out, json_t *value)
{
    if (!value || json_dump_callback(value, append, out, JSON_COMPACT) != 0) {
        out->failed = true;
    }
    buffer_add(out, "\n", 1);
    json_decref(value);
}
