/* A node: the core on a thread of its own, with the connections, the listener, the seed fetcher and
 * the keeper that it acts through, and the two queues to the application.
 *
 *     application --ToNetwork--> controller --outbound--> connection --> TCP
 *     application <-FromNetwork- controller <--inbound--- connection <-- TCP
 *
 * Functions for the application's side say which of its threads may call them. */
#ifndef KITH_NODE_NODE_H
#define KITH_NODE_NODE_H

#include "base/bounds.h"
#include "base/log.h"
#include "controller/config.h"
#include "controller/events.h"
#include "kith.h"

struct node;

/* Answers that the application may await, until it takes their events: with as many of the first it sends
 * nothing more that has an id; with as many of the second it asks for nothing more. So sends leave room for
 * commands. There is a place for the event of each. */
enum { ANSWERS_TO_SENDS = 8192, ANSWERS_MOST = 10240 };

/* Any thread, once seed_fetch_global_init and sodium_init have been called. Reads the peers file, opens the
 * listening sockets and starts the threads; blocks for that, not for the network. Borrows config and sink
 * until node_free. NULL with `error` filled: the port is taken, the peers file must not be overwritten, no
 * threads, no memory. */
struct node *node_start(const struct config *config, const struct log_sink *sink, char *error,
                        size_t error_size);

/* --- ToNetwork --- */

/* These return KITH_OK if the node owns the message, or the command; else it is still the caller's.
 * KITH_WOULD_BLOCK: ToNetwork is full, or ANSWERS_TO_SENDS are awaited; node_room_fd tells when to try again.
 * KITH_BUSY: too many commands wait, or ANSWERS_MOST are awaited; node_command_fd tells when to try again.
 * KITH_CLOSED: the node is ending. */

/* Any thread; never blocks. Queues a message of `kind` for a scope; `peer` is the receiver if that is
 * SCOPE_PEER. The parcel is not NULL; its reference is taken if this returns KITH_OK. If the peer has
 * gone, that is no failure here: the parcel is dropped and counted later. If id is not 0, a KITH_SENT event
 * with it follows. */
enum kith_result node_send(struct node *n, enum scope scope, struct peer_ref peer, uint32_t kind,
                           struct parcel *parcel, uint64_t id);

/* Any thread; never blocks. Sets *peer to the connection with the peer of that hash; of two, the outgoing
 * one. False: the peer is not online. */
bool node_find(struct node *n, const char *hash, struct peer_ref *peer);

/* Any thread; never blocks. Asks for the end of the connection with `peer`, after all that was sent to it:
 * the request waits for its turn in ToNetwork. KITH_OK: a KITH_DONE or KITH_FAILED event with the id
 * answers.
 */
enum kith_result node_disconnect(struct node *n, struct peer_ref peer, uint64_t id);

/* Any thread; never blocks. Asks the protocol's service, which has verbs: the parcel holds a verb and its
 * argument, with a NUL behind each. Its reference is taken if this returns KITH_OK; then a KITH_DONE or
 * KITH_FAILED event with the id answers. The request waits for its turn in ToNetwork. */
enum kith_result node_ask(struct node *n, struct parcel *parcel, uint64_t id);

/* Any thread; never blocks. What becomes of the message that bore that ticket. KITH_OK: the controller hears
 * of it. */
enum kith_result node_verdict(struct node *n, uint64_t ticket, enum kith_verdict verdict);

/* Any thread; never blocks. Descriptors for poll only: after KITH_WOULD_BLOCK node_room_fd becomes readable
 * once there is room, after KITH_BUSY node_command_fd does. */
int node_room_fd(const struct node *n);
int node_command_fd(const struct node *n);

/* Any thread; never blocks. Takes the command (from malloc; any but COMMAND_QUIT) if this returns
 * KITH_OK. An event with the id answers. */
enum kith_result node_command(struct node *n, struct command *command, uint64_t id);

/* --- FromNetwork: one thread at a time --- */

enum take_result { TAKE_NOTHING, TAKE_PARCEL, TAKE_EVENT };

struct taken {
    struct peer_ref peer; /* TAKE_PARCEL */
    uint32_t kind;
    struct parcel *parcel;    /* the caller's reference */
    uint64_t ticket;          /* controller_actions.next_ticket */
    struct node_event *event; /* TAKE_EVENT: the caller's, node_event_free; NULL: see `asked` */
    uint64_t asked;           /* without an event: memory for the answer to that request was short */
};

/* Never blocks. node_fd may be called on any thread. The next parcel or event, in the order in which the
 * controller gave them: a peer's ONLINE comes before its parcels and its OFFLINE after them. After
 * TAKE_NOTHING, node_fd becomes readable when there is more. */
enum take_result node_take(struct node *n, struct taken *taken);
int node_fd(const struct node *n);

/* The thread of node_take; never blocks. The application has got on with what it took last. */
void node_getting_on(struct node *n);

/* Any thread; never blocks. The second reader of a node whose config says is_watched (node/watch.h), until
 * node_free; NULL if it is not. */
struct watch;
struct watch *node_watch(const struct node *n);

/* --- what it takes --- */

/* Any thread; does not block. The rows of a node of that configuration, and how many connections they are
 * for. */
uint64_t node_bounds(struct bounds *b, const struct config *config);

/* --- the end --- */

/* Any thread; never blocks, never fails. The node begins to end; KITH_ENDED is the last event. */
void node_quit(struct node *n);

/* Any thread, after KITH_ENDED was taken, or earlier if what is left does not matter; no other call may be
 * under way or follow. Blocks until every thread has ended: up to about two seconds if node_quit was not
 * called before. Frees everything. */
void node_free(struct node *n);

#endif
