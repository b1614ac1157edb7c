/* The Factom protocol, docs/protocols/factom.md: V9, V10 and V11 in one. */
#ifndef KITH_PROTOCOL_FACTOM_FACTOM_H
#define KITH_PROTOCOL_FACTOM_FACTOM_H

#include "protocol/protocol.h"

/* The kinds of messages between session and service, whatever the version. */
enum factom_kind {
    FACTOM_MESSAGE,      /* the application's bytes, never empty */
    FACTOM_PEER_REQUEST, /* no parcel */
    FACTOM_PEER_SHARE,   /* a known_peers parcel */
};

extern const struct protocol factom_protocol;

#endif
