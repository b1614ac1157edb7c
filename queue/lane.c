#include "queue/lane.h"

#include <stdlib.h>

#include "base/clock.h"

/* Both bounds live in one word, the parcels above their bytes, so that one atomic step checks and takes both.
 * Sums and differences of such words are those of their parts, and the parts have room: 2^26 parcels against
 * the 2^24 of RING_MOST, 2^38 bytes against the 2^37 of LANE_BYTES_MAX. */
#define BYTE_BITS  38
#define ONE_PARCEL ((uint64_t)1 << BYTE_BITS)

static uint64_t charge_of(uint64_t parcels, uint64_t bytes)
{
    return parcels * ONE_PARCEL + bytes;
}

static uint64_t parcels_of(uint64_t charge)
{
    return charge >> BYTE_BITS;
}

static uint64_t bytes_of(uint64_t charge)
{
    return charge & (ONE_PARCEL - 1);
}

bool lane_init(struct lane *l, const struct lane_terms *terms)
{
    if (terms->bytes > LANE_BYTES_MAX)
        return false;
    l->terms = *terms;
    atomic_init(&l->put, 0);
    atomic_init(&l->done, 0);
    atomic_init(&l->wants_room, false);
    atomic_init(&l->wanted_ms, 0);
    l->ring = ring_new(RING_OF_MESSAGES, terms->parcels, terms->many_writers);
    return l->ring != NULL;
}

void lane_fini(struct lane *l)
{
    ring_free(l->ring);
    l->ring = NULL;
}

static bool fits(const struct lane_terms *terms, uint64_t used, uint64_t charge)
{
    if (used == 0)
        return true;
    return parcels_of(used) + parcels_of(charge) <= terms->parcels &&
           bytes_of(used) + bytes_of(charge) <= terms->bytes;
}

/* Everywhere `done` is read before `put`: whatever is done was put before, so the difference is never
 * negative. Read the other way round it could be, and an empty lane would look endlessly full. What `done`
 * has gained meanwhile makes the difference too large, never too small: the bounds hold. */
static bool reserve(struct lane *l, uint64_t charge)
{
    /* Acquire, with the release in lane_done: without it this thread could see the budget free while the ring
     * still shows it the slot as taken. */
    uint64_t done = atomic_load_explicit(&l->done, memory_order_acquire);
    /* Relaxed: this thread alone writes it. */
    uint64_t put = atomic_load_explicit(&l->put, memory_order_relaxed);
    if (!fits(&l->terms, put - done, charge))
        return false;
    /* Relaxed: whoever must know the new value learns of it through the ring. */
    atomic_store_explicit(&l->put, put + charge, memory_order_relaxed);
    return true;
}

