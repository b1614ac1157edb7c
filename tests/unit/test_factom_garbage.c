/* Hostile bytes: recorded streams changed in every way, and noise. A session never reads past what came,
 * never takes memory for what did not, and always says why it ended. */
#include <malloc.h>

#include "tests/unit/factom_fixture.h"
#include "tests/unit/gob_streams.h"

#define STREAM_BYTES_MAX 4096 /* of the streams, as much as is changed byte by byte */

static uint64_t random_state = 88172645463325252;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

struct stream {
    struct buffer bytes;
    uint32_t network;
    enum direction direction;
};

static struct stream streams[16];
static size_t n_streams;

static uint32_t network_of(const char *stream)
{
    if (strncmp(stream, "v9_legacy", 9) == 0) {
        return 0xdeadbeef;
    }
    return strncmp(stream, "v9", 2) == 0 ? 0xfeedbeef : 0x00beaded;
}

static struct buffer *add_stream(const char *name)
{
    struct stream *s = &streams[n_streams++];
    assert_true(n_streams <= sizeof streams / sizeof streams[0]);
    *s = (struct stream){.network = network_of(name)};
    s->direction = strstr(name, "reject") ? DIRECTION_OUTGOING : DIRECTION_INCOMING;
    return &s->bytes;
}

static void add_recorded(const char *name, json_t *frames)
{
    struct buffer *b = add_stream(name);
    for (size_t i = 0; i < json_array_size(frames); i++) {
        const char *hex = json_string_value(json_object_get(json_array_get(frames, i), "hex"));
        if (b->used + strlen(hex) / 2 <= STREAM_BYTES_MAX) {
            add_hex(b, hex);
        }
    }
}

static int load(void **state)
{
    (void)state;
    json_t *root = load_vectors();
    json_t *list = json_object_get(root, "streams");
    for (size_t i = 0; i < json_array_size(list) && n_streams < 12; i++) {
        json_t *s = json_array_get(list, i);
        add_recorded(json_string_value(json_object_get(s, "name")), json_object_get(s, "frames"));
    }
    add_hex(add_stream("v10_types_of_every_kind"), stream_session);
    json_decref(root);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    while (n_streams > 0) {
        buffer_fini(&streams[--n_streams].bytes);
    }
    return 0;
}

static void expect_reason(const struct session_event *ev)
{
    static const enum end_reason faults[] = {END_HANDSHAKE, END_NETWORK,  END_VERSION,
                                             END_LOOPBACK,  END_REJECTED, END_BAD_INPUT};
    bool is_fault = false;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        is_fault = is_fault || ev->end.reason == faults[i];
    }
    assert_true(is_fault);
    assert_true(ev->end.text[0] != '\0');
    assert_true(ev->end.n_alternatives <= ALTERNATIVES_MAX);
}

/* Lets a session read these bytes, which end where their memory ends; true if it is still open. */
static bool digest(struct side *s, const uint8_t *bytes, size_t n)
{
    size_t at = 0;
    for (;;) {
        struct session_event ev;
        session_event_clear(&ev);
        struct bytes in = {.data = bytes + at, .size = n - at};
        size_t used = factom_protocol.session->read(&s->session, s->now_ms, in, &ev, &s->out);
        assert_true(used <= in.size);
        at += used;
        side_event(s, &ev);
        if (s->over) {
            expect_reason(&ev);
            session_event_clear(&ev);
            assert_int_equal(factom_protocol.session->read(&s->session, s->now_ms, in, &ev, &s->out), 0);
            assert_int_equal(ev.type, SESSION_NOTHING);
            return false;
        }
        if (used == 0 && ev.type == SESSION_NOTHING) {
            return true;
        }
    }
}

static bool feed_exactly(const struct stream *stream, const uint8_t *bytes, size_t n)
{
    struct side s = {.protocol = &factom_protocol, .node = test_node(10), .now_ms = 1000};
    struct session_config config = test_config(&s, stream->direction);
    uint8_t *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, bytes, n);
    s.node.network.id = stream->network;
    s.node.nonce = 7;
    side_open(&s, &config);
    bool open = digest(&s, exact, n);
    free(exact);
    side_close(&s);
    return open;
}

