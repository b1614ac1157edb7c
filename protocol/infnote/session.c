/* A session's life: opening, deadlines, closing. */
#include "protocol/infnote/session.h"

#include <inttypes.h>

#include "chain/item.h"

static int infnote_session_open(void *session, const struct session_config *config, int64_t now_ms,
                                struct buffer *out)
{
    struct infnote_session *s = session;
    const struct timings *t = &config->node->timings;
    (void)out;
    *s = (struct infnote_session){
        .config = *config,
        .since_ms = now_ms,
        .liveness = {.ping_ms = t->ping, .silence_ms = t->silence},
    };
    return chain_genesis_hash(config->node->network.name, &s->genesis) ? 0 : -1;
}

static void infnote_session_begin(void *session, int64_t now_ms, struct buffer *out)
{
    struct infnote_session *s = session;
    s->stage = STAGE_HELLO;
    s->since_ms = now_ms;
    if (s->config.direction == DIRECTION_OUTGOING) {
        infnote_greet(s, out);
    }
}

static int64_t infnote_session_deadline(const void *session)
{
    const struct infnote_session *s = session;
    switch (s->stage) {
    case STAGE_STREAM:
    case STAGE_HELLO:
    case STAGE_STATUS:
        return s->since_ms + s->config.node->timings.handshake;
    case STAGE_OPEN:
        return liveness_deadline(&s->liveness);
    case STAGE_OVER:
        break;
    }
    return INT64_MAX;
}

static void tick_open(struct infnote_session *s, int64_t now_ms, unsigned marks, struct session_event *ev,
                      struct buffer *out)
{
    switch (liveness_tick(&s->liveness, now_ms, marks)) {
    case LIVENESS_SILENT:
        infnote_send_away(s, ev, out, END_SILENT, REASON_TCP_ERROR, "nothing came for %" PRId64 " ms",
                          now_ms - s->liveness.heard_ms);
        break;
    case LIVENESS_PING:
        infnote_put_bare(out, "Ping");
        break;
    case LIVENESS_NOTHING:
        break;
    }
}

static void infnote_session_tick(void *session, int64_t now_ms, unsigned marks, struct session_event *ev,
                                 struct buffer *out)
{
    struct infnote_session *s = session;
    if (s->stage == STAGE_OPEN) {
        tick_open(s, now_ms, marks, ev, out);
    } else if (s->stage == STAGE_STREAM && infnote_session_deadline(s) <= now_ms) {
        infnote_end(s, ev, END_HANDSHAKE_TIMEOUT, "nothing came within %" PRId64 " ms",
                    s->config.node->timings.handshake);
    } else if (s->stage < STAGE_OPEN && infnote_session_deadline(s) <= now_ms) {
        infnote_send_away(s, ev, out, END_HANDSHAKE_TIMEOUT, REASON_TCP_ERROR, "no %s within %" PRId64 " ms",
                          s->stage == STAGE_STATUS ? "Status" : "Hello", s->config.node->timings.handshake);
    }
}

static void infnote_session_close(void *session)
{
    struct infnote_session *s = session;
    s->stage = STAGE_OVER;
}

static uint64_t infnote_session_most(const struct node_config *node)
{
    (void)node;
    return ledger_input_most();
}

const struct session_ops infnote_session_ops = {
    .size = sizeof(struct infnote_session),
    .open = infnote_session_open,
    .begin = infnote_session_begin,
    .read = infnote_session_read,
    .write = infnote_session_write,
    .alive = infnote_session_alive,
    .leave = infnote_session_leave,
    .deadline = infnote_session_deadline,
    .tick = infnote_session_tick,
    .close = infnote_session_close,
    .most = infnote_session_most,
};
