/* Queues under several threads at once. Every thread sleeps on its bell and nowhere else, so a wake-up
 * that is lost shows as a sleep that lasts SLEEP_MS, which fails the test. Checks are made on the threads,
 * and judged at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "queue/bell.h"
#include "queue/fair_drop.h"
#include "queue/nonempty_list.h"
#include "queue/parcel.h"
#include "queue/queue.h"
#include "tests/unit/promise.h"

#define SLEEP_MS 5000

/* --- failures, sleep and randomness, for any thread --- */

static _Atomic(const char *) failure;

static bool failed(void)
{
    return atomic_load(&failure);
}

/* Keeps the first one. */
static bool expect(bool good, const char *what)
{
    const char *none = NULL;
    if (!good) {
        atomic_compare_exchange_strong(&failure, &none, what);
    }
    return good;
}

static void assert_no_failure(void)
{
    const char *what = atomic_load(&failure);
    if (what) {
        fail_msg("%s", what);
    }
}

static int forget_failures(void **state)
{
    (void)state;
    atomic_store(&failure, NULL);
    return 0;
}

static void sleep_on(const struct bell *b)
{
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    expect(poll(&p, 1, SLEEP_MS) == 1, "a wake-up was lost");
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    assert_int_equal(pthread_create(thread, NULL, run, argument), 0);
}

static void join(pthread_t thread)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void open_bell(struct bell *b)
{
    assert_int_equal(bell_init(b), 0);
}

/* --- many writers, one queue, one reader --- */

#define MOST_WRITERS 8
#define OVERSIZE                                                                                             \
    700 /* above the bytes of every crowd, so that such a parcel needs the queue for itself                  \
         */

struct crowd {
    struct queue *queue;
    uint32_t writers;
    uint32_t each; /* messages per writer */
    uint32_t parcels;
    uint32_t bytes;
    struct bell reader_bell;
    struct bell writer_bells[MOST_WRITERS]; /* the first is the queue's own; the reader rings the others */
    /* Counted up after a post and down before done: so never above what the queue counts. An oversized
     * parcel's bytes are left out, as they may be above the bound. */
    _Atomic int64_t inside_parcels, inside_bytes;
};

struct crowd_writer {
    struct crowd *crowd;
    uint32_t number;
};

static size_t some_size(uint32_t *random)
{
    uint32_t r = next_random(random);
    return r % 512 == 0 ? OVERSIZE : r % 40;
}

static bool wait_and_post(struct crowd *c, uint32_t writer, const struct message *message)
{
    queue_wake(c->queue);
    bool posted = false;
    while (!posted && !failed()) {
        bell_lie_down(&c->writer_bells[writer]);
        posted = queue_post(c->queue, message);
        if (!posted) {
            sleep_on(&c->writer_bells[writer]);
        }
        bell_get_up(&c->writer_bells[writer]);
    }
    return posted;
}

static void *crowd_write(void *argument)
{
    const struct crowd_writer *w = argument;
    struct crowd *c = w->crowd;
    uint32_t random = 77 + w->number;
    for (uint32_t i = 0; i < c->each && !failed(); i++) {
        size_t size = some_size(&random);
        struct message message = {.peer = {w->number, 1}, .id = i, .parcel = parcel_new(NULL, size)};
        memset(message.parcel->bytes, (int)(i & 0xff), size);
        if (!queue_post(c->queue, &message) && !wait_and_post(c, w->number, &message)) {
            parcel_release(message.parcel);
            break;
        }
        expect(atomic_fetch_add(&c->inside_parcels, 1) < c->parcels, "more parcels than the bound");
        int64_t bytes = size == OVERSIZE ? 0 : (int64_t)size;
        expect(atomic_fetch_add(&c->inside_bytes, bytes) + bytes <= c->bytes, "more bytes than the bound");
        if (next_random(&random) % 4 == 0) {
            queue_wake(c->queue);
        }
    }
    queue_wake(c->queue);
    return NULL;
}

