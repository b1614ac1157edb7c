/* Putting together the messages that generation 1 sends in fragments, its *parts*.
 *
 * One connection's, so that a peer can only crowd out its own messages. Memory grows with the bytes that
 * came, and is paid for by the connection's account; what would go over `most` pushes the oldest unfinished
 * message out. */
#ifndef KITH_PROTOCOL_FACTOM_FRAGMENTS_H
#define KITH_PROTOCOL_FACTOM_FRAGMENTS_H

#include "base/budget.h"
#include "protocol/protocol.h"

struct unfinished;

struct fragments {
    struct unfinished *oldest, *newest;
    size_t n;
    uint64_t used;                  /* bytes of memory */
    uint64_t most;                  /* how many they may be */
    uint64_t whole;                 /* bytes of the last whole message, which is still paid for */
    int64_t whole_ms;               /* for how long at least */
    uint64_t paid;                  /* bytes; beyond FRAGMENTS_FREE no less than are used */
    struct budget_account *account; /* NULL: nothing is paid */
    uint64_t message_most;          /* a longer message is given up */
    int64_t span_ms;                /* from a message's first fragment to its last */
};

#define FRAGMENTS_FREE ((uint64_t)64 << 10) /* so many bytes every connection has anyway */

/* They pay for so much at once, and give it back when twice as much is not needed. */
#define FRAGMENTS_STEP ((uint64_t)64 << 10)

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
    FRAGMENTS_NO_ROOM, /* in the budget, for *wants bytes; nothing has changed, and the same may come again */
};

/* The account outlives p. */
void factom_fragments_init(struct fragments *p, struct budget_account *account, uint64_t most,
                           uint64_t message_most, int64_t span_ms);
void factom_fragments_fini(struct fragments *p); /* idempotent */

/* Adds to *dropped how many messages were given up. */
enum fragments_result factom_fragments_add(struct fragments *p, int64_t now_ms,
                                           const struct fragment *fragment, struct parcel **whole,
                                           uint32_t *dropped, uint64_t *wants);

/* When something is to be given up: a message that runs out of time, or what paid for one that is whole;
 * INT64_MAX for never. factom_fragments_expire does it; returns how many messages were given up. `held`: the
 * last whole one waits for room, and must still be paid for. */
int64_t factom_fragments_deadline(const struct fragments *p);
uint32_t factom_fragments_expire(struct fragments *p, int64_t now_ms, bool held);

#endif
