/* What the controller is told of a peer. All but parcels is from malloc and belongs to the message. */
#ifndef KITH_WIRE_EVENTS_H
#define KITH_WIRE_EVENTS_H

#include "protocol/protocol.h"

/* What each holds beside `peer`. */
/*    type           queue     members of struct message */
#define CONNECTION_MESSAGES(X)                                                                               \
    X(MSG_ONLINE)   /* control   info: the handshake is done */                                              \
    X(MSG_MET)      /* control   info: as SESSION_MET, once, before MSG_ONLINE */                            \
    X(MSG_ALIVE)    /* control   the answer to CONNECTION_PROBE */                                           \
    X(MSG_PEER)     /* data      kind, digest, parcel: a message of the peer's, for the service */           \
    X(MSG_CREDIT)   /* data      credit */                                                                   \
    X(MSG_LOST)     /* data      lost: parcels of or for that peer that were given up */                     \
    X(MSG_FINISHED) /* data    the peer has closed its side: nothing more of it follows (wire_finish) */     \
    X(MSG_IDLE)     /* control   it has had nothing to do for a while */                                     \
    X(MSG_LEFT)     /* control   the peer has closed, and is not read: what it sent is to be taken */        \
    X(MSG_ENDED)    /* control   end.reason, ending (NULL without memory); MSG_PEER may follow */

#define CONNECTION_MESSAGE_ENUM(name) name,
enum connection_message { CONNECTION_MESSAGES(CONNECTION_MESSAGE_ENUM) CONNECTION_MESSAGE_COUNT };
#undef CONNECTION_MESSAGE_ENUM

/* Why a session gave parcels up. */
enum loss {
    LOSS_UNSAYABLE,  /* ours: its version has no way to say them */
    LOSS_UNFINISHED, /* the peer's: a part never came, or went over the budget */
};

/* What more there is to say of how a connection ended. */
struct ending {
    char text[REASON_MAX];  /* for the log and the application: says more than the reason alone */
    struct endpoint remote; /* the other end, once a socket was connected; port 0 before */
    size_t n_alternatives;  /* addresses that a refusing peer named */
    struct endpoint alternatives[ALTERNATIVES_MAX];
    struct peer_clock clock; /* of one that was refused for it */
};

#endif
