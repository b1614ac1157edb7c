/* The bounded queue of the program: messages by value from one writer or several to one reader. A ring of
 * slots (queue/ring.h), the budget that bounds it, and the wake of the thread that waits for messages or for
 * room.
 *
 * The one rule of queues, "progress waits, stall drops", lives in struct stall_gate (queue/stall_gate.h). A
 * writer that meets a full queue waits while the reader makes progress. Once the reader has made none for the
 * stall time, the oldest messages of that queue make room; each is handed back to the writer, which counts
 * it.
 *
 * The budget is held from queue_post until queue_done, not until queue_take: what the reader has taken but
 * not yet finished with (bytes that the socket has not accepted) still counts. A parcel larger than the whole
 * byte budget is accepted by an empty queue, so that no payload is impossible to send. */
#ifndef KITH_QUEUE_QUEUE_H
#define KITH_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/bell.h"
#include "queue/message.h"

struct queue;
struct nonempty_list;

#define QUEUE_MOST      ((uint32_t)1 << 24)
#define QUEUE_BYTES_MAX ((uint64_t)1 << 37)

struct queue_config {
    uint32_t messages; /* the most that it holds, 1 .. QUEUE_MOST */
    /* The most bytes of parcels that it holds, up to QUEUE_BYTES_MAX. 0: bytes do not count; the number of
     * messages alone is bounded. */
    uint64_t bytes;
    bool many_writers;          /* several threads may post at once; one alone is cheaper */
    struct bell *reader_bell;   /* rung by queue_wake; outlives the queue */
    struct bell *writer_bell;   /* rung when a writer that met it full should look again; NULL for none;
                                   outlives the queue */
    struct nonempty_list *list; /* queue_wake lists the queue here; NULL for none; outlives the queue */
    struct peer_ref ref;        /* its entry in that list */
};

/* Any thread; does not block. Copies *config. NULL if memory is short or the config is out of its limits. */
struct queue *queue_new(const struct queue_config *config);

/* Any thread; does not block. The memory of a queue of so many messages, without what they point at. */
uint64_t queue_memory(uint32_t messages);

/* One thread, when no other uses it any more; does not block. Every message still inside goes to `discard`,
 * which owns it. If `discard` is NULL, the parcels are released; a queue of anything else must be empty then.
 * A queue of NULL is allowed. */
void queue_free(struct queue *q, void (*discard)(void *context, struct message *message), void *context);

/* --- writers --- */

/* How to wait for room. The owner of writer_bell posts once more between bell_lie_down and poll, and sleeps
 * on that bell if this post fails too. The bell rings when half of the queue is free, or at the first room
 * that is made once the writer has waited for 10 ms. So a writer that must not miss the step of a slow reader
 * also tries again by itself, as stall_gate_deadline says. The bell does not say which queue has room, nor
 * that the message will fit: the owner tries again whenever it is up. Several writers of one queue share the
 * one bell, so only its owner may wait in this way. */

/* A writer's thread; never blocks. True: the queue owns the message. False if there is no room: it is still
 * the caller's, and writer_bell rings later. Does not wake the reader: after a batch, call queue_wake once.
 */
bool queue_post(struct queue *q, const struct message *message);

/* A writer's thread; never blocks. Lists the queue and wakes its reader if that sleeps. */
void queue_wake(struct queue *q);

/* The same as both, for messages that come one by one. */
bool queue_post_and_wake(struct queue *q, const struct message *message);

/* The thread of the only writer; never blocks. Sets the most bytes of a queue that counts them, 1 ..
 * QUEUE_BYTES_MAX. If more than that are inside, they stay. */
void queue_set_bytes(struct queue *q, uint64_t bytes);

/* The thread of the only writer; never blocks. For a writer that has nothing to post for a while: gives the
 * memory of an empty queue back to the system. If the queue is not empty, does nothing and returns false: the
 * caller tries again later. Of a queue with many writers nothing is ever given back. */
bool queue_trim(struct queue *q);

/* A writer's thread; never blocks. Takes the oldest message out, as the reader would, and gives its budget
 * back. The caller owns the message. False if nothing is left in it (the reader may still hold some). */
bool queue_drop_oldest(struct queue *q, struct message *oldest);

/* Dropping others than the oldest (queue/fair_drop.h). queue_claim takes out all that is inside, in one step
 * and oldest first. The caller owns these messages; the budget goes on counting them. `messages` has room for
 * config.messages; returns how many they are. Until queue_put_back the caller posts nothing, and the reader
 * finds nothing, or none of those that are still to come: queue_claims tells it. queue_forget gives back the
 * budget of a claimed message that is not put back; its parcel is still the caller's. queue_put_back takes
 * the others, n of them in their order, and ends the claim: to be called also if n is 0. All three: the
 * thread of the only writer; never block. */
size_t queue_claim(struct queue *q, struct message *messages);
void queue_forget(struct queue *q, const struct message *message);
void queue_put_back(struct queue *q, const struct message *messages, size_t n);

/* --- the reader: none of its functions blocks --- */

/* The reader's thread. Takes up to `most` messages, oldest first, which the caller owns; returns how many.
 * The budget counts them until queue_done. */
size_t queue_take(struct queue *q, struct message *messages, size_t most);

/* The reader's thread. It is done with this number of the messages that it took, and with the bytes of their
 * payloads: never with more than it took. Their budget is free again, and a writer that waits for room is
 * woken as said above. */
void queue_done(struct queue *q, uint32_t messages, uint64_t bytes);

/* The reader's thread, of a queue that counts no bytes. Takes a message and frees its budget at once; false
 * if there is none. */
bool queue_take_one(struct queue *q, struct message *message);

/* The reader's thread. It has not finished a message, but has made progress: `steps`, 1 or more, is how much
 * (bytes that went to the socket). True if a writer waits for room, as queue_wants_room says. */
bool queue_getting_on(struct queue *q, uint64_t steps);

/* The reader's thread. It has made no progress itself, but the reader that it passes the messages on to says
 * that it does. */
void queue_sign(struct queue *q);

/* The reader's thread, once, of a queue with many writers. No writer gets room after this. Messages that were
 * let in before can still be taken: once queue_fill says 0 there are no more. writer_bell rings. */
void queue_close(struct queue *q);

/* The reader's thread, after it took the queue's ref off the list and BEFORE it empties the queue: the next
 * queue_wake lists the queue again. If the reader leaves something inside, it calls queue_wake itself. */
void queue_unlist(struct queue *q);

/* --- any thread: snapshots, which may be out of date when they are returned; none blocks --- */

/* How much of the budget is used. Never above the config, except if one parcel is larger than all of its
 * bytes. */
void queue_fill(const struct queue *q, uint32_t *messages, uint64_t *bytes);
bool queue_empty(const struct queue *q); /* nothing is inside; the reader may still hold some */

/* Grows by one when a claim begins and by one when it ends: it is odd while the writer has the messages. A
 * reader that finds nothing inside knows that nothing was, if it reads the same even number before and after
 * that look. */
uint32_t queue_claims(const struct queue *q);

/* A number, never 0, that grows whenever the reader makes progress: by one with queue_done, by the steps of
 * queue_getting_on; not with queue_take, and not when a writer drops. */
uint64_t queue_progress(const struct queue *q);
uint64_t queue_signs(const struct queue *q); /* how often queue_sign was called */

/* True if a writer waits for room: then a reader that gives budget back for several messages at once does so
 * earlier. */
bool queue_wants_room(const struct queue *q);

#endif
