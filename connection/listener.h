/* The listener: the actor that accepts connections.
 *
 * Its thread sleeps in poll(2) on its listening sockets. It accepts, applies the limit per IP and the cap on
 * handshakes under way, and hands each socket that passes to `accepted`; the others it closes at once, with a
 * reset, and counts by cause. Out of descriptors or memory it stops accepting for 100 ms, doubling to 2 s,
 * instead of spinning; the kernel's backlog waits meanwhile. */
#ifndef KITH_CONNECTION_LISTENER_H
#define KITH_CONNECTION_LISTENER_H

#include "base/log.h"
#include "connection/events.h"

/* IP addresses whose last connection is remembered; beyond it the oldest are forgotten. */
#define LISTENER_IPS 4096

struct listener_config {
    const struct ip *bind; /* NULL: every address, IPv4 and IPv6; not used after the start */
    uint16_t port;         /* 0: any that is free */
    int64_t accept_ms;     /* least time between two accepted connections of one IP; 0: no limit */
    uint32_t pending;      /* at most so many accepted sockets whose handshake is under way; 0 accepts none */

    /* On the listener's thread; must not block. Takes `a` (from malloc) and its socket, which is non-blocking
     * and close-on-exec, if it returns true: whoever is done with the handshake then, well or not, calls
     * listener_handshake_over once. False: not taken; the listener closes the socket and counts it as
     * untaken. */
    bool (*accepted)(void *context, struct accepted *a);
    void *context;
    const struct log_sink *log; /* outlives the listener */
};

struct listener;

/* Any thread, once sodium_init was called; blocks for no longer than bind(2) does. Opens the sockets, so that
 * a port that is taken fails here, and starts the thread. Copies *config. NULL with `error` filled
 * (NUL-terminated, 160 bytes hold every text). */
struct listener *listener_start(const struct listener_config *config, char *error, size_t error_size);

/* Any thread. The endpoint that it listens on: bind's address, or 0.0.0.0, with the real port. */
struct endpoint listener_endpoint(const struct listener *l);

/* Any thread; never blocks: a handshake of an accepted socket has ended, well or not. Frees a place under the
 * cap. */
void listener_handshake_over(struct listener *l);

/* Any thread. What became of the connections since the start: taken by `accepted`; closed at once by the
 * limit per IP, by the cap on handshakes, or because `accepted` did not take them. A snapshot. */
struct listener_counts {
    uint64_t accepted, limited, capped, untaken;
};
struct listener_counts listener_counts(const struct listener *l);

/* The thread that started it; blocks until the listener's thread has ended, a few milliseconds. No call of
 * `accepted` follows, and no other thread may use the listener any more. NULL is allowed. */
void listener_stop(struct listener *l);

#endif
