#include "app/desk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/earlier.h"
#include "queue/worker.h"

enum {
    ITEMS_AT_ONCE = 256,
    AGAIN_MS = 100,    /* until a request that found no room is tried again */
    OVERDUE_MS = 5000, /* an answer that did not come by then is asked for again */
    OWN = 0x7f,        /* the guest's number of the desk itself */
};

enum { FD_BELL, FD_WATCH, FD_GUESTS, FDS = FD_GUESTS + DESK_GUESTS };

struct desk {
    struct worker worker;
    bool is_running;
    struct kith *node;
    struct watcher *watcher;
    struct desk_guest guests[DESK_GUESTS];
    bool wants_parcels[DESK_GUESTS], has_left[DESK_GUESTS];
    unsigned n_guests;

    /* The thread's own. */
    struct desk_view view;
    struct node_event *status, *peers; /* which the view shows */
    struct node_event *next_status;    /* it waits for its list of peers */
    uint64_t asked;                    /* the number of the last question */
    bool wants_view, is_asking;
    int64_t asked_ms; /* the last time */
    bool has_ended;   /* the node */
};

/* --- the view --- */

static bool may_ask(const struct desk *d, int64_t now_ms)
{
    if (d->is_asking) {
        return now_ms - d->asked_ms >= OVERDUE_MS;
    }
    return !d->asked || now_ms - d->asked_ms >= DESK_VIEW_MS;
}

/* The status first: the answers come in the order of the questions. Returns when to look again. */
static int64_t ask(struct desk *d, int64_t now_ms)
{
    if (!d->wants_view || d->has_ended) {
        return INT64_MAX;
    }
    if (!may_ask(d, now_ms)) {
        return d->asked_ms + (d->is_asking ? OVERDUE_MS : DESK_VIEW_MS);
    }
    uint64_t id = desk_id(OWN, ++d->asked);
    d->is_asking = kith_ask_status(d->node, id) == KITH_OK && kith_ask_peers(d->node, id) == KITH_OK;
    d->asked_ms = d->is_asking ? now_ms : now_ms - DESK_VIEW_MS + AGAIN_MS;
    return now_ms + AGAIN_MS;
}

const struct desk_view *desk_look(struct desk *d)
{
    d->wants_view = d->wants_view || !d->status || clock_ms() - d->view.at_ms >= DESK_VIEW_MS;
    return d->status ? &d->view : NULL;
}

static void tell_view(struct desk *d)
{
    for (unsigned i = 0; i < d->n_guests; i++) {
        if (d->guests[i].view) {
            d->guests[i].view(d->guests[i].self, &d->view);
        }
    }
}

static void take_view(struct desk *d, const struct kith_event *e)
{
    node_event_free(d->status);
    node_event_free(d->peers);
    d->status = d->next_status;
    d->peers = watcher_keep_event(d->watcher);
    d->next_status = NULL;
    d->is_asking = d->wants_view = false;
    d->view = (struct desk_view){
        .at_ms = clock_ms(), .status = d->status->public.status, .peers = e->peers, .n_peers = e->count};
    tell_view(d);
}

static void take_own(struct desk *d, const struct kith_event *e)
{
    if (e->id != desk_id(OWN, d->asked)) {
        return; /* of a question that was asked again */
    }
    if (e->type == KITH_STATUS && e->status) {
        node_event_free(d->next_status);
        d->next_status = watcher_keep_event(d->watcher);
    } else if (e->type == KITH_PEERS && d->next_status) {
        take_view(d, e);
    }
}

/* --- what the watch hears --- */

static void take_answer(struct desk *d, const struct kith_event *e)
{
    unsigned guest = (unsigned)(e->id >> 56) & 0x7f;
    if (guest == OWN) {
        take_own(d, e);
    } else if (guest < d->n_guests && d->guests[guest].answer) {
        d->guests[guest].answer(d->guests[guest].self, e);
    }
}

static void take_event(struct desk *d, const struct kith_event *e)
{
    d->has_ended = d->has_ended || e->type == KITH_ENDED;
    if (e->id & WATCH_ID) {
        take_answer(d, e);
        return;
    }
    for (unsigned i = 0; i < d->n_guests; i++) {
        if (d->guests[i].event) {
            d->guests[i].event(d->guests[i].self, e);
        }
    }
}

static void take_parcel(struct desk *d, const struct kith_parcel *p)
{
    for (unsigned i = 0; i < d->n_guests; i++) {
        if (d->wants_parcels[i]) {
            d->guests[i].parcel(d->guests[i].self, p);
        }
    }
}

/* True if there may be more. */
static bool take_items(struct desk *d)
{
    struct kith_item item;
    for (int i = 0; i < ITEMS_AT_ONCE; i++) {
        switch (watcher_take(d->watcher, &item)) {
        case KITH_NOTHING:
            return false;
        case KITH_PARCEL:
            take_parcel(d, &item.parcel);
            break;
        case KITH_EVENT:
            take_event(d, &item.event);
            break;
        }
    }
    return true;
}

