/* What travels through a queue: 32 bytes, copied by value, owning what its pointer points at. */
#ifndef KITH_QUEUE_MESSAGE_H
#define KITH_QUEUE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

/* A place in the node's table of connections. The generation tells the connection that has the place now from
 * those that had it before, so that a message about a connection that has ended meanwhile is recognised.
 * Generation 0 is never given out: {0, 0} is nobody. */
struct peer_ref {
    uint32_t index;
    uint32_t generation;
};

#define PEER_NOBODY ((struct peer_ref){0, 0})

static inline bool peer_ref_equal(struct peer_ref a, struct peer_ref b)
{
    return a.index == b.index && a.generation == b.generation;
}

/* How the node chose whom a message goes to. Some protocols tell the receiver. One byte, for struct message.
 */
enum __attribute__((packed)) scope {
    SCOPE_NONE,      /* not the application's: the node's own answer to this peer */
    SCOPE_BROADCAST, /* special peers and some others */
    SCOPE_FULL,      /* everyone */
    SCOPE_RANDOM,    /* one peer, chosen by the node */
    SCOPE_PEER,      /* one peer, named by the application */
};

struct parcel;
struct peer_info;
struct ending;
struct accepted;
struct endpoint;
struct seed_report;
struct names_found;
struct book_snapshot;
struct command;
struct node_event;
struct datagram;

struct message {
    uint16_t type;        /* what it is; the readers of a queue define the numbers */
    enum scope scope;     /* of a payload that goes to a peer: how that peer was chosen */
    uint32_t kind;        /* of a payload: the protocol's kind */
    struct peer_ref peer; /* whom it is from, to or about */
    union {               /* the type says which */
        uint64_t id;      /* a request's number; 0 for none */
        uint64_t order;   /* its place among all that one reader takes from several queues */
        uint64_t digest;  /* of the payload and its kind */
        struct {
            uint32_t good, bad; /* parcels that a session dealt with itself */
        } credit;
        struct {
            uint32_t count, why; /* parcels, and an enum loss */
        } lost;
        struct {
            uint32_t reason; /* an enum end_reason */
            bool at_once;    /* not after what is queued has gone */
        } end;
        bool failed;
    };
    union { /* likewise; all but parcels are from malloc, and the message owns them */
        struct parcel *parcel;
        struct peer_info *info;
        struct ending *ending;
        struct accepted *accepted;
        struct endpoint *endpoint;
        struct seed_report *seeds;
        struct names_found *names;
        struct book_snapshot *snapshot;
        struct command *command;
        struct node_event *event;
        struct datagram *datagram;
    };
};

_Static_assert(sizeof(struct message) == 32, "two messages to a cache line");

#endif
