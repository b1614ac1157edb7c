#include "tests/unit/echo.h"

#include <stdio.h>
#include <string.h>

#include "protocol/liveness.h"
#include "protocol/noise/noise.h"
#ifdef KITH_WITH_WEBSOCKET
#include "protocol/websocket/websocket.h"
#endif
#include "tests/unit/xor_stream.h"

struct session {
    struct session_config config;
    bool has_begun, is_open, is_over;
    int64_t since_ms; /* it was opened, or has begun */
    struct liveness liveness;
};

struct service {
    struct service_config config;
};

/* --- bytes --- */

static void put(uint8_t *to, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0; value >>= 8) {
        to[i] = (uint8_t)value;
    }
}

static uint64_t get(const uint8_t *from, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

static void put_head(struct buffer *out, enum echo_kind kind, size_t size)
{
    uint8_t head[ECHO_HEAD] = {(uint8_t)kind};
    put(head + 1, size, 4);
    buffer_add(out, head, sizeof head);
}

void echo_frame(struct buffer *out, enum echo_kind kind, const void *payload, size_t size)
{
    put_head(out, kind, size);
    buffer_add(out, payload, size);
}

static void say_hello(const struct session *s, struct buffer *out)
{
    uint8_t hello[ECHO_HELLO_SIZE];
    put(hello, s->config.node->node_id, 8);
    put(hello + 8, s->config.node->listen_port, 2);
    put(hello + 10, s->config.facts.height, 8);
    echo_frame(out, ECHO_HELLO, hello, sizeof hello);
}

/* --- the session --- */

static int session_open(void *session, const struct session_config *config, int64_t now_ms,
                        struct buffer *out)
{
    struct session *s = session;
    const struct timings *t = &config->node->timings;
    *s = (struct session){
        .config = *config, .since_ms = now_ms, .liveness = {.ping_ms = t->ping, .silence_ms = t->silence}};
    return out->failed ? -1 : 0;
}

static void session_begin(void *session, int64_t now_ms, struct buffer *out)
{
    struct session *s = session;
    s->has_begun = true;
    s->since_ms = now_ms;
    if (s->config.direction == DIRECTION_OUTGOING) {
        say_hello(s, out);
    }
}

__attribute__((format(printf, 4, 5))) static void end(struct session *s, struct session_event *ev,
                                                      enum end_reason reason, const char *format, ...)
{
    s->is_over = true;
    va_list arguments;
    va_start(arguments, format);
    session_event_end(ev, reason, format, arguments);
    va_end(arguments);
}

static void take_hello(struct session *s, int64_t now_ms, struct bytes payload, struct session_event *ev,
                       struct buffer *out)
{
    if (payload.size != ECHO_HELLO_SIZE) {
        end(s, ev, END_HANDSHAKE, "a hello of %zu bytes", payload.size);
        return;
    }
    if (s->config.direction == DIRECTION_INCOMING) {
        say_hello(s, out);
    }
    s->is_open = true;
    liveness_start(&s->liveness, now_ms);
    ev->type = SESSION_READY;
    ev->peer = (struct peer_info){
        .endpoint = {.ip = s->config.remote.ip, .port = (uint16_t)get(payload.data + 8, 2)},
        .node_id = get(payload.data, 8),
        .version = 1 + (uint32_t)get(payload.data + 10, 8)};
    snprintf(ev->peer.hash, sizeof ev->peer.hash, "echo %016llx", (unsigned long long)ev->peer.node_id);
}

static void take_frame(struct session *s, enum echo_kind kind, struct bytes payload, struct session_event *ev,
                       struct buffer *out)
{
    switch (kind) {
    case ECHO_MESSAGE:
    case ECHO_CALL:
    case ECHO_KEEP:
    case ECHO_FETCH:
    case ECHO_PROBE:
    case ECHO_SPREAD:
    case ECHO_OWN:
    case ECHO_LATER:
    case ECHO_CRY:
        ev->type = SESSION_MESSAGE;
        ev->message.kind = kind;
        ev->message.parcel = parcel_new(payload.data, payload.size);
        if (!ev->message.parcel) {
            end(s, ev, END_RESOURCES, "no memory for a message");
        }
        return;
    case ECHO_PING:
        ev->good = 1;
        ev->alive = true;
        echo_frame(out, ECHO_PONG, payload.data, payload.size);
        return;
    case ECHO_PONG:
        ev->good = 1;
        return;
    case ECHO_BYE:
        end(s, ev, END_CLOSED, "%.*s", (int)payload.size, (const char *)payload.data);
        return;
    case ECHO_HELLO:
        break;
    }
    ev->bad = 1;
}

static size_t session_read(void *session, int64_t now_ms, struct bytes in, struct session_event *ev,
                           struct buffer *out)
{
    struct session *s = session;
    if (s->is_over || in.size < ECHO_HEAD) {
        return 0;
    }
    size_t size = get(in.data + 1, 4);
    size_t most = s->is_open ? s->config.node->limits.parcel_bytes : s->config.node->limits.handshake_bytes;
    if (size > most) {
        end(s, ev, s->is_open ? END_BAD_INPUT : END_HANDSHAKE, "a frame of %zu bytes", size);
        return 0;
    }
    if (in.size < ECHO_HEAD + size) {
        return 0;
    }
    struct bytes payload = {.data = in.data + ECHO_HEAD, .size = size};
    liveness_heard(&s->liveness, now_ms);
    if (s->is_open) {
        take_frame(s, in.data[0], payload, ev, out);
    } else if (in.data[0] == ECHO_HELLO) {
        take_hello(s, now_ms, payload, ev, out);
    } else {
        end(s, ev, END_HANDSHAKE, "no hello");
    }
    return ECHO_HEAD + size;
}

static int session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    const struct session *s = session;
    (void)now_ms;
    if (m->kind < ECHO_MESSAGE || m->kind > ECHO_OWN || !m->parcel ||
        m->parcel->size > s->config.node->limits.parcel_bytes) {
        return -1;
    }
    size_t before = out->total;
    put_head(out, m->kind, m->parcel->size);
    buffer_add_parcel(out, m->parcel);
    if (out->failed) {
        buffer_cut(out, before);
        return -1;
    }
    return 0;
}

