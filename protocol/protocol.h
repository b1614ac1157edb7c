/* What every protocol promises.
 *
 * A protocol is a *session* (one per connection, run by that connection's thread) and a *service* (one per
 * node, run by the controller). Both are plain state machines: no I/O, no clock, no globals, no threads. The
 * caller owns their memory (session_size, service_size, peer_size; zeroed before open) and passes the time,
 * so that they can be fuzzed, replayed from recorded bytes and simulated. One thread at a time runs a
 * session, or a service. `now_ms` is in milliseconds of a clock that never goes back; deadlines are on the
 * same clock. No function blocks. What a function is given by pointer is valid for that call alone and stays
 * the caller's, unless it is said to be taken or to outlive something.
 *
 * The session turns bytes into events and messages into bytes. Its messages are neutral: what the service
 * sees does not depend on the version that a connection speaks, so a share of addresses is an array of struct
 * endpoint in a parcel, with another of struct peer_id behind it where the protocol says who is there,
 * whichever JSON or protobuf it came in.
 *
 * What encrypts or frames a session's bytes on their way to the socket is a *stream* (protocol/stream.h). The
 * session does not know of it.
 *
 * Adding a protocol is adding a folder and a line in protocol/table.c. */
#ifndef KITH_PROTOCOL_PROTOCOL_H
#define KITH_PROTOCOL_PROTOCOL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/buffer.h"
#include "protocol/stream.h"
#include "protocol/terms.h"
#include "queue/message.h"

struct bytes {
    const uint8_t *data;
    size_t size;
};

/* --- the session --- */

/* Copied by session_open. */
struct session_terms {
    const struct node_terms *node; /* outlives the session */
    enum direction direction;
    struct endpoint remote; /* the other end of the TCP connection */
    bool refuse; /* answer the peer's handshake with a refusal that carries `alternatives`, then end */
    const struct endpoint *alternatives;
    size_t n_alternatives;   /* up to ALTERNATIVES_MAX; the array outlives the session */
    struct peer_id expected; /* who must be there; size 0 for anybody */
    uint64_t (*random)(void *context);
    int64_t (*wall_ms)(void *context); /* since 1970; for what bears the time of day on the wire */
    void *context;
};

enum session_event_type {
    SESSION_NOTHING, /* bytes were consumed, or nothing is due; the counts below may say more */
    SESSION_MET, /* before that: the peer has said who it is, which it has yet to prove if it has dialed us. A
                    session that dials goes on once session_consent is called: peer */
    SESSION_READY,    /* the handshake is done: peer */
    SESSION_MESSAGE,  /* message, for the service: application kinds and control kinds alike */
    SESSION_REJECTED, /* the peer refused us, with alternatives; the connection is to be closed */
    SESSION_ENDED,    /* the connection is to be closed: reason and text (a goodbye, a timeout, bad input) */
};

/* What a handshake told about a peer. */
struct peer_terms {
    struct endpoint endpoint; /* where it listens: its IP with the port that it claims; port 0 for nowhere */
    uint64_t node_id;
    struct peer_id id; /* who it has proved to be; size 0 in protocols without identities */
    uint32_t version;
    bool asked; /* our handshake itself has asked for its addresses: the next share is an answer */
    char hash[PEER_HASH_MAX]; /* its name for the application */
};

struct session_event {
    enum session_event_type type;
    /* What was dealt with inside the session since the last event, a SESSION_MESSAGE of this event not
     * included. */
    uint32_t good;    /* valid parcels: each is worth merits.good */
    uint32_t bad;     /* faults that do not end the session: each costs merits.bad */
    uint32_t ignored; /* parcels that mean nothing here */
    uint32_t dropped; /* messages given up: a part of theirs never came, or went over the budget */
    bool alive; /* the peer has said that it is there: a sign that it gets on with what we have sent it */
    union {
        struct peer_terms peer; /* SESSION_MET, SESSION_READY */
        struct {
            uint32_t kind;
            struct parcel *parcel; /* the taker owns the reference; NULL for a kind without payload */
        } message;                 /* SESSION_MESSAGE */
        struct {
            enum end_reason reason;
            char text[REASON_MAX];
            size_t n_alternatives;
            struct endpoint alternatives[ALTERNATIVES_MAX];
        } end; /* SESSION_REJECTED, SESSION_ENDED */
    };
};

/* For sessions. Makes *ev a SESSION_ENDED with that text, cut to its room, and no alternatives. */
void session_event_end(struct session_event *ev, enum end_reason reason, const char *format,
                       va_list arguments) __attribute__((format(printf, 3, 0)));

/* --- the service --- */

/* One peer, as the service sees it between online and offline. `terms` is valid for one call, `state` until
 * service_offline returns. */
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
     * If the peer's mailbox is full it waits, in order, and keeps nothing else back. Dropped where the
     * peer is stalled or has gone, or has so much waiting already that it must have stopped reading; not
     * counted, as the service asks or is asked again. */
    void (*send)(void *world, struct peer_ref to, uint32_t kind, struct parcel *parcel);
    /* Hands an application message on to FromNetwork; takes the reference. If FromNetwork is full the
     * controller takes no further messages from peers until it has room; what a stalled application loses is
     * counted. */
    void (*deliver)(void *world, struct peer_ref from, uint32_t kind, struct parcel *parcel);
    /* Up to `most` addresses that may be told to that peer: good ones, never special ones or the asker's own.
     * With ids not NULL, who is there, as far as known: out[i] is where ids[i] is. */
    size_t (*share)(void *world, struct peer_ref asker, struct endpoint *out, struct peer_id *ids,
                    size_t most);
    /* Addresses that a peer told us, and who is there (NULL if it did not say); copied, save those that
     * the network does not allow. */
    void (*learn)(void *world, struct peer_ref from, const struct endpoint *endpoints,
                  const struct peer_id *ids, size_t n);
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

