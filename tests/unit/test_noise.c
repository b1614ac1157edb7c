/* Noise as a stream, beside recordings of other programs. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#ifdef KITH_WITH_OPENSSL
#include <openssl/crypto.h>
#endif

#include "protocol/noise/noise.h"
#include "protocol/noise/private.h"
#include "tests/unit/dice.h"
#include "tests/unit/wire_fixture.h"

enum { PLENTY = 400000 };

static const struct noise_cipher *const ciphers[] = {
#ifdef KITH_WITH_OPENSSL
    &noise_cipher_openssl,
#endif
    &noise_cipher_sodium,
};

enum { CIPHERS = sizeof ciphers / sizeof ciphers[0] };

/* --- what libcrypto keeps --- */

static uint8_t watched[NOISE_KEY]; /* a key */
static void *blocks[64];           /* libcrypto's, since watching began */
static bool watches;
static size_t live_bytes, dirty_blocks;

static bool has_watched(const void *block)
{
    return memmem(block, malloc_usable_size((void *)(uintptr_t)block), watched, sizeof watched);
}

#ifdef KITH_WITH_OPENSSL
static void *take_block(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *block = malloc(size);
    for (size_t i = 0; watches && i < sizeof blocks / sizeof blocks[0]; i++) {
        if (!blocks[i]) {
            blocks[i] = block;
            live_bytes += malloc_usable_size(block) + sizeof(size_t);
            break;
        }
    }
    return block;
}

static void give_block(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    for (size_t i = 0; block && watches && i < sizeof blocks / sizeof blocks[0]; i++) {
        if (blocks[i] == block) {
            blocks[i] = NULL;
            live_bytes -= malloc_usable_size(block) + sizeof(size_t);
            dirty_blocks += has_watched(block);
        }
    }
    free(block);
}

static void *move_block(void *block, size_t size, const char *file, int line)
{
    if (!block) {
        return take_block(size, file, line);
    }
    return realloc(block, size);
}
#endif

static void watch(const uint8_t key[NOISE_KEY])
{
    memcpy(watched, key, sizeof watched);
    memset(blocks, 0, sizeof blocks);
    live_bytes = dirty_blocks = 0;
    watches = true;
}

static size_t watched_blocks(void)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        n += blocks[i] && has_watched(blocks[i]);
    }
    return n;
}

/* --- one end --- */

struct side {
    struct noise_stream stream;
    struct node_config node;
    uint8_t stream_secret[STREAM_SECRET];
    struct buffer secrets; /* what its random numbers are; if there is nothing left, drawn from `dice` */
    uint64_t dice;
    struct buffer out, plain; /* for the peer; what the session has said */
    struct buffer got;        /* what the session is given */
    uint8_t *raw;             /* what has come and was not consumed; of PLENTY bytes */
    size_t n_raw;
};

static uint64_t roll(void *context)
{
    struct side *s = context;
    return dice_secret(&s->dice, &s->secrets);
}

static void side_new(struct side *s, uint64_t dice)
{
    *s = (struct side){.dice = dice, .raw = malloc(PLENTY)};
    assert_non_null(s->raw);
    memset(s->stream_secret, 0x42, sizeof s->stream_secret);
    s->node.stream_secret = s->stream_secret;
}

static void side_open(struct side *s, enum direction direction)
{
    struct stream_config config = {.direction = direction, .node = &s->node, .random = roll, .context = s};
    assert_true(noise_stream.prepare());
    assert_int_equal(noise_stream.open(&s->stream, &config, &s->out), 0);
}

static void side_free(struct side *s)
{
    noise_stream.close(&s->stream);
    assert_true(sodium_is_zero((const uint8_t *)&s->stream, sizeof s->stream));
    buffer_fini(&s->secrets);
    buffer_fini(&s->out);
    buffer_fini(&s->plain);
    buffer_fini(&s->got);
    free(s->raw);
}

/* Brings bytes in steps, as the wire does: what is left lies before what comes next. Returns how many were
 * brought before a failure. */
