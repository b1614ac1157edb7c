/* V11's messages in protobuf (wire.proto). */
#ifndef KITH_PROTOCOL_FACTOM_V11_H
#define KITH_PROTOCOL_FACTOM_V11_H

#include "protocol/factom/handshake.h"
#include "protocol/factom/parcel_type.h"
#include "protocol/factom/share.h"

#define V11_MAGIC "pbuf"

#define V11_LENGTH_BYTES 4 /* the length before each message */

/* Of protobuf; and the fields of Msg. */
enum factom_wire_type {
    FACTOM_WIRE_VARINT = 0,
    FACTOM_WIRE_FIXED64 = 1,
    FACTOM_WIRE_BYTES = 2,
    FACTOM_WIRE_FIXED32 = 5
};
enum { FACTOM_V11_TYPE = 1, FACTOM_V11_PAYLOAD = 2 };

/* v11_read.c. Each reads one whole message, its length prefix not included, where it lies: protobuf-c makes
 * 28 bytes of one that a peer sends. What protobuf-c would refuse is refused. */
const char *factom_v11_read_handshake(struct bytes message,
                                      struct handshake *h); /* NULL, or what is wrong with it */
enum share_result factom_v11_read_share(struct bytes message, struct harvest *h);

/* The payload is a view into the message: it is not copied, however long. */
bool factom_v11_read_msg(struct bytes message, uint32_t *type, struct bytes *payload);

/* v11.c. Each appends one message with its length prefix, but for the share, which is a payload. The
 * handshake is preceded by V11_MAGIC; its nonce is left out of a refusal. */
void factom_v11_write_handshake(struct buffer *out, enum parcel_type type, const struct node_config *node,
                                const struct endpoint *alternatives, size_t n);
void factom_v11_write_msg(struct buffer *out, enum parcel_type type, const struct payload *payload);
void factom_v11_write_share(struct buffer *out, const struct endpoint *endpoints, size_t n);

#endif
