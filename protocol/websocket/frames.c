/* wslay reads and writes the heads of frames and their masks. What frames may follow each other, and what
 * they mean, is decided here. */
#include "protocol/websocket/frames.h"

#include <stdlib.h>
#include <string.h>

#include <wslay/wslay.h>

#include "base/utf8.h"
#include "protocol/websocket/websocket.h"

enum {
    CONTROL_MAX = 125, /* bytes of a control frame's payload */
    PIECES = 8,        /* of plain bytes that one frame is made of, at most */
};

struct frames {
    const struct stream_config *config;
    wslay_frame_context_ptr wslay;

    /* During one call. */
    const uint8_t *raw; /* what wslay has not had */
    size_t n_raw;
    uint8_t *plain;
    size_t n_plain;
    struct buffer *out;

    /* Where in the peer's stream we are. */
    bool keeps;    /* the last raw byte was left unconsumed, though wslay has had it */
    bool in_frame; /* wslay has had a part of one */
    bool in_payload;
    uint64_t payload_left;
    bool in_message; /* its last frame has not come */
    uint64_t message_size;
    struct utf8_reader text;
    uint8_t control[CONTROL_MAX];
    size_t n_control;

    bool owes_pong;
    uint8_t pong[CONTROL_MAX];
    size_t n_pong;

    bool out_in_message; /* a part of a line was written */
    bool has_failed;
    struct stream_failure failure;
};

static bool is_client(const struct frames *f)
{
    return f->config->direction == DIRECTION_OUTGOING;
}

static void fail(struct frames *f, enum end_reason reason, const char *text)
{
    f->has_failed = true;
    f->failure = (struct stream_failure){.reason = reason, .text = text};
}

/* --- what wslay asks for --- */

/* Heads byte by byte: so wslay has no byte beyond the frame that it is at, and we know where each ends. */
static ssize_t give_bytes(uint8_t *to, size_t size, int flags, void *context)
{
    struct frames *f = context;
    size_t n = f->in_payload && f->payload_left < size ? (size_t)f->payload_left : size;
    (void)flags;
    if (!f->in_payload) {
        n = 1;
    }
    n = n < f->n_raw ? n : f->n_raw;
    if (n == 0) {
        return -1;
    }
    memcpy(to, f->raw, n);
    f->raw += n;
    f->n_raw -= n;
    f->in_frame = true;
    return (ssize_t)n;
}

static ssize_t take_bytes(const uint8_t *bytes, size_t size, int flags, void *context)
{
    struct frames *f = context;
    (void)flags;
    buffer_add(f->out, bytes, size);
    return f->out->failed ? -1 : (ssize_t)size;
}

static int draw_mask(uint8_t *to, size_t size, void *context)
{
    const struct frames *f = context;
    uint64_t mask = f->config->random(f->config->context);
    memcpy(to, &mask, size < sizeof mask ? size : sizeof mask);
    return 0;
}

struct frames *frames_new(const struct stream_config *config)
{
    static const struct wslay_frame_callbacks callbacks = {take_bytes, give_bytes, draw_mask};
    struct frames *f = calloc(1, sizeof *f);
    if (f && wslay_frame_context_init(&f->wslay, &callbacks, f) != 0) {
        free(f);
        return NULL;
    }
    if (f) {
        f->config = config;
    }
    return f;
}

void frames_free(struct frames *f)
{
    if (f) {
        wslay_frame_context_free(f->wslay);
        free(f);
    }
}

/* --- writing --- */

/* One frame whose payload lies in pieces. */
static void put_frame(struct frames *f, uint8_t opcode, bool fin, const struct iovec *pieces, int n)
{
    struct wslay_frame_iocb frame = {.fin = fin, .opcode = opcode, .mask = is_client(f)};
    for (int i = 0; i < n; i++) {
        frame.payload_length += pieces[i].iov_len;
    }
    for (int i = 0; i < n || i == 0; i++) {
        frame.data = n > 0 ? pieces[i].iov_base : NULL;
        frame.data_length = n > 0 ? pieces[i].iov_len : 0;
        if (wslay_frame_send(f->wslay, &frame) != (ssize_t)frame.data_length) {
            fail(f, END_RESOURCES, NULL);
            return;
        }
    }
}

