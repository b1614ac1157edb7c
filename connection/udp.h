/* Datagrams: the actor that has the UDP sockets of the listening port, for protocols that use them.
 *
 * Its thread takes what comes and hands it on by a bounded queue, and sends what it is given by another. Both
 * are lossy, as datagrams are: a full queue drops the newest and counts it, and nobody waits for anybody.
 * Bytes from a stranger cost little: what is longer than `datagram_max`, or too much of one group of
 * addresses, is dropped before any memory is reserved; and if more comes in all than the thread reads in a
 * while, the kernel drops it unread.
 *
 * A datagram to 255.255.255.255 goes to everybody in each local IPv4 network (connection/lan.h), or, if the
 * sockets are bound to an address, in the network of that one. None else can leave as a broadcast: an answer
 * to a question that claims to come from a network's broadcast address does not. What comes back of our own
 * broadcasts is left out. Sockets that are bound to an address hear no broadcasts, as Linux has it.
 *
 * An answer leaves from the address that the kernel chooses for its route. If the sockets are bound to every
 * address, that may be another than the one that the question came to. */
#ifndef KITH_CONNECTION_UDP_H
#define KITH_CONNECTION_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/datagram.h"
#include "base/log.h"
#include "queue/bell.h"

struct udp_config {
    const struct ip *bind; /* NULL: every address, IPv4 and IPv6; not used after the start */
    /* 0: any free one. A node passes the port of its listener, also if the kernel chose that: it may be free
     * for connections and taken for datagrams, and then the node does not start. */
    uint16_t port;
    size_t datagram_max;      /* bytes of one that comes, 1 .. DATAGRAM_MAX */
    uint32_t queue;           /* datagrams that may wait each way */
    uint32_t rate;            /* datagrams a second of one group of addresses (ip_group); up to a million */
    struct bell *reader_bell; /* rung when there is something to take; outlives the actor */
    /* Told what was dropped, by cause: at most once a second by the actor's thread, and the rest by udp_stop.
     * Outlives the actor. */
    const struct log_sink *log;
};

struct udp;

/* Any thread, once sodium_init was called; blocks for no longer than bind(2) does. Opens the sockets, so that
 * a port that is taken fails here, and starts the thread. Copies *config. NULL with `error` filled
 * (NUL-terminated, 160 bytes hold every text). */
struct udp *udp_start(const struct udp_config *config, char *error, size_t error_size);

/* Any thread. The endpoint that it is bound to: bind's address, or 0.0.0.0, with the real port. */
struct endpoint udp_endpoint(const struct udp *u);

/* One thread at a time; never blocks. Takes d, whatever it answers. False: the queue is full, and d is
 * dropped and counted. Sent means handed to the kernel: one that it has no room for is dropped and counted. A
 * broadcast counts for each network that it goes to; as one that is not sent, if there is none. */
bool udp_send(struct udp *u, struct datagram *d);

/* The reader, one thread at a time; never blocks. The oldest that came, which the caller owns; NULL if there
 * is none: the reader's bell rings when there is. */
struct datagram *udp_take(struct udp *u);
bool udp_empty(const struct udp *u); /* the same thread: there is none to take */

/* Any thread. What became of the datagrams since the start; a snapshot. */
struct udp_counts {
    uint64_t received; /* put into the queue for the reader */
    uint64_t sent;     /* handed to the kernel */
    uint64_t too_long; /* dropped: longer than datagram_max */
    uint64_t limited;  /* dropped: too many of their group of addresses */
    uint64_t untaken;  /* dropped: the reader's queue was full, or memory was short */
    uint64_t unsent;   /* dropped: the queue to be sent was full, the kernel had no room, or no such route */
};
struct udp_counts udp_counts(const struct udp *u);

/* The thread that started it; blocks until the actor's thread has ended, a few milliseconds. What waits in
 * either queue is dropped. NULL is allowed. */
void udp_stop(struct udp *u);

#endif