/* The reader's own books. */
struct crowd_reader {
    uint64_t next[MOST_WRITERS];
    uint64_t taken;
    uint32_t held_parcels;
    uint64_t held_bytes, held_oversize;
};

static void check_taken(struct crowd_reader *r, struct message *message)
{
    uint32_t writer = message->peer.index;
    expect(message->id == r->next[writer]++, "a message is missing, doubled or out of order");
    const struct parcel *p = message->parcel;
    expect(p->size == 0 || (p->bytes[0] == (message->id & 0xff) && p->bytes[p->size - 1] == p->bytes[0]),
           "a payload is not what was sent");
    r->held_parcels++;
    r->held_bytes += p->size;
    r->held_oversize += p->size == OVERSIZE ? OVERSIZE : 0;
    r->taken++;
    parcel_release(message->parcel);
}

static void finish_held(struct crowd *c, struct crowd_reader *r)
{
    uint32_t parcels;
    uint64_t bytes;
    queue_fill(c->queue, &parcels, &bytes);
    expect(parcels <= c->parcels && parcels >= r->held_parcels, "a fill in parcels that can't be");
    expect((bytes <= c->bytes || parcels == 1) && bytes >= r->held_bytes, "a fill in bytes that can't be");
    atomic_fetch_sub(&c->inside_parcels, r->held_parcels);
    atomic_fetch_sub(&c->inside_bytes, (int64_t)(r->held_bytes - r->held_oversize));
    queue_done(c->queue, r->held_parcels, r->held_bytes);
    r->held_parcels = 0;
    r->held_bytes = r->held_oversize = 0;
    for (uint32_t i = 1; i < c->writers; i++) {
        bell_ring(&c->writer_bells[i]);
    }
}

static void crowd_read(struct crowd *c, struct crowd_reader *r)
{
    uint64_t all = (uint64_t)c->writers * c->each;
    uint32_t random = 4711;
    while (r->taken < all && !failed()) {
        struct message batch[7];
        size_t n = queue_take(c->queue, batch, 1 + next_random(&random) % 7);
        for (size_t i = 0; i < n; i++) {
            check_taken(r, &batch[i]);
        }
        /* Sometimes it goes on taking with the budget still held. */
        if (r->held_parcels > 0 && (n == 0 || next_random(&random) % 2 == 0)) {
            finish_held(c, r);
        }
        if (n > 0) {
            continue;
        }
        bell_lie_down(&c->reader_bell);
        if (queue_empty(c->queue)) {
            sleep_on(&c->reader_bell);
        }
        bell_get_up(&c->reader_bell);
    }
    if (r->held_parcels > 0) {
        finish_held(c, r);
    }
}

static void run_crowd(uint32_t writers, uint32_t each, uint32_t parcels, uint32_t bytes)
{
    struct crowd c = {.writers = writers, .each = each, .parcels = parcels, .bytes = bytes};
    open_bell(&c.reader_bell);
    for (uint32_t i = 0; i < writers; i++) {
        open_bell(&c.writer_bells[i]);
    }
    c.queue = queue_new(&(struct queue_config){.messages = parcels,
                                               .bytes = bytes,
                                               .many_writers = writers > 1,
                                               .reader_bell = &c.reader_bell,
                                               .writer_bell = &c.writer_bells[0]});
    assert_non_null(c.queue);
    pthread_t threads[MOST_WRITERS];
    struct crowd_writer arguments[MOST_WRITERS];
    for (uint32_t i = 0; i < writers; i++) {
        arguments[i] = (struct crowd_writer){&c, i};
        start(&threads[i], crowd_write, &arguments[i]);
    }
    struct crowd_reader r = {0};
    crowd_read(&c, &r);
    for (uint32_t i = 0; i < writers; i++) {
        join(threads[i]);
    }
    uint32_t left_parcels;
    uint64_t left_bytes;
    queue_fill(c.queue, &left_parcels, &left_bytes);
    queue_free(c.queue, NULL, NULL);
    for (uint32_t i = 0; i < writers; i++) {
        bell_fini(&c.writer_bells[i]);
    }
    bell_fini(&c.reader_bell);
    assert_no_failure();
    assert_int_equal(left_parcels, 0);
    assert_int_equal(left_bytes, 0);
}

