#include "queue/mailbox.h"

#include <stdlib.h>

#include "queue/lane.h"
#include "queue/parcel.h"
#include "queue/ready.h"

_Static_assert(MAILBOX_MOST == RING_MOST && MAILBOX_BYTES_MAX == LANE_BYTES_MAX,
               "the limits are those of a lane");

struct mailbox {
    struct lane data;
    struct lane control; /* where terms.controls is 0: no ring, never used */
    bool has_control;
    struct bell *reader_bell;
    struct ready *ready;
    struct peer_ref name;
    _Alignas(64) _Atomic uint64_t progress; /* the reader writes it, and the next */
    _Atomic uint64_t signs;
    _Alignas(64) _Atomic bool listed;
};

static uint32_t payload_of(const struct message *message)
{
    return message->parcel == NULL ? 0 : message->parcel->size;
}

static bool open_lanes(struct mailbox *m, const struct mailbox_terms *t)
{
    struct lane_terms terms = {.parcels = t->parcels,
                               .bytes = t->bytes,
                               .many_writers = t->many_writers,
                               .writer_bell = t->writer_bell};
    if (!lane_init(&m->data, &terms))
        return false;
    m->has_control = t->controls > 0;
    if (!m->has_control)
        return true;
    terms.parcels = t->controls;
    terms.bytes = 0;
    if (lane_init(&m->control, &terms))
        return true;
    lane_fini(&m->data);
    return false;
}

struct mailbox *mailbox_new(const struct mailbox_terms *terms)
{
    if (terms->reader_bell == NULL)
        return NULL;
    struct mailbox *m = aligned_alloc(_Alignof(struct mailbox), sizeof *m);
    if (m == NULL)
        return NULL;
    if (!open_lanes(m, terms)) {
        free(m);
        return NULL;
    }
    m->reader_bell = terms->reader_bell;
    m->ready = terms->ready;
    m->name = terms->name;
    /* Not 0, so that an outlet that is all zero has not seen it yet. */
    atomic_init(&m->progress, 1);
    atomic_init(&m->signs, 0);
    atomic_init(&m->listed, false);
    return m;
}

static void release_parcel(void *context, struct message *message)
{
    (void)context;
    parcel_release(message->parcel);
}

static void free_body(void *context, struct message *message)
{
    (void)context;
    free(message->parcel); /* or whichever pointer it is */
}

static void discard_lane(struct lane *l, void (*discard)(void *context, struct message *message),
                         void *context)
{
    struct message left;
    while (lane_take(l, &left, 1) == 1)
        discard(context, &left);
    lane_fini(l);
}

void mailbox_free(struct mailbox *m, void (*discard)(void *context, struct message *message), void *context)
{
    if (m == NULL)
        return;
    discard_lane(&m->data, discard == NULL ? release_parcel : discard, context);
    if (m->has_control)
        discard_lane(&m->control, discard == NULL ? free_body : discard, context);
    free(m);
}

enum mailbox_result mailbox_post(struct mailbox *m, const struct message *message)
{
    return lane_post(&m->data, message, payload_of(message)) ? MAILBOX_OK : MAILBOX_FULL;
}

enum mailbox_result mailbox_post_control(struct mailbox *m, const struct message *message)
{
    if (!m->has_control || !lane_post(&m->control, message, 0))
        return MAILBOX_FULL;
    mailbox_wake(m);
    return MAILBOX_OK;
}

/* Puts the mailbox on its ready list unless it is there. The exchange is a step of both kinds of order: the
 * messages that were posted come before it, and where it finds the flag up, the reader's own exchange in
 * mailbox_unlist comes after it and so sees them. With a load and a store, two writers could list the mailbox
 * twice, or a writer could take the flag for up while the reader has looked into the mailbox already. */
static void list_once(struct mailbox *m)
{
    if (atomic_exchange_explicit(&m->listed, true, memory_order_acq_rel))
        return;
    if (ready_put(m->ready, m->name))
        return;
    /* More names than the list was made for. Lowered again, so that the next wake tries again. */
    atomic_store_explicit(&m->listed, false, memory_order_release);
}

void mailbox_wake(struct mailbox *m)
{
    /* Listed before the bell rings: the reader looks at the list, not at the mailbox, before it sleeps. */
    if (m->ready != NULL)
        list_once(m);
    bell_ring(m->reader_bell);
}

bool mailbox_rest(struct mailbox *m)
{
    return lane_rest(&m->data);
}

void mailbox_unlist(struct mailbox *m)
{
    /* An exchange although its result is of no use: a plain store could still be on its way when the reader,
     * draining the mailbox next, finds it empty, while a writer that posts now finds the flag up and does not
     * list it. */
    atomic_exchange_explicit(&m->listed, false, memory_order_acq_rel);
}

bool mailbox_drop_oldest(struct mailbox *m, struct message *oldest)
{
    if (lane_take(&m->data, oldest, 1) == 0)
        return false;
    lane_take_back(&m->data, payload_of(oldest));
    return true;
}

void mailbox_fill(const struct mailbox *m, uint32_t *parcels, uint64_t *bytes)
{
    lane_fill(&m->data, parcels, bytes);
}

uint64_t mailbox_progress(const struct mailbox *m)
{
    /* Relaxed: it is compared with its own earlier value, and nothing is read on the strength of it. */
    return atomic_load_explicit(&m->progress, memory_order_relaxed);
}

size_t mailbox_take(struct mailbox *m, struct message *messages, size_t most)
{
    return lane_take(&m->data, messages, most);
}

size_t mailbox_take_control(struct mailbox *m, struct message *messages, size_t most)
{
    if (!m->has_control)
        return 0;
    size_t taken = lane_take(&m->control, messages, most < MAILBOX_MOST ? most : MAILBOX_MOST);
    if (taken > 0)
        lane_done(&m->control, (uint32_t)taken, 0);
    return taken;
}

void mailbox_getting_on(struct mailbox *m, uint64_t steps)
{
    /* A load and a store: the reader alone writes it. */
    uint64_t progress = atomic_load_explicit(&m->progress, memory_order_relaxed);
    atomic_store_explicit(&m->progress, progress + steps, memory_order_relaxed);
}

void mailbox_done(struct mailbox *m, uint32_t parcels, uint64_t bytes)
{
    if (parcels == 0 && bytes == 0)
        return;
    /* Before the room is given back: a writer that the bell wakes should not judge by the old number. */
    mailbox_getting_on(m, 1);
    lane_done(&m->data, parcels, bytes);
}

void mailbox_sign(struct mailbox *m)
{
    /* A load and a store: the reader alone writes it. */
    uint64_t signs = atomic_load_explicit(&m->signs, memory_order_relaxed);
    atomic_store_explicit(&m->signs, signs + 1, memory_order_relaxed);
}

uint64_t mailbox_signs(const struct mailbox *m)
{
    /* Relaxed: as mailbox_progress. */
    return atomic_load_explicit(&m->signs, memory_order_relaxed);
}

bool mailbox_wants_room(const struct mailbox *m)
{
    return lane_wants_room(&m->data);
}

void mailbox_close(struct mailbox *m)
{
    lane_close(&m->data);
}

bool mailbox_empty_control(const struct mailbox *m)
{
    return !m->has_control || ring_empty(m->control.ring);
}

bool mailbox_empty(const struct mailbox *m)
{
    return ring_empty(m->data.ring) && mailbox_empty_control(m);
}
