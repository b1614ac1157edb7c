/* Recorded bytes of other nodes: what we read out of them, and that we write the same. */
#include "tests/unit/factom_fixture.h"

#include "protocol/factom/crc32k.h"
#include "protocol/factom/v10.h"
#include "protocol/factom/v11.h"
#include "protocol/factom/v9.h"
#include "tests/unit/promise.h"

static json_t *root;

static int load(void **state)
{
    (void)state;
    root = load_vectors();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(root);
    return 0;
}

static void test_checksums(void **state)
{
    (void)state;
    const char *text;
    json_t *value;
    json_object_foreach(json_object_get(root, "crc32_koopman"), text, value)
    {
        assert_int_equal(factom_crc32k(text, strlen(text)), strtoul(json_string_value(value), NULL, 16));
    }
}

static void test_network_ids(void **state)
{
    (void)state;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(root, "network_ids"), name, value)
    {
        struct network_config n;
        bool custom = strncmp(name, "custom:", 7) == 0;
        assert_true(protocol_network(&factom_protocol, name, custom ? name + 7 : NULL, &n));
        assert_int_equal(n.id, strtoul(json_string_value(value), NULL, 16));
    }
    struct network_config n;
    assert_false(protocol_network(&factom_protocol, "NOWHERE", NULL, &n));
    assert_true(protocol_network(&factom_protocol, "MAIN", NULL, &n));
    assert_int_equal(n.port, 8108);
    assert_false(n.open);
    assert_true(protocol_network(&factom_protocol, "CUSTOM", "myNetwork", &n));
    assert_int_equal(n.port, 8110);
    assert_string_equal(n.name, "myNetwork");
    assert_true(n.open);
    char long_name[NETWORK_NAME_MAX + 1];
    memset(long_name, 'x', sizeof long_name);
    long_name[NETWORK_NAME_MAX] = '\0';
    assert_false(protocol_network(&factom_protocol, "CUSTOM", long_name, &n));
}

/* --- fields --- */

static void expect_number(json_t *fields, const char *name, uint64_t value)
{
    const json_t *f = json_object_get(fields, name);
    if (json_is_string(f)) {
        assert_int_equal(value, strtoull(json_string_value(f), NULL, 10));
    } else if (f) {
        assert_int_equal(value, (uint64_t)json_integer_value(f));
    }
}

static void expect_text(json_t *fields, const char *name, struct bytes value)
{
    const json_t *f = json_object_get(fields, name);
    if (f) {
        assert_int_equal(value.size, json_string_length(f));
        assert_memory_equal(value.data, json_string_value(f), value.size);
    }
}

static void expect_hex(json_t *fields, const char *name, struct bytes value)
{
    const json_t *f = json_object_get(fields, name);
    if (f) {
        struct buffer b = {0};
        add_hex(&b, json_string_value(f));
        assert_int_equal(value.size, b.used);
        assert_memory_equal(value.data, b.data, b.used);
        buffer_fini(&b);
    }
}

static void expect_v9(json_t *fields, const struct v9_parcel *p)
{
    expect_number(fields, "Network", p->network);
    expect_number(fields, "Version", p->version);
    expect_number(fields, "Type", p->type);
    expect_number(fields, "Length", p->length);
    expect_number(fields, "Crc32", p->crc32);
    expect_number(fields, "PartNo", p->part_no);
    expect_number(fields, "PartsTotal", p->parts_total);
    expect_number(fields, "NodeID", p->node_id);
    expect_text(fields, "PeerPort", p->peer_port);
    expect_text(fields, "AppHash", p->app_hash);
    expect_hex(fields, "Payload", p->payload);
}

static void expect_v10(json_t *fields, const struct v10_parcel *p)
{
    expect_number(fields, "Type", p->type);
    expect_hex(fields, "Payload", p->payload);
}

static struct gob_types new_types(void)
{
    struct gob_limits limits = {.types = 64, .depth = 32, .definition = 4096};
    struct gob_types types;
    factom_gob_types_init(&types, &limits, factom_v9_names);
    return types;
}

static size_t define_or_read(struct gob_types *types, struct gob_frame *g, json_t *fields)
{
    if (g->id < 0) {
        assert_true(factom_gob_define(types, -g->id, &g->body));
        return 0;
    }
    struct gob_frame again = *g;
    struct v9_parcel p9;
    struct v10_parcel p10;
    assert_true(factom_v9_read(types, g, &p9) && factom_v10_read(types, &again, &p10));
    /* A V9 parcel has its type in the header, a V10 one beside the payload. */
    if (p9.version != 0) {
        expect_v9(fields, &p9);
    } else {
        expect_v10(fields, &p10);
    }
    return 1;
}