/* Copied by service_open. */
struct service_terms {
    const struct node_terms *node;         /* outlives the service */
    const struct service_actions *actions; /* outlives the service */
    void *world;
};

/* --- a message kind --- */

struct protocol_kind {
    uint32_t kind;    /* its number in messages */
    const char *name; /* what the application and the console call it */
};

struct protocol {
    const char *name;                        /* what -protocol says */
    const struct network_terms *networks;    /* up to an entry with an empty name */
    uint16_t custom_port;                    /* listening port of a custom network */
    uint32_t (*custom_id)(const char *name); /* the number of a custom network */
    struct timings timings;                  /* defaults */
    struct merits merits;
    struct limits limits;
    uint32_t version_default, version_lowest, version_highest;

    /* Who a node is, where peers have to prove it: the length of the secret that proves it, and what it makes
     * whoever holds it; false for bytes that are no secret. 0 and NULL if a protocol has no identities. */
    size_t identity_size;
    bool (*identity)(const uint8_t *secret, struct peer_id *id);
    size_t id_size; /* bytes of every peer_id that this protocol makes; 0 if it has no identities */

    /* Two nodes keep one connection with each other, whoever has dialed; else up to one that each has dialed.
     */
    bool one_connection;

    /* The kinds that an application may send and will be given, the first being the default; up to a NULL
     * name. */
    const struct protocol_kind *kinds;

    const struct stream_ops *stream; /* between the socket and the session; NULL for nothing */

    size_t session_size, service_size, peer_size;

    /* Starts a session; a dialer's first bytes go to out. 0, or -1 if memory is short: then it holds
     * nothing, and no further call is made. */
    int (*session_open)(void *s, const struct session_terms *terms, int64_t now_ms, struct buffer *out);

    /* Consumes bytes up to and including one event, fills *ev, and appends to out what the protocol owes in
     * answer (a handshake, a pong). Returns how many bytes were consumed. `in` holds everything that has come
     * and was not consumed, from the same first byte at each call. One stretch of bytes may hold several
     * events, so the caller calls again, with an empty `in` too, until it gets SESSION_NOTHING and 0: more
     * bytes must come first. After SESSION_REJECTED or SESSION_ENDED the caller flushes out, closes, and does
     * not call again but session_close. */
    size_t (*session_read)(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                           struct buffer *out);

    /* After SESSION_MET of a session that dials: the peer is to be talked with. As session_read without
     * bytes. NULL in protocols whose sessions never say SESSION_MET. */
    void (*session_consent)(void *s, int64_t now_ms, struct session_event *ev, struct buffer *out);

    /* Appends one message to out; the parcel stays the caller's. m->kind is its kind, m->scope
     * what it was routed by. 0; -1 if this session can't say it (a kind that the version does not know, a
     * payload over its limit, no memory), with nothing appended. Only after SESSION_READY. */
    int (*session_write)(void *s, int64_t now_ms, const struct message *m, struct buffer *out);

    /* Appends the shortest message that says that we are there. The caller sends it, at a bounded rate, while
     * it takes in what the peer sends more slowly than the peer sends it: TCP does not tell a peer of small
     * progress, and who seems to stand still loses parcels. Only after SESSION_READY. NULL if the protocol
     * has no such message. */
    void (*session_alive)(void *s, int64_t now_ms, struct buffer *out);

    /* When session_tick must run next; INT64_MAX for never. */
    int64_t (*session_deadline)(const void *s);

    /* Does what is due: pings, timeouts. `deaf`: since the last call we left bytes of the peer's unread
     * ourselves, so its silence is not its fault. Never gives a SESSION_MESSAGE. */
    void (*session_tick)(void *s, int64_t now_ms, bool deaf, struct session_event *ev, struct buffer *out);

    void (*session_close)(void *s); /* frees what the session holds and wipes its keys */

    /* 0, or -1 if memory is short; then service_close alone is called. */
    int (*service_open)(void *v, const struct service_terms *terms, int64_t now_ms);

    /* A peer is there; it told us something of a kind, maybe without payload (parcel NULL); it has gone. */
    void (*service_online)(void *v, int64_t now_ms, const struct service_peer *p);
    void (*service_message)(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                            struct parcel *parcel); /* takes the reference */
    void (*service_offline)(void *v, int64_t now_ms, const struct service_peer *p);

    /* When service_tick must run next, INT64_MAX for never; and what is due then. */
    int64_t (*service_deadline)(const void *v);
    void (*service_tick)(void *v, int64_t now_ms);

    /* Frees what the service holds; peers that are online then are not taken offline before. */
    void (*service_close)(void *v);
};

/* NULL for a name that no protocol of this build has. protocol_at(i) is NULL past the last. Any thread; what
 * they return is constant. */
const struct protocol *protocol_find(const char *name);
const struct protocol *protocol_at(size_t i);

/* Fills *terms for MAIN, TEST, LOCAL, or, if custom is not NULL, for that custom network. False if the
 * protocol has no network of that name, has no custom ones, or `custom` does not fit; *terms is then
 * untouched. Any thread. */
bool protocol_network(const struct protocol *p, const char *name, const char *custom,
                      struct network_terms *terms);

#endif