static void test_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        bool open = feed_exactly(&streams[i], streams[i].bytes.data, streams[i].bytes.used);
        /* The recorded V9 stream ends with a wrong checksum. */
        assert_true(open || streams[i].direction == DIRECTION_OUTGOING || streams[i].network == 0xfeedbeef);
    }
}

static void test_every_byte_changed(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < n_streams; i++) {
        struct bytes b = bytes_of(&streams[i].bytes);
        uint8_t *copy = malloc(b.size);
        memcpy(copy, b.data, b.size);
        for (size_t at = 0; at < b.size; at++) {
            for (size_t k = 0; k < sizeof changes; k++) {
                copy[at] ^= changes[k];
                feed_exactly(&streams[i], copy, b.size);
                copy[at] = b.data[at];
            }
        }
        free(copy);
    }
}

static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        struct bytes b = bytes_of(&streams[i].bytes);
        bool open = true;
        for (size_t n = 0; n <= b.size; n++) {
            bool still_open = feed_exactly(&streams[i], b.data, n);
            assert_true(open || !still_open); /* more bytes don't mend anything */
            open = still_open;
        }
    }
}

/* Byte by byte comes to the same as all at once. */
static void test_dribble(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        struct side s = {.protocol = &factom_protocol, .node = test_node(10), .now_ms = 1000};
        struct session_config config = test_config(&s, streams[i].direction);
        s.node.network.id = streams[i].network;
        s.node.nonce = 7;
        side_open(&s, &config);
        struct bytes b = bytes_of(&streams[i].bytes);
        side_dribble(&s, b.data, b.size);
        assert_int_equal(!s.over, feed_exactly(&streams[i], b.data, b.size));
        side_close(&s);
    }
}

/* Cuts, doubles, swaps and overwrites stretches. */
static size_t mangle(uint8_t *to, size_t size, const uint8_t *from, size_t n)
{
    size_t out = 0;
    size_t at = 0;
    while (at < n) {
        size_t step = 1 + next_random() % 64;
        step = step < n - at ? step : n - at;
        uint32_t what = next_random() % 40;
        size_t times = what == 0 ? 0 : what == 1 ? 2 : 1;
        for (; times > 0 && out + step <= size; times--) {
            memcpy(to + out, from + at, step);
            if (what == 2) {
                to[out + next_random() % step] = (uint8_t)next_random();
            }
            out += step;
        }
        at += step;
    }
    return out;
}

static void test_mangled(void **state)
{
    (void)state;
    uint8_t *to = malloc(2 * STREAM_BYTES_MAX);
    for (int i = 0; i < 20000; i++) {
        const struct stream *s = &streams[next_random() % n_streams];
        size_t n = mangle(to, 2 * STREAM_BYTES_MAX, s->bytes.data, s->bytes.used);
        feed_exactly(s, to, n);
    }
    free(to);
}

static void test_noise(void **state)
{
    (void)state;
    uint8_t noise[600];
    for (int i = 0; i < 20000; i++) {
        const struct stream *s = &streams[next_random() % n_streams];
        size_t n = next_random() % 256;
        size_t head = i % 2 == 0 ? 0 : 300; /* half of it after the handshake's first bytes */
        head = head < s->bytes.used ? head : s->bytes.used;
        memcpy(noise, s->bytes.data, head);
        for (size_t k = 0; k < n; k++) {
            noise[head + k] = (uint8_t)(next_random() % 4 == 0 ? next_random() : next_random() % 16);
        }
        feed_exactly(s, noise, head + n);
    }
}

/* --- memory --- */

static size_t memory_used(void)
{
    /* 0 under a sanitizer, whose allocator does not tell. */
    return mallinfo2().uordblks;
}