/* --- the loop --- */

static int64_t serve(struct desk *d)
{
    int64_t now_ms = clock_ms(), by = INT64_MAX;
    for (unsigned i = 0; i < d->n_guests; i++) {
        if (d->guests[i].serve) {
            by = earlier(by, d->guests[i].serve(d->guests[i].self, now_ms));
        }
    }
    return earlier(by, ask(d, now_ms));
}

static void prepare(const struct desk *d, struct pollfd fds[FDS])
{
    fds[FD_WATCH] = (struct pollfd){.fd = watcher_fd(d->watcher), .events = POLLIN};
    for (unsigned i = 0; i < DESK_GUESTS; i++) {
        fds[FD_GUESTS + i] = (struct pollfd){.fd = i < d->n_guests ? d->guests[i].fd : -1, .events = POLLIN};
    }
}

static bool all_have_left(struct desk *d)
{
    bool all = true;
    for (unsigned i = 0; i < d->n_guests; i++) {
        d->has_left[i] = d->has_left[i] || !d->guests[i].leave || d->guests[i].leave(d->guests[i].self);
        all &= d->has_left[i];
    }
    return all;
}

/* A sleep of at most AGAIN_MS that worker_stop does not forbid. */
static void doze(struct desk *d, int64_t by_ms)
{
    struct pollfd fds[FDS];
    int64_t left = by_ms - clock_ms();
    prepare(d, fds);
    fds[FD_BELL] = (struct pollfd){.fd = -1};
    poll(fds, FDS, left < 0 ? 0 : left < AGAIN_MS ? (int)left : AGAIN_MS);
}

/* The node has ended, or is not waited for any longer than DESK_WAIT_MS. */
static void leave(struct desk *d)
{
    int64_t by = clock_ms() + DESK_WAIT_MS;
    while (!d->has_ended && clock_ms() < by) {
        bool more = take_items(d);
        serve(d);
        if (!more && !d->has_ended) {
            doze(d, by);
        }
    }
    by = clock_ms() + DESK_LAST_MS;
    while (!all_have_left(d) && clock_ms() < by) {
        doze(d, earlier(by, serve(d)));
    }
}

static void run(void *self)
{
    struct desk *d = self;
    struct pollfd fds[FDS];
    while (!worker_stopped(&d->worker) && !d->has_ended) {
        bool more = take_items(d);
        int64_t by = serve(d);
        prepare(d, fds);
        if (d->has_ended) {
            break;
        }
        /* Without memory for its poll it would spin. */
        if (worker_sleep(&d->worker, NULL, fds, FDS, more ? 0 : by) != 0) {
            doze(d, clock_ms() + AGAIN_MS);
        }
    }
    leave(d);
}

/* --- the main thread --- */

struct desk *desk_new(void)
{
    struct desk *d = aligned_alloc(_Alignof(struct desk), sizeof *d);
    if (d) {
        *d = (struct desk){.n_guests = 0};
    }
    return d;
}

unsigned desk_add(struct desk *d, const struct desk_guest *guest)
{
    assert(d->n_guests < DESK_GUESTS);
    d->guests[d->n_guests] = *guest;
    return d->n_guests++;
}

bool desk_has_guests(const struct desk *d)
{
    return d->n_guests > 0;
}

int desk_start(struct desk *d, struct kith *node, const struct config *config)
{
    d->node = node;
    d->watcher = watcher_new(node, config);
    if (!d->watcher) {
        return ENOMEM;
    }
    int error = worker_start(&d->worker, "kith-desk", 0, run, d);
    d->is_running = error == 0;
    return error;
}

void desk_end(struct desk *d)
{
    if (!d) {
        return;
    }
    if (d->is_running) {
        worker_stop(&d->worker);
        worker_join(&d->worker);
    }
    worker_fini(&d->worker);
    watcher_free(d->watcher);
    node_event_free(d->status);
    node_event_free(d->peers);
    node_event_free(d->next_status);
    free(d);
}

/* --- for guests --- */

struct kith *desk_node(const struct desk *d)
{
    return d->node;
}

void desk_want_parcels(struct desk *d, unsigned guest, bool on)
{
    bool any = false;
    d->wants_parcels[guest] = on;
    for (unsigned i = 0; i < d->n_guests; i++) {
        any |= d->wants_parcels[i];
    }
    watcher_want_parcels(d->watcher, any);
}

struct parcel *desk_keep_parcel(struct desk *d)
{
    return watcher_keep_parcel(d->watcher);
}

struct node_event *desk_keep_event(struct desk *d)
{
    return watcher_keep_event(d->watcher);
}
