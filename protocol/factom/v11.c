/* What V11 writes. */
#include "protocol/factom/v11.h"

#include <stdio.h>
#include <string.h>

#include "protocol/factom/wire.pb-c.h"
#include "protocol/varint.h"

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
        head[n++] = FACTOM_V11_TYPE << 3 | FACTOM_WIRE_VARINT;
        n += varint_write(head + n, type);
    }
    head[n++] = FACTOM_V11_PAYLOAD << 3 | FACTOM_WIRE_BYTES;
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
