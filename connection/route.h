/* The way to a peer: a dial of its addresses or, with a proxy, of the proxy, and the words with it.
 *
 * One thread runs a route, which never blocks: between two steps its owner sleeps until one of its
 * descriptors is ready or route_deadline has come. Times are in milliseconds of clock_ms. */
#ifndef KITH_CONNECTION_ROUTE_H
#define KITH_CONNECTION_ROUTE_H

#include "base/proxy.h"
#include "connection/dial.h"
#include "connection/socks.h"

struct resolve;

struct route_config {
    /* NULL for none. A host name of it is looked up for each route, in a thread of the look-up's own. Then
     * `to` alone says whom to dial, bind does not matter, and timeout_ms is for the look-up, the dial and the
     * words together. A failure that is not the peer's is END_LOCAL. Outlives the route. */
    const struct proxy *proxy;
    const struct address *to; /* outlives the route */
    struct dial_config dial;  /* outlives no more than route_start; bind as it says */
};

enum route_stage { ROUTE_LOOKS_UP, ROUTE_DIALS, ROUTE_TALKS };

struct route {
    const struct proxy *proxy;
    const struct address *to;
    enum route_stage stage;
    struct resolve *look_up; /* of the proxy's name */
    struct dial dial;
    struct socks socks;
    int fd; /* to the proxy, while they talk; else -1 */
    int64_t deadline_ms;
    char text[160]; /* of the failure */
};

void route_start(struct route *r, const struct route_config *config, int64_t now_ms);

/* As dial_step. With a proxy and a host name the remote end is not known: its port is 0. The text of a
 * failure is valid until route_stop. */
enum dial_state route_step(struct route *r, const struct pollfd *fds, size_t n, int64_t now_ms,
                           struct dial_result *result);

/* What to sleep on: fills up to TARGETS_MAX entries, returns how many. */
size_t route_poll(const struct route *r, struct pollfd *fds);
int64_t route_deadline(const struct route *r);

/* Closes what is still under way; not the socket that was connected. */
void route_stop(struct route *r);

#endif