static size_t side_feed(struct side *s, const uint8_t *bytes, size_t n, size_t step)
{
    size_t fed = 0;
    struct stream_failure f;
    while (fed < n && !noise_stream.failure(&s->stream, &f)) {
        size_t some = n - fed < step ? n - fed : step, plain = 0;
        assert_true(s->n_raw + some <= PLENTY);
        memcpy(s->raw + s->n_raw, bytes + fed, some);
        s->n_raw += some;
        fed += some;
        struct stream_input in = {.raw = s->raw, .size = s->n_raw, .plain = s->raw};
        size_t used = noise_stream.read(&s->stream, &in, &plain, &s->out);
        assert_true(used <= s->n_raw && plain <= used);
        buffer_add(&s->got, s->raw, plain);
        s->n_raw -= used;
        memmove(s->raw, s->raw + used, s->n_raw);
        assert_true(s->n_raw < noise_stream.hold_max || noise_stream.failure(&s->stream, &f));
        noise_stream.write(&s->stream, &s->plain, &s->out, SIZE_MAX);
    }
    return fed;
}

static void side_say(struct side *s, const void *bytes, size_t n)
{
    buffer_add(&s->plain, bytes, n);
    noise_stream.write(&s->stream, &s->plain, &s->out, SIZE_MAX);
}

/* All that `from` has for `to`. False if there was nothing. */
static bool pass(struct side *from, struct side *to, size_t step)
{
    size_t size;
    uint8_t *flat = flatten(&from->out, &size);
    buffer_consume(&from->out, size);
    side_feed(to, flat, size, step);
    free(flat);
    return size > 0;
}

static void converse(struct side *a, struct side *b, size_t step)
{
    bool any = true;
    while (any) {
        any = pass(a, b, step);
        any |= pass(b, a, step);
    }
}

static void pair_open(struct side *a, struct side *b)
{
    side_new(a, 1);
    side_new(b, 2);
    side_open(a, DIRECTION_OUTGOING);
    side_open(b, DIRECTION_INCOMING);
    converse(a, b, PLENTY);
    assert_true(noise_stream.is_open(&a->stream) && noise_stream.is_open(&b->stream));
}

static void assert_fails(const struct side *s, enum end_reason reason)
{
    struct stream_failure f = {0};
    assert_true(noise_stream.failure(&s->stream, &f));
    assert_int_equal(f.reason, reason);
    assert_true(f.text || reason == END_RESOURCES);
    assert_int_equal(end_reason_merit(END_STREAM), MERIT_NONE);
}

static void assert_is_well(const struct side *s)
{
    struct stream_failure f;
    assert_false(noise_stream.failure(&s->stream, &f));
}

/* A peer that says no more than it must, and what the tests have it say. */
static void write_raw_message(struct noise_handshake *h, struct bytes payload, struct buffer *to)
{
    size_t size = noise_handshake_size(h) + payload.size;
    uint8_t *at = buffer_reserve(to, NOISE_HEAD + size);
    assert_non_null(at);
    at[0] = (uint8_t)size;
    at[1] = (uint8_t)(size >> 8);
    assert_true(noise_handshake_write(h, payload, at + NOISE_HEAD));
    buffer_commit(to, NOISE_HEAD + size);
}

static void read_raw_message(struct noise_handshake *h, struct side *from)
{
    size_t size;
    uint8_t *flat = flatten(&from->out, &size);
    assert_true(size > NOISE_HEAD);
    assert_int_equal((size_t)flat[0] + flat[1] * 256U, size - NOISE_HEAD);
    assert_true(noise_handshake_read(h, flat + NOISE_HEAD, size - NOISE_HEAD));
    buffer_consume(&from->out, size);
    free(flat);
}

