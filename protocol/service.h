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

#include "protocol/bytes.h"
#include "protocol/end_reason.h"
#include "protocol/known_peers.h"
#include "protocol/node_config.h"
#include "protocol/peer_info.h"
#include "queue/message.h"
#include "store/schema.h"

struct bounds;
struct protocol;

/* One peer, as the service sees it between online and offline. `info` is valid for one call, `state` until
 * offline returns. */
struct service_peer {
    struct peer_ref ref;
    enum direction direction;
    enum purpose purpose;
    bool special;
    const struct peer_info *info;
    void *state; /* peer_size bytes of the service's own, zeroed before online */
};

/* How the service acts. All are called from within a service function, on the controller's thread; none
 * blocks. */
struct service_actions {
    /* Posts a message of `kind` to a peer; takes the parcel's reference (NULL for a kind without payload).
     * If the peer's queue is full it waits, in order, and keeps nothing else back. It is dropped if the
     * peer is stalled or has gone, or has so much waiting already that it must have stopped reading; or if
     * it has to wait, and the node has no room for that. That is not counted, as the service asks or is asked
     * again. */
    void (*send)(void *host, struct peer_ref to, uint32_t kind, struct parcel *parcel);
    /* Hands an application message on to FromNetwork; takes the reference. If FromNetwork is full the
     * controller takes no further messages from peers until it has room; what a stalled application loses is
     * counted. */
    void (*deliver)(void *host, struct peer_ref from, uint32_t kind, struct parcel *parcel);
    /* Fills up to `most` peers that the asker may be told of: good ones, never special ones or itself.
     * Returns how many. PEER_NOBODY for an asker that is not connected. */
    size_t (*share)(void *host, struct peer_ref asker, struct known_peer *out, size_t most);
    /* For the log: so many of them were sent to that peer. */
    void (*shared)(void *host, struct peer_ref with, size_t n);
    /* Peers that another told us of; copied, save those that the network does not allow. When they were heard
     * from is not believed. */
    void (*learn)(void *host, struct peer_ref from, const struct known_peer *peers, size_t n);
    /* The same, told by a datagram from that IP, which anybody can put there. */
    void (*hear)(void *host, const struct ip *teller, const struct known_peer *peers, size_t n);
    /* Whether others may be told of that IP: it is neither banned nor discouraged. */
    bool (*is_welcome)(void *host, const struct ip *ip);
    /* How many outgoing connections are still wanted. */
    uint32_t (*wanted)(void *host);
    /* Adds to the quality of that peer's IP; nothing if the peer has gone. Of merits, only the first in a
     * minute counts, together with the one for messages that are delivered; a demerit always does. */
    void (*merit)(void *host, struct peer_ref about, int32_t merit);
    /* A demerit, in points (0: it is only said); `text` says why, for the log. */
    void (*fault)(void *host, struct peer_ref about, int32_t demerit, const char *text);
    /* It has brought something new of the chain, such as a block. Of the connections that only relay, one
     * that never does is the first to make room for another. */
    void (*brought)(void *host, struct peer_ref by);
    /* That peer, which may have gone, has sent so many messages that the service could not keep: memory was
     * short, its store failed, or the peer went before the store had taken them. They are counted. */
    void (*lost)(void *host, struct peer_ref of, uint64_t n);
    /* Ends the connection after what is queued for it has gone; `text` is for the log. */
    void (*disconnect)(void *host, struct peer_ref p, enum end_reason why, const char *text);
    /* The next peer that is online, after `after` (PEER_NOBODY for the first); false at the end. */
    bool (*next_peer)(void *host, struct peer_ref after, struct service_peer *next);

    /* Finds out if somebody answers there: dials, and does the handshake. `dialed` tells, with the token. The
     * connection is none of the ordinary outgoing ones, but counts against the bounds on dials and on
     * connections of one IP. It ends by itself, unless `dialed` keeps it. False if it may not be dialed, or
     * not now. */
    bool (*dial)(void *host, const struct endpoint *to, uint64_t token);
    /* Sends a message of `kind` to the peers of SCOPE_BROADCAST, SCOPE_FULL or SCOPE_RANDOM but `except`
     * (PEER_NOBODY for none), not to one that has sent it to us lately; takes the reference. While one of
     * them has no room for it, nothing more is taken from `except`. False, and it is dropped, if too many
     * routed messages of `except` wait already (of all, if `except` is nobody), or memory is short. */
    bool (*route)(void *host, enum scope scope, struct peer_ref except, uint32_t kind, struct parcel *parcel);
    /* `held`: nothing more is taken from that peer, who is slowed down by TCP; nothing is lost. A peer is
     * held once, however often that is said. If it goes, what had come from it is taken all the same:
     * then message is called though the peer is held. */
    void (*hold)(void *host, struct peer_ref p, bool held);
    /* What was sent to that peer waits, as it does not read: further answers may be dropped. Who serves it
     * goes on once `relieved` is called. */
    bool (*is_behind)(void *host, struct peer_ref p);
    /* Asks the protocol's store; `answer` tells. True: the parcel's reference is taken. False: too much is
     * asked already, and all of it is still the service's, which holds back who made it ask. Answers that are
     * still to come when the node ends are released. */
    bool (*ask)(void *host, const struct store_request *q);
    /* Sends a datagram; the bytes are copied. It may be lost anywhere, here too: then it is counted. To
     * 255.255.255.255: to everybody in the local IPv4 networks, if node_config.lan; else it is lost. */
    void (*send_datagram)(void *host, const struct endpoint *to, const void *bytes, size_t size);
    uint64_t (*random)(void *host);
    /* Tells the operator, in the log, without a bound: nothing that strangers bring about at will. */
    void (*tell)(void *host, const char *text);

