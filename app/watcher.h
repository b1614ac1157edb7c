/* The watch of a node (node/watch.h) in the words of kith.h: for the program's desk. One thread at a time,
 * between kith_open_options and kith_close; nothing blocks. */
#ifndef KITH_APP_WATCHER_H
#define KITH_APP_WATCHER_H

#include "app/open.h"
#include "kith.h"
#include "node/watch.h"

struct watcher;

/* A reader of the node's watch, which its options asked for (config.is_watched). Borrows both until
 * watcher_free. NULL if memory is short. */
struct watcher *watcher_new(struct kith *node, const struct config *config);
void watcher_free(struct watcher *w); /* NULL is allowed */

/* As kith_receive: what the item points at is valid until the next call. A parcel's peer is "" also if its
 * ONLINE was missed. */
enum kith_receive watcher_take(struct watcher *w, struct kith_item *item);
int watcher_fd(const struct watcher *w); /* readable when there is more, after KITH_NOTHING */

/* Keeps the parcel's bytes that came last, or the event and all that it points at, until parcel_release and
 * node_event_free. NULL if the last item was none of it. */
struct parcel *watcher_keep_parcel(struct watcher *w);
struct node_event *watcher_keep_event(struct watcher *w);

void watcher_want_parcels(struct watcher *w, bool on);

#endif