static bool reserve_among_many(struct lane *l, uint64_t charge)
{
    uint64_t done, put;
    do {
        /* Read again each time, and before `put`, for the two reasons above. */
        done = atomic_load_explicit(&l->done, memory_order_acquire);
        /* Acquire, with the release in lane_take_back, as another writer's slot is freed that way. */
        put = atomic_load_explicit(&l->put, memory_order_acquire);
        if (!fits(&l->terms, put - done, charge))
            return false;
        /* One step, not an addition that is undone when it was too much: that would show the others a full
         * lane which is not, and one of them would wait for room that nobody is going to make. */
    } while (!atomic_compare_exchange_weak_explicit(&l->put, &put, put + charge, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

static bool reserve_any(struct lane *l, uint64_t charge)
{
    return l->terms.many_writers ? reserve_among_many(l, charge) : reserve(l, charge);
}

/* The lane is full. Says that a writer wants room, then looks once more. Never inlined, so that a post that
 * finds room does not pay for it.
 *
 * Without the second look: the reader may have made its last room between the first look and the flag; it saw
 * no flag and never rings. Without the fence the second look may be done before the flag is visible, which
 * comes to the same. The flag is not cleared where the second look finds room, since it may be another
 * writer's by then; one ring too many is harmless. */
static __attribute__((noinline)) bool want(struct lane *l, uint64_t charge)
{
    if (l->terms.writer_bell == NULL)
        return false;
    /* Before the flag, whose release covers it. A flag that is up keeps its time: a writer that tries again
     * and again would otherwise never have waited long. */
    if (!lane_wants_room(l))
        atomic_store_explicit(&l->wanted_ms, clock_ms(), memory_order_relaxed);
    /* Release, with the acquire in call_writer. */
    atomic_store_explicit(&l->wants_room, true, memory_order_release);
    ring_fence();
    return reserve_any(l, charge);
}

bool lane_post(struct lane *l, const struct message *message, uint32_t bytes)
{
    uint64_t charge = charge_of(1, bytes);
    if (!reserve_any(l, charge) && !want(l, charge))
        return false;
    /* The ring has a slot for every parcel of the budget: it is full only if the reader was "done" with
     * parcels that it never took. To go on would be to lose the message. */
    if (!ring_put_message(l->ring, message))
        abort();
    return true;
}

bool lane_rest(struct lane *l)
{
    return ring_rest(l->ring);
}

size_t lane_take(struct lane *l, struct message *messages, size_t most)
{
    return ring_take_messages(l->ring, messages, most);
}

/* A writer that has waited for so long is woken for whatever room there is. */
#define PATIENCE_MS 10

bool lane_wants_room(const struct lane *l)
{
    return atomic_load_explicit(&l->wants_room, memory_order_relaxed);
}

static __attribute__((noinline)) bool has_waited_long(const struct lane *l)
{
    return clock_ms() - atomic_load_explicit(&l->wanted_ms, memory_order_relaxed) >= PATIENCE_MS;
}

static bool at_most_half(const struct lane *l)
{
    uint64_t done = atomic_load_explicit(&l->done, memory_order_acquire);
    uint64_t used = atomic_load_explicit(&l->put, memory_order_relaxed) - done;
    return parcels_of(used) <= l->terms.parcels / 2 && bytes_of(used) <= l->terms.bytes / 2;
}

/* After the budget has shrunk. If the reader is fast, a writer is told of room at half, so that it wakes for
 * a batch and not for each parcel. If the reader is slow, the writer is told of each step once it has waited
 * for PATIENCE_MS: at half alone, a reader that takes a parcel now and then would look as if it stood still.
 * No writer is forgotten. A lane that is full for it holds something, so the budget shrinks at least once
 * more, and the last time it does the lane is empty. If the lane is below half and yet too full for that
 * writer's parcel, it posts again in vain, which sets the flag again, and the next to make room rings again.
 */
static void call_writer(struct lane *l)
{
    if (l->terms.writer_bell == NULL)
        return;
    /* Without this fence the flag may be read before the room is visible: no flag yet, while the writer,
     * which raises it now, still finds the lane full. */
    ring_fence();
    /* Acquire: without it, the fill may be read from before the writer's own lane_take_back calls, and seem
     * above half for the last time that anyone looks. */
    if (!atomic_load_explicit(&l->wants_room, memory_order_acquire))
        return;
    if (!at_most_half(l) && !has_waited_long(l))
        return;
    /* Lowered before the ring, not after it: a writer that the ring wakes may raise the flag at once, and
     * that must not be wiped away. If it is raised just before it is lowered here, the writer is lying down
     * and hears the ring. */
    atomic_store_explicit(&l->wants_room, false, memory_order_relaxed);
    bell_ring(l->terms.writer_bell);
}

void lane_take_back(struct lane *l, uint32_t bytes)
{
    uint64_t charge = charge_of(1, bytes);
    if (!l->terms.many_writers) {
        /* The only writer makes room for itself: it is awake, and it alone writes `put`. */
        uint64_t put = atomic_load_explicit(&l->put, memory_order_relaxed);
        atomic_store_explicit(&l->put, put - charge, memory_order_relaxed);
        return;
    }
    /* Release: see reserve_among_many. */
    atomic_fetch_sub_explicit(&l->put, charge, memory_order_release);
    call_writer(l);
}

void lane_done(struct lane *l, uint32_t parcels, uint64_t bytes)
{
    /* A load and a store: the reader alone writes it. Release: see reserve. */
    uint64_t done = atomic_load_explicit(&l->done, memory_order_relaxed);
    atomic_store_explicit(&l->done, done + charge_of(parcels, bytes), memory_order_release);
    call_writer(l);
}

/* So many parcels, beside which no budget has room: RING_MOST is 2^24, and the word counts up to 2^26. */
#define CLOSED ((uint64_t)1 << 25)

/* One step on the word that grants room: who got it did so before, and lane_fill shows it, or has none. With
 * a flag beside it a writer could see the lane open, be put to sleep, and post after the last look at it. */
void lane_close(struct lane *l)
{
    atomic_fetch_add_explicit(&l->put, charge_of(CLOSED, 0), memory_order_acq_rel);
    if (l->terms.writer_bell != NULL)
        bell_ring(l->terms.writer_bell);
}

void lane_fill(const struct lane *l, uint32_t *parcels, uint64_t *bytes)
{
    uint64_t done, put;
    /* Until `done` stood still while `put` was read: otherwise the difference belongs to no moment, and may
     * be above the bounds. The acquires keep the three loads in their order. */
    do {
        done = atomic_load_explicit(&l->done, memory_order_acquire);
        put = atomic_load_explicit(&l->put, memory_order_acquire);
    } while (done != atomic_load_explicit(&l->done, memory_order_relaxed));
    *parcels = (uint32_t)(parcels_of(put - done) & (CLOSED - 1));
    *bytes = bytes_of(put - done);
}
