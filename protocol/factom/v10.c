#include "protocol/factom/v10.h"

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
    return !frame->body.failed && factom_gob_left(&frame->body) == 0;
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
    struct gob_writer w = {.used = 0};
    factom_gob_put_int(&w, ID_MESSAGE);
    struct gob_struct_writer s = {.w = &w};
    factom_gob_put_field_uint(&s, type);
    factom_gob_put_field_step(&s);
    factom_gob_put_uint(&w, payload->size);
    factom_payload_add(out, factom_gob_head(&w, payload->size + 1), payload, true);
}
