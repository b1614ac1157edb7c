/* V10's parcel in gob: a type and a payload. */
#ifndef KITH_PROTOCOL_FACTOM_V10_H
#define KITH_PROTOCOL_FACTOM_V10_H

#include "protocol/factom/gob.h"
#include "protocol/factom/parcel_type.h"

struct v10_parcel {
    uint16_t type;
    struct bytes payload; /* points into the bytes that it was read from */
};

/* Reads the value in *frame, of a stream whose types know factom_v9_names, like v9_read. */
bool factom_v10_read(struct gob_types *types, struct gob_frame *frame, struct v10_parcel *p);

void factom_v10_write_definitions(struct buffer *out);
void factom_v10_write(struct buffer *out, enum parcel_type type, const struct payload *payload);

#endif
