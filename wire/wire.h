/* A wire: the session with one peer, between bytes and messages.
 *
 *     bytes that came    wire_room, wire_filled ──▶ stream ──▶ session ──▶ wire_event    for the controller
 *     bytes that go    wire_output, wire_written ◀── stream ◀── session ◀── wire_send    for the peer
 *
 * It is pure: it knows no socket, queue, thread or clock. Its owner (connection/connection.c, or a simulator)
 * brings bytes, messages and the time, and asks what comes of them. One thread at a time runs a wire; no
 * function blocks. now_ms is in milliseconds of a clock that never goes back; deadlines are on the same
 * clock. Payloads are received into, and sent from, where they lie. A wire that has nothing to do keeps
 * nothing but its own memory, once wire_trim was called.
 *
 * In one step the owner, in this order,
 *
 *     gives it what is to go, while wire_takes, and writes wire_output to the socket
 *     takes what wire_event has, brings bytes if wire_wants_bytes, and takes what wire_event has then
 *     calls wire_tick
 *
 * until wire_is_over; then the socket may take what is left, if wire_flushes, and wire_close follows. */
#ifndef KITH_WIRE_WIRE_H
#define KITH_WIRE_WIRE_H

#include <sys/uio.h>

#include "base/bounds.h"
#include "base/budget.h"
#include "protocol/protocol.h"
#include "wire/events.h"

struct wire;

/* Copied by wire_init. */
struct wire_config {
    struct peer_ref ref; /* what its events bear */
    const struct protocol *protocol;
    const struct node_config *node; /* outlives the wire */
    enum direction direction;
    struct facts facts; /* what the session may state */
    bool special;       /* we dial it, as the operator asked for */
    enum purpose purpose;
    const struct address *proxied; /* as session_config says; outlives the wire */
    const struct address *dialed;  /* as stream_config says; outlives the wire */
    struct peer_id expected;       /* who must be there; size 0 for anybody */
    bool refuse; /* answer the handshake with a refusal that carries alternatives, and end */
    const struct endpoint *alternatives; /* outlives the wire */
    size_t n_alternatives;               /* up to ALTERNATIVES_MAX */
    /* Makes the digest of what the peer says, if it is still in the processor's cache; NULL for 0 in its
     * place. The context outlives the wire. */
    uint64_t (*digest)(const void *context, uint32_t kind, const struct parcel *p);
    const void *digest_context;
    /* Pays for its receive buffer, beyond the small one that each has, and for what its session keeps. Used
     * by the wire's thread; outlives the wire, whose owner closes it. */
    struct budget_account *account;
    uint64_t (*random)(void *context);
    int64_t (*wall_ms)(void *context); /* since 1970 */
    void *context;                     /* of both; outlives the wire */
};

/* Messages of wire_send that the wire is through with: their budget is free again. */
struct wire_done {
    uint32_t messages;
    uint64_t bytes; /* of payload */
};

/* --- its life --- */

/* How much memory a wire of that protocol needs, aligned as malloc does. */
size_t wire_size(const struct protocol *p);

/* Makes a wire in `memory`, which stays the caller's; it holds nothing else yet. Copies *config. */
struct wire *wire_init(void *memory, const struct wire_config *config);

/* There is a connection to `remote`, begun at begun_ms, both as session_config says: starts the stream and
 * the session. If memory is short, the wire is over. */
void wire_open(struct wire *w, int64_t now_ms, int64_t begun_ms, const struct endpoint *remote);

/* No more bytes come or go, opened or not, over or not. Closes the session and the stream, wipes them, and
 * gives back all memory but for the messages that did not go whole, of which it returns the sum; wire_event
 * still tells what was not told yet. */
struct wire_done wire_close(struct wire *w);

/* After wire_close. Gives `discard`, which takes them, the messages that did not go whole, oldest first.
 * Nothing else is left of the wire then but its memory. */
void wire_fini(struct wire *w, void (*discard)(void *context, struct message *m), void *context);

/* --- what comes --- */

/* It would read if there were bytes. False while the events of those before were not all taken, while the
 * peer sends more than it may, or does not read our answers, while it is starved, and once the wire is over.
 */
bool wire_wants_bytes(const struct wire *w);

/* The budget has no room for what comes next, and the account says what it wants. The wire tries again by
 * itself, at wire_deadline. Meanwhile its owner wakes the keeper of the budget. */
bool wire_is_starved(const struct wire *w);

/* If wire_wants_bytes: where the next bytes are to be received, *size of them at most. NULL, and the wire is
 * starved, or over if memory is short or what came is longer than the limits say. Until the next call. */
uint8_t *wire_room(struct wire *w, size_t *size);
void wire_filled(struct wire *w, size_t n); /* so many bytes, 1 or more, have come to wire_room */

/* The same without a buffer, which is cheaper for a peer that seldom says a little. If the wire has none, up
 * to WIRE_LEND_MAX bytes that came may be lent to it: a stream changes them in place, and they must stay
 * until wire_return_bytes, which copies what is left of them. Whoever receives that many is to lend as many
 * as it got, since a full measure says that there is more to come. */
