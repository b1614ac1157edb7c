/* WebSocket as a stream, beside recordings of another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/utf8.h"
#include "protocol/websocket/websocket.h"
#include "tests/unit/dice.h"
#include "tests/unit/wire_fixture.h"

#define REQUEST                                                                                              \
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                             \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define RESPONSE                                                                                             \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                      \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define KEY "the sample nonce" /* whose bytes are that of RFC 6455, section 1.3 */

static const size_t steps[] = {1, 2, 3, 5, 7, 13, 64, SIZE_MAX};
enum { STEPS = sizeof steps / sizeof steps[0] };

/* --- one end --- */

struct side {
    void *stream;
    struct node_config node;
    struct address dialed;
    struct buffer secrets; /* what its random numbers are; if there is nothing left, drawn from `dice` */
    uint64_t dice;
    struct buffer out, plain; /* for the peer; what the session has said */
    struct buffer got;        /* what the session is given */
    uint8_t *raw;             /* what has come and was not consumed; from malloc */
    size_t n_raw;
};

static uint64_t roll(void *context)
{
    struct side *s = context;
    return dice_secret(&s->dice, &s->secrets);
}

static void side_open(struct side *s, enum direction direction, enum scheme scheme)
{
    struct stream_config config = {
        .direction = direction, .node = &s->node, .random = roll, .context = s, .dialed = &s->dialed};
    *s = (struct side){.dice = 5, .stream = calloc(1, websocket_stream.size)};
    s->dialed = (struct address){.host = "node.example", .port = 8208, .scheme = scheme};
    buffer_add(&s->secrets, KEY, strlen(KEY));
    assert_non_null(s->stream);
    assert_true(websocket_stream.prepare());
    assert_int_equal(websocket_stream.open(s->stream, &config, &s->out), 0);
}

static void side_free(struct side *s)
{
    websocket_stream.close(s->stream);
    free(s->stream);
    buffer_fini(&s->secrets);
    buffer_fini(&s->out);
    buffer_fini(&s->plain);
    buffer_fini(&s->got);
    free(s->raw);
}

static bool failed(const struct side *s, struct stream_failure *f)
{
    *f = (struct stream_failure){.reason = END_NONE};
    return websocket_stream.failure(s->stream, f);
}

/* Brings bytes, as the wire does: what is left lies before what comes next, and the plain bytes go where raw
 * ones have lain, or before it. The block is no longer than need be. */
static void side_read(struct side *s, const uint8_t *bytes, size_t n)
{
    size_t gap = n % 3, plain = SIZE_MAX;
    uint8_t *block = malloc(gap + s->n_raw + n + 1);
    assert_non_null(block);
    uint8_t *raw = block + gap;
    memcpy(raw, s->n_raw > 0 ? s->raw : block, s->n_raw);
    memcpy(raw + s->n_raw, n > 0 ? bytes : block, n);
    raw[s->n_raw + n] = 0x55;
    struct stream_input in = {.raw = raw, .size = s->n_raw + n, .plain = block};
    size_t used = websocket_stream.read(s->stream, &in, &plain, &s->out);
    assert_true(used <= in.size);
    assert_true(plain <= used);
    assert_int_equal(raw[in.size], 0x55);
    buffer_add(&s->got, block, plain);
    free(s->raw);
    s->n_raw = in.size - used;
    s->raw = malloc(s->n_raw + 1);
    assert_non_null(s->raw);
    memcpy(s->raw, raw + used, s->n_raw);
    free(block);
    struct stream_failure f;
    assert_true(failed(s, &f) || s->n_raw < websocket_stream.hold_max);
}

static void side_feed(struct side *s, const void *bytes, size_t n, size_t step)
{
    struct stream_failure f;
    for (size_t fed = 0; fed < n && !failed(s, &f);) {
        size_t some = n - fed < step ? n - fed : step;
        side_read(s, (const uint8_t *)bytes + fed, some);
        fed += some;
    }
    websocket_stream.write(s->stream, &s->plain, &s->out, SIZE_MAX);
}

static void side_say(struct side *s, const void *bytes, size_t n)
{
    buffer_add(&s->plain, bytes, n);
    websocket_stream.write(s->stream, &s->plain, &s->out, SIZE_MAX);
}

static void assert_holds(struct buffer *b, const void *bytes, size_t n)
{
    size_t size;
    uint8_t *flat = flatten(b, &size);
    assert_int_equal(size, n);
    assert_memory_equal(flat, bytes, n);
    free(flat);
    buffer_consume(b, size);
}

static void assert_text(struct buffer *b, const char *text)
{
    assert_holds(b, text, strlen(text));
}

static void assert_fails(const struct side *s, enum end_reason reason)
{
    struct stream_failure f;
    assert_true(failed(s, &f));
    assert_string_equal(end_reason_text(f.reason), end_reason_text(reason));
    assert_true(f.text || reason == END_CLOSED);
}

static void assert_is_well(const struct side *s)
{
    struct stream_failure f;
    if (failed(s, &f)) {
        fail_msg("%s: %s", end_reason_text(f.reason), f.text ? f.text : "");
    }
}

/* After the handshake; nothing of it is left. */
static void side_upgrade(struct side *s, enum direction direction)
{
    side_open(s, direction, SCHEME_WEBSOCKET);
    const char *head = direction == DIRECTION_INCOMING ? REQUEST : RESPONSE;
    side_feed(s, head, strlen(head), SIZE_MAX);
    assert_is_well(s);
    assert_true(websocket_stream.is_open(s->stream));
    buffer_consume(&s->out, buffer_left(&s->out));
}

