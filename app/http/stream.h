/* Event streams: what a page is told of the node as long as it is open. A stream that is read slowly is told
 * of the newest look alone; it never has more than one message waiting. The desk's thread; nothing blocks. */
#ifndef KITH_APP_HTTP_STREAM_H
#define KITH_APP_HTTP_STREAM_H

#include "app/http/state.h"

/* Answers the client's request by a stream. False if there is no memory. */
bool stream_begin(struct client *c);

/* There is something to tell, or the server leaves: sleeping streams go on. */
void stream_wake_all(struct http *h);

/* When it is too slow, if what it was told last is not read before; INT64_MAX: it has been read. */
int64_t stream_slow_ms(const struct client *c);

#endif