static void expect_gob_frame(struct gob_types *types, json_t *frame)
{
    struct buffer b = {0};
    add_hex(&b, json_string_value(json_object_get(frame, "hex")));
    size_t values = 0;
    for (size_t at = 0; at < b.used;) {
        struct gob_frame g;
        struct bytes in = {.data = b.data + at, .size = b.used - at};
        assert_int_equal(factom_gob_frame(in, FRAME_MAX, 4096, &g), GOB_WHOLE);
        values += define_or_read(types, &g, json_object_get(frame, "fields"));
        at += g.size;
    }
    assert_int_equal(values, 1);
    buffer_fini(&b);
}

static void expect_v11_handshake(json_t *fields, struct bytes message)
{
    struct handshake h;
    assert_null(factom_v11_read_handshake(message, &h));
    expect_number(fields, "Type", h.type);
    expect_number(fields, "Network", h.network);
    expect_number(fields, "Version", h.version);
    expect_number(fields, "NodeID", h.node_id);
    expect_number(fields, "ListenPort", h.port);
    expect_number(fields, "Loopback", h.nonce);
    assert_false(h.alternatives_are_bad);
    assert_int_equal(h.n_alternatives + h.n_left_out,
                     json_array_size(json_object_get(fields, "Alternatives")));
}

static void expect_v11_share(json_t *fields, struct bytes payload)
{
    const json_t *list = json_object_get(fields, "Share");
    if (!list) {
        return;
    }
    struct parcel *p;
    static const struct node_config node;
    assert_int_equal(factom_share_read(11, &node, payload, &p), SHARE_OK);
    assert_int_equal(p->size, json_array_size(list) * sizeof(struct known_peer));
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct endpoint e;
        assert_true(endpoint_parse(&e, json_string_value(json_array_get(list, i))));
        assert_true(endpoint_equal(&known_peers_of(p).list[i].endpoint, &e));
    }
    parcel_release(p);
}

static void expect_v11_frame(json_t *frame)
{
    json_t *fields = json_object_get(frame, "fields");
    struct buffer b = {0};
    add_hex(&b, json_string_value(json_object_get(frame, "hex")));
    size_t head = memcmp(b.data, V11_MAGIC, 4) == 0 ? 8 : 4;
    struct bytes message = {.data = b.data + head, .size = b.used - head};
    if (json_object_get(fields, "Network")) {
        expect_v11_handshake(fields, message);
    } else {
        uint32_t type;
        struct bytes payload;
        assert_true(factom_v11_read_msg(message, &type, &payload));
        expect_number(fields, "Type", type);
        expect_hex(fields, "Payload", payload);
        expect_v11_share(fields, payload);
    }
    buffer_fini(&b);
}

/* Every stream in the file, those that no test below knows by name included. */
static void test_fields_of_all(void **state)
{
    (void)state;
    json_t *streams = json_object_get(root, "streams");
    for (size_t i = 0; i < json_array_size(streams); i++) {
        json_t *s = json_array_get(streams, i);
        bool v11 = strncmp(json_string_value(json_object_get(s, "name")), "v11", 3) == 0;
        struct gob_types types = new_types();
        size_t n;
        json_t *frame;
        json_array_foreach(json_object_get(s, "frames"), n, frame)
        {
            if (v11) {
                expect_v11_frame(frame);
            } else {
                expect_gob_frame(&types, frame);
            }
        }
        factom_gob_types_fini(&types);
    }
}

/* --- writing --- */

static void expect_written(struct buffer *out, json_t *frames, size_t i)
{
    struct buffer want = {0};
    size_t size;
    uint8_t *flat = flatten(out, &size);
    add_frame(&want, frames, i);
    assert_int_equal(size, want.used);
    assert_memory_equal(flat, want.data, size);
    buffer_consume(out, size);
    buffer_fini(&want);
    free(flat);
}

static struct parcel *payload_of(json_t *frames, size_t i)
{
    struct buffer b = {0};
    json_t *fields = json_object_get(json_array_get(frames, i), "fields");
    add_hex(&b, json_string_value(json_object_get(fields, "Payload")));
    struct parcel *p = parcel_new(b.data, b.used);
    buffer_fini(&b);
    return p;
}

static void say_recorded(struct side *s, json_t *frames, size_t i, enum scope scope)
{
    struct parcel *p = payload_of(frames, i);
    assert_int_equal(side_say(s, FACTOM_MESSAGE, scope, p), 0);
    parcel_release(p);
    expect_written(&s->out, frames, i);
}

