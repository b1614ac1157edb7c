/* The operators' desk: one thread of the program that serves those who look after the node, beside the
 * application on standard input and output. It has a loop of its own, and guests: the control socket, the web
 * page. It hears of the node by the watch, also if nobody reads standard output, and holds nobody up.
 *
 *     node ──watch──▶ desk ──▶ guest: event, parcel, answer, view
 *                      ▲──────  guest: kith_* with ids of desk_id
 *
 * All functions of a guest are called on the desk's thread, and none may block. */
#ifndef KITH_APP_DESK_H
#define KITH_APP_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "app/watcher.h"
#include "base/log.h"
#include "kith.h"

struct desk;

/* The node in numbers, as all guests share it. Valid until the next one comes, which `view` tells. */
struct desk_view {
    int64_t at_ms; /* of clock_ms, when it came */
    const struct kith_status *status;
    const struct kith_peer *peers;
    size_t n_peers;
};

/* Members that are NULL are not called. */
struct desk_guest {
    void *self;
    int fd; /* an epoll(7) instance, or another descriptor that is readable if there is something to serve;
               -1 for none */

    /* Called after each sleep, whatever ended it. Returns when to be called next at the latest, of clock_ms;
     * INT64_MAX: not before the descriptor is readable. */
    int64_t (*serve)(void *self, int64_t now_ms);

    /* What the node tells all; ENDED is the last. */
    void (*event)(void *self, const struct kith_event *e);
    void (*parcel)(void *self, const struct kith_parcel *p);

    /* The answer to a request of this guest; e->id is what desk_id gave for it. */
    void (*answer)(void *self, const struct kith_event *e);

    void (*view)(void *self, const struct desk_view *v); /* a new one has come */

    /* The node has ended, or the program will not wait for it any longer. Called again and again, beside
     * `serve`, until it returns true or DESK_LAST_MS are over. */
    bool (*leave)(void *self);
};

enum {
    DESK_GUESTS = 4,
    DESK_VIEW_MS = 1000, /* a view is not asked for more often */
    DESK_WAIT_MS = 300,  /* how long desk_end waits for the node's end */
    DESK_LAST_MS = 150,  /* how long guests may take for their last words */
};

/* Main thread, before desk_start; does not block. A desk with no guests yet. NULL if memory is short. */
struct desk *desk_new(void);

/* Main thread, before desk_start. Copies *guest, whose `self` is borrowed until desk_end. At most
 * DESK_GUESTS. Returns its number, for desk_id. */
unsigned desk_add(struct desk *d, const struct desk_guest *guest);

bool desk_has_guests(const struct desk *d); /* main thread */

/* Main thread. Starts the thread, for a node that was opened with config.is_watched; borrows it until
 * desk_end. 0, or an error number. */
int desk_start(struct desk *d, struct kith *node, const struct config *config);

/* Main thread, before kith_close. Ends the thread and frees the desk. Blocks until the guests have heard that
 * the node has ended, for DESK_WAIT_MS and DESK_LAST_MS at most. NULL is allowed; so is a desk that was never
 * started. */
void desk_end(struct desk *d);

/* --- for guests --- */

/* The desk's thread. The node that guests may call: commands and sends of kith.h, with ids of desk_id alone.
 */
struct kith *desk_node(const struct desk *d);

/* Any thread. The id of a request of that guest: `number` has 56 bits, and comes back in the answer's id as
 * its lowest. */
static inline uint64_t desk_id(unsigned guest, uint64_t number)
{
    return WATCH_ID | (uint64_t)guest << 56 | (number & ((UINT64_C(1) << 56) - 1));
}

/* The desk's thread. The last view; NULL before the first. Asks for a new one if it is older than
 * DESK_VIEW_MS: `view` tells that it came. If none comes, the controller does not answer. */
const struct desk_view *desk_look(struct desk *d);

/* The desk's thread. Whether that guest wants peers' messages; at first it does not. */
void desk_want_parcels(struct desk *d, unsigned guest, bool on);

/* The desk's thread, in `parcel`, `event` and `answer`. As watcher_keep_parcel and watcher_keep_event. */
struct parcel *desk_keep_parcel(struct desk *d);
struct node_event *desk_keep_event(struct desk *d);

#endif
