/* A session's life: opening, deadlines, closing. */
#include "protocol/ddrp/session.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/earlier.h"

static void draw_nonce(struct ddrp_session *s)
{
    for (size_t i = 0; i < sizeof s->nonce; i += sizeof(uint64_t)) {
        uint64_t n = s->config.random(s->config.context);
        memcpy(s->nonce + i, &n, sizeof n);
    }
}

static void ddrp_session_close(void *session)
{
    struct ddrp_session *s = session;
    ddrp_key_close(&s->key);
    sodium_memzero(s->nonce, sizeof s->nonce);
    s->stage = STAGE_OVER;
}

static int ddrp_session_open(void *session, const struct session_config *config, int64_t now_ms,
                             struct buffer *out)
{
    static const uint8_t nobody[DDRP_NONCE_BYTES];
    struct ddrp_session *s = session;
    const struct timings *t = &config->node->timings;
    *s = (struct ddrp_session){
        .revision = config->protocol->variant,
        .config = *config,
        .opened_ms = now_ms,
        .liveness = {.ping_ms = t->ping, .silence_ms = t->silence, .steady = true},
    };
    if (!ddrp_key_open(&s->key, config->node->secret)) {
        return -1;
    }
    draw_nonce(s);
    if (config->direction == DIRECTION_OUTGOING && !ddrp_send_hello(s, nobody, out)) {
        ddrp_session_close(s);
        return -1;
    }
    return 0;
}

/* How long the peer may take; how long we take ourselves is bounded, too. */
static int64_t handshake_ms(const struct ddrp_session *s)
{
    if (s->stage == STAGE_MET) {
        return s->config.node->timings.handshake;
    }
    return earlier(s->revision->handshake_ms[s->config.direction], s->config.node->timings.handshake);
}

static int64_t ddrp_session_deadline(const void *session)
{
    const struct ddrp_session *s = session;
    switch (s->stage) {
    case STAGE_HELLO:
    case STAGE_MET:
    case STAGE_ACK:
        return s->opened_ms + (s->config.refuse ? 0 : handshake_ms(s));
    case STAGE_OPEN:
        return liveness_deadline(&s->liveness);
    case STAGE_OVER:
        break;
    }
    return INT64_MAX;
}

static void ping(struct ddrp_session *s, struct session_event *ev, struct buffer *out)
{
    if (!ddrp_send(s, DDRP_PING, (struct bytes){.size = 0}, NULL, out)) {
        ddrp_end(s, ev, END_RESOURCES, "no memory for a ping");
    }
}

static void tick_open(struct ddrp_session *s, int64_t now_ms, unsigned marks, struct session_event *ev,
                      struct buffer *out)
{
    switch (liveness_tick(&s->liveness, now_ms, marks)) {
    case LIVENESS_SILENT:
        ddrp_end(s, ev, END_SILENT, "nothing valid came for %" PRId64 " ms", now_ms - s->liveness.heard_ms);
        break;
    case LIVENESS_PING:
        ping(s, ev, out);
        break;
    case LIVENESS_NOTHING:
        break;
    }
}

static void ddrp_session_tick(void *session, int64_t now_ms, unsigned marks, struct session_event *ev,
                              struct buffer *out)
{
    struct ddrp_session *s = session;
    if (s->stage == STAGE_OVER) {
        return;
    }
    if (s->stage == STAGE_OPEN) {
        tick_open(s, now_ms, marks, ev, out);
    } else if (s->config.refuse) {
        /* There is no message that refuses. */
        ddrp_end(s, ev, END_REFUSED, "refused");
    } else if (now_ms - s->opened_ms >= handshake_ms(s)) {
        ddrp_end(s, ev, END_HANDSHAKE_TIMEOUT, "no handshake within %" PRId64 " ms", handshake_ms(s));
    }
}

const struct session_ops ddrp_session_ops = {
    .size = sizeof(struct ddrp_session),
    .open = ddrp_session_open,
    .read = ddrp_session_read,
    .consent = ddrp_session_consent,
    .write = ddrp_session_write,
    .alive = ddrp_session_alive,
    .deadline = ddrp_session_deadline,
    .tick = ddrp_session_tick,
    .close = ddrp_session_close,
};