static void many_writers_share_a_small_queue(void **state)
{
    (void)state;
    run_crowd(MOST_WRITERS, 10000, 16, 256);
}

static void two_writers_share_a_queue_for_one(void **state)
{
    (void)state;
    run_crowd(2, 10000, 1, 64);
}

static void a_single_writer_keeps_its_queue_full(void **state)
{
    (void)state;
    run_crowd(1, 50000, 16, 256);
}

/* Both sides sleep for almost every message. */
static void writer_and_reader_hand_over_one_by_one(void **state)
{
    (void)state;
    run_crowd(1, 10000, 1, 64);
}

/* --- many queues with a list of nonempty queues, one reader --- */

#define FLOCK_WRITERS 4
#define FLOCK_EACH    16 /* queues per writer */
#define FLOCK         (FLOCK_WRITERS * FLOCK_EACH)
#define FLOCK_IDS     600 /* messages per queue */

struct flock {
    struct queue *queues[FLOCK];
    struct nonempty_list *list;
    struct parcel *parcel; /* every message holds a reference to this one */
    struct bell reader_bell;
    struct bell writer_bells[FLOCK_WRITERS];
};

struct flock_writer {
    struct flock *flock;
    uint32_t number;
    uint64_t next[FLOCK_EACH];
    uint32_t finished; /* queues that have got all of theirs */
};

static bool fill_one(struct flock_writer *w, uint32_t i)
{
    struct queue *m = w->flock->queues[w->number * FLOCK_EACH + i];
    uint64_t before = w->next[i];
    while (w->next[i] < FLOCK_IDS) {
        struct message message = {.id = w->next[i], .parcel = parcel_hold(w->flock->parcel)};
        if (!queue_post(m, &message)) {
            parcel_release(message.parcel);
            break;
        }
        w->next[i]++;
    }
    if (w->next[i] == before) {
        return false;
    }
    queue_wake(m);
    w->finished += w->next[i] == FLOCK_IDS;
    return true;
}

/* True if anything was posted. */
static bool fill_all(struct flock_writer *w)
{
    bool moved = false;
    for (uint32_t i = 0; i < FLOCK_EACH; i++) {
        if (fill_one(w, i)) {
            moved = true;
        }
    }
    return moved;
}

static void *flock_write(void *argument)
{
    struct flock_writer *w = argument;
    struct bell *bell = &w->flock->writer_bells[w->number];
    while (w->finished < FLOCK_EACH && !failed()) {
        if (fill_all(w)) {
            continue;
        }
        bell_lie_down(bell);
        if (!fill_all(w)) {
            sleep_on(bell);
        }
        bell_get_up(bell);
    }
    return NULL;
}

/* Takes a few, and lists the queue again if it leaves something. Returns how many. */
static size_t visit(struct queue *m, uint64_t *next)
{
    queue_unlist(m);
    struct message batch[3];
    size_t n = queue_take(m, batch, 3);
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        expect(batch[i].id == (*next)++, "a message is missing, doubled or out of order");
        bytes += batch[i].parcel->size;
        parcel_release(batch[i].parcel);
    }
    queue_done(m, (uint32_t)n, bytes);
    if (!queue_empty(m)) {
        queue_wake(m);
    }
    return n;
}

static void flock_read(struct flock *f, uint64_t next[FLOCK])
{
    uint64_t taken = 0;
    while (taken < (uint64_t)FLOCK * FLOCK_IDS && !failed()) {
        struct peer_ref names[8];
        size_t n = nonempty_list_take(f->list, names, 8);
        for (size_t i = 0; i < n; i++) {
            taken += visit(f->queues[names[i].index], &next[names[i].index]);
        }
        if (n > 0) {
            continue;
        }
        bell_lie_down(&f->reader_bell);
        if (nonempty_list_is_empty(f->list)) {
            sleep_on(&f->reader_bell);
        }
        bell_get_up(&f->reader_bell);
    }
}

