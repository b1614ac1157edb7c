/* A session's life: opening, deadlines, closing. */
#include "protocol/coin/session.h"

#include <inttypes.h>

#include "chain/item.h"

static int coin_session_open(void *session, const struct session_config *config, int64_t now_ms,
                             struct buffer *out)
{
    struct coin_session *s = session;
    const struct timings *t = &config->node->timings;
    (void)out;
    *s = (struct coin_session){
        .config = *config,
        .since_ms = now_ms,
        .liveness = {.ping_ms = t->ping, .silence_ms = t->silence},
        .height = (int64_t)config->facts.height,
    };
    return chain_genesis_hash(config->node->network.name, &s->genesis) ? 0 : -1;
}

static void coin_session_begin(void *session, int64_t now_ms, struct buffer *out)
{
    struct coin_session *s = session;
    (void)now_ms; /* both have their time together */
    s->stage = STAGE_HANDSHAKE;
    if (s->config.direction == DIRECTION_OUTGOING) {
        coin_put_hello(s, out);
    }
}

static int64_t coin_session_deadline(const void *session)
{
    const struct coin_session *s = session;
    switch (s->stage) {
    case STAGE_STREAM:
    case STAGE_HANDSHAKE:
        return s->since_ms + (s->config.refuse ? 0 : s->config.node->timings.handshake);
    case STAGE_OPEN:
        return liveness_deadline(&s->liveness);
    case STAGE_OVER:
        break;
    }
    return INT64_MAX;
}

static void tick_open(struct coin_session *s, int64_t now_ms, unsigned marks, struct session_event *ev,
                      struct buffer *out)
{
    switch (liveness_tick(&s->liveness, now_ms, marks)) {
    case LIVENESS_SILENT:
        coin_end(s, ev, END_SILENT, "nothing came for %" PRId64 " ms", now_ms - s->liveness.heard_ms);
        break;
    case LIVENESS_PING:
        coin_put_hello(s, out);
        break;
    case LIVENESS_NOTHING:
        break;
    }
}

static void coin_session_tick(void *session, int64_t now_ms, unsigned marks, struct session_event *ev,
                              struct buffer *out)
{
    struct coin_session *s = session;
    if (s->stage == STAGE_OPEN) {
        tick_open(s, now_ms, marks, ev, out);
    } else if (s->stage == STAGE_OVER || coin_session_deadline(s) > now_ms) {
        return;
    } else if (s->config.refuse) {
        /* There is no message that refuses. */
        coin_end(s, ev, END_REFUSED, "refused");
    } else {
        coin_end(s, ev, END_HANDSHAKE_TIMEOUT, "no HELLO and HEY within %" PRId64 " ms",
                 s->config.node->timings.handshake);
    }
}

static void coin_session_close(void *session)
{
    struct coin_session *s = session;
    s->stage = STAGE_OVER;
}

static uint64_t coin_session_most(const struct node_config *node)
{
    (void)node;
    return ledger_input_most();
}

const struct session_ops coin_session_ops = {
    .size = sizeof(struct coin_session),
    .open = coin_session_open,
    .begin = coin_session_begin,
    .read = coin_session_read,
    .write = coin_session_write,
    .alive = coin_session_alive,
    .deadline = coin_session_deadline,
    .tick = coin_session_tick,
    .close = coin_session_close,
    .most = coin_session_most,
};
