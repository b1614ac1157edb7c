#include "queue/outlet.h"

#include "queue/mailbox.h"

static int64_t after(int64_t at, int64_t ms)
{
    return ms > INT64_MAX - at ? INT64_MAX : at + ms;
}

/* When the reader counts as stalled if it does not move. */
static int64_t stalled_at(const struct outlet *o, int64_t stall_ms)
{
    int64_t own = 2 * o->pause_ms,
            most = stall_ms > INT64_MAX / OUTLET_PATIENCE ? INT64_MAX : OUTLET_PATIENCE * stall_ms;

    if (own > most)
        own = most;
    return after(o->since_ms, own > stall_ms ? own : stall_ms);
}

/* The reader has moved. Its pause is known only if the mailbox was met full all the time; an old one fades.
 */
static void note_pause(struct outlet *o, int64_t now_ms)
{
    bool was_watched = now_ms - o->tried_ms <= 2 * OUTLET_AGAIN_MS;
    int64_t pause = was_watched ? now_ms - o->since_ms : 0;

    o->pause_ms -= o->pause_ms / 4;
    if (pause > o->pause_ms)
        o->pause_ms = pause;
}

/* Whether the reader has stood still for the stall time with the mailbox full. */
static bool stands_still(struct outlet *o, uint64_t progress, int64_t now_ms, int64_t stall_ms)
{
    uint64_t seen = progress + mailbox_signs(o->mailbox);

    if (progress != o->taken) {
        o->taken = progress;
        o->taken_ms = now_ms;
    }
    if (seen != o->seen) {
        note_pause(o, now_ms);
        o->seen = seen;
        o->since_ms = now_ms;
        o->stalled = false;
    }
    o->moved = o->since_ms == now_ms && (now_ms - o->taken_ms) / OUTLET_SIGNS_LAST <= stall_ms;
    /* It stays stalled between posts, even while there is room: that room was made by dropping, not by the
     * reader. */
    if (now_ms >= stalled_at(o, stall_ms))
        o->stalled = true;
    return o->stalled;
}

/* The rate is measured over one stall time after the other, but not over a time in which the mailbox was
 * never full: a reader that had nothing to take is not slow. */
static bool is_too_slow(struct outlet *o, uint64_t progress, int64_t now_ms, int64_t stall_ms)
{
    int64_t gone = now_ms - o->paced_ms;

    if (now_ms - o->tried_ms >= stall_ms)
        o->slow = false;
    else if (gone >= stall_ms)
        o->slow = (double)(progress - o->paced) * 1000 < (double)o->least_rate * (double)gone;
    else
        return o->slow;
    o->paced = progress;
    o->paced_ms = now_ms;
    return o->slow;
}

static bool has_stalled(struct outlet *o, int64_t now_ms, int64_t stall_ms)
{
    uint64_t progress = mailbox_progress(o->mailbox);
    bool still = stands_still(o, progress, now_ms, stall_ms);

    return (o->least_rate > 0 && is_too_slow(o, progress, now_ms, stall_ms)) || still;
}

static enum outlet_result drop_for(struct outlet *o, const struct message *message,
                                   void (*dropped)(void *context, struct message *message), void *context)
{
    struct message oldest, refused = *message;

    while (mailbox_drop_oldest(o->mailbox, &oldest)) {
        dropped(context, &oldest);
        if (mailbox_post(o->mailbox, message) == MAILBOX_OK)
            return OUTLET_POSTED;
    }
    /* The reader holds all that counts. Waiting for it is what the stall time has ended. */
    dropped(context, &refused);
    return OUTLET_DROPPED;
}

/* Never inlined: a post that finds room does not pay for it. */
static __attribute__((noinline)) enum outlet_result
post_to_full(struct outlet *o, const struct message *message, int64_t now_ms, int64_t stall_ms,
             void (*dropped)(void *context, struct message *message), void *context)
{
    o->full = !has_stalled(o, now_ms, stall_ms);
    o->tried_ms = now_ms;
    return o->full ? OUTLET_WAIT : drop_for(o, message, dropped, context);
}

enum outlet_result outlet_post(struct outlet *o, const struct message *message, int64_t now_ms,
                               int64_t stall_ms, void (*dropped)(void *context, struct message *message),
                               void *context)
{
    o->full = false;
    if (mailbox_post(o->mailbox, message) == MAILBOX_OK)
        return OUTLET_POSTED;
    return post_to_full(o, message, now_ms, stall_ms, dropped, context);
}

int64_t outlet_deadline(const struct outlet *o, int64_t stall_ms)
{
    int64_t again = after(o->tried_ms, OUTLET_AGAIN_MS), stalled = stalled_at(o, stall_ms);

    if (!o->full)
        return INT64_MAX;
    return again < stalled ? again : stalled;
}
