/* Mintlayer, docs/protocols/mintlayer.md: its nodes meet over Noise, prove nothing, tell each other of
 * addresses, and carry what a chain has to say, which kith passes on unread. */
#ifndef KITH_PROTOCOL_MINTLAYER_MINTLAYER_H
#define KITH_PROTOCOL_MINTLAYER_MINTLAYER_H

#include "protocol/protocol.h"

/* The kinds of messages: their numbers on the wire. */
enum mintlayer_kind {
    /* The session's own. */
    MINTLAYER_HANDSHAKE = 0,
    MINTLAYER_PING_REQUEST = 1,
    MINTLAYER_PING_RESPONSE = 2,
    MINTLAYER_WILL_DISCONNECT = 13,
    /* Between session and service. */
    MINTLAYER_ANNOUNCE_ADDR_REQUEST = 8, /* a known_peers parcel of one */
    MINTLAYER_ADDR_LIST_REQUEST = 9,     /* no parcel */
    MINTLAYER_ADDR_LIST_RESPONSE = 10,   /* a known_peers parcel */
    /* The application's. The payload is the body behind the kind. */
    MINTLAYER_NEW_TRANSACTION = 3,
    MINTLAYER_HEADER_LIST_REQUEST = 4,
    MINTLAYER_HEADER_LIST = 5,
    MINTLAYER_BLOCK_LIST_REQUEST = 6,
    MINTLAYER_BLOCK_RESPONSE = 7,
    MINTLAYER_TRANSACTION_REQUEST = 11,
    MINTLAYER_TRANSACTION_RESPONSE = 12,
    MINTLAYER_KINDS = 14, /* how many there are */
};

/* What a node offers. */
enum mintlayer_service_bit {
    MINTLAYER_TRANSACTIONS = 1,
    MINTLAYER_BLOCKS = 2,
    MINTLAYER_ADDRESSES = 4,
};

extern const struct protocol mintlayer_protocol;

#endif