static void put_control(struct frames *f, uint8_t opcode, const uint8_t *payload, size_t size)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)payload, .iov_len = size};
    put_frame(f, opcode, true, &piece, size > 0);
}

void frames_close(struct frames *f, enum close_code code, struct buffer *out)
{
    uint8_t bytes[] = {(uint8_t)((unsigned)code >> 8), (uint8_t)code};
    f->out = out;
    put_control(f, WSLAY_CONNECTION_CLOSE, bytes, code == CLOSE_NONE ? 0 : sizeof bytes);
}

/* Up to the first end of a line, as many of the pieces as belong to it. True if there is such an end. */
static bool cut_line(struct iovec *pieces, int *n)
{
    for (int i = 0; i < *n; i++) {
        const uint8_t *end = memchr(pieces[i].iov_base, '\n', pieces[i].iov_len);
        if (end) {
            pieces[i].iov_len = (size_t)(end - (const uint8_t *)pieces[i].iov_base);
            *n = pieces[i].iov_len > 0 ? i + 1 : i;
            return true;
        }
    }
    return false;
}

/* A line that lies in more pieces, or has not come whole, goes in several frames. */
void frames_write(struct frames *f, struct buffer *plain, struct buffer *out, size_t enough)
{
    f->out = out;
    while (!f->has_failed && buffer_left(plain) > 0 && buffer_left(out) < enough) {
        struct iovec pieces[PIECES];
        int n = buffer_iovec(plain, pieces, PIECES);
        bool ends = cut_line(pieces, &n);
        size_t size = ends; /* its '\n' */
        for (int i = 0; i < n; i++) {
            size += pieces[i].iov_len;
        }
        put_frame(f, f->out_in_message ? WSLAY_CONTINUATION_FRAME : WSLAY_TEXT_FRAME, ends, pieces, n);
        f->out_in_message = !ends;
        buffer_consume(plain, size);
    }
}

/* --- reading --- */

static void violate(struct frames *f, enum close_code code, const char *text)
{
    frames_close(f, code, f->out);
    fail(f, END_BAD_INPUT, text);
}

/* Of a frame of data: what it may follow. */
static bool begin_data(struct frames *f, const struct wslay_frame_iocb *frame)
{
    if (frame->opcode == WSLAY_BINARY_FRAME && !f->in_message) {
        violate(f, CLOSE_KIND, "a WebSocket message that is no text");
        return false;
    }
    if (frame->opcode != (f->in_message ? WSLAY_CONTINUATION_FRAME : WSLAY_TEXT_FRAME)) {
        violate(f, CLOSE_PROTOCOL, "a WebSocket frame out of turn");
        return false;
    }
    f->in_message = true;
    f->message_size += frame->payload_length;
    if (f->message_size > WEBSOCKET_MESSAGE_MAX) {
        violate(f, CLOSE_SIZE, "a WebSocket message longer than the limit");
        return false;
    }
    return true;
}

static bool begin_control(struct frames *f, const struct wslay_frame_iocb *frame)
{
    f->n_control = 0;
    if (frame->opcode > WSLAY_PONG) {
        violate(f, CLOSE_PROTOCOL, "a WebSocket frame of unknown meaning");
        return false;
    }
    return true;
}

static bool begin_frame(struct frames *f, const struct wslay_frame_iocb *frame)
{
    f->payload_left = frame->payload_length;
    if (frame->rsv != 0) {
        violate(f, CLOSE_PROTOCOL, "reserved bits in a WebSocket frame");
        return false;
    }
    if ((frame->mask != 0) == is_client(f)) {
        violate(f, CLOSE_PROTOCOL,
                is_client(f) ? "a masked frame of a WebSocket server"
                             : "a frame of a WebSocket client without a mask");
        return false;
    }
    return wslay_is_ctrl_frame(frame->opcode) ? begin_control(f, frame) : begin_data(f, frame);
}

