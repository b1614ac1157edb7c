/* Recorded and constructed bytes: what we read out of them, and that we write the same. */
#include "tests/unit/ddrp_fixture.h"
#include "tests/unit/parsed.h"
#include "tests/unit/promise.h"

static json_t *root;

static int load(void **state)
{
    (void)state;
    root = load_vectors_of("ddrp.json");
    return sodium_init() < 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(root);
    return 0;
}

static const char *text(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static uint32_t number(const json_t *o, const char *name)
{
    return (uint32_t)json_integer_value(json_object_get(o, name));
}

static bool is(const json_t *o, const char *name, const char *value)
{
    return strcmp(text(o, name), value) == 0;
}

static const struct protocol *protocol_of(const json_t *stream)
{
    return is(stream, "revision", "fnd") ? &fnd_protocol : &ddrp_protocol;
}

static json_t *stream_of(const struct protocol *p, const char *what)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(root, "streams"), i, s)
    {
        if (protocol_of(s) == p && is(s, "what", what)) {
            return s;
        }
    }
    fail_msg("no stream %s", what);
    return NULL;
}

static const char *secret_of(const char *name)
{
    return strcmp(name, "alice") == 0 ? alice : strcmp(name, "bob") == 0 ? bob : carol;
}

static const json_t *key_of(const char *name)
{
    return json_array_get(json_object_get(root, "keys"), strcmp(name, "alice") == 0 ? 0
                                                         : strcmp(name, "bob") == 0 ? 1
                                                                                    : 2);
}

static struct buffer hex_of(const json_t *o, const char *name)
{
    struct buffer b = {0};
    add_hex(&b, text(o, name));
    return b;
}

static void expect_hex(const json_t *o, const char *name, const void *bytes, size_t size)
{
    struct buffer want = hex_of(o, name);
    assert_int_equal(size, want.used);
    assert_memory_equal(bytes, want.data, size);
    buffer_fini(&want);
}

static void test_keys(void **state)
{
    (void)state;
    size_t i;
    json_t *k;
    json_array_foreach(json_object_get(root, "keys"), i, k)
    {
        assert_string_equal(text(k, "private"), secret_of(text(k, "name")));
        uint8_t secret[DDRP_SECRET_BYTES];
        hex_to(secret, text(k, "private"));
        struct ddrp_key key;
        assert_true(ddrp_key_open(&key, secret));
        expect_hex(k, "public", key.public_key, sizeof key.public_key);
        ddrp_key_close(&key);
        struct peer_id id;
        assert_true(ddrp_protocol.identity(secret, &id));
        assert_int_equal(id.size, ddrp_protocol.id_size);
        expect_hex(k, "peer_id", id.bytes, id.size);
    }
}

static void test_no_secrets(void **state)
{
    (void)state;
    uint8_t zero[DDRP_SECRET_BYTES] = {0}, high[DDRP_SECRET_BYTES];
    struct peer_id id;
    memset(high, 0xff, sizeof high);
    assert_false(ddrp_protocol.identity(zero, &id));
    assert_false(fnd_protocol.identity(high, &id));
}

/* --- envelopes --- */

/* What a stream's name says it is. */
static enum ddrp_kind kind_named(const json_t *stream)
{
    static const struct {
        const char *name;
        enum ddrp_kind kind;
    } named[] = {
        {"hello_ack", DDRP_HELLO_ACK}, {"hello", DDRP_HELLO},          {"peer_req", DDRP_PEER_REQ},
        {"peer_res", DDRP_PEER_RES},   {"unknown", DDRP_KINDS},        {"ping", DDRP_PING},
        {"bad_signature", DDRP_PING},  {"stale_timestamp", DDRP_PING},
    };
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (strncmp(text(stream, "what"), named[i].name, strlen(named[i].name)) == 0) {
            return named[i].kind;
        }
    }
    fail_msg("no kind is called %s", text(stream, "what"));
    return DDRP_KINDS;
}

static bool is_odd(const json_t *stream)
{
    return is(stream, "what", "wrong_magic") || is(stream, "what", "truncated");
}

