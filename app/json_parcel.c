#include "app/json_parcel.h"

#include <stdio.h>
#include <string.h>

enum { CHECKED_AT_ONCE = 1 << 20, BYTES_AT_ONCE = 1 << 16 };

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

static void enter(struct json_parcel *w, struct output *out, enum json_parcel_stage stage, const char *before)
{
    w->stage = stage;
    w->bytes.at = 0;
    add(out, before);
}

void json_parcel_begin(struct json_parcel *w, struct output *out, const struct kith_parcel *p,
                       enum json_mode mode, enum json_payload payload)
{
    char number[64];
    *w = (struct json_parcel){.bytes = {.bytes = p->bytes, .size = p->size},
                              .also_text = payload == JSON_PAYLOAD_BOTH,
                              .is_text = true};
    int length = snprintf(number, sizeof number, ",\"connection\":%lld", (long long)p->connection);
    if (p->ticket) {
        snprintf(number + length, sizeof number - (size_t)length, ",\"ticket\":%lld", (long long)p->ticket);
    }
    output_pieces_begin(out);
    add_string(out, "{\"event\":\"parcel\",\"peer\":\"", p->peer);
    add(out, number);
    add_string(out, ",\"kind\":\"", p->kind);
    if (mode == JSON_BINARY) {
        snprintf(number, sizeof number, ",\"bytes\":%zu}\n", p->size);
        enter(w, out, JSON_PARCEL_BYTES, number);
    } else if (payload == JSON_PAYLOAD_AUTO) {
        enter(w, out, JSON_PARCEL_CHECK, "");
    } else {
        enter(w, out, JSON_PARCEL_BASE64, ",\"base64\":\"");
    }
}

/* Looks at some more. What is long is looked at in several calls, so that the program does other things, too.
 */
static void check(struct json_parcel *w, struct output *out)
{
    size_t left = w->bytes.size - w->bytes.at;
    w->bytes.at += left < CHECKED_AT_ONCE ? left : CHECKED_AT_ONCE;
    if (!pieces_are_text(&w->bytes)) {
        enter(w, out, JSON_PARCEL_BASE64, ",\"base64\":\"");
    } else if (w->bytes.at == w->bytes.size) {
        enter(w, out, JSON_PARCEL_TEXT, ",\"text\":\"");
    }
}

/* The next stage, once all of this one is written. */
static void go_on(struct json_parcel *w, struct output *out)
{
    if (w->stage == JSON_PARCEL_BASE64 && w->also_text && w->is_text) {
        enter(w, out, JSON_PARCEL_TEXT, "\",\"text\":\"");
    } else {
        enter(w, out, JSON_PARCEL_WRITTEN, w->stage == JSON_PARCEL_BYTES ? "" : "\"}\n");
    }
}

static void write_bytes(struct json_parcel *w, struct output *out)
{
    size_t left = w->bytes.size - w->bytes.at, n = left < BYTES_AT_ONCE ? left : BYTES_AT_ONCE;
    output_add_piece(out, w->bytes.bytes + w->bytes.at, n);
    w->bytes.at += n;
}

static void write_piece(struct json_parcel *w, struct output *out)
{
    char piece[PIECE_BYTES];
    bool is_base64 = w->stage == JSON_PARCEL_BASE64;
    size_t n = is_base64 ? pieces_base64(&w->bytes, piece) : pieces_json(&w->bytes, piece);
    output_add_piece(out, piece, n);
    if (is_base64 && w->also_text) {
        w->is_text = w->is_text && pieces_are_text(&w->bytes);
    }
}

bool json_parcel_more(struct json_parcel *w, struct output *out)
{
    if (w->stage == JSON_PARCEL_CHECK) {
        check(w, out);
    }
    while (w->stage > JSON_PARCEL_CHECK && w->stage < JSON_PARCEL_WRITTEN && output_has_room(out)) {
        if (w->bytes.at == w->bytes.size) {
            go_on(w, out);
        } else if (w->stage == JSON_PARCEL_BYTES) {
            write_bytes(w, out);
        } else {
            write_piece(w, out);
        }
    }
    if (w->stage != JSON_PARCEL_WRITTEN) {
        return false;
    }
    output_pieces_end(out);
    return true;
}
