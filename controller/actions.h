/* What the core asks of its host: of the thread that runs it, and of the connections around that thread.
 *
 * node/controller_actions.c is the host in a running node; tests and simulations have their own. The core
 * reaches its host by this table alone. */
#ifndef KITH_CONTROLLER_ACTIONS_H
#define KITH_CONTROLLER_ACTIONS_H

#include "base/log.h"
#include "connection/events.h"
#include "controller/events.h"
#include "peers/book.h"
#include "queue/stall_gate.h"

/* Time, as the core is given it. */
struct moment {
    int64_t ms; /* monotonic */
    /* Since 1970; may leap. The core believes it at the start, for what the peer book was given to keep, and
     * whenever the book is saved. In between the core goes by `ms`, and shows how far peers' clocks are off
     * this one (clocks.h). */
    int64_t wall_ms;
};

/* Why a datagram is dropped. */
#define DATAGRAM_CAUSE_LIST(X)                                                                               \
    X(DATAGRAM_TOO_LONG, "too long")                                                                         \
    X(DATAGRAM_LIMITED, "beyond the rate of their group")                                                    \
    X(DATAGRAM_UNTAKEN, "not taken")                                                                         \
    X(DATAGRAM_UNSENT, "not sent")

#define DATAGRAM_CAUSE_ENUM(name, text) name,
enum datagram_cause { DATAGRAM_CAUSE_LIST(DATAGRAM_CAUSE_ENUM) DATAGRAM_CAUSES };
#undef DATAGRAM_CAUSE_ENUM

struct dial_request {
    struct address to; /* an IP address, or, of special peers, a host name, with their scheme */
    bool special;
    enum purpose purpose;
    size_t n; /* of a host name: its addresses, in the order in which they are to be tried */
    struct endpoint targets[TARGETS_MAX];
};

/* The core calls these on its own thread, from within its functions, controller_free included. `host` is
 * what controller_new was given. None of them may block, or call back into the core, but for
 * controller_dropped and controller_facts. What is passed by pointer is valid for the call and stays the
 * core's, unless it is said to be taken. */
struct controller_actions {
    /* Starts a connection that dials. From then on messages about `slot` come, the last one MSG_GONE. False
     * if it could not be started (threads, memory, descriptors): then no message comes. */
    bool (*dial)(void *host, struct peer_ref slot, const struct dial_request *request);

    /* Asks for the addresses of a host name. MSG_NAMES answers, perhaps much later or never. False if it
     * cannot be asked now. */
    bool (*look_up)(void *host, const struct address *name);

    /* Starts a connection on an accepted socket; takes the socket, also on failure, but not *a. False as
     * above. With `refuse` it answers the handshake with the n alternatives, and ends. */
    bool (*accept)(void *host, struct peer_ref slot, struct accepted *a, bool refuse,
                   const struct endpoint *alternatives, size_t n);

    /* Takes an accepted socket, but not *a, and closes it at once, unanswered. */
    void (*shed)(void *host, struct accepted *a);

    /* Posts m to a connection; m->parcel's reference is taken unless the result is GATE_WAIT. If parcels of
     * the application are dropped to make room, controller_dropped is told within this call. */
    enum gate_result (*post)(void *host, struct moment now, struct peer_ref to, const struct message *m);

    /* The same for a message that can't wait: never GATE_WAIT. The peer loses its oldest if it has no room.
     */
    enum gate_result (*push)(void *host, struct peer_ref to, const struct message *m);

    /* Answers MSG_MET of a connection that dials: it is to go on. */
    void (*consent)(void *host, struct peer_ref slot);

    /* Asks a connection for a sign of life: MSG_ALIVE follows, or MSG_ENDED. Not again before. */
    void (*probe)(void *host, struct peer_ref slot);

    /* A message that came from `from` waits for room in the queue of `to`. So if `to` has made progress, the
     * host tells the connection `from` that its reader has (queue_sign). */
    void (*waits)(void *host, struct peer_ref from, struct peer_ref to);

    /* is_full: messages that the application sends to that peer alone wait for room in its queue, so the host
     * takes no more of them. Not is_full: they have all gone, or that connection has. What comes between the
     * two all the same, the core keeps. Called for each connection with that peer. */
    void (*full)(void *host, struct peer_ref peer, bool is_full);

    /* A message that a peer brought about is to wait in the core for room in a queue: takes so many bytes of
     * the node's budget for it. False if there are none: it, or others that wait, must not. give_room
     * gives them back. */
    bool (*take_room)(void *host, struct moment now, uint64_t bytes);
    void (*give_room)(void *host, uint64_t bytes);

    /* Asks a connection to end: at once or, if not at_once, after what is queued for it has gone. */
    void (*close)(void *host, struct peer_ref slot, enum end_reason why, bool at_once);

    /* Hands a parcel to FromNetwork, on the same conditions as post. */
    enum gate_result (*deliver)(void *host, struct moment now, const struct message *m);

    /* The ticket that the next message gets which deliver posts: never 0, nor one that was given before. */
    uint64_t (*next_ticket)(void *host);

    void (*tell)(void *host, struct node_event *e); /* to the application; takes the event (from malloc) */
    /* Likewise: memory for the event that answers the request is short, and that is its answer. */
    void (*tell_no_memory)(void *host, uint64_t id);
    bool (*fetch_seeds)(void *host); /* MSG_SEEDS answers. False: there is nowhere to fetch from */
    void (*save_peers)(void *host, struct book_snapshot *s); /* takes the snapshot; MSG_SAVED answers */

    /* Asks the store, on the conditions of service_actions.ask; MSG_ANSWER answers. Only if the protocol has
     * one.
     */
    bool (*ask)(void *host, const struct store_request *q);
    /* Takes the datagram, and sends it or counts it. Only if the protocol has any. */
    void (*send_datagram)(void *host, struct datagram *d);

    /* Fills in the counters that only a connection knows. If there is no such connection, *p stays. */
    void (*measure)(void *host, struct peer_ref slot, struct kith_peer *p);
    /* Sets in *s what the queues hold; adds the traffic, and the sockets closed before the core heard of
     * them. Adds to `datagrams` how many were dropped, by cause. False if the protocol has none; then all of
     * it stays. */
    bool (*measure_node)(void *host, struct kith_status *s, uint64_t datagrams[DATAGRAM_CAUSES]);

    uint64_t (*random)(void *host);
    void (*log)(void *host, enum log_level level, const struct log_about *about,
                const char *line); /* without a newline */
    void (*ended)(void *host);     /* after COMMAND_QUIT, once: nothing is left to do */
};

#endif