/* What the signature covers, and, if it was not spoilt, that ours is the same to the byte. */
static void expect_signature(const json_t *stream, const struct ddrp_envelope *e)
{
    const struct ddrp_revision *r = revision_of(protocol_of(stream));
    uint8_t digest[DDRP_DIGEST_BYTES];
    ddrp_digest(r, e->head, e->message, digest);
    expect_hex(stream, "signature_hash", digest, sizeof digest);
    uint8_t signature[DDRP_SIGNATURE_BYTES];
    if (!is(stream, "what", "bad_signature")) {
        sign_as(r, secret_of(text(stream, "signer")), e->head, e->message, signature);
        assert_memory_equal(signature, e->signature, sizeof signature);
    }
}

static void test_envelopes(void **state)
{
    (void)state;
    size_t i;
    json_t *stream;
    json_array_foreach(json_object_get(root, "streams"), i, stream)
    {
        const struct ddrp_revision *r = revision_of(protocol_of(stream));
        const json_t *fields = json_object_get(stream, "fields");
        struct buffer b = hex_of(stream, "hex");
        struct ddrp_envelope e;
        enum ddrp_framing framing = ddrp_envelope_read(r, bytes_of(&b), DDRP_MESSAGE_MAX, &e);
        if (is_odd(stream)) {
            assert_int_equal(framing, is(stream, "what", "truncated") ? FRAMING_PART : FRAMING_BAD_MAGIC);
        } else {
            assert_int_equal(framing, FRAMING_WHOLE);
            assert_int_equal(e.size, b.used);
            assert_int_equal(e.type, number(fields, "type"));
            assert_int_equal(e.timestamp, number(fields, "timestamp"));
            assert_int_equal(ddrp_kind_of(r, e.type), kind_named(stream));
            expect_signature(stream, &e);
        }
        buffer_fini(&b);
    }
}

/* --- bodies --- */

/* Who is called by that key in the file is called so by us. */
static void expect_id(const char *signer, const uint8_t *public_key)
{
    struct peer_id id;
    ddrp_peer_id(public_key, &id);
    expect_hex(key_of(signer), "peer_id", id.bytes, id.size);
}

static void expect_hello(const struct ddrp_revision *r, const json_t *stream, struct bytes message)
{
    const json_t *fields = json_object_get(stream, "fields");
    struct ddrp_hello h;
    struct buffer again = {0};
    assert_true(ddrp_hello_read(r, message, &h));
    assert_int_equal(h.version, number(fields, "protocol_version"));
    expect_hex(fields, "local_nonce", h.local_nonce, DDRP_NONCE_BYTES);
    expect_hex(fields, "remote_nonce", h.remote_nonce, DDRP_NONCE_BYTES);
    expect_hex(fields, "public_key", h.public_key, DDRP_PUBLIC_KEY_BYTES);
    expect_id(text(stream, "signer"), h.public_key);
    assert_int_equal(h.external_port, number(fields, "external_port"));
    if (r->hello_has_endpoint) {
        struct ip ip = ip_of(text(fields, "external_ip"));
        assert_true(ip_equal(&h.external_ip, &ip));
    }
    ddrp_hello_write(r, &h, text(fields, "user_agent"), &again);
    assert_int_equal(again.used, message.size);
    assert_memory_equal(again.data, message.data, message.size);
    buffer_fini(&again);
}

/* A list that the file does not spell out: peer i has the address 203.0.113.i, and its id is the hash of that
 * byte. */
static void expect_counted(const struct known_peers *share)
{
    for (size_t i = 0; i < share->n; i++) {
        uint8_t byte = (uint8_t)i, id[DDRP_ID_BYTES];
        crypto_generichash(id, sizeof id, &byte, 1, NULL, 0);
        assert_int_equal(share->list[i].endpoint.ip.bytes[15], i);
        assert_int_equal(share->list[i].endpoint.port, 9097);
        assert_memory_equal(share->list[i].id.bytes, id, sizeof id);
    }
}

static void expect_listed(const json_t *peers, const struct known_peers *share)
{
    for (size_t i = 0; i < share->n; i++) {
        const json_t *p = json_array_get(peers, i);
        struct ip ip = ip_of(text(p, "ip"));
        assert_true(ip_equal(&share->list[i].endpoint.ip, &ip));
        assert_int_equal(share->list[i].endpoint.port,
                         json_object_get(p, "port") != NULL ? number(p, "port") : 9097);
        assert_int_equal(share->list[i].id.size, DDRP_ID_BYTES);
        expect_hex(p, "peer_id", share->list[i].id.bytes, DDRP_ID_BYTES);
    }
}

