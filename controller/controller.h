/* The controller's core: (state, now, message) -> actions.
 *
 * Single-threaded and pure: it reaches sockets, threads and random numbers by its table of actions alone, and
 * is given the time. The same messages at the same times with the same random numbers give the same actions
 * in the same order. node/control_thread.c runs it on a thread; tests and simulations run many of it on one.
 *
 * One thread at a time runs a core; no function blocks. It owns the peer book, the table of connections
 * ("slots"), the special peers and the protocol's service. It decides whom to dial and accept, where each
 * message goes, who is banned. */
#ifndef KITH_CONTROLLER_CONTROLLER_H
#define KITH_CONTROLLER_CONTROLLER_H

#include "controller/actions.h"
#include "controller/config.h"
#include "controller/events.h"
#include "controller/places.h"

struct controller;

/* Any thread. The rows of the controller's own tables. */
void controller_bounds(struct bounds *b, const struct config *config);

/* Any thread, once sodium_init was called. Borrows config and actions for its life; copies `restored` (what
 * the peers file held, NULL for none). May draw random numbers. Call controller_start next.
 *
 * How the core fails at the start: what makes an object returns NULL, all else 0 or an error number of
 * errno.h. Only memory can be short, so NULL means ENOMEM. Whoever called controller_new puts it into words.
 */
struct controller *controller_new(const struct config *config, const struct controller_actions *actions,
                                  void *host, const struct book_snapshot *restored, struct moment now);

/* Begins to dial and to fetch seeds. Once. */
void controller_start(struct controller *c, struct moment now);

/* Any thread. The digest that a MSG_PEER of this kind with this parcel must have: how messages are told
 * apart. 0 without looking if this node does not have to. `core` is a controller: for connection_config. */
uint64_t controller_digest(const void *core, uint32_t kind, const struct parcel *p);

/* These n messages are going to be handled soon: what those need that are MSG_PEER is fetched from memory
 * meanwhile. */
void controller_prefetch(const struct controller *c, const struct message *m, size_t n);

/* Something happened. Takes the message: what it points at belongs to the core afterwards. Must not be
 * called with a MSG_SEND, MSG_ASK or MSG_PEER that the core would not take. */
void controller_handle(struct controller *c, struct moment now, const struct message *m);

/* Whether a message of the application waits for room in a peer's queue, or the service still owes the
 * application an answer. */
bool controller_has_sends(const struct controller *c);

/* Whether the core would take a MSG_SEND or MSG_ASK now: not while a message to several peers waits for room
 * in a queue, nor while the service works on as many of either as it may (protocol/service.h). One to a
 * single peer keeps back only those to the same peer: see controller_actions.full. */
bool controller_takes_sends(const struct controller *c);

/* Whether the core would take a MSG_PEER of that peer now. It takes none from anybody while one waits for
 * room in FromNetwork. It takes none from a peer while a message of that peer is relayed and waits for room
 * in another's queue, or while the connection waits for another one with the same peer to end, or while
 * the service holds it. */
bool controller_takes(const struct controller *c, struct peer_ref peer);

/* True while anything waits for room: the messages of the three functions above, or what the service sends to
 * a peer. */
bool controller_waits(const struct controller *c);

/* Tries again what waits for room. To be called when a reader has made room, and at the stall_gate_deadline
 * of what waits, which controller_deadline does not count in. */
void controller_retry(struct controller *c, struct moment now);

/* That connection is to end at once, for a reason that the host has found. */
void controller_expel(struct controller *c, struct moment now, struct peer_ref peer, enum end_reason why);

/* Counts `parcels` parcels, of or for that peer, as dropped; the caller has released them. May be called
 * within controller_actions.post and deliver, or between calls of the core. */
void controller_dropped(struct controller *c, struct peer_ref peer, enum drop_cause cause, uint64_t parcels);

/* Between calls. Takes a message that was posted to m->peer and did not go whole before that connection
 * ended. If there is another connection with the same peer, the message goes by it, else it is dropped and
 * counted. The node's own requests and answers are not sent again: the service makes new ones. To be called
 * before the MSG_GONE of that connection. */
void controller_returned(struct controller *c, struct moment now, const struct message *m);

/* Between calls. Takes what the application has asked for and comes too late: a MSG_SEND counts as dropped,
 * and went to nobody; the others have failed. Of a MSG_VERDICT nobody hears. */
void controller_abandon(struct controller *c, const struct message *m);

/* When controller_tick must run next; INT64_MAX for never. */
int64_t controller_deadline(const struct controller *c);
void controller_tick(struct controller *c, struct moment now);

/* On the core's thread, also within dial and accept: what a connection that starts now may state. */
void controller_facts(const struct controller *c, struct facts *facts);

/* Frees everything, and counts what still waited as dropped. All connections must have ended. NULL is
 * allowed. */
void controller_free(struct controller *c);

#endif
