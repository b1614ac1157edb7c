#include "queue/mailbox.h"

/* Whether the reader has stood still for the stall time with the mailbox full. */
static bool has_stalled(struct outlet *o, int64_t now_ms, int64_t stall_ms)
{
    uint64_t progress = mailbox_progress(o->mailbox);
    if (progress != o->seen) {
        o->seen = progress;
        o->since_ms = now_ms;
        o->stalled = false;
    }
    /* It stays stalled between posts, even while there is room: that room was made by dropping, not by the
     * reader. */
    if (now_ms - o->since_ms >= stall_ms)
        o->stalled = true;
    return o->stalled;
}

enum outlet_result outlet_post(struct outlet *o, const struct message *message, int64_t now_ms,
                               int64_t stall_ms, void (*dropped)(void *context, struct message *message),
                               void *context)
{
    o->full = false;
    if (mailbox_post(o->mailbox, message) == MAILBOX_OK)
        return OUTLET_POSTED;
    if (!has_stalled(o, now_ms, stall_ms)) {
        o->full = true;
        return OUTLET_WAIT;
    }
    struct message oldest;
    while (mailbox_drop_oldest(o->mailbox, &oldest)) {
        dropped(context, &oldest);
        if (mailbox_post(o->mailbox, message) == MAILBOX_OK)
            return OUTLET_POSTED;
    }
    /* The reader holds all that counts. Waiting for it is what the stall time has ended. */
    struct message refused = *message;
    dropped(context, &refused);
    return OUTLET_DROPPED;
}

int64_t outlet_deadline(const struct outlet *o, int64_t stall_ms)
{
    if (!o->full || stall_ms > INT64_MAX - o->since_ms)
        return INT64_MAX;
    return o->since_ms + stall_ms;
}