/* Everybody that a stream tells of, as its name and its fields say. */
static void expect_peers(const json_t *stream, const struct known_peers *share)
{
    const json_t *peers = json_object_get(json_object_get(stream, "fields"), "peers");
    if (json_is_array(peers)) {
        assert_int_equal(share->n, json_array_size(peers));
        expect_listed(peers, share);
    } else {
        assert_int_equal(share->n, is(stream, "what", "peer_res_128") ? 128 : 255);
        expect_counted(share);
    }
}

static void expect_share(const struct protocol *p, const json_t *stream, struct bytes message)
{
    const struct ddrp_revision *r = revision_of(p);
    struct node_config node = test_node(p, bob);
    struct buffer again = {0};
    node.any_port = true;
    struct ddrp_entries entries;
    assert_true(ddrp_share_read(r, message, &entries));
    struct parcel *parcel = ddrp_share_parcel(r, &node, &entries);
    struct known_peers share = known_peers_of(parcel);
    expect_peers(stream, &share);
    ddrp_share_write(r, &share, &again);
    assert_int_equal(again.used, message.size);
    assert_memory_equal(again.data, message.data, message.size);
    buffer_fini(&again);
    parcel_release(parcel);
}

static void expect_body(const struct protocol *p, const json_t *stream, const struct ddrp_envelope *e)
{
    const json_t *fields = json_object_get(stream, "fields");
    enum ddrp_kind kind = ddrp_kind_of(revision_of(p), e->type);
    if (kind == DDRP_HELLO) {
        expect_hello(revision_of(p), stream, e->message);
    } else if (kind == DDRP_PEER_RES) {
        expect_share(p, stream, e->message);
    } else if (kind == DDRP_HELLO_ACK) {
        expect_hex(fields, "nonce", e->message.data, e->message.size);
    } else {
        assert_true(kind == DDRP_PING || kind == DDRP_PEER_REQ || strstr(text(stream, "what"), "unknown"));
        assert_int_equal(e->message.size, 0);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    size_t i, bodies = 0;
    json_t *stream;
    json_array_foreach(json_object_get(root, "streams"), i, stream)
    {
        const struct protocol *p = protocol_of(stream);
        struct buffer b = hex_of(stream, "hex");
        struct ddrp_envelope e;
        if (ddrp_envelope_read(revision_of(p), bytes_of(&b), DDRP_MESSAGE_MAX, &e) == FRAMING_WHOLE) {
            expect_body(p, stream, &e);
            bodies++;
        }
        buffer_fini(&b);
    }
    assert_true(bodies >= 30);
}

/* --- sessions --- */

/* Opens a session of that node with whoever the streams are of, up to SESSION_READY. */
static void meet(struct side *s, const struct protocol *p, const char *as)
{
    bool dials = strcmp(as, "alice") == 0;
    side_prepare(s, p, secret_of(as));
    for (size_t i = 0; i < sizeof s->nonce; i++) {
        s->nonce[i] = (uint8_t)(i + (dials ? 0x00 : 0x20));
    }
    struct session_config config = test_config(s, dials ? DIRECTION_OUTGOING : DIRECTION_INCOMING);
    side_open(s, &config);
    if (dials) {
        side_feed_hex(s, text(stream_of(p, "hello_responder"), "hex"));
    } else {
        side_feed_hex(s, text(stream_of(p, "hello_initiator"), "hex"));
        assert_int_equal(s->ready, 0);
        side_feed_hex(s, text(stream_of(p, "hello_ack"), "hex"));
    }
    assert_false(s->over);
    assert_int_equal(s->ready, 1);
    buffer_consume(&s->out, buffer_left(&s->out));
}

static void expect_written(struct side *s, const char *what)
{
    size_t size;
    uint8_t *flat = flatten(&s->out, &size);
    expect_hex(stream_of(s->protocol, what), "hex", flat, size);
    buffer_consume(&s->out, size);
    free(flat);
}

/* A stream that tells of peers was read as it says, and who signed it writes the same, to the byte. */
static void expect_told(const json_t *stream, const struct side *s)
{
    struct known_peers share = known_peers_of(s->parcel);
    expect_peers(stream, &share);
    struct side teller;
    meet(&teller, s->protocol, text(stream, "signer"));
    assert_int_equal(side_say(&teller, DDRP_PEER_RES, s->parcel), 0);
    expect_written(&teller, text(stream, "what"));
    side_close(&teller);
}

static void expect_outcome(const json_t *stream, const struct side *s)
{
    if (is(stream, "what", "truncated")) {
        assert_int_equal(s->good + s->bad + s->messages, 0); /* the connection sees the end of its bytes */
    } else if (is(stream, "expect", "disconnect")) {
        expect_ended(s, END_BAD_INPUT);
    } else {
        assert_false(s->over);
        assert_int_equal(buffer_left(&s->in), 0);
        assert_int_equal(s->bad, is(stream, "what", "bad_signature"));
        assert_int_equal(s->good, strncmp(text(stream, "what"), "ping", 4) == 0);
        assert_int_equal(s->messages, strncmp(text(stream, "what"), "peer", 4) == 0);
        assert_int_equal(s->good + s->bad + s->messages + s->ignored, 1);
    }
}

static void test_streams(void **state)
{
    (void)state;
    size_t i;
    json_t *stream;
    json_array_foreach(json_object_get(root, "streams"), i, stream)
    {
        if (strncmp(text(stream, "what"), "hello", 5) == 0) {
            continue; /* each session below starts with them */
        }
        struct side s;
        meet(&s, protocol_of(stream), is(stream, "signer", "alice") ? "bob" : "alice");
        assert_string_equal(s.peer.hash, text(key_of(text(stream, "signer")), "peer_id"));
        s.wall_ms = (int64_t)number(stream, "verify_at") * 1000;
        s.node.any_port = true;
        side_feed_hex(&s, text(stream, "hex"));
        expect_outcome(stream, &s);
        if (strncmp(text(stream, "what"), "peer_res", 8) == 0) {
            expect_told(stream, &s);
        }
        side_close(&s);
    }
}

static void say_shared(struct side *s, const char *what)
{
    struct buffer b = hex_of(stream_of(s->protocol, what), "hex");
    struct ddrp_envelope e;
    const struct ddrp_revision *r = revision_of(s->protocol);
    assert_int_equal(ddrp_envelope_read(r, bytes_of(&b), DDRP_MESSAGE_MAX, &e), FRAMING_WHOLE);
    struct ddrp_entries entries;
    assert_true(ddrp_share_read(r, e.message, &entries));
    struct parcel *p = ddrp_share_parcel(r, &s->node, &entries);
    assert_int_equal(side_say(s, DDRP_PEER_RES, p), 0);
    expect_written(s, what);
    parcel_release(p);
    buffer_fini(&b);
}

static void write_all(const struct protocol *p)
{
    struct side s;
    meet(&s, p, "alice");
    side_wait(&s, 4999);
    assert_int_equal(buffer_left(&s.out), 0);
    s.wall_ms = (int64_t)NOW_S * 1000 - 1;
    side_wait(&s, 1);
    expect_written(&s, "ping");
    assert_int_equal(side_say(&s, DDRP_PEER_REQ, NULL), 0);
    expect_written(&s, "peer_req");
    side_close(&s);
    meet(&s, p, "bob");
    say_shared(&s, "peer_res_0");
    say_shared(&s, "peer_res_1");
    say_shared(&s, "peer_res_2");
    say_shared(&s, "peer_res_128");
    say_shared(&s, "peer_res_255");
    side_close(&s);
}

/* What our sessions say in answer to the same is the same, to the byte. */
static void test_written(void **state)
{
    (void)state;
    write_all(both[0]);
    write_all(both[1]);
}

static void test_written_ack(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side s;
        side_prepare(&s, both[i], alice);
        for (size_t k = 0; k < sizeof s.nonce; k++) {
            s.nonce[k] = (uint8_t)k;
        }
        struct session_config config = test_config(&s, DIRECTION_OUTGOING);
        side_open(&s, &config);
        buffer_consume(&s.out, buffer_left(&s.out));
        side_feed_hex(&s, text(stream_of(both[i], "hello_responder"), "hex"));
        expect_written(&s, "hello_ack");
        side_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("D13", test_keys),       cmocka_unit_test(test_no_secrets),
        promise_test("D2", test_envelopes),   promise_test("D10 D13", test_bodies),
        promise_test("D2 D10", test_streams), promise_test("D2 D10", test_written),
        cmocka_unit_test(test_written_ack),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
