/* What a connection knows of its peer, and what its handshake states of us. Plain data. */
#ifndef KITH_PROTOCOL_PEER_INFO_H
#define KITH_PROTOCOL_PEER_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "queue/message.h"

#define PEER_HASH_MAX 160 /* text that names a peer, with its NUL: the longest is 128 hex digits */

/* What a handshake states that only the service knows. A copy is made for each connection when it starts, so
 * that no thread shares anything with the service. The protocol says what of it means anything. */
struct facts {
    uint64_t height; /* of the chain */
    int64_t time_s;  /* since 1970, as the network sees it */
    uint64_t flags;
    /* Random, of this connection if it dials, else 0: the core's, not the service's. A session whose
     * handshake has a nonce sends this one. */
    uint64_t nonce;
};

enum direction { DIRECTION_OUTGOING, DIRECTION_INCOMING };

/* What a connection is for. */
enum purpose {
    PURPOSE_PEER,   /* all that peers say to each other; of every one that has dialed us */
    PURPOSE_FEELER, /* a dial that only sees who is there: it ends with the handshake */
    PURPOSE_RELAY,  /* a dial for what the chain has to say alone: no addresses are told by it (limits.relays)
                     */
};

/* What a handshake told about a peer. */
struct peer_info {
    struct endpoint endpoint; /* where it listens: its IP with the port that it claims; port 0 for nowhere */
    uint64_t node_id;
    struct peer_id id; /* who it has proved to be; size 0 in protocols without identities */
    uint32_t version;
    uint64_t height; /* of its chain, in protocols whose handshakes say so */
    /* What it offers, in bits of the protocol's. */
    uint64_t offers;
    struct endpoint sees; /* our own end, as the peer says that it sees it; port 0 if it does not say */
    /* Our own end, as this system has it, with the connection's own port; port 0 if a proxy stands between.
     * Not the session's: the connection fills it in. */
    struct endpoint local;
    /* Of one that has dialed us and SESSION_MET tells of: what its handshake carries in place of facts.nonce.
     * If a dial of ours that is under way has the same, we have dialed ourselves. 0 for none. */
    uint64_t nonce;
    bool asked; /* our handshake itself has asked for its addresses: the next share is an answer */
    char hash[PEER_HASH_MAX]; /* its name for the application */
};

#endif
