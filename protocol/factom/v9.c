#include "protocol/factom/v9.h"

#include <stdio.h>

#include "protocol/factom/crc32k.h"

const char *const factom_v9_names[] = {
    [NAME_HEADER] = "Header",   [NAME_PAYLOAD] = "Payload",    [NAME_NETWORK] = "Network",
    [NAME_VERSION] = "Version", [NAME_TYPE] = "Type",          [NAME_LENGTH] = "Length",
    [NAME_CRC32] = "Crc32",     [NAME_PART_NO] = "PartNo",     [NAME_PARTS_TOTAL] = "PartsTotal",
    [NAME_NODE_ID] = "NodeID",  [NAME_PEER_PORT] = "PeerPort", [NAME_APP_HASH] = "AppHash",
    [NAME_APP_HASH + 1] = NULL,
};

static void read_header_field(struct gob_walk *w, const struct gob_field *f, struct v9_parcel *p)
{
    switch (f->name) {
    case NAME_NETWORK:
        p->network = (uint32_t)factom_gob_field_uint(w, f, UINT32_MAX);
        break;
    case NAME_VERSION:
        p->version = (uint16_t)factom_gob_field_uint(w, f, UINT16_MAX);
        break;
    case NAME_TYPE:
        p->type = (uint16_t)factom_gob_field_uint(w, f, UINT16_MAX);
        break;
    case NAME_LENGTH:
        p->length = (uint32_t)factom_gob_field_uint(w, f, UINT32_MAX);
        break;
    case NAME_CRC32:
        p->crc32 = (uint32_t)factom_gob_field_uint(w, f, UINT32_MAX);
        break;
    case NAME_PART_NO:
        p->part_no = (uint16_t)factom_gob_field_uint(w, f, UINT16_MAX);
        break;
    case NAME_PARTS_TOTAL:
        p->parts_total = (uint16_t)factom_gob_field_uint(w, f, UINT16_MAX);
        break;
    case NAME_NODE_ID:
        p->node_id = factom_gob_field_uint(w, f, UINT64_MAX);
        break;
    case NAME_PEER_PORT:
        p->peer_port = factom_gob_field_string(w, f);
        break;
    case NAME_APP_HASH:
        p->app_hash = factom_gob_field_string(w, f);
        break;
    default:
        factom_gob_field_skip(w, f);
        break;
    }
}

static void read_header(struct gob_walk *outer, const struct gob_field *header, struct v9_parcel *p)
{
    struct gob_walk w = factom_gob_field_struct(outer, header);
    const struct gob_field *f;
    while ((f = factom_gob_next(&w))) {
        read_header_field(&w, f, p);
    }
}

bool factom_v9_read(struct gob_types *types, struct gob_frame *frame, struct v9_parcel *p)
{
    *p = (struct v9_parcel){.network = 0};
    struct gob_walk w = factom_gob_walk(types, &frame->body, frame->id, 0);
    const struct gob_field *f;
    while ((f = factom_gob_next(&w))) {
        if (f->name == NAME_HEADER) {
            read_header(&w, f, p);
        } else if (f->name == NAME_PAYLOAD) {
            p->payload = factom_gob_field_bytes(&w, f);
        } else {
            factom_gob_field_skip(&w, f);
        }
    }
    return !frame->body.failed && factom_gob_left(&frame->body) == 0;
}

bool factom_v9_is_intact(const struct v9_parcel *p)
{
    return p->payload.size > 0 && p->length == p->payload.size &&
           p->crc32 == factom_crc32k(p->payload.data, p->payload.size);
}

/* Our own ids. */
#define ID_MESSAGE (GOB_FIRST_ID + 1)
#define ID_HEADER  (GOB_FIRST_ID + 2)

static const struct gob_field_definition message_fields[] = {
    {"Header", ID_HEADER},
    {"Payload", GOB_BYTES},
    {NULL, 0},
};

static const struct gob_field_definition header_fields[] = {
    {"Network", GOB_UINT},      {"Version", GOB_UINT},
    {"Type", GOB_UINT},         {"Length", GOB_UINT},
    {"TargetPeer", GOB_STRING}, {"Crc32", GOB_UINT},
    {"PartNo", GOB_UINT},       {"PartsTotal", GOB_UINT},
    {"NodeID", GOB_UINT},       {"PeerAddress", GOB_STRING},
    {"PeerPort", GOB_STRING},   {"AppHash", GOB_STRING},
    {"AppType", GOB_STRING},    {NULL, 0},
};

void factom_v9_write_definitions(struct buffer *out)
{
    factom_gob_write_definition(out, ID_MESSAGE, "V9Msg", message_fields);
    factom_gob_write_definition(out, ID_HEADER, "V9Header", header_fields);
}

static void put_header(struct gob_writer *w, const struct v9_header *h, const struct payload *payload)
{
    char port[6];
    snprintf(port, sizeof port, "%u", (unsigned)h->peer_port);
    struct gob_struct_writer s = {.w = w};
    factom_gob_put_field_uint(&s, h->network);
    factom_gob_put_field_uint(&s, h->version);
    factom_gob_put_field_uint(&s, h->type);
    factom_gob_put_field_uint(&s, payload->size);
    factom_gob_put_field_string(&s, h->target);
    factom_gob_put_field_uint(&s, factom_crc32k(payload->bytes, payload->size));
    factom_gob_put_field_uint(&s, 0); /* PartNo */
    factom_gob_put_field_uint(&s, 0); /* PartsTotal */
    factom_gob_put_field_uint(&s, h->node_id);
    factom_gob_put_field_string(&s, ""); /* PeerAddress */
    factom_gob_put_field_string(&s, port);
    factom_gob_put_field_string(&s, "NetworkMessage");
    factom_gob_put_field_string(&s, "Network");
    factom_gob_put_end(w);
}

void factom_v9_write(struct buffer *out, const struct v9_header *h, const struct payload *payload)
{
    struct gob_writer w = {.used = 0};
    factom_gob_put_int(&w, ID_MESSAGE);
    struct gob_struct_writer s = {.w = &w};
    factom_gob_put_field_step(&s);
    put_header(&w, h, payload);
    factom_gob_put_field_step(&s);
    factom_gob_put_uint(&w, payload->size);
    struct bytes head = factom_gob_head(&w, payload->size + 1);
    if (w.failed) {
        out->failed = true;
        return;
    }
    factom_payload_add(out, head, payload, true);
}
