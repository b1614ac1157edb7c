/* Messages, against recorded ones: what is read is what they say, and what is written are the same bytes. */
#include "tests/unit/wire_fixture.h"

#include "protocol/mintlayer/message.h"
#include "tests/unit/dice.h"
#include "tests/unit/promise.h"

static json_t *vectors;

static int load(void **state)
{
    (void)state;
    /* A nonce may be more than jansson has integers for. */
    vectors = json_load_file(KITH_VECTORS_DIR "/mintlayer_vectors.json", JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(vectors);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_number_value(json_object_get(object, key));
}

/* --- what the recordings say --- */

static struct endpoint endpoint_of(const json_t *address)
{
    struct endpoint e = {.port = (uint16_t)number_of(address, "port")};
    assert_true(ip_parse(&e.ip, text_of(address, "ip")));
    return e;
}

static uint32_t network_of(const char *hex)
{
    return (uint32_t)strtoul(hex, NULL, 16);
}

/* Of a number that a double does not hold, what was read counts, if it reads the same as a double. */
static uint64_t large_of(const json_t *fields, const char *key, uint64_t read)
{
    double value = json_number_value(json_object_get(fields, key));
    if (value < 9e15) {
        return (uint64_t)value;
    }
    assert_true((double)read == value);
    return read;
}

static struct mintlayer_hello hello_of(const json_t *fields, const struct mintlayer_hello *read)
{
    struct mintlayer_hello h = {
        .is_ack = strcmp(text_of(fields, "type"), "HelloAck") == 0,
        .version = (uint32_t)number_of(fields, "protocol_version"),
        .network = network_of(text_of(fields, "network")),
        .services = number_of(fields, "services"),
        .time_s = large_of(fields, "current_time", read->time_s),
        .nonce = large_of(fields, "handshake_nonce", read->nonce),
    };
    unsigned major, minor, patch;
    assert_int_equal(sscanf(text_of(fields, "software_version"), "%u.%u.%u", &major, &minor, &patch), 3);
    h.major = (uint8_t)major;
    h.minor = (uint8_t)minor;
    h.patch = (uint16_t)patch;
    snprintf(h.agent, sizeof h.agent, "%s", text_of(fields, "user_agent"));
    const json_t *receiver = json_object_get(fields, "receiver_address");
    h.has_receiver = json_is_object(receiver);
    if (h.has_receiver) {
        h.receiver = endpoint_of(receiver);
    }
    return h;
}

static void put_list_of(const json_t *addresses, struct buffer *out)
{
    struct known_peers peers;
    struct parcel *p = known_peers_new(json_array_size(addresses), &peers);
    for (size_t i = 0; i < peers.n; i++) {
        peers.list[i].endpoint = endpoint_of(json_array_get(addresses, i));
    }
    mintlayer_put_list(out, &peers);
    parcel_release(p);
}

static void put_payload_of(const json_t *fields, uint32_t kind, struct buffer *out)
{
    struct buffer payload = {0};
    add_hex(&payload, text_of(fields, "body"));
    struct mintlayer_message read;
    assert_true(mintlayer_payload_read(kind, bytes_of(&payload), &read));
    mintlayer_frame_head(out, kind, payload.used);
    buffer_add(out, payload.data, payload.used);
    buffer_fini(&payload);
}

/* Writes what the fields say. `m` is what was read. */
static void put_fields(const json_t *fields, const struct mintlayer_message *m, struct buffer *out)
{
    switch (m->row->body) {
    case BODY_HELLO: {
        struct mintlayer_hello h = hello_of(fields, &m->hello);
        mintlayer_put_handshake(out, &h);
        break;
    }
    case BODY_NONE:
        mintlayer_put_bare(out, m->kind);
        break;
    case BODY_NONCE:
        mintlayer_put_nonce(out, m->kind, large_of(fields, "nonce", m->nonce));
        break;
    case BODY_TEXT:
        mintlayer_put_text(out, text_of(fields, "reason"));
        break;
    case BODY_ADDRESS: {
        struct mintlayer_address a = {.endpoint = endpoint_of(json_object_get(fields, "address"))};
        mintlayer_put_announcement(out, &a);
        break;
    }
    case BODY_ADDRESSES:
        put_list_of(json_object_get(fields, "addresses"), out);
        break;
    case BODY_ID:
    case BODY_IDS:
    case BODY_LIST:
    case BODY_FOUND:
    case BODY_OPAQUE:
        put_payload_of(fields, m->kind, out);
        break;
    }
}

/* What was read, written again. */
static void put_read(const struct mintlayer_message *m, struct buffer *out)
{
    char text[256];
    struct parcel *p = NULL;
    struct known_peers peers = {.n = 0};
    switch (m->row->body) {
    case BODY_HELLO:
        mintlayer_put_handshake(out, &m->hello);
        break;
    case BODY_NONE:
        mintlayer_put_bare(out, m->kind);
        break;
    case BODY_NONCE:
        mintlayer_put_nonce(out, m->kind, m->nonce);
        break;
    case BODY_TEXT:
        snprintf(text, sizeof text, "%.*s", (int)m->text.size, (const char *)m->text.data);
        mintlayer_put_text(out, text);
        break;
    case BODY_ADDRESS:
        mintlayer_put_announcement(out, &m->address);
        break;
    case BODY_ADDRESSES: {
        struct scale_reader r = scale_reader(m->addresses.bytes);
        p = known_peers_new(m->addresses.n, &peers);
        for (size_t i = 0; i < peers.n; i++) {
            struct mintlayer_address a = mintlayer_take_address(&r);
            peers.list[i].endpoint = a.endpoint;
            peers.list[i].mapped = a.mapped;
        }
        assert_true(scale_is_read(&r));
        mintlayer_put_list(out, &peers);
        parcel_release(p);
        break;
    }
    case BODY_ID:
    case BODY_IDS:
    case BODY_LIST:
    case BODY_FOUND:
    case BODY_OPAQUE:
        mintlayer_frame_head(out, m->kind, m->body.size);
        buffer_add(out, m->body.data, m->body.size);
        break;
    }
}

static void expect_bytes(const struct buffer *expected, const struct buffer *got, const char *what)
{
    if (expected->used != got->used || memcmp(expected->data, got->data, got->used) != 0) {
        fail_msg("%s: other bytes", what);
    }
}

static void test_recordings(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    json_array_foreach(vectors, i, v)
    {
        struct buffer frame = {0}, said = {0}, again = {0};
        const char *what = text_of(v, "what");
        const json_t *fields = json_object_get(v, "fields");
        add_hex(&frame, text_of(v, "hex"));
        struct bytes body;
        struct mintlayer_message m;
        assert_int_equal(mintlayer_frame_read(bytes_of(&frame), MINTLAYER_FRAME_MAX, &body), FRAME_WHOLE);
        assert_int_equal(body.size, frame.used - MINTLAYER_LENGTH_BYTES);
        if (!mintlayer_message_read(body, &m)) {
            fail_msg("%s: not read", what);
        }
        const char *name = m.row->body == BODY_HELLO ? (m.hello.is_ack ? "HelloAck" : "Hello") : m.row->name;
        assert_string_equal(name, text_of(fields, "type"));
        put_fields(fields, &m, &said);
        expect_bytes(&frame, &said, what);
        put_read(&m, &again);
        expect_bytes(&frame, &again, what);
        buffer_fini(&frame);
        buffer_fini(&said);
        buffer_fini(&again);
    }
    assert_true(i > 25);
}

/* --- what is none --- */

static bool is_read(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (size > 0) {
        memcpy(exact, bytes, size);
    }
    struct mintlayer_message m;
    bool read = mintlayer_message_read((struct bytes){.data = exact, .size = size}, &m);
    free(exact);
    return read;
}

/* A message that lacks its end, or has a byte too many, is none. */
static void test_cut_and_stretched(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    json_array_foreach(vectors, i, v)
    {
        struct buffer frame = {0};
        add_hex(&frame, text_of(v, "hex"));
        uint8_t zero = 0;
        buffer_add(&frame, &zero, 1);
        const uint8_t *body = frame.data + MINTLAYER_LENGTH_BYTES;
        size_t size = frame.used - MINTLAYER_LENGTH_BYTES - 1;
        for (size_t n = 0; n < size; n++) {
            if (is_read(body, n)) {
                fail_msg("%s, of %zu bytes", text_of(v, "what"), n);
            }
        }
        if (is_read(body, size + 1)) {
            fail_msg("%s, and a byte", text_of(v, "what"));
        }
        buffer_fini(&frame);
    }
}

static void expect_read(const char *hex, bool expected)
{
    struct buffer b = {0};
    add_hex(&b, hex);
    if (is_read(b.data, b.used) != expected) {
        fail_msg("%s", hex);
    }
    buffer_fini(&b);
}

#define ID    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HELLO "000003000000b0075fa00700000000000000"
#define BEHIND                                                                                               \
    "010400000000"                                                                                           \
    "efcdab8967452301"

static void test_bad_bodies(void **state)
{
    (void)state;
    expect_read("", false);
    expect_read("0e", false); /* no kind */
    expect_read("ff", false);
    expect_read("09", true);
    expect_read(HELLO "046b" BEHIND, true);
    expect_read("000203000000b0075fa00700000000000000046b" BEHIND, false); /* neither Hello nor HelloAck */
    expect_read(HELLO "00" BEHIND, false);                                 /* no user agent */
    expect_read(HELLO "0420" BEHIND, false);                               /* a space */
    expect_read(HELLO "0421" BEHIND, true);
    expect_read(HELLO "047e" BEHIND, true);
    expect_read(HELLO "047f" BEHIND, false);
    expect_read(HELLO "60"
                      "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b" BEHIND,
                true);
    expect_read(HELLO "64"
                      "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b" BEHIND,
                false);
    expect_read(HELLO "046b"
                      "01040000"
                      "02"
                      "00"
                      "efcdab8967452301",
                false); /* an Option's tag */
    expect_read(HELLO "046b"
                      "01040000"
                      "01"
                      "02"
                      "7f000001d70b"
                      "00"
                      "efcdab8967452301",
                false);
    expect_read(HELLO "046b"
                      "01040000"
                      "00"
                      "0100"
                      "efcdab8967452301",
                false); /* the time, too long */
    expect_read("08007f000001d70b", true);
    expect_read("08027f000001d70b", false);
    expect_read("080220010db8000100020003000400050006d70b", false);
    expect_read("0a00", true);
    expect_read("0a04007f000001d70b", true);
    expect_read("0a08007f000001d70b", false);
    expect_read("0a0101007f000001d70b", false);
    expect_read("0a03ffffffff", false);
    expect_read("0d0441", true);
    expect_read("0d04ff", false);
    expect_read("03" ID, true);
    expect_read("03" ID "00", false);
    expect_read("0400", true);
    expect_read("0404" ID, true);
    expect_read("0408" ID, false);
    expect_read("0500", true);
    expect_read("0504", false);
    expect_read("050400", true);
    expect_read("050001", false); /* none, and something */
    expect_read("0600", true);
    expect_read("07", false);
    expect_read("0700", true);
    expect_read("0c00" ID, true);
    expect_read("0c00" ID "00", false);
    expect_read("0c01", false);
    expect_read("0c0100", true);
    expect_read("0c0200", false);
}

/* A length is judged before the bytes that it counts have come. */
static void test_frames(void **state)
{
    (void)state;
    static const uint8_t most[] = {0, 0, 0xa0, 0}, more[] = {1, 0, 0xa0, 0}, huge[] = {0, 0, 0, 0x80};
    static const uint8_t none[] = {0, 0, 0, 0}, one[] = {1, 0, 0, 0, 9, 9};
    struct bytes body;
    for (size_t n = 0; n < 4; n++) {
        struct bytes part = {.data = more, .size = n};
        assert_int_equal(mintlayer_frame_read(part, MINTLAYER_FRAME_MAX, &body), FRAME_PART);
    }
    struct bytes in = {.data = most, .size = sizeof most};
    assert_int_equal(mintlayer_frame_read(in, MINTLAYER_FRAME_MAX, &body), FRAME_PART);
    in.data = more;
    assert_int_equal(mintlayer_frame_read(in, MINTLAYER_FRAME_MAX, &body), FRAME_LONG);
    in.data = huge;
    assert_int_equal(mintlayer_frame_read(in, MINTLAYER_FRAME_MAX, &body), FRAME_LONG);
    in.data = none;
    assert_int_equal(mintlayer_frame_read(in, MINTLAYER_FRAME_MAX, &body), FRAME_WHOLE);
    assert_int_equal(body.size, 0);
    in = (struct bytes){.data = one, .size = sizeof one};
    assert_int_equal(mintlayer_frame_read(in, MINTLAYER_FRAME_MAX, &body), FRAME_WHOLE);
    assert_int_equal(body.size, 1);
    assert_int_equal(mintlayer_frame_read(in, 0, &body), FRAME_LONG);
}

static uint64_t next_random(uint64_t *seed)
{
    return dice_throw(seed) >> 32;
}

/* What is read of garbage is written as it was. */
static void test_garbage(void **state)
{
    (void)state;
    uint64_t seed = 7;
    size_t read = 0;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[48];
        size_t n = 1 + next_random(&seed) % sizeof bytes;
        for (size_t k = 0; k < n; k++) {
            bytes[k] = (uint8_t)(next_random(&seed) >> (next_random(&seed) % 8));
        }
        bytes[0] = (uint8_t)(next_random(&seed) % (MINTLAYER_KINDS + 1));
        struct mintlayer_message m;
        struct buffer again = {0};
        uint8_t *exact = malloc(n);
        memcpy(exact, bytes, n);
        if (mintlayer_message_read((struct bytes){.data = exact, .size = n}, &m) &&
            m.row->body != BODY_ADDRESSES && m.row->body != BODY_ADDRESS) { /* IPv4 may be written as IPv6 */
            put_read(&m, &again);
            read++;
            if (!memchr(m.body.data, '\0', m.body.size) || m.row->body != BODY_TEXT) {
                assert_int_equal(again.used, n + MINTLAYER_LENGTH_BYTES);
                assert_memory_equal(again.data + MINTLAYER_LENGTH_BYTES, exact, n);
            }
        }
        free(exact);
        buffer_fini(&again);
    }
    assert_true(read > 1000);
}

