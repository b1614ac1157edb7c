#include "protocol/factom/v11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/factom/wire.pb-c.h"
#include "protocol/varint.h"

static bool add_endpoints(struct harvest *h, FactomWire__Endpoint *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const FactomWire__Endpoint *e = list[i];
        /* protobuf-c leaves the pointer of an empty field NULL. */
        if (e->host.len == 0 || e->port.len == 0 ||
            !factom_harvest_add(h, (const char *)e->host.data, e->host.len, (const char *)e->port.data,
                                e->port.len)) {
            return false;
        }
    }
    return true;
}

const char *factom_v11_read_handshake(struct bytes message, struct handshake *h)
{
    FactomWire__Handshake *w = factom_wire__handshake__unpack(NULL, message.size, message.data);
    if (!w) {
        return "handshake can't be read";
    }
    *h = (struct handshake){.network = w->network,
                            .version = w->version,
                            .type = w->type,
                            .node_id = w->node_id,
                            .has_nonce = w->type == TYPE_HANDSHAKE,
                            .nonce = w->loopback};
    h->port = w->listen_port.len > 0 ? factom_harvest_port(w->listen_port.data, w->listen_port.len) : 0;
    struct harvest harvest = {.to = h->alternatives, .most = ALTERNATIVES_MAX};
    bool good = add_endpoints(&harvest, w->alternatives, w->n_alternatives);
    factom_handshake_set_alternatives(h, &harvest, good ? SHARE_OK : SHARE_INVALID);
    factom_wire__handshake__free_unpacked(w, NULL);
    return h->type == TYPE_HANDSHAKE || h->type == TYPE_REJECT ? NULL : "first message is no handshake";
}

enum share_result factom_v11_read_share(struct bytes message, struct harvest *h)
{
    FactomWire__Share *w = factom_wire__share__unpack(NULL, message.size, message.data);
    if (!w) {
        return SHARE_INVALID;
    }
    bool good = add_endpoints(h, w->share, w->n_share);
    factom_wire__share__free_unpacked(w, NULL);
    return good ? SHARE_OK : SHARE_INVALID;
}

/* --- Msg, by hand --- */

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

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
    case WIRE_VARINT:
        return read_varint(m, at, VARINT_BYTES_MAX, number);
    case WIRE_FIXED64:
        return read_bytes(m, at, 8, bytes);
    case WIRE_BYTES:
        return read_varint(m, at, TAG_BYTES_MAX, number) && read_bytes(m, at, *number, bytes);
    case WIRE_FIXED32:
        return read_bytes(m, at, 4, bytes);
    default:
        return false; /* groups, which proto3 does not have */
    }
}

enum { FIELD_TYPE = 1, FIELD_PAYLOAD = 2 };

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
        if (field == FIELD_TYPE && wire == WIRE_VARINT) {
            *type = (uint32_t)number;
        } else if (field == FIELD_PAYLOAD && wire == WIRE_BYTES) {
            *payload = bytes;
        } else if (field <= FIELD_PAYLOAD) {
            return false; /* of another wire type, or no field at all */
        }
    }
    return true;
}

static void encode_length(uint8_t to[V11_LENGTH_BYTES], size_t length)
{
    for (int i = 0; i < V11_LENGTH_BYTES; i++) {
        to[i] = (uint8_t)(length >> (8 * (V11_LENGTH_BYTES - 1 - i)));
    }
}

void factom_v11_write_msg(struct buffer *out, enum parcel_type type, const struct payload *payload)
{
    uint8_t head[V11_LENGTH_BYTES + 2 + 2 * VARINT_BYTES_MAX];
    size_t n = V11_LENGTH_BYTES;
    if (type != 0) {
        head[n++] = FIELD_TYPE << 3 | WIRE_VARINT;
        n += varint_write(head + n, type);
    }
    head[n++] = FIELD_PAYLOAD << 3 | WIRE_BYTES;
    n += varint_write(head + n, payload->size);
    encode_length(head, n - V11_LENGTH_BYTES + payload->size);
    factom_payload_add(out, (struct bytes){.data = head, .size = n}, payload, false);
}

/* --- what protobuf-c writes --- */

static void put_message(struct buffer *out, const ProtobufCMessage *message, bool with_length)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (with_length) {
        uint8_t length[V11_LENGTH_BYTES];
        encode_length(length, size);
        buffer_add(out, length, sizeof length);
    }
    uint8_t *to = buffer_reserve(out, size);
    if (to) {
        buffer_commit(out, protobuf_c_message_pack(message, to));
    }
}

/* Endpoints as protobuf-c wants them: a list of pointers, and texts that live elsewhere. */
struct packed {
    FactomWire__Endpoint *list[ALTERNATIVES_MAX];
    FactomWire__Endpoint items[ALTERNATIVES_MAX];
    char hosts[ALTERNATIVES_MAX][IP_TEXT_MAX];
    char ports[ALTERNATIVES_MAX][8];
};

static ProtobufCBinaryData text_data(char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

static size_t pack(struct packed *p, const struct endpoint *endpoints, size_t n)
{
    n = n < ALTERNATIVES_MAX ? n : ALTERNATIVES_MAX;
    for (size_t i = 0; i < n; i++) {
        ip_format(&endpoints[i].ip, p->hosts[i], sizeof p->hosts[i]);
        snprintf(p->ports[i], sizeof p->ports[i], "%u", (unsigned)endpoints[i].port);
        factom_wire__endpoint__init(&p->items[i]);
        p->items[i].host = text_data(p->hosts[i]);
        p->items[i].port = text_data(p->ports[i]);
        p->list[i] = &p->items[i];
    }
    return n;
}

void factom_v11_write_handshake(struct buffer *out, enum parcel_type type, const struct node_config *node,
                                const struct endpoint *alternatives, size_t n)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)node->listen_port);
    FactomWire__Handshake h = FACTOM_WIRE__HANDSHAKE__INIT;
    h.type = type;
    h.network = node->network.id;
    h.version = 11;
    h.node_id = (uint32_t)node->node_id;
    h.listen_port = text_data(port);
    h.loopback = type == TYPE_HANDSHAKE ? node->nonce : 0;
    struct packed p;
    h.n_alternatives = pack(&p, alternatives, n);
    h.alternatives = p.list;
    buffer_add(out, V11_MAGIC, strlen(V11_MAGIC));
    put_message(out, &h.base, true);
}

/* A repeated field may come in pieces, so a long list is written a piece at a time. */
void factom_v11_write_share(struct buffer *out, const struct endpoint *endpoints, size_t n)
{
    struct packed p;
    for (size_t done = 0; done < n;) {
        FactomWire__Share s = FACTOM_WIRE__SHARE__INIT;
        s.n_share = pack(&p, endpoints + done, n - done);
        s.share = p.list;
        put_message(out, &s.base, false);
        done += s.n_share;
    }
}
