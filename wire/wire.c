#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/earlier.h"
#include "wire/private.h"

enum {
    PROBE_SLACK_MS = 1000, /* a ping may be so late */
    SIGNS = 8,             /* of life that are sent in a stall time, at most */
};

/* --- its life --- */

static size_t aligned(size_t n)
{
    return (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

size_t wire_size(const struct protocol *p)
{
    return sizeof(struct wire) + aligned(p->session->size) + (p->stream ? aligned(p->stream->size) : 0);
}

struct wire *wire_init(void *memory, const struct wire_config *config)
{
    struct wire *w = memory;
    memset(w, 0, wire_size(config->protocol));
    w->config = *config;
    w->ops = config->protocol->session;
    w->stream = protocol_stream(config->protocol, config->node);
    w->session = w->memory;
    w->stream_state = w->memory + aligned(w->ops->size);
    w->session_out = w->stream ? &w->plain : &w->out;
    buffer_init(&w->out);
    buffer_init(&w->plain);
    return w;
}

static bool open_session(struct wire *w, int64_t now, int64_t begun_ms, const struct endpoint *remote)
{
    const struct wire_config *c = &w->config;
    struct session_config config = {
        .protocol = c->protocol,
        .facts = c->facts,
        .special = c->special,
        .purpose = c->purpose,
        .proxied = c->proxied,
        .expected = c->expected,
        .wall_ms = c->wall_ms,
        .node = c->node,
        .direction = c->direction,
        .remote = *remote,
        .begun_ms = begun_ms,
        .account = c->account,
        .refuse = c->refuse,
        .alternatives = c->alternatives,
        .n_alternatives = c->n_alternatives,
        .random = c->random,
        .context = c->context,
    };
    return w->ops->open(w->session, &config, now, w->session_out) == 0;
}

void wire_open(struct wire *w, int64_t now, int64_t begun_ms, const struct endpoint *remote)
{
    const struct limits *l = &w->config.node->limits;
    int64_t stall = w->config.node->timings.stall;
    w->now_ms = now;
    w->rate_tokens = (int64_t)l->burst * 1000;
    w->rate_tokens_ms = now;
    w->sign_ms = now - stall - 1;
    w->alive_ms = now - stall;
    if (!wire_open_stream(w, remote)) {
        wire_end(w, END_RESOURCES, "no memory for a stream");
        return;
    }
    if (!open_session(w, now, begun_ms, remote)) {
        if (w->stream) {
            w->stream->close(w->stream_state);
        }
        wire_end(w, END_RESOURCES, "no memory for a session");
        return;
    }
    w->is_open = true;
    w->stream_is_open = !w->stream || w->stream->is_open(w->stream_state);
    if (w->stream_is_open) {
        wire_begin(w, now);
    }
    wire_wrap(w);
}

static void close_session(struct wire *w)
{
    w->ops->close(w->session);
    if (w->stream) {
        w->stream->close(w->stream_state);
    }
    w->is_open = false;
}

struct wire_done wire_close(struct wire *w)
{
    struct wire_done unsent = {.messages = (uint32_t)w->n_in_flight};
    /* The parcel that still waits for room stays, and was paid for by the bytes that it was made of. */
    w->config.account->keeps = w->is_held;
    if (w->is_open) {
        close_session(w);
    }
    sodium_memzero(w->memory, wire_size(w->config.protocol) - sizeof *w);
    w->is_over = w->output_stopped = true;
    for (size_t i = 0; i < w->n_in_flight; i++) {
        const struct parcel *p = w->in_flight[i].parcel;
        unsent.bytes += p ? p->size : 0;
    }
    wire_drop_buffer(w);
    buffer_fini(&w->out);
    buffer_fini(&w->plain);
    return unsent;
}

void wire_fini(struct wire *w, void (*discard)(void *context, struct message *m), void *context)
{
    for (size_t i = 0; i < w->n_in_flight; i++) {
        const struct in_flight *f = &w->in_flight[i];
        struct message m = {.kind = f->kind, .scope = f->scope, .peer = w->config.ref, .parcel = f->parcel};
        discard(context, &m);
    }
    free(w->in_flight);
    w->in_flight = NULL;
    w->n_in_flight = 0;
    free(w->met);
    free(w->online);
    free(w->ending);
    w->met = w->online = NULL;
    w->ending = NULL;
}

void wire_trim(struct wire *w)
{
    /* A parcel that was put back is paid for by the buffer that its bytes came to. */
    if (w->in.data && w->in.start == w->in.filled && !w->is_held) {
        wire_drop_buffer(w);
    }
    if (w->n_in_flight == 0) {
        free(w->in_flight);
        w->in_flight = NULL;
    }
    if (!wire_has_output(w)) {
        buffer_trim(&w->out);
    }
    buffer_trim(&w->plain);
}

bool wire_is_ready(const struct wire *w)
{
    return w->is_ready;
}

/* --- time, and what the controller asks --- */

int64_t wire_deadline(const struct wire *w)
{
    int64_t at = w->ops->deadline(w->session);
    if (w->probe_by > 0) {
        at = earlier(at, w->probe_by);
    }
    if (w->is_starved) {
        at = earlier(at, w->starved_until);
    }
    return earlier(at, wire_rate_deadline(w));
}

/* What found no room in the budget is tried again. */
static bool feed_again(struct wire *w, int64_t now)
{
    w->now_ms = now;
    if (!w->is_starved || now < w->starved_until) {
        return false;
    }
    w->is_starved = false;
    w->backlog = true; /* it may be the session that waits */
    return true;
}

static bool tick_session(struct wire *w, int64_t now)
{
    if (now < w->ops->deadline(w->session)) {
        return false;
    }
    struct session_event ev;
    session_event_clear(&ev);
    unsigned marks = (w->left_unread ? TICK_DEAF : 0) | (wire_is_clogged(w) ? TICK_CLOGGED : 0) |
                     (w->is_held ? TICK_HELD : 0);
    w->ops->tick(w->session, now, marks, &ev, w->session_out);
    wire_wrap(w);
    w->left_unread = false;
    wire_note_event(w, now, &ev);
    return true;
}

/* Whether signs of life have come, if that was asked. Whom we do not read may well have said something. */
static void judge(struct wire *w, int64_t now)
{
    if (w->probe_by == 0 || (!w->heard && now < w->probe_by)) {
        return;
    }
    w->probe_by = 0;
    if (w->heard || w->is_starved || !wire_may_read(w)) {
        w->is_alive = w->is_urgent = true;
    } else {
        wire_end(w, END_SILENT, "no sign of life, and its peer has come by another connection");
    }
}

/* What has left must not fill a place for as long as a low rate makes of a full socket. */
static void end_if_left(struct wire *w, int64_t now)
{
    if (w->has_left && !wire_is_within_rate(w) && now - w->left_ms >= w->config.node->timings.silence) {
        wire_end(w, END_CLOSED, "left, and had sent more than its rate allows");
    }
}

bool wire_tick(struct wire *w, int64_t now)
{
    bool any = feed_again(w, now);
    if (!w->is_over) {
        any |= tick_session(w, now);
    }
    if (!w->is_over) {
        judge(w, now);
        end_if_left(w, now);
    }
    return any || w->is_alive;
}

void wire_consent(struct wire *w, int64_t now)
{
    if (!w->is_open || w->is_over) {
        return;
    }
    struct session_event ev;
    session_event_clear(&ev);
    w->ops->consent(w->session, now, &ev, w->session_out);
    wire_wrap(w);
    wire_note_event(w, now, &ev);
    w->backlog = true; /* what has come meanwhile was left unread */
}

void wire_probe(struct wire *w, int64_t now)
{
    w->heard = false;
    w->probe_by = now + w->config.node->timings.ping + PROBE_SLACK_MS;
}

/* At most SIGNS times in a stall time: some hops may each add such a share to the reader's own pause. Nothing
 * is added while what we wrote before waits: the peer does not read either, and would not find it. */
bool wire_owes_sign(const struct wire *w, int64_t now)
{
    return w->held_back && now - w->alive_ms >= w->config.node->timings.stall / SIGNS && w->is_ready &&
           !w->is_over && !w->output_stopped && !wire_has_output(w) && w->ops->alive;
}

bool wire_show_progress(struct wire *w, int64_t now, uint64_t progress)
{
    if (progress == w->alive_progress) {
        return false;
    }
    w->held_back = w->is_held;
    w->alive_ms = now;
    w->alive_progress = progress;
    w->ops->alive(w->session, now, w->session_out);
    wire_wrap(w);
    return true;
}
