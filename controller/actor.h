/* The controller as an actor: the core on a thread, with the connections, the listener, the seed fetcher and
 * the keeper that it acts through, and the two queues to the application.
 *
 *     application --ToNetwork--> controller --outbound--> connection --> TCP
 *     application <-FromNetwork- controller <--inbound--- connection <-- TCP
 *
 * Functions for the application's side say which of its threads may call them. */
#ifndef KITH_CONTROLLER_ACTOR_H
#define KITH_CONTROLLER_ACTOR_H

#include "controller/config.h"
#include "controller/events.h"
#include "queue/log.h"

struct actor;

/* Any thread. Reads the peers file, opens the listening sockets and starts the threads; blocks for that, not
 * for the network. Borrows config and sink until actor_free. NULL with `error` filled: the port is taken, the
 * peers file must not be overwritten, no threads, no memory. */
struct actor *actor_start(const struct config *config, const struct log_sink *sink, char *error,
                          size_t error_size);

/* --- ToNetwork --- */

enum send_result {
    SEND_QUEUED,      /* the node owns the message */
    SEND_WOULD_BLOCK, /* ToNetwork is full: still the caller's; actor_room_fd tells when to try again */
    SEND_NO_PEER,     /* nobody of that name is online: still the caller's */
    SEND_CLOSED,      /* the node is ending: still the caller's */
};

/* Any thread; never blocks. Queues a message of `kind` for a scope, and for SCOPE_PEER for `peer`. Takes the
 * parcel's reference where it returns SEND_QUEUED. Where id is not 0, a NODE_SENT event with it follows. */
enum send_result actor_send(struct actor *a, enum scope scope, struct peer_ref peer, uint32_t kind,
                            struct parcel *parcel, uint64_t id);

/* Any thread; never blocks. The connection with the peer of that hash; of two, the outgoing one. False: not
 * online. */
bool actor_find(struct actor *a, const char *hash, struct peer_ref *peer);

/* Any thread. Readable once ToNetwork has room again after SEND_WOULD_BLOCK; for poll only. */
int actor_room_fd(const struct actor *a);

/* Any thread; never blocks. Takes the command (malloc) where it returns SEND_QUEUED. Answered by an event
 * with the id. */
enum send_result actor_command(struct actor *a, struct command *command, uint64_t id);

/* --- FromNetwork: one thread at a time --- */

enum take_result { TAKE_NOTHING, TAKE_PARCEL, TAKE_EVENT };

struct taken {
    struct peer_ref peer; /* TAKE_PARCEL */
    uint32_t kind;
    struct parcel *parcel;    /* the caller's reference */
    struct node_event *event; /* TAKE_EVENT: the caller's, node_event_free */
};

/* Never blocks. The next parcel or event, in the order in which the controller gave them: a peer's ONLINE
 * comes before its parcels and its OFFLINE after them. After TAKE_NOTHING, actor_fd becomes readable when
 * there is more. */
enum take_result actor_take(struct actor *a, struct taken *taken);
int actor_fd(const struct actor *a);

/* --- the end --- */

/* Any thread, after NODE_CLOSED was taken or when the rest does not matter; no other call may be under way or
 * follow. Blocks until every thread has ended: up to about two seconds where COMMAND_QUIT was not given
 * before. Frees everything. */
void actor_free(struct actor *a);

#endif