static void raw_peer(struct noise_handshake *h, enum direction direction)
{
    noise_handshake_start(h, direction, (struct bytes){0});
    memset(h->s, 3, sizeof h->s);
    memset(h->e, 4, sizeof h->e);
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

static void key_of(uint8_t key[NOISE_KEY], const json_t *o, const char *name)
{
    struct buffer b = hex_of(o, name);
    assert_int_equal(b.used, NOISE_KEY);
    memcpy(key, b.data, NOISE_KEY);
    buffer_fini(&b);
}

static void start_recorded(struct noise_handshake ends[2], const json_t *vector)
{
    struct buffer prologue = hex_of(vector, "init_prologue");
    noise_handshake_start(&ends[0], DIRECTION_OUTGOING, bytes_of(&prologue));
    noise_handshake_start(&ends[1], DIRECTION_INCOMING, bytes_of(&prologue));
    buffer_fini(&prologue);
    key_of(ends[0].s, vector, "init_static");
    key_of(ends[0].e, vector, "init_ephemeral");
    key_of(ends[1].s, vector, "resp_static");
    key_of(ends[1].e, vector, "resp_ephemeral");
}

static void replay_message(struct noise_handshake ends[2], size_t i, const struct buffer *payload,
                           const struct buffer *sealed)
{
    static const size_t before[] = {32, 32 + 48, 48}; /* where the payload lies */
    struct noise_handshake *from = &ends[i % 2], *to = &ends[1 - i % 2];
    uint8_t bytes[1000];
    size_t size = noise_handshake_size(from) + payload->used;
    assert_true(noise_handshake_writes(from) && !noise_handshake_writes(to));
    assert_int_equal(size, sealed->used);
    assert_true(noise_handshake_write(from, bytes_of(payload), bytes));
    assert_memory_equal(bytes, sealed->data, size);
    assert_true(noise_handshake_read(to, bytes, size));
    assert_memory_equal(bytes + before[i], payload->data, payload->used);
    assert_memory_equal(from->hash, to->hash, NOISE_HASH);
}

static void replay_packet(const struct noise_keys keys[2], size_t i, const struct buffer *payload,
                          const struct buffer *sealed)
{
    const uint8_t *key = keys[i % 2].seal;
    uint64_t n = (i - NOISE_MESSAGES) / 2;
    assert_memory_equal(key, keys[1 - i % 2].unseal, NOISE_KEY);
    assert_int_equal(sealed->used, payload->used + NOISE_TAG);
    for (size_t k = 0; k < CIPHERS; k++) {
        void *context;
        uint8_t bytes[1000];
        struct iovec piece = {payload->data, payload->used};
        assert_true(ciphers[k]->open(&context));
        assert_true(ciphers[k]->seal(context, key, n, &piece, 1, bytes));
        assert_memory_equal(bytes, sealed->data, sealed->used);
        assert_true(ciphers[k]->unseal(context, key, n, bytes, sealed->used));
        assert_memory_equal(bytes, payload->data, payload->used);
        ciphers[k]->close(context);
    }
}

static void replay(const json_t *vector)
{
    struct noise_handshake ends[2];
    struct noise_keys keys[2];
    size_t i;
    json_t *message;
    start_recorded(ends, vector);
    json_array_foreach(json_object_get(vector, "messages"), i, message)
    {
        struct buffer payload = hex_of(message, "payload"), sealed = hex_of(message, "ciphertext");
        if (i < NOISE_MESSAGES) {
            replay_message(ends, i, &payload, &sealed);
        } else {
            replay_packet(keys, i, &payload, &sealed);
        }
        if (i == NOISE_MESSAGES - 1) {
            if (json_object_get(vector, "handshake_hash")) {
                uint8_t hash[NOISE_HASH];
                key_of(hash, vector, "handshake_hash");
                assert_memory_equal(ends[0].hash, hash, sizeof hash);
            }
            noise_handshake_split(&ends[0], &keys[0]);
            noise_handshake_split(&ends[1], &keys[1]);
            assert_true(sodium_is_zero((const uint8_t *)ends, sizeof ends));
        }
        buffer_fini(&payload);
        buffer_fini(&sealed);
    }
    assert_true(i > NOISE_MESSAGES);
}

static void handshakes_and_packets_are_the_recorded_ones(void **state)
{
    (void)state;
    json_t *root = load_vectors_of("noise_xx_vectors.json");
    size_t i, n = 0;
    json_t *vector;
    json_array_foreach(json_is_array(root) ? root : json_object_get(root, "vectors"), i, vector)
    {
        replay(vector);
        n++;
    }
    assert_true(n > 0);
    json_decref(root);
}

/* A session of another program's, with its keys, up to the last packet that lies in it. */
static void open_recorded(struct side *s, const json_t *root, bool initiator)
{
    const json_t *keys = json_object_get(root, "keys");
    side_new(s, 1);
    const json_t *fixed = json_object_get(keys, initiator ? "initiator static" : "responder static");
    const json_t *fresh = json_object_get(keys, initiator ? "initiator ephemeral" : "responder ephemeral");
    add_hex(&s->secrets, json_string_value(json_object_get(fresh, "private")));
    if (initiator) {
        add_hex(&s->secrets, json_string_value(json_object_get(fixed, "private")));
    } else {
        key_of(s->stream_secret, fixed, "private");
    }
    side_open(s, initiator ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
}

static void replay_session(const json_t *root, size_t step)
{
    struct side ends[2];
    size_t i;
    json_t *packet;
    open_recorded(&ends[0], root, false);
    open_recorded(&ends[1], root, true);
    json_array_foreach(json_object_get(root, "packets"), i, packet)
    {
        bool initiator = strcmp(json_string_value(json_object_get(packet, "from")), "initiator") == 0;
        struct side *from = &ends[initiator], *to = &ends[!initiator];
        struct buffer plain = hex_of(packet, "plain"), raw = hex_of(packet, "wire");
        side_say(from, plain.data, plain.used);
        size_t size;
        uint8_t *flat = flatten(&from->out, &size);
        assert_int_equal(size, raw.used);
        assert_memory_equal(flat, raw.data, size);
        buffer_consume(&from->out, size);
        free(flat);
        assert_int_equal(side_feed(to, raw.data, raw.used, step), raw.used);
        assert_int_equal(to->got.used, plain.used);
        if (plain.used > 0) {
            assert_memory_equal(to->got.data, plain.data, plain.used);
        }
        buffer_consume(&to->got, to->got.used);
        buffer_fini(&plain);
        buffer_fini(&raw);
    }
    assert_true(i > NOISE_MESSAGES);
    uint8_t key[NOISE_KEY];
    key_of(key, root, "initiator_to_responder_key");
    assert_memory_equal(ends[1].stream.transport.keys.seal, key, NOISE_KEY);
    key_of(key, root, "responder_to_initiator_key");
    assert_memory_equal(ends[1].stream.transport.keys.unseal, key, NOISE_KEY);
    side_free(&ends[0]);
    side_free(&ends[1]);
}

static void a_session_is_the_recorded_one(void **state)
{
    (void)state;
    json_t *root = load_vectors_of("mintlayer_session.json");
    for (size_t step = 1; step < 100; step++) {
        replay_session(root, step);
    }
    replay_session(root, PLENTY);
    json_decref(root);
}

/* --- packets --- */

static void both_libraries_seal_the_same_bytes(void **state)
{
    static const size_t sizes[] = {1, 15, 16, 17, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 4096, 65519};
    static uint8_t plain[NOISE_PLAIN_MAX], sealed[CIPHERS][NOISE_PACKET_MAX];
    uint8_t key[NOISE_KEY];
    struct side random = {.dice = 5};
    (void)state;
    if (CIPHERS < 2) {
        skip();
    }
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)roll(&random);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = sizes[i], cut = roll(&random) % size, all = size + NOISE_TAG;
        uint64_t n = i == 0 ? UINT64_MAX - 1 : roll(&random);
        memset(key, (int)i + 1, sizeof key);
        struct iovec pieces[3] = {{plain, cut}, {plain + cut, 0}, {plain + cut, size - cut}};
        void *contexts[CIPHERS];
        for (size_t k = 0; k < CIPHERS; k++) {
            assert_true(ciphers[k]->open(&contexts[k]));
            assert_true(ciphers[k]->seal(contexts[k], key, n, pieces, 3, sealed[k]));
            assert_memory_equal(sealed[k], sealed[0], all);
        }
        for (size_t k = 0; k < CIPHERS; k++) {
            uint8_t *other = sealed[k];
            assert_true(ciphers[k]->unseal(contexts[k], key, n, other, all));
            assert_memory_equal(other, plain, size);
            /* Alone, as one piece, and then spoilt in one bit. */
            assert_true(ciphers[k]->seal(contexts[k], key, n, &(struct iovec){plain, size}, 1, other));
            other[roll(&random) % all] ^= (uint8_t)(1U << roll(&random) % 8);
            assert_false(ciphers[k]->unseal(contexts[k], key, n, other, all));
            assert_true(ciphers[k]->seal(contexts[k], key, n, &(struct iovec){plain, size}, 1, other));
            assert_false(ciphers[k]->unseal(contexts[k], key, n + 1, other, all));
            ciphers[k]->close(contexts[k]);
        }
    }
}