static void open_flock(struct flock *f)
{
    open_bell(&f->reader_bell);
    for (uint32_t i = 0; i < FLOCK_WRITERS; i++) {
        open_bell(&f->writer_bells[i]);
    }
    f->list = nonempty_list_new(FLOCK);
    f->parcel = parcel_new("x", 1);
    assert_non_null(f->list);
    assert_non_null(f->parcel);
    for (uint32_t i = 0; i < FLOCK; i++) {
        f->queues[i] = queue_new(&(struct queue_config){.messages = 1 + i % 6,
                                                        .bytes = 100,
                                                        .reader_bell = &f->reader_bell,
                                                        .writer_bell = &f->writer_bells[i / FLOCK_EACH],
                                                        .list = f->list,
                                                        .ref = {i, 1}});
        assert_non_null(f->queues[i]);
    }
}

static void close_flock(struct flock *f)
{
    for (uint32_t i = 0; i < FLOCK; i++) {
        queue_free(f->queues[i], NULL, NULL);
    }
    nonempty_list_free(f->list);
    for (uint32_t i = 0; i < FLOCK_WRITERS; i++) {
        bell_fini(&f->writer_bells[i]);
    }
    bell_fini(&f->reader_bell);
}

static void one_reader_serves_a_flock_of_queues(void **state)
{
    (void)state;
    static struct flock f;
    open_flock(&f);
    pthread_t threads[FLOCK_WRITERS];
    struct flock_writer writers[FLOCK_WRITERS] = {0};
    for (uint32_t i = 0; i < FLOCK_WRITERS; i++) {
        writers[i].flock = &f;
        writers[i].number = i;
        start(&threads[i], flock_write, &writers[i]);
    }
    uint64_t next[FLOCK] = {0};
    flock_read(&f, next);
    for (uint32_t i = 0; i < FLOCK_WRITERS; i++) {
        join(threads[i]);
    }
    close_flock(&f);
    assert_no_failure();
    for (uint32_t i = 0; i < FLOCK; i++) {
        assert_int_equal(next[i], FLOCK_IDS);
    }
    assert_int_equal(atomic_load(&f.parcel->references), 1);
    parcel_release(f.parcel);
}

/* --- writers that drop the oldest, or the heaviest sender's, while the reader takes --- */

#define RACE_EACH  60000
#define RACE_MOST  2
#define RACE_ROOM  5
#define RACE_TOTAL (RACE_MOST * RACE_EACH)

struct race {
    struct queue *queue;
    struct fair_drop *fair; /* NULL: the oldest are dropped */
    struct bell reader_bell;
    struct parcel *parcel;
    _Atomic uint8_t seen[RACE_TOTAL]; /* how often each came out, on either way */
    _Atomic uint64_t taken, dropped;
};

struct race_writer {
    struct race *race;
    uint32_t number;
};

/* Of a fair one, the first writer is two senders. */
static uint32_t sender_of(const struct race *r, uint32_t writer, uint32_t number)
{
    return r->fair ? number % 3 == 0 : writer;
}

static void note_seen(struct race *r, struct message *message, _Atomic uint64_t *count)
{
    expect(atomic_fetch_add(&r->seen[message->id], 1) == 0, "a message came out twice");
    atomic_fetch_add(count, 1);
    parcel_release(message->parcel);
}

static void note_dropped(void *context, struct message *message)
{
    struct race *r = context;
    note_seen(r, message, &r->dropped);
}

static void post_fairly(struct race *r, const struct message *message)
{
    struct message refused = *message;
    fair_drop_for(r->fair, r->queue, message, note_dropped, r);
    if (!queue_post(r->queue, message)) {
        note_dropped(r, &refused);
    }
}

