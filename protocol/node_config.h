/* What a node is told at its start, as its sessions and its service read it. Plain data. */
#ifndef KITH_PROTOCOL_NODE_CONFIG_H
#define KITH_PROTOCOL_NODE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "queue/message.h"

#define NETWORK_NAME_MAX 64
#define SEED_URL_MAX     1024
#define DNS_SEEDS_MAX    8
#define ALTERNATIVES_MAX 32 /* addresses that a refusal carries */
#define IDENTITY_MAX     64 /* bytes of a node's secret */
#define DIALS_MAX        64
#define STREAM_SECRET    32

struct network_config {
    char name[NETWORK_NAME_MAX]; /* MAIN, TEST, LOCAL, or what -customnet says */
    uint32_t id;                 /* the number that tells networks apart on the wire */
    uint16_t port;               /* default listening port */
    bool open; /* addresses that are not routable may be learned and dialed (LOCAL, custom networks) */
    char seed_url[SEED_URL_MAX];          /* "" for none */
    const char *dns_seeds[DNS_SEEDS_MAX]; /* up to the first NULL; literals of the protocol's */
    const char *bootstrap; /* peers to start with, "ID@1.2.3.4:9097 ..."; NULL for none; a literal */
};

/* Every time span of a node, in milliseconds. Each protocol has its defaults; flags override them. */
struct timings {
    int64_t dial;      /* a TCP connect, all addresses of a name together; in protocols that say so, the
                          stream's handshake too */
    int64_t handshake; /* from connected to ready; a stream may have as much before */
    int64_t redial;    /* between two dials of one ordinary endpoint */
    int64_t retry;     /* the same, after a dial or a handshake that failed; 0: redial */
    /* If not 0, retry begins with so much and doubles with each failure in a row, each time by a random
     * factor, one on average. A connection in which the peer says nothing is a failure, too. */
    int64_t retry_first;
    int64_t shelve; /* an address that never answered is left alone after a failure, and forgotten after so
                       long; one that is given up is forgotten; 0: neither */
    int64_t redial_special; /* between two dials of a special peer */
    int64_t ping;           /* silence after which we ping */
    int64_t silence;        /* silence after which the peer is given up */
    int64_t request;        /* between two peer requests of ours to one peer */
    int64_t request_limit;  /* least time between two peer requests of one peer that we answer */
    int64_t reseed;         /* between two fetches of the seed list */
    int64_t save;           /* between two writes of the peers file, when something changed */
    int64_t forget;         /* a peer not heard from for so long is forgotten */
    int64_t decay;          /* quality loses a tenth toward zero */
    int64_t ban;            /* default length of a ban */
    int64_t echo;   /* a message is not sent to a peer that sent us the same bytes within; 0: never mind */
    int64_t seen;   /* with -relay, a message is taken once within */
    int64_t cat;    /* between two rounds that drop peers at random; 0: off */
    int64_t accept; /* least time between two accepted connections from one IP; 0: no limit */
    int64_t stall;  /* a reader that made no progress for so long is stalled */
};

/* In points of quality. */
struct merits {
    int32_t good, bad, lost, handshake_failed; /* what each event adds to an IP's quality */
    /* What who takes a place for a handshake and says nothing loses at least. With -5 it is not let in any
     * more after 40 of them. */
    int32_t silent;
    int32_t refuse_below; /* neither dialed nor accepted */
    int32_t share_above;  /* shared with others */
    int32_t banned;       /* what a banned IP's quality reads as */
};

/* Numbers of what each says; those named ..._bytes in bytes. */
struct limits {
    uint32_t give_up;  /* failed dials in a row of an ordinary endpoint */
    uint32_t share;    /* addresses per answer */
    uint32_t per_ip;   /* connections of one IP, both directions; 0: no limit but that of evict.h */
    uint32_t incoming; /* connections to accept at most */
    uint32_t relays;  /* outgoing connections that only relay, beside the ordinary ones; one more takes turns.
                         Only if protocol.has_relays says so */
    uint32_t pending; /* incoming handshakes under way at once; beyond it crowds make room (pending.h) */
    uint32_t dials;   /* dials under way at once; special peers are dialed beyond it; up to DIALS_MAX */
    uint32_t few_peers;     /* with fewer that have answered us the seed list is fetched at start */
    uint32_t cat_keep;      /* a CAT round drops down to so many */
    uint32_t rate, burst;   /* messages a second of one peer, and at once, before we read on later; 0: any */
    uint32_t queue_parcels; /* each queue: parcels */
    uint64_t queue_bytes;   /* each queue: payload bytes */
    uint64_t parcel_bytes;  /* longest payload accepted or sent, up to PARCEL_MAX */
    uint64_t control_bytes; /* the same of the node's own messages, such as lists of addresses */
    uint64_t slowest;       /* bytes a second; a peer with a full queue that takes less is stalled; 0: off */
    uint64_t receive_bytes; /* partly received parcels of all connections */
    uint64_t handshake_bytes; /* longest handshake */
};

/* What every session of a node reads and nobody writes once the node runs. */
struct node_config {
    struct network_config network;
    struct timings timings;
    struct limits limits;
    const void *settings; /* the protocol's own, of its setting_defaults' type; NULL only if it has none */
    uint64_t node_id;     /* what we call ourselves in handshakes */
    uint64_t nonce;       /* random, one for the node's life: a handshake that carries it is our own */
    uint16_t listen_port; /* what we tell peers to dial */
    uint32_t version;     /* preferred protocol version; never 0: the protocol's default stands for it */
    uint32_t version_minimum; /* peers below are refused */
    /* Proves who we are; protocol->identity_size bytes, NULL if the protocol has no identities. They lie in
     * locked memory, once (app/identity.h). Never logged, shown or copied to where they stay. */
    const uint8_t *secret;
    /* STREAM_SECRET random bytes, for the node's life: what streams of all incoming connections have in
     * common, such as a key pair. NULL if the protocol has no stream. They lie in locked memory. Never sent,
     * logged or shown. */
    const uint8_t *stream_secret;
    struct peer_id id; /* what the secret makes us; size 0 if the protocol has no identities */
    bool proxied;      /* it dials through a proxy: no handshake tells a peer how we see it */
    bool lan;          /* it may speak to everybody in its local networks, if the protocol has datagrams */
    bool hidden;       /* it does not listen: a handshake that can say so does */
    bool any_port;     /* peers that listen on another port than the network's are shared and dialed, too */
};

#endif