/* However they come, whole or in pieces. */
static void plain_bytes_pass_whole(void **state)
{
    static const size_t steps[] = {1, 2, 3, 17, 100, 65536, 65537, 65538, PLENTY};
    static uint8_t text[200000];
    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
        struct side a, b;
        pair_open(&a, &b);
        size_t all = steps[k] < 100 ? 70000 : sizeof text, said = 0;
        for (size_t n = 1; said < all; n = n * 3 + 1) {
            n = n < all - said ? n : all - said;
            side_say(&a, text + said, n);
            side_say(&b, text + said, n);
            said += n;
        }
        converse(&a, &b, steps[k]);
        assert_int_equal(a.got.used, all);
        assert_int_equal(b.got.used, all);
        assert_memory_equal(a.got.data, text, all);
        assert_memory_equal(b.got.data, text, all);
        assert_is_well(&a);
        assert_is_well(&b);
        side_free(&a);
        side_free(&b);
    }
}

static void add_parcel(struct buffer *to, const uint8_t *bytes, size_t size)
{
    struct parcel *p = parcel_new(bytes, size);
    assert_non_null(p);
    buffer_add_parcel(to, p);
    parcel_release(p);
}

/* A packet is as long as it may be, and never without plain bytes. */
static void packets_are_cut_by_the_rule(void **state)
{
    static const struct {
        size_t said, packets[2];
    } cases[] = {{0, {0}},
                 {1, {17}},
                 {65518, {65534}},
                 {65519, {65535}},
                 {65520, {65535, 17}},
                 {131038, {65535, 65535}}};
    static const uint8_t text[131038];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side a, b;
        pair_open(&a, &b);
        size_t first = cases[i].said < 65510 ? cases[i].said : 65510;
        add_parcel(&a.plain, text, first);
        add_parcel(&a.plain, text, cases[i].said - first);
        side_say(&a, NULL, 0);
        size_t size, at = 0;
        uint8_t *flat = flatten(&a.out, &size);
        for (size_t k = 0; k < 2 && cases[i].packets[k] > 0; k++) {
            assert_true(at + NOISE_HEAD <= size);
            assert_int_equal((size_t)flat[at] + flat[at + 1] * 256U, cases[i].packets[k]);
            at += NOISE_HEAD + cases[i].packets[k];
        }
        assert_int_equal(at, size);
        free(flat);
        side_free(&a);
        side_free(&b);
    }
}

