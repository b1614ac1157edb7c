/* A service: what a node does about all its peers, whichever connection they are on: it asks them for
 * addresses, answers theirs, hands messages on. One for each node; the controller runs it, on its thread.
 *
 * A service is a plain state machine as a session is (protocol/session.h): the caller owns its memory and
 * passes the time, no function blocks, and what is given by pointer is valid for that call alone unless the
 * contrary is said. The messages between session and service do not depend on the version that a connection
 * speaks: a share of addresses, for example, is the same array whichever JSON or protobuf it came in. */
#ifndef KITH_PROTOCOL_SERVICE_H
#define KITH_PROTOCOL_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/known_peers.h"
#include "protocol/terms.h"
#include "queue/message.h"

struct protocol;

/* One peer, as the service sees it between online and offline. `terms` is valid for one call, `state` until
 * offline returns. */
struct service_peer {
    struct peer_ref ref;
    enum direction direction;
    bool special;
    const struct peer_terms *terms;
    void *state; /* peer_size bytes of the service's own, zeroed before online */
};

/* How the service acts. All are called from within a service function, on the controller's thread; none
 * blocks. */
struct service_actions {
    /* Posts a message of `kind` to a peer; takes the parcel's reference (NULL for a kind without payload).
     * If the peer's mailbox is full it waits, in order, and keeps nothing else back. It is dropped if the
     * peer is stalled or has gone, or has so much waiting already that it must have stopped reading. That is
     * not counted, as the service asks or is asked again. */
    void (*send)(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel);
    /* Hands an application message on to FromNetwork; takes the reference. If FromNetwork is full the
     * controller takes no further messages from peers until it has room; what a stalled application loses is
     * counted. */
    void (*deliver)(void *world, struct peer_ref from, uint32_t kind, struct parcel *parcel);
    /* Fills up to `most` peers that the asker may be told of: good ones, never special ones or itself.
     * Returns how many. */
    size_t (*share)(void *world, struct peer_ref asker, struct known_peer *out, size_t most);
    /* Peers that another told us of; copied, save those that the network does not allow. When they were heard
     * from is not believed. */
    void (*learn)(void *world, struct peer_ref from, const struct known_peer *peers, size_t n);
    /* How many outgoing connections are still wanted. */
    uint32_t (*wanted)(void *world);
    /* Adds to the quality of that peer's IP; nothing if the peer has gone. */
    void (*merit)(void *world, struct peer_ref about, int32_t merit);
    /* Ends the connection after what is queued for it has gone; `text` is for the log. */
    void (*disconnect)(void *world, struct peer_ref p, enum end_reason why, const char *text);
    /* The next peer that is online, after `after` (PEER_NOBODY for the first); false at the end. */
    bool (*next_peer)(void *world, struct peer_ref after, struct service_peer *next);
    uint64_t (*random)(void *world);
};

/* Copied by open. */
struct service_terms {
    const struct protocol *protocol;       /* which one is spoken; protocols may share an implementation */
    const struct node_terms *node;         /* outlives the service */
    const struct service_actions *actions; /* outlives the service */
    void *world;
};

/* One implementation. None of the functions is NULL. */
struct service_ops {
    size_t size, peer_size; /* of a service; of its state for one peer, 0 for none */

    /* *v is zeroed. 0, or -1 if memory is short; then close alone is called. */
    int (*open)(void *v, const struct service_terms *terms, int64_t now_ms);

    /* A peer is there; it told us something of a kind, maybe without payload (parcel NULL); it has gone. */
    void (*online)(void *v, int64_t now_ms, const struct service_peer *p);
    void (*message)(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                    struct parcel *parcel); /* takes the reference */
    void (*offline)(void *v, int64_t now_ms, const struct service_peer *p);

    /* When tick must run next, INT64_MAX for never; and what is due then. */
    int64_t (*deadline)(const void *v);
    void (*tick)(void *v, int64_t now_ms);

    /* Frees what the service holds; peers that are online then are not taken offline before. */
    void (*close)(void *v);
};

#endif
