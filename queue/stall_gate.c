#include "queue/stall_gate.h"

#include "queue/fair_drop.h"
#include "queue/queue.h"

static int64_t after(int64_t at, int64_t ms)
{
    return ms > INT64_MAX - at ? INT64_MAX : at + ms;
}

/* When the reader counts as stalled if it does not move. */
static int64_t stalled_at(const struct stall_gate *g, int64_t stall_ms)
{
    int64_t own = 2 * g->pause_ms,
            most = stall_ms > INT64_MAX / STALL_GATE_PATIENCE ? INT64_MAX : STALL_GATE_PATIENCE * stall_ms;
    if (own > most) {
        own = most;
    }
    return after(g->since_ms, own > stall_ms ? own : stall_ms);
}

/* The reader has moved. Its pause is known only if the queue was met full all the time; an old one fades.
 */
static void note_pause(struct stall_gate *g, int64_t now_ms)
{
    bool was_watched = now_ms - g->tried_ms <= 2 * STALL_GATE_AGAIN_MS;
    int64_t pause = was_watched ? now_ms - g->since_ms : 0;
    g->pause_ms -= g->pause_ms / 4;
    if (pause > g->pause_ms) {
        g->pause_ms = pause;
    }
}

/* Whether the reader has stood still for the stall time with the queue full. */
static bool stands_still(struct stall_gate *g, uint64_t progress, int64_t now_ms, int64_t stall_ms)
{
    uint64_t seen = progress + queue_signs(g->queue);
    if (progress != g->taken) {
        g->taken = progress;
        g->taken_ms = now_ms;
    }
    if (seen != g->seen) {
        note_pause(g, now_ms);
        g->seen = seen;
        g->since_ms = now_ms;
        g->stalled = false;
    }
    g->moved = g->since_ms == now_ms && (now_ms - g->taken_ms) / STALL_GATE_SIGNS_LAST <= stall_ms;
    /* It stays stalled between posts, even while there is room: that room was made by dropping, not by the
     * reader. */
    if (now_ms >= stalled_at(g, stall_ms)) {
        g->stalled = true;
    }
    return g->stalled;
}

/* The rate is measured over one stall time after the other, but not over a time in which the queue was
 * never full: a reader that had nothing to take is not slow. */
static bool is_too_slow(struct stall_gate *g, uint64_t progress, int64_t now_ms, int64_t stall_ms)
{
    int64_t gone = now_ms - g->paced_ms;
    if (now_ms - g->tried_ms >= stall_ms) {
        g->slow = false;
    } else if (gone >= stall_ms) {
        g->slow = (double)(progress - g->paced) * 1000 < (double)g->least_rate * (double)gone;
    } else {
        return g->slow;
    }
    g->paced = progress;
    g->paced_ms = now_ms;
    return g->slow;
}

static bool has_stalled(struct stall_gate *g, int64_t now_ms, int64_t stall_ms)
{
    uint64_t progress = queue_progress(g->queue);
    bool still = stands_still(g, progress, now_ms, stall_ms);
    return (g->least_rate > 0 && is_too_slow(g, progress, now_ms, stall_ms)) || still;
}

/* Nothing is left to drop: the reader has taken all that the budget counts, or the others have less in the
 * queue than the sender of this message. The time to wait is over. */
static enum gate_result refuse(const struct message *message,
                               void (*dropped)(void *context, struct message *message), void *context)
{
    struct message refused = *message;
    dropped(context, &refused);
    return GATE_DROPPED;
}

static enum gate_result drop_for(struct stall_gate *g, const struct message *message,
                                 void (*dropped)(void *context, struct message *message), void *context)
{
    struct message oldest;
    if (g->fair) {
        fair_drop_for(g->fair, g->queue, message, dropped, context);
        return queue_post(g->queue, message) ? GATE_POSTED : refuse(message, dropped, context);
    }
    while (queue_drop_oldest(g->queue, &oldest)) {
        dropped(context, &oldest);
        if (queue_post(g->queue, message)) {
            return GATE_POSTED;
        }
    }
    return refuse(message, dropped, context);
}

/* Never inlined: a post that finds room does not pay for it. */
static __attribute__((noinline)) enum gate_result
post_to_full(struct stall_gate *g, const struct message *message, int64_t now_ms, int64_t stall_ms,
             void (*dropped)(void *context, struct message *message), void *context)
{
    g->full = !has_stalled(g, now_ms, stall_ms);
    g->tried_ms = now_ms;
    return g->full ? GATE_WAIT : drop_for(g, message, dropped, context);
}

enum gate_result stall_gate_post(struct stall_gate *g, const struct message *message, int64_t now_ms,
                                 int64_t stall_ms, void (*dropped)(void *context, struct message *message),
                                 void *context)
{
    g->full = false;
    if (queue_post(g->queue, message)) {
        return GATE_POSTED;
    }
    return post_to_full(g, message, now_ms, stall_ms, dropped, context);
}

enum gate_result stall_gate_push(struct stall_gate *g, const struct message *message,
                                 void (*dropped)(void *context, struct message *message), void *context)
{
    return queue_post(g->queue, message) ? GATE_POSTED : drop_for(g, message, dropped, context);
}

int64_t stall_gate_deadline(const struct stall_gate *g, int64_t stall_ms)
{
    int64_t again = after(g->tried_ms, STALL_GATE_AGAIN_MS), stalled = stalled_at(g, stall_ms);
    if (!g->full) {
        return INT64_MAX;
    }
    return again < stalled ? again : stalled;
}
