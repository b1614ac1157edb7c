#include "protocol/noise/noise.h"

#include <string.h>

#include <sodium.h>

#include "protocol/noise/private.h"

#ifdef KITH_WITH_OPENSSL
static const struct noise_cipher *const cipher = &noise_cipher_openssl;
#else
static const struct noise_cipher *const cipher = &noise_cipher_sodium;
#endif

enum { PIECES = 8 }; /* of plain bytes that one packet is made of, at most */

static void fail(struct noise_stream *s, enum end_reason reason, const char *text)
{
    s->has_failed = true;
    s->failure = (struct stream_failure){.reason = reason, .text = text};
}

static size_t length_at(const uint8_t *raw)
{
    return (size_t)raw[0] | (size_t)raw[1] << 8;
}

static void put_length(uint8_t *to, size_t length)
{
    to[0] = (uint8_t)length;
    to[1] = (uint8_t)(length >> 8);
}

/* --- the handshake --- */

static void draw(const struct stream_config *c, uint8_t secret[NOISE_KEY])
{
    for (size_t i = 0; i < NOISE_KEY; i += sizeof(uint64_t)) {
        uint64_t n = c->random(c->context);
        memcpy(secret + i, &n, sizeof n);
        sodium_memzero(&n, sizeof n);
    }
}

/* The ephemeral key goes with our first message, the static one with the one and only message that has it. */
static void choose_secrets(struct noise_stream *s)
{
    struct noise_handshake *h = &s->handshake;
    if (s->config.direction == DIRECTION_INCOMING) {
        draw(&s->config, h->e);
        memcpy(h->s, s->config.node->stream_secret, sizeof h->s);
    } else {
        draw(&s->config, h->next == 0 ? h->e : h->s);
    }
}

static void write_message(struct noise_stream *s, struct buffer *out)
{
    size_t size = noise_handshake_size(&s->handshake);
    uint8_t *to = buffer_reserve(out, NOISE_HEAD + size);
    if (!to) {
        fail(s, END_RESOURCES, NULL);
        return;
    }
    choose_secrets(s);
    put_length(to, size);
    if (!noise_handshake_write(&s->handshake, (struct bytes){0}, to + NOISE_HEAD)) {
        fail(s, END_STREAM, "a key that makes no secret");
        return;
    }
    buffer_commit(out, NOISE_HEAD + size);
}

static void start_transport(struct noise_stream *s)
{
    struct noise_keys keys;
    noise_handshake_split(&s->handshake, &keys);
    s->transport = (struct noise_transport){.keys = keys};
    sodium_memzero(&keys, sizeof keys);
    s->is_open = true;
    if (!cipher->open(&s->transport.context)) {
        fail(s, END_RESOURCES, NULL);
    }
}

/* Writes if it is our turn, and goes on to packets after the last message. */
static void advance(struct noise_stream *s, struct buffer *out)
{
    if (noise_handshake_writes(&s->handshake)) {
        write_message(s, out);
    }
    if (!s->has_failed && s->handshake.next == NOISE_MESSAGES) {
        start_transport(s);
    }
}

/* One message: how many raw bytes it had; 0 if it is not whole, or bad. */
static size_t take_message(struct noise_stream *s, uint8_t *raw, size_t size, struct buffer *out)
{
    if (size < NOISE_HEAD) {
        return 0;
    }
    size_t length = length_at(raw);
    if (length < noise_handshake_size(&s->handshake)) {
        fail(s, END_STREAM, "a handshake message that is too short");
        return 0;
    }
    if (size < NOISE_HEAD + length) {
        return 0;
    }
    if (!noise_handshake_read(&s->handshake, raw + NOISE_HEAD, length)) {
        fail(s, END_STREAM, "a handshake message that is not sealed, or a key that makes no secret");
        return 0;
    }
    advance(s, out);
    return NOISE_HEAD + length;
}

static int open_stream(void *stream, const struct stream_config *config, struct buffer *out)
{
    struct noise_stream *s = stream;
    s->config = *config;
    noise_handshake_start(&s->handshake, config->direction, (struct bytes){0});
    advance(s, out);
    if (s->has_failed) {
        sodium_memzero(s, sizeof *s);
        return -1;
    }
    return 0;
}

/* --- packets --- */