/* The last nonce of all is never used. */
static void nonces_do_not_come_again(void **state)
{
    (void)state;
    struct side a, b;
    pair_open(&a, &b);
    a.stream.transport.sent = b.stream.transport.received = UINT64_MAX - 1;
    side_say(&a, "last", 4);
    converse(&a, &b, PLENTY);
    assert_int_equal(b.got.used, 4);
    assert_is_well(&a);
    side_say(&a, "more", 4);
    assert_fails(&a, END_STREAM);
    assert_int_equal(buffer_left(&a.out), 0);

    uint8_t packet[NOISE_HEAD + 1 + NOISE_TAG] = {1 + NOISE_TAG};
    void *context;
    assert_true(ciphers[0]->open(&context));
    assert_true(ciphers[0]->seal(context, b.stream.transport.keys.unseal, UINT64_MAX,
                                 &(struct iovec){(uint8_t[]){'x'}, 1}, 1, packet + NOISE_HEAD));
    ciphers[0]->close(context);
    side_feed(&b, packet, sizeof packet, PLENTY);
    assert_int_equal(b.got.used, 4);
    assert_fails(&b, END_STREAM);
    side_free(&a);
    side_free(&b);
}

/* --- bad input: nothing is answered, and what came before it is valid --- */

static void a_packet_has_room_for_more_than_its_tag(void **state)
{
    (void)state;
    for (size_t size = 0; size <= NOISE_TAG; size++) {
        struct side a;
        struct side b;
        pair_open(&a, &b);
        side_say(&a, "before", 6);
        uint8_t raw[NOISE_HEAD + NOISE_TAG] = {(uint8_t)size};
        assert_true(ciphers[0]->seal(a.stream.transport.context, a.stream.transport.keys.seal,
                                     a.stream.transport.sent, NULL, 0, raw + NOISE_HEAD));
        buffer_add(&a.out, raw, size < NOISE_TAG ? NOISE_HEAD : sizeof raw);
        pass(&a, &b, 1 + size);
        assert_fails(&b, size < NOISE_TAG ? END_STREAM : END_CLOSED);
        assert_int_equal(b.got.used, 6);
        assert_int_equal(buffer_left(&b.out), 0);
        side_say(&b, "no more", 7);
        assert_int_equal(buffer_left(&b.out), 0);
        side_free(&a);
        side_free(&b);
    }
}

