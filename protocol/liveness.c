#include "protocol/liveness.h"

static int64_t next_ping(const struct liveness *l)
{
    int64_t last = l->steady || l->pinged_ms > l->heard_ms ? l->pinged_ms : l->heard_ms;
    return last + l->ping_ms;
}

void liveness_start(struct liveness *l, int64_t now_ms)
{
    l->heard_ms = now_ms;
    l->pinged_ms = now_ms;
}

void liveness_heard(struct liveness *l, int64_t now_ms)
{
    l->heard_ms = now_ms;
}

void liveness_pinged(struct liveness *l, int64_t now_ms)
{
    l->pinged_ms = now_ms;
}

int64_t liveness_deadline(const struct liveness *l)
{
    int64_t silence = l->heard_ms + l->silence_ms;
    int64_t ping = next_ping(l);
    return silence < ping ? silence : ping;
}

enum liveness_due liveness_tick(struct liveness *l, int64_t now_ms, unsigned marks)
{
    if ((marks & TICK_DEAF) != 0) {
        l->heard_ms = now_ms;
    }
    if (now_ms - l->heard_ms >= l->silence_ms) {
        return LIVENESS_SILENT;
    }
    if (now_ms < next_ping(l)) {
        return LIVENESS_NOTHING;
    }
    l->pinged_ms = now_ms;
    return (marks & TICK_CLOGGED) != 0 ? LIVENESS_NOTHING : LIVENESS_PING;
}