    /* Answers a send or a command that bears this number; once, now or later. Of a send: done, and how many
     * peers were told (KITH_SENT); text NULL. Of a command: done, and the text (KITH_DONE). If it was
     * refused, or failed: not done, and text says why (KITH_FAILED). The text is copied, and may be long;
     * `count` is for sends alone. A number that was answered before, or is not known, is passed over. What is
     * never answered is told to have failed when the node ends. */
    void (*reply)(void *host, uint64_t number, bool done, uint64_t count, const char *text);
};

/* Copied by open. */
struct service_config {
    const struct protocol *protocol;       /* which one is spoken; protocols may share an implementation */
    const struct node_config *node;        /* outlives the service */
    const struct service_actions *actions; /* outlives the service */
    void *host;
};

enum { SERVICE_ROUTES = -1, SERVICE_TELLS_LATER = -2 };

/* So many sends and so many commands may wait for service_actions.reply at once. Further ones of either wait
 * in ToNetwork meanwhile. So a service that keeps a record of each needs no more. */
enum { SERVICE_SENDS_MAX = 64, SERVICE_COMMANDS_MAX = 16 };

/* One implementation. None of the functions is NULL but those that are said to be. */
struct service_ops {
    size_t size, peer_size; /* of a service; of its state for one peer, 0 for none */

    /* *v is zeroed. 0, or -1 if memory is short; then close alone is called, if there is one. */
    int (*open)(void *v, const struct service_config *config, int64_t now_ms);

    /* A peer is there; it told us something of a kind, maybe without payload (parcel NULL); it has gone.
     * `offline` is NULL if the service holds nothing for a peer beyond its state. */
    void (*online)(void *v, int64_t now_ms, const struct service_peer *p);
    void (*message)(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                    struct parcel *parcel); /* takes the reference */
    void (*offline)(void *v, int64_t now_ms, const struct service_peer *p);

    /* Whether that peer, which is online, has asked for something that will be answered, or has sent
     * something that waits for the store. Asked of one that has closed its side: its connection ends once it
     * is owed nothing, or after four stall times. NULL if the service answers at once. */
    bool (*owes)(const void *v, const struct service_peer *p);

    /* When tick must run next, INT64_MAX for never; and what is due then. */
    int64_t (*deadline)(const void *v);
    void (*tick)(void *v, int64_t now_ms);

    /* What sessions state in their handshakes; *facts is all zero. Asked when a connection starts, which gets
     * a copy. NULL if there is nothing. */
    void (*facts)(const void *v, struct facts *facts);

    /* A peer that was behind (service_actions.is_behind) is so no longer. NULL if that is never asked. */
    void (*relieved)(void *v, int64_t now_ms);

    /* What came of service_actions.dial: END_NONE and the peer if the handshake was done, else why not, and
     * NULL. True to keep the connection, which then comes online as any other (and may be closed, as any
     * other). NULL if the service never dials. */
    bool (*dialed)(void *v, int64_t now_ms, uint64_t token, enum end_reason result,
                   const struct peer_info *peer);

    /* The store's answer to service_actions.ask, in the order of asking; takes the parcel's reference. NULL
     * if the protocol has no store. */
    void (*answer)(void *v, int64_t now_ms, const struct store_answer *a);

    /* A datagram; anybody can put any address into `from`, but for 255.255.255.255. False: it was of no use,
     * and is counted as dropped. NULL if the protocol's datagram_max is 0. */
    bool (*datagram)(void *v, int64_t now_ms, const struct endpoint *from, struct bytes bytes);

    /* What the application sends, before it is routed: for a protocol that keeps it and announces it. Takes
     * the reference and returns how many peers were told, which the application is told; or
     * SERVICE_TELLS_LATER, and then service_actions.reply must follow with `number`, which is above 0 (or has
     * come within this call); or SERVICE_ROUTES: then the parcel is still the caller's and is routed as
     * usual. `to` is for SCOPE_PEER. NULL if all is routed. */
    int64_t (*send)(void *v, int64_t now_ms, uint64_t number, enum scope scope, struct peer_ref to,
                    uint32_t kind, struct parcel *parcel);

    /* The operator, or the application, asks the protocol itself for something, by a verb such as "chain";
     * the argument may be "". The texts are valid for this call. True: service_actions.reply answers
     * with `number`, now or later. False if there is no such verb, or the argument is wrong; `error` is then
     * filled (NUL-terminated, at most error_size), and the application is told the verb and that. NULL if the
     * protocol has no verbs. */
    bool (*command)(void *v, int64_t now_ms, uint64_t number, const char *verb, const char *argument,
                    char *error, size_t error_size);

    /* Adds rows of what the service holds at most beyond its own memory and its states of peers, of which
     * there may be so many. NULL if that is little. */
    void (*bounds)(const struct node_config *node, uint64_t peers, struct bounds *b);

    /* Frees what the service holds; peers that are online then are not taken offline before, and next_peer
     * tells of them. NULL if it holds nothing beyond its own memory. */
    void (*close)(void *v);
};

#endif