static void a_spoilt_packet_ends_the_stream(void **state)
{
    (void)state;
    for (size_t at = NOISE_HEAD; at < NOISE_HEAD + 8 + NOISE_TAG; at++) {
        struct side a, b;
        pair_open(&a, &b);
        side_say(&a, "12345678", 8);
        a.out.data[a.out.data_sent + at] ^= (uint8_t)(1U << at % 8);
        side_say(&a, "after it", 8);
        pass(&a, &b, PLENTY);
        assert_fails(&b, END_STREAM);
        assert_int_equal(b.got.used, 0);
        assert_int_equal(buffer_left(&b.out), 0);
        side_free(&a);
        side_free(&b);
    }
}

/* Packets in another order, or one that comes twice. */
static void a_packet_comes_once_and_in_its_turn(void **state)
{
    (void)state;
    struct side a, b;
    pair_open(&a, &b);
    side_say(&a, "x", 1);
    size_t size;
    uint8_t *flat = flatten(&a.out, &size);
    assert_int_equal(side_feed(&b, flat, size, PLENTY), size);
    assert_is_well(&b);
    side_feed(&b, flat, size, PLENTY);
    assert_fails(&b, END_STREAM);
    assert_int_equal(b.got.used, 1);
    free(flat);
    side_free(&a);
    side_free(&b);
}

static void a_handshake_message_is_long_enough(void **state)
{
    static const size_t least[NOISE_MESSAGES] = {32, 96, 64};
    (void)state;
    for (size_t i = 0; i < NOISE_MESSAGES; i++) {
        for (size_t size = 0; size < least[i]; size++) {
            struct side a, b;
            side_new(&a, 1);
            side_new(&b, 2);
            side_open(&a, DIRECTION_OUTGOING);
            side_open(&b, DIRECTION_INCOMING);
            for (size_t k = 0; k < i; k++) {
                assert_true(k % 2 == 0 ? pass(&a, &b, PLENTY) : pass(&b, &a, PLENTY));
            }
            struct side *reader = i % 2 == 0 ? &b : &a;
            uint8_t head[NOISE_HEAD] = {(uint8_t)size};
            side_feed(reader, head, NOISE_HEAD, 1); /* judged on its head alone */
            assert_fails(reader, END_STREAM);
            assert_int_equal(buffer_left(&reader->out), 0);
            side_free(&a);
            side_free(&b);
        }
    }
}

static void a_spoilt_handshake_ends_the_stream(void **state)
{
    (void)state;
    for (int i = 1; i < NOISE_MESSAGES; i++) {
        size_t size = i == 1 ? 96 : 64;
        for (size_t at = 0; at < size; at += 5) {
            struct side a, b;
            side_new(&a, 1);
            side_new(&b, 2);
            side_open(&a, DIRECTION_OUTGOING);
            side_open(&b, DIRECTION_INCOMING);
            pass(&a, &b, PLENTY);
            if (i == 2) {
                pass(&b, &a, PLENTY);
            }
            struct side *from = i == 1 ? &b : &a, *to = i == 1 ? &a : &b;
            from->out.data[from->out.data_sent + NOISE_HEAD + at] ^= (uint8_t)(1U << at % 7);
            pass(from, to, PLENTY);
            assert_fails(to, END_STREAM);
            assert_int_equal(buffer_left(&to->out), 0);
            side_free(&a);
            side_free(&b);
        }
    }
}

