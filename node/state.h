/* The state of a node. Each group of members says whose it is. Times are in milliseconds of clock_ms. */
#ifndef KITH_NODE_STATE_H
#define KITH_NODE_STATE_H

#include "connection/connection.h"
#include "connection/listener.h"
#include "connection/udp.h"
#include "controller/controller.h"
#include "node/batch.h"
#include "node/keeper.h"
#include "node/namer.h"
#include "node/node.h"
#include "node/replies.h"
#include "node/roster.h"
#include "node/watch.h"
#include "queue/stall_gate.h"
#include "queue/worker.h"
#include "seed/fetcher.h"
#include "store/store.h"

/* A connection, as the controller's thread holds it. Its place in the table is the core's slot. */
struct peer_thread {
    struct connection *connection; /* NULL: the place is free */
    struct peer_ref ref;
    struct stall_gate gate;
    struct replies replies;
    bool dirty;       /* posted to, and not woken yet */
    bool queued;      /* in run_queue */
    bool ended;       /* MSG_ENDED has come */
    bool condemned;   /* told to end, as it held too much */
    bool handshaking; /* an accepted socket whose handshake the listener still counts */
    struct batch batch;
    uint64_t noted_bytes; /* of those that came and went, what tidy.c knows of */
};

struct ref_list {
    struct peer_ref *items;
    size_t n, capacity;
};

/* Names that may be looked up at once, or wait for it: those of both lists of special peers. */
#define NAMES_MOST ((uint32_t)2 * SPECIAL_MAX)

enum {
    COMMANDS_MOST = 4096, /* commands of the application that may wait */
    ACCEPTED_AHEAD = 64,  /* accepted sockets that the core has not seen yet */
    ANSWERS = 64,         /* of the seed fetcher, which waits longer after each, and one of the keeper */
    DATAGRAMS = 1024,     /* that may wait, each way */
    STORE_REQUESTS = 256, /* under way */
    NEWS_MOST = 6144,     /* events that answer nothing, and may wait for the application */
    EVENTS = ANSWERS_MOST + NEWS_MOST,
};

/* Messages of the queue `control`. */
static inline uint32_t controls_most(const struct limits *l)
{
    return 2 * l->pending + ACCEPTED_AHEAD + ANSWERS + NAMES_MOST;
}

/* Of parcels that the watch's reader has sent, and the core has not taken. */
static inline uint64_t desk_bytes(const struct limits *l)
{
    return l->queue_bytes / 4 + 1;
}

struct node {
    struct config config; /* the caller's, with what only the start could settle: port, node id, nonce */
    const struct log_sink *sink;
    struct worker worker;   /* the controller's thread */
    uint8_t *stream_secret; /* config.node's, which is read-only; NULL for none */

    /* Shared with other threads. */
    struct queue *commands;   /* of the application */
    struct queue *control;    /* accepted sockets, seeds, names, saved */
    struct queue *to_network; /* from the application */
    /* The watch's reader has its own, so that what it asks for waits behind nothing of an application that
       asks for much and takes no answers. NULL if there is no watch. */
    struct queue *desk_commands, *desk_sends;
    struct queue *from_network; /* to the application: parcels */
    struct queue *events;       /* and events */
    struct watch *watch;        /* its second reader; NULL for none */
    struct bell app_bell;       /* FromNetwork has something */
    struct bell room_bell;      /* ToNetwork has room */
    struct bell command_bell;   /* `commands` has room. With one bell for both, a thread that waits for one
                                   would take the ring that was meant for the other */
    struct nonempty_list *nonempty; /* connections of which something waits in a queue */
    struct roster *roster;
    struct budget budget;        /* struct connection_config */
    _Atomic bool closing;        /* asked to end: nothing new is taken from the application or the listener */
    _Atomic uint32_t awaited;    /* answers (node/awaited.h) */
    _Atomic uint32_t news_taken; /* events that answer nothing: the application's side counts */
    _Atomic bool ended;          /* the thread has posted its last and touches nothing any more */
    struct listener *listener;
    struct seed_fetcher *fetcher;
    struct keeper *keeper;
    struct udp *udp;     /* NULL if the protocol has no datagrams, or there is a proxy */
    struct store *store; /* NULL if the protocol has no store */

    /* The controller thread's own. */
    struct controller *core;
    struct peer_thread *peers;
    uint32_t most_peers, n_peers;
    struct ref_list run_queue; /* connections with messages to take */
    struct ref_list dirty;
    struct batch app;  /* from to_network */
    struct batch desk; /* from desk_sends */
    bool desk_first;   /* it has the next turn to send */
    struct stall_gate from_gate;
    struct budget_account waiting; /* what peers have the core keep, until there is room in a queue */
    bool from_network_dirty;       /* posted to, and not woken yet */
    uint64_t untidy_bytes;         /* that have come and gone since memory was given back to the system */
    int64_t tidy_ms;               /* when memory is given back to the system; 0: there is none */
    int64_t retry_ms;              /* when the core must try again what waits for room */
    uint64_t stamp;                /* order of what goes into FromNetwork; above 0 */
    uint32_t news_put;             /* in `events`; as news_taken */
    uint64_t missed;               /* events that found no room */
    uint64_t missed_ever;          /* the same, also those that were told */
    struct connection_counts past; /* of the connections that have gone */
    uint64_t unsent_datagrams;     /* as there is a proxy */
    struct namer *namer;           /* NULL before the first host name */
    uint32_t n_naming;             /* names that were given to it, and whose answers have not been taken */
    bool quitting;                 /* asked to end; the core is told once ToNetwork is empty */
    bool quit_told;
    int64_t quit_by;
    bool over;

    /* The application's side of FromNetwork: one thread at a time. */
    struct batch held_parcels;
    struct message held_event;
    bool has_event;
    bool no_event_before; /* what is left of held_parcels */
    struct node_event
        *last_event; /* KITH_ENDED, until it is taken: made at the start, so that it can't fail */
};

#endif
