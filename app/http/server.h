/* HTTP for the operators: figures for Prometheus, and a page that shows the node. A guest of the desk that
 * runs libmicrohttpd without threads of its own. Read only: nothing that is asked here changes the node.
 *
 * A stranger who reaches the port can keep others from the page, and no more: connections, their headers and
 * their time are bounded, and peers are served by other threads. */
#ifndef KITH_APP_HTTP_SERVER_H
#define KITH_APP_HTTP_SERVER_H

#include "app/desk.h"
#include "app/http/host.h"
#include "base/bounds.h"
#include "queue/log_tail.h"
#include "queue/log_writer.h"

struct http;

/* Main thread, before desk_start. Listens at `place`, and adds itself to the desk. Blocks on the look-up if
 * the place is a host name. Borrows the rest until http_close; tail and writer may be NULL. NULL with the
 * reason in `bad`. */
struct http *http_open(struct desk *d, const struct http_place *place, struct log_tail *tail,
                       struct log_writer *writer, char *bad, size_t bad_size);

/* Main thread, before desk_start. Where it listens. */
const struct endpoint *http_listening(const struct http *h);

/* Main thread, after desk_end; does not block. NULL is allowed. */
void http_close(struct http *h);

/* Any thread; does not block. The rows of a node of so many connections. */
void http_bounds(struct bounds *b, uint64_t places);

#endif
