/* Putting together the messages that generation 1 sends in fragments, its *parts*.
 *
 * One connection's, so that a peer can only crowd out its own messages. Memory grows with the bytes that
 * came; what would go over the budget pushes the oldest unfinished message out. */
#ifndef KITH_PROTOCOL_FACTOM_FRAGMENTS_H
#define KITH_PROTOCOL_FACTOM_FRAGMENTS_H

#include "protocol/protocol.h"

struct unfinished;

struct fragments {
    struct unfinished *oldest, *newest;
    size_t n;
    uint64_t used;         /* bytes of memory */
    uint64_t budget;       /* how many they may be */
    uint64_t message_most; /* a longer message is given up */
    int64_t span_ms;       /* from a message's first fragment to its last */
};

struct fragment {
    struct bytes name; /* the same for all fragments of one message */
    uint32_t no, total;
    struct bytes payload;
};

enum fragments_result {
    FRAGMENTS_KEPT,    /* more must come; or it has come before */
    FRAGMENTS_WHOLE,   /* *whole is the message; the caller owns the reference */
    FRAGMENTS_INVALID, /* a number out of range, or a total that has changed */
    FRAGMENTS_NO_MEMORY,
};

void factom_fragments_init(struct fragments *p, uint64_t budget, uint64_t message_most, int64_t span_ms);
void factom_fragments_fini(struct fragments *p); /* idempotent */

/* Adds to *dropped how many messages were given up. */
enum fragments_result factom_fragments_add(struct fragments *p, int64_t now_ms,
                                           const struct fragment *fragment, struct parcel **whole,
                                           uint32_t *dropped);

/* When the next message runs out of time; INT64_MAX for none. factom_fragments_expire gives those up; returns
 * how many.
 */
int64_t factom_fragments_deadline(const struct fragments *p);
uint32_t factom_fragments_expire(struct fragments *p, int64_t now_ms);

#endif
