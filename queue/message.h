/* What travels through a mailbox: 32 bytes, copied by value, owning what `body` points at. */
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

struct parcel;

struct message {
    uint32_t type;        /* what it is; the owner of the mailbox defines the numbers */
    uint32_t tag;         /* free for the type: an application kind, a routing scope */
    struct peer_ref peer; /* whom it is from, to or about */
    uint64_t id;          /* free for the type: a request's number, a place in an order */
    union {
        struct parcel *parcel; /* on the data lane always this, or NULL */
        void *body;            /* on the control lane: what the type says, from malloc */
    };
};

#endif
