/* A parcel as a line of JSON (kith(1), "JSON"), written while the output has room for it. The output's
 * thread; nothing blocks or allocates, but for the text that waits in the output. */
#ifndef KITH_APP_JSON_PARCEL_H
#define KITH_APP_JSON_PARCEL_H

#include "app/options.h"
#include "app/output.h"
#include "app/pieces.h"
#include "kith.h"

struct json_parcel {
    struct pieces bytes; /* what is to be written in the present stage */
    bool also_text;      /* after the base64, if it is text (pieces_are_text) */
    bool is_text;        /* as far as it was looked at */
    enum json_parcel_stage {
        JSON_PARCEL_CHECK, /* is it text? */
        JSON_PARCEL_BASE64,
        JSON_PARCEL_TEXT,
        JSON_PARCEL_BYTES,
        JSON_PARCEL_WRITTEN,
    } stage;
};

/* Writes the line's beginning. *p's bytes have to stay until json_parcel_more returns true. `mode` is not
 * JSON_OFF; with JSON_BINARY the bytes come behind the line, whatever `payload` is. */
void json_parcel_begin(struct json_parcel *w, struct output *out, const struct kith_parcel *p,
                       enum json_mode mode, enum json_payload payload);

/* Writes on while there is room; true once the line is written. */
bool json_parcel_more(struct json_parcel *w, struct output *out);

#endif
