/* The texts that are made of the last look at the node. The desk's thread; nothing blocks but for a few files
 * of /proc. What is returned is NULL if memory is short. */
#ifndef KITH_APP_HTTP_RENDER_H
#define KITH_APP_HTTP_RENDER_H

#include "app/http/state.h"

/* These need a look at the node; the caller owns a reference. */
struct shared *render_status(struct http *h);  /* /status.json */
struct shared *render_view(struct http *h);    /* the same as an event of the stream */
struct shared *render_metrics(struct http *h); /* /metrics */

/* The lines of the log after `from` that are still kept, as an event. */
struct shared *render_log(struct http *h, uint64_t from);

/* Another look has come. */
void render_forget(struct http *h);

#endif
