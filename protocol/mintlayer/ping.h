/* Is the peer still there? Pings when they are due, and tells when one was left unanswered for too long.
 *
 * Plain state of one session, without a clock and without memory of its own; the session's thread runs it. An
 * unanswered ping is looked at each `every_ms` after it was sent. So a peer has up to one such time more than
 * `patience_ms`. */
#ifndef KITH_PROTOCOL_MINTLAYER_PING_H
#define KITH_PROTOCOL_MINTLAYER_PING_H

#include <stdbool.h>
#include <stdint.h>

struct mintlayer_ping {
    bool always;         /* a ping each every_ms; else only after so long without a word from either side */
    int64_t every_ms;    /* 1 or more */
    int64_t patience_ms; /* a ping must be answered within; and so long without a word from the peer makes us
                            ping it, whatever we say */
    int64_t heard_ms, said_ms; /* the last time of each */
    int64_t next_ms;           /* if always: when the next ping is due */
    bool waits;                /* for the answer to a ping */
    uint64_t nonce;            /* of that one */
    int64_t sent_ms;           /* when it was sent */
};

enum mintlayer_ping_due {
    PING_NOTHING,
    PING_SEND,    /* one is to be sent now: mintlayer_ping_sent */
    PING_IGNORED, /* the peer is to be given up */
};

/* Begins now; if always, the first ping is due after first_ms. */
void mintlayer_ping_start(struct mintlayer_ping *p, int64_t now_ms, int64_t first_ms);

void mintlayer_ping_sent(struct mintlayer_ping *p, int64_t now_ms, uint64_t nonce);

/* A PingResponse has come. True if it answers our ping. */
bool mintlayer_ping_answered(struct mintlayer_ping *p, uint64_t nonce);

int64_t mintlayer_ping_deadline(const struct mintlayer_ping *p);

/* What is due now. `marks` are those of session_ops.tick. If we did not read what the peer sent, its time
 * begins anew. If it does not read, a ping that is due is left out. */
enum mintlayer_ping_due mintlayer_ping_tick(struct mintlayer_ping *p, int64_t now_ms, unsigned marks);

#endif