static void a_key_that_makes_no_secret_is_refused(void **state)
{
    static const char *const keys[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct buffer first = {0}, second = {0};
        buffer_add(&first, (const uint8_t[]){32, 0}, NOISE_HEAD);
        buffer_add(&second, (const uint8_t[]){96, 0}, NOISE_HEAD);
        add_hex(&first, keys[i]);
        add_hex(&second, keys[i]);
        buffer_add(&second, (const uint8_t[64]){0}, 64);
        struct side a, b;
        side_new(&a, 1);
        side_new(&b, 2);
        side_open(&a, DIRECTION_OUTGOING);
        side_open(&b, DIRECTION_INCOMING);
        buffer_consume(&a.out, buffer_left(&a.out));
        side_feed(&b, first.data, first.used, PLENTY);
        assert_fails(&b, END_STREAM);
        side_feed(&a, second.data, second.used, PLENTY);
        assert_fails(&a, END_STREAM);
        assert_int_equal(buffer_left(&a.out) + buffer_left(&b.out), 0);
        side_free(&a);
        side_free(&b);
        buffer_fini(&first);
        buffer_fini(&second);
    }
}

/* Of any size that fits. */
static void what_a_handshake_message_carries_is_ignored(void **state)
{
    static const uint8_t bytes[NOISE_PACKET_MAX];
    static const size_t sizes[] = {1, 100, NOISE_PACKET_MAX - 96};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bytes payload = {.data = bytes, .size = sizes[i]};
        for (int incoming = 0; incoming < 2; incoming++) {
            struct side s;
            struct noise_handshake peer;
            struct buffer said = {0};
            side_new(&s, 3);
            side_open(&s, incoming ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
            raw_peer(&peer, incoming ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
            while (peer.next < NOISE_MESSAGES) {
                if (noise_handshake_writes(&peer)) {
                    write_raw_message(&peer, payload, &said);
                    side_feed(&s, said.data + said.data_sent, buffer_left(&said), 1000);
                    buffer_consume(&said, buffer_left(&said));
                } else {
                    read_raw_message(&peer, &s);
                }
            }
            assert_is_well(&s);
            assert_true(noise_stream.is_open(&s.stream));
            assert_int_equal(s.got.used, 0);
            struct noise_keys keys;
            noise_handshake_split(&peer, &keys);
            assert_memory_equal(keys.seal, s.stream.transport.keys.unseal, NOISE_KEY);
            assert_memory_equal(keys.unseal, s.stream.transport.keys.seal, NOISE_KEY);
            buffer_fini(&said);
            side_free(&s);
        }
    }
}

/* Whatever comes at whatever time: no plain bytes are made of what the peer has not sealed. */
static void garbage_makes_no_plain_bytes(void **state)
{
    enum { SEEDS = 400, GARBAGE = 3000 };
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct side a, b;
        side_new(&a, seed);
        side_new(&b, seed + SEEDS);
        side_open(&a, DIRECTION_OUTGOING);
        side_open(&b, DIRECTION_INCOMING);
        for (uint64_t passes = roll(&a) % 4; passes > 0; passes--) {
            pass(passes % 2 ? &a : &b, passes % 2 ? &b : &a, 1 + roll(&a) % 50);
        }
        uint8_t bytes[GARBAGE];
        size_t n = 1 + roll(&a) % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)roll(&a);
        }
        bytes[0] = (uint8_t)(roll(&a) % 200);
        bytes[1] = (uint8_t)(roll(&a) % 8 == 0);
        side_feed(&a, bytes, n, 1 + roll(&a) % 500);
        side_feed(&b, bytes, n, 1 + roll(&b) % 500);
        assert_int_equal(a.got.used + b.got.used, 0);
        side_free(&a);
        side_free(&b);
    }
}

/* What is cut off anywhere is waited for, and then goes on. */
static void each_cut_of_a_handshake_is_the_same(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 400; cut++) {
        struct side a, b;
        side_new(&a, 1);
        side_new(&b, 2);
        side_open(&a, DIRECTION_OUTGOING);
        side_open(&b, DIRECTION_INCOMING);
        side_say(&a, "hello", 5); /* waits for the handshake */
        side_say(&b, "hi", 2);
        size_t size;
        uint8_t *flat = flatten(&a.out, &size);
        side_feed(&b, flat, size, 1 + cut % 34);
        free(flat);
        buffer_consume(&a.out, size);
        flat = flatten(&b.out, &size);
        size_t at = cut % (size + 1);
        buffer_consume(&b.out, size);
        side_feed(&a, flat, at, PLENTY);
        assert_int_equal(noise_stream.is_open(&a.stream), at == size);
        side_feed(&a, flat + at, size - at, PLENTY);
        free(flat);
        flat = flatten(&a.out, &size);
        at = cut % (size + 1);
        buffer_consume(&a.out, size);
        side_feed(&b, flat, at, PLENTY);
        side_feed(&b, flat + at, size - at, PLENTY);
        free(flat);
        converse(&a, &b, PLENTY);
        assert_int_equal(b.got.used, 5);
        assert_memory_equal(b.got.data, "hello", 5);
        assert_int_equal(a.got.used, 2);
        side_free(&a);
        side_free(&b);
    }
}

