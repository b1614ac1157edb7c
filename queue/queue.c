#include "queue/queue.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "queue/nonempty_list.h"
#include "queue/parcel.h"
#include "queue/ring.h"

_Static_assert(QUEUE_MOST == RING_MOST, "the limit is that of a ring");

/* The budget is two counters, each written by one side: what was put in, less what writers took out again,
 * and what the reader is done with. The difference is what the queue is charged for. */
struct queue {
    struct queue_config config;
    struct ring *ring;
    _Atomic uint64_t most_bytes;       /* config.bytes, or what queue_set_bytes has made of it */
    _Alignas(64) _Atomic uint64_t put; /* the writers' side */
    _Atomic bool listed;
    _Atomic uint32_t claims;
    _Alignas(64) _Atomic uint64_t done; /* the reader's side */
    _Atomic uint64_t progress;
    _Atomic uint64_t signs;
    _Atomic bool wants_room;   /* beside `done`: the reader looks at it each time it writes that */
    _Atomic int64_t wanted_ms; /* when a writer raised that flag; of clock_ms */
};

/* Both bounds live in one word, the messages above their bytes, so that one atomic step checks and takes
 * both. Sums and differences of such words are those of their parts, and the parts have room: 2^26 messages
 * against the 2^24 of QUEUE_MOST, 2^38 bytes against the 2^37 of QUEUE_BYTES_MAX. */
#define BYTE_BITS   38
#define ONE_MESSAGE ((uint64_t)1 << BYTE_BITS)

static uint64_t messages_of(uint64_t charge)
{
    return charge >> BYTE_BITS;
}

static uint64_t bytes_of(uint64_t charge)
{
    return charge & (ONE_MESSAGE - 1);
}

/* Relaxed: a reader that still sees the number of before calls the writer a little sooner or later. */
static uint64_t bytes_most(const struct queue *q)
{
    return atomic_load_explicit(&q->most_bytes, memory_order_relaxed);
}

/* Whether that much is within both bounds. One function, not three: each message passes it in each queue. */
static bool is_within(const struct queue *q, uint64_t charge)
{
    return charge >> BYTE_BITS <= q->config.messages &&
           (charge & (ONE_MESSAGE - 1)) <= atomic_load_explicit(&q->most_bytes, memory_order_relaxed);
}

static uint64_t charge_of(const struct queue *q, const struct message *message)
{
    bool has_payload = q->config.bytes > 0 && message->parcel;
    return ONE_MESSAGE + (has_payload ? message->parcel->size : 0);
}

/* --- start and end --- */

struct queue *queue_new(const struct queue_config *config)
{
    if (!config->reader_bell || config->bytes > QUEUE_BYTES_MAX) {
        return NULL;
    }
    struct queue *q = aligned_alloc(_Alignof(struct queue), sizeof *q);
    if (!q) {
        return NULL;
    }
    /* progress: not 0, so that a stall gate that is all zero has not seen it yet. */
    *q = (struct queue){.config = *config,
                        .most_bytes = config->bytes,
                        .ring = ring_new(RING_OF_MESSAGES, config->messages, config->many_writers),
                        .progress = 1};
    if (!q->ring) {
        free(q);
        return NULL;
    }
    return q;
}

uint64_t queue_memory(uint32_t messages)
{
    return sizeof(struct queue) + ring_memory(RING_OF_MESSAGES, messages);
}

void queue_free(struct queue *q, void (*discard)(void *context, struct message *message), void *context)
{
    if (!q) {
        return;
    }
    struct message left;
    while (ring_take_messages(q->ring, &left, 1) == 1) {
        if (discard) {
            discard(context, &left);
        } else {
            parcel_release(left.parcel);
        }
    }
    ring_free(q->ring);
    free(q);
}

/* --- writers --- */

/* Everywhere `done` is read before `put`: whatever is done was put before, so the difference is never
 * negative. Read the other way round it could be, and an empty queue would look endlessly full. What `done`
 * has gained meanwhile makes the difference too large, never too small: the bounds hold. */
