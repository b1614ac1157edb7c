#include "protocol/mintlayer/ping.h"

#include "base/earlier.h"
#include "protocol/session.h"

void mintlayer_ping_start(struct mintlayer_ping *p, int64_t now_ms, int64_t first_ms)
{
    p->heard_ms = p->said_ms = now_ms;
    p->next_ms = now_ms + first_ms;
    p->waits = false;
}

void mintlayer_ping_sent(struct mintlayer_ping *p, int64_t now_ms, uint64_t nonce)
{
    p->waits = true;
    p->nonce = nonce;
    p->sent_ms = p->said_ms = now_ms;
}

bool mintlayer_ping_answered(struct mintlayer_ping *p, uint64_t nonce)
{
    bool answers = p->waits && nonce == p->nonce;
    if (answers) {
        p->waits = false;
    }
    return answers;
}

/* The first look that comes no sooner than the peer's patience is over. */
static int64_t given_up_at(const struct mintlayer_ping *p)
{
    int64_t looks = (p->patience_ms + p->every_ms - 1) / p->every_ms;
    return p->sent_ms + looks * p->every_ms;
}

int64_t mintlayer_ping_deadline(const struct mintlayer_ping *p)
{
    if (p->waits) {
        return given_up_at(p);
    }
    if (p->always) {
        return p->next_ms;
    }
    int64_t last = p->heard_ms > p->said_ms ? p->heard_ms : p->said_ms;
    return earlier(last + p->every_ms, p->heard_ms + p->patience_ms + p->every_ms);
}

enum mintlayer_ping_due mintlayer_ping_tick(struct mintlayer_ping *p, int64_t now_ms, unsigned marks)
{
    if (marks & TICK_DEAF) {
        p->heard_ms = p->sent_ms = now_ms;
    }
    if (mintlayer_ping_deadline(p) > now_ms) {
        return PING_NOTHING;
    }
    if (p->waits) {
        return PING_IGNORED;
    }
    /* Those that fell due meanwhile are one. */
    p->next_ms += (1 + (now_ms - p->next_ms) / p->every_ms) * p->every_ms;
    if (marks & TICK_CLOGGED) {
        p->heard_ms = p->said_ms = now_ms;
        return PING_NOTHING;
    }
    return PING_SEND;
}
