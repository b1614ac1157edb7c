/* One lane of a mailbox: a ring of messages, the budget that bounds it, and the wake of a writer that waits
 * for room. Internal to the mailbox, whose header says which thread may do what. None of these functions
 * blocks.
 *
 * The budget is two counters, each written by one side: what was put in, less what writers took out again,
 * and what the reader is done with. The difference is what the lane is charged for. */
#ifndef KITH_QUEUE_LANE_H
#define KITH_QUEUE_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue/bell.h"
#include "queue/message.h"
#include "queue/ring.h"

struct lane_terms {
    uint32_t parcels;         /* 1 .. RING_MOST */
    uint64_t bytes;           /* of payload, up to LANE_BYTES_MAX */
    bool many_writers;        /* several threads may post at once */
    struct bell *writer_bell; /* outlives the lane; NULL for none */
};

#define LANE_BYTES_MAX ((uint64_t)1 << 37)

struct lane {
    struct lane_terms terms;
    struct ring *ring;
    _Alignas(64) _Atomic uint64_t put;  /* the writers' side */
    _Alignas(64) _Atomic uint64_t done; /* the reader's side */
    _Atomic bool wants_room;            /* beside `done`: the reader looks at it each time it writes that */
    _Atomic int64_t wanted_ms;          /* when a writer raised that flag; of clock_ms */
};

/* Any thread, while no other uses the lane. Copies *terms. False if memory is short or the terms are out
 * of their limits; then there is nothing to undo. */
bool lane_init(struct lane *l, const struct lane_terms *terms);
void lane_fini(struct lane *l); /* does not look at messages that are still inside */

/* A writer. `bytes` is the message's payload, at most PARCEL_MAX. True: the lane owns the message. False
 * if there is no room: it is still the caller's, and the writer's bell rings later. An empty lane has room
 * for any message. */
bool lane_post(struct lane *l, const struct message *message, uint32_t bytes);

/* The only writer of a lane. Gives memory back that an empty lane does not need; see ring_rest. */
bool lane_rest(struct lane *l);

/* The reader, or a writer that goes on to lane_take_back. Takes up to `most`, oldest first, which the caller
 * owns then; returns how many. */
size_t lane_take(struct lane *l, struct message *messages, size_t most);

/* A writer: the message of so many bytes, which it took with lane_take, no longer counts. */
void lane_take_back(struct lane *l, uint32_t bytes);

/* The reader: so many of the messages it took no longer count. */
void lane_done(struct lane *l, uint32_t parcels, uint64_t bytes);

/* The reader, once, of a lane with many writers: whoever has not got room yet never will. What is still to
 * come, of those that had, is waited for by taking until lane_fill says 0. The writer's bell rings. */
void lane_close(struct lane *l);

/* Any thread, a snapshot: a writer found no room and has not been told of any since. */
bool lane_wants_room(const struct lane *l);

/* Any thread: what counts now. A snapshot, never above the bounds. */
void lane_fill(const struct lane *l, uint32_t *parcels, uint64_t *bytes);

#endif
