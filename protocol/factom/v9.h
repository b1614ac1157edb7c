/* V9's parcel in gob: a header and a payload. All gob handshakes have this shape too. */
#ifndef KITH_PROTOCOL_FACTOM_V9_H
#define KITH_PROTOCOL_FACTOM_V9_H

#include "protocol/factom/gob.h"
#include "protocol/factom/parcel_type.h"

/* The names of all fields that V9 and V10 read, in the order of enum v9_name; for factom_gob_types_init. */
extern const char *const factom_v9_names[];

enum v9_name {
    NAME_HEADER,
    NAME_PAYLOAD,
    NAME_NETWORK,
    NAME_VERSION,
    NAME_TYPE,
    NAME_LENGTH,
    NAME_CRC32,
    NAME_PART_NO,
    NAME_PARTS_TOTAL,
    NAME_NODE_ID,
    NAME_PEER_PORT,
    NAME_APP_HASH,
};

/* A parcel that has come. The texts and the payload point into the bytes that it was read from. */
struct v9_parcel {
    uint32_t network, length, crc32;
    uint16_t version, type, part_no, parts_total;
    uint64_t node_id;
    struct bytes peer_port, app_hash, payload;
};

/* Reads the value in *frame. True: frame->body.end is the end of the value. False: if frame->body.missing is
 * not 0, so many bytes must come first; else the value is bad. */
bool factom_v9_read(struct gob_types *types, struct gob_frame *frame, struct v9_parcel *p);

/* True if length and checksum fit the payload, and there is one. */
bool factom_v9_is_intact(const struct v9_parcel *p);

/* The header of a parcel that is to be sent; length and checksum are the payload's. */
struct v9_header {
    uint32_t network;
    uint16_t version, type;
    const char *target; /* at most PEER_HASH_MAX bytes */
    uint64_t node_id;
    uint16_t peer_port;
};

void factom_v9_write_definitions(struct buffer *out);
void factom_v9_write(struct buffer *out, const struct v9_header *h, const struct payload *payload);

#endif