/* --- frames, as the tests read and write them --- */

enum { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };
#define FIN 0x80u

static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};

static void add_frame(struct buffer *b, unsigned first, bool masked, const void *payload, size_t n)
{
    uint8_t head[10] = {(uint8_t)first};
    size_t size = n < 126 ? 2 : n < 65536 ? 4 : 10;
    head[1] = (uint8_t)((masked ? 0x80u : 0u) | (n < 126 ? n : n < 65536 ? 126u : 127u));
    for (size_t i = size - 1, left = n; i >= 2; i--, left >>= 8) {
        head[i] = (uint8_t)left;
    }
    buffer_add(b, head, size);
    if (masked) {
        buffer_add(b, mask, sizeof mask);
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = ((const uint8_t *)payload)[i] ^ (masked ? mask[i % 4] : 0);
        buffer_add(b, &byte, 1);
    }
}

/* What a client sends. */
static void feed_frame(struct side *s, unsigned first, const void *payload, size_t n, size_t step)
{
    struct buffer b = {0};
    add_frame(&b, first, true, payload, n);
    side_feed(s, b.data, b.used, step);
    buffer_fini(&b);
}

struct frame {
    unsigned first;
    bool masked;
    uint8_t mask[4];
    uint8_t *payload; /* opened; from malloc */
    size_t size;
};

/* Takes the next frame out of what the side sends. */
static struct frame take_frame(struct side *s)
{
    struct frame f = {0};
    size_t all, at = 2;
    uint8_t *flat = flatten(&s->out, &all);
    assert_true(all >= at);
    f.first = flat[0];
    f.masked = flat[1] & 0x80;
    f.size = flat[1] & 0x7f;
    size_t extra = f.size == 126 ? 2 : f.size == 127 ? 8 : 0;
    f.size = extra ? 0 : f.size;
    for (size_t i = 0; i < extra; i++) {
        f.size = f.size << 8 | flat[at++];
    }
    assert_true(extra == 0 || f.size >= (extra == 2 ? 126 : 65536));
    if (f.masked) {
        memcpy(f.mask, flat + at, 4);
        at += 4;
    }
    assert_true(all >= at + f.size);
    f.payload = malloc(f.size + 1);
    assert_non_null(f.payload);
    for (size_t i = 0; i < f.size; i++) {
        f.payload[i] = flat[at + i] ^ f.mask[i % 4];
    }
    free(flat);
    buffer_consume(&s->out, at + f.size);
    return f;
}

static void assert_frame(struct side *s, unsigned first, const void *payload, size_t n)
{
    struct frame f = take_frame(s);
    assert_int_equal(f.first, first);
    assert_int_equal(f.size, n);
    assert_memory_equal(f.payload, payload, n);
    free(f.payload);
}

static void assert_close(struct side *s, unsigned code)
{
    uint8_t bytes[] = {(uint8_t)(code >> 8), (uint8_t)code};
    assert_frame(s, FIN | CLOSE, bytes, code ? sizeof bytes : 0);
    assert_int_equal(buffer_left(&s->out), 0);
}

/* --- recordings --- */

static struct buffer hex_of(const json_t *o, const char *name)
{
    struct buffer b = {0};
    const char *hex = json_string_value(json_object_get(o, name));
    assert_non_null(hex);
    add_hex(&b, hex);
    return b;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    assert_non_null(text);
    return text;
}