static void session_alive(void *session, int64_t now_ms, struct buffer *out)
{
    (void)session;
    (void)now_ms;
    echo_frame(out, ECHO_PING, "", 0);
}

/* The variant of those that say last words. */
static const char is_polite;

static void session_leave(void *session, int64_t now_ms, enum end_reason why, struct buffer *out)
{
    const struct session *s = session;
    const char *text = end_reason_text(why);
    (void)now_ms;
    if (s->config.protocol->variant == &is_polite) {
        echo_frame(out, ECHO_BYE, text, strlen(text));
    }
}

static int64_t session_deadline(const void *session)
{
    const struct session *s = session;
    if (s->is_over) {
        return INT64_MAX;
    }
    return s->is_open ? liveness_deadline(&s->liveness) : s->since_ms + s->config.node->timings.handshake;
}

static void session_tick(void *session, int64_t now_ms, unsigned marks, struct session_event *ev,
                         struct buffer *out)
{
    struct session *s = session;
    if (s->is_over) {
        return;
    }
    if (!s->is_open) {
        if (now_ms - s->since_ms >= s->config.node->timings.handshake) {
            end(s, ev, END_HANDSHAKE_TIMEOUT, s->has_begun ? "no hello" : "no stream");
        }
        return;
    }
    switch (liveness_tick(&s->liveness, now_ms, marks)) {
    case LIVENESS_SILENT:
        end(s, ev, END_SILENT, "nothing came");
        break;
    case LIVENESS_PING:
        session_alive(s, now_ms, out);
        break;
    case LIVENESS_NOTHING:
        break;
    }
}

static void session_close(void *session)
{
    struct session *s = session;
    s->is_over = true;
}

/* --- the service --- */

static int service_open(void *service, const struct service_config *config, int64_t now_ms)
{
    struct service *v = service;
    (void)now_ms;
    v->config = *config;
    return 0;
}

