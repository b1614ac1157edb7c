/* DDRP, docs/protocols/ddrp.md: two protocols of the same parts. `ddrp` speaks revision pip, as published;
 * `fnd` speaks what the deployed daemon does. They cannot talk to each other. */
#ifndef KITH_PROTOCOL_DDRP_DDRP_H
#define KITH_PROTOCOL_DDRP_DDRP_H

#include "protocol/protocol.h"

/* The kinds of messages, whatever the revision; what each is on the wire is in revision.c. */
enum ddrp_kind {
    /* The application's: blob synchronisation. The payload is what the envelope holds, unread; it may be
       empty. */
    DDRP_UPDATE,
    DDRP_NIL_UPDATE, /* fnd alone */
    DDRP_TREE_BASE_REQ,
    DDRP_TREE_BASE_RES,
    DDRP_SECTOR_REQ,
    DDRP_SECTOR_RES,
    DDRP_UPDATE_REQ,
    /* Between session and service. */
    DDRP_PEER_REQ, /* no parcel */
    DDRP_PEER_RES, /* a known_peers parcel */
    /* The session's own. */
    DDRP_HELLO,
    DDRP_HELLO_ACK,
    DDRP_PING,
    DDRP_KINDS, /* how many there are, and what an unknown one reads as */
};

extern const struct protocol ddrp_protocol;
extern const struct protocol fnd_protocol;

#endif