static struct parcel *two_endpoints(size_t n)
{
    struct endpoint e[2];
    assert_true(endpoint_parse(&e[0], "1.2.3.4:5678"));
    assert_true(endpoint_parse(&e[1], "2.3.4.5:6789"));
    return share_of(e, n);
}

static void say_share(struct side *s, size_t n)
{
    struct parcel *p = two_endpoints(n);
    assert_int_equal(side_say(s, FACTOM_PEER_SHARE, SCOPE_NONE, p), 0);
    parcel_release(p);
}

static void say_ping(struct side *s)
{
    s->now_ms += s->node.timings.ping;
    side_tick(s, 0);
}

/* A peer on the other end, so that the dialer may speak. */
static void meet(struct side *s)
{
    struct side peer = {.protocol = &factom_protocol, .node = s->node, .now_ms = 1000};
    peer.node.nonce = 99;
    peer.node.node_id = 1;
    peer.node.listen_port = 5678;
    struct session_config config = test_config(&peer, DIRECTION_OUTGOING);
    side_open(&peer, &config);
    size_t size;
    uint8_t *flat = flatten(&peer.out, &size);
    side_feed(s, flat, size);
    free(flat);
    side_close(&peer);
    assert_int_equal(s->ready, 1);
}

static void start_as(struct side *s, uint32_t version, const char *network, uint64_t node_id, uint64_t nonce,
                     uint16_t port)
{
    *s = (struct side){.protocol = &factom_protocol, .node = test_node(version), .now_ms = 1000};
    assert_true(protocol_network(&factom_protocol, network, NULL, &s->node.network));
    s->node.node_id = node_id;
    s->node.nonce = nonce;
    s->node.listen_port = port;
    struct session_config config = test_config(s, DIRECTION_OUTGOING);
    assert_true(endpoint_parse(&config.remote, "1.2.3.4:5678"));
    side_open(s, &config);
}

static void feed_ping(struct side *s, const void *bytes, size_t n)
{
    side_feed(s, bytes, n);
    assert_int_equal(s->good, 1);
}

static void test_write_v10(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v10_stream");
    struct side s;
    start_as(&s, 10, "LOCAL", 0x01020304, 0x1122334455667788, 8110);
    expect_written(&s.out, frames, 0);
    meet(&s);
    say_recorded(&s, frames, 1, SCOPE_BROADCAST);
    say_recorded(&s, frames, 2, SCOPE_NONE);
    say_ping(&s);
    expect_written(&s.out, frames, 3);
    struct buffer ping = {0};
    factom_v10_write_definitions(&ping);
    struct payload load = factom_payload_of_text("Ping");
    factom_v10_write(&ping, TYPE_PING, &load);
    feed_ping(&s, ping.data, ping.used);
    buffer_fini(&ping);
    expect_written(&s.out, frames, 4);
    assert_int_equal(side_say(&s, FACTOM_PEER_REQUEST, SCOPE_NONE, NULL), 0);
    expect_written(&s.out, frames, 5);
    say_share(&s, 2);
    expect_written(&s.out, frames, 6);
    say_recorded(&s, frames, 7, SCOPE_FULL);
    say_recorded(&s, frames, 8, SCOPE_PEER);
    side_close(&s);
}

static void test_write_v9(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v9_stream");
    struct side s;
    start_as(&s, 9, "MAIN", 0xffffffff, 1, 8108);
    expect_written(&s.out, frames, 0);
    meet(&s);
    assert_string_equal(s.peer.hash, "1.2.3.4:5678 00000001");
    say_recorded(&s, frames, 1, SCOPE_BROADCAST);
    say_ping(&s);
    expect_written(&s.out, frames, 2);
    say_share(&s, 1);
    expect_written(&s.out, frames, 3);
    say_recorded(&s, frames, 5, SCOPE_NONE);
    side_close(&s);
}

static void test_write_v11(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v11_stream");
    struct side s;
    start_as(&s, 11, "LOCAL", 0x01020304, 0x1122334455667788, 8110);
    expect_written(&s.out, frames, 0);
    meet(&s);
    say_recorded(&s, frames, 1, SCOPE_BROADCAST);
    say_ping(&s);
    expect_written(&s.out, frames, 2);
    say_share(&s, 2);
    expect_written(&s.out, frames, 3);
    say_recorded(&s, frames, 4, SCOPE_NONE);
    side_close(&s);
}

/* --- whole streams through a session --- */

static void start_listener(struct side *s, uint32_t network)
{
    side_start(s, 10, DIRECTION_INCOMING, 7);
    s->node.network.id = network;
}