/* What follows the field's name in a head. */
static void value_in(const char *head, const char *name, char *value, size_t size)
{
    const char *at = strstr(head, name);
    assert_non_null(at);
    at += strlen(name) + 2;
    snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static void use_recorded_key(struct side *s, const char *request)
{
    char key[64];
    uint8_t bytes[16];
    size_t n;
    value_in(request, "Sec-WebSocket-Key", key, sizeof key);
    assert_int_equal(sodium_base642bin(bytes, sizeof bytes, key, strlen(key), NULL, &n, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(n, sizeof bytes);
    buffer_consume(&s->secrets, buffer_left(&s->secrets));
    buffer_add(&s->secrets, bytes, n);
}

static void open_recorded(struct side *s, const json_t *root, bool serves, size_t step)
{
    const char *request = text_of(root, "request"), *response = text_of(root, "response");
    char accept[64], ours[64];
    value_in(response, "Sec-WebSocket-Accept", accept, sizeof accept);
    side_open(s, serves ? DIRECTION_INCOMING : DIRECTION_OUTGOING, SCHEME_PLAIN);
    if (!serves) {
        side_free(s);
        *s = (struct side){0};
        struct stream_config config = {
            .direction = DIRECTION_OUTGOING, .random = roll, .context = s, .dialed = &s->dialed};
        s->dialed = (struct address){.host = "127.0.0.1", .port = 8208, .scheme = SCHEME_WEBSOCKET};
        s->stream = calloc(1, websocket_stream.size);
        use_recorded_key(s, request);
        assert_int_equal(websocket_stream.open(s->stream, &config, &s->out), 0);
        buffer_consume(&s->out, buffer_left(&s->out));
    }
    side_feed(s, serves ? request : response, strlen(serves ? request : response), step);
    assert_is_well(s);
    if (serves) {
        size_t size;
        char *flat = (char *)flatten(&s->out, &size);
        flat[size] = '\0';
        value_in(flat, "Sec-WebSocket-Accept", ours, sizeof ours);
        assert_string_equal(ours, accept);
        free(flat);
        buffer_consume(&s->out, size);
    }
}

static void replay(const json_t *root, bool serves, size_t step)
{
    struct side s;
    size_t i;
    json_t *o;
    open_recorded(&s, root, serves, step);
    json_array_foreach(json_object_get(root, "steps"), i, o)
    {
        struct buffer raw = hex_of(o, "raw"), line = hex_of(o, "line");
        side_feed(&s, raw.data, raw.used, step);
        assert_is_well(&s);
        assert_int_equal(s.n_raw, 0); /* a peer that rests needs no buffer */
        assert_holds(&s.got, line.data, line.used);
        if (json_object_get(o, "pong")) {
            const char *pong = text_of(o, "pong");
            assert_frame(&s, FIN | PONG, pong, strlen(pong));
        }
        assert_int_equal(buffer_left(&s.out), 0);
        buffer_fini(&raw);
        buffer_fini(&line);
    }
    const json_t *end = json_object_get(root, "close");
    struct buffer raw = hex_of(end, "raw");
    side_feed(&s, raw.data, raw.used, step);
    assert_fails(&s, END_CLOSED);
    assert_close(&s, (unsigned)json_integer_value(json_object_get(end, "code")));
    buffer_fini(&raw);
    side_free(&s);
}

static void another_programs_handshake_and_messages_are_understood_however_they_are_cut(void **state)
{
    (void)state;
    json_t *root = load_vectors_of("websocket.json");
    for (size_t i = 0; i < STEPS; i++) {
        replay(json_object_get(root, "client"), true, steps[i]);
        replay(json_object_get(root, "server"), false, steps[i]);
    }
    json_decref(root);
}

/* --- plain connections --- */

static void any_other_first_byte_than_G_is_the_protocols_own(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        struct side s;
        uint8_t bytes[] = {(uint8_t)first, 'E', 'T', '\n', 0, 0xff};
        side_open(&s, DIRECTION_INCOMING, SCHEME_PLAIN);
        assert_false(websocket_stream.is_open(s.stream));
        side_say(&s, "early\n", 6);
        assert_int_equal(buffer_left(&s.out), 0);
        side_feed(&s, bytes, sizeof bytes, 2);
        assert_is_well(&s);
        if (first == 'G') {
            assert_int_equal(buffer_left(&s.got), 0);
            assert_false(websocket_stream.is_open(s.stream));
        } else {
            assert_holds(&s.got, bytes, sizeof bytes);
            assert_true(websocket_stream.is_open(s.stream));
            assert_text(&s.out, "early\n");
            websocket_stream.end(s.stream, END_MISCONDUCT, &s.out);
            assert_int_equal(buffer_left(&s.out), 0);
        }
        side_free(&s);
    }
}

static void a_plain_dial_is_open_at_once_and_copies_no_parcel(void **state)
{
    (void)state;
    struct side s;
    struct parcel *p = parcel_new(NULL, 100000);
    side_open(&s, DIRECTION_OUTGOING, SCHEME_PLAIN);
    assert_true(websocket_stream.is_open(s.stream));
    assert_int_equal(buffer_left(&s.out), 0);
    memset(p->bytes, 'G', p->size);
    buffer_add(&s.plain, "{", 1);
    buffer_add_parcel(&s.plain, p);
    side_say(&s, "}\n", 2);
    assert_int_equal(buffer_left(&s.out), 100003);
    assert_true(s.out.used < 100);
    side_feed(&s, "GET / HTTP/1.1\r\n\r\n", 18, 1);
    assert_text(&s.got, "GET / HTTP/1.1\r\n\r\n");
    buffer_add_parcel(&s.plain, p);
    websocket_stream.write(s.stream, &s.plain, &s.out, 100003);
    assert_int_equal(buffer_left(&s.plain), 100000); /* out has enough */
    websocket_stream.write(s.stream, &s.plain, &s.out, 100004);
    assert_int_equal(buffer_left(&s.plain), 0);
    side_free(&s);
    parcel_release(p);
}

/* --- the handshake --- */

static void the_example_of_the_rfc_is_answered_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct side s;
        side_open(&s, DIRECTION_INCOMING, SCHEME_PLAIN);
        side_say(&s, "early\n", 6);
        side_feed(&s, REQUEST, strlen(REQUEST), steps[i]);
        size_t n = strlen(RESPONSE);
        uint8_t head[sizeof RESPONSE];
        struct iovec iov[2];
        assert_true(buffer_iovec(&s.out, iov, 2) == 1 && iov[0].iov_len > n);
        memcpy(head, iov[0].iov_base, n);
        assert_memory_equal(head, RESPONSE, n);
        buffer_consume(&s.out, n);
        assert_frame(&s, FIN | TEXT, "early", 5);
        side_feed(&s, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, steps[i]);
        assert_text(&s.got, "Hello\n");
        side_feed(&s, "\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x4d\x80\x82\x37\xfa\x21\x3d\x5b\x95", 17, steps[i]);
        assert_text(&s.got, "Hello\n");
        assert_is_well(&s);
        side_free(&s);
    }
}