static bool reserve(struct queue *q, uint64_t charge)
{
    for (;;) {
        /* Acquire, with the release in queue_done: without it this thread could see the budget free while the
         * ring still shows it the slot as taken. */
        uint64_t done = atomic_load_explicit(&q->done, memory_order_acquire);
        /* Acquire, with the release in take_back, as another writer's slot is freed that way. */
        uint64_t put = atomic_load_explicit(&q->put, memory_order_acquire);
        if (put != done && !is_within(q, put - done + charge)) {
            return false;
        }
        if (!q->config.many_writers) {
            /* This thread alone writes it. Relaxed: whoever must know the new value learns of it through the
             * ring. */
            atomic_store_explicit(&q->put, put + charge, memory_order_relaxed);
            return true;
        }
        /* One step, not an addition that is undone when it was too much: that would show the others a full
         * queue which is not, and one of them would wait for room that nobody is going to make. */
        if (atomic_compare_exchange_weak_explicit(&q->put, &put, put + charge, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
}

/* The queue is full. Says that a writer wants room, then looks once more. Never inlined, so that a post that
 * finds room does not pay for it.
 *
 * Without the second look: the reader may have made its last room between the first look and the flag; it saw
 * no flag and never rings. Without the fence the second look may be done before the flag is visible, which
 * comes to the same. The flag is not cleared if the second look finds room, since it may be another writer's
 * by then; one ring too many is harmless. */
static __attribute__((noinline)) bool want(struct queue *q, uint64_t charge)
{
    if (!q->config.writer_bell) {
        return false;
    }
    /* Before the flag, whose release covers it. A flag that is up keeps its time: a writer that tries again
     * and again would otherwise never have waited long. */
    if (!queue_wants_room(q)) {
        atomic_store_explicit(&q->wanted_ms, clock_ms(), memory_order_relaxed);
    }
    /* Release, with the acquire in call_writer. */
    atomic_store_explicit(&q->wants_room, true, memory_order_release);
    ring_fence();
    return reserve(q, charge);
}

bool queue_post(struct queue *q, const struct message *message)
{
    uint64_t charge = charge_of(q, message);
    if (!reserve(q, charge) && !want(q, charge)) {
        return false;
    }
    /* The ring has a slot for every message of the budget: it is full only if the reader was "done" with
     * messages that it never took. To go on would be to lose the message. */
    if (!ring_put_message(q->ring, message)) {
        abort();
    }
    return true;
}

/* Puts the queue on its list unless it is there. The exchange is acquire and release: the messages that were
 * posted come before it, and if it finds the flag up, the reader's own exchange in queue_unlist comes after
 * it and so sees them. With a load and a store, two writers could list the queue twice, or a writer could
 * take the flag for up while the reader has looked into the queue already. */
static void list_once(struct queue *q)
{
    if (atomic_exchange_explicit(&q->listed, true, memory_order_acq_rel)) {
        return;
    }
    if (nonempty_list_put(q->config.list, q->config.ref)) {
        return;
    }
    /* More entries than the list was made for. Lowered again, so that the next wake tries again. */
    atomic_store_explicit(&q->listed, false, memory_order_release);
}

void queue_wake(struct queue *q)
{
    /* Listed before the bell rings: the reader looks at the list, not at the queue, before it sleeps. */
    if (q->config.list) {
        list_once(q);
    }
    bell_ring(q->config.reader_bell);
}

bool queue_post_and_wake(struct queue *q, const struct message *message)
{
    if (!queue_post(q, message)) {
        return false;
    }
    queue_wake(q);
    return true;
}

void queue_set_bytes(struct queue *q, uint64_t bytes)
{
    atomic_store_explicit(&q->most_bytes, bytes, memory_order_relaxed);
}

bool queue_trim(struct queue *q)
{
    return ring_trim(q->ring);
}

/* --- room --- */

/* A writer that has waited this long is woken for any room that there is. */
#define PATIENCE_MS 10

bool queue_wants_room(const struct queue *q)
{
    return atomic_load_explicit(&q->wants_room, memory_order_relaxed);
}

static __attribute__((noinline)) bool has_waited_long(const struct queue *q)
{
    return clock_ms() - atomic_load_explicit(&q->wanted_ms, memory_order_relaxed) >= PATIENCE_MS;
}

static bool at_most_half(const struct queue *q)
{
    uint64_t done = atomic_load_explicit(&q->done, memory_order_acquire);
    uint64_t used = atomic_load_explicit(&q->put, memory_order_relaxed) - done;
    return messages_of(used) <= q->config.messages / 2 && bytes_of(used) <= bytes_most(q) / 2;
}

/* After the budget has shrunk. If the reader is fast, a writer is told of room at half, so that it wakes for
 * a batch and not for each message. If the reader is slow, the writer is told of each step once it has waited
 * for PATIENCE_MS: at half alone, a reader that takes a message now and then would look as if it stood still.
 * A waiting writer is always woken: the queue is not empty, so this runs again, and its last run leaves the
 * queue empty, which is below half. If the queue is below half and yet too full for that writer's parcel, it
 * posts again in vain, which sets the flag again, and the next to make room rings again. */
static void call_writer(struct queue *q)
{
    if (!q->config.writer_bell) {
        return;
    }
    /* Without this fence the flag may be read before the room is visible: no flag yet, while the writer,
     * which raises it now, still finds the queue full. */
    ring_fence();
    /* Acquire: without it, the fill may be read from before the writer's own take_back, and seem above half
     * for the last time that anyone looks. */
    if (!atomic_load_explicit(&q->wants_room, memory_order_acquire)) {
        return;
    }
    if (!at_most_half(q) && !has_waited_long(q)) {
        return;
    }
    /* Lowered before the ring, not after it: a writer that the ring wakes may raise the flag at once, and
     * that must not be wiped away. If it is raised just before it is lowered here, the writer is lying down
     * and hears the ring. */
    atomic_store_explicit(&q->wants_room, false, memory_order_relaxed);
    bell_ring(q->config.writer_bell);
}

/* A message that a writer has taken no longer counts. */
static void take_back(struct queue *q, uint64_t charge)
{
    if (!q->config.many_writers) {
        /* The only writer makes room for itself: it is awake, and it alone writes `put`. */
        uint64_t put = atomic_load_explicit(&q->put, memory_order_relaxed);
        atomic_store_explicit(&q->put, put - charge, memory_order_relaxed);
        return;
    }
    /* Release: see reserve. */
    atomic_fetch_sub_explicit(&q->put, charge, memory_order_release);
    call_writer(q);
}

bool queue_drop_oldest(struct queue *q, struct message *oldest)
{
    if (ring_take_messages(q->ring, oldest, 1) == 0) {
        return false;
    }
    take_back(q, charge_of(q, oldest));
    return true;
}

/* A reader that sees the head of after the claim also sees that a claim has begun: the step that moves the
 * head is a release. With the number written after that step, a reader could take the queue for empty. */
size_t queue_claim(struct queue *q, struct message *messages)
{
    uint32_t claims = atomic_load_explicit(&q->claims, memory_order_relaxed);
    atomic_store_explicit(&q->claims, claims + 1, memory_order_relaxed);
    return ring_take_messages(q->ring, messages, q->config.messages);
}

void queue_forget(struct queue *q, const struct message *message)
{
    take_back(q, charge_of(q, message));
}

/* The ring has a slot for each: they were in it before, and nobody else puts. */
void queue_put_back(struct queue *q, const struct message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!ring_put_message(q->ring, &messages[i])) {
            abort();
        }
    }
    /* Release: with a relaxed store a reader could see that the claim is over, and not yet what was put
     * back. */
    uint32_t claims = atomic_load_explicit(&q->claims, memory_order_relaxed);
    atomic_store_explicit(&q->claims, claims + 1, memory_order_release);
}

/* --- the reader --- */

size_t queue_take(struct queue *q, struct message *messages, size_t most)
{
    return ring_take_messages(q->ring, messages, most);
}

void queue_done(struct queue *q, uint32_t messages, uint64_t bytes)
{
    if (messages == 0 && bytes == 0) {
        return;
    }
    /* Before the room is given back: a writer that the bell wakes should not judge by the old number. */
    queue_getting_on(q, 1);
    /* A load and a store: the reader alone writes it. Release: see reserve. */
    uint64_t done = atomic_load_explicit(&q->done, memory_order_relaxed);
    atomic_store_explicit(&q->done, done + messages * ONE_MESSAGE + bytes, memory_order_release);
    call_writer(q);
}

bool queue_take_one(struct queue *q, struct message *message)
{
    if (ring_take_messages(q->ring, message, 1) == 0) {
        return false;
    }
    queue_done(q, 1, 0);
    return true;
}

bool queue_getting_on(struct queue *q, uint64_t steps)
{
    /* A load and a store: the reader alone writes it. */
    uint64_t progress = atomic_load_explicit(&q->progress, memory_order_relaxed);
    atomic_store_explicit(&q->progress, progress + steps, memory_order_relaxed);
    return atomic_load_explicit(&q->wants_room, memory_order_relaxed);
}

void queue_sign(struct queue *q)
{
    /* A load and a store: the reader alone writes it. */
    uint64_t signs = atomic_load_explicit(&q->signs, memory_order_relaxed);
    atomic_store_explicit(&q->signs, signs + 1, memory_order_relaxed);
}

/* A number of messages that leaves no budget any room: QUEUE_MOST is 2^24, and the word counts up to 2^26. */
#define CLOSED ((uint64_t)1 << 25)

/* One step on the word that grants room: a writer has got room before, and queue_fill shows it, or gets none.
 * With a flag beside the word a writer could see the queue open, be put to sleep, and post after the last
 * look.
 */
void queue_close(struct queue *q)
{
    atomic_fetch_add_explicit(&q->put, CLOSED * ONE_MESSAGE, memory_order_acq_rel);
    if (q->config.writer_bell) {
        bell_ring(q->config.writer_bell);
    }
}

void queue_unlist(struct queue *q)
{
    /* A flag that is down needs no step: the next wake finds it down, or has raised it and lists the queue.
     * One that was raised just now and is not seen yet stays up, as its entry stays on the list. */
    if (!atomic_load_explicit(&q->listed, memory_order_relaxed)) {
        return;
    }
    /* An exchange although its result is of no use: a plain store could still be on its way when the reader,
     * emptying the queue next, finds it empty, while a writer that posts now finds the flag up and does not
     * list it. */
    atomic_exchange_explicit(&q->listed, false, memory_order_acq_rel);
}

/* --- any thread --- */

void queue_fill(const struct queue *q, uint32_t *messages, uint64_t *bytes)
{
    uint64_t done, put;
    /* Until `done` stood still while `put` was read: otherwise the difference belongs to no moment, and may
     * be above the bounds. The acquires keep the three loads in their order. */
    do {
        done = atomic_load_explicit(&q->done, memory_order_acquire);
        put = atomic_load_explicit(&q->put, memory_order_acquire);
    } while (done != atomic_load_explicit(&q->done, memory_order_relaxed));
    *messages = (uint32_t)(messages_of(put - done) & (CLOSED - 1));
    *bytes = bytes_of(put - done);
}

bool queue_empty(const struct queue *q)
{
    return ring_empty(q->ring);
}

/* Acquire: with the release in queue_put_back. It also keeps the reader's look between its two loads; that
 * the second does not come before the look, the acquire of the head sees to. */
uint32_t queue_claims(const struct queue *q)
{
    return atomic_load_explicit(&q->claims, memory_order_acquire);
}

uint64_t queue_progress(const struct queue *q)
{
    /* Relaxed: it is compared with its own earlier value, and nothing is read on the strength of it. */
    return atomic_load_explicit(&q->progress, memory_order_relaxed);
}

uint64_t queue_signs(const struct queue *q)
{
    /* Relaxed: as queue_progress. */
    return atomic_load_explicit(&q->signs, memory_order_relaxed);
}
