/* V11's messages, read where they lie. */
#include "protocol/factom/v11.h"

#include "protocol/varint.h"

#define TAG_BYTES_MAX 5

/* Advances *at past a varint of at most `most` bytes. False if it does not end in time. */
static bool read_varint(struct bytes m, size_t *at, size_t most, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < most && *at < m.size; i++) {
        uint8_t b = m.data[(*at)++];
        *value |= i < VARINT_BYTES_MAX - 1 || b <= 1 ? (uint64_t)(b & 0x7f) << (7 * i) : 0;
        if (b < 0x80) {
            return true;
        }
    }
    return false;
}

static bool read_bytes(struct bytes m, size_t *at, uint64_t n, struct bytes *value)
{
    if (n > m.size - *at) {
        return false;
    }
    *value = (struct bytes){.data = m.data + *at, .size = (size_t)n};
    *at += (size_t)n;
    return true;
}

/* Reads one field's value; number is set for varints, bytes for the others. */
static bool read_value(struct bytes m, size_t *at, unsigned wire, uint64_t *number, struct bytes *bytes)
{
    switch (wire) {
    case FACTOM_WIRE_VARINT:
        return read_varint(m, at, VARINT_BYTES_MAX, number);
    case FACTOM_WIRE_FIXED64:
        return read_bytes(m, at, 8, bytes);
    case FACTOM_WIRE_BYTES:
        return read_varint(m, at, TAG_BYTES_MAX, number) && read_bytes(m, at, *number, bytes);
    case FACTOM_WIRE_FIXED32:
        return read_bytes(m, at, 4, bytes);
    default:
        return false; /* groups, which proto3 does not have */
    }
}

bool factom_v11_read_msg(struct bytes m, uint32_t *type, struct bytes *payload)
{
    *type = 0;
    *payload = (struct bytes){.data = m.data};
    for (size_t at = 0; at < m.size;) {
        uint64_t tag, number = 0;
        struct bytes bytes = {.size = 0};
        if (!read_varint(m, &at, TAG_BYTES_MAX, &tag) ||
            !read_value(m, &at, (unsigned)(tag & 7), &number, &bytes)) {
            return false;
        }
        uint32_t field = (uint32_t)(tag >> 3);
        unsigned wire = (unsigned)(tag & 7);
        if (field == FACTOM_V11_TYPE && wire == FACTOM_WIRE_VARINT) {
            *type = (uint32_t)number;
        } else if (field == FACTOM_V11_PAYLOAD && wire == FACTOM_WIRE_BYTES) {
            *payload = bytes;
        } else if (field <= FACTOM_V11_PAYLOAD) {
            return false; /* of another wire type, or no field at all */
        }
    }
    return true;
}

/* --- those with lists of addresses --- */

struct field {
    uint32_t name;
    unsigned wire;
    uint64_t number;
    struct bytes bytes;
};

/* Takes the next field off the message, which is not empty. False if it can't be read, or is one of the first
 * `known` and not of the type that `types` has for it. */
static bool next_field(struct bytes *m, const uint8_t *types, uint32_t known, struct field *f)
{
    size_t at = 0;
    uint64_t tag;
    *f = (struct field){.name = 0};
    if (!read_varint(*m, &at, TAG_BYTES_MAX, &tag)) {
        return false;
    }
    f->name = (uint32_t)(tag >> 3);
    f->wire = (unsigned)(tag & 7);
    if (!read_value(*m, &at, f->wire, &f->number, &f->bytes)) {
        return false;
    }
    m->data += at;
    m->size -= at;
    return f->name > known || (f->name > 0 && f->wire == types[f->name - 1]);
}

static bool read_endpoint(struct bytes m, struct harvest *h)
{
    static const uint8_t types[] = {FACTOM_WIRE_BYTES, FACTOM_WIRE_BYTES};
    struct bytes host = {.size = 0}, port = {.size = 0};
    struct field f;
    while (m.size > 0) {
        if (!next_field(&m, types, sizeof types, &f)) {
            return false;
        }
        if (f.name == 1) {
            host = f.bytes;
        } else if (f.name == 2) {
            port = f.bytes;
        }
    }
    return host.size > 0 && port.size > 0 &&
           factom_harvest_add(h, (const char *)host.data, host.size, (const char *)port.data, port.size);
}

enum share_result factom_v11_read_share(struct bytes m, struct harvest *h)
{
    static const uint8_t types[] = {FACTOM_WIRE_BYTES};
    struct field f;
    while (m.size > 0) {
        if (!next_field(&m, types, sizeof types, &f) || (f.name == 1 && !read_endpoint(f.bytes, h))) {
            return SHARE_INVALID;
        }
    }
    return SHARE_OK;
}

enum { TYPE = 1, NETWORK, VERSION, NODE_ID, LISTEN_PORT, LOOPBACK, ALTERNATIVES };

static void set_field(struct handshake *h, const struct field *f, struct harvest *alternatives, bool *good)
{
    switch (f->name) {
    case TYPE:
        h->type = (uint32_t)f->number;
        break;
    case NETWORK:
        h->network = (uint32_t)f->number;
        break;
    case VERSION:
        h->version = (uint32_t)f->number;
        break;
    case NODE_ID:
        h->node_id = (uint32_t)f->number;
        break;
    case LISTEN_PORT:
        h->port = f->bytes.size > 0 ? factom_harvest_port(f->bytes.data, f->bytes.size) : 0;
        break;
    case LOOPBACK:
        h->nonce = f->number;
        break;
    case ALTERNATIVES:
        *good = *good && read_endpoint(f->bytes, alternatives);
        break;
    }
}

const char *factom_v11_read_handshake(struct bytes m, struct handshake *h)
{
    static const uint8_t types[] = {FACTOM_WIRE_VARINT, FACTOM_WIRE_VARINT, FACTOM_WIRE_VARINT,
                                    FACTOM_WIRE_VARINT, FACTOM_WIRE_BYTES,  FACTOM_WIRE_VARINT,
                                    FACTOM_WIRE_BYTES};
    struct harvest harvest = {.to = h->alternatives, .most = ALTERNATIVES_MAX};
    struct field f;
    bool good = true;
    *h = (struct handshake){.type = 0};
    while (m.size > 0) {
        if (!next_field(&m, types, sizeof types, &f)) {
            return "handshake can't be read";
        }
        set_field(h, &f, &harvest, &good);
    }
    h->has_nonce = h->type == TYPE_HANDSHAKE;
    factom_handshake_set_alternatives(h, &harvest, good ? SHARE_OK : SHARE_INVALID);
    return h->type == TYPE_HANDSHAKE || h->type == TYPE_REJECT ? NULL : "first message is no handshake";
}
