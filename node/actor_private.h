/* What the files of the controller's actor share. Its functions are for the controller's thread, unless they
 * say otherwise; none blocks. Times are in milliseconds of clock_ms. */
#ifndef KITH_NODE_ACTOR_PRIVATE_H
#define KITH_NODE_ACTOR_PRIVATE_H

#include <pthread.h>

#include "connection/connection.h"
#include "connection/listener.h"
#include "controller/controller.h"
#include "node/actor.h"
#include "node/keeper.h"
#include "node/namer.h"
#include "node/roster.h"
#include "seed/fetcher.h"

/* Messages taken from a queue together, which costs less than one by one, and handled one by one: if the core
 * will not have the next, the others wait here. The queue's budget is given back when all of them are
 * through; or one by one, if they take long and the queue's writer waits for room. */
#define BATCH_MAX 32
struct batch {
    struct message *messages; /* room for BATCH_MAX, from the pool; NULL before the first */
    uint32_t *sizes;          /* of their payloads; behind them */
    uint32_t n, at;
    uint64_t bytes;      /* of the payloads whose budget has not been given back */
    uint32_t returned;   /* the budget of so many has */
    int64_t returned_ms; /* when that was, for this batch or the one before; of clock_coarse_ms */
};

/* A connection, as the actor holds it. Its place in the table is the core's slot. */
struct link {
    struct connection *connection; /* NULL: the place is free */
    struct peer_ref ref;
    struct stall_gate gate;
    bool dirty;     /* posted to, and not woken yet */
    bool queued;    /* in run_queue */
    bool ended;     /* MSG_ENDED has come */
    bool unsettled; /* an accepted socket whose handshake the listener still counts */
    struct batch batch;
};

struct ref_list {
    struct peer_ref *items;
    size_t n, capacity;
};

/* Names that may be looked up at once, or wait for it: those of both lists of special peers. */
#define NAMES_MOST ((uint32_t)2 * SPECIAL_MAX)

struct actor {
    struct config config; /* the caller's, with what only the start could settle: port, node id, nonce */
    const struct log_sink *sink;
    pthread_t thread;

    /* Shared with other threads. */
    struct bell bell;           /* wakes the controller */
    struct queue *commands;     /* of the application */
    struct queue *control;      /* accepted sockets, seeds, names, saved */
    struct queue *to_network;   /* from the application */
    struct queue *from_network; /* to the application: parcels */
    struct queue *events;       /* and events */
    struct bell app_bell;       /* FromNetwork has something */
    struct bell room_bell;      /* ToNetwork has room */
    struct bell command_bell; /* the queue of commands has: with one bell for both, whoever waits for the one
                                 would take the ring that was meant for the other */
    struct nonempty_list *nonempty; /* connections of which something waits in a queue */
    struct roster *roster;
    _Atomic int64_t receive_room; /* struct connection_terms */
    _Atomic bool closing; /* asked to end: nothing new is taken from the application or the listener */
    _Atomic bool ended;   /* the thread has posted its last and touches nothing any more */
    struct listener *listener;
    struct seed_fetcher *fetcher;
    struct keeper *keeper;

    /* The controller thread's own. */
    struct controller *core;
    struct link *links;
    uint32_t most_links, n_links;
    struct ref_list run_queue; /* connections with messages to take */
    struct ref_list dirty;
    struct batch app; /* from to_network */
    struct stall_gate from_gate;
    bool from_dirty;
    int64_t retry_ms;    /* when the core must try again what waits for room */
    uint64_t stamp;      /* order of what goes into FromNetwork */
    uint64_t missed;     /* events that found no room */
    struct namer *namer; /* NULL before the first host name */
    uint32_t n_naming;   /* names that were given to it, and whose answers have not been taken */
    bool quitting;       /* asked to end; the core is told once ToNetwork is empty */
    bool quit_told;
    int64_t quit_by;
    bool over;

    /* The application's side of FromNetwork: one thread at a time. */
    struct batch held_parcels;
    struct message held_event;
    bool has_event;
    struct node_event
        *last_event; /* KITH_ENDED, until it is taken: made at the start, so that it can't fail */
};

struct moment actor_now(void);
bool ref_list_add(struct ref_list *l, struct peer_ref ref);

void actor_release(void *context, struct message *m); /* the message's parcel; for batch_drop */

/* actor.c: posts to `control` what has its place there, as make_queues says. Any thread. */
void actor_answer(struct actor *a, const struct message *m);
/* On the namer's thread: takes the answer. */
void actor_on_names(void *actor, struct names_found *answer);

/* actor_world.c */
extern const struct controller_actions actor_actions;
void actor_return(void *actor, struct message *m); /* takes a message for a connection that has ended */
void actor_flush(struct actor *a);                 /* wakes whom we have posted to */
void actor_missed(struct actor *a); /* tells of events that found no room, if there is room now */
/* The event that tells of them, which are then told; NULL without memory. By the controller's thread, and by
 * the application's once that has ended. */
struct node_event *actor_missed_event(struct actor *a);

/* batch.c: each for the reader of the queue. */
/* Memory for the messages, which batch_look otherwise gets with the first; false if it is short. */
bool batch_open(struct batch *b);
/* The next message, which stays in its place until batch_pass; NULL if there is none, or no memory for
 * any. */
struct message *batch_look(struct batch *b, struct queue *from);
/* It is dealt with: the queue's writer is told that we get on, or that there is room. */
void batch_pass(struct batch *b, struct queue *from);
bool batch_is_empty(const struct batch *b); /* nothing taken waits to be handled */
void batch_trim(struct batch *b);           /* gives its memory back while it is empty */
/* Releases what is left, through `discard`; gives its memory back, and all of its budget to the queue that
 * it came from (NULL if that is not used any more). */
void batch_drop(struct batch *b, struct queue *from, void (*discard)(void *context, struct message *m),
                void *context);

/* actor_links.c */
struct link *link_find(struct actor *a, struct peer_ref ref);
void link_free(struct actor *a, struct link *l);
bool links_run(struct actor *a); /* takes what connections sent; true if there was anything */
bool links_idle(const struct actor *a);

#endif
