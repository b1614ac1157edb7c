/* What the files of the connection actor share. All of it belongs to the connection's own thread, but for the
 * worker, the queues and the counters. No function blocks. `now` is of clock_ms. */
#ifndef KITH_CONNECTION_PRIVATE_H
#define KITH_CONNECTION_PRIVATE_H

#include "connection/connection.h"
#include "queue/worker.h"
#include "wire/wire.h"

/* A part of all that has gone to the socket: how much had gone before its begin, and before its end. */
struct stretch {
    struct gone {
        uint64_t bytes, messages;
    } begin, end;
};

struct connection {
    struct peer_ref ref;
    const struct node_config *node;
    const struct ip *bind;
    const struct proxy *proxy;
    struct address *to; /* whom to dial, through a proxy or by a scheme; else NULL. Lies behind the wire */
    const struct endpoint *targets; /* they lie behind the wire */
    size_t n_targets;
    const struct queue *destination;
    struct worker worker;
    struct queue *outbound, *outbound_control, *inbound, *inbound_control;
    _Atomic uint64_t bytes_in, bytes_out, parcels_in, parcels_out;
    struct budget_account account;         /* what the wire keeps */
    struct budget_account inbound_account; /* what waits in inbound */
    uint64_t inbound_bytes;                /* the most of it; what is beyond INBOUND_FREE is paid for */

    struct wire *wire;      /* lies behind this struct */
    int fd;                 /* -1 until a socket is connected */
    struct endpoint remote; /* port 0 until then */

    bool is_trimmed;    /* nothing has come or gone since it gave back the memory that it can do without */
    bool outbound_used; /* since the controller was told last that nothing comes or goes */
    bool flushes;       /* what is written goes before the socket is closed */
    bool is_leaving;    /* asked to end after what is queued has gone, for the reason in `asked` */
    enum end_reason asked;
    int64_t leave_by;
    int64_t finish_by;  /* the peer has closed its side, and has its answers by then; 0: it has not */
    int64_t step_ms;    /* when its thread last looked at everything */
    int64_t busy_ms;    /* when something last came or went */
    int unacknowledged; /* bytes that the socket held when transfer_watch last looked */

    /* How long its signs of life are believed. */
    struct stretch stretch;  /* the one that the peer's system is taking */
    uint64_t taken;          /* bytes that it had taken at the peer's last sign */
    uint64_t messages_taken; /* the messages in them, or nearly so */
    int64_t taken_ms;        /* the sign at which that had grown last, or at which nothing was left to take */
    int64_t credit_ms;       /* from then on; not used if less than SIGNS_LAST stall times */
};

/* Bytes of parcels in inbound. */
enum {
    INBOUND_FREE = 64 * 1024,        /* so many every connection has */
    INBOUND_BYTES = 4 * 1024 * 1024, /* and no more are of use, but for one parcel that is longer */
};

enum {
    STACK_BYTES = 256 * 1024, /* touched as far as used; no frame of ours is large */
    OUTBOUND_CONTROLS = 5,    /* to go on, to look for signs of life, to end, and to end at once */
    INBOUND_CONTROLS = 6,     /* MSG_MET, MSG_ONLINE, MSG_ALIVE, MSG_IDLE, MSG_LEFT and MSG_ENDED at most */
    INBOUND_PARCELS = 1024,
};

/* transfer.c: each returns true if it got something done. */
bool transfer_out(struct connection *c, int64_t now);    /* outbound -> wire -> socket */
bool transfer_in(struct connection *c, int64_t now);     /* socket -> wire -> inbound */
bool transfer_flush(struct connection *c);               /* one attempt to write what the wire has */
bool transfer_events(struct connection *c, int64_t now); /* wire -> inbound, as far as there is room */
/* The same if an event was put back; wakes the controller. */
bool transfer_held(struct connection *c);
/* Tells a peer that is read more slowly than it sends that it is read on all the same. */
bool transfer_progress(struct connection *c, int64_t now);
/* Inbound may hold `bytes` at most from now on; what it had paid for beyond that is given back. */
void transfer_shrink_inbound(struct connection *c, uint64_t bytes);
/* While the socket takes nothing: notes it as progress if the peer has taken bytes out of the socket. */
void transfer_watch(struct connection *c);
/* Makes a connected socket fit for it. */
void transfer_tune(int fd);

#endif
