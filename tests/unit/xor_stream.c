#include "tests/unit/xor_stream.h"

#include <string.h>

struct stream {
    struct endpoint remote;
    bool has_key; /* the peer's has come */
    uint8_t key[XOR_KEY];
    bool failed;
    struct stream_failure failure;
};

static int open_stream(void *stream, const struct stream_config *config, struct buffer *out)
{
    struct stream *s = stream;
    uint64_t random = config->random(config->context);
    s->remote = config->remote;
    memcpy(s->key, &random, sizeof s->key);
    buffer_add(out, s->key, sizeof s->key);
    return out->failed ? -1 : 0;
}

static void fail(struct stream *s, const char *text)
{
    s->failed = true;
    s->failure = (struct stream_failure){.reason = END_BAD_INPUT, .text = text};
}

static uint8_t apply(uint8_t *to, const uint8_t *from, size_t size, const uint8_t key[XOR_KEY])
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = from[i];
        sum = (uint8_t)(sum + byte);
        to[i] = byte ^ key[i % XOR_KEY];
    }
    return sum;
}

void xor_frame(struct buffer *out, const uint8_t key[XOR_KEY], enum xor_kind kind, const uint8_t *payload,
               size_t size)
{
    uint8_t *to = buffer_reserve(out, XOR_HEAD + size + 1);
    if (!to) {
        return;
    }
    to[0] = (uint8_t)kind;
    to[1] = (uint8_t)(size >> 8);
    to[2] = (uint8_t)size;
    apply(to + XOR_HEAD, payload, size, key);
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + to[XOR_HEAD + i]);
    }
    to[XOR_HEAD + size] = sum;
    buffer_commit(out, XOR_HEAD + size + 1);
}

static size_t take_key(struct stream *s, const struct stream_input *in)
{
    if (in->size < XOR_KEY) {
        return 0;
    }
    apply(s->key, s->key, XOR_KEY, in->raw);
    s->has_key = true;
    return XOR_KEY;
}

/* One frame: how many raw bytes it had, 0 if it is not whole or bad. */
static size_t take_frame(struct stream *s, uint8_t *raw, size_t size, uint8_t *to, size_t *plain,
                         struct buffer *out)
{
    if (size < XOR_HEAD) {
        return 0;
    }
    size_t length = (size_t)raw[1] << 8 | raw[2];
    enum xor_kind kind = raw[0];
    if (kind > XOR_END || length > XOR_FRAME_MAX) {
        fail(s, "no frame");
        return 0;
    }
    if (size < XOR_HEAD + length + 1) {
        return 0;
    }
    uint8_t sum = raw[XOR_HEAD + length];
    if (apply(raw + XOR_HEAD, raw + XOR_HEAD, length, s->key) != sum) {
        fail(s, "a wrong sum");
        return 0;
    }
    if (kind == XOR_DATA) {
        memmove(to, raw + XOR_HEAD, length);
        *plain += length;
    } else if (kind == XOR_PING) {
        xor_frame(out, s->key, XOR_PONG, raw + XOR_HEAD, length);
    } else if (kind == XOR_WHO) {
        char text[ENDPOINT_TEXT_MAX];
        endpoint_format(&s->remote, text, sizeof text);
        xor_frame(out, s->key, XOR_PONG, (const uint8_t *)text, strlen(text));
    } else if (kind == XOR_END) {
        s->failed = true;
        s->failure = (struct stream_failure){.reason = END_CLOSED, .text = "an end"};
    }
    return XOR_HEAD + length + 1;
}

static size_t read_stream(void *stream, const struct stream_input *in, size_t *plain, struct buffer *out)
{
    struct stream *s = stream;
    size_t used = 0;
    *plain = 0;
    if (!s->failed && !s->has_key) {
        used = take_key(s, in);
    }
    while (!s->failed && s->has_key) {
        size_t n = take_frame(s, in->raw + used, in->size - used, in->plain + *plain, plain, out);
        if (n == 0) {
            break;
        }
        used += n;
    }
    return used;
}

static void write_stream(void *stream, struct buffer *plain, struct buffer *out, size_t enough)
{
    struct stream *s = stream;
    struct iovec iov;
    while (!s->failed && s->has_key && buffer_left(out) < enough && buffer_iovec(plain, &iov, 1) == 1) {
        size_t n = iov.iov_len < XOR_FRAME_MAX ? iov.iov_len : XOR_FRAME_MAX;
        xor_frame(out, s->key, XOR_DATA, iov.iov_base, n);
        buffer_consume(plain, n);
    }
    if (out->failed) {
        s->failed = true;
        s->failure = (struct stream_failure){.reason = END_RESOURCES};
    }
}

static bool is_open(const void *stream)
{
    const struct stream *s = stream;
    return s->has_key;
}

static void end_stream(void *stream, enum end_reason reason, struct buffer *out)
{
    const struct stream *s = stream;
    if (s->has_key) {
        xor_frame(out, s->key, XOR_END, &(uint8_t){(uint8_t)reason}, 1);
    }
}

static bool failure(const void *stream, struct stream_failure *f)
{
    const struct stream *s = stream;
    if (s->failed) {
        *f = s->failure;
    }
    return s->failed;
}

static void close_stream(void *stream)
{
    memset(stream, 0, sizeof(struct stream));
}

const struct stream_ops xor_stream = {
    .size = sizeof(struct stream),
    .hold_max = XOR_HEAD + XOR_FRAME_MAX + 1,
    .open = open_stream,
    .read = read_stream,
    .write = write_stream,
    .is_open = is_open,
    .end = end_stream,
    .failure = failure,
    .close = close_stream,
};
