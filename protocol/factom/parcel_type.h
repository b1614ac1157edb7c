/* What all versions share: the types of parcels, and what a parcel about to be sent carries. */
#ifndef KITH_PROTOCOL_FACTOM_PARCEL_TYPE_H
#define KITH_PROTOCOL_FACTOM_PARCEL_TYPE_H

#include <stdbool.h>
#include <string.h>

#include "protocol/buffer.h"
#include "protocol/bytes.h"

enum parcel_type {
    TYPE_HEARTBEAT,
    TYPE_PING,
    TYPE_PONG,
    TYPE_PEER_REQUEST,
    TYPE_PEER_RESPONSE,
    TYPE_ALERT,
    TYPE_MESSAGE,
    TYPE_MESSAGE_PART,
    TYPE_HANDSHAKE,
    TYPE_REJECT,
};

/* The longest message on the wire, length prefix aside, and how much of it may be anything but payload. */
#define FRAME_MAX      ((uint64_t)128 << 20)
#define FRAME_OVERHEAD 4096

/* A payload that is to be sent. If its bytes are a parcel's, `parcel` is that parcel, else NULL. */
struct payload {
    const void *bytes;
    size_t size;
    struct parcel *parcel;
};

static inline struct payload factom_payload_of_text(const char *text)
{
    return (struct payload){.bytes = text, .size = strlen(text)};
}

/* Appends a message: its head, which is not empty, the payload, and then a zero byte if that ends it. A short
 * one goes into the buffer in one piece. */
static inline void factom_payload_add(struct buffer *out, struct bytes head, const struct payload *payload,
                                      bool ended)
{
    bool copied = !payload->parcel || payload->size < BUFFER_INLINE_MAX;
    uint8_t *to = buffer_reserve(out, head.size + (copied ? payload->size + ended : 0));
    if (!to) {
        return;
    }
    memcpy(to, head.data, head.size);
    if (!copied) {
        buffer_commit(out, head.size);
        buffer_add_parcel(out, payload->parcel);
        buffer_add(out, "", ended);
        return;
    }
    memcpy(to + head.size, payload->bytes, payload->size);
    if (ended) {
        to[head.size + payload->size] = 0;
    }
    buffer_commit(out, head.size + payload->size + ended);
}

#endif