static void our_request_is_the_one_of_the_rfc_and_its_response_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct side s;
        side_open(&s, DIRECTION_OUTGOING, SCHEME_WEBSOCKET);
        side_say(&s, "{\"a\":1}\n", 8);
        assert_false(websocket_stream.is_open(s.stream));
        assert_text(&s.out, "GET / HTTP/1.1\r\nHost: node.example:8208\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        side_feed(&s, RESPONSE "\x81\x05Hello", strlen(RESPONSE) + 7, steps[i]);
        assert_text(&s.got, "Hello\n");
        assert_frame(&s, FIN | TEXT, "{\"a\":1}", 7);
        assert_is_well(&s);
        side_free(&s);
    }
}

#define LINES(key, version)                                                                                  \
    "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " key                        \
    "\r\nSec-WebSocket-Version: " version "\r\n"
#define GOOD_KEY "dGhlIHNhbXBsZSBub25jZQ=="

static void other_forms_of_an_upgrade_are_taken_too(void **state)
{
    (void)state;
    static const char *const good[] = {
        "GET / HTTP/1.1\r\nhost:h\r\nUPGRADE:WebSocket\r\nconnection: keep-alive , Upgrade\t\r\n"
        "sec-websocket-key:\t" GOOD_KEY " \r\nsec-websocket-version:13\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(
            GOOD_KEY, "13") "Origin: https://anywhere.example\r\n"
                            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                            "Sec-WebSocket-Protocol: chat\r\nX-Empty:\r\nX-Name: Gr\xc3\xbc\xdf"
                            "e\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nUpgrade: x, websocket\r\nConnection: close\r\n"
        "Connection: upgrade\r\nSec-WebSocket-Key: " GOOD_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct side s;
        side_open(&s, DIRECTION_INCOMING, SCHEME_PLAIN);
        side_feed(&s, good[i], strlen(good[i]), 1);
        assert_is_well(&s);
        assert_text(&s.out, RESPONSE);
        side_free(&s);
    }
}

struct refused {
    const char *request, *status;
};

static void assert_refused(const void *request, size_t size, const char *status, size_t step)
{
    struct side s;
    side_open(&s, DIRECTION_INCOMING, SCHEME_PLAIN);
    side_say(&s, "early\n", 6);
    side_feed(&s, request, size, step);
    assert_fails(&s, END_STREAM);
    assert_int_equal(end_reason_merit(END_STREAM), MERIT_NONE);
    size_t n;
    char *flat = (char *)flatten(&s.out, &n);
    flat[n] = '\0';
    assert_memory_equal(flat, status, strlen(status));
    assert_non_null(strstr(flat, "close\r\n"));
    assert_string_equal(flat + n - 4, "\r\n\r\n");
    assert_true(!strstr(flat, " 426 ") || strstr(flat, "\r\nSec-WebSocket-Version: 13\r\n"));
    assert_true(!strstr(flat, " 426 ") || strstr(flat, "\r\nUpgrade: websocket\r\n"));
    free(flat);
    assert_int_equal(buffer_left(&s.got), 0);
    websocket_stream.write(s.stream, &s.plain, &s.out, SIZE_MAX);
    assert_int_equal(buffer_left(&s.out), n);
    side_free(&s);
}

static void whatever_else_begins_with_G_is_refused_and_costs_nobody_a_point(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "G\n\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.0\r\n" LINES(GOOD_KEY, "13") "\r\n",
        "GIT / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "\r\n",
        "GET /\r\n" LINES(GOOD_KEY, "13") "\r\n",
        "GET  / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "\r\n",
        "GET / HTTP/1.1 \r\n" LINES(GOOD_KEY, "13") "\r\n",
        "GET / HTTP/1.1\r\n" LINES("dGhlIHNhbXBsZSBub25jZQ=", "13") "\r\n",
        "GET / HTTP/1.1\r\n" LINES("dGhlIHNhbXBsZSBub25jZQ", "13") "\r\n",
        "GET / HTTP/1.1\r\n" LINES("dGhlIHNhbXBsZSBub25jZTEy", "13") "\r\n",
        "GET / HTTP/1.1\r\n" LINES("dGhlIHNhbXBsZSBub25jZ!==", "13") "\r\n",
        "GET / HTTP/1.1\r\n" LINES("", "13") "\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Sec-WebSocket-Key: " GOOD_KEY "\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Sec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Host: other\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Content-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Transfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") " folded\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "no colon\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") ": no name\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Name : v\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Name: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Name: a\nOther: b\r\n\r\n",
        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Name: \x1b[2J\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websockets\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Key: " GOOD_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Key: " GOOD_KEY
        "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Key: " GOOD_KEY "\r\n\r\n",
    };
    static const char *const elsewhere[] = {
        "GET /chain HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "\r\n",
        "GET /? HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "\r\n", "GET /favicon.ico HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://h/ HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "\r\n", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"};
    static const char *const older[] = {"GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "8") "\r\n",
                                        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "130") "\r\n",
                                        "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13, 8") "\r\n"};
    for (size_t k = 0; k < STEPS; k++) {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            assert_refused(bad[i], strlen(bad[i]), "HTTP/1.1 400 ", steps[k]);
        }
        for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
            assert_refused(elsewhere[i], strlen(elsewhere[i]), "HTTP/1.1 404 ", steps[k]);
        }
        for (size_t i = 0; i < sizeof older / sizeof older[0]; i++) {
            assert_refused(older[i], strlen(older[i]), "HTTP/1.1 426 ", steps[k]);
        }
    }
    static const char with_nul[] = "GET / HTTP/1.1\r\n" LINES(GOOD_KEY, "13") "Name: a\0b\r\n\r\n";
    assert_refused(with_nul, sizeof with_nul - 1, "HTTP/1.1 400 ", SIZE_MAX);
}