static void put_text(struct frames *f, const uint8_t *bytes, size_t n)
{
    uint8_t *to = f->plain + f->n_plain;
    if (!utf8_read(&f->text, (const char *)bytes, n)) {
        violate(f, CLOSE_TEXT, "WebSocket text that is not UTF-8");
        return;
    }
    memcpy(to, bytes, n);
    f->n_plain += n;
    for (uint8_t *at = to; (at = memchr(at, '\n', (size_t)(to + n - at)));) {
        *at = '\r';
    }
}

static void end_message(struct frames *f)
{
    if (!utf8_is_whole(&f->text)) {
        violate(f, CLOSE_TEXT, "WebSocket text that ends within a character");
        return;
    }
    f->plain[f->n_plain++] = '\n';
    f->in_message = false;
    f->message_size = 0;
}

/* Codes that may be sent: registered ones, and those for libraries and applications. */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void take_close(struct frames *f)
{
    unsigned code = f->n_control >= 2 ? (unsigned)f->control[0] << 8 | f->control[1] : CLOSE_NONE;
    if (f->n_control == 1 || (f->n_control >= 2 && !is_close_code(code))) {
        violate(f, CLOSE_PROTOCOL, "a WebSocket close frame with a wrong code");
    } else if (f->n_control > 2 && !utf8_is_valid((const char *)f->control + 2, f->n_control - 2)) {
        violate(f, CLOSE_TEXT, "a WebSocket close frame that is not UTF-8");
    } else {
        frames_close(f, code, f->out);
        fail(f, END_CLOSED, NULL);
    }
}

static void end_control(struct frames *f, uint8_t opcode)
{
    if (opcode == WSLAY_CONNECTION_CLOSE) {
        take_close(f);
    } else if (opcode == WSLAY_PING) {
        f->owes_pong = true;
        f->n_pong = f->n_control;
        memcpy(f->pong, f->control, f->n_control);
    }
}

/* A part of a frame, the whole of it at most. */
static void take_part(struct frames *f, const struct wslay_frame_iocb *frame)
{
    bool is_control = wslay_is_ctrl_frame(frame->opcode);
    if (!f->in_payload && !begin_frame(f, frame)) {
        return;
    }
    if (!is_control) {
        put_text(f, frame->data, frame->data_length);
    } else {
        memcpy(f->control + f->n_control, frame->data, frame->data_length);
        f->n_control += frame->data_length;
    }
    f->payload_left -= frame->data_length;
    f->in_payload = f->in_frame = f->payload_left > 0;
    if (f->in_frame || f->has_failed) {
        return;
    }
    if (is_control) {
        end_control(f, frame->opcode);
    } else if (frame->fin) {
        end_message(f);
    }
}

/* A flood of pings gets one pong for all that come at once. */
static void answer_ping(struct frames *f)
{
    if (f->owes_pong && !f->has_failed) {
        put_control(f, WSLAY_PONG, f->pong, f->n_pong);
    }
    f->owes_pong = false;
}

/* A line end is one byte more than the text of its message. It has room because a frame has a head of two
 * bytes or more: so one of them counts as unconsumed until the frame is through. */
size_t frames_read(struct frames *f, const struct stream_input *in, size_t *plain, struct buffer *out)
{
    f->raw = in->raw + f->keeps;
    f->n_raw = in->size - f->keeps;
    f->plain = in->plain;
    f->n_plain = 0;
    f->out = out;
    while (!f->has_failed) {
        struct wslay_frame_iocb frame = {.fin = 0};
        ssize_t got = wslay_frame_recv(f->wslay, &frame);
        if (got >= 0) {
            take_part(f, &frame);
        } else if (got != WSLAY_ERR_WANT_READ) {
            violate(f, CLOSE_PROTOCOL, "a WebSocket frame with a wrong head");
        } else if (f->n_raw == 0) {
            break;
        }
    }
    answer_ping(f);
    f->keeps = f->in_frame && !f->has_failed;
    *plain = f->n_plain;
    return in->size - f->keeps;
}

bool frames_failure(const struct frames *f, struct stream_failure *failure)
{
    if (f->has_failed) {
        *failure = f->failure;
    }
    return f->has_failed;
}
