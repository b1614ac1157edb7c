#include "node/watch.h"

#include <stdlib.h>
#include <string.h>

#include "queue/parcel.h"

static const uint32_t most[WATCH_CLASSES] = {
    [WATCH_EVENT] = WATCH_EVENTS, [WATCH_PARCEL] = WATCH_PARCELS, [WATCH_ANSWER] = WATCH_ANSWERS};

enum { PLACES = WATCH_EVENTS + WATCH_PARCELS + WATCH_ANSWERS };

struct watch *watch_new(void)
{
    struct watch *w = aligned_alloc(_Alignof(struct watch), sizeof *w);
    if (!w) {
        return NULL;
    }
    memset(w, 0, sizeof *w);
    w->bell.fd = -1;
    const struct queue_config config = {.messages = PLACES, .reader_bell = &w->bell};
    if (bell_init(&w->bell) == 0) {
        w->queue = queue_new(&config);
        w->last_event = node_event_new(KITH_ENDED, 0, 0);
    }
    if (w->queue && w->last_event) {
        return w;
    }
    watch_free(w);
    return NULL;
}

static void discard(void *context, struct message *m)
{
    (void)context;
    if (m->type == WATCH_PARCEL) {
        parcel_release(m->parcel);
    } else {
        node_event_free(m->event);
    }
}

void watch_free(struct watch *w)
{
    if (!w) {
        return;
    }
    queue_free(w->queue, discard, NULL);
    bell_fini(&w->bell);
    node_event_free(w->last_event);
    free(w);
}

uint64_t watch_memory(uint64_t longest_parcel)
{
    uint64_t one = parcel_memory(1, longest_parcel), many = parcel_memory(WATCH_PARCELS, WATCH_BYTES);
    return queue_memory(PLACES) + (one > many ? one : many);
}

/* --- the controller's thread --- */

/* Acquire: pairs with the release in `count_taken`. The queue frees a place before the reader counts it as
 * taken. With a relaxed load this thread could see the count and not yet the place. It would lose an answer
 * for which there was room. */
static bool has_place(const struct watch *w, enum watch_class class)
{
    return w->put[class] - atomic_load_explicit(&w->taken[class], memory_order_acquire) < most[class];
}

/* Of what is the watch's. False: there was no room, and it is still the caller's. */
static bool put(struct watch *w, enum watch_class class, const struct message *m)
{
    if (!has_place(w, class) || !queue_post_and_wake(w->queue, m)) {
        return false;
    }
    w->put[class]++;
    return true;
}

static bool put_event(struct watch *w, enum watch_class class, struct node_event *e)
{
    const struct message m = {.type = (uint16_t) class, .event = e};
    watch_report_missed(w);
    if (put(w, class, &m)) {
        return true;
    }
    w->missed++;
    return false;
}

void watch_report_missed(struct watch *w)
{
    struct node_event *e =
        w->missed && has_place(w, WATCH_EVENT) ? node_event_new(KITH_MISSED, 0, w->missed) : NULL;
    const struct message m = {.type = WATCH_EVENT, .event = e};
    if (e && put(w, WATCH_EVENT, &m)) {
        w->missed = 0;
    } else {
        node_event_free(e);
    }
}

static bool is_news(const struct kith_event *e)
{
    return e->type == KITH_LISTENING || e->type == KITH_ONLINE || e->type == KITH_OFFLINE ||
           e->type == KITH_DROPPED || (e->type == KITH_FAILED && e->id == 0);
}

bool watch_tell(struct watch *w, struct node_event *e)
{
    if (e->public.id & WATCH_ID) {
        if (!put_event(w, WATCH_ANSWER, e)) {
            node_event_free(e);
        }
        return true;
    }
    if (is_news(&e->public) && !put_event(w, WATCH_EVENT, node_event_hold(e))) {
        node_event_free(e);
    }
    return false;
}

void watch_tell_no_memory(struct watch *w, uint64_t id)
{
    const struct message m = {.type = WATCH_ANSWER, .id = id};
    watch_report_missed(w);
    w->missed += !put(w, WATCH_ANSWER, &m);
}

void watch_deliver(struct watch *w, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    const struct message m = {.type = WATCH_PARCEL, .peer = from, .kind = kind, .parcel = parcel};
    /* Relaxed: a count alone. If this thread sees an old one, there seems to be less room than there is. */
    uint64_t inside = w->put_bytes - atomic_load_explicit(&w->taken_bytes, memory_order_relaxed);
    bool fits = inside == 0 || inside + parcel->size <= WATCH_BYTES;
    uint32_t size = parcel->size; /* once it is put, the reader may free it */
    watch_report_missed(w);
    if (fits && put(w, WATCH_PARCEL, &m)) {
        w->put_bytes += size;
    } else {
        w->missed++;
        parcel_release(parcel);
    }
}

void watch_end(struct watch *w)
{
    /* Release: the reader that sees the flag sees all that was put before. With a relaxed store it could take
     * the end for the next event while others are still to come. */
    atomic_store_explicit(&w->ended, true, memory_order_release);
    bell_ring(&w->bell);
}

/* --- the reader --- */

/* Only the reader writes the counts, so that a load and a store are enough. */
static void count_taken(struct watch *w, enum watch_class class, uint64_t bytes)
{
    uint32_t n = atomic_load_explicit(&w->taken[class], memory_order_relaxed);
    uint64_t all = atomic_load_explicit(&w->taken_bytes, memory_order_relaxed);
    atomic_store_explicit(&w->taken_bytes, all + bytes, memory_order_relaxed);
    atomic_store_explicit(&w->taken[class], n + 1, memory_order_release); /* see has_place */
}

static enum take_result take(struct watch *w, struct taken *t)
{
    struct message m;
    if (!queue_take_one(w->queue, &m)) {
        return TAKE_NOTHING;
    }
    if (m.type == WATCH_PARCEL) {
        *t = (struct taken){.peer = m.peer, .kind = m.kind, .parcel = m.parcel};
        count_taken(w, WATCH_PARCEL, m.parcel->size);
        return TAKE_PARCEL;
    }
    *t = (struct taken){.event = m.event, .asked = m.id};
    count_taken(w, (enum watch_class)m.type, 0);
    return TAKE_EVENT;
}

/* After everything else: what found no room at the end, and the end itself. The controller's thread has
 * ended, and `missed` is this one's. */
static enum take_result take_last(struct watch *w, struct taken *t)
{
    struct node_event *missed = w->missed ? node_event_new(KITH_MISSED, 0, w->missed) : NULL;
    if (!w->last_event) {
        return TAKE_NOTHING;
    }
    *t = (struct taken){.event = missed ? missed : w->last_event};
    w->last_event = missed ? w->last_event : NULL;
    w->missed = 0;
    return TAKE_EVENT;
}

enum take_result watch_take(struct watch *w, struct taken *t)
{
    enum take_result r = take(w, t);
    if (r != TAKE_NOTHING) {
        return r;
    }
    bell_arm(&w->bell);
    /* Acquire, and before the queue is looked at again: what was put last is found there first. */
    bool ended = atomic_load_explicit(&w->ended, memory_order_acquire);
    r = take(w, t); /* once more: what came before the bell was armed did not ring it */
    return r == TAKE_NOTHING && ended ? take_last(w, t) : r;
}

int watch_fd(const struct watch *w)
{
    return w->bell.fd;
}

void watch_want_parcels(struct watch *w, bool on)
{
    /* Relaxed: the controller's thread sees it soon, and nothing else depends on it. */
    atomic_store_explicit(&w->wants_parcels, on, memory_order_relaxed);
}
