/* Rings of fixed slots between threads, and the one fence that sleeping needs: a thin layer over Concurrency
 * Kit, whose ck_ring.h no other file includes.
 *
 * CK's atomics are inline assembly that ThreadSanitizer can't see. ring.c is therefore always built without
 * that sanitizer, and with optimisation so that copying a slot never becomes a call of the (instrumented)
 * memcpy; under ThreadSanitizer it is built with KITH_TSAN, and names each handover to it by hand. */
#ifndef KITH_QUEUE_RING_H
#define KITH_QUEUE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/message.h"

#define RING_MOST ((uint32_t)1 << 24)

struct ring;

enum ring_kind {
    RING_OF_MESSAGES,
    RING_OF_REFS, /* any number of threads may put */
};

/* Any thread; does not block. A ring that holds at least `most` (1 .. RING_MOST) slots of that kind. Its
 * memory is not touched before it is used. many_writers: whether several threads may put at once. NULL if
 * memory is short or `most` is out of its limits. */
struct ring *ring_new(enum ring_kind kind, uint32_t most, bool many_writers);
uint64_t ring_memory(enum ring_kind kind, uint32_t most); /* what that takes */
void ring_free(struct ring *r); /* when no thread uses it any more; NULL is allowed */

/* A writer's thread. Copies the slot in; false if the ring is full. Everything that the thread did before
 * is visible to the one that takes the slot. Putting takes two steps. If one of many writers is suspended
 * between them, the others yield the processor until it has run. */
bool ring_put_message(struct ring *r, const struct message *message);
bool ring_put_ref(struct ring *r, struct peer_ref ref);

/* The thread of the only writer; does not block. Gives the memory of the slots back to the system, if they
 * were used since the last time: a ring that was full once would otherwise keep it all. If the ring is not
 * empty, does nothing and returns false. Of a ring with many writers nothing is ever given back. */
bool ring_trim(struct ring *r);

/* Any thread, several at once; oldest first. Up to `most` messages, and how many they are; false if the
 * ring is empty. None blocks. */
size_t ring_take_messages(struct ring *r, struct message *messages, size_t most);
bool ring_take_ref(struct ring *r, struct peer_ref *ref);

/* Any thread; a snapshot. */
bool ring_empty(const struct ring *r);

/* A full fence: every load and store before it comes before every load and store after it, for all threads.
 */
void ring_fence(void);

#endif
