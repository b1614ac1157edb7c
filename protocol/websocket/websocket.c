#include "protocol/websocket/websocket.h"

#include <string.h>

#include "protocol/websocket/frames.h"
#include "protocol/websocket/upgrade.h"

enum state {
    STATE_FIRST,    /* the peer's first byte has not come */
    STATE_PLAIN,    /* no WebSocket: bytes pass as they are */
    STATE_REQUEST,  /* its request has not come whole */
    STATE_RESPONSE, /* nor has the response to ours */
    STATE_FRAMES,
};

struct websocket {
    struct stream_config config;
    enum state state;
    size_t searched;             /* bytes of the head that has not come whole */
    char accept[UPGRADE_ACCEPT]; /* what the response must have */
    struct frames *frames;       /* NULL before STATE_FRAMES */
    bool has_failed;             /* before them */
    struct stream_failure failure;
};

static void fail(struct websocket *w, enum end_reason reason, const char *text)
{
    w->has_failed = true;
    w->failure = (struct stream_failure){.reason = reason, .text = text};
}

static int open_stream(void *stream, const struct stream_config *config, struct buffer *out)
{
    struct websocket *w = stream;
    w->config = *config;
    if (config->direction == DIRECTION_INCOMING) {
        w->state = STATE_FIRST;
    } else if (!config->dialed || config->dialed->scheme != SCHEME_WEBSOCKET) {
        w->state = STATE_PLAIN;
    } else {
        w->state = STATE_RESPONSE;
        upgrade_request(config, w->accept, out);
    }
    return out->failed ? -1 : 0;
}

/* --- the handshake --- */

static void judge_head(struct websocket *w, struct bytes head, struct buffer *out)
{
    const char *why = w->state == STATE_REQUEST ? upgrade_answer(head, out) : upgrade_check(head, w->accept);
    if (why) {
        fail(w, END_STREAM, why);
        return;
    }
    w->frames = frames_new(&w->config);
    w->state = STATE_FRAMES;
    if (!w->frames || out->failed) {
        fail(w, END_RESOURCES, NULL);
    }
}

/* How many raw bytes the head had; 0 if it is not whole, or too long. */
static size_t take_head(struct websocket *w, struct bytes in, struct buffer *out)
{
    struct bytes looked_at = {.data = in.data,
                              .size = in.size < UPGRADE_HEAD_MAX ? in.size : UPGRADE_HEAD_MAX};
    size_t end = upgrade_find_end(looked_at, &w->searched);
    if (end > 0) {
        judge_head(w, (struct bytes){.data = in.data, .size = end}, out);
    } else if (in.size >= UPGRADE_HEAD_MAX) {
        fail(w, END_STREAM,
             w->state == STATE_REQUEST ? upgrade_refuse_long(out) : "an HTTP response that is too long");
    }
    return end;
}

/* --- bytes --- */

static size_t read_stream(void *stream, const struct stream_input *in, size_t *plain, struct buffer *out)
{
    struct websocket *w = stream;
    size_t used = 0;
    *plain = 0;
    if (w->state == STATE_FIRST && in->size > 0) {
        w->state = in->raw[0] == 'G' ? STATE_REQUEST : STATE_PLAIN;
    }
    if (w->state == STATE_PLAIN) {
        if (in->plain != in->raw) {
            memmove(in->plain, in->raw, in->size);
        }
        *plain = in->size;
        return in->size;
    }
    if ((w->state == STATE_REQUEST || w->state == STATE_RESPONSE) && !w->has_failed) {
        used = take_head(w, (struct bytes){.data = in->raw, .size = in->size}, out);
    }
    if (w->state == STATE_FRAMES && !w->has_failed) {
        struct stream_input rest = {.raw = in->raw + used, .size = in->size - used, .plain = in->plain};
        used += frames_read(w->frames, &rest, plain, out);
    }
    return used;
}

static void write_stream(void *stream, struct buffer *plain, struct buffer *out, size_t enough)
{
    struct websocket *w = stream;
    if (w->state == STATE_PLAIN && buffer_left(out) < enough) {
        buffer_move(out, plain);
    } else if (w->state == STATE_FRAMES && !w->has_failed) {
        frames_write(w->frames, plain, out, enough);
    }
}

/* --- its state --- */

static bool is_open(const void *stream)
{
    const struct websocket *w = stream;
    return w->state == STATE_PLAIN || w->state == STATE_FRAMES;
}

static enum close_code code_of(enum end_reason reason)
{
    if (reason == END_SHUTDOWN || reason == END_LOCAL) {
        return CLOSE_LEAVES;
    }
    switch (end_reason_merit(reason)) {
    case MERIT_BAD:
    case MERIT_HANDSHAKE:
    case MERIT_DISCOURAGED:
        return CLOSE_POLICY;
    case MERIT_NONE:
    case MERIT_LOST:
        break;
    }
    return reason == END_BANNED || reason == END_JUDGED ? CLOSE_POLICY : CLOSE_NORMAL;
}

static void end_stream(void *stream, enum end_reason reason, struct buffer *out)
{
    struct websocket *w = stream;
    if (w->state == STATE_FRAMES && !w->has_failed) {
        frames_close(w->frames, code_of(reason), out);
    }
}

static bool failure(const void *stream, struct stream_failure *f)
{
    const struct websocket *w = stream;
    if (w->has_failed) {
        *f = w->failure;
        return true;
    }
    return w->frames && frames_failure(w->frames, f);
}

static void close_stream(void *stream)
{
    struct websocket *w = stream;
    frames_free(w->frames);
    memset(w, 0, sizeof *w);
}

const struct stream_ops websocket_stream = {
    .size = sizeof(struct websocket),
    .most = FRAMES_MEMORY,
    .dials_websocket = true,
    .hold_max = UPGRADE_HEAD_MAX,
    .prepare = upgrade_prepare,
    .open = open_stream,
    .read = read_stream,
    .write = write_stream,
    .is_open = is_open,
    .end = end_stream,
    .failure = failure,
    .close = close_stream,
};