/* --- keys --- */

/* Those who dial us see one static key; those whom we dial see another each time. */
static void a_static_key_is_the_listeners_or_new(void **state)
{
    uint8_t seen[4][NOISE_KEY], ours[NOISE_KEY];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct side s;
        struct noise_handshake peer;
        struct buffer said = {0};
        bool incoming = i < 2;
        side_new(&s, 10 + i);
        side_open(&s, incoming ? DIRECTION_INCOMING : DIRECTION_OUTGOING);
        raw_peer(&peer, incoming ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
        if (!incoming) {
            read_raw_message(&peer, &s);
        }
        write_raw_message(&peer, (struct bytes){0}, &said);
        side_feed(&s, said.data, said.used, PLENTY);
        read_raw_message(&peer, &s);
        memcpy(seen[i], peer.rs, NOISE_KEY);
        assert_memory_not_equal(peer.rs, peer.re, NOISE_KEY);
        crypto_scalarmult_curve25519_base(ours, s.stream_secret);
        assert_int_equal(memcmp(peer.rs, ours, NOISE_KEY) == 0, incoming);
        buffer_fini(&said);
        side_free(&s);
    }
    assert_memory_equal(seen[0], seen[1], NOISE_KEY);
    assert_memory_not_equal(seen[2], seen[3], NOISE_KEY);
}

/* Neither the stream nor the library leaves one behind, and both together keep little. */
static void keys_are_wiped_and_little_is_kept(void **state)
{
    enum { WITHIN = 2048 };
    (void)state;
    struct side a, b;
    side_new(&a, 1);
    side_new(&b, 2);
    side_open(&a, DIRECTION_OUTGOING);
    side_open(&b, DIRECTION_INCOMING);
    pass(&a, &b, PLENTY);
    watch((const uint8_t[NOISE_KEY]){0});
    pass(&b, &a, PLENTY);
    memcpy(watched, a.stream.transport.keys.seal, sizeof watched);
    assert_in_range(sizeof a.stream + live_bytes, 1, WITHIN);
    side_say(&a, "text", 4);
    assert_in_range(sizeof a.stream + live_bytes, 1, WITHIN);
#ifdef KITH_WITH_OPENSSL
    assert_int_equal(watched_blocks(), 1);
#endif
    dirty_blocks = 0;
    side_free(&a);
    assert_int_equal(watched_blocks(), 0);
    assert_int_equal(dirty_blocks, 0);
    assert_int_equal(live_bytes, 0);
    watches = false;
    side_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_wiped_and_little_is_kept),
        cmocka_unit_test(handshakes_and_packets_are_the_recorded_ones),
        cmocka_unit_test(a_session_is_the_recorded_one),
        cmocka_unit_test(both_libraries_seal_the_same_bytes),
        cmocka_unit_test(plain_bytes_pass_whole),
        cmocka_unit_test(packets_are_cut_by_the_rule),
        cmocka_unit_test(nonces_do_not_come_again),
        cmocka_unit_test(a_packet_has_room_for_more_than_its_tag),
        cmocka_unit_test(a_spoilt_packet_ends_the_stream),
        cmocka_unit_test(a_packet_comes_once_and_in_its_turn),
        cmocka_unit_test(a_handshake_message_is_long_enough),
        cmocka_unit_test(a_spoilt_handshake_ends_the_stream),
        cmocka_unit_test(a_key_that_makes_no_secret_is_refused),
        cmocka_unit_test(what_a_handshake_message_carries_is_ignored),
        cmocka_unit_test(garbage_makes_no_plain_bytes),
        cmocka_unit_test(each_cut_of_a_handshake_is_the_same),
        cmocka_unit_test(a_static_key_is_the_listeners_or_new),
    };
#ifdef KITH_WITH_OPENSSL
    CRYPTO_set_mem_functions(take_block, move_block, give_block);
#endif
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
