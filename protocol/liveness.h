/* Is the peer still there? Pings when they are due, and tells when it has been silent for too long.
 *
 * Plain state of one session, without a clock and without memory of its own; the session's thread runs it. */
#ifndef KITH_PROTOCOL_LIVENESS_H
#define KITH_PROTOCOL_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/session.h"

struct liveness {
    int64_t ping_ms;    /* between two pings, as below */
    int64_t silence_ms; /* nothing heard for so long: the peer is given up */
    bool steady;        /* a ping every ping_ms, whatever is heard; else only after ping_ms without a word */
    int64_t heard_ms, pinged_ms; /* the last time of each */
};

enum liveness_due {
    LIVENESS_NOTHING,
    LIVENESS_PING,   /* send one now: it counts as sent */
    LIVENESS_SILENT, /* the peer is to be given up */
};

/* The peer was heard, and pinged, now: nothing is due before a whole span. */
void liveness_start(struct liveness *l, int64_t now_ms);

/* A sign of life has come from the peer. */
void liveness_heard(struct liveness *l, int64_t now_ms);

/* Something was sent that does for a ping. */
void liveness_pinged(struct liveness *l, int64_t now_ms);

/* When liveness_tick has something to do next, unless the peer is heard before. */
int64_t liveness_deadline(const struct liveness *l);

/* What is due now. `marks` are those of session_ops.tick: if the connection is clogged, a ping that is due is
 * left out, and the next is due a whole span later. */
enum liveness_due liveness_tick(struct liveness *l, int64_t now_ms, unsigned marks);

#endif
