/* A session's life: opening, deadlines, closing. */
#include "protocol/mintlayer/session.h"

#include <inttypes.h>

static void begin_stage(struct mintlayer_session *s, enum mintlayer_stage stage, int64_t now_ms)
{
    s->stage = stage;
    s->since_ms = now_ms;
    s->since_wall_ms = s->config.wall_ms(s->config.context);
}

static int mintlayer_session_open(void *session, const struct session_config *config, int64_t now_ms,
                                  struct buffer *out)
{
    struct mintlayer_session *s = session;
    const struct timings *t = &config->node->timings;
    (void)out;
    *s = (struct mintlayer_session){.config = *config, .own = config->node->settings};
    s->services = config->purpose == PURPOSE_RELAY ? MINTLAYER_BLOCKS : s->own->services;
    s->ping = (struct mintlayer_ping){
        .always = s->own->ping_always, .every_ms = t->ping, .patience_ms = t->silence};
    begin_stage(s, STAGE_STREAM, now_ms);
    return 0;
}

static void mintlayer_session_begin(void *session, int64_t now_ms, struct buffer *out)
{
    struct mintlayer_session *s = session;
    begin_stage(s, STAGE_HELLO, now_ms);
    if (s->config.direction == DIRECTION_OUTGOING) {
        mintlayer_say_hello(s, out);
    }
}

/* The time that the stream may take. On a dial the way to the peer and the stream have one time together. */
static int64_t stream_deadline(const struct mintlayer_session *s)
{
    const struct timings *t = &s->config.node->timings;
    return s->config.direction == DIRECTION_OUTGOING ? s->config.begun_ms + t->dial
                                                     : s->since_ms + t->handshake;
}

/* The stream has its time, and then the handshake. */
static int64_t mintlayer_session_deadline(const void *session)
{
    const struct mintlayer_session *s = session;
    switch (s->stage) {
    case STAGE_STREAM:
        return stream_deadline(s);
    case STAGE_HELLO:
        return s->since_ms + s->config.node->timings.handshake;
    case STAGE_OPEN:
        return mintlayer_ping_deadline(&s->ping);
    case STAGE_MET:
    case STAGE_OVER:
        break;
    }
    return INT64_MAX;
}

static void ping(struct mintlayer_session *s, int64_t now_ms, struct session_event *ev, struct buffer *out)
{
    size_t before = out->total;
    uint64_t nonce = s->config.random(s->config.context);
    mintlayer_put_nonce(out, MINTLAYER_PING_REQUEST, nonce);
    if (!buffer_holds(out, before)) {
        mintlayer_end(s, ev, END_RESOURCES, "no memory for a ping");
        return;
    }
    mintlayer_ping_sent(&s->ping, now_ms, nonce);
}

static void tick_open(struct mintlayer_session *s, int64_t now_ms, unsigned marks, struct session_event *ev,
                      struct buffer *out)
{
    switch (mintlayer_ping_tick(&s->ping, now_ms, marks)) {
    case PING_IGNORED:
        mintlayer_send_away(s, ev, out, END_SILENT, "You ignore our ping requests",
                            "a ping was not answered for %" PRId64 " ms", now_ms - s->ping.sent_ms);
        break;
    case PING_SEND:
        ping(s, now_ms, ev, out);
        break;
    case PING_NOTHING:
        break;
    }
}

static void mintlayer_session_tick(void *session, int64_t now_ms, unsigned marks, struct session_event *ev,
                                   struct buffer *out)
{
    struct mintlayer_session *s = session;
    if (s->stage == STAGE_OPEN) {
        tick_open(s, now_ms, marks, ev, out);
    } else if (s->stage <= STAGE_HELLO && mintlayer_session_deadline(s) <= now_ms) {
        bool is_stream = s->stage == STAGE_STREAM;
        mintlayer_end(s, ev, END_HANDSHAKE_TIMEOUT, "no %s within %" PRId64 " ms",
                      is_stream ? "encryption" : "handshake",
                      mintlayer_session_deadline(s) - (is_stream ? s->config.begun_ms : s->since_ms));
    }
}

static void mintlayer_session_close(void *session)
{
    struct mintlayer_session *s = session;
    s->stage = STAGE_OVER;
    mintlayer_blocks_free(&s->blocks);
}

static uint64_t mintlayer_session_most(const struct node_config *node)
{
    const struct mintlayer_settings *own = node->settings;
    return own->services & MINTLAYER_BLOCKS ? MINTLAYER_ASKED_MAX * sizeof(uint64_t) : 0;
}

const struct session_ops mintlayer_session_ops = {
    .size = sizeof(struct mintlayer_session),
    .open = mintlayer_session_open,
    .begin = mintlayer_session_begin,
    .read = mintlayer_session_read,
    .write = mintlayer_session_write,
    .alive = mintlayer_session_alive,
    .leave = mintlayer_session_leave,
    .deadline = mintlayer_session_deadline,
    .tick = mintlayer_session_tick,
    .close = mintlayer_session_close,
    .most = mintlayer_session_most,
};