static void open_v10(struct side *s)
{
    side_start(s, 10, DIRECTION_INCOMING, 7);
    struct side dialer;
    side_start(&dialer, 10, DIRECTION_OUTGOING, 8);
    carry(&dialer, s, SIZE_MAX);
    side_close(&dialer);
    assert_int_equal(s->ready, 1);
}

/* Lengths are claims: no memory is set aside for them. */
static void test_claims_take_no_memory(void **state)
{
    (void)state;
    static const char *const claims[] = {
        "fc07fffff0ff86",                     /* a message of 128 MiB */
        "fe0fffff8102fe0fff",                 /* a definition */
        "20ff810301010156ff8200fc7fffffff00", /* a struct of 2^31 fields */
    };
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct side s;
        struct buffer b = {0};
        open_v10(&s);
        add_hex(&b, claims[i]);
        buffer_reserve(&b, 64);
        size_t before = memory_used();
        struct session_event ev;
        session_event_clear(&ev);
        factom_protocol.session->read(&s.session, s.now_ms, bytes_of(&b), &ev, &s.out);
        assert_true(memory_used() <= before + 8192);
        buffer_fini(&b);
        side_close(&s);
    }
}

static void add_definition(struct buffer *b, int32_t id, int fields)
{
    static const char *const letters = "abcdefghijklmnopqrstuvwxyz";
    struct gob_writer w = {.used = 0};
    struct buffer body = {0};
    factom_gob_put_int(&w, -(int64_t)id);
    factom_gob_put_uint(&w, 3);
    factom_gob_put_uint(&w, 2); /* no common part */
    factom_gob_put_uint(&w, (uint64_t)fields);
    buffer_add(&body, w.data, w.used);
    for (int i = 0; i < fields; i++) {
        uint8_t field[] = {1, 1, (uint8_t)letters[i % 26], 1, 4, 0};
        buffer_add(&body, field, sizeof field);
    }
    buffer_add(&body, "\0", 2);
    w = (struct gob_writer){.used = 0};
    factom_gob_put_uint(&w, body.used);
    buffer_add(b, w.data, w.used);
    buffer_add(b, body.data, body.used);
    buffer_fini(&body);
}

/* As many definitions as there is room for, short ones and long ones. */
static void expect_definitions(int fields, size_t least, size_t most)
{
    struct side s;
    open_v10(&s);
    size_t before = memory_used();
    for (int32_t id = 1000; !s.over; id++) {
        struct buffer b = {0};
        add_definition(&b, id, fields);
        side_feed(&s, b.data, b.used);
        buffer_fini(&b);
        assert_true(id < 1000 + 64);
    }
    assert_int_equal(s.last.end.reason, END_BAD_INPUT);
    assert_in_range(s.session.types.n, least, most);
    assert_true(memory_used() <= before + 72 * 1024);
    side_close(&s);
}

static void test_definitions_are_bounded(void **state)
{
    (void)state;
    expect_definitions(680, 11, 14);
    expect_definitions(100, 64, 64);
}

/* What is paid for is memory, not payload: malloc takes 32 bytes for a part of one. */
static void test_tiny_parts_are_charged_for_their_memory(void **state)
{
    (void)state;
    struct fragments f;
    size_t before = memory_used();
    factom_fragments_init(&f, NULL, 1 << 30, 1 << 20, 1000);
    for (uint32_t no = 0; no < 20000; no++) {
        const struct fragment one = {.name = {.data = (const uint8_t *)"a", .size = 1},
                                     .no = no,
                                     .total = 60000,
                                     .payload = {.data = (const uint8_t *)"x", .size = 1}};
        struct parcel *whole;
        uint32_t dropped = 0;
        uint64_t wants;
        assert_int_equal(factom_fragments_add(&f, 0, &one, &whole, &dropped, &wants), FRAGMENTS_KEPT);
    }
    assert_true(memory_used() <= before + f.used + 4096);
    factom_fragments_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_dribble),
        cmocka_unit_test(test_mangled),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_claims_take_no_memory),
        cmocka_unit_test(test_definitions_are_bounded),
        cmocka_unit_test(test_tiny_parts_are_charged_for_their_memory),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