/* --- addresses --- */

static bool is_discoverable(const char *text)
{
    struct endpoint e;
    assert_true(endpoint_parse(&e, text));
    return mintlayer_is_discoverable(&e);
}

static void test_discoverable(void **state)
{
    (void)state;
    static const char *const are[] = {
        "1.2.3.4:1",        "100.63.255.255:1", "100.128.0.0:1",    "172.15.0.1:1",
        "172.32.0.1:1",     "192.0.1.1:1",      "192.0.3.1:1",      "192.169.0.1:1",
        "198.17.255.255:1", "198.20.0.0:1",     "198.51.99.1:1",    "203.0.112.255:1",
        "223.255.255.1:1",  "[2001:db7::1]:1",  "[2001:4860::8]:1", "[fb00::1]:1"};
    static const char *const are_not[] = {
        "0.1.2.3:1",    "10.1.2.3:1",     "100.64.0.1:1",    "127.0.0.1:1",        "169.254.1.1:1",
        "172.16.0.1:1", "192.0.0.1:1",    "192.0.2.1:1",     "192.168.1.1:1",      "198.18.0.1:1",
        "198.19.0.1:1", "198.51.100.1:1", "203.0.113.7:1",   "224.0.0.1:1",        "255.255.255.1:1",
        "[::]:1",       "[::1]:1",        "[fc00::1]:1",     "[fdff::1]:1",        "[fe80::1]:1",
        "[febf::1]:1",  "[ff02::1]:1",    "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"};
    for (size_t i = 0; i < sizeof are / sizeof are[0]; i++) {
        if (!is_discoverable(are[i])) {
            fail_msg("%s", are[i]);
        }
    }
    for (size_t i = 0; i < sizeof are_not / sizeof are_not[0]; i++) {
        if (is_discoverable(are_not[i])) {
            fail_msg("%s", are_not[i]);
        }
    }
    struct endpoint e;
    assert_true(endpoint_parse(&e, "1.2.3.4:1"));
    e.port = 0;
    assert_false(mintlayer_is_discoverable(&e));
}