/* Drops until there is room. If there is nothing to drop, the reader is just about to be done with what it
 * took. */
static bool post_by_dropping(struct race *r, const struct message *message)
{
    int64_t until = now_ms() + SLEEP_MS;
    if (r->fair) {
        post_fairly(r, message);
        return true;
    }
    while (!queue_post(r->queue, message)) {
        struct message oldest;
        if (queue_drop_oldest(r->queue, &oldest)) {
            note_seen(r, &oldest, &r->dropped);
        } else {
            sched_yield();
        }
        if (!expect(now_ms() < until, "dropping made no room")) {
            return false;
        }
    }
    return true;
}

static void *race_write(void *argument)
{
    const struct race_writer *w = argument;
    struct race *r = w->race;
    for (uint32_t i = 0; i < RACE_EACH && !failed(); i++) {
        struct message message = {.peer = {sender_of(r, w->number, i), 1},
                                  .id = w->number * RACE_EACH + i,
                                  .parcel = parcel_hold(r->parcel)};
        if (!queue_post(r->queue, &message) && !post_by_dropping(r, &message)) {
            parcel_release(message.parcel);
        }
        queue_wake(r->queue);
    }
    return NULL;
}

static void race_read(struct race *r, uint32_t writers)
{
    uint64_t latest[RACE_MOST] = {0};
    uint64_t all = (uint64_t)writers * RACE_EACH;
    while (atomic_load(&r->taken) + atomic_load(&r->dropped) < all && !failed()) {
        struct message batch[3];
        size_t n = queue_take(r->queue, batch, 3);
        for (size_t i = 0; i < n; i++) {
            uint64_t *last = &latest[batch[i].peer.index];
            expect(batch[i].id + 1 > *last, "a message is out of order");
            *last = batch[i].id + 1;
            note_seen(r, &batch[i], &r->taken);
        }
        queue_done(r->queue, (uint32_t)n, n);
        if (n > 0) {
            continue;
        }
        bell_lie_down(&r->reader_bell);
        /* A writer that drops one message always posts another: the last of all is never dropped. */
        if (queue_empty(r->queue) && atomic_load(&r->taken) + atomic_load(&r->dropped) < all) {
            sleep_on(&r->reader_bell);
        }
        bell_get_up(&r->reader_bell);
    }
}

