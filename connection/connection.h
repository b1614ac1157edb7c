/* A connection: the actor that speaks with one peer.
 *
 * Its thread dials (or takes an accepted socket), runs the protocol's session, and sleeps in poll(2) on the
 * socket and on its bell. It has two queues each way, data and control: *outbound*, which the controller
 * writes and it reads, and *inbound*, which it writes and the controller reads. It owns the socket, the
 * session and every buffer; it shares nothing else but a few counters.
 *
 * On inbound the connection posts, on the control queue, MSG_MET and MSG_ONLINE once, MSG_ALIVE if it is
 * asked, MSG_IDLE whenever it has taken something from outbound and nothing has come or gone for a second
 * since, MSG_LEFT once if the peer has closed and is not read, and MSG_ENDED as its very last message; on the
 * data queue MSG_PEER, in the order of the wire, MSG_CREDIT, MSG_LOST and MSG_FINISHED. The control queue is
 * read ahead of the data queue, so MSG_ENDED may be taken before a MSG_PEER that was posted earlier. All of
 * them bear the connection's ref (connection/events.h).
 *
 * A peer that closes its side, even if it would still read, ends the connection as soon as all that it sent
 * is read: nothing of that is lost, and what was queued for it comes back. If the protocol's service answers
 * late (service_ops.owes), MSG_FINISHED is posted in its place, behind all that the peer has sent. Then the
 * controller ends the connection once all is answered; else it ends by itself after four stall times.
 *
 * A peer whom we do not read is watched for its end as well. If we do not read it because it does not read
 * our answers, those are given up, and the rest is read at once. If we do not read it because inbound is
 * full, the end waits for the controller, who is told by MSG_LEFT that there is nobody to hold back. */
#ifndef KITH_CONNECTION_CONNECTION_H
#define KITH_CONNECTION_CONNECTION_H

#include <stdatomic.h>

#include "base/bounds.h"
#include "base/budget.h"
#include "base/endpoint.h"
#include "base/proxy.h"
#include "connection/events.h"
#include "protocol/protocol.h"
#include "queue/nonempty_list.h"
#include "queue/queue.h"

/* What the controller may ask on outbound's control queue. */
enum connection_control {
    CONNECTION_CLOSE,   /* end */
    CONNECTION_CONSENT, /* answers MSG_MET of a connection that dials: it goes on */
    CONNECTION_PROBE,   /* is the peer alive? If bytes come within a ping's time, MSG_ALIVE says so; else the
                           connection ends with END_SILENT. Not again before the answer */
};

struct connection_config {
    struct peer_ref ref;
    const struct protocol *protocol;
    const struct node_config *node; /* outlives the connection */
    struct facts facts;             /* what the session may state */
    bool special;                   /* we dial it, as the operator asked for */
    enum purpose purpose;
    const struct ip *bind;     /* address to dial from, outlives the connection; NULL for any */
    const struct proxy *proxy; /* to dial through, outlives the connection; NULL for none */
    struct address to;         /* whom to dial; not used if fd >= 0 */
    /* If that is: a host name's addresses, copied by connection_start. None if `to` is an IP address, or
     * there is a proxy, which is given the name.
     * They are tried each beside those before it, 250 ms later; who answers first has it. */
    const struct endpoint *targets;
    size_t n_targets;       /* up to TARGETS_MAX */
    int fd;                 /* an accepted socket, or -1 to dial */
    struct endpoint remote; /* of the accepted socket */
    bool refuse;            /* answer the handshake with a refusal that carries alternatives, and end */
    const struct endpoint *alternatives; /* copied by connection_start */
    size_t n_alternatives;               /* up to ALTERNATIVES_MAX */
    /* Makes the digest of what the peer says, if it is still in the processor's cache; NULL for 0 in its
     * place. On the connection's thread; the context outlives the connection. */
    uint64_t (*digest)(const void *context, uint32_t kind, const struct parcel *p);
    const void *digest_context;
    struct bell *controller_bell;   /* rung when inbound has something, and when outbound has room; outlives
                                       the connection */
    struct nonempty_list *nonempty; /* where both inbound queues list themselves; outlives the connection */
    /* Pays for all that the peer has us keep, beyond the little that each connection has; outlives the
     * connection. If it is short, the connection rings controller_bell. */
    struct budget *budget;
    /* The queue that what comes from the peer goes to in the end; outlives the connection. Its progress is a
     * sign for the peer that we get on. NULL for none. */
    const struct queue *destination;
};

struct connection;

/* Counted by the connection's thread, read by anybody. */
struct connection_counts {
    uint64_t bytes_in, bytes_out, parcels_in, parcels_out;
};

/* The controller's thread; does not block. Copies *config, with the alternatives and targets, and starts the
 * thread. Takes config->fd, also on failure. NULL if threads, descriptors or memory are short. */
struct connection *connection_start(const struct connection_config *config);

/* Any thread; does not block. The rows of one of `count` connections of a node of that protocol, and those of
 * what they cost together beyond that. `budget`: the node's, in bytes. */
void connection_bounds(struct bounds *b, const struct protocol *p, const struct node_config *node,
                       uint64_t count, uint64_t budget);

/* Any thread, between start and free; none blocks. The queues live as long as the connection. */
struct queue *connection_outbound(struct connection *c);
struct queue *connection_outbound_control(struct connection *c);
struct queue *connection_inbound(struct connection *c);
struct queue *connection_inbound_control(struct connection *c);
struct connection_counts connection_counts(const struct connection *c);
/* What it holds and wants. What it holds comes free if the connection ends, but for a parcel that waits for
 * room in inbound. */
const struct budget_account *connection_account(const struct connection *c);

/* The controller's thread, after it has taken MSG_ENDED and everything else from inbound. Joins the thread,
 * which is then past its last message, so that this returns at once; frees everything. `discard` is given,
 * oldest first, the messages that the socket did not take whole, and takes them: those that the connection
 * had begun with, and those that are left in outbound. What the socket took may be lost as well, if the peer
 * did not read it; nobody can tell. */
void connection_free(struct connection *c, void (*discard)(void *context, struct message *m), void *context);

#endif