/* One packet: how many raw bytes it had; 0 if it is not whole, or bad. */
static size_t take_packet(struct noise_stream *s, uint8_t *raw, size_t size, uint8_t *to, size_t *plain)
{
    struct noise_transport *t = &s->transport;
    if (size < NOISE_HEAD) {
        return 0;
    }
    size_t length = length_at(raw);
    if (length < NOISE_TAG) {
        fail(s, END_STREAM, "a packet that is too short");
        return 0;
    }
    if (size < NOISE_HEAD + length) {
        return 0;
    }
    if (t->received == UINT64_MAX) {
        fail(s, END_STREAM, "the peer has used all nonces");
        return 0;
    }
    if (!cipher->unseal(t->context, t->keys.unseal, t->received, raw + NOISE_HEAD, length)) {
        fail(s, END_STREAM, "a packet that the peer has not sealed");
        return 0;
    }
    t->received++;
    if (length == NOISE_TAG) {
        fail(s, END_CLOSED, "an empty packet");
        return 0;
    }
    memmove(to, raw + NOISE_HEAD, length - NOISE_TAG);
    *plain += length - NOISE_TAG;
    return NOISE_HEAD + length;
}

static size_t read_stream(void *stream, const struct stream_input *in, size_t *plain, struct buffer *out)
{
    struct noise_stream *s = stream;
    size_t used = 0, n = 1;
    *plain = 0;
    while (!s->has_failed && n > 0) {
        uint8_t *raw = in->raw + used;
        n = s->is_open ? take_packet(s, raw, in->size - used, in->plain + *plain, plain)
                       : take_message(s, raw, in->size - used, out);
        used += n;
    }
    return used;
}

/* The first plain bytes, as many as one packet takes, in pieces. */
static size_t cut_pieces(const struct buffer *plain, struct iovec *pieces, int *n)
{
    size_t size = 0;
    int all = buffer_iovec(plain, pieces, PIECES);
    *n = 0;
    while (*n < all && size < NOISE_PLAIN_MAX) {
        size_t left = NOISE_PLAIN_MAX - size;
        struct iovec *piece = &pieces[(*n)++];
        piece->iov_len = piece->iov_len < left ? piece->iov_len : left;
        size += piece->iov_len;
    }
    return size;
}

static void put_packet(struct noise_stream *s, struct buffer *plain, struct buffer *out)
{
    struct noise_transport *t = &s->transport;
    struct iovec pieces[PIECES];
    int n;
    size_t size = cut_pieces(plain, pieces, &n), sealed = size + NOISE_TAG;
    uint8_t *to = buffer_reserve(out, NOISE_HEAD + sealed);
    if (!to) {
        fail(s, END_RESOURCES, NULL);
        return;
    }
    if (t->sent == UINT64_MAX) {
        fail(s, END_STREAM, "all nonces are used");
        return;
    }
    put_length(to, sealed);
    if (!cipher->seal(t->context, t->keys.seal, t->sent, pieces, n, to + NOISE_HEAD)) {
        fail(s, END_RESOURCES, "the encryption library failed");
        return;
    }
    t->sent++;
    buffer_commit(out, NOISE_HEAD + sealed);
    buffer_consume(plain, size);
}

static void write_stream(void *stream, struct buffer *plain, struct buffer *out, size_t enough)
{
    struct noise_stream *s = stream;
    while (s->is_open && !s->has_failed && buffer_left(plain) > 0 && buffer_left(out) < enough) {
        put_packet(s, plain, out);
    }
}

/* --- its state --- */

static bool is_open(const void *stream)
{
    const struct noise_stream *s = stream;
    return s->is_open;
}

static bool failure(const void *stream, struct stream_failure *f)
{
    const struct noise_stream *s = stream;
    if (s->has_failed) {
        *f = s->failure;
    }
    return s->has_failed;
}

static void close_stream(void *stream)
{
    struct noise_stream *s = stream;
    if (s->is_open) {
        cipher->close(s->transport.context);
    }
    sodium_memzero(s, sizeof *s);
}

static bool prepare(void)
{
    return cipher->prepare();
}

const struct stream_ops noise_stream = {
    .size = sizeof(struct noise_stream),
    .hold_max = NOISE_HEAD + NOISE_PACKET_MAX,
    .prepare = prepare,
    .open = open_stream,
    .read = read_stream,
    .write = write_stream,
    .is_open = is_open,
    .failure = failure,
    .close = close_stream,
};
