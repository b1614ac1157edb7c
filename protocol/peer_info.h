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

/* A peer's clock, as its handshake tells it. */
struct peer_clock {
    bool is_told;
    /* How far it is ahead of ours; below 0: behind. To a second or so, as protocols tell the time in seconds
     * and the way takes a while. PEER_CLOCK_MOST_MS at most, either way, whatever the peer says. */
    int64_t ahead_ms;
};

#define PEER_CLOCK_MOST_MS (INT64_C(1) << 42) /* 139 years */

/* Any thread. The clock of a peer whose handshake says that it is told_s, in seconds since 1970, which has
 * come at wall_ms of our own. */
static inline struct peer_clock peer_clock_read(uint64_t told_s, int64_t wall_ms)
{
    /* Within these bounds nothing overflows. Half a second is what a time in whole seconds lacks. */
    const int64_t most_ms = 2 * PEER_CLOCK_MOST_MS, most_s = most_ms / 1000;
    int64_t told_ms = (told_s < (uint64_t)most_s ? (int64_t)told_s : most_s) * 1000 + 500;
    int64_t own_ms = wall_ms > most_ms ? most_ms : wall_ms < -most_ms ? -most_ms : wall_ms;
    int64_t ahead_ms = told_ms - own_ms;
    ahead_ms = ahead_ms > PEER_CLOCK_MOST_MS ? PEER_CLOCK_MOST_MS : ahead_ms;
    ahead_ms = ahead_ms < -PEER_CLOCK_MOST_MS ? -PEER_CLOCK_MOST_MS : ahead_ms;
    return (struct peer_clock){.is_told = true, .ahead_ms = ahead_ms};
}

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
    struct peer_clock clock;
    bool asked; /* our handshake itself has asked for its addresses: the next share is an answer */
    char hash[PEER_HASH_MAX]; /* its name for the application */
};

#endif