static void test_read_v10(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v10_stream");
    struct side s;
    start_listener(&s, 0x00beaded);
    for (size_t i = 0; i < json_array_size(frames); i++) {
        side_feed_frame(&s, frames, i);
    }
    assert_false(s.over);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.peer.version, 10);
    assert_string_equal(s.peer.hash, "10.0.0.7:8110 01020304");
    assert_int_equal(s.messages, 4);
    assert_int_equal(s.requests, 1);
    assert_int_equal(s.shares, 1);
    assert_int_equal(s.good, 2);
    assert_int_equal(s.share->size, 2 * sizeof(struct known_peer));
    side_close(&s);
}

static void test_read_v9(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v9_stream");
    struct side s;
    start_listener(&s, 0xfeedbeef);
    for (size_t i = 0; i + 1 < json_array_size(frames); i++) {
        side_feed_frame(&s, frames, i);
    }
    assert_false(s.over);
    assert_int_equal(s.peer.version, 9);
    assert_true(s.peer.asked);
    assert_int_equal(s.requests, 1); /* the handshake itself */
    assert_int_equal(s.messages, 2);
    assert_int_equal(s.message->size, 71680);
    assert_int_equal(s.shares, 1);
    assert_int_equal(s.good, 1); /* the ping; merit is earned by messages, not by their parts */
    side_feed_frame(&s, frames, json_array_size(frames) - 1);
    assert_true(s.over);
    assert_int_equal(s.last.end.reason, END_BAD_INPUT);
    side_close(&s);
}

static void test_read_first_generation(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v9_legacy_stream");
    struct side s;
    side_start(&s, 10, DIRECTION_OUTGOING, 7);
    s.node.network.id = 0xdeadbeef;
    for (size_t i = 0; i < json_array_size(frames); i++) {
        side_feed_frame(&s, frames, i);
    }
    assert_false(s.over);
    assert_int_equal(s.peer.version, 9);
    assert_true(s.peer.node_id == 6129484611666145821);
    assert_string_equal(s.peer.hash, "10.0.0.7:8109 55104dc76695721d");
    assert_int_equal(s.requests, 1);
    assert_false(s.peer.asked); /* our handshake was a V10 one */
    assert_int_equal(s.messages, 1);
    assert_memory_equal(s.message->bytes, "whole message in one part", 25);
    side_close(&s);
}

static void test_read_v11(void **state)
{
    (void)state;
    json_t *frames = frames_of(root, "v11_stream");
    struct side s;
    start_listener(&s, 0x00beaded);
    for (size_t i = 0; i < json_array_size(frames); i++) {
        side_feed_frame(&s, frames, i);
    }
    assert_false(s.over);
    assert_int_equal(s.peer.version, 11);
    assert_int_equal(s.messages, 2);
    assert_int_equal(s.shares, 1);
    assert_int_equal(s.good, 1);
    side_close(&s);
}

static void expect_rejected(const char *stream, uint32_t version, uint32_t network, bool dribble)
{
    json_t *frames = frames_of(root, stream);
    struct buffer b = {0};
    struct side s;
    side_start(&s, version, DIRECTION_OUTGOING, 7);
    s.node.network.id = network;
    add_frame(&b, frames, 0);
    if (dribble) {
        side_dribble(&s, b.data, b.used);
    } else {
        side_feed(&s, b.data, b.used);
    }
    buffer_fini(&b);
    assert_int_equal(s.last.type, SESSION_REJECTED);
    assert_int_equal(s.last.end.n_alternatives, 1); /* the other one is a host name */
    struct endpoint e;
    assert_true(endpoint_parse(&e, "10.1.2.3:8108"));
    assert_true(endpoint_equal(&s.last.end.alternatives[0], &e));
    side_close(&s);
}

static void test_read_rejects(void **state)
{
    (void)state;
    for (int dribble = 0; dribble < 2; dribble++) {
        expect_rejected("v9_reject_stream", 10, 0xfeedbeef, dribble != 0);
        expect_rejected("v11_reject_stream", 11, 0x00beaded, dribble != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("F10", test_checksums),
        promise_test("F20 F21", test_network_ids),
        cmocka_unit_test(test_fields_of_all),
        cmocka_unit_test(test_write_v10),
        cmocka_unit_test(test_write_v9),
        cmocka_unit_test(test_write_v11),
        cmocka_unit_test(test_read_v10),
        cmocka_unit_test(test_read_v9),
        cmocka_unit_test(test_read_first_generation),
        cmocka_unit_test(test_read_v11),
        cmocka_unit_test(test_read_rejects),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