#define WIRE_LEND_MAX 4096
bool wire_has_buffer(const struct wire *w);
void wire_lend_bytes(struct wire *w, uint8_t *bytes, size_t n);
void wire_return_bytes(struct wire *w);

/* The next that the controller is to be told, in the order in which it came; false if there is nothing, or
 * nothing more before the peer may go on. The caller owns it. The handshake's and MSG_ALIVE are a few in all
 * and go ahead of others; MSG_ENDED, MSG_LEFT and MSG_IDLE are not the wire's. */
bool wire_event(struct wire *w, int64_t now_ms, struct message *m);

/* There is no room for the last event, which the wire owns again: it is the next, and until it is taken the
 * wire reads nothing. */
void wire_put_back(struct wire *w, const struct message *m);
bool wire_is_held(const struct wire *w); /* there is one that was put back */

/* True if the peer has sent signs of life since the last call that show that it reads, though slowly. */
bool wire_take_signs(struct wire *w);

/* --- what goes --- */

#define WIRE_SEND_MAX 32 /* messages of one wire_send */

/* Room for WIRE_SEND_MAX messages, after the handshake. Without memory for them the wire is over. */
bool wire_takes(struct wire *w);

/* If wire_takes: up to WIRE_SEND_MAX messages for the peer, which the wire owns then. Returns those that the
 * session can't say; they are released, and told by MSG_LOST if the application sent them. */
struct wire_done wire_send(struct wire *w, int64_t now_ms, const struct message *m, size_t n);

/* The bytes that the socket is to take next: fills up to `most` entries, and returns how many. They point
 * into the wire, until the next call that changes it. */
int wire_output(const struct wire *w, struct iovec *iov, int most);

/* The socket took the first n of them. Returns the messages that have gone whole. */
struct wire_done wire_written(struct wire *w, size_t n);

bool wire_has_output(const struct wire *w);
bool wire_carries(const struct wire *w);  /* messages of wire_send have not gone whole */
bool wire_is_ready(const struct wire *w); /* the handshake is done */

/* The peer takes nothing any more; what it sent before is still read, and answers to it are thrown away. */
void wire_stop_output(struct wire *w);
bool wire_output_stopped(const struct wire *w);

/* The peer sends nothing more: it has closed its side, or is gone, and the owner has seen that before it has
 * read all. What came before the end is still read. If that waits for the peer to read our answers, the
 * answers are given up, and with them all output. If it waits for limits.rate, it waits for the silence limit
 * at most, and then the wire is over. */
void wire_left(struct wire *w, int64_t now_ms);
bool wire_has_left(const struct wire *w);

/* The peer has closed its side, and all that it sent was read: only if wire_wants_bytes. True if the service
 * may still owe it answers (service_ops.owes): nothing more is read, and MSG_FINISHED is told. The owner ends
 * the wire by END_CLOSED if it is not asked to within a while. False: the wire is over. */
bool wire_finish(struct wire *w);

/* --- time, and what the controller asks --- */

/* When wire_tick must run next; INT64_MAX for never. */
int64_t wire_deadline(const struct wire *w);

/* Does what is due: pings, timeouts. True if there was anything; then the owner begins another step. */
bool wire_tick(struct wire *w, int64_t now_ms);

/* After MSG_MET of a wire that dials: the peer is to be talked with. */
void wire_consent(struct wire *w, int64_t now_ms);

/* Is the peer alive? If bytes come within a ping's time, MSG_ALIVE says so; else the wire ends with
 * END_SILENT. */
void wire_probe(struct wire *w, int64_t now_ms);

/* A peer that is read more slowly than it sends is told from time to time that it is read on all the same.
 * wire_owes_sign: it is time to. Then wire_show_progress says so if `progress`, any number that changes when
 * the reader of the events gets on, is another than before; true if it did. */
bool wire_owes_sign(const struct wire *w, int64_t now_ms);
bool wire_show_progress(struct wire *w, int64_t now_ms, uint64_t progress);

/* Gives back the memory that nothing lies in. */
void wire_trim(struct wire *w);

/* Any thread. The rows of one of `count` wires of that protocol. */
void wire_bounds(struct bounds *b, const struct protocol *p, const struct node_config *node, uint64_t count);

/* --- its end --- */

/* As wire_end without a text, but if it is not over the session may add last words. True if it did: they are
 * in wire_output. They are left out if the peer has left much of what was sent before. */
bool wire_leave(struct wire *w, int64_t now_ms, enum end_reason reason);

/* Ends it with that reason; text may be NULL. The first reason stays. Nothing more is read. */
void wire_end(struct wire *w, enum end_reason reason, const char *text);
bool wire_is_over(const struct wire *w);
/* The session or the stream ended it: its last bytes are for the peer to read. */
bool wire_flushes(const struct wire *w);

/* Once it is over. The ending is from malloc and the caller's from then on; `remote` in it is not filled.
 * NULL without memory. */
enum end_reason wire_end_reason(const struct wire *w);
struct ending *wire_take_ending(struct wire *w);

#endif
