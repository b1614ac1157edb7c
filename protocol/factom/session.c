/* A session's life: opening, deadlines, closing. */
#include "protocol/factom/session.h"

#include <inttypes.h>

#include "base/earlier.h"
#include "protocol/factom/setting.h"
#include "protocol/factom/v9.h"

static int factom_session_open(void *session, const struct session_config *config, int64_t now_ms,
                               struct buffer *out)
{
    struct session *s = session;
    const struct factom_settings *own = config->node->settings;
    struct gob_limits gob = {
        .types = own->gob_types, .depth = own->gob_depth, .definition = own->gob_definition};
    const struct timings *t = &config->node->timings;
    *s = (struct session){.config = *config,
                          .version = config->node->version,
                          .frame_most = config->node->limits.handshake_bytes,
                          .opened_ms = now_ms,
                          .liveness = {.ping_ms = t->ping, .silence_ms = t->silence}};
    factom_gob_types_init(&s->types, &gob, factom_v9_names);
    factom_fragments_init(&s->fragments, config->account, own->assemble_bytes,
                          config->node->limits.parcel_bytes, own->assemble_ms);
    if (config->direction == DIRECTION_OUTGOING) {
        factom_send_hello(s, s->version, out);
    }
    return out->failed ? -1 : 0;
}

static int64_t factom_session_deadline(const void *session)
{
    const struct session *s = session;
    const struct timings *t = &s->config.node->timings;
    switch (s->stage) {
    case STAGE_HANDSHAKE:
        return s->opened_ms + t->handshake;
    case STAGE_OPEN:
        return earlier(liveness_deadline(&s->liveness), factom_fragments_deadline(&s->fragments));
    case STAGE_OVER:
        break;
    }
    return INT64_MAX;
}

static void ping(struct session *s, struct session_event *ev, struct buffer *out)
{
    struct payload text = factom_payload_of_text("Ping");
    if (!factom_send_parcel(s, TYPE_PING, SCOPE_NONE, &text, out)) {
        factom_end(s, ev, END_RESOURCES, "no memory for a ping");
    }
}

static void factom_session_tick(void *session, int64_t now_ms, unsigned marks, struct session_event *ev,
                                struct buffer *out)
{
    struct session *s = session;
    const struct timings *t = &s->config.node->timings;
    if (s->stage == STAGE_HANDSHAKE && now_ms - s->opened_ms >= t->handshake) {
        factom_end(s, ev, END_HANDSHAKE_TIMEOUT, "no handshake within %lld ms", (long long)t->handshake);
    }
    if (s->stage != STAGE_OPEN) {
        return;
    }
    ev->dropped = factom_fragments_expire(&s->fragments, now_ms, (marks & TICK_HELD) != 0);
    switch (liveness_tick(&s->liveness, now_ms, marks)) {
    case LIVENESS_SILENT:
        factom_end(s, ev, END_SILENT, "nothing came for %" PRId64 " ms", now_ms - s->liveness.heard_ms);
        break;
    case LIVENESS_PING:
        ping(s, ev, out);
        break;
    case LIVENESS_NOTHING:
        break;
    }
}

static void factom_session_close(void *session)
{
    struct session *s = session;
    factom_gob_types_fini(&s->types);
    factom_fragments_fini(&s->fragments);
    s->stage = STAGE_OVER;
}

static uint64_t factom_session_most(const struct node_config *node)
{
    const struct factom_settings *own = node->settings;
    return factom_gob_types_most(own->gob_types, own->gob_definition) + FRAGMENTS_FREE + FRAGMENTS_STEP +
           FACTOM_SHARE_MEMORY;
}

const struct session_ops factom_session_ops = {
    .size = sizeof(struct session),
    .open = factom_session_open,
    .read = factom_session_read,
    .write = factom_session_write,
    .alive = factom_session_alive,
    .deadline = factom_session_deadline,
    .tick = factom_session_tick,
    .close = factom_session_close,
    .most = factom_session_most,
};