static void service_online(void *service, int64_t now_ms, const struct service_peer *p)
{
    (void)service;
    (void)now_ms;
    (void)p;
}

static void service_message(void *service, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                            struct parcel *parcel)
{
    const struct service *v = service;
    (void)now_ms;
    if (kind == ECHO_CALL) {
        v->config.actions->send(v->config.host, p->ref, ECHO_MESSAGE, parcel);
    } else {
        v->config.actions->deliver(v->config.host, p->ref, kind, parcel);
    }
}

static int64_t service_deadline(const void *service)
{
    (void)service;
    return INT64_MAX;
}

static void service_tick(void *service, int64_t now_ms)
{
    (void)service;
    (void)now_ms;
}

/* --- the tables --- */

static const struct network_config networks[] = {{.name = "LOCAL", .id = 1, .port = 7000, .open = true},
                                                 {.name = ""}};

static const struct protocol_kind kinds[] = {{ECHO_MESSAGE, "Message"}, {ECHO_CALL, "Call"}, {0, NULL}};

static const struct session_ops session_ops = {
    .size = sizeof(struct session),
    .open = session_open,
    .begin = session_begin,
    .read = session_read,
    .write = session_write,
    .alive = session_alive,
    .leave = session_leave,
    .deadline = session_deadline,
    .tick = session_tick,
    .close = session_close,
};

static const struct service_ops service_ops = {
    .size = sizeof(struct service),
    .peer_size = 1,
    .open = service_open,
    .online = service_online,
    .message = service_message,
    .deadline = service_deadline,
    .tick = service_tick,
};

#define ECHO_FIELDS                                                                                          \
    .networks = networks, .custom_port = 7000, .kinds = kinds, .version_default = 1, .version_lowest = 1,    \
    .version_highest = 1,                                                                                    \
    .timings = {.dial = 1000,                                                                                \
                .handshake = 1000,                                                                           \
                .redial = 1000,                                                                              \
                .redial_special = 1000,                                                                      \
                .ping = 1000,                                                                                \
                .silence = 4000,                                                                             \
                .request = 60000,                                                                            \
                .request_limit = 1000,                                                                       \
                .reseed = 60000,                                                                             \
                .save = 1000,                                                                                \
                .forget = 3600000,                                                                           \
                .decay = 3600000,                                                                            \
                .ban = 60000,                                                                                \
                .stall = 500},                                                                               \
    .merits =                                                                                                \
        {.good = 1, .bad = -5, .lost = -1, .handshake_failed = -10, .silent = -5, .refuse_below = -200},     \
    .limits = {.give_up = 5,                                                                                 \
               .share = 8,                                                                                   \
               .incoming = 20,                                                                               \
               .pending = 16,                                                                                \
               .dials = 8,                                                                                   \
               .few_peers = 1,                                                                               \
               .queue_parcels = 100,                                                                         \
               .queue_bytes = 1U << 20,                                                                      \
               .parcel_bytes = 1U << 20,                                                                     \
               .control_bytes = 1U << 16,                                                                    \
               .receive_bytes = 16U << 20,                                                                   \
               .handshake_bytes = 1024},                                                                     \
    .session = &session_ops, .service = &service_ops

const struct protocol echo_protocol = {.name = "echo", ECHO_FIELDS};
const struct protocol echo_xor_protocol = {.name = "echo-xor", .stream = &xor_stream, ECHO_FIELDS};
const struct protocol echo_polite_protocol = {.name = "echo-polite", .variant = &is_polite, ECHO_FIELDS};
const struct protocol echo_xor_polite_protocol = {
    .name = "echo-xor-polite", .variant = &is_polite, .stream = &xor_stream, ECHO_FIELDS};
const struct protocol echo_noise_protocol = {.name = "echo-noise", .stream = &noise_stream, ECHO_FIELDS};
#ifdef KITH_WITH_WEBSOCKET
const struct protocol echo_websocket_protocol = {
    .name = "echo-websocket", .stream = &websocket_stream, ECHO_FIELDS};
#endif
