/* The watch: a second reader of what a node tells, for the program's own operators. It loses what it does not
 * take in time, and never holds up the controller or the application; nor does the application hold it up.
 *
 *     controller ──FromNetwork──▶ application      all of it, in order, nothing lost while it gets on
 *     controller ──watch────────▶ one other thread what the operators look at
 *
 * It hears LISTENING, ONLINE, OFFLINE, DROPPED, FAILED without an id, and ENDED as the application does.
 * What answers a request with WATCH_ID in its id comes here and not to the application. If asked for, peers'
 * messages come here too, as references to the parcels that the application gets.
 *
 * Events, parcels and answers have a bound each, so that a flood of the one does not push out the other. What
 * finds no room is counted, and told by a MISSED event of the watch's own, before what comes next. A reader
 * with at most WATCH_ANSWERS requests under way loses no answer. */
#ifndef KITH_NODE_WATCH_H
#define KITH_NODE_WATCH_H

#include <stdatomic.h>

#include "node/node.h"
#include "queue/bell.h"
#include "queue/queue.h"

/* Part of a request's id: the watch hears the answer. With it, the application's ids have 63 bits. */
#define WATCH_ID (UINT64_C(1) << 63)

enum {
    WATCH_EVENTS = 4096,
    WATCH_PARCELS = 1024,
    WATCH_ANSWERS = 5120,
};
#define WATCH_BYTES ((uint64_t)8 << 20) /* of parcels that wait; one that is longer may wait alone */

enum watch_class { WATCH_EVENT, WATCH_PARCEL, WATCH_ANSWER, WATCH_CLASSES };

struct watch {
    /* Shared. */
    struct queue *queue;
    struct bell bell;                      /* the reader's */
    _Atomic bool wants_parcels;            /* the reader sets it */
    _Atomic bool ended;                    /* the writer has put its last */
    _Atomic uint32_t taken[WATCH_CLASSES]; /* the reader counts */
    _Atomic uint64_t taken_bytes;

    /* The controller thread's own. */
    uint32_t put[WATCH_CLASSES];
    uint64_t put_bytes;
    uint64_t missed; /* events, answers and parcels that found no room, and are not told */

    /* The reader's own. */
    struct node_event
        *last_event; /* KITH_ENDED, until it is taken: made at the start, so that it can't fail */
};

/* Any thread, before another knows of it; does not block. NULL if memory or a descriptor is short. */
struct watch *watch_new(void);
void watch_free(struct watch *w); /* one thread, when no other uses it any more; NULL is allowed */

/* Any thread. The memory of its places, and of all parcels that may wait in it; of events and answers only
 * the places. Bytes. */
uint64_t watch_memory(uint64_t longest_parcel);

/* --- the controller's thread; none blocks --- */

/* What the application is told. True: it is the watch's alone, which has taken it. Else it is still the
 * caller's, and the watch has a reference if it is to hear it. */
bool watch_tell(struct watch *w, struct node_event *e);

/* A request of the watch's, for whose answer memory is short: that is its answer. */
void watch_tell_no_memory(struct watch *w, uint64_t id);

/* A parcel that the application gets: the watch takes the reference. */
void watch_deliver(struct watch *w, struct peer_ref from, uint32_t kind, struct parcel *parcel);

/* If something was missed and there is room now, tells it. */
void watch_report_missed(struct watch *w);

void watch_end(struct watch *w); /* nothing follows but KITH_ENDED */

/* --- the reader: one thread at a time; none blocks --- */

/* As node_take; after TAKE_NOTHING watch_fd becomes readable when there is more. KITH_ENDED is the last.
 * The bytes of a parcel count until this returns it: what the reader keeps, it bounds itself. */
enum take_result watch_take(struct watch *w, struct taken *taken);
int watch_fd(const struct watch *w);

/* From now on it gets peers' messages, or not. Those that wait still come. */
void watch_want_parcels(struct watch *w, bool on);

#endif
