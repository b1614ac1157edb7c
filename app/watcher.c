#include "app/watcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "queue/parcel.h"

/* In a table by the index of its connection: filled from the events, so that a parcel costs no look-up. */
struct watched_name {
    uint32_t generation;
    uint64_t connection;
    char hash[sizeof((struct kith_peer){0}.hash)];
};

struct watcher {
    struct watch *watch;
    const struct protocol_kind *kinds;
    struct watched_name *names;
    size_t n_names;
    struct parcel *parcel; /* what the caller holds */
    struct node_event *event;
};

struct watcher *watcher_new(struct kith *node, const struct config *config)
{
    struct watcher *w = calloc(1, sizeof *w);
    if (w) {
        w->watch = kith_watch(node);
        w->kinds = config->protocol->kinds;
    }
    return w;
}

static void take_back(struct watcher *w)
{
    parcel_release(w->parcel);
    node_event_free(w->event);
    w->parcel = NULL;
    w->event = NULL;
}

void watcher_free(struct watcher *w)
{
    if (!w) {
        return;
    }
    take_back(w);
    free(w->names);
    free(w);
}

static void note_name(struct watcher *w, const struct node_event *e)
{
    size_t known = w->n_names, at = e->ref.index;
    if (!array_reserve(w->names, w->n_names, at + 1)) {
        return;
    }
    memset(w->names + known, 0, (w->n_names - known) * sizeof *w->names);
    w->names[at].generation = e->ref.generation;
    w->names[at].connection = e->public.peer->connection;
    memcpy(w->names[at].hash, e->public.peer->hash, sizeof w->names[at].hash);
}

static void give_parcel(struct watcher *w, const struct taken *t, struct kith_parcel *to)
{
    static const struct watched_name nobody;
    const struct watched_name *name = &nobody;
    if (t->peer.index < w->n_names && w->names[t->peer.index].generation == t->peer.generation) {
        name = &w->names[t->peer.index];
    }
    const struct protocol_kind *kind = w->kinds;
    while (kind->name && kind->kind != t->kind) {
        kind++;
    }
    w->parcel = t->parcel;
    *to = (struct kith_parcel){.peer = name->hash,
                               .kind = kind->name ? kind->name : "",
                               .bytes = t->parcel->bytes,
                               .size = t->parcel->size,
                               .connection = name->connection};
}

enum kith_receive watcher_take(struct watcher *w, struct kith_item *item)
{
    struct taken t;
    take_back(w);
    switch (watch_take(w->watch, &t)) {
    case TAKE_NOTHING:
        break;
    case TAKE_PARCEL:
        give_parcel(w, &t, &item->parcel);
        return KITH_PARCEL;
    case TAKE_EVENT:
        w->event = t.event;
        item->event = t.event ? t.event->public : node_event_no_memory(t.asked);
        if (item->event.type == KITH_ONLINE) {
            note_name(w, t.event);
        }
        return KITH_EVENT;
    }
    return KITH_NOTHING;
}

int watcher_fd(const struct watcher *w)
{
    return watch_fd(w->watch);
}

struct parcel *watcher_keep_parcel(struct watcher *w)
{
    return w->parcel ? parcel_hold(w->parcel) : NULL;
}

struct node_event *watcher_keep_event(struct watcher *w)
{
    return w->event ? node_event_hold(w->event) : NULL;
}

void watcher_want_parcels(struct watcher *w, bool on)
{
    watch_want_parcels(w->watch, on);
}