static void a_head_of_8_KiB_is_taken_and_a_longer_one_is_not(void **state)
{
    (void)state;
    enum { MOST = 8192 };
    for (size_t size = MOST - 1; size <= MOST + 1; size++) {
        struct buffer b = {0};
        const char *end = "\r\n\r\n";
        buffer_add(&b, REQUEST, strlen(REQUEST) - 2);
        buffer_add(&b, "X: ", 3);
        while (b.used < size - 4) {
            buffer_add(&b, "x", 1);
        }
        buffer_add(&b, end, 4);
        assert_int_equal(b.used, size);
        for (size_t step = 1; step <= 100000; step *= 10) {
            if (size > MOST) {
                assert_refused(b.data, b.used, "HTTP/1.1 400 ", step);
                continue;
            }
            struct side s;
            side_open(&s, DIRECTION_INCOMING, SCHEME_PLAIN);
            side_feed(&s, b.data, b.used, step);
            assert_is_well(&s);
            assert_true(websocket_stream.is_open(s.stream));
            side_free(&s);
        }
        buffer_fini(&b);
    }
}

static void a_response_that_is_not_ours_ends_the_dial(void **state)
{
    (void)state;
#define ACCEPT   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define UPGRADES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\n" UPGRADES ACCEPT "\r\n",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 101 Switching\r\n" UPGRADES ACCEPT "\r\n",
        "HTTP/1.1 1011 Switching\r\n" UPGRADES ACCEPT "\r\n",
        "HTTP/1.1 101 Switching\r\n" UPGRADES "\r\n",
        "HTTP/1.1 101 Switching\r\n" UPGRADES "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n" UPGRADES ACCEPT ACCEPT "\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
        "HTTP/1.1 101 Switching\r\n" UPGRADES ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n" UPGRADES ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "{\"type\":\"Hello\"}\n\n",
        "\r\n\r\n",
        "HTTP/1.1 101\r\n" UPGRADES ACCEPT " x: y\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct side s;
        side_open(&s, DIRECTION_OUTGOING, SCHEME_WEBSOCKET);
        buffer_consume(&s.out, buffer_left(&s.out));
        side_say(&s, "early\n", 6);
        side_feed(&s, bad[i], strlen(bad[i]), 1 + i % 7);
        assert_fails(&s, END_STREAM);
        assert_int_equal(buffer_left(&s.out), 0);
        assert_int_equal(buffer_left(&s.got), 0);
        side_free(&s);
    }
    static char endless[20000];
    memset(endless, 'x', sizeof endless);
    struct side s;
    side_open(&s, DIRECTION_OUTGOING, SCHEME_WEBSOCKET);
    side_feed(&s, endless, sizeof endless, 1000);
    assert_fails(&s, END_STREAM);
    side_free(&s);
}

/* --- frames that come --- */

static void a_message_is_one_line_whatever_is_in_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct side s;
        side_upgrade(&s, DIRECTION_INCOMING);
        feed_frame(&s, FIN | TEXT, "{\n\"a\":\r\n\"\n\"}\n", 13, steps[i]);
        feed_frame(&s, FIN | TEXT, "", 0, steps[i]);
        feed_frame(&s, TEXT, "", 0, steps[i]);
        feed_frame(&s, CONTINUATION, "", 0, steps[i]);
        feed_frame(&s, FIN | PONG, "unasked", 7, steps[i]);
        feed_frame(&s, FIN | CONTINUATION, "", 0, steps[i]);
        feed_frame(&s, TEXT, "a\n", 2, steps[i]);
        feed_frame(&s, FIN | PING, "\n", 1, steps[i]);
        feed_frame(&s, FIN | CONTINUATION, "\nb", 2, steps[i]);
        assert_is_well(&s);
        assert_int_equal(s.n_raw, 0);
        assert_text(&s.got, "{\r\"a\":\r\r\"\r\"}\r\n\n\na\r\rb\n");
        assert_frame(&s, FIN | PONG, "\n", 1);
        side_free(&s);
    }
}

/* Round the borders of the three forms of a length, and of what is read at a time. */
static void messages_of_any_length_come_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {125, 126, 127, 4095, 4096, 4097, 8200, 65535, 65536, 70000};
    static uint8_t payload[70001];
    for (size_t i = 0; i < 70000; i++) {
        payload[i] = (uint8_t)('a' + i % 23);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t step = 1; step <= 1000000; step *= 100) {
            struct side s;
            side_upgrade(&s, DIRECTION_INCOMING);
            feed_frame(&s, FIN | TEXT, payload, sizes[i], step);
            payload[sizes[i]] = '\n';
            assert_holds(&s.got, payload, sizes[i] + 1);
            payload[sizes[i]] = (uint8_t)('a' + sizes[i] % 23);
            assert_int_equal(s.n_raw, 0);
            side_free(&s);
        }
    }
}

struct violation {
    const char *hex; /* of frames behind a good one; masks are all zero */
    unsigned code;
};