/* Those of a list that are not are left out. Mapped IPv4 is never left out, but for its port. */
static void test_list_parcel(void **state)
{
    (void)state;
    struct buffer b = {0};
    add_hex(&b, "0a18"
                "0001020304d70b"
                "000a000001d70b"
                "0001020305"
                "0000"
                "0100000000000000000000ffff01020306d70b"
                "0100000000000000000000ffff0a000001d70b"
                "0100000000000000000000ffff010203070000");
    struct mintlayer_message m;
    assert_true(mintlayer_message_read(bytes_of(&b), &m));
    struct parcel *p = mintlayer_addresses_parcel(&m.addresses);
    struct known_peers peers = known_peers_of(p);
    assert_int_equal(peers.n, 3);
    char text[ENDPOINT_TEXT_MAX];
    assert_string_equal(endpoint_format(&peers.list[0].endpoint, text, sizeof text), "1.2.3.4:3031");
    assert_string_equal(endpoint_format(&peers.list[1].endpoint, text, sizeof text), "1.2.3.6:3031");
    assert_string_equal(endpoint_format(&peers.list[2].endpoint, text, sizeof text), "10.0.0.1:3031");
    assert_true(!peers.list[0].mapped && peers.list[1].mapped && peers.list[2].mapped);
    parcel_release(p);
    buffer_fini(&b);
}

/* A scope is this system's: it neither goes out nor comes in. */
static void test_scopes_stay_here(void **state)
{
    (void)state;
    struct mintlayer_address a = {.mapped = false}, back;
    assert_true(endpoint_parse(&a.endpoint, "[fe80::1]:5"));
    a.endpoint.ip.bytes[7] = 3;
    struct buffer out = {0};
    mintlayer_put_address(&out, &a);
    assert_int_equal(out.data[1 + 7], 0);
    out.data[1 + 7] = 9;
    struct scale_reader r = scale_reader(bytes_of(&out));
    back = mintlayer_take_address(&r);
    assert_int_equal(ip_scope(&back.endpoint.ip), 0);
    assert_int_equal(back.endpoint.port, 5);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("M9 M10", test_recordings), cmocka_unit_test(test_cut_and_stretched),
        cmocka_unit_test(test_bad_bodies),       cmocka_unit_test(test_frames),
        cmocka_unit_test(test_garbage),          cmocka_unit_test(test_discoverable),
        cmocka_unit_test(test_list_parcel),      cmocka_unit_test(test_scopes_stay_here),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