static void run_race(uint32_t writers, struct fair_drop *fair)
{
    static struct race r;
    memset(&r, 0, sizeof r);
    r.fair = fair;
    open_bell(&r.reader_bell);
    r.parcel = parcel_new("x", 1);
    r.queue = queue_new(&(struct queue_config){
        .messages = RACE_ROOM, .bytes = 100, .many_writers = writers > 1, .reader_bell = &r.reader_bell});
    assert_non_null(r.parcel);
    assert_non_null(r.queue);
    pthread_t threads[RACE_MOST];
    struct race_writer arguments[RACE_MOST];
    for (uint32_t i = 0; i < writers; i++) {
        arguments[i] = (struct race_writer){&r, i};
        start(&threads[i], race_write, &arguments[i]);
    }
    race_read(&r, writers);
    for (uint32_t i = 0; i < writers; i++) {
        join(threads[i]);
    }
    uint32_t parcels;
    uint64_t bytes;
    queue_fill(r.queue, &parcels, &bytes);
    queue_free(r.queue, NULL, NULL);
    bell_fini(&r.reader_bell);
    assert_no_failure();
    for (uint32_t i = 0; i < writers * RACE_EACH; i++) {
        assert_int_equal(atomic_load(&r.seen[i]), 1);
    }
    assert_true(atomic_load(&r.dropped) > 0 && atomic_load(&r.taken) > 0);
    assert_int_equal(parcels, 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(atomic_load(&r.parcel->references), 1);
    parcel_release(r.parcel);
}

static void a_writer_drops_what_the_reader_does_not_take(void **state)
{
    (void)state;
    run_race(1, NULL);
}

static void two_writers_drop_what_the_reader_does_not_take(void **state)
{
    (void)state;
    run_race(2, NULL);
}

static void a_writer_drops_what_the_heaviest_sender_has_left(void **state)
{
    struct fair_drop *fair = fair_drop_new(RACE_ROOM, 100, RACE_MOST);
    (void)state;
    assert_non_null(fair);
    run_race(1, fair);
    fair_drop_free(fair);
}

/* --- the narrow places, tried again and again --- */

enum {
    TRIALS_MS = 400,     /* for each of the tests below */
    READERS_PAUSE = 300, /* turns of a loop at most: the writer has to see that the trial has begun */
    WRITERS_PAUSE = 32,
    SPINS_TO_YIELD = 200, /* the other side may have no processor */
};

/* A writer and a reader that take one step each at the same moment, with a small pause at random before it.
 * Between two such moments the reader alone runs. */
struct duel {
    struct queue *queue;
    struct nonempty_list *list;
    struct bell reader_bell, writer_bell;
    void (*write)(struct duel *d);
    _Atomic uint32_t begun, written; /* trials */
    _Atomic bool over;
    bool posted; /* the writer's, read by the reader between two trials */
};

static void spin_until(const _Atomic uint32_t *number, uint32_t value)
{
    for (uint32_t i = 1; atomic_load_explicit(number, memory_order_acquire) != value; i++) {
        if (i % SPINS_TO_YIELD == 0) {
            sched_yield();
        }
    }
}

static void pause_at_random(uint32_t *random, uint32_t most)
{
    for (volatile uint32_t n = next_random(random) % most; n > 0; n--) {
    }
}

static void *duel_write(void *argument)
{
    struct duel *d = argument;
    uint32_t random = 17;
    for (uint32_t trial = 1;; trial++) {
        spin_until(&d->begun, trial);
        if (atomic_load(&d->over)) {
            return NULL;
        }
        pause_at_random(&random, WRITERS_PAUSE);
        d->write(d);
        atomic_store_explicit(&d->written, trial, memory_order_release);
    }
}

/* `prepare` brings the queue into its place, `read` is the reader's step, `judge` runs after both. */
static void run_duel(struct duel *d, void (*prepare)(struct duel *d), void (*read)(struct duel *d),
                     void (*judge)(struct duel *d))
{
    pthread_t writer;
    uint32_t random = 4711, trial = 1;
    start(&writer, duel_write, d);
    for (int64_t until = now_ms() + TRIALS_MS; now_ms() < until && !failed(); trial++) {
        prepare(d);
        atomic_store_explicit(&d->begun, trial, memory_order_release);
        pause_at_random(&random, READERS_PAUSE);
        read(d);
        spin_until(&d->written, trial);
        judge(d);
    }
    atomic_store(&d->over, true);
    atomic_store_explicit(&d->begun, trial, memory_order_release);
    join(writer);
    queue_free(d->queue, NULL, NULL);
    nonempty_list_free(d->list);
    bell_fini(&d->writer_bell);
    bell_fini(&d->reader_bell);
    assert_no_failure();
}

static void duel_open(struct duel *d, uint32_t messages)
{
    open_bell(&d->reader_bell);
    open_bell(&d->writer_bell);
    d->list = nonempty_list_new(2);
    assert_non_null(d->list);
    d->queue = queue_new(&(struct queue_config){.messages = messages,
                                                .reader_bell = &d->reader_bell,
                                                .writer_bell = &d->writer_bell,
                                                .list = d->list});
    assert_non_null(d->queue);
}

static void take_all(struct duel *d)
{
    struct message m;
    while (queue_take_one(d->queue, &m)) {
    }
}

/* The queue is full, and its writer is lying down. */
static void fill_up(struct duel *d)
{
    expect(queue_post(d->queue, &(struct message){.id = 1}), "an empty queue has no room");
    bell_lie_down(&d->writer_bell);
}

static void post_once(struct duel *d)
{
    d->posted = queue_post(d->queue, &(struct message){.id = 2});
}

static void make_the_last_room(struct duel *d)
{
    struct message m;
    expect(queue_take_one(d->queue, &m), "a message is missing");
}

static void is_posted_or_called(struct duel *d)
{
    struct pollfd p = {.fd = d->writer_bell.fd, .events = POLLIN};
    expect(d->posted || poll(&p, 1, 0) == 1, "a writer that met a full queue is not called");
    bell_get_up(&d->writer_bell);
    take_all(d);
}

/* The writer meets the full queue just when the reader makes room, for the last time. */
static void a_writer_that_meets_the_last_room_is_called(void **state)
{
    (void)state;
    static struct duel d;
    d = (struct duel){.write = post_once};
    duel_open(&d, 1);
    run_duel(&d, fill_up, make_the_last_room, is_posted_or_called);
}

/* The queue is empty, and its entry has just been taken off the list. */
static void take_the_entry(struct duel *d)
{
    struct peer_ref ref;
    queue_wake(d->queue);
    expect(nonempty_list_take(d->list, &ref, 1) == 1, "a queue is not on its list");
}

static void post_and_wake(struct duel *d)
{
    expect(queue_post_and_wake(d->queue, &(struct message){.id = 1}), "an empty queue has no room");
}

static void unlist_and_take(struct duel *d)
{
    queue_unlist(d->queue);
    take_all(d);
}

static void is_taken_or_listed(struct duel *d)
{
    struct peer_ref refs[2];
    size_t n = nonempty_list_take(d->list, refs, 2);
    expect(n < 2, "a queue is on its list twice");
    expect(n == 1 || queue_empty(d->queue), "a queue with a message is on no list");
    if (n == 1) {
        unlist_and_take(d);
    }
}

/* The writer posts just when the reader, having taken the entry off the list, looks for the last time. */
static void a_queue_with_a_message_is_on_its_list(void **state)
{
    (void)state;
    static struct duel d;
    d = (struct duel){.write = post_and_wake};
    duel_open(&d, 4);
    run_duel(&d, take_the_entry, unlist_and_take, is_taken_or_listed);
}

/* --- the last reference --- */

#define HOLDERS 4

static void *read_and_release(void *argument)
{
    struct parcel *p = argument;
    for (int i = 0; i < 8; i++) {
        parcel_hold(p);
        expect(p->bytes[p->size - 1] == 'z', "a payload changed");
        parcel_release(p);
    }
    parcel_release(p);
    return NULL;
}

/* The address and thread sanitizers see a parcel that is freed too early, or not at all. */
static void whoever_is_last_frees_the_parcel(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct parcel *p = parcel_new("abcz", 4);
        pthread_t threads[HOLDERS];
        for (int i = 0; i < HOLDERS; i++) {
            start(&threads[i], read_and_release, parcel_hold(p));
        }
        parcel_release(p);
        for (int i = 0; i < HOLDERS; i++) {
            join(threads[i]);
        }
    }
    assert_no_failure();
}

#define TEST(name) cmocka_unit_test_setup(name, forget_failures)

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test_setup_teardown("F32", many_writers_share_a_small_queue, forget_failures, NULL),
        TEST(two_writers_share_a_queue_for_one),
        TEST(a_single_writer_keeps_its_queue_full),
        TEST(writer_and_reader_hand_over_one_by_one),
        promise_test_setup_teardown("F32", one_reader_serves_a_flock_of_queues, forget_failures, NULL),
        TEST(a_writer_drops_what_the_reader_does_not_take),
        TEST(two_writers_drop_what_the_reader_does_not_take),
        TEST(a_writer_drops_what_the_heaviest_sender_has_left),
        TEST(a_writer_that_meets_the_last_room_is_called),
        TEST(a_queue_with_a_message_is_on_its_list),
        TEST(whoever_is_last_frees_the_parcel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