static const struct violation violations[] = {
    {"8101", 0}, /* not yet: no byte of it has come */
    {"810161", 1002},
    {"8100", 1002},
    {"8901"
     "61",
     1002}, /* unmasked */
    {"c180"
     "00000000",
     1002},
    {"a180"
     "00000000",
     1002},
    {"9180"
     "00000000",
     1002}, /* reserved bits */
    {"8380"
     "00000000",
     1002},
    {"8780"
     "00000000",
     1002},
    {"8b80"
     "00000000",
     1002},
    {"8f80"
     "00000000",
     1002},
    {"8080"
     "00000000",
     1002},
    {"0080"
     "00000000",
     1002}, /* a continuation of nothing */
    {"0180"
     "00000000"
     "8180"
     "00000000",
     1002},
    {"0180"
     "00000000"
     "8280"
     "00000000",
     1002},
    {"0980"
     "00000000",
     1002},
    {"0880"
     "00000000",
     1002}, /* fragments */
    {"89fe", 1002},
    {"89ff", 1002}, /* too long */
    {"81fe007d"
     "00000000",
     1002},
    {"81ff000000000000ffff"
     "00000000",
     1002}, /* longer forms than need be */
    {"81ff8000000000000000"
     "00000000",
     1002},
    {"8280"
     "00000000",
     1003},
    {"0281"
     "00000000"
     "00",
     1003},
    {"8181"
     "00000000"
     "80",
     1007},
    {"8182"
     "00000000"
     "c080",
     1007},
    {"8183"
     "00000000"
     "eda080",
     1007},
    {"8184"
     "00000000"
     "f4908080",
     1007},
    {"8182"
     "00000000"
     "e4b8",
     1007},
    {"0181"
     "00000000"
     "c3"
     "8080"
     "00000000",
     1007},
    {"8881"
     "00000000"
     "03",
     1002},
    {"8882"
     "00000000"
     "03ed",
     1002},
    {"8882"
     "00000000"
     "03ee",
     1002},
    {"8882"
     "00000000"
     "03f7",
     1002},
    {"8882"
     "00000000"
     "0000",
     1002},
    {"8882"
     "00000000"
     "1388",
     1002},
    {"8882"
     "00000000"
     "0bb7",
     1002},
    {"8883"
     "00000000"
     "03e8ff",
     1007},
    {"81ff0000000000200000"
     "00000000"
     "61",
     1009},
    {"81ff7fffffffffffffff"
     "00000000"
     "61",
     1009},
};

static void each_violation_ends_the_stream_with_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof violations / sizeof violations[0]; i++) {
        for (size_t k = 0; k < STEPS; k++) {
            struct side s;
            struct buffer b = {0};
            side_upgrade(&s, DIRECTION_INCOMING);
            add_frame(&b, FIN | TEXT, true, "{}", 2);
            add_hex(&b, violations[i].hex);
            side_feed(&s, b.data, b.used, steps[k]);
            buffer_fini(&b);
            side_say(&s, "late\n", violations[i].code ? 5 : 0);
            assert_memory_equal(s.got.data, "{}\n", 3);
            if (violations[i].code) {
                assert_fails(&s, END_BAD_INPUT);
                assert_int_equal(end_reason_merit(END_BAD_INPUT), MERIT_BAD);
                assert_close(&s, violations[i].code);
            } else {
                assert_is_well(&s);
            }
            side_free(&s);
        }
    }
}

static void a_server_must_not_mask(void **state)
{
    (void)state;
    struct side s;
    side_upgrade(&s, DIRECTION_OUTGOING);
    feed_frame(&s, FIN | TEXT, "{}", 2, SIZE_MAX);
    assert_fails(&s, END_BAD_INPUT);
    assert_close(&s, 1002);
    side_free(&s);
}

static void a_close_is_answered_with_its_code(void **state)
{
    (void)state;
    static const unsigned codes[] = {0, 1000, 1001, 1002, 1003, 1007, 1008, 1011, 1014, 3000, 4999};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        for (size_t k = 0; k < STEPS; k++) {
            struct side s;
            uint8_t payload[] = {(uint8_t)(codes[i] >> 8), (uint8_t)codes[i], 0xc3, 0xa4, 'x'};
            side_upgrade(&s, DIRECTION_INCOMING);
            feed_frame(&s, FIN | CLOSE, payload, codes[i] ? sizeof payload : 0, steps[k]);
            assert_fails(&s, END_CLOSED);
            side_say(&s, "late\n", 5);
            assert_close(&s, codes[i]);
            side_free(&s);
        }
    }
}

/* With the end of its line. */
static void a_message_may_have_two_MiB_and_no_more_also_in_fragments(void **state)
{
    (void)state;
    static uint8_t text[WEBSOCKET_MESSAGE_MAX];
    struct side s;
    memset(text, 'x', sizeof text);
    side_upgrade(&s, DIRECTION_INCOMING);
    feed_frame(&s, FIN | TEXT, text, sizeof text, 65536);
    assert_is_well(&s);
    assert_int_equal(buffer_left(&s.got), LINE_MAX_BYTES);
    buffer_consume(&s.got, LINE_MAX_BYTES);
    for (size_t i = 0; i < 3; i++) {
        feed_frame(&s, i == 0 ? TEXT : CONTINUATION, text, sizeof text / 3, 65536);
    }
    feed_frame(&s, CONTINUATION, text, sizeof text % 3, 65536);
    assert_is_well(&s);
    feed_frame(&s, FIN | CONTINUATION, "y", 1, 65536);
    assert_fails(&s, END_BAD_INPUT);
    assert_close(&s, 1009);
    side_free(&s);
}

