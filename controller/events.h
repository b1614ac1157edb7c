/* What the controller is told, and what it tells: the types of its messages and their bodies.
 *
 * Everything that can happen to the controller is a struct message. The table gives its number, which
 * of its members it uses and which thread sends it. What they point at is from malloc, but for parcels, and
 * belongs to the message. */
#ifndef KITH_CONTROLLER_EVENTS_H
#define KITH_CONTROLLER_EVENTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address_list.h"
#include "base/datagram.h"
#include "connection/events.h"
#include "kith.h"
#include "seed/report.h"

/* What connections tell is in connection/events.h; these follow. */
/*    type               from             members of struct message */
#define CONTROLLER_MESSAGES(X)                                                                               \
    X(MSG_GONE)  /* the node         peer: nothing of that connection follows */                             \
    X(MSG_SEND)  /* application      scope, kind, id, parcel; peer if the scope is SCOPE_PEER */             \
    X(MSG_LEAVE) /* application      peer, id: to end that connection, after what was sent to it */          \
    X(MSG_ASK)   /* application      id, parcel: a verb of the protocol's, its argument; a NUL ends each */  \
    X(MSG_VERDICT)   /* application      id: the ticket, kind: an enum kith_verdict */                       \
    X(MSG_COMMAND)   /* application      id, command */                                                      \
    X(MSG_ACCEPTED)  /* listener         accepted; answered by accept, refuse, shed */                       \
    X(MSG_LISTENING) /* the node         endpoint */                                                         \
    X(MSG_SEEDS)     /* seed fetcher     seeds */                                                            \
    X(MSG_NAMES)     /* namer            names */                                                            \
    X(MSG_SAVED)     /* keeper           failed */                                                           \
    X(MSG_DATAGRAM)  /* datagrams        datagram */                                                         \
    X(MSG_ANSWER)    /* store            kind, id (the token), parcel */

#define NAME_ADDRESSES_MAX 32 /* of one host name; what the resolver gives beyond them is left */

/* What a look-up of a host name gave. */
struct names_found {
    struct address name;
    char error[REASON_MAX]; /* if n is 0: why */
    size_t n;
    struct endpoint endpoints[NAME_ADDRESSES_MAX]; /* with the port of `name` */
};

#define CONTROLLER_MESSAGE_ENUM(name) name,
enum controller_message {
    CONTROLLER_MESSAGE_FIRST = CONNECTION_MESSAGE_COUNT - 1,
    CONTROLLER_MESSAGES(CONTROLLER_MESSAGE_ENUM) CONTROLLER_MESSAGE_COUNT
};
#undef CONTROLLER_MESSAGE_ENUM

enum command_type {
    COMMAND_PEERS,
    COMMAND_STATUS,
    COMMAND_BAN,            /* peer, or ip if peer is nobody; ms, 0 for the default */
    COMMAND_UNBAN,          /* id or, if its size is 0, ip */
    COMMAND_SPECIAL,        /* peers: becomes the list of those from the command line */
    COMMAND_RELOAD,         /* peers: becomes the list of those from the configuration file */
    COMMAND_DIAL,           /* peers: one of them */
    COMMAND_SPECIAL_ADD,    /* peers: are added to those from the command line */
    COMMAND_SPECIAL_REMOVE, /* peers: are taken from both lists */
    COMMAND_BANS,
    COMMAND_KNOWN,  /* most: how many, 0 for all */
    COMMAND_SCORE,  /* peer; if that is nobody, id; if its size is 0, ip */
    COMMAND_REPORT, /* peer, points */
    COMMAND_QUIT,   /* send what is queued, save the peers, end */
};

struct command {
    enum command_type type;
    struct peer_ref peer;
    struct ip ip;
    struct peer_id id;
    int64_t ms; /* how long a ban lasts */
    int32_t points;
    size_t most;
    struct address_list peers; /* the command's; freed with it */
};
void command_free(struct command *c); /* with its list; NULL is allowed; any thread */

/* Why parcels were dropped. Each is counted by peer and cause. */
#define DROP_CAUSES(X)                                                                                       \
    X(DROP_STALLED, "peer stalled") /* it took nothing for the stall time, or too much waited for it */      \
    X(DROP_APPLICATION, "application stalled") /* FromNetwork was not read for the stall time */             \
    X(DROP_LOST, "connection lost")            /* queued for a connection that ended */                      \
    X(DROP_GONE, "no such peer") /* for a peer that had gone, or of one that never came online; not of one   \
                                    that was dialed only to see if it answers */                             \
    X(DROP_UNSAYABLE, "not possible in its protocol version")                                                \
    X(DROP_UNFINISHED, "a part never came")                                                                  \
    X(DROP_SHUTDOWN, "shutting down")                                                                        \
    X(DROP_REFUSED, "refused") /* by the service that was to keep it */                                      \
    X(DROP_UNKEPT, "not kept") /* of a peer: the store failed, or the peer went before it had taken them */  \
    X(DROP_UNJUDGED, "no verdict") /* of the application, in time: they were not passed on */

#define DROP_CAUSE_ENUM(name, text) name,
enum drop_cause { DROP_CAUSES(DROP_CAUSE_ENUM) DROP_CAUSE_COUNT };
#undef DROP_CAUSE_ENUM
const char *drop_cause_text(enum drop_cause c); /* a literal; any thread */

/* --- what the controller tells the application ---
 *
 * Without memory for an event the application is told of it only if it asked: that memory is short. Without
 * room for it in FromNetwork, KITH_MISSED counts it; what answers a request always has room. */

struct node_event {
    struct kith_event public; /* as the application is given it: what it points at lies in the same block, or
                                 is constant */
    struct peer_ref ref;      /* KITH_ONLINE: whose messages are the peer's from now on; else nobody */
    _Atomic uint32_t references; /* its readers. Once a second one has it, nobody writes to the event */
};

/* Any thread. An event without a text or an address, about a peer of no name. From
 * malloc; NULL if memory is short. */
struct node_event *node_event_new(enum kith_event_type type, uint64_t id, uint64_t count);
/* The same in a block of `size` bytes, all zero behind the event: room for what the event points at. */
void *node_event_block(enum kith_event_type type, uint64_t id, size_t size);

/* Any thread. What answers a request if memory for the event is short. */
struct kith_event node_event_no_memory(uint64_t id);

/* Any thread that has a reference; neither blocks. One more reference; returns e. node_event_free gives one
 * back; the last one frees the event with what it points at. NULL is allowed. */
struct node_event *node_event_hold(struct node_event *e);
void node_event_free(struct node_event *e);

#endif
