#include "protocol/factom/v10.h"

#include "protocol/factom/v9.h"

bool v10_read(struct gob_types *types, struct gob_frame *frame, struct v10_parcel *p)
{
    *p = (struct v10_parcel){.type = 0};
    struct gob_walk w = gob_walk(types, &frame->body, frame->id, 0);
    const struct gob_field *f;
    while ((f = gob_next(&w)) != NULL) {
        if (f->name == NAME_TYPE) {
            p->type = (uint16_t)gob_field_uint(&w, f, UINT16_MAX);
        } else if (f->name == NAME_PAYLOAD) {
            p->payload = gob_field_bytes(&w, f);
        } else {
            gob_field_skip(&w, f);
        }
    }
    return !frame->body.failed && gob_left(&frame->body) == 0;
}

#define ID_MESSAGE (GOB_FIRST_ID + 3) /* after V9's two, which a V10 stream has as well */

static const struct gob_field_definition message_fields[] = {
    {"Type", GOB_UINT},
    {"Payload", GOB_BYTES},
    {NULL, 0},
};

void v10_write_definitions(struct buffer *out)
{
    gob_write_definition(out, ID_MESSAGE, "V10Msg", message_fields);
}

void v10_write(struct buffer *out, enum parcel_type type, const struct load *load)
{
    struct gob_writer w = {.used = 0};
    gob_put_int(&w, ID_MESSAGE);
    struct gob_struct_writer s = {.w = &w};
    gob_put_field_uint(&s, type);
    gob_put_field_step(&s);
    gob_put_uint(&w, load->size);
    load_add(out, gob_head(&w, load->size + 1), load, true);
}