/* An answer is longer than its question if we mask it and the peer does not. */
static void a_flood_of_pings_is_answered_once_for_all_that_come_together(void **state)
{
    (void)state;
    struct side s;
    struct buffer b = {0};
    side_upgrade(&s, DIRECTION_OUTGOING);
    for (unsigned i = 0; i < 30000; i++) {
        add_frame(&b, FIN | PING, false, &i, i % 5);
    }
    add_frame(&b, FIN | PING, false, "the last", 8);
    side_feed(&s, b.data, b.used, SIZE_MAX);
    assert_is_well(&s);
    assert_frame(&s, FIN | PONG, "the last", 8);
    assert_int_equal(buffer_left(&s.out), 0);
    buffer_fini(&b);
    side_free(&s);
}

/* --- frames that go --- */

static void say_line(struct side *s, const uint8_t *text, size_t size)
{
    buffer_add(&s->plain, text, size);
    side_say(s, "\n", 1);
    struct frame f = take_frame(s);
    assert_int_equal(f.first, FIN | TEXT);
    assert_int_equal(f.size, size);
    assert_memory_equal(f.payload, text, size);
    free(f.payload);
}

static void each_line_goes_as_one_message_and_a_client_masks_it_anew(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 4095, 4096, 4097, 65535, 65536, LINE_MAX_BYTES - 1};
    static uint8_t text[LINE_MAX_BYTES];
    memset(text, 'x', sizeof text);
    for (int client = 0; client < 2; client++) {
        struct side s;
        side_upgrade(&s, client ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            say_line(&s, text, sizes[i]);
        }
        side_say(&s, "a\n\nb\n", 5);
        struct frame a = take_frame(&s), none = take_frame(&s), b = take_frame(&s);
        assert_true(a.size == 1 && none.size == 0 && b.size == 1 && a.payload[0] == 'a' &&
                    b.payload[0] == 'b');
        assert_true(a.masked == client && none.masked == client && b.masked == client);
        assert_true(!client || memcmp(a.mask, b.mask, sizeof a.mask) != 0);
        free(a.payload);
        free(none.payload);
        free(b.payload);
        assert_int_equal(buffer_left(&s.out), 0);
        side_free(&s);
    }
}

/* What lies in many pieces, or comes bit by bit, goes in fragments. */
static void a_line_in_many_pieces_arrives_as_one_message(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        struct side s, peer;
        struct buffer sent = {0};
        struct parcel *p = parcel_new(NULL, 5000);
        memset(p->bytes, 'y', p->size);
        side_upgrade(&s, client ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
        side_upgrade(&peer, client ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        for (int i = 0; i < 30; i++) {
            buffer_add(&s.plain, "ab", 2);
            buffer_add(&sent, "ab", 2);
            buffer_add_parcel(&s.plain, p);
            buffer_add(&sent, p->bytes, p->size);
            if (i % 10 == 5) {
                side_say(&s, "", 0);
            }
        }
        side_say(&s, "\n{}\n", 4);
        buffer_add(&sent, "\n{}\n", 4);
        size_t size;
        uint8_t *flat = flatten(&s.out, &size);
        side_feed(&peer, flat, size, 1000);
        assert_is_well(&peer);
        assert_holds(&peer.got, sent.data, sent.used);
        free(flat);
        buffer_fini(&sent);
        side_free(&s);
        side_free(&peer);
        parcel_release(p);
    }
}

static void writing_stops_when_the_socket_has_enough(void **state)
{
    (void)state;
    struct side s;
    side_upgrade(&s, DIRECTION_INCOMING);
    for (int i = 0; i < 10; i++) {
        buffer_add(&s.plain, "12345678\n", 9);
    }
    websocket_stream.write(s.stream, &s.plain, &s.out, 25);
    assert_int_equal(buffer_left(&s.out), 30);
    assert_int_equal(buffer_left(&s.plain), 63);
    side_free(&s);
}

static void the_end_says_why(void **state)
{
    (void)state;
    static const struct {
        enum end_reason reason;
        unsigned code;
    } ends[] = {{END_SHUTDOWN, 1001},  {END_DISCONNECT, 1000}, {END_DUPLICATE, 1000},  {END_REFUSED, 1000},
                {END_BAD_INPUT, 1008}, {END_HANDSHAKE, 1008},  {END_MISCONDUCT, 1008}, {END_BANNED, 1008},
                {END_JUDGED, 1008},    {END_HOARDED, 1008},    {END_SILENT, 1000}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct side s;
        side_upgrade(&s, DIRECTION_INCOMING);
        side_say(&s, "bye\n", 4);
        websocket_stream.end(s.stream, ends[i].reason, &s.out);
        assert_frame(&s, FIN | TEXT, "bye", 3);
        assert_close(&s, ends[i].code);
        side_free(&s);
    }
    struct side s;
    side_open(&s, DIRECTION_INCOMING, SCHEME_PLAIN);
    side_feed(&s, "GET", 3, 1);
    websocket_stream.end(s.stream, END_SHUTDOWN, &s.out);
    assert_int_equal(buffer_left(&s.out), 0);
    side_free(&s);
}

/* --- anything --- */

/* A conversation of frames in order, and what the session is to be given of it. */
struct script {
    struct side dice;
    bool masked, in_message, is_faulty;
    struct buffer raw, plain;
};

static uint64_t draw(struct script *c, uint64_t below)
{
    return (roll(&c->dice) >> 20) % below;
}

static void add_text(struct script *c, bool ends)
{
    uint8_t text[300];
    size_t size = draw(c, 30) == 0 ? draw(c, sizeof text) : draw(c, 6);
    for (size_t i = 0; i < size; i++) {
        text[i] = (uint8_t)("a\n{}"[draw(c, 4)]);
        buffer_add(&c->plain, text[i] == '\n' ? "\r" : (const char *)&text[i], 1);
    }
    add_frame(&c->raw, (c->in_message ? CONTINUATION : TEXT) | (ends ? FIN : 0), c->masked, text, size);
    c->in_message = !ends;
    if (ends) {
        buffer_add(&c->plain, "\n", 1);
    }
}

/* One byte in it is another. */
static void add_fault(struct script *c, size_t before)
{
    c->raw.data[before + draw(c, c->raw.used - before)] ^= (uint8_t)(1U << draw(c, 8));
    c->is_faulty = true;
}

static void write_script(struct script *c, uint64_t seed)
{
    *c = (struct script){.dice.dice = seed};
    c->masked = draw(c, 2);
    bool faults = draw(c, 2);
    for (int i = 0; i < 40; i++) {
        size_t before = c->raw.used;
        if (draw(c, 4) == 0) {
            add_frame(&c->raw, FIN | (draw(c, 2) ? PING : PONG), c->masked, "a ping", draw(c, 6));
        } else {
            add_text(c, draw(c, 3) > 0);
        }
        if (faults && draw(c, 40) == 0) {
            add_fault(c, before);
        }
    }
}

static void play(struct script *c)
{
    struct side s;
    struct stream_failure f;
    side_upgrade(&s, c->masked ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
    for (size_t at = 0; at < c->raw.used && !failed(&s, &f);) {
        size_t n = 1 + draw(c, draw(c, 2) ? 3 : 200);
        n = n < c->raw.used - at ? n : c->raw.used - at;
        side_read(&s, c->raw.data + at, n);
        at += n;
    }
    if (!c->is_faulty) {
        assert_is_well(&s);
        assert_int_equal(s.n_raw, 0);
        assert_holds(&s.got, c->plain.data, c->plain.used);
    } else if (failed(&s, &f)) {
        assert_true(f.reason == END_BAD_INPUT || f.reason == END_CLOSED);
    }
    side_free(&s);
}

static void frames_of_any_sort_in_any_pieces_become_their_lines_and_faults_do_no_harm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct script c;
        write_script(&c, seed);
        play(&c);
        buffer_fini(&c.raw);
        buffer_fini(&c.plain);
    }
}

