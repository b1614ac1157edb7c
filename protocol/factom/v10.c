#include "protocol/factom/v10.h"

#include <string.h>

#include "protocol/factom/v9.h"

bool factom_v10_read(struct gob_types *types, struct gob_frame *frame, struct v10_parcel *p)
{
    *p = (struct v10_parcel){.type = 0};
    struct gob_walk w = factom_gob_walk(types, &frame->body, frame->id, 0);
    const struct gob_field *f;
    while ((f = factom_gob_next(&w))) {
        if (f->name == NAME_TYPE) {
            p->type = (uint16_t)factom_gob_field_uint(&w, f, UINT16_MAX);
        } else if (f->name == NAME_PAYLOAD) {
            p->payload = factom_gob_field_bytes(&w, f);
        } else {
            factom_gob_field_skip(&w, f);
        }
    }
    return !frame->body.failed && frame->body.at == frame->body.end;
}

#define ID_MESSAGE (GOB_FIRST_ID + 3) /* after V9's two, which a V10 stream has as well */

static const struct gob_field_definition message_fields[] = {
    {"Type", GOB_UINT},
    {"Payload", GOB_BYTES},
    {NULL, 0},
};

void factom_v10_write_definitions(struct buffer *out)
{
    factom_gob_write_definition(out, ID_MESSAGE, "V10Msg", message_fields);
}

void factom_v10_write(struct buffer *out, enum parcel_type type, const struct payload *payload)
{
    /* First the id, as gob writes an integer above 63: a byte that says that one follows, and twice the id.
     */
    uint8_t value[5 + GOB_UINT_MAX] = {0xff, ID_MESSAGE << 1};
    size_t n = 2;
    /* Then each field after its step from the one before. A type of 0 is not written. */
    if (type != 0) {
        value[n++] = 1;
        value[n++] = (uint8_t)type;
    }
    value[n++] = type != 0 ? 1 : 2;
    n += factom_gob_encode_uint(value + n, payload->size);

    uint8_t head[GOB_UINT_MAX + sizeof value];
    size_t length = factom_gob_encode_uint(head, n + payload->size + 1);
    memcpy(head + length, value, sizeof value);
    factom_payload_add(out, (struct bytes){.data = head, .size = length + n}, payload, true);
}
