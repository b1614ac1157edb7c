#include "app/json_parcel.h"

#include <stdio.h>
#include <string.h>

static void add(struct output *out, const char *text)
{
    output_add_piece(out, text, strlen(text));
}

/* Within quotes, after `before`. */
static void add_string(struct output *out, const char *before, const char *text)
{
    char piece[PIECE_BYTES];
    struct pieces p = {.bytes = text, .size = strlen(text)};
    add(out, before);
    for (size_t n; (n = pieces_json(&p, piece)) > 0;) {
        output_add_piece(out, piece, n);
    }
    add(out, "\"");
}

void json_parcel_begin(struct json_parcel *w, struct output *out, const struct kith_parcel *p)
{
    char connection[64];
    struct pieces all = {.bytes = p->bytes, .size = p->size};
    *w = (struct json_parcel){.base64 = all, .text = all, .is_text = true};
    snprintf(connection, sizeof connection, ",\"connection\":%lld", (long long)p->connection);
    output_pieces_begin(out);
    add_string(out, "{\"event\":\"parcel\",\"peer\":\"", p->peer);
    add(out, connection);
    add_string(out, ",\"kind\":\"", p->kind);
    add(out, ",\"base64\":\"");
}

static void end_base64(struct json_parcel *w, struct output *out)
{
    add(out, w->is_text ? "\",\"text\":\"" : "\"}\n");
    w->stage = w->is_text ? JSON_PARCEL_TEXT : JSON_PARCEL_WRITTEN;
}

bool json_parcel_more(struct json_parcel *w, struct output *out)
{
    char piece[PIECE_BYTES];
    while (w->stage != JSON_PARCEL_WRITTEN && output_has_room(out)) {
        bool is_base64 = w->stage == JSON_PARCEL_BASE64;
        size_t n = is_base64 ? pieces_base64(&w->base64, piece) : pieces_json(&w->text, piece);
        if (n > 0) {
            output_add_piece(out, piece, n);
            w->is_text = w->is_text && pieces_are_utf8(&w->base64);
        } else if (is_base64) {
            end_base64(w, out);
        } else {
            add(out, "\"}\n");
            w->stage = JSON_PARCEL_WRITTEN;
        }
    }
    if (w->stage != JSON_PARCEL_WRITTEN) {
        return false;
    }
    output_pieces_end(out);
    return true;
}