/* --- text in pieces --- */

static bool is_text(const uint8_t *bytes, size_t n, size_t cut)
{
    struct utf8_reader r = {0};
    return utf8_read(&r, (const char *)bytes, cut) && utf8_read(&r, (const char *)bytes + cut, n - cut) &&
           utf8_is_whole(&r);
}

/* All of two bytes, and all beginnings of three and four with a sample of what follows. */
static void text_in_pieces_is_judged_as_text_in_one(void **state)
{
    (void)state;
    static const uint8_t next[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned first = 0; first < 0x10000; first++) {
        for (size_t i = 0; i < sizeof next * sizeof next; i++) {
            uint8_t bytes[] = {(uint8_t)(first >> 8), (uint8_t)first, next[i / sizeof next],
                               next[i % sizeof next]};
            size_t n = 2 + i % 3, cut = i % (n + 1);
            if (is_text(bytes, n, cut) != utf8_is_valid((const char *)bytes, n)) {
                fail_msg("%02x%02x%02x%02x, %zu bytes", bytes[0], bytes[1], bytes[2], bytes[3], n);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_programs_handshake_and_messages_are_understood_however_they_are_cut),
        cmocka_unit_test(any_other_first_byte_than_G_is_the_protocols_own),
        cmocka_unit_test(a_plain_dial_is_open_at_once_and_copies_no_parcel),
        cmocka_unit_test(the_example_of_the_rfc_is_answered_as_it_says),
        cmocka_unit_test(our_request_is_the_one_of_the_rfc_and_its_response_is_taken),
        cmocka_unit_test(other_forms_of_an_upgrade_are_taken_too),
        cmocka_unit_test(whatever_else_begins_with_G_is_refused_and_costs_nobody_a_point),
        cmocka_unit_test(a_head_of_8_KiB_is_taken_and_a_longer_one_is_not),
        cmocka_unit_test(a_response_that_is_not_ours_ends_the_dial),
        cmocka_unit_test(a_message_is_one_line_whatever_is_in_it),
        cmocka_unit_test(messages_of_any_length_come_whole),
        cmocka_unit_test(each_violation_ends_the_stream_with_its_code),
        cmocka_unit_test(a_server_must_not_mask),
        cmocka_unit_test(a_close_is_answered_with_its_code),
        cmocka_unit_test(a_message_may_have_two_MiB_and_no_more_also_in_fragments),
        cmocka_unit_test(a_flood_of_pings_is_answered_once_for_all_that_come_together),
        cmocka_unit_test(each_line_goes_as_one_message_and_a_client_masks_it_anew),
        cmocka_unit_test(a_line_in_many_pieces_arrives_as_one_message),
        cmocka_unit_test(writing_stops_when_the_socket_has_enough),
        cmocka_unit_test(the_end_says_why),
        cmocka_unit_test(frames_of_any_sort_in_any_pieces_become_their_lines_and_faults_do_no_harm),
        cmocka_unit_test(text_in_pieces_is_judged_as_text_in_one),
    };
    assert_true(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
