#include "node/batch.h"

#include "base/clock.h"
#include "queue/parcel.h"
#include "queue/pool.h"

enum {
    BATCH_BYTES = BATCH_MAX * (sizeof(struct message) + sizeof(uint32_t)),
    BATCH_MS = 5, /* a batch that gave nothing back for this time does so with its next message */
};

bool batch_open(struct batch *b)
{
    if (!b->messages) {
        b->messages = pool_take(BATCH_BYTES);
    }
    if (!b->messages) {
        return false;
    }
    b->sizes = (uint32_t *)(void *)(b->messages + BATCH_MAX);
    return true;
}

/* Keeps the sizes, as a parcel may have been freed by the time its budget is given back. */
static bool fill(struct batch *b, struct queue *from)
{
    uint64_t bytes = 0;
    if (!batch_open(b)) {
        return false;
    }
    uint32_t n = (uint32_t)queue_take(from, b->messages, BATCH_MAX);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = b->messages[i].parcel ? b->messages[i].parcel->size : 0;
        b->sizes[i] = size;
        bytes += size;
    }
    b->at = b->returned = 0;
    b->n = n;
    b->bytes = bytes;
    return n > 0;
}

bool batch_is_empty(const struct batch *b)
{
    return b->at == b->n;
}

struct message *batch_look(struct batch *b, struct queue *from)
{
    return b->at != b->n || fill(b, from) ? &b->messages[b->at] : NULL;
}

/* Gives back the budget of the messages before `end`. */
static void give_back(struct batch *b, struct queue *from, uint32_t end)
{
    uint64_t bytes = end == b->n ? b->bytes : 0;
    for (uint32_t i = b->returned; end < b->n && i < end; i++) {
        bytes += b->sizes[i];
    }
    queue_done(from, end - b->returned, bytes);
    b->bytes -= bytes;
    b->returned = end;
    b->returned_ms = clock_coarse_ms();
}

/* Somebody waits for room: whether they have had none for a while. The coarse clock, as this is asked for
 * each message while the queue is full. Never inlined, so that all other messages cost nothing of it. */
static __attribute__((noinline)) void pass_to_waiting(struct batch *b, struct queue *from)
{
    if (clock_coarse_ms() - b->returned_ms >= BATCH_MS) {
        give_back(b, from, b->at);
    }
}

struct message *batch_pass(struct batch *b, struct queue *from)
{
    b->at++;
    if (b->at == b->n) {
        give_back(b, from, b->n);
        return NULL;
    }
    if (queue_getting_on(from, 1)) {
        pass_to_waiting(b, from);
    }
    return &b->messages[b->at];
}

void batch_trim(struct batch *b)
{
    if (b->messages) {
        pool_give(b->messages, BATCH_BYTES);
    }
    *b = (struct batch){0};
}

void batch_drop(struct batch *b, struct queue *from, void (*discard)(void *context, struct message *m),
                void *context)
{
    for (; b->at < b->n; b->at++) {
        discard(context, &b->messages[b->at]);
    }
    if (from && b->returned < b->n) {
        give_back(b, from, b->n);
    }
    batch_trim(b);
}
