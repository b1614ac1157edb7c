/* The service's words to one peer that wait in its outbound queue: how many bytes they are, and who pays for
 * them. A peer that asks and does not read would otherwise have the node keep as much as the queue holds.
 *
 * The queue tells how many messages are done, not whose they were. So what was posted is summed up in two
 * spans, one after the other: once the reader is done with all messages of before a span, that before is
 * over. The sum is never less than what waits. What is beyond REPLIES_FREE is paid from the node's budget,
 * and beyond REPLIES_MOST a reply waits, unless it is the only one. The controller's thread; none blocks. */
#ifndef KITH_NODE_REPLIES_H
#define KITH_NODE_REPLIES_H

#include "base/budget.h"
#include "queue/queue.h"

#define REPLIES_FREE ((uint64_t)64 * 1024)
#define REPLIES_MOST ((uint64_t)4 * 1024 * 1024)

/* All zero but for the account's budget, for a new connection. */
struct replies {
    struct budget_account account;
    uint64_t posted;       /* messages of any kind, to that queue; who posts counts them here */
    uint64_t mark;         /* how many were posted when this span began */
    uint64_t bytes;        /* of replies, in this span; who posts one adds it */
    uint64_t bytes_before; /* and in the one before */
};

/* Whether a reply of so many bytes may be posted now: there is room for it, and it is paid for. If it is not,
 * and waits for nothing but the budget, the account asks for it. */
bool replies_may_post(struct replies *r, const struct queue *outbound, uint64_t bytes, int64_t now_ms);

/* Gives back what is paid for and no longer needed. */
void replies_settle(struct replies *r, const struct queue *outbound, int64_t now_ms);

#endif
