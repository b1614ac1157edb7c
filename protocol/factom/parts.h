/* Putting together the messages that generation 1 sends in parts.
 *
 * One connection's, so that a peer can only crowd out its own messages. Memory grows with the bytes that
 * came; what would go over the budget pushes the oldest unfinished message out. */
#ifndef KITH_PROTOCOL_FACTOM_PARTS_H
#define KITH_PROTOCOL_FACTOM_PARTS_H

#include "protocol/protocol.h"

struct unfinished;

struct parts {
    struct unfinished *oldest, *newest;
    size_t n;
    uint64_t used;         /* bytes of memory */
    uint64_t budget;       /* how many they may be */
    uint64_t message_most; /* a longer message is given up */
    int64_t span_ms;       /* from a message's first part to its last */
};

struct part {
    struct bytes name; /* the same for all parts of one message */
    uint32_t no, total;
    struct bytes payload;
};

enum parts_result {
    PARTS_KEPT,    /* more must come; or it has come before */
    PARTS_WHOLE,   /* *whole is the message; the caller owns the reference */
    PARTS_INVALID, /* a number out of range, or a total that has changed */
    PARTS_NO_MEMORY,
};

void parts_init(struct parts *p, uint64_t budget, uint64_t message_most, int64_t span_ms);
void parts_fini(struct parts *p); /* idempotent */

/* Adds to *dropped how many messages were given up. */
enum parts_result parts_add(struct parts *p, int64_t now_ms, const struct part *part, struct parcel **whole,
                            uint32_t *dropped);

/* When the next message runs out of time; INT64_MAX for none. parts_expire gives those up; returns how many.
 */
int64_t parts_deadline(const struct parts *p);
uint32_t parts_expire(struct parts *p, int64_t now_ms);

#endif
